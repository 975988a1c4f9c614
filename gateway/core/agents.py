"""What an agent's mail may do, and what it does.

An order counts only with proof: a mark made for that very agent, SMTP AUTH, or a DMARC pass a
trusted server wrote. Without proof the mail is kept as a comment and the agent is told.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.core import act, commands, leak, moves, token
from gateway.core.case import Case, files_of
from gateway.core.commands import Verb
from gateway.core.decision import Change, Decision, EntryDraft, Joined, NewTicket, Reason, Why
from gateway.core.errors import IllegalTransition
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.message import Address, Message
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest
from gateway.core.policy import Agent, Budget, Mailbox
from gateway.core.say import say
from gateway.core.subject import base_subject
from gateway.core.ticket import Entry, EntryKind, Evidence, Role, Ticket

PACE = Budget(10, 10)
"""Mails of one agent on one ticket; a person does not write more."""


def proof(case: Case) -> str:
    """How the agent is proven, in words; empty when not."""
    agent = case.agent
    if agent and any(key.holder in agent.keys for key in case.keys.found if key.holder):
        return "a signed mark made for this agent"
    return {"smtp-auth": "SMTP AUTH", "dmarc": "a trusted DMARC pass"}.get(case.facts.authentic, "")


# --- questions of the table in `decide` ------------------------------------------------------


def answers_ticket(case: Case) -> bool:
    """From an agent's address and about a ticket that is not the agent's own request."""
    agent, match = case.agent, case.choice.match
    if agent is None or match is None:
        return False
    return bool(match.holder) or match.ticket.requester.key not in agent.keys


def is_on_behalf(case: Case) -> bool:
    """A proven agent opens a ticket for a customer."""
    named = case.order.has(Verb.FROM) or case.order.has(Verb.TO)
    return case.agent is not None and case.ticket is None and named and bool(proof(case))


def is_around(case: Case) -> bool:
    """A proven agent wrote to somebody outside, with one of our mailboxes in copy, about no ticket."""
    return case.agent is not None and case.ticket is None and bool(outside(case)) and bool(proof(case))


def is_orphaned_order(case: Case) -> bool:
    """A proven agent's commands that need a ticket, without one."""
    return case.agent is not None and case.ticket is None and bool(case.order.commands) and bool(proof(case))


# --- an agent's mail on a ticket ---------------------------------------------------------------


def decide(case: Case) -> Decision:
    """The decision about an agent's mail on a ticket."""
    agent, ticket = case.agent, case.ticket
    assert agent is not None
    assert ticket is not None
    if not proof(case):
        return _unproven(case, agent, ticket)
    if _is_breathless(case, agent, Role.AGENT):
        return _held(case, agent, ticket)
    by = act.Carrier(ticket, agent, case.policy, case.now)
    order = case.order
    misunderstood = act.problems(by, order)
    if misunderstood or order.has(Verb.HELP):
        return _misunderstood(case, agent, ticket, misunderstood)
    if order.has(Verb.UNDO):
        return _undo(case, by)
    for verb, answer in ((Verb.NOTE, _note), (Verb.SPLIT, _split), (Verb.MERGE, _merge), (Verb.MOVE, _move)):
        if order.has(verb):
            return answer(case, by)
    return _answer(case, by)


