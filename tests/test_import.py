"""`replydesk import`: an archive becomes tickets with its dates, nothing is sent, twice is as good as once."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.archive.importer import Ended, Ending, Importer, in_order
from gateway.archive.mailstore import Skipped, stored
from gateway.core.policy import Policy
from gateway.core.ticket import EntryKind, Ticket
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.render.mail import Templates
from storage import raw
from storage.audit import audit
from storage.database import Database
from storage.tx import Tx
from tests.conftest import NOW, Clock
from tests.process import Process
from tests.site import Site, running, until

KIM, ANNA, US = "kim@customer.example", "anna@example.com", "support@example.com"
DAY = datetime(2024, 6, 3, 8, 0, tzinfo=UTC)


def mail(id: str, author: str = KIM, to: str = US, *, at: datetime = DAY, answers: str = "", body: str = "Hi") -> bytes:
    parents = [f"<{id}@x.example>" for id in answers.split()]
    refers = f"In-Reply-To: {parents[-1]}\r\nReferences: {' '.join(parents)}\r\n" if parents else ""
    return (
        f"From: {author}\r\nTo: {to}\r\nSubject: {'Re: ' if answers else ''}Printer\r\n"
        f"Date: {format_datetime(at)}\r\nMessage-ID: <{id}@x.example>\r\n{refers}\r\n{body} {id}\r\n"
    ).encode()


CASE = {
    "1": mail("1", at=DAY),
    "2": mail("2", US, KIM, at=DAY + timedelta(hours=1), answers="1"),
    "3": mail("3", at=DAY + timedelta(days=1), answers="1 2"),
    "4": mail("4", ANNA, f"{KIM}, {US}", at=DAY + timedelta(days=2), answers="1 2 3"),
}


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    def write(mails: dict[str, bytes]) -> Path:
        folder = tmp_path / "archive"
        folder.mkdir(exist_ok=True)
        for name, data in mails.items():
            (folder / f"{name}.eml").write_bytes(data)
        return folder

    return write


class Room:
    """A store, a desk, and an importer between them."""

    def __init__(self, database: Database, policy: Policy, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self.desk = Desk(policy, Templates())
        self.importer = Importer(database, self.desk, policy.mailboxes[0], 1_000_000, clock)

    def take(self, path: Path) -> list[Ended]:
        return [self.importer.take(m) for m in in_order(stored(path, Skipped()), self.clock())]

    def receive(self, data: bytes, source: str = "smtp") -> None:
        """A mail the usual way."""
        envelope = Envelope(source, KIM, (US,), "192.0.2.1")
        id = self.database.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), self.clock.now))
        read = self.desk.read(data, envelope)
        self.database.write_now(lambda tx: self.desk.handle(tx, id, read, self.clock.now))

    def tickets(self) -> list[Ticket]:
        return self.database.read_now(lambda tx: sorted(tx.reads.search(), key=lambda t: t.number))

    def counts(self) -> tuple[dict[str, int], dict[str, int]]:
        return self.database.read_now(lambda tx: (tx.journal.counts(), tx.outbox.counts()))

    def everything(self) -> Any:
        """What a second import must not change."""

        def look(tx: Tx) -> Any:
            return [
                (t, tx.reads.entries(t.number), tx.reads.links(t.number)) for t in tx.reads.search(limit=1000)
            ], tx.journal.recent(limit=1000)

        return self.database.read_now(look)


@pytest.fixture
def room(database: Database, policy: Policy, clock: Clock) -> Room:
    return Room(database, policy, clock)


Write = Callable[[dict[str, bytes]], Path]


def test_a_conversation_as_it_was(room: Room, write: Write) -> None:
    """One ticket with its own dates and the status its mails left it in; nothing in the outbox, no alarm."""
    assert {e.ending for e in room.take(write(CASE))} == {Ending.IMPORTED}
    (ticket,) = room.tickets()
    assert (ticket.created_at, ticket.last_activity_at) == (DAY, DAY + timedelta(days=2))
    assert ticket.status == "waiting_on_contact"
    entries = room.database.read_now(lambda tx: tx.reads.entries(ticket.number))
    said = [(e.author.address, e.role.value, e.created_at) for e in entries if e.kind is EntryKind.CORRESPONDENCE]
    assert said == [
        (KIM, "requester", DAY),
        (US, "agent", DAY + timedelta(hours=1)),
        (KIM, "requester", DAY + timedelta(days=1)),
        (ANNA, "agent", DAY + timedelta(days=2)),
    ]
    journal, outbox = room.counts()
    assert (journal["settled"], sum(outbox.values())) == (4, 0)
    assert room.database.read_now(lambda tx: tx.alarms.open()) == []
    contact = room.database.read_now(lambda tx: tx.contacts.get(KIM))
    assert (contact.created_at, contact.invited_at) == (DAY, None)
    assert room.database.read_now(audit).broken == ()


def test_twice_is_once(room: Room, write: Write) -> None:
    """A second import, of the same files or of copies under other names, changes nothing at all."""
    folder = write(CASE)
    room.take(folder)
    before = room.everything()
    room.clock.forward(days=1)
    write({f"copy of {name}": data for name, data in CASE.items()})
    assert {e.ending for e in room.take(folder)} == {Ending.PRESENT}
    assert room.everything() == before


def test_what_came_the_usual_way_is_there_already(room: Room, write: Write) -> None:
    """Known by Message-ID and content, though it has our trace lines before it and other line ends."""
    room.receive(b"Received: from a by b; x\r\n" + CASE["1"])
    (ended,) = room.take(write({"1": CASE["1"].replace(b"\r\n", b"\n")}))
    assert ended.ending is Ending.PRESENT
    assert room.counts()[0]["settled"] == 1


def test_an_import_that_was_cut_short_goes_on(room: Room, write: Write) -> None:
    """Each mail is there whole or not at all; what was there is passed by."""
    folder = write(CASE)
    mails = in_order(stored(folder, Skipped()), NOW)
    for one in mails[:2]:
        room.importer.take(one)
    assert [e.ending for e in room.take(folder)] == [Ending.PRESENT] * 2 + [Ending.IMPORTED] * 2
    (ticket,) = room.tickets()
    assert ticket.last_activity_at == DAY + timedelta(days=2)


def test_the_order_of_files_does_not_matter(room: Room, write: Write) -> None:
    """Mails are taken by their dates."""
    names = dict(zip("zyxw", CASE.values(), strict=True))
    room.take(write(names))
    (ticket,) = room.tickets()
    assert (ticket.status, ticket.created_at) == ("waiting_on_contact", DAY)


def test_later_parts_of_an_archive_may_come_first(room: Room, write: Write) -> None:
    """The sent folder after the inbox, say: one ticket, whose last activity never goes back."""
    room.take(write({name: CASE[name] for name in "13"}))
    assert [t.status for t in room.tickets()] == ["new"]
    room.take(write({name: CASE[name] for name in "24"}))
    (ticket,) = room.tickets()
    assert (ticket.status, ticket.last_activity_at) == ("waiting_on_contact", DAY + timedelta(days=2))


def test_a_live_ticket_is_not_disturbed(room: Room, write: Write) -> None:
    """Old mails join the history of a ticket that goes on today; its status and its last activity stay."""
    room.receive(mail("9", at=NOW, answers="1 2 3"))
    before = room.tickets()[0]
    room.take(write(CASE))
    (after,) = room.tickets()
    assert (after.status, after.last_activity_at, after.created_at) == (
        before.status,
        before.last_activity_at,
        before.created_at,
    )
    assert len(room.database.read_now(lambda tx: tx.reads.entries(after.number))) == 5


def test_a_customer_who_writes_again(room: Room, write: Write) -> None:
    """After an import mail is live: the old ticket opens, agents hear of it, and the registration mail is not spent."""
    room.take(write(CASE))
    room.receive(mail("5", at=NOW, answers="4"))
    (ticket,) = room.tickets()
    assert (ticket.status, ticket.last_activity_at) == ("waiting_on_us", NOW)
    room.receive(mail("6", at=NOW))
    sent = room.database.read_now(lambda tx: [r.notice for r in tx.outbox.recent()])
    assert "registration" in sent
    assert "agent_notice" in sent


def test_nobody_is_reminded_of_an_archive(room: Room, write: Write) -> None:
    """The time to wait for an answer begins with the import, and no answering time is missed by it."""
    room.take(write(CASE))
    (ticket,) = room.tickets()
    assert ticket.status_at == room.clock.now
    assert (ticket.due_at, ticket.warn_at) == (None, None)


def test_what_cannot_be_understood_is_held(room: Room, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """With its cause, without an alarm; the others go on, and a second import leaves it held."""

    def break_down(*_: object) -> None:
        raise RuntimeError("of all things")

    folder = write({"1": CASE["1"], "2": mail("2", at=DAY - timedelta(days=1))})
    with monkeypatch.context() as patch:
        patch.setattr("gateway.mail.parse.parse", break_down)
        patch.setattr("gateway.flow.parse", break_down)
        (held, _) = room.take(folder)
    assert held == Ended(Ending.HELD, "RuntimeError: of all things")
    assert {e.ending for e in room.take(folder)} == {Ending.PRESENT}
    journal, outbox = room.counts()
    assert (journal["held"], sum(outbox.values())) == (2, 0)
    assert room.database.read_now(lambda tx: tx.alarms.open()) == []


def test_what_is_retried_later_is_still_an_archive(room: Room, write: Write) -> None:
    """A held mail that the daemon takes up after `journal retry` keeps its date, and nothing is sent."""
    data = mail("1")
    envelope = Envelope("import", "", (US,))
    id = room.database.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), DAY))
    read = room.desk.read(data, envelope)
    room.database.write_now(lambda tx: room.desk.handle(tx, id, read, room.clock.now))
    (ticket,) = room.tickets()
    assert ticket.created_at == DAY
    assert sum(room.counts()[1].values()) == 0


@pytest.mark.parametrize(("data", "cause"), [(b"X: y\n" + b"x" * 1_000_001, "limits."), (b" \n", "empty")])
def test_what_stays_outside(room: Room, tmp_path: Path, data: bytes, cause: str) -> None:
    path = tmp_path / "Maildir"
    for part in ("cur", "new"):
        (path / part).mkdir(parents=True)
    (path / "new" / "1.x").write_bytes(data)
    (ended,) = room.take(path)
    assert ended.ending is Ending.REFUSED
    assert cause in ended.cause
    assert sum(room.counts()[0].values()) == 0


def test_whose_mails_they_are(room: Room, write: Write, policy: Policy) -> None:
    """By the header; else by how they were delivered, if that was here; else the mailbox that was named."""
    hidden = b"From: a@x.example\r\nTo: undisclosed@x.example\r\nDelivered-To: %s\r\n\r\nHi %s\r\n"
    importer = Importer(room.database, room.desk, policy.mailboxes[1], 1_000_000, room.clock)
    mails = {
        "1": CASE["1"],
        "2": hidden % (b"support@example.com", b"a"),
        "3": hidden % (b"elsewhere@x.example", b"b"),
    }
    for one in in_order(stored(write(mails), Skipped()), NOW):
        importer.take(one)
    assert sorted(t.mailbox for t in room.tickets()) == ["hilfe@example.de", US, US]


# --- the command ------------------------------------------------------------------------------------------


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site whose daemon ran once."""
    made = Site(tmp_path)
    with running(made):
        assert made.stop() == 0
        yield made


