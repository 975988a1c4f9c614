"""Rows of machines: the same mail again, loops, reports about mail of ours, automatic answers, echoes, robots."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from gateway.core import absence, advisers, audience, draft, parking, thread
from gateway.core.case import Case
from gateway.core.classify import Mail, null_reverse_path
from gateway.core.decision import Change, Decision, Why
from gateway.core.lifecycle import Move, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Mailbox, Policy
from gateway.core.reason import Reason
from gateway.core.sentences import text_of
from gateway.core.thread import SentFacts
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.mail.message import Action, DeliveryReport, KindName, ReportType, address_key
from gateway.mail.new_text import markers, without_banner
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
    """A list sends our own mail to everybody, to us as well: that is no loop the operator must look for."""
    by_list = "list-id" in case.message.headers
    notify = "no: a list sent it" if by_list else "no: the operator is told"
    why = Why(attach=f"no: {case.kind.reason}", acknowledge="no: it is our own mail", notify=notify)
    if by_list:
        return Decision(Reason.LOOP, why)
    return Decision(
        Reason.LOOP,
        why,
        alarm=f"A mail of our own came back ({case.kind.rule}), sent by {case.author.address or 'nobody'} with the "
        f"subject “{case.message.subject[:80]}”. Look for a forwarding rule that points at us.",
    )


def is_report(case: Case) -> bool:
    """A person who writes of a bounce is no mail system: nothing shows one at work, and it reports no mail of ours, or
    comes from somebody of the very ticket. So does a form, whose mail a program sends."""
    report = case.message.report
    if case.kind.name is not KindName.REPORT or report is None:
        return False
    if report.by_system:
        return True
    if case.sent is None and case.reported_ticket is None:
        return False
    says_so = case.message.header("auto-submitted").casefold() not in ("", "no")
    return says_so or null_reverse_path(Mail(case.message, case.envelope, case.policy)) or not case.knows_author


def is_failed(case: Case) -> bool:
    report = case.message.report
    if not is_report(case) or report is None or report.type is not ReportType.DELIVERY:
        return False
    # A bounce that names nobody is taken as failed: to hide a failure is worse than to show one.
    return not report.recipients or any(r.action is Action.FAILED for r in report.recipients)


def failed_report(case: Case) -> Decision:
    """A bounce goes onto the mail it reports, and reopens only when it killed our newest answer."""
    sent, ticket = case.sent, case.reported_ticket
    report = case.message.report
    assert report is not None
    failures = [r for r in report.recipients if r.action is Action.FAILED]
    dead = tuple(r.final_recipient for r in failures if _NO_SUCH_ADDRESS.fullmatch(r.status))
    if ticket is None:
        return _of_no_ticket(case, failures)
    kills = sent is not None and lacks_answer(ticket, sent)
    # A notice about a notice that bounced would bounce as well, for ever.
    inner = sent.notice in _INNER if sent else any(k.holder for k in case.keys.reported)
    asked = advisers.questioner(case.facts.history, sent.recipient) if sent else ()
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
    named = sent is not None and not sent.guessed
    silenced = tuple(a for a in dead if named and sent and address_key(a) == address_key(sent.recipient))
    return Decision(
        Reason.BOUNCE_OF_ANSWER if kills else Reason.BOUNCE,
        why,
        ticket=ticket.number,
        entry=draft.entry(case, EntryKind.REPORT, Role.SYSTEM, Reason.BOUNCE, remarks=(remark,)),
        change=Change(move=move, status=status),
        notices=() if inner else audience.tell("bounce", case.policy, ticket, remarks=(remark,), informed=asked),
        undeliverable=silenced,
        alarm=text_of(remark, "en") if inner else "",
    )


def _of_no_ticket(case: Case, failures: list[DeliveryReport]) -> Decision:
    """The operator looks what it may be; not when it is the operator who got nothing, or it would never end."""
    whom = ", ".join(r.final_recipient for r in failures) or "somebody it does not name"
    alarm = (
        f"A mail to {whom} was not delivered, says {case.author.address or 'a mail system'} (“"
        f"{case.message.subject[:80]}”), but nothing tells which of ours it was. To read it: "
        f"replydesk journal list --reason {Reason.REPORT_NO_TICKET.value}"
    )
    to_operator = address_key(case.policy.operator) in {address_key(r.final_recipient) for r in failures}
    if to_operator or (case.sent and case.sent.notice == Notice.OPERATOR_ALARM.value):
        alarm = ""
    why = Why(
        attach="no: it names no mail of a ticket here",
        acknowledge="no: reports are never answered",
        notify="no: the operator is told" if alarm else "no: the operator cannot be reached",
    )
    return Decision(Reason.REPORT_NO_TICKET, why, alarm=alarm)


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
    return case.kind.name is KindName.AUTOMATIC


def automatic(case: Case) -> Decision:
    ticket = case.ticket
    rule = case.kind.rule if is_automatic(case) else "its subject says that its author is away"
    why = Why(reopen="no: a machine wrote it", acknowledge=f"no: {rule}", notify="no: in the digest")
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


# --- what only repeats what is known -----------------------------------------------------------


def is_away(case: Case) -> bool:
    """Its subject says that a program wrote it in its owner's absence; not where the ticket's own subject says so,
    for everybody who answers repeats that, nor with an order."""
    ticket = case.ticket
    if ticket is None or case.order.commands or case.keys.close or case.envelope.archived:
        return False
    subject = thread.without_references(case.message.subject, case.known, case.policy)
    author = case.message.author
    labelled = absence.is_label(subject, ticket.subject) or (author and absence.tells_of(author.name, subject))
    return bool(labelled) or (absence.is_note(subject) and not absence.is_note(ticket.subject))


def may_be_echo(case: Case) -> bool:
    """Whether it is worth looking up what we sent: a note of absence, or a text that begins as ours do."""
    message, ticket = case.message, case.ticket
    if ticket is None or case.agent or case.kind.name is not KindName.CORRESPONDENCE or case.envelope.archived:
        return False
    ours = not message.attachments and not case.order.commands and any(m in message.body_text for m in markers())
    return ours or is_away(case) or _calls_itself_automatic(case)


def is_echo(case: Case) -> bool:
    """A note of absence by somebody of the ticket, what calls itself an automatic answer and was said before, or our
    own words and nothing else, as lists send them back."""
    if not may_be_echo(case) or case.ticket is None:
        return False
    notes = is_away(case) or (_calls_itself_automatic(case) and _repeats(case))
    return (notes and draft.belongs(case, case.ticket)) or _only_our_words(case)


def _calls_itself_automatic(case: Case) -> bool:
    """In a field some people's programs write as well: no proof, so that it is heard once."""
    return case.kind.no_acknowledgement == "precedence-auto-reply"


