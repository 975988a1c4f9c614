"""How the desk did in a period: what came, how soon we answered, what is open, what was reopened, how it was rated.

Pure: what the store knows of each ticket in, figures out. Times are open hours of the site's calendar.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Self

from gateway.core.hours import Hours
from gateway.core.policy import Policy

AGES = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=30))
"""Bounds of the ages open tickets are counted by; the last group is older."""
AGE_NAMES = ("1d", "3d", "7d", "30d", "older")
BY = ("agent", "mailbox", "tag", "week")
DAYS = 30
"""Of a period that nobody names, up to today."""
NONE = "–"
"""The group of what has no name."""
EARLIER = "earlier"
"""By week: what is still open of the weeks before."""
_MONTH = re.compile(r"(\d{4})-(\d{1,2})")


@dataclass(frozen=True, slots=True)
class CountedTicket:
    """What counts of one ticket."""

    number: int
    created_at: datetime
    mailbox: str
    assignee: str
    tags: tuple[str, ...]
    is_open: bool
    said: tuple[tuple[datetime, str], ...] = ()
    """Correspondence, oldest first: when, and the address of the agent who wrote it; empty: somebody outside."""
    reopened: tuple[datetime, ...] = ()
    rating: int | None = None
    rated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one group; times in seconds, None where there is nothing to count."""

    name: str
    opened: int
    answers: int
    first_median: float | None
    first_90: float | None
    next_median: float | None
    next_90: float | None
    reopened: int
    backlog: tuple[int, ...]
    """Open tickets by age, as in AGE_NAMES."""
    rated: int
    rating: float | None
    """Median, 1 to 5."""

    @property
    def open(self) -> int:
        return sum(self.backlog)


