"""Notice and templates → the bytes of a mail.

Templates come from the site's folder first, then from the package. They are run in a sandbox,
a missing word is an error, and `check` tries every one at start: a template that would fail
must fail then, by file and line, and not when a customer waits for an answer.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from gettext import NullTranslations
from html import unescape
from pathlib import Path

import css_inline
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from gateway import texts
from gateway.core.greeting import sure_name
from gateway.core.notice import Notice, Outbound, Words
from gateway.errors import TemplateError
from gateway.mail.new_text import PREHEADER_FILL
from gateway.render import examples, wire
from gateway.render.brand import Brand
from gateway.render.templates import PACKAGED, environment, located
from gateway.texts import Catalog
from gateway.texts.direction import isolated

FALLBACK_LANGUAGE = "en"
PLAIN = Brand()
WIDTH = 72
"""Columns of a text body."""

_KNOWN = frozenset(p.name for p in (PACKAGED / "mail").glob("*.j2"))
_OF_LANGUAGE = frozenset({"labels.j2", *(f"{n.value}.{form}.j2" for n in Notice for form in ("txt", "html"))})
"""What a site may have for one language alone."""
_PIECES = "parts"
"""A folder where a site keeps pieces of its own, to be included by its templates."""

_ESSENTIAL: dict[Notice, tuple[str, ...]] = {
    Notice.REPLY: ("mail.text",),
    Notice.CLOSE_CONFIRMATION: ("mail.text", "mail.button.url"),
    Notice.REGISTRATION: ("mail.button.url",),
    Notice.PASSWORD_RESET: ("mail.button.url",),
    Notice.SIGN_IN: ("mail.button.url",),
    Notice.RATING_REQUEST: ("mail.choices",),
    Notice.AGENT_NOTICE: ("mail.text", "mail.remarks"),
    Notice.AGENT_RECEIPT: ("mail.remarks",),
    Notice.OPERATOR_ALARM: ("mail.remarks",),
    Notice.CANARY: ("mail.text",),
}
"""What a mail is sent for: no template may leave it out."""

# Nothing is ever fetched; at-rules stay, for a dark screen and a narrow one need them.
_INLINER = css_inline.CSSInliner(load_remote_stylesheets=False, keep_at_rules=True)


class Templates:
    """All mail templates, compiled when first used. Dates are shown in `timezone`; `brand` is how the site looks."""

    def __init__(self, override: Path | None = None, timezone: tzinfo = UTC, brand: Brand = PLAIN) -> None:
        self._override = override
        held = {p.name for p in (override / "mail").glob("*/") if _holds(p)} if override else set()
        self.languages = tuple(sorted({*texts.languages(), *held}))
        """Languages there are templates for."""
        self._environments = {
            language: _environment(language, override, timezone, brand) for language in self.languages
        }

    def check(self) -> None:
        """Compile and try every template in every language; `TemplateError` names file and line."""
        if self._override:
            _check_names(self._override)
        for language in self.languages:
            for notice in Notice:
                full, sparse = examples.outbounds(notice, language)
                self._check_complete(full)
                self.write(sparse)

    def write(self, outbound: Outbound) -> bytes:
        """The complete mail, lines ending in CRLF; the same Outbound gives the same bytes.

        `TemplateError` when a template fails, `ValueError` when an address is none.
        """
        return wire.write(outbound, self.text(outbound), self.html(outbound))

    def text(self, outbound: Outbound) -> str:
        return self._render("txt", outbound).strip("\n") + "\n"

    def html(self, outbound: Outbound) -> str:
        """The HTML body with its style on each element, for many mail programs read no other."""
        return self._render("html", outbound)

    def _check_complete(self, outbound: Outbound) -> None:
        """A mail without the agent's answer, or without its link, is worse than none."""
        words = outbound.words
        shown = {
            "mail.text": words.text.partition("\n")[0],
            "mail.remarks": "".join(words.remarks[:1]),
            "mail.button.url": words.button.url if words.button else "",
            "mail.choices": words.choices[-1].url if words.choices else "",
        }
        for form, body in (("txt", self.text(outbound)), ("html", unescape(self.html(outbound)))):
            for word in _ESSENTIAL.get(outbound.notice, ()):
                if " ".join(shown[word].split()) not in " ".join(body.split()):
                    file = self._environments[words.language].get_template(_name(outbound, form)).filename
                    raise TemplateError(f"{file}: the mail does not show {word}. Put it where it belongs.")

    def _render(self, form: str, outbound: Outbound) -> str:
        if outbound.words.language not in self.languages:
            outbound = replace(outbound, words=replace(outbound.words, language=FALLBACK_LANGUAGE))
        name = _name(outbound, form)
        try:
            template = self._environments[outbound.words.language].get_template(name)
            body = template.render(mail=outbound.words, subject=outbound.subject, now=outbound.date)
            return str(_INLINER.inline(body)) if form == "html" else body
        except Exception as error:
            raise TemplateError(located(error, name)) from error


