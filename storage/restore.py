"""A backup is put in the place of a SQLite database: whole or not at all, whenever it is interrupted.

The new file is written and synced beside the old one, the old one gets a second name, then one rename
changes which of them has the name the daemon opens.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.errors import ReplydeskError
from storage.backup import file_uri, pg_restore, sync_folder
from storage.database import Database

NEW = ".restoring"


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done."""

    kept: Path | None
    """The former database; None when there was none."""


def restore(database: Database, backup: Path, now: datetime) -> Restored:
    """Put a copy, which was looked at before, in place. No daemon may run. Raises `ReplydeskError` when it cannot."""
    if not database.is_sqlite:
        raise ReplydeskError(f"PostgreSQL restores its own backups: {pg_restore(database, backup)}")
    file = Path(database.engine.url.database or "")
    database.close_now()
    new = file.with_name(file.name + NEW)
    try:
        if backup.exists() and file.exists() and backup.samefile(file):
            raise ReplydeskError(f"{backup} is the database itself")
        new.unlink(missing_ok=True)
        like = file if file.exists() else file.parent
        _copy(backup, new)
        owner = like.stat()
        os.chmod(new, 0o600)
        if (owner.st_uid, owner.st_gid) != (new.stat().st_uid, new.stat().st_gid):
            os.chown(new, owner.st_uid, owner.st_gid)
        _synced(new)
        kept = _kept(file, now) if file.exists() else None
        os.replace(new, file)
        sync_folder(file.parent)
    except OSError as error:
        raise ReplydeskError(f"{error.filename or file}: {error.strerror}; nothing was restored") from None
    except sqlite3.Error as error:
        raise ReplydeskError(f"{backup} cannot be copied: {error}; nothing was restored") from None
    return Restored(kept)


def _copy(backup: Path, new: Path) -> None:
    """By SQLite itself: a file copied from beneath a daemon has a -wal beside it that belongs to it."""
    with (
        contextlib.closing(sqlite3.connect(file_uri(backup), uri=True)) as source,
        contextlib.closing(sqlite3.connect(new)) as target,
    ):
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")


def _kept(file: Path, now: datetime) -> Path:
    """A second name for the database as it is, with what its -wal holds. The -wal must not outlive it: SQLite would
    read it into the restored file."""
    kept = file.with_name(f"{file.name}.before-{now:%Y%m%d-%H%M%S}")
    wal, kept_wal = Path(f"{file}-wal"), Path(f"{kept}-wal")
    if wal.exists():
        # Before SQLite looks at it: what it cannot read into a wrecked file, it throws away.
        shutil.copyfile(wal, kept_wal)
    try:
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        kept_wal.unlink(missing_ok=True)
    except sqlite3.Error:
        pass  # the file is wrecked: it is kept as it was, with its -wal
    os.link(file, kept)
    sync_folder(file.parent)
    for left_over in (wal, Path(f"{file}-shm")):
        left_over.unlink(missing_ok=True)
    return kept


def _synced(file: Path) -> None:
    with file.open("rb") as opened:
        os.fsync(opened.fileno())
