"""The files that go along with a mail, taken out of the raw mails they came in.

A file that is too large to go along can be fetched by a link in the mail; one that is gone or
unreadable is named with the reason. None is dropped silently.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy

from gateway import texts
from gateway.core import language
from gateway.core.notice import FILE_LINK_DAYS, FILE_PATH, AttachedFile, Audience
from gateway.core.policy import Policy
from gateway.core.token import link_token
from gateway.errors import UnknownTicket
from gateway.mail.parse import extract_all
from gateway.render.wire import Enclosed, attach
from gateway.texts import mark as _
from storage.database import Database
from storage.outbox import OutboxEntry
from storage.tx import Tx

_TOO_LARGE = _("{size}, too large for a mail. Download it here for the next {days} days:")


async def enclose(database: Database, policy: Policy, row: OutboxEntry, message: bytes, limit: int) -> bytes:
    """The mail with its files, of at most `limit` bytes together before they are encoded.

    Raises `StorageUnavailable`.
    """
    if not row.files:
        return message
    sources = await database.read(lambda tx: _sources(tx, policy, row))
    # Taking a large mail apart costs CPU time, which the loop has not.
    return await asyncio.to_thread(_enclose, message, row.files, sources, limit)


async def needed(database: Database, row: OutboxEntry) -> int:
    """Bytes of the mails its files are taken out of. Raises `StorageUnavailable`."""
    hashes = {f.raw_sha256 for f in row.files if not f.linked}
    return await database.read(lambda tx: tx.outbox.file_bytes(hashes)) if hashes else 0


def link(policy: Policy, row: OutboxEntry, index: int) -> str:
    """Where whoever got the mail can fetch a file of it. The same at every attempt to send it."""
    expires = row.created_at + timedelta(days=FILE_LINK_DAYS)
    return f"{policy.public_url}{FILE_PATH}{link_token(policy.keys, 'file', f'{index}.{row.named}', expires)}"


def enclosed_now(
    database: Database, policy: Policy, row: OutboxEntry, message: bytes, limit: int = sys.maxsize
) -> bytes:
    """The same without a loop, for the command line; by default with all files. Raises `StorageUnavailable`."""
    if not row.files:
        return message
    return _enclose(message, row.files, database.read_now(lambda tx: _sources(tx, policy, row)), limit)


@dataclass(frozen=True, slots=True)
class _RawMails:
    raws: Mapping[str, bytes | None]
    """Of the files that are not fetched by a link: a large mail is not held for its name."""
    kept: frozenset[str]
    """Which of all are still there."""
    language: str
    """What the recipient reads."""
    links: tuple[str, ...]
    """Of each file of the mail."""


def _sources(tx: Tx, policy: Policy, row: OutboxEntry) -> _RawMails:
    raws = {f.raw_sha256: tx.outbox.file(f.raw_sha256) for f in row.files if not f.linked}
    kept = frozenset(f.raw_sha256 for f in row.files if tx.outbox.keeps(f.raw_sha256))
    ticket = None
    with contextlib.suppress(UnknownTicket):
        ticket = tx.reads.get(row.ticket) if row.ticket else None
    box = policy.mailbox_for(ticket.mailbox if ticket else row.reverse_path)
    if row.audience == Audience.AGENT.value:
        chosen = language.of_agent(policy.agent_for(row.recipient), box, policy)
    else:
        contact = tx.contacts.find(row.recipient)
        chosen = language.of_customer(contact.language if contact else "", ticket, box, policy)
    links = tuple(link(policy, row, index) for index in range(len(row.files)))
    return _RawMails(raws, kept, chosen, links)


def _enclose(message: bytes, files: Sequence[AttachedFile], sources: _RawMails, limit: int) -> bytes:
    words = texts.catalog(sources.language)
    found = {sha256: _extracted(raw, sha256, files) for sha256, raw in sources.raws.items() if raw is not None}
    room = limit
    told = _tells(message, sum(file.linked for file in files))
    enclosed: list[Enclosed] = []
    left_out: list[str] = []
    for file, url in zip(files, sources.links, strict=True):
        content = found.get(file.raw_sha256, {}).get(file.part)
        kept = file.raw_sha256 in sources.kept
        if not kept or (content is None and not file.linked):
            why = words.gettext("cannot be read") if kept else words.gettext("no longer kept")
            left_out.append(f"- {file.filename}: {why}")
        elif file.linked and told:
            continue
        elif content is None or file.linked or len(content) > room:
            size = words.size(file.size or len(content or b""))
            why = words.gettext(_TOO_LARGE, size=size, days=FILE_LINK_DAYS)
            left_out.append(f"- {file.filename}: {why}\n  {url}")
        else:
            room -= len(content)
            enclosed.append(Enclosed(file.filename, file.content_type, content, file.content_id))
    note = "\n".join([words.gettext("Not sent along:"), *left_out, ""]) if left_out else ""
    return attach(message, enclosed, note)


def _tells(message: bytes, links: int) -> bool:
    """The mail's own text has the links; that of a site's own templates need not."""
    if not links:
        return True
    body = message_from_bytes(message, policy=email_policy.default).get_body(("plain",))
    return body is not None and body.get_content().count(FILE_PATH) >= links


def _extracted(raw: bytes, sha256: str, files: Sequence[AttachedFile]) -> dict[str, bytes]:
    try:
        return extract_all(raw, {f.part for f in files if f.raw_sha256 == sha256})
    except (Exception, RecursionError):  # a stranger's mail; whatever is wrong with it, the text still goes out
        return {}
