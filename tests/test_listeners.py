"""The doors of a real daemon: by its settings, handed over by systemd, behind a balancer, and what cannot be meant."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import shutil
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest
import trustme

from gateway import config, listeners
from tests.recipes import recipe
from tests.site import Site, free_port, mail, running, until

ACTIVATE = shutil.which("systemd-socket-activate")
OPEN = '[receive.smtp]\nlisten = ["127.0.0.1:{}"]'
MAIL = b"From: kim@customer.example\r\nTo: support@example.com\r\nSubject: %s\r\n\r\nHello\r\n"

Bound = Callable[..., socket.socket]

HAND_OVER = """
import os, sys
for n, given in enumerate(sys.argv[2].split(",")):
    os.dup2(int(given), 3 + n)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(n + 1), LISTEN_FDNAMES=sys.argv[1])
os.execv(sys.executable, [sys.executable, "-m", "gateway", "run", "--config", sys.argv[3]])
"""


class Line:
    """A peer on a socket, line by line."""

    def __init__(self, sock: socket.socket) -> None:
        sock.settimeout(20)
        self.sock, self.file = sock, sock.makefile("rb")

    def line(self) -> str:
        return self.file.readline().decode().strip()

    def ask(self, *commands: str) -> list[str]:
        """The last line of each reply."""
        said = []
        for command in commands:
            self.sock.sendall(command.encode() + b"\r\n")
            answer = self.line()
            while answer[3:4] == "-":
                answer = self.line()
            said.append(answer)
        return said


@contextlib.contextmanager
def dialled(address: tuple[str, int] | str) -> Iterator[Line]:
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as sock:
        sock.connect(address)
        yield Line(sock)


def rewrite(site: Site, old: str, new: str) -> None:
    text = site.config.read_text("utf-8")
    assert old in text
    site.config.write_text(text.replace(old, new, 1), "utf-8")


def deliver_by_lmtp(peer: Line, subject: str) -> list[str]:
    """Two recipients, one of them not ours: the replies to RCPT, then one for each recipient that was taken."""
    assert peer.line().startswith("220 ")
    peer.ask("LHLO mx.example", "MAIL FROM:<kim@customer.example>")
    said = peer.ask(
        "RCPT TO:<support@example.com>", "RCPT TO:<x@elsewhere.example>", "RCPT TO:<postmaster@example.com>", "DATA"
    )
    peer.sock.sendall(MAIL % subject.encode() + b".\r\n")
    return [s[:3] for s in said] + [peer.line()[:3], peer.line()[:3]] + [s[:3] for s in peer.ask("QUIT")]


# --- by the settings --------------------------------------------------------------------------------


def test_lmtp_by_port_and_by_path(tmp_path: Path) -> None:
    """A reply for each recipient; the socket is the group's alone, and gone after the end."""
    port, path = free_port(), tmp_path / "lmtp"
    site = Site(tmp_path, extra=f'[receive.lmtp]\nlisten = ["127.0.0.1:{port}", "unix:{path}"]\n')
    with running(site):
        for address in (("127.0.0.1", port), str(path)):
            with dialled(address) as peer:
                replies = deliver_by_lmtp(peer, str(address))
            assert replies == ["250", "550", "250", "354", "250", "250", "221"]
        assert path.stat().st_mode & 0o777 == 0o660
        until(lambda: site.count("ticket") == 2)
        rows = site.json("journal", "list")
        assert [r["source"] for r in rows] == ["lmtp", "lmtp"]
        assert rows[0]["recipients"] == ["support@example.com", "postmaster@example.com"]
        assert site.stop() == 0
    assert not path.exists()


def v2(source: str) -> bytes:
    """A PROXY header, version 2, over IPv4."""
    body = socket.inet_aton(source) + socket.inet_aton("203.0.113.1") + struct.pack("!HH", 40000, 25)
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack("!BBH", 0x21, 0x11, len(body)) + body


class Balanced(Site):
    """A site that greets nobody who does not say first for whom he speaks."""

    def _answers_smtp(self) -> bool:
        with dialled(("127.0.0.1", self.smtp)) as peer:
            peer.sock.sendall(v2("198.51.100.1"))
            return peer.line().startswith("220")


