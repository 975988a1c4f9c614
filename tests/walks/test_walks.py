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

LONGEST = 400
"""Lines that can be read at one sitting."""
STORIES = sorted(p.parent for p in Path(__file__).parent.glob("*/story.toml"))


@pytest.mark.parametrize("folder", STORIES, ids=lambda p: p.name)
def test_story(folder: Path, database_url: str, policy: Policy, clock: Clock, tmp_path: Path) -> None:
    """The mails in lead to exactly these mails out, and to these tickets; every promise of the audit holds."""
    database = Database(database_url, tmp_path)
    told = Player(database, policy, clock, load(folder)).play()
    report = database.read_now(audit)
    database.close_now()
    if os.environ.get("REWRITE"):
        for golden in folder.glob("golden*.txt"):
            golden.unlink()
        for name, text in told.items():
            (folder / name).write_text(text, "utf-8")
    assert sorted(told) == sorted(golden.name for golden in folder.glob("golden*.txt"))
    for name, text in told.items():
        assert text == (folder / name).read_text("utf-8")
        assert text.count("\n") <= LONGEST, f"{folder.name}/{name}: begin a chapter (chapter = ...) at one of its steps"
    assert [(b.rule.name, b.examples) for b in report.broken] == []
    assert report.counts["journal"]["settled"] > 0
