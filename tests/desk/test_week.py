"""A week of a team by mail alone: ten agents, fifty customers, five working days on the simulated clock.

What each person got is kept as a summary, in `week.txt`: `REWRITE=1 pytest tests/desk/test_week.py` writes it anew. The
same with two hundred customers, inboxes and a board in a real Dovecot is `tests/board/test_week.py`.
"""

from __future__ import annotations

import os
from pathlib import Path

from storage.database import Database
from storage.migrate import migrate
from tests.conftest import Clock
from tests.desk import week as story
from tests.desk.week import Inboxes, Week
from tests.room import room

CUSTOMERS = 50
SUMMARY = Path(__file__).with_name("week.txt")


async def test_a_week_of_a_team(clock: Clock, tmp_path: Path) -> None:
    """Every ticket ends right, and everybody read what was for them, once."""
    database = Database(f"sqlite:///{tmp_path / 'week.db'}", tmp_path)
    migrate(database)
    week = Week(room(database, clock, tmp_path, **story.SITE), Inboxes())
    await week.play(CUSTOMERS, story.BY_MAIL)
    said = await checked(week, CUSTOMERS)
    if os.environ.get("REWRITE"):
        SUMMARY.write_text(said, "utf-8")
    assert said == SUMMARY.read_text("utf-8")
    await database.close()


async def checked(week: Week, customers: int) -> str:
    """The summary, once all that must hold was seen to hold."""
    rows = await week.site.read(lambda tx: tx.outbox.recent(limit=100_000))
    people = story.everybody(customers)
    week.inboxes = week.inboxes.read(people)
    await story.ended_right(week, customers)
    story.few_mails(rows)
    await story.answered_once(week, rows)
    story.nothing_for_others(week, people)
    return story.summary(story.arrived(week, people, rows))
