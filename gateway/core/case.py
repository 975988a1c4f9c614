"""One mail and everything a decision about it may look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway.core import second_address
from gateway.core.act import Act, Said
from gateway.core.classify import MACHINES, is_form
from gateway.core.commands import Order
from gateway.core.decision import AgentView, Draft, Namesake, Robot
from gateway.core.forward import Forwarded, Inside
from gateway.core.looked_up import Found
from gateway.core.notice import AttachedFile
from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.rating import CustomerRating
from gateway.core.roles import is_by_list, is_known_form, is_list, is_role
from gateway.core.rules import NONE, Ruled, RuledMail, matched
from gateway.core.shares import Shares
from gateway.core.thread import Choice, Known, SentFacts, ThreadKeys, follow, leads_to
from gateway.core.ticket import SIGNED, Entry, Ticket
from gateway.core.window import Budget
from gateway.mail.message import Address, Envelope, Kind, Message, address_key
from gateway.mail.people import found_in


@dataclass(frozen=True, slots=True)
class Facts:
    """What only the store or the clock can know."""

    now: datetime
    duplicate_of: int = 0
    """Journal id of the same mail, handled before."""
    duplicate_ticket: int = 0
    delivered_before: tuple[str, ...] = ()
    """Recipients of that mail's envelope."""
    folded_before: bool = False
    """A rule of the site folded that mail, and it is on no ticket."""
    same_id_other_content: bool = False
    blocked: str = ""
    """The address or domain the author is blocked by."""
    of_domain: int = 0
    """How many people wrote from the domain `#block` names."""
    person: tuple[Address, ...] = ()
    """All addresses of the author, the main one first; empty for who has only one."""
    namesake: Namesake | None = None
    """For an agent's order that names a person's address: what is known of it."""
    invited: bool = False
    registered: bool = False
    undeliverable: bool = False
    automatic_mail: tuple[datetime, ...] = ()
    """Automatic mail to the author lately, newest first."""
    spent: tuple[str, Budget] | None = None
    """Where too much automatic mail went lately: the author's address without its detail, the domain, `all`."""
    repeated: Budget | None = None
    """These words were answered so often lately, to the author or to others of the domain."""
    robot: Robot | None = None
    """The machine that wrote it, from one of many addresses."""
    new_tickets: tuple[datetime, ...] = ()
    """New tickets of the author lately, newest first."""
    flood: tuple[str, Budget] | None = None
    """Who opened too many lately: the author without a detail, or the machines of a domain; and the budget."""
    reopens: tuple[datetime, ...] = ()
    """Reopens of the matched ticket lately, newest first."""
    machines_entries: tuple[datetime, ...] = ()
    """What the author wrote on the matched ticket lately, newest first; for a machine's mail."""
    history: tuple[Entry, ...] = ()
    """For an agent's mail, one that quotes, or what may be an echo: entries of the matched ticket, oldest first."""
    sent_text: str = ""
    """For what may be an echo: the text of the mail of ours it answers, or of the newest one to its author. For an
    agent's mail on a ticket that quotes: all words of the one it answers."""
    sent_automatic: bool = False
    """No person of ours wrote that mail."""
    parent: Entry | None = None
    """For an agent's mail: what the notice it answers was about."""
    named: Ticket | None = None
    """The ticket `#merge N`, `#move N` or `#reopen N` names, if there is one."""
    forwards: Mapping[int, Inside] = field(default_factory=dict)
    """For `#from` on a ticket: entry id → the mail that came inside an agent's."""
    shares: Shares | None = None
    """For a mail about no ticket: what each agent of its mailbox has; None where requests are given to nobody."""
    looked: Found | None = None
    """What an agent looks up."""
    lost_list: bool = False
    """For an agent's mail that names a ticket: it answers a list of ours that is not in the outbox (any more)."""
    act: Act | None = None
    """The agent's order that `#undo` means."""
    asked: CustomerRating | None = None
    """The question how it was that a mail on a closed ticket answers."""
    waiting: Act | None = None
    """For a customer's mail on a ticket that is done: the answer of an agent that has not left yet."""
    undone_from: Ticket | None = None
    """The ticket whose entries that order took away."""
    view: AgentView | None = None
    """What the mail an agent answers had told of the ticket; None when nobody knows."""
    answers: str = ""
    """For an agent's mail: the kind of our mail it answers (`Notice`)."""
    left_at: datetime | None = None
    """For an agent's mail on a ticket: when our mail it answers began to leave."""
    said: tuple[Said, ...] = ()
    """For an agent's mail on a ticket: what the agent did within a day, on any ticket, newest first."""
    drafts: tuple[Draft, ...] = ()
    """The agent's drafts that wait, newest first."""
    draft: Draft | None = None
    """The draft whose receipt an agent answers, or that `#send N` names."""
    resumed: Draft | None = None
    """This mail is a draft, let go by its agent."""
    resumed_by: Agent | None = None
    own_tickets: tuple[Ticket, ...] = ()
    """The author's open tickets: all when the mail asks for them, the latest when it opens another one."""
    twin: int = 0
    """Of these, the one with the same text, opened a moment before."""
    authentic: str = ""
    """How the author's address is proven (`smtp-auth`, `dmarc`), empty when it is not."""
    disproven: bool = False
    """A trusted host wrote that the author's domain did not send it."""


