"""A forwarded mail: who wrote it, when, about what, and its text.

Mail programs forward inline, with a block of header lines in the reader's language above the
text. Only that block is read here; a mail attached as `message/rfc822` is parsed as a mail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from gateway.core.message import Message

_NAMES = {
    "from": ("from", "von"),
    "date": ("date", "sent", "datum", "gesendet"),
    "subject": ("subject", "betreff"),
    "other": ("to", "an", "cc", "kopie", "reply-to", "antwort an"),
}
_FIELD = re.compile(
    r"^[>\s*_]*(" + "|".join(re.escape(n) for names in _NAMES.values() for n in names) + r")\s*[*_]*:[*_]*\s*(.*)$",
    re.I,
)
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]+@[^\s<>()\[\]\",;:]+")
LOOKED_AT = 400
"""Lines; the block stands near the head of what an agent forwards."""


@dataclass(frozen=True, slots=True)
class Forwarded:
    """A customer's mail inside an agent's."""

    address: str
    """As its From names it; empty when it names nobody."""
    subject: str
    date: datetime | None
    text: str
    message: Message | None = None
    """The whole mail, when it was forwarded as an attachment."""


def inline(body_text: str) -> Forwarded | None:
    """The first block of at least a From and one more field, and the text below it."""
    lines = body_text.split("\n")[:LOOKED_AT]
    for start, line in enumerate(lines):
        first = _FIELD.match(line)
        if not first or first[1].casefold() not in _NAMES["from"]:
            continue
        fields = {"from": first[2]}
        end = start + 1
        while end < len(lines) and (more := _FIELD.match(lines[end])):
            fields.setdefault(_name(more[1]), more[2])
            end += 1
        if len(fields) > 1:
            text = "\n".join(body_text.split("\n")[end:]).strip("\n")
            address = _ADDRESS.search(fields["from"])
            return Forwarded(
                address[0] if address else "", fields.get("subject", "").strip(), _date(fields.get("date", "")), text
            )
    return None


def attached(message: Message) -> Forwarded:
    """A forwarded mail that came whole."""
    return Forwarded(
        message.author.address if message.author else "", message.subject, message.date, message.body_text, message
    )


def _name(word: str) -> str:
    return next(name for name, words in _NAMES.items() if word.casefold() in words)


def _date(text: str) -> datetime | None:
    """Only what RFC 5322 or ISO 8601 can read; a guess in a foreign order of day and month would be worse."""
    for read in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            found = read(text.strip())
        except (ValueError, TypeError):
            continue
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    return None
