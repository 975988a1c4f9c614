"""One daemon for each data_dir: whoever holds its lock, and nobody else, works with what lies there."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from gateway.config.settings import Settings


@contextlib.contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock. Raises `ConfigError` when a daemon runs: a second one would send what the first has claimed."""
    path = settings.data_dir / "lock"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise settings.error(
            "gateway.data_dir",
            f"{settings.data_dir} cannot be written ({error.strerror})",
            "Give it to the service's user.",
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise settings.error(
                "gateway.data_dir", f"another daemon runs on {settings.data_dir}", "Stop it, or use another data_dir."
            ) from None
        if os.geteuid() == 0:
            # Root restores on a new machine: the service must be able to open it afterwards.
            owner = settings.data_dir.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        yield
