"""Retention: once an hour whatever is older than the site wants to keep goes, batch by batch.

What each age means is in docs/privacy.md. Nothing is dropped silently: held mails that nobody retried
leave their reason in the journal, a line in the log and an alarm to the operator.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from gateway.clock.context import JobContext
from storage.alarms import MAILS_HELD
from storage.erasure.retention import DROPPED, Mode, Retention
from storage.tx import Tx

log = logging.getLogger("replydesk.retention")

EVERY = timedelta(hours=1)
BATCHES = 1000
"""Of one sort in one look; what is left waits for the next."""

Batch = Callable[[Retention, datetime], int]
"""Takes what is older than a moment; how much it took."""


async def apply_retention(context: JobContext) -> str | None:
    """Everything that is too old, by the settings. 0 days: kept for ever."""
    kept, now = context.settings.retention, context.clock()
    if not (kept.tickets_days or kept.raw_days or kept.held_days or kept.outbox_days):
        return None
    mode = Mode(kept.tickets_mode)
    verb = "deleted" if mode is Mode.DELETE else "anonymised"

    # A held mail first: what it names must not outlive it in the steps after.
    steps: tuple[tuple[str, int, Batch], ...] = (
        (f"tickets {verb}", kept.tickets_days, lambda r, before: r.tickets(before, mode, now)),
        ("mails without a ticket erased", kept.tickets_days, lambda r, before: r.mails_without_ticket(before, now)),
        ("notices without a ticket erased", kept.tickets_days, lambda r, before: r.notices_without_ticket(before)),
        ("alarms removed", kept.tickets_days, lambda r, before: r.alarms(before)),
        ("raw mails deleted", kept.raw_days, lambda r, before: r.raw(before, now)),
        ("texts of sent mails deleted", kept.outbox_days, lambda r, before: r.texts(before)),
    )
    done = {"held mails dropped": await _held(context, kept.held_days, now)}
    for what, days, batch in steps:
        done[what] = await _batches(context, batch, now - timedelta(days=days)) if days else 0
    done["contacts removed"] = await _contacts(context, now - timedelta(days=kept.tickets_days), kept.tickets_days)
    return ", ".join(f"{count} {what}" for what, count in done.items() if count)


async def _batches(context: JobContext, batch: Batch, before: datetime) -> int:
    total = 0
    for _ in range(BATCHES):
        count = await context.database.write(lambda tx: batch(Retention(tx.connection), before))
        total += count
        if not count:
            break
    return total


async def _contacts(context: JobContext, before: datetime, days: int) -> int:
    total = 0
    for _ in range(BATCHES if days else 0):
        ids = await context.database.read(lambda tx: Retention(tx.connection).unneeded(before))
        count = await context.database.write(partial(_remove, before=before, ids=ids)) if ids else 0
        total += count
        if not count:
            break
    return total


def _remove(tx: Tx, before: datetime, ids: Sequence[int]) -> int:
    return Retention(tx.connection).contacts(before, ids)


async def _held(context: JobContext, days: int, now: datetime) -> int:
    total = 0
    for _ in range(BATCHES if days else 0):
        ids = await context.database.write(lambda tx: _drop_held(context, tx, days, now))
        for id in ids:
            log.warning(DROPPED, extra={"journal": id, "held_days": days})
        total += len(ids)
        if not ids:
            break
    if total:
        context.wake()
    return total


def _drop_held(context: JobContext, tx: Tx, days: int, now: datetime) -> list[int]:
    ids = Retention(tx.connection).held(now - timedelta(days=days), now)
    if ids:
        first, last = ids[0], ids[-1]
        which = f"journal entry {first}" if len(ids) == 1 else f"{len(ids)} journal entries from {first} to {last}"
        text = f"Held for more than {days} days and retried by nobody, so dropped by retention: {which}."
        context.desk.operator.alarm(tx, f"{DROPPED}:{first}", text, now)
        if not tx.journal.held():
            tx.alarms.clear(MAILS_HELD, now)
    return ids
