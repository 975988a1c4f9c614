"""The journal: every mail we accepted, from its first byte on disk to the decision about it.

A row is `pending` until its effects are stored in the same transaction that settles it, or
`held` with the cause when it could not be handled. Rows are never removed here.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, bindparam, cast, func, insert, or_, select, text, update

from gateway.errors import UnknownEntry
from gateway.mail.message import Envelope
from storage import raw
from storage.seals import next_link
from storage.statement import Statement
from storage.tables import JOURNAL

PENDING, SETTLED, HELD = "pending", "settled", "held"
PIPED = "pipe"
"""Source of a mail whose receiver ended as soon as it was written down."""


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One accepted mail, as listed."""

    id: int
    state: str
    reason: str
    cause: str
    received_at: datetime
    source: str
    reverse_path: str
    recipients: tuple[str, ...]
    size: int
    sha256: str
    """Empty once the mail was erased."""
    ticket: int | None
    message_id: str
    attempts: int
    why: tuple[str, ...]
    remote: str
    authenticated_as: str
    settled_at: datetime | None
    erased_at: datetime | None

    @property
    def envelope(self) -> Envelope:
        return Envelope(self.source, self.reverse_path, self.recipients, self.remote, self.authenticated_as)


UNSETTLED = text("state <> 'settled'")
"""The words of the partial index: SQLite uses it for no others, and would read all mails there ever were."""
_APPEND = Statement(insert(JOURNAL).returning(JOURNAL.c.id))
_ROW = select(*(JOURNAL.c[name] for name in JournalEntry.__dataclass_fields__))
_GET = Statement(_ROW.where(JOURNAL.c.id == bindparam("entry")))
_LOCK = Statement(_ROW.where(JOURNAL.c.id == bindparam("entry")).with_for_update())
_TAKE = Statement(
    _ROW.where(JOURNAL.c.id == bindparam("entry"), JOURNAL.c.state == PENDING).with_for_update(skip_locked=True)
)
_SETTLE = Statement(
    update(JOURNAL)
    .where(JOURNAL.c.id == bindparam("entry"))
    .values(
        state=SETTLED,
        reason=bindparam("why_so"),
        why=bindparam("lines"),
        ticket=bindparam("number"),
        message_id=bindparam("own_id"),
        cause="",
        settled_at=bindparam("now"),
    )
)


