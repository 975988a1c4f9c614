"""Words that agents put on tickets: `#tag`, `#untag`."""

from __future__ import annotations

import re

from gateway.core.ticket import Ticket
from gateway.mail.sentence import code

MOST = 20
"""Tags of one order."""
TAG = re.compile(r"[^\W_][\w.-]{0,39}")


def read(text: str) -> tuple[str, ...] | None:
    """Tags as they are kept, sorted; None where one is none."""
    words = [w.strip("#,;").lower() for w in text.replace(",", " ").split()]
    words = [w for w in words if w]
    return tuple(sorted(set(words))) if 0 < len(words) <= MOST and all(TAG.fullmatch(w) for w in words) else None


def changed(ticket: Ticket, added: str, taken: str) -> tuple[str, ...]:
    """All tags of the ticket after both orders."""
    return tuple(sorted({*ticket.tags, *(read(added) or ())} - {*(read(taken) or ())}))


def events(ticket: Ticket, after: tuple[str, ...], who: str) -> tuple[str, ...]:
    """What becomes of it, in its history; nothing where it stays the same."""
    new = ", ".join(t for t in after if t not in ticket.tags)
    gone = ", ".join(t for t in ticket.tags if t not in after)
    return (*((code("tagged", new, who),) if new else ()), *((code("untagged", gone, who),) if gone else ()))
