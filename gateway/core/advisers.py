"""Advisers: a supplier, a colleague without agent rights. An agent asks them about a ticket; they are no customers.

What they write is a comment for agents, wherever the ticket goes: nobody acknowledges it, nothing of it reaches a
customer. They read what agents send them and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from gateway.core import audience, clothes, draft, orders
from gateway.core.case import Case
from gateway.core.commands import Order
from gateway.core.decision import Change, Decision, EntryDraft, Joined, Why
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.reason import Reason, sentence
from gateway.core.thread import leads_to
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.mail.message import Address
from gateway.mail.sentence import code


def joined(addresses: Iterable[Address], ticket: Ticket, policy: Policy) -> tuple[Joined, ...]:
    """Whom an agent writes to about a ticket and who is neither ours nor a customer of it."""
    theirs = {a.key for a in (ticket.requester, *ticket.company, *ticket.advisers)}
    found = {a.key: a for a in addresses if "@" in a.key and a.key not in theirs and not policy.is_own(a.address)}
    return tuple(made(a) for key, a in found.items() if policy.agent_for(key) is None)


def made(address: Address) -> Joined:
    return Joined(address, confirmed=False, adviser=True)


# --- what an adviser writes --------------------------------------------------------------------


def writes(case: Case) -> bool:
    """An adviser's mail: of one of the ticket's, or an answer to what was written for them or by them."""
    return _ticket(case) is not None


def _ticket(case: Case) -> Ticket | None:
    ticket, match = case.ticket, case.choice.match
    if case.agent or case.envelope.archived or "@" not in case.author.key:
        return None
    if ticket is None and case.keys.leaked:
        # It came to the address of the agent who wrote to them.
        ticket = leads_to(case.keys.leaked[0], case.known, case.policy.keys)
    if ticket is None:
        return None
    inner, advises = match is not None and match.inner, ticket.is_adviser(case.author.key)
    # Whoever is a customer as well, after a merge, is an adviser in answers to what they were asked only.
    said = inner and advises if ticket.knows(case.author.address) else inner or advises
    return ticket if said else None


def decide(case: Case) -> Decision:
    """A comment for agents; the state of the ticket stays as it is."""
    ticket = _ticket(case)
    if ticket is None:
        raise ValueError("the mail is no adviser's")
    # Who was in copy has read it, whatever we keep to ourselves.
    reached = any(ticket.knows(a.address) for a in (*case.message.to, *case.message.cc) if a.key != case.author.key)
    remark = code("around" if reached else "adviser_wrote", case.author.address)
    why = Why(
        attach=f"as a comment: {sentence(Reason.ADVISER)}",
        reopen="no: no customer wrote it",
        acknowledge="no: no customer wrote it",
        notify="yes: an answer to an agent",
    )
    entry = draft.entry(case, EntryKind.COMMENT, Role.ADVISER, Reason.ADVISER, remarks=(remark,))
    asked = asked_by(case.facts.history, case.author)
    told = audience.tell("adviser", case.policy, ticket, informed=asked, remarks=(remark,))
    new = () if ticket.is_adviser(case.author.key) else (made(case.author),)
    decision = Decision(Reason.ADVISER, why, ticket=ticket.number, entry=entry, notices=told, files=case.files)
    return replace(decision, change=replace(decision.change, joined=new))


def asked_by(history: Sequence[Entry], adviser: Address) -> tuple[str, ...]:
    """Key of the agent who asked last: this adviser, else whoever may have passed it on to them."""
    asked = [e for e in history if e.reason == Reason.AGENT_ASKED.value]
    return questioner(history, adviser.address) or tuple(e.author.key for e in asked[-1:])


def questioner(history: Sequence[Entry], recipient: str) -> tuple[str, ...]:
    """Key of the agent who asked this very recipient last."""
    asked = [e for e in history if e.reason == Reason.AGENT_ASKED.value and code("asked", recipient) in e.remarks]
    return tuple(e.author.key for e in asked[-1:])


# --- what an adviser is asked ------------------------------------------------------------------


def read_by(history: Sequence[Entry], adviser: Address) -> tuple[Entry, ...]:
    """A conversation as the fence for outgoing text takes it: what this adviser knows, and what is inner.

    A customer's line that an agent types again may be asked about; quoted ones go out only if the adviser wrote them.
    """
    mine = [e for e in history if e.role is Role.ADVISER and e.author.key == adviser.key]
    inner = (e for e in history if e.kind is EntryKind.COMMENT and e.reason != Reason.AGENT_ASKED.value)
    return (*(replace(e, kind=EntryKind.COMMENT) for e in inner if e not in mine), *map(_known, mine))


def _known(entry: Entry) -> Entry:
    return replace(entry, kind=EntryKind.CORRESPONDENCE, remarks=())


def files_named(names: Iterable[str], history: Sequence[Entry]) -> tuple[tuple[AttachedFile, ...], tuple[str, ...]]:
    """Files of the ticket by their names, the newest of each; and the sentence that names what is not there."""
    there = {clothes.as_typed(a.filename).casefold(): (e, a) for e in history if e.sha256 for a in e.attachments}
    wanted = [clothes.as_typed(name).strip().casefold() for name in names if name.strip()]
    if missing := [name for name in wanted if name not in there]:
        known = ", ".join(dict.fromkeys(a.filename for _, a in there.values()))
        return (), (code("no_such_file", ", ".join(missing), known or "–"),)
    found = (there[name] for name in dict.fromkeys(wanted))
    return tuple(AttachedFile(e.sha256, a.part, a.filename, a.content_type, size=a.size) for e, a in found), ()


def problems(by: orders.OrderContext, whom: Address) -> tuple[str, ...]:
    """Why somebody cannot be asked."""
    if "@" not in whom.key or by.policy.is_own(whom.address):
        return (code("ask_form"),)
    if by.policy.agent_for(whom.address):
        return (code("ask_agent", whom.address),)
    known = by.namesake.person[:1] if by.namesake and by.namesake.address.key == whom.key else ()
    theirs = any(by.ticket.knows(a.address) for a in (whom, *known))
    return (code("ask_customer", whom.address),) if theirs else ()


def ask(
    by: orders.OrderContext,
    order: Order,
    whom: Address,
    entry: EntryDraft,
    *,
    html: str = "",
    files: tuple[AttachedFile, ...] = (),
    proof: str,
) -> Decision:
    """The text of `entry`, and only that, goes to somebody outside; on the ticket it is a comment.

    Raises `IllegalTransition` when the ticket cannot go where another command of the order wants it.
    """
    sent = orders.goes_to(whom.address, by.policy)
    noted = orders.note(by, order, replace(entry, remarks=(*entry.remarks, code("asked", whom.address))), proof)
    notices = tuple(
        replace(n, remarks=(sent, *orders.files_sent(files), *(r for r in n.remarks if r != code("noted"))))
        if n.notice is Notice.AGENT_RECEIPT
        else n
        for n in noted.notices
    )
    # What has been sent cannot be taken back.
    taken_back = orders.before(by, order, None, Change()) if by.policy.hold_minutes else None
    new = () if by.ticket.is_adviser(whom.key) else (made(whom),)
    if taken_back:
        # Whom the question never reached is no adviser of it; a stranger who is there already stays one.
        there = {a.key for a in by.ticket.company}
        back = noted.undo or taken_back
        joined_by_it = (*back.joined, *(j.address.key for j in new if j.address.key not in there))
        taken_back = replace(back, answered=True, joined=joined_by_it)
    return replace(
        noted,
        reason=Reason.AGENT_ASKED,
        why=replace(noted.why, attach=f"as a comment: {sentence(Reason.AGENT_ASKED)} Proof: {proof}."),
        change=replace(noted.change, joined=(*noted.change.joined, *new)),
        notices=(NoticeRequest(Notice.REPLY, whom, Audience.ADVISER), *notices),
        text=entry.body_text,
        html=html,
        files=files,
        undo=taken_back or noted.undo,
        hold_minutes=by.policy.hold_minutes,
    )
