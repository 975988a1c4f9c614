"""HTML read aloud: the lines a person sees, with links, lists, tables and quotations kept.

One pass over the tokens, no tree: mail is never well-formed, may nest 100,000 deep, and
must cost time in proportion to its length. Never raises.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from urllib.parse import unquote

from gateway.mail import html_letters, html_list, html_signs, html_table
from gateway.mail.html_quotation import OUTLOOK_RULE, QUOTE_CLASS, QUOTE_NAMES, QUOTE_START_ID
from gateway.mail.links import same
from gateway.mail.markup import VOID, attributes_of, hidden_classes, is_hidden, tokens, unescape
from gateway.mail.text import clean

SIZE_LIMIT = 600_000
"""Characters of markup that are read, pictures written into it not counted; more than that nobody reads."""
_LINK_LIMIT, _QUOTE_LEVELS, _LINKS_OPEN = 2_000, 20, 5

_BLOCKS = frozenset(
    "address article aside body center dd details div dl dt fieldset figcaption figure footer form header "
    "html li main nav section summary table tbody tfoot thead tr caption legend option".split()
)
_PARAGRAPHS = frozenset("p h1 h2 h3 h4 h5 h6 blockquote ul ol pre dl".split())
_WRITTEN_IN = re.compile(r"data:[a-z/+;=]{0,60}base64,[A-Za-z0-9+/=%\s]{500,}", re.I)
_WHITE = re.compile(r"[ \t\r\n\f\v]+")
_INVISIBLE = re.compile("[\u200b\u2060\ufeff\u00ad\u034f\u2007]+|(?<!\\w)\u200c+|\u200c+(?!\\w)")
"""Signs without a shape; the non-joiner between letters is part of Persian and Indian spelling."""

_STRUCK = re.compile(r"(?i)text-decoration[^;:]*:[^;]*line-through")
_PAINT_SLACK = 2
"""Letters of a painted line that may be plain: a full stop."""
STRUCK_TAGS = frozenset(("s", "strike", "del"))
STRUCK = "~~"
"""Stands on both sides of what is struck out."""
_TIGHT = re.compile(r"(?i)margin(?:-top|-bottom)?\s*:\s*0")


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
    painted: bool = False
    """All of it is red, blue or green by hand, and no link."""
    drawn: bool = False
    """The first below a line as Outlook draws it above the header of what it quotes."""


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
class _TableRow:
    """An open row: how deep its table is, where the lines of each of its cells begin, and what each covers."""

    depth: int
    cells: list[int] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class _State:
    lines: list[TextLine] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    depth: dict[str, int] = field(default_factory=dict)
    quotes: list[_Quotation] = field(default_factory=list)
    level: int = 0
    marked: int = 0
    by_hand: int = 0
    lists: list[html_list.Numbers | None] = field(default_factory=list)
    links: list[tuple[str, int]] = field(default_factory=list)
    pre: int = 0
    rest_quoted: bool = False
    drawn: bool = False
    bullet: str = ""
    pictures: bool = False
    rows: list[_TableRow] = field(default_factory=list)
    joined: dict[int, int] = field(default_factory=dict)
    """By depth of table: how many columns the row before had, when it was shown as a row."""
    covered: dict[int, dict[int, int]] = field(default_factory=dict)
    """By depth of table and column: how many more rows a cell above reaches over."""
    shades: dict[str, list[tuple[str, int, bool]]] = field(default_factory=dict)
    """Open elements that set how their letters look (tag, depth, whether it is what the kind asks), by kind, from the
    first that has it."""
    struck: list[tuple[str, int]] = field(default_factory=list)
    raised: list[int] = field(default_factory=list)
    """Where the words of open `<sup>` begin."""
    paints: bool = False
    painted: int = 0
    """Letters of the line in such a colour."""


def strikes(style: str) -> bool:
    """The style of an element strikes its words out."""
    return bool(style) and bool(_STRUCK.search(style))


def lines(html: str, *, pictures: bool = False, paints: bool = False, hides: bool = True) -> tuple[TextLine, ...]:
    """The visible lines of a document; blank lines stand between paragraphs, never two in a row.

    With `pictures` a picture of the mail itself stands as `[cid:ID]` in its place; with `paints` it is told which lines
    are painted. Where something hidden never ends, for its end was left out, nothing is hidden.
    """
    if len(html) > SIZE_LIMIT:
        html = _WRITTEN_IN.sub("", html)
    state = _State(pictures=pictures, paints=paints)
    hidden, hidden_depth = "", 0
    classes = hidden_classes(html)
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
            if hides and name not in VOID and not attributes.endswith("/") and is_hidden(found, attributes, classes):
                hidden, hidden_depth = name, 1
                continue
            _open(state, name, found, attributes)
    if hidden:
        return lines(html, pictures=pictures, paints=paints, hides=False)
    _flush(state)
    while state.rows:
        _end_row(state)
    return _spaced(state.lines)


def to_text(html: str) -> str:
    """The document as readable text: links as `text <url>`, quotations with `> `, cells with ` | `."""
    return from_lines(lines(html))


def from_lines(found: tuple[TextLine, ...]) -> str:
    shown = "\n".join(f"{'> ' * line.level}{'---' if line.rule else line.text}".rstrip() for line in found)
    return clean(shown).strip("\n")


def _text(state: _State, text: str) -> None:
    if state.shades and (_is(state, "size") or _is(state, "colour")):
        return
    text = unescape(text) if "&" in text else text
    if state.shades and _is(state, "pictures"):
        text = html_letters.pictures(text)
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
    state.words.append(text)
    if state.paints and _is(state, "paint") and not state.links:
        state.painted += len(text)


def _open(state: _State, name: str, found: dict[str, str], attributes: str) -> None:
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
        style = found.get("style", "")
        if style or name == "font":
            for kind, has in html_letters.shades(style, found.get("color", ""), found.get("face", ""), state.paints):
                if has or state.shades.get(kind):
                    state.shades.setdefault(kind, []).append((name, state.depth[name], has))
        if name in STRUCK_TAGS or strikes(style):
            state.struck.append((name, state.depth[name]))
            _word(state, STRUCK)
    if name in _PARAGRAPHS or name in _BLOCKS or name == "hr":
        _flush(state)
    if name in _PARAGRAPHS and not _is_tight(name, found):
        _space(state)
    marked = "mobile-reference-message" in found.get("class", "") or QUOTE_START_ID.match(found.get("id", ""))
    state.drawn = state.drawn or (name not in ("td", "th") and bool(OUTLOOK_RULE.search(found.get("style", ""))))
    if name == "hr":
        state.lines.append(replace(_line(state, ""), rule=True))
        state.rest_quoted = state.rest_quoted or bool(marked)
    elif marked:
        state.rest_quoted = True
    elif name in VOID:
        _word(state, html_signs.box(name, found, attributes))
        return
    elif name == "blockquote":
        cite = found.get("type", "").lower() == "cite" or "cite" in found
        by_hand = "gmail_quote" in found.get("class", "")
        _quote(state, _Quotation(name, state.depth[name], cite and not by_hand, by_hand))
    elif QUOTE_CLASS.search(found.get("class", "")) or found.get("name") in QUOTE_NAMES:
        _quote(state, _Quotation(name, state.depth[name], True, gmail="gmail_quote" in found.get("class", "")))
    if name == "pre":
        state.pre += 1
    elif name in ("ul", "ol"):
        state.lists.append(html_list.opened(name, found, attributes))
    elif name == "li":
        _bullet(state, found.get("value", ""))
    elif name in ("td", "th", "tr", "table"):
        _table(state, name, found)
    elif name == "sup":
        state.raised.append(len(state.words))
    elif name == "q":
        _word(state, "“")
    elif name == "a":
        state.links.append((found.get("href", "").strip(), len(state.words)))
    if found or name == "option":
        _word(state, html_signs.box(name, found, attributes))


def _is(state: _State, kind: str) -> bool:
    shade = state.shades.get(kind)
    return bool(shade and shade[-1][2])


def _table(state: _State, name: str, found: dict[str, str]) -> None:
    """A row or a cell begins."""
    _flush(state)
    depth = state.depth.get("table", 0)
    if name == "table":
        state.joined.pop(depth, None)
        state.covered.pop(depth, None)
        return
    if name == "tr" or not state.rows or state.rows[-1].depth != depth:
        if state.rows and state.rows[-1].depth >= depth:
            _end_row(state)
        state.rows.append(_TableRow(depth))
    if name != "tr":
        state.rows[-1].cells.append(len(state.lines))
        state.rows[-1].spans.append(html_table.span(found))


def _end_row(state: _State) -> None:
    """The cells of a row side by side, if each is short."""
    _flush(state)
    row = state.rows.pop()
    places = html_table.columns(row.spans, state.covered.setdefault(row.depth, {}))
    if len(row.cells) < 2:
        return
    bounds = zip(row.cells, [*row.cells[1:], len(state.lines)], strict=True)
    cells = [[line for line in state.lines[start:end] if line.text or line.rule] for start, end in bounds]
    shown = [line for cell in cells for line in cell]
    filled = sum(map(bool, cells))
    if not filled or (filled < 2 and state.joined.get(row.depth) != len(places)):
        return
    text = html_table.row([" ".join(line.text for line in cell) for cell in cells], places)
    alike = all(replace(line, text="") == replace(shown[0], text="") for line in shown)
    most = html_table.CELL_LINES
    paged = any(len(cell) > most or (len(cell) > 1 and any(" | " in ln.text for ln in cell)) for cell in cells)
    if paged or not alike or shown[0].rule or len(text) > html_table.ROW_LENGTH:
        state.joined.pop(row.depth, None)
        return
    state.joined[row.depth] = len(places)
    state.lines[row.cells[0] :] = [replace(shown[0], text=text)]


def _is_tight(name: str, found: dict[str, str]) -> bool:
    return name == "p" and (
        "msonormal" in found.get("class", "").lower() or bool(_TIGHT.search(found.get("style", "")))
    )


def _bullet(state: _State, value: str) -> None:
    indent = "  " * min(max(len(state.lists) - 1, 0), 10)
    numbers = state.lists[-1] if state.lists else None
    state.bullet = f"{indent}{numbers.label(value) if numbers else '-'} "


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
    if state.struck and state.struck[-1] == (name, depth):
        state.struck.pop()
        _end_struck(state)
    for shade in state.shades.values():
        if shade and shade[-1][:2] == (name, depth):
            shade.pop()
    if name == "sup" and state.raised:
        start = state.raised.pop()
        state.words[start:] = [html_signs.raised(word) for word in ["".join(state.words[start:])] if word]
    if name == "q":
        _word(state, "”")
    if name in ("tr", "table"):
        level = state.depth.get("table", 0)
        while state.rows and state.rows[-1].depth >= level:
            _end_row(state)
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


def _end_struck(state: _State) -> None:
    if state.words and state.words[-1] == STRUCK:
        state.words.pop()
    elif state.words:
        last = state.words[-1]
        state.words[-1] = last.rstrip()
        state.words.append(STRUCK + last[len(last.rstrip()) :])
    elif state.lines:
        state.lines[-1] = replace(state.lines[-1], text=state.lines[-1].text + STRUCK)


def _end_link(state: _State) -> None:
    if not state.links:
        return
    href, start = state.links.pop()
    shown = "".join(state.words[start:]).strip()
    if not shown or not re.match(r"(?i)(?:https?|mailto|tel|ftp):", href) or len(href) > _LINK_LIMIT:
        return
    bare = re.sub(r"(?i)^(?:mailto:|tel:|https?://)|/$", "", href).partition("?")[0].casefold()
    if bare not in shown.casefold() and not same(shown, href):
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
    state.raised.clear()
    if state.links:
        state.links = [(href, 0) for href, _ in state.links[-_LINKS_OPEN:]]
    if line and state.bullet:
        line, state.bullet = state.bullet + line, ""
    found = _line(state, line)
    if line and state.drawn:
        found, state.drawn = replace(found, drawn=True), False
    state.lines.append(
        replace(found, painted=True) if state.painted and len(line) <= state.painted + _PAINT_SLACK else found
    )
    state.painted = 0
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