def _environment(language: str, override: Path | None, timezone: tzinfo, brand: Brand) -> Environment:
    # A folder of templates without a catalog is a language too, when it has every one.
    spoken = language in texts.languages()
    words = texts.catalog(language) if spoken else Catalog(language, NullTranslations())
    made = environment(words, override, timezone, shared="mail" if spoken else "")

    @pass_context
    def ago(context: Context, value: datetime) -> str:
        """`3 days ago`, counted at the Date of the mail; empty for less than a minute."""
        return words.ago(context["now"] - value)

    def hello(mail: Words) -> str:
        """The greeting, by name where it surely is one."""
        name = sure_name(mail.recipient)
        return words.gettext("Hello {name},", name=name) if name else words.gettext("Hello,")

    made.globals["brand"] = brand
    made.filters.update(
        preheader=preheader,
        hello=hello,
        ago=ago,
        reflow=reflow,
        filled=filled,
        quoted=quoted,
        lines=lines,
        explained=explained,
        formatted=Markup,
        isolated=isolated,
    )
    return made


def _name(outbound: Outbound, form: str) -> str:
    return f"mail/{outbound.words.language}/{outbound.notice.value}.{form}.j2"


def _holds(folder: Path) -> bool:
    return folder.name != _PIECES and any(folder.glob("*.j2"))


def _check_names(override: Path) -> None:
    """A misspelt name would never be used, and nobody would notice."""
    if not override.is_dir():
        raise TemplateError(f"{override}: there is no such folder of templates. Create it, or correct the path.")
    mail = override / "mail"
    for path in sorted(p for p in mail.rglob("*.j2") if p.is_file()):
        folder = path.relative_to(mail).parts[:-1]
        if folder[:1] == (_PIECES,):
            continue
        names = _OF_LANGUAGE if folder else _KNOWN
        if len(folder) > 1 or path.name not in names:
            near = get_close_matches(path.name, names, 1)
            hint = f"Did you mean {near[0]}?" if near else f"Pieces of your own go into {mail / _PIECES}."
            raise TemplateError(f"{path}: no mail is made from a template of this name. {hint}")


# --- filters ---------------------------------------------------------------------------


def reflow(text: str) -> str:
    """Paragraphs, filled to WIDTH columns, each with an empty line after it; nothing for a blank text."""
    # A no-break space stays one: French puts it in front of a colon.
    paragraphs = (" ".join(filter(None, _BLANKS.split(p))) for p in _PARAGRAPHS.split(text))
    return "".join("\n".join(_fill(p, WIDTH)) + "\n\n" for p in paragraphs if p)


def filled(text: str, width: int = WIDTH, hang: int = 0) -> str:
    """A text with its own line breaks and, in lines that are too long, some more; what they break off is indented."""
    lines = ([*_fill(line.rstrip(), width - hang)] for line in text.strip("\n").split("\n"))
    return "\n".join(("\n" + " " * hang).join(parts) for parts in lines)


def quoted(text: str) -> str:
    """A text as replies quote it; none of its lines outgrows its mark."""
    return "\n".join(f"> {line}".rstrip() for line in filled(text, WIDTH - 2).split("\n"))


def preheader(text: str) -> Markup:
    """What an inbox shows beside the subject: the beginning of the text, and room after it, so that nothing follows."""
    # Of a long text only this can be seen: `shorten` would take all of it apart.
    beginning = " ".join(text.split(None, 3 * _PREHEADER)[: 3 * _PREHEADER])[: 4 * _PREHEADER]
    shown = textwrap.shorten(beginning, _PREHEADER, placeholder=" …")
    return escape(shown + PREHEADER_FILL * (_PREHEADER - len(shown)))


def lines(text: str) -> Markup:
    """A plain text as HTML: escaped, line breaks kept even where `white-space` is not understood."""
    return Markup("<br>").join(escape(text).split("\n"))


def explained(text: str) -> Markup:
    """`#order [this|that] – what it does` as HTML: the order stands out, breaks between words, and dates stay whole."""
    order = _ORDER.match(text)
    if order is None:
        return _breaking(text)
    return Markup("<strong>{}</strong>").format(_breaking(order[0])) + _breaking(text[order.end() :])


def _breaking(text: str) -> Markup:
    pieces = (
        Markup('<span class="whole">{}</span>').format(piece)
        if at % 2
        else Markup("|<wbr>").join(escape(piece).split("|"))
        for at, piece in enumerate(_DATE.split(text))
    )
    return Markup().join(pieces)


_PREHEADER = 100
"""Characters."""
_ORDER = re.compile(r"#[^\W\d].*?(?= – )")
_DATE = re.compile(r"\b(\d{4}-\d\d(?:-\d\d)?)\b")
_LEAD = re.compile("(?:> ?)* *")
_BLANKS = re.compile(r"[ \t\r\n]+")
_PARAGRAPHS = re.compile(r"\n\s*\n")


def _fill(line: str, width: int) -> list[str]:
    """Break at spaces. Words, and addresses of pages above all, stay whole."""
    if len(line) <= width:
        return [line]
    # A line that was quoted before keeps its marks in front of each piece, and code its indentation.
    found = _LEAD.match(line)
    mark = found[0][: width // 2] if found else ""
    filled: list[str] = []
    current = ""
    for word in line.removeprefix(mark).split(" "):
        if current and len(mark) + len(current) + 1 + len(word) > width:
            filled.append(mark + current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return [*filled, mark + current]
