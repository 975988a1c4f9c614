"""Time zones a visitor may choose: one of each place, as CLDR has them."""

from __future__ import annotations

from functools import cache

from babel import Locale
from babel.core import get_global
from babel.dates import get_timezone_location

UTC = "UTC"


@cache
def _places() -> dict[str, str]:
    """Zone → country, such as `DE`. Read when a visitor first asks, for it takes two megabytes."""
    return {zone: country for zone, country in get_global("zone_territories").items() if not zone.startswith("Etc/")}


def every() -> frozenset[str]:
    return frozenset((*_places(), UTC))


@cache
def labels(language: str) -> tuple[tuple[str, str], ...]:
    """(zone, `Germany – Berlin`) of each in that language, by name; UTC first."""
    locale = Locale.parse(language, sep="-")
    named = [
        (zone, f"{locale.territories.get(place, place)} – {get_timezone_location(zone, locale, return_city=True)}")
        for zone, place in _places().items()
    ]
    return ((UTC, UTC), *sorted(named, key=lambda one: one[1]))