def _repeats(case: Case) -> bool:
    said = case.message.reply_text.split()
    return any(e.author.key == case.written_by.key and e.reply_text.split() == said for e in case.facts.history)


def echo(case: Case) -> Decision:
    """Folded. Agents hear of the first absence that answers a person of ours, in one line."""
    ticket = case.ticket
    assert ticket is not None
    before = any(e.reason == Reason.ECHO.value and e.author.key == case.written_by.key for e in case.facts.history)
    away = is_away(case) and not _only_our_words(case)
    tells = away and not (before or case.facts.sent_automatic)
    because = "it was said before, or answers an automatic mail" if away else "they are our own words"
    remark = (code("away", case.author.shown),) if away else ()
    role = draft.role_of(case, ticket)
    headline = "adviser" if role is Role.ADVISER else "reply"
    told = audience.tell(headline, case.policy, ticket, remarks=remark) if tells else ()
    why = Why(
        attach=f"yes: {draft.evidence(case)}",
        reopen="no: it asks nobody to act",
        acknowledge="no: a program wrote it",
        notify="yes: who may wait for an answer" if tells else f"no: {because}",
    )
    entry = draft.entry(case, EntryKind.AUTOMATIC, role, Reason.ECHO, remarks=remark, collapsed=True)
    return Decision(Reason.ECHO, why, ticket=ticket.number, entry=entry, notices=told)


def _only_our_words(case: Case) -> bool:
    """Every line of the mail stands in the one of ours it answers; what a list adds at the end does not count."""
    sent = _lines(case.facts.sent_text)
    found = _lines(_FOOTER.split(without_banner(case.message.body_text))[0])
    if not sent or not found or case.message.attachments:
        return False
    whole = " ".join(sent)
    return all(line in sent or (len(line) >= _LONG and line in whole) for line in found)


