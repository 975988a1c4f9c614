"""A week of a team with a board: ten agents, two hundred customers, five working days on the simulated clock.

Inboxes and board lie in one real Dovecot, reached by LMTP and IMAP as in life; four cases of ten are worked
on by opening, answering, moving and deleting cards. What each person got and where the cards lie is kept in `week.txt`:
`REWRITE=1 pytest -m interop tests/board/test_week.py` writes it anew.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage.database import Database
from storage.migrate import migrate
from tests.board.conftest import ROOT_KEYS
from tests.board.world import World
from tests.conftest import Clock
from tests.desk import week as story
from tests.desk.test_week import checked
from tests.desk.week import DovecotInboxes, Week
from tests.interop.dovecot import Dovecot
from tests.room import room

CUSTOMERS = 200
SUMMARY = Path(__file__).with_name("week.txt")


@pytest.mark.interop
@pytest.mark.timeout(1200)
async def test_a_week_of_a_team_with_a_board(server: Dovecot, clock: Clock, tmp_path: Path) -> None:
    """Every ticket ends right, everybody read what was for them, once, and the board says what the database says."""
    database = Database(f"sqlite:///{tmp_path / 'week.db'}", tmp_path)
    migrate(database)
    site = room(database, clock, tmp_path, **story.SITE, board={**ROOT_KEYS, "folder": "Week"})
    world = World(site, server, root="Week")
    server.invite(*story.everybody(CUSTOMERS))
    week = Week(site, DovecotInboxes(server), world)
    assert await world.keeper._hold()
    async with world.line() as week.account:
        await week.play(CUSTOMERS, (*story.BY_MAIL, *story.ON_BOARD))
    said = await checked(week, CUSTOMERS) + await story.folders(world)
    if os.environ.get("REWRITE"):
        SUMMARY.write_text(said, "utf-8")
    assert said == SUMMARY.read_text("utf-8")
    await database.close()
