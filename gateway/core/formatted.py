"""An agent's own formatting, for exactly the words a customer may read and for no other.

The text that passed the fence (`leak`) decides; the markup only follows it. The stretch of the
document that spells the same letters is found, cut out at the letter and sanitised. Where there is
none - quoted lines were taken out, an address was replaced - there is no markup, and the text goes
out alone. So nothing can leave in the HTML part that is not in the text part.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser

from gateway.mail import html_safe as markup
from gateway.mail.html_text import STRUCK, STRUCK_TAGS

SIZE_LIMIT = 300_000
"""Characters of markup; an answer a person writes has some thousand, and a screenshot is no part of them."""

_BESIDE = re.compile(
    r"<(?:https?|mailto|tel):[^<>\s]*>|\[(?:(?:https?:|image:)[^\[\]]*|[^\[\]\n]{1,200}\.(?:png|jpe?g|gif|bmp|tiff?|webp|svg|heic|[ew]mf))\]",
    re.I,
)
"""What the text form of a mail says beside its words: where a link leads, that a picture stands here."""
_NUMBER = re.compile(r"(?<!\S)(?:\d{1,2}|[A-Za-z]|[ivx]{1,5}|[IVX]{1,5})[.)](?=\s|$)")
"""The number of a list item: in the text a word, in the markup none."""
_ALIKE = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹ⁿ", "0123456789n")
"""Raised figures: in the text signs of their own, in the markup an element."""
_PIXELS = re.compile(r"\s*([0-9]{1,6})(?![0-9%])")
_SIGN = re.compile(r"[^\W_]")
_CLINGING = re.compile(r"[^\w\s#>]*$")
_TRAILING = re.compile(r"[^\w\s]*")
_VOID = frozenset({"br", "hr", "img", "wbr", "col"})
_ATTRIBUTES = {
    "a": ("href",),
    "img": ("src", "width", "height"),
    "td": ("colspan", "rowspan", "align", "valign"),
    "th": ("colspan", "rowspan", "align", "valign", "scope"),
    "ol": ("start", "type", "reversed"),
    "li": ("value",),
}
"""No `title` or `alt`: words nobody sees have not passed the fence."""


WIDEST = 560
"""Pixels of a picture: what the page of a mail has room for. Outlook knows no width but this attribute."""


def keep(
    html: str,
    text: str,
    pictures: Mapping[str, str],
    may_lead: Callable[[str], bool],
    *,
    names: bool = False,
    widths: Mapping[str, int] | None = None,
) -> str:
    """The markup that says `text`; empty when no stretch of `html` says just that.

    `pictures` maps Content-IDs of the mail (no angle brackets) to the Content-IDs they are sent
    under; `may_lead` tells whether a link may go out; with `names` a picture that is not shown leaves
    its name; `widths` are those of the pictures themselves. Pure; the markup is safe to send as it is.
    """
    if not text or not html or len(html) > SIZE_LIMIT:
        return ""
    document = _Document()
    document.feed(markup.sanitise(html, {cid: f"https://picture/{ours}" for cid, ours in pictures.items()}))
    document.close()
    struck = sum(piece.name in STRUCK_TAGS for piece in document.pieces)
    if text.count(STRUCK) > 2 * struck:  # A style struck it out, and styles are not kept: it would read as valid.
        return ""
    real = {f"https://picture/{ours}": (widths or {}).get(cid, 0) for cid, ours in pictures.items()}
    document.pieces = [_sized(piece, real) for piece in document.pieces]
    for name in document.pictures:
        text = text.replace(f"[{name}]", " ")
    said = _BESIDE.sub(" ", text)
    place = _stretch(document.pieces, wanted) if (wanted := _signs(said)) else None
    if place is None:
        return ""
    return _written(document.pieces, _shown(document.pieces, place, said), may_lead, names=names)


@dataclass(slots=True)
class _Piece:
    """A start tag, an end tag (`name` begins with a slash) or, without a name, a text."""

    name: str
    attributes: tuple[tuple[str, str], ...] = ()
    text: str = ""


class _Document(HTMLParser):
    """Sanitised markup is well-formed, so a list of pieces is all it takes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[_Piece] = []
        self.pictures: set[str] = set()
        """What a text says in place of them."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and (name := dict(attrs).get("alt")):
            self.pictures.add(name.strip())
        self.pieces.append(_Piece(tag, tuple((name, value or "") for name, value in attrs)))

    def handle_endtag(self, tag: str) -> None:
        self.pieces.append(_Piece(f"/{tag}"))

    def handle_data(self, data: str) -> None:
        self.pieces.append(_Piece("", text=unicodedata.normalize("NFC", data)))


def _signs(text: str) -> str:
    """Letters and digits only: mail programs wrap, indent and decorate the text form as they like."""
    return "".join(_SIGN.findall(_NUMBER.sub(_blank, unicodedata.normalize("NFC", text).translate(_ALIKE))))


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])


@dataclass(frozen=True, slots=True)
class _Place:
    """First and last letter of the stretch: piece and offset of each; whether any letters stand outside."""

    first: tuple[int, int]
    last: tuple[int, int]
    begins: bool
    ends: bool


def _stretch(pieces: list[_Piece], wanted: str) -> _Place | None:
    letters: list[str] = []
    places: list[tuple[int, int]] = []
    for index, piece in enumerate(pieces):
        if piece.text:
            for found in _SIGN.finditer(_NUMBER.sub(_blank, piece.text.translate(_ALIKE))):
                letters.append(found[0])
                places.append((index, found.start()))
    whole = "".join(letters)
    at = whole.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        if not _torn(places, at) and not _torn(places, end):
            return _Place(places[at], places[end - 1], at == 0, end == len(whole))
        at = whole.find(wanted, at + 1)
    return None


def _torn(places: list[tuple[int, int]], at: int) -> bool:
    """Whether a word goes on over this border."""
    if not 0 < at < len(places):
        return False
    (before, left), (after, right) = places[at - 1], places[at]
    return before == after and right - left == 1


def _written(pieces: list[_Piece], shown: dict[int, str], may_lead: Callable[[str], bool], *, names: bool) -> str:
    """The stretch with the elements it stands in; elements that end before it or begin behind it are left out."""
    out: list[str] = []
    open_: list[tuple[str, str]] = []
    first, last = min(shown), max(shown)
    skipped = 0
    for index, piece in enumerate(pieces):
        if piece.text:
            out.append(escape(shown.get(index, ""), quote=False))
        elif piece.name in _VOID:
            if first <= index <= last:
                name = dict(piece.attributes).get("alt", "").strip() if names else ""
                out.append(_tag(piece, may_lead) or (f"[{escape(name, quote=False)}]" if name else ""))
        elif piece.name[0] != "/":
            if index > last:
                skipped += 1
                continue
            open_.append((piece.name, _tag(piece, may_lead)))
            if index >= first:
                out.append(open_[-1][1])
        elif skipped:
            skipped -= 1
        elif open_:
            name, tag = open_.pop()
            if index >= first and tag:
                out.append(f"</{name}>")
        if index == first - 1:
            out = [tag for _, tag in open_]
    return "".join(out).strip()


def _shown(pieces: list[_Piece], place: _Place, said: str) -> dict[int, str]:
    """What is shown of each piece of the stretch: its words, and what stands beside them (`_beside`)."""
    (first, begin), (last, end) = place.first, place.last
    signs = [found.start() for found in _SIGN.finditer(said)]
    end += 1 + len(found[0] if (found := _TRAILING.match(pieces[last].text[end + 1 :])) else "")
    begin -= len(found[0] if (found := _CLINGING.search(pieces[first].text[:begin])) else "")
    shown = {index: pieces[index].text for index in range(first, last + 1)}
    if place.ends:
        shown |= {index: pieces[index].text for index in range(last + 1, len(pieces))}
    else:
        behind = _beside(pieces[last:], pieces[last].text[end:], said[signs[-1] + 1 :])
        shown |= {last + index: text for index, text in behind.items()}
        shown[last] = pieces[last].text[:end] + behind.get(0, "")
    if place.begins:
        shown |= {index: pieces[index].text for index in range(first)}
    else:
        before = _beside(pieces[first::-1], pieces[first].text[:begin][::-1], said[: signs[0]][::-1], backwards=True)
        shown |= {first - index: text[::-1] for index, text in before.items() if index}
        shown[first] = before.get(0, "")[::-1] + shown[first][begin:]
    return shown


def _beside(pieces: list[_Piece], own: str, signs: str, *, backwards: bool = False) -> dict[int, str]:
    """What stands between the words of the stretch and the next: pictures, and signs that the text has there as well,
    such as a smiley; not the dashes of a signature. `own` is what is left of the first piece."""
    found: dict[int, str] = {}
    for index, piece in enumerate(pieces):
        if piece.name == "img" and "src" in dict(piece.attributes):
            found[index] = ""
        text = own if index == 0 else piece.text[::-1] if backwards else piece.text
        for at, sign in enumerate(text, 1):
            if sign.isspace():
                continue
            place = -1 if _SIGN.match(sign) else signs.find(sign)
            if place < 0:
                return found
            signs, found[index] = signs[place + 1 :], text[:at]
    return found


def _tag(piece: _Piece, may_lead: Callable[[str], bool]) -> str:
    """The start tag; empty for a link or a picture that must not go out (the words of a link do)."""
    given = dict(piece.attributes)
    if piece.name == "a" and not may_lead(given.get("href", "")):
        return ""
    if piece.name == "img":
        if not given.get("src", "").startswith("https://picture/"):
            return ""
        given["src"] = "cid:" + given["src"].removeprefix("https://picture/")
        given |= _narrowed(given)
    kept = [f' {name}="{escape(given[name])}"' for name in _ATTRIBUTES.get(piece.name, ()) if name in given]
    return f"<{piece.name}{''.join(kept)}>"


def _sized(piece: _Piece, real: Mapping[str, int]) -> _Piece:
    """A picture that does not say how wide it is, and is wider than the page, says so: Outlook draws it as it is."""
    given = dict(piece.attributes)
    if piece.name != "img" or "width" in given or "height" in given or real.get(given.get("src", ""), 0) <= WIDEST:
        return piece
    return _Piece(piece.name, (*piece.attributes, ("width", str(WIDEST))))


def _narrowed(given: Mapping[str, str]) -> dict[str, str]:
    """Width and height that fit the page, where a picture says that it is wider."""
    width, height = (int(found[1]) if (found := _PIXELS.match(given.get(a, ""))) else 0 for a in ("width", "height"))
    if width <= WIDEST:
        return {}
    return {"width": str(WIDEST)} | ({"height": str(max(1, height * WIDEST // width))} if height else {})
