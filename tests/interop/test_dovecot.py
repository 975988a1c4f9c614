"""A real daemon reads mailboxes of a real Dovecot, which is restarted, rebuilt and killed meanwhile."""

from __future__ import annotations

import contextlib
import imaplib
import json
import shutil
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from email import message_from_string
from email.utils import parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs
from urllib.request import urlopen

import pytest

from tests.interop import dovecot as dovecot_module
from tests.interop.dovecot import PASSWORD, USER, Dovecot
from tests.recipes import recipe
from tests.site import Site, free_port, mail, running, until

IMAP = """
[[receive.imap]]
mailbox = "support@example.com"
host = "{host}"
port = {port}
security = "{security}"
ca_file = "{ca_file}"
password_file = "password"
alarm_after_minutes = 1
{more}
"""
LONG = 900
MANY_ALIKE = "\n[limits]\nalike_mails = []\n"
"""Here a thousand people of one firm say the same."""


def site_of(folder: Path, dovecot: Dovecot, security: str = "none", more: str = 'backlog = "all"') -> Site:
    (folder / "password").write_text(PASSWORD + "\n")
    port = dovecot.imaps if security == "tls" else dovecot.imap
    extra = IMAP.format(host="localhost", port=port, security=security, ca_file=dovecot.ca_file, more=more)
    return Site(folder, extra=extra + MANY_ALIKE)


def by_recipe(folder: Path, dovecot: Dovecot) -> Site:
    """As docs/install.md has it, and what a private server needs besides."""
    (folder / "imap-password").write_text(PASSWORD + "\n")
    table = recipe("dovecot/imap.toml", {"mail.example.com": "localhost"})
    return Site(folder, extra=f'\n{table}port = {dovecot.imap}\nca_file = "{dovecot.ca_file}"\n{MANY_ALIKE}')


def request(number: int, text: str = "Hello") -> bytes:
    return mail(
        f"Request {number}", text, f"kim{number}@customer.example", Message_ID=f"<{number}@customer.example>"
    ).as_bytes()


def subjects(site: Site) -> Counter[str]:
    return Counter(ticket["subject"] for ticket in site.json("ticket", "list", "--limit", "10000"))


def tickets(site: Site, count: int, seconds: float = 60) -> Counter[str]:
    """The subjects, once there are so many tickets."""
    return until(lambda: (found := subjects(site)).total() >= count and found, seconds, 0.3)


# --- the everyday -----------------------------------------------------------------------------


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
def test_mail_is_taken_over_every_kind_of_line(tmp_path: Path, dovecot: Dovecot, security: str) -> None:
    """In the clear, by STARTTLS and by TLS; moved into a folder that was not there."""
    dovecot.deliver(request(1))
    site = site_of(tmp_path, dovecot, security, 'backlog = "new"\nmove_to = "Geprüft & gut"')
    with running(site):
        tickets(site, 1)
        until(lambda: dovecot.count() == 0)
        dovecot.deliver(request(2))
        tickets(site, 2)
        until(lambda: dovecot.count('"Gepr&APw-ft &- gut"') == 2)
        assert site.stop() == 0


def test_nothing_but_a_mailbox(tmp_path: Path, dovecot: Dovecot) -> None:
    """By the recipe; an answer with nothing to know it by but its plus-address is on its ticket."""
    site = by_recipe(tmp_path, dovecot)
    dovecot.deliver(request(1))
    with running(site):
        tickets(site, 1)
        (told,) = until(lambda: outgoing(site, "kim1@customer.example")[:1])
        address = parseaddr(message_from_string(told)["Reply-To"])[1]
        assert address.startswith("support+")
        dovecot.deliver(request(2), address)
        entries = until(lambda: (found := site.json("ticket", "show", "1")["entries"])[1:] and found)
        assert [e["evidence"] for e in entries if e["kind"] == "correspondence"][1] == "reply-address"
        assert len(subjects(site)) == 1
        assert site.stop() == 0
    assert dovecot.count("Replydesk") == 2


