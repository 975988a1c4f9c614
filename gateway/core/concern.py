"""What a mail concerns: what it names, and what is found behind that. One transaction at a time decides about it."""

from __future__ import annotations

from gateway.core.case import Case, author_of
from gateway.core.commands import PEOPLE, Order
from gateway.core.policy import Policy
from gateway.core.second_address import NAMING
from gateway.core.thread import ThreadKeys
from gateway.core.verbs import Verb
from gateway.mail.message import Message, address_key

NUMBERED = (Verb.MERGE, Verb.MOVE, Verb.REOPEN, Verb.SHOW)
"""Orders that name another ticket."""
_PERSONAL = (*PEOPLE, *NAMING, Verb.CC)
"""Orders that name a customer, first of all."""
_WHO_IS_WHO = (Verb.REQUESTER, Verb.ALIAS, Verb.UNALIAS)


def names(message: Message, keys: ThreadKeys, order: Order, policy: Policy) -> list[str]:
    """What two mails must share to be decided one after the other."""
    said = [c for c in order.commands if c.argument]
    people = [author_of(message, policy).key]
    people += [address_key(c.argument.partition(" ")[0]) for c in said if c.verb in _PERSONAL]
    tickets = (*keys.numbers, *(int(c.argument) for c in said if c.verb in NUMBERED))
    named = [f"id:{i}" for i in (message.message_id, *keys.message_ids)]
    named += [*(f"ticket:{n}" for n in tickets), *(f"author:{key}" for key in people)]
    return list(dict.fromkeys(named))


def found(case: Case) -> tuple[set[int], set[str]]:
    """Tickets a mail is found to be about, and keys of the people whose further addresses it comes from or names."""
    facts = case.facts
    robot = case.known.tickets.get(facts.robot.ticket) if facts.robot else None
    tickets = {t.number for t in (case.ticket, facts.named, facts.undone_from, robot) if t}
    people = {a.key for a in facts.person[:1]}
    if any(case.order.has(verb) for verb in _WHO_IS_WHO):
        people |= {a.key for a in (facts.namesake.person[:1] if facts.namesake else ())}
        people |= {case.ticket.requester.key} if case.ticket else set()
    return tickets, people
