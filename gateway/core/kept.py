"""Values as the database keeps them, apart from the rooms that decide by them.

A command that only looks into the database so imports nothing of how mail is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.core.lifecycle import Status


@dataclass(frozen=True, slots=True)
class WroteLately:
    """A request that was answered, or a mail of a machine, as the database keeps it."""

    author: str
    """Address key."""
    subject: str
    """Of its ticket."""
    text: str
    """The whole text."""
    remote: str
    at: datetime
    ticket: int
    robot: bool


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe as it is kept."""

    id: int
    mailbox: str
    sent_at: datetime
    """When it was put in line."""
    returned_at: datetime | None
    faults: tuple[str, ...]
    outcome: str = ""
    """`well`, `altered`, `late`, `missing`; empty while that is not settled."""

    @property
    def round_trip(self) -> timedelta | None:
        return self.returned_at - self.sent_at if self.returned_at else None


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What of a ticket its card depends on."""

    number: int
    birth: str
    status: Status
    sub_status: str
    assignee: str
    subject: str
    requester: str
    """Name and address."""
    newest_entry: int
    snoozed_until: datetime | None = None
