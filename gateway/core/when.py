"""A moment as people write it in an order: `3d`, `monday`, `tomorrow 14:30`, `14:30`, `2026-12-01`, `1.12.`.

Words of every language there are texts in. Days begin when the site opens.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from gateway import texts
from gateway.core.hours import Hours
from gateway.texts import Catalogs, mark_in

FARTHEST = timedelta(days=731)
_HOURS, _DAYS, _WEEKS = (
    mark_in("unit", "h|hour|hours"),
    mark_in("unit", "d|day|days"),
    mark_in("unit", "w|week|weeks"),
)
_TOMORROW = mark_in("day", "tomorrow")
_SPAN = re.compile(r"(\d{1,3})\s?([^\W\d_]+)\.?(?!\S)\s*")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?!\S)\s*")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?(?!\S)\s*")
_CLOCK = re.compile(r"(?:um |at |à |a las |alle |om |o |godz\. |às )?(\d{1,2}):(\d{2})(?!\S)\s*")
_WORD = re.compile(r"([^\W\d_]{2,}(?:-[^\W\d_]+)?)\.?(?!\S)\s*")


def moment(text: str, now: datetime, hours: Hours) -> tuple[datetime | None, str]:
    """The moment at the head of a text, and what follows it; None where there is none, or none ahead of us."""
    text = text.strip()
    if m := _SPAN.match(text):
        found = _span(int(m[1]), m[2].casefold(), now, hours)
        return (found, text[m.end() :]) if found else (None, text)
    today = now.astimezone(hours.zone).date()
    day, rest = _day(text, today)
    clock, after = _clock(rest)
    if day is None and clock is None:
        return None, text
    if day is None:
        found = hours.on(today, clock or hours.opens)
        found = found if found > now else hours.on(today + timedelta(days=1), clock or hours.opens)
    else:
        found = hours.on(day, clock or hours.opens)
    return (found, after) if now < found < now + FARTHEST else (None, text)


def _span(count: int, unit: str, now: datetime, hours: Hours) -> datetime | None:
    words = _units(texts.catalogs())
    if not count or unit not in words:
        return None
    if words[unit] == _HOURS:
        return now + timedelta(hours=count)
    days = count * (7 if words[unit] == _WEEKS else 1)
    found = hours.on(now.astimezone(hours.zone).date() + timedelta(days=days), hours.opens)
    return found if found < now + FARTHEST else None


def _day(text: str, today: date) -> tuple[date | None, str]:
    try:
        if m := _ISO.match(text):
            return date(int(m[1]), int(m[2]), int(m[3])), text[m.end() :]
        if m := _DOTTED.match(text):
            day = date(int(m[3] or today.year), int(m[2]), int(m[1]))
            ahead = day if m[3] or day > today else day.replace(year=day.year + 1)
            return ahead, text[m.end() :]
    except ValueError:
        return None, text
    m = _WORD.match(text)
    number = _days(texts.catalogs()).get(m[1].casefold()) if m else None
    if m is None or number is None:
        return None, text
    # From tomorrow on: who writes the name of today means the one in a week.
    ahead_by = 1 if number < 0 else (number - today.weekday() - 1) % 7 + 1
    return today + timedelta(days=ahead_by), text[m.end() :]


def _clock(text: str) -> tuple[time | None, str]:
    m = _CLOCK.match(text)
    if m is None or int(m[1]) > 23 or int(m[2]) > 59:
        return None, text
    return time(int(m[1]), int(m[2])), text[m.end() :]


@lru_cache(maxsize=1)
def _units(catalogs: Catalogs) -> dict[str, str]:
    return {
        word: unit
        for words in catalogs.every()
        for unit in (_HOURS, _DAYS, _WEEKS)
        for word in words.words_in("unit", unit)
    }


@lru_cache(maxsize=1)
def _days(catalogs: Catalogs) -> dict[str, int]:
    """Name of a day, whole or short, → its number from Monday on; -1: tomorrow."""
    found: dict[str, set[int]] = {}
    for words in catalogs.every():
        for number in range(7):
            for name in (words.weekday(number), words.weekday(number, short=True)):
                # A Portuguese says `segunda` for `segunda-feira`.
                for word in (name, name.partition("-")[0]):
                    found.setdefault(word.casefold().rstrip("."), set()).add(number)
        for word in words.words_in("day", _TOMORROW):
            found[word] = {-1}
    return {word: min(numbers) for word, numbers in found.items() if len(numbers) == 1}
