"""A mail of ours that failed for good: what that means for the ticket it is about."""

from __future__ import annotations

from gateway.core import audience
from gateway.core.decision import Change, Decision, Reason, Why
from gateway.core.lifecycle import Move, transition
from gateway.core.notice import Audience
from gateway.core.policy import Policy
from gateway.core.thread import SentFacts
from gateway.core.ticket import Ticket
from gateway.mail.message import address_key
from gateway.mail.sentence import code


def lacks_answer(ticket: Ticket, sent: SentFacts) -> bool:
    """What did not arrive is our newest answer to the requester; a copy to others is no reason to begin anew."""
    return sent.newest_answer and address_key(sent.recipient) == ticket.requester.key


def undelivered(ticket: Ticket, policy: Policy, sent: SentFacts, written_for: str, reply: str) -> Decision:
    """The relay refused a mail for good: written on the ticket; agents hear of it if a customer lacks it."""
    remark = code("not_sent", sent.recipient, reply[:300])
    moved = Move.REPLY_UNDELIVERABLE if lacks_answer(ticket, sent) else None
    told = (
        audience.tell("undeliverable", policy, ticket, remarks=(remark,))
        if written_for == Audience.CUSTOMER.value
        else ()
    )
    return Decision(
        Reason.BOUNCE_OF_ANSWER if moved else Reason.BOUNCE,
        Why(attach="yes: it is a mail of this ticket", notify="yes" if told else "no: it was for an agent"),
        ticket=ticket.number,
        change=Change(move=moved, status=transition(ticket.status, moved) if moved else None),
        events=(remark,),
        notices=told,
    )
