"""The database: the same promises on SQLite and PostgreSQL."""

from __future__ import annotations

import _sqlite3
import asyncio
import ctypes
import random
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event, inspect, text

from gateway.core.decision import Away, Returned
from gateway.core.token import BIRTH_LENGTH, Named, names_outbox
from gateway.errors import ConfigError, StorageUnavailable, StorageUnusable
from gateway.mail.message import Address, Envelope
from storage import migrate, raw
from storage.database import Database, ping
from storage.erasure.retention import Retention
from storage.tables import metadata
from storage.tx import Tx
from tests.conftest import NOW, Clock
from tests.storage.test_tickets import opening

ENVELOPE = Envelope("smtp", "kim@customer.example", ("support@example.com",), "192.0.2.1")


def append(tx: Tx, body: bytes = b"From: kim@customer.example\r\n\r\nHello\r\n") -> int:
    return tx.journal.append(ENVELOPE, raw.pack(body), NOW)


async def test_what_was_written_is_read(database: Database) -> None:
    """An appended mail comes back with its envelope and its very bytes."""
    id = await database.write(append)
    row, data = await database.read(lambda tx: tx.journal.load(id))
    assert row.envelope == ENVELOPE
    assert data == b"From: kim@customer.example\r\n\r\nHello\r\n"
    assert row.state == "pending"
    assert row.received_at == NOW


async def test_sqlite_keeps_no_large_mail_in_its_memory(sqlite_url: str, tmp_path: Path) -> None:
    """Neither once it is written nor once it is read: connections would have it in their caches and statements."""
    used = ctypes.CDLL(_sqlite3.__file__).sqlite3_memory_used
    used.restype = ctypes.c_int64
    database = Database(sqlite_url, tmp_path)
    body = random.Random(1).randbytes(12 * raw.LARGE)
    id = await database.write(lambda tx: append(tx, body))
    await asyncio.gather(*(database.read(lambda tx: tx.journal.load(id)) for _ in range(4)))
    kept = used()
    await database.close()
    assert kept - used() < 4 * raw.LARGE


async def test_one_that_fails_takes_no_other_with_it(database: Database) -> None:
    """In a group commit each piece of work stands for itself."""

    def broken(tx: Tx) -> int:
        append(tx, b"broken")
        raise RuntimeError("a fault of ours")

    works = [append if n % 3 else broken for n in range(30)]
    results = await asyncio.gather(*(database.write(w) for w in works), return_exceptions=True)
    assert [isinstance(r, RuntimeError) for r in results] == [n % 3 == 0 for n in range(30)]
    rows = await database.read(lambda tx: tx.journal.recent(limit=100))
    assert len(rows) == 20
    assert all(row.size != 6 for row in rows)


async def test_what_comes_while_another_writes_shares_a_commit(sqlite_url: str, tmp_path: Path) -> None:
    """Else each peer would wait for a whole turn of its own behind the other process."""
    database, other = Database(sqlite_url, tmp_path), Database(sqlite_url, tmp_path)
    await database.write(append)
    commits: list[object] = []
    event.listen(database.engine, "commit", commits.append)
    entered, leave = threading.Event(), threading.Event()

    def hold(_tx: Tx) -> None:
        entered.set()
        leave.wait(10)

    holding = asyncio.create_task(other.write(hold))
    await asyncio.to_thread(entered.wait, 10)
    waiting = []
    for _ in range(5):
        waiting.append(asyncio.create_task(database.write(append)))
        await asyncio.sleep(0.02)
    leave.set()
    await asyncio.gather(holding, *waiting)
    assert len(commits) == 1
    await database.close()
    await other.close()


async def test_many_at_once_lose_nothing(database: Database) -> None:
    """Concurrent read-modify-write does not lose an increment."""
    await database.write(lambda tx: tx.contacts.ensure(Address("kim@customer.example"), NOW))
    id = await database.write(append)
    await asyncio.gather(*(database.write(lambda tx: tx.journal.count_attempt(id)) for _ in range(160)))
    assert (await database.read(lambda tx: tx.journal.get(id))).attempts == 160


