"""What finds the words of the table `search`; beside the tables, and in no comparison of them.

SQLite's FTS5 keeps its index in tables of its own, and triggers carry into it whatever becomes of a row.
"""

from __future__ import annotations

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
