"""An agent's mail that belongs to no ticket: one for a customer, one in copy, or an order by number.

It carries no mark of a ticket, so everything here asks for proof of another kind (`agent_mail.proof`).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway.core import (
    agent_mail,
    audience,
    away,
    bare_signature,
    blocking,
    canned,
    lookup,
    orders,
    outgoing_text,
    passed_on,
    tags,
)
from gateway.core.act import Undo
from gateway.core.agent_mail import AgentCase
from gateway.core.case import Case, files_of
from gateway.core.commands import ASSIGNS, PEOPLE, Order
from gateway.core.decision import Change, Decision, EntryDraft, Joined, NewTicket, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest, fitting
from gateway.core.reason import Reason
from gateway.core.refusal import about_drafts, helped, refuse, unsent
from gateway.core.ticket import EntryKind
from gateway.core.verbs import FORMS, Verb
from gateway.mail.message import Address
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject


def is_on_behalf(case: Case) -> bool:
    """A proven agent opens a ticket for a customer."""
    named = any(case.order.has(verb) for verb in PEOPLE)
    if case.agent is None or not named or not agent_mail.proof(case):
        return False
    return case.ticket is None or _begins_anew(case)


def _begins_anew(case: Case) -> bool:
    """It answers no notice, whatever ticket the forwarded mail speaks of."""
    marks = [key.number for key in case.keys.found if key.holder]
    return not any(marks) and (bool(marks) or case.forwarded is not None)


def is_around(case: Case) -> bool:
    """A proven agent wrote to somebody outside, with one of our mailboxes in copy, about no ticket."""
    return (
        case.agent is not None
        and case.ticket is None
        and bool(agent_mail.outside(case))
        and bool(agent_mail.proof(case))
    )


def is_orphaned_order(case: Case) -> bool:
    """A proven agent's commands that need a ticket, without one."""
    ordered = bool(case.order.commands or case.order.problems)
    return case.agent is not None and case.ticket is None and ordered and bool(agent_mail.proof(case))


def on_behalf(case: Case) -> Decision:
    """`#from`: a forwarded mail becomes the customer's. `#to`: the agent's text opens the conversation. `#for`: what
    the agent noted of a call or a visit stays with the agents."""
    case = bare_signature.left_out(case)
    if problems := canned.problems(case):
        return _without_ticket(AgentCase.without_ticket(case), problems)
    case = canned.put_in(case, None, Address(next(filter(None, map(case.order.argument, PEOPLE)), "")))
    on = AgentCase.without_ticket(case)
    agent, requester = on.agent, Address(case.order.argument(Verb.FROM))
    misunderstood = orders.problems(on.by, case.order)
    if misunderstood:
        return _without_ticket(on, misunderstood)
    if case.order.has(Verb.TO):
        return _write_first(on, Address(case.order.argument(Verb.TO)), sent_already=False)
    if case.order.has(Verb.FOR):
        return _for_customer(on, Address(case.order.argument(Verb.FOR)))
    found = case.forwarded
    if found is None:
        form = tuple(f"#{verb.value} {requester.address}" for verb in (Verb.TO, Verb.FOR))
        return _without_ticket(on, (code("from_needs_forward", *form),))
    if found.inner and found.address_key != requester.key:
        return _without_ticket(on, (code("forwarded_inner", found.author or found.address),))
    requester, who = passed_on.author(found, requester), agent.name or agent.address
    subject = found.subject or base_subject(case.message.subject) or case.message.subject
    remarks = (code("forwarded_by", who), *passed_on.words_above(found, case.order.noted))
    entry = passed_on.customers_entry(found, case.message, requester, agent_mail.shown(case), remarks)
    files = files_of(found.message) if found.message else agent_mail.files(case)
    return _opened(on, requester, entry, subject, (code("told_received"),), files, found.date)


def _for_customer(on: AgentCase, requester: Address) -> Decision:
    """A call, a visit: the agent's words are the agents', the customer learns the reference and nothing else."""
    case, text = on.case, on.case.order.text
    if not text.strip() and not agent_mail.files(case):
        return _without_ticket(on, (code("nothing_to_do"),))
    entry = agent_mail.entry(case, on.agent, EntryKind.COMMENT, text, Reason.AGENT_ON_BEHALF)
    subject = base_subject(case.message.subject) or case.message.subject
    read = (code("subject_read", subject),) if subject.strip() else ()
    remarks = (code("noted"), code("told_received"), *read)
    return _opened(on, requester, entry, subject, remarks, agent_mail.files(case), None)


