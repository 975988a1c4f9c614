"""What the rows of the table share: a mail as an entry, its author's part in the ticket, who is told."""

from __future__ import annotations

from gateway.core import audience, known_quotes, sides, thread
from gateway.core.case import Case
from gateway.core.decision import EntryDraft
from gateway.core.notice import NoticeRequest
from gateway.core.reason import Reason
from gateway.core.ticket import CUSTOMERS, EntryKind, Role, Ticket
from gateway.mail.message import Address
from gateway.mail.noise import without_noise
from gateway.mail.sentence import code


def entry(
    case: Case,
    kind: EntryKind,
    role: Role,
    reason: Reason,
    *,
    author: Address | None = None,
    text: str | None = None,
    remarks: tuple[str, ...] = (),
    collapsed: bool = False,
    begins: bool = False,
) -> EntryDraft:
    """The mail as a line of the ticket's history; `text` None: its own. `begins`: it opens a ticket, which holds
    nothing of what it quotes."""
    message, match = case.message, case.choice.match
    return EntryDraft(
        kind=kind,
        author=author or case.written_by,
        role=role,
        body_text=message.body_text if text is None else text,
        reply_text=(without_noise(message.body_text) if begins else _shown(case)) if text is None else text,
        attachments=message.attachments,
        message_id=message.message_id,
        reason=reason.value,
        evidence=match.evidence if match else None,
        collapsed=collapsed,
        remarks=(*remarks, *message.omissions),
        sha256=message.sha256,
        side=_side(case, (author or case.author).key, role),
    )


def _side(case: Case, author: str, role: Role) -> int:
    """An answer to what was for one person alone is read by whoever reads that, however far tickets and their people
    have gone since."""
    answered = between_us(case) if role in CUSTOMERS else 0
    if case.ticket is None or not answered:
        return sides.of_entry(case.ticket, author, role)
    return sides.alone(case.ticket.number) if role is Role.REQUESTER else answered


def between_us(case: Case) -> int:
    """The side of what it answers, where that was for one person alone and this was sent to nobody but us; else 0."""
    answered = (k.message_id for k in case.keys.found if k.message_id in case.known.messages and not k.own)
    others = (a for a in (*case.message.to, *case.message.cc) if a.key != case.author.key)
    only_us = all(case.policy.is_own(a.key) or case.policy.agent_for(a.key) for a in others)
    return case.known.alone.get(next(answered, ""), 0) if only_us else 0


def _shown(case: Case) -> str:
    message, body = case.message, without_noise(case.message.body_text)
    if message.reply_text == body or case.ticket is None or case.holder:
        return message.reply_text

    def is_ours(text: str) -> bool:
        return thread.shows(text, case.known, case.policy)

    return known_quotes.with_unknown(body, message.reply_text, case.facts.history, is_ours)


def tell(case: Case, ticket: Ticket | None, headline: str, remarks: tuple[str, ...]) -> tuple[NoticeRequest, ...]:
    """Also, where a customer wrote, in one line whom of ours they wrote to themselves; not who asks for help there."""
    asks = ticket.requester.key if ticket else ""
    to = ((a.key, case.policy.agent_for(a.key)) for a in (*case.message.to, *case.message.cc))
    named = tuple(key for key, agent in to if agent and asks not in agent.keys)
    return audience.tell(
        headline,
        case.policy,
        ticket,
        mailbox=case.mailbox.address,
        informed=named if headline in ("new_request", "reply", "reopened") else (),
        remarks=remarks,
        line=(code("in_copy"),),
        but=case.agent,
    )


def role_of(case: Case, ticket: Ticket) -> Role:
    if case.author.key == ticket.requester.key:
        return Role.REQUESTER
    if ticket.knows(case.author.address):
        return Role.PARTICIPANT
    asked = ticket.is_adviser(case.author.key) or (case.choice.match is not None and case.choice.match.inner)
    return Role.ADVISER if asked and case.agent is None else Role.STRANGER


def evidence(case: Case) -> str:
    return case.choice.match.evidence.value if case.choice.match else "no evidence"


def belongs(case: Case, ticket: Ticket) -> bool:
    """An author the ticket knows, the agent who has it, or a mark only a recipient of ours can show."""
    has_it = case.agent is not None and case.policy.agent_for(ticket.assignee) is case.agent
    return ticket.knows(case.author.address) or has_it or case.signed
