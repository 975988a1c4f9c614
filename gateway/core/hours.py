"""The business calendar: weekdays, opening hours, holidays, in the site's time zone.

Counts along the local clock, so a day with a change to summer time is as long as the clock on
the wall says. Pure: moments go in, moments come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from gateway import texts
from gateway.texts import Catalog

SEARCH_DAYS = 3660
"""How far ahead an opening is looked for; a calendar of holidays only has none."""


@dataclass(frozen=True, slots=True)
class Hours:
    zone: tzinfo = UTC
    days: frozenset[int] = frozenset()
    """0 is Monday; empty: always open."""
    opens: time = time(9)
    closes: time | None = time(17)
    """None: midnight."""
    holidays: frozenset[date] = frozenset()

    @property
    def always(self) -> bool:
        return not self.days

    def is_business_day(self, day: date) -> bool:
        return self.always or (day.weekday() in self.days and day not in self.holidays)

    def is_open(self, now: datetime) -> bool:
        if self.always:
            return True
        span = self._span(now.astimezone(self.zone).date())
        return span is not None and span[0] <= now < span[1]

    def next_opening(self, now: datetime) -> datetime | None:
        """When it is open again; `now` while it is, None when the calendar never opens."""
        if self.is_open(now):
            return now
        day = now.astimezone(self.zone).date()
        for n in range(SEARCH_DAYS):
            span = self._span(day + timedelta(days=n))
            if span and span[0] > now:
                return span[0]
        return None

    def add_hours(self, start: datetime, hours: float) -> datetime | None:
        """The moment so many open hours after `start`."""
        left = timedelta(hours=hours)
        if self.always:
            return start + left
        day = start.astimezone(self.zone).date()
        for n in range(SEARCH_DAYS):
            span = self._span(day + timedelta(days=n))
            if span is None or span[1] <= start:
                continue
            begin = max(span[0], start)
            if begin + left <= span[1]:
                return begin + left
            left -= span[1] - begin
        return None

    def between(self, start: datetime, end: datetime) -> timedelta:
        """Open time from one moment to another."""
        if self.always:
            return max(end - start, timedelta())
        total = timedelta()
        day, last = start.astimezone(self.zone).date(), end.astimezone(self.zone).date()
        while day <= last:
            span = self._span(day)
            if span:
                total += max(min(span[1], end) - max(span[0], start), timedelta())
            day += timedelta(days=1)
        return total

    def add_days(self, start: datetime, days: int, *, business: bool) -> datetime:
        """The same time of the wall clock so many days later; only business days count with `business`."""
        local = start.astimezone(self.zone)
        day, left = local.date(), days
        if not business or self.always:
            return self._at(day + timedelta(days=days), local.time())
        for _ in range(SEARCH_DAYS):
            if not left:
                break
            day += timedelta(days=1)
            left -= self.is_business_day(day)
        return self._at(day, local.time())

    def at(self, now: datetime, clock: time) -> datetime:
        """Today at a time of the wall clock."""
        return self._at(now.astimezone(self.zone).date(), clock)

    def on(self, day: date, clock: time) -> datetime:
        """A day at a time of the wall clock."""
        return self._at(day, clock)

    def _span(self, day: date) -> tuple[datetime, datetime] | None:
        if not self.is_business_day(day):
            return None
        end = self._at(day + timedelta(days=1), time()) if self.closes is None else self._at(day, self.closes)
        return self._at(day, self.opens), end

    def _at(self, day: date, clock: time) -> datetime:
        # A time the clock skips in spring is taken as the same moment an hour on (PEP 495).
        return datetime.combine(day, clock.replace(tzinfo=None), self.zone).astimezone(UTC)


def in_words(hours: Hours, due_at: datetime | None, language: str, now: datetime) -> tuple[str, ...]:
    """When we are here, when next while closed, and by when we answer: what the site has set of these."""
    words = texts.catalog(language)
    said = []
    if not hours.always:
        closes = hours.closes.strftime("%H:%M") if hours.closes else "24:00"
        opens = hours.opens.strftime("%H:%M")
        days = _days(hours, words)
        said.append(words.gettext("We are here on {days}, {opens} to {closes}.", days=days, opens=opens, closes=closes))
        opening = hours.next_opening(now)
        if opening and opening > now:
            moment = words.weekday_moment(opening, hours.zone)
            said.append(words.gettext("We are closed right now and will be back on {moment}.", moment=moment))
    if due_at is not None:
        # Nobody plans by the minute: the next full hour.
        full = due_at + timedelta(seconds=-due_at.timestamp() % 3600)
        moment = words.weekday_moment(full, hours.zone)
        said.append(words.gettext("You will probably have our answer by {moment}.", moment=moment))
    return tuple(said)


def _days(hours: Hours, words: Catalog) -> str:
    """`Monday to Friday`, or each day by name where there are gaps."""
    days = sorted(hours.days)
    *before, last = [words.weekday(d) for d in days]
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return words.gettext("{first} to {last}", first=before[0], last=last)
    return words.gettext("{days} and {last}", days=", ".join(before), last=last) if before else last
