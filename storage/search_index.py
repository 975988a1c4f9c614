"""The words search goes by, and what finds them.

SQLite's FTS5 keeps its index in tables of its own, and triggers carry into it whatever becomes of a row.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index
from sqlmodel import Field

from storage.columns import TableRow, table_of, text_column


class SearchRow(TableRow, table=True):
    """The words of a ticket's subject, or of one entry together with it (`storage.search`)."""

    id: int | None = Field(default=None, primary_key=True)
    ticket: int = Field(sa_column=Column(ForeignKey("ticket.number", ondelete="CASCADE"), nullable=False))
    entry_id: int | None = Field(
        default=None, sa_column=Column(ForeignKey("entry.id", ondelete="CASCADE"), nullable=True, unique=True)
    )
    """None: of the subject."""
    words: str = text_column()

    __table_args__ = (Index("ix_search_ticket", "ticket", "entry_id"),)


SEARCH = table_of(SearchRow)
_SQLITE = (
    """CREATE VIRTUAL TABLE search_index USING fts5(
        words, content='search', content_rowid='id', detail='none', columnsize=0, tokenize="ascii tokenchars '_'"
    )""",
    """CREATE TRIGGER search_added AFTER INSERT ON search BEGIN
        INSERT INTO search_index (rowid, words) VALUES (new.id, new.words);
    END""",
    """CREATE TRIGGER search_removed AFTER DELETE ON search BEGIN
        INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', old.id, old.words);
    END""",
    """CREATE TRIGGER search_changed AFTER UPDATE ON search BEGIN
        INSERT INTO search_index (search_index, rowid, words) VALUES ('delete', old.id, old.words);
        INSERT INTO search_index (rowid, words) VALUES (new.id, new.words);
    END""",
)
_POSTGRESQL = ("CREATE INDEX search_index ON search USING gin (array_to_tsvector(string_to_array(words, ' ')))",)


def statements(dialect: str) -> tuple[str, ...]:
    """What makes it, beside the table."""
    return _SQLITE if dialect == "sqlite" else _POSTGRESQL


def names(dialect: str) -> tuple[str, ...]:
    """What there must be."""
    return (
        ("search_index", "search_added", "search_removed", "search_changed")
        if dialect == "sqlite"
        else ("search_index",)
    )
