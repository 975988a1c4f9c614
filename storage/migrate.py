"""Bringing a database to the shape of `tables`, with Alembic. Only the daemon does this, at its start.

`HEAD` is compared first, so that everything else starts without importing Alembic.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.errors import StorageUnavailable
from storage.database import Database, translated
from storage.seals import seal_all

HEAD = "0021"
"""The newest revision in storage/migrations/versions; a test keeps it true."""
FIRST_SEALED = "0008"
"""What older versions wrote is sealed when it is upgraded."""
MOVING = "moving-"
"""Begins what stands in place of the revision while everything of another database is copied into this one."""
OLD_MARKS_FIT_NOTHING = (
    "if mail was sent under this secret before, answers to it fit no ticket here: they become new requests that say "
    "so, and agents' answers do nothing; restore a backup if this database should not be empty"
)
_LOCK = 7_260_811
"""Advisory lock on PostgreSQL: two daemons that start at once migrate one after the other."""


def revision(database: Database) -> str:
    """The revision the database is at; empty when it has no tables yet."""
    with translated(), database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or ""


def migrate(database: Database) -> bool:
    """Create or upgrade the tables; True when there were none. A database newer than this program is refused."""
    found = revision(database)
    if found == HEAD:
        return False
    if found.startswith(MOVING):
        raise StorageUnavailable(
            "moving another database into this one was not finished: run replydesk migrate-store again, "
            "or name the former database"
        )
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found and found not in known:
        raise StorageUnavailable(
            f"the database was written by a newer Replydesk (schema {found}); install that version, or restore a backup"
        )
    try:
        with database.engine.connect() as connection:
            _lock(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if found and found < FIRST_SEALED:
                seal_all(connection)
            connection.commit()
    except DBAPIError as error:
        raise StorageUnavailable(f"database: cannot be migrated: {error.orig}") from error
    return not found


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
