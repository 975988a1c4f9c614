"""Which ticket a mail belongs to, and how good the evidence is.

Two steps, so that no database is needed to understand it: `keys` collects every mark in the
mail that could name a ticket, best first; `choose` picks the first one that holds against
what the store knows. A number nobody signed never attaches a stranger: it is a claim.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core import token
from gateway.core.policy import Policy
from gateway.core.ticket import Evidence, Ticket
from gateway.mail.message import Envelope, Message

MAX_IDS = 60
"""Ids, and references in a text, looked at in one mail; hostile ones hold thousands."""
MAX_CLAIMS = 20
"""Tickets one mail may claim."""


@dataclass(frozen=True, slots=True)
class Key:
    """One mark found in a mail: a grade, and the ticket or the Message-ID it names."""

    evidence: Evidence
    number: int = 0
    message_id: str = ""
    holder: str = ""
    """Address key of the agent the mark was made for; empty for customers' marks."""
    outbox: int = 0
    """Id of the outbox row a VERP address names."""
    own: bool = False
    """The Message-ID is the mail's own."""


@dataclass(frozen=True, slots=True)
class ThreadKeys:
    """All marks of a mail, best first, and what the mail asks for by its recipient."""

    found: tuple[Key, ...] = ()
    claims: tuple[int, ...] = ()
    """Ticket numbers named without a valid signature."""
    close: bool = False
    """It was sent to a `close+…` address of ours."""
    reported: tuple[Key, ...] = ()
    """For a report: which of our mails it is about."""
    people: frozenset[str] = frozenset()
    """Keys of the author and of everybody in To and Cc."""

    @property
    def message_ids(self) -> tuple[str, ...]:
        """Foreign ids to look up."""
        return tuple(k.message_id for k in self.found if k.evidence is Evidence.KNOWN_MESSAGE_ID)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Ticket numbers to look up."""
        return tuple(dict.fromkeys([k.number for k in (*self.found, *self.reported) if k.number] + list(self.claims)))


@dataclass(frozen=True, slots=True)
class SentFacts:
    """One of our own mails, found by its Message-ID."""

    message_id: str
    ticket: int
    notice: str
    recipient: str
    newest_answer: bool
    """It carried the newest answer of an agent on its ticket."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows about the keys of one mail."""

    tickets: Mapping[int, Ticket] = field(default_factory=dict)
    messages: Mapping[str, int] = field(default_factory=dict)
    """Message-ID → ticket number, for mails sent and seen."""
    sent: SentFacts | None = None
    """For a report: the mail of ours it is about."""
    expected: Mapping[str, int] = field(default_factory=dict)
    """Message-ID → ticket number, for mails an earlier one referred to and that did not come yet."""


@dataclass(frozen=True, slots=True)
class Match:
    """The ticket a mail belongs to."""

    ticket: Ticket
    evidence: Evidence
    holder: str = ""
    """The agent's address key the mark was made for."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The result of `choose`: a match or none, and the tickets the mail merely claims."""

    match: Match | None = None
    claims: tuple[int, ...] = ()


# A bare number counts as a claim only where people write ticket numbers: "#1042", "Ticket 1042".
_BARE_NUMBER = re.compile(r"(?:#|\b(?:ticket|request|anfrage|vorgang)\s*(?:nr\.?|no\.?)?\s*)(\d{1,12})\b", re.I)


