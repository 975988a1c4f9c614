"""Everything that happens by the clock, in one table, run by APScheduler.

Each job claims what is due inside the transaction that does it, so it is harmless when fired
twice or by two daemons. A job that fails is logged and fires again; it never stops the others.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import partial

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from gateway import rating, retention
from gateway.config import Settings
from gateway.core import digest
from gateway.core.errors import StorageUnavailable
from gateway.core.message import Address
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.flow import Desk
from storage.database import Database
from storage.tx import Tx

log = logging.getLogger("replydesk.jobs")


@dataclass(frozen=True, slots=True)
class Site:
    """What a job may use."""

    database: Database
    desk: Desk
    clock: Callable[[], datetime]
    settings: Settings
    wake: Callable[[], None] = lambda: None
    """Tells the send loop that mails may be in line."""


@dataclass(frozen=True, slots=True)
class Job:
    """`every`: from one look to the next; what is due is found by each look, however late it comes."""

    name: str
    every: timedelta
    run: Callable[[Site], Awaitable[str]]
    """Returns what it did, in a few words, empty for nothing."""


async def tick_tickets(site: Site) -> str:
    """Reminders, closing by time, answering times: each ticket in a transaction of its own."""
    now, policy = site.clock(), site.desk.policy
    numbers = await site.database.read(partial(_candidates, policy=policy, now=now))
    done = 0
    for number in numbers:
        decision = await site.database.write(partial(_tick, desk=site.desk, number=number, now=now))
        done += decision
    if done:
        site.wake()
    return f"{done} tickets moved or reminded" if done else ""


def _candidates(tx: Tx, policy: Policy, now: datetime) -> list[int]:
    solved = _soonest(policy.remind_after_days, policy.close_after_days)
    waiting = _soonest(policy.waiting_remind_after_days, policy.waiting_solved_after_days)
    return tx.tickets.clock_candidates(now - solved, now - waiting, now)


def _soonest(*days: int) -> timedelta:
    """Business days are never sooner than calendar days; an hour allows for a change of the wall clock."""
    set_ = [d for d in days if d]
    return timedelta(days=min(set_)) - timedelta(hours=1) if set_ else timedelta(days=36500)


def _tick(tx: Tx, desk: Desk, number: int, now: datetime) -> int:
    return int(desk.tick(tx, number, now) is not None)


async def send_digest(site: Site) -> str:
    """Each agent reads in the morning what is open; nothing open, no mail."""
    return await _morning(site, "agent-digest", site.settings.digest.agents_at, _digest)


async def send_review(site: Site) -> str:
    """Leads read which tickets their customers closed on their own."""
    return await _morning(site, "review-digest", site.settings.digest.review_at, _review)


async def _morning(site: Site, name: str, at: str, write: Callable[[Tx, Site, datetime, datetime], int]) -> str:
    """Once on each business day after a time of day: claim and mails are one transaction."""
    if not at:
        return ""
    now, hours = site.clock(), site.desk.policy.hours
    clock = time.fromisoformat(at)

    def next_after(moment: datetime) -> datetime:
        day = hours.at(moment, clock)
        while day <= moment or not hours.is_business_day(day.astimezone(hours.zone).date()):
            day = hours.at(day + timedelta(hours=30), clock)
        return day

    def work(tx: Tx) -> int:
        tx.jobs.introduce(name, next_after(now))
        before = tx.jobs.claim(name, now, next_after(now))
        return write(tx, site, before, now) if before is not None else 0

    sent = await site.database.write(work)
    if sent:
        site.wake()
    return f"{sent} mails" if sent else ""


def _digest(tx: Tx, site: Site, before: datetime, now: datetime) -> int:
    policy = site.desk.policy
    tickets = tx.tickets.search(status="open", limit=5000)
    counts = digest.Counts(
        tx.outbox.failed_since(before), tx.journal.counts()["held"], tx.contacts.undeliverable_count()
    )
    sent = 0
    for agent in policy.agents:
        sections = digest.for_agent(agent, tickets, counts, policy, now)
        if sections:
            request = NoticeRequest(Notice.AGENT_DIGEST, Address(agent.address, agent.name), Audience.AGENT, "digest")
            sent += site.desk.send_sections(tx, request, sections, f"digest:{now.isoformat()}", now)
    return sent


def _review(tx: Tx, site: Site, before: datetime, now: datetime) -> int:
    policy = site.desk.policy
    closed = tx.tickets.closed_unproposed(before, now)
    sent = 0
    for lead in (a for a in policy.agents if a.lead):
        sections = digest.review(lead, closed, policy)
        if sections:
            request = NoticeRequest(Notice.AGENT_DIGEST, Address(lead.address, lead.name), Audience.AGENT, "review")
            sent += site.desk.send_sections(tx, request, sections, f"review:{now.isoformat()}", now)
    return sent


async def sweep_sessions(site: Site) -> str:
    """Browser sessions that ended by themselves are removed."""
    now = site.clock()
    idle = timedelta(minutes=site.settings.portal.session_idle_minutes)
    swept = await site.database.write(lambda tx: tx.contacts.sweep_sessions(now, now - idle))
    return f"{swept} sessions removed" if swept else ""


JOBS: tuple[Job, ...] = (
    Job("tickets", timedelta(minutes=1), tick_tickets),
    Job("digest", timedelta(minutes=1), send_digest),
    Job("review", timedelta(minutes=1), send_review),
    Job("ratings", timedelta(minutes=5), rating.ask_for_ratings),
    Job("retention", timedelta(hours=1), retention.apply_retention),
    Job("sessions", timedelta(minutes=30), sweep_sessions),
)


def start(site: Site) -> AsyncIOScheduler:
    """Schedule every job in the running loop; stop with `shutdown(wait=False)`."""
    # Without a grace time APScheduler drops a job silently when the loop was busy for a second.
    defaults = {"coalesce": True, "max_instances": 1, "misfire_grace_time": None}
    scheduler = AsyncIOScheduler(timezone=UTC, job_defaults=defaults)
    for job in JOBS:
        scheduler.add_job(look, "interval", seconds=job.every.total_seconds(), args=(job, site), id=job.name)
    scheduler.start()
    return scheduler


async def look(job: Job, site: Site) -> None:
    """One look of a job: what is due is done, and written down with its outcome."""
    now = site.clock()
    try:
        outcome = await job.run(site)
        await site.database.write(lambda tx: tx.jobs.note(job.name, now, now + job.every, outcome))
    except StorageUnavailable as error:
        log.warning("job deferred", extra={"job": job.name, "cause": str(error)})
    except Exception:
        log.exception("job failed", extra={"job": job.name})
    else:
        if outcome:
            log.info("job done", extra={"job": job.name, "outcome": outcome})
