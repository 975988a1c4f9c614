"""The operator is told once of a lasting fault, whoever notices it."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from storage.alarms import AGAIN_AFTER
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
