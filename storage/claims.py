"""Who has which mail in hand: claim, begin, settle, and what becomes of it when the holder dies.

A mail is in one hand at a time, and of each recipient one about each ticket, so that everyone gets what
concerns one matter in the order it was decided. What ended without our knowing whether the mail arrived is
`uncertain`: it is tried once more, and when that ends in doubt too only the operator moves it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    Connection,
    Integer,
    and_,
    bindparam,
    case,
    func,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.sql.dml import Update

from storage import raw
from storage.conditions import OUTBOX_CLAIMED, OUTBOX_WAITING
from storage.outbox import COLUMNS, DOUBTS, DUE, OutboxEntry, State, read
from storage.statement import Statement
from storage.tables import OUTBOX

LOOK_AHEAD = 256
"""Due rows among which recipients are chosen; bounds the work of one claim."""
SIDE_BY_SIDE = 4
"""Mails of one recipient in hand at once, each about another ticket: a slow relay makes no agent wait for hours, and
nobody else either."""
PAUSE_AFTER_DEATHS = timedelta(minutes=1)
FURTHEST = timedelta(hours=24)
"""No mail waits for its next attempt so long, and no claim lasts so long."""
DIED_SENDING = "whoever was sending it stopped without saying how far it came"
DIED_BEFORE = "whoever was about to send it stopped"

_WAITING = text(OUTBOX_WAITING)
_CLAIMED = text(OUTBOX_CLAIMED)
_TRIABLE = and_(OUTBOX.c.state.in_(DUE), or_(OUTBOX.c.state != State.UNCERTAIN, OUTBOX.c.doubts <= DOUBTS))
_TO_BE_REPEATED = and_(OUTBOX.c.doubts > 0, OUTBOX.c.doubts <= DOUBTS)
_MATTER = func.coalesce(OUTBOX.c.ticket, 0)
_IN_HAND = select(OUTBOX.c.recipient_key, _MATTER).where(_CLAIMED)
_MANY_IN_HAND = (
    select(OUTBOX.c.recipient_key).where(_CLAIMED).group_by(OUTBOX.c.recipient_key).having(func.count() >= SIDE_BY_SIDE)
)
_HELD = Statement(
    select(OUTBOX.c.recipient_key, func.count().label("mails")).where(_CLAIMED).group_by(OUTBOX.c.recipient_key)
)
_NEXT = Statement(
    select(OUTBOX.c.id, OUTBOX.c.recipient_key, _MATTER.label("matter"))
    .where(
        _WAITING,
        _TRIABLE,
        OUTBOX.c.not_before <= bindparam("now"),
        OUTBOX.c.recipient_key.not_in(_MANY_IN_HAND),
        tuple_(OUTBOX.c.recipient_key, _MATTER).not_in(_IN_HAND),
    )
    .order_by(OUTBOX.c.not_before, OUTBOX.c.id)
    .limit(LOOK_AHEAD)
)
_TAKE = Statement(
    update(OUTBOX)
    .where(OUTBOX.c.id.in_(bindparam("ids", expanding=True)), _TRIABLE)
    .values(state=State.CLAIMED, claimed_by=bindparam("holder"), claimed_until=bindparam("until"), begun_at=None)
    .returning(*COLUMNS, OUTBOX.c.data)
)
_OURS = and_(OUTBOX.c.id == bindparam("row"), OUTBOX.c.claimed_by == bindparam("holder"))
_BEGIN = Statement(update(OUTBOX).where(_OURS, OUTBOX.c.state == State.CLAIMED).values(begun_at=bindparam("now")))
_EXPIRED = OUTBOX.c.state != State.CLAIMED
_COUNTED = case((_EXPIRED, 1), else_=0)
"""An attempt, and a doubt, that were written down when the claim expired."""
_DOUBTED = case((and_(_EXPIRED, OUTBOX.c.begun_at.is_not(None)), 1), else_=0)
_SETTLE = Statement(
    update(OUTBOX)
    .where(_OURS, OUTBOX.c.state.in_((State.CLAIMED, *DUE)))
    .values(
        state=bindparam("to"),
        last_reply=bindparam("reply"),
        attempts=OUTBOX.c.attempts + 1 - _COUNTED,
        doubts=OUTBOX.c.doubts + bindparam("doubt", type_=Integer) - _DOUBTED,
        first_attempt_at=func.coalesce(OUTBOX.c.first_attempt_at, bindparam("now", type_=OUTBOX.c.created_at.type)),
        not_before=bindparam("again_at"),
        sent_at=bindparam("sent"),
        claimed_by="",
        claimed_until=None,
    )
)
_NEXT_DUE = Statement(
    select(OUTBOX.c.not_before).where(_WAITING, _TRIABLE).order_by(OUTBOX.c.not_before, OUTBOX.c.id).limit(1)
)
_ONE_CLAIM_AT_A_TIME = text("SELECT pg_advisory_xact_lock(hashtextextended('outbox', 0))")


class Claims:
    """What the send loop does with the outbox."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def expire(self, now: datetime, dead: Sequence[str] = ()) -> list[OutboxEntry]:
        """Give up the claims of holders that died; `dead` names some known to be gone. Returns those rows.

        A mail that was not begun waits like a deferred one, the others are `uncertain`. The first time
        it is tried again at once; what died twice may be what kills, and lets the others go first.
        """
        # A clock that was wrong wrote down times that are further away than any of ours, and those yet to come at which
        # a mail was to leave at once.
        wrong = or_(OUTBOX.c.not_before > now + FURTHEST, OUTBOX.c.not_before <= OUTBOX.c.created_at)
        early = update(OUTBOX).where(_WAITING, OUTBOX.c.not_before > now, wrong)
        self._connection.execute(early.values(not_before=now))
        until = OUTBOX.c.claimed_until
        gone = or_(until < now, until > now + FURTHEST, OUTBOX.c.claimed_by.in_(list(dead)))
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
            .returning(*COLUMNS)
        )
        return [read(row) for row in self._connection.execute(statement)]

    def take(self, holder: str, limit: int, seconds: int, now: datetime) -> list[tuple[OutboxEntry, bytes]]:
        """Take due rows for delivery, oldest first, and their messages (without files).

        Of a recipient's mails about one ticket the first, and none while another of them is claimed: so everyone
        gets what concerns one matter in the order it was decided.
        """
        if self._connection.dialect.name == "postgresql":
            # Rows skipped because another daemon is just locking them would break that order.
            self._connection.execute(_ONE_CLAIM_AT_A_TIME)
        first: dict[tuple[str, int], int] = {}
        for id, recipient, matter in _NEXT.rows(self._connection, {"now": now}):
            first[recipient, matter] = min(id, first.get((recipient, matter), id))
        if not first:
            return []
        held = Counter({row.recipient_key: row.mails for row in _HELD.rows(self._connection, {})})
        chosen = []
        for (recipient, _), id in first.items():
            if held[recipient] < SIDE_BY_SIDE:
                held[recipient] += 1
                chosen.append(id)
        chosen = chosen[:limit]
        until = now + timedelta(seconds=seconds)
        taken = _TAKE.rows(self._connection, {"ids": chosen, "holder": holder, "until": until})
        rows = {row.id: row for row in taken}
        return [(read(rows[id]), raw.decompress(rows[id].data)) for id in chosen if id in rows]

    def extend(self, ids: Sequence[int], holder: str, seconds: int, now: datetime) -> None:
        """The holder lives and is still at it."""
        self._connection.execute(
            self._held(ids, holder).values(claimed_until=now + timedelta(seconds=seconds)),
        )

    def begin(self, id: int, holder: str, now: datetime) -> bool:
        """The mail itself is about to be sent: from here on a crash leaves it in doubt.

        False when the claim was lost: then it must not be sent.
        """
        return _BEGIN.run(self._connection, {"row": id, "holder": holder, "now": now}) == 1

    def settle(
        self, id: int, holder: str, state: State, reply: str, *, now: datetime, not_before: datetime | None = None
    ) -> bool:
        """Write down how an attempt ended. False when the claim was lost meanwhile: then nothing is changed.

        A claim that ran out, but that nobody took over, counts as the holder's own: what it knows beats the doubt.
        """
        values = {
            "row": id,
            "holder": holder,
            "now": now,
            "to": state.value,
            "reply": reply[:2000],
            "doubt": int(state is State.UNCERTAIN),
            "again_at": not_before or now,
            "sent": now if state is State.SENT else None,
        }
        return _SETTLE.run(self._connection, values) == 1

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
        due: datetime | None = _NEXT_DUE.scalar(self._connection, {})
        return due

    def _held(self, ids: Sequence[int], holder: str) -> Update:
        return update(OUTBOX).where(
            OUTBOX.c.id.in_(list(ids)), OUTBOX.c.state == State.CLAIMED, OUTBOX.c.claimed_by == holder
        )