def _opened(
    on: AgentCase,
    requester: Address,
    entry: EntryDraft,
    subject: str,
    remarks: tuple[str, ...],
    files: tuple[AttachedFile, ...],
    created_at: datetime | None,
) -> Decision:
    """A request of a customer, opened by an agent: the customer is sent the reference, the team is told."""
    case, agent = on.case, on.agent
    opened = code("on_behalf", agent.name or agent.address)
    assignee, assigned = orders.assignment(on.by, case.order)
    begun = replace(on.ticket, assignee=assignee or "")
    language = case.order.argument(Verb.LANGUAGE)
    return Decision(
        Reason.AGENT_ON_BEHALF,
        Why(
            attach="no: a new ticket", acknowledge="yes: the customer learns the reference", notify="yes: a new request"
        ),
        new=NewTicket(subject, requester, on.ticket.mailbox, language, created_at=created_at),
        entry=entry,
        change=Change(assignee=assignee, language=language or None, tags=_tags(on)),
        events=(opened, *assigned),
        notices=(
            NoticeRequest(Notice.REQUEST_RECEIVED, requester, Audience.CUSTOMER),
            *audience.tell("new_request", case.policy, begun, but=agent),
            orders.receipt(agent, "done", (opened, *assigned, *remarks, *_not_done(on))),
        ),
        files=files,
    )


def _tags(on: AgentCase) -> tuple[str, ...] | None:
    return tags.read(on.case.order.argument(Verb.TAG))


_WITH_A_REQUEST = (*PEOPLE, *ASSIGNS, Verb.TAG, Verb.TEXT, Verb.MAILBOX, Verb.LANGUAGE)
"""Orders that mean something of a request which begins with them."""


def _is_receipt(notice: NoticeRequest) -> bool:
    return notice.notice is Notice.AGENT_RECEIPT


def _not_done(on: AgentCase) -> tuple[str, ...]:
    """Orders beside one that begins a request, for which there is none yet: the receipt names them."""
    order = on.case.order
    done = (*_WITH_A_REQUEST, *((Verb.NOTE,) if order.has(Verb.FROM) else ()))
    lines = [f"#{c.verb.value} {c.argument}".strip() for c in order.commands if c.verb not in done]
    return (code("not_beside", ", ".join(lines)),) if lines else ()


def around(case: Case) -> Decision:
    """The agent wrote to somebody directly, the mailbox in copy: recorded, nothing is sent twice."""
    return _write_first(AgentCase.without_ticket(case), agent_mail.outside(case)[0], sent_already=True)


def orphaned(case: Case) -> Decision:
    """Commands without a ticket: `#reopen N` names one itself; for all others the receipt says what is missing."""
    on = AgentCase.without_ticket(bare_signature.left_out(case))
    case = on.case
    named = lookup.named(on)
    if about := about_drafts(on):
        return about
    if not case.order.problems and (looked := lookup.answer(on) or away.answer(on) or canned.listed(on)):
        return looked
    if case.order.has(Verb.REOPEN) and named is not None and not case.order.problems:
        done = orders.carry_out(replace(on, ticket=named).by, case.order, None, agent_mail.proof(case))
        # It answers no notice, so nobody knows for whom the words beside it are.
        said = (replace(n, remarks=(*n.remarks, *unsent(case))) if _is_receipt(n) else n for n in done.notices)
        return replace(done, notices=tuple(said))
    if case.order.problems:
        return _without_ticket(on, case.order.problems)
    if case.order.has(Verb.HELP):
        return helped(on)
    if case.order.has(Verb.BLOCK) or case.order.has(Verb.UNBLOCK):
        return _block(on)
    if case.order.argument(Verb.REOPEN):
        return _without_ticket(on, (code("no_such_ticket", case.order.argument(Verb.REOPEN)),))
    first = FORMS[case.order.commands[0].verb]
    return _without_ticket(on, (code("needs_ticket", first),))


