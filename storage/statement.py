"""Statements that are always the same: compiled once for each database, and handed to its driver as they are.

SQLAlchemy takes several times as long about a statement as SQLite needs to run it. What each mail needs is written
down as a constant instead; types are converted as SQLAlchemy would, and what the driver raises arrives as it would.
The watch over sums and seals (`storage.seals`) does not see these: they change nothing it watches (a test looks).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import BindParameter, Connection, Delete, Insert, Select, Update
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql import visitors

from storage import postgresql

Clause = Select[Any] | Insert | Update | Delete
STREAM = {"yield_per": 500, "stream_results": True}
"""Options of a statement of SQLAlchemy's whose many rows are not to be in memory at once."""


class Statement:
    """One statement, or one for each database by the name of its dialect.

    Values are given by name: those of an insert are its columns. Where a `bindparam` is expanding, a list is given; its
    length is rounded up by repeating its last member, so that few forms are compiled. Other lists are kept as they are.
    """

    __slots__ = ("_expanding", "_is_insert", "_plans", "clauses")

    def __init__(self, clause: Clause | Mapping[str, Clause]) -> None:
        self.clauses: Mapping[str, Clause] = clause if isinstance(clause, Mapping) else {"": clause}
        self._is_insert = all(isinstance(c, Insert) for c in self.clauses.values())
        self._expanding: frozenset[str] | None = None
        """Looked for when it is first asked: a command has dozens of statements and asks few."""
        self._plans: dict[tuple[str, tuple[object, ...]], Plan] = {}

    def rows(self, connection: Connection, values: dict[str, Any]) -> list[Any]:
        """What it finds or returns: named tuples."""
        plan, cursor = self._run(connection, values)
        return plan.read(cursor.fetchall())

    def row(self, connection: Connection, values: dict[str, Any]) -> Any:
        """The first of its rows; None without one."""
        found = self.rows(connection, values)
        return found[0] if found else None

    def scalar(self, connection: Connection, values: dict[str, Any]) -> Any:
        """The first value of its first row; None without one."""
        found = self.rows(connection, values)
        return found[0][0] if found else None

    def run(self, connection: Connection, values: dict[str, Any]) -> int:
        """How many rows it changed."""
        _, cursor = self._run(connection, values)
        changed: int = cursor.rowcount
        return changed

    def _run(self, connection: Connection, values: dict[str, Any]) -> tuple[Plan, Any]:
        if not connection.in_transaction():
            connection.begin()
        dialect = connection.dialect
        shape: tuple[object, ...]
        if self._is_insert:
            shape = tuple(values)
        else:
            if self._expanding is None:
                self._expanding = frozenset(name for clause in self.clauses.values() for name in _expanding(clause))
            lists = self._expanding
            values = {n: _rounded(value) if n in lists else value for n, value in values.items()}
            shape = tuple((n, len(value)) if n in lists else n for n, value in values.items())
        plan = self._plans.get((dialect.name, shape))
        if plan is None:
            clause = self.clauses[""] if "" in self.clauses else self.clauses[dialect.name]
            plan = self._plans[dialect.name, shape] = Plan(clause, dialect, values)
        driver: Any = connection.connection.dbapi_connection
        asked = postgresql.cursor(connection) if dialect.name == "postgresql" else driver
        given = plan.given(values)
        try:
            return plan, asked.execute(plan.sql, given)
        except dialect.loaded_dbapi.Error as error:
            gone = dialect.is_disconnect(error, driver, None)
            if gone:
                connection.invalidate(error)
            raise DBAPIError.instance(
                plan.sql,
                None,
                error,
                dialect.loaded_dbapi.Error,
                hide_parameters=True,
                connection_invalidated=gone,
                dialect=dialect,
            ) from error


class Plan:
    """A statement as one driver takes it, for values of one shape."""

    __slots__ = ("_constants", "_convert", "_lists", "_order", "_read", "_row", "sql")

    def __init__(self, clause: Clause, dialect: Dialect, values: dict[str, Any]) -> None:
        # Columns are named for an insert alone: elsewhere each value has a place of its own.
        columns = list(values) if isinstance(clause, Insert) else None
        compiled: Any = clause.compile(dialect=dialect, column_keys=columns)
        constants = {name: value for name, value in compiled.params.items() if name not in values}
        for column in getattr(compiled, "insert_prefetch", ()):
            constants[column.key] = column.default.arg
        state = compiled.construct_expanded_state(constants | values, escape_names=False)
        self.sql: str = state.statement
        self._order: Sequence[str] | None = state.positiontup
        self._lists: dict[str, list[str]] = dict(state.parameter_expansion)
        processors: dict[str, Callable[[Any], Any]] = {}
        for name in compiled.params:
            processor = compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)
            if processor is not None:
                processors |= dict.fromkeys(self._lists.get(name, (name,)), processor)
        self._constants = {n: processors[n](v) if n in processors else v for n, v in constants.items()}
        self._convert = [(n, p) for n, p in processors.items() if n not in constants]
        results: list[Any] = list(clause.selected_columns if isinstance(clause, Select) else clause.exported_columns)
        self._row: Any = _row_of([str(c.key) for c in results])
        found = ((at, c.type.dialect_impl(dialect).result_processor(dialect, None)) for at, c in enumerate(results))
        self._read = [(at, processor) for at, processor in found if processor is not None]

    def given(self, values: dict[str, Any]) -> Any:
        flat = self._constants | values
        for name, members in self._lists.items():
            flat.update(zip(members, flat.pop(name), strict=True))
        for name, convert in self._convert:
            flat[name] = convert(flat[name])
        return flat if self._order is None else [flat[name] for name in self._order]

    def read(self, found: list[Any]) -> list[Any]:
        if not self._read:
            return list(map(self._row._make, found))
        made = []
        for row in found:
            fields = list(row)
            for at, convert in self._read:
                fields[at] = convert(fields[at])
            made.append(self._row._make(fields))
        return made


def _row_of(names: list[str]) -> type[tuple[Any, ...]]:
    """A named tuple that is read by name as rows of SQLAlchemy are."""
    made: Callable[..., type[tuple[Any, ...]]] = namedtuple
    fields = made("fields", names, rename=True)
    return type("Found", (fields,), {"__slots__": (), "_mapping": property(lambda row: row._asdict())})


def _expanding(clause: Clause) -> Iterator[str]:
    """Names that stand for a list (`IN :names`)."""
    return (p.key for p in visitors.iterate(clause) if isinstance(p, BindParameter) and p.expanding)


def _rounded(members: list[Any]) -> list[Any]:
    """Of a length that is a power of two."""
    missing = (1 << max(len(members) - 1, 0).bit_length()) - len(members) if members else 0
    return members + members[-1:] * missing
