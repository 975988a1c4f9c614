"""What an agent's mail on a ticket may do, and what it does.

An order counts only with proof: a mark made for that very agent, SMTP AUTH, or a DMARC pass a
trusted server wrote. Without proof the mail is kept as a comment and the agent is told.
"""

from __future__ import annotations

from dataclasses import replace

from gateway.core import (
    advisers,
    agent_mail,
    away,
    bare_signature,
    blocking,
    canned,
    company,
    inside_notice,
    lookup,
    move_entries,
    orders,
    outgoing_text,
    passed_on,
    second_address,
    sides,
    stale,
    thread,
)
from gateway.core.agent_mail import AgentCase
from gateway.core.case import Case
from gateway.core.decision import Decision, Doubt, Joined, Why
from gateway.core.notice import Notice, fitting
from gateway.core.reason import Reason, sentence
from gateway.core.refusal import (
    PACE,
    about_drafts,
    answers_receipt,
    for_colleague,
    helped,
    hold,
    in_subject,
    is_lifted,
    reads_absent,
    refuse,
    says_something,
    seems_automatic,
    unsent,
    wordless,
)
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.core.verbs import Verb
from gateway.errors import IllegalTransition
from gateway.mail.message import Address, address_key
from gateway.mail.sentence import code
from gateway.mail.subject import is_forward

_WAITED = (Reason.AGENT_UNPROVEN.value, Reason.AGENT_HELD_BACK.value)


def answers_ticket(case: Case) -> bool:
    """From an agent's address and about a ticket that is not the agent's own request."""
    agent, match = case.agent, case.choice.match
    if agent is None or match is None:
        return False
    return bool(match.holder) or match.ticket.requester.key not in agent.keys


def decide(case: Case) -> Decision:
    """The decision about an agent's mail on a ticket."""
    case = bare_signature.left_out(case)
    on = AgentCase.of(case)
    if not agent_mail.proof(case):
        return _unproven(on)
    if is_too_fast(on, Role.AGENT):
        return _held(on)
    order = case.order
    if about := about_drafts(on):
        return about
    if problems := canned.problems(case):
        return _misunderstood(on, problems)
    named = canned.doubt(case, on.ticket)
    case = canned.put_in(case, on.ticket, on.ticket.requester)
    on, order = replace(on, case=case), case.order
    unclear = (*_misplaced(case), *in_subject(case, on.ticket.subject), *wordless(case))
    misunderstood = (*orders.problems(on.by, order), *unclear)
    if misunderstood or order.has(Verb.HELP):
        return _misunderstood(on, misunderstood)
    if inside_notice.answered_inside(case) and not is_lifted(case):
        return _misunderstood(on, (code("inseparable"),))
    if looked := lookup.answer(on) or away.answer(on) or canned.listed(on):
        return looked
    if order.has(Verb.UNDO):
        return _undo(on)
    doubt = second_address.doubt(order, case.facts.namesake)
    if doubt and not is_lifted(case):
        return hold(on, Doubt.SAME_PERSON, doubt)
    if (whose := (*company.doubt(on.ticket, order), *_order_another(on), *named)) and not is_lifted(case):
        return hold(on, Doubt.DIFFERENT_CUSTOMERS, whose)
    for verb, answer in (
        (Verb.NOTE, _note),
        (Verb.SPLIT, _split),
        (Verb.MERGE, _merge),
        (Verb.MOVE, _move),
        (Verb.ASK, _ask),
    ):
        if order.has(verb):
            return _with_remarks(answer(on), blocking.hits(case))
    if order.has(Verb.SPAM) and says_something(case):
        # Nothing is sent, so the words are for agents: as an answer the customer would read them below the next one.
        return _with_remarks(_note(on), blocking.hits(case))
    done = _aside(on) if _is_aside(on) else _doubted(on) or _answer(on)
    return _with_remarks(done, blocking.hits(case))


def _doubted(on: AgentCase) -> Decision | None:
    return seems_automatic(on) or reads_absent(on) or _unasked(on) or for_colleague(on)


