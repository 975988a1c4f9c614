"""Which ticket a mail belongs to, and how good the evidence is.

Two steps, so that no database is needed to understand it: `keys` collects every mark in the
mail that could name a ticket, best first; `choose` picks the first one that holds against
what the store knows. A number nobody signed never attaches a stranger: it is a claim. A mark of
ours that fits no ticket here (erased, or lost by a restore) is told apart: it is lost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from gateway.core import token
from gateway.core.policy import Agent, Policy
from gateway.core.ticket import SIGNED, Evidence, Ticket
from gateway.core.token import Named
from gateway.mail.message import Action, Address, Envelope, Message, address_key
from gateway.mail.subject import foreign_references, is_reply

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
    birth: str = ""
    """Of the ticket or outbox row; empty in a mark from before there were births, and in a reference."""
    code: str = ""
    """Of a reference: whether it is right is known beside the ticket."""
    former: bool = False
    """The reference has another prefix than ours: where its code is wrong it is another desk's, and says nothing."""
    adviser: bool = False
    """The mark was made for an adviser."""
    card: bool = False
    """The mark is on a card of the board: any agent can read it, and nobody else."""

    def is_of(self, ticket: Ticket, secrets: token.Keys) -> bool:
        """It was made for this very ticket."""
        if not self.code:
            return ticket.is_named(Named(self.number, self.birth))
        names = (ticket.named, Named(ticket.number)) if ticket.old_marks else (ticket.named,)
        return any(token.verify_reference(secrets, name, self.code) for name in names)


@dataclass(frozen=True, slots=True)
class ThreadKeys:
    """All marks of a mail, best first, and what the mail asks for by its recipient."""

    found: tuple[Key, ...] = ()
    claims: tuple[int, ...] = ()
    """Ticket numbers named without a signature."""
    leaked: tuple[Key, ...] = ()
    """An agent's marks in other hands: claims at most."""
    close: bool = False
    """It was sent to a `close+…` address of ours."""
    reported: tuple[Key, ...] = ()
    """For a report: which of our mails it is about."""
    failed: tuple[str, ...] = ()
    """For a mail system's report: whom a mail did not reach."""
    people: frozenset[str] = frozenset()
    """Keys of the author and of everybody in To and Cc."""

    @property
    def message_ids(self) -> tuple[str, ...]:
        """Foreign ids to look up."""
        return tuple(k.message_id for k in self.found if k.evidence is Evidence.KNOWN_MESSAGE_ID)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Ticket numbers to look up."""
        marks = (*self.found, *self.leaked, *self.reported)
        return tuple(dict.fromkeys([*(k.number for k in marks if k.number), *self.claims]))


@dataclass(frozen=True, slots=True)
class SentFacts:
    """One of our own mails, found by its Message-ID."""

    ticket: int
    notice: str
    recipient: str
    newest_answer: bool
    """It carried the newest answer of an agent on its ticket."""
    guessed: bool = False
    """The report does not name it: it is the newest mail to the recipient that is named."""


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
    inner: frozenset[str] = frozenset()
    """Those of the mails seen that are comments for agents."""
    alone: Mapping[str, int] = field(default_factory=dict)
    """Message-ID → side, for mails sent and seen that are between us and one person alone."""


@dataclass(frozen=True, slots=True)
class Match:
    """The ticket a mail belongs to."""

    ticket: Ticket
    evidence: Evidence
    holder: str = ""
    """The agent's address key the mark was made for."""
    inner: bool = False
    """What it answers was written for an adviser, or for agents."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The result of `choose`: a match or none, and the tickets the mail merely claims."""

    match: Match | None = None
    claims: tuple[int, ...] = ()
    lost: tuple[Key, ...] = ()
    """Marks in the form of ours that fit no ticket here."""


# A bare number counts as a claim only where people write ticket numbers: "#1042", "Ticket 1042".
_BARE_NUMBER = re.compile(r"(?:#|\b(?:ticket|request|anfrage|vorgang)\s*(?:nr\.?|no\.?)?\s*)(\d{1,12})\b", re.I)


