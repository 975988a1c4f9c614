"""Words that agents put on tickets: `#tag`, `#untag`."""

from __future__ import annotations

import re

from gateway.core.clothes import inner
from gateway.core.ticket import Ticket
from gateway.mail.sentence import code

MOST = 20
"""Tags of one order."""
TAG = re.compile(r"[^\W_][\w.-]{0,39}")


def read(text: str) -> tuple[str, ...] | None:
    """Tags as they are kept, sorted; None where one is none."""
    words = [inner(w.strip("#,;")).strip("#").lower() for w in text.replace(",", " ").split()]
    words = [w for w in words if w]
    return tuple(sorted(set(words))) if 0 < len(words) <= MOST and all(TAG.fullmatch(w) for w in words) else None


def changed(ticket: Ticket, added: str, taken: str) -> tuple[str, ...]:
    """All tags of the ticket after both orders."""
    gone = read(taken) or ()
    # Some have a full stop from when it was kept.
    return tuple(sorted(t for t in {*ticket.tags, *(read(added) or ())} if t not in gone and t.rstrip(".") not in gone))


def events(ticket: Ticket, after: tuple[str, ...], who: str) -> tuple[str, ...]:
    """What becomes of it, in its history; nothing where it stays the same."""
    new = ", ".join(t for t in after if t not in ticket.tags)
    gone = ", ".join(t for t in ticket.tags if t not in after)
    return (*((code("tagged", new, who),) if new else ()), *((code("untagged", gone, who),) if gone else ()))
