"""A text keeps the audience it was written for: a forwarded mail becomes the customer's, the agent's words do not.

The same for a fresh `#from` and for one on a ticket that an agent's mail opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gateway.core import commands, outgoing_text
from gateway.core.decision import Decision, EntryDraft
from gateway.core.forward import Forwarded, Inside
from gateway.core.policy import Policy
from gateway.core.reason import Reason
from gateway.core.ticket import Entry, EntryKind, Role
from gateway.mail.message import Address, Attachment, Message
from gateway.mail.quotation import is_forward_mark, is_original_mark
from gateway.mail.sentence import code

WORDS_LENGTH = 2_000
"""Characters of what an agent writes above a forwarded mail: for the colleagues, as a remark on it."""


def author(found: Forwarded, requester: Address) -> Address:
    """The customer with the name their own mail has."""
    if found.message and found.message.author and found.message.author.key == requester.key:
        return found.message.author
    return replace(requester, name=found.name) if found.address_key == requester.key else requester


def customers_entry(
    found: Forwarded, around: Message, requester: Address, files: tuple[Attachment, ...], remarks: tuple[str, ...]
) -> EntryDraft:
    """The forwarded mail as if the customer had sent it here. `around` is the agent's mail it came in."""
    inner = found.message
    return EntryDraft(
        kind=EntryKind.CORRESPONDENCE,
        author=requester,
        role=Role.REQUESTER,
        body_text=inner.body_text if inner else found.text,
        reply_text=inner.reply_text if inner else found.text,
        attachments=inner.attachments if inner else files,
        message_id=inner.message_id if inner else around.message_id,
        reason=Reason.AGENT_ON_BEHALF.value,
        remarks=remarks,
        sha256=inner.sha256 if inner else around.sha256,
        created_at=inner.date if inner else found.date,
    )


def words_above(found: Forwarded, noted: str) -> tuple[str, ...]:
    """What the agent wrote above it, without what the mail program put there: for agents only."""
    text = noted if found.message else commands.read(found.above).noted
    lines = text.rstrip().split("\n")
    while lines and (_is_mark(lines[-1]) or not any(sign.isalnum() for sign in lines[-1])):
        lines.pop()
    words = outgoing_text.without_signature("\n".join(lines)).strip()[:WORDS_LENGTH]
    return (words,) if words else ()


def _is_mark(line: str) -> bool:
    """Many programs put the same line above what they pass on and above what they answer."""
    return is_forward_mark(line) or is_original_mark(line)


def agents_words(entries: Iterable[Entry], policy: Policy) -> tuple[Entry, ...]:
    """Mails an agent wrote in the place of a customer: a new requester must not read them as correspondence."""
    return tuple(
        e
        for e in entries
        if e.kind is EntryKind.CORRESPONDENCE and e.role is not Role.AGENT and policy.agent_for(e.author.address)
    )


def handed_over(
    decision: Decision,
    entries: Iterable[Entry],
    forwards: Mapping[int, Inside],
    by: str,
    policy: Policy,
) -> Decision:
    """`#from` on a ticket an agent's own mail began: that mail becomes a comment, and what it passes on becomes the
    customer's mail. `forwards`: entry id → the mail inside."""
    requester, words = decision.change.requester, agents_words(entries, policy)
    if requester is None or not words:
        return decision
    drafts, whose, subject = [], requester, ""
    for entry in words:
        inside = forwards.get(entry.id)
        if inside and not inside.mail.inner:
            found = inside.mail
            whose = author(found, requester) if not whose.name else whose
            subject = subject or found.subject
            drafts.append(customers_entry(found, inside.around, whose, entry.attachments, (code("forwarded_by", by),)))
    # The subject was the agent's too; without one the customer reads "Your request".
    change = replace(decision.change, requester=whose, subject=subject, inner=tuple(e.id for e in words))
    return replace(decision, change=change, also=tuple(drafts))
