"""Views and templates → pages.

Templates are found and run as those for mails are; `check` tries every one at start, so that a
broken template stops the start by file and line and not a customer's visit.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from gateway import texts
from gateway.errors import TemplateError
from gateway.portal import examples
from gateway.portal.views import Frame, View
from gateway.render.brand import Brand, logo_name
from gateway.render.mail import PLAIN
from gateway.render.templates import PACKAGED, environment, located
from gateway.texts import Catalog
from gateway.texts import mark as _

FOLDER = "portal"
STATIC = "static"
STATIC_LIMIT = 2_000_000
"""Bytes of one static file; they are kept in memory."""

_STATIC_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".webp": "image/webp",
    ".ico": "image/x-icon",
    ".woff2": "font/woff2",
}


@dataclass(frozen=True, slots=True)
class Static:
    """A file of the portal's own look."""

    data: bytes
    content_type: str
    version: str
    """Changes with the content, so browsers may keep the file for ever."""


class PageTemplates:
    """All page templates and the files they need; `override` is the site's own folder."""

    def __init__(self, override: Path | None, timezone: tzinfo, brand: Brand = PLAIN, logo: Path | None = None) -> None:
        self._brand = brand
        folders = [*([override] if override else []), PACKAGED]
        self.static = _static([f / FOLDER / STATIC for f in reversed(folders)])
        if brand != PLAIN:
            self.static["brand.css"] = _kept("brand.css", _BRAND_CSS.format(brand=brand).encode())
        if logo is not None:
            self.static[logo_name(logo.name)] = _kept(logo.name, _logo(logo))
        self._environments = {
            language: self._environment(texts.catalog(language), override, timezone) for language in texts.languages()
        }

    def check(self) -> None:
        """Try every template in every language. `TemplateError` names file and line."""
        for language in self._environments:
            for frame, view in examples.pages(language):
                try:
                    self.page(frame, view)
                except Exception as error:
                    raise TemplateError(located(error, f"{FOLDER}/{view.template}.html.j2")) from error

    def page(self, frame: Frame, view: View) -> str:
        template = self._environments[frame.language].get_template(f"{FOLDER}/{view.template}.html.j2")
        return template.render(frame=frame, view=view)

    def _environment(self, words: Catalog, override: Path | None, timezone: tzinfo) -> Environment:
        made = environment(words, override, timezone)
        made.filters.update(_filters(words))
        made.globals.update(version=self._version, brand=self._brand, static=self.static)
        return made

    def _version(self, name: str) -> str:
        return self.static[name].version


def _static(folders: list[Path]) -> dict[str, Static]:
    """Every file by its name; a later folder replaces an earlier one's."""
    found: dict[str, Static] = {}
    for path in (p for folder in folders for p in sorted(folder.glob("*"))):
        content_type = _STATIC_TYPES.get(path.suffix)
        if content_type is None or not path.is_file() or path.stat().st_size > STATIC_LIMIT:
            raise TemplateError(
                f"{path}: cannot be served. Put files of at most {STATIC_LIMIT} bytes there, "
                f"ending in {', '.join(_STATIC_TYPES)}."
            )
        found[path.name] = _kept(path.name, path.read_bytes())
    return found


def _kept(name: str, data: bytes) -> Static:
    content_type = _STATIC_TYPES[Path(name).suffix.lower()]
    return Static(data, content_type, hashlib.sha256(data).hexdigest()[:16])


def _logo(path: Path) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TemplateError(f"{path}: brand.logo_file cannot be read: {error.strerror}. Correct the path.") from error
    if len(data) > STATIC_LIMIT:
        raise TemplateError(f"{path}: brand.logo_file is larger than {STATIC_LIMIT} bytes. Use a smaller picture.")
    return data


_BRAND_CSS = """:root {{
  --link: {brand.colour};
  --fill: {brand.colour};
  --fill-hover: {brand.colour};
  --on-fill: {brand.on_colour};
  --note-line: {brand.colour};
}}
@media screen and (prefers-color-scheme: dark) {{
  :root {{
    --link: {brand.dark_colour};
    --fill: {brand.dark_colour};
    --fill-hover: {brand.dark_colour};
    --on-fill: {brand.on_dark_colour};
    --note-line: {brand.dark_colour};
  }}
}}
"""


# --- filters ---------------------------------------------------------------------------

_NOTES = {
    "signature": _("signature"),
    "encrypted": _("encrypted"),
    "nested too deep to take apart": _("nested too deep to take apart"),
}
"""What `Attachment.note` says of a file."""


def _filters(words: Catalog) -> dict[str, Callable[..., str]]:
    """What the pages need beyond the texts and dates that mails have, in one language."""

    @pass_context
    def when(context: Context, value: datetime) -> Markup:
        """`2 Mar 2026, 09:30`, in the visitor's time zone, with the exact moment for machines."""
        exact, shown = _there(context, value)
        return Markup('<time datetime="{}">{}</time>').format(exact, shown)

    def _there(context: Context, value: datetime) -> tuple[str, str]:
        zone = ZoneInfo(context["frame"].zone)
        return value.astimezone(zone).isoformat(timespec="minutes"), words.short_moment(value, zone)

    def noted(note: str) -> str:
        """What is noted of a file; a cause in a program's words stays as it is."""
        return words.gettext(_NOTES[note]) if note in _NOTES else note

    @pass_context
    def ago(context: Context, value: datetime) -> Markup:
        """`2 days ago`, with the exact moment for machines and on hovering."""
        exact, shown = _there(context, value)
        relative = words.ago(context["frame"].now - value) or words.gettext("just now")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(exact, shown, relative)

    return {"when": when, "ago": ago, "size": words.size, "noted": noted, "linked": linked}


_ADDRESS = re.compile(r"https?://[^\s<>\"'\x00-\x20]{3,2000}")
_NOT_PART = ".,;:!?)]}»“”’*"


def linked(text: str) -> Markup:
    """A text with its web addresses as links; everything else is escaped."""
    parts: list[str] = []
    end = 0
    for found in _ADDRESS.finditer(text):
        address = found[0].rstrip(_NOT_PART)
        if "(" in address and found[0][len(address) : len(address) + 1] == ")":
            address += ")"
        parts.append(escape(text[end : found.start()]))
        parts.append(Markup('<a href="{0}" rel="noopener noreferrer nofollow">{0}</a>').format(address))
        end = found.start() + len(address)
    parts.append(escape(text[end:]))
    return Markup("").join(parts)
