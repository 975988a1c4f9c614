"""A mail that was split off or moved since is not answered on the ticket it left, unless the agent means that."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.lifecycle import Status
from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, KARL, LEAD, Room
from tests.room import room as make_room


@pytest.fixture
async def room(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    """Erika has asked about a lamp, and has a second request; on the first somebody asks about a kettle."""
    database = Database(sqlite_url, tmp_path)
    r = make_room(database, clock, tmp_path)
    await r.mail(ERIKA, "My lamp is dark.", subject="Lamp", Cc=KARL)
    await r.mail(ERIKA, "My kettle burns.", subject="Kettle")
    yield r
    await database.close()


async def _told(room: Room, agent: str) -> str:
    return f"<{(await room.outbox('agent_notice', agent))[-1].message_id}>"


async def _receipt(room: Room) -> str:
    row = (await room.outbox("agent_receipt", LEAD))[-1]
    return " ".join((await room.read(lambda tx: tx.outbox.message(row.id))).decode().split())


async def _after(room: Room, author: str, order: str, text: str) -> int:
    """What Bob's answer to the notice of a mail does once Anna has ordered that about it: mails to customers."""
    await room.reply(author, 1, "The kettle: when is it ready?")
    seen = await _told(room, LEAD)
    await room.answer(1, order, In_Reply_To=await _told(room, ANNA))
    before = len(await room.outbox("reply"))
    await room.answer(1, text, LEAD, In_Reply_To=seen)
    return len(await room.outbox("reply")) - before


@pytest.mark.parametrize("author", [ERIKA, KARL])
@pytest.mark.parametrize(("order", "now"), [("#split", 3), ("#move 2", 2)])
async def test_an_answer_to_a_mail_that_went_elsewhere_waits(room: Room, author: str, order: str, now: int) -> None:
    """It would stand below other words than those it answers, and whoever has the other ticket may have answered."""
    assert await _after(room, author, order, "It is ready on Monday.") == 0
    assert f"has gone to #{now} since; #show {now} brings it" in await _receipt(room)
    receipt = (await room.outbox("agent_receipt", LEAD))[-1]
    await room.mail(LEAD, "#send", subject="Re: draft", In_Reply_To=f"<{receipt.message_id}>")
    assert {r.ticket for r in await room.outbox("reply", ERIKA)} == {1}


@pytest.mark.parametrize("order", ["#close", "#solved", "#wait"])
async def test_so_does_an_order_that_ends_the_ticket_it_left(room: Room, order: str) -> None:
    """The other customer's request stays open."""
    assert await _after(room, KARL, "#split", order) == 0
    assert (await room.read(lambda tx: tx.reads.get(1))).status is not Status.CLOSED
    assert "has gone to #3 since" in await _receipt(room)


async def test_a_note_waits_for_nobody(room: Room) -> None:
    """Customers get nothing of it."""
    await _after(room, KARL, "#split", "#note\nHe called.")
    assert "The note is on the ticket" in await _receipt(room)


async def test_a_mail_that_came_back_is_answered(room: Room) -> None:
    """`#undo` put it where it was."""
    await room.reply(KARL, 1, "The kettle: when is it ready?")
    seen = await _told(room, LEAD)
    await room.answer(1, "#split", In_Reply_To=await _told(room, ANNA))
    receipt = (await room.outbox("agent_receipt", ANNA))[-1]
    await room.answer(3, "#undo", In_Reply_To=f"<{receipt.message_id}>")
    await room.answer(1, "It is ready on Monday.", LEAD, In_Reply_To=seen)
    assert {r.recipient for r in await room.outbox("reply")} == {ERIKA, KARL}
