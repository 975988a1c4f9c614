"""Rows of customers: replies, strangers, new requests."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.core import (
    acknowledge,
    audience,
    closing,
    commands,
    confirmations,
    draft,
    language,
    machines,
    overtaken,
    second_address,
    sharing,
    sides,
    thread,
    window,
)
from gateway.core import remarks as about_mail
from gateway.core.act import Act
from gateway.core.case import Case
from gateway.core.decision import Change, Decision, Joined, NewTicket, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Agent, Mailbox
from gateway.core.reason import Reason, sentence
from gateway.core.roles import is_role
from gateway.core.thread import Match
from gateway.core.ticket import EntryKind, Evidence, Role, Ticket
from gateway.core.verbs import Verb
from gateway.mail.quotation import is_forward_mark
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject, is_forward, is_reply, without_gateway_tags

LOOKED_AT = 500
"""Lines of a mail among which a mark that it passes another one on is looked for."""


def reply(case: Case) -> Decision:
    """The requester or a participant wrote: the everyday case."""
    ticket = case.ticket
    assert ticket is not None
    asks_close = case.keys.close or case.order.has(Verb.CLOSE) or case.order.has(Verb.SOLVED)
    if asks_close and case.author.key == ticket.requester.key and case.proven:
        return closing.by_mail(case, ticket)
    if asks_close and case.author.key in {a.key for a in sides.requesters(ticket)} and case.proven:
        return closing.of_merged(case, ticket)
    decision = _attach(case, ticket, draft.role_of(case, ticket), Reason.REPLY, ())
    return overtaken.by_its_answer(case, ticket, decision) if overtaken.is_question(case, ticket) else decision


def joins_as_stranger(case: Case) -> bool:
    """It shows a signed mark, and is an answer. Every mail program puts our id into a mail that passes ours on:
    whoever passes it to us asks something of their own."""
    if case.ticket is None or not case.signed:
        return False
    answers = case.choice.match is not None and case.choice.match.evidence is Evidence.REPLY_ADDRESS
    return answers or not _passes_on(case)


def _passes_on(case: Case) -> bool:
    lines = case.message.body_text.split("\n")[:LOOKED_AT]
    return is_forward(case.message.subject) or any(is_forward_mark(line) for line in lines)


def stranger_signed(case: Case) -> Decision:
    ticket = case.ticket
    assert ticket is not None
    company = (a.address for a in (ticket.requester, *ticket.participants) if "@" in a.key)
    people = ", ".join(a for a in company if not case.policy.is_own(a))
    alone = (code("unconfirmed", case.author.address), code("reaches_nobody"))
    flags = (code("not_named", case.author.address, people),) if people else alone
    decision = _attach(case, ticket, Role.STRANGER, Reason.STRANGER_SIGNED, flags)
    if case.policy.is_own(case.author.address):
        return decision
    sees = _side_of_mark(case, ticket)
    joined = (Joined(case.author, confirmed=False, sees=sees), *decision.change.joined)
    # It is an answer to those whose mail it shows, from elsewhere perhaps: no other customer reads it.
    entry = replace(decision.entry, side=sees[0]) if decision.entry and sees else decision.entry
    return replace(decision, entry=entry, change=replace(decision.change, joined=joined))


def _side_of_mark(case: Case, ticket: Ticket) -> tuple[int, ...]:
    """Whose mail of ours a stranger holds: they read what those read."""
    number = next((k.number for k in case.keys.found if k.number and k.number != ticket.number), 0)
    people = (p for p in ticket.people if p.sees and number in p.sees)
    return sides.handed_on(next((p.sees for p in people), ()))


def stranger_unsigned(case: Case) -> Decision:
    reason = Reason.STRANGER_PASSES_ON if case.signed else Reason.STRANGER_UNSIGNED
    return _new(case, reason, tuple(("claims", n) for n in _claimed(case)))


def recalled(case: Case) -> Ticket | None:
    """The open ticket of a mail its author wants to take back: `Recall: Printer`, and one line that names the mail.
    Programs of no language do it otherwise."""
    label, _, subject = case.message.subject.partition(":")
    named = " ".join(subject.split())
    if case.ticket is not None or not (label.strip() and named):
        return None
    if not is_naming(" ".join(case.message.reply_text.split()), named) or is_reply(case.message.subject):
        return None
    same = (t for t in case.facts.own_tickets if base_subject(t.subject) == base_subject(named))
    return next((t for t in same if t.requester.key == case.author.key), None)


def is_naming(text: str, subject: str) -> bool:
    """One sentence that ends with a subject in quotation marks, or has it there before its last word."""
    before, found, after = text.rpartition(subject)
    return bool(found) and before.rstrip()[-1:] in _QUOTED and len(before) + len(after) < RECALL


_QUOTED = tuple("\"'“”„‟«»‹›‘’‚「『《")
RECALL = 120
"""Characters of such a sentence beside the subject."""


def recall(case: Case) -> Decision:
    ticket = recalled(case)
    assert ticket is not None
    case = replace(case, choice=replace(case.choice, match=Match(ticket, Evidence.CLAIM)))
    return _attach(case, ticket, Role.REQUESTER, Reason.REPLY, (code("recalls"),))


def answers_spam(case: Case) -> bool:
    """A ticket that an agent marked as spam; agents themselves are read above."""
    return case.ticket is not None and case.ticket.spam and case.knows_author_or_signed and case.agent is None


def reply_to_spam(case: Case) -> Decision:
    """Kept on the ticket, folded; nothing becomes of it."""
    ticket = case.ticket
    assert ticket is not None
    why = Why(f"yes: {draft.evidence(case)}", "no: it is spam", "no: it is spam", "no: counted in the digest")
    role = draft.role_of(case, ticket)
    entry = draft.entry(case, EntryKind.CORRESPONDENCE, role, Reason.SPAM_REPLY, collapsed=True)
    return Decision(Reason.SPAM_REPLY, why, ticket=ticket.number, entry=entry)


def is_closed_too_long(case: Case) -> bool:
    days = case.policy.reopen_window_days
    ticket = case.ticket
    if not days or ticket is None or ticket.status is not Status.CLOSED or ticket.closed_at is None:
        return False
    return case.now - ticket.closed_at > timedelta(days=days)


def follow_up(case: Case) -> Decision:
    """Its subject loses the earlier reference, which would be taken for its own."""
    assert case.ticket is not None
    subject = base_subject(thread.without_references(case.message.subject, case.known, case.policy))
    return _new(case, Reason.FOLLOW_UP, (("follows", case.ticket.number),), subject or case.ticket.subject)


def new_request(case: Case) -> Decision:
    return _new(case, Reason.NEW_REQUEST, tuple(("claims", n) for n in case.choice.claims))


def is_machines_request(case: Case) -> bool:
    """About no ticket. An agent's order is looked at first, whatever its header says."""
    return case.ticket is None and case.machine and not (case.agent and case.order.commands)


