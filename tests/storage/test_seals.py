"""The chain through the journal and the sums of tickets stay true, whoever writes at once and whatever is undone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.mail.message import Envelope
from storage import raw, seals
from storage.audit import audit
from storage.database import Database
from storage.erasure.steps import Erasure
from storage.tx import Tx
from tests.conftest import NOW

ENVELOPE = Envelope("smtp", "kim@customer.example", ("support@example.com",), "192.0.2.1")


@pytest.fixture
def daemons(database_url: str, tmp_path: Path) -> Iterator[tuple[Database, Database]]:
    """Two daemons on one database."""
    both = Database(database_url, tmp_path), Database(database_url, tmp_path)
    yield both
    for one in both:
        one.close_now()


def append(n: int, *, fails: bool = False) -> object:
    def work(tx: Tx) -> int:
        id = tx.journal.append(ENVELOPE, raw.pack(b"mail %d" % n), NOW)
        if fails:
            raise ValueError("no such thing")
        return id

    return work


def broken(database: Database) -> list[str]:
    return database.read_now(lambda tx: list(seals.walk(tx.connection)))


async def test_many_at_once_make_one_chain(daemons: tuple[Database, Database]) -> None:
    """Neither a daemon beside it nor work that fails within the same commit breaks it."""
    work = [daemons[n % 2].write(append(n, fails=n % 5 == 0)) for n in range(120)]  # type: ignore[arg-type]
    done = await asyncio.gather(*work, return_exceptions=True)
    assert sum(isinstance(one, int) for one in done) == 96
    assert broken(daemons[0]) == []
    heads = daemons[0].read_now(lambda tx: [row.number for row in tx.connection.execute(seals._HEADS)])
    assert sum(heads) == 96
    for one in daemons:
        await one.close()


def test_what_was_erased_leaves_the_chain_whole(daemons: tuple[Database, Database]) -> None:
    """Nothing of the person, and still none of their mails can be taken out."""
    database, _ = daemons
    ids = [database.write_now(append(n)) for n in range(3)]  # type: ignore[arg-type]

    def erase(tx: Tx) -> None:
        for id in ids[:2]:
            tx.journal.settle(id, reason="loop", why=(), ticket=None, message_id="", now=NOW)
        assert Erasure(tx.connection).blank_journal(ids[:2], NOW) == 2

    database.write_now(erase)
    assert broken(database) == []
    with database.engine.begin() as connection:
        connection.execute(text("DELETE FROM journal WHERE id = 1"))
    assert broken(database) == ["journal entry 2 is number 2 of journal:00; before it is 0 (entry 0)"]


def test_since_the_last_time(daemons: tuple[Database, Database]) -> None:
    """What came before is not read again, and the chain goes on where it ended."""
    database, _ = daemons
    ids = [database.write_now(append(n)) for n in range(4)]  # type: ignore[arg-type]
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE journal SET remote = 'x' WHERE id IN (1, 4)"))
    found = database.read_now(lambda tx: list(seals.walk(tx.connection, ids[1])))
    assert found == ["journal entry 4 is not what was written down, or follows another than entry 3"]


def test_what_older_versions_wrote_is_sealed(daemons: tuple[Database, Database]) -> None:
    """A database of before there were seals gets them at its upgrade."""
    database, _ = daemons
    for n in range(3):
        database.write_now(append(n))  # type: ignore[arg-type]
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE journal SET lane = '', place = 0, link = ''"))
        connection.execute(text("DELETE FROM chain"))
    assert broken(database)
    with database.engine.begin() as connection:
        seals.seal_all(connection)
    database.write_now(append(4))  # type: ignore[arg-type]
    assert database.read_now(audit).broken == ()