def _answer(case: Case, by: act.Carrier) -> Decision:
    agent, ticket, order = by.agent, by.ticket, case.order
    assert agent is not None
    box = case.policy.mailbox_for(ticket.mailbox) or case.mailbox
    out = leak.for_customers(order.text, box, case.policy, case.facts.history)
    if out.command_below:
        return _refusal(agent, ticket, Reason.AGENT_MISUNDERSTOOD, (say("command_below", out.command_below),))
    if out.inseparable:
        return _refusal(agent, ticket, Reason.AGENT_MISUNDERSTOOD, (say("inseparable"),))
    files = _files(case)
    if not out.text and not files and not order.commands:
        return _refusal(agent, ticket, Reason.AGENT_EMPTY, (say("nothing_to_do"),))
    answer = None
    if out.text or files:
        around = (say("around", agent.name or agent.address),) if outside(case) else ()
        answer = act.Answer(
            out.text,
            _entry(case, agent, EntryKind.CORRESPONDENCE, out.text, Reason.AGENT_ANSWER, around),
            files,
            frozenset(a.key for a in (*case.message.to, *case.message.cc)),
            _newly_confirmed(case, ticket),
        )
    target = ticket
    if order.has(Verb.REOPEN) and order.argument(Verb.REOPEN):
        if case.facts.named is None:
            return _refusal(
                agent, ticket, Reason.AGENT_MISUNDERSTOOD, (say("no_such_ticket", order.argument(Verb.REOPEN)),)
            )
        if answer is not None:
            return _refusal(
                agent, ticket, Reason.AGENT_MISUNDERSTOOD, (say("reopen_alone"), say("text_not_sent"), out.text)
            )
        target = case.facts.named
    try:
        decision = act.carry_out(replace(by, ticket=target), order, answer, proof(case))
    except IllegalTransition:
        return _no_move(case, replace(by, ticket=target))
    return _with_remark(decision, say("cut", out.cut)) if out.cut else decision


def _note(case: Case, by: act.Carrier) -> Decision:
    assert by.agent is not None
    text = "\n".join(t for t in (case.order.argument(Verb.NOTE), case.order.text) if t)
    rest = replace(case.order, commands=tuple(c for c in case.order.commands if c.verb is not Verb.NOTE))
    entry = _entry(case, by.agent, EntryKind.COMMENT, text, Reason.AGENT_NOTE)
    try:
        return act.note(by, rest, entry, proof(case))
    except IllegalTransition:
        return _no_move(case, by)


def _no_move(case: Case, by: act.Carrier) -> Decision:
    assert by.agent is not None
    status = by.ticket.status
    wanted = act.wanted_status(case.order, case.policy)[0] or status
    return _refusal(by.agent, by.ticket, Reason.AGENT_MISUNDERSTOOD, (say("no_move", status.value, wanted.value),))


def _undo(case: Case, by: act.Carrier) -> Decision:
    assert by.agent is not None
    done = case.facts.act
    if done is None:
        return _refusal(by.agent, by.ticket, Reason.AGENT_MISUNDERSTOOD, (say("nothing_to_undo"),))
    if done.undo.answered and done.sent:
        return _refusal(
            by.agent, by.ticket, Reason.AGENT_MISUNDERSTOOD, (say("too_late", by.ticket.requester.address),)
        )
    return moves.undo(by, done)


def _split(case: Case, by: act.Carrier) -> Decision:
    """The mail the agent answers becomes a ticket of its own."""
    agent, parent, ticket = by.agent, case.facts.parent, by.ticket
    assert agent is not None
    if parent is None or parent.role is Role.AGENT or parent.kind is not EntryKind.CORRESPONDENCE:
        return _refusal(agent, ticket, Reason.AGENT_MISUNDERSTOOD, (say("no_mail_meant"),))
    return moves.split(by, parent, case.order.text.split("\n")[0].strip())


def _merge(case: Case, by: act.Carrier) -> Decision:
    return _into(case, by, Verb.MERGE) or moves.merge(by, _named(case))


def _move(case: Case, by: act.Carrier) -> Decision:
    refused = _into(case, by, Verb.MOVE)
    if refused:
        return refused
    assert by.agent is not None
    if case.facts.parent is None:
        return _refusal(by.agent, by.ticket, Reason.AGENT_MISUNDERSTOOD, (say("no_mail_meant"),))
    return moves.move(by, case.facts.parent.id, _named(case))


def _named(case: Case) -> Ticket:
    assert case.facts.named is not None
    return case.facts.named


