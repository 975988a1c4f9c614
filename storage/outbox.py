"""The outbox: every mail we decided to send, and how its delivery stands.

Rows are written in the transaction that decided them, and are never removed here. How they are
sent is in `claims`; here is a row as a value, and what puts mails in, lists them, and lets the operator act.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, bindparam, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from gateway.core.decision import AgentView
from gateway.core.notice import AttachedFile, Audience, Notice, Outbound
from gateway.core.token import Named, outbox_name
from gateway.errors import UnknownEntry
from gateway.mail.message import address_key
from storage import board, raw
from storage.conditions import OUTBOX_ENDED, OUTBOX_WAITING
from storage.drafts import read_view, write_view
from storage.seals import added
from storage.statement import Statement
from storage.tables import MESSAGE_ID, OUTBOX


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
    def named(self) -> Named:
        """What its bounce address and the links to its files name it by."""
        return outbox_name(self.id, self.message_id)

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


def write_file(file: AttachedFile) -> dict[str, Any]:
    """A file as the column `files` holds it."""
    return {
        "raw": file.raw_sha256,
        "part": file.part,
        "filename": file.filename,
        "content_type": file.content_type,
        "content_id": file.content_id,
        "linked": file.linked,
    }


def _file(values: dict[str, Any]) -> AttachedFile:
    return AttachedFile(
        values["raw"],
        values["part"],
        values["filename"],
        values["content_type"],
        values.get("content_id", ""),
        linked=values.get("linked", False),
    )


RECALLABLE = (State.PENDING, State.RECALLED)
"""Nothing of them was ever handed to a relay."""

_ADD = Statement(
    {
        name: dialect.insert(OUTBOX).on_conflict_do_nothing(index_elements=["message_id"]).returning(OUTBOX.c.id)
        for name, dialect in (("sqlite", sqlite), ("postgresql", postgresql))
    }
)
_ADD_ID = Statement(insert(MESSAGE_ID))
_AUTOMATIC = Statement(
    select(OUTBOX.c.created_at)
    .where(OUTBOX.c.recipient_key == bindparam("key"), OUTBOX.c.created_at > bindparam("since"), OUTBOX.c.automatic)
    .order_by(OUTBOX.c.created_at.desc())
    .limit(bindparam("most"))
)
_ROW = select(*COLUMNS)
_WAITING, _ENDED = text(OUTBOX_WAITING), text(OUTBOX_ENDED)


class Outbox:
    """The outbox inside one transaction."""

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
        view: AgentView | None = None,
    ) -> int | None:
        """Put a mail in line. None when a mail with this Message-ID is there already: it is the same one."""
        row = {
            "state": State.PENDING.value,
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
            "view": write_view(view),
            "data": raw.compress(message),
            "files": [write_file(f) for f in outbound.files],
            "attempts": 0,
            "doubts": 0,
            "last_reply": "",
            "created_at": now,
            "not_before": not_before or now,
            "claimed_by": "",
        }
        id: int | None = _ADD.scalar(self._connection, row)
        if id is None:
            return None
        # Every id we send is stored, acknowledgements too: some clients keep only the last one.
        name = {
            "message_id": outbound.message_id,
            "ticket": outbound.ticket or None,
            "outbox_id": id,
            "sha256": "",
        }
        _ADD_ID.run(self._connection, name)
        added(self._connection, OUTBOX, row | {"id": id})
        added(self._connection, MESSAGE_ID, name)
        return id

    def retry(self, id: int, now: datetime) -> None:
        """The operator wants another attempt, whatever happened before. Ended in doubt, it waits again."""
        row = self._locked(id)
        if row.state in (State.SENT, State.CLAIMED):
            raise UnknownEntry(f"outbox entry {id} is {row.state}; only waiting or failed mails can be retried")
        again = {"state": State.PENDING, "not_before": now, "attempts": 0, "first_attempt_at": None, "claimed_by": ""}
        kept = update(OUTBOX).where(OUTBOX.c.id == id, OUTBOX.c.data.is_not(None)).values(**again)
        if self._connection.execute(kept).rowcount == 0:
            raise UnknownEntry(f"the text of outbox entry {id} was deleted by retention, so it cannot be sent again")

    def drop(self, id: int) -> None:
        """The operator wants it not sent; the row stays, as failed."""
        row = self._locked(id)
        if row.state in (State.SENT, State.CLAIMED):
            raise UnknownEntry(f"outbox entry {id} is {row.state} and cannot be dropped")
        self._set(id, state=State.FAILED, last_reply="dropped by the operator")

    def recall(self, journal_id: int) -> int:
        """Take back the mails to people outside that a mail caused, as far as they were not sent yet; how many."""
        statement = (
            update(OUTBOX)
            .where(
                OUTBOX.c.journal_id == journal_id,
                OUTBOX.c.audience.in_((Audience.CUSTOMER.value, Audience.ADVISER.value)),
                OUTBOX.c.state.in_(RECALLABLE),
                OUTBOX.c.attempts + OUTBOX.c.doubts == 0,
            )
            .values(state=State.RECALLED, last_reply="recalled before it was sent")
        )
        return self._connection.execute(statement).rowcount

    def answered(self, message_ids: Sequence[str]) -> tuple[int, int, str] | None:
        """(entry, journal id, notice) of the first of our mails among these ids: what a reply answers. A card of the
        board is a notice that went to nobody."""
        for message_id in message_ids:
            row = self._connection.execute(
                select(OUTBOX.c.entry_id, OUTBOX.c.journal_id, OUTBOX.c.notice).where(OUTBOX.c.message_id == message_id)
            ).first()
            if row is not None:
                return row.entry_id or 0, row.journal_id or 0, row.notice
        card = board.told(self._connection, message_ids)
        return (card[0], 0, Notice.AGENT_NOTICE.value) if card else None

    def sent_of(self, entry: int, recipient: str) -> str:
        """Message-ID under which somebody was sent a message of a ticket; empty where they were not."""
        theirs = OUTBOX.c.entry_id == entry, OUTBOX.c.recipient_key == address_key(recipient)
        found = select(OUTBOX.c.message_id).where(*theirs).order_by(OUTBOX.c.id.desc()).limit(1)
        return self._connection.execute(found).scalar_one_or_none() or ""

    def left_at(self, message_ids: Sequence[str], tickets: Collection[int], agents: frozenset[str]) -> datetime | None:
        """When the mail of ours an agent's mail answers began to leave: one of these ids, else the newest one to the
        agent about the tickets."""
        moment = func.coalesce(OUTBOX.c.begun_at, OUTBOX.c.sent_at)
        newest = select(moment).where(moment.is_not(None)).order_by(OUTBOX.c.id.desc()).limit(1)
        mine = OUTBOX.c.recipient_key.in_(sorted(agents)), OUTBOX.c.ticket.in_(sorted(tickets))
        for which in ((OUTBOX.c.message_id.in_(list(message_ids)),), mine):
            found: datetime | None = self._connection.execute(newest.where(*which)).scalar_one_or_none()
            if found is not None:
                return found
        return None

    def answered_by(self, message_ids: Sequence[str], ticket: int, recipient: str = "") -> tuple[bool, bytes] | None:
        """The mail of ours that is answered, else the newest about the ticket to this address, if one is given:
        whether it was automatic, and its bytes. None when none is kept."""
        row = OUTBOX.c.message_id.in_(list(message_ids)), OUTBOX.c.ticket == ticket
        newest = OUTBOX.c.recipient_key == address_key(recipient), OUTBOX.c.ticket == ticket
        for chosen in (row, newest) if recipient else (row,):
            found = self._connection.execute(
                select(OUTBOX.c.id, OUTBOX.c.automatic)
                .where(*chosen, OUTBOX.c.data.is_not(None))
                .order_by(OUTBOX.c.id.desc())
                .limit(1)
            ).first()
            if found is not None:
                return bool(found.automatic), self.message(found.id)
        return None

    def view(
        self, message_ids: Sequence[str], tickets: Collection[int], agents: frozenset[str], written: datetime
    ) -> AgentView | None:
        """What an agent's mail was an answer to: the mail of ours among these ids, else the newest one to the agent
        about the tickets when the answer was written. What the agent's own orders led to since is known as well.
        """
        told = OUTBOX.c.view.is_not(None)
        row = next((r for id in message_ids if (r := self._viewed(told, OUTBOX.c.message_id == id))), None)
        if row is None and (card := board.told(self._connection, message_ids)):
            return card[1]
        mine = (told, OUTBOX.c.recipient_key.in_(sorted(agents)), OUTBOX.c.ticket.in_(sorted(tickets)))
        if row is None:
            row = self._viewed(*mine, OUTBOX.c.created_at < written) or self._viewed(*mine, oldest=True)
        if row is None:
            return None
        found = read_view(row.view)
        receipts = select(OUTBOX.c.view).where(
            *mine, OUTBOX.c.id > row.id, OUTBOX.c.notice == Notice.AGENT_RECEIPT.value
        )
        later = [read_view(view) for (view,) in self._connection.execute(receipts)]
        reaches = dict.fromkeys(mark for view in (found, *later) if view for mark in view.reaches)
        return AgentView(found.entry if found else 0, tuple(reaches))

    def _viewed(self, *which: ColumnElement[bool], oldest: bool = False) -> Row[Any, Any] | None:
        order = OUTBOX.c.id if oldest else OUTBOX.c.id.desc()
        found = select(OUTBOX.c.id, OUTBOX.c.view).where(*which).order_by(order).limit(1)
        row: Row[Any, Any] | None = self._connection.execute(found).one_or_none()
        return row

    def get(self, id: int) -> OutboxEntry:
        return self._one(_ROW, id)

    def _locked(self, id: int) -> OutboxEntry:
        """As it is until the transaction ends: nobody claims it meanwhile."""
        return self._one(_ROW.with_for_update(), id)

    def _one(self, rows: Select[Any], id: int) -> OutboxEntry:
        row = self._connection.execute(rows.where(OUTBOX.c.id == id)).one_or_none()
        if row is None:
            raise UnknownEntry(f"there is no outbox entry {id}")
        return read(row)

    def sent_as(self, message_id: str) -> OutboxEntry:
        """The one mail with this id. Raises `UnknownEntry` when it is not here."""
        row = self._connection.execute(_ROW.where(OUTBOX.c.message_id == message_id)).one_or_none()
        if row is None:
            raise UnknownEntry(f"there is no outbox entry <{message_id}>")
        return read(row)

    def message(self, id: int) -> bytes:
        """The message as it was written, without its files."""
        row = self._connection.execute(select(OUTBOX.c.data).where(OUTBOX.c.id == id)).one_or_none()
        if row is None:
            raise UnknownEntry(f"there is no outbox entry {id}")
        if row.data is None:
            raise UnknownEntry(f"the text of outbox entry {id} was deleted by retention")
        return raw.decompress(row.data)

    def keep_file(self, data: bytes, now: datetime) -> None:
        """Keep a mail that came inside another one, so that its files can be found by its hash."""
        raw.keep(self._connection, raw.pack(data), now)

    def file(self, sha256: str) -> bytes | None:
        """The raw mail a file is taken from."""
        return raw.load(self._connection, sha256)

    def file_bytes(self, hashes: Iterable[str]) -> int:
        """Bytes of the raw mails files are taken from, together."""
        return sum(raw.size(self._connection, sha256) for sha256 in hashes)

    def keeps(self, sha256: str) -> bool:
        """Whether that raw mail is still there."""
        return raw.kept(self._connection, sha256)

    def recent(
        self,
        state: str = "",
        ticket: int = 0,
        limit: int = 100,
        *,
        sender: str = "",
        recipient: str = "",
        message_id: str = "",
        since: datetime | None = None,
    ) -> list[OutboxEntry]:
        """Newest first, of all that is named; of sender (reverse path) and recipient a part does."""
        statement = _ROW.order_by(OUTBOX.c.id.desc()).limit(limit)
        for column, part in ((OUTBOX.c.reverse_path, sender), (OUTBOX.c.recipient, recipient)):
            if part:
                statement = statement.where(func.lower(column).contains(part.lower(), autoescape=True))
        if message_id:
            statement = statement.where(OUTBOX.c.message_id == message_id.strip("<> "))
        if since:
            statement = statement.where(OUTBOX.c.created_at >= since)
        if state:
            statement = statement.where(OUTBOX.c.state == state)
        if state in (State.FAILED, State.RECALLED):
            statement = statement.where(_ENDED)
        if state in OPEN:
            # Sorted by what is no column, SQLite looks among the few that wait, not through all from the newest on.
            statement = statement.where(_WAITING).order_by(None).order_by((OUTBOX.c.id + 0).desc())
        if ticket:
            statement = statement.where(OUTBOX.c.ticket == ticket)
        return [read(row) for row in self._connection.execute(statement)]

    def counts(self) -> dict[str, int]:
        found = dict.fromkeys((state.value for state in State), 0)
        for some in (_WAITING, _ENDED):
            rows = self._connection.execute(select(OUTBOX.c.state, func.count()).where(some).group_by(OUTBOX.c.state))
            found |= {str(name): n for name, n in rows}
        total = self._connection.execute(select(func.count()).select_from(OUTBOX)).scalar_one()
        return found | {State.SENT.value: int(total) - sum(found.values())}

    def backlog(self) -> tuple[dict[str, int], datetime | None]:
        """How many mails are not through, by state, and since when the oldest waits that nobody is asked about."""
        rows = self._connection.execute(
            select(OUTBOX.c.state, func.count(), func.min(OUTBOX.c.created_at)).where(_WAITING).group_by(OUTBOX.c.state)
        ).all()
        oldest = min((since for state, _, since in rows if state != State.UNCERTAIN), default=None)
        return {state.value: 0 for state in OPEN} | {str(state): n for state, n, _ in rows}, oldest

    def failed_since(self, moment: datetime) -> int:
        """How many mails were given up since a moment."""
        statement = select(func.count()).where(_ENDED, OUTBOX.c.state == State.FAILED, OUTBOX.c.not_before > moment)
        return int(self._connection.execute(statement).scalar_one())

    def automatic_to(self, address: str, since: datetime, limit: int) -> tuple[datetime, ...]:
        """When automatic mail to an address was decided lately, newest first: what budgets count."""
        rows = _AUTOMATIC.rows(self._connection, {"key": address_key(address), "since": since, "most": limit})
        return tuple(row[0] for row in rows)

    def _set(self, id: int, **values: Any) -> None:
        self._connection.execute(update(OUTBOX).where(OUTBOX.c.id == id).values(**values))
