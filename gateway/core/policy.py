"""What the site decided, as the pure core sees it: built once from the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from gateway import texts
from gateway.core.hours import Hours
from gateway.core.lifecycle import Status
from gateway.core.rules import SiteRule
from gateway.core.ticket import Ticket
from gateway.core.token import (
    AddressMark,
    Keys,
    OwnMessageId,
    is_address_token,
    read_address_token,
    read_message_id,
    reference,
)
from gateway.core.window import Budget
from gateway.mail.message import Address, address_key, ascii_domain

_SPARE = 200
"""Moments looked at beyond what a budget counts: some may have been written down by a clock that was ahead."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """An address customers write to."""

    address: str
    name: str
    language: str
    """`en`, `pt-BR`; empty: the site's default."""
    reply_address: str = ""
    """Template such as `support+{token}@example.com`; empty without plus-addressing."""
    signature: str = ""
    aliases: tuple[str, ...] = ()
    first_response_hours: int = 0
    """Business hours within which a new request is to be answered; 0: no target."""
    next_response_hours: int = 0
    assign: str = "nobody"
    """`nobody`, `round_robin`, `least_open`: who gets a new request"""
    announce: str = "team"
    """`team`, `assignee`, `board`, `digest`: who hears by mail of what nobody has"""
    names: frozenset[str] = field(init=False, repr=False, compare=False)
    """Keys of its address and its aliases."""

    def __post_init__(self) -> None:
        names = frozenset(address_key(a) for a in (self.address, *self.aliases))
        object.__setattr__(self, "names", names)

    @property
    def key(self) -> str:
        return address_key(self.address)

    @property
    def domain(self) -> str:
        """In the form that may stand in a Message-ID."""
        return ascii_domain(self.address.rpartition("@")[2])


@dataclass(frozen=True, slots=True)
class Agent:
    """Someone who answers customers, from their own mail program."""

    address: str
    name: str
    lead: bool = False
    mailboxes: tuple[str, ...] = ()
    """Addresses of the mailboxes this agent works for; empty: all."""
    aliases: tuple[str, ...] = ()
    """Other addresses the same person writes from."""
    language: str = ""
    signature: str = ""
    """Put under this agent's answers, above the mailbox's."""

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(address_key(a) for a in (self.address, *self.aliases))


