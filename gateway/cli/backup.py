"""`replydesk backup FILE`: a copy of the database while the daemon runs.

`--into FOLDER` is for a timer: a copy named by its time, tried at once as a restore would; only a good one lets older
ones go.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from gateway.cli.words import count

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.config import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("file", nargs="?", metavar="FILE", help="what must not exist yet; only its owner may read it")
    where.add_argument(
        "--into", metavar="FOLDER", help="a file of this folder, named by the time; it is checked at once"
    )
    parser.add_argument("--keep", type=count, default=14, metavar="N", help="so many in FOLDER (default: 14)")


def run(args: argparse.Namespace) -> int:
    from pathlib import Path

    from gateway import config
    from gateway.cli import show
    from gateway.cli.site import EMPTY
    from gateway.config.database_file import placed
    from gateway.errors import ReplydeskError
    from storage.backup import backup
    from storage.database import Database

    settings = config.load(args.config)
    file = Path(args.file).absolute() if args.file else _next(Path(args.into).absolute())
    # A database of another version is wanted in a backup above all: right before an upgrade.
    database = Database(config.database_url(settings), settings.data_dir)
    try:
        if database.is_sqlite and not Path(database.engine.url.database or "").exists():
            raise ReplydeskError(EMPTY)
        with placed(settings):
            copy = backup(database, file, _progress)
    finally:
        database.close_now()
    print(f"{copy.file}: {show.size(copy.size)}. Is it any good? replydesk restore --check {file}")
    print(_kept_apart(settings))
    if not args.into:
        return 0
    return _rehearsed(file, args.keep)


def _next(folder: Path) -> Path:
    from gateway.cli.site import now
    from gateway.errors import ReplydeskError

    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ReplydeskError(f"{folder} cannot be made ({error.strerror})") from None
    return folder / f"replydesk-{now():%Y%m%dT%H%M%SZ}.sqlite3"


def _rehearsed(file: Path, keep: int) -> int:
    """The look a restore begins with; older copies go only after one that passed it."""
    from gateway.cli import show
    from storage.backup import check

    found = check(file, show.promises_looked_at)
    if not found.ok:
        print(f"{file} is no good copy, so nothing older was removed. See: replydesk restore --check {file}")
        return 1
    # Where the clock was wrong, names of former copies may come after the one just made.
    others = sorted(copy for copy in file.parent.glob("replydesk-*Z.sqlite3") if copy != file)
    older = others[: max(len(others) - keep + 1, 0)]
    for copy in older:
        copy.unlink()
    print(f"It was checked as for a restore, and is good. {len(older)} older removed, {keep} are kept at most.")
    return 0


def _progress(done: int, total: int) -> None:
    """A line that is written over; only where somebody watches."""
    if sys.stderr.isatty():
        print(f"\r{done * 100 // max(total, 1):3d} %", end="\n" if done == total else "", file=sys.stderr, flush=True)


def _kept_apart(settings: Settings) -> str:
    secret = (
        settings.path(settings.gateway.secret_file) if settings.gateway.secret_file else settings.data_dir / "secret"
    )
    return f"Not in it, and worth a copy elsewhere: {settings.file}, and the signing secret {secret}."
