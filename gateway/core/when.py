"""A moment as people write it in an order: `3d`, `monday`, `tomorrow 14:30`, `morgen 14 Uhr`, `2026-12-01`, `1.12.`.

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
LONG = 4
"""Letters of a day that may stand behind a time: in `14:30 Fr. Braun` there is none."""
_HOURS, _DAYS, _WEEKS = (
    mark_in("unit", "h|hour|hours"),
    mark_in("unit", "d|day|days"),
    mark_in("unit", "w|week|weeks"),
)
_TOMORROW = mark_in("day", "tomorrow")
_SPAN = re.compile(r"(\d{1,3})\s?([^\W\d_]+)\.?(?!\S)\s*")
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2}),?(?!\S)\s*")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?,?(?!\S)\s*")
_POLISH_DAYS = {
    "poniedziałku": 0,
    "wtorku": 1,
    "środy": 2,
    "czwartku": 3,
    "piątku": 4,
    "soboty": 5,
    "niedzieli": 6,
    "jutra": -1,
}
"""As they are written behind `do`, which is "until"."""
_POLISH = re.compile(
    rf"do\s+(?=\d{{1,2}}\.\d{{1,2}}\.|\d{{4}}-|(?:{'|'.join(_POLISH_DAYS)})\b)"
    r"|za\s+(?=\d{1,3}\s?(?:d|dni|dzień|godz|tyg|tydz)|(?:tydzień|godzinę|miesiąc)\b)",
    re.I,
)
"""`do piątku`, `za 3 dni`: without what follows, both are short for a day in German or Dutch."""
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
_WORD = re.compile(r"([^\W\d_]{2,}(?:-[^\W\d_]+)?)\.?,?(?!\S)\s*")


def moment(text: str, now: datetime, hours: Hours) -> tuple[datetime | None, str]:
    """The moment at the head of a text, and what follows it; None where there is none, or none ahead of us."""
    text = text.strip()
    if m := _POLISH.match(text):
        rest = text[m.end() :]
        one = "1 " if rest.split()[0].casefold() in _units(texts.catalogs()) else ""
        found, after = moment(one + rest, now, hours)
        return (found, after) if found else (None, text)
    if (m := _SPAN.match(text)) and m[2].casefold() in _units(texts.catalogs()):
        found = _span(int(m[1]), m[2].casefold(), now, hours)
        return (found, text[m.end() :]) if found else (None, text)
    today = now.astimezone(hours.zone).date()
    day, rest = _day(text, today)
    clock, after = _clock(rest)
    if day is None and clock is not None:
        day, after = _day(after, today, LONG)
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


def _day(text: str, today: date, shortest: int = 0) -> tuple[date | None, str]:
    """The day at the head of a text, and what follows it; `shortest` leaves out names with fewer letters."""
    try:
        if m := _ISO.match(text):
            return date(int(m[1]), int(m[2]), int(m[3])), text[m.end() :]
        if m := _DOTTED.match(text):
            return _dotted(int(m[1]), int(m[2]), int(m[3] or 0), today), text[m.end() :]
    except ValueError:
        return None, text
    m = _WORD.match(text)
    number = _days(texts.catalogs()).get(m[1].casefold()) if m else None
    if m is None or number is None or len(m[1]) < shortest:
        return None, text
    # From tomorrow on: who writes the name of today means the one in a week.
    ahead_by = 1 if number < 0 else (number - today.weekday() - 1) % 7 + 1
    return today + timedelta(days=ahead_by), text[m.end() :]


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
    found |= {word: {number} for word, number in _POLISH_DAYS.items()}
    return {word: min(numbers) for word, numbers in found.items() if len(numbers) == 1}
