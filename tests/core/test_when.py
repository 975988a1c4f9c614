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
    ],
)
def test_understood(text: str, local: str, rest: str) -> None:
    found, after = moment(text, NOW, HOURS)
    assert found is not None
    assert (f"{found.astimezone(HOURS.zone):%Y-%m-%d %H:%M}", after) == (local, rest)


@pytest.mark.parametrize(
    "text",
    ["", "soon", "3", "0d", "3 things", "25:00", "2026-11-27", "2026-02-30", "2020-01-01", "2099-01-01", "999w", "3d5"],
)
def test_not_understood(text: str) -> None:
    """Also what is over, or years away."""
    assert moment(text, NOW, HOURS) == (None, text)