@dataclass(frozen=True, slots=True)
class Case:
    message: Message
    envelope: Envelope
    kind: Kind
    keys: ThreadKeys
    choice: Choice
    known: Known
    policy: Policy
    facts: Facts
    order: Order = field(default_factory=Order)
    """The commands at the head of the new text."""
    forwarded: Forwarded | None = None
    """The customer's mail inside, when the order says `#from`."""
    _author: list[Address] = field(default_factory=list, init=False, repr=False, compare=False)
    """Found once: every rule asks for it."""
    _ruled: list[Ruled] = field(default_factory=list, init=False, repr=False, compare=False)
    """Found once, too."""

    @property
    def now(self) -> datetime:
        return self.facts.now

    @property
    def author(self) -> Address:
        """Who acts: of a person with several addresses the one by which the ticket knows them, else the main one."""
        person = self.facts.person
        return second_address.author(self.written_by, person, self.ticket) if person else self.written_by

    @property
    def written_by(self) -> Address:
        """Under which address. For a trusted form sender that is whom the form names in Reply-To."""
        if not self._author:
            self._author.append(author_of(self.message, self.policy))
        return self._author[0]

    @property
    def agent(self) -> Agent | None:
        return self.facts.resumed_by or self.policy.agent_for(self.author.address)

    @property
    def quotes(self) -> bool:
        """A part of its text is not the author's new one."""
        return self.message.reply_text != self.message.body_text

    @property
    def holder(self) -> Agent | None:
        """The agent whose mark an address we do not know shows; the mark proves nothing there."""
        leaked = self.keys.leaked[0].holder if self.keys.leaked and self.agent is None else ""
        return self.policy.agent_for(leaked) if leaked else None

    @property
    def ticket(self) -> Ticket | None:
        return self.choice.match.ticket if self.choice.match else None

    @property
    def signed(self) -> bool:
        """It shows a mark only a recipient of our mail can have. To be proven as somebody else is no such mark."""
        return self.choice.match is not None and self.choice.match.evidence in SIGNED

    @property
    def proven(self) -> bool:
        """Its author is who it says: by a mark of ours, by SMTP AUTH or by DMARC."""
        return self.signed or bool(self.facts.authentic)

    @property
    def knows_author(self) -> bool:
        return self.ticket is not None and self.ticket.knows(self.author.address)

    @property
    def knows_author_or_signed(self) -> bool:
        return self.knows_author or (self.ticket is not None and self.signed)

    @property
    def machine(self) -> bool:
        """Its header says that a program sent it; a person's words may be in it, and it is heard."""
        return self.kind.no_acknowledgement in MACHINES

    @property
    def sent(self) -> SentFacts | None:
        return self.known.sent

    @property
    def reported_ticket(self) -> Ticket | None:
        """For a report: the ticket of the mail it is about."""
        found = follow(self.sent.ticket, self.known) if self.sent else None
        named = (leads_to(key, self.known, self.policy.keys) for key in self.keys.reported if key.number)
        return found or next(filter(None, named), None)

    @property
    def mailbox(self) -> Mailbox:
        """Which of our mailboxes the mail is for: by its envelope, then by its header, else the first."""
        return (*self.mailboxes, self.policy.mailboxes[0])[0]

    @property
    def mailboxes(self) -> tuple[Mailbox, ...]:
        """All of our mailboxes it is for; the first may be another one by a rule of the site."""
        box = self.policy.mailbox_for(self.ruled.hand_to) if self.ruled.hand_to else None
        return tuple(dict.fromkeys((box, *self._written_to[1:]))) if box else self._written_to

    @property
    def ruled(self) -> Ruled:
        """What the site's rules say of it: of mail from outside that is no archive's."""
        if not self._ruled:
            asks = self.policy.rules and not (self.envelope.archived or self.holder)
            self._ruled.append(matched(self.policy.rules, self._seen()) if asks else NONE)
        return self._ruled[0]

    def _seen(self) -> RuledMail:
        author = self.message.author
        boxes = self._written_to or self.policy.mailboxes[:1]
        written = (*self._named, *self.envelope.recipients)
        aliases = (self.policy.alias_of(box, address) for box in boxes for address in written)
        return RuledMail(
            self.message,
            authors=tuple(dict.fromkeys((self.author.key, *([author.key] if author else [])))),
            mailboxes=(*(box.key for box in boxes), *(address_key(alias) for alias in aliases if alias)),
            reply=self.knows_author_or_signed,
            authentication="fail" if self.facts.disproven else "pass" if self.facts.authentic else "none",
            hours="open" if self.policy.hours.is_open(self.now) else "closed",
        )

    @property
    def _written_to(self) -> tuple[Mailbox, ...]:
        """The mailboxes it was written or delivered to; mail of an archive was delivered elsewhere."""
        delivered = self.envelope.recipients
        return self.boxes(*((*self._named, *delivered) if self.envelope.archived else (*delivered, *self._named)))

    @property
    def written_to(self) -> str | None:
        """The alias of the mailbox (the ticket's, where it has one) that its author wrote to, empty where that was the
        mailbox itself. None: neither, as in an answer to a reply address."""
        box = self.policy.mailbox_for(self.ticket.mailbox) if self.ticket else self.mailbox
        if box is None:
            return None
        named = (a for a in (*self._named, *self.envelope.recipients) if self.policy.mailbox_for(a) is box)
        return next((self.policy.alias_of(box, a) for a in named if not self.policy.tokens_in(a)), None)

    @property
    def mailboxes_not_told(self) -> tuple[Mailbox, ...]:
        """For a mail that came before: those it is delivered to now, and neither named nor delivered to before."""
        told = self.boxes(*self._named, *self.facts.delivered_before)
        return tuple(box for box in self.boxes(*self.envelope.recipients) if box not in told)

    @property
    def _named(self) -> list[str]:
        return [a.address for a in (*self.message.to, *self.message.cc)][:200]

    def boxes(self, *addresses: str) -> tuple[Mailbox, ...]:
        """Our mailboxes among addresses, each once."""
        return tuple(dict.fromkeys(box for a in addresses if (box := self.policy.mailbox_for(a))))

    @property
    def files(self) -> tuple[AttachedFile, ...]:
        return files_of(self.message)


