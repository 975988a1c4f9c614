"""A real Postfix before and behind a real daemon, set up by the recipes of `deploy/`: nothing lost, nothing bounced."""

from __future__ import annotations

import contextlib
import shutil
import smtplib
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage, Message
from email.utils import parseaddr
from pathlib import Path

import pytest

from tests.interop import dovecot as dovecot_module
from tests.interop import postfix as postfix_module
from tests.interop.dovecot import PASSWORD, USER
from tests.interop.postfix import Postfix
from tests.interop.unprivileged import NOBODY, UnprivilegedSite
from tests.recipes import recipe
from tests.sink import Received, Sink
from tests.site import Site, free_port, mail, running, until
from tests.test_listeners import started

pytestmark = pytest.mark.usefixtures("needs_postfix")

KIM = "kim@customer.example"
LMTP, SMTP = "127.0.0.1:2424", "[127.0.0.1]:2525"
EIGHT_BIT = "From: kim@customer.example\nTo: support@example.com\nSubject: Äpfel\n\nÄpfel und Öl\n"
OUTAGE = 60.0
"""Seconds. Postfix tries again every two to four meanwhile, where it would usually take five minutes."""


def post(postfix: Postfix, subject: str, *recipients: str, **headers: str) -> None:
    """A mail from outside, over the line customers' servers use."""
    with smtplib.SMTP("127.0.0.1", postfix.smtp, timeout=30) as client:
        m = mail(subject, Message_ID=f"<{subject.replace(' ', '-')}@customer.example>", **headers)
        client.sendmail(KIM, recipients or ["support@example.com"], m.as_bytes())


def subjects(site: Site) -> list[str]:
    return sorted(ticket["subject"] for ticket in site.json("ticket", "list", "--limit", "1000"))


def by_lmtp(folder: Path) -> tuple[Site, str]:
    """A site that takes LMTP on a port, and what Postfix is told of it."""
    here = f"127.0.0.1:{free_port()}"
    site = Site(folder, extra="\n" + recipe("postfix/lmtp.toml", {LMTP: here}))
    return site, recipe("postfix/lmtp.main.cf", {LMTP: here})


def reply_address(site: Site) -> str:
    """Where the acknowledgement of the first ticket wants its answer."""

    def acknowledgement() -> Message | None:
        found = (message_from_bytes(path.read_bytes()) for path in site.outgoing.glob("**/*.eml"))
        return next((m for m in found if KIM in m["To"]), None)

    return parseaddr(until(acknowledgement)["Reply-To"])[1]


def answered_by_plus_address(site: Site, postfix: Postfix) -> None:
    """An answer with nothing to know it by but its address is on the ticket it belongs to."""
    address = reply_address(site)
    assert address.startswith("support+")
    post(postfix, "Something else", address)
    entries = until(lambda: (found := site.json("ticket", "show", "1")["entries"])[1:] and found)
    assert [e["evidence"] for e in entries if e["kind"] == "correspondence"][1] == "reply-address"


def well(postfix: Postfix) -> None:
    """Nothing waits and nothing came back."""
    until(lambda: not postfix.queue())
    assert postfix.bounces == 0, postfix.log()


# --- in ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["lmtp", "smtp"])
def test_in_by_a_port(tmp_path: Path, way: str) -> None:
    """Through transport_maps, to the address and to what stands behind its plus."""
    if way == "lmtp":
        site, main = by_lmtp(tmp_path)
    else:
        site = Site(tmp_path)
        main = recipe("postfix/smtp.main.cf", {SMTP: f"[127.0.0.1]:{site.smtp}"})
    with running(site), postfix_module.running(main) as postfix:
        post(postfix, "First")
        until(lambda: subjects(site) == ["First"])
        assert site.json("journal", "list")[0]["source"] == way
        answered_by_plus_address(site, postfix)
        with smtplib.SMTP("127.0.0.1", postfix.smtp, timeout=30) as client:
            client.sendmail(KIM, "support@example.com", EIGHT_BIT.encode(), mail_options=["BODY=8BITMIME"])
        until(lambda: "Äpfel" in subjects(site))
        # Postfix would have rewritten it as quoted-printable for a server without 8BITMIME.
        raw = site.run("journal", "show", "--raw", "3").stdout
        assert EIGHT_BIT.partition("\n\n")[2] in raw
        well(postfix)
        assert site.stop() == 0


