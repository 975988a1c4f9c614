"""What happens to a mail: TABLE, read from top to bottom; the first row that applies decides.

Each row is a question and an answer, both pure. Nothing is dropped silently: a row that does
not act says why. What agents order by mail is decided in `agents`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from gateway.core import (
    acknowledge,
    agent_mail,
    agents,
    agents_begin,
    archive,
    audience,
    bounced,
    commands,
    orders,
    probe,
    requester_acts,
    sent_folder,
    token,
    window,
)
from gateway.core.case import Case
from gateway.core.commands import Verb
from gateway.core.decision import Change, Decision, EntryDraft, Joined, NewTicket, Reason, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.roles import is_role
from gateway.core.sentences import text_of
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.mail.message import Action, KindName, ReportType, address_key
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject

_INNER = frozenset(n.value for n in (Notice.AGENT_NOTICE, Notice.AGENT_RECEIPT, Notice.OPERATOR_ALARM))
"""Mail of ours that goes to no customer."""


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    applies: Callable[[Case], bool]
    decide: Callable[[Case], Decision]


def decide(case: Case) -> Decision:
    """The decision of the first row that applies; the last row always does."""
    if case.envelope.archived:
        return archive.recorded(case, _first(archive.unhurried(case)))
    return _first(case)


def _first(case: Case) -> Decision:
    return next(row for row in TABLE if row.applies(case)).decide(case)


# --- rows that look at what sort of mail it is --------------------------------------------


def _duplicate(case: Case) -> Decision:
    why = Why(attach=f"no: journal entry {case.facts.duplicate_of} was the same mail", acknowledge="no: handled before")
    return Decision(Reason.DUPLICATE, why, ticket=case.facts.duplicate_ticket)


def _unreadable(case: Case) -> Decision:
    cause = case.message.unreadable or case.kind.reason
    return Decision(Reason.UNREADABLE, Why(attach=f"no: {cause}", acknowledge="no: never"), hold=cause)


def _loop(case: Case) -> Decision:
    why = Why(attach=f"no: {case.kind.reason}", acknowledge="no: it is our own mail", notify="no: the operator is told")
    return Decision(
        Reason.LOOP,
        why,
        alarm=f"A mail of our own came back ({case.kind.rule}), sent by {case.author.address or 'nobody'} with the "
        f"subject “{case.message.subject[:80]}”. Look for a forwarding rule that points at us.",
    )


def _failed_report(case: Case) -> Decision:
    """A bounce goes onto the mail it reports, and reopens only when it killed our newest answer."""
    sent, ticket = case.sent, case.reported_ticket
    report = case.message.report
    assert report is not None
    dead = tuple(r.final_recipient for r in report.recipients if r.action is Action.FAILED and r.status.startswith("5"))
    if ticket is None:
        why = Why(attach="no: the mail it reports is none of ours", acknowledge="no: reports are never answered")
        return Decision(Reason.REPORT_NO_TICKET, why, undeliverable=())
    kills = sent is not None and bounced.lacks_answer(ticket, sent)
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
        entry=_entry(case, EntryKind.REPORT, Role.SYSTEM, Reason.BOUNCE, remarks=(remark,)),
        change=Change(move=move, status=status),
        notices=() if inner else _tell(case, ticket, "bounce", (remark,)),
        undeliverable=silenced,
        alarm=text_of(remark, "en") if inner else "",
    )


def _other_report(case: Case) -> Decision:
    ticket = case.reported_ticket
    why = Why(
        attach="yes: it reports a mail of this ticket" if ticket else "no: the mail it reports is none of ours",
        reopen="no: it asks nobody to act",
        acknowledge="no: reports are never answered",
        notify="no: it asks nobody to act",
    )
    if ticket is None:
        return Decision(Reason.REPORT_NO_TICKET, why)
    entry = _entry(case, EntryKind.REPORT, Role.SYSTEM, Reason.REPORT_ON_TICKET, collapsed=True)
    return Decision(Reason.REPORT_ON_TICKET, why, ticket=ticket.number, entry=entry)


def _automatic(case: Case) -> Decision:
    ticket = case.ticket
    why = Why(reopen="no: a machine wrote it", acknowledge=f"no: {case.kind.rule}", notify="no: in the digest")
    if ticket is None:
        return Decision(Reason.AUTOMATIC_NO_TICKET, replace(why, attach="no: it belongs to no ticket"))
    if not _belongs(case, ticket):
        return Decision(Reason.AUTOMATIC_NO_TICKET, replace(why, attach="no: its author has no part in it"))
    entry = _entry(case, EntryKind.AUTOMATIC, _role(case, ticket), Reason.AUTOMATIC_ON_TICKET, collapsed=True)
    return Decision(
        Reason.AUTOMATIC_ON_TICKET,
        replace(why, attach=f"yes: {_evidence(case)}"),
        ticket=ticket.number,
        entry=entry,
    )


# --- rows that look at who wrote, and to which ticket --------------------------------------


def _reply(case: Case) -> Decision:
    """The requester or a participant wrote: the everyday case."""
    ticket = case.ticket
    assert ticket is not None
    asks_close = case.keys.close or case.order.has(Verb.CLOSE) or case.order.has(Verb.SOLVED)
    if asks_close and case.author.key == ticket.requester.key and case.proven:
        return _requester_closes(case, ticket)
    return _attach(case, ticket, _role(case, ticket), Reason.REPLY, ())


def _requester_closes(case: Case, ticket: Ticket) -> Decision:
    entry = _entry(case, EntryKind.CORRESPONDENCE, Role.REQUESTER, Reason.REQUESTER_CLOSES)
    closing = requester_acts.close_by_requester(ticket, case.policy, Reason.REQUESTER_CLOSES, "closed_by_mail")
    attach = f"yes: {_evidence(case)}"
    if closing is None:
        why = Why(attach, "no: it asks for closing, and it is closed", "no: nothing new", "no: nothing new")
        return Decision(Reason.REQUESTER_CLOSES, why, ticket=ticket.number, entry=entry)
    why = replace(closing.why, attach=attach, acknowledge="no: the closing mail answers it")
    return replace(closing, why=why, entry=entry)


def _stranger_signed(case: Case) -> Decision:
    ticket = case.ticket
    assert ticket is not None
    flag = code("unconfirmed", case.author.address)
    decision = _attach(case, ticket, Role.STRANGER, Reason.STRANGER_SIGNED, (flag,))
    joined = (Joined(case.author, confirmed=False), *decision.change.joined)
    return replace(decision, change=replace(decision.change, joined=joined))


def _stranger_unsigned(case: Case) -> Decision:
    return _new(case, Reason.STRANGER_UNSIGNED, tuple(("claims", n) for n in _claimed(case)))


def _follow_up(case: Case) -> Decision:
    """Its subject loses the earlier reference, which would be taken for its own."""
    assert case.ticket is not None
    subject = base_subject(token.cut_references(case.policy.reference_prefix, case.message.subject))
    return _new(case, Reason.FOLLOW_UP, (("follows", case.ticket.number),), subject or case.ticket.subject)


def _new_request(case: Case) -> Decision:
    return _new(case, Reason.NEW_REQUEST, tuple(("claims", n) for n in case.choice.claims))


def _new_automatic(case: Case) -> Decision:
    return _new(case, Reason.NEW_AUTOMATIC, ())


def _status_asked(case: Case) -> Decision:
    """Everybody who asks gets the same kind of answer, whether we know the address or not."""
    why = Why(attach="no: it asks for own tickets", acknowledge="yes: with the list", notify="no: nothing to do")
    spent = window.spent(case.policy.acknowledgement_budgets, case.facts.automatic_mail, case.now)
    if spent or case.kind.no_acknowledgement or is_role(case.author.key):
        refused = case.kind.no_acknowledgement or "too much automatic mail went to this address lately"
        return Decision(Reason.STATUS_ASKED, replace(why, acknowledge=f"no: {refused}"))
    request = NoticeRequest(Notice.TICKET_LIST, case.author, Audience.CUSTOMER)
    return Decision(Reason.STATUS_ASKED, why, notices=(request,), listed=case.facts.own_tickets)


# --- the two things that can happen to a human's mail ----------------------------------------


def _attach(case: Case, ticket: Ticket, role: Role, reason: Reason, remarks: tuple[str, ...]) -> Decision:
    """Onto the ticket; it is our turn again, unless the budget for reopening is spent."""
    was_done = ticket.status in (Status.SOLVED, Status.CLOSED)
    status = transition(ticket.status, Move.REQUESTER_REPLIED)
    move: Move | None = Move.REQUESTER_REPLIED
    reopen = "yes: it was " + ticket.status.value if was_done else "no: it is open"
    alarm = ""
    spent = window.spent(case.policy.reopen_budgets, case.facts.reopens, case.now) if was_done else None
    if spent:
        status, move = ticket.status, None
        reopen = f"no: it was reopened {spent.count} times in {spent.minutes} minutes, which smells of a loop"
        alarm = f"Ticket {ticket.number} is not reopened any more: {spent.count} reopens in {spent.minutes} minutes."
    why = Why(
        attach=f"yes: {_evidence(case)}",
        reopen=reopen,
        acknowledge="no: it is a reply; the ticket was acknowledged when it began",
        notify="yes: a human wrote" if not spent else "no: the operator is told instead",
    )
    reopened = was_done and not spent
    headline = "reopened" if reopened else "reply"
    return Decision(
        Reason.REPLY_REOPENS if was_done and reason is Reason.REPLY else reason,
        why,
        ticket=ticket.number,
        entry=_entry(case, EntryKind.CORRESPONDENCE, role, reason, remarks=(*remarks, *_oddities(case))),
        change=Change(
            move=move,
            status=status,
            reopened=reopened,
            joined=_company(case, ticket) if role is not Role.STRANGER else (),
        ),
        events=(code("reopened", case.author.shown),) if reopened else (),
        notices=() if spent else _tell(case, ticket, headline, (*remarks, *_oddities(case))),
        files=case.files,
        alarm=alarm,
    )


def _new(case: Case, reason: Reason, links: tuple[tuple[str, int], ...], subject: str = "") -> Decision:
    box = case.mailbox
    no_answer = acknowledge.no_acknowledgement(case)
    flood = window.spent(case.policy.new_ticket_budgets, case.facts.new_tickets, case.now)
    if flood:
        no_answer = f"{flood.count} new tickets of this author in {flood.minutes} minutes"
    remarks = (*_link_remarks(reason, links), *_oddities(case))
    notices: list[NoticeRequest] = []
    invite = False
    if not no_answer:
        told = _continues(case) if reason is Reason.FOLLOW_UP else ()
        notices.append(NoticeRequest(Notice.REQUEST_RECEIVED, case.author, Audience.CUSTOMER, remarks=told))
        if not case.facts.invited and not case.facts.registered:
            invite = True
            notices.append(NoticeRequest(Notice.REGISTRATION, case.author, Audience.CUSTOMER))
    if not flood:
        notices += _tell(case, None, "new_request", remarks)
    why = Why(
        attach="no: " + orders.sentence(reason),
        reopen="no: a new ticket instead" if links else "",
        acknowledge=f"no: {no_answer}" if no_answer else "yes: a human's first mail",
        notify="no: the operator is told instead" if flood else "yes: a new request",
    )
    return Decision(
        reason,
        why,
        new=NewTicket(subject or case.message.subject, case.author, box.address),
        entry=_entry(case, EntryKind.CORRESPONDENCE, Role.REQUESTER, reason, remarks=remarks),
        change=Change(joined=_company(case, None), links=links),
        notices=tuple(notices),
        files=case.files,
        invite=invite,
        alarm=f"{case.author.address} opened {flood.count} tickets in {flood.minutes} minutes; more are kept but "
        "neither acknowledged nor announced."
        if flood
        else "",
    )


# --- what the rows share -------------------------------------------------------------------


def _entry(
    case: Case, kind: EntryKind, role: Role, reason: Reason, *, remarks: tuple[str, ...] = (), collapsed: bool = False
) -> EntryDraft:
    message = case.message
    return EntryDraft(
        kind,
        case.author,
        role,
        message.body_text,
        message.reply_text,
        message.attachments,
        message.message_id,
        reason.value,
        case.choice.match.evidence if case.choice.match else None,
        collapsed,
        (*remarks, *message.omissions),
        message.sha256,
    )


def _continues(case: Case) -> tuple[str, ...]:
    """The customer learns which number continues the one that was closed long ago."""
    assert case.ticket is not None
    return (code("continues", token.reference(case.policy.keys, case.policy.reference_prefix, case.ticket.number)),)


def _tell(case: Case, ticket: Ticket | None, headline: str, remarks: tuple[str, ...]) -> tuple[NoticeRequest, ...]:
    return audience.tell(headline, case.policy, ticket, mailbox=case.mailbox.address, remarks=remarks, but=case.agent)


def _oddities(case: Case) -> tuple[str, ...]:
    """What an agent should know of the mail itself."""
    said = []
    if case.facts.same_id_other_content:
        said.append(code("same_id"))
    if case.message.encryption:
        said.append(code("encrypted"))
    if case.keys.close and case.ticket and not case.proven:
        said.append(code("close_unproven"))
    if case.agent and case.order.commands and not agent_mail.proof(case):
        said.append(code("order_unproven"))
    return tuple(said)


def _link_remarks(reason: Reason, links: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    numbers = ", #".join(str(n) for _, n in links)
    if not numbers:
        return ()
    return (code("follows_ticket" if reason is Reason.FOLLOW_UP else "claims_ticket", numbers),)


def _company(case: Case, ticket: Ticket | None) -> tuple[Joined, ...]:
    """People in To and Cc of a customer's mail take part from now on; that confirms those who were not.

    A mail that proves nothing confirms nobody: whoever wrote it in the requester's name would get the answers.
    Nor does one that names none of our addresses: it was sent to us behind the others' backs.
    """
    openly = any(case.policy.is_own(a.address) for a in (*case.message.to, *case.message.cc))
    confirmed = openly and (ticket is None or case.proven)
    there = {ticket.requester.key, *(p.address.key for p in ticket.people if p.confirmed)} if ticket else set()
    known = there | {case.author.key}
    joined: dict[str, Joined] = {}
    for address in (*case.message.to, *case.message.cc)[:50]:
        key = address.key
        if key in known or key in joined or case.policy.is_own(key) or case.policy.agent_for(key) or is_role(key):
            continue
        if "@" in key:
            joined[key] = Joined(address, confirmed=confirmed)
    return tuple(joined.values())


def _role(case: Case, ticket: Ticket) -> Role:
    if case.author.key == ticket.requester.key:
        return Role.REQUESTER
    return Role.PARTICIPANT if ticket.knows(case.author.address) else Role.STRANGER


def _evidence(case: Case) -> str:
    return case.choice.match.evidence.value if case.choice.match else "no evidence"


def _claimed(case: Case) -> tuple[int, ...]:
    named = (case.ticket.number,) if case.ticket else ()
    return tuple(dict.fromkeys((*named, *case.choice.claims)))


def _belongs(case: Case, ticket: Ticket) -> bool:
    """An author the ticket knows, or a mark only a recipient of ours can show."""
    return ticket.knows(case.author.address) or case.signed


def asks_status(case: Case) -> bool:
    """A customer wants the list of own open tickets. Under a ticket, "Status?" is asked of a human."""
    if case.ticket is not None and not case.message.reply_text.lstrip().startswith("#"):
        return False
    return not case.message.attachments and commands.asks_status(case.message.subject, case.message.reply_text)


def _closed_too_long(case: Case) -> bool:
    days = case.policy.reopen_window_days
    ticket = case.ticket
    if not days or ticket is None or ticket.status is not Status.CLOSED or ticket.closed_at is None:
        return False
    return case.now - ticket.closed_at > timedelta(days=days)


def _is_automatic(case: Case) -> bool:
    """Also an agent's note of absence that only its subject gives away: no customer must get it as an answer."""
    away = case.kind.no_acknowledgement == "subject-hint" and case.agent is not None and case.ticket is not None
    return case.kind.name is KindName.AUTOMATIC or away


