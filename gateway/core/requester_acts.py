"""The requester closes or answers without a mail of their own: by the link in ours, or on the status page."""

from __future__ import annotations

from gateway.core import audience, orders
from gateway.core.decision import Change, Decision, EntryDraft, Reason, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.mail.sentence import code


def close_by_requester(ticket: Ticket, policy: Policy, reason: Reason, how: str) -> Decision | None:
    """The requester closes; None when it is closed already, for a second click changes nothing.

    `how` is a code of `sentences`: `closed_by_mail`, `closed_by_link`, `closed_on_page`.
    """
    if ticket.status is Status.CLOSED:
        return None
    moved = Move.REQUESTER_CONFIRMED if ticket.status is Status.SOLVED else Move.REQUESTER_CLOSED
    return Decision(
        reason,
        Why(
            attach="yes: " + orders.sentence(reason),
            reopen="no: it asks for closing",
            notify="yes: the requester closed it",
        ),
        ticket=ticket.number,
        change=Change(move=moved, status=transition(ticket.status, moved), closed_by="requester"),
        events=(code(how),),
        notices=(
            NoticeRequest(Notice.CLOSED, ticket.requester, Audience.CUSTOMER),
            *audience.tell("closed_by_requester", policy, ticket),
        ),
    )


def reply_on_portal(ticket: Ticket, policy: Policy, text: str) -> Decision:
    """The requester answers on the status page: the same effects as a mail."""
    was_done = ticket.status in (Status.SOLVED, Status.CLOSED)
    reason = Reason.PORTAL_REPLY
    return Decision(
        reason,
        Why(
            "yes: " + orders.sentence(reason),
            "yes: it was done" if was_done else "no: it is open",
            "no: a reply",
            "yes",
        ),
        ticket=ticket.number,
        entry=EntryDraft(EntryKind.CORRESPONDENCE, ticket.requester, Role.REQUESTER, text, text, reason=reason.value),
        change=Change(
            move=Move.REQUESTER_REPLIED,
            status=transition(ticket.status, Move.REQUESTER_REPLIED),
            reopened=was_done,
        ),
        events=(code("reopened", ticket.requester.shown),) if was_done else (),
        notices=audience.tell("reopened" if was_done else "reply", policy, ticket),
    )
