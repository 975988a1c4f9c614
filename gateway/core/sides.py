"""Who may read which entry after tickets of different customers became one.

A merge keeps the customers apart. Each entry is on a side: 0 is the ticket's own, the number of a merged
ticket that of its customers, minus the ticket's number what was written for all since the merge. A person
who came by a merge has the sides they may read, the own one first; everybody else reads 0 and what is for all.
An answer to the requester alone (`#only`) has a side that nobody but the requester reads, now and later; whoever
becomes requester afterwards does not.
A single mail that was moved to a ticket of somebody else has the side of the ticket it came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.mail.message import Address


def is_shared(ticket: Ticket) -> bool:
    """Customers who must not read each other take part."""
    return any(p.sees for p in ticket.people)


def given(ticket: Ticket, key: str) -> tuple[int, ...]:
    """The sides a person was given by a merge; empty: the ticket's own."""
    return next((p.sees for p in ticket.people if p.address.key == key), ())


def requesters(ticket: Ticket) -> tuple[Address, ...]:
    """Whoever asked what is answered here: the requester, and those of the tickets that were merged into it, who are
    told apart by what was for them alone there."""
    there = (p for p in ticket.people if p.confirmed and not p.follower and any(map(is_for_one, p.sees)))
    return (ticket.requester, *(p.address for p in there if p.address.key != ticket.requester.key))


def owns(ticket: Ticket, key: str) -> bool:
    """Whether they read the ticket's own side: no merge keeps them apart from it."""
    return 0 in sees(ticket, key)


def handed_on(mine: tuple[int, ...]) -> tuple[int, ...]:
    """Of the sides somebody reads those that whom they bring along reads as well: not what was for them alone."""
    return tuple(side for side in mine if side > -_ALONE)


def sees(ticket: Ticket, key: str) -> frozenset[int]:
    """The sides a person may read; none for who takes no part."""
    if not ticket.knows(key):
        return frozenset()
    mine = frozenset(given(ticket, key) or (0, -ticket.number))
    return mine | {alone(ticket.number)} if key == ticket.requester.key else mine


def alone(number: int) -> int:
    """The side of what was written to the requester of a ticket alone."""
    return -_ALONE - number


_ALONE = 1_000_000_000
"""Above every number a ticket can have."""


def is_for_one(side: int) -> bool:
    """What was written to one requester alone: of this ticket, of one that came to it, or of earlier."""
    return side < -_ALONE


def of_entry(ticket: Ticket | None, key: str, role: Role) -> int:
    """The side of what this person writes now."""
    if ticket is None or not is_shared(ticket):
        return 0
    return -ticket.number if role in (Role.AGENT, Role.SYSTEM) else (*given(ticket, key), 0)[0]


def of_opened(side: int, number: int) -> int:
    """The side of a mail that opens a ticket, where it would have had that one on the ticket it goes on with: what is
    for one person alone stays so, and nobody else is there yet."""
    return alone(number) if is_for_one(side) else 0


def of_merged(source: Ticket, into: Ticket) -> tuple[int, int]:
    """The side entries of a merged ticket get, and the one they must have had for that. Of one requester what was for
    them alone is for them alone there, too."""
    if requesters_differ(source, into):
        return source.number, 0
    return alone(into.number), alone(source.number)


def of_moved(entry: Entry, source: Ticket, into: Ticket) -> tuple[int, int]:
    """The same for a mail that is moved to another ticket: that of its author there; words of another customer, also of
    one who only takes part there, and what was answered to them, keep their own."""
    if entry.side == alone(source.number):
        return (NOBODY if requesters_differ(source, into) else alone(into.number)), entry.side
    theirs = entry.role not in (Role.AGENT, Role.SYSTEM) and into.knows(entry.author.address)
    there = (*given(into, entry.author.key), 0)[0]
    if theirs and (there or entry.author.key == into.requester.key):
        return there, 0
    return (source.number if requesters_differ(source, into) else 0), 0


NOBODY = -(2**31 - 1)
"""The side of what was for the requester alone, once somebody else is the requester: agents read it, nobody outside."""


def is_hidden(ticket: Ticket, entry: Entry) -> bool:
    """Not everybody on the ticket may read it."""
    return entry.side != -ticket.number and (entry.side != 0 or is_shared(ticket))


def for_one(
    ticket: Ticket, entries: tuple[Entry, ...], ids: tuple[str, ...], key: str
) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """The entries everybody on the ticket, or this person, may read; these Message-IDs without those of the others."""
    mine = sees(ticket, key)
    seen = tuple(e for e in entries if not is_hidden(ticket, e) or e.side in mine)
    hidden = {e.message_id for e in entries} - {e.message_id for e in seen}
    return seen, tuple(i for i in ids if i not in hidden)


def face(ticket: Ticket, key: str) -> int:
    """Number of the ticket by which a person knows it: the own one, before the merge."""
    return max((*given(ticket, key)[:1], 0)[0], 0) or ticket.number


def after_merge(source: Ticket, into: Ticket, key: str) -> tuple[int, ...]:
    """The sides somebody of the merged ticket may read from now on."""
    mine = given(source, key) or (source.number, -source.number)
    mine += (alone(source.number),) if key == source.requester.key else ()
    # Who came to the other ticket by an earlier merge still reads no more of it than before.
    there = given(into, key) or (0, -into.number)
    return tuple(dict.fromkeys((*there, *mine))) if into.knows(key) else (*mine, -into.number)


def after_joining(source: Ticket, into: Ticket, key: str) -> tuple[int, ...]:
    """The same after two tickets of one customer became one: what is their own in either is in both, and whoever an
    earlier merge keeps apart stays so."""
    there, here = (given(t, key) or ((0, -t.number) if t.knows(key) else ()) for t in (into, source))
    own = (-source.number,) if 0 in (*there, *here) else ()
    return tuple(dict.fromkeys((*there, *here, -into.number, *own)))


def of_reader(ticket: Ticket, own: Ticket) -> Ticket:
    """The ticket as this person knows it: `own` is the one of their `face`, with the state of the whole."""
    near = {a.key for a in (ticket.requester, *ticket.participants) if face(ticket, a.key) == own.number}
    return replace(
        own,
        status=ticket.status,
        sub_status=ticket.sub_status,
        mailbox=ticket.mailbox,
        last_activity_at=max(own.last_activity_at, ticket.last_activity_at),
        solved_at=ticket.solved_at,
        closed_at=ticket.closed_at,
        due_at=ticket.due_at,
        people=tuple(p for p in ticket.people if p.address.key in near and p.address.key != own.requester.key),
    )


def visible(ticket: Ticket, key: str, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    mine = sees(ticket, key)
    return tuple(e for e in entries if e.side in mine)


def fenced(ticket: Ticket, history: Iterable[Entry]) -> tuple[Entry, ...]:
    """For an answer to all: what not everybody may read counts as inner."""
    return tuple(replace(e, kind=EntryKind.COMMENT) if is_hidden(ticket, e) else e for e in history)


def requesters_differ(one: Ticket, other: Ticket) -> bool:
    """Of two that name nobody (a fax, erased people) nothing says that they are of the same one."""
    return one.requester.key != other.requester.key or ("@" not in one.requester.key and one.number != other.number)


def people(ticket: Ticket) -> tuple[Address, ...]:
    return tuple(a for a in (ticket.requester, *ticket.participants) if "@" in a.address)