def _into(case: Case, by: act.Carrier, verb: Verb) -> Decision | None:
    """Why the named ticket cannot be the target, as a decision."""
    assert by.agent is not None
    number = case.order.argument(verb)
    if case.facts.named is None:
        return _refusal(by.agent, by.ticket, Reason.AGENT_MISUNDERSTOOD, (say("no_such_ticket", number),))
    if case.facts.named.number == by.ticket.number:
        return _refusal(by.agent, by.ticket, Reason.AGENT_MISUNDERSTOOD, (say("same_ticket", number),))
    return None


# --- an agent's mail without a ticket -----------------------------------------------------------


def on_behalf(case: Case) -> Decision:
    """`#from`: a forwarded mail becomes the customer's. `#to`: the agent's text opens the conversation."""
    agent = case.agent
    assert agent is not None
    requester = Address(case.order.argument(Verb.FROM))
    by = act.Carrier(_imagined(case, requester), agent, case.policy, case.now)
    misunderstood = act.problems(by, case.order)
    if misunderstood:
        return _without_ticket(case, agent, misunderstood)
    if case.order.has(Verb.TO):
        return _write_first(case, agent, Address(case.order.argument(Verb.TO)), sent_already=False)
    found = case.forwarded
    inner = found.message if found and found.message else None
    if inner and inner.author and inner.author.key == requester.key:
        requester = inner.author
    subject = (found.subject if found and found.subject else base_subject(case.message.subject)) or case.message.subject
    who = agent.name or agent.address
    entry = _customers_entry(case, requester, inner, say("forwarded_by", who) if found else say("on_behalf", who))
    change = Change()
    if case.order.has(Verb.ASSIGN):
        assignee = act.find_agent(by, case.order.argument(Verb.ASSIGN))
        change = replace(change, assignee=assignee.address if assignee else "")
    remarks = (say("on_behalf", who), say("told_received"))
    team = act.agents_of(case.policy, None, case.mailbox.address)
    return Decision(
        Reason.AGENT_ON_BEHALF,
        Why(
            attach="no: a new ticket", acknowledge="yes: the customer learns the reference", notify="yes: a new request"
        ),
        new=NewTicket(subject, requester, case.mailbox.address, created_at=found.date if found else None),
        entry=entry,
        change=change,
        events=(say("on_behalf", who),),
        notices=(
            NoticeRequest(Notice.REQUEST_RECEIVED, requester, Audience.CUSTOMER),
            *act.tell(team, "new_request", but=agent),
            act.receipt(agent, "done", remarks),
        ),
        files=files_of(inner) if inner else case.files,
    )


def around(case: Case) -> Decision:
    """The agent wrote to somebody directly, the mailbox in copy: recorded, nothing is sent twice."""
    agent = case.agent
    assert agent is not None
    return _write_first(case, agent, outside(case)[0], sent_already=True)


def orphaned(case: Case) -> Decision:
    """Commands without a ticket: `#reopen N` names one itself; for all others the receipt says what is missing."""
    agent = case.agent
    assert agent is not None
    named = case.facts.named
    if case.order.has(Verb.REOPEN) and named is not None and not case.order.problems:
        return act.carry_out(act.Carrier(named, agent, case.policy, case.now), case.order, None, proof(case))
    if case.order.problems or case.order.has(Verb.HELP):
        return _without_ticket(case, agent, case.order.problems or _help(agent, case.mailbox, case))
    first = commands.FORMS[case.order.commands[0].verb]
    return _without_ticket(case, agent, (say("needs_ticket", first),))


