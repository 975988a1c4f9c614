"""What customers said of how their tickets went: one row for a ticket, asked once per closing."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, or_, select, update

from gateway.core.lifecycle import Status
from gateway.core.notice import Notice
from gateway.core.rating import CustomerRating
from gateway.core.reason import Reason
from gateway.core.thread import ThreadKeys
from gateway.core.ticket import Ticket
from gateway.mail.sentence import code
from storage.tables import ENTRY, OUTBOX, RATING, TICKET


class Ratings:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def candidates(self, closed_after: datetime, closed_before: datetime) -> list[int]:
        """Numbers of all tickets closed in between and not asked about since; `rating.ask` says whether they are."""
        asked = and_(RATING.c.ticket == TICKET.c.number, RATING.c.asked_at >= TICKET.c.closed_at)
        rows = self._connection.execute(
            select(TICKET.c.number)
            .where(
                TICKET.c.status == Status.CLOSED.value,
                TICKET.c.closed_at > closed_after,
                TICKET.c.closed_at <= closed_before,
                TICKET.c.merged_into.is_(None),
                or_(TICKET.c.spam.is_(None), ~TICKET.c.spam),
                ~select(RATING.c.ticket).where(asked).exists(),
            )
            .order_by(TICKET.c.closed_at)
        )
        return [number for (number,) in rows]

    def first_reason(self, number: int) -> str:
        """Why the ticket began; where it began with a mail that was recalled, that it was."""
        statement = select(ENTRY.c.reason, ENTRY.c.remarks).where(ENTRY.c.ticket == number).order_by(ENTRY.c.id)
        row = self._connection.execute(statement.limit(1)).one_or_none()
        if row is None:
            return ""
        return Reason.AGENT_UNDOES.value if code("recalled") in (row.remarks or ()) else str(row.reason or "")

    def find(self, number: int) -> CustomerRating | None:
        row = self._connection.execute(select(RATING).where(RATING.c.ticket == number)).one_or_none()
        return None if row is None else _answer(row)

    def answered(self, keys: ThreadKeys, ticket: Ticket | None) -> CustomerRating | None:
        """The question that a mail on a closed ticket answers; the newest one, where it was asked again."""
        if ticket is None or ticket.status is not Status.CLOSED:
            return None
        own = [key.message_id for key in keys.found if key.message_id and key.number == ticket.number]
        asking = OUTBOX.c.message_id.in_(own), OUTBOX.c.notice == Notice.RATING_REQUEST.value
        asks = self._connection.execute(select(OUTBOX.c.created_at).where(*asking)).first() if own else None
        found = self.find(ticket.number) if asks else None
        return found if found and asks and asks.created_at >= found.asked_at else None

    def ask(self, number: int, scale: str, now: datetime) -> None:
        """A question goes out. An answer to an earlier one stands until this one is answered."""
        asked = {"scale": scale, "asked_at": now, "told": 0}
        changed = self._connection.execute(update(RATING).where(RATING.c.ticket == number).values(**asked))
        if not changed.rowcount:
            self._connection.execute(insert(RATING).values(ticket=number, comment="", **asked))

    def rate(self, before: CustomerRating, value: int, comment: str, told: bool, now: datetime) -> None:
        """Write the answer down; `told`: the leads hear of it."""
        when: dict[str, Any] = {"changed_at": now} if before.answered else {"rated_at": now, "changed_at": None}
        self._connection.execute(
            update(RATING)
            .where(RATING.c.ticket == before.ticket)
            .values(value=value, comment=comment, told=RATING.c.told + int(told), **when)
        )

    def answers(self, since: datetime, until: datetime) -> tuple[int, list[int]]:
        """How many were asked in a period, and the answers given in it."""
        asked = select(func.count()).where(RATING.c.asked_at > since, RATING.c.asked_at <= until)
        given = select(RATING.c.value).where(RATING.c.rated_at > since, RATING.c.rated_at <= until)
        values = [value for (value,) in self._connection.execute(given) if value is not None]
        return int(self._connection.execute(asked).scalar_one()), values


def _answer(row: Row[Any]) -> CustomerRating:
    return CustomerRating(**{name: row._mapping[name] for name in CustomerRating.__dataclass_fields__})
