"""An answer came before the question: it opened the ticket in the name of whoever answered.

Two people write to each other, the mailbox in copy of both. Servers deliver in any order, and of an answer alone
nobody can tell that it asks us nothing.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core import acknowledge
from gateway.core.case import Case
from gateway.core.decision import Decision, Joined
from gateway.core.lifecycle import Status
from gateway.core.ticket import Ticket
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject


def is_question(case: Case, ticket: Ticket) -> bool:
    """A mail that answers none, which a mail of this ticket answers, of somebody who had that one; nobody of ours wrote
    meanwhile."""
    message = case.message
    waited_for = case.known.expected.get(message.message_id) == ticket.number
    begins = not (message.in_reply_to or message.references or case.machine)
    same = base_subject(message.subject) == base_subject(ticket.subject)
    other = case.author.key != ticket.requester.key
    return waited_for and begins and same and other and ticket.status is Status.NEW


def by_its_answer(case: Case, ticket: Ticket, decision: Decision) -> Decision:
    """Whoever asked is the requester and is acknowledged; whoever answered takes part."""
    change, asks = decision.change, case.author
    answered = Joined(ticket.requester, confirmed=True)
    no_answer = acknowledge.no_acknowledgement(case)
    return replace(
        decision,
        why=replace(
            decision.why, acknowledge=f"no: {no_answer}" if no_answer else "yes: it asks what the ticket answers"
        ),
        change=replace(change, requester=asks, left=(*change.left, asks.key), joined=(*change.joined, answered)),
        events=(*decision.events, code("requester_set", asks.address)),
        notices=(*decision.notices, *(() if no_answer else acknowledge.mails(case))),
    )