def test_in_by_a_socket_in_its_jail(tmp_path: Path) -> None:
    """A chrooted Postfix reaches a Unix socket below its queue, bound as deploy/replydesk-lmtp.socket binds it."""
    main = recipe("postfix/lmtp.main.cf", {f"lmtp:inet:{LMTP}": "lmtp:unix:private/replydesk"})
    site = Site(tmp_path)
    with postfix_module.running(main, chroot=True) as postfix, socket.socket(socket.AF_UNIX) as bound:
        path = postfix.folder / "spool" / "private" / "replydesk"
        bound.bind(str(path))
        bound.listen()
        shutil.chown(path, group="postfix")
        path.chmod(0o660)
        with started(site, {"lmtp": [bound]}):
            post(postfix, "First")
            until(lambda: site.run("ticket", "list").returncode == 0)
            until(lambda: subjects(site) == ["First"])
            answered_by_plus_address(site, postfix)
            well(postfix)


def test_a_virtual_alias(tmp_path: Path) -> None:
    """help@ leads to support@, with whatever stands behind its plus."""
    site, main = by_lmtp(tmp_path)
    with running(site), postfix_module.running(main + recipe("postfix/alias.main.cf", {})) as postfix:
        post(postfix, "For help", "help@example.com")
        post(postfix, "For help with more", "help+more@example.com")
        until(lambda: subjects(site) == ["For help", "For help with more"])
        rows = site.json("journal", "list")
        assert sorted(r["recipients"][0] for r in rows) == ["support+more@example.com", "support@example.com"]
        well(postfix)
        assert site.stop() == 0


def test_two_recipients(tmp_path: Path) -> None:
    """Each gets a reply of its own: ours are taken together, a stranger among them comes back alone."""
    site, main = by_lmtp(tmp_path)
    site.config.write_text(
        site.config.read_text().replace("[[agents]]", '[[mailboxes]]\naddress = "sales@example.com"\n[[agents]]', 1)
    )
    # The whole domain goes to the desk, which alone knows which addresses there are.
    whole_domain = main.replace("{ support@example.com = lmtp:", "{ example.com = lmtp:")
    anybody = "virtual_alias_maps =\nlocal_recipient_maps =\n"
    with running(site), postfix_module.running(whole_domain + anybody) as postfix:
        post(postfix, "For both", "support@example.com", "sales@example.com")
        until(lambda: subjects(site) == ["For both"])
        (row,) = site.json("journal", "list")
        assert sorted(row["recipients"]) == ["sales@example.com", "support@example.com"]
        well(postfix)
        post(postfix, "For one", "support@example.com", "nobody@example.com")
        until(lambda: subjects(site) == ["For both", "For one"])
        until(lambda: postfix.count("bounced"))
        assert postfix.count("bounced") == 1
        (line,) = [line for line in postfix.log().splitlines() if "status=bounced" in line]
        assert "to=<nobody@example.com>" in line
        assert "550 5.1.1" in line
        assert site.stop() == 0


# --- through a pipe --------------------------------------------------------------------------------------


