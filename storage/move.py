"""Everything from one database into another, of the same kind or not: rows, and the numbers never to be given again.

Each table is copied in the order of its keys, a bounded batch a commit, so an interrupted move goes on where
it stopped. Until it is finished the target bears a mark in place of its revision, and no daemon starts on it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Integer,
    LargeBinary,
    Table,
    Text,
    and_,
    bindparam,
    func,
    insert,
    inspect,
    literal,
    or_,
    select,
    text,
    tuple_,
    update,
)

from gateway.errors import ReplydeskError
from storage import migrate
from storage.database import Database, translated
from storage.search_index import SEARCH
from storage.tables import ENTRY, JOURNAL, MESSAGE_ID, OUTBOX, RAW, metadata

BATCH_ROWS = 500
BATCH_BYTES = 8_000_000
"""Of texts and raw mails held in memory at once; a single row may be larger."""

_STREAM = {"yield_per": BATCH_ROWS}
_OF_MAILS = (JOURNAL, RAW, ENTRY, MESSAGE_ID, OUTBOX, SEARCH)
"""They grow with every mail, and whoever changes a row there changes one of another table, or its state, as well."""

Progress = Callable[[str, int, int], None]
"""Told table, rows copied, rows there."""


def move(source: Database, target: Database, progress: Progress, now: datetime) -> dict[str, int]:
    """Copy everything; rows by table. No daemon may run on either.

    Raises `ReplydeskError` when the target holds something else, or the source is in use or of another version.
    """
    if migrate.revision(source) != migrate.HEAD:
        raise ReplydeskError("the database has the tables of another version: start the daemon once to upgrade it")
    counts: dict[str, int] = {}
    with translated(source.engine), source.engine.connect() as reading:
        if reading.execute(select(OUTBOX.c.id).where(OUTBOX.c.claimed_until > now).limit(1)).first():
            raise ReplydeskError("a daemon is sending mail from this database: stop every one that shares it, and wait")
        mark = _prepare(target, _fingerprint(reading))
        for table in metadata.sorted_tables:
            counts[table.name] = _copy(reading, target, table, progress)
        with target.engine.begin() as writing:
            for table in metadata.sorted_tables:
                there = writing.execute(select(func.count()).select_from(table)).scalar_one()
                if there != counts[table.name]:
                    raise ReplydeskError(
                        f"{table.name} has {counts[table.name]} rows here and {there} there; nothing was switched over"
                    )
                _carry_numbers(reading, writing, table)
            writing.execute(
                text("UPDATE alembic_version SET version_num = :head WHERE version_num = :mark"),
                {"head": migrate.HEAD, "mark": mark},
            )
    return counts


# --- the target ------------------------------------------------------------------------------------


def _prepare(target: Database, fingerprint: str) -> str:
    """Make the target ready to be copied into, and mark it. A move of the same state goes on, one of another begins
    anew; whatever else lies there is left alone."""
    mark = f"{migrate.MOVING}{fingerprint}"
    found = migrate.revision(target)
    if not found:
        migrate.migrate(target)
        found = migrate.HEAD
    with target.engine.begin() as connection:
        if found.startswith(migrate.MOVING) and found != mark:
            for table in reversed(metadata.sorted_tables):
                connection.execute(table.delete())
        elif found == migrate.HEAD:
            for table in metadata.sorted_tables:
                if connection.execute(select(literal(1)).select_from(table).limit(1)).first():
                    raise ReplydeskError(f"{target.safe_url} is not empty: nothing was changed there")
        elif found != mark:
            raise ReplydeskError(f"{target.safe_url} has tables of another version (schema {found})")
        connection.execute(text("UPDATE alembic_version SET version_num = :mark"), {"mark": mark})
    return mark


def _fingerprint(connection: Connection) -> str:
    """Changes whenever a daemon or a verb of the shell worked on the database: what was copied before is stale then."""
    facts: list[object] = []
    for table in metadata.sorted_tables:
        facts += [tuple(row) for row in connection.execute(select(func.count()).select_from(table))]
        number = _number(table)
        facts.append(connection.execute(select(func.max(table.c[number]))).scalar_one() if number else 0)
    for state in (JOURNAL.c.state, OUTBOX.c.state, RAW.c.deleted_at.is_(None)):
        rows = connection.execute(select(state, func.count()).group_by(state).order_by(state))
        facts += [tuple(row) for row in rows]
    made = hashlib.sha256(repr(facts).encode())
    for table in metadata.sorted_tables:
        if table not in _OF_MAILS:
            rows = connection.execute(select(table).order_by(*table.primary_key.columns), execution_options=_STREAM)
            for row in rows:
                made.update(repr(tuple(row)).encode())
    return made.hexdigest()[:16]


# --- rows --------------------------------------------------------------------------------------------


def _copy(reading: Connection, target: Database, table: Table, progress: Progress) -> int:
    """Rows behind those that are there already, in batches; each batch is a commit."""
    key = list(table.primary_key.columns)
    total = int(reading.execute(select(func.count()).select_from(table)).scalar_one())
    # A row may name a later one of its own table: those columns are filled when all rows are there.
    later = [c for c in table.c if any(f.column.table is table for f in c.foreign_keys)]
    with target.engine.connect() as connection:
        done = int(connection.execute(select(func.count()).select_from(table)).scalar_one())
    progress(table.name, done, total)
    # Asked here, for the other database may sort texts otherwise.
    last = reading.execute(select(*key).order_by(*key).offset(done - 1).limit(1)).first() if done else None
    for keys in _batches(reading, table, key, tuple(last) if last else None):
        rows = reading.execute(select(table).where(_among(key, keys)).order_by(*key)).mappings()
        values = [{**row, **{c.name: None for c in later}} for row in rows]
        with target.engine.begin() as connection:
            connection.execute(insert(table), values)
        done += len(values)
        progress(table.name, done, total)
    if later:
        _fill(reading, target, table, later)
    return total


def _batches(
    reading: Connection, table: Table, key: list[Any], after: tuple[Any, ...] | None
) -> Iterator[list[tuple[Any, ...]]]:
    """Keys of rows that may be held in memory together, in order."""
    large = [func.coalesce(func.length(c), 0) for c in table.c if isinstance(c.type, LargeBinary | Text)]
    weight = sum(large[1:], large[0]) if large else literal(0)
    while True:
        listed = select(*key, weight).order_by(*key).limit(BATCH_ROWS)
        if after is not None:
            listed = listed.where(_above(key, after))
        rows = reading.execute(listed).all()
        batch: list[tuple[Any, ...]] = []
        held = 0
        for row in rows:
            if batch and held + row[-1] > BATCH_BYTES:
                break
            batch.append(tuple(row[:-1]))
            held += row[-1]
        if not batch:
            return
        yield batch
        after = batch[-1]


def _above(key: list[Any], after: tuple[Any, ...]) -> Any:
    """The row comes after these values of its key; written out, for a key may have several columns."""
    return or_(
        *(and_(*(c == v for c, v in zip(key[:n], after, strict=False)), key[n] > after[n]) for n in range(len(key)))
    )


def _among(key: list[Any], keys: list[tuple[Any, ...]]) -> Any:
    return key[0].in_([k[0] for k in keys]) if len(key) == 1 else tuple_(*key).in_(keys)


def _fill(reading: Connection, target: Database, table: Table, later: list[Any]) -> None:
    (number,) = table.primary_key.columns
    named = select(number.label("which"), *later).where(or_(*(c.is_not(None) for c in later)))
    fill = update(table).where(number == bindparam("which")).values({c.name: bindparam(f"to_{c.name}") for c in later})
    for rows in reading.execute(named).partitions(BATCH_ROWS):
        values = [{"which": row.which, **{f"to_{c.name}": row._mapping[c.name] for c in later}} for row in rows]
        with target.engine.begin() as connection:
            connection.execute(fill, values)


# --- numbers -------------------------------------------------------------------------------------------


def _number(table: Table) -> str:
    """The column the database counts by itself, if there is one."""
    column = table.autoincrement_column
    return column.name if column is not None and isinstance(column.type, Integer) else ""


def _carry_numbers(reading: Connection, writing: Connection, table: Table) -> None:
    """The newest number ever given, even when its row is gone: it is never given again."""
    number = _number(table)
    if not number:
        return
    highest = max(_given(reading, table, number), _given(writing, table, number))
    if not highest:
        return
    if writing.dialect.name == "postgresql":
        sequence = {"table": table.name, "column": number, "highest": highest}
        writing.execute(text("SELECT setval(pg_get_serial_sequence(:table, :column), :highest)"), sequence)
    elif _counts_for_ever(writing, table):
        writing.execute(text("DELETE FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
        writing.execute(
            text("INSERT INTO sqlite_sequence (name, seq) VALUES (:table, :highest)"),
            {"table": table.name, "highest": highest},
        )


def _given(connection: Connection, table: Table, number: str) -> int:
    newest = int(connection.execute(select(func.max(table.c[number]))).scalar_one() or 0)
    if connection.dialect.name == "postgresql":
        name = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": number}
        ).scalar_one()
        if name is None:
            return newest
        last = connection.execute(text("SELECT pg_sequence_last_value(CAST(:name AS regclass))"), {"name": name})
        return max(newest, int(last.scalar_one_or_none() or 0))
    if not inspect(connection).has_table("sqlite_sequence"):
        return newest
    seen = connection.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :table"), {"table": table.name})
    return max(newest, int(seen.scalar_one_or_none() or 0))


def _counts_for_ever(connection: Connection, table: Table) -> bool:
    made = connection.execute(text("SELECT sql FROM sqlite_master WHERE name = :table"), {"table": table.name})
    return "AUTOINCREMENT" in str(made.scalar_one()).upper()