def test_the_command(site: Site, write: Write) -> None:
    """Says what became of the mails; old conversations are closed unless the operator says otherwise."""
    folder = write(CASE | {"fresh": mail("f", "new@x.example", at=datetime.now(UTC) - timedelta(days=2))})
    (folder / "picture.png").write_bytes(b"\x89PNG")
    done = site.run("import", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "Imported                 5",
        "There already            0",
        "Files that are no mails  1",
    ]
    tickets = {t["requester"]["address"]: t for t in site.json("ticket", "list")}
    assert (tickets[KIM]["status"], tickets[KIM]["closed_by"]) == ("closed", "import")
    assert tickets[KIM]["created_at"] == "2024-06-03T08:00:00Z"
    assert tickets["new@x.example"]["status"] == "new"
    assert site.json("outbox", "list") == []
    again = site.json("import", str(folder))
    assert again == {
        "imported": 0, "present": 5, "held": 0, "refused": 0, "drafts": 0, "no_mails": 1, "failed": [],
    }  # fmt: skip


@pytest.mark.parametrize("form", ["eml", "mbox", "maildir"])
def test_every_form_of_archive(site: Site, write: Write, tmp_path: Path, form: str) -> None:
    """A folder of mails, an mbox, a Maildir: the same ticket with the same dates, and a second time nothing."""
    path = write(CASE)
    if form == "mbox":
        path = tmp_path / "old.mbox"
        line = b"From kim@customer.example Mon Jun  3 08:00:00 2024\n"
        path.write_bytes(b"".join(line + one.replace(b"\r\n", b"\n") + b"\n" for one in CASE.values()))
    elif form == "maildir":
        path = tmp_path / "Maildir"
        for part in ("cur", "new", "tmp"):
            (path / part).mkdir(parents=True)
        for name, one in CASE.items():
            (path / "cur" / f"170000000{name}.{name}.host:2,S").write_bytes(one)
    assert site.json("import", str(path))["imported"] == len(CASE)
    (ticket,) = site.json("ticket", "list")
    assert (ticket["created_at"], ticket["status"]) == ("2024-06-03T08:00:00Z", "closed")
    assert [e["created_at"][:10] for e in site.json("ticket", "show", "1")["entries"]][:2] == ["2024-06-03"] * 2
    assert site.json("outbox", "list") == []
    assert site.json("contact", "list")[0]["address"] == KIM
    assert site.json("import", str(path))["present"] == len(CASE)


