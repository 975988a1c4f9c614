"""How the desk did in a period: what came, how soon we answered, what is open, what was reopened, how it was rated.

Pure: what the store knows of each ticket in, one at a time, figures out. Times are open hours of the site's calendar.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import median
from typing import Self

from gateway.core.hours import Hours
from gateway.core.policy import Agent, Policy

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
    """Of one group of tickets; times in seconds, None where there is nothing to count."""

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
class TimedAnswer:
    """An answer of an agent that was given in the period."""

    at: datetime
    by: str
    """The agent's address."""
    waited: float | None
    """Seconds of open hours the customer had waited; None where nobody did."""
    first: bool
    """Nobody had answered before."""


def timed_answers(ticket: CountedTicket, period: Period, hours: Hours) -> list[TimedAnswer]:
    """How long the customer waited for the first answer, and for each further one; oldest first.

    Thanks that were closed without a word waited for nothing: where the ticket was opened again, they wait since then.
    """
    found: list[TimedAnswer] = []
    waits: datetime | None = None
    answered = False
    for at, who in ticket.said:
        if waits and answered:
            waits = max((waits, *(moment for moment in ticket.reopened if moment <= at)))
        if not who:
            waits = waits or at
            continue
        if at in period:
            waited = None if waits is None else hours.between(waits, at).total_seconds()
            found.append(TimedAnswer(at, who, waited, not answered))
        waits, answered = None, True
    return found


class Tally:
    """Figures of one group while its tickets are counted; of each but numbers are kept."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.opened = self.answers = self.reopened = 0
        self.backlog = [0] * len(AGE_NAMES)
        self.ratings: Counter[int] = Counter()
        self._first, self._later = array("d"), array("d")

    def answer(self, answer: TimedAnswer) -> None:
        self.answers += 1
        if answer.waited is not None:
            (self._first if answer.first else self._later).append(answer.waited)

    def wait(self, age: timedelta) -> None:
        """A ticket is open, and so old."""
        self.backlog[sum(age >= bound for bound in AGES)] += 1

    def figures(self) -> Figures:
        return Figures(
            self.name,
            opened=self.opened,
            answers=self.answers,
            first_median=_median(self._first),
            first_90=_ninety(self._first),
            next_median=_median(self._later),
            next_90=_ninety(self._later),
            reopened=self.reopened,
            backlog=tuple(self.backlog),
            rated=self.ratings.total(),
            rating=_median(list(self.ratings.elements())),
        )


class Counting:
    """Tickets of a period by what they are told apart by: one of BY, or nothing. What is open is counted now.

    A ticket with several tags stands in each. An agent's group has what that agent has now, and whatever they
    answered; a week's has what happened in it, and what is open of what came in it.
    """

    def __init__(self, by: str, policy: Policy, period: Period, now: datetime) -> None:
        self._by, self._policy, self._period, self._now = by, policy, period, now
        self._tallies: dict[str, Tally] = {}
        if not by:
            self._tally("")
        monday = self._monday(period.since)
        while by == "week" and policy.hours.on(monday, time()) < period.until:
            self._tally(_week(monday))
            monday += timedelta(days=7)

    def add(self, ticket: CountedTicket, answers: Iterable[TimedAnswer]) -> None:
        """`answers`: `timed_answers` of it."""
        came = [self._tally(name) for name in self._names(ticket, ticket.created_at)]
        for tally in came:
            tally.opened += ticket.created_at in self._period
            if ticket.is_open:
                tally.wait(self._now - ticket.created_at)
        for at in ticket.reopened:
            if at in self._period:
                for name in self._names(ticket, at):
                    self._tally(name).reopened += 1
        if ticket.rating is not None and ticket.rated_at is not None and ticket.rated_at in self._period:
            for name in self._names(ticket, ticket.rated_at):
                self._tally(name).ratings[ticket.rating] += 1
        for answer in answers:
            for name in (self._agent(answer.by),) if self._by == "agent" else self._names(ticket, answer.at):
                self._tally(name).answer(answer)

    def figures(self) -> list[Figures]:
        """In the order of their names, what is of earlier weeks first."""
        names = sorted(self._tallies, key=lambda name: (self._by != "week" or name != EARLIER, name))
        return [self._tallies[name].figures() for name in names]

    def of_agent(self, address: str) -> Figures:
        """By agent: what that one has and did."""
        name = self._agent(address)
        return (self._tallies.get(name) or Tally(name)).figures()

    def _names(self, ticket: CountedTicket, moment: datetime) -> Sequence[str]:
        """Groups a ticket is in, with what happened to it then."""
        match self._by:
            case "agent":
                return (self._agent(ticket.assignee) or NONE,)
            case "mailbox":
                return (ticket.mailbox,)
            case "tag":
                return ticket.tags or (NONE,)
            case "week":
                return (_week(self._monday(moment)) if moment >= self._period.since else EARLIER,)
        return ("",)

    def _tally(self, name: str) -> Tally:
        return self._tallies.setdefault(name, Tally(name))

    def _agent(self, address: str) -> str:
        """The main address, whichever of an agent's is named."""
        agent = self._policy.agent_for(address) if address else None
        return agent.address if agent else address

    def _monday(self, moment: datetime) -> date:
        day = moment.astimezone(self._policy.hours.zone).date()
        return day - timedelta(days=day.weekday())


def _week(monday: date) -> str:
    year, week, _ = monday.isocalendar()
    return f"{year}-W{week:02}"


class AgentReport:
    """What one agent reads of a period, while its tickets are counted.

    Leads read the figures of their mailboxes and of each agent; every other agent those of the mailboxes, without
    names, and the own ones.
    """

    def __init__(self, agent: Agent, first: date, last: date, policy: Policy, now: datetime) -> None:
        self.agent, self.first, self.last = agent, first, last
        self.period = Period.of_days(first, last, policy.hours)
        self._policy = policy
        self.whole, self.boxes, self.agents, self.weeks = (
            Counting(by, policy, self.period, now) for by in ("", "mailbox", "agent", "week")
        )

    def add(self, ticket: CountedTicket) -> None:
        answers = timed_answers(ticket, self.period, self._policy.hours)
        theirs = self.agent in self._policy.agents_for(ticket.mailbox)
        if theirs:
            for counting in (self.whole, self.boxes, self.weeks):
                counting.add(ticket, answers)
        if theirs or not self.agent.lead:
            self.agents.add(ticket, answers)


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


def counted(tickets: Iterable[CountedTicket], by: str, policy: Policy, period: Period, now: datetime) -> list[Figures]:
    """Figures of each group, as `Counting` has them."""
    counting = Counting(by, policy, period, now)
    for ticket in tickets:
        counting.add(ticket, timed_answers(ticket, period, policy.hours))
    return counting.figures()


def _median(values: Sequence[float]) -> float | None:
    return float(median(values)) if values else None


def _ninety(values: Sequence[float]) -> float | None:
    """The nearest rank: nine of ten waited no longer."""
    return sorted(values)[-(-len(values) * 9 // 10) - 1] if values else None