def test_in_by_pipe(common: Path) -> None:
    """With the daemon up and down, as another user; a fault of ours makes Postfix wait; too large comes back."""
    site = UnprivilegedSite(common)
    here = site.as_installed() | {"user=replydesk": f"user={NOBODY}"}
    master = recipe("postfix/pipe.master.cf", here)
    with running(site), postfix_module.running(recipe("postfix/pipe.main.cf", {}), master) as postfix:
        post(postfix, "First")
        until(lambda: subjects(site) == ["First"])
        assert site.json("journal", "show", "1")["reverse_path"] == KIM
        answered_by_plus_address(site, postfix)
        assert site.stop() == 0
        post(postfix, "While it was down")
        until(lambda: len(site.json("journal", "list")) == 3)
        moved = site.config.rename(common / "away")
        post(postfix, "While nothing was set up")
        until(lambda: postfix.count("deferred"))
        moved.rename(site.config)
        site.start()
        until(lambda: subjects(site) == ["First", "While it was down", "While nothing was set up"], 60)
        well(postfix)
        with smtplib.SMTP("127.0.0.1", postfix.smtp, timeout=30) as client:
            client.sendmail(KIM, ["support@example.com"], mail("Large").as_bytes() + (b"x" * 75 + b"\r\n") * 360_000)
        until(lambda: postfix.count("bounced") == 1)
        assert "message too big" in postfix.log()
        assert site.stop() == 0
        assert site.run("audit").returncode == 0


# --- trouble -----------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_minute_without_the_daemon(tmp_path: Path) -> None:
    """Killed, and gone for a minute while mail comes: all of it is there afterwards, each once, and none came back."""
    site, main = by_lmtp(tmp_path)
    with running(site), postfix_module.running(main) as postfix:
        post(postfix, "Before")
        until(lambda: subjects(site) == ["Before"])
        site.kill()
        began = time.monotonic()
        for n in range(30):
            post(postfix, f"During {n:02}")
            time.sleep(max(0.0, began + (n + 1) * OUTAGE / 30 - time.monotonic()))
        waited = len(postfix.queue())
        site.start()
        expected = ["Before", *(f"During {n:02}" for n in range(30))]
        until(lambda: subjects(site) == expected, 60, 0.5)
        well(postfix)
        print(
            f"\ndown for {OUTAGE:.0f} s: 30 mails came, {waited} waited at Postfix, {postfix.count('deferred')} "
            f"attempts were deferred, {postfix.bounces} bounced; {len(expected)} tickets"
        )
        assert waited == 30
        assert site.run("audit").returncode == 0
        assert site.stop() == 0


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Somebody else writes, and does not stop: nothing can be committed."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def broken(file: Path) -> Iterator[None]:
    """The journal raises what nobody has thought of."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("PRAGMA legacy_alter_table = ON")
        other.execute("ALTER TABLE journal RENAME TO journal_away")
        yield
        other.execute("ALTER TABLE journal_away RENAME TO journal")


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "fault", [pytest.param(locked, id="locked", marks=pytest.mark.long), pytest.param(broken, id="raising")]
)
def test_a_fault_of_ours_is_never_a_bounce(
    tmp_path: Path, fault: Callable[[Path], contextlib.AbstractContextManager[None]]
) -> None:
    """4xx while the journal cannot be written; the mail arrives once it can."""
    site, main = by_lmtp(tmp_path)
    with running(site), postfix_module.running(main) as postfix:
        post(postfix, "Before")
        until(lambda: subjects(site) == ["Before"])
        with fault(tmp_path / "var" / "replydesk.sqlite3"):
            post(postfix, "During")
            until(lambda: postfix.count("deferred"), 60)
            assert "said: 4" in postfix.log()
            assert len(postfix.queue()) == 1
        until(lambda: subjects(site) == ["Before", "During"], 60)
        well(postfix)
        assert site.stop() == 0


# --- out -------------------------------------------------------------------------------------------------


@pytest.fixture
def relay(world: Sink) -> Iterator[Postfix]:
    """A smarthost: STARTTLS, AUTH by asking a Dovecot, and whatever it takes ends at `world`."""
    if dovecot_module.MISSING:
        pytest.skip(dovecot_module.MISSING)
    with (
        dovecot_module.running() as accounts,
        postfix_module.running("mydestination =\n", sasl=accounts.sasl, elsewhere=world.port) as postfix,
    ):
        yield postfix


def sending_by(relay: Postfix, folder: Path, password: str) -> Site:
    (folder / "relay-password").write_text(password + "\n")
    send = recipe("smarthost.toml", {"smtp.example.net": "localhost", "587": str(relay.submission)})
    head, _, keys = send.partition("[send]\n")
    assert head.startswith("#")
    return Site(folder, send=f'ca_file = "{relay.ca_file}"\n{keys}')


def sent_to(world: Sink, recipient: str, automatic: str | None) -> Received | None:
    """The first mail to them of that kind, by its Auto-Submitted field."""
    found = (r for r in world.received if r.recipients == [recipient])
    return next((r for r in found if r.message["Auto-Submitted"] == automatic), None)


def test_out_by_a_smarthost(tmp_path: Path, relay: Postfix, world: Sink) -> None:
    """Encrypted and signed in; acknowledgement and agents' copies reach the world, each with its own reverse path."""
    site = sending_by(relay, tmp_path, PASSWORD)
    assert USER == "support@example.com"
    with running(site):
        site.send(mail("Outward"))
        sent = until(lambda: sent_to(world, KIM, "auto-replied"))
        assert (sent.reverse_path, sent.recipients) == ("<>", [KIM])
        assert "with ESMTPSA" in str(sent.message["Received"])
        assert f"sasl_username={USER}" in relay.log()
        site.run("ticket", "reply", "1", stdin="Here you are.")
        assert until(lambda: sent_to(world, KIM, None)).reverse_path.startswith("support+")
        (row,) = [r for r in site.json("outbox", "list") if r["notice"] == "reply"]
        until(lambda: site.json("outbox", "show", str(row["id"]))["state"] == "sent")
        assert site.stop() == 0
    assert PASSWORD not in site.read_log()


