"""A decision: what shall happen to a mail or by an act, as a value with its reasons.

Attach, reopen, acknowledge and notify are separate answers, each with a sentence why.
The store applies a decision; nothing else changes a ticket.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.core.act import Act, Undo
from gateway.core.lifecycle import Move, Status
from gateway.core.notice import AttachedFile, NoticeRequest, Section
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Evidence, Participant, Role, Ticket
from gateway.core.token import Named
from gateway.mail.message import Address, Attachment


@dataclass(frozen=True, slots=True)
class Why:
    """The four answers, each a sentence that begins with `yes` or `no`."""

    attach: str = ""
    reopen: str = ""
    acknowledge: str = ""
    notify: str = ""
    rules: str = ""
    """Which rules of the site matched, and what each wants."""

    @property
    def lines(self) -> tuple[str, ...]:
        pairs = (("attach", self.attach), ("reopen", self.reopen), ("acknowledge", self.acknowledge))
        return tuple(
            f"{name}: {said}" for name, said in (*pairs, ("notify agents", self.notify), ("rules", self.rules)) if said
        )


@dataclass(frozen=True, slots=True)
class NewTicket:
    subject: str
    requester: Address
    mailbox: str
    language: str = ""
    created_at: datetime | None = None
    """When it is older than now (an import, a forwarded mail)."""
    written_to: str = ""
    """The alias of the mailbox that the requester wrote to."""
    second_address: str = ""
    """The further address of the requester it came from."""


@dataclass(frozen=True, slots=True)
class EntryDraft:
    """An entry to be written. Files are found in the raw mail `sha256`."""

    kind: EntryKind
    author: Address
    role: Role
    body_text: str = ""
    reply_text: str = ""
    attachments: tuple[Attachment, ...] = ()
    message_id: str = ""
    reason: str = ""
    evidence: Evidence | None = None
    collapsed: bool = False
    remarks: tuple[str, ...] = ()
    sha256: str = ""
    created_at: datetime | None = None
    event: str = ""
    """What happened to the ticket, where something counts it: `reopened`."""
    side: int = 0
    """Which customers of a merged ticket may read it (`sides`)."""


@dataclass(frozen=True, slots=True)
class Joined:
    """Someone who takes part from now on."""

    address: Address
    confirmed: bool = True
    follower: bool = False
    sees: tuple[int, ...] = ()
    adviser: bool = False


@dataclass(frozen=True, slots=True)
class Snooze:
    """A ticket is put aside until a time, or comes back."""

    until: datetime | None = None
    """None: it comes back now."""
    by: str = ""
    """Address of the agent who reads of it then; empty: whoever has the ticket."""
    note: str = ""


AWAKE = Snooze()


@dataclass(frozen=True, slots=True)
class SamePerson:
    """Two addresses are one person's."""

    main: Address
    """Everything goes here."""
    other: Address
    apart: bool = False
    """They are not, or not any more."""


@dataclass(frozen=True, slots=True)
class Namesake:
    """What is known of an address an order names."""

    address: Address
    person: tuple[Address, ...] = ()
    """All addresses of whose it is, the main one first; empty: it is nobody's further address and has none."""
    tickets: int = 0
    """Requests of its own."""
    copies: int = 0
    """Requests of others in which it takes part."""
    registered: bool = False

    @property
    def is_further(self) -> bool:
        return bool(self.person) and self.person[0].key != self.address.key


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the ticket. None and empty: stays as it is."""

    move: Move | None = None
    status: Status | None = None
    sub_status: str | None = None
    closed_by: str = ""
    assignee: str | None = None
    mailbox: str | None = None
    """It is handed over to this mailbox of ours."""
    written_to: str | None = None
    """The requester wrote to this alias of the mailbox; empty: to the mailbox itself."""
    language: str | None = None
    requester: Address | None = None
    subject: str | None = None
    spam: bool | None = None
    reopened: bool = False
    """A customer's answer opened it again: what the budget for reopening counts."""
    reminded: bool = False
    """The customer is reminded now."""
    target: str | None = None
    """`near` or `missed`: the agents were told of the answering time."""
    joined: tuple[Joined, ...] = ()
    confirmed: tuple[str, ...] = ()
    """Keys of participants who are confirmed now."""
    left: tuple[str, ...] = ()
    """Keys of followers or participants who leave."""
    inner: tuple[int, ...] = ()
    """Entries that become comments: words of agents that stood in a customer's place."""
    links: tuple[tuple[str, int], ...] = ()
    """(kind, other ticket)"""
    snooze: Snooze | None = None
    tags: tuple[str, ...] | None = None
    """All it has from now on."""

    @property
    def lets_in(self) -> frozenset[str]:
        """Keys of those who join, and of a new requester."""
        return frozenset(a.key for a in (self.requester, *(j.address for j in self.joined)) if a)

    def applied_to(self, ticket: Ticket) -> Ticket:
        """The ticket after it, as far as it is asked who is told: its people and its status."""
        there = {p.address.key for p in ticket.people}
        joined = (
            Participant(j.address, j.confirmed, j.follower, j.sees, j.adviser)
            for j in self.joined
            if j.address.key not in there
        )
        return replace(
            ticket,
            status=self.status or ticket.status,
            assignee=ticket.assignee if self.assignee is None else self.assignee,
            mailbox=self.mailbox or ticket.mailbox,
            requester=self.requester or ticket.requester,
            people=(*(p for p in ticket.people if p.address.key not in self.left), *joined),
        )


