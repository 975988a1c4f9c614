"""The clock's part of rating: closed tickets that nobody was asked about yet, each in a transaction of its own."""

from __future__ import annotations

from datetime import timedelta

from gateway.clock.context import Site
from gateway.clock.for_each_ticket import each
from gateway.core.rating import LATE

EVERY = timedelta(minutes=5)


async def ask_for_ratings(site: Site) -> str | None:
    """Each customer whose ticket was closed long enough ago, once per closing."""
    hours, now, desk = site.desk.policy.rating_after_hours, site.clock(), site.desk
    if not hours:
        return None
    closed_by = now - timedelta(hours=hours)
    numbers = await site.database.read(lambda tx: tx.ratings.candidates(closed_by - LATE, closed_by))
    try:
        asked = await each(site.database, numbers, lambda tx, number: desk.ask_rating(tx, number, now))
    finally:
        if numbers:
            site.wake()
    return f"{asked} customers asked" if asked else ""
