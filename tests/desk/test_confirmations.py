"""Another desk confirms our mail, and no header says that a program wrote that."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core import token
from storage.database import Database
from tests.conftest import Clock, named
from tests.room import BASE, ERIKA, Room, room


@pytest.fixture
def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    return room(database, clock, tmp_path)


async def confirms(desk: Room, subject: str = "Your request (#12345) has been received", text: str = "") -> str:
    mark = token.address_token(desk.desk.policy.keys, "t", named(desk.database, 1))
    said = text or "Thank you for contacting us. We will answer soon."
    row = await desk.mail(ERIKA, said, subject=subject, to=f"support+{mark}@example.com")
    assert row.ticket == 1
    return (await desk.read(lambda tx: tx.reads.get(1))).status.value


async def test_it_joins_a_closed_ticket_and_does_not_reopen_it(desk: Room) -> None:
    """Agents read it, and how to reopen; no words are lost."""
    await desk.mail(ERIKA)
    await desk.close(1)
    await desk.deliver()
    assert await confirms(desk) == "closed"
    told = [" ".join(data.decode().split()) for data in await desk.deliver()]
    assert told
    assert all("confirmation; the ticket stays as it was. #reopen opens it." in data for data in told)
    assert all("We will answer soon." in data for data in told)


async def test_an_answer_reopens_as_ever(desk: Room) -> None:
    """With `Re:` a person answered such a mail; so does any reply on a ticket that was called so from the beginning."""
    await desk.mail(ERIKA)
    await desk.close(1)
    assert await confirms(desk, "Re: Your request (#12345) has been received") == "waiting_on_us"


async def test_on_an_open_ticket_nothing_changes(desk: Room) -> None:
    """It is our turn, as with any mail."""
    await desk.mail(ERIKA)
    await desk.answer(1, "We come.")
    assert await confirms(desk) == "waiting_on_us"


async def test_whose_own_subject_reads_so_is_heard(desk: Room) -> None:
    """Everybody who answers on that ticket repeats it."""
    await desk.mail(ERIKA, subject="Your request (#12345) has been received")
    await desk.close(1)
    assert await confirms(desk) == "waiting_on_us"


@pytest.mark.parametrize("order", ["#close", "#solved"])
async def test_the_team_hears_of_it_where_nobody_is_told_at_once(
    database: Database, clock: Clock, tmp_path: Path, order: str
) -> None:
    """What is done waits for nobody: no digest says that somebody wrote there."""
    desk = room(database, clock, tmp_path, mailboxes=[{**BASE["mailboxes"][0], "announce": "digest"}])
    await desk.mail(ERIKA)
    await desk.answer(1, order)
    assert await desk.outbox("agent_notice") == []
    assert await confirms(desk, "Your ticket 55 was created by mistake", "It burns again.") in ("closed", "solved")
    assert len(await desk.outbox("agent_notice")) == 2
    if order == "#close":
        await desk.reply(ERIKA, 1, "#close\n\nBut the bill is wrong.")
        assert len(await desk.outbox("agent_notice")) == 4