def test_a_refused_password_keeps_the_mail(tmp_path: Path, relay: Postfix, world: Sink) -> None:
    """It waits, `check --connect` says why, and it leaves once the password is right."""
    site = sending_by(relay, tmp_path, "wrong")
    with running(site):
        site.send(mail("Outward"))
        until(lambda: "535 5.7.8" in site.read_log())
        checked = site.run("check", "--connect")
        assert checked.returncode == 1
        assert "535" in next(line for line in checked.stdout.splitlines() if " relay " in line)
        assert site.stop() == 0
        assert world.received == []
        (tmp_path / "relay-password").write_text(PASSWORD + "\n")
        site.start()
        until(lambda: {r["state"] for r in site.json("outbox", "list")} == {"sent"})
        until(lambda: len(world.received) == 3)
        assert site.stop() == 0


def test_there_and_back(tmp_path: Path, relay: Postfix, world: Sink) -> None:
    """The answer of a customer to what left by the smarthost comes in by LMTP, onto the same ticket."""
    site = sending_by(relay, tmp_path, PASSWORD)
    here = f"127.0.0.1:{free_port()}"
    with site.config.open("a", encoding="utf-8") as config:
        config.write("\n" + recipe("postfix/lmtp.toml", {LMTP: here}))
    with running(site), postfix_module.running(recipe("postfix/lmtp.main.cf", {LMTP: here})) as postfix:
        post(postfix, "Round trip")
        asked = until(lambda: sent_to(world, KIM, "auto-replied")).message
        answer = EmailMessage()
        answer["From"], answer["To"], answer["Subject"] = KIM, str(asked["Reply-To"]), f"Re: {asked['Subject']}"
        answer["In-Reply-To"], answer["Message-ID"] = str(asked["Message-ID"]), "<answer@customer.example>"
        answer.set_content("Thank you")
        with smtplib.SMTP("127.0.0.1", postfix.smtp, timeout=30) as client:
            client.send_message(answer)
        until(lambda: len(site.json("ticket", "show", "1")["entries"]) >= 2)
        assert subjects(site) == ["Round trip"]
        well(postfix)
        assert site.stop() == 0