def keys(message: Message, envelope: Envelope, policy: Policy, agent: Agent | None = None) -> ThreadKeys:
    """Every mark in a mail that could name a ticket of ours, best first. `agent`: whose it is, if not its author's."""
    found: list[Key] = []

    author = agent or (policy.agent_for(message.author.address) if message.author else None)
    mine = author.keys if author else frozenset[str]()
    claims: list[int] = []
    leaked: list[Key] = []

    def add(key: Key) -> None:
        if key.card and message.author:
            key = replace(key, holder=message.author.key)
        # A mark made for one agent is worth nothing in another's mail: it leaked by a forward.
        (leaked if key.holder and key.holder not in mine else found).append(key)

    marks, close = _tokens(message, envelope, policy)
    for mark in marks:
        add(mark)

    # The nearest parent first: In-Reply-To, then References from its end.
    parents = _nearest_first(message.in_reply_to, message.references)
    for value in parents:
        own = policy.own_message_id(value)
        if own and (own.named.number or own.holder):
            add(_of_own_id(own))
    # Its own id comes last: an answer to it may have been here before it.
    own_id = () if message.message_id_derived or not message.message_id else (message.message_id,)
    found += [Key(Evidence.KNOWN_MESSAGE_ID, message_id=value) for value in parents]
    found += [Key(Evidence.KNOWN_MESSAGE_ID, message_id=value, own=True) for value in own_id]

    for evidence, text in (
        (Evidence.SUBJECT_REFERENCE, message.subject),
        (Evidence.BODY_REFERENCE, _end(message.body_text)),
    ):
        found += _references(evidence, text, policy)
    # Outlook keeps it where every other mark was lost; who sends an old mail anew does too, and asks for something new.
    if is_reply(message.subject) and (conversation := token.read_thread_index(message.header("thread-index"))):
        found.append(Key(Evidence.KNOWN_MESSAGE_ID, message_id=conversation))
    # Calendars send an update or a cancellation as a mail that answers nothing.
    appointments = dict.fromkeys(event.uid for event in message.events if event.uid)
    found += [Key(Evidence.KNOWN_MESSAGE_ID, message_id=token.calendar_id(uid)) for uid in appointments]
    # `[#1]` is how another desk marks a ticket of its own, whatever it says of it elsewhere.
    theirs = {n for mark in foreign_references(message.subject) for n in re.findall(r"\d+", mark)}
    claims += [int(m) for m in _BARE_NUMBER.findall(message.subject) if m not in theirs]
    said = f"{message.subject}\n{_end(message.reply_text)}"
    claims += [n for n in token.find_begun(policy.reference_prefix, said) if str(n) not in theirs]

    reported = _reported(message, envelope, policy)
    people = frozenset(a.key for a in (*message.from_, *message.to, *message.cc)[:200])
    return ThreadKeys(
        tuple(found),
        tuple(dict.fromkeys(n for n in claims if n))[:MAX_CLAIMS],
        tuple(leaked),
        close=close,
        reported=reported,
        failed=_failed(message),
        people=people,
    )


def without_own(keys: ThreadKeys) -> ThreadKeys:
    """The keys of a mail whose own Message-ID says nothing."""
    return replace(keys, found=tuple(key for key in keys.found if not key.own))


def without_foreign(keys: ThreadKeys, known: Known, secrets: token.Keys) -> ThreadKeys:
    """The keys without what has the form of a reference of ours from before, but is another desk's."""

    def is_ours(key: Key) -> bool:
        return not key.former or leads_to(key, known, secrets) is not None

    found, reported = (tuple(filter(is_ours, marks)) for marks in (keys.found, keys.reported))
    return replace(keys, found=found, reported=reported)


def choose(keys: ThreadKeys, known: Known, secrets: token.Keys) -> Choice:
    """The first key that fits a ticket the store has; what was not signed for one of them is a claim, or lost.

    Merged tickets are followed to where they went. An agent's mark that is lost ends the search: the mail
    answers a notice about something that is not here, whatever else it quotes.
    """
    match: Match | None = None
    for key in keys.found:
        ticket = leads_to(key, known, secrets)
        if ticket is None:
            # An answer may come before the mail it answers. But ids are no secret among those who got the mail:
            # only who writes to the ticket's requester anyway joins it by an id that was merely referred to.
            awaited = follow(known.expected.get(key.message_id, 0), known)
            ticket = awaited if awaited and awaited.requester.key in keys.people else None
        if ticket:
            match = Match(ticket, key.evidence, key.holder, key.adviser or key.message_id in known.inner)
        if ticket or (key.holder and key.number):
            break
    numbered = [k for k in (*keys.found, *keys.leaked) if k.number and not k.former]
    lost = tuple(k for k in numbered if leads_to(k, known, secrets) is None)
    # What we signed for another ticket of the same number says that this one is not meant.
    others = {k.number for k in lost if k.evidence in SIGNED}
    wrong = [k.number for k in (*lost, *keys.leaked) if k.code or k not in lost]
    claims = dict.fromkeys(n for n in (*wrong, *keys.claims) if n not in others)
    return Choice(match, _other(tuple(claims)[:MAX_CLAIMS], match.ticket.number if match else 0, known), lost)


