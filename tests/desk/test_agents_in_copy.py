"""An agent whom a customer writes to beside the mailbox hears of the ticket, of whichever team they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, BASE, ERIKA, LEAD, Room, room

FAR = "far@example.com"


@pytest.fixture
def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    sales = {"address": "sales@example.com", "reply_address": "sales+{token}@example.com"}
    far = {"address": FAR, "name": "Far Agent", "mailboxes": ["sales@example.com"]}
    near = [{**agent, "mailboxes": ["support@example.com"]} for agent in BASE["agents"]]
    return room(database, clock, tmp_path, mailboxes=[*BASE["mailboxes"], sales], agents=[*near, far])


async def test_an_agent_in_copy_is_told_in_one_line(desk: Room) -> None:
    """Of a new request and of a reply; nobody is told twice, and of the next mail without them they hear nothing."""
    await desk.mail(ERIKA, "It burns.", Cc=f"{FAR}, {ANNA}")
    assert len(await desk.outbox("agent_notice", FAR)) == 1
    assert len(await desk.outbox("agent_notice", ANNA)) == len(await desk.outbox("agent_notice", LEAD)) == 1
    await desk.reply(ERIKA, 1, "Still.")
    assert len(await desk.outbox("agent_notice", FAR)) == 1
    await desk.close(1)
    await desk.reply(ERIKA, 1, "Again.", also_to=FAR)
    assert len(await desk.outbox("agent_notice", FAR)) == 2
    left = [data.decode() for data in await desk.deliver() if FAR.encode() in data.split(b"\r\n\r\n")[0]]
    assert all("You are in To or Cc of this mail." in data and "Still." not in data for data in left)
    assert len(left) == 2


async def test_an_agent_who_asks_for_help_is_told_nothing_as_one(desk: Room) -> None:
    """Of their own request they hear what its customer hears, also from who answers them and us."""
    await desk.mail(FAR, "My chair broke.", Cc=ERIKA)
    await desk.reply(ERIKA, 1, "Mine, too.", also_to=FAR)
    assert await desk.outbox("agent_notice", FAR) == []
    assert len(await desk.outbox("agent_notice", ANNA)) == 2


async def test_what_they_answer_goes_to_the_customer(desk: Room) -> None:
    """The mail has their mark."""
    await desk.mail(ERIKA, "It burns.", Cc=FAR)
    await desk.answer(1, "I come.", FAR)
    assert [row.recipient for row in await desk.outbox("reply")] == [ERIKA]