def _answer(on: AgentCase) -> Decision:
    case, agent, ticket, order = on.case, on.agent, on.ticket, on.case.order
    box = case.policy.mailbox_for(ticket.mailbox) or case.mailbox
    # What the agent wrote before, without proof or from elsewhere, is not kept from the customer by that.
    history = [e for e in sides.fenced(ticket, case.facts.history) if e.reason not in _WAITED]
    out = outgoing_text.for_customers(order.text, box, case.policy, history)
    reached = frozenset(a.key for a in (*case.message.to, *case.message.cc))
    joined = _newly_confirmed(case, ticket)
    if {a.key for a in (ticket.requester, *ticket.participants, *(j.address for j in joined))} <= reached:
        # Everybody has it from the agent: there is nothing left to keep from them, and it must be on record.
        out = outgoing_text.Outgoing(order.text)
    if kept_back := _kept_back(case, out):
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, kept_back)
    # A picture in a signature is not meant for the requester whom `#from` replaces.
    files = () if order.has(Verb.FROM) else agent_mail.files(case)
    if not out.text and not files and not order.commands:
        empty = refuse(on, Reason.AGENT_EMPTY, (code("nothing_to_do"),))
        # Whatever says nothing in answer to a receipt would say it again to the next one.
        return replace(empty, notices=()) if case.facts.answers == Notice.AGENT_RECEIPT else empty
    answer = None
    if out.text or files:
        around = (code("around", agent.name or agent.address),) if agent_mail.outside(case) else ()
        html, files = agent_mail.formatted(case, out.text, fitting(files, case.policy.max_attachment_bytes), box)
        answer = orders.Answer(
            out.text,
            agent_mail.entry(case, agent, EntryKind.CORRESPONDENCE, out.text, Reason.AGENT_ANSWER, around),
            html,
            files,
            reached,
            joined,
        )
    if answer is not None and (doubt := _answers_adviser(on, answer)):
        return hold(on, Doubt.ADVISER, doubt)
    if answer is not None and (doubt := _only_another(on)):
        return hold(on, Doubt.DIFFERENT_CUSTOMERS, doubt)
    if answer is not None and orders.reaches_nobody(on.by, order, answer):
        said = (code("reaches_nobody"), *unsent(case))
        return refuse(on, Reason.AGENT_HELD_BACK, said, headline="kept", doubt=Doubt.NO_ORDER)
    target = ticket
    if order.has(Verb.REOPEN) and order.argument(Verb.REOPEN):
        if (named := lookup.named(on)) is None:
            return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("no_such_ticket", order.argument(Verb.REOPEN)),))
        if answer is not None:
            return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("reopen_alone"), code("text_not_sent"), out.text))
        target = named
    try:
        decision = orders.carry_out(replace(on.by, ticket=target), order, answer, agent_mail.proof(case))
    except IllegalTransition:
        return _no_move(replace(on, ticket=target))
    if changed := stale.since(on, decision):
        return hold(on, Doubt.STALE, changed)
    decision = _handed_over(on, decision)
    cut = (code("cut_lines", outgoing_text.named(out.cut)),) if out.cut else ()
    return _with_remarks(
        decision, (*cut, *((*agent_mail.left_out(case, files), *stale.wrote_since(on)) if answer else ()))
    )


def _handed_over(on: AgentCase, decision: Decision) -> Decision:
    facts = on.case.facts
    return passed_on.handed_over(decision, facts.history, facts.forwards, on.by.name, on.case.policy)


def _unasked(on: AgentCase) -> Decision | None:
    """Words that may not be meant for the customer: a program's that takes a mail back, in answer to a receipt, or
    above a mail that is passed on."""
    case = on.case
    if is_lifted(case) or case.order.commands:
        return None
    if agent_mail.takes_back(case):
        return hold(on, Doubt.BY_PROGRAM, (code("marked_automatic"),))
    if held := answers_receipt(on):
        return held
    if is_forward(case.message.subject) and not agent_mail.outside(case):
        return hold(on, Doubt.FORWARD, (code("forward_on_ticket"),))
    return None


