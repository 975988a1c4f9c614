"""The texts, dates and numbers of one language.

Dates are shown in the time zone they are asked for; how they are written is a text like any other,
a pattern of CLDR (https://unicode.org/reports/tr35/tr35-dates.html). Babel is loaded when the first is asked for.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from functools import cached_property, lru_cache
from gettext import NullTranslations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from babel import Locale

FALLBACK_LANGUAGE = "en"


PLACE = re.compile(r"\{(\w+)\}")
"""Where a value goes: `{0}` or `{name}`, nothing else that str.format knows, for a site's texts are not ours."""


def filled(text: str, /, *arguments: object, **values: object) -> str:
    """The text with its values. `LookupError` when one is missing."""
    return PLACE.sub(lambda m: str(arguments[int(m[1])] if m[1].isdecimal() else values[m[1]]), text)


class Catalog:
    """`language` is a tag of RFC 5646 such as `de` or `pt-BR`. A text without a translation is English."""

    def __init__(self, language: str, translations: NullTranslations) -> None:
        self.language = language
        self._translations = translations

    def gettext(self, message: str, /, *arguments: object, **values: object) -> str:
        """The text; `{0}` and `{name}` in it stand for what is given."""
        return filled(self._translations.gettext(message), *arguments, **values)

    def pgettext(self, context: str, message: str, /, *arguments: object, **values: object) -> str:
        """The same where one English text means several things."""
        return filled(self._translations.pgettext(context, message), *arguments, **values)

    def ngettext(self, one: str, many: str, count: int, /, **values: object) -> str:
        """The form a language has for this number; `{count}` stands for it."""
        return filled(self._translations.ngettext(one, many, count), count=count, **values)

    def template(self, message: str, about: str = "") -> str:
        """The text with its places as they stand; `about` is its context where it has one."""
        said = self._translations
        return said.pgettext(about, message) if about else said.gettext(message)

    def words_in(self, context: str, message: str) -> tuple[str, ...]:
        """Words of one meaning, written `one|other`: what people or mail programs write, to be recognised."""
        return tuple(self._translations.pgettext(context, message).split("|"))

    @cached_property
    def name(self) -> str:
        """What the language calls itself, such as `Deutsch`."""
        return self._locale.get_display_name() or self.language

    def moment(self, value: datetime, zone: tzinfo) -> str:
        """`12 March 2026, 15:05 CET`."""
        return self._moment(value.replace(second=0, microsecond=0), zone)

    @lru_cache(maxsize=256)  # noqa: B019  # catalogs live as long as the process
    def _moment(self, value: datetime, zone: tzinfo) -> str:
        from babel.dates import get_timezone_name

        local = value.astimezone(zone)
        name = get_timezone_name(local, width="short", locale=self._locale)
        # Where a language has no name for a zone babel gives the offset; people know "CET" better.
        name = local.tzname() or name if name[:1] in "+-" else name
        shown = self._date(local, zone, self.pgettext("date", "d MMMM y, HH:mm"))
        return f"{shown} {name}"

    def short_moment(self, value: datetime, zone: tzinfo) -> str:
        """`12 Mar 2026, 15:05`."""
        return self._short_moment(value.replace(second=0, microsecond=0), zone)

    @lru_cache(maxsize=256)  # noqa: B019  # catalogs live as long as the process
    def _short_moment(self, value: datetime, zone: tzinfo) -> str:
        return self._date(value, zone, self.pgettext("date", "d MMM y, HH:mm"))

    def weekday_moment(self, value: datetime, zone: tzinfo) -> str:
        """`Thursday, 12 March, at 15:05`."""
        return self._date(value, zone, self.pgettext("date", "EEEE, d MMMM, 'at' HH:mm"))

    def day(self, value: datetime, zone: tzinfo) -> str:
        """`12 March 2026`."""
        return self._date(value, zone, self.pgettext("date", "d MMMM y"))

    def weekday(self, number: int) -> str:
        """The name of a day; Monday is 0."""
        from babel.dates import get_day_names

        return str(get_day_names("wide", locale=self._locale)[number])

    def ago(self, age: timedelta) -> str:
        """`3 days ago`; empty for less than a minute."""
        if age.total_seconds() < 60:
            return ""
        from babel.dates import format_timedelta

        return format_timedelta(-age, add_direction=True, locale=self._locale)

    def number(self, value: float, pattern: str) -> str:
        """By a pattern of CLDR: `0.0` shows 2.4 as `2.4`, or as `2,4`."""
        from babel.numbers import format_decimal

        return format_decimal(value, pattern, locale=self._locale)

    def _date(self, value: datetime, zone: tzinfo, pattern: str) -> str:
        from babel.dates import format_datetime

        return format_datetime(value.astimezone(zone), pattern, tzinfo=zone, locale=self._locale)

    @cached_property
    def _locale(self) -> Locale:
        from babel import Locale, UnknownLocaleError

        try:
            return Locale.parse(self.language, sep="-")
        except (UnknownLocaleError, ValueError):
            return Locale.parse(FALLBACK_LANGUAGE)


ENGLISH = Catalog(FALLBACK_LANGUAGE, NullTranslations())
