"""Views and templates → pages.

Templates come from the site's folder first, then from the package. They run in a sandbox and a
missing word is an error; `check` tries every one at start, so that a broken template stops the
start by file and line and not a customer's visit.
"""

from __future__ import annotations

import hashlib
import re
import traceback
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

from babel.dates import format_datetime
from babel.numbers import format_decimal
from jinja2 import FileSystemLoader, StrictUndefined, TemplateNotFound, TemplateSyntaxError, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

import templates
from gateway.errors import TemplateError
from gateway.portal import examples
from gateway.portal.views import Frame, View
from gateway.portal.words import LANGUAGES

PACKAGED = Path(templates.__path__[0])
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

    def __init__(self, override: Path | None, timezone: tzinfo) -> None:
        folders = [*([override] if override else []), PACKAGED]
        self.static = _static([f / FOLDER / STATIC for f in reversed(folders)])
        self._environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(folders),
            undefined=StrictUndefined,
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(when=_when(timezone), size=_size, linked=linked)
        self._environment.globals["version"] = self._version

    def check(self) -> None:
        """Try every template in every language. `TemplateError` names file and line."""
        for words in LANGUAGES.values():
            for frame, view in examples.pages(words):
                try:
                    self.page(frame, view)
                except Exception as error:
                    raise TemplateError(_located(error, view.template)) from error

    def page(self, frame: Frame, view: View) -> str:
        template = self._environment.get_template(f"{FOLDER}/{view.template}.html.j2")
        return template.render(frame=frame, words=frame.words, view=view)

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
        data = path.read_bytes()
        found[path.name] = Static(data, content_type, hashlib.sha256(data).hexdigest()[:16])
    return found


def _located(error: Exception, name: str) -> str:
    """`FILE:LINE: what is wrong`."""
    if isinstance(error, TemplateSyntaxError):
        return f"{error.filename or error.name}:{error.lineno}: {error.message}"
    if isinstance(error, TemplateNotFound):
        return f"{FOLDER}/{name}.html.j2: {error.name} is missing."
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(".j2")]
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else f"{FOLDER}/{name}.html.j2"
    return f"{where}: {error}"


# --- filters ---------------------------------------------------------------------------

_MOMENTS = {"en": "d MMM y, HH:mm", "de": "d. MMM y, HH:mm"}
_UNITS = ((1_000_000, "MB", "0.0"), (1_000, "KB", "0"))


def _when(timezone: tzinfo):  # type: ignore[no-untyped-def]  # jinja2's pass_context loses the type
    @pass_context
    def when(context: Context, value: datetime) -> Markup:
        """`2 Mar 2026, 09:30`, with the exact moment for machines."""
        language = context["words"].language
        local = value.astimezone(timezone)
        shown = format_datetime(local, _MOMENTS[language], tzinfo=timezone, locale=language)
        return Markup('<time datetime="{}">{}</time>').format(local.isoformat(timespec="minutes"), shown)

    return when


@pass_context
def _size(context: Context, value: int) -> str:
    """`2.4 MB`, in powers of ten as file managers count them."""
    language = context["words"].language
    for unit, name, pattern in _UNITS:
        if value >= unit:
            return f"{format_decimal(value / unit, pattern, locale=language)} {name}"
    return f"{value} B"


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
