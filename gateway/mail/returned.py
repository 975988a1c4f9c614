"""The mail a report returns, whole, as its header, or as text: its ids, who wrote it, and to whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message as MimeMessage
from email.parser import HeaderParser

from gateway.mail import charset, mime, people
from gateway.mail.header import message_ids, unfold
from gateway.mail.mime import Part

TEXT_LIMIT = 60_000
HEADER_LIMIT = 262_144
"""Bytes of a returned mail that are searched for its header."""
RETURNED = frozenset(
    ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "message/news")
)
_QUOTED_ID = re.compile(r"(?im)^[ \t>|]*message-id:\s*(<[^<>\n]{3,300}>)")
_QUOTED_PARENTS = re.compile(r"(?im)^[ \t>|]*(?:in-reply-to|references):\s*((?:<[^<>\n]{3,300}>\s*)+)")
_QUOTED_TO = re.compile(r"(?im)^[ \t>|]*to:[ \t]*(\S[^\n]{2,500})")


def headers(leaves: tuple[Part, ...]) -> Iterator[MimeMessage]:
    """The header of every returned mail."""
    for part in leaves:
        if part.content_type in RETURNED:
            head = part.data()[:HEADER_LIMIT].replace(b"\r\n", b"\n").lstrip(b"\n").partition(b"\n\n")[0]
            yield HeaderParser().parsestr(charset.decode(head)[0])


def ids(leaves: tuple[Part, ...], text: str) -> tuple[str, ...]:
    """Ids of the mail that came back: its own first, then its nearest ancestors."""
    found = [i for header in headers(leaves) for i in ids_of(header)]
    return tuple(dict.fromkeys(found)) or quoted_ids(text)


def ids_of(header: MimeMessage) -> list[str]:
    found: list[str] = []
    for name in ("message-id", "x-original-message-id", "in-reply-to"):
        found += message_ids(unfold(mime.field(header, name)))
    return [*found, *reversed(message_ids(mime.field(header, "references")))]


def quoted_ids(text: str) -> tuple[str, ...]:
    """Message-IDs in the header of a mail that was returned as text."""
    text = text[:TEXT_LIMIT]
    if "essage-" not in text and "ESSAGE-" not in text:
        return ()
    own = [i for m in _QUOTED_ID.finditer(text) for i in message_ids(m[1])]
    parents = [i for m in _QUOTED_PARENTS.finditer(text) for i in reversed(message_ids(m[1]))]
    return tuple(dict.fromkeys([*own, *parents])) if own else ()


def writers(header: MimeMessage) -> set[str]:
    """Keys of the addresses that wrote it."""
    fields = ("from", "reply-to", "sender", "return-path")
    return {a.key for name in fields for a in people.found_in(mime.field(header, name))}


def written_to(leaves: tuple[Part, ...], text: str) -> tuple[str, ...]:
    """Whom the mail that came back was written to, by its part or by its header in the text."""
    found = [a.address for header in headers(leaves) for a in people.found_in(mime.field(header, "to"))]
    if not found and _QUOTED_ID.search(text[:TEXT_LIMIT]):
        found = [a.address for m in _QUOTED_TO.finditer(text[:TEXT_LIMIT]) for a in people.found_in(m[1])]
    return tuple(dict.fromkeys(found))
