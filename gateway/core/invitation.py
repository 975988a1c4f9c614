"""Invitations, answers and cancellations in a calendar, as a line of the ticket in its reader's language."""

from __future__ import annotations

from datetime import UTC, date, datetime

from gateway.mail.message import Event
from gateway.mail.sentence import code
from gateway.texts import Catalog
from gateway.texts import mark as _

EVENTS = 5
"""Of one mail that are named; the file has them all."""
_KINDS = {
    "REQUEST": _("Invitation"),
    "CANCEL": _("Cancelled appointment"),
    "ACCEPTED": _("Accepted invitation"),
    "DECLINED": _("Declined invitation"),
    "TENTATIVE": _("Invitation accepted with a question mark"),
    "COUNTER": _("Another time is proposed"),
}
_OTHER = _("Appointment")
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


def remarks(events: tuple[Event, ...]) -> tuple[str, ...]:
    """One for each event, ready to be stored."""
    return tuple(
        code(
            "event",
            e.answer if e.method == "REPLY" else e.method,
            e.summary,
            e.starts,
            e.ends,
            e.zone,
            e.repeats,
            e.where,
        )
        for e in events[:EVENTS]
    )


def _kind(event: Event) -> str:
    return event.answer if event.method == "REPLY" else event.method


def text(arguments: list[str], words: Catalog) -> str:
    """`Invitation: Team · 13 May 2024, 10:00–11:30 (Europe/Berlin) · every week: Monday · Room 3`."""
    kind, summary, starts, ends, zone, repeats, where = [*arguments, *[""] * 7][:7]
    named = words.gettext(_KINDS.get(kind, _OTHER))
    when = _when(starts, ends, zone, words)
    return " · ".join(
        p for p in (f"{named}: {summary}" if summary else named, when, _often(repeats, words), where) if p
    )


def _when(starts: str, ends: str, zone: str, words: Catalog) -> str:
    first, last = _read(starts), _read(ends)
    if first is None:
        return ""
    shown = _shown(first, words)
    if last is not None:
        same_day = isinstance(first, datetime) and isinstance(last, datetime) and first.date() == last.date()
        shown += f"–{last:%H:%M}" if same_day else f" – {_shown(last, words)}"
    return f"{shown} ({zone})" if zone else shown


def _read(value: str) -> date | None:
    """The clock where it happens; its zone is named beside it."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=UTC) if "T" in value else date.fromisoformat(value)
    except ValueError:
        return None


def _shown(value: date, words: Catalog) -> str:
    if isinstance(value, datetime):
        return words.short_moment(value, UTC)
    return words.day(datetime(value.year, value.month, value.day, tzinfo=UTC), UTC)


def _often(repeats: str, words: Catalog) -> str:
    frequency, interval, days, ends, *_rest = [*repeats.split(" "), "", "", ""]
    said = _each(frequency, int(interval) if interval.isdecimal() else 1, words) if repeats else ""
    if on := [words.weekday(_DAYS.index(day)) for day in days.split(",") if day in _DAYS]:
        said = f"{said}: {', '.join(on)}"
    name, value = ends.partition("=")[::2]
    if name == "COUNT" and value.isdecimal():
        times = words.ngettext("{count} time", "{count} times", int(value))
        return f"{said}, {times}"
    until = _read(value) if name == "UNTIL" else None
    if until is None:
        return said
    end = words.gettext("until {day}", day=_shown(until, words))
    return f"{said}, {end}"


def _each(frequency: str, count: int, words: Catalog) -> str:
    if frequency == "DAILY":
        return words.ngettext("every day", "every {count} days", count)
    if frequency == "WEEKLY":
        return words.ngettext("every week", "every {count} weeks", count)
    if frequency == "MONTHLY":
        return words.ngettext("every month", "every {count} months", count)
    if frequency == "YEARLY":
        return words.ngettext("every year", "every {count} years", count)
    return words.gettext("repeated")
