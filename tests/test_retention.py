"""What is too old goes, nothing else does, and the audit still holds afterwards."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text, update

from gateway.clock.retention import apply_retention
from gateway.core.notice import AttachedFile, Notice
from gateway.errors import UnknownEntry
from gateway.render import examples
from storage import raw
from storage.alarms import CANARY, JOB
from storage.database import Database
from storage.drafts import SENT
from storage.erasure.retention import Retention
from storage.outbox import State
from storage.tables import ALARM, OUTBOX, metadata
from storage.tx import Tx
from tests.conftest import Clock
from tests.room import ERIKA, KARL, Room, room

DAYS = {"tickets_days": 30}
SECRETS = ("erika", "beispiel", "karl", "unser drucker", "zimmer 7", "anna", "mail.customer.example", "192.0.2.7")
"""What must not be found after everything was erased."""


def leftovers(tx: Tx, *wanted: str) -> set[str]:
    """table.column of every value, blobs unpacked, that still holds one of these."""
    found = set()
    for table in metadata.sorted_tables:
        for row in tx.connection.execute(table.select()):
            for column, value in row._mapping.items():
                unpacked = raw.decompress(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                found |= {f"{table.name}.{column}: {w}" for w in wanted if w in unpacked.lower()}
    return found


async def story(r: Room) -> int:
    """A ticket of Erika's, with Karl in copy, files, answers, a bounce and an automatic answer; closed."""
    row = await r.mail(
        ERIKA,
        "unser Drucker in Zimmer 7 druckt nicht",
        name="Erika Beispiel",
        subject="Drucker in Zimmer 7",
        files=(("Zimmer 7.txt", "text/plain", b"unser drucker"),),
        Cc=f"Karl <{KARL}>",
    )
    number = row.ticket
    assert number
    await r.answer(number, "Guten Tag Frau Beispiel, bitte neu starten.\n\nAnna")
    await r.reply(KARL, number, "Danke, das hilft Erika.", name="Karl")
    await r.mail(ERIKA, "Ich bin nicht da.", reverse_path="", Auto_Submitted="auto-replied", subject="Abwesend")
    await r.deliver()
    await r.close(number)
    await r.deliver()
    assert await r.broken() == {}
    return number


@pytest.mark.parametrize("mode", ["anonymise", "delete"])
async def test_closed_tickets_go_with_everything(database: Database, clock: Clock, tmp_path: Path, mode: str) -> None:
    """After the time nobody and nothing of them is left in any table, and the audit holds."""
    r = room(database, clock, tmp_path, retention={**DAYS, "tickets_mode": mode})
    number = await story(r)
    clock.forward(days=29)
    assert await apply_retention(r.site) == ""
    clock.forward(days=2)
    assert "1 tickets" in await apply_retention(r.site)
    assert await r.read(lambda tx: leftovers(tx, *SECRETS)) == set()
    assert await r.broken() == {}
    counts = await r.read(lambda tx: (tx.reads.counts(), tx.journal.counts()))
    assert counts[0]["closed"] == (1 if mode == "anonymise" else 0)
    assert counts[1]["settled"] == 5
    if mode == "anonymise":
        ticket = await r.read(lambda tx: tx.reads.get(number))
        entries = await r.read(lambda tx: tx.reads.entries(number))
        assert (ticket.subject, ticket.requester.address, ticket.closed_by) == ("", "anonymous", "agent")
        people = [e.role.value for e in entries if e.role.value != "system"]
        assert people[:3] == ["requester", "agent", "participant"]
    assert await apply_retention(r.site) == ""


