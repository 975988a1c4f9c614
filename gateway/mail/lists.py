"""Which addresses a mail calls a mailing list (RFC 2369 List-Post, RFC 2919 List-Id, Mailman's X-BeenThere)."""

from __future__ import annotations

import re

from gateway.mail.message import Address, Message

_POSTED_TO = re.compile(r"<\s*mailto:([^<>?\s]+@[^<>?\s]+)", re.I)


def among(message: Message, people: tuple[Address, ...]) -> frozenset[str]:
    """Keys of those addresses that are the list which passed the mail on."""
    posts = {found.casefold() for found in _POSTED_TO.findall(message.header("list-post"))}
    posts.add(message.header("x-beenthere").strip().casefold())
    named = message.header("list-id").rpartition("<")[2].partition(">")[0].strip().casefold()
    return frozenset(a.key for a in people if a.key in posts or a.key.replace("@", ".") == named)
