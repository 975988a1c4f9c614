"""Whether an agent's answer still means what its writer saw: who would get it now, and what happened since."""

from __future__ import annotations

from gateway.core import token
from gateway.core.agent_mail import AgentCase
from gateway.core.decision import AgentView, Decision, Doubt
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience
from gateway.core.policy import Policy
from gateway.core.reason import Reason
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.mail.sentence import code

SHOWN = 3
"""Mails shown in a receipt, the newest."""


def view_of(ticket: Ticket, newest_entry: int, policy: Policy) -> AgentView:
    """What a mail to an agent tells of a ticket now."""
    people = (ticket.requester, *ticket.participants)
    return AgentView(newest_entry, tuple(token.address_mark(policy.keys, a.key) for a in people))


def since(on: AgentCase, decision: Decision) -> tuple[str, ...]:
    """What has changed since the mail the agent answers was made, so that this must not be done unasked: a mail would
    reach somebody who was not named, the mail that is answered has gone to another ticket, a colleague has written to
    the customer, or a customer has written and the order takes the ticket out of our hands. Empty when nothing has."""
    view, ticket = on.case.facts.view, on.ticket
    if view is None or decision.ticket != ticket.number:
        return ()
    meant = {j.address.key for j in decision.change.joined}
    people = {n.recipient.key: n.recipient for n in decision.notices if n.audience is Audience.CUSTOMER}
    if decision.change.requester is not None:
        meant.add(decision.change.requester.key)
    new = [
        a
        for a in people.values()
        if a.key not in meant and not token.is_address_mark(on.by.policy.keys, a.key, view.reaches)
    ]
    remarks: tuple[str, ...] = (code("stale_people", ", ".join(a.address for a in new)),) if new else ()
    if people or _puts_aside(decision, ticket):
        remarks += _gone(on)
    later = _later(on, view)
    theirs = [e for e in later if e.role is Role.AGENT and e.author.key not in on.agent.keys] if people else []
    if _puts_aside(decision, ticket):
        theirs = [e for e in later if e.author.key not in on.agent.keys]
    for e in theirs[-SHOWN:]:
        remarks += (code("stale_answer" if e.role is Role.AGENT else "wrote_since", e.author.shown), e.new_text)
    return remarks


def _gone(on: AgentCase) -> tuple[str, ...]:
    """That the customer's mail which is answered was split off or moved to another ticket, unless the agent has read
    so."""
    parent, resumed = on.case.facts.parent, on.case.facts.resumed
    told = resumed is not None and resumed.doubt is Doubt.STALE
    if parent is None or parent.role is Role.AGENT or parent.kind is not EntryKind.CORRESPONDENCE or told:
        return ()
    if parent.ticket == on.ticket.number:
        return ()
    return (code("stale_gone", parent.ticket, on.ticket.number),)


def _puts_aside(decision: Decision, ticket: Ticket) -> bool:
    """It takes the ticket out of our hands, by an order and not by an answer alone; what a spammer wrote is no news."""
    status = decision.change.status
    if status is None or status is ticket.status or decision.change.spam:
        return False
    waits = status is Status.WAITING_ON_CONTACT and decision.reason is not Reason.AGENT_ANSWER
    return status in (Status.SOLVED, Status.CLOSED) or waits


def wrote_since(on: AgentCase) -> tuple[str, ...]:
    """That a customer has written since, as a line of the receipt."""
    view = on.case.facts.view
    names = [e.author.shown for e in _later(on, view) if e.role is not Role.AGENT] if view else []
    return (code("wrote_since", ", ".join(dict.fromkeys(names))),) if names else ()


def _later(on: AgentCase, view: AgentView) -> list[Entry]:
    return [e for e in on.case.facts.history if e.id > view.entry and e.kind is EntryKind.CORRESPONDENCE]
