"""HTML read aloud: the lines a person sees, with links, lists, tables and quotations kept.

One pass over the tokens, no tree: mail is never well-formed, may nest 100,000 deep, and
must cost time in proportion to its length. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from html import unescape
from urllib.parse import unquote

from gateway.mail.text import clean

SIZE_LIMIT = 600_000
"""Characters of markup that are read, pictures written into it not counted; more than that nobody reads."""
_LINK_LIMIT = 2_000
_QUOTE_LEVELS = 20
_LINKS_OPEN = 5

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
"""Elements that hold nothing."""
_CONTENTLESS = frozenset("script style head title template noembed noframes object svg math".split())
_ENDS = {n: re.compile("</head[^>]*>|<body" if n == "head" else rf"</{n}\b[^>]*>", re.I) for n in _CONTENTLESS}
_NAME = re.compile(r"/?([a-zA-Z][^\s/>]*)")
_ATTRIBUTE = re.compile(r"""(?<![\w:-])([a-zA-Z][\w:-]{0,40})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")
_ATTRIBUTES_LIMIT = 8_000
"""Characters of one tag's attributes that are read."""
_BRACKETS = re.compile(r"<(?:<(?![a-zA-Z!?/]))*")

_BLOCKS = frozenset(
    "address article aside body center dd details div dl dt fieldset figcaption figure footer form header "
    "html li main nav section summary table tbody tfoot thead tr caption legend option".split()
)
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 blockquote ul ol pre dl".split())
_WRITTEN_IN = re.compile(r"data:[a-z/+;=]{0,60}base64,[A-Za-z0-9+/=%\s]{500,}", re.I)
_WHITE = re.compile(r"[ \t\r\n\f\v]+")
_INVISIBLE = re.compile("[\u200b\u200c\u2060\ufeff\u00ad\u034f\u2007]+")

_HIDDEN = re.compile(r"(?i)display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*hidden")
_TIGHT = re.compile(r"(?i)margin(?:-top|-bottom)?\s*:\s*0")
_QUOTE_CLASS = re.compile(
    r"(?i)(?:^|[\s_])(?:gmail_quote(?:_container)?|gmail_attr|yahoo_quoted|protonmail_quote|tutanota_quote|zmail_extra"
    r"|moz-cite-prefix)(?=$|\s)"
)
_QUOTE_START_ID = re.compile(
    r"(?i)^(?:x_)*(?:divRplyFwdMsg|appendonsend|stopSpelling|OLK_SRC_BODY_SECTION|yahoo_quoted_.*"
    r"|mail-editor-reference-message-container|ms-outlook-mobile-body-separator-line|replySplit|isForwardContent)$"
)
_OUTLOOK_RULE = re.compile(
    r"(?i)border:\s*none;\s*border-top:\s*solid\s+#[0-9a-f]{6}\s+1\.0pt"
    r"|border-top-color:\s*rgb\(229,\s*229,\s*229\)|border-top:\s*1px\s+solid\s+(?:#e5e5e5|rgb\(229,\s*229,\s*229\))"
)


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line as shown. `level` counts the quotations around it; `quoted` that the mail program
    itself marked it as the earlier mail, in whatever way it does."""

    text: str
    level: int = 0
    quoted: bool = False
    rule: bool = False
    """A horizontal rule."""
    indented: bool = False
    """Inside the `<blockquote>` Gmail makes when its user quotes or indents something by hand."""


@dataclass(frozen=True, slots=True)
class _Quotation:
    """An open element that holds quotation: its tag, how many of that tag were open, what it says."""

    tag: str
    depth: int
    marked: bool
    by_hand: bool = False
    gmail: bool = False
    """Gmail's frame for everything below the new text; answers between its quotations stand in it as well."""


@dataclass(slots=True)
class _State:
    lines: list[TextLine] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    quotes: list[_Quotation] = field(default_factory=list)
    level: int = 0
    marked: int = 0
    by_hand: int = 0
    lists: list[int | None] = field(default_factory=list)
    links: list[tuple[str, int]] = field(default_factory=list)
    pre: int = 0
    rest_quoted: bool = False
    bullet: str = ""
    cell: bool = False
    pictures: bool = False


def lines(html: str, *, pictures: bool = False) -> tuple[TextLine, ...]:
    """The visible lines of a document; blank lines stand between paragraphs, never two in a row.

    With `pictures` a picture of the mail itself stands as `[cid:ID]` in its place.
    """
    if len(html) > SIZE_LIMIT:
        html = _WRITTEN_IN.sub("", html)
    state = _State(pictures=pictures)
    hidden = ""
    hidden_depth = 0
    for name, attributes, text in tokens(html[:SIZE_LIMIT]):
        if hidden:
            if name == hidden:
                hidden_depth += 1
            elif name == f"/{hidden}":
                hidden_depth -= 1
                hidden = hidden if hidden_depth else ""
            continue
        if not name:
            _text(state, text)
        elif name.startswith("/"):
            _close(state, name[1:])
        else:
            found = attributes_of(attributes) if "=" in attributes else {}
            if name not in VOID and (_HIDDEN.search(found.get("style", "")) and not attributes.endswith("/")):
                hidden, hidden_depth = name, 1
                continue
            _open(state, name, found)
    _flush(state)
    return _spaced(state.lines)


