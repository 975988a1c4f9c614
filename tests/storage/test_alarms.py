"""The operator is told once of a lasting fault, whoever notices it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from storage.alarms import AGAIN_AFTER, EVENT_FOR, JOB, LASTING, MAILS_HELD, NO_RELAY, REFUSED_US, UNCERTAIN, UNFETCHED
from storage.database import Database
from tests.conftest import NOW


async def test_an_alarm_that_many_raise_at_once_is_told_once(database: Database) -> None:
    """Four writers of PostgreSQL meet at the same row: one of them tells it, and none fails."""
    for n in range(5):
        key = f"flood:{n}"
        told = await asyncio.gather(
            *(database.write(lambda tx, key=key: tx.alarms.raise_(key, "Too many.", NOW)) for _ in range(12))  # type: ignore[misc]  # mypy knows no such lambda
        )
        assert sum(told) == 1


async def test_an_alarm_is_told_again_after_an_hour_or_when_it_was_over(database: Database) -> None:
    """Not before; a clock that was set back by more than that counts as another time."""

    async def told(after: timedelta) -> bool:
        return await database.write(lambda tx: tx.alarms.raise_("disk", "Full.", NOW + after))

    assert await told(timedelta(0))
    assert not await told(AGAIN_AFTER - timedelta(seconds=1))
    assert await told(AGAIN_AFTER)
    assert await told(-timedelta(hours=3))
    assert await database.write(lambda tx: tx.alarms.clear("disk", NOW))
    assert await told(-timedelta(hours=3) + timedelta(seconds=1))
    assert len(await database.read(lambda tx: tx.alarms.open())) == 1


async def test_what_happened_is_over_after_a_week_and_what_lasts_is_not(database: Database) -> None:
    """No news ever ends a bounce or a loop. What is held, in doubt or failing still is, however old."""
    happened = ["undelivered:kim@customer.example", "undelivered:7", "loop:3", "flood:acme"]
    states = [*LASTING[:2], f"{JOB}report", f"{UNFETCHED}inbox:1:2", MAILS_HELD, f"{UNCERTAIN}7", NO_RELAY, REFUSED_US]
    for key in (*happened, *states):
        await database.write(lambda tx, key=key: tx.alarms.raise_(key, "Oh.", NOW))  # type: ignore[misc]  # mypy knows no such lambda

    async def standing(after: timedelta) -> set[str]:
        await database.write(lambda tx: tx.alarms.end_events(NOW + after))
        return {alarm.key for alarm in await database.read(lambda tx: tx.alarms.open())}

    assert await standing(EVENT_FOR - timedelta(seconds=1)) == {*happened, *states}
    assert await standing(EVENT_FOR) == {*states}
    assert await database.write(lambda tx: tx.alarms.raise_("loop:3", "Again.", NOW + EVENT_FOR))
