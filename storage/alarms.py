"""What the operator was told: one line per cause, so that a lasting fault is reported once, not each minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.statement import Statement
from storage.tables import ALARM

AGAIN_AFTER = timedelta(hours=1)
NO_RELAY, REFUSED_US = "relay-unavailable", "relay-refuses"
"""Keys of alarms about sending."""
DISK, AUDIT, WORKER, UNHELD = "disk", "audit", "worker", "unheld"
MAILS_HELD, UNCERTAIN = "held", "uncertain:"
"""Those that are over when the operator has decided: of all held mails, and the begin of those of one mail of ours."""
NO_WORKER = "worker-missing"
JOB, CANARY = "job:", "canary:"
"""Begin keys of alarms about the jobs and the probes."""
SOURCE, UNTIDY, UNFETCHED = "source:", "untidy:", "unfetched:"
"""Begin keys of alarms about folders mail is fetched from."""
LASTING = (DISK, AUDIT, WORKER, NO_WORKER, UNHELD, JOB, CANARY, SOURCE, UNTIDY, UNFETCHED)
"""Begin keys of alarms that are over when their cause is, however long that takes."""
EVENT_FOR = timedelta(days=7)
"""An alarm of something that happened, which no news ever ends, is over when it was not told again for so long."""


_INSERTS: Mapping[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_RAISED = Statement(select(ALARM.c.raised_at, ALARM.c.cleared_at).where(ALARM.c.key == bindparam("which")))


@dataclass(frozen=True, slots=True)
class Alarm:
    key: str
    text: str
    raised_at: datetime


class Alarms:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def raise_(self, key: str, text: str, now: datetime) -> bool:
        """Write an alarm down; True when the operator should hear of it now."""
        row = _RAISED.row(self._connection, {"which": key})
        if row is not None and row.cleared_at is None and abs(now - row.raised_at) < AGAIN_AFTER:
            return False
        # Another one may raise it at this very moment: whoever comes second waits, and finds it raised.
        new = _INSERTS[self._connection.dialect.name](ALARM).values(key=key, text=text, raised_at=now)
        told = or_(
            ALARM.c.cleared_at.is_not(None),
            ALARM.c.raised_at <= now - AGAIN_AFTER,
            ALARM.c.raised_at >= now + AGAIN_AFTER,
        )
        again = {"text": text, "raised_at": now, "cleared_at": None}
        raised = new.on_conflict_do_update(index_elements=["key"], set_=again, where=told).returning(ALARM.c.key)
        return self._connection.execute(raised).first() is not None

    def clear(self, key: str, now: datetime) -> bool:
        """The cause is gone; True when it was raised before."""
        statement = update(ALARM).where(ALARM.c.key == key, ALARM.c.cleared_at.is_(None)).values(cleared_at=now)
        return self._connection.execute(statement).rowcount == 1

    def end_events(self, now: datetime) -> int:
        """Those of what happened long ago: mail that bounced, a loop, a storm. A state lasts until it is over."""
        states = (*LASTING, MAILS_HELD, UNCERTAIN, NO_RELAY, REFUSED_US)
        lasts = or_(*(ALARM.c.key.startswith(begin, autoescape=True) for begin in states))
        old = update(ALARM).where(ALARM.c.cleared_at.is_(None), ALARM.c.raised_at <= now - EVENT_FOR, ~lasts)
        return self._connection.execute(old.values(cleared_at=now)).rowcount

    def is_open(self, key: str) -> bool:
        """Raised, and not over yet."""
        row = _RAISED.row(self._connection, {"which": key})
        return row is not None and row.cleared_at is None

    def open(self) -> list[Alarm]:
        rows = self._connection.execute(
            select(ALARM.c.key, ALARM.c.text, ALARM.c.raised_at)
            .where(ALARM.c.cleared_at.is_(None))
            .order_by(ALARM.c.raised_at.desc())
        )
        return [Alarm(*row) for row in rows]
