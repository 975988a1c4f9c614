"""Invitations in words: what, when and where."""

from __future__ import annotations

import pytest

from gateway.mail import calendar
from gateway.mail.message import Event


def event(*lines: str) -> Event | None:
    return calendar.read("\r\n".join(("BEGIN:VCALENDAR", "METHOD:REQUEST", "BEGIN:VEVENT", *lines, "END:VEVENT")))


@pytest.mark.parametrize(
    ("lines", "when"),
    [
        (("DTSTART:20240513T080000Z", "DTEND:20240513T093000Z"), "2024-05-13 08:00–09:30 (UTC)"),
        (
            ("DTSTART;TZID=Europe/Berlin:20240513T100000", "DURATION:PT1H30M"),
            "2024-05-13 10:00, 1 h 30 min (Europe/Berlin)",
        ),
        (('DTSTART;TZID="W. Europe Standard Time":20240513T100000',), "2024-05-13 10:00 (W. Europe Standard Time)"),
        (("DTSTART:20240513T220000", "DTEND:20240514T020000"), "2024-05-13 22:00 – 2024-05-14 02:00"),
        (("DTSTART;VALUE=DATE:20240513",), "2024-05-13"),
        (("DTSTART:20240513T100000", "RRULE:FREQ=WEEKLY"), "2024-05-13 10:00, repeated"),
        (("DTSTART:soon",), ""),
    ],
)
def test_when(lines: tuple[str, ...], when: str) -> None:
    """Moments stay as the sender wrote them, with the name of their zone; what is no moment is not guessed."""
    found = event("SUMMARY:x", *lines)
    assert found is not None
    assert found.when == when


def test_words_are_unfolded_and_unescaped() -> None:
    """RFC 5545 sections 3.1 and 3.3.11."""
    found = event("SUMMARY:Lange\r\n r Titel\\, mit\\nZeile", "LOCATION;LANGUAGE=de:Raum 3\\; EG")
    assert found == Event("REQUEST", "Langer Titel, mit Zeile", "", "Raum 3; EG")


def test_the_method_of_the_part_counts_first() -> None:
    """The Content-Type says what to do with the calendar (RFC 6047 section 2.4)."""
    found = calendar.read("BEGIN:VCALENDAR\nMETHOD:PUBLISH\nBEGIN:VEVENT\nSUMMARY:x\nEND:VEVENT", "reply")
    assert found is not None
    assert found.method == "REPLY"


@pytest.mark.parametrize(
    "text", ["", "no calendar", "BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:x\nEND:VTODO\nEND:VCALENDAR"]
)
def test_no_event(text: str) -> None:
    """What holds no event gives none."""
    assert calendar.read(text) is None
