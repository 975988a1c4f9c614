"""HTML taken apart: its tokens, attributes, and what in it no reader sees.

No tree: mail is never well-formed, may nest 100,000 deep, and must cost time in proportion to its length. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape as _unescape

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
"""Elements that hold nothing."""
_CONTENTLESS = frozenset("script style head title template noembed noframes object svg math".split())
_ENDS = {n: re.compile("</head[^>]*>|<body" if n == "head" else rf"</{n}\b[^>]*>", re.I) for n in _CONTENTLESS}
_NAME = re.compile(r"/?([a-zA-Z][^\s/>]*)")
_ATTRIBUTE = re.compile(r"""(?<![\w:-])([a-zA-Z][\w:-]{0,40})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")
_ATTRIBUTES_LIMIT = 8_000
"""Characters of one tag's attributes that are read."""
_ENDLESS = re.compile(r"&#[0-9]{1000,};?")
_BRACKETS = re.compile(r"<(?:<(?![a-zA-Z!?/]))*")

_HIDDEN = re.compile(
    r"(?i)display\s*:\s*none|mso-hide\s*:\s*all|visibility\s*:\s*(?:hidden|collapse)"
    r"|(?<![\w-])opacity\s*:\s*(?:0(?:\.0*)?|\.0+)%?\s*(?:;|!|$)"
    r"|(?<![\w-])clip-path\s*:\s*(?:inset\((?:50|100)%|circle\(0(?:px|%)?[\s)])"
    r"|(?<![\w-])transform\s*:\s*scale\(0(?:\.0*)?\)"
    r"|(?<![\w-])(?:(?:left|top)\s*:\s*-\d{3}|text-indent\s*:\s*-(?:\d{4}|[5-9]\d\d))"
)
"""Word indents the first line by less than a page, for labels beside what they name."""
_OFF_THE_FLOW = re.compile(r"(?i)(?<![\w-])position\s*:\s*(?:absolute|fixed)")
_HIDDEN_TOGETHER = (
    (
        _OFF_THE_FLOW,
        re.compile(
            r"(?i)(?<![\w-])(?:clip\s*:\s*rect\(\s*[01](?:px)?(?:[\s,]+[01](?:px)?){3}\s*\)"
            r"|(?:right|bottom)\s*:\s*-\d{4})"
        ),
    ),
    (
        re.compile(r"(?i)overflow\s*:\s*hidden"),
        re.compile(r"(?i)(?<![\w-])(?:max-)?height\s*:\s*[01](?:px)?\s*(?:;|!|$)"),
    ),
    (re.compile(r"(?i)(?<![\w-])color\s*:\s*(?:white|#fff(?:fff)?)\b"), re.compile(r"(?i)font-size\s*:\s*1px")),
)
"""Two that hide only together."""
_HIDDEN_ATTRIBUTE = re.compile(r"""(?i)(?:^|\s)hidden(?=$|[\s/]|=\s*["']?(?:hidden|true|["']))""")
_QUOTED_VALUE = re.compile(r"""=\s*(?:"[^"]*"|'[^']*')""")
STYLES_LIMIT = 16_000
"""Characters at the beginning of a document in which its styles are looked for; the patterns look ahead."""
_STYLE = re.compile(r"(?is)<style[^>]*>(.*?)</style")
_AT_BLOCK = re.compile(r"@[^{};]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}")
_HIDING_RULE = re.compile(r"(?:^|(?<=[},;])|\*/|<!--)\s*[a-z]*\.([\w-]+)\s*(?:,[^{}]*)?\{([^{}]*)\}", re.I)
"""Of a class alone: `[data-ogsc] .light` hides it in one program or place."""
_OWN_DISPLAY = re.compile(r"(?i)(?<![\w-])display\s*:")

_COLOURS = (
    r"(?:red|blue|green|#f00|#00f|#ff0000|#c00000|#0000ff|#0070c0|#00b050|#008000|#7030a0"
    r"|rgb\(\s*(?:255|192)\s*,\s*0\s*,\s*0\s*\)|rgb\(\s*0\s*,\s*(?:0|112)\s*,\s*(?:255|192)\s*\))"
)
"""What people take from the palettes of mail programs to answer in another colour."""
_PAINT = re.compile(_COLOURS, re.I)
_PAINTS = re.compile(rf"(?<![\w-])color\s*[:=]\s*[\"']?\s*{_COLOURS}", re.I)
_COLOUR = re.compile(r"(?i)(?<![\w-])color\s*:\s*([^;!]+)")
_ADDRESS = re.compile(r"<[^\s<>\"'=/:]{1,64}@[\w.-]{1,255}>")
"""No element: forms and scripts put a From field into their markup as it is."""


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
        if address := _ADDRESS.match(html, start):
            position = address.end()
            yield "", "", address[0]
            continue
        named = _NAME.match(html, start + 1)
        if not named:
            if html[start + 1 : start + 2] in ("!", "?", "/"):
                position = _after(html, start)
            else:
                brackets = _BRACKETS.match(html, start)
                position = brackets.end() if brackets else start + 1
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


def unescape(text: str) -> str:
    """Entities resolved. One of thousands of digits, which Python refuses to read, is no sign, as a browser has it."""
    try:
        return _unescape(text)
    except ValueError:
        return _unescape(_ENDLESS.sub("\ufffd", text))


def attributes_of(value: str) -> dict[str, str]:
    """The attributes of a tag by lower-case name, the first of each, entities resolved."""
    found: dict[str, str] = {}
    for m in _ATTRIBUTE.finditer(value[:_ATTRIBUTES_LIMIT]):
        found.setdefault(m[1].lower(), unescape(m[2] or m[3] or m[4] or ""))
    return found


def bare_of(attributes: str) -> frozenset[str]:
    """The names in a tag, lower case, with or without a value: `checked` says all by itself."""
    names = _QUOTED_VALUE.sub("= ", attributes[:_ATTRIBUTES_LIMIT]).lower().replace("/", " ").split()
    return frozenset(name.partition("=")[0] for name in names)


def _hides(style: str) -> bool:
    return bool(_HIDDEN.search(style)) or any(a.search(style) and b.search(style) for a, b in _HIDDEN_TOGETHER)


def hidden_classes(html: str) -> frozenset[str]:
    """Classes a `<style>` hides on every screen."""
    if not any(word in html for word in ("none", ".no", "hidden", "opacity", "mso-hide")):
        return frozenset()
    found: set[str] = set()
    for style in _STYLE.findall(html[:STYLES_LIMIT]):
        for name, rules in _HIDING_RULE.findall(_AT_BLOCK.sub("", style)):
            if _hides(rules):
                found.add(name.lower())
    return frozenset(found)


def is_hidden(found: dict[str, str], attributes: str, classes: frozenset[str]) -> bool:
    style = found.get("style", "")
    if style and _hides(style):
        return True
    if classes and not _OWN_DISPLAY.search(style) and not classes.isdisjoint(found.get("class", "").lower().split()):
        return True
    return "hidden" in attributes.lower() and bool(_HIDDEN_ATTRIBUTE.search(_QUOTED_VALUE.sub("=true", attributes)))


def is_painted(html: str) -> bool:
    """A cheap first look: False for markup without a letter in a colour people answer in."""
    return bool(_PAINTS.search(html))


def colour_in(style: str) -> str:
    """The colour of an element's letters, empty where its style sets none."""
    named = _COLOUR.search(style) if "olor" in style else None
    return named[1] if named else ""


def is_paint(colour: str) -> bool:
    return bool(_PAINT.fullmatch(colour.strip()))
