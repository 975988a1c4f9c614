"""Whom an agent brings onto a ticket, and what they read of it from then on.

Where customers who must not read each other share a ticket, whoever comes is on the side of one of them: the ticket's
own, or the one an agent names by its number (`#cc ADDRESS #2`). Pure; the same for mail and command line.
"""

from __future__ import annotations

from gateway.core import sides
from gateway.core.commands import Order
from gateway.core.decision import Change, Joined
from gateway.core.ticket import Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address
from gateway.mail.sentence import code


def named(order: Order) -> tuple[tuple[Address, int], ...]:
    """Whom `#cc` names, and the number of the ticket whose side they come to; 0: not said."""
    found: dict[str, tuple[Address, int]] = {}
    for command in order.commands:
        if command.verb is Verb.CC:
            address, _, number = command.argument.partition(" ")
            whom = Address(address)
            if number or whom.key not in found:
                found[whom.key] = (whom, int(number or 0))
    return tuple(found.values())


def brought(ticket: Ticket, order: Order) -> tuple[Joined, ...]:
    """Who takes part by `#cc` and did not before; and who did, on the side that is named now."""
    unconfirmed = {a.key: a for a in ticket.unconfirmed}
    return tuple(
        Joined(unconfirmed.get(a.key, a), sees=_sees(ticket, number))
        for a, number in named(order)
        if (number not in (0, ticket.number) or not ticket.knows(a.address)) and not ticket.is_adviser(a.key)
    )


def problems(ticket: Ticket, order: Order) -> tuple[str, ...]:
    """A side there is none of; somebody whose side is their own and stays so; an adviser, whom no answer goes to."""
    faces = _faces(ticket)
    for address, number in named(order):
        if ticket.is_adviser(address.key):
            return (code("cc_adviser", address.address),)
        if number and number not in faces:
            return (code("no_such_part", f"#{number}", _told(faces)),)
        there = sides.given(ticket, address.key) or address.key == ticket.requester.key
        if number and there:
            return (code("part_stays", address.address, f"#{sides.face(ticket, address.key)}"),)
    return ()


def events(ticket: Ticket, joined: tuple[Joined, ...]) -> tuple[str, ...]:
    """For the ticket's history."""
    new = (j.address for j in joined if not (j.follower or j.adviser or ticket.knows(j.address.address)))
    return tuple(dict.fromkeys(code("confirmed", a.shown) for a in new))


def doubt(ticket: Ticket, order: Order) -> tuple[str, ...]:
    """What the agent must know before somebody comes whose side is not said; empty where there is only one."""
    if not sides.is_shared(ticket):
        return ()
    faces, said = _faces(ticket), list[str]()
    asked = {address.key for address, number in named(order) if not number}
    for whom in (j.address for j in brought(ticket, order) if j.address.key in asked):
        others = (f"#cc {whom.address} #{n}" for n in faces if n != ticket.number)
        said += [_reads("would_read", whom, ticket.number, faces), code("other_part", ", ".join(others))]
    return tuple(said)


def remarks(ticket: Ticket, change: Change) -> tuple[str, ...]:
    """For the receipt: whose words they read from now on."""
    if not sides.is_shared(ticket):
        return ()
    faces = _faces(ticket)
    came = {j.address.key: j for j in change.joined if not (j.follower or j.adviser)}
    said = [(j.address, (*j.sees[:1], 0)[0] or ticket.number) for j in came.values()]
    said += [(change.requester, sides.face(ticket, change.requester.key))] if change.requester else []
    return tuple(_reads("reads_part", who, number, faces) for who, number in said)


def _reads(word: str, who: Address, number: int, faces: dict[int, tuple[Address, ...]]) -> str:
    around = {n: tuple(a for a in people if a.key != who.key) for n, people in faces.items()}
    with_whom = ", ".join(a.address for a in around.get(number, ()))
    others = {n: people for n, people in around.items() if n != number and people}
    return code(word, who.address, with_whom or "–", f"#{number}", _told(others))


def _told(faces: dict[int, tuple[Address, ...]]) -> str:
    return "; ".join(f"{', '.join(a.address for a in people)} (#{number})" for number, people in faces.items())


def _faces(ticket: Ticket) -> dict[int, tuple[Address, ...]]:
    """Number of a ticket its customers know this one by → who they are."""
    found: dict[int, tuple[Address, ...]] = {}
    for address in sides.people(ticket):
        face = sides.face(ticket, address.key)
        found[face] = (*found.get(face, ()), address)
    return found


def _sees(ticket: Ticket, number: int) -> tuple[int, ...]:
    """What all of them read; empty: the ticket's own side."""
    if number in (0, ticket.number):
        return ()
    first, *rest = (sides.handed_on(sides.given(ticket, a.key)) for a in _faces(ticket)[number])
    return tuple(side for side in first if all(side in one for one in rest))
