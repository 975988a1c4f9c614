"""An agent's mail that belongs to no ticket: one for a customer, one in copy, or an order by number.

It carries no mark of a ticket, so everything here asks for proof of another kind (`agent_mail.proof`).
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core import agent_mail, audience, blocking, commands, orders, outgoing_text
from gateway.core.agent_mail import AgentCase
from gateway.core.case import Case, files_of
from gateway.core.commands import Verb
from gateway.core.decision import Change, Decision, EntryDraft, Joined, NewTicket, Reason, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.refusal import refuse
from gateway.core.ticket import EntryKind, Role
from gateway.mail.message import Address, Message
from gateway.mail.quotation import is_forward_mark
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject

WORDS_LENGTH = 2_000
"""Characters of what an agent writes above a forwarded mail: for the colleagues, as a remark on it."""


def is_on_behalf(case: Case) -> bool:
    """A proven agent opens a ticket for a customer."""
    named = case.order.has(Verb.FROM) or case.order.has(Verb.TO)
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
    return case.agent is not None and case.ticket is None and bool(case.order.commands) and bool(agent_mail.proof(case))


def on_behalf(case: Case) -> Decision:
    """`#from`: a forwarded mail becomes the customer's. `#to`: the agent's text opens the conversation."""
    on = AgentCase.without_ticket(case)
    agent, requester = on.agent, Address(case.order.argument(Verb.FROM))
    misunderstood = orders.problems(on.by, case.order)
    if misunderstood:
        return _without_ticket(on, misunderstood)
    if case.order.has(Verb.TO):
        return _write_first(on, Address(case.order.argument(Verb.TO)), sent_already=False)
    found = case.forwarded
    if found and found.inner and found.address_key != requester.key:
        return _without_ticket(on, (code("forwarded_inner", found.author or found.address),))
    inner = found.message if found and found.message else None
    if inner and inner.author and inner.author.key == requester.key:
        requester = inner.author
    subject = (found.subject if found and found.subject else base_subject(case.message.subject)) or case.message.subject
    who = agent.name or agent.address
    entry = _customers_entry(case, requester, inner, code("forwarded_by", who) if found else code("on_behalf", who))
    assignee, assigned = orders.assignment(on.by, case.order)
    begun = replace(on.ticket, assignee=assignee or "")
    remarks = (code("on_behalf", who), *assigned, code("told_received"))
    return Decision(
        Reason.AGENT_ON_BEHALF,
        Why(
            attach="no: a new ticket", acknowledge="yes: the customer learns the reference", notify="yes: a new request"
        ),
        new=NewTicket(subject, requester, case.mailbox.address, created_at=found.date if found else None),
        entry=entry,
        change=Change(assignee=assignee),
        events=(code("on_behalf", who), *assigned),
        notices=(
            NoticeRequest(Notice.REQUEST_RECEIVED, requester, Audience.CUSTOMER),
            *audience.tell("new_request", case.policy, begun, but=agent),
            orders.receipt(agent, "done", remarks),
        ),
        files=files_of(inner) if inner else agent_mail.files(case),
    )


def around(case: Case) -> Decision:
    """The agent wrote to somebody directly, the mailbox in copy: recorded, nothing is sent twice."""
    return _write_first(AgentCase.without_ticket(case), agent_mail.outside(case)[0], sent_already=True)


def orphaned(case: Case) -> Decision:
    """Commands without a ticket: `#reopen N` names one itself; for all others the receipt says what is missing."""
    on, named = AgentCase.without_ticket(case), case.facts.named
    if case.order.has(Verb.REOPEN) and named is not None and not case.order.problems:
        return orders.carry_out(replace(on, ticket=named).by, case.order, None, agent_mail.proof(case))
    if case.order.problems or case.order.has(Verb.HELP):
        return _without_ticket(on, case.order.problems or agent_mail.help_for(on.agent, case.mailbox, case))
    if case.order.has(Verb.BLOCK) or case.order.has(Verb.UNBLOCK):
        return _block(on)
    if case.order.argument(Verb.REOPEN):
        return _without_ticket(on, (code("no_such_ticket", case.order.argument(Verb.REOPEN)),))
    first = commands.FORMS[case.order.commands[0].verb]
    return _without_ticket(on, (code("needs_ticket", first),))


def _block(on: AgentCase) -> Decision:
    """`#block` and `#unblock` name a sender themselves."""
    case, agent = on.case, on.agent
    if refused := blocking.problems(case.policy, case.order, None):
        return _without_ticket(on, refused)
    remarks = (*blocking.events(case.order, None, agent.name or agent.address), *blocking.hits(case))
    return Decision(
        Reason.AGENT_COMMAND,
        Why(attach="no: it is about a sender, not a ticket", acknowledge="no: the agent gets a receipt"),
        notices=(orders.receipt(agent, "done", remarks),),
        block=blocking.wanted(case.order, Verb.BLOCK, None),
        unblock=blocking.wanted(case.order, Verb.UNBLOCK, None),
        undo=orders.before(on.by, case.order, None),
    )


def _write_first(on: AgentCase, customer: Address, *, sent_already: bool) -> Decision:
    """A ticket that begins with an agent's mail to a customer."""
    case, agent = on.case, on.agent
    out = outgoing_text.for_customers(case.order.text, case.mailbox, case.policy, ())
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
    html, files = agent_mail.formatted(case, text, files, case.mailbox)
    status = transition(Status.NEW, Move.AGENT_REPLIED)
    assignee, assigned = orders.assignment(on.by, case.order)
    if assignee is None and case.policy.answering_assigns:
        assignee, assigned = agent.address, (code("assigned", who),)
    given = audience.tell_of_assignment(case.policy, on.ticket, replace(on.ticket, assignee=assignee or ""), agent)
    reason = Reason.AGENT_AROUND if sent_already else Reason.AGENT_ON_BEHALF
    sent = code("nothing_sent") if sent_already else code("sent_to", customer.address)
    return Decision(
        reason,
        Why(attach="no: a new ticket", acknowledge="no: an agent began it", notify="no: an agent did it"),
        new=NewTicket(base_subject(case.message.subject) or case.message.subject, customer, case.mailbox.address),
        entry=agent_mail.entry(case, agent, EntryKind.CORRESPONDENCE, text, reason),
        change=Change(status=status, joined=others, assignee=assignee),
        events=(note, *assigned),
        notices=(
            *mails,
            *given,
            orders.receipt(agent, "done", (note, *assigned, sent, code("status_now", status.value))),
        ),
        files=files if not sent_already else (),
        text=text,
        html=html,
        hold_minutes=0 if sent_already else case.policy.hold_minutes,
    )


