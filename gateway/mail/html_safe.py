"""HTML of strangers: as readable text, and as markup that is safe to show on the portal.

Nothing remote is ever loaded, no script, style or form survives, and both depth and size
are capped before the sanitiser sees the markup (it takes 23 s for 100,000 nested elements).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from urllib.parse import unquote

from gateway.mail import html_signs, html_text, markup
from gateway.mail.text import clean

SIZE_LIMIT = 2_000_000
"""Characters of markup that are sanitised; longer mail is shown as its text."""
DEPTH_LIMIT = 200
"""Open elements; browsers cope with 512, mail people write stays below 100."""

WEIGHT_LIMIT = 3_000_000
"""Sum of the depths at every tag: what the sanitiser's tree may grow to."""

_TAGS = frozenset(
    "a abbr address article b bdi bdo big blockquote br caption center cite code col colgroup dd del details dfn div "
    "dl dt em figcaption figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q rp rt "
    "ruby s samp section small span strike strong sub summary sup table tbody td tfoot th thead time tr tt u ul var "
    "wbr".split()
)
_DROPPED_WITH_CONTENT = frozenset("script style title svg math iframe object noframes template".split())
_ATTRIBUTES = {
    "*": {"dir", "lang", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "align", "valign"},
    "th": {"colspan", "rowspan", "align", "valign", "scope"},
    "ol": {"start", "type", "reversed"},
    "li": {"value"},
    "time": {"datetime"},
    "col": {"span"},
    "colgroup": {"span"},
}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
_UNNESTED = markup.VOID | frozenset("p li td th tr dd dt option".split())
"""Elements that hold nothing, or that the next of their kind closes."""
_LEADS_OUT = re.compile(r"\s*(?:https?|mailto|tel):", re.I)
_REMOTE = re.compile(r"\s*(?:https?:)?//", re.I)
_REMOTE_STYLE = re.compile(r"url\(\s*[\"']?\s*(?:https?:)?//", re.I)
_LOADED = ("src", "srcset", "background", "poster")


def sanitise(html: str, cids: Mapping[str, str] | None = None) -> str:
    """Markup that is safe inside our page. Pure; call it in a thread.

    `cids` maps Content-IDs (no angle brackets) to portal URLs. An image without one keeps its
    alternative text only, which `for_page` puts in its place. Markup that is too deep or too
    long is shown as its text.
    """
    import nh3

    html = clean(html)
    if len(html) > SIZE_LIMIT or _too_complex(html):
        return f"<pre>{escape(html_text.to_text(html))}</pre>"
    shown = dict(cids or {})

    def allow(element: str, attribute: str, value: str) -> str | None:
        if element == "img" and attribute == "src":
            scheme, _, cid = value.strip().partition(":")
            return shown.get(unquote(cid)) or shown.get(cid) if scheme.lower() == "cid" else None
        # Relative links would lead into the portal.
        return value if attribute != "href" or _LEADS_OUT.match(value) else None

    return nh3.clean(
        html,
        tags=set(_TAGS),
        clean_content_tags=set(_DROPPED_WITH_CONTENT),
        attributes=_ATTRIBUTES,
        attribute_filter=allow,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel="noopener noreferrer nofollow",
        strip_comments=True,
    )


def for_page(html: str, cids: Mapping[str, str]) -> str:
    """Sanitised markup that shows what a mail program would: nothing a style hides; what is struck out or ticked.

    A picture that is not loaded is its name in a frame (class `unloaded`), for browsers show a sign of damage; one
    without a name is gone. `cids` as for `sanitise`."""
    shown = sanitise(html if len(html) > SIZE_LIMIT else _as_seen(html), cids)
    return _IMG.sub(lambda found: found[0] if ' src="' in found[0] else _named(found[1]), shown)


def _as_seen(html: str, *, hides: bool = True) -> str:
    """The same markup where what is hidden, struck out or ticked needs no style and no form: neither is kept.

    As in `html_text.lines`: where something hidden never ends, for its end was left out, nothing is hidden;
    nor where nothing else is said.
    """
    classes = markup.hidden_classes(html)
    hidden, struck, changed, says = _Reach(), _Reach(), False, False
    written: list[str] = []
    for name, attributes, text in markup.tokens(html):
        if hidden.name:
            hidden.go(name)
            continue
        opens = name not in markup.VOID and not name.startswith("/") and not attributes.endswith("/")
        found = markup.attributes_of(attributes) if "=" in attributes else {}
        if hides and name and opens and markup.is_hidden(found, attributes, classes):
            hidden, changed = _Reach(name, 1), True
            continue
        if name == struck.name and name in _UNNESTED:
            struck = _Reach()
        struck.go(name)
        if not name:
            said, blank = text.replace("<", "&lt;"), not text.strip()
            says = says or not blank
            written.append(f"<s>{said}</s>" if struck.name and not blank else said)
            continue
        if opens and not struck.name and html_text.strikes(found.get("style", "")):
            struck, changed = _Reach(name, 1), True
        written.append(f"<{name}{attributes}>")
        if (found or name == "option") and (sign := html_signs.box(name, found, attributes)):
            written.append(escape(sign))
            changed = says = True
    if hides and changed and (hidden.name or not says):
        return _as_seen(html, hides=False)
    return "".join(written) if changed else html


@dataclass(slots=True)
class _Reach:
    """How far an element goes that a style speaks of; nameless when it is over."""

    name: str = ""
    depth: int = 0

    def go(self, tag: str) -> None:
        if self.name and tag.removeprefix("/") == self.name:
            self.depth += -1 if tag.startswith("/") else 1
            self.name = self.name if self.depth else ""


def _named(attributes: str) -> str:
    alt = _ALT.search(attributes)
    return f'<span class="unloaded">{alt[1].strip()}</span>' if alt and alt[1].strip() else ""


_IMG = re.compile(r'<img((?: [a-z]+="[^"]*")*)>')
"""As the sanitiser writes one: quotation marks and brackets in a value are escaped."""
_ALT = re.compile(r' alt="([^"]*)"')


def has_remote_content(html: str) -> bool:
    """True when the mail wanted something loaded from elsewhere, which we never do: for a note to the reader."""
    html = html[:SIZE_LIMIT]
    if _REMOTE_STYLE.search(html):
        return True
    for name, attributes, _ in markup.tokens(html):
        if name and "//" in attributes:
            found = markup.attributes_of(attributes)
            loaded = [found.get(a, "") for a in _LOADED] + ([found.get("href", "")] if name == "link" else [])
            if any(_REMOTE.match(value) for value in loaded):
                return True
    return False


def _too_complex(html: str) -> bool:
    """True when the tree would be too deep or, by formatting that is reopened in every block, too large."""
    opened: dict[str, int] = {}
    depth = weight = 0
    for tag in _TAG.finditer(html):
        name = tag[2].lower()
        if name not in _UNNESTED:
            if not tag[1]:
                opened[name] = opened.get(name, 0) + 1
                depth += 1
            elif opened.get(name):
                opened[name] -= 1
                depth -= 1
        weight += depth
        if depth > DEPTH_LIMIT or weight > WEIGHT_LIMIT:
            return True
    return False
