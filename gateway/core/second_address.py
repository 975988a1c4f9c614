"""A person with several addresses: `#alias` says that one is somebody's as well, `#unalias` that it is not.

What comes from a further address counts as written by the person, and everything goes to the main address, which the
agent has named by the ticket. So an address that an agent mistypes is never written to, and opens no page: all that
it can do is to write. Pure; the same for mail and command line.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core.commands import Order
from gateway.core.decision import Decision, Namesake, SamePerson
from gateway.core.policy import Policy
from gateway.core.roles import is_role
from gateway.core.ticket import Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address, address_key
from gateway.mail.sentence import code

NAMING = (Verb.ALIAS, Verb.UNALIAS, Verb.REQUESTER)
"""Orders that may name a person's further address."""


def named(order: Order) -> str:
    """The address that has to be looked up; empty without such an order."""
    return next(filter(None, (order.argument(verb) for verb in NAMING)), "")


def author(written_by: Address, person: tuple[Address, ...], ticket: Ticket | None) -> Address:
    """Who acts where a mail is from one of a person's addresses: as the ticket knows them, else as the main one."""
    if not person:
        return written_by
    known = {a.key for a in (ticket.requester, *ticket.participants)} if ticket else set()
    first = [ticket.requester] if ticket and ticket.requester.key in {a.key for a in person} else []
    found = next((a for a in (*first, written_by, *person) if a.key in known), person[0])
    return replace(found, name=written_by.name or found.name)


def problems(policy: Policy, order: Order, requester: Address, found: Namesake | None) -> tuple[str, ...]:
    """Why an order about addresses cannot be meant."""
    if found is None or not (order.has(Verb.ALIAS) or order.has(Verb.UNALIAS)):
        return ()
    main, address = (found.person[0] if found.person else None), found.address
    if order.has(Verb.UNALIAS):
        return () if found.is_further else (unknown(address),)
    return refusal(policy, requester, address, main if found.is_further else None)


def refusal(policy: Policy, main: Address, other: Address, of: Address | None) -> tuple[str, ...]:
    """Why these cannot be one person; `of`: whose further address `other` is already."""
    if policy.is_own(other.address):
        return (code("own_mailbox", other.address),)
    if any(policy.agent_for(a.address) or is_role(a.key) or "@" not in a.key for a in (main, other)):
        return (code("alias_nobody", other.address, main.address),)
    if other.key == main.key or (of is not None and of.key == main.key):
        return (code("alias_already", other.address, main.address),)
    return (code("alias_of_another", other.address, of.address),) if of is not None else ()


def unknown(address: Address) -> str:
    return code("alias_unknown", address.address)


def doubt(order: Order, found: Namesake | None) -> tuple[str, ...]:
    """What the agent must know before an address that has requests of its own becomes another person's."""
    if found is None or not order.has(Verb.ALIAS) or not (found.tickets or found.registered or found.person):
        return ()
    return (code("alias_doubt", found.address.address, found.tickets),)


def wanted(order: Order, requester: Address, found: Namesake | None) -> SamePerson | None:
    """What an order makes of two addresses. `#requester` with a further address of the person makes it the main one."""
    if found is None:
        return None
    if order.has(Verb.ALIAS):
        return SamePerson(requester, found.address)
    if order.has(Verb.UNALIAS):
        return SamePerson(found.person[0], found.address, apart=True)
    moves = order.has(Verb.REQUESTER) and found.is_further and found.person[0].key == requester.key
    return SamePerson(replace(found.address, name=requester.name), requester) if moves else None


def before(order: Order, requester: Address, found: Namesake | None) -> tuple[str, str, bool] | None:
    """What takes such an order back: main address, further address, and whether they are two people's."""
    same = wanted(order, requester, found)
    if same is None:
        return None
    moved = order.has(Verb.REQUESTER)
    main, other = (same.other, same.main) if moved else (same.main, same.other)
    return main.address, other.address, order.has(Verb.ALIAS)


def events(same: SamePerson | None) -> tuple[str, ...]:
    if same is None:
        return ()
    word = "alias_parted" if same.apart else "alias_set"
    return (code(word, same.other.address, same.main.address),)


def requester_of(decision: Decision) -> Address | None:
    """Whom a decision makes a requester; None where nobody is, or where the main address is known to be meant."""
    if decision.new:
        return None if decision.new.second_address else decision.new.requester
    return None if decision.same else decision.change.requester


def at_main(decision: Decision, named: Address, main: Address) -> Decision:
    """The decision for whoever is made a requester under a further address: the main one is, and is written to."""
    change, new = decision.change, decision.new
    if new:
        new = replace(new, requester=main, second_address=named.address)
    if change.requester:
        change = replace(change, requester=main)
    return replace(
        decision,
        new=new,
        change=change,
        notices=tuple(replace(n, recipient=main) if n.recipient.key == named.key else n for n in decision.notices),
        events=tuple(
            code("requester_set", main.address) if e == code("requester_set", named.address) else e
            for e in decision.events
        ),
    )


def remark(written_by: Address, as_whom: Address) -> tuple[str, ...]:
    """For agents: that a mail came from a person's further address."""
    same = address_key(written_by.address) == as_whom.key
    return () if same else (code("alias_wrote", written_by.address, as_whom.address),)