def files_of(message: Message) -> tuple[AttachedFile, ...]:
    return tuple(
        AttachedFile(message.sha256, a.part, a.filename, a.content_type, size=a.size) for a in message.attachments
    )


def author_of(message: Message, policy: Policy) -> Address:
    """The person a mail is from; an empty address when it names nobody.

    A list in front of us writes under our own address, and says whose mail it is in fields of its own.
    """
    author = message.author or Address("")
    if is_form(message, policy):
        return next(
            (a for a in message.reply_to if not is_role(a.key) and not policy.is_own(a.key)), message.reply_to[0]
        )
    if policy.is_own(author.address):
        named = _original(message)
        others = (a for a in (*named, *message.reply_to) if "@" in a.key and not policy.is_own(a.address))
        return next((a for a in others if policy.agent_for(a.address) is None), author)
    if is_known_form(message):
        return next(iter(asked_at(message, policy)), author)
    if is_by_list(message):
        named = (*message.reply_to, *_original(message))
        return next((a for a in _outside(named, message, policy) if not is_list(a, message)), author)
    # Other desks tell their tickets apart by a detail of the address (RFC 5233).
    local, _, domain = author.key.rpartition("@")
    detailed = (
        a for a in message.reply_to[:1] if local and a.key.startswith(f"{local}+") and a.key.endswith(f"@{domain}")
    )
    return next((Address(a.address, author.name or a.name) for a in detailed), author)


def asked_at(message: Message, policy: Policy) -> tuple[Address, ...]:
    """Where else a mail asks for answers (Reply-To): addresses of people outside, other than its author's."""
    return _outside(message.reply_to, message, policy)


def _original(message: Message) -> tuple[Address, ...]:
    """Whom a list names as the author of what it sends on under another address."""
    return tuple(a for field in ("x-original-from", "x-original-sender") for a in found_in(message.header(field)))


def _outside(named: tuple[Address, ...], message: Message, policy: Policy) -> tuple[Address, ...]:
    author = message.author.key if message.author else ""
    found = {a.key: a for a in named if "@" in a.key and a.key != author and not is_role(a.key)}
    return tuple(a for key, a in found.items() if not policy.is_own(key) and policy.agent_for(key) is None)
