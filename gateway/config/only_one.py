"""One daemon for each data_dir and each SQLite file: whoever holds its lock, and nobody else, works with it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from gateway.config.database_file import NAME, file_of
from gateway.config.settings import Settings


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the locks. Raises `ConfigError` when a daemon runs: a second one would send what the first has claimed."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(_held(settings, "gateway.data_dir", settings.data_dir / "lock", settings.data_dir))
        database, lock = file_of(settings), lock_of_database(settings)
        # A folder that is not there has a refusal of its own.
        if database and lock and lock.parent.is_dir():
            stack.enter_context(_held(settings, "gateway.database_url", lock, database))
        yield


def lock_of_database(settings: Settings) -> Path | None:
    """Beside a SQLite file; None where that of data_dir stands for it, or the database is on a server."""
    file = file_of(settings)
    if file is None:
        return None
    file = file.resolve()
    # Whoever names the file of another daemon's data_dir meets the lock that daemon holds.
    lock = file.with_name("lock" if file.name == NAME else f"{file.name}-lock")
    return None if lock == settings.data_dir.resolve() / "lock" else lock


@contextlib.contextmanager
def _held(settings: Settings, key: str, path: Path, about: Path) -> Iterator[None]:
    try:
        if key == "gateway.data_dir":
            about.mkdir(parents=True, exist_ok=True)
        # A link the service left there must lead root to no other file.
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666), "w")
    except OSError as error:
        raise settings.error(
            key, f"{path.parent} cannot be written ({error.strerror})", "Give it to the service's user."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise settings.error(
                key, f"another daemon runs on {about}", f"Stop it, or use another {key.removeprefix('gateway.')}."
            ) from None
        if os.geteuid() == 0:
            # Root restores on a new machine: the service must be able to open it afterwards.
            owner = path.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        yield
