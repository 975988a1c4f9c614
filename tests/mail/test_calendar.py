"""Invitations: what, when, where and how often."""

from __future__ import annotations

import pytest

from gateway.core import invitation
from gateway.core.sentences import text_of
from gateway.mail import calendar
from gateway.mail.message import Event
from gateway.mail.parse import parse


def event(*lines: str, method: str = "REQUEST") -> Event:
    head = ("BEGIN:VCALENDAR", f"METHOD:{method}", "BEGIN:VEVENT")
    (found,) = calendar.read("\r\n".join((*head, "SUMMARY:Team", *lines, "END:VEVENT", "END:VCALENDAR")))
    return found


@pytest.mark.parametrize(
    ("lines", "english", "german"),
    [
        (
            ("DTSTART:20240513T080000Z", "DTEND:20240513T093000Z"),
            "13 May 2024, 08:00–09:30 (UTC)",
            "13. Mai 2024, 08:00–09:30 (UTC)",
        ),
        (
            ("DTSTART;TZID=Europe/Berlin:20240513T100000", "DURATION:PT1H30M"),
            "13 May 2024, 10:00–11:30 (Europe/Berlin)",
            "13. Mai 2024, 10:00–11:30 (Europe/Berlin)",
        ),
        (
            ('DTSTART;TZID="W. Europe Standard Time":20240513T100000',
             "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,TH;COUNT=10"),
            "13 May 2024, 10:00 (Europe/Berlin) · every 2 weeks: Monday, Thursday, 10 times",
            "13. Mai 2024, 10:00 (Europe/Berlin) · alle 2 Wochen: Montag, Donnerstag, 10-mal",
        ),
        (
            ("DTSTART:20240513T220000", "DTEND:20240514T020000", "RRULE:FREQ=DAILY;UNTIL=20240601T000000Z"),
            "13 May 2024, 22:00 – 14 May 2024, 02:00 · every day, until 1 June 2024",
            "13. Mai 2024, 22:00 – 14. Mai 2024, 02:00 · jeden Tag, bis 1. Juni 2024",
        ),
        (("DTSTART;VALUE=DATE:20240513", "DTEND;VALUE=DATE:20240514"), "13 May 2024", "13. Mai 2024"),
        (
            ("DTSTART;VALUE=DATE:20240513", "DTEND;VALUE=DATE:20240516"),
            "13 May 2024 – 15 May 2024",
            "13. Mai 2024 – 15. Mai 2024",
        ),
        (("DTSTART:20240513T100000", "RRULE:FREQ=SECONDLY"), "13 May 2024, 10:00 · repeated", "13. Mai "
        "2024, 10:00 · wiederholt"),
        (("DTSTART:soon",), "", ""),
    ],
)  # fmt: skip
def test_when(lines: tuple[str, ...], english: str, german: str) -> None:
    """The sender's clock with the name of its zone, in the reader's language; what is no moment is not guessed."""
    (stored,) = invitation.remarks((event(*lines),))
    assert text_of(stored, "en") == " · ".join(["Invitation: Team", *([english] if english else [])])
    assert text_of(stored, "de") == " · ".join(["Einladung: Team", *([german] if german else [])])


def test_words_are_unfolded_and_unescaped() -> None:
    """RFC 5545 sections 3.1 and 3.3.11."""
    head = "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\n"
    body = "SUMMARY:Lange\r\n r Titel\\, mit\\nZeile\r\nLOCATION;LANGUAGE=de:Raum 3\\; EG\r\n"
    (found,) = calendar.read(f"{head}{body}END:VEVENT\r\nEND:VCALENDAR\r\n")
    assert found == Event("REQUEST", "Langer Titel, mit Zeile", "Raum 3; EG")
    assert text_of(invitation.remarks((found,))[0], "en") == "Invitation: Langer Titel, mit Zeile · Raum 3; EG"


@pytest.mark.parametrize(
    ("method", "lines", "said"),
    [
        ("CANCEL", (), "Cancelled appointment: Team"),
        ("REPLY", ("ATTENDEE;PARTSTAT=DECLINED:mailto:a@x.example",), "Declined invitation: Team"),
        ("PUBLISH", (), "Appointment: Team"),
    ],
)
def test_what_it_is(method: str, lines: tuple[str, ...], said: str) -> None:
    """An invitation, an answer, a cancellation."""
    (stored,) = invitation.remarks((event(*lines, method=method),))
    assert text_of(stored, "en") == said


COMMENTED = """From: a@x.example
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain

{text}
--b
Content-Type: text/calendar; method={method}

BEGIN:VCALENDAR
BEGIN:VEVENT
SUMMARY:Visit
ATTENDEE;PARTSTAT=ACCEPTED:mailto:a@x.example
COMMENT:Please bring\\, too\\, the spare pump.
END:VEVENT
END:VCALENDAR
--b--
"""
COMMENT = "Please bring, too, the spare pump."


@pytest.mark.parametrize(
    ("method", "text", "want"),
    [
        ("REPLY", "", COMMENT),
        ("CANCEL", "Accepted: Visit", f"Accepted: Visit\n\n{COMMENT}"),
        ("REPLY", f"Kim wrote: {COMMENT}", f"Kim wrote: {COMMENT}"),
        ("REQUEST", "You are invited.", "You are invited."),
    ],
)
def test_a_comment_beside_an_answer_is_text(method: str, text: str, want: str) -> None:
    """Somebody wrote it to be read; most programs send it as text, too."""
    mail = parse(COMMENTED.format(method=method, text=text).encode())
    assert (mail.body_text.strip(), mail.reply_text.strip()) == (want, want)


SEVERAL = (
    "BEGIN:VCALENDAR\nMETHOD:PUBLISH\nBEGIN:VEVENT\nSUMMARY:a\nEND:VEVENT\nBEGIN:VEVENT\nSUMMARY:b\nEND:VEVENT\n"
    "END:VCALENDAR\n"
)


def test_several_events_and_the_method_of_the_part() -> None:
    """All of them; the Content-Type says what to do with the calendar (RFC 6047 section 2.4)."""
    raw = f"From: a@x.example\nContent-Type: text/calendar; method=reply\n\n{SEVERAL}".encode()
    assert [(e.method, e.summary) for e in parse(raw).events] == [("REPLY", "a"), ("REPLY", "b")]


def test_a_calendar_that_was_cut_off() -> None:
    """What is there is read."""
    assert [e.summary for e in calendar.read(SEVERAL[: SEVERAL.rfind("END:VEVENT")])] == ["a", "b"]


@pytest.mark.parametrize(
    "text",
    ["", "no calendar", "BEGIN:VCALENDAR\nBEGIN:VTODO\nSUMMARY:x\nEND:VTODO\nEND:VCALENDAR",
     "BEGIN:VCALENDAR\nBEGIN:VEVENT\n:"],
)  # fmt: skip
def test_no_event(text: str) -> None:
    """What holds no event gives none, and never raises."""
    assert all(event.summary == "" for event in calendar.read(text))
