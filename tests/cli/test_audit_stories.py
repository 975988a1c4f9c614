"""Every story of tests/walks ends with a database in which all promises of the audit hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.core.policy import Policy
from storage.audit import audit
from storage.database import Database
from tests.conftest import Clock
from tests.walks.player import Player, load

STORIES = sorted((Path(__file__).resolve().parents[1] / "walks").glob("[0-9]*"))


@pytest.mark.parametrize("folder", STORIES, ids=lambda p: p.name)
def test_after_a_story_everything_is_accounted_for(
    folder: Path, sqlite_url: str, policy: Policy, clock: Clock, tmp_path: Path
) -> None:
    """Whatever mails do to tickets, each is settled with its entry, or for a reason that needs none."""
    database = Database(sqlite_url, tmp_path)
    Player(database, policy, clock, load(folder)).play()
    report = database.read_now(audit)
    database.close_now()
    assert [(b.rule.name, b.examples) for b in report.broken] == []
    assert report.counts["journal"]["settled"] > 0
