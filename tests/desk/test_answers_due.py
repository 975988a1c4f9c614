"""Answers that are due: who is warned, who is told when it is too late, and where everybody sees it."""

from __future__ import annotations

from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path
from typing import Any

from gateway.clock import jobs
from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, BASE, ERIKA, LEAD, Room, room

CARL = "carl@example.com"
SITE: dict[str, Any] = {
    "mailboxes": [BASE["mailboxes"][0] | {"first_response_hours": 4, "next_response_hours": 8}],
    "agents": [*BASE["agents"], {"address": CARL, "name": "Carl"}],
}


async def pass_by(r: Room, hours: int) -> list[tuple[str, str]]:
    """(recipient, headline) of what agents are told meanwhile."""
    before = len(await r.outbox("agent_notice"))
    for _ in range(hours * 4):
        r.clock.forward(minutes=15)
        await jobs.look(jobs.JOBS[0], r.site)
    found = []
    for row in (await r.outbox("agent_notice"))[before:]:
        data = await r.read(lambda tx, id=row.id: tx.outbox.message(id))
        mail = message_from_bytes(data, policy=email_policy.default)
        assert "Answer due: " in mail.get_body(("plain",)).get_content()
        found.append((row.recipient, str(mail["Subject"]).partition(":")[0]))
    return found


NEAR, OVER = "An answer is due soon", "The time to answer is over"


async def test_whoever_has_it_and_the_leads_are_told(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Once before and once after; without an assignee the whole team; nobody, once it is answered."""
    r = room(database, clock, tmp_path, **SITE)
    assigned = (await r.mail(ERIKA)).ticket or 0
    await r.answer(assigned, "#assign Anna Agent")
    assert await pass_by(r, 2) == []
    assert await pass_by(r, 10) == [(ANNA, NEAR), (LEAD, NEAR), (ANNA, OVER), (LEAD, OVER)]
    await r.answer(assigned, "Here you are.")
    assert await pass_by(r, 24) == []
    await r.reply(ERIKA, assigned, "And now?")
    assert await pass_by(r, 5) == []
    assert await pass_by(r, 12) == [(ANNA, NEAR), (LEAD, NEAR), (ANNA, OVER), (LEAD, OVER)]
    await r.answer(assigned, "#close")
    await r.mail(ERIKA)
    assert sorted(await pass_by(r, 12)) == sorted((who, what) for who in (ANNA, LEAD, CARL) for what in (NEAR, OVER))


async def test_only_the_mailbox_that_has_one(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Targets are set for each mailbox; a status of the site's own does not stop the clock, an answer does."""
    r = room(
        database,
        clock,
        tmp_path,
        mailboxes=[*SITE["mailboxes"], {"address": "sales@example.com"}],
        statuses=[{"name": "Waiting on parts", "counts_as": "waiting_on_us"}],
    )
    sales = (await r.mail(ERIKA, to="sales@example.com")).ticket or 0
    support = (await r.mail(ERIKA)).ticket or 0
    assert (await r.read(lambda tx: tx.reads.get(sales))).due_at is None
    due = (await r.read(lambda tx: tx.reads.get(support))).due_at
    await r.answer(support, "#status Waiting on parts")
    ticket = await r.read(lambda tx: tx.reads.get(support))
    assert (ticket.due_at, ticket.sub_status) == (due, "Waiting on parts")
    assert {what for _, what in await pass_by(r, 6)} == {NEAR, OVER}


async def test_switched_off_while_one_is_due(database: Database, clock: Clock, tmp_path: Path) -> None:
    """The answer ends it all the same: nothing is late when the customer writes again weeks later."""
    r = room(database, clock, tmp_path, **SITE)
    number = (await r.mail(ERIKA)).ticket or 0
    r = room(database, clock, tmp_path, mailboxes=BASE["mailboxes"])
    await r.answer(number, "Here you are.")
    assert (await r.read(lambda tx: tx.reads.get(number))).due_at is None
    clock.forward(days=20)
    await r.reply(ERIKA, number, "And now?")
    assert await pass_by(r, 12) == []
