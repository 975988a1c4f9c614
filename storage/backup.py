"""A copy of the database while it is written to, and the look that says whether a copy is worth anything.

SQLite only: its online backup runs inside one snapshot, so writers neither wait nor make it begin
again, and the copy is what the database was at one moment. PostgreSQL has its own tools, which do it
better. A copy is one file of its own, readable by its owner only, and never takes another's place.
"""

from __future__ import annotations

import os
import shlex
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from gateway.errors import ReplydeskError, StorageUnavailable
from storage import migrate
from storage.audit import AuditReport, audit, unwatched
from storage.database import Database, translated
from storage.tx import Tx

STEP = 2048
"""Pages copied between two words of progress: 8 MB."""
PARTIAL = ".partial"
_WAL_FORMAT = 2
_HEADER = b"SQLite format 3\0"

Progress = Callable[[int, int], None]
"""Told how many of how many pages are copied."""


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup that was made."""

    file: Path
    size: int
    """Bytes."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at a copy found."""

    revision: str
    """Of its tables; empty when it has none."""
    report: AuditReport | None
    """None: its tables are of another version, and only its pages were looked at."""
    damage: tuple[str, ...] = ()
    """What is wrong with the file itself."""

    @property
    def ok(self) -> bool:
        return self.report is not None and not self.report.broken and not self.damage


def backup(database: Database, file: Path, progress: Progress) -> Copy:
    """Copy a SQLite database into a new file. Raises `ReplydeskError` when there is one, or no room for it."""
    if not database.is_sqlite:
        raise ReplydeskError(f"PostgreSQL makes its own backups: {pg_dump(database, file)}")
    try:
        # The name is taken before the copy begins, for two backups may begin at once.
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except FileExistsError:
        raise ReplydeskError(f"{file} exists already; a backup never overwrites anything") from None
    except OSError as error:
        raise ReplydeskError(f"{file}: {error.strerror}") from None
    partial = file.with_name(file.name + PARTIAL)
    try:
        partial.unlink(missing_ok=True)
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _copy(database, partial, progress)
        os.replace(partial, file)
        sync_folder(file.parent)
    except BaseException as error:
        for left_over in (partial, partial.with_name(partial.name + "-journal"), file):
            left_over.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ReplydeskError(f"{file}: {error.strerror}") from None
        raise
    return Copy(file, file.stat().st_size)


def _copy(database: Database, file: Path, progress: Progress) -> None:
    with translated(database.engine):
        borrowed = database.engine.raw_connection()
    try:
        source: Any = borrowed.driver_connection
        target = sqlite3.connect(file)
        try:
            # With a snapshot open each step reads from it; without, every write of the daemon would begin it anew.
            source.execute("BEGIN")
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(target, pages=STEP, progress=lambda _, left, total: progress(total - left, total))
            # One file and nothing beside it, wherever it is carried and whoever may write there.
            target.execute("PRAGMA journal_mode=DELETE")
        finally:
            target.close()
            if source.in_transaction:
                source.execute("ROLLBACK")
    except sqlite3.Error as error:
        raise StorageUnavailable(f"the backup was not finished: {error}") from error
    finally:
        borrowed.close()


def sync_folder(folder: Path) -> None:
    """A new name in a folder is on disk only when the folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def pg_dump(database: Database, file: Path) -> str:
    """The command line that backs a PostgreSQL database up."""
    return shlex.join(["pg_dump", "--format=custom", f"--file={file}", f"--dbname={_address(database)}"])


def pg_restore(database: Database, file: Path) -> str:
    """The command line that puts such a backup in place of what a PostgreSQL database holds, whole or not at all."""
    words = [
        "--clean",
        "--if-exists",
        "--no-owner",
        "--single-transaction",
        f"--dbname={_address(database)}",
        str(file),
    ]
    return shlex.join(["pg_restore", *words])


def vacuum(database: Database) -> str:
    """The command line that takes deleted rows out of PostgreSQL's files."""
    return shlex.join(["psql", f"--dbname={_address(database)}", "--command=VACUUM FULL"])


def _address(database: Database) -> str:
    """For PostgreSQL's own tools. Without the password, which a command line must not have: ~/.pgpass has it."""
    url = make_url(database.url)._replace(drivername="postgresql", password=None)
    return url.render_as_string(hide_password=False)


# --- is it any good ----------------------------------------------------------------------


def check(file: Path, progress: Progress = unwatched) -> Checked:
    """Look at a copy without changing it; `progress` is that of an audit.

    Raises `ReplydeskError` when it is no SQLite database at all.
    """
    engine = create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(file_uri(file), uri=True, isolation_level=None, check_same_thread=False),
        poolclass=NullPool,
    )

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN")

    try:
        with engine.connect() as connection:
            _refuse_foreign(file, connection)
            revision = _revision(connection)
            if revision == migrate.HEAD:
                return Checked(revision, audit(Tx(connection), progress=progress))
            rows = connection.execute(text("PRAGMA integrity_check"))
            return Checked(revision, None, tuple(said for (said,) in rows if said != "ok"))
    except DBAPIError as error:
        raise ReplydeskError(f"{file} cannot be read as a database: {error.orig}") from None
    finally:
        engine.dispose()


def _refuse_foreign(file: Path, connection: Any) -> None:
    """Other programs count the versions of their tables as we do: a number alone does not say whose they are."""
    ours = text("SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('journal', 'ticket')")
    if connection.execute(ours).scalar_one() != 2:
        raise ReplydeskError(f"{file} is no database of Replydesk: it has no tables of mails and tickets")


def _revision(connection: Any) -> str:
    there = connection.execute(text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'")).scalar_one()
    if not there:
        return ""
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or ""


def file_uri(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            head = opened.read(20)
    except OSError as error:
        raise ReplydeskError(f"{file}: {error.strerror}") from None
    if head[:16] != _HEADER:
        raise ReplydeskError(f"{file} is no SQLite database" if head else f"{file} is empty")
    # A file copied from beneath a daemon wants its -wal; one that has none must not be given one by the look at it.
    alone = head[18] == _WAL_FORMAT and not file.with_name(file.name + "-wal").exists()
    return f"file:{quote(str(file.absolute()))}?{'immutable=1' if alone else 'mode=ro'}"
