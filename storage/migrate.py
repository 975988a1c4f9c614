"""Bringing a database to the shape of `tables`. Only the daemon does this, at its start.

A new one is made as it has to be now; an older one is upgraded with Alembic, which leads to the same (a test looks).
`HEAD` is compared first, so that everything else starts without importing Alembic.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, PrimaryKeyConstraint, String, Table, inspect, text
from sqlalchemy.exc import DBAPIError

from gateway.errors import RESTORE, StorageUnavailable, StorageUnusable
from storage.database import Database, translated
from storage.seals import seal_all
from storage.search_index import statements
from storage.tables import metadata

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
NEW_SECRET_KNOWS_NOTHING = (
    "replies and links to mails that were sent before are not recognised under another secret; put the former one in "
    "its place, or on a line below the new one"
)
_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False))
_VERSION.append_constraint(PrimaryKeyConstraint("version_num", name="alembic_version_pkc"))
_LOCK = 7_260_811
"""Advisory lock on PostgreSQL: two daemons that start at once migrate one after the other."""


def revision(database: Database) -> str:
    """The revision the database is at; empty when it has no tables yet.

    Raises `StorageUnusable` for what is damaged, or another program's.
    """
    with translated(database.engine), database.engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            _refuse_foreign(connection)
            return ""
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none() or ""


def usable_revision(database: Database) -> str:
    """The same, of tables that this program can use, upgrade or make.

    Raises `StorageUnusable` also for those of a newer program, and for a move into it that was not finished: no start
    helps there.
    """
    found = revision(database)
    if found.startswith(MOVING):
        raise StorageUnusable(
            "",
            "moving another database into this one was not finished",
            "Run replydesk migrate-store again, or name the former database.",
        )
    if found > HEAD:
        raise _newer(found)
    return found


def _newer(found: str) -> StorageUnusable:
    problem = f"the database was written by a newer Replydesk (schema {found})"
    return StorageUnusable("", problem, "Install that version, or restore a backup.")


def migrate(database: Database) -> bool:
    """Create or upgrade the tables; True when there were none.

    Raises `StorageUnusable` as `usable_revision`, and where nobody knows what the tables are.
    """
    found = usable_revision(database)
    if not found:
        if _make(database):
            return True
        # Another daemon was quicker.
        found = usable_revision(database)
    if found == HEAD:
        return False
    if not found:
        raise StorageUnusable("", "the table alembic_version is empty, so nobody knows what is there", RESTORE)
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    if found not in {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}:
        raise _newer(found)
    try:
        with translated(database.engine), database.engine.connect() as connection:
            _lock(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            if found < FIRST_SEALED:
                seal_all(connection)
            connection.commit()
    except DBAPIError as error:
        raise StorageUnavailable(f"database: cannot be migrated: {error.orig}") from error
    return False


def _make(database: Database) -> bool:
    """The tables as they are now, in one transaction; False when they are there."""
    try:
        with translated(database.engine), database.engine.begin() as connection:
            _lock(connection)
            if inspect(connection).has_table("alembic_version"):
                return False
            metadata.create_all(connection, checkfirst=False)
            for statement in statements(connection.dialect.name):
                connection.exec_driver_sql(statement)
            _VERSION.create(connection)
            connection.execute(_VERSION.insert().values(version_num=HEAD))
    except DBAPIError as error:
        raise StorageUnavailable(f"database: cannot be made: {error.orig}") from error
    return True


def _refuse_foreign(connection: Connection) -> None:
    """Tables named as ours without our mark are another program's, or what a tool left: nothing there is touched."""
    if taken := sorted(set(inspect(connection).get_table_names()) & set(metadata.tables)):
        raise StorageUnusable(
            "",
            f"{connection.engine.url.render_as_string()} has a table {taken[0]!r} that Replydesk did not make",
            "Name a database of Replydesk's own.",
        )


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