def to_text(html: str) -> str:
    """The document as readable text: links as `text <url>`, quotations with `> `, cells with ` | `."""
    return from_lines(lines(html))


def from_lines(found: tuple[TextLine, ...]) -> str:
    shown = "\n".join(f"{'> ' * line.level}{'---' if line.rule else line.text}".rstrip() for line in found)
    return clean(shown).strip("\n")


def _text(state: _State, text: str) -> None:
    text = unescape(text) if "&" in text else text
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    if state.pre:
        head, *more = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        _word(state, head)
        for line in more:
            _break(state)
            _word(state, line)
        return
    text = _WHITE.sub(" ", text)
    if text == " ":
        if state.words and not state.words[-1].endswith(" "):
            state.words.append(" ")
        return
    if not state.words or state.words[-1].endswith(" "):
        text = text.lstrip(" ")
    _word(state, text)


def _word(state: _State, text: str) -> None:
    if not text:
        return
    if state.cell:
        state.cell = False
        if any(not w.isspace() for w in state.words):
            state.words.append(" | ")
    state.words.append(text)


def _open(state: _State, name: str, found: dict[str, str]) -> None:
    if name == "br":
        _break(state)
        return
    if name == "img":
        alt = found.get("alt", "").strip()
        if state.pictures and (source := found.get("src", "").strip())[:4].lower() == "cid:":
            _word(state, f"[cid:{unquote(source[4:])}]")
            return
        if alt and len(alt) <= 200:
            _word(state, alt if len(alt) <= 2 and not alt.isascii() else f"[{alt}]")
        return
    if name not in VOID:
        state.depth[name] = state.depth.get(name, 0) + 1
    if name in _PARAGRAPHS or name in _BLOCKS or name == "hr":
        _flush(state)
    if name in _PARAGRAPHS and not _is_tight(name, found):
        _space(state)
    marked = _QUOTE_START_ID.match(found.get("id", "")) or _OUTLOOK_RULE.search(found.get("style", ""))
    if name == "hr":
        state.lines.append(replace(_line(state, ""), rule=True))
        state.rest_quoted = state.rest_quoted or bool(marked)
    elif marked:
        state.rest_quoted = True
    elif name in VOID:
        return
    elif name == "blockquote":
        cite = found.get("type", "").lower() == "cite" or "cite" in found
        by_hand = "gmail_quote" in found.get("class", "")
        _quote(state, _Quotation(name, state.depth[name], cite and not by_hand, by_hand))
    elif _QUOTE_CLASS.search(found.get("class", "")):
        _quote(state, _Quotation(name, state.depth[name], True, gmail="gmail_quote" in found["class"]))
    if name == "pre":
        state.pre += 1
    elif name in ("ul", "ol"):
        state.lists.append(_number(found.get("start", "")) if name == "ol" else None)
    elif name == "li":
        _bullet(state)
    elif name in ("td", "th"):
        state.cell = True
        _drop_blanks(state)
    elif name == "tr":
        state.cell = False
    elif name == "a":
        state.links.append((found.get("href", "").strip(), len(state.words)))


def _is_tight(name: str, found: dict[str, str]) -> bool:
    return name == "p" and (
        "msonormal" in found.get("class", "").lower() or bool(_TIGHT.search(found.get("style", "")))
    )


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _bullet(state: _State) -> None:
    indent = "  " * min(max(len(state.lists) - 1, 0), 10)
    if state.lists and (number := state.lists[-1]) is not None:
        state.bullet = f"{indent}{number}. "
        state.lists[-1] = number + 1
    else:
        state.bullet = f"{indent}- "


def _drop_blanks(state: _State) -> None:
    while state.words and state.words[-1].isspace():
        state.words.pop()


def _close(state: _State, name: str) -> None:
    if name in VOID:
        return
    depth = state.depth.get(name, 0)
    if not depth:
        if name == "p":
            _flush(state)
            _space(state)
        return
    if name == "a":
        _end_link(state)
    if name in _PARAGRAPHS or name in _BLOCKS:
        _flush(state)
        if name in _PARAGRAPHS and name != "p":
            _space(state)
    state.depth[name] = depth - 1
    while state.quotes and state.quotes[-1].tag == name and state.quotes[-1].depth >= depth:
        _count(state, state.quotes.pop(), -1)
        if name == "blockquote" and not state.level and state.quotes and state.quotes[-1].gmail:
            _count(state, state.quotes[-1], -1)
            state.quotes[-1] = replace(state.quotes[-1], marked=False, gmail=False)
    if name == "pre":
        state.pre = max(0, state.pre - 1)
    elif name in ("ul", "ol") and state.lists:
        state.lists.pop()


