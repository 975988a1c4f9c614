"""One thing for each of many tickets, each in a transaction of its own: one that fails stops no other."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import partial
from typing import Protocol

from gateway.errors import StorageUnavailable
from storage.database import Database
from storage.tx import Tx


class Work(Protocol):
    def __call__(self, tx: Tx, /, number: int) -> object: ...


log = logging.getLogger("replydesk.jobs")


class SomeFailed(Exception):
    """The others were done."""


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