_FOOTER = re.compile(r"\n(?:-- ?|_{5,}.*)\n")
_LONG = 20
"""Letters of a line that may be a part of one of ours, wrapped otherwise."""
_NO_SUCH_ADDRESS = re.compile(r"5\.1\.(?:[012346]|10)")
"""RFC 3463 section 3.2: the address itself is wrong. A full mailbox and a policy (5.2.2, 5.7.x) are no dead address."""
_REFUSED_RECIPIENT = re.compile(r"(?P<code>5\d\d)(?:[ -](?P<status>5\.\d{1,3}\.\d{1,3})(?!\S))?")
_NO_ROOM = "552"


def _lines(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines() if line.strip()]


def is_robot(case: Case) -> bool:
    return case.facts.robot is not None and case.ticket is None and case.agent is None and not case.envelope.archived


def robot(case: Case) -> Decision:
    """It goes onto the ticket of the first mail with these words; agents and the operator hear of it once."""
    found = case.facts.robot
    assert found is not None
    ticket, remark = case.known.tickets.get(found.ticket), code("robot", found.group, found.count)
    told = audience.tell("reply", case.policy, ticket, remarks=(remark,)) if ticket and found.new else ()
    why = Why(
        attach=f"yes: {found.count} mails with the same words came from {found.group}",
        acknowledge="no: a machine that answers from ever new addresses would go on for ever",
        notify="yes: the first time" if told else "no: they were told",
    )
    refuse = f"have your mail server refuse what comes from {found.group}"
    if found.group != case.envelope.remote:
        refuse = f"replydesk contact block {found.group}"
    alarm = (
        f"{found.count} mails with the same words came from new addresses at {found.group} within an hour: a machine "
        f"that answers each mail from another address. They are kept on ticket {found.ticket}, and nobody is answered. "
        f"It ends by itself once none came for an hour. If they are not wanted: {refuse}. If they are different "
        "people: raise limits.alike_mails."
    )
    entry = draft.entry(case, EntryKind.AUTOMATIC, Role.STRANGER, Reason.ROBOT, remarks=(remark,), collapsed=True)
    return Decision(
        Reason.ROBOT,
        why,
        ticket=found.ticket,
        entry=entry,
        notices=told,
        alarm=alarm if found.new else "",
        alarm_about=found.group,
    )


# --- a mail of ours that failed for good ----------------------------------------------------


def lacks_answer(ticket: Ticket, sent: SentFacts) -> bool:
    """What did not arrive is our newest answer to the requester; a copy to others is no reason to begin anew."""
    return sent.newest_answer and address_key(sent.recipient) == ticket.requester.key


def names_dead_address(reply: str) -> bool:
    """Whether a relay that refused a recipient says that there is no such address, by the status where it gives one."""
    found = _REFUSED_RECIPIENT.match(reply)
    if found is None:
        return False
    return bool(_NO_SUCH_ADDRESS.fullmatch(found["status"])) if found["status"] else found["code"] != _NO_ROOM


def undelivered(
    ticket: Ticket, policy: Policy, sent: SentFacts, written_for: str, reply: str, history: Sequence[Entry] = ()
) -> Decision:
    """The relay refused a mail for good: written on the ticket; agents hear of it if a customer or an adviser lacks it.

    `history`: of the ticket, where an adviser lacks it.
    """
    remark = code("not_sent", sent.recipient, reply[:300])
    moved = Move.REPLY_UNDELIVERABLE if lacks_answer(ticket, sent) else None
    # A notice about a notice that was refused would be refused as well, for ever.
    inner = written_for not in (Audience.CUSTOMER.value, Audience.ADVISER.value)
    asked = advisers.questioner(history, sent.recipient)
    told = () if inner else audience.tell("undeliverable", policy, ticket, remarks=(remark,), informed=asked)
    decision = Decision(
        Reason.BOUNCE_OF_ANSWER if moved else Reason.BOUNCE,
        Why(
            attach="yes: it is a mail of this ticket",
            notify="yes" if told else "no: the operator is told" if inner else "no: nobody has it",
        ),
        ticket=ticket.number,
        change=Change(move=moved, status=transition(ticket.status, moved) if moved else None),
        events=(remark,),
        notices=told,
        alarm=text_of(remark, "en") if inner else "",
        alarm_about=sent.recipient if inner else "",
    )
    return parking.brought_back(decision, ticket, policy) if told and ticket.snoozed_until else decision
