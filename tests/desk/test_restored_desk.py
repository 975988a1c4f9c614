"""A backup is restored, and numbers come again: what is in the world of the lost tickets reaches nobody else's.

Played from every inbox: the lost customer, the agent with the old notice, the next customer of the same number.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from gateway.core import token
from gateway.portal import acts
from gateway.send import enclose
from gateway.send.loop import reverse_path
from storage.database import Database
from storage.migrate import migrate
from storage.outbox import OutboxEntry
from storage.restore import restore
from tests.conftest import Clock
from tests.room import ANNA, Room
from tests.room import room as make_room

UWE, EVA, FIRST = "uwe@customer.example", "eva@other.example", "first@customer.example"
LOST = "Uwe, your salary is 4711."
EVAS = "My own secret is 815."


class Lost:
    """What is out in the world of Uwe's ticket: mails and what hangs on them."""

    def __init__(self, room: Room, rows: list[OutboxEntry], mails: dict[int, bytes], row: OutboxEntry) -> None:
        self.to_uwe = [mails[r.id] for r in rows if r.recipient == UWE]
        theirs = [r for r in rows if r.recipient == ANNA and r.ticket == row.ticket]
        self.to_anna = [mails[r.id] for r in theirs if r.notice == "agent_notice"]
        self.bounces_to = [reverse_path(r, room.desk.policy) for r in rows]
        self.file = token.read_link(
            room.desk.policy.keys, "file", enclose.link(room.desk.policy, row, 0).rpartition("/")[2], room.clock.now
        )
        bodies = "\n".join(
            str(m.get_body(("plain",)).get_content())  # type: ignore[union-attr]  # our mails have one
            for m in (message_from_bytes(data, policy=email_policy.default) for data in self.to_uwe)
        )
        self.close = re.findall(r"/close/(\S+)", bodies)


@pytest.fixture(params=["restored", "brand new"])
async def after(
    request: pytest.FixtureRequest, sqlite_url: str, clock: Clock, tmp_path: Path
) -> AsyncIterator[tuple[Room, Lost]]:
    """The desk after the loss, where Eva got Uwe's number; and what Uwe and Anna still hold."""
    (tmp_path / "old").mkdir()
    copy = tmp_path / "old" / "replydesk.sqlite3"
    shutil.copy(Path(sqlite_url.removeprefix("sqlite:///")), copy)
    database = Database(f"sqlite:///{copy}", tmp_path)
    room = make_room(database, clock, tmp_path)
    number = 1
    if request.param == "restored":
        await room.mail(FIRST, "Hello.")
        number = 2
    database.close_now()
    shutil.copy(copy, tmp_path / "backup")
    database = Database(f"sqlite:///{copy}", tmp_path)
    room = make_room(database, clock, tmp_path)
    await room.mail(UWE, "What do I earn?", subject="Salary", files=(("a.txt", "text/plain", b"a"),))
    await room.answer(number, LOST, files=(("b.txt", "text/plain", b"b"),))
    await room.answer(number, "#solved")
    rows = await room.outbox()
    mails = {r.id: await room.read(lambda tx, id=r.id: tx.outbox.message(id)) for r in rows}
    lost = Lost(room, rows, mails, next(r for r in rows if r.files))
    await database.close()
    if request.param == "restored":
        restore(Database(f"sqlite:///{copy}", tmp_path), tmp_path / "backup", clock.now)
    else:
        copy.unlink()
    database = Database(f"sqlite:///{copy}", tmp_path)
    migrate(database)
    room = make_room(database, clock, tmp_path)
    row = await room.mail(EVA, EVAS, subject="Salary", files=(("c.txt", "text/plain", b"c"),))
    assert row.ticket == number
    await room.answer(number, "Dear Eva, noted.", files=(("d.txt", "text/plain", b"d"),))
    yield room, lost
    await database.close()