def test_a_terminal_shows_how_far_it_is(site: Site, write: Write) -> None:
    """A bar that ends full; where nobody looks there is none."""
    folder = write(CASE)
    ours, theirs = pty.openpty()
    with open(theirs, "wb", closefd=True) as terminal:
        done = subprocess.run(
            [sys.executable, "-m", "gateway", "import", str(folder), "--config", str(site.config)],
            env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=terminal,
            timeout=60,
        )
    shown = b""
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65536):
            shown += part
    os.close(ours)
    assert done.returncode == 0
    assert b"4/4" in shown
    assert b"4 imported" in shown


def test_until_when_conversations_are_closed(site: Site, write: Write) -> None:
    folder = write(CASE)
    assert site.run("import", str(folder), "--closed-before", "never").returncode == 0
    assert [t["status"] for t in site.json("ticket", "list")] == ["waiting_on_contact"]
    assert site.run("import", str(folder), "--closed-before", "yesterday").returncode == 2


def test_a_big_archive_is_refused_mail_by_mail(site: Site, write: Write) -> None:
    """What cannot be taken is named, the rest is imported, and the exit code says that something is missing."""
    folder = write({"1": CASE["1"], "big": CASE["3"] + b"x" * 26_214_400})
    done = site.run("import", str(folder))
    assert done.returncode == 1
    assert f"refused: {folder / 'big.eml'}: " in done.stdout
    assert len(site.json("ticket", "list")) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/nowhere"], "there is no /nowhere"),
        (["/dev/null"], "/dev/null is neither a file nor a folder"),
        ([__file__, "--mailbox", "sales@example.com"], "sales@example.com is no mailbox of this site"),
    ],
)
def test_what_cannot_be_meant(site: Site, words: list[str], said: str) -> None:
    done = site.run("import", *words)
    assert done.returncode == 1
    assert said in done.stderr


