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


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("bogus", "is no database we know"),
        ("", "is no database we know"),
        ("mysql://x/y", "is no database we know"),
        ("sqlite:///", "is in memory"),
        ("sqlite://", "is in memory"),
        ("sqlite:///:memory:", "is in memory"),
    ],
)
def test_what_is_no_target(shop: Shop, url: str, said: str) -> None:
    """Nothing is copied to where it cannot stay."""
    told = shop.refused("migrate-store", "--to", url, code=2)
    assert f"--to: {url!r} {said}" in told
    assert "Write postgresql+psycopg://USER@HOST/NAME, or sqlite:////PATH." in told


def test_a_target_that_is_none_of_ours(shop: Shop, tmp_path: Path) -> None:
    """It is the target that is said to be wrong, not the settings."""
    (tmp_path / "text.db").write_text("hello\n")
    said = shop.refused("migrate-store", "--to", f"sqlite:///{tmp_path}/text.db")
    assert f"--to: {tmp_path}/text.db cannot be read (file is not a database)." in said
    assert str(shop.file) not in said


def test_onto_itself_nothing_moves(shop: Shop) -> None:
    """The database in use is no target."""
    assert "in use" in shop.refused("migrate-store", "--to", shop.database.url)
