"""The outbox: every mail we decided to send, and how its delivery stands.

Rows are written in the transaction that decided them. The send loop claims due rows for a
while, delivers, and settles each. An attempt that ended without our knowing whether the mail
arrived (no answer, or its holder died) leaves the row `uncertain`: it is tried once more under
the same Message-ID. When that ends in doubt too it stays `uncertain`, and only the operator's
`retry` or `drop` moves it. No mail is ever removed here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, bindparam, case, func, insert, literal, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Update

from gateway.core.errors import UnknownEntry
from gateway.core.message import address_key
from gateway.core.notice import AttachedFile, Audience, Outbound
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
RECALLABLE = (State.PENDING, State.RECALLED)
"""Nothing of them was ever handed to a relay."""
DOUBTS = 1
"""After how many attempts of unknown end a mail is still tried again by itself."""
LOOK_AHEAD = 256
"""Due rows among which recipients are chosen; bounds the work of one claim."""
PAUSE_AFTER_DEATHS = timedelta(minutes=15)
DIED_SENDING = "whoever was sending it stopped without saying how far it came"
DIED_BEFORE = "whoever was about to send it stopped"


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


_ADD = {
    "sqlite": sqlite.insert(OUTBOX).on_conflict_do_nothing(index_elements=["message_id"]).returning(OUTBOX.c.id),
    "postgresql": postgresql.insert(OUTBOX)
    .on_conflict_do_nothing(index_elements=["message_id"])
    .returning(OUTBOX.c.id),
}
_ADD_ID = insert(MESSAGE_ID)
_AUTOMATIC = (
    select(OUTBOX.c.created_at)
    .where(OUTBOX.c.recipient_key == bindparam("key"), OUTBOX.c.created_at > bindparam("since"), OUTBOX.c.automatic)
    .order_by(OUTBOX.c.created_at.desc())
    .limit(bindparam("most"))
)
_COLUMNS = tuple(OUTBOX.c[name] for name in OutboxRow.__dataclass_fields__)
_ROW = select(*_COLUMNS)
_WAITING = text(tables.OUTBOX_WAITING)
_CLAIMED = text(tables.OUTBOX_CLAIMED)
_TRIABLE = and_(OUTBOX.c.state.in_(DUE), or_(OUTBOX.c.state != State.UNCERTAIN, OUTBOX.c.doubts <= DOUBTS))
_TO_BE_REPEATED = and_(OUTBOX.c.doubts > 0, OUTBOX.c.doubts <= DOUBTS)
_ONE_CLAIM_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('outbox', 0))")


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
            "doubts": 0,
            "last_reply": "",
            "created_at": now,
            "not_before": not_before or now,
            "claimed_by": "",
        }
        id: int | None = self._connection.execute(_ADD[self._connection.dialect.name], row).scalar_one_or_none()
        if id is None:
            return None
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

    def expire_claims(self, now: datetime, dead: Sequence[str] = ()) -> list[OutboxRow]:
        """Give up the claims of holders that died; `dead` names some known to be gone. Returns those rows.

        A mail that was not begun waits like a deferred one, the others are `uncertain`. The first time
        it is tried again at once; what died twice may be what kills, and lets the others go first.
        """
        gone = or_(OUTBOX.c.claimed_until < now, OUTBOX.c.claimed_by.in_(list(dead)))
        begun = OUTBOX.c.begun_at.is_not(None)
        moment = OUTBOX.c.not_before.type
        statement = (
            update(OUTBOX)
            .where(_CLAIMED, OUTBOX.c.state == State.CLAIMED, gone)
            .values(
                state=case((or_(begun, _TO_BE_REPEATED), State.UNCERTAIN.value), else_=State.DEFERRED.value),
                attempts=OUTBOX.c.attempts + 1,
                doubts=OUTBOX.c.doubts + case((begun, 1), else_=0),
                first_attempt_at=func.coalesce(OUTBOX.c.first_attempt_at, now),
                last_reply=case((begun, DIED_SENDING), else_=DIED_BEFORE),
                not_before=case(
                    (OUTBOX.c.attempts == 0, literal(now, moment)), else_=literal(now + PAUSE_AFTER_DEATHS, moment)
                ),
                # `claimed_by` stays: if the holder lives after all, it may still say what it knows.
                claimed_until=None,
            )
            .returning(*_COLUMNS)
        )
        return [_row(row) for row in self._connection.execute(statement)]

    def claim(self, holder: str, limit: int, seconds: int, now: datetime) -> list[tuple[OutboxRow, bytes]]:
        """Take due rows for delivery, oldest first, and their messages (without files).

        One row for a recipient, its first, and none for whom another is claimed: so everyone gets
        their mails in the order they were decided.
        """
        if self._connection.dialect.name == "postgresql":
            # Rows skipped because another daemon is just locking them would break that order.
            self._connection.execute(_ONE_CLAIM_AT_A_TIME)
        busy = select(OUTBOX.c.recipient_key).where(_CLAIMED)
        due = (
            select(OUTBOX.c.id, OUTBOX.c.recipient_key)
            .where(_WAITING, _TRIABLE, OUTBOX.c.not_before <= now, OUTBOX.c.recipient_key.not_in(busy))
            .order_by(OUTBOX.c.not_before, OUTBOX.c.id)
            .limit(LOOK_AHEAD)
        )
        first: dict[str, int] = {}
        for id, recipient in self._connection.execute(due):
            first[recipient] = min(id, first.get(recipient, id))
        chosen = list(first.values())[:limit]
        if not chosen:
            return []
        taken = (
            update(OUTBOX)
            .where(OUTBOX.c.id.in_(chosen), _TRIABLE)
            .values(
                state=State.CLAIMED, claimed_by=holder, claimed_until=now + timedelta(seconds=seconds), begun_at=None
            )
            .returning(*_COLUMNS, OUTBOX.c.data)
        )
        rows = {row.id: row for row in self._connection.execute(taken)}
        return [(_row(rows[id]), raw.decompress(rows[id].data)) for id in chosen if id in rows]

    def extend(self, ids: Sequence[int], holder: str, seconds: int, now: datetime) -> None:
        """The holder lives and is still at it."""
        self._connection.execute(
            self._held(ids, holder).values(claimed_until=now + timedelta(seconds=seconds)),
        )

    def begin(self, id: int, holder: str, now: datetime) -> bool:
        """The mail itself is about to be sent: from here on a crash leaves it in doubt.

        False when the claim was lost: then it must not be sent.
        """
        return self._connection.execute(self._held([id], holder).values(begun_at=now)).rowcount == 1

    def settle(
        self, id: int, holder: str, state: State, reply: str, now: datetime, not_before: datetime | None = None
    ) -> bool:
        """Write down how an attempt ended. False when the claim was lost meanwhile: then nothing is changed.

        A claim that ran out, but that nobody took over, counts as the holder's own: what it knows beats the doubt.
        """
        doubts = 1 if state is State.UNCERTAIN else 0
        expired = OUTBOX.c.state != State.CLAIMED
        counted = case((expired, 1), else_=0)
        doubted = case((and_(expired, OUTBOX.c.begun_at.is_not(None)), 1), else_=0)
        own = OUTBOX.c.state.in_((State.CLAIMED, *DUE))
        statement = (
            update(OUTBOX)
            .where(OUTBOX.c.id == id, OUTBOX.c.claimed_by == holder, own)
            .values(
                state=state,
                last_reply=reply[:2000],
                attempts=OUTBOX.c.attempts + 1 - counted,
                doubts=OUTBOX.c.doubts + doubts - doubted,
                first_attempt_at=func.coalesce(OUTBOX.c.first_attempt_at, now),
                not_before=not_before or now,
                sent_at=now if state is State.SENT else None,
                claimed_by="",
                claimed_until=None,
            )
        )
        return self._connection.execute(statement).rowcount == 1

    def release(self, ids: Sequence[int], holder: str) -> None:
        """Give claimed rows back as they were: nothing of them was sent."""
        before = case(
            (OUTBOX.c.attempts == 0, State.PENDING.value),
            (_TO_BE_REPEATED, State.UNCERTAIN.value),
            else_=State.DEFERRED.value,
        )
        self._connection.execute(self._held(ids, holder).values(state=before, claimed_by="", claimed_until=None))

    def postpone(self, ids: Sequence[int], holder: str, reply: str, not_before: datetime) -> None:
        """Give claimed rows back for later, with the cause; no attempt is counted, for it is no fault of theirs."""
        self._connection.execute(
            self._held(ids, holder).values(
                state=case((_TO_BE_REPEATED, State.UNCERTAIN.value), else_=State.DEFERRED.value),
                last_reply=reply[:2000],
                not_before=not_before,
                claimed_by="",
                claimed_until=None,
            )
        )

    def next_due(self) -> datetime | None:
        return self._connection.execute(
            select(OUTBOX.c.not_before).where(_WAITING, _TRIABLE).order_by(OUTBOX.c.not_before, OUTBOX.c.id).limit(1)
        ).scalar_one_or_none()

    def retry(self, id: int, now: datetime) -> None:
        """The operator wants another attempt, whatever happened before. Ended in doubt, it waits again."""
        row = self.get(id)
        if row.state in (State.SENT, State.CLAIMED):
            raise UnknownEntry(f"outbox entry {id} is {row.state}; only waiting or failed mails can be retried")
        again = {"state": State.PENDING, "not_before": now, "attempts": 0, "first_attempt_at": None, "claimed_by": ""}
        kept = update(OUTBOX).where(OUTBOX.c.id == id, OUTBOX.c.data.is_not(None)).values(**again)
        if self._connection.execute(kept).rowcount == 0:
            raise UnknownEntry(f"the text of outbox entry {id} was deleted by retention, so it cannot be sent again")

    def drop(self, id: int) -> None:
        """The operator wants it not sent; the row stays, as failed."""
        row = self.get(id)
        if row.state in (State.SENT, State.CLAIMED):
            raise UnknownEntry(f"outbox entry {id} is {row.state} and cannot be dropped")
        self._set(id, state=State.FAILED, last_reply="dropped by the operator")

    def recall(self, journal_id: int) -> int:
        """Take back the customers' mails a mail caused, as far as they were not sent yet; how many."""
        statement = (
            update(OUTBOX)
            .where(
                OUTBOX.c.journal_id == journal_id,
                OUTBOX.c.audience == Audience.CUSTOMER.value,
                OUTBOX.c.state.in_(RECALLABLE),
                OUTBOX.c.attempts + OUTBOX.c.doubts == 0,
            )
            .values(state=State.RECALLED, last_reply="recalled before it was sent")
        )
        return self._connection.execute(statement).rowcount

    def answered(self, message_ids: Sequence[str]) -> tuple[int, int, str] | None:
        """(entry, journal id, notice) of the first of our mails among these ids: what a reply answers."""
        for message_id in message_ids:
            row = self._connection.execute(
                select(OUTBOX.c.entry_id, OUTBOX.c.journal_id, OUTBOX.c.notice).where(OUTBOX.c.message_id == message_id)
            ).first()
            if row is not None:
                return row.entry_id or 0, row.journal_id or 0, row.notice
        return None

    def get(self, id: int) -> OutboxRow:
        row = self._connection.execute(_ROW.where(OUTBOX.c.id == id)).one_or_none()
        if row is None:
            raise UnknownEntry(f"there is no outbox entry {id}")
        return _row(row)

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

    def failed_since(self, moment: datetime) -> int:
        """How many mails were given up since a moment."""
        statement = select(func.count()).where(OUTBOX.c.state == State.FAILED, OUTBOX.c.not_before > moment)
        return int(self._connection.execute(statement).scalar_one())

    def automatic_to(self, address: str, since: datetime, limit: int = 200) -> tuple[datetime, ...]:
        """When automatic mail to an address was decided lately, newest first: what budgets count."""
        rows = self._connection.execute(_AUTOMATIC, {"key": address_key(address), "since": since, "most": limit})
        return tuple(row[0] for row in rows)

    def _held(self, ids: Sequence[int], holder: str) -> Update:
        return update(OUTBOX).where(
            OUTBOX.c.id.in_(list(ids)), OUTBOX.c.state == State.CLAIMED, OUTBOX.c.claimed_by == holder
        )

    def _set(self, id: int, **values: Any) -> None:
        self._connection.execute(update(OUTBOX).where(OUTBOX.c.id == id).values(**values))


def _row(row: Row[Any]) -> OutboxRow:
    values = {name: row._mapping[name] for name in OutboxRow.__dataclass_fields__}
    values["files"] = tuple(
        AttachedFile(f["raw"], f["part"], f["filename"], f["content_type"]) for f in values["files"]
    )
    return OutboxRow(**values)
