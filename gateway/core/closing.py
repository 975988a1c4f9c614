"""The requester closes: by mail, by the link in one of ours, or on the status page.

A customer whose own request was merged into this one does not: it would end the other customer's with it.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core import acknowledge, audience, draft, status_news
from gateway.core.case import Case
from gateway.core.decision import Change, Decision, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.outgoing_text import without_signature
from gateway.core.policy import Policy
from gateway.core.reason import Reason, sentence
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.mail.sentence import code


def by_mail(case: Case, ticket: Ticket) -> Decision:
    entry = draft.entry(case, EntryKind.CORRESPONDENCE, Role.REQUESTER, Reason.REQUESTER_CLOSES)
    done = by_requester(ticket, case.policy, Reason.REQUESTER_CLOSES, "closed_by_mail")
    attach = f"yes: {draft.evidence(case)}"
    if done is None:
        words = bool(without_signature(case.order.text).strip() or case.message.attachments)
        notify = "yes: it says more than that" if words else "no: nothing new"
        why = Why(attach, "no: it asks for closing, and it is closed", "no: nothing new", notify)
        told = draft.tell(case, ticket, "reply", ()) if words else ()
        return Decision(Reason.REQUESTER_CLOSES, why, ticket=ticket.number, entry=entry, notices=told)
    why = replace(done.why, attach=attach, acknowledge="no: the closing mail answers it")
    return replace(done, why=why, entry=entry)


def of_merged(case: Case, ticket: Ticket) -> Decision:
    """Somebody whose request was merged into another customer's is done with it: the others are not, and nothing waits
    for us on that account. They hear how it is closed, agents that they are content."""
    words = bool(without_signature(case.order.text).strip() or case.message.attachments)
    attach, closed = f"yes: {draft.evidence(case)}", ticket.status is Status.CLOSED
    entry = draft.entry(case, EntryKind.CORRESPONDENCE, Role.PARTICIPANT, Reason.CLOSES_OWN)
    unanswered = "it is closed already" if closed else acknowledge.no_acknowledgement(case)
    remarks = () if closed else (code("asks_close", case.author.shown),)
    told = draft.tell(case, ticket, "reply", remarks) if words or not closed else ()
    mail = NoticeRequest(Notice.MERGED, case.author, Audience.CUSTOMER, remarks=(code("closes_together"),))
    return Decision(
        Reason.CLOSES_OWN,
        Why(
            attach,
            "no: it asks for closing",
            f"no: {unanswered}" if unanswered else "yes: it is closed with the others",
            "yes: a human wrote" if told else "no: nothing new",
        ),
        ticket=ticket.number,
        entry=entry,
        notices=(*(() if unanswered else (mail,)), *told),
        files=case.files,
    )


def by_requester(ticket: Ticket, policy: Policy, reason: Reason, how: str) -> Decision | None:
    """The requester closes; None when it is closed already, for a second click changes nothing.

    `how` is a code of `say`: `closed_by_mail`, `closed_by_link`, `closed_on_page`.
    """
    if ticket.status is Status.CLOSED:
        return None
    moved = Move.REQUESTER_CONFIRMED if ticket.status is Status.SOLVED else Move.REQUESTER_CLOSED
    return Decision(
        reason,
        Why(
            attach="yes: " + sentence(reason),
            reopen="no: it asks for closing",
            notify="yes: the requester closed it",
        ),
        ticket=ticket.number,
        change=Change(move=moved, status=transition(ticket.status, moved), closed_by="requester"),
        events=(code(how),),
        notices=(
            *status_news.mails(ticket, Status.CLOSED, policy),
            *audience.tell("closed_by_requester", policy, ticket),
        ),
    )