def reply_to(mail: bytes, author: str, text: str, *, headers: bool = True) -> bytes:
    """As a mail program answers: to Reply-To, with References, the whole mail quoted."""
    old = message_from_bytes(mail, policy=email_policy.default)
    m = EmailMessage(policy=email_policy.SMTP)
    m["From"], m["Subject"] = author, f"Re: {old['Subject']}"
    m["To"] = str(old["Reply-To"] or old["From"]) if headers else "support@example.com"
    m["Message-ID"] = f"<{abs(hash((mail, author, text, headers)))}@mail.example.net>"
    if headers:
        m["In-Reply-To"], m["References"] = old["Message-ID"], f"{old['References'] or ''} {old['Message-ID']}".strip()
    body = old.get_body(("plain",))
    assert body is not None
    m.set_content(text + "\n\n" + "".join(f"> {line}\n" for line in str(body.get_content()).splitlines()))
    return m.as_bytes()


async def letters(room: Room, recipient: str) -> str:
    rows = await room.outbox(recipient=recipient)
    return "\n".join([(await room.read(lambda tx, id=r.id: tx.outbox.message(id))).decode() for r in rows])


def recipients(mail: bytes) -> str:
    return str(message_from_bytes(mail, policy=email_policy.default)["To"])


@pytest.mark.parametrize("headers", [True, False], ids=["with headers", "reference only"])
async def test_the_lost_customer_opens_a_request_that_says_so(after: tuple[Room, Lost], headers: bool) -> None:
    """Not a word of Uwe's is on Eva's ticket or in her mails, and hers in none of his; agents read why."""
    room, lost = after
    evas = (await room.outbox(recipient=EVA))[0].ticket
    before = await room.read(lambda tx: tx.reads.entries(evas))
    for n, mail in enumerate(lost.to_uwe):
        raw = reply_to(mail, UWE, f"And the bonus? {n}", headers=headers)
        row = await room.raw_mail(raw, UWE, recipients(raw))
        assert row.ticket is not None
        assert row.ticket > evas
    assert await room.read(lambda tx: tx.reads.entries(evas)) == before
    assert "secret is 815" not in await letters(room, UWE)
    assert "bonus" not in await letters(room, EVA)
    assert "does not hold (any more)" in " ".join((await letters(room, ANNA)).split())


@pytest.mark.parametrize("headers", [True, False], ids=["with headers", "reference only"])
@pytest.mark.parametrize("order", ["", "#close\n", "#note\n", "#assign me\n", "#reopen\n"])
async def test_the_agents_old_notice_does_nothing(after: tuple[Room, Lost], headers: bool, order: str) -> None:
    """Nothing leaves to Eva or Uwe, nothing changes; Anna gets a receipt with the reason and her text."""
    room, lost = after
    customers = [await letters(room, who) for who in (UWE, EVA, FIRST)]
    before = await room.read(lambda tx: [(t, tx.reads.entries(t.number)) for t in tx.reads.search()])
    for mail in lost.to_anna:
        raw = reply_to(mail, ANNA, f"{order}{LOST}", headers=headers)
        row = await room.raw_mail(raw, ANNA, recipients(raw))
        assert (row.reason, row.ticket) == ("mark-of-no-ticket", None)
    assert [await letters(room, who) for who in (UWE, EVA, FIRST)] == customers
    assert await room.read(lambda tx: [(t, tx.reads.entries(t.number)) for t in tx.reads.search()]) == before
    said = " ".join((await letters(room, ANNA)).split())
    assert said.count("somebody else's by now") >= len(lost.to_anna)
    assert LOST in said


async def test_numbers_out_of_an_old_list_reopen_nothing(after: tuple[Room, Lost]) -> None:
    """A digest of before the loss names tickets by their numbers, which are others' by now."""
    room, _ = after
    evas = (await room.outbox(recipient=EVA))[0].ticket
    await room.answer(evas, "#close")
    old = token.message_id(room.desk.policy.keys, token.NOTHING, "a", ANNA, "digest", "example.com")
    row = await room.mail(ANNA, f"#reopen {evas}\nHello", subject="Re: Digest", In_Reply_To=f"<{old}>")
    assert (row.reason, row.ticket) == ("mark-of-no-ticket", None)
    assert (await room.read(lambda tx: tx.reads.get(evas))).closed_by == "agent"
    assert "not known here (any more)" in " ".join((await letters(room, ANNA)).split())


