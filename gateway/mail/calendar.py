"""Calendar invitations and answers (RFC 5545, 5546), read by icalendar: what, when, where, how often.

Moments keep the sender's clock and name their zone; `core.invitation` says them in the reader's language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from gateway.mail.message import Event
from gateway.mail.text import clean, one_line

if TYPE_CHECKING:
    from icalendar import Component

SIZE_LIMIT = 100_000
EVENTS_LIMIT = 20
COMMENT_LIMIT = 5_000
UID_LIMIT = 1_000
_ANSWERS = ("REPLY", "COUNTER", "DECLINECOUNTER", "CANCEL")
"""Whose comment somebody wrote; an invitation has a description."""
_BEGIN, _END = "BEGIN:VCALENDAR", "END:VCALENDAR"


def read(text: str, declared_method: str = "") -> tuple[Event, ...]:
    """The events of an iCalendar text, none when it is none. `declared_method` is the MIME parameter."""
    text = clean(text[:SIZE_LIMIT])
    start = text.upper().find(_BEGIN)
    if start < 0 or "BEGIN:VEVENT" not in text.upper():
        return ()
    from icalendar import Calendar

    try:
        whole = text[start:] if _END in text.upper() else f"{text[start:].rstrip()}\n{_closed(text)}{_END}\n"
        calendars = Calendar.from_ical(whole.replace("\n", "\r\n"), multiple=True)
        found = [event for calendar in calendars for event in _events(calendar, declared_method)]
    except Exception:  # it trusts what it reads; what is no calendar gives no events, and stays a file
        return ()
    return tuple(dict.fromkeys(found[:EVENTS_LIMIT]))


def _closed(text: str) -> str:
    return "END:VEVENT\n" if text.upper().count("BEGIN:VEVENT") > text.upper().count("END:VEVENT") else ""


def _events(calendar: Component, declared_method: str) -> Iterator[Event]:
    method = one_line(declared_method or _text(calendar, "METHOD"), 30).upper()
    for event in calendar.walk("VEVENT"):
        starts, zone = _moment(event, "DTSTART")
        attendees = event.get("ATTENDEE", [])
        first = attendees[0] if isinstance(attendees, list) and attendees else attendees
        yield Event(
            method=method,
            summary=one_line(_text(event, "SUMMARY")),
            where=one_line(_text(event, "LOCATION")),
            starts=starts,
            ends=_end(event),
            zone=zone,
            repeats=_repeats(event),
            answer=str(getattr(first, "params", {}).get("PARTSTAT", "")).upper(),
            comment=clean(_text(event, "COMMENT")).strip()[:COMMENT_LIMIT] if method in _ANSWERS else "",
            uid=one_line(_text(event, "UID"), UID_LIMIT),
        )


def _text(component: Component, name: str) -> str:
    value = component.get(name, "")
    return str(value[0] if isinstance(value, list) and value else value)


def _value(event: Component, name: str) -> Any:
    found = event.get(name)
    try:
        return getattr(found[0] if isinstance(found, list) and found else found, "dt", None)
    except ValueError:  # a broken property says so when it is asked
        return None


def _moment(event: Component, name: str) -> tuple[str, str]:
    """(moment as ISO 8601, name of its zone); a day has neither hour nor zone."""
    value = _value(event, name)
    if not isinstance(value, date):
        return "", ""
    if not isinstance(value, datetime) or value.tzinfo is None:
        return _iso(value), ""
    return _iso(value), str(getattr(value.tzinfo, "key", "") or value.tzname() or "")


def _iso(value: date) -> str:
    return value.isoformat(timespec="minutes") if isinstance(value, datetime) else value.isoformat()


def _end(event: Component) -> str:
    starts, ends, lasts = (_value(event, name) for name in ("DTSTART", "DTEND", "DURATION"))
    if ends is None and isinstance(starts, date) and isinstance(lasts, timedelta):
        ends = starts + lasts
    if not isinstance(ends, date):
        return ""
    if not isinstance(ends, datetime):
        ends -= timedelta(days=1)  # RFC 5545 section 3.6.1: the day behind the last
    return "" if ends == starts else _iso(ends)


def _repeats(event: Component) -> str:
    """`WEEKLY 2 MO,TH COUNT=10` (RFC 5545 section 3.3.10): how often, each how many, on which days, how long."""
    rule = event.get("RRULE")
    if isinstance(rule, list):
        rule = rule[0] if rule else None
    if not rule:
        return ""
    every = {str(k).upper(): v if isinstance(v, list) else [v] for k, v in rule.items()}
    days = [m[1] for d in every.get("BYDAY", []) if (m := re.search(r"(MO|TU|WE|TH|FR|SA|SU)$", str(d).upper()))]
    ends = [f"COUNT={every['COUNT'][0]}"] if "COUNT" in every else []
    if "UNTIL" in every and isinstance(until := every["UNTIL"][0], date):
        ends = [f"UNTIL={until.isoformat()[:10]}"]
    frequency = str(every.get("FREQ", [""])[0]).upper()
    return " ".join([frequency, str(every.get("INTERVAL", [1])[0]), ",".join(days) or "-", *ends])
