"""What the audit asks of the database itself: tables, indexes, pages, and the rows that are found by words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, exists, or_, select, text

from gateway.core.ticket import EntryKind
from storage import search, search_index
from storage.audit_since import Since
from storage.search_index import SEARCH
from storage.statement import STREAM
from storage.tables import ENTRY, metadata

_MADE = {
    "sqlite": "SELECT name FROM sqlite_master",
    "postgresql": "SELECT relname FROM pg_class WHERE pg_table_is_visible(oid)",
}
"""Names of all tables and indexes; to ask for each table by itself takes a tenth of an audit."""


def other_shape(connection: Connection, since: Since) -> Iterator[str]:
    kind = connection.dialect.name
    made = set(connection.execute(text(_MADE[kind])).scalars())
    for table in metadata.sorted_tables:
        if table.name not in made:
            yield f"the table {table.name} is gone"
            continue
        for index in sorted(str(index.name) for index in table.indexes):
            if index not in made:
                yield f"the index {index} of {table.name} is gone"
    for name in search_index.names(kind):
        if name not in made:
            yield f"{name}, by which words are found, is gone"


def unsearchable(connection: Connection, since: Since) -> Iterator[str]:
    """Entries and tickets without their row, as far as those of older versions were given one."""
    upto, older = search.filled(connection), search.filled(connection, search.BEFORE)
    bare = (
        select(ENTRY.c.id, ENTRY.c.ticket)
        .where(ENTRY.c.kind == EntryKind.CORRESPONDENCE.value, since.rows(ENTRY))
        .where(or_(ENTRY.c.id <= upto, ENTRY.c.id > older))
        .where(~exists().where(SEARCH.c.entry_id == ENTRY.c.id))
    )
    for id, ticket in connection.execute(bare, execution_options=STREAM):
        yield f"entry {id} of ticket {ticket} is not"


def damaged_pages(connection: Connection, since: Since) -> Iterator[str]:
    if connection.dialect.name == "sqlite" and not since.newest:
        file = next((row[2] for row in connection.execute(text("PRAGMA database_list")) if row[1] == "main"), "")
        page = int(connection.execute(text("PRAGMA page_size")).scalar_one())
        if file and (size := Path(file).stat().st_size) % page:
            yield f"the file has {size} bytes, and its pages have {page}"
        for (said,) in connection.execute(text("PRAGMA integrity_check")):
            if said != "ok":
                yield said
