"""How far each polled folder was read, how that goes, and which mails could not be taken out of it.

A position is written only after the mails up to it are in the journal: a crash in between means
that a mail is read twice and recognised, never that it is missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from storage.tables import PLACE, UNFETCHED

_NUMBERS = ("uidvalidity", "uid", "older_below", "tidied_uid")


@dataclass(frozen=True, slots=True)
class Place:
    """One folder; see `tables.PlaceRow` for what the columns mean. `uidvalidity` 0: never opened."""

    source: str
    folder: str = ""
    uidvalidity: int = 0
    uid: int = 0
    older_below: int = 0
    older_only: str = ""
    tidied_uid: int = 0
    looked_at: datetime | None = None
    mail_at: datetime | None = None
    failing_since: datetime | None = None
    alarmed_at: datetime | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Unfetched:
    """A mail that stayed in its folder because it could not be taken."""

    source: str
    uidvalidity: int
    uid: int
    size: int
    """Bytes; 0 when the server did not say."""
    cause: str
    attempts: int
    first_at: datetime
    tried_at: datetime


class Places:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- how far --------------------------------------------------------------------------

    def find(self, source: str) -> Place:
        """The place of a source, an unopened one when nothing is known of it."""
        row = self._connection.execute(select(PLACE).where(PLACE.c.source == source)).one_or_none()
        return Place(source) if row is None else _place(row)

    def open(self, place: Place) -> None:
        """A folder is read for the first time, or its UIDs begin anew."""
        self._ensure(place.source)
        self._set(
            place.source,
            folder=place.folder,
            uidvalidity=place.uidvalidity,
            uid=place.uid,
            older_below=place.older_below,
            older_only=place.older_only,
            tidied_uid=place.tidied_uid,
        )
        self._connection.execute(delete(UNFETCHED).where(UNFETCHED.c.source == place.source))

    def reach(self, source: str, uidvalidity: int, uid: int, tidied_uid: int) -> None:
        """Mails up to `uid` were seen to, up to `tidied_uid` moved or flagged. Neither ever goes back."""
        mine = (PLACE.c.source == source, PLACE.c.uidvalidity == uidvalidity)
        for column, value in ((PLACE.c.uid, uid), (PLACE.c.tidied_uid, tidied_uid)):
            self._connection.execute(update(PLACE).where(*mine, column < value).values({column: value}))

    # --- how it goes ----------------------------------------------------------------------

    def look(self, source: str, mails: int, now: datetime) -> Place:
        """A look succeeded and took so many mails; the place as it was before it."""
        self._ensure(source)
        before = self.find(source)
        mail_at = {"mail_at": now} if mails else {}
        self._set(source, looked_at=now, failing_since=None, alarmed_at=None, cause="", **mail_at)
        return before

    def fail(self, source: str, cause: str, now: datetime) -> Place:
        """A look failed; the place as it is now. A time to come is no beginning: the clock was put back."""
        self._ensure(source)
        since = min(self.find(source).failing_since or now, now)
        self._set(source, failing_since=since, cause=cause)
        return self.find(source)

    def alarm(self, source: str, now: datetime) -> None:
        """The operator was told that this source fails."""
        self._set(source, alarmed_at=now)

    # --- what stayed behind -----------------------------------------------------------------

    def miss(self, source: str, uidvalidity: int, uid: int, size: int, cause: str, now: datetime) -> Unfetched:
        """A mail could not be taken; the row as it is now, with `attempts` counted."""
        key = (UNFETCHED.c.source == source, UNFETCHED.c.uidvalidity == uidvalidity, UNFETCHED.c.uid == uid)
        changed = self._connection.execute(
            update(UNFETCHED)
            .where(*key)
            .values(size=size, cause=cause[:1000], attempts=UNFETCHED.c.attempts + 1, tried_at=now)
        )
        if changed.rowcount == 0:
            row = {"source": source, "uidvalidity": uidvalidity, "uid": uid, "size": size, "cause": cause[:1000]}
            self._connection.execute(
                self._insert(UNFETCHED).on_conflict_do_nothing(),
                {**row, "attempts": 1, "first_at": now, "tried_at": now},
            )
        return _unfetched(self._connection.execute(select(UNFETCHED).where(*key)).one())

    def unfetched(self, source: str = "") -> list[Unfetched]:
        """Mails that stayed behind, of one source or of all, oldest first."""
        statement = select(UNFETCHED).order_by(UNFETCHED.c.source, UNFETCHED.c.uid)
        if source:
            statement = statement.where(UNFETCHED.c.source == source)
        return [_unfetched(row) for row in self._connection.execute(statement)]

    def left(self, source: str, since: datetime | None = None) -> int:
        """How many mails of a source stayed behind, of all or of those first found then or later."""
        counted = select(func.count()).select_from(UNFETCHED).where(UNFETCHED.c.source == source)
        counted = counted if since is None else counted.where(UNFETCHED.c.first_at >= since)
        return int(self._connection.execute(counted).scalar_one())

    def release(self, source: str, uidvalidity: int, uid: int) -> None:
        """A mail that stayed behind was taken after all, or is not there any more."""
        self._connection.execute(
            delete(UNFETCHED).where(
                UNFETCHED.c.source == source, UNFETCHED.c.uidvalidity == uidvalidity, UNFETCHED.c.uid == uid
            )
        )

    # --- statements -------------------------------------------------------------------------

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        return sqlite.insert(table) if self._connection.dialect.name == "sqlite" else postgresql.insert(table)

    def _ensure(self, source: str) -> None:
        row = {"source": source, "folder": "", "older_only": "", "cause": "", **dict.fromkeys(_NUMBERS, 0)}
        self._connection.execute(self._insert(PLACE).on_conflict_do_nothing(index_elements=["source"]), row)

    def _set(self, source: str, **values: Any) -> None:
        self._connection.execute(update(PLACE).where(PLACE.c.source == source).values(**values))


def _place(row: Row[Any]) -> Place:
    return Place(**row._mapping)


def _unfetched(row: Row[Any]) -> Unfetched:
    return Unfetched(**row._mapping)