def _kept_back(case: Case, out: outgoing_text.Outgoing) -> tuple[str, ...]:
    """Why the text must not leave, and the text, so that nobody has to write it again; empty when it may."""
    if out.command_below:
        return (code("command_below", out.command_below), *unsent(case))
    if out.inseparable:
        line = outgoing_text.clipped(out.inner_line)
        return (code("inner_line", line) if line else code("inseparable"), *unsent(case))
    if case.message.encryption and (not out.text or "BEGIN PGP MESSAGE" in out.text):
        return (code("answer_encrypted"),)
    return ()


def _is_aside(on: AgentCase) -> bool:
    """Addressed to others, such as a colleague or a supplier, with the mailbox in copy: no answer to the customer."""
    case, ticket, to = on.case, on.ticket, on.case.message.to
    people = {a.key for a in (ticket.requester, *ticket.company)}
    reached = {a.key for a in (*to, *case.message.cc)}
    return bool(to) and not any(case.policy.is_own(a.address) for a in to) and not people & reached


def _aside(on: AgentCase) -> Decision:
    """Whoever it is written to advises the agents from now on."""
    message = on.case.message
    remark = code("aside", ", ".join(a.address for a in message.to[:5]))
    noted = _note(on, (remark,))
    new = advisers.joined((*message.to, *message.cc), on.ticket, on.case.policy) if noted.entry else ()
    return replace(noted, change=replace(noted.change, joined=(*noted.change.joined, *new)))


def _ask(on: AgentCase) -> Decision:
    """The agent's words, and only they, go to somebody outside; in reply to an adviser's mail to its author."""
    case, order, history, parent = on.case, on.case.order, on.case.facts.history, on.case.facts.parent
    address, _, names = order.argument(Verb.ASK).partition(" ")
    theirs = parent.author if parent and parent.role is Role.ADVISER else Address("")
    whom = Address(address) if address and address_key(address) != theirs.key else theirs
    named, missing = advisers.files_named(names.split(","), history)
    if refused := (*advisers.problems(on.by, whom), *missing):
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (*refused, *unsent(case)))
    box = case.policy.mailbox_for(on.ticket.mailbox) or case.mailbox
    out = outgoing_text.for_customers(order.text, box, case.policy, advisers.read_by(history, whom))
    if kept_back := _kept_back(case, out):
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, kept_back)
    files = fitting((*agent_mail.files(case), *named), case.policy.max_attachment_bytes)
    if not out.text and not files:
        return refuse(on, Reason.AGENT_EMPTY, (code("ask_form"),))
    html, files = agent_mail.formatted(case, out.text, files, box)
    entry = agent_mail.entry(case, on.agent, EntryKind.COMMENT, out.text, Reason.AGENT_ASKED)
    rest = replace(order, commands=tuple(c for c in order.commands if c.verb is not Verb.ASK))
    try:
        asked = advisers.ask(on.by, rest, whom, entry, html=html, files=files, proof=agent_mail.proof(case))
    except IllegalTransition:
        return _no_move(on)
    if changed := stale.since(on, asked):
        return hold(on, Doubt.STALE, changed)
    cut = (code("cut_lines", outgoing_text.named(out.cut)),) if out.cut else ()
    return _with_remarks(asked, (*cut, *agent_mail.left_out(case, files)))


_ASKED_SINCE = frozenset({Doubt.ADVISER, Doubt.STALE})


def _answers_adviser(on: AgentCase, answer: orders.Answer) -> tuple[str, ...]:
    """That the agent answered an adviser's mail and customers would get it; empty when that is meant."""
    parent, resumed, people = on.case.facts.parent, on.case.facts.resumed, orders.recipients(on.ticket, answer)
    if parent is None or parent.role is not Role.ADVISER or not people or (resumed and resumed.doubt in _ASKED_SINCE):
        return ()
    return (code("answers_adviser", parent.author.address, ", ".join(a.address for a in people)),)


def _only_another(on: AgentCase) -> tuple[str, ...]:
    """That `#only` sends the words to one customer, and the agent answered another whom the ticket keeps apart."""
    whose = _kept_apart(on)
    if whose is None or not on.case.order.has(Verb.ONLY) or is_lifted(on.case):
        return ()
    return (code("only_another", whose.address, on.ticket.requester.address),)


