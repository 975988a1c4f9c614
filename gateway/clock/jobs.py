"""Everything that happens by the clock, in one table.

Each job claims what is due inside the transaction that does it, so it is harmless when fired
twice or by two daemons. A job that fails is written down, the operator hears of it once, and it
fires again at its time; it never stops the others.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import partial

from gateway.apply import UNDELIVERABLE_FOR
from gateway.clock import canary, reports, retention, tickets, words
from gateway.clock.context import JobContext
from gateway.core import away, digest
from gateway.core.compose import Scene
from gateway.core.notice import Audience, Notice, NoticeRequest, Section
from gateway.core.reason import QUIET, Reason
from gateway.core.ticket import Ticket
from gateway.errors import StorageUnavailable
from gateway.flow import Desk
from gateway.mail.message import Address
from gateway.mail.text import before_stop
from storage.alarms import AUDIT, JOB
from storage.audit import AuditReport, audit, remember
from storage.jobs import JobState
from storage.reads import Wanted
from storage.tx import Tx

log = logging.getLogger("replydesk.jobs")

AUDIT_AT = time(3, 10)
MOST = 5000
"""Open tickets that are read for the digests."""
FOLLOW_SECONDS = 15.0
OUTAGE = timedelta(hours=1)
"""When nobody looked for so long we were down, and mail waited elsewhere."""
MAIL_COMES = timedelta(hours=1)
"""After an outage mail servers try again, and IMAP boxes are read: Postfix waits up to 67 minutes, most wait less."""


@dataclass(frozen=True, slots=True)
class Job:
    """`every`: from one look to the next; what is due is found by each look, however late it comes."""

    name: str
    every: timedelta
    run: Callable[[JobContext], Awaitable[str | None]]
    """Returns what it did, in a few words, empty for nothing; None when the settings switch it off."""
    next_at: Callable[[JobContext], datetime | None] | None = None
    """Of a job with a time of day: its next one counted from now, None when it is switched off. It takes its turn
    itself, in the transaction of its effects."""
    after_mail: bool = False
    """After an outage it lets mail come first that waited elsewhere: nobody is reminded, and nothing is closed, over an
    answer that was written in time."""


async def send_digest(context: JobContext) -> str | None:
    """Each agent reads in the morning what is open; nothing open, no mail."""
    return await _morning(context, "digest", _digest_at(context), _digest)


async def send_review(context: JobContext) -> str | None:
    """Leads read which tickets their customers closed on their own."""
    return await _morning(context, "review", _review_at(context), _review)


def _digest_at(context: JobContext) -> datetime | None:
    return _next_morning(context, context.settings.digest.agents_at)


def _review_at(context: JobContext) -> datetime | None:
    return _next_morning(context, context.settings.digest.review_at)


def _next_morning(context: JobContext, at: str) -> datetime | None:
    """The next time of day `at` on a business day; None for an empty one."""
    if not at:
        return None
    now, hours, due_at = context.clock(), context.desk.policy.hours, time.fromisoformat(at)
    day = now.astimezone(hours.zone).date()
    while hours.on(day, due_at) <= now or not hours.is_business_day(day):
        day += timedelta(days=1)
    return hours.on(day, due_at)


async def _morning(
    context: JobContext,
    name: str,
    next_at: datetime | None,
    write: Callable[[Tx, JobContext, datetime, datetime], int],
) -> str | None:
    """Once on each business day after a time of day, however often that is changed and whichever way the clock is set:
    claim and mails are one transaction."""
    if next_at is None:
        return None
    now = context.clock()

    def work(tx: Tx) -> int | None:
        before = tx.jobs.claim(name, now, next_at)
        return None if before is None else write(tx, context, before, now)

    zone = context.desk.policy.hours.zone
    today, due_day = (moment.astimezone(zone).date() for moment in (now, next_at))

    # By itself, so that a first one that fails is due at its time all the same.
    def expect(tx: Tx) -> None:
        tx.jobs.introduce(name, next_at)
        ran_at = tx.jobs.ran_at(name)
        if ran_at is None or due_day != today:
            tx.jobs.no_later(name, next_at)
        elif ran_at.astimezone(zone).date() != today:
            # It takes the place of one that was missed, and of one at the time of day of earlier settings.
            tx.jobs.plan(name, next_at, ran_at)

    await context.database.write(expect)
    return context.mailed(await context.database.write(work))


def _digest(tx: Tx, context: JobContext, before: datetime, now: datetime) -> int:
    policy = context.desk.policy
    still_open = _open(tx)
    counts = digest.Counts(
        tx.outbox.failed_since(before),
        tx.journal.held(),
        tx.contacts.undeliverable_count(now - UNDELIVERABLE_FOR),
        tx.journal.decided_since([Reason.BLOCKED], before),
        tx.journal.decided_since([Reason.SPAM_REPLY], before),
        tx.journal.decided_since([Reason.SPAM_MARKED], before),
        tx.journal.decided_since(QUIET, before),
        Counter(draft.agent for draft in tx.drafts.waiting(now)),
    )
    # An absence that ends when the site opens is over for who reads this before.
    absent = tx.absences.now(max(now, policy.hours.at(now, policy.hours.opens)))
    sent = 0
    for agent in (a for a in policy.agents if away.reads_digest(a, absent, policy)):
        sections = digest.for_agent(agent, still_open, counts, policy, now)
        if sections:
            subject = digest.summary(agent, still_open, policy, now)
            request = NoticeRequest(Notice.AGENT_DIGEST, Address(agent.address, agent.name), Audience.AGENT, subject)
            sent += _send_sections(tx, context.desk, request, sections, now)
    return sent


def _open(tx: Tx) -> list[Ticket]:
    """Where there are too many to read: those that wait for their customers are left out first."""
    found: list[Ticket] = []
    for status in digest.ORDER:
        found += tx.reads.search(Wanted(status.value), limit=MOST - len(found))
    return found


def _review(tx: Tx, context: JobContext, before: datetime, now: datetime) -> int:
    policy = context.desk.policy
    closed = tx.reads.closed_unproposed(before, now)
    sent = 0
    for lead in (a for a in policy.agents if a.lead):
        sections = digest.review(lead, closed, policy)
        if sections:
            request = NoticeRequest(Notice.AGENT_DIGEST, Address(lead.address, lead.name), Audience.AGENT, "review")
            sent += _send_sections(tx, context.desk, request, sections, now)
    return sent


def _send_sections(tx: Tx, desk: Desk, request: NoticeRequest, sections: tuple[Section, ...], now: datetime) -> bool:
    scene = Scene(now, f"{request.headline}:{now.isoformat()}", sections=sections)
    return desk.notices.send(tx, request, scene) is not None


def _next_night(context: JobContext) -> datetime:
    now, hours = context.clock(), context.desk.policy.hours
    tonight = hours.at(now, AUDIT_AT)
    return tonight if tonight > now else hours.on(now.astimezone(hours.zone).date() + timedelta(days=1), AUDIT_AT)


async def audit_nightly(context: JobContext) -> str:
    """Whether anything was lost or altered since the night before; the operator hears of it."""
    now, next_at = context.clock(), _next_night(context)

    def take(tx: Tx) -> datetime | None:
        tx.jobs.introduce("audit", next_at)
        tx.jobs.no_later("audit", next_at)
        return tx.jobs.claim("audit", now, next_at)

    if await context.database.write(take) is None:
        return ""
    report = await context.database.read(partial(audit, since_last=True, counted=False))
    await context.database.write(partial(_audited, desk=context.desk, report=report, now=now))
    if report.broken:
        log.error("audit found something", extra={"rules": [b.rule.name for b in report.broken]})
        context.wake()
    return f"{len(report.broken)} promises do not hold" if report.broken else "nothing found"


def _audited(tx: Tx, desk: Desk, report: AuditReport, now: datetime) -> None:
    if not report.broken:
        remember(tx, report)
        desk.operator.all_clear(tx, AUDIT, "The nightly audit finds nothing any more.", now)
        return
    found = "; ".join(f"{b.rule.promise} {b.examples[0]}" for b in report.broken[:5])
    text = f"The nightly audit found what should not be ({found}). `replydesk audit` names every row."
    desk.operator.alarm(tx, AUDIT, text, now)


async def sweep_sessions(context: JobContext) -> str:
    """Browser sessions that ended by themselves are removed, and alarms of what happened long ago are over."""
    now = context.clock()
    idle = timedelta(minutes=context.settings.portal.session_idle_minutes)
    swept, ended = await context.database.write(
        lambda tx: (tx.contacts.sweep_sessions(now, now - idle), tx.alarms.end_events(now))
    )
    done = {"sessions removed": swept, "alarms ended": ended}
    return ", ".join(f"{count} {what}" for what, count in done.items() if count)


JOBS: tuple[Job, ...] = (
    Job("tickets", timedelta(minutes=1), tickets.tick_tickets, after_mail=True),
    Job("digest", timedelta(minutes=1), send_digest, _digest_at),
    Job("review", timedelta(minutes=1), send_review, _review_at),
    Job(reports.JOB, timedelta(minutes=1), reports.send_report, reports.next_at),
    Job("audit", timedelta(minutes=1), audit_nightly, _next_night),
    Job("ratings", timedelta(minutes=5), tickets.ask_for_ratings),
    Job("canary", canary.EVERY, canary.send_probe),
    Job("retention", retention.EVERY, retention.apply_retention),
    Job("sessions", timedelta(minutes=30), sweep_sessions),
    Job("words", words.EVERY, words.keep_words),
)


class Timetable:
    """Every job, looked at again and again. What counts the seconds between looks knows no date: a clock that is set
    forth and back neither stops a job nor fires it."""

    def __init__(self, context: JobContext) -> None:
        self._context = context
        self._stopping = asyncio.Event()
        self._tasks = [asyncio.create_task(self._repeat(job), name=job.name) for job in JOBS]

    async def _repeat(self, job: Job) -> None:
        """The first look is at once: who restarts the daemon each hour gets round to each job as well."""
        while not self._stopping.is_set():
            try:
                if not await lets_mail_come(job, self._context):
                    await look(job, self._context)
            except Exception:
                log.exception("job broke off", extra={"job": job.name})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(job.every.total_seconds()):
                    await self._stopping.wait()

    async def stop(self, seconds: float) -> None:
        """No look begins any more; one that takes longer is given up, and what it had committed stays."""
        self._stopping.set()
        await asyncio.wait(self._tasks, timeout=seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def lets_mail_come(job: Job, context: JobContext) -> bool:
    """Whether it waits for mail that an outage kept elsewhere. Until when is written down: who restarts the daemon
    meanwhile gets round to it as well."""
    if not job.after_mail:
        return False
    now = context.clock()

    def until(tx: Tx) -> datetime | None:
        found = tx.jobs.find(job.name)
        if found is None or found.ran_at is None:
            return None
        if now - max(found.ran_at, found.due_at) > OUTAGE:
            tx.jobs.plan(job.name, now + MAIL_COMES, found.ran_at)
            log.warning("job lets mail come first", extra={"job": job.name, "until": (now + MAIL_COMES).isoformat()})
            return now + MAIL_COMES
        return found.due_at if found.due_at - found.ran_at > OUTAGE else None

    due_at = await context.database.write(until)
    return due_at is not None and now < due_at <= now + MAIL_COMES


async def follow(context: JobContext) -> None:
    """Where another process keeps the clock: show what its jobs wrote down, until cancelled."""
    policy, every = context.desk.policy, context.settings.canary.every_minutes
    boxes = [box.address for box in policy.mailboxes] if every else []
    while True:
        with contextlib.suppress(StorageUnavailable):
            rows, newest, standing = await context.database.read(
                lambda tx: (tx.jobs.all(), tx.probes.latest(), [alarm.key for alarm in tx.alarms.open()])
            )
            context.status.jobs.clear()
            context.status.jobs.update({row.name: row for row in rows})
            canary.show(context.status, boxes, newest, standing)
        await asyncio.sleep(FOLLOW_SECONDS)


async def look(job: Job, context: JobContext) -> None:
    """One look of a job: what is due is done, and written down with its outcome."""
    now = context.clock()
    try:
        await _look(job, context, now)
    except StorageUnavailable as error:
        log.warning("job deferred", extra={"job": job.name, "cause": str(error)})


async def _look(job: Job, context: JobContext, now: datetime) -> None:
    if job.next_at is not None:
        # A look that finds nothing due writes nothing: there are some thousand of them a day.
        found = await context.database.read(lambda tx: tx.jobs.find(job.name))
        next_at = job.next_at(context)
        if found is not None and next_at is not None and found.waits(now, next_at):
            context.status.jobs[job.name] = found
            return
    try:
        outcome = await job.run(context)
    except StorageUnavailable:
        raise
    except Exception as error:
        log.exception("job failed", extra={"job": job.name})
        cause = str(error) if isinstance(error, tickets.SomeFailed) else f"{type(error).__name__}: {error}"
        row = await context.database.write(partial(_failed, job=job, desk=context.desk, cause=cause, now=now))
        context.wake()
    else:
        row = await context.database.write(partial(_went_well, job=job, desk=context.desk, outcome=outcome, now=now))
        if outcome:
            log.info("job done", extra={"job": job.name, "outcome": outcome})
    if row is None:
        context.status.jobs.pop(job.name, None)
    else:
        context.status.jobs[job.name] = row


def _failed(tx: Tx, job: Job, desk: Desk, cause: str, now: datetime) -> JobState | None:
    """The operator hears of the first failure; it stands in stats, health and figures until one goes well."""
    if job.next_at is None:
        tx.jobs.ran(job.name, now, now + job.every)
    if tx.jobs.fail(job.name, f"failed: {cause}", now):
        text = (
            f"The job {job.name!r} failed: {before_stop(cause)}. What it did before that stays done, and it tries the "
            "rest again at its next time; the log has the details."
        )
        desk.operator.alarm(tx, _alarm_key(job), text, now)
    return tx.jobs.find(job.name)


def _went_well(tx: Tx, job: Job, desk: Desk, outcome: str | None, now: datetime) -> JobState | None:
    since = tx.jobs.recover(job.name)
    if since is not None:
        text = f"The job {job.name!r} works again. It had failed since {since:%Y-%m-%d %H:%M} UTC."
        desk.operator.all_clear(tx, _alarm_key(job), text, now)
    if outcome is None:
        tx.jobs.forget(job.name)
        return None
    if job.next_at is None:
        tx.jobs.ran(job.name, now, now + job.every)
    if outcome:
        tx.jobs.did(job.name, outcome, now)
    return tx.jobs.find(job.name)


def _alarm_key(job: Job) -> str:
    return JOB + job.name