@dataclass(frozen=True, slots=True)
class SiteStatus:
    """A status a site defines between ours, with what it counts as."""

    name: str
    counts_as: Status
    labels: Mapping[str, str] = field(default_factory=dict)
    """Language → how it is called; the name where there is none."""
    meanings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything the core may know of the site. No secret but the signing keys."""

    keys: Keys
    mailboxes: tuple[Mailbox, ...]
    agents: tuple[Agent, ...] = ()
    default_language: str = "en"
    languages: tuple[str, ...] = field(default_factory=texts.languages)
    public_url: str = "http://127.0.0.1:8025"
    operator: str = ""
    reference_prefix: str = "RD"
    trusted_authserv_ids: tuple[str, ...] = ()
    """Only these hosts' Authentication-Results count (RFC 8601 section 5)."""
    verifies_as: str = ""
    """Our own name where we judge ourselves who sent a mail that came by SMTP."""
    trusted_form_senders: tuple[str, ...] = ()
    """Reply-To of these becomes the requester."""
    trusted_spam_fields: tuple[str, ...] = ()
    """Fields, in lower case, in which our own filter says `Yes`."""
    reopen_window_days: int = 0
    """0: a closed ticket is always reopened."""
    close_after_days: int = 7
    remind_after_days: int = 3
    link_days: int = 30
    """How long links in mails act, in days."""
    passwords: bool = True
    """Customers may set a password for the portal; without, nobody is invited to."""
    null_reverse_path: bool = True
    """Send auto-replied mail from `<>` (RFC 3834 section 3.3)."""
    acknowledgement_budgets: tuple[Budget, ...] = (Budget(5, 10), Budget(20, 1440), Budget(60, 7 * 1440))
    """Automatic mail to one address."""
    domain_budgets: tuple[Budget, ...] = (Budget(200, 60), Budget(600, 1440))
    """Automatic mail to addresses of one domain that are new here; providers for everybody are no domain."""
    total_budgets: tuple[Budget, ...] = (Budget(5000, 60),)
    """Automatic mail to addresses that are new here, in all."""
    alike_budgets: tuple[Budget, ...] = (Budget(10, 60),)
    """Mails with the same words from so many addresses of one domain are people; what is more is a machine's."""
    new_ticket_budgets: tuple[Budget, ...] = (Budget(20, 60),)
    """New tickets of one address that are still announced and acknowledged."""
    reopen_budgets: tuple[Budget, ...] = (Budget(10, 60),)
    """Reopens of one ticket."""
    notify_customers_of_status: bool = True
    answering_assigns: bool = True
    """Who answers a ticket nobody has, has it."""
    max_attachment_bytes: int = 15 * 1024 * 1024
    """Bytes of files on one mail; what is more goes as a link."""
    hold_minutes: int = 0
    """How long an agent's answer waits in the outbox, where #undo can recall it."""
    hours: Hours = field(default_factory=Hours)
    business_days: bool = False
    """Days of the lifecycle are business days, not calendar days."""
    waiting_remind_after_days: int = 0
    waiting_solved_after_days: int = 0
    rating_after_hours: int = 0
    """So long after closing the customer is asked how it was; 0: never."""
    rating_scale: str = "five"
    """`five`, `two`"""
    rating_change_days: int = 14
    statuses: tuple[SiteStatus, ...] = ()
    rules: tuple[SiteRule, ...] = ()
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Ready texts: name → language → text."""
    closed_before: datetime | None = None
    """Conversations of an archive that ended before it are closed; None: they stay as they ended."""
    own_addresses: frozenset[str] = field(default_factory=frozenset)
    """Keys of every mailbox and alias; nothing is ever sent to them."""

    def mailbox_for(self, address: str) -> Mailbox | None:
        """The mailbox an address belongs to: itself, an alias, or its reply address with any token."""
        key = address_key(address)
        for box in self.mailboxes:
            if key in box.names or _name_below(box, key):
                return box
            if box.reply_address and reply_token(box.reply_address, address) is not None:
                return box
        return None

    def alias_of(self, mailbox: Mailbox, address: str) -> str:
        """The alias of this mailbox an address is, as configured; empty when it is none."""
        key = address_key(address)
        names = {address_key(a): a for a in mailbox.aliases}
        return names.get(key) or names.get(_name_below(mailbox, key), "")

    def takes(self, recipient: str) -> bool:
        """Mail to this address is for us: a mailbox, or postmaster, alone or at our domains (RFC 5321, 4.5.1)."""
        if self.mailbox_for(recipient) is not None:
            return True
        local, _, domain = plain_address(address_key(recipient)).rpartition("@")
        if not local:
            return domain == "postmaster"
        return local == "postmaster" and any(domain == box.key.rpartition("@")[2] for box in self.mailboxes)

    def is_own(self, address: str) -> bool:
        return address_key(address) in self.own_addresses or self.mailbox_for(address) is not None

    def tokens_in(self, address: str) -> tuple[str, ...]:
        """What stands in place of `{token}`, for each mailbox whose reply address this is or was."""
        key = address_key(address)
        found = [reply_token(box.reply_address, address) for box in self.mailboxes if box.reply_address]
        detail = plus_detail(key)
        if is_address_token(detail) and any(_name_below(box, key) for box in self.mailboxes):
            found.append(detail)
        return tuple(dict.fromkeys(token for token in found if token))

    def marks_in(self, address: str) -> tuple[AddressMark, ...]:
        """Every token in an address whose signature is right."""
        found = (read_address_token(self.keys, token, self.agent_keys) for token in self.tokens_in(address))
        return tuple(mark for mark in found if mark)

    def own_message_id(self, value: str) -> OwnMessageId | None:
        """The Message-ID, when it is one of ours and its signature is right."""
        return read_message_id(self.keys, value, self.agent_keys)

    def reference(self, ticket: Ticket) -> str:
        """`RD-1042-7KQ4TN`"""
        return reference(self.keys, self.reference_prefix, ticket.named)

    @property
    def counted(self) -> int:
        """How many of the newest moments tell whether a budget of an address or a ticket is spent."""
        budgets = (*self.acknowledgement_budgets, *self.new_ticket_budgets, *self.reopen_budgets)
        return _SPARE + max((budget.count for budget in budgets), default=0)

    @property
    def agent_keys(self) -> frozenset[str]:
        """The address keys a mark made for an agent may be bound to."""
        return frozenset(key for agent in self.agents for key in agent.keys)

    def agent_for(self, address: str) -> Agent | None:
        key = address_key(address)
        return next((a for a in self.agents if key in a.keys), None)

    def agents_called(self, name: str) -> tuple[Agent, ...]:
        """Whom an address, a name, a first name or the part before the @ means; several where it fits several. A full
        stop behind it may be of the name, or of the sentence."""
        word = _without_stop(name)
        exact = tuple(a for a in self.agents if word in a.keys or word == _without_stop(a.name))
        return exact or tuple(
            a
            for a in self.agents
            if word in (_without_stop(a.name.partition(" ")[0]), a.address.partition("@")[0].casefold())
        )

    def mailbox_of(self, agent: Agent) -> Mailbox:
        """The first mailbox an agent works for; the first of all when the agent names none."""
        named = (self.mailbox_for(address) for address in agent.mailboxes)
        return next((box for box in named if box), self.mailboxes[0])

    def agents_for(self, mailbox: str) -> tuple[Agent, ...]:
        """Who hears of a mailbox: who works for it; where that is nobody, the leads, or everybody."""
        return self.team(mailbox) or tuple(a for a in self.agents if a.lead) or self.agents

    def team(self, mailbox: str) -> tuple[Agent, ...]:
        """Agents that name the mailbox or an alias of it, and agents that name none."""
        box = self.mailbox_for(mailbox)
        names = box.names if box else {address_key(mailbox)}
        return tuple(a for a in self.agents if not a.mailboxes or any(address_key(m) in names for m in a.mailboxes))


def _without_stop(name: str) -> str:
    return name.casefold().strip().rstrip(".,;!")


def plain_address(address: str) -> str:
    """The address without its plus detail (RFC 5233): `a+b@c` → `a@c`."""
    local, at, domain = address.rpartition("@")
    return f"{local.partition('+')[0]}{at}{domain}"


def plus_detail(address: str) -> str:
    """What stands between the plus and the domain (RFC 5233): `a+b@c` → `b`."""
    return address.rpartition("@")[0].partition("+")[2]


def _name_below(box: Mailbox, key: str) -> str:
    """The name of the mailbox that an address with a plus detail is below; empty: none, or the detail does not count.

    Without plus-addressing a mark counts all the same: mails that are out in the world ask for answers there, for as
    long as anybody answers them, whatever the settings say by now.
    """
    bare = plain_address(key)
    if bare == key or bare not in box.names:
        return ""
    return bare if box.reply_address or is_address_token(plus_detail(key)) else ""


def reply_token(template: str, address: str) -> str | None:
    """The token inside an address made from a reply-address template, or None when it is not one."""
    before, _, after = template.partition("{token}")
    key, before, after = address_key(address), before.lower(), address_key(after)
    if len(key) <= len(before) + len(after) or not key.startswith(before) or not key.endswith(after):
        return None
    return key[len(before) : len(key) - len(after)]


def as_address(who: Agent | Mailbox) -> Address:
    return Address(who.address, who.name)