def new_automatic(case: Case) -> Decision:
    return _new(case, Reason.NEW_AUTOMATIC, ())


def asks_status(case: Case) -> bool:
    """A customer wants the list of own open tickets. Under a ticket, "Status?" is asked of a human."""
    if case.ticket is not None and not case.message.reply_text.lstrip().startswith("#"):
        return False
    if case.kind.no_acknowledgement:
        # Nobody would get the list: then a person reads it.
        return False
    return not case.message.attachments and commands.asks_status(case.message.subject, case.message.reply_text)


def status_asked(case: Case) -> Decision:
    """Everybody who asks gets the same kind of answer, whether we know the address or not."""
    why = Why(attach="no: it asks for own tickets", acknowledge="yes: with the list", notify="no: nothing to do")
    over = acknowledge.over_budget(case)
    if over or is_role(case.author.key):
        refused = over or "nobody reads there"
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
    elif was_done and confirmations.is_one(case, ticket):
        status, move, reopen = ticket.status, None, "no: it reads like another desk's confirmation"
        remarks = (*remarks, code("confirms_only"))
    elif case.machine and (spent := window.spent(case.policy.reopen_budgets, case.facts.machines_entries, case.now)):
        alarm = (
            f"A machine wrote {spent.count} times on ticket {ticket.number} in {spent.minutes} minutes; more is kept "
            "there and not announced."
        )
    why = Why(
        attach=f"yes: {draft.evidence(case)}",
        reopen=reopen,
        acknowledge="no: it is a reply; the ticket was acknowledged when it began",
        notify="yes: a human wrote" if not spent else "no: the operator is told instead",
    )
    reopened = was_done and move is not None
    headline = "reopened" if reopened else "reply"
    boxes = _boxes(case, ticket)
    stopped = _overtaken(case, ticket) if reopened else None
    said = _stopped(case, stopped)
    alone = ticket.participants and draft.between_us(case)
    # With #only an answer goes to the requester, who is somebody else.
    between_us = "alone" if role is Role.REQUESTER else "between_us"
    remarks = (
        *remarks,
        *said,
        *((code(between_us, case.author.shown),) if alone else ()),
        *machines.both_mailboxes(boxes),
        *about_mail.new_subject(case, ticket),
        *second_address.remark(case.written_by, case.author),
        *about_mail.oddities(case),
    )
    told = [draft.tell(case, ticket, headline, remarks)]
    told += [
        audience.tell(headline, case.policy, None, mailbox=b.address, remarks=remarks, but=case.agent)
        for b in boxes[1:]
    ]
    if stopped:
        whom = (stopped.undo.agent, *stopped.undo.told)
        told.append(audience.tell("undone", case.policy, ticket, informed=whom, remarks=said))
    return Decision(
        Reason.REPLY_REOPENS if (reopened or spent) and was_done and reason is Reason.REPLY else reason,
        why,
        ticket=ticket.number,
        entry=draft.entry(case, EntryKind.CORRESPONDENCE, role, reason, remarks=remarks),
        change=Change(
            move=move,
            status=status,
            reopened=reopened,
            subject=about_mail.with_theirs(case, ticket) if role is not Role.STRANGER else None,
            joined=_company(case, ticket) if role is not Role.STRANGER else (),
            written_to=_other_alias(case, ticket) if role is Role.REQUESTER else None,
        ),
        events=(code("reopened", case.author.shown),) if reopened else (),
        notices=() if spent else audience.each_once(tuple(n for notices in told for n in notices)),
        files=case.files,
        alarm=alarm,
        undoes=stopped,
    )