@dataclass(frozen=True, slots=True)
class Moved:
    """Entries that change their ticket, to the one the decision is about. No entries named: all."""

    source: int
    entries: tuple[int, ...] = ()
    side: int = 0
    """The side of these entries on the other ticket (`sides`), …"""
    was: int = 0
    """… as far as they had this one before."""


class Doubt(StrEnum):
    """Why an agent's mail was not carried out and waits as a draft."""

    UNCLEAR = "order-not-understood"
    NO_PROOF = "no-proof"
    NO_ORDER = "nobody-named"
    FORWARD = "forward-without-order"
    OTHER_ACCOUNT = "unknown-account"
    MARKED_AUTOMATIC = "marked-automatic"
    NOT_SENT_BEFORE = "answers-a-draft"
    STALE = "stale-view"
    ADVISER = "answers-an-adviser"
    DIFFERENT_CUSTOMERS = "different-customers"
    BY_PROGRAM = "by-a-program"
    READS_ABSENT = "reads-absent"
    SAME_PERSON = "same-person"
    TO_COLLEAGUE = "to-a-colleague"


@dataclass(frozen=True, slots=True)
class AgentView:
    """What a mail to an agent told of a ticket: how far its history went, and whom an answer would reach."""

    entry: int = 0
    """Id of the newest entry."""
    reaches: tuple[str, ...] = ()
    """Marks (`token.address_mark`) of the requester and everybody who took part."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A mail of an agent that was not carried out, until `#send`. `id` is its journal entry's."""

    id: int
    agent: str
    """Key of the agent's configured address."""
    doubt: Doubt
    at: datetime
    until: datetime
    """After that it cannot be sent any more."""
    ticket: int = 0
    view: AgentView | None = None
    """What the receipt told, for a draft on a ticket."""
    state: str = "open"
    """open, sent, dropped"""
    subject: str = ""
    """Only where drafts are listed."""

    def waits(self, now: datetime) -> bool:
        return self.state == "open" and now < self.until


@dataclass(frozen=True, slots=True)
class NewDraft:
    """The mail is kept as a draft of this agent."""

    agent: str
    doubt: Doubt


@dataclass(frozen=True, slots=True)
class Away:
    """An agent goes, or is back."""

    agent: str
    """Key of the configured address."""
    until: datetime | None = None
    """None: until they say that they are back."""
    deputy: str = ""
    """Address of who is told instead; empty: the team."""
    back: bool = False


@dataclass(frozen=True, slots=True)
class Robot:
    """A machine that writes the same from ever new addresses."""

    group: str
    """The domain it writes from, or the relay."""
    ticket: int
    """Of its first mail."""
    count: int
    """Addresses with these words lately."""
    new: bool
    """Nobody was told of it yet."""


@dataclass(frozen=True, slots=True)
class Returned:
    """A probe of ours that came back."""

    probe: Named
    faults: tuple[str, ...] = ()
    """What was altered on its way: keys of `probe.FAULTS`."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What shall happen. With neither ticket nor new ticket it is for the journal only."""

    reason: Reason
    why: Why = field(default_factory=Why)
    ticket: int = 0
    new: NewTicket | None = None
    entry: EntryDraft | None = None
    also: tuple[EntryDraft, ...] = ()
    """Mails of a customer that came inside an agent's, before the entry."""
    change: Change = field(default_factory=Change)
    events: tuple[str, ...] = ()
    """Codes of `sentences` for the ticket's history, besides the entry."""
    source_events: tuple[str, ...] = ()
    """The same, for the ticket entries were moved from."""
    notices: tuple[NoticeRequest, ...] = ()
    files: tuple[AttachedFile, ...] = ()
    """Go along with the notices that carry the entry's text to somebody."""
    text: str = ""
    """What the customer gets of the entry: an agent's text without commands and inner matters."""
    html: str = ""
    """The same words with the agent's formatting (`formatted`); empty when there is none to keep."""
    undeliverable: tuple[str, ...] = ()
    """Addresses that reject mail for good."""
    lives: str = ""
    """An address that writes itself: automatic mail to it does not pause any longer."""
    hold: str = ""
    """The cause to hold the mail for; then nothing else happens."""
    alarm: str = ""
    """To the operator, once."""
    alarm_about: str = ""
    """Tells apart what is alarmed of for the same reason: a domain, an address."""
    moved: Moved | None = None
    undo: Undo | None = None
    """To be remembered: an agent may take it back."""
    block: str = ""
    """A sender to be heard no more: an address key or a domain."""
    unblock: str = ""
    same: SamePerson | None = None
    away: Away | None = None
    keep: NewDraft | None = None
    """Nothing of it was done; `#send` may let it go."""
    sends: int = 0
    """The draft that is let go by it."""
    drops: int = 0
    """The draft that nobody wants sent any more."""
    undoes: Act | None = None
    """An earlier order that is taken back: what of it still waits in the outbox is recalled."""
    sections: tuple[Section, ...] = ()
    """What an agent looked up, for the receipt."""
    listed: tuple[Ticket, ...] = ()
    """The author's own tickets, for the mail that lists them."""
    rates: tuple[int, str, bool] | None = None
    """How the requester rates it, with what comment, and whether the leads are told."""
    probe: Returned | None = None
    """It is a probe of ours."""
    hold_minutes: int = 0
    """The customers' mails wait so long, and can be recalled meanwhile."""
    happened_at: datetime | None = None
    """For a mail from an archive: the date everything is written down under. None: now."""
