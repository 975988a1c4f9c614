"""What mail programs put around an order: signs nobody sees, bold letters, bullets, quotation marks, brackets.

What programs do is taken off. Whatever else stands around the name of an order hides it: it is no text then either, for
nobody writes a customer `##note`. Nor is it taken off that somebody struck an order out (`~~#close~~`).
"""

from __future__ import annotations

import re
import unicodedata

from gateway.core.verbs import Verb, verb_of
from gateway.mail.new_text import markers

_WORD = r"[^\W\d_](?:[\w-]*[^\W_])?"
_NUMBER = r"\(?(?:\d{1,2}|[A-Za-z])[.)]"
_BULLET = rf"(?:(?:[*+o]\s|[-–—•·◦▪‣●○■§]|{_NUMBER})\s*)?"
_OPENING, _CLOSING = "*_\"'`“”„‚‘’«»‹›(\\[{<", "*_\"'`“”„‚‘’«»‹›)\\]}>"
_PUT_ON = re.compile(rf"{_BULLET}([{_OPENING}]{{0,4}})\s*(#\s?)({_WORD})(.*)", re.S)
_HYPHENS = {0x2010: "-", 0x2011: "-"}
_QUOTES = "\"'“”„‚‘’«»‹›` "
_HASHES = re.compile("[#＃﹟♯]")
"""`#`, and what keyboards and mail programs make of it."""
# A line that is quoted begins with ">": its words are no order.
_HIDDEN = re.compile(rf"(?:{_NUMBER}|o(?=\s))?(?:[^\w>]|_){{0,40}}#(?:\W|_){{0,20}}({_WORD})")


def visible(line: str) -> str:
    """What a reader sees of a line; a single star is seen, and is no blank line."""
    if line.isascii():
        return line.strip()
    return "".join(sign for sign in line if unicodedata.category(sign) != "Cf").strip()


def bare(line: str) -> str:
    """The line without the stars of bold letters."""
    found = _plain(line)
    return found.strip("*_ ") if found[:1] in ("*", "_") else found


def undressed(line: str) -> str:
    """The line without anything that programs put around an order, where there is a known one; else `bare`."""
    plain = _plain(line)
    found = _PUT_ON.fullmatch(plain) if "#" in plain else None
    if found is None or verb_of(found[3].casefold()) is None:
        return bare(line)
    opened, rest = len(found[1]), found[4]
    if opened:
        behind_word = re.match(rf"[{_CLOSING}]{{1,{opened}}}", rest)
        rest = rest[behind_word.end() :] if behind_word else re.sub(rf"[{_CLOSING}]{{1,{opened}}}\s*$", "", rest)
    return f"{found[2]}{found[3]}{rest.rstrip('*_ ') if line.lstrip()[:1] in ('*', '_') else rest}"


def hidden(line: str) -> tuple[str, Verb] | None:
    """A known order among signs that leave open whether it is one: the signs with its name, and which it is."""
    plain = _HASHES.sub("#", _plain(line))
    found = _HIDDEN.match(plain) if "#" in plain else None
    verb = verb_of(found[1].casefold()) if found else None
    if found is None or verb is None or any(visible(line).startswith(marker) for marker in markers()):
        return None
    return found[0], verb


def _plain(line: str) -> str:
    return _HASHES.sub("#", as_typed(visible(line)), count=1).strip()


def as_typed(text: str) -> str:
    """Letters in one piece, and hyphens as the key for them makes them: programs take the one apart and bind words by
    the other."""
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_HYPHENS)


def inner(word: str) -> str:
    """A name or a word without the quotation marks, and the full stop, that people and programs put around it."""
    return word.lstrip(_QUOTES).rstrip(_QUOTES + ".,;!")
