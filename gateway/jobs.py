"""Everything that happens by the clock, in one table, run by APScheduler.

Each job is a claim on due rows, harmless when fired twice or by two daemons. A job that fails is
logged and fires again at its next time; it never stops the others.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gateway.core.errors import StorageUnavailable
from gateway.flow import Desk
from storage.database import Database

log = logging.getLogger("replydesk.jobs")


@dataclass(frozen=True, slots=True)
class Site:
    """What a job may use."""

    database: Database
    desk: Desk
    clock: Callable[[], datetime]
    session_idle: timedelta


@dataclass(frozen=True, slots=True)
class Job:
    """`every`: from one start to the next."""

    name: str
    every: timedelta
    run: Callable[[Site], Awaitable[str]]
    """Returns what it did, in a few words, empty for nothing."""


async def _sweep_sessions(site: Site) -> str:
    """Browser sessions that ended by themselves are removed."""
    now = site.clock()
    swept = await site.database.write(lambda tx: tx.contacts.sweep_sessions(now, now - site.session_idle))
    return f"{swept} sessions removed" if swept else ""


JOBS: tuple[Job, ...] = (Job("sweep-sessions", timedelta(minutes=30), _sweep_sessions),)


def start(site: Site) -> AsyncIOScheduler:
    """Schedule every job in the running loop; stop with `shutdown(wait=False)`."""
    # Without a grace time APScheduler drops a job silently when the loop was busy for a second.
    defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
    for job in JOBS:
        scheduler.add_job(_guarded, "interval", seconds=job.every.total_seconds(), args=(job, site), id=job.name)
    scheduler.start()
    return scheduler


async def _guarded(job: Job, site: Site) -> None:
    try:
        outcome = await job.run(site)
    except StorageUnavailable as error:
        log.warning("job deferred", extra={"job": job.name, "cause": str(error)})
    except Exception:
        log.exception("job failed", extra={"job": job.name})
    else:
        if outcome:
            log.info("job done", extra={"job": job.name, "outcome": outcome})
