"""What the clock does for tickets, each in a transaction of its own: one that fails stops no other."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from gateway.apply import pauses
from gateway.clock.context import JobContext
from gateway.core import clock, rating
from gateway.core.decision import Decision
from gateway.core.policy import Policy
from gateway.core.rating import LATE
from gateway.errors import StorageUnavailable
from gateway.flow import Desk
from storage.database import Database
from storage.tx import Tx

log = logging.getLogger("replydesk.jobs")

BATCH = 500
"""Tickets read at once."""


class Work(Protocol):
    def __call__(self, tx: Tx, /, number: int) -> object: ...


class SomeFailed(Exception):
    """The others were done."""


async def tick_tickets(context: JobContext) -> str:
    """Reminders, closing by time, answering times: each ticket in a transaction of its own."""
    now, desk = context.clock(), context.desk
    numbers = await context.database.read(partial(_wanted, policy=desk.policy, now=now))
    try:
        done = await each(context.database, numbers, partial(tick, desk, now=now))
    finally:
        if numbers:
            context.wake()
    return f"{done} tickets moved or reminded" if done else ""


def tick(desk: Desk, tx: Tx, number: int, now: datetime) -> Decision | None:
    """Do what the clock wants of a ticket, if it still wants it."""
    tx.threads.serialise([f"ticket:{number}"])
    decision = clock.due(tx.reads.get(number), desk.policy, now)
    if decision is not None:
        desk.effects.apply(tx, decision, f"clock:{number}:{decision.reason.value}:{now.isoformat()}", now)
    return decision


def _wanted(tx: Tx, policy: Policy, now: datetime) -> list[int]:
    """Tickets the clock wants something of; looked at before anything is written, for most want nothing."""
    found: list[int] = []
    after = 0
    while numbers := tx.reads.clock_candidates(after, now, *clock.soonest(policy, now)):
        found += [t.number for t in tx.reads.numbered(numbers) if clock.due(t, policy, now) is not None]
        after = numbers[-1]
    return found


async def ask_for_ratings(context: JobContext) -> str | None:
    """Each customer whose ticket was closed long enough ago, once per closing."""
    now, desk = context.clock(), context.desk
    if not desk.policy.rating_after_hours:
        return None
    numbers = await context.database.read(partial(_to_ask, policy=desk.policy, now=now))
    try:
        asked = await each(context.database, numbers, partial(ask, desk, now=now))
    finally:
        if numbers:
            context.wake()
    return f"{asked} customers asked" if asked else ""


def _to_ask(tx: Tx, policy: Policy, now: datetime) -> list[int]:
    """Looked at before anything is written: machines' tickets, about which nobody is asked, are among them for days."""
    closed_by = now - timedelta(hours=policy.rating_after_hours)
    closed = tx.ratings.candidates(closed_by - LATE, closed_by)
    some = (closed[n : n + BATCH] for n in range(0, len(closed), BATCH))
    tickets = (ticket for numbers in some for ticket in tx.reads.numbered(numbers))
    return [t.number for t in tickets if rating.ask(t, tx.ratings.first_reason(t.number), None, policy, now)]


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


async def each(database: Database, numbers: Iterable[int], work: Work) -> int:
    """For how many tickets `work` did something. Raises `SomeFailed` at the end, naming the first that failed."""
    done = 0
    failed: list[tuple[int, Exception]] = []
    for number in numbers:
        try:
            done += bool(await database.write(partial(work, number=number)))
        except StorageUnavailable:
            raise
        except Exception as error:
            log.exception("ticket failed", extra={"ticket": number})
            failed.append((number, error))
    if failed:
        (first, cause), more = failed[0], len(failed) - 1
        others = f", and {more} more" if more else ""
        raise SomeFailed(f"ticket #{first}{others}: {type(cause).__name__}: {cause}") from cause
    return done
