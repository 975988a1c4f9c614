"""A person's further address, named by an agent's order: the request is the person's, and nothing is sent there."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from storage.outbox import OutboxEntry
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, KARL, Room, room

WORK = "erika@work.example"


async def sent(r: Room) -> list[OutboxEntry]:
    rows: list[OutboxEntry] = await r.read(lambda tx: tx.outbox.recent(limit=100))
    return rows


async def requester(r: Room, number: int) -> str:
    address: str = (await r.read(lambda tx: tx.reads.get(number))).requester.address
    return address


@pytest.fixture
async def known(database: Database, clock: Clock, tmp_path: Path) -> Room:
    """Ticket 1 is Erika's, who wrote there from work as well; ticket 2 is Karl's."""
    r = room(database, clock, tmp_path)
    await r.mail(ERIKA, name="Erika Beispiel")
    await r.mail(KARL)
    await r.answer(1, f"#alias {WORK}")
    await r.reply(WORK, 1, "And the lamp is dark.")
    return r


async def test_split(known: Room) -> None:
    """One mail from there becomes a ticket: of the person, and it goes with the address when the two are parted."""
    notice = next(row for row in await sent(known) if row.recipient == ANNA and row.ticket == 1)
    await known.answer(1, "#split", In_Reply_To=notice.message_id)
    assert await requester(known, 3) == ERIKA
    assert [row.recipient for row in await sent(known) if row.notice == "request_received" and row.ticket == 3] == [
        ERIKA
    ]
    assert WORK not in {row.recipient for row in await sent(known)}
    await known.answer(1, f"#unalias {WORK}")
    assert (await requester(known, 3), await requester(known, 1)) == (WORK, ERIKA)


async def test_handed_over(known: Room) -> None:
    """A ticket of somebody else is said to be hers."""
    await known.answer(2, f"#requester {WORK}\n\nThis is about your lamp.")
    assert await requester(known, 2) == ERIKA
    replies = [row.recipient for row in await sent(known) if row.notice == "reply" and row.ticket == 2]
    assert replies == [ERIKA]
    said = [e.body_text for e in await known.read(lambda tx: tx.reads.entries(2)) if "requester_set" in e.body_text]
    assert said == [f"requester_set\t{ERIKA}"]


async def test_who_wrote_there_herself_takes_part_in_no_request_of_others(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """She answered from her telephone: what is asked before they are joined tells of others' requests."""
    r = room(database, clock, tmp_path)
    await r.mail(ERIKA, name="Erika Beispiel")
    await r.reply(WORK, 1, "And the lamp is dark.", name="Erika")
    await r.answer(1, f"#alias {WORK}\n\nPull the plug.")
    assert [row.recipient for row in await sent(r) if row.notice == "reply"] == [ERIKA]
