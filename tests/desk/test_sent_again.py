"""The same mail again: known by its id however old it is; a device without a clock or an id says the same each day."""

from __future__ import annotations

from pathlib import Path

from storage.database import Database
from tests.conftest import Clock
from tests.room import ERIKA, room

OLD = "Mon, 02 Mar 2020 10:30:00 +0100"
NEVER_SET = "Thu, 01 Jan 1970 00:00:17 +0000"


async def test_an_old_mail_that_is_fetched_anew_is_the_same(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A folder that was rebuilt is read from its beginning: nobody hears of last year's mails again."""
    r = room(database, clock, tmp_path)
    first = await r.mail(ERIKA, "It broke.", Date=OLD, Message_ID="<old@customer.example>")
    clock.forward(days=3)
    again = await r.mail(ERIKA, "It broke.", Date=OLD, Message_ID="<old@customer.example>")
    assert (first.reason, again.reason) == ("new-request", "duplicate")


async def test_a_device_without_clock_and_id_alarms_each_day(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A repetition within hours is the same alarm, one days later is another."""
    r = room(database, clock, tmp_path)
    reasons = []
    for hours in (0, 1, 72):
        clock.forward(hours=hours)
        reasons.append((await r.mail("ups@customer.example", "Battery low", Date=NEVER_SET, Message_ID="")).reason)
    assert reasons[:2] == ["new-request", "duplicate"]
    assert reasons[2] != "duplicate"