def _without_ticket(on: AgentCase, remarks: tuple[str, ...]) -> Decision:
    text = (code("text_not_sent"), on.case.order.text) if on.case.order.text else ()
    return refuse(on, Reason.AGENT_MISUNDERSTOOD, (*remarks, *text))


def _customers_entry(case: Case, requester: Address, inner: Message | None, remark: str) -> EntryDraft:
    """The forwarded mail as if the customer had sent it here."""
    found, message = case.forwarded, case.message
    text = found.text if found else case.order.text
    words = _own_words(case.order.text if inner else commands.read(found.above).text) if found else ""
    remarks = (remark, words[:WORDS_LENGTH]) if words else (remark,)
    if inner:
        return EntryDraft(
            EntryKind.CORRESPONDENCE, requester, Role.REQUESTER, inner.body_text, inner.reply_text, inner.attachments,
            inner.message_id, Reason.AGENT_ON_BEHALF.value, None, remarks=remarks, sha256=inner.sha256,
            created_at=inner.date,
        )  # fmt: skip
    return EntryDraft(
        EntryKind.CORRESPONDENCE, requester, Role.REQUESTER, text, text, agent_mail.shown(case), message.message_id,
        Reason.AGENT_ON_BEHALF.value, None, remarks=remarks, sha256=message.sha256,
        created_at=found.date if found else None,
    )  # fmt: skip


def _own_words(text: str) -> str:
    """What the agent wrote above a forwarded mail, without what the mail program put there."""
    lines = text.rstrip().split("\n")
    while lines and (is_forward_mark(lines[-1]) or not any(sign.isalnum() for sign in lines[-1])):
        lines.pop()
    return outgoing_text.without_signature("\n".join(lines)).strip()
