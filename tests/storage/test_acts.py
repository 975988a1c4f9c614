"""Orders as they were carried out, written and read by daemons of different versions on one database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from gateway.core.act import Undo
from gateway.core.lifecycle import Status
from storage.database import Database
from storage.tables import ACT
from tests.conftest import NOW
from tests.storage.test_tickets import opening

ANNA = "anna@example.com"


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Path())
    opened.write_now(lambda tx: tx.tickets.apply(opening(), None, NOW))
    yield opened
    opened.close_now()


def recorded(db: Database, undo: Undo) -> dict[str, object]:
    db.write_now(lambda tx: tx.acts.record(1, undo, None, None, NOW))
    return dict(db.read_now(lambda tx: tx.connection.execute(select(ACT.c.before)).scalar_one()))


def test_only_what_an_order_changed_is_written_down(db: Database) -> None:
    """A daemon of an earlier version reads it, which does not know the fields that were added since."""
    undo = Undo("#close", ANNA, Status.WAITING_ON_US, assignee=ANNA, tags=())
    before = {"label": "#close", "agent": ANNA, "status": "waiting_on_us", "assignee": ANNA, "tags": []}
    assert recorded(db, undo) == before
    act = db.read_now(lambda tx: tx.acts.newest(1, frozenset({ANNA})))
    assert act is not None
    assert act.undo == undo


def test_what_a_later_version_wrote_down_is_read(db: Database) -> None:
    """The rest of an order is known; a mail that meets one is not held for it."""
    undo = Undo("#only", ANNA, Status.WAITING_ON_US, moved=(1, 2))
    before = recorded(db, undo) | {"not_known_yet": [7]}
    db.write_now(lambda tx: tx.connection.execute(update(ACT).values(before=before)))
    act = db.read_now(lambda tx: tx.acts.newest(1, frozenset({ANNA})))
    assert act is not None
    assert act.undo == undo