def keys(message: Message, envelope: Envelope, policy: Policy) -> ThreadKeys:
    """Every mark in a mail that could name a ticket of ours, best first."""
    found: list[Key] = []

    author = policy.agent_for(message.author.address) if message.author else None
    mine = author.keys if author else frozenset[str]()
    claims: list[int] = []

    def add(key: Key) -> None:
        # A mark made for one agent is worth nothing in another's mail: it leaked by a forward.
        if key.holder and key.holder not in mine:
            claims.append(key.number)
        else:
            found.append(key)

    marks, close = _tokens(message, envelope, policy)
    for mark in marks:
        add(mark)

    # The nearest parent first: In-Reply-To, then References from its end.
    parents = _nearest_first(message.in_reply_to, message.references)
    for value in parents:
        own = policy.own_message_id(value)
        if own and (own.number or own.holder):
            add(Key(Evidence.OWN_MESSAGE_ID, own.number, value, own.holder))
    # Its own id comes last: an answer to it may have been here before it.
    own_id = () if message.message_id_derived or not message.message_id else (message.message_id,)
    found += [Key(Evidence.KNOWN_MESSAGE_ID, message_id=value) for value in parents]
    found += [Key(Evidence.KNOWN_MESSAGE_ID, message_id=value, own=True) for value in own_id]

    for evidence, text in (
        (Evidence.SUBJECT_REFERENCE, message.subject),
        (Evidence.BODY_REFERENCE, _end(message.body_text)),
    ):
        for number, right in token.find_references(policy.keys, policy.reference_prefix, text)[:MAX_IDS]:
            if right:
                found.append(Key(evidence, number))
            else:
                claims.append(number)
    claims += [int(m) for m in _BARE_NUMBER.findall(message.subject)]

    reported = _reported(message, envelope, policy)
    people = frozenset(a.key for a in (*message.from_, *message.to, *message.cc)[:200])
    return ThreadKeys(tuple(found), tuple(dict.fromkeys(n for n in claims if n))[:MAX_CLAIMS], close, reported, people)


def choose(keys: ThreadKeys, known: Known) -> Choice:
    """The first key that names a ticket the store has; all others that were not signed are claims.

    Merged tickets are followed to where they went.
    """
    for key in keys.found:
        ticket = follow(key.number or known.messages.get(key.message_id, 0), known)
        if ticket is None:
            # An answer may come before the mail it answers. But ids are no secret among those who got the mail:
            # only who writes to the ticket's requester anyway joins it by an id that was merely referred to.
            awaited = follow(known.expected.get(key.message_id, 0), known)
            ticket = awaited if awaited and awaited.requester.key in keys.people else None
        if ticket:
            return Choice(Match(ticket, key.evidence, key.holder), _other(keys.claims, ticket.number, known))
    return Choice(None, _other(keys.claims, 0, known))


def follow(number: int, known: Known) -> Ticket | None:
    """The ticket of a number, or the one it was merged into."""
    seen: set[int] = set()
    ticket = known.tickets.get(number)
    while ticket and ticket.merged_into and ticket.number not in seen:
        seen.add(ticket.number)
        ticket = known.tickets.get(ticket.merged_into)
    return ticket


def _other(claims: tuple[int, ...], number: int, known: Known) -> tuple[int, ...]:
    return tuple(n for n in claims if n != number and n in known.tickets)


def _nearest_first(in_reply_to: tuple[str, ...], references: tuple[str, ...]) -> list[str]:
    ordered = [*in_reply_to, *reversed(references)]
    return [v for v in dict.fromkeys(ordered) if v][:MAX_IDS]


def _tokens(message: Message, envelope: Envelope, policy: Policy) -> tuple[list[Key], bool]:
    """Marks in the addresses the mail was sent to, envelope first."""
    found: dict[Key, None] = {}
    close = False
    addresses = [*envelope.recipients, *(a.address for a in (*message.to, *message.cc))]
    for address in dict.fromkeys(addresses[:200]):
        for purpose, number, holder in policy.marks_in(address):
            if purpose in "tca":
                found[Key(Evidence.REPLY_ADDRESS, number, holder=holder)] = None
                close = close or purpose == "c"
    return list(found), close


def _reported(message: Message, envelope: Envelope, policy: Policy) -> tuple[Key, ...]:
    """Which mail of ours a report is about: by the ids it returns, then by the VERP address it came to."""
    if message.report is None:
        return ()
    found: dict[Key, None] = {}
    for value in (*message.report.reported_ids, *message.in_reply_to, *message.references)[:MAX_IDS]:
        own = policy.own_message_id(value)
        if own:
            found[Key(Evidence.OWN_MESSAGE_ID, own.number, value, own.holder)] = None
    for address in envelope.recipients:
        for purpose, row, _ in policy.marks_in(address):
            if purpose == "v":
                found[Key(Evidence.REPLY_ADDRESS, outbox=row)] = None
    return tuple(found)


def _end(text: str) -> str:
    """References in the quoted text stand near its head or its end; megabytes between are not searched."""
    return text if len(text) <= 60_000 else text[:30_000] + "\n" + text[-30_000:]
