"""The journal: what was accepted stays, and each mail is in one hand at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete

from gateway.errors import UnknownEntry
from gateway.mail.message import Envelope
from storage import raw, tables
from storage.database import Database
from storage.journal import HELD, PENDING, SETTLED
from storage.tx import Tx
from tests.conftest import NOW

ENVELOPE = Envelope("smtp", "kim@customer.example", ("support@example.com", "jörg@bücher.example"), "192.0.2.1", "kim")
LATER = NOW + timedelta(minutes=1)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Path())
    yield opened
    opened.close_now()


def append(db: Database, data: bytes = b"From: kim@customer.example\r\n\r\nHello\r\n") -> int:
    return db.write_now(lambda tx: tx.journal.append(ENVELOPE, raw.pack(data), NOW))


@pytest.mark.parametrize("data", [b"", b"\0\xff\xfe\r\n", b"x" * 3_000_000, bytes(range(256)) * 100])
def test_the_very_bytes_come_back(db: Database, data: bytes) -> None:
    """Whatever they are, with the envelope they came in."""
    id = append(db, data)
    row, found = db.read_now(lambda tx: tx.journal.load(id))
    assert found == data
    assert (row.envelope, row.size, row.state) == (ENVELOPE, len(data), PENDING)


def test_the_same_bytes_are_kept_once(db: Database) -> None:
    """Two rows, one content."""
    assert append(db) != append(db)
    with db.engine.connect() as connection:
        assert len(connection.execute(tables.RAW.select()).all()) == 1


def test_a_mail_is_taken_settled_and_taken_no_more(db: Database) -> None:
    """With the decision's reason, its sentences, ticket and id."""
    id = append(db)

    def settle(tx: Tx) -> None:
        row = tx.journal.take(id)
        assert row is not None
        tx.journal.settle(
            id, reason="new-request", why=("attach: no", "acknowledge: yes"), ticket=None, message_id="one@x", now=LATER
        )

    db.write_now(settle)
    row = db.read_now(lambda tx: tx.journal.get(id))
    assert (row.state, row.reason, row.why) == (SETTLED, "new-request", ("attach: no", "acknowledge: yes"))
    assert (row.message_id, row.settled_at, row.ticket) == ("one@x", LATER, None)
    assert db.write_now(lambda tx: tx.journal.take(id)) is None


def test_what_is_held_waits_for_the_operator(db: Database) -> None:
    """It is not taken, not waiting, and tells its cause, however long that is."""
    id = append(db)
    db.write_now(lambda tx: tx.journal.hold(id, "fault", "x" * 10_000, LATER))
    row = db.read_now(lambda tx: tx.journal.get(id))
    assert (row.state, row.reason, len(row.cause)) == (HELD, "fault", 4000)
    assert db.write_now(lambda tx: tx.journal.take(id)) is None
    assert db.read_now(lambda tx: tx.journal.waiting(LATER, 10)) == []


def test_a_retry_begins_anew(db: Database) -> None:
    """Its attempts are forgotten, and so is the cause."""
    id = append(db)
    db.write_now(lambda tx: tx.journal.count_attempt(id))
    db.write_now(lambda tx: tx.journal.hold(id, "fatal", "cause", NOW))
    db.write_now(lambda tx: tx.journal.retry(id))
    row = db.read_now(lambda tx: tx.journal.get(id))
    assert (row.state, row.cause, row.attempts, row.settled_at) == (PENDING, "", 0, None)


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_only_what_is_held_can_be_retried_or_dropped(db: Database, verb: str) -> None:
    """A pending or settled mail is left alone, an unknown one is named."""
    id = append(db)

    def act(tx: Tx, number: int) -> None:
        tx.journal.retry(number) if verb == "retry" else tx.journal.drop(number, NOW)

    with pytest.raises(UnknownEntry, match="not held"):
        db.write_now(lambda tx: act(tx, id))
    db.write_now(lambda tx: tx.journal.settle(id, reason="reply", why=(), ticket=None, message_id="", now=NOW))
    with pytest.raises(UnknownEntry, match="not held"):
        db.write_now(lambda tx: act(tx, id))
    with pytest.raises(UnknownEntry, match="no journal entry 999"):
        db.write_now(lambda tx: act(tx, 999))


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_a_held_mail_is_retried_or_dropped_by_one_alone(db: Database, verb: str) -> None:
    """Who comes second waits for the first, and changes nothing: the mail may be decided about meanwhile."""
    id = append(db)
    db.write_now(lambda tx: tx.journal.hold(id, "fault", "x", NOW))
    said: list[str] = []

    def second() -> None:
        try:
            db.write_now(lambda tx: tx.journal.retry(id) if verb == "retry" else tx.journal.drop(id, NOW))
        except UnknownEntry as error:
            said.append(str(error))

    other = threading.Thread(target=second)

    def first(tx: Tx) -> None:
        tx.journal.retry(id)
        tx.journal.settle(id, reason="reply", why=(), ticket=None, message_id="", now=NOW)
        other.start()
        other.join(0.5)  # it waits for us

    db.write_now(first)
    other.join(20)
    assert "not held" in said[0]
    row = db.read_now(lambda tx: tx.journal.get(id))
    assert (row.state, row.reason) == (SETTLED, "reply")


def test_what_waits_is_oldest_first_and_old_enough(db: Database) -> None:
    """Mails younger than the moment are in the hands of who took them."""
    ids = [append(db, bytes([n])) for n in range(3)]
    assert [id for id, _ in db.read_now(lambda tx: tx.journal.waiting(LATER, 2))] == ids[:2]
    assert db.read_now(lambda tx: tx.journal.waiting(NOW, 10)) == []


def test_lists_and_counts(db: Database) -> None:
    """Newest first, by state, every state counted."""
    ids = [append(db, bytes([n])) for n in range(3)]
    db.write_now(lambda tx: tx.journal.hold(ids[1], "fault", "x", NOW))
    assert [r.id for r in db.read_now(lambda tx: tx.journal.recent())] == ids[::-1]
    assert [r.id for r in db.read_now(lambda tx: tx.journal.recent("held"))] == [ids[1]]
    assert [r.id for r in db.read_now(lambda tx: tx.journal.recent(limit=1))] == [ids[2]]
    assert db.read_now(lambda tx: tx.journal.counts()) == {PENDING: 2, SETTLED: 0, HELD: 1}


def test_bytes_that_retention_removed_are_named(db: Database) -> None:
    """Not an error of ours to be held for, but one with its cause."""
    id = append(db)
    raws = tables.RAW
    with db.engine.connect() as connection:
        if db.is_sqlite:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("SET session_replication_role = replica")
        connection.execute(delete(raws))
        connection.commit()
    with pytest.raises(UnknownEntry, match="retention"):
        db.read_now(lambda tx: tx.journal.load(id))


def test_two_daemons_never_take_the_same_mail(postgresql_url: str) -> None:
    """While one has it, the other passes it over instead of waiting."""
    db = Database(postgresql_url, Path())
    id = append(db)
    taken: list[object] = []

    def outer(tx: Tx) -> None:
        assert tx.journal.take(id) is not None
        other = threading.Thread(target=lambda: taken.append(db.write_now(lambda tx: tx.journal.take(id))))
        other.start()
        other.join(20)
        assert not other.is_alive()

    db.write_now(outer)
    db.close_now()
    assert taken == [None]
