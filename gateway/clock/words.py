"""Search is kept whole: rows of what older versions wrote, and pages of SQLite's index without old words."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from gateway.clock.context import JobContext
from storage import search
from storage.tx import Tx

EVERY = timedelta(minutes=10)
PAGES = 100
"""Of the index written anew in one transaction."""


async def keep_words(context: JobContext) -> str:
    """In slices, each a transaction of its own; what is not done now is done by the next look."""
    looked_at = await context.database.read(lambda tx: search.filled(tx.connection))
    while looked_at := await context.database.write(partial(_fill, after=looked_at)):
        pass
    now = context.clock()

    def begin(tx: Tx) -> bool:
        return search.stale(tx.connection, now) and search.forget(tx.connection, -PAGES)

    more = await context.database.write(begin)
    while more:
        more = await context.database.write(lambda tx: search.forget(tx.connection, PAGES))
    return ""


def _fill(tx: Tx, after: int) -> int:
    return search.fill(tx.connection, after)
