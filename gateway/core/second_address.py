"""A person with several addresses: `#alias` says that one is somebody's as well, `#unalias` that it is not.

What comes from a further address counts as written by the person, and everything goes to the main address, which the
agent has named by the ticket. So an address that an agent mistypes is never written to, and opens no page: all that
it can do is to write. Pure; the same for mail and command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.core.decision import Decision, Namesake, SamePerson
from gateway.core.notice import Audience, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.roles import is_role
from gateway.core.ticket import Participant, Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address, address_key
from gateway.mail.sentence import SEPARATOR, code

if TYPE_CHECKING:
    from gateway.core.commands import Order

NAMING = (Verb.ALIAS, Verb.UNALIAS, Verb.REQUESTER, Verb.ASK)
"""Orders that may name a person's further address, first of all."""


def named(order: Order) -> str:
    """The address that has to be looked up; empty without such an order."""
    return next(filter(None, (order.argument(verb).partition(" ")[0] for verb in NAMING)), "")


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
    if found is None or not order.has(Verb.ALIAS):
        return ()
    asked = found.tickets or found.registered or found.person
    own = (code("alias_doubt", found.address.address, found.tickets),) if asked else ()
    return (*own, code("alias_copies", found.address.address, found.copies)) if found.copies else own


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


def brought_in(decision: Decision) -> frozenset[str]:
    """Keys of whom a decision makes a requester, unless the main address is known to be meant, or lets take part."""
    joined = {j.address.key for j in decision.change.joined if not j.follower}
    if decision.new:
        requester = None if decision.new.second_address else decision.new.requester
    else:
        requester = None if decision.same else decision.change.requester
    return frozenset(joined | ({requester.key} if requester else set()))


def at_main(decision: Decision, mains: Mapping[str, Address], ticket: Ticket | None) -> Decision:
    """The decision for people it names by a further address: the main one is written to, once, and is the requester.
    Who takes part from now on is kept as they were named, for that may be found to be somebody else's address."""

    def main(a: Address) -> Address:
        found = mains.get(a.key)
        return replace(found, name=found.name or a.name) if found else a

    change, new = decision.change, decision.new
    if new and new.requester.key in mains:
        new = replace(new, requester=main(new.requester), second_address=new.requester.address)
    if change.requester:
        change = replace(change, requester=main(change.requester))
    there = {new.requester.key} if new else set()
    there |= {a.key for a in (ticket.requester, *ticket.participants)} if ticket else set()
    known = {key for key, found in mains.items() if found.key in there}
    change = replace(change, joined=tuple(j for j in change.joined if j.adviser or j.address.key not in known))
    written_to = {n.recipient.key for n in decision.notices if n.audience is not Audience.AGENT}
    notices: list[NoticeRequest] = []
    for n in decision.notices:
        if n.recipient.key not in mains:
            notices.append(replace(n, remarks=_at_main(n.remarks, mains)))
        elif main(n.recipient).key not in written_to:
            written_to.add(main(n.recipient).key)
            notices.append(replace(n, recipient=main(n.recipient)))
    return replace(decision, new=new, change=change, notices=tuple(notices), events=_at_main(decision.events, mains))


def _at_main(sentences: tuple[str, ...], mains: Mapping[str, Address]) -> tuple[str, ...]:
    """Sentences about people, which name them by the address that is written to."""

    def named(argument: str) -> str:
        people = argument.split(", ")
        if not any(address_key(a) in mains for a in people):
            return argument
        written_to = (mains[key].address if (key := address_key(a)) in mains else a for a in people)
        return ", ".join(dict.fromkeys(written_to))

    return tuple(SEPARATOR.join(map(named, sentence.split(SEPARATOR))) for sentence in sentences)


def each_once(ticket: Ticket) -> Ticket:
    """Of somebody who takes part under several addresses, or is the requester besides, one is left, who may read what
    each of them may."""
    people: dict[str, Participant] = {}
    for p in ticket.people:
        key, there = p.address.key, people.get(p.address.key)
        own = (0, -ticket.number)
        if key == ticket.requester.key and p.sees:
            p = replace(p, sees=tuple(dict.fromkeys((*own, *p.sees))))
        if there and (p.sees or there.sees):
            p = replace(p, sees=tuple(dict.fromkeys((*(there.sees or own), *(p.sees or own)))))
        if there:
            p = replace(p, confirmed=p.confirmed or there.confirmed, adviser=p.adviser or there.adviser)
        people[key] = p
    alone = (p for p in people.values() if p.address.key != ticket.requester.key or p.sees or p.adviser or p.follower)
    return replace(ticket, people=tuple(alone))


def remark(written_by: Address, as_whom: Address) -> tuple[str, ...]:
    """For agents: that a mail came from a person's further address."""
    same = address_key(written_by.address) == as_whom.key
    return () if same else (code("alias_wrote", written_by.address, as_whom.address),)
