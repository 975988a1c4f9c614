"""Whose turn it is to write, among the processes that share a SQLite file.

SQLite looks ever more rarely whether the file is free, up to ten times a second, and forgets who came first: a
process that writes all the time keeps the others out. Here the next one waits in front of a file of its own and looks
every millisecond; whoever has just written stands behind it, and whoever writes can see that somebody waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

LOOK_SECONDS = 0.001


class Turn:
    """The line in front of one database file; `seconds`: how long anybody waits at most."""

    def __init__(self, database: Path, seconds: float) -> None:
        self._database, self._seconds = database, seconds
        self._among_threads = threading.Lock()
        self._file: int | None = None

    def begin(self, connection: sqlite3.Connection) -> bool:
        """Begin to write. False when the time is over."""
        until = time.monotonic() + self._seconds
        if not self._among_threads.acquire(timeout=self._seconds):
            return False
        try:
            with self._next(until):
                while True:
                    try:
                        connection.execute("BEGIN IMMEDIATE")
                    except sqlite3.OperationalError as error:
                        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                            raise
                    else:
                        return True
                    if time.monotonic() >= until:
                        return False
                    time.sleep(LOOK_SECONDS)
        finally:
            self._among_threads.release()

    def is_wanted(self) -> bool:
        """Somebody waits to write: another process, or a thread of this one."""
        if self._among_threads.locked():
            return True
        file = self._open()
        if file is None:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        fcntl.flock(file, fcntl.LOCK_UN)
        return False

    @contextlib.contextmanager
    def _next(self, until: float) -> Iterator[None]:
        """Be the one who writes next. Where the file of the line cannot be used there is no order."""
        file = self._open()
        if file is None:
            yield
            return
        while time.monotonic() < until:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)

    def _open(self) -> int | None:
        if self._file is None:
            with contextlib.suppress(OSError):
                # A link the service left there must lead root to no other file.
                how = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
                self._file = os.open(f"{self._database}-turn", how, 0o600)
                if os.geteuid() == 0:
                    # Who writes as root must not keep the service from the line; the service itself may not ask for it.
                    owner = self._database.stat()
                    os.fchown(self._file, owner.st_uid, owner.st_gid)
        return self._file

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None
