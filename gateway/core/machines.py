"""Rows of machines: the same mail again, loops, reports about mail of ours, automatic answers."""

from __future__ import annotations

from dataclasses import replace

from gateway.core import audience, draft
from gateway.core.case import Case
from gateway.core.decision import Change, Decision, Reason, Why
from gateway.core.lifecycle import Move, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Mailbox, Policy
from gateway.core.sentences import text_of
from gateway.core.thread import SentFacts
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.mail.message import Action, KindName, ReportType, address_key
from gateway.mail.sentence import code

_INNER = frozenset(n.value for n in (Notice.AGENT_NOTICE, Notice.AGENT_RECEIPT, Notice.OPERATOR_ALARM))
"""Mail of ours that goes to no customer."""


def duplicate(case: Case) -> Decision:
    """The same mail again. Came it to another mailbox this time, that team hears of the ticket too."""
    ticket, others = case.facts.duplicate_ticket, case.mailboxes_not_told if case.facts.duplicate_ticket else ()
    first = case.boxes(*case.facts.delivered_before)
    told: tuple[NoticeRequest, ...] = ()
    for box in others:
        remark = both_mailboxes((*first, *others))
        told += audience.tell("new_request", case.policy, None, mailbox=box.address, remarks=remark, but=case.agent)
    why = Why(
        attach=f"no: journal entry {case.facts.duplicate_of} was the same mail",
        acknowledge="no: handled before",
        notify=f"yes: it came to {others[0].address} as well" if told else "",
    )
    return Decision(Reason.DUPLICATE, why, ticket=ticket, notices=audience.each_once(told))


def both_mailboxes(boxes: tuple[Mailbox, ...]) -> tuple[str, ...]:
    """What agents are told of a mail to several of our mailboxes; it is a ticket of the first."""
    return (code("both_mailboxes", ", ".join(b.address for b in boxes), boxes[0].address),) if len(boxes) > 1 else ()


def unreadable(case: Case) -> Decision:
    cause = case.message.unreadable or case.kind.reason
    return Decision(Reason.UNREADABLE, Why(attach=f"no: {cause}", acknowledge="no: never"), hold=cause)


def loop(case: Case) -> Decision:
    why = Why(attach=f"no: {case.kind.reason}", acknowledge="no: it is our own mail", notify="no: the operator is told")
    return Decision(
        Reason.LOOP,
        why,
        alarm=f"A mail of our own came back ({case.kind.rule}), sent by {case.author.address or 'nobody'} with the "
        f"subject “{case.message.subject[:80]}”. Look for a forwarding rule that points at us.",
    )


def is_failed(case: Case) -> bool:
    report = case.message.report
    if case.kind.name is not KindName.REPORT or report is None or report.type is not ReportType.DELIVERY:
        return False
    # A bounce that names nobody is taken as failed: to hide a failure is worse than to show one.
    return not report.recipients or any(r.action is Action.FAILED for r in report.recipients)


