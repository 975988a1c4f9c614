"""A site opened for one command: its settings, its database, its desk.

The command line never makes tables and never makes a secret: the daemon does, at its start.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4
from zoneinfo import ZoneInfo

from gateway import config
from gateway.config import Settings
from gateway.config.database_file import placed
from gateway.core.policy import Policy
from gateway.errors import ReplydeskError
from gateway.render import brand
from storage import migrate
from storage.database import Database

if TYPE_CHECKING:
    from gateway.flow import Desk

EMPTY = "the database is empty: start the daemon once, which makes its tables"


@dataclass(frozen=True)
class Site:
    settings: Settings
    database: Database

    @cached_property
    def policy(self) -> Policy:
        if not config.has_secret(self.settings):
            raise self.settings.error(
                "gateway.secret_file",
                f"{self.settings.data_dir / 'secret'} is missing",
                "Restore it from a backup: marks in mails sent before are worth nothing without it.",
            )
        return config.policy(self.settings, config.signing_keys(self.settings))

    @cached_property
    def desk(self) -> Desk:
        from gateway.flow import Desk
        from gateway.render.mail import Templates

        return Desk(self.policy, Templates(self.settings.templates_dir, self.zone, brand.of(self.settings)))

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.settings.gateway.timezone)


@contextmanager
def opened(args: argparse.Namespace) -> Iterator[Site]:
    """The site of `--config`, with a database that has its tables; `ReplydeskError` says what it lacks."""
    settings = config.load(args.config)
    database = Database(config.database_url(settings), settings.data_dir)
    try:
        with placed(settings):
            problem = lack(database)
            if problem:
                raise ReplydeskError(problem)
            yield Site(settings, database)
    finally:
        database.close_now()


def lack(database: Database) -> str:
    """What a start would mend, but keeps the database from being used before; empty when nothing does. Raises
    `StorageUnusable` where no start helps."""
    # Asking SQLite for a file that is not there would make it.
    if database.is_sqlite and not Path(database.engine.url.database or "").exists():
        return EMPTY
    found = migrate.usable_revision(database)
    if found == migrate.HEAD:
        return ""
    if not found:
        return EMPTY
    return (
        f"the database has the tables of another version (schema {found}, this program needs {migrate.HEAD}): "
        "start the daemon once to upgrade it, or use the program of that version"
    )


def now() -> datetime:
    return datetime.now(UTC)


def new_cause() -> str:
    """Names one act on the command line; the Message-IDs of its mails are made from it."""
    return f"cli:{uuid4()}"