def _write_first(case: Case, agent: Agent, customer: Address, *, sent_already: bool) -> Decision:
    """A ticket that begins with an agent's mail to a customer."""
    out = leak.for_customers(case.order.text, case.mailbox, case.policy, ())
    # What the customer has already is recorded as it is.
    text = case.order.text if sent_already else out.text
    files = _files(case)
    who = agent.name or agent.address
    note = say("around", who) if sent_already else say("on_behalf", who)
    others = tuple(Joined(a) for a in outside(case) if a.key != customer.key)
    mails = () if sent_already else (NoticeRequest(Notice.REPLY, customer, Audience.CUSTOMER),)
    if not sent_already and (out.command_below or out.inseparable or not (text or files)):
        why = say("inseparable") if out.inseparable else say("nothing_to_do")
        why = say("command_below", out.command_below) if out.command_below else why
        return _without_ticket(case, agent, (why,))
    status = transition(Status.NEW, Move.AGENT_REPLIED)
    reason = Reason.AGENT_AROUND if sent_already else Reason.AGENT_ON_BEHALF
    sent = say("nothing_sent") if sent_already else say("sent_to", customer.address)
    return Decision(
        reason,
        Why(attach="no: a new ticket", acknowledge="no: an agent began it", notify="no: an agent did it"),
        new=NewTicket(base_subject(case.message.subject) or case.message.subject, customer, case.mailbox.address),
        entry=_entry(case, agent, EntryKind.CORRESPONDENCE, text, reason),
        change=Change(status=status, joined=others),
        events=(note,),
        notices=(*mails, act.receipt(agent, "done", (note, sent, say("status_now", status.value)))),
        files=files if not sent_already else (),
        text=text,
        hold_minutes=0 if sent_already else case.policy.hold_minutes,
    )


def _without_ticket(case: Case, agent: Agent, remarks: tuple[str, ...]) -> Decision:
    text = (say("text_not_sent"), case.order.text) if case.order.text else ()
    return Decision(
        Reason.AGENT_MISUNDERSTOOD,
        Why(attach="no: " + act.sentence(Reason.AGENT_MISUNDERSTOOD), acknowledge="no: the agent gets a receipt"),
        notices=(act.receipt(agent, "nothing_done", (*remarks, *text)),),
    )


def _customers_entry(case: Case, requester: Address, inner: Message | None, remark: str) -> EntryDraft:
    """The forwarded mail as if the customer had sent it here."""
    found, message = case.forwarded, case.message
    text = found.text if found else case.order.text
    if inner:
        return EntryDraft(
            EntryKind.CORRESPONDENCE, requester, Role.REQUESTER, inner.body_text, inner.reply_text, inner.attachments,
            inner.message_id, Reason.AGENT_ON_BEHALF.value, None, remarks=(remark,), sha256=inner.sha256,
            created_at=inner.date,
        )  # fmt: skip
    return EntryDraft(
        EntryKind.CORRESPONDENCE, requester, Role.REQUESTER, text, text, message.attachments, message.message_id,
        Reason.AGENT_ON_BEHALF.value, None, remarks=(remark,), sha256=message.sha256,
        created_at=found.date if found else None,
    )  # fmt: skip


def _imagined(case: Case, requester: Address) -> Ticket:
    """The ticket to come, for orders that look at one."""
    return Ticket(0, Status.NEW, case.message.subject, requester, case.mailbox.address, case.now, case.now)


# --- what they share -----------------------------------------------------------------------------


def _unproven(case: Case, agent: Agent, ticket: Ticket) -> Decision:
    remark = say("no_proof")
    entry = _entry(case, agent, EntryKind.COMMENT, case.message.reply_text, Reason.AGENT_UNPROVEN, (remark,))
    refusal = _refusal(agent, ticket, Reason.AGENT_UNPROVEN, (remark,), "forged")
    if _is_breathless(case, agent, Role.STRANGER):
        refusal = replace(refusal, notices=(), alarm=_breathless(agent, ticket))
    return replace(refusal, entry=replace(entry, role=Role.STRANGER, collapsed=True))


def _held(case: Case, agent: Agent, ticket: Ticket) -> Decision:
    why = Why(attach="no: " + act.sentence(Reason.AGENT_BREATHLESS), acknowledge="no: a receipt would be answered")
    return Decision(Reason.AGENT_BREATHLESS, why, hold=_breathless(agent, ticket))


def _is_breathless(case: Case, agent: Agent, role: Role) -> bool:
    """A program that answers every receipt would go on for ever, each time with a mail to the customer."""
    since = case.now - timedelta(minutes=PACE.minutes)
    lately = [e for e in case.facts.history if e.role is role and e.author.key in agent.keys and e.created_at > since]
    return len(lately) >= PACE.count


