"""When each job of the clock ran last and is due next: what keeps two daemons from doing a thing twice."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Table, insert, select, update
from sqlalchemy.exc import IntegrityError

from storage import tables

FIRST_SPAN = timedelta(days=1)
"""What a job that never ran looks back on."""
JOB: Table = tables.table(tables.Job)


@dataclass(frozen=True, slots=True)
class JobRow:
    name: str
    due_at: datetime
    ran_at: datetime | None
    outcome: str


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
        before: datetime = found.ran_at or found.due_at - FIRST_SPAN
        return before

    def note(self, name: str, ran_at: datetime, due_at: datetime, outcome: str) -> None:
        """Write down that a job looked, for `replydesk stats`; an empty outcome keeps the last one that was not."""
        self.introduce(name, due_at)
        values = {"ran_at": ran_at, "due_at": due_at} | ({"outcome": outcome[:500]} if outcome else {})
        self._connection.execute(update(JOB).where(JOB.c.name == name).values(**values))

    def all(self) -> list[JobRow]:
        rows = self._connection.execute(
            select(JOB.c.name, JOB.c.due_at, JOB.c.ran_at, JOB.c.outcome).order_by(JOB.c.name)
        )
        return [JobRow(*row) for row in rows]
