"""Statements past SQLAlchemy say and find what SQLAlchemy would."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Delete, Update, bindparam, insert, select
from sqlalchemy.exc import IntegrityError

import storage
from gateway.core.decision import Change, Decision
from gateway.core.reason import Reason
from storage.database import Database
from storage.seals import CHAINED, SUMMED
from storage.statement import Statement
from storage.tables import BLOCK, CONTACT, ENTRY, JOURNAL, OUTBOX, TICKET
from tests.storage.test_outbox import mail
from tests.storage.test_tickets import apply, journaled, opening

NOW = datetime(2026, 5, 1, 12, 30, 15, 123456, tzinfo=UTC)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Path())
    yield opened
    opened.close_now()


def _all() -> dict[str, Statement]:
    names = (m.name for m in pkgutil.walk_packages(storage.__path__, "storage.") if "migrations" not in m.name)
    modules = [importlib.import_module(name) for name in names]
    return {f"{m.__name__}.{name}": s for m in modules for name, s in vars(m).items() if isinstance(s, Statement)}


def test_none_changes_what_is_sealed_or_summed() -> None:
    found = _all()
    assert len(found) > 25
    for name, statement in found.items():
        for clause in statement.clauses.values():
            if not isinstance(clause, Update | Delete):
                continue
            watched = CHAINED if clause.table is JOURNAL else SUMMED.get(clause.table, ())  # type: ignore[call-overload]  # tables only
            assert not (isinstance(clause, Delete) and watched), name
            changed = {str(getattr(c, "name", c)) for c in getattr(clause, "_values", None) or {}}
            assert not changed & set(watched), name


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 9])
def test_a_list_of_any_length(db: Database, count: int) -> None:
    wanted = Statement(
        select(BLOCK.c.sender, BLOCK.c.at)
        .where(BLOCK.c.sender.in_(bindparam("names", expanding=True)))
        .order_by(BLOCK.c.sender)
    )
    names = [f"{n}@x.example" for n in range(9)]
    db.write_now(lambda tx: [tx.blocks.add(name, "", NOW) for name in names])
    found = db.read_now(lambda tx: wanted.rows(tx.connection, {"names": names[:count]}))
    assert [(row.sender, row.at) for row in found] == [(name, NOW) for name in names[:count]]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5])
def test_a_list_that_is_a_value_is_kept_as_it_is(db: Database, count: int) -> None:
    ticket = apply(db, opening()).ticket.number
    tags = ("a", "b", "c", "d", "e")[:count]
    apply(db, Decision(Reason.AGENT_COMMAND, ticket=ticket, change=Change(tags=tags)))
    assert db.read_now(lambda tx: tx.reads.numbered({ticket}))[0].tags == tags


def test_every_type_comes_back_as_by_sqlalchemy(db: Database) -> None:
    ticket = apply(db, opening()).ticket.number
    db.write_now(lambda tx: tx.tickets.set_target(ticket, None))
    journal = db.write_now(journaled)
    db.write_now(lambda tx: tx.outbox.add(mail(), b"text", NOW, journal_id=journal))
    for table in (CONTACT, ENTRY, JOURNAL, OUTBOX, TICKET):
        quick = Statement(select(table))
        plain = db.read_now(lambda tx, t=table: [tuple(r) for r in tx.connection.execute(select(t))])  # type: ignore[misc]
        assert plain
        assert db.read_now(lambda tx, q=quick: [tuple(r) for r in q.rows(tx.connection, {})]) == plain  # type: ignore[misc]


def test_what_the_driver_raises_arrives_as_from_sqlalchemy(db: Database) -> None:
    add = Statement(insert(BLOCK))
    row = {"sender": "a@x.example", "by": "", "at": NOW}
    db.write_now(lambda tx: add.run(tx.connection, row))
    with pytest.raises(IntegrityError):
        db.write_now(lambda tx: add.run(tx.connection, row))
