"""The texts, dates and numbers of a language, from `LANG/LC_MESSAGES/replydesk.po`: ours, then a site's, which wins.

Dates are shown in the time zone they are asked for; how they are written is a text like any other,
a pattern of CLDR (https://unicode.org/reports/tr35/tr35-dates.html). Babel is loaded when the first is asked for.
Our catalogs are compiled in the wheel; in a checkout, which has no .mo, and for a site, the .po itself is read.
A site's broken file is refused by file and line when it is loaded; ours is read when first asked for.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, tzinfo
from functools import cache, cached_property, lru_cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import templates
from gateway.errors import ConfigError

if TYPE_CHECKING:
    from babel import Locale
    from babel.messages.catalog import Catalog as PoCatalog

FALLBACK_LANGUAGE = "en"


PLACE = re.compile(r"\{(\w+)\}")
"""Where a value goes: `{0}` or `{name}`, nothing else that str.format knows, for a site's texts are not ours."""


def filled(text: str, /, *arguments: object, **values: object) -> str:
    """The text with its values. `LookupError` when one is missing."""
    return PLACE.sub(lambda m: str(arguments[int(m[1])] if m[1].isdecimal() else values[m[1]]), text)


_DAY = re.compile(r"\bd\b")
"""In a pattern of CLDR."""


class Catalog:
    """`language` is a tag of RFC 5646 such as `de` or `pt-BR`. A text without a translation is English."""

    def __init__(self, language: str, translations: NullTranslations) -> None:
        self.language = language
        self._translations = translations
        self._moment = lru_cache(maxsize=256)(self._written)
        self._short_moment = lru_cache(maxsize=256)(self._written_short)

    def gettext(self, message: str, /, *arguments: object, **values: object) -> str:
        """The text; `{0}` and `{name}` in it stand for what is given."""
        return filled(self._translations.gettext(message), *arguments, **values)

    def pgettext(self, context: str, message: str, /, *arguments: object, **values: object) -> str:
        """The same where one English text means several things."""
        return filled(self._translations.pgettext(context, message), *arguments, **values)

    def ngettext(self, one: str, many: str, count: int, /, *arguments: object, **values: object) -> str:
        """The form a language has for this number; `{count}` stands for it."""
        return filled(self._translations.ngettext(one, many, count), *arguments, count=count, **values)

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

    def _written(self, value: datetime, zone: tzinfo) -> str:
        from babel.dates import get_timezone_name

        local = value.astimezone(zone)
        name = get_timezone_name(local, width="short", locale=self._locale)
        # Where a language has no name for a zone babel gives the offset; people know "CET" better, and the
        # French "UTC" than "TU".
        name = local.tzname() or name if name[:1] in "+-" or name == "TU" else name
        shown = self._date(local, zone, self.pgettext("date", "d MMMM y, HH:mm"))
        return f"{shown} {name}"

    def short_moment(self, value: datetime, zone: tzinfo) -> str:
        """`12 Mar 2026, 15:05`."""
        return self._short_moment(value.replace(second=0, microsecond=0), zone)

    def _written_short(self, value: datetime, zone: tzinfo) -> str:
        return self._date(value, zone, self.pgettext("date", "d MMM y, HH:mm"))

    def weekday_moment(self, value: datetime, zone: tzinfo) -> str:
        """`Thursday, 12 March, at 15:05`."""
        return self._date(value, zone, self.pgettext("date", "EEEE, d MMMM, 'at' HH:mm"))

    def day(self, value: datetime, zone: tzinfo) -> str:
        """`12 March 2026`."""
        return self._date(value, zone, self.pgettext("date", "d MMMM y"))

    def weekday(self, number: int, *, short: bool = False) -> str:
        """The name of a day; Monday is 0."""
        from babel.dates import get_day_names

        return str(get_day_names("abbreviated" if short else "wide", locale=self._locale)[number])

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

    def size(self, count: int) -> str:
        """`2.4 MB`, in powers of ten as file managers count them."""
        if count >= 999_500:  # rounded it is a thousand KB
            return self.gettext("{number} MB", number=self.number(count / 1_000_000, "0.0"))
        if count >= 1_000:
            return self.gettext("{number} KB", number=self.number(count / 1_000, "0"))
        return self.gettext("{number} B", number=count)

    def file(self, name: str, size: int) -> str:
        """`bill.pdf (2.4 MB)`."""
        return f"{name} ({self.size(size)})"

    def _date(self, value: datetime, zone: tzinfo, pattern: str) -> str:
        from babel.dates import format_datetime

        local = value.astimezone(zone)
        if local.day == 1:
            pattern = _DAY.sub(lambda _: self.pgettext("the first of a month", "d"), pattern)
        return format_datetime(local, pattern, tzinfo=zone, locale=self._locale)

    @cached_property
    def _locale(self) -> Locale:
        from babel import Locale, UnknownLocaleError

        try:
            return Locale.parse(self.language, sep="-")
        except (UnknownLocaleError, ValueError):
            return Locale.parse(FALLBACK_LANGUAGE)