@dataclass(frozen=True, slots=True)
class Period:
    since: datetime
    until: datetime
    """Not in it any more."""

    @classmethod
    def of_days(cls, first: date, last: date, hours: Hours) -> Self:
        """Both days are in it."""
        return cls(hours.on(first, time()), hours.on(last + timedelta(days=1), time()))

    def __contains__(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


@dataclass(frozen=True, slots=True)
class Group:
    """Tickets that are counted together, each under what it has to do with the group."""

    name: str
    period: Period
    owned: Sequence[CountedTicket]
    """They came, were reopened and rated here."""
    answered: Sequence[CountedTicket]
    waiting: Sequence[CountedTicket]
    """They are counted while they are open."""
    agent: str = ""
    """Only this agent's answers count."""

    @classmethod
    def whole(cls, name: str, period: Period, tickets: Sequence[CountedTicket]) -> Self:
        return cls(name, period, tickets, tickets, tickets)


def period_named(text: str, now: datetime, hours: Hours) -> tuple[date, date] | None:
    """First and last day of `2026-11`, of `2026-11-01 2026-11-30`, or of the last days where nothing is named; None
    where it is neither, or ends before it begins."""
    today = now.astimezone(hours.zone).date()
    words = text.split()
    try:
        if not words:
            return today - timedelta(days=DAYS), today
        if len(words) == 1 and (month := _MONTH.fullmatch(words[0])):
            first = date(int(month[1]), int(month[2]), 1)
            return first, (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        first, last = date.fromisoformat(words[0]), date.fromisoformat(words[-1])
    except (ValueError, OverflowError):
        return None
    return (first, last) if len(words) <= 2 and first <= last < date.max else None


def month_before(now: datetime, hours: Hours) -> tuple[date, date]:
    """First and last day of the last whole month."""
    last = now.astimezone(hours.zone).date().replace(day=1) - timedelta(days=1)
    return last.replace(day=1), last


def grouped(tickets: Sequence[CountedTicket], by: str, policy: Policy, period: Period) -> list[Group]:
    """The tickets by what they are told apart by, in the order of its names; `by` empty: all in one group.

    A ticket with several tags stands in each. An agent's group has what that agent has now, and whatever they
    answered; a week's has what happened in it.
    """
    if not by:
        return [Group.whole("", period, tickets)]
    if by == "agent":
        return _by_agent(tickets, policy, period)
    if by == "week":
        return _by_week(tickets, policy.hours, period)
    found: dict[str, list[CountedTicket]] = {}
    for ticket in tickets:
        for name in (ticket.mailbox,) if by == "mailbox" else ticket.tags or (NONE,):
            found.setdefault(name, []).append(ticket)
    return [Group.whole(name, period, mine) for name, mine in sorted(found.items())]


def of_agent(address: str, tickets: Sequence[CountedTicket], policy: Policy, period: Period) -> Group:
    """What that agent has and did."""
    name = _known(address, policy)
    groups = (g for g in _by_agent(tickets, policy, period) if g.name == name)
    return next(groups, Group(name, period, (), (), (), name))


def _known(address: str, policy: Policy) -> str:
    agent = policy.agent_for(address) if address else None
    return agent.address if agent else address


def _by_agent(tickets: Sequence[CountedTicket], policy: Policy, period: Period) -> list[Group]:
    owned: dict[str, list[CountedTicket]] = {}
    answered: dict[str, list[CountedTicket]] = {}
    for ticket in tickets:
        said = tuple((at, _known(who, policy)) for at, who in ticket.said)
        ticket = replace(ticket, said=said)
        owned.setdefault(_known(ticket.assignee, policy), []).append(ticket)
        for who in {who for at, who in said if who and at in period}:
            answered.setdefault(who, []).append(ticket)
    return [
        Group(who or NONE, period, mine := owned.get(who, []), answered.get(who, []), mine, who or NONE)
        for who in sorted(owned.keys() | answered.keys())
    ]


def _by_week(tickets: Sequence[CountedTicket], hours: Hours, period: Period) -> list[Group]:
    def week_of(moment: datetime) -> date:
        day = moment.astimezone(hours.zone).date()
        return day - timedelta(days=day.weekday())

    began: dict[date, list[CountedTicket]] = {}
    for ticket in tickets:
        began.setdefault(week_of(ticket.created_at), []).append(ticket)
    before = [t for t in tickets if t.created_at < period.since]
    groups = [Group(EARLIER, Period(period.since, period.since), (), (), before)] if before else []
    monday = week_of(period.since)
    while (begins := hours.on(monday, time())) < period.until:
        next_monday = monday + timedelta(days=7)
        within = Period(max(begins, period.since), min(hours.on(next_monday, time()), period.until))
        year, week, _ = monday.isocalendar()
        opened = [t for t in began.get(monday, ()) if t.created_at in within]
        groups.append(Group(f"{year}-W{week:02}", within, tickets, tickets, opened))
        monday = next_monday
    return groups


def figures(group: Group, hours: Hours, now: datetime) -> Figures:
    """What happened in the group's period; what is open is counted now."""
    period, first, later, answers = group.period, list[float](), list[float](), 0
    for ticket in group.answered:
        mine, theirs = _responses(ticket, group, hours)
        first += mine
        later += theirs
        answers += sum(bool(who) and group.agent in ("", who) and at in period for at, who in ticket.said)
    backlog = [0] * len(AGE_NAMES)
    for ticket in group.waiting:
        if ticket.is_open:
            age = now - ticket.created_at
            backlog[sum(age >= bound for bound in AGES)] += 1
    rated = (t.rating for t in group.owned if t.rated_at is not None and t.rated_at in period)
    ratings = [rating for rating in rated if rating is not None]
    return Figures(
        group.name,
        opened=sum(t.created_at in period for t in group.owned),
        answers=answers,
        first_median=_median(first),
        first_90=_ninety(first),
        next_median=_median(later),
        next_90=_ninety(later),
        reopened=sum(at in period for t in group.owned for at in t.reopened),
        backlog=tuple(backlog),
        rated=len(ratings),
        rating=float(median(ratings)) if ratings else None,
    )


def _responses(ticket: CountedTicket, group: Group, hours: Hours) -> tuple[list[float], list[float]]:
    """How long the customer waited for the first answer, and for each further one, given within the period."""
    first: list[float] = []
    later: list[float] = []
    waits: datetime | None = None
    answered = False
    for at, who in ticket.said:
        if not who:
            waits = waits or at
            continue
        if waits is not None and at in group.period and group.agent in ("", who):
            (later if answered else first).append(hours.between(waits, at).total_seconds())
        waits, answered = None, True
    return first, later


def _median(values: Sequence[float]) -> float | None:
    return float(median(values)) if values else None


def _ninety(values: Sequence[float]) -> float | None:
    """The nearest rank: nine of ten waited no longer."""
    return sorted(values)[-(-len(values) * 9 // 10) - 1] if values else None