ERIKA = Address("erika@customer.example")
AT_ONCE: dict[str, Callable[[Tx], object]] = {
    "a person who was not known": lambda tx: tx.contacts.ensure(ERIKA, NOW),
    "a sender nobody wants to hear": lambda tx: tx.blocks.add(ERIKA.key, "", NOW),
    "an agent who goes": lambda tx: tx.absences.note(Away("anna@example.com"), NOW),
}


@pytest.mark.parametrize("work", AT_ONCE.values(), ids=AT_ONCE)
def test_two_that_write_the_same_at_once_are_both_heard(database_url: str, work: Callable[[Tx], object]) -> None:
    """Whoever comes second finds what the first one wrote."""
    database = Database(database_url, Path())
    failed: list[Exception] = []

    def second() -> None:
        try:
            database.write_now(work)
        except Exception as error:
            failed.append(error)

    other = threading.Thread(target=second)

    def first(tx: Tx) -> None:
        work(tx)
        other.start()
        other.join(0.5)  # it waits for us

    database.write_now(first)
    other.join(20)
    database.close_now()
    assert failed == []


def test_a_person_who_is_removed_while_they_write_is_known_again(database_url: str) -> None:
    """Retention takes people without a ticket; the mail that just comes from one of them opens its ticket."""
    database = Database(database_url, Path())
    id = database.write_now(lambda tx: tx.contacts.ensure(opening().new.requester, NOW)).id  # type: ignore[union-attr]
    opened: list[object] = []

    def mail(tx: Tx) -> object:
        return tx.tickets.apply(opening(), None, NOW)

    other = threading.Thread(target=lambda: opened.append(database.write_now(mail)))

    def retention(tx: Tx) -> None:
        assert Retention(tx.connection).contacts(NOW + timedelta(days=1), [id]) == 1
        other.start()
        other.join(0.5)  # it waits for us

    database.write_now(retention)
    other.join(20)
    database.close_now()
    assert len(opened) == 1


async def test_a_cancelled_wait_does_not_undo_the_write(database: Database) -> None:
    """Whoever stops waiting gets no answer, but the mail is there."""
    task = asyncio.create_task(database.write(append))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write(ping)
    await database.close()
    again = Database(database.url, Path())
    assert again.read_now(lambda tx: tx.journal.counts())["pending"] == 1
    again.close_now()


async def test_held_mails_can_be_retried_and_dropped(database: Database) -> None:
    """A held row goes back to pending by one verb, and leaves the line by another."""
    id = await database.write(append)
    await database.write(lambda tx: tx.journal.hold(id, "unreadable", "too deep", NOW))
    assert (await database.read(lambda tx: tx.journal.get(id))).cause == "too deep"
    assert await database.read(lambda tx: tx.journal.waiting(Clock().forward(days=1), 10)) == []
    await database.write(lambda tx: tx.journal.retry(id))
    assert await database.read(lambda tx: tx.journal.waiting(Clock().forward(days=1), 10)) == [(id, 37)]
    await database.write(lambda tx: tx.journal.hold(id, "unreadable", "again", NOW))
    await database.write(lambda tx: tx.journal.drop(id, NOW))
    assert (await database.read(lambda tx: tx.journal.get(id))).reason == "dropped-by-operator"


def test_migrations_lead_to_the_tables(database_url: str) -> None:
    """A migrated database has exactly the columns and indexes the models name, and the same shape as a new one."""
    database = Database(database_url, Path())
    new = _shape(database)
    _back_to(database, "0001")
    assert _shape(database) != new
    migrate.migrate(database)
    with database.engine.connect() as connection:
        ours = {"include_object": lambda _, name, *__: not str(name).startswith("search_index")}
        context = MigrationContext.configure(connection, opts={"compare_type": True, **ours})
        assert compare_metadata(context, metadata) == []
    assert _shape(database) == new
    assert migrate.revision(database) == migrate.HEAD
    migrate.migrate(database)
    database.close_now()


