"""The board: where the card of a ticket belongs, and what it means that an agent moved it elsewhere.

A card lies in the folder of the agent whose turn it is, else in that of the ticket's status. It is moved by hand
to say where it shall lie from now on: that is an order like any other, and counts only if the card was the newest.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway import texts
from gateway.core import orders, parking, token
from gateway.core.commands import Command, Order
from gateway.core.decision import Decision
from gateway.core.kept import CardFacts
from gateway.core.lifecycle import Status
from gateway.core.policy import Agent, Policy
from gateway.core.ticket import Ticket
from gateway.core.verbs import Verb
from gateway.errors import IllegalTransition
from gateway.mail.message import address_key
from gateway.mail.sentence import SEPARATOR, code
from gateway.texts import mark as _

FIELD = "X-Replydesk-Card"
"""The header field that says `number.version`."""
PROOF = "its newest card was moved on the board"
SNOOZED = "snoozed"
"""The place of tickets that are put aside; the others are statuses and keys of agents."""
_OUR_TURN = (Status.NEW, Status.WAITING_ON_US)
_FOLDERS: dict[Status, str] = {
    Status.NEW: _("New"),
    Status.WAITING_ON_US: _("Waiting on us"),
    Status.WAITING_ON_CONTACT: _("Waiting on customer"),
    Status.SOLVED: _("Solved"),
    Status.CLOSED: _("Closed"),
}

_BY_WEIGHT = tuple(_FOLDERS)
"""From what the customer hears nothing of to what ends the ticket."""

# --- what is wanted ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WantedCard:
    """A card as it shall be: in which folder (`place_of`), and which version."""

    number: int
    version: str
    place: str


def place_of(status: Status, assignee: str, policy: Policy, *, snoozed: bool = False) -> str:
    """Where a card belongs: the key of the agent whose turn it is, else the status; put aside while it is open."""
    if snoozed and status not in (Status.SOLVED, Status.CLOSED):
        return SNOOZED
    agent = policy.agent_for(assignee) if assignee and status in _OUR_TURN else None
    return address_key(agent.address) if agent else status.value


def wanted_card(facts: CardFacts, policy: Policy) -> WantedCard:
    """The version tells apart everything a card shows, and where it lies."""
    place = place_of(facts.status, facts.assignee, policy, snoozed=facts.snoozed_until is not None)
    agent = policy.agent_for(facts.assignee)
    shown = (
        place,
        facts.sub_status,
        facts.assignee,
        agent.name if agent else "",
        facts.subject,
        facts.requester,
        str(facts.newest_entry),
        str(facts.snoozed_until),
        policy.default_language,
    )
    named = token.Named(facts.number, facts.birth)
    return WantedCard(facts.number, token.card_version(policy.keys, named, "\0".join(shown)), place)


def folder_names(policy: Policy, delimiter: str) -> dict[str, str]:
    """Place → name of its folder below the root, in the site's language; no two differ by case alone.

    Whoever shares a name with a status or a colleague has the address behind it. So has the colleague: a folder that
    is one agent's today and another's tomorrow would give tickets away.
    """
    words = texts.catalog(policy.default_language)
    fixed = {status.value: _plain(words.gettext(name), delimiter) for status, name in _FOLDERS.items()}
    fixed[SNOOZED] = _plain(words.gettext(_("Snoozed")), delimiter)
    short = {address_key(a.address): _plain(a.name or a.address, delimiter) for a in policy.agents}
    whole = {address_key(a.address): _plain(f"{a.name} ({a.address})", delimiter) for a in policy.agents}
    found = fixed | short
    # A whole name may be the name of a third.
    while clashing := _shared(found) & {key for key in short if found[key] != whole[key]}:
        found |= {key: whole[key] for key in clashing}
    return found


def _shared(names: Mapping[str, str]) -> set[str]:
    """Places whose folder has the name of another."""
    often = Counter(name.casefold() for name in names.values())
    return {place for place, name in names.items() if often[name.casefold()] > 1}


def _plain(name: str, delimiter: str) -> str:
    """A name that is one folder: no delimiter, no wildcard of LIST, nothing that cannot be seen."""
    kept = re.sub(rf"[\x00-\x1f\x7f%*\\\"{re.escape(delimiter)}/]", "-", name)
    return " ".join(kept.split()).strip(".~ ") or "-"


# --- what is there, and what to do about it -----------------------------------------------------


@dataclass(frozen=True, slots=True)
class SeenCard:
    """A mail with a card's field, as it lies in the account."""

    folder: str
    """Its whole name."""
    uid: int
    number: int
    version: str
    deleted: bool = False
    r"""Marked \Deleted, and not gone yet."""
    flags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CardSteps:
    """What makes the account equal to what is wanted."""

    orders: tuple[tuple[SeenCard, str], ...] = ()
    """Newest cards that were moved, and the place they were moved to."""
    unclear: tuple[SeenCard, ...] = ()
    """Newest cards of one ticket in several folders at once: which is meant nobody knows, so none of them is."""
    write: tuple[WantedCard, ...] = ()
    """Cards that are missing."""
    back: tuple[tuple[SeenCard, WantedCard], ...] = ()
    """Newest cards that lie where they mean nothing, and where they belong."""
    undelete: tuple[SeenCard, ...] = ()
    remove: tuple[SeenCard, ...] = ()
    """Older versions, copies, and cards of tickets that are not shown (any more)."""

    def __bool__(self) -> bool:
        return any((self.orders, self.unclear, self.write, self.back, self.undelete, self.remove))


