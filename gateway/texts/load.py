"""Catalogs from `LANG/LC_MESSAGES/replydesk.po`: ours, then a site's, which wins text by text.

Ours are compiled in the wheel; in a checkout, which has no .mo, and for a site, the .po itself is read.
A site's broken file is refused by file and line when it is loaded; ours is read when first asked for.
"""

from __future__ import annotations

import re
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import templates
from gateway.errors import ConfigError
from gateway.texts.catalog import ENGLISH, PLACE, Catalog

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog as PoCatalog

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
    file = PACKAGED / language.replace("-", "_") / FILE
    compiled = file.with_suffix(".mo")
    if compiled.is_file():
        with compiled.open("rb") as stream:
            return GNUTranslations(stream)
    return _compiled(read(file)) if file.is_file() else NullTranslations()


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
    translations = _compiled(catalog)
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