def test_behind_a_balancer(tmp_path: Path) -> None:
    """The peer is the one the PROXY header names; without a header nobody gets in. LMTP has no balancer before it."""
    path = tmp_path / "lmtp"
    site = Balanced(tmp_path, extra=f'[receive.lmtp]\nlisten = ["unix:{path}"]\n')
    here = {"0.0.0.0:2525": f"127.0.0.1:{site.smtp}", "192.0.2.10": "127.0.0.1"}
    rewrite(site, OPEN.format(site.smtp), recipe("balancer.toml", here))
    with running(site):
        with dialled(("127.0.0.1", site.smtp)) as peer:
            peer.sock.sendall(v2("198.51.100.9"))
            assert peer.line().startswith("220 ")
            peer.ask("EHLO mx", "MAIL FROM:<kim@customer.example>", "RCPT TO:<support@example.com>", "DATA")
            peer.sock.sendall(MAIL % b"one" + b".\r\n")
            assert peer.line().startswith("250 ")
        with dialled(("127.0.0.1", site.smtp)) as peer:
            peer.sock.sendall(b"EHLO mx.example\r\n")
            assert peer.line() == ""
        with dialled(str(path)) as peer:
            assert "250" in deliver_by_lmtp(peer, "two")
        until(lambda: site.count("ticket") == 2)
        raw = site.run("journal", "show", "--raw", "1").stdout
        assert "Received: from mx ([198.51.100.9])" in raw
        assert site.stop() == 0


def test_a_balancer_before_lmtp(tmp_path: Path) -> None:
    """A port waits for the header of the balancers it knows; the Unix socket beside it is the machine's own."""
    path, ours, others = tmp_path / "lmtp", free_port(), free_port()
    text = f'proxy_protocol = true\nlisten = ["127.0.0.1:{ours}", "unix:{path}"]\nproxies = ["127.0.0.1"]\n'
    site = Site(tmp_path, extra=f"[receive.lmtp]\n{text}")
    with running(site):
        with dialled(("127.0.0.1", ours)) as peer:
            peer.sock.sendall(v2("198.51.100.9"))
            assert "250" in deliver_by_lmtp(peer, "one")
        with dialled(("127.0.0.1", ours)) as peer:
            peer.sock.sendall(b"LHLO mx.example\r\n")
            assert peer.line() == ""
        with dialled(str(path)) as peer:
            assert "250" in deliver_by_lmtp(peer, "two")
        until(lambda: site.count("ticket") == 2)
        assert site.stop() == 0
        rewrite(site, 'proxies = ["127.0.0.1"]', 'proxies = ["192.0.2.0/24"]')
        rewrite(site, str(ours), str(others))
        site.start()
        with dialled(("127.0.0.1", others)) as peer:
            peer.sock.sendall(v2("198.51.100.9"))
            assert peer.line() == "421 4.7.0 Only our balancer may connect here"
        assert site.stop() == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "[receive.smtp]",
            '[receive.smtp]\npasswords_file = "passwords"',
            "receive.smtp.passwords_file: is of no use without TLS",
        ),
        (
            "[receive.smtp]",
            '[receive.smtp]\npasswords_file = "cert.pem"\ntls_certificate = "cert.pem"\ntls_key = "key.pem"',
            "receive.smtp.passwords_file: cert.pem line 1 is not address:hash",
        ),
        (
            "[receive.smtp]",
            '[receive.smtp]\nproxies = ["10.0.0.0/99"]',
            "receive.smtp.proxies[0]: '10.0.0.0/99' is no address or network",
        ),
        (
            "[receive.smtp]",
            '[receive.lmtp]\nlisten = ["127.0.0.1:25"]\n[receive.smtp]',
            "receive.lmtp.listen[0]: LMTP must not be used on port 25 (RFC 2033 section 5). Use another port",
        ),
        (
            "[receive.smtp]",
            '[receive.smtp]\nproxy_protocol = true\nimplicit_tls_listen = ["127.0.0.1:0"]\n'
            'tls_certificate = "cert.pem"\ntls_key = "key.pem"',
            "receive.smtp.implicit_tls_listen: cannot listen on 127.0.0.1:0. A proxy header comes before tls",
        ),
        (
            "[receive.smtp]",
            '[receive.lmtp]\nlisten = ["unix:/nowhere/lmtp"]\n[receive.smtp]',
            "receive.lmtp.listen: cannot listen on /nowhere/lmtp (No such file or directory)",
        ),
    ],
)
def test_a_door_that_cannot_be_meant(tmp_path: Path, certificate: Path, old: str, new: str, said: str) -> None:
    """One line that names the key, and exit code 1."""
    site = Site(tmp_path)
    rewrite(site, old, new)
    done = site.run("run")
    assert done.returncode == 1
    assert said.casefold() in done.stderr.casefold()
    assert "Traceback" not in done.stderr


