"""Appointments: an invitation, and what a calendar sends about it later, is one matter."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from storage.journal import JournalEntry
from tests.conftest import Clock
from tests.room import ERIKA, KARL, Room, room


@pytest.fixture
def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    return room(database, clock, tmp_path)


async def sent(
    desk: Room, author: str, method: str, subject: str, uid: str = "040000@x", text: str = "", **mail: str
) -> JournalEntry:
    lines = (
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//x//EN",
        f"METHOD:{method}",
        "BEGIN:VEVENT",
        f"UID:{uid}",
        "SUMMARY:Visit",
        "DTSTART:20260312T090000Z",
        f"ATTENDEE;PARTSTAT=DECLINED:mailto:{author}",
        "END:VEVENT",
        "END:VCALENDAR",
        "",
    )
    file = ("invite.ics", "text/calendar", "\r\n".join(lines).encode())
    return await desk.mail(author, text or "Visit", subject=subject, files=(file,), **mail)


async def test_what_follows_an_invitation_joins_its_ticket(desk: Room) -> None:
    """An update, a cancellation and an answer by people of the ticket; it is our turn again."""
    first = await sent(desk, ERIKA, "REQUEST", "Visit on Thursday", Cc=KARL)
    await desk.close(1)
    rest = [
        await sent(desk, ERIKA, "REQUEST", "Updated: Visit"),
        await sent(desk, ERIKA, "CANCEL", "Cancelled: Visit"),
        await sent(desk, KARL, "REPLY", "Declined: Visit", Cc=ERIKA),
    ]
    assert [row.ticket for row in (first, *rest)] == [1] * 4
    assert [row.reason for row in rest] == ["reply-reopens", "reply", "reply"]


async def test_another_appointment_is_another_matter(desk: Room) -> None:
    """So is one of somebody who has no part in the ticket, whose id they may know by chance."""
    await sent(desk, ERIKA, "REQUEST", "Visit")
    other = await sent(desk, ERIKA, "REQUEST", "Visit", uid="other")
    stranger = await sent(desk, KARL, "CANCEL", "Cancelled: Visit")
    copied = await sent(desk, KARL, "CANCEL", "Cancelled: Visit", Cc=ERIKA)
    assert [row.ticket for row in (other, stranger, copied)] == [2, 3, 4]


async def test_an_appointment_named_in_an_answer_leads_to_its_ticket(desk: Room) -> None:
    """The first mail of a ticket need not be the invitation."""
    await desk.mail(ERIKA, "When do you come?")
    mark = await desk.reply(ERIKA, 1, "See below.")
    assert mark.ticket == 1
    within = await desk.read(lambda tx: tx.reads.get(1))
    row = await sent(desk, ERIKA, "REQUEST", f"Re: [{desk.desk.policy.reference(within)}] Help", uid="late")
    assert row.ticket == 1
    assert (await sent(desk, ERIKA, "CANCEL", "Cancelled: Visit", uid="late")).ticket == 1
