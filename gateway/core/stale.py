"""Whether an agent's answer still means what its writer saw: who would get it now, and what happened since."""

from __future__ import annotations

from gateway.core import orders, token
from gateway.core.agent_mail import AgentCase
from gateway.core.decision import AgentView
from gateway.core.policy import Policy
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.mail.sentence import code

SHOWN = 3
"""Answers of colleagues shown in a receipt, the newest."""


def view_of(ticket: Ticket, newest_entry: int, policy: Policy) -> AgentView:
    """What a mail to an agent tells of a ticket now."""
    people = (ticket.requester, *ticket.participants)
    return AgentView(newest_entry, tuple(token.address_mark(policy.keys, a.key) for a in people))


def since(on: AgentCase, answer: orders.Answer) -> tuple[str, ...]:
    """What has changed since the mail the agent answers was made, so that the answer must not leave unasked: it would
    reach somebody who was not named, or a colleague has answered. Empty when nothing has, or nobody would get it."""
    view, ticket = on.case.facts.view, on.ticket
    people = orders.recipients(ticket, answer)
    if view is None or not people:
        return ()
    meant = {j.address.key for j in answer.joined}
    new = [
        a for a in people if a.key not in meant and not token.is_address_mark(on.by.policy.keys, a.key, view.reaches)
    ]
    remarks = (code("stale_people", ", ".join(a.address for a in new)),) if new else ()
    theirs = [e for e in _later(on, view) if e.role is Role.AGENT and e.author.key not in on.agent.keys][-SHOWN:]
    return (*remarks, *(line for e in theirs for line in (code("stale_answer", e.author.shown), e.new_text)))


def wrote_since(on: AgentCase) -> tuple[str, ...]:
    """That a customer has written since, as a line of the receipt."""
    view = on.case.facts.view
    names = [e.author.shown for e in _later(on, view) if e.role is not Role.AGENT] if view else []
    return (code("wrote_since", ", ".join(dict.fromkeys(names))),) if names else ()


def _later(on: AgentCase, view: AgentView) -> list[Entry]:
    return [e for e in on.case.facts.history if e.id > view.entry and e.kind is EntryKind.CORRESPONDENCE]