async def test_what_is_young_or_open_stays(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A ticket that was opened again, one that is open, one that was closed lately."""
    r = room(database, clock, tmp_path, retention={**DAYS, "tickets_mode": "delete"})
    reopened, open_, young = [(await r.mail(ERIKA, f"mail {n}", subject=f"no {n}")).ticket for n in range(3)]
    await r.close(reopened)
    await r.reply(ERIKA, reopened, "not yet")
    clock.forward(days=40)
    await r.close(young)
    await r.deliver()
    before = await r.read(lambda tx: [tx.reads.entries(n) for n in (reopened, open_, young)])
    await apply_retention(r.site)
    assert await r.read(lambda tx: [tx.reads.entries(n) for n in (reopened, open_, young)]) == before
    assert (await r.read(lambda tx: tx.contacts.get(ERIKA))).address == ERIKA
    assert await r.broken() == {}


async def test_an_answer_to_an_anonymised_ticket_still_finds_it(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Our own Message-IDs and addresses lead there; its author is a stranger to it now."""
    r = room(database, clock, tmp_path, retention=DAYS)
    number = await story(r)
    clock.forward(days=31)
    await apply_retention(r.site)
    row = await r.reply(ERIKA, number, "It is broken again.")
    assert (row.ticket, row.reason) == (number, "stranger-with-signed-mark")
    clock.forward(days=60)
    await apply_retention(r.site)
    assert await r.broken() == {}
    assert (await r.read(lambda tx: tx.reads.entries(number)))[-1].body_text != ""


async def test_an_answer_to_a_deleted_ticket_is_a_new_request(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Its number leads nowhere, and is never given to another ticket."""
    r = room(database, clock, tmp_path, retention={**DAYS, "tickets_mode": "delete"})
    number = await story(r)
    clock.forward(days=31)
    await apply_retention(r.site)
    row = await r.reply(ERIKA, number, "It is broken again.")
    assert row.reason == "new-request"
    assert row.ticket == number + 1


@pytest.mark.parametrize("mode", ["anonymise", "delete"])
async def test_merged_tickets_go_with_the_one_they_went_into(
    database: Database, clock: Clock, tmp_path: Path, mode: str
) -> None:
    """They have no life of their own; neither is one left that nobody can follow."""
    r = room(database, clock, tmp_path, retention={**DAYS, "tickets_mode": mode})
    first, second = [(await r.mail(ERIKA, f"mail {n}", subject=f"no {n}")).ticket for n in range(2)]
    await r.answer(second, f"#merge {first}")
    await r.deliver()
    clock.forward(days=40)
    assert await apply_retention(r.site) == ""
    await r.close(first)
    await r.deliver()
    clock.forward(days=31)
    assert "2 tickets" in await apply_retention(r.site)
    assert await r.read(lambda tx: leftovers(tx, "erika", "mail 0", "mail 1")) == set()
    assert await r.broken() == {}


@pytest.mark.parametrize("mode", ["anonymise", "delete"])
async def test_mail_on_its_way_about_a_merged_ticket_is_waited_for(
    database: Database, clock: Clock, tmp_path: Path, mode: str
) -> None:
    """A relay that takes it late gets it; the others need not wait for that."""
    r = room(database, clock, tmp_path, retention={**DAYS, "tickets_mode": mode})
    for who in (ERIKA, ERIKA, ERIKA, KARL):
        await r.mail(who, f"mail {r.count}")
    await r.deliver()
    await r.answer(1, "Is it plugged in?")
    (answer,) = await r.outbox("reply", ERIKA)
    later = clock.now + timedelta(days=60)
    await r.write(
        lambda tx: tx.connection.execute(
            update(OUTBOX).where(OUTBOX.c.id == answer.id).values(state=State.DEFERRED, not_before=later)
        )
    )
    await r.answer(1, "#merge 2")
    await r.answer(2, "#merge 3")
    for number in (3, 4):
        await r.close(number)
    await r.deliver()
    clock.forward(days=31)
    assert "1 tickets" in await apply_retention(r.site)
    assert (await r.read(lambda tx: tx.outbox.get(answer.id))).state == State.DEFERRED
    clock.forward(days=31)
    await r.deliver()
    assert "3 tickets" in await apply_retention(r.site)
    assert await r.broken() == {}


async def test_an_alarm_of_what_still_fails_stays(database: Database, clock: Clock, tmp_path: Path) -> None:
    """The health page goes on showing it; alarms about people's mails, and those that are over, go."""
    r = room(database, clock, tmp_path, retention=DAYS)
    now = clock.now
    for key in (f"{JOB}backup", f"{JOB}report", f"{CANARY}support@example.com", "uncertain:7", f"undelivered:{ERIKA}"):
        await r.write(lambda tx, key=key: tx.alarms.raise_(key, f"{key} fails", now))
    await r.write(lambda tx: tx.alarms.clear(f"{JOB}report", now))
    clock.forward(days=31)
    await apply_retention(r.site)
    left = await r.read(lambda tx: tx.connection.execute(select(ALARM.c.key).order_by(ALARM.c.key)).scalars().all())
    assert left == [f"{CANARY}support@example.com", f"{JOB}backup"]


@pytest.mark.parametrize("mode", ["anonymise", "delete"])
async def test_a_mail_that_was_moved_away_stays(database: Database, clock: Clock, tmp_path: Path, mode: str) -> None:
    """What belongs to an open ticket now is not taken with the old one."""
    r = room(database, clock, tmp_path, retention={**DAYS, "tickets_mode": mode})
    old = (await r.mail(ERIKA, "the first matter", subject="old")).ticket
    new = (await r.mail(KARL, "the other matter", subject="new")).ticket
    row = await r.reply(ERIKA, old, "belongs to the other matter")
    await r.deliver()
    notice = [o for o in await r.outbox("agent_notice", "anna@example.com") if o.ticket == old][-1]
    await r.answer(old, f"#move {new}", In_Reply_To=f"<{notice.message_id}>")
    await r.close(old)
    await r.deliver()
    moved = (await r.read(lambda tx: tx.reads.entries(new)))[-3:]
    assert any(e.body_text.strip() == "belongs to the other matter" for e in moved)
    clock.forward(days=31)
    await apply_retention(r.site)
    assert await r.broken() == {}
    assert any(
        e.body_text.strip() == "belongs to the other matter" for e in await r.read(lambda tx: tx.reads.entries(new))
    )
    kept, data = await r.read(lambda tx: tx.journal.load(row.id))
    assert b"belongs to the other matter" in data
    assert kept.ticket == (new if mode == "delete" else old)


async def test_raw_mails_go_and_may_come_again(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Their hashes stay, the reason is said; the same mail later is a mail like any other."""
    r = room(database, clock, tmp_path, retention={"raw_days": 10})
    row = await r.mail(ERIKA, "the text", files=(("a.txt", "text/plain", b"the file"),))
    await r.deliver()
    data = (await r.read(lambda tx: tx.journal.load(row.id)))[1]
    clock.forward(days=11)
    assert await apply_retention(r.site) == "1 raw mails deleted"
    with pytest.raises(UnknownEntry, match="deleted by retention"):
        await r.read(lambda tx: tx.journal.load(row.id))
    entry = (await r.read(lambda tx: tx.reads.entries(row.ticket)))[0]
    assert (entry.body_text.strip(), entry.attachments[0].filename) == ("the text", "a.txt")
    assert await r.read(lambda tx: tx.outbox.file(entry.sha256)) is None
    assert await r.broken() == {}
    again = await r.journal(data, ERIKA)
    assert (await r.read(lambda tx: tx.journal.load(again)))[1] == data
    assert await apply_retention(r.site) == ""
    assert await r.broken() == {}


async def test_raw_mails_somebody_still_needs_stay(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Pending and held mails, and files that are yet to be sent."""
    r = room(database, clock, tmp_path, retention={"raw_days": 10})
    await r.mail(ERIKA, "the text", files=(("a.txt", "text/plain", b"the file"),))
    await r.journal(b"From: kim@customer.example\r\n\r\nnot yet decided\r\n", "kim@customer.example")
    await r.raw_mail(b"\n", ERIKA)
    clock.forward(days=11)
    assert await apply_retention(r.site) == ""
    await r.deliver()
    assert await apply_retention(r.site) == "1 raw mails deleted"
    assert await r.broken() == {}


async def test_a_file_that_is_sent_after_all_stays(
    postgresql_url: str, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention had looked what is to be sent, and a moment later an agent let an old draft go."""
    database = Database(postgresql_url, tmp_path)
    r = room(database, clock, tmp_path, retention={"raw_days": 3})
    number = (await r.mail(ERIKA, "Please send me the bill.")).ticket or 0
    draft = await r.answer(
        number, "Hello,\nhere it is.\nBye\n#close", files=(("bill.pdf", "application/pdf", b"%PDF bill"),)
    )
    clock.forward(days=5)
    needed, now = Retention._needed, clock.now
    once = iter([True])

    def looked(retention: Retention) -> list[str]:
        found = needed(retention)
        if next(once, False):
            file = AttachedFile(draft.sha256, "2", "bill.pdf", "application/pdf")
            late = replace(examples.outbounds(Notice.REPLY, "en")[0], ticket=number, files=(file,))

            def let_go(tx: Tx) -> None:
                tx.outbox.add(late, b"Subject: bill\r\n\r\n", now)
                tx.drafts.end(draft.id, SENT, now)

            database.write_now(let_go)
        return found

    monkeypatch.setattr(Retention, "_needed", looked)
    await apply_retention(r.site)
    assert await r.read(lambda tx: tx.outbox.keeps(draft.sha256))
    await database.close()


async def test_a_draft_keeps_its_mail_until_it_waits_no_more(database: Database, clock: Clock, tmp_path: Path) -> None:
    """An agent can let it go as long as the receipt said."""
    r = room(database, clock, tmp_path, retention={"raw_days": 1})
    number = (await r.mail(ERIKA, "My box is loud.")).ticket or 0
    draft = await r.answer(number, "Hello,\nplug it in again.\nBye\n#close")
    await r.deliver()
    clock.forward(days=20)
    assert await apply_retention(r.site) == "1 raw mails deleted"
    assert b"plug it in" in (await r.read(lambda tx: tx.journal.load(draft.id)))[1]
    clock.forward(days=11)
    assert await apply_retention(r.site) == "1 raw mails deleted"
    assert await r.broken() == {}


async def test_held_mails_are_never_dropped_silently(
    database: Database, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A reason in the journal, a line in the log, an alarm to the operator."""
    r = room(database, clock, tmp_path, retention={"held_days": 10})
    row = await r.raw_mail(b"\n", ERIKA)
    assert row.state == "held"
    clock.forward(days=11)
    assert await apply_retention(r.site) == "1 held mails dropped"
    found = await r.read(lambda tx: tx.journal.get(row.id))
    assert (found.state, found.reason, found.reverse_path) == ("settled", "dropped-by-retention", "")
    assert [(m.message, m.journal) for m in caplog.records] == [("dropped-by-retention", row.id)]  # type: ignore[attr-defined]
    alarms = {a.key: a.text for a in await r.read(lambda tx: tx.alarms.open())}
    assert f"journal entry {row.id}" in alarms[f"dropped-by-retention:{row.id}"]
    assert len(await r.outbox("operator_alarm")) == 2
    assert r.wakes
    assert await r.broken() == {}
    with pytest.raises(UnknownEntry, match="only held mails"):
        await r.write(lambda tx: tx.journal.retry(row.id))


async def test_texts_of_sent_mails_go(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Who got which mail, and when, stays; it cannot be sent again, and one that waits is left alone."""
    r = room(database, clock, tmp_path, retention={"outbox_days": 10})
    await r.mail(ERIKA)
    sent = len(await r.deliver())
    await r.mail(KARL)
    clock.forward(days=11)
    assert await apply_retention(r.site) == f"{sent} texts of sent mails deleted"
    row = (await r.outbox("request_received", ERIKA))[0]
    assert (row.recipient, row.state) == (ERIKA, "sent")
    with pytest.raises(UnknownEntry, match="deleted by retention"):
        await r.read(lambda tx: tx.outbox.message(row.id))
    await r.write(lambda tx: tx.connection.execute(text("UPDATE outbox SET state = 'failed' WHERE id = 1")))
    with pytest.raises(UnknownEntry, match="cannot be sent again"):
        await r.write(lambda tx: tx.outbox.retry(1, clock.now))
    assert await r.deliver()


async def test_two_daemons_at_once(database_url: str, clock: Clock, tmp_path: Path) -> None:
    """Fired together they do it once, more than a batch of it, and the audit holds."""
    retention = {"tickets_days": 30, "tickets_mode": "delete", "raw_days": 10, "held_days": 10, "outbox_days": 10}
    rooms = [
        room(Database(database_url, tmp_path), clock, tmp_path, retention=retention, limits={"alike_mails": []})
        for _ in range(2)
    ]
    first = rooms[0]
    for n in range(45):
        row = await first.mail(f"someone{n}@customer.example", f"text {n}", subject=f"s {n}")
        await first.close(row.ticket)
    await first.deliver()
    clock.forward(days=31)
    said = await asyncio.gather(*(apply_retention(r.site) for r in rooms))
    done: dict[str, int] = {}
    for part in filter(None, ", ".join(said).split(", ")):
        count, _, what = part.partition(" ")
        done[what] = done.get(what, 0) + int(count)
    assert done["tickets deleted"] == 45
    assert await first.read(lambda tx: leftovers(tx, "someone")) == set()
    assert await first.broken() == {}
    for r in rooms:
        await r.database.close()


async def test_nothing_goes_by_default(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Ages of 0 days mean for ever."""
    r = room(database, clock, tmp_path)
    await story(r)
    await r.raw_mail(b"\n", ERIKA)
    before: Any = await r.read(lambda tx: [tx.connection.execute(t.select()).all() for t in metadata.sorted_tables])
    clock.forward(days=4000)
    assert await apply_retention(r.site) is None
    after = await r.read(lambda tx: [tx.connection.execute(t.select()).all() for t in metadata.sorted_tables])
    assert after == before
