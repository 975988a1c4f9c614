"""A ticket and its history, as values: what the store returns and everyone else reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gateway.core.lifecycle import Status
from gateway.core.token import Named
from gateway.mail.message import Address, Attachment, address_key


class Evidence(StrEnum):
    """How sure we are that a mail belongs to a ticket; best first, stored with each entry, shown to agents."""

    REPLY_ADDRESS = "reply-address"
    OWN_MESSAGE_ID = "own-message-id"
    KNOWN_MESSAGE_ID = "known-message-id"
    SUBJECT_REFERENCE = "subject-reference"
    BODY_REFERENCE = "body-reference"
    CLAIM = "claim"
    NONE = "none"


SIGNED = frozenset({Evidence.REPLY_ADDRESS, Evidence.OWN_MESSAGE_ID})
"""Grades only somebody who received our mail can show."""


class EntryKind(StrEnum):
    CORRESPONDENCE = "correspondence"
    """Both sides see it."""
    COMMENT = "comment"
    """Agents only."""
    AUTOMATIC = "automatic"
    REPORT = "report"
    EVENT = "event"
    """What happened to the ticket: opened, status changed, link pressed."""


class Role(StrEnum):
    REQUESTER = "requester"
    PARTICIPANT = "participant"
    STRANGER = "stranger"
    """Joined by a signed mark, not confirmed yet."""
    ADVISER = "adviser"
    """Asked by an agent: a supplier, a colleague without agent rights."""
    AGENT = "agent"
    SYSTEM = "system"


CUSTOMERS = (Role.REQUESTER, Role.PARTICIPANT, Role.STRANGER)


@dataclass(frozen=True, slots=True)
class Participant:
    address: Address
    confirmed: bool = True
    follower: bool = False
    """An agent who follows the ticket, not a person on the customer's side."""
    sees: tuple[int, ...] = ()
    """Sides of the conversation (`sides`), the own one first; empty: the ticket's own."""
    adviser: bool = False
    """Asked by an agent (`advisers`). Who only advises is not confirmed; a customer of a merged ticket may do both."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """The key facts of a ticket."""

    number: int
    status: Status
    subject: str
    requester: Address
    mailbox: str
    created_at: datetime
    last_activity_at: datetime
    people: tuple[Participant, ...] = ()
    language: str = ""
    sub_status: str = ""
    assignee: str = ""
    solved_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    merged_into: int = 0
    follows: int = 0
    status_at: datetime | None = None
    """Since when it has its status; an agent's further answer counts anew."""
    reminded_at: datetime | None = None
    warn_at: datetime | None = None
    due_at: datetime | None = None
    """Until when it is to be answered."""
    target: str = ""
    """`near` or `missed` once the agents were told."""
    spam: bool = False
    snoozed_until: datetime | None = None
    """Put aside until then; None while it is not."""
    snoozed_by: str = ""
    """Address of the agent it comes back to; empty: to whoever has it."""
    snooze_note: str = ""
    tags: tuple[str, ...] = ()
    """In lower case, sorted."""
    birth: str = ""
    """Random signs that no other ticket has: marks hold them, so that a number alone names nothing."""
    written_to: str = ""
    """The alias of the mailbox that the requester wrote to last: their mails leave from it. Empty: the mailbox."""
    old_marks: bool = False
    """It was opened before tickets had a birth: marks of its number alone were given out and still lead here."""

    @property
    def named(self) -> Named:
        """What its marks name it by."""
        return Named(self.number, self.birth)

    def is_named(self, named: Named) -> bool:
        """The mark that says this was made for this very ticket."""
        return named == self.named or (self.old_marks and named == Named(self.number))

    @property
    def participants(self) -> tuple[Address, ...]:
        """Confirmed people on the customer's side, the requester not among them."""
        there = (p.address for p in self.people if p.confirmed and not p.follower)
        return tuple(a for a in there if a.key != self.requester.key)

    @property
    def unconfirmed(self) -> tuple[Address, ...]:
        return tuple(p.address for p in self.people if not (p.confirmed or p.follower or p.adviser))

    @property
    def company(self) -> tuple[Address, ...]:
        """Everybody beside the requester on the customer's side, confirmed or not."""
        return (*self.participants, *self.unconfirmed)

    @property
    def advisers(self) -> tuple[Address, ...]:
        return tuple(p.address for p in self.people if p.adviser)

    def is_adviser(self, key: str) -> bool:
        return any(key == a.key for a in self.advisers)

    @property
    def followers(self) -> tuple[Address, ...]:
        return tuple(p.address for p in self.people if p.follower)

    def knows(self, address: str) -> bool:
        """The requester or a confirmed participant."""
        key = address_key(address)
        return key == self.requester.key or any(key == a.key for a in self.participants)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a ticket's history."""

    id: int
    ticket: int
    kind: EntryKind
    author: Address
    role: Role
    body_text: str
    reply_text: str
    created_at: datetime
    attachments: tuple[Attachment, ...] = ()
    message_id: str = ""
    reason: str = ""
    evidence: str = ""
    collapsed: bool = False
    remarks: tuple[str, ...] = ()
    sha256: str = ""
    """The raw mail it came in; empty for what did not come by mail."""
    side: int = 0
    """Which customers of a merged ticket may read it (`sides`)."""

    @property
    def new_text(self) -> str:
        return self.reply_text or self.body_text