def _shape(database: Database) -> dict[str, Any]:
    """Of each table: columns with types and defaults, keys, indexes; triggers and SQLite's own words."""
    with database.engine.connect() as connection:
        look = inspect(connection)
        looks = (look.get_columns, look.get_pk_constraint, look.get_foreign_keys, look.get_indexes)
        looks += (look.get_unique_constraints, look.get_check_constraints)
        found = {name: [_plain(see(name)) for see in looks] for name in look.get_table_names()}
        if connection.dialect.name == "sqlite":
            words = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            again = connection.execute(text("SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%'")).all()
            found |= {"triggers": sorted(map(str, words)), "numbers never used again": sorted(map(str, again))}
    return found


def _plain(seen: Any) -> str:
    """The same words for the same thing: clauses by what they say, lists in order."""
    if isinstance(seen, dict):
        return str([(name, _plain(seen[name])) for name in sorted(seen)])
    return str(sorted(map(_plain, seen))) if isinstance(seen, list) else str(seen)


def test_an_upgrade_keeps_which_events_reopened_a_ticket(database_url: str) -> None:
    """Lines of the first version that reopened a ticket count on; no other line, whatever its text, does."""
    database = Database(database_url, Path())
    _back_to(database, "0001")
    given = {"now": "2026-03-02 09:30:00+00:00", "no": False, "none": "[]"}
    lines = [("reopened\tKim", "event", "reopened"), ("closed\tKim", "event", ""), ("reopened", "comment", "reopened")]
    with database.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO contact (id, key, address, name, language, created_at, password_hash)"
                " VALUES (1, 'kim@x', 'kim@x', '', '', :now, '')"
            ),
            given,
        )
        connection.execute(
            text(
                "INSERT INTO ticket (number, status, sub_status, mailbox, language, requester_id, requester_key,"
                " assignee, created_at, last_activity_at, status_at, target, closed_by, spam)"
                " VALUES (1, 'new', '', 'support@x', '', 1, 'kim@x', '', :now, :now, :now, '', '', :no)"
            ),
            given,
        )
        for sentence, kind, reason in lines:
            connection.execute(
                text(
                    "INSERT INTO entry (ticket, kind, author_address, author_name, author_role, body_text, attachments,"
                    " created_at, reason, evidence, collapsed, remarks)"
                    " VALUES (1, :kind, '', '', 'system', :sentence, :none, :now, :reason, '', :no, :none)"
                ),
                given | {"kind": kind, "reason": reason, "sentence": sentence},
            )
    migrate.migrate(database)
    with database.engine.connect() as connection:
        rows = connection.execute(text("SELECT body_text, event FROM entry ORDER BY id")).all()
        assert [tuple(row) for row in rows] == [("reopened\tKim", "reopened"), ("closed\tKim", ""), ("reopened", "")]
    assert database.read_now(lambda tx: len(tx.threads.reopened_lately(1, NOW - timedelta(days=1), 9))) == 1
    database.close_now()