def failed_report(case: Case) -> Decision:
    """A bounce goes onto the mail it reports, and reopens only when it killed our newest answer."""
    sent, ticket = case.sent, case.reported_ticket
    report = case.message.report
    assert report is not None
    dead = tuple(r.final_recipient for r in report.recipients if r.action is Action.FAILED and r.status.startswith("5"))
    if ticket is None:
        why = Why(attach="no: the mail it reports is none of ours", acknowledge="no: reports are never answered")
        return Decision(Reason.REPORT_NO_TICKET, why, undeliverable=())
    kills = sent is not None and lacks_answer(ticket, sent)
    # A notice about a notice that bounced would bounce as well, for ever.
    inner = sent.notice in _INNER if sent else any(k.holder for k in case.keys.reported)
    whom = sent.recipient if sent else ", ".join(r.final_recipient for r in report.recipients) or "the recipient"
    move = Move.REPLY_UNDELIVERABLE if kills else None
    status = transition(ticket.status, move) if move else None
    said = next((r.diagnostic_code or r.status for r in report.recipients if r.action is Action.FAILED), "")
    remark = code("undelivered_because", whom, said[:300]) if said else code("undelivered", whom)
    why = Why(
        attach="yes: it reports a mail of this ticket",
        reopen="yes: our newest answer did not arrive" if kills else "no: it was not our newest answer",
        acknowledge="no: reports are never answered",
        notify="no: it was for an agent; the operator is told" if inner else "yes: somebody must find another way",
    )
    # Only the address we wrote to can be called undeliverable by a report, or anybody could silence anybody.
    silenced = tuple(a for a in dead if sent and address_key(a) == address_key(sent.recipient))
    return Decision(
        Reason.BOUNCE_OF_ANSWER if kills else Reason.BOUNCE,
        why,
        ticket=ticket.number,
        entry=draft.entry(case, EntryKind.REPORT, Role.SYSTEM, Reason.BOUNCE, remarks=(remark,)),
        change=Change(move=move, status=status),
        notices=() if inner else draft.tell(case, ticket, "bounce", (remark,)),
        undeliverable=silenced,
        alarm=text_of(remark, "en") if inner else "",
    )


def other_report(case: Case) -> Decision:
    ticket = case.reported_ticket
    why = Why(
        attach="yes: it reports a mail of this ticket" if ticket else "no: the mail it reports is none of ours",
        reopen="no: it asks nobody to act",
        acknowledge="no: reports are never answered",
        notify="no: it asks nobody to act",
    )
    if ticket is None:
        return Decision(Reason.REPORT_NO_TICKET, why)
    entry = draft.entry(case, EntryKind.REPORT, Role.SYSTEM, Reason.REPORT_ON_TICKET, collapsed=True)
    return Decision(Reason.REPORT_ON_TICKET, why, ticket=ticket.number, entry=entry)


def is_automatic(case: Case) -> bool:
    """Also an agent's note of absence that only its subject gives away: no customer must get it as an answer."""
    away = case.kind.no_acknowledgement == "subject-hint" and case.agent is not None and case.ticket is not None
    return case.kind.name is KindName.AUTOMATIC or away


def automatic(case: Case) -> Decision:
    ticket = case.ticket
    why = Why(reopen="no: a machine wrote it", acknowledge=f"no: {case.kind.rule}", notify="no: in the digest")
    if ticket is None:
        return Decision(Reason.AUTOMATIC_NO_TICKET, replace(why, attach="no: it belongs to no ticket"))
    if not draft.belongs(case, ticket):
        return Decision(Reason.AUTOMATIC_NO_TICKET, replace(why, attach="no: its author has no part in it"))
    entry = draft.entry(
        case, EntryKind.AUTOMATIC, draft.role_of(case, ticket), Reason.AUTOMATIC_ON_TICKET, collapsed=True
    )
    return Decision(
        Reason.AUTOMATIC_ON_TICKET,
        replace(why, attach=f"yes: {draft.evidence(case)}"),
        ticket=ticket.number,
        entry=entry,
    )


# --- a mail of ours that failed for good ----------------------------------------------------


def lacks_answer(ticket: Ticket, sent: SentFacts) -> bool:
    """What did not arrive is our newest answer to the requester; a copy to others is no reason to begin anew."""
    return sent.newest_answer and address_key(sent.recipient) == ticket.requester.key


def undelivered(ticket: Ticket, policy: Policy, sent: SentFacts, written_for: str, reply: str) -> Decision:
    """The relay refused a mail for good: written on the ticket; agents hear of it if a customer lacks it."""
    remark = code("not_sent", sent.recipient, reply[:300])
    moved = Move.REPLY_UNDELIVERABLE if lacks_answer(ticket, sent) else None
    told = (
        audience.tell("undeliverable", policy, ticket, remarks=(remark,))
        if written_for in (Audience.CUSTOMER.value, Audience.ADVISER.value)
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
