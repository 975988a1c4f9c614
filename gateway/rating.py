"""The clock's part of rating: closed tickets that nobody was asked about yet, each in a transaction of its own."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from gateway.core.rating import LATE
from gateway.flow import Desk
from storage.tx import Tx

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.jobs import Site

EVERY = timedelta(minutes=5)


async def ask_for_ratings(site: Site) -> str:
    """Each customer whose ticket was closed long enough ago, once per closing."""
    hours, now = site.desk.policy.rating_after_hours, site.clock()
    if not hours:
        return ""
    closed_by = now - timedelta(hours=hours)
    numbers = await site.database.read(lambda tx: tx.ratings.candidates(closed_by - LATE, closed_by))
    asked = 0
    for number in numbers:
        asked += await site.database.write(partial(_ask, desk=site.desk, number=number, now=now))
    if asked:
        site.wake()
    return f"{asked} customers asked" if asked else ""


def _ask(tx: Tx, desk: Desk, number: int, now: datetime) -> int:
    return int(desk.ask_rating(tx, number, now) is not None)