def _is_failed(case: Case) -> bool:
    report = case.message.report
    if case.kind.name is not KindName.REPORT or report is None or report.type is not ReportType.DELIVERY:
        return False
    # A bounce that names nobody is taken as failed: to hide a failure is worse than to show one.
    return not report.recipients or any(r.action is Action.FAILED for r in report.recipients)


TABLE: tuple[Row, ...] = (
    Row("probe", lambda c: probe.of(c) is not None, probe.decide),
    Row("sent from the mailbox itself", sent_folder.is_found, sent_folder.decide),
    Row("duplicate", lambda c: c.facts.duplicate_of > 0, _duplicate),
    Row("unreadable", lambda c: c.kind.name is KindName.UNREADABLE, _unreadable),
    Row("ours, from an archive", archive.is_ours, archive.ours),
    Row("own mail coming back", lambda c: c.kind.name is KindName.LOOP, _loop),
    Row("delivery failed", _is_failed, _failed_report),
    Row("other report", lambda c: c.kind.name is KindName.REPORT, _other_report),
    Row("automatic, generated, no ticket", lambda c: c.generated and c.ticket is None, _new_automatic),
    Row("automatic", _is_automatic, _automatic),
    Row("agent on a customer's behalf", agents_begin.is_on_behalf, agents_begin.on_behalf),
    Row("agent on a ticket", agents.answers_ticket, agents.decide),
    Row("agent around the desk", agents_begin.is_around, agents_begin.around),
    Row("agent's order without a ticket", agents_begin.is_orphaned_order, agents_begin.orphaned),
    Row("asks for own tickets", asks_status, _status_asked),
    Row("reply, closed too long", lambda c: _closed_too_long(c) and c.knows_author_or_signed, _follow_up),
    Row("reply", lambda c: c.knows_author, _reply),
    Row("stranger with a signed mark", lambda c: c.ticket is not None and c.signed, _stranger_signed),
    Row("stranger without", lambda c: c.ticket is not None, _stranger_unsigned),
    Row("new request", lambda c: True, _new_request),
)
"""The policy of the house. Each row has a test of its own in tests/core/test_decide.py."""
