"""Which rows an audit looks at: all of them, or whatever came since the last one and some of the older ones in turn.

An old row may lose what it names as well as a new one, so none is left out for ever; but a desk with a million mails
would be gone through each night. A table of `SHARE` rows or fewer is looked at as a whole each time, and of a larger
one as many rows more than are new, until all had their turn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, Table, and_, func, insert, or_, select, true, update

from storage.tables import CHAIN, JOURNAL, RAW, metadata

SHARE = 20_000
"""Older rows of each table."""
_NEWEST, _TURN = "audited:", "audit-turn:"
_HASHES = 1 << 32
"""Raw mails have no number: they are gone through by the beginning of their hash."""


@dataclass(frozen=True, slots=True)
class Since:
    newest: Mapping[str, int] = field(default_factory=dict)
    """By table: the newest row the last audit saw. Empty: all are looked at."""
    turns: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    """By table: behind which row the older ones begin that have their turn, and with which they end."""

    def after(self, table: Table) -> int:
        """Rows behind it are new; 0 where all are looked at."""
        return self.newest.get(table.name, 0)

    def rows(self, table: Table) -> ColumnElement[bool]:
        """The rows of a table that are looked at."""
        if table.name not in self.turns:
            return true()
        behind, upto = self.turns[table.name]
        if table is RAW:
            came = select(JOURNAL.c.sha256).where(JOURNAL.c.id > self.after(JOURNAL))
            return or_(RAW.c.sha256.in_(came), and_(RAW.c.sha256 >= _hash(behind), RAW.c.sha256 < _hash(upto)))
        place = _places()[table.name]
        newest = self.after(table)
        if upto == newest:
            return place > behind
        return or_(place > newest, and_(place > behind, place <= upto))


def _hash(place: int) -> str:
    return f"{place:08x}" if place < _HASHES else "g"


@cache
def _places() -> Mapping[str, ColumnElement[Any]]:
    """The tables that are gone through, each by the number its key begins with."""
    keys = {table.name: next(iter(table.primary_key.columns)) for table in metadata.sorted_tables}
    return {name: key for name, key in keys.items() if isinstance(key.type, Integer)}


def since_last(connection: Connection) -> Since:
    """What the next audit since the last looks at."""
    known = {row.name: row.number for row in connection.execute(select(CHAIN.c.name, CHAIN.c.number))}
    newest = {name: known.get(_NEWEST + name, 0) for name in _places()}
    turns = {name: _turn(known.get(_TURN + name, 0), newest[name], SHARE) for name in newest}
    share = _HASHES * SHARE // max(newest[JOURNAL.name], SHARE)
    return Since(newest, {**turns, RAW.name: _turn(known.get(_TURN + RAW.name, 0), _HASHES, share)})


def _turn(behind: int, last: int, share: int) -> tuple[int, int]:
    if behind >= last:
        behind = 0
    # What is left is no more than is looked at anyway.
    return (behind, last if last - behind <= share else behind + share)


def _next(since: Since, name: str) -> int:
    _, upto = since.turns.get(name, (0, 0))
    return 0 if upto >= since.newest.get(name, _HASHES) else upto


def newest(connection: Connection) -> dict[str, int]:
    """The newest rows there are."""
    return {
        name: connection.execute(select(func.max(place))).scalar() or 0 for name, place in sorted(_places().items())
    }


def remember(connection: Connection, seen: Mapping[str, int], since: Since) -> None:
    """An audit that looked at this found nothing: the next begins behind what it saw, and with whose turn it is."""
    numbers = {_NEWEST + name: number for name, number in seen.items()}
    numbers |= {_TURN + name: _next(since, name) for name in (*seen, RAW.name)}
    for name, number in numbers.items():
        known = update(CHAIN).where(CHAIN.c.name == name).values(number=number)
        if not connection.execute(known).rowcount:
            connection.execute(insert(CHAIN).values(name=name, number=number, digest=""))
