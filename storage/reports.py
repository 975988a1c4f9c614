"""What the store knows for the report: the tickets that were open or in use in a period, each as what counts of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, or_, select

from gateway.core.lifecycle import Status
from gateway.core.report import CountedTicket
from gateway.core.ticket import CUSTOMERS, EntryKind, Role
from storage.tables import ENTRY, RATING, TICKET
from storage.threads import REOPENED

BATCH = 500
UNKNOWN = "?"


class Reports:
    """Reads, and changes nothing."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def facts(self, since: datetime, until: datetime) -> Iterator[CountedTicket]:
        """One at a time, so that a large desk is not held in memory. Spam and merged tickets are left out: the one they
        went into has their mails."""
        wanted = (
            or_(TICKET.c.last_activity_at >= since, TICKET.c.status != Status.CLOSED.value),
            TICKET.c.created_at < until,
            TICKET.c.merged_into.is_(None),
            ~TICKET.c.spam,
        )
        columns = ("number", "created_at", "mailbox", "assignee", "tags", "status")
        tickets = select(*(TICKET.c[name] for name in columns)).where(*wanted).order_by(TICKET.c.number)
        with self._connection.execution_options(yield_per=BATCH).execute(tickets) as found:
            for rows in found.partitions():
                yield from self._batch(rows)

    def _batch(self, tickets: Sequence[Row[Any]]) -> list[CountedTicket]:
        numbers = [t.number for t in tickets]
        said: dict[int, list[tuple[datetime, str]]] = {}
        reopened: dict[int, list[datetime]] = {}
        counted = or_(ENTRY.c.kind == EntryKind.CORRESPONDENCE.value, ENTRY.c.event == REOPENED)
        columns = ("ticket", "created_at", "author_address", "author_role", "event", "collapsed")
        entries = select(*(ENTRY.c[name] for name in columns))
        for row in self._connection.execute(entries.where(ENTRY.c.ticket.in_(numbers), counted).order_by(ENTRY.c.id)):
            if row.event == REOPENED:
                reopened.setdefault(row.ticket, []).append(row.created_at)
            elif not row.collapsed and (row.author_role == Role.AGENT.value or row.author_role in CUSTOMERS):
                # An agent whose address was erased is one all the same.
                by = (row.author_address or UNKNOWN) if row.author_role == Role.AGENT.value else ""
                said.setdefault(row.ticket, []).append((row.created_at, by))
        asked = select(RATING.c.ticket, RATING.c.value, RATING.c.rated_at).where(RATING.c.ticket.in_(numbers))
        rated = {row.ticket: row for row in self._connection.execute(asked)}
        return [
            CountedTicket(
                t.created_at,
                t.mailbox,
                t.assignee,
                tuple(t.tags),
                t.status != Status.CLOSED.value,
                tuple(said.get(t.number, ())),
                tuple(reopened.get(t.number, ())),
                rated[t.number].value if t.number in rated else None,
                rated[t.number].rated_at if t.number in rated else None,
            )
            for t in tickets
        ]
