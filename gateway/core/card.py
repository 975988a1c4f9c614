"""The card of a ticket: the agents' notice as one mail in a shared folder, which any agent may answer.

Pure: the same ticket gives the same card. It goes to nobody, so it is in no outbox; its marks are made for whoever
can read the board, and count from an agent's address only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from gateway.core import as_written, entry_words, statuses, token
from gateway.core.buttons import mailbox_of, plain_subject
from gateway.core.compose import Scene, compose
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest, Outbound
from gateway.core.policy import Policy, as_address
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.mail.message import Address, Message

SUBJECT_LENGTH = 160
READ_FOR_TABLES = 2_000_000
"""Bytes of attachments; with more the text alone is shown."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card ready to be rendered."""

    outbound: Outbound
    field: str
    """The value of its field `board.FIELD`."""
    files: tuple[AttachedFile, ...]
    """The newest ones that fit."""
    entry: Entry | None
    """What it is about."""
    news: int
    """Id of the newest mail of a customer that no agent has answered; 0 without."""

    @property
    def written_in(self) -> frozenset[str]:
        """The raw mail whose tables are worth showing as tables: a customer's, and light enough to be read for it."""
        entry = self.entry
        if entry is None or entry.role is Role.AGENT or sum(a.size for a in entry.attachments) > READ_FOR_TABLES:
            return frozenset()
        return frozenset({entry.sha256} if entry.sha256 else ())


def card(ticket: Ticket, history: tuple[Entry, ...], version: str, policy: Policy, *, is_cut: bool = False) -> Card:
    """The card that shows a ticket and its conversation, oldest entry first; `is_cut`: there are earlier ones still."""
    box = mailbox_of(ticket, policy)
    entry = next((e for e in reversed(history) if e.kind is EntryKind.CORRESPONDENCE), None)
    entry = entry or next((e for e in reversed(history) if e.kind is not EntryKind.EVENT), None)
    status = statuses.label(ticket, policy, policy.default_language, Audience.AGENT)
    request = NoticeRequest(Notice.AGENT_NOTICE, as_address(box), Audience.AGENT, status)
    at, cause = ticket.last_activity_at, f"card:{version}"
    scene = Scene(at, cause, ticket=ticket, entry=entry, conversation=history, is_cut=is_cut)
    composed = compose(request, scene, policy)
    id, root = (
        token.message_id(policy.keys, ticket.named, "k", "", identity, box.domain)
        for identity in (f"card:{version}", "root")
    )
    mark = token.address_token(policy.keys, "k", ticket.named)
    answers = box.reply_address.replace("{token}", mark) if box.reply_address else box.address
    outbound = replace(
        composed,
        from_=Address(box.address, ticket.requester.shown),
        reply_to=Address(answers, ticket.requester.shown),
        subject=_subject(ticket, policy),
        message_id=id,
        in_reply_to=root,
        references=(root, id),
        date=ticket.last_activity_at,
        files=(),
    )
    return Card(outbound, f"{ticket.number}.{version}", _files(history, policy), entry, news(history))


def as_written_by(made: Card, message: Message, policy: Policy) -> Card:
    """The card with tables as tables, where the mail it is about has them."""
    if made.entry is None:
        return made
    words = made.outbound.words
    html = entry_words.marked_up(made.entry, as_written.markup(message, made.entry, {}), policy, words.language)
    return replace(made, outbound=replace(made.outbound, words=replace(words, html=html)))


def news(history: tuple[Entry, ...]) -> int:
    """The newest mail of somebody outside since an agent last answered."""
    for entry in reversed(history):
        if entry.kind is EntryKind.CORRESPONDENCE and entry.role is Role.AGENT:
            return 0
        if entry.role not in (Role.AGENT, Role.SYSTEM) and entry.kind is not EntryKind.EVENT and not entry.collapsed:
            return entry.id
    return 0


def _subject(ticket: Ticket, policy: Policy) -> str:
    """`[RD-42 · Anna] Printer on fire`"""
    agent = policy.agent_for(ticket.assignee) if ticket.assignee else None
    held = f" · {agent.name or agent.address}" if agent else ""
    return (
        f"[{policy.reference_prefix}-{ticket.number}{held}] {plain_subject(ticket, policy)[:SUBJECT_LENGTH]}".rstrip()
    )


def _files(history: tuple[Entry, ...], policy: Policy) -> tuple[AttachedFile, ...]:
    """Files of the conversation, the newest first, as many as fit into one mail."""
    room, found = policy.max_attachment_bytes, []
    for entry in reversed(history):
        for a in entry.attachments if entry.sha256 else ():
            if not a.inline and a.size <= room:
                room -= a.size
                found.append(AttachedFile(entry.sha256, a.part, a.filename, a.content_type, size=a.size))
    return tuple(found)