def _order_another(on: AgentCase) -> tuple[str, ...]:
    """That an order is about the requester, and the agent answered somebody else who may be meant."""
    order, parent, requester = on.case.order, on.case.facts.parent, on.ticket.requester
    verb = next((v for v in (Verb.REQUESTER, Verb.FROM, Verb.ALIAS) if order.has(v)), None)
    whose = _kept_apart(on)
    if order.has(Verb.BLOCK) and not order.argument(Verb.BLOCK):
        verb = Verb.BLOCK
        if parent and _answers_notice(on):
            # Nobody hears of the requester any more, so a colleague of theirs or a stranger is enough to ask.
            others = on.ticket.knows(parent.author.address) or parent.role is Role.STRANGER
            whose = parent.author if others and parent.author.key != requester.key else None
    if verb is None or whose is None:
        return ()
    return (code("order_another", whose.address, f"#{verb.value}", requester.address),)


def _kept_apart(on: AgentCase) -> Address | None:
    """Whose mail the agent answered, where the ticket keeps that customer apart from the requester. Without a notice,
    as in answer to a receipt of before the merge, its mark says whose ticket the agent had before them."""
    parent, ticket = on.case.facts.parent, on.ticket
    case = on.case
    marked = thread.asked_by(case.keys, case.known, case.policy.keys)
    whose = parent.author if parent and _answers_notice(on) else marked
    if whose is None or not sides.is_shared(ticket) or not ticket.knows(whose.address):
        return None
    if sides.face(ticket, whose.key) == sides.face(ticket, ticket.requester.key):
        return None
    return whose


def _answers_notice(on: AgentCase) -> bool:
    return on.case.facts.answers == Notice.AGENT_NOTICE


def _note(on: AgentCase, remarks: tuple[str, ...] = ()) -> Decision:
    """The receipt says the remarks, too, and whether anybody outside has the note from the agent's own mail."""
    case = on.case
    rest = replace(case.order, commands=tuple(c for c in case.order.commands if c.verb is not Verb.NOTE))
    customers = {a.key for a in (on.ticket.requester, *on.ticket.company)}
    outside = agent_mail.outside(case)
    if any(a.key in customers for a in outside):
        remarks = (*remarks, code("around", on.agent.name or on.agent.address))
    elif outside and not remarks:
        remarks = (code("aside", ", ".join(a.address for a in outside[:5])),)
    entry = agent_mail.entry(case, on.agent, EntryKind.COMMENT, case.order.noted, Reason.AGENT_NOTE, remarks)
    asked = p.author.key if (p := case.facts.parent) and p.kind is EntryKind.COMMENT and p.role is Role.AGENT else ""
    try:
        decision = orders.note(on.by, rest, entry, agent_mail.proof(case), asked)
    except IllegalTransition:
        return _no_move(on)
    if changed := stale.since(on, decision):
        return hold(on, Doubt.STALE, changed)
    return _with_remarks(_handed_over(on, decision), remarks)


def _no_move(on: AgentCase) -> Decision:
    status = on.ticket.status
    wanted = orders.wanted_status(on.case.order, on.case.policy)[0] or status
    return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("no_move", status.value, wanted.value),))


def _undo(on: AgentCase) -> Decision:
    done, source = on.case.facts.act, on.case.facts.undone_from
    refusal = move_entries.too_late(on.by, done, source)
    if done is None or refusal:
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (refusal,))
    return _with_remarks(move_entries.undo(on.by, done, source), unsent(on.case))


def _split(on: AgentCase) -> Decision:
    """The mail the agent answers becomes a ticket of its own."""
    case, parent = on.case, on.case.facts.parent
    if (problem := move_entries.split_problem(parent, case.facts.history)) or parent is None:
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (problem,))
    box = case.policy.mailbox_for(on.ticket.mailbox) or case.mailbox
    out = outgoing_text.for_customers(case.order.text, box, case.policy, case.facts.history)
    if out.text and "\n" not in out.text:
        return move_entries.split(on.by, parent, out.text, case.order)
    return _with_remarks(move_entries.split(on.by, parent, "", case.order), unsent(case))


