"""When each job of the clock ran last and is due next: what keeps two daemons from doing a thing twice."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage.tables import JOB

FIRST_SPAN = timedelta(days=1)
"""What a job that never ran looks back on."""


@dataclass(frozen=True, slots=True)
class JobState:
    name: str
    due_at: datetime
    ran_at: datetime | None
    outcome: str
    """What the newest run did that did anything; while it fails, why."""
    outcome_at: datetime | None
    failing_since: datetime | None

    def waits(self, now: datetime, latest: datetime) -> bool:
        """It did not fail, and is due at a time to come that no wrong clock wrote down."""
        return self.failing_since is None and now < self.due_at <= latest


_ROW = select(*(JOB.c[f.name] for f in fields(JobState)))
PROBE = "probe"
"""Stands among the jobs and is none: the row that is written to see whether writing works."""


class Jobs:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def introduce(self, name: str, due_at: datetime) -> None:
        """Write a job down the first time it is seen."""
        if self._connection.execute(select(JOB.c.name).where(JOB.c.name == name)).first() is not None:
            return
        try:
            with self._connection.begin_nested():
                self._connection.execute(insert(JOB).values(name=name, due_at=due_at, outcome=""))
        except IntegrityError:
            # Another daemon was quicker; its row is as good as ours.
            return

    def claim(self, name: str, now: datetime, next_at: datetime) -> datetime | None:
        """Take a due job, and say when it ran before; None when it is not due or taken.

        In the transaction of its effects a crash gives the claim back.
        """
        found = self._connection.execute(
            select(JOB.c.ran_at, JOB.c.due_at).where(JOB.c.name == name, JOB.c.due_at <= now).with_for_update()
        ).first()
        if found is None:
            return None
        self._connection.execute(update(JOB).where(JOB.c.name == name).values(due_at=next_at, ran_at=now))
        # A clock that was wrong may have written down a time that is yet to come.
        before: datetime = found.ran_at if found.ran_at and found.ran_at <= now else found.due_at - FIRST_SPAN
        return before

    def no_later(self, name: str, latest: datetime) -> None:
        """A next run later than one can be was written down by a clock that was wrong."""
        too_late = update(JOB).where(JOB.c.name == name, JOB.c.due_at > latest)
        self._connection.execute(too_late.values(due_at=latest))

    def ran_at(self, name: str) -> datetime | None:
        """When it ran last."""
        return self._connection.execute(select(JOB.c.ran_at).where(JOB.c.name == name)).scalar_one_or_none()

    def plan(self, name: str, due_at: datetime, ran_at: datetime) -> None:
        """It is due then, unless it has run since."""
        same = update(JOB).where(JOB.c.name == name, JOB.c.ran_at == ran_at, JOB.c.due_at != due_at)
        self._connection.execute(same.values(due_at=due_at))

    def ran(self, name: str, now: datetime, due_at: datetime) -> None:
        """A job looked, and will look again."""
        self.introduce(name, due_at)
        self._connection.execute(update(JOB).where(JOB.c.name == name).values(ran_at=now, due_at=due_at))

    def did(self, name: str, outcome: str, now: datetime) -> None:
        """What it did; the newest run that did nothing does not hide it."""
        self._connection.execute(update(JOB).where(JOB.c.name == name).values(outcome=outcome[:500], outcome_at=now))

    def fail(self, name: str, cause: str, now: datetime) -> bool:
        """A run failed; True when the one before had not."""
        self.introduce(name, now)
        first = update(JOB).where(JOB.c.name == name, JOB.c.failing_since.is_(None)).values(failing_since=now)
        begins = self._connection.execute(first).rowcount == 1
        self.did(name, cause, now)
        return begins

    def recover(self, name: str) -> datetime | None:
        """A run went well; since when those before had failed, if they had."""
        failing = select(JOB.c.failing_since).where(JOB.c.name == name, JOB.c.failing_since.is_not(None))
        since: datetime | None = self._connection.execute(failing.with_for_update()).scalar_one_or_none()
        if since is not None:
            well = update(JOB).where(JOB.c.name == name)
            self._connection.execute(well.values(failing_since=None, outcome="", outcome_at=None))
        return since

    def forget(self, name: str) -> None:
        """A job that is switched off has no next run."""
        self._connection.execute(delete(JOB).where(JOB.c.name == name))

    def is_written(self, now: datetime) -> None:
        """Writes something that changes nothing: whether the database still takes what is written."""
        self.introduce(PROBE, now)
        self._connection.execute(update(JOB).where(JOB.c.name == PROBE).values(due_at=now))

    def find(self, name: str) -> JobState | None:
        row = self._connection.execute(_ROW.where(JOB.c.name == name)).one_or_none()
        return None if row is None else JobState(*row)

    def all(self) -> list[JobState]:
        rows = self._connection.execute(_ROW.where(JOB.c.name != PROBE).order_by(JOB.c.name))
        return [JobState(*row) for row in rows]
