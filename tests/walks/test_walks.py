"""Each story leads to its golden transcript, on both databases.

`REWRITE=1 pytest tests/walks` writes the golden files anew; read the difference before you commit it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gateway.core.policy import Policy
from storage.audit import audit
from storage.database import Database
from tests.conftest import Clock
from tests.walks.player import Player, load

STORIES = sorted(p.parent for p in Path(__file__).parent.glob("*/story.toml"))


@pytest.mark.parametrize("folder", STORIES, ids=lambda p: p.name)
def test_story(folder: Path, database_url: str, policy: Policy, clock: Clock, tmp_path: Path) -> None:
    """The mails in lead to exactly these mails out, and to these tickets; every promise of the audit holds."""
    database = Database(database_url, tmp_path)
    transcript = Player(database, policy, clock, load(folder)).play()
    report = database.read_now(audit)
    database.close_now()
    golden = folder / "golden.txt"
    if os.environ.get("REWRITE"):
        golden.write_text(transcript, "utf-8")
    assert transcript == golden.read_text("utf-8")
    assert [(b.rule.name, b.examples) for b in report.broken] == []
    assert report.counts["journal"]["settled"] > 0
