"""`replydesk migrate-store`: the whole way at the shell, with what it says."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from tests.cli.conftest import REQUEST, Shop, make


def test_a_desk_moves_and_the_shell_says_what_to_change(
    shop: Shop, postgresql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """To PostgreSQL; the audit holds there, the configuration's line is named, and the desk goes on."""
    before = shop.json("ticket", "list")
    said = shop.out("migrate-store", "--to", postgresql_url)
    assert "All promises of the audit hold there" in said
    assert f'database_url = "{postgresql_url}"' in said
    assert "is not empty" in shop.refused("migrate-store", "--to", postgresql_url)
    shop.database.close_now()
    moved = make(tmp_path, postgresql_url, capsys)
    assert moved.json("ticket", "list") == before
    moved.feed(REQUEST.replace("request-1", "later"))
    moved.database.close_now()


def test_nothing_moves_while_a_daemon_runs(shop: Shop, postgresql_url: str, tmp_path: Path) -> None:
    """It holds the lock of the data_dir."""
    with (tmp_path / "var" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another daemon runs" in shop.refused("migrate-store", "--to", postgresql_url)


def test_onto_itself_nothing_moves(shop: Shop) -> None:
    """The database in use is no target."""
    assert "in use" in shop.refused("migrate-store", "--to", shop.database.url)
