"""Addresses of a header field when the field is too broken for a strict reader (RFC 5322 section 3.4).

Three jobs: put encoded words into a form every address parser reads; say whether a From field can
be read in one way only; and, as a last resort, find what looks like a mailbox in any text. Never raises.
"""

from __future__ import annotations

import re
import unicodedata

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
_ATOMS = r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
_ONE_MAILBOX = re.compile(
    rf"""[ \t]*(?: (?P<bare>{_ATOMS}@{_ATOMS}) [ \t]*(?:\([^()<>@\\]*\))?
        | (?P<name> (?:"(?:[^"\\]|\\.)*" | \([^()<>@\\]*\) | [^"()<>@,;:\\\[\]])* | {_ATOMS}@{_ATOMS}[ \t]* )
          <(?P<address>{_ATOMS}@{_ATOMS})>[ \t]*(?:\([^()<>@\\]*\))? )[ \t]*""",
    re.X,
)
"""Spellings of one mailbox that every program reads alike: no route, group, list; nothing inside the address."""
_NO_BRACKETS = str.maketrans("<>", "()")
"""A name must not look like an address where both are shown."""
_FOLD = re.compile(r"\r?\n(?=[ \t])")
_ADDRESS = re.compile(r"[^\s<>@\"(),:;]+@[^\s<>@\"(),;]+|\"[^\"]{1,60}\"@[^\s<>@\"(),;]+")


def plain_words(value: str, *, strict: bool) -> str:
    """The field as a reader needs it: encoded words decoded and quoted, so that no decoded sign is mistaken
    for syntax, and the semicolons Outlook writes between people made commas.

    Not `strict`, a word may hold a local part or a whole `Name <address>`, which RFC 2047 section 5 forbids:
    harmless where it says whom a mail is to, a disguise where it says whom it is from.
    """
    if "=?" in value:
        value = _QUOTED_OR_WORDS.sub(lambda found: _plain(found, strict), value)
    if ";" in value and not _GROUP.search(value):
        value = _QUOTED_OR_SEMICOLON.sub(lambda m: "," if m[0] == ";" else m[0], value)
    return value


def _plain(found: re.Match[str], strict: bool) -> str:
    if found[1] is not None:
        if "=?" not in found[1]:
            return found[0]
        literal = re.sub(r"\\(.)", r"\1", found[1])
        return f'"{_quote(header.words(literal))}"'
    decoded = one_line(header.words(found[2]))
    after = found.string[found.end() :][:200].lstrip()
    if after.startswith("@"):
        return found[2] if strict else decoded
    if not strict and not after.startswith("<") and _NAMED.fullmatch(decoded):
        return decoded
    return f'"{_quote(decoded)}"'


def is_plain(values: tuple[str, ...], author: Address | None) -> bool:
    """Whether the From fields, as they came, name `author` in a way that no program reads otherwise.

    A mail server that checks the author and we must not see two different people (RFC 7489 section 6.6.1).
    """
    if len(values) != 1 or author is None:
        return False
    found = _ONE_MAILBOX.fullmatch(_FOLD.sub("", values[0]))
    if not found:
        return False
    address = found["bare"] or found["address"]
    named = {author.key, *(a.key for a in found_in(found["name"] or ""))}
    return len(named) == 1 and address == author.address and unicodedata.normalize("NFKC", address) == address


def _quote(value: str) -> str:
    return one_line(value).replace("\\", "\\\\").replace('"', '\\"')


def found_in(value: str) -> tuple[Address, ...]:
    """Whatever looks like mailboxes in a field, in order, with the words before `<` as names."""
    value = header.words(value)[: header.VALUE_LIMIT]
    out: list[Address] = []
    end = 0
    for found in _FOUND.finditer(value):
        before = value[end : found.start()].removesuffix("mailto:")
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
    name = name.translate(_NO_BRACKETS)
    return Address(address, "" if name.casefold() == address.casefold() else name)
