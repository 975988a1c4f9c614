"""The site's own rules (`[[rules]]`): what a mail must show, and what becomes of it then.

A rule that matches acts beside the table of `decide`, never in its place: it puts words on a ticket, gives it to an
agent or a mailbox, or spares the acknowledgement. Only `fold` decides alone, and the digest counts what it folds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from gateway.mail.message import Message, address_key

READ = 100_000
"""Characters of a text in which words are looked for."""


class Concerns(StrEnum):
    NEW = "new"
    REPLY = "reply"
    """It belongs to a ticket its author takes part in, or shows a signed mark of it."""
    ANY = "any"


@dataclass(frozen=True, slots=True)
class SiteRule:
    """All conditions must hold; of several values of one, any. An empty one is none."""

    name: str
    about: Concerns = Concerns.NEW
    mailbox: tuple[str, ...] = ()
    """Addresses of mailboxes it was written or delivered to, or of their aliases that were."""
    sender: tuple[str, ...] = ()
    """Addresses in which `*` stands for anything, or domains with all below them."""
    subject: tuple[str, ...] = ()
    """Texts it holds; `*` stands for anything, case does not matter. So with `header` and `body`."""
    header: Mapping[str, str] = field(default_factory=dict)
    """Name of a field, in lower case → what one of its values holds. All of them."""
    body: tuple[str, ...] = ()
    authentication: str = ""
    """`pass`, `fail`, `none`: what a trusted host found of its author"""
    hours: str = ""
    """`open`, `closed`: when it came"""
    tag: tuple[str, ...] = ()
    assign: str = ""
    """Address of an agent."""
    hand_to: str = ""
    """Address of a mailbox of ours."""
    status: str = ""
    """A status of the site's own, or `waiting_on_us`."""
    fold: bool = False
    acknowledge: bool = True


@dataclass(frozen=True)
class RuledMail:
    """What rules look at. Addresses are keys."""

    message: Message
    authors: tuple[str, ...]
    mailboxes: tuple[str, ...]
    reply: bool
    authentication: str
    hours: str

    @cached_property
    def subject(self) -> str:
        return _plain(self.message.subject)

    @cached_property
    def body(self) -> str:
        return _plain(self.message.reply_text[:READ])


@dataclass(frozen=True, slots=True)
class Ruled:
    """What the rules that match want, all together. Of two that name one agent, mailbox or status, the first."""

    rules: tuple[SiteRule, ...] = ()
    reply: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(rule.name for rule in self.rules)

    @property
    def tags(self) -> tuple[str, ...]:
        return tuple(sorted({tag for rule in self.rules for tag in rule.tag}))

    @property
    def assign(self) -> str:
        return "" if self.reply else next((r.assign for r in self.rules if r.assign), "")

    @property
    def hand_to(self) -> str:
        return "" if self.reply else next((r.hand_to for r in self.rules if r.hand_to), "")

    @property
    def status(self) -> str:
        return next((r.status for r in self.rules if r.status), "")

    @property
    def folds(self) -> str:
        """The name of the first that folds; empty without."""
        return next((r.name for r in self.rules if r.fold), "")

    @property
    def unanswered(self) -> str:
        """The name of the first that spares the acknowledgement."""
        return next((r.name for r in self.rules if not r.acknowledge), "")

    @property
    def said(self) -> str:
        """For the reasons kept with the mail: `invoices (tag bill), night (no acknowledgement)`."""
        return ", ".join(f"{rule.name} ({', '.join(_wants(rule))})" for rule in self.rules)


NONE = Ruled()


def matched(rules: Iterable[SiteRule], seen: RuledMail) -> Ruled:
    return Ruled(tuple(rule for rule in rules if _holds(rule, seen)), seen.reply)


def _wants(rule: SiteRule) -> Iterator[str]:
    for name, value in (
        ("tag", " ".join(rule.tag)),
        ("assign", rule.assign),
        ("hand to", rule.hand_to),
        ("status", rule.status),
    ):
        if value:
            yield f"{name} {value}"
    if rule.fold:
        yield "fold"
    if not rule.acknowledge:
        yield "no acknowledgement"


def _holds(rule: SiteRule, seen: RuledMail) -> bool:
    """The cheap conditions first: a body is long."""
    return (
        (rule.about is Concerns.ANY or (rule.about is Concerns.REPLY) is seen.reply)
        and rule.authentication in ("", seen.authentication)
        and rule.hours in ("", seen.hours)
        and (not rule.mailbox or any(address_key(box) in seen.mailboxes for box in rule.mailbox))
        and (not rule.sender or any(is_sender(p, key) for p in rule.sender for key in seen.authors))
        and (not rule.subject or any(holds(p, seen.subject) for p in rule.subject))
        and all(any(holds(p, _plain(v)) for v in seen.message.headers.get(n, ())) for n, p in rule.header.items())
        and (not rule.body or any(holds(p, seen.body) for p in rule.body))
    )


def is_sender(pattern: str, key: str) -> bool:
    """Whether `kim@shop.example`, `*@shop.example`, or the domain `shop.example` means this address key."""
    if "@" in pattern:
        return _is_whole(address_key(pattern), key)
    domain, named = key.rpartition("@")[2], address_key(f"x@{pattern}").rpartition("@")[2]
    return _is_whole(named, domain) or domain.endswith(f".{named}")


def holds(pattern: str, text: str) -> bool:
    """Whether a text, as `_plain` leaves it, holds a pattern: its parts between `*`, in their order."""
    at = 0
    for part in _plain(pattern).split("*"):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True


def _is_whole(pattern: str, text: str) -> bool:
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first) or not text.endswith(rest[-1]) or len(text) < len(first) + len(rest[-1]):
        return False
    return holds("*".join(rest[:-1]), text[len(first) : len(text) - len(rest[-1])])


def _plain(text: str) -> str:
    """Without regard to case; blanks and line ends are one."""
    return " ".join(text.split()).casefold()
