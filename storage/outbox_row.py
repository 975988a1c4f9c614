"""A row of the outbox as a value, and the states it can be in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from gateway.core.notice import AttachedFile
from storage.tables import OUTBOX


class State(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"
    SENT = "sent"
    DEFERRED = "deferred"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    RECALLED = "recalled"


DUE = (State.PENDING, State.DEFERRED, State.UNCERTAIN)
OPEN = (*DUE, State.CLAIMED)
"""Still to be sent, or being sent."""
DOUBTS = 1
"""After how many attempts of unknown end a mail is still tried again by itself."""


@dataclass(frozen=True, slots=True)
class OutboxEntry:
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
    doubts: int
    first_attempt_at: datetime | None
    last_reply: str
    created_at: datetime
    not_before: datetime
    sent_at: datetime | None
    files: tuple[AttachedFile, ...]
    entry_id: int | None
    claimed_until: datetime | None

    @property
    def waits_for_operator(self) -> bool:
        """Perhaps delivered, perhaps not, and not to be tried again by itself."""
        return self.state == State.UNCERTAIN and self.doubts > DOUBTS

    @property
    def next_attempt_at(self) -> datetime | None:
        return self.not_before if self.state in DUE and not self.waits_for_operator else None


COLUMNS = tuple(OUTBOX.c[name] for name in OutboxEntry.__dataclass_fields__)


def read(row: Row[Any]) -> OutboxEntry:
    values = {name: row._mapping[name] for name in OutboxEntry.__dataclass_fields__}
    values["files"] = tuple(_file(f) for f in values["files"])
    return OutboxEntry(**values)


def write_file(file: AttachedFile) -> dict[str, str]:
    """A file as the column `files` holds it."""
    return {
        "raw": file.raw_sha256,
        "part": file.part,
        "filename": file.filename,
        "content_type": file.content_type,
        "content_id": file.content_id,
    }


def _file(values: dict[str, str]) -> AttachedFile:
    return AttachedFile(
        values["raw"], values["part"], values["filename"], values["content_type"], values.get("content_id", "")
    )
