"""The file of a SQLite database, as far as it can be judged without a database library, and what is said of it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from gateway.config.settings import Settings
from gateway.errors import RESTORE, StorageUnusable

NAME = "replydesk.sqlite3"
"""In data_dir, where no other is named."""
MAGIC = b"SQLite format 3\0"


def try_database_file(settings: Settings) -> None:
    """It can be made, or is one and whole at first sight. Raises `ConfigError`; a database on a server passes."""
    path = file_of(settings)
    if path is None:
        return
    made = (settings.data_dir, *settings.data_dir.parents)  # At the first start; no other folder is.
    if path.parent not in made and not path.parent.is_dir():
        remedy = "Create it for the service's user, or correct the path."
        raise settings.error("gateway.database_url", f"there is no folder {path.parent}", remedy)
    try:
        with path.open("rb") as file:
            head, size = file.read(100), path.stat().st_size
    except FileNotFoundError:
        return
    except OSError as error:
        said = f"{path} cannot be read ({error.strerror})"
        raise settings.error(_key(settings), said, "Give it to the service's user, or correct the path.") from None
    if head and not head.startswith(MAGIC):
        raise settings.error(_key(settings), f"{path} is no SQLite database", f"Correct the path. {RESTORE}")
    if size < (whole := _size_by(head, path)):
        said = f"{path} is cut off: {size} of {whole} bytes are there"
        raise settings.error(_key(settings), said, RESTORE)


def file_of(settings: Settings) -> Path | None:
    """None: the database is on a server, or in memory."""
    url = settings.gateway.database_url
    if not url:
        return settings.data_dir / NAME
    name = url.partition("sqlite:///")[2].partition("?")[0]
    return Path(name).absolute() if name and name != ":memory:" and not name.startswith("file:") else None


def _size_by(head: bytes, path: Path) -> int:
    """What the file says its size is (https://sqlite.org/fileformat.html, 1.3); 0 when that cannot be relied on."""
    wal = path.with_name(path.name + "-wal")
    if len(head) < 100 or head[24:28] != head[92:96] or (wal.exists() and wal.stat().st_size):
        return 0
    page = int.from_bytes(head[16:18])
    return (65536 if page == 1 else page) * int.from_bytes(head[28:32])


@contextlib.contextmanager
def placed(settings: Settings) -> Iterator[None]:
    """What the store says of the database, with the key and the file it does not know."""
    try:
        yield
    except StorageUnusable as error:
        if error.key:
            raise
        told = settings.error(_key(settings), error.problem, error.remedy)
        raise StorageUnusable(told.key, told.problem, told.remedy, told.file, told.line) from error


def _key(settings: Settings) -> str:
    return "gateway.database_url" if settings.gateway.database_url else "gateway.data_dir"
