"""Mails found in a mailbox's own Sent folder: answers somebody gave around the desk.

They have left already, so nothing is ever sent because of them. What answers a ticket is put on
it; what Replydesk sent itself, and what concerns no ticket, is settled quietly.
"""

from __future__ import annotations

from gateway.core import advisers, audience, draft, orders
from gateway.core.case import Case
from gateway.core.decision import Change, Decision, EntryDraft, Joined, Why
from gateway.core.lifecycle import Move, transition
from gateway.core.reason import Reason, sentence
from gateway.core.roles import is_role
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.mail.message import Address
from gateway.mail.people import found_in
from gateway.mail.sentence import code

SOURCE = "imap-sent:"
"""What the source of such a mail begins with; the mailbox follows."""

_NOT_SENT = "no: it has left already"


def is_found(case: Case) -> bool:
    """It comes from a Sent folder, and is not on a ticket yet: its copy in the inbox came to none."""
    return (
        case.envelope.source.startswith(SOURCE)
        and not case.message.unreadable
        and not (case.facts.duplicate_of and case.facts.duplicate_ticket)
    )


def decide(case: Case) -> Decision:
    if _is_ours(case):
        return _elsewhere(Reason.SENT_BY_US, "Replydesk sent it")
    if case.message.header("auto-submitted").split(";")[0].strip().casefold() not in ("", "no"):
        return _elsewhere(Reason.SENT_ELSEWHERE, "a machine wrote it")
    ticket = case.ticket
    if ticket is None:
        return _elsewhere(Reason.SENT_ELSEWHERE, "it shows no mark of a ticket")
    written_to = _written_to(case)
    customers = {a.key for a in (ticket.requester, *ticket.company)}
    if customers & set(written_to):
        return _answer(case, ticket, written_to)
    return _aside(case, ticket, written_to)


def _answer(case: Case, ticket: Ticket, written_to: dict[str, Address]) -> Decision:
    """The customer has it: it is the customer's turn."""
    author = _author(case)
    move = Move.AGENT_REPLIED
    outside = [a for key, a in written_to.items() if not case.policy.is_own(key) and not case.policy.agent_for(key)]
    others = [a for a in outside if not (ticket.knows(a.address) or ticket.is_adviser(a.key) or is_role(a.key))]
    joined = tuple(Joined(a) for a in others)
    remark = code("sent_around", author.shown)
    taker = case.agent.address if case.agent and orders.is_taken_by_answering(case.policy, ticket) else None
    change = Change(move=move, status=transition(ticket.status, move), joined=joined, assignee=taker)
    after = change.applied_to(ticket)
    told = audience.tell("answered", case.policy, after, before=ticket, line=(remark,), but=case.agent)
    return Decision(
        Reason.SENT_AROUND,
        Why(
            attach=f"yes: {sentence(Reason.SENT_AROUND)}",
            reopen=f"status: {ticket.status.value} → {transition(ticket.status, move).value}",
            acknowledge=_NOT_SENT,
            notify="yes: who follows" if told else "no: somebody of ours wrote it",
        ),
        ticket=ticket.number,
        entry=_entry(case, EntryKind.CORRESPONDENCE, Reason.SENT_AROUND, author, remark),
        change=change,
        notices=told,
    )


def _aside(case: Case, ticket: Ticket, written_to: dict[str, Address]) -> Decision:
    """Written to somebody else about the ticket, such as a supplier: no customer may see that."""
    whom = ", ".join(list(written_to)[:5]) or "nobody it names"
    why = Why("yes: as a comment, for its recipients have no part in the ticket", "no", _NOT_SENT, "no")
    entry = _entry(case, EntryKind.COMMENT, Reason.SENT_ASIDE, _author(case), code("sent_aside", whom))
    change = Change(joined=advisers.joined(written_to.values(), ticket, case.policy))
    return Decision(Reason.SENT_ASIDE, why, ticket=ticket.number, entry=entry, change=change)


def _elsewhere(reason: Reason, because: str) -> Decision:
    return Decision(reason, Why(f"no: {because}", "no", _NOT_SENT, "no"))


def _is_ours(case: Case) -> bool:
    """By its Message-ID or sender; where the relay gave it another id, by ours at the end of References.

    An answer's References end with the mail it answers; only our own mails end with themselves.
    """
    if case.kind.rule in ("own-message-id", "own-envelope"):
        return True
    last = case.message.references[-1:]
    return any(
        reference not in case.message.in_reply_to and case.policy.own_message_id(reference) is not None
        for reference in last
    )


def _written_to(case: Case) -> dict[str, Address]:
    """Key → address; a sent mail may still say who got a blind copy."""
    blind = found_in(case.message.header("bcc"))
    return {a.key: a for a in (*case.message.to, *case.message.cc, *blind) if "@" in a.key}


def _author(case: Case) -> Address:
    agent = case.agent
    if agent:
        return Address(agent.address, agent.name)
    box = case.policy.mailbox_for(case.envelope.source.removeprefix(SOURCE)) or case.mailbox
    return Address(box.address, box.name)


def _entry(case: Case, kind: EntryKind, reason: Reason, author: Address, remark: str) -> EntryDraft:
    text = case.message.reply_text or case.message.body_text
    return draft.entry(case, kind, Role.AGENT, reason, author=author, text=text, remarks=(remark,))