ENGLISH = Catalog(FALLBACK_LANGUAGE, NullTranslations())


PACKAGED = Path(templates.__path__[0]) / "locale"
_LINE = re.compile(r'\s*(?:#.*|(?:(?:msgctxt|msgid|msgid_plural|msgstr(?:\[\d\])?)\s*)?"(?:[^"\\]|\\.)*")?\s*')
"""A line of a .po file; Babel reads past what is none."""
FILE = Path("LC_MESSAGES") / "replydesk.po"


class Catalogs:
    """Every language there are texts in; `site` is a site's folder of templates."""

    def __init__(self, site: Path | None = None) -> None:
        self.site = site
        files = _files(site / "locale") if site else []
        self._sites = {_tag(file): Catalog(_tag(file), _site_translations(file)) for file in files}
        known = {*self._sites, *map(_tag, _files(PACKAGED))} - {ENGLISH.language}
        self.languages = (ENGLISH.language, *sorted(known))

    def of(self, language: str) -> Catalog:
        """One language; English where there is no such."""
        if language not in self.languages:
            language = ENGLISH.language
        return self._sites.get(language) or _ours(language)

    def every(self) -> tuple[Catalog, ...]:
        """All, and ours which a site's came before: what was once written in their words is still recognised."""
        return (*map(self.of, self.languages), *map(_ours, self._sites))


@cache
def _ours(language: str) -> Catalog:
    return ENGLISH if language == ENGLISH.language else Catalog(language, _packaged(language))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob(f"*/{FILE}"))


def _tag(file: Path) -> str:
    return file.parent.parent.name.replace("_", "-")


@cache
def _packaged(language: str) -> NullTranslations:
    return translations(PACKAGED / language.replace("-", "_") / FILE)


def translations(file: Path) -> NullTranslations:
    """Of a .po file, or of the .mo beside it; none where there is no such file."""
    compiled = file.with_suffix(".mo")
    if _is_of(compiled, file):
        with compiled.open("rb") as stream:
            return GNUTranslations(stream)
    return _compiled(read(file)) if file.is_file() else NullTranslations()


def _is_of(compiled: Path, file: Path) -> bool:
    """Whether it was made of the file as it is now: in a checkout somebody may have edited that since."""
    return compiled.is_file() and compiled.stat().st_mtime_ns >= file.stat().st_mtime_ns


def _site_translations(file: Path) -> NullTranslations:
    catalog = read(file)
    for message in catalog:
        keys = message.id if isinstance(message.id, list | tuple) else [message.id]
        texts = message.string if isinstance(message.string, list | tuple) else [message.string or ""]
        if any(keys) and not all(placeholders(text) <= placeholders(keys[-1]) for text in texts):
            raise ConfigError(
                "",
                f"{keys[0]!r} is translated with other words in {{}}",
                "Use the same ones.",
                f"{file}:{message.lineno}",
            )
    any_text = ""
    try:
        translations = _compiled(catalog)
        for count in range(101):
            translations.ngettext(any_text, any_text, count)
    except (ValueError, ArithmeticError) as error:
        remedy = "Copy the Plural-Forms of a catalog of ours."
        raise ConfigError("", f"cannot be used ({error})", remedy, str(file)) from None
    translations.add_fallback(_packaged(_tag(file)))
    return translations


def read(file: Path) -> PoCatalog:
    """`ConfigError` with the line that is wrong."""
    from babel import Locale, UnknownLocaleError
    from babel.messages.pofile import PoFileError, read_po

    try:
        locale = Locale.parse(_tag(file), sep="-")
        lines = file.read_text("utf-8").split("\n")
        wrong = next((n for n, line in enumerate(lines, 1) if not _LINE.fullmatch(line)), 0)
        if wrong:
            raise ConfigError("", "is no line of a .po file", "Correct that line.", f"{file}:{wrong}")
        return read_po(lines, locale=locale, abort_invalid=True)
    except PoFileError as error:
        raise ConfigError("", str(error), "Correct that line.", f"{file}:{error.lineno}") from None
    except (UnknownLocaleError, ValueError) as error:
        raise ConfigError(
            "", f"cannot be read ({error})", "It is UTF-8, in a folder named as de or pt_BR.", str(file)
        ) from None


def placeholders(text: str) -> set[str]:
    """What is put into a text: `{0}` and `{name}`."""
    return set(PLACE.findall(text))


def _compiled(catalog: PoCatalog) -> GNUTranslations:
    from babel.messages.mofile import write_mo

    stream = BytesIO()
    write_mo(stream, catalog)
    stream.seek(0)
    return GNUTranslations(stream)