def _block(on: AgentCase) -> Decision:
    """`#block` and `#unblock` name a sender themselves."""
    case, agent = on.case, on.agent
    if refused := blocking.problems(case.policy, case.order, None):
        return _without_ticket(on, refused)
    remarks = (*blocking.events(case.order, None, agent.name or agent.address), *blocking.hits(case))
    return Decision(
        Reason.AGENT_BLOCKS,
        Why(attach="no: it is about a sender, not a ticket", acknowledge="no: the agent gets a receipt"),
        notices=(orders.receipt(agent, "done", remarks),),
        block=blocking.wanted(case.order, Verb.BLOCK, None),
        unblock=blocking.wanted(case.order, Verb.UNBLOCK, None),
        undo=orders.before(on.by, case.order, None),
    )


def _write_first(on: AgentCase, customer: Address, *, sent_already: bool) -> Decision:
    """A ticket that begins with an agent's mail to a customer."""
    case, agent = on.case, on.agent
    box = case.policy.mailbox_for(on.ticket.mailbox) or case.mailbox
    out = outgoing_text.for_customers(case.order.text, box, case.policy, ())
    # What the customer has already is recorded as it is.
    text = case.order.text if sent_already else out.text
    files = agent_mail.files(case)
    who = agent.name or agent.address
    note = code("around", who) if sent_already else code("on_behalf", who)
    others = tuple(Joined(a) for a in agent_mail.outside(case) if a.key != customer.key)
    mails = () if sent_already else (NoticeRequest(Notice.REPLY, customer, Audience.CUSTOMER),)
    if not sent_already and (out.command_below or out.inseparable or not (text or files)):
        why = code("inseparable") if out.inseparable else code("nothing_to_do")
        why = code("command_below", out.command_below) if out.command_below else why
        return _without_ticket(on, (why,))
    html, files = agent_mail.formatted(case, text, fitting(files, case.policy.max_attachment_bytes), box)
    status = transition(Status.NEW, Move.AGENT_REPLIED)
    assignee, assigned = orders.assignment(on.by, case.order)
    if assignee is None and case.policy.answering_assigns:
        assignee, assigned = agent.address, (code("assigned", who),)
    given = audience.tell_of_assignment(case.policy, on.ticket, replace(on.ticket, assignee=assignee or ""), agent)
    reason = Reason.AGENT_AROUND if sent_already else Reason.AGENT_ON_BEHALF
    goes = (orders.goes_to(customer.address, case.policy), *orders.files_sent(files))
    sent = (code("nothing_sent"),) if sent_already else goes
    hold_minutes = 0 if sent_already else case.policy.hold_minutes
    language = case.order.argument(Verb.LANGUAGE)
    return Decision(
        reason,
        Why(attach="no: a new ticket", acknowledge="no: an agent began it", notify="no: an agent did it"),
        new=NewTicket(base_subject(case.message.subject) or case.message.subject, customer, box.address, language),
        entry=agent_mail.entry(case, agent, EntryKind.CORRESPONDENCE, text, reason),
        change=Change(status=status, joined=others, assignee=assignee, language=language or None, tags=_tags(on)),
        events=(note, *assigned),
        notices=(
            *mails,
            *given,
            orders.receipt(agent, "done", (note, *assigned, *sent, code("status_now", status.value), *_not_done(on))),
        ),
        files=files if not sent_already else (),
        text=text,
        html=html,
        undo=None if sent_already else _as_if_not_begun(on, customer, status),
        hold_minutes=hold_minutes,
    )


def _as_if_not_begun(on: AgentCase, customer: Address, status: Status) -> Undo | None:
    """Taken back before it left, the ticket it opened is closed: nobody outside knows of it. It stays whose it is, for
    it was nobody's before."""
    undo = orders.before(on.by, Order(), None)
    if undo is None:
        return None
    label = f"#{Verb.TO.value} {customer.address}"
    return replace(undo, label=label, answered=True, opened=True, after=status.value)


def _without_ticket(on: AgentCase, remarks: tuple[str, ...]) -> Decision:
    text = (code("text_not_sent"), on.case.order.text) if on.case.order.text else ()
    return refuse(on, Reason.AGENT_MISUNDERSTOOD, (*remarks, *text))
