"""A moment as people write it in an order: `3d`, `in 3 days`, `monday`, `until friday`, `tomorrow 14:30`,
`morgen 14 Uhr`, `2026-12-01`, `1.12.`.

Words of every language there are texts in. Days begin when the site opens.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from gateway import texts
from gateway.core.hours import Hours
from gateway.texts import Catalog, Catalogs, mark_in

FARTHEST = timedelta(days=731)
LONG = 4
"""Letters of a day that may stand behind a time: in `14:30 Fr. Braun` there is none."""
_HOURS, _DAYS, _WEEKS, _MONTHS = (
    mark_in("unit", "h|hour|hours"),
    mark_in("unit", "d|day|days"),
    mark_in("unit", "w|week|weeks"),
    mark_in("unit", "month|months"),
)
_WITHIN, _UNTIL = mark_in("unit", "in|within"), mark_in("away", "until|till")
_AHEAD = {
    mark_in("day", "today"): 0,
    mark_in("day", "tomorrow"): 1,
    mark_in("day", "day after tomorrow|the day after tomorrow"): 2,
}
"""→ days from today."""
# As they are written behind "until", in this order.
_BEHIND_UNTIL = mark_in("day", "monday|tuesday|wednesday|thursday|friday|saturday|sunday|tomorrow")
_NEXT = 100
"""Plus the number of a weekday: the next such day."""
_SPAN = re.compile(r"(\d{1,3})\s?([^\W\d_]+)\.?(?!\S)\s*")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}),?(?!\S)\s*")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?,?(?!\S)\s*")
_AT = (
    r"um|at|@|à|vers|a las?|alle(?: ore)?|ore|verso(?: le)?|om|rond|o(?: godz(?:\.|inie))?|godz(?:\.|inie)|około|às|as"
    r"|pelas|gegen|ab|kl\.?"
)
_HOUR = r"uhr|uur|u|h|hs|hrs?|heures?|horas?|o['’]clock"
_BEFORE_NOON = (
    r"a\.?m\.?|in the morning|vormittags|morgens|früh|du matin|de la mañana|del mattino|di mattina|da manhã|'s ochtends"
    r"|'s morgens|rano"
)
_AFTER_NOON = (
    r"p\.?m\.?|in the (?:afternoon|evening)|nachmittags|abends|de l['’]après-midi|du soir|de la (?:tarde|noche)"
    r"|del pomeriggio|di (?:pomeriggio|sera)|d[ae] (?:tarde|noite)|'s (?:middags|avonds)|po południu|wieczorem"
)
_CLOCK = re.compile(
    rf"(?:(?P<at>{_AT}) ?)?(?P<hour>\d{{1,2}})(?:(?P<sign>[:.])(?P<minute>\d{{2}}))?"
    rf"(?:\s?(?P<word>{_HOUR})(?:\s?(?P<behind>\d{{2}}))?)?"
    rf"(?:\s?(?:(?P<am>{_BEFORE_NOON})|(?P<pm>{_AFTER_NOON})))?,?(?!\S)\s*",
    re.I,
)
"""As people write a time of day: `14:30`, `14 Uhr`, `14.30 Uhr`, `14h30`, `2 pm`, `alle 14`."""
_END = re.compile(r"\.?,?(?!\S)\s*")


@dataclass(frozen=True, slots=True)
class _Words:
    """How one language writes moments."""

    within: tuple[str, ...]
    until: tuple[str, ...]
    units: Mapping[str, str]
    days: Mapping[str, int]
    """Name of a day, whole or short → how far it is from today, or the next of its name."""


def moment(text: str, now: datetime, hours: Hours) -> tuple[datetime | None, str]:
    """The moment at the head of a text, and what follows it; None where there is none, or none ahead of us."""
    text = text.strip()
    today = now.astimezone(hours.zone).date()
    # Such a word may be a day in another language: what follows must be of the same.
    for words in _languages(texts.catalogs()):
        rest = behind(text, words.within)
        if rest is not None and (span := _counted(rest, words.units)):
            found = _span(*span[:2], now, hours)
            return (found, span[2]) if found else (None, text)
        rest = behind(text, words.until)
        if rest is not None and _day(rest, today, words.days)[0]:
            found, after = moment(rest, now, hours)
            return (found, after) if found else (None, text)
    if (m := _SPAN.match(text)) and (unit := _units(texts.catalogs()).get(m[2].casefold())):
        found = _span(int(m[1]), unit, now, hours)
        return (found, text[m.end() :]) if found else (None, text)
    names = _days(texts.catalogs())
    day, rest = _day(text, today, names)
    clock, after = _clock(rest)
    if day is None and clock is not None:
        day, after = _day(after, today, {name: number for name, number in names.items() if len(name) >= LONG})
    if day is None and clock is None:
        return None, text
    if day is None:
        found = hours.on(today, clock or hours.opens)
        found = found if found > now else hours.on(today + timedelta(days=1), clock or hours.opens)
    else:
        found = hours.on(day, clock or hours.opens)
    return (found, after) if now < found < now + FARTHEST else (None, text)


def behind(text: str, words: Iterable[str]) -> str | None:
    """The text behind one of these words (`fino al`), the longest that fits; None where it begins with none."""
    folded = f"{text.casefold()} "
    found = max((word for word in words if folded.startswith(f"{word} ")), key=len, default="")
    return text[len(found) :].lstrip() if found else None


def _counted(text: str, units: Mapping[str, str]) -> tuple[int, str, str] | None:
    """How many of which unit stand at the head of a text, and what follows; `za tydzień` is one week."""
    if m := _SPAN.match(text):
        unit = units.get(m[2].casefold())
        return (int(m[1]), unit, text[m.end() :]) if unit else None
    word, _, rest = text.partition(" ")
    unit = units.get(word.casefold())
    return (1, unit, rest.lstrip()) if unit and len(word) >= LONG else None


def _span(count: int, unit: str, now: datetime, hours: Hours) -> datetime | None:
    if not count:
        return None
    if unit == _HOURS:
        return now + timedelta(hours=count)
    today = now.astimezone(hours.zone).date()
    if unit == _MONTHS:
        year, month = divmod(today.year * 12 + today.month - 1 + count, 12)
        day = date(year, month + 1, min(today.day, monthrange(year, month + 1)[1]))
    else:
        day = today + timedelta(days=count * (7 if unit == _WEEKS else 1))
    found = hours.on(day, hours.opens)
    return found if found < now + FARTHEST else None


def _day(text: str, today: date, names: Mapping[str, int]) -> tuple[date | None, str]:
    """The day at the head of a text, a date or one of these names, and what follows it."""
    try:
        if m := _ISO.match(text):
            return date(int(m[1]), int(m[2]), int(m[3])), text[m.end() :]
        if m := _DOTTED.match(text):
            return _dotted(int(m[1]), int(m[2]), int(m[3] or 0), today), text[m.end() :]
    except ValueError:
        return None, text
    folded = text.casefold()
    fits = ((name, m) for name in names if folded.startswith(name) and (m := _END.match(text, len(name))))
    name, end = max(fits, key=lambda found: len(found[0]), default=("", None))
    if end is None:
        return None, text
    # From tomorrow on: who writes the name of today means the one in a week.
    number = names[name]
    ahead_by = number if number < _NEXT else (number - _NEXT - today.weekday() - 1) % 7 + 1
    return today + timedelta(days=ahead_by), text[end.end() :]


def _dotted(day: int, month: int, year: int, today: date) -> date:
    """Without a year the next such day, which may be today: a time of day tells whether it is over."""
    if year:
        return date(year, month, day)
    try:
        found = date(today.year, month, day)
    except ValueError:  # 29 February
        return date(today.year + 1, month, day)
    return found if found >= today else date(today.year + 1, month, day)


def _clock(text: str) -> tuple[time | None, str]:
    m = _CLOCK.match(text)
    # A number alone, or one with a point, may be anything.
    if m is None or not (m["sign"] == ":" or m["at"] or m["word"] or m["am"] or m["pm"]):
        return None, text
    hour, minute = int(m["hour"]), int(m["minute"] or m["behind"] or 0)
    if m["am"] or m["pm"]:
        hour = hour % 12 + 12 * bool(m["pm"]) if hour <= 12 else hour
    if hour > 23 or minute > 59 or (m["minute"] and m["behind"]) or (m["am"] and hour > 12):
        return None, text
    return time(hour, minute), text[m.end() :]


@lru_cache(maxsize=1)
def _languages(catalogs: Catalogs) -> tuple[_Words, ...]:
    return tuple(
        _Words(
            words.words_in("unit", _WITHIN),
            words.words_in("away", _UNTIL),
            {word: unit for unit in (_HOURS, _DAYS, _WEEKS, _MONTHS) for word in words.words_in("unit", unit)},
            _names(words),
        )
        for words in catalogs.every()
    )


def _names(words: Catalog) -> dict[str, int]:
    found: dict[str, int] = {}
    for number in range(7):
        for name in (words.weekday(number), words.weekday(number, short=True)):
            # A Portuguese says `segunda` for `segunda-feira`.
            for word in (name, name.partition("-")[0]):
                found[word.casefold().rstrip(".")] = _NEXT + number
    *weekdays, tomorrow = words.words_in("day", _BEHIND_UNTIL)
    found |= {word: _NEXT + number for number, word in enumerate(weekdays)} | {tomorrow: 1}
    return found | {word: days for said, days in _AHEAD.items() for word in words.words_in("day", said)}


@lru_cache(maxsize=1)
def _units(catalogs: Catalogs) -> dict[str, str]:
    return {word: unit for words in _languages(catalogs) for word, unit in words.units.items()}


@lru_cache(maxsize=1)
def _days(catalogs: Catalogs) -> dict[str, int]:
    """Names of days that mean the same in every language that has them."""
    found: dict[str, set[int]] = {}
    for words in _languages(catalogs):
        for name, number in words.days.items():
            found.setdefault(name, set()).add(number)
    return {name: min(numbers) for name, numbers in found.items() if len(numbers) == 1}
