"""swaks and msmtp talk to our own SMTP door: STARTTLS, AUTH, 8BITMIME, pipelining, and what it refuses."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.recipes import recipe
from tests.site import Site, free_port, running, until

CLIENTS = ("swaks", "msmtp")
MISSING = ", ".join(client for client in CLIENTS if not shutil.which(client))
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {MISSING}")

ANNA, PASSWORD = "anna@example.com", "correct horse"
US, KIM = "support@example.com", "kim@customer.example"
LIMIT = 200_000
UMLAUTS = "From: Kim <kim@customer.example>\nTo: support@example.com\nSubject: Grüße\n\nÄpfel und Öl\n"

# swaks(1): exit codes
RECIPIENT_REFUSED, DATA_REFUSED, AUTH_FAILED = 24, 26, 28


class Door:
    """A daemon that offers everything, and the two clients."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        ours = authority.issue_cert("localhost")
        ours.cert_chain_pems[0].write_to_path(folder / "cert.pem")
        ours.private_key_pem.write_to_path(folder / "key.pem")
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(self.ca_file)
        self.site = Site(folder, extra=f"\n[limits]\nmax_message_bytes = {LIMIT}\n")
        self.tls = free_port()
        here = {"/etc/replydesk/mx.pem": "cert.pem", "/etc/replydesk/mx-key.pem": "key.pem"}
        table = recipe("agents.toml", here | {"0.0.0.0:465": f"127.0.0.1:{self.tls}"})
        text = self.site.config.read_text("utf-8")
        self.site.config.write_text(text.replace("[receive.smtp]", table), "utf-8")
        made = self.site.run("agent", "password", ANNA, stdin=PASSWORD + "\n")
        (folder / "agents.passwords").write_text(made.stdout)

    def swaks(self, *words: str, sender: str = KIM, recipient: str = US) -> subprocess.CompletedProcess[str]:
        server = ["swaks", "--server", f"localhost:{self.site.smtp}", "--timeout", "30", "--helo", "client.example"]
        return _ran([*server, "--from", sender, "--to", recipient, *words])

    def encrypted(self, *words: str, sender: str = KIM) -> subprocess.CompletedProcess[str]:
        return self.swaks("--tls", "--tls-verify", "--tls-ca-path", str(self.ca_file), *words, sender=sender)

    def msmtp(self, mail: bytes, *words: str, sender: str = KIM) -> subprocess.CompletedProcess[str]:
        server = ["msmtp", "--host=localhost", f"--port={self.site.smtp}", "--timeout=30", "--file=/dev/null"]
        tls = ["--tls=on", "--tls-starttls=on", f"--tls-trust-file={self.ca_file}"]
        return _ran([*server, *tls, f"--from={sender}", *words, "--", US], mail)


def _ran(words: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    done = subprocess.run(words, input=stdin, capture_output=True, timeout=60, check=False)
    said = (part.decode("utf-8", "replace") for part in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(words, done.returncode, *said)


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    door = Door(tmp_path_factory.mktemp("door"))
    with running(door.site):
        yield door
        assert door.site.stop() == 0
    assert "horse" not in door.site.read_log()


def newest(door: Door) -> tuple[dict[str, str], str]:
    """The journal's newest row, and its mail."""
    rows = door.site.json("journal", "list")
    row = max(rows, key=lambda r: r["id"])
    return row, door.site.run("journal", "show", "--raw", str(row["id"])).stdout


def test_in_the_clear_and_encrypted(door: Door) -> None:
    """The Received line tells which; the certificate is verified by the client."""
    assert door.swaks().returncode == 0
    assert " with ESMTP " in newest(door)[1]
    done = door.encrypted()
    assert done.returncode == 0, done.stdout
    assert " with ESMTPS " in newest(door)[1]


def test_pipelined(door: Door) -> None:
    """MAIL, RCPT and DATA in one packet, behind STARTTLS."""
    done = door.encrypted("--pipeline", "--header", "Subject: In one go")
    assert done.returncode == 0, done.stdout
    assert "In one go" in newest(door)[1]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_agents_sign_in(door: Door, mechanism: str) -> None:
    """By either mechanism, over TLS; without TLS it is not offered."""
    login = ["--auth", mechanism, "--auth-user", ANNA, "--auth-password", PASSWORD]
    done = door.encrypted(*login, "--header", f"Subject: By {mechanism}", sender=ANNA)
    assert done.returncode == 0, done.stdout
    assert " with ESMTPSA " in newest(door)[1]
    from_the_first_byte = [
        "--tls-on-connect",
        "--tls-verify",
        "--tls-ca-path",
        str(door.ca_file),
        "--port",
        str(door.tls),
    ]
    done = door.swaks(*from_the_first_byte, *login, "--server", "localhost", sender=ANNA)
    assert done.returncode == 0, done.stdout
    assert " with ESMTPSA " in newest(door)[1]
    done = door.swaks(*login, sender=ANNA)
    assert done.returncode == AUTH_FAILED
    assert "AUTH" not in done.stdout.partition("MAIL FROM")[0].replace("Host did not advertise AUTHENTICATION", "")


def test_a_wrong_password(door: Door) -> None:
    done = door.encrypted("--auth", "PLAIN", "--auth-user", ANNA, "--auth-password", "wrong horse", sender=ANNA)
    assert done.returncode == AUTH_FAILED
    assert "535 5.7.8" in done.stdout


def test_an_unknown_recipient(door: Door) -> None:
    """Refused at RCPT, whoever asks: this is no relay, for nobody."""
    done = door.swaks(recipient="kim@elsewhere.example")
    assert done.returncode == RECIPIENT_REFUSED
    assert "550 5.1.1" in done.stdout
    login = ["--auth", "PLAIN", "--auth-user", ANNA, "--auth-password", PASSWORD, "--to", "kim@elsewhere.example"]
    assert door.encrypted(*login, sender=ANNA).returncode == RECIPIENT_REFUSED


def test_a_mail_that_is_too_large(door: Door, tmp_path: Path) -> None:
    """552 after DATA; nothing of it is kept."""
    large = tmp_path / "large.eml"
    large.write_bytes(UMLAUTS.encode() + (b"x" * 75 + b"\n") * (LIMIT // 70))
    before = len(door.site.json("journal", "list"))
    done = door.swaks("--data", f"@{large}")
    assert done.returncode == DATA_REFUSED
    assert "552 5.3.4" in done.stdout
    assert len(door.site.json("journal", "list")) == before


def test_eight_bit_mail(door: Door) -> None:
    """What msmtp sends unencoded arrives as it was."""
    done = door.msmtp(UMLAUTS.encode())
    assert done.returncode == 0, done.stderr
    row, raw = newest(door)
    assert "Äpfel und Öl" in raw
    until(lambda: "Grüße" in [ticket["subject"] for ticket in door.site.json("ticket", "list")])
    assert row["source"] == "smtp"


def test_msmtp_signs_in(door: Door) -> None:
    """As an agent's script would; and hears in its own exit code that the password is wrong."""
    mail = UMLAUTS.replace("Kim <kim@customer.example>", ANNA).encode()
    login = ["--auth=plain", f"--user={ANNA}", "--passwordeval=echo correct horse"]
    done = door.msmtp(mail, *login, sender=ANNA)
    assert done.returncode == 0, done.stderr
    assert " with ESMTPSA " in newest(door)[1]
    done = door.msmtp(mail, *login[:2], "--passwordeval=echo wrong", sender=ANNA)
    assert done.returncode == 77
    assert "5.7.8" in done.stderr