def test_stopped_and_started_again_beside_the_daemon(tmp_path: Path) -> None:
    """Killed in the middle, interrupted, and run to its end while customers write: nothing twice, nothing lost."""
    site = Site(tmp_path)
    box = tmp_path / "old.mbox"
    with box.open("wb") as file:
        for n in range(240):
            line = f"From {KIM} {DAY + timedelta(hours=n):%a %b %d %H:%M:%S %Y}\n".encode()
            one = mail(str(n), f"c{n // 3}@x.example", at=DAY + timedelta(hours=n), answers=str(n - 1) if n % 3 else "")
            file.write(line + one.replace(b"\r\n", b"\n") + b"\n")
    said = tmp_path / "said"
    with running(site):
        for end in (signal.SIGKILL, signal.SIGINT):
            began = Process("import", str(box), "--config", str(site.config), stderr=said)
            before = site.count("journal")
            until(lambda before=before: site.count("journal") > before)
            began.send_signal(end)
            assert began.wait(30) in (-signal.SIGKILL, 130, 0)
            assert said.read_bytes() == b"" or b"run it again to go on" in said.read_bytes()
        site.send(mail("live", "live@x.example", at=NOW))
        done = site.run("import", str(box), "--json")
        result = json.loads(done.stdout)
        assert (result["imported"] + result["present"], result["failed"]) == (240, [])
        until(lambda: site.count("ticket") == 81)
        entries = [len(t["entries"]) for t in site.json("ticket", "list", "--limit", "1000")]
        assert sorted(entries) == [1] + [4] * 80
        assert {r["recipient"] for r in site.json("outbox", "list")} == {"live@x.example", ANNA}
        assert site.run("audit").returncode == 0
        assert site.stop() == 0
