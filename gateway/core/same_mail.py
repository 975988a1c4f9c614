"""Whether two mails are one and the same: what of a mail is its content, and what transport adds on its way."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta

from gateway.core.known_quotes import folded
from gateway.core.ticket import Ticket
from gateway.mail.message import Message
from gateway.mail.subject import base_subject

ABSURD = timedelta(days=30)
TWICE = timedelta(minutes=10)
_HEADER_END = re.compile(rb"\n\r?\n")
_PIECE = 1 << 20
CLOCKS_BEGIN = 2005
"""A date before that year, or so far in the future, is none: clocks that were never set begin in 1970 or 2000."""


def has_no_clock(message: Message, now: datetime) -> bool:
    """It names no id, and no date or an absurd one, as a device that was never set: all it sends is the same. With an
    id of its own it is the same mail however old it is: folders are read anew."""
    date = message.date
    return message.message_id_derived and (date is None or date.year < CLOCKS_BEGIN or date - now > ABSURD)


def content_hash(raw: bytes, message: Message, source: str = "") -> str:
    """Hash of a mail's content without what transport adds on its way (trace fields, line ends)."""
    if source == "portal":
        # The id of what a page sends is made of its words. A form that is sent twice differs in its time alone.
        return hashlib.sha256(message.message_id.encode()).hexdigest()
    head = f"{_author_key(message)}\0{message.subject}\0{message.date}\0".encode()
    digest, kept = hashlib.sha256(head), b""
    begin = _HEADER_END.search(raw)
    place = begin.end() if begin else len(raw)
    while place < len(raw):
        # Piece by piece, for a copy of a large mail costs memory; what may be the last empty lines waits.
        end = place + _PIECE
        end -= raw[end - 1 : end] == b"\r"
        piece = kept + raw[place:end].replace(b"\r\n", b"\n")
        place, lines = end, piece.rstrip(b"\n")
        digest.update(lines)
        kept = piece[len(lines) :]
    return digest.hexdigest()


def of_one_author(a: Message, b: Message) -> bool:
    """Also when neither names one."""
    return _author_key(a) == _author_key(b)


def _author_key(message: Message) -> str:
    return message.author.key if message.author else ""


def is_copy(earlier: Message, message: Message) -> bool:
    """Two mails of one id and one date are the same one where a list or a gateway only added to it: a footer, a banner,
    a tag in the subject."""
    if message.date is None or earlier.date != message.date or not of_one_author(earlier, message):
        return False
    a, b = (folded(m.body_text) for m in (earlier, message))
    alike = a in b or b in a
    return alike and base_subject(earlier.subject) == base_subject(message.subject)


def may_be_twin(message: Message, ticket: Ticket, now: datetime) -> bool:
    """Under the same subject, a moment before; with the same text somebody pressed twice."""
    return abs(now - ticket.created_at) <= TWICE and base_subject(ticket.subject) == base_subject(message.subject)
