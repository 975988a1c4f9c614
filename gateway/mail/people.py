"""Addresses of a header field when the field is too broken for a strict reader (RFC 5322 section 3.4).

Two jobs: put encoded words into a form every address parser reads, and, as a last resort, find
what looks like a mailbox in any text. Never raises.
"""

from __future__ import annotations

import re

from gateway.mail import header
from gateway.mail.message import Address
from gateway.mail.text import one_line

PEOPLE_LIMIT = 500
NAME_LIMIT = 200

_QUOTED_OR_WORDS = re.compile(
    r'"((?:[^"\\]|\\.){0,2000})"|(=\?[^?*\s]{1,60}(?:\*[^?]{0,40})?\?[bBqQ]\?(?:[^?]|\?(?!=))*\?=(?:\s*=\?[^?*\s]{1,60}(?:\*[^?]{0,40})?\?[bBqQ]\?(?:[^?]|\?(?!=))*\?=)*)'
)
_QUOTED_OR_SEMICOLON = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|;')
_GROUP = re.compile(r"^[^<>@,;\"]*:|,[^<>@,;\"]*:")
_BARE = r"[^\s<>,;:\"()\[\]@]{1,200}@[^\s<>,;:\"()@]{1,255}"
_FOUND = re.compile(rf"(?<![^\s<>,;:\"()\[\]@]){_BARE}")
_NAMED = re.compile(rf"[^<>@]{{1,200}}<{_BARE}>")
_ADDRESS = re.compile(r"[^\s<>@\"(),:;]+@[^\s<>@\"(),;]+|\"[^\"]{1,60}\"@[^\s<>@\"(),;]+")


def plain_words(value: str) -> str:
    """The field as a strict reader needs it: encoded words decoded and quoted, so that no decoded sign is
    mistaken for syntax, and the semicolons Outlook writes between people made commas."""
    if "=?" in value:
        value = _QUOTED_OR_WORDS.sub(_plain, value)
    if ";" in value and not _GROUP.search(value):
        value = _QUOTED_OR_SEMICOLON.sub(lambda m: "," if m[0] == ";" else m[0], value)
    return value


def _plain(found: re.Match[str]) -> str:
    if found[1] is not None:
        if "=?" not in found[1]:
            return found[0]
        literal = re.sub(r"\\(.)", r"\1", found[1])
        return f'"{_quote(header.words(literal))}"'
    decoded = one_line(header.words(found[2]))
    # A whole `Name <address>`, or the local part, was encoded: the standard forbids it, the sender meant it.
    if _NAMED.fullmatch(decoded) or found.string[found.end() : found.end() + 1] == "@":
        return decoded
    return f'"{_quote(decoded)}"'


def _quote(value: str) -> str:
    return one_line(value).replace("\\", "\\\\").replace('"', '\\"')


def found_in(value: str) -> tuple[Address, ...]:
    """Whatever looks like mailboxes in a field, in order, with the words before `<` as names."""
    value = header.words(value)[: header.VALUE_LIMIT]
    out: list[Address] = []
    end = 0
    for found in _FOUND.finditer(value):
        before = value[end : found.start()]
        end = found.end()
        name = re.split(r"[,;>]", before.rstrip(" <"))[-1] if before.endswith("<") else ""
        address = mailbox(found[0], name)
        if address:
            out.append(address)
    return tuple(out[:PEOPLE_LIMIT])


def mailbox(address: str, name: str) -> Address | None:
    """A clean Address, or None when this is not one."""
    address = one_line(address, 400).strip(" <>'\t;,").removeprefix("mailto:").rstrip(".")
    if len(address) > 320 or not _ADDRESS.fullmatch(address):
        return None
    name = one_line(header.words(name), NAME_LIMIT).strip()
    for quote in ('"', "'"):
        if len(name) > 1 and name[0] == name[-1] == quote:
            name = name[1:-1].strip()
    return Address(address, "" if name.casefold() == address.casefold() else name)