def test_an_agent_signs_in(tmp_path: Path, certificate: Path) -> None:
    """Over TLS only; the mail then proves who wrote it, and a wrong password is told without a word of why."""
    site = Site(tmp_path)
    files = 'tls_certificate = "cert.pem"\ntls_key = "key.pem"\npasswords_file = "passwords"'
    rewrite(site, "[receive.smtp]", f"[receive.smtp]\n{files}")
    made = site.run("agent", "password", "anna@example.com", stdin="correct horse\n")
    (tmp_path / "passwords").write_text(made.stdout)
    trusted = ssl.create_default_context(cafile=str(certificate))
    order = mail("For Kim", "#for kim@customer.example\nShe called.", "anna@example.com")
    with running(site):
        with smtplib.SMTP("127.0.0.1", site.smtp, timeout=30) as client:
            client.ehlo()
            assert not client.has_extn("auth")
            client.starttls(context=trusted)
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("anna@example.com", "wrong horse")
            client.login("anna@example.com", "correct horse")
            client.send_message(order, "anna@example.com", ["support@example.com"])
        (ticket,) = until(lambda: site.json("ticket", "list"))
        assert ticket["requester"]["address"] == "kim@customer.example"
        assert re.search(r"Signed in as\s+anna@example.com", site.run("journal", "show", "1").stdout)
        assert site.stop() == 0
    assert "horse" not in site.read_log()


