"""HTML as a run of tags and texts, read as forgivingly as a browser does and in one pass.

No tree, no recursion, and no pattern that looks at the same characters twice. Never raises.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
"""Elements that hold nothing."""
_CONTENTLESS = frozenset("script style head title template noembed noframes object svg math".split())
_ENDS = {n: re.compile("</head[^>]*>|<body" if n == "head" else rf"</{n}\b[^>]*>", re.I) for n in _CONTENTLESS}
_NAME = re.compile(r"/?([a-zA-Z][^\s/>]*)")
_ATTRIBUTE = re.compile(r"""(?<![\w:-])([a-zA-Z][\w:-]{0,40})\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]+))""")
_ATTRIBUTES_LIMIT = 8_000
"""Characters of one tag's attributes that are read."""
_BRACKETS = re.compile(r"<(?:<(?![a-zA-Z!?/]))*")


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
