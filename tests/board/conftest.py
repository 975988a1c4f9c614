"""A private Dovecot for the tests of the board, one for all of them; each test has a root of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from storage.database import Database
from tests.board.world import World
from tests.conftest import Clock
from tests.interop import dovecot as dovecot_module
from tests.interop.dovecot import Dovecot
from tests.room import room

ROOT_KEYS = {"host": "localhost", "username": "support@example.com", "password_file": "password"}


@pytest.fixture(scope="session")
def server() -> Iterator[Dovecot]:
    if dovecot_module.MISSING:
        pytest.skip(dovecot_module.MISSING)
    with dovecot_module.running() as running:
        yield running


@pytest.fixture
def world(server: Dovecot, database: Database, clock: Clock, tmp_path: Path) -> World:
    root = f"Tickets-{uuid4().hex[:8]}"
    made = room(database, clock, tmp_path, board={**ROOT_KEYS, "folder": root}, limits={"alike_mails": []})
    return World(made, server, root=root)
