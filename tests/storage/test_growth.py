"""What is asked again and again never reads all mails and tickets there ever were."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import event

from storage.database import Database
from storage.erasure.retention import Mode, Retention
from storage.tables import metadata
from storage.tx import Tx
from tests.conftest import NOW

ASKED = {
    "held mails of retention": lambda tx: Retention(tx.connection).held(NOW, NOW),
    "raw mails of retention": lambda tx: Retention(tx.connection).raw(NOW, NOW),
    "tickets of retention": lambda tx: Retention(tx.connection).tickets(NOW, Mode.ANONYMISE, NOW),
    "held mails listed": lambda tx: tx.journal.recent("held"),
    "mails of ours that wait": lambda tx: tx.outbox.recent("deferred"),
}


@pytest.mark.parametrize("name", ASKED)
def test_no_question_reads_everything(sqlite_url: str, name: str) -> None:
    database = Database(sqlite_url, Path())
    heard: list[tuple[str, object]] = []

    def listen(_c: object, _cursor: object, sql: str, parameters: object, *_: object) -> None:
        if sql.startswith("SELECT"):
            heard.append((sql, parameters))

    def explain(tx: Tx) -> list[str]:
        asked = [tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p) for s, p in heard]  # type: ignore[arg-type]  # as recorded
        return [str(row[3]) for rows in asked for row in rows]

    event.listen(database.engine, "before_cursor_execute", listen)
    database.write_now(ASKED[name])
    event.remove(database.engine, "before_cursor_execute", listen)
    plan = database.write_now(explain)
    database.close_now()
    assert plan
    tables = tuple(f"SCAN {table}" for table in metadata.tables)
    assert not [line for line in plan if line.startswith(tables) and "INDEX" not in line], plan
    assert name != "tickets of retention" or "INDEX ix_ticket_closed" in plan[0]