# --- handed over by systemd --------------------------------------------------------------------------------


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of an authority made for the test; certificate and key lie beside the configuration."""
    authority = trustme.CA()
    ours = authority.issue_cert("127.0.0.1")
    ours.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    ours.private_key_pem.write_to_path(tmp_path / "key.pem")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return tmp_path / "ca.pem"


@pytest.fixture
def bound() -> Iterator[Callable[..., socket.socket]]:
    """Sockets as systemd binds them."""
    with contextlib.ExitStack() as stack:

        def bind(address: tuple[str, int] | str = ("127.0.0.1", 0)) -> socket.socket:
            sock = stack.enter_context(socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET))
            sock.bind(address)
            sock.listen()
            return sock

        yield bind


def handed(site: Site, sockets: dict[str, list[socket.socket]]) -> subprocess.Popen[bytes]:
    """The daemon with these sockets, as systemd starts it."""
    names = [name for name, given in sockets.items() for _ in given]
    numbers = [sock.fileno() for given in sockets.values() for sock in given]
    words = [sys.executable, "-c", HAND_OVER, ":".join(names), ",".join(map(str, numbers)), str(site.config)]
    return subprocess.Popen(words, pass_fds=numbers, stderr=subprocess.PIPE)


@contextlib.contextmanager
def started(site: Site, sockets: dict[str, list[socket.socket]]) -> Iterator[subprocess.Popen[bytes]]:
    process = handed(site, sockets)
    try:
        yield process
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_every_kind_of_socket_may_be_handed_over(tmp_path: Path, certificate: Path, bound: Bound) -> None:
    """SMTP, SMTP over TLS, LMTP and the portal, several of a kind; the addresses in the settings stay unused."""
    site = Site(tmp_path, extra=f'[receive.lmtp]\nlisten = ["unix:{tmp_path / "unused"}"]\n')
    rewrite(site, "[receive.smtp]", '[receive.smtp]\ntls_certificate = "cert.pem"\ntls_key = "key.pem"')
    lmtp = tmp_path / "lmtp"
    smtp, smtps, first, second = bound(), bound(), bound(), bound()
    sockets = {
        "replydesk-smtp.socket": [smtp],
        "smtps": [smtps],
        "lmtp": [bound(str(lmtp))],
        "portal": [first, second],
    }
    with started(site, sockets):
        trusted = ssl.create_default_context(cafile=str(certificate))
        with smtplib.SMTP("127.0.0.1", smtp.getsockname()[1], timeout=30) as client:
            client.starttls(context=trusted)
            client.sendmail("kim@customer.example", ["support@example.com"], MAIL % b"one")
        with smtplib.SMTP_SSL("127.0.0.1", smtps.getsockname()[1], timeout=30, context=trusted) as client:
            client.sendmail("kim@customer.example", ["support@example.com"], MAIL % b"two")
        with dialled(str(lmtp)) as peer:
            assert "250" in deliver_by_lmtp(peer, "three")
        for portal in (first, second):
            with urlopen(f"http://127.0.0.1:{portal.getsockname()[1]}/healthz", timeout=10) as answer:
                assert answer.status == 200
        until(lambda: site.count("ticket") == 3)
        assert not (tmp_path / "unused").exists()
        for port in (site.smtp, site.portal):
            with socket.socket() as probe:
                assert probe.connect_ex(("127.0.0.1", port)) != 0
    assert lmtp.exists()


def test_a_restart_nobody_notices(tmp_path: Path, bound: Bound) -> None:
    """A peer that comes while the daemon is down waits in the socket, and is greeted by the next one."""
    site, smtp = Site(tmp_path), bound()
    rewrite(site, OPEN.format(site.smtp), "[receive.smtp]\nlisten = []")
    with started(site, {"smtp": [smtp]}), dialled(smtp.getsockname()) as peer:
        assert peer.line().startswith("220 ")
    with dialled(smtp.getsockname()) as peer, started(site, {"smtp": [smtp]}):
        assert peer.line().startswith("220 ")
        peer.ask("EHLO mx", "MAIL FROM:<kim@customer.example>", "RCPT TO:<support@example.com>", "DATA")
        peer.sock.sendall(MAIL % b"waited" + b".\r\n")
        assert peer.line().startswith("250 ")


@pytest.mark.parametrize(
    ("name", "listening", "said"),
    [
        ("imap", True, "systemd hands over a socket named 'imap'. Name it smtp, smtps, lmtp or portal"),
        ("smtp", False, "systemd hands over a smtp socket that does not listen. Set Accept=no"),
        ("smtps", True, "receive.smtp.tls_certificate: is missing"),
    ],
)
def test_a_socket_without_a_use_stops_the_start(
    tmp_path: Path, bound: Bound, name: str, listening: bool, said: str
) -> None:
    """Peers would wait there for ever."""
    site = Site(tmp_path)
    with socket.socket() as idle:
        process = handed(site, {name: [bound() if listening else idle]})
        _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert said in told.decode()
    assert b"Traceback" not in told


def test_sockets_for_another_process_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """LISTEN_PID names whom they are for; the variables go no further than to us."""
    from gateway.systemd import listen_sockets

    for name, value in {"PID": str(os.getpid() + 1), "FDS": "2", "FDNAMES": "smtp:lmtp"}.items():
        monkeypatch.setenv(f"LISTEN_{name}", value)
    assert listen_sockets() == {}
    assert "LISTEN_FDS" not in os.environ


@pytest.mark.skipif(not ACTIVATE, reason="systemd-socket-activate is not installed (package systemd)")
def test_as_systemd_itself_does_it(tmp_path: Path) -> None:
    """systemd-socket-activate binds, and starts the daemon at the first connection; that one is served too."""
    site, smtp, lmtp, portal = Site(tmp_path), free_port(), tmp_path / "lmtp", free_port()
    words = [str(ACTIVATE), "-l", f"127.0.0.1:{smtp}", "-l", str(lmtp), "-l", f"127.0.0.1:{portal}"]
    words += ["--fdname=smtp:lmtp:portal", "-E", "PYTHONPATH", "-E", "PATH"]
    process = subprocess.Popen(
        [*words, sys.executable, "-m", "gateway", "run", "--config", str(site.config)], stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: lmtp.exists())
        with smtplib.SMTP("127.0.0.1", smtp, timeout=30) as client:
            client.send_message(mail("Woken"), "kim@customer.example", ["support@example.com"])
        with dialled(str(lmtp)) as peer:
            assert "250" in deliver_by_lmtp(peer, "two")
        with urlopen(f"http://127.0.0.1:{portal}/healthz", timeout=10) as answer:
            assert answer.status == 200
        until(lambda: site.count("ticket") == 2)
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(("limits", "room"), [((1024, 1024), (384, 384)), ((256, 256), (64, 64)), ((64, 64), (16, 16))])
def test_descriptors_are_shared_before_they_run_out(
    limits: tuple[int, int], room: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail and portal get what is left beside the reserve, and what was asked for where the system gives more."""
    settings = config.build({}, Path("x.toml"))
    had: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: had.append(new))
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits)
    assert listeners.capacity(settings, 500) == listeners.Capacity(*room)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, resource.RLIM_INFINITY))
    assert listeners.capacity(settings, 500) == listeners.Capacity(500, 500)
    assert had == [limits, (listeners.DESCRIPTORS, resource.RLIM_INFINITY)]
