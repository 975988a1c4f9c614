"""Moments as people write them: in every language, with what follows them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.core.hours import Hours
from gateway.core.when import moment

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
"""A Friday, eleven o'clock in Berlin."""
HOURS = Hours(ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "local", "rest"),
    [
        ("3d", "2026-11-30 09:00", ""),
        ("3 days call them", "2026-11-30 09:00", "call them"),
        ("2h", "2026-11-27 13:00", ""),
        ("2 Stunden anrufen", "2026-11-27 13:00", "anrufen"),
        ("1w", "2026-12-04 09:00", ""),
        ("monday", "2026-11-30 09:00", ""),
        ("Mo", "2026-11-30 09:00", ""),
        ("montag 8:15 Angebot", "2026-11-30 08:15", "Angebot"),
        ("friday", "2026-12-04 09:00", ""),
        ("segunda-feira às 8:15 ligar", "2026-11-30 08:15", "ligar"),
        ("3 jours", "2026-11-30 09:00", ""),
        ("mañana a las 14:30", "2026-11-28 14:30", ""),
        ("poniedziałek", "2026-11-30 09:00", ""),
        ("2u bellen", "2026-11-27 13:00", "bellen"),
        ("tomorrow 14:30", "2026-11-28 14:30", ""),
        ("morgen", "2026-11-28 09:00", ""),
        ("14:30 lunch", "2026-11-27 14:30", "lunch"),
        ("8:00", "2026-11-28 08:00", ""),
        ("2026-12-01 note", "2026-12-01 09:00", "note"),
        ("1.12.", "2026-12-01 09:00", ""),
        ("1.3.", "2027-03-01 09:00", ""),
        ("24.12.2026 12:00 tree", "2026-12-24 12:00", "tree"),
        ("morgen 14 Uhr", "2026-11-28 14:00", ""),
        ("Montag 14 Uhr Braun anrufen", "2026-11-30 14:00", "Braun anrufen"),
        ("Montag, 14.30 Uhr Braun anrufen", "2026-11-30 14:30", "Braun anrufen"),
        ("Montag um 14 Uhr 30", "2026-11-30 14:30", ""),
        ("Montag 14:30 Uhr, Braun", "2026-11-30 14:30", "Braun"),
        ("Montag gegen 3 Uhr nachmittags Braun", "2026-11-30 15:00", "Braun"),
        ("1.12. 14 Uhr", "2026-12-01 14:00", ""),
        ("14 Uhr", "2026-11-27 14:00", ""),
        ("um 14", "2026-11-27 14:00", ""),
        ("monday 2pm call", "2026-11-30 14:00", "call"),
        ("monday 2 PM call", "2026-11-30 14:00", "call"),
        ("monday at 2:30 p.m. call", "2026-11-30 14:30", "call"),
        ("2pm", "2026-11-27 14:00", ""),
        ("2pm tomorrow call", "2026-11-28 14:00", "call"),
        ("14:30 Fr. Braun", "2026-11-27 14:30", "Fr. Braun"),
        ("monday 12am", "2026-11-30 00:00", ""),
        ("monday 12 pm", "2026-11-30 12:00", ""),
        ("tomorrow 9am", "2026-11-28 09:00", ""),
        ("tomorrow at 2 o'clock", "2026-11-28 02:00", ""),
        ("demain 14h30", "2026-11-28 14:30", ""),
        ("demain 14h appeler", "2026-11-28 14:00", "appeler"),
        ("demain à 14 h 30 appeler", "2026-11-28 14:30", "appeler"),
        ("demain à 14 heures", "2026-11-28 14:00", ""),
        ("14h30 appeler", "2026-11-27 14:30", "appeler"),
        ("mañana a las 2 de la tarde llamar", "2026-11-28 14:00", "llamar"),
        ("mañana 14 hs", "2026-11-28 14:00", ""),
        ("amanhã às 14h ligar", "2026-11-28 14:00", "ligar"),
        ("domani alle 14 chiamare", "2026-11-28 14:00", "chiamare"),
        ("domani alle ore 14.30", "2026-11-28 14:30", ""),
        ("morgen om 14 uur bellen", "2026-11-28 14:00", "bellen"),
        ("morgen 14u30 bellen", "2026-11-28 14:30", "bellen"),
        ("jutro o 14 telefon", "2026-11-28 14:00", "telefon"),
        ("jutro o godz. 14.30", "2026-11-28 14:30", ""),
        ("Montag 14h30", "2026-11-30 14:30", ""),
        ("lundi 2pm", "2026-11-30 14:00", ""),
        ("do piątku zadzwonić", "2026-12-04 09:00", "zadzwonić"),
        ("do jutra", "2026-11-28 09:00", ""),
        ("do 5.12. o 14", "2026-12-05 14:00", ""),
        ("za 3 dni zadzwonić", "2026-11-30 09:00", "zadzwonić"),
        ("za tydzień", "2026-12-04 09:00", ""),
        ("za miesiąc", "2026-12-27 09:00", ""),
        ("za 2h", "2026-11-27 13:00", ""),
        ("in 3 days call", "2026-11-30 09:00", "call"),
        ("in 3 Tagen anrufen", "2026-11-30 09:00", "anrufen"),
        ("in 3 Monaten", "2027-02-27 09:00", ""),
        ("dans 2 semaines", "2026-12-11 09:00", ""),
        ("dentro de 2 horas", "2026-11-27 13:00", ""),
        ("tra 3 giorni", "2026-11-30 09:00", ""),
        ("over 3 dagen", "2026-11-30 09:00", ""),
        ("daqui a 3 dias", "2026-11-30 09:00", ""),
        ("until friday call", "2026-12-04 09:00", "call"),
        ("bis Montag, 14 Uhr", "2026-11-30 14:00", ""),
        ("jusqu’au 1.12.", "2026-12-01 09:00", ""),
        ("today 16:00", "2026-11-27 16:00", ""),
        ("heute 16 Uhr anrufen", "2026-11-27 16:00", "anrufen"),
        ("übermorgen", "2026-11-29 09:00", ""),
        ("the day after tomorrow", "2026-11-29 09:00", ""),
        ("pasado mañana a las 14:30", "2026-11-29 14:30", ""),
        ("Do Fr. Braun anrufen", "2026-12-03 09:00", "Fr. Braun anrufen"),
        ("Do anrufen", "2026-12-03 09:00", "anrufen"),
        ("Do 14.30 Uhr", "2026-12-03 14:30", ""),
        ("za 14 uur", "2026-11-28 14:00", ""),
        ("27.11. 16:00 anrufen", "2026-11-27 16:00", "anrufen"),
        ("26.11.", "2027-11-26 09:00", ""),
        ("montag 14 Angebote", "2026-11-30 09:00", "14 Angebote"),
        ("montag 14.30 Euro", "2026-11-30 09:00", "14.30 Euro"),
        ("montag 25 Uhr", "2026-11-30 09:00", "25 Uhr"),
        ("montag 14 Uhrwerke", "2026-11-30 09:00", "14 Uhrwerke"),
    ],
)
def test_understood(text: str, local: str, rest: str) -> None:
    found, after = moment(text, NOW, HOURS)
    assert found is not None
    assert (f"{found.astimezone(HOURS.zone):%Y-%m-%d %H:%M}", after) == (local, rest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "3",
        "0d",
        "3 things",
        "25:00",
        "2026-11-27",
        "27.11.",
        "29.2.",
        "today",
        "in a while",
        "until 14",
        "in 0 days",
        "2026-02-30",
        "2020-01-01",
        "2099-01-01",
        "999w",
        "3d5",
        "0h",
        "25 Uhr",
        "14.30",
        "13am",
        "14 things",
        "at noon",
        "pm",
    ],
)
def test_not_understood(text: str) -> None:
    """Also what is over, or years away."""
    assert moment(text, NOW, HOURS) == (None, text)


def test_the_leap_day() -> None:
    """Named in the year before it, and on the day itself."""
    for now in (datetime(2027, 12, 20, 9, 0, tzinfo=UTC), datetime(2028, 2, 29, 9, 0, tzinfo=UTC)):
        found, _ = moment("29.2. 16:00", now, HOURS)
        assert found == datetime(2028, 2, 29, 15, 0, tzinfo=UTC)
