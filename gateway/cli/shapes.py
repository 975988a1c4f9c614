"""What `--json` prints: the keys programs rely on, each shape in one place.

These stay as they are; a key may be added, none is renamed or removed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from gateway.cli.show import Json, iso
from gateway.core.sentences import text_of
from gateway.core.ticket import Entry, EntryKind, Ticket
from gateway.mail.message import Address, Attachment

if TYPE_CHECKING:
    # A list of tickets must not wait for what `explain` needs, nor `explain` for the database's library.
    from gateway.core.case import Case
    from gateway.core.decision import Decision
    from gateway.core.policy import Policy
    from storage.contacts import Contact
    from storage.journal import JournalEntry
    from storage.outbox import OutboxEntry


def ticket(found: Ticket, entries: Iterable[Entry], policy: Policy) -> Json:
    return {
        "number": found.number,
        "reference": policy.reference(found),
        "subject": found.subject,
        "status": found.status.value,
        "requester": address(found.requester),
        "mailbox": found.mailbox,
        "assignee": found.assignee,
        "created_at": iso(found.created_at),
        "last_activity_at": iso(found.last_activity_at),
        "closed_by": found.closed_by,
        "participants": [address(a) for a in found.company],
        "advisers": [address(a) for a in found.advisers],
        "snoozed_until": iso(found.snoozed_until),
        "tags": list(found.tags),
        "entries": [entry(e) for e in entries],
    }


def entry(found: Entry) -> Json:
    is_event = found.kind is EntryKind.EVENT
    return {
        "id": found.id,
        "kind": found.kind.value,
        "author": {"address": found.author.address, "name": found.author.name, "role": found.role.value},
        "body_text": text_of(found.body_text, "en") if is_event else found.body_text,
        "reply_text": text_of(found.new_text, "en") if is_event else found.new_text,
        "attachments": [attachment(a) for a in found.attachments],
        "message_id": found.message_id,
        "created_at": iso(found.created_at),
        "reason": found.reason,
        "evidence": found.evidence,
    }


def journal(row: JournalEntry) -> Json:
    return {
        "id": row.id,
        "state": row.state,
        "reason": row.reason,
        "cause": row.cause,
        "received_at": iso(row.received_at),
        "source": row.source,
        "reverse_path": row.reverse_path,
        "recipients": list(row.recipients),
        "size": row.size,
        "sha256": row.sha256,
        "ticket": row.ticket,
    }


def outbox(row: OutboxEntry) -> Json:
    return {
        "id": row.id,
        "state": str(row.state),
        "notice": row.notice,
        "recipient": row.recipient,
        "ticket": row.ticket,
        "message_id": row.message_id,
        "attempts": row.attempts,
        "last_reply": row.last_reply,
        "next_attempt_at": iso(row.next_attempt_at),
    }


def contact(found: Contact, further: list[str] | None = None) -> Json:
    """`further`: other addresses of the person, where they were looked up."""
    return {
        "address": found.address,
        "name": found.name,
        "language": found.language,
        "created_at": iso(found.created_at),
        "invited_at": iso(found.invited_at),
        "registered_at": iso(found.registered_at),
        "undeliverable_since": iso(found.undeliverable_since),
        **({} if further is None else {"further_addresses": further}),
    }


def explained(file: str, case: Case, decided: Decision) -> Json:
    message, match = case.message, case.choice.match
    reported = message.report.recipients if message.report else ()
    return {
        "file": file,
        "author": address(message.author) if message.author else None,
        "to": [address(a) for a in message.to],
        "cc": [address(a) for a in message.cc],
        "subject": message.subject,
        "body_text": message.body_text,
        "reply_text": message.reply_text,
        "body_html": message.body_html,
        "attachments": [attachment(a) for a in message.attachments],
        "message_id": message.message_id,
        "in_reply_to": list(message.in_reply_to),
        "references": list(message.references),
        "defects": list(message.defects),
        "kind": case.kind.name.value,
        "rule": case.kind.rule,
        "reason": case.kind.reason,
        "report": [{"recipient": r.final_recipient, "action": r.action.value, "status": r.status} for r in reported],
        "match": {"ticket": match.ticket.number, "evidence": match.evidence.value} if match else None,
        "decision": decision(decided),
    }


def decision(decided: Decision) -> Json:
    """`ticket` is 0 where none is concerned; the four answers begin with `yes` or `no`, or are empty."""
    status = decided.change.status
    return {
        "reason": decided.reason.value,
        "attach": decided.why.attach,
        "reopen": decided.why.reopen,
        "acknowledge": decided.why.acknowledge,
        "notify": decided.why.notify,
        "ticket": decided.ticket,
        "new_ticket": decided.new is not None,
        "status": status.value if status else None,
        "entry": decided.entry.kind.value if decided.entry else None,
        "notices": [{"notice": n.notice.value, "recipient": n.recipient.address} for n in decided.notices],
        "hold": decided.hold,
    }


def address(who: Address) -> Json:
    return {"address": who.address, "name": who.name}


def attachment(file: Attachment) -> Json:
    return {"filename": file.filename, "content_type": file.content_type, "size": file.size}
