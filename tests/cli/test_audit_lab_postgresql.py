"""The audit's laboratory on PostgreSQL: the same damage, one at a time, each in a transaction that is rolled back."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine, inspect, text

from storage.audit import broken_rules
from tests.cli.conftest import make
from tests.cli.test_audit_lab import SQL, UNSEEN, fill
from tests.conftest import Postgresql

NEWEST = {"ticket": "number", "contact": "id", "journal": "id", "entry": "id", "outbox": "id", "messageid": "id"}
"""What tells the order of rows; elsewhere it is their place."""


@pytest.fixture(scope="module")
def engine(_postgresql: Postgresql, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    name = _postgresql.take()
    shop = make(tmp_path_factory.mktemp("lab"), _postgresql.url(name))
    fill(shop)
    yield shop.database.engine
    shop.database.close_now()
    _postgresql.give_back(name)


def statements(connection: Connection, said: str) -> list[str]:
    """As SQLite is told, in the words of PostgreSQL."""
    if said.startswith("DOUBLE"):
        table = said.split()[1]
        keys = inspect(connection).get_pk_constraint(table)["constrained_columns"]
        columns = [c["name"] for c in inspect(connection).get_columns(table) if c["name"] not in keys]
        made = ", ".join(f"{c} || '-2'" if (table, c) == ("outbox", "message_id") else c for c in columns)
        return [f"INSERT INTO {table} ({', '.join(columns)}) SELECT {made} FROM {table} LIMIT 1"]
    said = re.sub(r"x'([0-9a-f]+)'", r"'\\x\1'::bytea", said)
    said = re.sub(r"(UPDATE (\w+) .*)WHERE rowid = 1", r"\1WHERE ctid = (SELECT min(ctid) FROM \2)", said)
    if "rowid" in said:
        table = said.split()[2]
        said = said.replace("rowid", NEWEST.get(table, "ctid"))
    if said.startswith("DROP TABLE"):
        said += " CASCADE"
    return said.split("; ")


def found(engine: Engine, said: str) -> bool:
    with engine.connect() as connection:
        # References are checked by triggers: whoever damages a database knows that, and so does a broken disk.
        connection.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements(connection, said):
            connection.exec_driver_sql(statement)
        seen = broken_rules(connection)
        connection.rollback()
        return bool(seen)


def test_nothing_is_found_where_nothing_is_wrong(engine: Engine) -> None:
    assert not found(engine, "SELECT 1")


# A cursor whose table is gone cannot be closed, says psycopg.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "said", [pytest.param(sql, id=name) for name, sql in SQL.items() if "alembic_version" not in name]
)
def test_found(engine: Engine, said: str) -> None:
    """Whatever is removed, doubled or altered of what must stay."""
    assert found(engine, said)


@pytest.mark.parametrize("said", [pytest.param(sql, id=name) for name, sql in UNSEEN.items()])
def test_not_found_and_why(engine: Engine, said: str) -> None:
    """As on SQLite."""
    assert not found(engine, said)