def _breathless(agent: Agent, ticket: Ticket) -> str:
    return f"{agent.address} wrote {PACE.count} times on ticket {ticket.number} in {PACE.minutes} minutes: a loop?"


def _misunderstood(case: Case, agent: Agent, ticket: Ticket, problems: tuple[str, ...]) -> Decision:
    if not problems:
        box = case.policy.mailbox_for(ticket.mailbox) or case.mailbox
        return _refusal(agent, ticket, Reason.AGENT_COMMAND, _help(agent, box, case), "help")
    text = (say("text_not_sent"), case.order.text) if case.order.text else ()
    return _refusal(agent, ticket, Reason.AGENT_MISUNDERSTOOD, (*problems, *text))


def _help(agent: Agent, box: Mailbox, case: Case) -> tuple[str, ...]:
    forms = (say("commands_are"), *commands.FORMS.values())
    if not box.reply_address:
        return forms
    mark = token.address_token(case.policy.keys, "a", 0, agent.address.casefold())
    return (*forms, say("own_address", box.reply_address.replace("{token}", mark)))


def _refusal(
    agent: Agent, ticket: Ticket, reason: Reason, remarks: tuple[str, ...], headline: str = "nothing_done"
) -> Decision:
    why = Why(
        "no: " + act.sentence(reason), "no: nothing was done", "no: the agent gets a receipt", "no: nothing was done"
    )
    return Decision(reason, why, ticket=ticket.number, notices=(act.receipt(agent, headline, remarks),))


def _entry(
    case: Case, agent: Agent, kind: EntryKind, text: str, reason: Reason, remarks: tuple[str, ...] = ()
) -> EntryDraft:
    match, message = case.choice.match, case.message
    # What a customer may see of an agent's mail is its text without the quoted notice: the body is that text.
    # The same goes for a notice of ours that hangs on it as a file: it holds comments.
    shown = {f.part for f in _files(case)}
    return EntryDraft(
        kind,
        Address(agent.address, agent.name),
        Role.AGENT,
        text,
        text,
        tuple(a for a in message.attachments if kind is EntryKind.COMMENT or a.part in shown),
        message.message_id,
        reason.value,
        match.evidence if match else Evidence.NONE,
        remarks=remarks,
        sha256=message.sha256,
    )


def _files(case: Case) -> tuple[AttachedFile, ...]:
    """The agent's files, without notices of ours that a mail program attached."""
    ours = {
        n.part
        for n in case.message.nested
        if token.is_agents_message_id(n.message_id) or (n.author and case.policy.is_own(n.author.address))
    }
    return tuple(f for f in case.files if f.part not in ours)


def outside(case: Case) -> tuple[Address, ...]:
    """People in To and Cc who are neither ours nor agents."""
    people = (*case.message.to, *case.message.cc)
    found = {a.key: a for a in people if "@" in a.key and not case.policy.is_own(a.address)}
    return tuple(a for key, a in found.items() if not case.policy.agent_for(key) and not act.is_role(key))


def _newly_confirmed(case: Case, ticket: Ticket) -> tuple[Joined, ...]:
    """Unconfirmed people the agent writes to: by name in the header, or by answering their mail."""
    written_to = {a.key for a in outside(case)}
    parent: Entry | None = case.facts.parent
    if parent is not None and parent.role is Role.STRANGER:
        written_to.add(parent.author.key)
    known = {a.key for a in ticket.unconfirmed}
    joined = [Joined(a) for a in ticket.unconfirmed if a.key in written_to]
    joined += [Joined(a) for a in outside(case) if a.key not in known and not ticket.knows(a.address)]
    return tuple(joined)


def _with_remark(decision: Decision, remark: str) -> Decision:
    """Put a sentence into the receipt."""
    notices = tuple(
        replace(n, remarks=(*n.remarks, remark)) if n.notice is Notice.AGENT_RECEIPT else n for n in decision.notices
    )
    return replace(decision, notices=notices)