async def test_old_links_and_bounces_reach_nothing_of_eva(after: tuple[Room, Lost]) -> None:
    """Closing, fetching a file, and a bounce to the address of a mail that is gone."""
    room, lost = after
    keys, now = room.desk.policy.keys, room.clock.now
    assert lost.close
    evas = (await room.outbox(recipient=EVA))[0].ticket
    for value in lost.close:
        link = token.read_link(keys, "close", value, now)
        assert link is not None
        named = token.read_named(link.subject)
        assert named is not None
        here = await room.read(lambda tx, number=named.number: tx.reads.get(number))
        assert not here.is_named(named)
    assert lost.file is not None
    row, birth = lost.file.subject.split(".")[1:]
    for entry in await room.outbox():
        assert not token.names_outbox(token.Named(int(row), birth), entry.id, entry.message_id)
    report = (
        "From: mailer-daemon@relay.example\r\nTo: {to}\r\nSubject: Undelivered\r\nMIME-Version: 1.0\r\n"
        "Message-ID: <{n}@relay.example>\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n"
        "\r\n--b\r\nContent-Type: text/plain\r\n\r\nfailed\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; relay.example\r\n\r\nFinal-Recipient: rfc822; x@y.example\r\nAction: failed\r\n"
        "Status: 5.1.1\r\n\r\n--b--\r\n"
    )
    before = await room.read(lambda tx: tx.reads.entries(evas))
    for n, path in enumerate(p for p in lost.bounces_to if "+v" in p):
        await room.raw_mail(report.format(to=path, n=n).encode(), "", path)
    assert await room.read(lambda tx: tx.reads.entries(evas)) == before
    for who in (EVA, FIRST):
        contact = await room.read(lambda tx, who=who: tx.contacts.find(who))
        assert contact is None or contact.undeliverable_since is None
    assert await room.write(lambda tx: acts.close_by_link(room.desk, tx, evas, now))


@pytest.fixture
async def gone_back(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[tuple[Room, bytes, bytes]]:
    """Tickets that the backup has, and what Anna holds of after it: the receipt for a tag, and the one for a draft."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    room = make_room(Database(sqlite_url, tmp_path), clock, tmp_path)
    await room.mail(FIRST, "Hello.")
    await room.mail(UWE, "What do I earn?", subject="Salary")
    await room.database.close()
    shutil.copy(file, tmp_path / "backup")
    room = make_room(Database(sqlite_url, tmp_path), clock, tmp_path)
    held = []
    for order in ("#tag urgent", "#merge 2"):
        await room.answer(1, order)
        row = max(await room.outbox(recipient=ANNA), key=lambda r: r.id)
        held.append(await room.read(lambda tx, id=row.id: tx.outbox.message(id)))
    await room.database.close()
    clock.forward(hours=1)
    restore(Database(sqlite_url, tmp_path), tmp_path / "backup", clock.now)
    room = make_room(Database(sqlite_url, tmp_path), clock, tmp_path)
    yield room, *held
    await room.database.close()


async def test_an_old_receipt_takes_back_no_other_order(gone_back: tuple[Room, bytes, bytes]) -> None:
    """Its mail is not here (any more), and the new one that has its place in the journal has another id."""
    room, tagged, _ = gone_back
    await room.answer(1, "#close")
    assert str(message_from_bytes(tagged)["Message-ID"]) not in await letters(room, ANNA)
    await room.raw_mail(reply_to(tagged, ANNA, "#undo"), ANNA)
    assert (await room.read(lambda tx: tx.reads.get(1))).closed_by == "agent"
    assert "nothing of yours" in " ".join((await letters(room, ANNA)).split())


async def test_an_old_receipt_sends_no_other_draft(gone_back: tuple[Room, bytes, bytes]) -> None:
    """However few drafts wait."""
    room, _, merges = gone_back
    await room.answer(2, "I am out of the office until Monday.")
    await room.raw_mail(reply_to(merges, ANNA, "#send"), ANNA)
    assert await room.outbox(recipient=UWE, notice="reply") == []
    assert [d.ticket for d in await room.read(lambda tx: tx.drafts.waiting(room.clock.now))] == [2]