def _overtaken(case: Case, ticket: Ticket) -> Act | None:
    """The answer that ended the ticket, where it has not left: the customer would read of an end that is none any more,
    in words that know nothing of this mail. One that was written after it would wait as a draft (`stale`)."""
    waiting = case.facts.waiting
    ended = waiting is not None and waiting.undo.answered and waiting.undo.after == ticket.status.value
    return waiting if waiting and ended and not waiting.sent else None


def _stopped(case: Case, act: Act | None) -> tuple[str, ...]:
    agent = case.policy.agent_for(act.undo.agent) if act else None
    return (code("stopped", (agent.name if agent else "") or act.undo.agent, act.undo.label),) if act else ()


def _other_alias(case: Case, ticket: Ticket) -> str | None:
    """The address of ours the requester turned to; None where it is the same as before."""
    return None if case.written_to == ticket.written_to else case.written_to


def _boxes(case: Case, ticket: Ticket) -> tuple[Mailbox, ...]:
    """The ticket's mailbox, and others of ours a reply was written to. What only answers a mail of ours under an
    earlier mailbox of the ticket was not written to that."""
    own, named = case.policy.mailbox_for(ticket.mailbox), case.mailboxes
    if own is None or (own not in named and case.signed):
        return ()
    return (own, *(box for box in named if box is not own))


