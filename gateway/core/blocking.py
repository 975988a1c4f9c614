"""Senders nobody wants to hear: `#block` and `#unblock`, and what becomes of mail from a blocked one.

A block names an address or a whole domain, with all that is below it. It goes by the author the mail
names, whatever mark of ours it shows; agents and our own mailboxes cannot be blocked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.decision import Decision, Why
from gateway.core.policy import Policy, plain_address
from gateway.core.reason import Reason
from gateway.core.verbs import Verb
from gateway.mail.message import Address
from gateway.mail.sentence import code

if TYPE_CHECKING:
    # A command that looks into the database needs nothing of how mail is read.
    from gateway.core.case import Case
    from gateway.core.commands import Command, Order

PROVIDERS = frozenset(
    (
        "gmail.com googlemail.com outlook.com outlook.de hotmail.com hotmail.de live.com live.de msn.com yahoo.com "
        "yahoo.de ymail.com gmx.de gmx.net gmx.at gmx.ch gmx.com web.de t-online.de freenet.de arcor.de 1und1.de "
        "mail.de posteo.de mailbox.org icloud.com me.com mac.com aol.com aol.de proton.me protonmail.com pm.me "
        "fastmail.com zoho.com mail.com bluewin.ch orange.fr laposte.net free.fr libero.it yandex.ru mail.ru qq.com "
        "163.com "
    ).split()
)
"""Domains that hold everybody: one address of them may be blocked, not all."""


def blocks_for(*addresses: Address) -> tuple[str, ...]:
    """What can be blocked so that this author is: an address, with or without its plus detail, and the domains."""
    found: list[str] = []
    for author in addresses:
        labels = author.key.rpartition("@")[2].split(".")
        domains = (".".join(labels[n:]) for n in range(len(labels) - 1))
        found += (author.key, plain_address(author.key), *domains)
    return tuple(dict.fromkeys(found))


def refusal(policy: Policy, what: str) -> str:
    """Why it must not be blocked, as a code; empty when it may."""
    if "@" in what:
        ours = policy.is_own(what) or policy.agent_for(what) is not None
    else:
        people = (*(b.address for b in policy.mailboxes), *(k for a in policy.agents for k in a.keys))
        ours = any(what in blocks_for(Address(p)) for p in people) and what not in PROVIDERS
    if ours:
        return code("block_ours", what)
    return code("block_provider", what) if what in PROVIDERS else ""


def wanted(order: Order, verb: Verb, requester: Address | None) -> str:
    """Whom an order blocks or unblocks: as named, else the requester; empty without such an order."""
    if not order.has(verb):
        return ""
    return order.argument(verb) or (requester.key if requester else "")


def problems(policy: Policy, order: Order, requester: Address | None) -> tuple[str, ...]:
    for verb in (Verb.BLOCK, Verb.UNBLOCK):
        if order.has(verb) and not wanted(order, verb, requester):
            return (code("needs_sender", f"#{verb.value}"),)
    what = wanted(order, Verb.BLOCK, requester)
    refused = refusal(policy, what) if what else ""
    return (refused,) if refused else ()


def events(order: Order, requester: Address | None, who: str) -> tuple[str, ...]:
    """What the order does, as said on the ticket and in the receipt."""
    blocked, unblocked = (wanted(order, verb, requester) for verb in (Verb.BLOCK, Verb.UNBLOCK))
    said = (code("blocked", blocked, who),) if blocked else ()
    return (*said, code("unblocked", unblocked, who)) if unblocked else said


def hits(case: Case) -> tuple[str, ...]:
    """For the receipt: how many people a blocked domain concerns, and how to end it."""
    what = wanted(case.order, Verb.BLOCK, case.ticket.requester if case.ticket else None)
    if not what:
        return ()
    many = (code("block_hits", what, case.facts.of_domain),) if case.facts.of_domain else ()
    return (*many, code("unblock_hint", what))


def named_domain(commands: tuple[Command, ...]) -> str:
    """The domain `#block` names; empty when it names none."""
    what = next((c.argument for c in commands if c.verb is Verb.BLOCK), "")
    return "" if "@" in what else what


def applies(case: Case) -> bool:
    """From a blocked sender who is no agent; an import takes old mail whoever wrote it."""
    return bool(case.facts.blocked) and case.agent is None and not case.envelope.archived


def decide(case: Case) -> Decision:
    """It is in the journal, and nobody hears of it."""
    what = case.facts.blocked
    return Decision(
        Reason.BLOCKED, Why(f"no: {what} is blocked", "no: blocked", "no: never", "no: counted in the digest")
    )


def is_marked(case: Case) -> bool:
    """Our own filter calls it spam. Whoever takes part in the ticket it answers, and agents, are heard all the same."""
    fields = (value for name in case.policy.trusted_spam_fields for value in case.message.headers.get(name, ()))
    if case.agent is not None or case.envelope.archived or (case.ticket is not None and case.knows_author):
        return False
    return any(value.strip().casefold().startswith("yes") for value in fields)


def marked(case: Case) -> Decision:
    """It is in the journal, and nobody hears of it."""
    said = "no: our own filter marked it as spam"
    return Decision(Reason.SPAM_MARKED, Why(said, "no: spam", "no: never", "no: counted in the digest"))