def leads_to(key: Key, known: Known, secrets: token.Keys) -> Ticket | None:
    """The ticket a key was made for, or the one that was merged into; None when it is not here."""
    if not key.number:
        return follow(known.messages.get(key.message_id, 0), known)
    ticket = known.tickets.get(key.number)
    return follow(key.number, known) if ticket and key.is_of(ticket, secrets) else None


def asked_by(keys: ThreadKeys, known: Known, secrets: token.Keys) -> Address | None:
    """The requester of the ticket the best mark was made for, wherever that was merged to."""
    number = next((k.number for k in keys.found if k.number and leads_to(k, known, secrets)), 0)
    return known.tickets[number].requester if number else None


def lost_names(lost: tuple[Key, ...], prefix: str) -> str:
    """What lost marks name, for people: `RD-2-7KQ4TN`, or `RD-2` where the mail shows no reference."""
    named = {key.number: "" for key in lost}
    for key in lost:
        named[key.number] = named[key.number] or key.code
    return ", ".join("-".join(filter(None, (prefix, str(number), code))) for number, code in [*named.items()][:5])


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
        for mark in policy.marks_in(address):
            if mark.purpose in "tcabk":
                named, adviser, card = mark.named, mark.purpose == "b", mark.purpose == "k"
                key = Key(Evidence.REPLY_ADDRESS, named.number, holder=mark.holder, birth=named.birth)
                found[replace(key, adviser=adviser, card=card)] = None
                close = close or mark.purpose == "c"
    return list(found), close


def _reported(message: Message, envelope: Envelope, policy: Policy) -> tuple[Key, ...]:
    """Which mail of ours a report is about: by the ids it returns, then by the VERP address it came to."""
    if message.report is None:
        return ()
    found: dict[Key, None] = {}
    for value in (*message.report.reported_ids, *message.in_reply_to, *message.references)[:MAX_IDS]:
        own = policy.own_message_id(value)
        if own:
            found[_of_own_id(own)] = None
    for address in envelope.recipients:
        for mark in policy.marks_in(address):
            if mark.purpose == "v":
                found[of_outbox(mark.named)] = None
    # Some return no header at all, but quote the subject.
    for text in (message.subject, _end(message.body_text)):
        found |= dict.fromkeys(_references(Evidence.BODY_REFERENCE, text, policy))
    return tuple(found)


def _references(evidence: Evidence, text: str, policy: Policy) -> list[Key]:
    """References of the present prefix first, then those that may have been given out under an earlier one."""
    present = token.find_references(policy.reference_prefix, text)[:MAX_IDS]
    former = token.find_former(policy.reference_prefix, text)[:MAX_IDS]
    found = [Key(evidence, number, code=code) for number, code in present if number]
    return found + [Key(evidence, number, code=code, former=True) for number, code in former if number]


def shows(text: str, known: Known, policy: Policy) -> bool:
    """A reference in it leads to a ticket that is here."""
    return any(leads_to(key, known, policy.keys) for key in _references(Evidence.BODY_REFERENCE, text, policy))


def without_references(subject: str, known: Known, policy: Policy) -> str:
    """A subject without any reference, under an earlier prefix too."""

    def is_ours(number: int, code: str) -> bool:
        return leads_to(Key(Evidence.SUBJECT_REFERENCE, number, code=code), known, policy.keys) is not None

    return token.cut_references(policy.reference_prefix, subject, is_ours)


def _failed(message: Message) -> tuple[str, ...]:
    report = message.report
    if report is None or not report.by_system:
        return ()
    failures = (r.final_recipient for r in report.recipients if r.action is Action.FAILED)
    return tuple(dict.fromkeys(address_key(a) for a in failures))[:MAX_CLAIMS]


def of_outbox(row: Named) -> Key:
    """The key of a mail of ours, by its row in the outbox."""
    return Key(Evidence.REPLY_ADDRESS, birth=row.birth, outbox=row.number)


def _of_own_id(own: token.OwnMessageId) -> Key:
    key = Key(Evidence.OWN_MESSAGE_ID, own.named.number, own.message_id, own.holder, birth=own.named.birth)
    return replace(key, adviser=own.audience == "b", card=own.audience == "k")


def _end(text: str) -> str:
    """References in the quoted text stand near its head or its end; megabytes between are not searched."""
    return text if len(text) <= 60_000 else text[:30_000] + "\n" + text[-30_000:]