def _merge(on: AgentCase) -> Decision:
    into = _into(on, Verb.MERGE)
    if isinstance(into, Decision):
        return into
    doubt = move_entries.merge_doubt(on.ticket, into)
    if doubt and not is_lifted(on.case):
        return hold(on, Doubt.DIFFERENT_CUSTOMERS, (doubt,))
    return _with_remarks(move_entries.merge(on.by, into), unsent(on.case))


def _move(on: AgentCase) -> Decision:
    into, parent = _into(on, Verb.MOVE), on.case.facts.parent
    if isinstance(into, Decision):
        return into
    if parent is None:
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("no_mail_meant"),))
    return _with_remarks(move_entries.move(on.by, parent, into), unsent(on.case))


def _into(on: AgentCase, verb: Verb) -> Ticket | Decision:
    """The named ticket, or why it cannot be the target, as a decision."""
    number, named = on.case.order.argument(verb), lookup.named(on)
    if named is None:
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("no_such_ticket", number),))
    if named.number == on.ticket.number:
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("same_ticket", number),))
    return named


# --- how it ends when nothing is done ------------------------------------------------------------


def _unproven(on: AgentCase) -> Decision:
    case, remark = on.case, code("no_proof")
    entry = agent_mail.entry(
        case, on.agent, EntryKind.COMMENT, case.message.reply_text, Reason.AGENT_UNPROVEN, (remark,)
    )
    refusal = refuse(on, Reason.AGENT_UNPROVEN, (remark,), headline="forged", doubt=None)
    if is_too_fast(on, Role.STRANGER):
        refusal = replace(refusal, notices=(), alarm=_too_fast(on))
    return replace(refusal, entry=replace(entry, role=Role.STRANGER, collapsed=True))


def _held(on: AgentCase) -> Decision:
    why = Why(attach="no: " + sentence(Reason.AGENT_BREATHLESS), acknowledge="no: a receipt would be answered")
    return Decision(Reason.AGENT_BREATHLESS, why, hold=_too_fast(on))


def is_too_fast(on: AgentCase, role: Role) -> bool:
    """A program that answers every receipt would go on for ever, each time with a mail to the customer."""
    mine = (e.created_at for e in on.case.facts.history if e.role is role and e.author.key in on.agent.keys)
    return PACE.is_spent(mine, on.case.now)


def _too_fast(on: AgentCase) -> str:
    return (
        f"{on.agent.address} wrote {PACE.count} times on ticket {on.ticket.number} in {PACE.minutes} minutes: a loop?"
    )


def _misplaced(case: Case) -> tuple[str, ...]:
    """Orders about people that would send the text to somebody else than the agent thinks of."""
    order = case.order
    files = any(not a.inline for a in agent_mail.shown(case))
    if order.has(Verb.TO) or order.has(Verb.FOR):
        return (code("to_begins"),)
    return (code("from_alone"),) if order.has(Verb.FROM) and not order.has(Verb.NOTE) and (order.text or files) else ()


def _misunderstood(on: AgentCase, problems: tuple[str, ...]) -> Decision:
    if not problems:
        return helped(on)
    return refuse(on, Reason.AGENT_MISUNDERSTOOD, (*problems, *unsent(on.case)))


def _newly_confirmed(case: Case, ticket: Ticket) -> tuple[Joined, ...]:
    """People the agent names: in the header, or with `#cc`. To answer a stranger's mail names nobody."""
    known = {a.key: a for a in ticket.unconfirmed}
    header = (known.get(a.key, a) for a in agent_mail.outside(case))
    written = (Joined(a) for a in header if not ticket.knows(a.address) and not ticket.is_adviser(a.key))
    named = company.brought(ticket, case.order)
    return tuple({j.address.key: j for j in (*written, *named)}.values())


def _with_remarks(decision: Decision, remarks: tuple[str, ...]) -> Decision:
    """Put sentences into the receipt."""
    notices = tuple(
        replace(n, remarks=(*n.remarks, *remarks)) if n.notice is Notice.AGENT_RECEIPT else n for n in decision.notices
    )
    return replace(decision, notices=notices)
