"""Probes that were sent, which came back, and how that went.

What is a week old goes, with the mails it was made of: figures are for Prometheus to keep.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, exists, func, insert, or_, select, update

from gateway.core.decision import Returned
from gateway.core.kept import Probe
from gateway.core.notice import Notice
from gateway.core.token import Named
from storage.births import new_birth
from storage.erasure.steps import Erasure
from storage.journal import SETTLED
from storage.outbox import OPEN
from storage.tables import JOURNAL, OUTBOX, PROBE

BATCH = 500


class Probes:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def is_due(self, mailbox: str, since: datetime, now: datetime) -> bool:
        """None was sent between two moments, and none still waits in the outbox: one more would say no more."""
        sent = select(PROBE.c.id).where(
            PROBE.c.mailbox == mailbox, PROBE.c.sent_at.between(since, now), PROBE.c.sent_at != since
        )
        waits = OUTBOX.c.state.in_(OPEN)
        waiting = select(PROBE.c.id).where(
            PROBE.c.mailbox == mailbox, exists().where(OUTBOX.c.id == PROBE.c.outbox_id, waits)
        )
        return all(self._connection.execute(s.limit(1)).first() is None for s in (sent, waiting))

    def add(self, mailbox: str, now: datetime) -> Named:
        birth = new_birth()
        row = insert(PROBE).values(mailbox=mailbox, birth=birth, sent_at=now, faults=[], outcome="")
        return Named(int(self._connection.execute(row.returning(PROBE.c.id)).scalar_one()), birth)

    def sent(self, id: int, outbox_id: int) -> None:
        self._connection.execute(update(PROBE).where(PROBE.c.id == id).values(outbox_id=outbox_id))

    def returned(self, found: Returned, journal_id: int, now: datetime) -> None:
        """It came back; of two arrivals the first counts. One that was missing is looked at anew."""
        self._connection.execute(
            update(PROBE)
            .where(
                PROBE.c.id == found.probe.number,
                PROBE.c.birth == found.probe.birth,
                PROBE.c.returned_at.is_(None),
            )
            .values(returned_at=now, faults=list(found.faults), journal_id=journal_id, outcome="")
        )

    def unsettled(self, missing_before: datetime) -> list[Probe]:
        """Those that came back, or did not in time, and whose outcome nobody wrote down yet; oldest first."""
        due = or_(PROBE.c.returned_at.is_not(None), PROBE.c.sent_at < missing_before)
        statement = select(PROBE).where(PROBE.c.outcome == "", due).order_by(PROBE.c.id).limit(BATCH)
        return [_probe(row) for row in self._connection.execute(statement.with_for_update(skip_locked=True))]

    def settle(self, id: int, outcome: str) -> None:
        self._connection.execute(update(PROBE).where(PROBE.c.id == id).values(outcome=outcome))

    def is_newest(self, probe: Probe) -> bool:
        """How a later one of its mailbox went is not known yet."""
        later = and_(PROBE.c.mailbox == probe.mailbox, PROBE.c.id > probe.id, PROBE.c.outcome != "")
        return self._connection.execute(select(PROBE.c.id).where(later).limit(1)).first() is None

    def latest(self) -> list[Probe]:
        """The newest of each mailbox that came back."""
        newest = (
            select(func.max(PROBE.c.id)).where(PROBE.c.returned_at.is_not(None)).group_by(PROBE.c.mailbox)
        ).scalar_subquery()
        rows = self._connection.execute(select(PROBE).where(PROBE.c.id.in_(newest)).order_by(PROBE.c.mailbox))
        return [_probe(row) for row in rows]

    def prune(self, before: datetime, now: datetime) -> int:
        """Old probes, their mails in the outbox and the bytes of those that came back."""
        old = select(PROBE.c.id, PROBE.c.outbox_id, PROBE.c.journal_id).where(PROBE.c.sent_at < before)
        rows = self._connection.execute(old.order_by(PROBE.c.id).limit(BATCH).with_for_update(skip_locked=True)).all()
        if not rows:
            return 0
        erasure = Erasure(self._connection)
        mails = [row.journal_id for row in rows if row.journal_id]
        raws = select(JOURNAL.c.sha256).where(JOURNAL.c.id.in_(mails), JOURNAL.c.state == SETTLED)
        bytes_ = [sha for sha in self._connection.execute(raws).scalars() if sha]
        self._connection.execute(delete(PROBE).where(PROBE.c.id.in_([row.id for row in rows])))
        final = select(OUTBOX.c.id).where(
            OUTBOX.c.id.in_([row.outbox_id for row in rows if row.outbox_id]),
            OUTBOX.c.notice == Notice.CANARY.value,
            OUTBOX.c.state.not_in(OPEN),
        )
        erasure.blank_journal(mails, now)
        erasure.delete_outbox(list(self._connection.execute(final).scalars()))
        erasure.drop_raw(bytes_)
        return len(rows)


def _probe(row: Row[Any]) -> Probe:
    found = row._mapping
    faults = tuple(found["faults"])
    return Probe(found["id"], found["mailbox"], found["sent_at"], found["returned_at"], faults, found["outcome"])
