"""The clock's part of rating: closed tickets that nobody was asked about yet, each in a transaction of its own."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from gateway.apply import pauses
from gateway.clock.context import Site
from gateway.clock.for_each_ticket import each
from gateway.core import rating
from gateway.core.decision import Decision
from gateway.core.rating import LATE
from gateway.flow import Desk
from storage.tx import Tx

EVERY = timedelta(minutes=5)


async def ask_for_ratings(site: Site) -> str | None:
    """Each customer whose ticket was closed long enough ago, once per closing."""
    hours, now, desk = site.desk.policy.rating_after_hours, site.clock(), site.desk
    if not hours:
        return None
    closed_by = now - timedelta(hours=hours)
    numbers = await site.database.read(lambda tx: tx.ratings.candidates(closed_by - LATE, closed_by))
    try:
        asked = await each(site.database, numbers, partial(ask, desk, now=now))
    finally:
        if numbers:
            site.wake()
    return f"{asked} customers asked" if asked else ""


def ask(desk: Desk, tx: Tx, number: int, now: datetime) -> Decision | None:
    """Ask the customer of a closed ticket how it was, if it is time and nobody did."""
    tx.threads.serialise([f"ticket:{number}"])
    ticket, before = tx.reads.get(number), tx.ratings.find(number)
    asked_at = before.asked_at if before else None
    decision = rating.ask(ticket, tx.ratings.first_reason(number), asked_at, desk.policy, now)
    contact = tx.contacts.find(ticket.requester.address)
    if decision is None or contact is None or pauses(contact, now):
        return None
    desk.effects.apply(tx, decision, f"rating:{number}:{now.isoformat()}", now)
    tx.ratings.ask(number, desk.policy.rating_scale, now)
    return decision
