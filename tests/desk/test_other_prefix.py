"""After `gateway.reference_prefix` was changed the references people have go on leading to their tickets."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from tests.conftest import Clock
from tests.room import BASE, ERIKA, KARL, Room, room


@pytest.fixture
async def renamed(database: Database, clock: Clock, tmp_path: Path) -> tuple[Room, str]:
    """A desk with a ticket, whose references begin with NEW by now; the reference its requester was told."""
    before = room(database, clock, tmp_path)
    await before.mail(ERIKA, "It burns.")
    told = before.desk.policy.reference(await before.read(lambda tx: tx.reads.get(1)))
    await before.deliver()
    changed = {
        "gateway": {**BASE["gateway"], "reference_prefix": "NEW"},
        "lifecycle": {**BASE["lifecycle"], "reopen_window_days": 30},
    }
    return room(database, clock, tmp_path, **changed), told


async def test_an_earlier_reference_leads_to_its_ticket(renamed: tuple[Room, str]) -> None:
    """It stands alone in the subject, or in the text; subject and remarks are as with one of today."""
    desk, told = renamed
    in_subject = await desk.mail(ERIKA, "Still.", subject=f"Re: [{told}] Help")
    in_text = await desk.mail(ERIKA, f"I mean {told}, thanks.", subject="Hello again")
    assert [(m.ticket, m.reason) for m in (in_subject, in_text)] == [(1, "reply")] * 2
    assert (await desk.read(lambda tx: tx.reads.get(1))).subject == "Help"
    heads, *_ = zip(*(data.split(b"\r\n\r\n", 1) for data in await desk.deliver()), strict=True)
    assert any(b"[NEW-1-" in head for head in heads)
    assert not any(told.encode() in head for head in heads)


async def test_a_reference_of_another_desk_says_nothing(renamed: tuple[Room, str]) -> None:
    """What only has the form is a new request, which is said to answer nothing that is lost."""
    desk, _ = renamed
    row = await desk.mail(KARL, "Please quote SUP-1-ABCDEF.", subject="[SUP-1-ABCDEF] Your case")
    assert (row.ticket, row.reason) == (2, "new-request")
    assert (await desk.read(lambda tx: tx.reads.get(2))).subject == "[SUP-1-ABCDEF] Your case"
    read = [data for data in await desk.deliver() if b"Please quote" in data]
    assert read
    assert not any(b"does not hold" in data for data in read)


async def test_a_follow_up_loses_an_earlier_reference(renamed: tuple[Room, str]) -> None:
    """A request that goes on with one closed long ago is not called by the other's reference."""
    desk, told = renamed
    await desk.close(1)
    desk.clock.forward(days=400)
    row = await desk.mail(ERIKA, "It burns again.", subject=f"Re: [{told}] Help")
    assert row.reason == "closed-too-long"
    assert "RD-" not in (await desk.read(lambda tx: tx.reads.get(row.ticket))).subject