class Journal:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def append(self, envelope: Envelope, packed: raw.Packed, now: datetime) -> int:
        """Write a mail down. Once this is committed, it is ours (state S1)."""
        raw.keep(self._connection, packed, now)
        row = {
            "state": PENDING,
            "source": envelope.source,
            "reverse_path": envelope.reverse_path,
            "recipients": list(envelope.recipients),
            "remote": envelope.remote,
            "authenticated_as": envelope.authenticated_as,
            "sha256": packed.sha256,
            "size": packed.size,
            "received_at": now,
            "attempts": 0,
            "reason": "",
            "cause": "",
            "why": [],
            "message_id": "",
        }
        row |= next_link(self._connection, row)
        return int(_APPEND.scalar(self._connection, row))

    def waiting(self, before: datetime, limit: int) -> list[tuple[int, int]]:
        """Pending rows in nobody's hands, oldest first, (id, size in bytes).

        They are from before a moment, or of a process that is gone.
        """
        found = self._connection.execute(
            select(JOURNAL.c.id, JOURNAL.c.size)
            .where(
                UNSETTLED, JOURNAL.c.state == PENDING, or_(JOURNAL.c.received_at < before, JOURNAL.c.source == PIPED)
            )
            .order_by(JOURNAL.c.id)
            .limit(limit)
        )
        return [(id, size) for id, size in found]

    def has(self, sha256: str) -> bool:
        """Whether a mail of these very bytes was written down before."""
        return (
            self._connection.execute(select(JOURNAL.c.id).where(JOURNAL.c.sha256 == sha256).limit(1)).first()
            is not None
        )

    def take(self, id: int) -> JournalEntry | None:
        """Lock a pending row for this transaction; None when it is settled, held, or in another's hands."""
        row = _TAKE.row(self._connection, {"entry": id})
        return None if row is None else _row(row)

    def count_attempt(self, id: int) -> int:
        """A mail left over by an earlier run is taken up: how often that happened, this time included."""
        statement = (
            update(JOURNAL)
            .where(JOURNAL.c.id == id)
            .values(attempts=JOURNAL.c.attempts + 1)
            .returning(JOURNAL.c.attempts)
        )
        return int(self._connection.execute(statement).scalar_one())

    def load(self, id: int) -> tuple[JournalEntry, bytes]:
        """A row and the raw bytes of its mail. Raises `UnknownEntry` when they are not kept any more."""
        row = self.get(id)
        if row.erased_at is not None:
            raise UnknownEntry(f"journal entry {id} was erased, and with it the raw bytes of its mail")
        data = raw.load(self._connection, row.sha256)
        if data is None:
            raise UnknownEntry(f"the raw bytes of journal entry {id} were deleted by retention")
        return row, data

    def settle(
        self, id: int, *, reason: str, why: Sequence[str], ticket: int | None, message_id: str, now: datetime
    ) -> None:
        """The decision about a mail is stored; call it in the transaction that stores its effects."""
        values = {
            "entry": id,
            "why_so": reason,
            "lines": tuple(why),
            "number": ticket,
            "own_id": message_id,
            "now": now,
        }
        _SETTLE.run(self._connection, values)

    def hold(self, id: int, reason: str, cause: str, now: datetime) -> None:
        """Set a mail aside with the cause, until the operator retries or drops it."""
        self._set(id, state=HELD, reason=reason, cause=cause[:4000], settled_at=now)

    def retry(self, id: int) -> None:
        if self._locked(id).state != HELD:
            raise UnknownEntry(f"journal entry {id} is not held; only held mails can be retried")
        self._set(id, state=PENDING, reason="", cause="", attempts=0, settled_at=None)

    def drop(self, id: int, now: datetime) -> None:
        """The operator decides that a held mail needs nothing; its raw bytes stay until retention."""
        if self._locked(id).state != HELD:
            raise UnknownEntry(f"journal entry {id} is not held; only held mails can be dropped")
        self._set(id, state=SETTLED, reason="dropped-by-operator", settled_at=now)

    def get(self, id: int) -> JournalEntry:
        return self._one(_GET, id)

    def _locked(self, id: int) -> JournalEntry:
        """As it is until the transaction ends: nobody else retries, drops or decides about it meanwhile."""
        return self._one(_LOCK, id)

    def _one(self, statement: Statement, id: int) -> JournalEntry:
        row = statement.row(self._connection, {"entry": id})
        if row is None:
            raise UnknownEntry(f"there is no journal entry {id}")
        return _row(row)

    def recent(
        self,
        state: str = "",
        limit: int = 100,
        reasons: Collection[str] = (),
        *,
        sender: str = "",
        recipient: str = "",
        message_id: str = "",
        ticket: int = 0,
        since: datetime | None = None,
    ) -> list[JournalEntry]:
        """Newest first, of all that is named; of sender (reverse path) and recipients a part does."""
        statement = _ROW.order_by(JOURNAL.c.id.desc()).limit(limit)
        for column, part in ((JOURNAL.c.reverse_path, sender), (cast(JOURNAL.c.recipients, Text), recipient)):
            if part:
                statement = statement.where(func.lower(column).contains(part.lower(), autoescape=True))
        if message_id:
            statement = statement.where(JOURNAL.c.message_id == message_id.strip("<> "))
        if ticket:
            statement = statement.where(JOURNAL.c.ticket == ticket)
        if since:
            statement = statement.where(JOURNAL.c.received_at >= since)
        if state:
            statement = statement.where(JOURNAL.c.state == state)
        if state in (PENDING, HELD):
            statement = statement.where(UNSETTLED)
        if reasons:
            statement = statement.where(JOURNAL.c.reason.in_(sorted(reasons)))
        return [_row(row) for row in self._connection.execute(statement)]

    def decided(self, since: datetime | None, after: int, limit: int) -> list[JournalEntry]:
        """Rows that were decided about and received since then, with an id above `after`, oldest first."""
        statement = _ROW.where(JOURNAL.c.id > after, JOURNAL.c.state != PENDING).order_by(JOURNAL.c.id).limit(limit)
        if since:
            statement = statement.where(JOURNAL.c.received_at >= since)
        return [_row(row) for row in self._connection.execute(statement)]

    def decided_since(self, reasons: Collection[str], since: datetime) -> int:
        """How many live mails were settled for one of these reasons since then."""
        live = JOURNAL.c.source != "import"
        statement = select(func.count()).where(
            JOURNAL.c.settled_at > since, JOURNAL.c.reason.in_(sorted(reasons)), live
        )
        return int(self._connection.execute(statement).scalar_one())

    def counts(self) -> dict[str, int]:
        waiting = select(JOURNAL.c.state, func.count()).where(UNSETTLED).group_by(JOURNAL.c.state)
        found = {PENDING: 0, SETTLED: 0, HELD: 0} | {str(name): n for name, n in self._connection.execute(waiting)}
        total = self._connection.execute(select(func.count()).select_from(JOURNAL)).scalar_one()
        return found | {SETTLED: int(total) - sum(found.values())}

    def held(self) -> int:
        """How many mails are held."""
        return int(
            self._connection.execute(select(func.count()).where(UNSETTLED, JOURNAL.c.state == HELD)).scalar_one()
        )

    def backlog(self) -> tuple[dict[str, int], datetime | None]:
        """How many mails are not settled, by state, and since when the oldest of them waits to be decided about."""
        rows = self._connection.execute(
            select(JOURNAL.c.state, func.count(), func.min(JOURNAL.c.received_at))
            .where(UNSETTLED)
            .group_by(JOURNAL.c.state)
        ).all()
        oldest = next((since for state, _, since in rows if state == PENDING), None)
        return {PENDING: 0, HELD: 0} | {str(state): n for state, n, _ in rows}, oldest

    def _set(self, id: int, **values: Any) -> None:
        self._connection.execute(update(JOURNAL).where(JOURNAL.c.id == id).values(**values))


def _row(row: Row[Any]) -> JournalEntry:
    values = dict(row._mapping)
    values["recipients"] = tuple(values["recipients"])
    values["why"] = tuple(values["why"])
    values["sha256"] = values["sha256"] or ""
    return JournalEntry(**values)