def test_an_upgrade_gives_tickets_a_birth_and_keeps_their_old_marks(database_url: str) -> None:
    """Each of its own; what is opened afterwards accepts no mark of a number alone."""
    database = Database(database_url, Path())
    _back_to(database, "0002")
    given = {"now": "2026-03-02 09:30:00+00:00", "no": False}
    contact = (
        "INSERT INTO contact (id, key, address, name, language, created_at, password_hash)"
        " VALUES (1, 'kim@x', 'kim@x', '', '', :now, '')"
    )
    ticket = (
        "INSERT INTO ticket (number, status, sub_status, mailbox, language, requester_id, requester_key,"
        " assignee, created_at, last_activity_at, status_at, target, closed_by, spam)"
        " VALUES (:number, 'new', '', 'support@x', '', 1, 'kim@x', '', :now, :now, :now, '', '', :no)"
    )
    sent = (
        "INSERT INTO outbox (state, notice, audience, recipient, recipient_key, message_id, automatic, files,"
        " attempts, doubts, created_at, not_before, claimed_by)"
        " VALUES ('sent', 'reply', 'customer', 'kim@x', 'kim@x', :id, :no, '[]', 1, 0, :now, :now, '')"
    )
    with database.engine.begin() as connection:
        connection.execute(text(contact), given)
        connection.execute(text(ticket), [given | {"number": n} for n in range(1, 8)])
        connection.execute(text(sent), given | {"id": "rd.7.c.blg5mcyxt835mq549zp5.b8ct33xb48t2uzg4@example.com"})
        connection.execute(
            text("INSERT INTO probe (mailbox, sent_at, faults, outcome) VALUES ('support@x', :now, '[]', '')"), given
        )
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT setval('ticket_number_seq', 7), setval('contact_id_seq', 1)"))
    migrate.migrate(database)
    opened = database.write_now(lambda tx: tx.tickets.apply(opening(), None, NOW))
    assert opened is not None
    tickets = database.read_now(lambda tx: tx.reads.numbered(range(1, 9)))
    assert len({t.birth for t in tickets}) == 8
    assert all(len(t.birth) == BIRTH_LENGTH for t in tickets)
    assert [t.old_marks for t in sorted(tickets, key=lambda t: t.number)] == [True] * 7 + [False]
    row = database.read_now(lambda tx: tx.outbox.recent())[0]
    assert names_outbox(Named(row.id), row.id, row.message_id)
    database.write_now(lambda tx: tx.probes.returned(Returned(Named(1)), 1, NOW))
    assert database.read_now(lambda tx: len(tx.probes.latest())) == 1
    database.close_now()


def _back_to(database: Database, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    _empty(database)
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _empty(database: Database) -> None:
    with database.engine.begin() as connection:
        metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        connection.execute(text("DROP TABLE IF EXISTS search_index"))


def test_head_names_the_newest_revision() -> None:
    """`HEAD` spares importing Alembic at every start, so it must be right."""
    script = ScriptDirectory(str(Path(migrate.__file__).parent / "migrations"))
    assert script.get_current_head() == migrate.HEAD


def test_a_database_that_is_down_is_named(tmp_path: Path) -> None:
    """An unreachable server is an outage, not a traceback."""
    database = Database("postgresql+psycopg://nobody@127.0.0.1:9/none", tmp_path)
    with pytest.raises(StorageUnavailable, match="database:"):
        database.read_now(ping)
    database.close_now()


def test_an_unknown_kind_of_database_is_refused(tmp_path: Path) -> None:
    """Only the two databases we test on are taken."""
    with pytest.raises(ConfigError, match=r"gateway\.database_url"):
        Database("mysql://x@y/z", tmp_path)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param("UPDATE alembic_version SET version_num = '9999'", "newer Replydesk", id="newer"),
        pytest.param("DELETE FROM alembic_version", "replydesk restore", id="unknown"),
    ],
)
def test_tables_we_do_not_know_are_left_alone(database_url: str, found: str, said: str) -> None:
    """An old program must not write into a database of a newer one, nor make or upgrade tables from a guess."""
    database = Database(database_url, Path())
    with database.engine.begin() as connection:
        connection.exec_driver_sql(found)
    with pytest.raises(StorageUnusable, match=said):
        migrate.migrate(database)
    database.close_now()


async def test_several_that_start_at_once_make_the_tables_once(database_url: str) -> None:
    """One of them did it, and the others find them there."""
    several = [Database(database_url, Path()) for _ in range(4)]
    _empty(several[0])
    made = await asyncio.gather(*(asyncio.to_thread(migrate.migrate, one) for one in several))
    assert sorted(made) == [False, False, False, True]
    for one in several:
        assert migrate.revision(one) == migrate.HEAD
        one.close_now()
