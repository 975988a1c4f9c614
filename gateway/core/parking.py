"""Tickets that are put aside until a time: `#snooze`, and what brings them back, the clock or somebody who writes."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway import texts
from gateway.core import audience, when
from gateway.core.decision import AWAKE, Change, Decision, Snooze, Why
from gateway.core.hours import Hours
from gateway.core.lifecycle import Status
from gateway.core.notice import Notice
from gateway.core.policy import Agent, Policy
from gateway.core.reason import Reason, sentence
from gateway.core.ticket import Role, Ticket
from gateway.mail.sentence import code
from gateway.texts import mark_in

_OFF = mark_in("command", "off|back|none")
BOARD = "board"
"""Who put it aside, where a card was moved: the folders are everybody's."""


def ordered(argument: str, agent: Agent | None, now: datetime, hours: Hours) -> Snooze | None:
    """What `#snooze WHEN [NOTE]` orders; None where no moment ahead is understood. `agent` None: the operator."""
    word = argument.casefold().strip(".! ")
    if any(word in words.words_in("command", _OFF) for words in texts.catalogs().every()):
        return AWAKE
    until, note = when.moment(argument, now, hours)
    return Snooze(until, agent.address if agent else "", " ".join(note.split())) if until else None


def of(ticket: Ticket) -> Snooze:
    """As it is put aside now."""
    return Snooze(ticket.snoozed_until, ticket.snoozed_by, ticket.snooze_note)


def back(before: tuple[str, str, str]) -> Snooze:
    """What `kept` made of it."""
    until, by, note = before
    return Snooze(datetime.fromisoformat(until), by, note) if until else AWAKE


def kept(snooze: Snooze) -> tuple[str, str, str]:
    """As an order keeps it for `#undo`: until when (ISO, empty: not at all), by whom, and the note."""
    return snooze.until.isoformat() if snooze.until else "", snooze.by, snooze.note


def event(snooze: Snooze, who: str, hours: Hours) -> tuple[str, ...]:
    """Sentences of the ticket's history."""
    if snooze.until is None:
        return (code("unsnoozed", who),)
    said = code("snoozed", f"{snooze.until.astimezone(hours.zone):%Y-%m-%d %H:%M}", who)
    return (said, code("snooze_note", snooze.note)) if snooze.note else (said,)


def on_board(until: datetime, hours: Hours) -> str:
    """The sentence of a ticket whose card was moved to the snoozed ones."""
    return code("snoozed_on_board", f"{until.astimezone(hours.zone):%Y-%m-%d %H:%M}")


def put(change: Change, snooze: Snooze | None, ticket: Ticket) -> Change:
    """The change, and that the ticket is put aside or comes back. Then the days until the customer is reminded begin
    anew: whoever put it aside acts first."""
    waits = ticket.status in (Status.WAITING_ON_CONTACT, Status.SOLVED)
    if snooze == AWAKE and ticket.snoozed_until and waits and change.status is None:
        change = replace(change, status=ticket.status, sub_status=ticket.sub_status)
    return replace(change, snooze=snooze)


def due(ticket: Ticket, policy: Policy, now: datetime) -> Decision | None:
    """It comes back to whoever put it aside."""
    if ticket.snoozed_until is None or now < ticket.snoozed_until:
        return None
    return Decision(
        Reason.CLOCK_WAKES,
        Why(attach="yes: " + sentence(Reason.CLOCK_WAKES), notify="yes: it is time"),
        ticket=ticket.number,
        change=put(Change(), AWAKE, ticket),
        events=(code("snooze_over"),),
        notices=audience.tell("snooze_due", policy, ticket, remarks=_why(ticket, policy)),
    )


def woken(decision: Decision, ticket: Ticket | None, policy: Policy) -> Decision:
    """The decision, and that the ticket comes back: somebody who is no agent wrote, or a mail of ours failed."""
    entry = decision.entry
    if ticket is None or ticket.snoozed_until is None or decision.ticket != ticket.number:
        return decision
    if entry is None or entry.collapsed or entry.role is Role.AGENT or decision.change.snooze is not None:
        return decision
    return brought_back(decision, ticket, policy)


def brought_back(decision: Decision, ticket: Ticket, policy: Policy) -> Decision:
    """The decision about a ticket that is put aside, which it is no longer then."""
    remarks = (code("woken"), *_why(ticket, policy))
    told = tuple(
        replace(n, remarks=(*remarks, *n.remarks)) if n.notice is Notice.AGENT_NOTICE and not n.brief else n
        for n in decision.notices
    )
    back = audience.tell("woken", policy, ticket, remarks=remarks)
    return replace(
        decision,
        change=put(decision.change, AWAKE, ticket),
        events=(*decision.events, code("woken")),
        notices=audience.each_once((*told, *back)),
    )


def _why(ticket: Ticket, policy: Policy) -> tuple[str, ...]:
    """Who put it aside, and what for."""
    if ticket.snoozed_by == BOARD and ticket.snoozed_until:
        return (on_board(ticket.snoozed_until, policy.hours),)
    agent = policy.agent_for(ticket.snoozed_by) if ticket.snoozed_by else None
    who = (agent.name or agent.address) if agent else ticket.snoozed_by or "operator"
    note = (code("snooze_note", ticket.snooze_note),) if ticket.snooze_note else ()
    return (code("snoozed_by", who), *note)