def _new(case: Case, reason: Reason, links: tuple[tuple[str, int], ...], subject: str = "") -> Decision:
    box = case.mailbox
    no_answer = acknowledge.no_acknowledgement(case)
    has_it = sharing.picked(case)
    whose, flood = case.facts.flood or (case.author.key, None)
    flood = flood or window.spent(case.policy.new_ticket_budgets, case.facts.new_tickets, case.now)
    if flood:
        no_answer = f"{flood.count} new tickets of this author in {flood.minutes} minutes"
    over = "" if flood else acknowledge.over_budget(case)
    both = machines.both_mailboxes(case.mailboxes)
    remarks = (
        *about_mail.link_remarks(case, reason, links),
        *both,
        *about_mail.lost_mark(case),
        *second_address.remark(case.written_by, case.author),
        *about_mail.own_open(case),
        *about_mail.oddities(case),
    )
    told = _continues(case) if reason is Reason.FOLLOW_UP else ()
    notices = [] if no_answer else [*acknowledge.mails(case, told)]
    if not flood:
        notices += _announced(case, has_it, remarks)
    spoken, known_by = language.of_mail(case.message, box, case.policy)
    in_it = f"; the ticket is in {spoken!r}, by {known_by}" if spoken not in ("", box.language) else ""
    why = Why(
        attach="no: " + sentence(reason),
        reopen="no: a new ticket instead" if links else "",
        acknowledge=f"no: {no_answer}" if no_answer else f"yes: a human's first mail{in_it}",
        notify="no: the operator is told instead" if flood else "yes: a new request",
    )
    return Decision(
        reason,
        why,
        new=NewTicket(
            subject or _subject(case),
            case.author,
            box.address,
            spoken,
            written_to=case.written_to or "",
            second_address="" if case.written_by.key == case.author.key else case.written_by.address,
        ),
        entry=draft.entry(case, EntryKind.CORRESPONDENCE, Role.REQUESTER, reason, remarks=remarks, begins=True),
        change=Change(joined=_company(case, None), links=links, assignee=has_it.address if has_it else None),
        events=(code("assigned", has_it.name or has_it.address),) if has_it else (),
        notices=tuple(notices),
        files=case.files,
        alarm=f"{whose} opened {flood.count} tickets in {flood.minutes} minutes; more are kept but "
        "neither acknowledged nor announced."
        if flood
        else f"{case.author.address} is not acknowledged: {over}. Is it a machine? The ticket is announced as ever."
        if over and over == no_answer and not case.facts.repeated
        else about_mail.unknown_form(case),
        alarm_about=case.facts.spent[0] if over and case.facts.spent else whose,
    )


def _announced(case: Case, has_it: Agent | None, remarks: tuple[str, ...]) -> tuple[NoticeRequest, ...]:
    """To each team it was written to, of the first only to whoever has it."""
    others = (box.address for box in case.mailboxes[1:])
    told = [draft.tell(case, _given(case, has_it), "new_request", remarks)]
    told += [
        audience.tell("new_request", case.policy, None, mailbox=address, remarks=remarks, but=case.agent)
        for address in others
    ]
    return audience.each_once(tuple(notice for notices in told for notice in notices))


def _given(case: Case, agent: Agent | None) -> Ticket | None:
    """The ticket that begins, as far as it is asked who is told of it; None where nobody has it."""
    if agent is None:
        return None
    box = case.mailbox.address
    return Ticket(0, Status.NEW, "", case.author, box, case.now, case.now, assignee=agent.address)


def _subject(case: Case) -> str:
    """As its author wrote it; a scan without one is known by its file."""
    files = (a.filename for a in case.message.attachments if not a.inline)
    return without_gateway_tags(case.message.subject) or next(files, "")


def _continues(case: Case) -> tuple[str, ...]:
    """The customer learns which number continues the one that was closed long ago."""
    assert case.ticket is not None
    return (code("continues", case.policy.reference(case.ticket)),)


def _company(case: Case, ticket: Ticket | None) -> tuple[Joined, ...]:
    """People in To and Cc of a customer's mail take part from now on; that confirms those who were not.

    A mail that proves nothing confirms nobody: whoever wrote it in the requester's name would get the answers.
    Nor does one that names none of our addresses: it was sent to us behind the others' backs.
    """
    openly = any(case.policy.is_own(a.address) for a in (*case.message.to, *case.message.cc))
    confirmed = openly and (ticket is None or case.proven)
    # Whom an agent asked stays what they are, whoever names them.
    there = {a.key for a in (ticket.requester, *ticket.participants, *ticket.advisers)} if ticket else set()
    known = there | {case.author.key, *(a.key for a in case.facts.person)} | about_mail.lists_among(case)
    # Whoever is brought along reads what the author reads.
    mine = sides.handed_on(sides.given(ticket, case.author.key)) if ticket else ()
    joined: dict[str, Joined] = {}
    for address in (*case.message.from_[1:], *(*case.message.to, *case.message.cc)[: about_mail.COMPANY]):
        key = address.key
        if key in known or key in joined or case.policy.is_own(key) or case.policy.agent_for(key) or is_role(key):
            continue
        if "@" in key:
            joined[key] = Joined(address, confirmed=confirmed, sees=mine)
    return tuple(joined.values())


def _claimed(case: Case) -> tuple[int, ...]:
    named = (case.ticket.number,) if case.ticket else ()
    return tuple(dict.fromkeys((*named, *case.choice.claims)))