def compare(
    wanted: Mapping[int, WantedCard],
    seen: Iterable[SeenCard],
    folders: Mapping[str, str],
    refused: Collection[tuple[int, str, str]] = (),
) -> CardSteps:
    """The difference between what is wanted and what is there.

    `folders`: place → whole name of its folder. `refused`: (number, version, folder) of moves that were looked at and
    mean nothing. Mails that are no cards are not in `seen`, so nothing ever happens to them.
    """
    places = {name: place for place, name in folders.items()}
    by_number: dict[int, list[SeenCard]] = {}
    for card in seen:
        by_number.setdefault(card.number, []).append(card)
    told: list[tuple[SeenCard, str]] = []
    unclear: list[SeenCard] = []
    write: list[WantedCard] = []
    back: list[tuple[SeenCard, WantedCard]] = []
    undelete: list[SeenCard] = []
    remove: list[SeenCard] = []
    for number in sorted(by_number.keys() | wanted.keys()):
        want, cards = wanted.get(number), by_number.get(number, [])
        newest = [c for c in cards if want and c.version == want.version]
        remove += [c for c in cards if c not in newest]
        if want is None:
            continue
        home = folders[want.place]
        moved = [
            c
            for c in newest
            if c.folder != home
            and not c.deleted
            and c.folder in places
            and (c.number, c.version, c.folder) not in refused
        ]
        if len({c.folder for c in moved}) > 1:
            unclear += moved
        elif moved:
            # Whatever else there is of it is older than the order, and seen to after it.
            told.append((moved[0], places[moved[0].folder]))
            continue
        there = sorted((c for c in newest if c.folder == home), key=lambda c: (c.deleted, c.uid))
        strays = sorted(
            (c for c in newest if c.folder != home),
            key=lambda c: (c.deleted, *_first_gone(places.get(c.folder, "")), c.folder, c.uid),
        )
        if there:
            kept, rest = there[0], [*there[1:], *strays]
            undelete += [kept] if kept.deleted else []
        elif strays and not strays[0].deleted:
            back.append((strays[0], want))
            rest = strays[1:]
        else:
            write.append(want)
            rest = strays
        remove += rest
    return CardSteps(tuple(told), tuple(unclear), tuple(write), tuple(back), tuple(undelete), tuple(remove))


def carried(
    wanted: Mapping[int, WantedCard],
    seen: Iterable[SeenCard],
    folders: Mapping[str, str],
    missing: Collection[str],
    replaced: Collection[str],
) -> set[tuple[int, str, str]]:
    """Newest cards that nobody moved, as `refused` has them: they lie elsewhere by what was done to a folder.

    `missing`: whole names of folders that somebody removed or renamed, so that all their cards lie elsewhere.
    `replaced`: of those that are others under the same name, which may have brought their cards with them.
    """
    found = set()
    for card in seen:
        want = wanted.get(card.number)
        if want is None or card.version != want.version or card.folder == (home := folders[want.place]):
            continue
        if home in missing or card.folder in replaced:
            found.add((card.number, card.version, card.folder))
    return found


