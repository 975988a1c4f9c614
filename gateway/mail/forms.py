"""Which of two forms of one text says what the other does not: plain beside HTML, outside beside inside.

Senders' programs leave the plain form empty, cut it off, or put a line of their own there; gateways and lists write
around a wrapping. Who looks at one form only loses the question. Short plain forms alone are compared: the HTML of an
ordinary mail is not read a second time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from gateway.mail import html_text
from gateway.mail.sent_from import without_footer

SHORT = 250
"""Characters of a plain form that may be less than its HTML."""
LEAST_MORE = 10
"""Letters the HTML must have more: a greeting or a bullet is no difference."""

_UNSEEN = r"\s\u00ad\u034f\u115f\u1160\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\u2800\u3164\ufe0f\ufeff"
_BLANK = re.compile(f"[{_UNSEEN}]*")
_MARKS = re.compile(rf"[{_UNSEEN}!-/:-@\[-`{{-~«»·•…\u2010-\u2027]+")
"""Punctuation alone says nothing; a smiley does, and stays."""
_ABOUT_HTML = re.compile(r"(?i)\bhtml\b|web ?browser|plain.?text version")
_WORDS = re.compile(r"\w{3,}")
_WORD = re.compile(r"\w+")
_ADDRESS = re.compile(r"<?\bhttps?://[^\s<>]{1,2000}>?")
_SIGNATURE = re.compile(r"(?m)^--[ \t]*$")
_PICTURE = re.compile(r"(?i)\[(?:inline )?(?:image|img|cid|bild|picture|photo|logo)\b[^\]\n]{0,200}\]")
_SAYS_NOTHING = re.compile(
    r"(?im)^[^\w\n]*(?:"
    r"this is an? (?:multi-?part\b|mime\b).{0,80}"
    r"|(?:view|read|open|see|display|diese|voir|afficher|ver|bekijk)\b.{0,60}\bbrowser\b.{0,40}"
    r"|null|undefined|none|nil|(?:no|alternative|plain) text"
    r")$"
)
"""Lines a program writes in place of a text; `sent_from` knows those below one."""


def is_blank(text: str) -> bool:
    """Whether a reader sees nothing: signs without a shape are no text."""
    return bool(_BLANK.fullmatch(text))


def is_stub(text: str) -> bool:
    """A plain form that only says that the mail is HTML, or nothing at all."""
    return len(text) < SHORT and (bool(_ABOUT_HTML.search(text)) or not _letters(_own(text)))


def differ(text: str, html: str) -> bool:
    """Whether each of two forms says what the other does not: both are shown then."""
    if is_stub(text):
        return False
    if len(html) < len(text):  # No mail program makes that: something on the way replaced one of them.
        return not says(text, html)
    return _is_less(text, html) and not is_said(_own(text), html_text.from_lines(_lines(html)))


def fuller(text: str, html: str) -> tuple[html_text.TextLine, ...] | None:
    """The lines of the HTML where they say what the plain form does not; None where the plain form is shown."""
    if is_blank(text):
        return _lines(html)
    if not html or len(text) >= SHORT:
        return None
    if is_stub(text):
        return _lines(html) if _letters(_own(html_text.from_lines(_lines(html)))) else None
    if _is_less(text, html) and is_said(_own(text), html_text.from_lines(_lines(html))):
        return _lines(html)
    return None


def says(text: str, html: str) -> bool:
    """Whether the plain form has most words of the HTML form, in whatever order."""
    known = set(_WORDS.findall(text.casefold()))
    words = _WORDS.findall(html_text.from_lines(html_text.lines(html)).casefold())
    return sum(word in known for word in words) >= 0.7 * len(words)


def is_said(text: str, elsewhere: str) -> bool:
    """Whether a text stands elsewhere, too, by its words and the next of each: a long notice has the words of every
    short text, but not beside each other."""
    own, other = (_WORD.findall(t.casefold()) for t in (text, elsewhere))
    if not own:
        return text.strip() in elsewhere
    if len(own) == 1:
        return own[0] in other
    pairs = set(pairwise(other))
    return sum(pair in pairs for pair in pairwise(own)) >= 0.7 * (len(own) - 1)


def is_copy(text: str, outer: str) -> bool:
    """Whether a text out of a wrapping is the one outside of it: said there, or the same but for one word."""
    own, other = (set(_WORD.findall(t.casefold())) for t in (text, outer))
    return is_said(text, outer) or bool(other and other <= own and len(own - other) <= 1)


def _is_less(text: str, html: str) -> bool:
    if len(text) >= SHORT:
        return False
    least = max(LEAST_MORE, len(_letters(_own(text))) // 2)
    if _roughly(html) <= len(text) + least:
        return False
    said = _ADDRESS.sub("", html_text.from_lines(_lines(html)))
    return len(_letters(said)) > len(_letters(_ADDRESS.sub("", text))) + least


@lru_cache(maxsize=1)  # A short plain form is asked about up to three times.
def _lines(html: str) -> tuple[html_text.TextLine, ...]:
    return html_text.lines(html)


def _roughly(html: str) -> int:
    """At least as many characters as the HTML shows: a look that costs a hundredth of reading it."""
    length = 0
    for piece in html.replace("&nbsp;", " ").split("<"):
        if piece[:5].lower() != "style":
            length += len(piece.partition("-->" if piece.startswith("!--") else ">")[2].strip())
    return length


def _own(text: str) -> str:
    """What a person wrote of a short text: without pictures, addresses, signature and the lines of programs."""
    found = _SIGNATURE.search(text)
    text = without_footer(text[: found.start()] if found else text)
    return _SAYS_NOTHING.sub("", _ADDRESS.sub("", _PICTURE.sub("", text)))


def _letters(text: str) -> str:
    return _MARKS.sub("", text)
