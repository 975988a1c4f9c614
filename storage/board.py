"""What the board is made from, and what is remembered of it: nothing that could not be found out anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from gateway.core.decision import AgentView
from gateway.core.kept import CardFacts
from gateway.core.lifecycle import Status
from storage.board_tables import BOARD, CARD
from storage.drafts import read_view, write_view
from storage.tables import CONTACT, ENTRY, TICKET

NAME = "board"
REMEMBERED = timedelta(days=90)
"""How long after it was replaced a card may still be answered with what it told being known."""

_NEWEST_ENTRY = select(func.max(ENTRY.c.id)).where(ENTRY.c.ticket == TICKET.c.number).scalar_subquery()
_FACTS = select(
    TICKET.c.number,
    TICKET.c.birth,
    TICKET.c.status,
    TICKET.c.sub_status,
    TICKET.c.assignee,
    TICKET.c.subject,
    TICKET.c.snoozed_until,
    CONTACT.c.name,
    CONTACT.c.address,
    _NEWEST_ENTRY.label("newest_entry"),
).join(CONTACT, CONTACT.c.id == TICKET.c.requester_id)


@dataclass(frozen=True, slots=True)
class BoardState:
    """Who keeps the board, and how that goes."""

    holder: str
    until: datetime
    folders: Mapping[str, str] = field(default_factory=dict)
    rebuild: bool = False
    looked_at: datetime | None = None
    said: str = ""


class Board:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- who keeps it -----------------------------------------------------------------------

    def hold(self, holder: str, now: datetime, until: datetime) -> bool:
        """Take or keep the board. False: another daemon has it."""
        self._ensure(now)
        furthest = until + (until - now)
        free = or_(BOARD.c.holder.in_(("", holder)), BOARD.c.until < now, BOARD.c.until > furthest)
        mine = update(BOARD).where(BOARD.c.name == NAME, free).values(holder=holder, until=until)
        return self._connection.execute(mine).rowcount == 1

    def release(self, holder: str) -> None:
        self._set(BOARD.c.holder == holder, holder="")

    def state(self) -> BoardState | None:
        row = self._connection.execute(select(BOARD).where(BOARD.c.name == NAME)).one_or_none()
        if row is None:
            return None
        return BoardState(row.holder, row.until, dict(row.folders), bool(row.rebuild), row.looked_at, row.said)

    def looked(self, said: str, now: datetime) -> None:
        self._set(BOARD.c.name == NAME, looked_at=now, said=said[:500])

    def made(self, folders: Mapping[str, str]) -> None:
        """These folders are ours from now on."""
        self._set(BOARD.c.name == NAME, folders=dict(folders))

    def rebuild(self, wanted: bool, now: datetime) -> None:
        """Every card is to be written anew, or was."""
        self._ensure(now)
        self._set(BOARD.c.name == NAME, rebuild=wanted)

    # --- what is wanted ---------------------------------------------------------------------

    def newest(self) -> tuple[int, int]:
        """Changes when anything happened on a ticket."""
        row = self._connection.execute(
            select(select(func.max(ENTRY.c.id)).scalar_subquery(), select(func.max(TICKET.c.number)).scalar_subquery())
        ).one()
        return row[0] or 0, row[1] or 0

    def facts(self, closed_since: datetime) -> list[CardFacts]:
        """Of every ticket that is shown: all open ones, and those closed lately."""
        lately = or_(TICKET.c.status != Status.CLOSED.value, TICKET.c.closed_at >= closed_since)
        return self._facts(and_(lately, _shown()))

    def facts_of(self, number: int) -> CardFacts | None:
        found = self._facts(and_(TICKET.c.number == number, _shown()))
        return found[0] if found else None

    def _facts(self, which: Any) -> list[CardFacts]:
        rows = self._connection.execute(_FACTS.where(which).order_by(TICKET.c.number))
        return [
            CardFacts(
                number=row.number,
                birth=row.birth,
                status=Status(row.status),
                sub_status=row.sub_status,
                assignee=row.assignee,
                subject=row.subject,
                requester=f"{row.name} <{row.address}>",
                newest_entry=row.newest_entry or 0,
                snoozed_until=row.snoozed_until,
            )
            for row in rows
        ]

    # --- cards ------------------------------------------------------------------------------

    def remember(
        self, message_id: str, ticket: int, version: str, *, entry: int, news: int, view: AgentView, now: datetime
    ) -> None:
        """A card is about to be written; what older ones told is forgotten after a time."""
        old = delete(CARD).where(CARD.c.ticket == ticket, CARD.c.written_at < now - REMEMBERED)
        self._connection.execute(old)
        values = {"entry_id": entry, "news": news, "view": write_view(view), "written_at": now}
        again = update(CARD).where(CARD.c.message_id == message_id).values(**values)
        if self._connection.execute(again).rowcount == 0:
            row = {"message_id": message_id, "ticket": ticket, "version": version, **values}
            self._connection.execute(insert(CARD).values(**row))

    def news_of(self, ticket: int, versions: Sequence[str]) -> int | None:
        """What was new on the newest of these versions; None when none of them is known."""
        mine = select(CARD.c.news).where(CARD.c.ticket == ticket, CARD.c.version.in_(list(versions)))
        found: int | None = self._connection.execute(mine.order_by(CARD.c.written_at.desc()).limit(1)).scalar()
        return found

    def _ensure(self, now: datetime) -> None:
        if self._connection.execute(select(BOARD.c.name).where(BOARD.c.name == NAME)).first() is not None:
            return
        try:
            with self._connection.begin_nested():
                self._connection.execute(
                    insert(BOARD).values(name=NAME, holder="", until=now, folders={}, rebuild=False, said="")
                )
        except IntegrityError:
            # Another daemon was quicker; its row is as good as ours.
            return

    def _set(self, which: Any, **values: Any) -> None:
        self._connection.execute(update(BOARD).where(BOARD.c.name == NAME, which).values(**values))


def told(connection: Connection, message_ids: Sequence[str]) -> tuple[int, AgentView | None] | None:
    """(entry, view) of the first card among these ids: what an answer to it is about; None without one."""
    for message_id in message_ids:
        found = select(CARD.c.entry_id, CARD.c.view).where(CARD.c.message_id == message_id)
        row = connection.execute(found).first()
        if row is not None:
            return row.entry_id, read_view(row.view)
    return None


def _shown() -> Any:
    return and_(
        TICKET.c.merged_into.is_(None),
        TICKET.c.anonymised_at.is_(None),
        or_(TICKET.c.spam.is_(None), ~TICKET.c.spam),
    )