def _end_link(state: _State) -> None:
    if not state.links:
        return
    href, start = state.links.pop()
    shown = "".join(state.words[start:]).strip()
    if not shown or not re.match(r"(?i)(?:https?|mailto|tel|ftp):", href) or len(href) > _LINK_LIMIT:
        return
    bare = re.sub(r"(?i)^(?:mailto:|tel:|https?://)|/$", "", href)
    if bare.partition("?")[0].casefold() not in shown.casefold() and href.casefold() not in shown.casefold():
        _drop_blanks(state)
        target = re.sub(r"[\s<>]", "", href)
        state.words.append(f" <{target}>")


def _quote(state: _State, opened: _Quotation) -> None:
    state.quotes.append(opened)
    _count(state, opened, 1)


def _count(state: _State, quotation: _Quotation, step: int) -> None:
    state.level += step * (quotation.tag == "blockquote")
    state.marked += step * quotation.marked
    state.by_hand += step * quotation.by_hand


def _line(state: _State, text: str) -> TextLine:
    quoted = state.rest_quoted or state.marked > 0
    return TextLine(text, min(state.level, _QUOTE_LEVELS), quoted, indented=state.by_hand > 0)


def _break(state: _State) -> None:
    if not _flush(state):
        state.lines.append(_line(state, ""))


def _space(state: _State) -> None:
    if state.lines and state.lines[-1].text:
        state.lines.append(_line(state, ""))


def _flush(state: _State) -> bool:
    """End the line; False when there was nothing on it."""
    if not state.words:
        return False
    line = "".join(state.words)
    line = line.rstrip() if state.pre else line.replace("\xa0", " ").strip()
    state.words.clear()
    if state.links:
        state.links = [(href, 0) for href, _ in state.links[-_LINKS_OPEN:]]
    state.cell = False
    if line and state.bullet:
        line, state.bullet = state.bullet + line, ""
    state.lines.append(_line(state, line))
    return True


def _spaced(found: list[TextLine]) -> tuple[TextLine, ...]:
    """At most one blank line in a row, none at either end."""
    out: list[TextLine] = []
    for line in found:
        if line.text or line.rule or (out and (out[-1].text or out[-1].rule)):
            out.append(line)
    while out and not out[-1].text and not out[-1].rule:
        out.pop()
    return tuple(out)


def tokens(html: str) -> Iterator[tuple[str, str, str]]:
    """(tag name, attributes, text): a start tag `b`, an end tag `/b`, or text with an empty name."""
    position, end = 0, len(html)
    never_closed: set[str] = set()
    while position < end:
        start = html.find("<", position)
        if start < 0:
            yield "", "", html[position:]
            return
        if start > position:
            yield "", "", html[position:start]
        if html.startswith("<!--", start):
            close = html.find("-->", start + 4)
            position = close + 3 if close >= 0 else _after(html, start)
            continue
        named = _NAME.match(html, start + 1)
        if not named:
            if html[start + 1 : start + 2] in ("!", "?", "/"):
                position = _after(html, start)
            else:
                position = _BRACKETS.match(html, start).end()  # type: ignore[union-attr]  # stands on a bracket
                yield "", "", html[start:position]
            continue
        position = _tag_end(html, named.end())
        name = named[1].lower()
        if named[0][0] == "/":
            yield f"/{name}", "", ""
            continue
        if name in _CONTENTLESS:
            match = None if name in never_closed else _ENDS[name].search(html, position)
            if match:
                position = match.end() if match[0][1] == "/" else match.start()
            else:
                never_closed.add(name)
            continue
        yield name, html[named.end() : position - 1], ""


def _after(html: str, start: int) -> int:
    close = html.find(">", start)
    return close + 1 if close >= 0 else len(html)


def _tag_end(html: str, start: int) -> int:
    """Behind the `>` that ends a tag; one inside a quoted value does not count, if that quote ends soon."""
    close = html.find(">", start)
    if close < 0:
        return len(html)
    inside = html[start:close]
    for quote in "\"'":
        if inside.count(quote) % 2 and inside.find(quote) == min(i for q in "\"'" if (i := inside.find(q)) >= 0):
            ending = html.find(quote, close, close + 4_000)
            further = html.find(">", ending) if ending >= 0 else -1
            if further >= 0:
                return further + 1
    return close + 1


def attributes_of(value: str) -> dict[str, str]:
    """The attributes of a tag by lower-case name, the first of each, entities resolved."""
    found: dict[str, str] = {}
    for m in _ATTRIBUTE.finditer(value[:_ATTRIBUTES_LIMIT]):
        found.setdefault(m[1].lower(), unescape(m[2] or m[3] or m[4] or ""))
    return found
