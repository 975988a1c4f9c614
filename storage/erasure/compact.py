"""What was deleted is overwritten on disk as well, as far as a database lets us.

SQLite zeroes what is deleted (secure_delete); VACUUM then writes the file anew, and the emptied
write-ahead log takes the older pages with it. On PostgreSQL the operator runs VACUUM FULL.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.core.person_traces import Traces
from storage.database import BUSY_SECONDS, Database, translated

TRIES, PAUSE = 40, 0.25
"""For emptying the log: whoever reads just now is waited for."""
CHUNK, OVERLAP = 4 << 20, 4096
"""Bytes of a file looked at in one piece; what lies across two is seen in both."""


@dataclass(frozen=True, slots=True)
class Compacted:
    done: bool
    cause: str
    """What the database said, where it refused."""
    before: int
    """Bytes of the database file and its log."""
    after: int


def overwrite(database: Database) -> Compacted:
    """Write a SQLite file anew and empty its log; others write when it is over."""
    before = sum(path.stat().st_size for path in files(database))
    busy, cause = 1, ""
    with translated(database.engine):
        borrowed = database.engine.raw_connection()
    try:
        connection: Any = borrowed.driver_connection
        # Writers stand in a line of ours; what is done here outside of a transaction waits in SQLite's.
        connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
        # The copy VACUUM makes may be large, and this one must not be made in memory.
        connection.execute("PRAGMA temp_store=FILE")
        # Words of what was deleted stand in older pages of the index for search.
        connection.execute("INSERT INTO search_index (search_index) VALUES ('optimize')")
        connection.execute("VACUUM")
        for _ in range(TRIES):
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                break
            time.sleep(PAUSE)
    except sqlite3.Error as error:
        # What was deleted stays deleted, and the certificate of it must not be lost.
        cause = str(error)
    finally:
        borrowed.invalidate()
    return Compacted(not busy, cause, before, sum(path.stat().st_size for path in files(database)))


def files(database: Database) -> list[Path]:
    """The files of a SQLite database; none of PostgreSQL."""
    name = database.engine.url.database if database.is_sqlite else None
    return (
        [path for path in (Path(f"{name}{end}") for end in ("", "-wal", "-journal")) if path.is_file()] if name else []
    )


def holds(file: Path, traces: Traces) -> bool:
    """A file has something of the person in its bytes, as they stand."""
    return any(traces.in_bytes(piece) for piece in _pieces(file))


def _pieces(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        before = b""
        while piece := opened.read(CHUNK):
            yield before + piece
            before = piece[-OVERLAP:]
