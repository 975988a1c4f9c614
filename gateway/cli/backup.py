"""`replydesk backup FILE`: a copy of the database while the daemon runs."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.config import Settings


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="what must not exist yet; only its owner may read it")


def run(args: argparse.Namespace) -> int:
    from pathlib import Path

    from gateway import config
    from gateway.cli import show
    from gateway.cli.site import EMPTY
    from gateway.errors import ReplydeskError
    from storage.backup import backup
    from storage.database import Database

    settings = config.load(args.config)
    # A database of another version is wanted in a backup above all: right before an upgrade.
    database = Database(config.database_url(settings), settings.data_dir)
    try:
        if database.is_sqlite and not Path(database.engine.url.database or "").exists():
            raise ReplydeskError(EMPTY)
        copy = backup(database, Path(args.file).absolute(), _progress)
    finally:
        database.close_now()
    print(f"{copy.file}: {show.size(copy.size)}. Is it any good? replydesk restore --check {args.file}")
    print(_kept_apart(settings))
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
