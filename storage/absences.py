"""Agents who are away, and what each has: who is told, and who gets the next request."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, case, delete, func, insert, or_, select

from gateway.core.decision import Away
from gateway.core.lifecycle import Status
from gateway.core.policy import Mailbox, Policy
from gateway.core.shares import Share, Shares
from gateway.mail.message import address_key
from storage.statement import Statement
from storage.tables import AWAY, TICKET

_ALL = Statement(select(AWAY.c.agent, AWAY.c.until, AWAY.c.deputy))


class Absences:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def now(self, now: datetime) -> dict[str, str]:
        """Who is away, by the key of the configured address: their deputy's address; empty: the team."""
        rows = _ALL.rows(self._connection, {})
        return {row.agent: row.deputy for row in rows if row.until is None or row.until > now}

    def note(self, away: Away, now: datetime) -> None:
        """An agent goes, or is back; what is over is forgotten."""
        self._connection.execute(delete(AWAY).where(or_(AWAY.c.agent == away.agent, AWAY.c.until <= now)))
        if not away.back:
            row = {"agent": away.agent, "since": now, "until": away.until, "deputy": away.deputy}
            self._connection.execute(insert(AWAY).values(**row))

    def shares(self, box: Mailbox, policy: Policy, now: datetime) -> Shares | None:
        """What each agent of the mailbox has who is there; None where requests are given to nobody."""
        if box.assign == "nobody":
            return None
        is_open = case((TICKET.c.status != Status.CLOSED.value, 1), else_=0)
        newest = case((TICKET.c.mailbox == box.address, TICKET.c.number), else_=0)
        counted = (
            select(TICKET.c.assignee, func.sum(is_open), func.max(newest))
            .where(TICKET.c.assignee != "")
            .group_by(TICKET.c.assignee)
        )
        found = {address_key(row[0]): Share(row[1], row[2]) for row in self._connection.execute(counted)}
        away = self.now(now)
        keys = (address_key(a.address) for a in policy.agents_for(box.address))
        return {key: found.get(key, Share()) for key in keys if key not in away}