def test_from_push_to_ticket(tmp_path: Path, dovecot: Dovecot) -> None:
    """How long after Dovecot has a mail there is a ticket, and how much of that is Dovecot's own."""
    site = site_of(tmp_path, dovecot, more='after = "leave"')
    delivered: dict[str, float] = {}
    with running(site):
        until(lambda: "watching" in site.read_log())
        for n in range(15):
            time.sleep(0.8)
            dovecot.deliver(request(n))
            delivered[f"Request {n}"] = dovecot.accepted_at
        tickets(site, 15)
        rows = site.json("ticket", "list", "--limit", "100")
        assert site.stop() == 0
    own = [push(dovecot, request(n)) for n in range(100, 107)]
    took = [datetime.fromisoformat(row["created_at"]).timestamp() - delivered[row["subject"]] for row in rows]
    print(
        f"\nfrom Dovecot to ticket: median {statistics.median(took):.2f} s, longest {max(took):.2f} s; "
        f"Dovecot's own push: median {statistics.median(own):.2f} s"
    )
    assert len(took) == 15


def push(dovecot: Dovecot, data: bytes) -> float:
    """Seconds from Dovecot's 250 to its push, for a client that does nothing but idle."""
    with dovecot.client() as client:
        client.send(b"X IDLE\r\n")
        while not client.readline().startswith(b"+"):
            pass
        time.sleep(1)
        dovecot.deliver(data)
        while b"EXISTS" not in client.readline():
            pass
        return time.time() - dovecot.accepted_at


@pytest.mark.parametrize("after", ["flag", "leave"])
def test_mail_that_stays(tmp_path: Path, dovecot: Dovecot, after: str) -> None:
    """Flagged and read, or as it was; and taken once, also after a restart."""
    dovecot.deliver(request(1))
    site = site_of(tmp_path, dovecot, more=f'after = "{after}"')
    with running(site):
        tickets(site, 1)
        until(lambda: after == "leave" or dovecot.count(keys="SEEN FLAGGED") == 1)
        assert site.stop() == 0
        site.start()
        dovecot.deliver(request(2))
        assert tickets(site, 2).total() == 2
        assert len(site.json("journal", "list")) == 2
        assert site.stop() == 0
    assert dovecot.count(keys="UNSEEN UNFLAGGED") == (2 if after == "leave" else dovecot.count(keys="UNSEEN"))


def test_only_unread_mail_at_first(tmp_path: Path, dovecot: Dovecot) -> None:
    """backlog = "new": what somebody has read already stays where it is."""
    for n in range(4):
        dovecot.deliver(request(n))
    with dovecot.client() as client:
        client.uid("STORE", "1,3", "+FLAGS", r"(\Seen)")
    site = site_of(tmp_path, dovecot, more='backlog = "new"')
    with running(site):
        assert set(tickets(site, 2)) == {"Request 1", "Request 3"}
        until(lambda: dovecot.count() == 2)
        assert site.stop() == 0


def test_an_answer_from_the_sent_folder(tmp_path: Path, dovecot: Dovecot) -> None:
    """Somebody answers in web mail: it is on the ticket, the team hears so, and the customer does not get it twice."""
    site = site_of(tmp_path, dovecot, more='sent_folder = "Sent"')
    dovecot.deliver(request(1))
    with running(site):
        tickets(site, 1)
        until(lambda: site.read_log().count("watching") == 2)
        before = {row["id"] for row in site.json("outbox", "list")}
        answer = mail("Re: Request 1", "It is on its way.", USER, In_Reply_To="<1@customer.example>")
        answer.replace_header("To", "kim1@customer.example")
        with dovecot.client() as client:
            client.append("Sent", r"(\Seen)", imaplib.Time2Internaldate(time.time()), answer.as_bytes())
        until(lambda: site.json("ticket", "show", "1")["status"] == "waiting_on_contact")
        entry = site.json("ticket", "show", "1")["entries"][-1]
        assert (entry["author"]["role"], entry["reply_text"].strip()) == ("agent", "It is on its way.")
        since = [row for row in site.json("outbox", "list") if row["id"] not in before]
        assert [(row["notice"], row["recipient"]) for row in since] == [("agent_notice", "anna@example.com")]
        assert site.stop() == 0
    assert dovecot.count("Sent") == 1


# --- sizes and numbers -----------------------------------------------------------------------------


