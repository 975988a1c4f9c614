"""What the operator was told: one line per cause, so that a lasting fault is reported once, not each minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, insert, select, update

from storage.statement import Statement
from storage.tables import ALARM

AGAIN_AFTER = timedelta(hours=1)
NO_RELAY, REFUSED_US = "relay-unavailable", "relay-refuses"
"""Keys of alarms about sending."""
DISK, AUDIT, WORKER = "disk", "audit", "worker"
JOB, CANARY = "job:", "canary:"
"""Begin keys of alarms about the jobs and the probes."""


_RAISED = Statement(select(ALARM.c.raised_at, ALARM.c.cleared_at).where(ALARM.c.key == bindparam("which")))


@dataclass(frozen=True, slots=True)
class Alarm:
    key: str
    text: str
    raised_at: datetime
    cleared_at: datetime | None


class Alarms:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_(self, key: str, text: str, now: datetime) -> bool:
        """Write an alarm down; True when the operator should hear of it now."""
        row = _RAISED.row(self._connection, {"which": key})
        if row is None:
            self._connection.execute(insert(ALARM).values(key=key, text=text, raised_at=now))
            return True
        due = row.cleared_at is not None or abs(now - row.raised_at) >= AGAIN_AFTER
        if due:
            self._connection.execute(
                update(ALARM).where(ALARM.c.key == key).values(text=text, raised_at=now, cleared_at=None)
            )
        return due

    def clear(self, key: str, now: datetime) -> bool:
        """The cause is gone; True when it was raised before."""
        statement = update(ALARM).where(ALARM.c.key == key, ALARM.c.cleared_at.is_(None)).values(cleared_at=now)
        return self._connection.execute(statement).rowcount == 1

    def open(self) -> list[Alarm]:
        rows = self._connection.execute(
            select(ALARM.c.key, ALARM.c.text, ALARM.c.raised_at, ALARM.c.cleared_at)
            .where(ALARM.c.cleared_at.is_(None))
            .order_by(ALARM.c.raised_at.desc())
        )
        return [Alarm(*row) for row in rows]
