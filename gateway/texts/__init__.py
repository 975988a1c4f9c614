"""Every text a person reads, by language, from the gettext catalogs in templates/locale.

Keys are the English sentences, so English has no catalog. Say what you need where you need it:

    words = texts.catalog("de")                      # English where there is no such language
    words.gettext("Sent to {0}.", address)           # values go in by place or by name
    words.pgettext("agents", "Waiting on contact")   # one English word with more than one meaning
    words.ngettext("{count} day", "{count} days", 3)
    words.short_moment(when, zone)                   # also moment, day, ago, weekday_moment, number, size, file

Keys are literals: not inside an f-string or another marked call, or they are not found.
A sentence that stands in a table is marked: `_("Sent to {0}.")` after `from gateway.texts import mark as _`
(with a context: `mark_in("agents", "…")`), and is translated by `words.gettext(table[name])`. In templates the
same is `{{ _("Hello {name}", name=x) }}`, `{{ ngettext("{count} day", "{count} days", n) }}` and
`{{ pgettext("agents", "…") }}`; `gateway.render.templates.environment` makes them and the dates.
Then `make messages` puts new keys into the .po files and names what has no translation yet.

A site's own catalogs are added, and win, by `use`; `gateway.config` calls it.
"""

from __future__ import annotations

from pathlib import Path

from gateway.texts.catalog import ENGLISH, Catalog, Catalogs

__all__ = [
    "ENGLISH",
    "Catalog",
    "Catalogs",
    "catalog",
    "catalogs",
    "languages",
    "mark",
    "mark_in",
    "mark_many",
    "put_back",
    "use",
]

_current = Catalogs()


def use(templates_dir: Path | None) -> None:
    """Add the catalogs below a site's folder of templates, in place of any other site's.

    `ConfigError` with file and line when one is broken.
    """
    global _current
    if templates_dir or _current.site:
        _current = Catalogs(templates_dir)


def put_back(former: Catalogs) -> None:
    """Go on with catalogs that were in use before, whatever stands in their files by now."""
    global _current
    _current = former


def catalogs() -> Catalogs:
    """All languages: for what must be recognised in whichever language it was written."""
    return _current


def catalog(language: str) -> Catalog:
    """One language; English where there is no such."""
    return _current.of(language)


def languages() -> tuple[str, ...]:
    """Languages there are texts in, English first."""
    return _current.languages


def mark(message: str) -> str:
    """Marks a text in a table for `make messages`; it is translated where it is read."""
    return message


def mark_many(one: str, many: str) -> tuple[str, str]:
    """The same for `ngettext`."""
    return one, many


def mark_in(context: str, message: str) -> str:
    """The same for `pgettext`."""
    return message