@pytest.mark.timeout(LONG)
def test_a_mail_of_25_megabytes(tmp_path: Path, dovecot: Dovecot) -> None:
    """As large as the limit allows; one above it stays where it is and stops nobody."""
    line = "x" * 75 + "\n"
    dovecot.deliver(request(1, line * (26_000_000 // 77)))
    dovecot.deliver(request(2, line * (27_000_000 // 77)))
    dovecot.deliver(request(3))
    site = site_of(tmp_path, dovecot)
    with running(site):
        assert set(tickets(site, 2, 120)) == {"Request 1", "Request 3"}
        until(lambda: dovecot.count() == 1)
        until(lambda: any("limits.max_message_bytes" in text for text in outgoing(site, "root@example.com")))
        assert site.stop() == 0


@pytest.mark.long
@pytest.mark.timeout(LONG)
def test_five_thousand_waiting_mails(tmp_path: Path, dovecot: Dovecot) -> None:
    """A week's backlog is taken in one go, each mail once."""
    dovecot.deliver(request(0))
    inbox = dovecot.maildir / "new"
    for n in range(1, 5000):
        (inbox / f"{1_700_000_000 + n}.{n}.test").write_bytes(request(n))
    shutil.chown(inbox, dovecot.owner)
    for path in inbox.iterdir():
        shutil.chown(path, dovecot.owner)
    site = site_of(tmp_path, dovecot)
    with running(site):
        began = time.monotonic()
        until(lambda: site.read_log().count(" journaled ") >= 5000, LONG, 0.1)
        journaled = time.monotonic() - began
        found = tickets(site, 5000, LONG)
        print(f"\n5,000 waiting mails: journaled in {journaled:.1f} s ({5000 / journaled:.0f}/s), "
              f"tickets in {time.monotonic() - began:.1f} s")  # fmt: skip
        assert set(found.values()) == {1}
        until(lambda: dovecot.count() == 0)
        assert site.stop() == 0
    assert dovecot.count("Replydesk") == 5000


# --- trouble ---------------------------------------------------------------------------------------


@pytest.mark.timeout(LONG)
def test_a_restart_in_mid_fetch(tmp_path: Path, dovecot: Dovecot) -> None:
    """Dovecot dies while it sends; nothing is lost, nothing comes twice."""
    for n in range(8):
        dovecot.deliver(request(n, ("y" * 75 + "\n") * 40_000))
    site = site_of(tmp_path, dovecot)
    with running(site):
        for _ in range(3):
            until(lambda: " journaled " in site.read_log())
            dovecot.kill()
            dovecot.start()
        assert set(tickets(site, 8, 120).values()) == {1}
        # Who was turned away by a Dovecot that was just starting waits before the next look.
        until(lambda: dovecot.count() == 0, 120)
        assert site.stop() == 0
    assert dovecot.count("Replydesk") == 8


def test_a_rebuilt_mailbox(tmp_path: Path, dovecot: Dovecot) -> None:
    """The index is lost, UIDVALIDITY changes: what is known is recognised, what is new is taken."""
    for n in range(5):
        dovecot.deliver(request(n))
    site = site_of(tmp_path, dovecot, more='backlog = "all"\nafter = "leave"')
    with running(site):
        tickets(site, 5)
        dovecot.kill()
        for path in dovecot.maildir.glob("dovecot*"):
            path.unlink()
        time.sleep(1.1)
        dovecot.start()
        dovecot.deliver(request(5))
        assert set(tickets(site, 6).values()) == {1}
        until(lambda: {row["state"] for row in site.json("journal", "list")} == {"settled"})
        reasons = Counter(row["reason"] for row in site.json("journal", "list"))
        assert reasons == {"new-request": 6, "duplicate": 5}
        assert site.run("audit").returncode == 0
        assert site.stop() == 0


@pytest.mark.long
@pytest.mark.timeout(LONG)
def test_a_wrong_password(tmp_path: Path, dovecot: Dovecot) -> None:
    """One alarm by mail, log, health page and figures; after the correction one all-clear, and the mail."""
    port = free_port()
    dovecot.deliver(request(1))
    site = site_of(tmp_path, dovecot)
    site.config.write_text(site.config.read_text() + f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n')
    (tmp_path / "password").write_text("wrong\n")
    with running(site):
        until(lambda: len(outgoing(site, "root@example.com")) == 1, 120, 1)
        assert "Authentication failed" in outgoing(site, "root@example.com")[0]
        with urlopen(f"http://127.0.0.1:{site.portal}/healthz", timeout=5) as answer:
            assert json.load(answer) == {"status": "degraded", "failing": ["imap"]}
        assert 'replydesk_source_failing{source="imap:support@example.com"} 1.0' in figures(port)
        (tmp_path / "password").write_text(PASSWORD + "\n")
        tickets(site, 1, 400)
        until(lambda: len(outgoing(site, "root@example.com")) == 2)
        assert 'replydesk_source_failing{source="imap:support@example.com"} 0.0' in figures(port)
        assert site.stop() == 0
    assert "wrong" not in site.read_log().replace("wrong password", "")
    assert PASSWORD not in site.read_log()


def outgoing(site: Site, recipient: str) -> list[str]:
    found = [path.read_text("utf-8", "replace") for path in sorted(site.outgoing.glob("**/*.eml"))]
    return [text for text in found if f"To: {recipient}" in text or f"<{recipient}>" in text.partition("\n\n")[0]]


def figures(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


# --- XOAUTH2 -----------------------------------------------------------------------------------------


class Authority:
    """Hands out tokens, and tells Dovecot which are good."""

    def __init__(self) -> None:
        self.given: list[str] = []
        self.revoked: set[str] = set()
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                said = authority.introspect(form) if "introspect" in self.path else authority.give(form)
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.end_headers()
                self.wfile.write(json.dumps(said).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def give(self, form: dict[str, list[str]]) -> dict[str, object]:
        assert (form["grant_type"], form["client_secret"]) == (["client_credentials"], ["hush"])
        self.given.append(f"token-{len(self.given)}")
        return {"access_token": self.given[-1], "expires_in": 3600}

    def introspect(self, form: dict[str, list[str]]) -> dict[str, object]:
        token = form.get("token", [""])[0]
        return {"active": token in self.given and token not in self.revoked, "username": USER}

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        yield
        self.server.shutdown()
        self.server.server_close()
        thread.join()


@pytest.mark.timeout(LONG)
def test_xoauth2(tmp_path: Path) -> None:
    """A token from the endpoint opens the mailbox; one that was revoked is replaced."""
    if dovecot_module.MISSING:
        pytest.skip(dovecot_module.MISSING)
    authority = Authority()
    more = (
        f'backlog = "all"\nauth = "xoauth2"\noauth_token_url = "{authority.url}/token"\noauth_client_id = "me"\n'
        'oauth_client_secret_file = "secret"'
    )
    (tmp_path / "secret").write_text("hush\n")
    with authority.running(), dovecot_module.running(f"{authority.url}/introspect") as dovecot:
        site = site_of(tmp_path, dovecot, more=more)
        dovecot.deliver(request(1))
        with running(site):
            tickets(site, 1)
            authority.revoked = set(authority.given)
            dovecot.kill()
            dovecot.start()
            dovecot.deliver(request(2))
            tickets(site, 2, 300)
            assert site.stop() == 0
    assert len(authority.given) == 2
    assert "token-" not in site.read_log()


# --- must hold -----------------------------------------------------------------------------------------


@pytest.mark.timeout(LONG)
def test_a_thousand_mails_through_fifteen_deaths(tmp_path: Path, dovecot: Dovecot) -> None:
    """Dovecot killed ten times, the daemon five times: a thousand tickets, no duplicate, nothing left unseen."""
    site = site_of(tmp_path, dovecot)
    handed_over = threading.Event()
    count = 1000

    def deliver() -> None:
        """As a mail server does: whatever was not accepted is tried again."""
        for n in range(count):
            while True:
                try:
                    dovecot.deliver(request(n))
                    break
                except OSError:
                    time.sleep(0.2)
            time.sleep(0.03)
        handed_over.set()

    sender = threading.Thread(target=deliver, daemon=True)
    with running(site):
        sender.start()
        for death in range(15):
            time.sleep(2.0)
            if death % 3 == 2:
                site.kill()
                site.start()
            else:
                dovecot.kill()
                dovecot.start()
        early = not handed_over.is_set()
        assert handed_over.wait(300)
        found = tickets(site, count, 300)
        until(lambda: dovecot.count() == 0, 120)
        until(lambda: {row["state"] for row in site.json("journal", "list", "--limit", "5000")} == {"settled"}, 120)
        rows = site.json("journal", "list", "--limit", "5000")
        audit = site.run("audit")
        assert audit.returncode == 0, audit.stdout
        assert site.stop() == 0
    twice = sum(row["reason"] == "duplicate" for row in rows)
    print(
        f"\n15 deaths: {found.total()} tickets, {len(rows)} journal rows, {twice} read twice and recognised, "
        f"{dovecot.count('Replydesk')} in the folder, 0 in the inbox; delivering outlasted the deaths: {early}"
    )
    assert set(found) == {f"Request {n}" for n in range(count)}
    assert set(found.values()) == {1}
