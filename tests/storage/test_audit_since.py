"""An audit since the last looks at all that is new, and at every older row in its turn."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Table, select, text

from storage import audit_since
from storage.audit import audit, remember
from storage.database import Database
from storage.tables import ENTRY, JOURNAL, RAW, TICKET
from storage.tx import Tx
from tests.bench.bench_growth import MAILS, Generator


@pytest.fixture
def db(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(audit_since, "SHARE", 4)
    database = Database(database_url, Path())
    yield database
    database.close_now()


def looked_at(db: Database, table: Table) -> set[object]:
    """Keys of the rows the next audit since the last looks at."""

    def ask(tx: Tx) -> set[object]:
        since = audit_since.since_last(tx.connection)
        (key,) = table.primary_key.columns
        return set(tx.connection.execute(select(key).where(since.rows(table))).scalars())

    return db.read_now(ask)


def night(db: Database) -> dict[str, int]:
    """An audit since the last; what it found by rule, and if nothing, the next one goes on."""
    report = db.read_now(lambda tx: audit(tx, since_last=True))
    if not report.broken:
        db.write_now(lambda tx: remember(tx, report))
    return {b.rule.name: b.count for b in report.broken}


TABLES = (JOURNAL, ENTRY, TICKET, RAW)


def all_rows(db: Database, table: Table) -> set[object]:
    (key,) = table.primary_key.columns
    return db.read_now(lambda tx: set(tx.connection.execute(select(key)).scalars()))


def test_every_row_has_its_turn(db: Database) -> None:
    """However many come meanwhile; and none of the new ones waits for it."""
    generator = Generator()
    db.write_now(lambda tx: generator.mails(tx, range(10 * MAILS)))
    old = {table: all_rows(db, table) for table in TABLES}
    seen: dict[Table, set[object]] = {table: set() for table in TABLES}
    for n in range(10, 26):
        assert night(db) == {}
        before = {table: all_rows(db, table) for table in TABLES}
        db.write_now(partial(generator.mails, numbers=range(n * MAILS, (n + 1) * MAILS)))
        for table in TABLES:
            now, found = all_rows(db, table), looked_at(db, table)
            seen[table] |= found
            assert now - before[table] <= found
            # Hashes lie where they like.
            assert table is RAW or len(found & before[table]) <= 2 * audit_since.SHARE
            assert len(found) < len(now)
    for table in TABLES:
        assert old[table] <= seen[table]


def test_what_was_found_is_found_again_until_it_is_mended(db: Database) -> None:
    """The turn does not go on meanwhile."""
    generator = Generator()
    db.write_now(lambda tx: generator.mails(tx, range(10 * MAILS)))
    assert night(db) == {}
    damaged = min(id for id in looked_at(db, JOURNAL) if isinstance(id, int))
    state = text("UPDATE journal SET state = :state WHERE id = :id")
    db.write_now(lambda tx: tx.connection.execute(state, {"state": "lost", "id": damaged}))
    assert [night(db).get("journal-state") for _ in range(3)] == [1, 1, 1]
    db.write_now(lambda tx: tx.connection.execute(state, {"state": "settled", "id": damaged}))
    assert night(db) == {}
    assert damaged not in looked_at(db, JOURNAL)


def test_a_small_desk_is_looked_at_as_a_whole(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    generator = Generator()
    db.write_now(lambda tx: generator.mails(tx, range(10 * MAILS)))
    assert night(db) == {}
    assert {len(looked_at(db, table)) for table in (JOURNAL, ENTRY, RAW)} == {10 * MAILS}


def test_waiting_mail_is_looked_at_each_time(db: Database) -> None:
    """Whosever turn it is."""
    generator = Generator()
    db.write_now(lambda tx: generator.mails(tx, range(10 * MAILS)))
    assert night(db) == {}
    late = 10 * MAILS - 1
    assert late not in looked_at(db, JOURNAL)
    held = text("UPDATE journal SET state = 'held', cause = '' WHERE id = :id")
    db.write_now(lambda tx: tx.connection.execute(held, {"id": late}))
    assert night(db)["held-cause"] == 1
