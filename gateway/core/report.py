"""How the desk did in a period: what came, how soon we answered, what is open, what was reopened, how it was rated.

Pure: what the store knows of each ticket in, figures out. Times are open hours of the site's calendar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from gateway.core.hours import Hours

AGES = (timedelta(days=1), timedelta(days=3), timedelta(days=7), timedelta(days=30))
"""Bounds of the ages open tickets are counted by; the last group is older."""
AGE_NAMES = ("1d", "3d", "7d", "30d", "older")
BY = ("agent", "mailbox", "tag", "week")


@dataclass(frozen=True, slots=True)
class CountedTicket:
    """What counts of one ticket."""

    number: int
    created_at: datetime
    mailbox: str
    assignee: str
    tags: tuple[str, ...]
    is_open: bool
    said: tuple[tuple[datetime, bool], ...] = ()
    """Correspondence, oldest first: when, and whether an agent wrote it."""
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

    def __contains__(self, moment: datetime) -> bool:
        return self.since <= moment < self.until


def grouped(
    tickets: Iterable[CountedTicket], by: str, hours: Hours, period: Period
) -> Mapping[str, list[CountedTicket]]:
    """The tickets by what they are told apart by, in the order of its names; `by` empty: all in one group. A ticket
    with several tags stands in each."""
    found: dict[str, list[CountedTicket]] = {} if by else {"": []}
    for ticket in tickets:
        for name in _names(ticket, by, hours):
            found.setdefault(name, []).append(ticket)
    return dict(sorted(found.items()))


def _names(ticket: CountedTicket, by: str, hours: Hours) -> Sequence[str]:
    if by == "agent":
        return (ticket.assignee or "–",)
    if by == "mailbox":
        return (ticket.mailbox,)
    if by == "tag":
        return ticket.tags or ("–",)
    if by == "week":
        year, week, _ = ticket.created_at.astimezone(hours.zone).isocalendar()
        return (f"{year}-W{week:02}",)
    return ("",)


def figures(name: str, tickets: Sequence[CountedTicket], period: Period, hours: Hours, now: datetime) -> Figures:
    """What happened in the period; what is open is counted now."""
    first: list[float] = []
    later: list[float] = []
    for ticket in tickets:
        mine, theirs = _responses(ticket, period, hours)
        first += mine
        later += theirs
    backlog = [0] * len(AGE_NAMES)
    for ticket in tickets:
        if ticket.is_open:
            age = now - ticket.created_at
            backlog[sum(age >= bound for bound in AGES)] += 1
    ratings = [t.rating for t in tickets if t.rating is not None and t.rated_at is not None and t.rated_at in period]
    return Figures(
        name,
        opened=sum(t.created_at in period for t in tickets),
        answers=sum(by_agent and at in period for t in tickets for at, by_agent in t.said),
        first_median=_median(first),
        first_90=_ninety(first),
        next_median=_median(later),
        next_90=_ninety(later),
        reopened=sum(at in period for t in tickets for at in t.reopened),
        backlog=tuple(backlog),
        rated=len(ratings),
        rating=float(median(ratings)) if ratings else None,
    )


def _responses(ticket: CountedTicket, period: Period, hours: Hours) -> tuple[list[float], list[float]]:
    """How long the customer waited for the first answer, and for each further one, given within the period."""
    first: list[float] = []
    later: list[float] = []
    waits: datetime | None = None
    answered = False
    for at, by_agent in ticket.said:
        if not by_agent:
            waits = waits or at
            continue
        if waits is not None and at in period:
            (later if answered else first).append(hours.between(waits, at).total_seconds())
        waits, answered = None, True
    return first, later


def _median(values: Sequence[float]) -> float | None:
    return float(median(values)) if values else None


def _ninety(values: Sequence[float]) -> float | None:
    """The nearest rank: nine of ten waited no longer."""
    return sorted(values)[-(-len(values) * 9 // 10) - 1] if values else None
