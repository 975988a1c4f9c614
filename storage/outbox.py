"""The outbox: every mail we decided to send, and how its delivery stands.

Rows are written in the transaction that decided them. The send loop claims due rows for a
while, delivers, and settles each; a claim that runs out means its holder died, and nobody
knows how far it came, so the row is `uncertain` and is tried once more under the same Message-ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, func, insert, or_, select, update

from gateway.core.errors import UnknownEntry
from gateway.core.message import address_key
from gateway.core.notice import AttachedFile, Outbound
from storage import raw, tables

OUTBOX: Table = tables.table(tables.Outbox)
MESSAGE_ID: Table = tables.table(tables.MessageId)


class State(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    DEFERRED = "deferred"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    RECALLED = "recalled"


DUE = (State.PENDING, State.DEFERRED, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A mail in the outbox, without its bytes."""

    id: int
    state: str
    notice: str
    audience: str
    recipient: str
    ticket: int | None
    message_id: str
    reverse_path: str
    automatic: bool
    attempts: int
    last_reply: str
    created_at: datetime
    not_before: datetime
    sent_at: datetime | None
    files: tuple[AttachedFile, ...]
    entry_id: int | None
    claimed_until: datetime | None

    @property
    def next_attempt_at(self) -> datetime | None:
        return self.not_before if self.state in DUE else None


_ADD = insert(OUTBOX).returning(OUTBOX.c.id)
_ADD_ID = insert(MESSAGE_ID)
_ROW = select(*(OUTBOX.c[name] for name in OutboxRow.__dataclass_fields__))


class Outbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(
        self,
        outbound: Outbound,
        message: bytes,
        now: datetime,
        *,
        entry_id: int | None = None,
        journal_id: int | None = None,
        not_before: datetime | None = None,
    ) -> int | None:
        """Put a mail in line. None when a mail with this Message-ID is there already: it is the same one."""
        exists = select(OUTBOX.c.id).where(OUTBOX.c.message_id == outbound.message_id)
        if self._connection.execute(exists).first():
            return None
        row = {
            "state": State.PENDING,
            "notice": outbound.notice.value,
            "audience": outbound.audience.value,
            "recipient": outbound.recipient.address,
            "recipient_key": outbound.recipient.key,
            "reverse_path": outbound.reverse_path,
            "ticket": outbound.ticket or None,
            "entry_id": entry_id,
            "journal_id": journal_id,
            "message_id": outbound.message_id,
            "automatic": bool(outbound.auto_submitted),
            "data": raw.compress(message),
            "files": [
                {"raw": f.raw_sha256, "part": f.part, "filename": f.filename, "content_type": f.content_type}
                for f in outbound.files
            ],
            "attempts": 0,
            "last_reply": "",
            "created_at": now,
            "not_before": not_before or now,
            "claimed_by": "",
        }
        id = int(self._connection.execute(_ADD, row).scalar_one())
        # Every id we send is stored, acknowledgements too: some clients keep only the last one.
        self._connection.execute(
            _ADD_ID,
            {
                "message_id": outbound.message_id,
                "ticket": outbound.ticket or None,
                "outbox_id": id,
                "sha256": "",
            },
        )
        return id

    def expire_claims(self, now: datetime, dead: Sequence[str] = ()) -> int:
        """Rows whose holder died become uncertain; `dead` names holders known to be gone."""
        gone = or_(OUTBOX.c.claimed_until < now, OUTBOX.c.claimed_by.in_(list(dead)))
        statement = (
            update(OUTBOX)
            .where(OUTBOX.c.state == State.CLAIMED, gone)
            .values(state=State.UNCERTAIN, not_before=now, claimed_by="", claimed_until=None)
        )
        return self._connection.execute(statement).rowcount

    def claim(self, holder: str, limit: int, seconds: int, now: datetime) -> list[tuple[OutboxRow, bytes]]:
        """Take due rows for delivery, oldest first, and their messages (without files)."""
        due = (
            select(OUTBOX.c.id)
            .where(OUTBOX.c.state.in_(DUE), OUTBOX.c.not_before <= now)
            .order_by(OUTBOX.c.not_before, OUTBOX.c.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        ids = [row[0] for row in self._connection.execute(due)]
        if not ids:
            return []
        self._connection.execute(
            update(OUTBOX)
            .where(OUTBOX.c.id.in_(ids))
            .values(state=State.CLAIMED, claimed_by=holder, claimed_until=now + timedelta(seconds=seconds))
        )
        rows = self._connection.execute(
            _ROW.add_columns(OUTBOX.c.data).where(OUTBOX.c.id.in_(ids)).order_by(OUTBOX.c.id)
        )
        return [(_row(row), raw.decompress(row.data)) for row in rows]

    def settle(
        self, id: int, holder: str, state: State, reply: str, now: datetime, not_before: datetime | None = None
    ) -> bool:
        """Write down how an attempt ended. False when the claim was lost meanwhile: then nothing is changed."""
        statement = (
            update(OUTBOX)
            .where(OUTBOX.c.id == id, OUTBOX.c.state == State.CLAIMED, OUTBOX.c.claimed_by == holder)
            .values(
                state=state,
                last_reply=reply[:2000],
                attempts=OUTBOX.c.attempts + 1,
                not_before=not_before or now,
                sent_at=now if state is State.SENT else None,
                claimed_by="",
                claimed_until=None,
            )
        )
        return self._connection.execute(statement).rowcount == 1

    def release(self, ids: Sequence[int], holder: str) -> None:
        """Give claimed rows back untouched: nothing of them was sent."""
        self._connection.execute(
            update(OUTBOX)
            .where(OUTBOX.c.id.in_(list(ids)), OUTBOX.c.state == State.CLAIMED, OUTBOX.c.claimed_by == holder)
            .values(state=State.PENDING, claimed_by="", claimed_until=None)
        )

    def next_due(self) -> datetime | None:
        return self._connection.execute(
            select(func.min(OUTBOX.c.not_before)).where(OUTBOX.c.state.in_(DUE))
        ).scalar_one_or_none()

    def retry(self, id: int, now: datetime) -> None:
        """The operator wants another attempt, whatever happened before."""
        row = self.get(id)
        if row.state in (State.SENT, State.CLAIMED):
            raise UnknownEntry(f"outbox entry {id} is {row.state}; only waiting or failed mails can be retried")
        self._set(id, state=State.PENDING, not_before=now, attempts=0)

    def drop(self, id: int) -> None:
        """The operator wants it not sent; the row stays, as failed."""
        row = self.get(id)
        if row.state in (State.SENT, State.CLAIMED):
            raise UnknownEntry(f"outbox entry {id} is {row.state} and cannot be dropped")
        self._set(id, state=State.FAILED, last_reply="dropped by the operator")

    def recall(self, entry_id: int) -> int:
        """Take back the mails of an entry that were not sent yet; how many."""
        statement = (
            update(OUTBOX)
            .where(and_(OUTBOX.c.entry_id == entry_id, OUTBOX.c.state.in_(DUE), OUTBOX.c.attempts == 0))
            .values(state=State.RECALLED, last_reply="recalled before it was sent")
        )
        return self._connection.execute(statement).rowcount

    def get(self, id: int) -> OutboxRow:
        row = self._connection.execute(_ROW.where(OUTBOX.c.id == id)).one_or_none()
        if row is None:
            raise UnknownEntry(f"there is no outbox entry {id}")
        return _row(row)

    def message(self, id: int) -> bytes:
        """The message as it was written, without its files."""
        data = self._connection.execute(select(OUTBOX.c.data).where(OUTBOX.c.id == id)).scalar_one_or_none()
        if data is None:
            raise UnknownEntry(f"there is no outbox entry {id}")
        return raw.decompress(data)

    def file(self, sha256: str) -> bytes | None:
        """The raw mail a file is taken from."""
        return raw.load(self._connection, sha256)

    def recent(self, state: str = "", ticket: int = 0, limit: int = 100) -> list[OutboxRow]:
        """Newest first."""
        statement = _ROW.order_by(OUTBOX.c.id.desc()).limit(limit)
        if state:
            statement = statement.where(OUTBOX.c.state == state)
        if ticket:
            statement = statement.where(OUTBOX.c.ticket == ticket)
        return [_row(row) for row in self._connection.execute(statement)]

    def counts(self) -> dict[str, int]:
        rows = self._connection.execute(select(OUTBOX.c.state, func.count()).group_by(OUTBOX.c.state))
        return {state.value: 0 for state in State} | {str(name): n for name, n in rows}

    def automatic_to(self, address: str, since: datetime, limit: int = 200) -> tuple[datetime, ...]:
        """When automatic mail to an address was decided lately, newest first: what budgets count."""
        rows = self._connection.execute(
            select(OUTBOX.c.created_at)
            .where(OUTBOX.c.recipient_key == address_key(address), OUTBOX.c.created_at > since, OUTBOX.c.automatic)
            .order_by(OUTBOX.c.created_at.desc())
            .limit(limit)
        )
        return tuple(row[0] for row in rows)

    def _set(self, id: int, **values: Any) -> None:
        self._connection.execute(update(OUTBOX).where(OUTBOX.c.id == id).values(**values))


def _row(row: Row[Any]) -> OutboxRow:
    values = {name: row._mapping[name] for name in OutboxRow.__dataclass_fields__}
    values["files"] = tuple(
        AttachedFile(f["raw"], f["part"], f["filename"], f["content_type"]) for f in values["files"]
    )
    return OutboxRow(**values)
