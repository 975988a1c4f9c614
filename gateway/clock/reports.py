"""Once a month leads read how the last one was, and those they were not told of because nobody ran."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import partial

from gateway import texts
from gateway.clock.context import JobContext
from gateway.core import language, report_mail
from gateway.core.compose import Scene
from gateway.core.hours import Hours
from gateway.core.notice import Audience, Notice, NoticeRequest, Picture
from gateway.core.report import AgentReport, month_before
from gateway.mail.message import Address
from gateway.render import chart
from storage.tx import Tx

JOB = "report"
MOST = 12
"""Months that are told at once after they were missed."""


async def send_report(context: JobContext) -> str | None:
    """The figures of the last month to each lead, on the first business day of a month, and of months before it that
    were missed: claim and mails are one transaction, what they hold is counted and drawn before it."""
    next_due = next_at(context)
    if next_due is None:
        return None
    now, policy = context.clock(), context.desk.policy
    since = await context.database.write(partial(_due_since, now=now, latest=next_due))
    if since is None:
        return ""
    mails = []
    for month in _months(since, now, policy.hours):
        told = [AgentReport(lead, *month, policy, now) for lead in policy.agents if lead.lead]
        if told:
            await context.database.read(partial(_count, told=told))
        mails += [await _mail(each, now, context) for each in told]

    def work(tx: Tx) -> int | None:
        if tx.jobs.claim(JOB, now, next_due) is None:
            return None
        return sum(context.desk.notices.send(tx, *mail) is not None for mail in mails if mail)

    return context.mailed(await context.database.write(work))


def next_at(context: JobContext) -> datetime | None:
    """When the next is due; None when they are switched off."""
    at = context.settings.digest.report_at
    return next_after(context.clock(), time.fromisoformat(at), context.desk.policy.hours) if at else None


def next_after(moment: datetime, at: time, hours: Hours) -> datetime:
    """The first business day of a month that is yet to come; the first day, where a month has none."""
    first = moment.astimezone(hours.zone).date().replace(day=1)
    while True:
        days = (first + timedelta(days=n) for n in range(28))
        found = hours.on(next((day for day in days if hours.is_business_day(day)), first), at)
        if found > moment:
            return found
        first = (first + timedelta(days=31)).replace(day=1)


def _due_since(tx: Tx, now: datetime, latest: datetime) -> datetime | None:
    tx.jobs.introduce(JOB, latest)
    tx.jobs.no_later(JOB, latest)
    row = tx.jobs.find(JOB)
    return row.due_at if row is not None and row.due_at <= now else None


def _months(due: datetime, now: datetime, hours: Hours) -> list[tuple[date, date]]:
    """First and last day of each month from the one that was to be told then, the oldest first."""
    found = [month_before(now, hours)]
    while found[0][0] > month_before(due, hours)[0] and len(found) < MOST:
        found.insert(0, month_before(hours.on(found[0][0], time()), hours))
    return found


def _count(tx: Tx, told: Sequence[AgentReport]) -> None:
    """The tickets once, for all who read of them."""
    for ticket in tx.reports.facts(told[0].period.since, told[0].period.until):
        for each in told:
            each.add(ticket)


async def _mail(told: AgentReport, now: datetime, context: JobContext) -> tuple[NoticeRequest, Scene] | None:
    """None where there is nothing to tell."""
    policy, lead = context.desk.policy, told.agent
    if report_mail.is_empty(told):
        return None
    words = texts.catalog(language.of_agent(lead, None, policy))
    wanted = report_mail.chart(told, words)
    data = await asyncio.to_thread(chart.drawn, wanted) if wanted else None
    picture = Picture(wanted.alt, chart.WIDTH, chart.HEIGHT, data) if wanted and data else None
    request = NoticeRequest(
        Notice.AGENT_DIGEST,
        Address(lead.address, lead.name),
        Audience.AGENT,
        report_mail.title(told, policy, words),
    )
    sections = report_mail.sections(told, policy, words)
    return request, Scene(now, f"report:{told.first}", sections=sections, picture=picture)
