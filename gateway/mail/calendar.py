"""Calendar invitations and answers in the words a reader needs (RFC 5545, 5546).

Reads what, when and where of the first event. Times stay as the sender wrote them, with the
name of their zone: turning them into another zone would need to know the reader's.
"""

from __future__ import annotations

import re

from gateway.mail.message import Event
from gateway.mail.text import clean, one_line

SIZE_LIMIT = 300_000
_PROPERTY = re.compile(r'([A-Za-z-]+)((?:;[A-Za-z-]+=(?:"[^"]*"|[^":;]*))*):(.*)')
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(?:\d\d)?(Z)?)?$")
_ZONE = re.compile(r';TZID=(?:"([^"]*)"|([^":;]*))', re.I)
_ANSWER = re.compile(r";PARTSTAT=([A-Z-]+)", re.I)
_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:\d+S)?)?$")


def read(text: str, declared_method: str = "") -> Event | None:
    """The first VEVENT of an iCalendar text, None when there is none. `declared_method` is the MIME parameter."""
    lines = re.sub(r"\n[ \t]", "", clean(text[:SIZE_LIMIT])).split("\n")
    method = declared_method.upper()
    found: dict[str, tuple[str, str]] = {}
    depth: list[str] = []
    for line in lines:
        m = _PROPERTY.match(line)
        if not m:
            continue
        name, parameters, value = m[1].upper(), m[2], m[3].strip()
        if name == "BEGIN":
            depth.append(value.upper())
        elif name == "END":
            if depth and depth.pop() == "VEVENT":
                break
        elif depth[-1:] == ["VEVENT"]:
            found.setdefault(name, (parameters, value))
        elif name == "METHOD" and len(depth) <= 1:
            method = method or value.upper()
    if not found:
        return None
    return Event(
        one_line(method, 30),
        one_line(_unescape(found.get("SUMMARY", ("", ""))[1])),
        one_line(_when(found), 300),
        one_line(_unescape(found.get("LOCATION", ("", ""))[1])),
        m[1].upper() if (m := _ANSWER.search(found.get("ATTENDEE", ("", ""))[0])) else "",
    )


def _unescape(value: str) -> str:
    """RFC 5545 section 3.3.11."""
    return re.sub(r"\\([\\;,nN])", lambda m: " " if m[1] in "nN" else m[1], value)


def _when(found: dict[str, tuple[str, str]]) -> str:
    start_day, start_time, zone = _moment(found.get("DTSTART", ("", "")))
    end_day, end_time, _ = _moment(found.get("DTEND", ("", "")))
    if not start_day:
        return ""
    when = f"{start_day} {start_time}".strip()
    if end_time and end_day == start_day:
        when += f"–{end_time}"
    elif end_time and end_day:
        when += f" – {end_day} {end_time}"
    elif span := _span(found.get("DURATION", ("", ""))[1]):
        when += f", {span}"
    if zone:
        when += f" ({zone})"
    if "RRULE" in found:
        when += ", repeated"
    return when


def _moment(value: tuple[str, str]) -> tuple[str, str, str]:
    """(day, time, zone); the time is empty for a whole day."""
    m = _MOMENT.match(value[1])
    if not m:
        return "", "", ""
    zone = _ZONE.search(value[0])
    named = "UTC" if m[6] else (zone[1] or zone[2] or "") if zone else ""
    return f"{m[1]}-{m[2]}-{m[3]}", f"{m[4]}:{m[5]}" if m[4] else "", named if m[4] else ""


def _span(value: str) -> str:
    m = _DURATION.match(value)
    if not m:
        return ""
    return " ".join(f"{int(n)} {unit}" for n, unit in zip(m.groups(), ("w", "d", "h", "min"), strict=True) if n)
