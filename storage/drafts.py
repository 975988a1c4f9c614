"""Agents' mails that were not carried out: each waits as a draft until its agent sends or drops it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from gateway.core.decision import AgentView, Doubt, Draft, NewDraft
from storage.tables import DRAFT

KEPT_FOR = timedelta(days=30)
OPEN, SENT, DROPPED = "open", "sent", "dropped"


class Drafts:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def keep(self, journal_id: int, ticket: int | None, keep: NewDraft, view: AgentView | None, now: datetime) -> None:
        """Write a draft down; one that was let go and is still in doubt waits anew."""
        values: dict[str, Any] = {
            "ticket": ticket,
            "agent": keep.agent,
            "doubt": keep.doubt.value,
            "at": now,
            "until": now + KEPT_FOR,
            "view": write_view(view),
            "state": OPEN,
        }
        mine = DRAFT.c.journal_id == journal_id
        if self._connection.execute(update(DRAFT).where(mine).values(**values)).rowcount == 0:
            self._connection.execute(insert(DRAFT).values(journal_id=journal_id, **values))

    def find(self, id: int, agents: frozenset[str]) -> Draft | None:
        """A draft of one of these agents, locked until the transaction ends."""
        mine = select(DRAFT).where(DRAFT.c.journal_id == id, DRAFT.c.agent.in_(sorted(agents))).with_for_update()
        row = self._connection.execute(mine).one_or_none()
        return None if row is None else _draft(row)

    def end(self, id: int, state: str, now: datetime) -> None:
        self._connection.execute(update(DRAFT).where(DRAFT.c.journal_id == id).values(state=state, ended_at=now))

    def waiting(self, now: datetime, agents: frozenset[str] | None = None) -> list[Draft]:
        """All that wait, of everybody or of these agents; newest first."""
        statement = select(DRAFT).where(DRAFT.c.state == OPEN, DRAFT.c.until > now).order_by(DRAFT.c.journal_id.desc())
        if agents is not None:
            statement = statement.where(DRAFT.c.agent.in_(sorted(agents)))
        return [_draft(row) for row in self._connection.execute(statement)]


def write_view(view: AgentView | None) -> dict[str, Any] | None:
    return None if view is None else {"entry": view.entry, "reaches": list(view.reaches)}


def read_view(values: dict[str, Any] | None) -> AgentView | None:
    return None if not values else AgentView(int(values["entry"]), tuple(values["reaches"]))


def _draft(row: Row[Any]) -> Draft:
    return Draft(
        id=row.journal_id,
        agent=row.agent,
        doubt=Doubt(row.doubt),
        at=row.at,
        until=row.until,
        ticket=row.ticket or 0,
        view=read_view(row.view),
        state=row.state,
    )