def _first_gone(place: str) -> tuple[int]:
    """Of copies in several folders the one that would do most goes first: if all stops between two of them, the one
    that is left looks like a move."""
    return (-_BY_WEIGHT.index(place) if place in _BY_WEIGHT else 0,)


# --- what a move means ------------------------------------------------------------------------


def order_of(ticket: Ticket, place: str, policy: Policy, now: datetime) -> Order | None:
    """What an agent means who moves the newest card of a ticket to another place; None: nothing that could be done."""
    agent = policy.agent_for(place) if "@" in place else None
    asleep = ticket.snoozed_until is not None
    if place == SNOOZED:
        over = asleep or ticket.status in (Status.SOLVED, Status.CLOSED)
        return None if over else Order((Command(Verb.SNOOZE, next_working_day(policy, now)),))
    if agent is not None:
        meant = _given_to(ticket, agent)
    elif place in _OUR_TURN and ticket.status in _OUR_TURN and policy.agent_for(ticket.assignee) and not asleep:
        # Out of an agent's folder: it is the team's again, and nothing becomes new by that.
        later = place == Status.WAITING_ON_US.value != ticket.status.value
        meant = (Command(Verb.ASSIGN, "nobody"), *((Command(Verb.STATUS, place),) if later else ()))
    elif place == ticket.status.value:
        meant = ()
    elif place in {status.value for status in Status if status is not Status.NEW}:
        meant = (Command(Verb.STATUS, place),)
    else:
        return None
    return Order((*meant, Command(Verb.SNOOZE, "off")) if asleep else meant)


def next_working_day(policy: Policy, now: datetime) -> str:
    """The day a ticket that is put aside today comes back: `2026-12-01`. Without hours weekends are free."""
    day = now.astimezone(policy.hours.zone).date() + timedelta(days=1)
    days = (day + timedelta(days=n) for n in range(31))
    working = (d for d in days if policy.hours.is_business_day(d) and (policy.hours.days or d.weekday() < _SATURDAY))
    return next(working, day).isoformat()


_SATURDAY = 5


def _given_to(ticket: Ticket, agent: Agent) -> tuple[Command, ...]:
    """An agent's folder holds what is that agent's turn, and a card stays where it was put."""
    given = () if address_key(ticket.assignee) in agent.keys else (Command(Verb.ASSIGN, address_key(agent.address)),)
    ours = () if ticket.status in _OUR_TURN else (Command(Verb.STATUS, Status.WAITING_ON_US.value),)
    return (*given, *ours)


def decide(ticket: Ticket, place: str, policy: Policy, now: datetime) -> Decision | None:
    """What a moved card leads to; None when the ticket cannot go there. Nobody knows which agent moved it."""
    order = order_of(ticket, place, policy, now)
    by = orders.OrderContext(ticket, None, policy, now)
    if order is None or not order.commands or orders.problems(by, order):
        return None
    try:
        decision = orders.carry_out(by, order, None, PROOF)
    except IllegalTransition:
        return None
    notices = tuple(replace(n, remarks=tuple(map(_on_board, n.remarks))) for n in decision.notices)
    if (snooze := decision.change.snooze) and snooze.until:
        decision = replace(decision, change=replace(decision.change, snooze=replace(snooze, by=parking.BOARD)))
    return replace(decision, events=tuple(map(_on_board, decision.events)), notices=notices)


_SAID = {
    "status_set": ("status_on_board", 0),
    "assigned": ("given_on_board", 0),
    "given": ("given_on_board", 1),
    "unassigned": ("back_on_board", None),
    "given_back": ("back_on_board", None),
    "snoozed": ("snoozed_on_board", 0),
    "unsnoozed": ("unsnoozed_on_board", None),
}
"""What is said of an order, and what of the same order on the board: with which of its words."""


def _on_board(sentence: str) -> str:
    name, *arguments = sentence.split(SEPARATOR)
    if name not in _SAID:
        return sentence
    said, which = _SAID[name]
    return code(said) if which is None else code(said, arguments[which])
