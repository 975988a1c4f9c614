"""Orders of agents that were carried out, and how things were before, so that `#undo` can bring them back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, exists, insert, or_, select, update

from gateway.core import sides
from gateway.core.act import Act, Said, Undo
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience
from gateway.core.ticket import EntryKind, Role
from storage.outbox import RECALLABLE, State
from storage.seals import added
from storage.tables import ACT, ENTRY, OUTBOX

NEWEST = 200
"""Orders of all agents among which those of one are looked for."""
_USUAL = {field.name: field.default for field in fields(Undo) if field.default is not MISSING}
"""What is not written down: an older daemon beside us knows no fields that were added since; most orders need none."""
_MAYBE_LISTS = ("snoozed", "source_snoozed", "snoozed_after", "tags", "tags_after", "same")


class Acts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def record(self, ticket: int, undo: Undo, entry: int | None, journal_id: int | None, now: datetime) -> None:
        row = {
            "ticket": ticket,
            "agent": undo.agent,
            "at": now,
            "journal_id": journal_id,
            "entry_id": entry,
            "before": {k: v for k, v in asdict(undo).items() if k not in _USUAL or v != _USUAL[k]},
        }
        self._connection.execute(insert(ACT).values(**row))
        added(self._connection, ACT, row)

    def newest(self, ticket: int, agents: frozenset[str], journal_id: int = 0) -> Act | None:
        """What an agent may take back: the order a receipt was about, else the newest one on the ticket."""
        statement = select(ACT).where(ACT.c.agent.in_(sorted(agents)), ACT.c.undone_at.is_(None))
        if journal_id:
            statement = statement.where(ACT.c.journal_id == journal_id)
        else:
            statement = statement.where(ACT.c.ticket == ticket)
        row = self._connection.execute(statement.order_by(ACT.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else self._act(row)

    def waiting(self, ticket: int) -> Act | None:
        """The newest order on a ticket whose mail to a customer waits."""
        waits = exists().where(
            OUTBOX.c.journal_id == ACT.c.journal_id,
            OUTBOX.c.audience == Audience.CUSTOMER.value,
            OUTBOX.c.state == State.PENDING.value,
        )
        statement = select(ACT).where(ACT.c.ticket == ticket, ACT.c.undone_at.is_(None), waits)
        row = self._connection.execute(statement.order_by(ACT.c.id.desc()).limit(1)).one_or_none()
        return None if row is None else self._act(row)

    def _act(self, row: Row[Any]) -> Act:
        # A newer daemon may write down more.
        before = {name: value for name, value in row.before.items() if name in Undo.__dataclass_fields__}
        lists = {name: tuple(before.get(name, ())) for name in ("moved", "hidden", "joined", "strangers", "told")}
        lists |= {name: tuple(before[name]) for name in _MAYBE_LISTS if before.get(name) is not None}
        undo = Undo(**(before | lists | {"status": Status(before["status"])}))
        sent, since = self._sent(row.journal_id), self._answered(row.ticket, row.at)
        newer = self._newer(row.ticket, row.at, undo)
        waits = bool(newer) and not self._answered(row.ticket, newer[-1].created_at)
        ids = tuple(r.id for r in newer)
        return Act(row.id, row.ticket, row.entry_id or 0, row.journal_id or 0, undo, sent, since, ids, waits)

    def said(self, agents: frozenset[str], since: datetime) -> tuple[Said, ...]:
        """What an agent did lately, on any ticket, newest first."""
        newest = select(ACT).order_by(ACT.c.id.desc()).limit(NEWEST).subquery()
        theirs = and_(ENTRY.c.id == newest.c.entry_id, ENTRY.c.author_role == Role.AGENT.value)
        rows = self._connection.execute(
            select(newest.c.at, newest.c.ticket, ENTRY.c.body_text)
            .join(ENTRY, theirs, isouter=True)
            .where(newest.c.agent.in_(sorted(agents)), newest.c.at > since)
            .order_by(newest.c.id.desc())
        )
        return tuple(Said(row.at, row.ticket, row.body_text or "") for row in rows)

    def mark_undone(self, id: int, now: datetime) -> None:
        self._connection.execute(update(ACT).where(ACT.c.id == id).values(undone_at=now))

    def _newer(self, ticket: int, since: datetime, undo: Undo) -> Sequence[Row[Any, Any]]:
        """What has come since and belongs to what was split off or merged."""
        if not (undo.merged or (undo.opened and undo.moved_from)):
            return ()
        came = select(ENTRY.c.id, ENTRY.c.created_at).where(
            ENTRY.c.ticket == ticket, ENTRY.c.created_at > since, ENTRY.c.kind != EntryKind.EVENT.value
        )
        if undo.merged:
            # Of one customer's two tickets nothing tells whose it is, and it is read where it is.
            apart = or_(ENTRY.c.side > 0, ENTRY.c.side == sides.alone(undo.moved_from))
            theirs = select(ENTRY.c.side).where(ENTRY.c.id.in_(undo.moved), apart)
            came = came.where(ENTRY.c.side.in_(theirs))
        return self._connection.execute(came.order_by(ENTRY.c.id)).all()

    def _answered(self, ticket: int, since: datetime) -> bool:
        """An agent's answer is on the ticket since."""
        answer = select(ENTRY.c.id).where(
            ENTRY.c.ticket == ticket,
            ENTRY.c.created_at > since,
            ENTRY.c.kind == EntryKind.CORRESPONDENCE.value,
            ENTRY.c.author_role == Role.AGENT.value,
        )
        return self._connection.execute(answer.limit(1)).first() is not None

    def _sent(self, journal_id: int | None) -> bool:
        """A customer has got a mail of this order, or may have."""
        if not journal_id:
            return True
        left = select(OUTBOX.c.id).where(
            OUTBOX.c.journal_id == journal_id,
            OUTBOX.c.audience.in_((Audience.CUSTOMER.value, Audience.ADVISER.value)),
            OUTBOX.c.state.not_in(RECALLABLE),
        )
        return self._connection.execute(left.limit(1)).first() is not None
