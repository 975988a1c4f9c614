"""Several processes write into one SQLite file, each in its turn."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from gateway.errors import StorageUnavailable
from storage.database import Database
from storage.turn import Turn
from storage.tx import Tx


def connected(path: Path) -> sqlite3.Connection:
    """As the store is: without the log of WAL a commit may find the file locked by whoever just looks whether it is."""
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    return connection


def test_who_waits_is_next(tmp_path: Path) -> None:
    """Somebody who writes all the time lets another one in after the piece that is under way, every time."""
    path = tmp_path / "file.sqlite3"
    ever, now_and_then = connected(path), connected(path)
    ever.execute("CREATE TABLE t (n)")
    busy, waiting, stop = Turn(path, 30), Turn(path, 30), threading.Event()
    written: list[str] = []

    def write_ever() -> None:
        while not stop.is_set():
            assert busy.begin(ever)
            time.sleep(0.01)
            written.append("ever")
            ever.execute("COMMIT")

    thread = threading.Thread(target=write_ever)
    thread.start()
    try:
        for _ in range(20):
            while not written or written[-1] != "ever":
                time.sleep(0.001)
            asked = len(written)
            assert waiting.begin(now_and_then)
            written.append("now and then")
            now_and_then.execute("COMMIT")
            # The piece under way, and one that stood in line before.
            assert written[asked:].index("now and then") <= 2
    finally:
        stop.set()
        thread.join()
        for each in (busy, waiting, ever, now_and_then):
            each.close()


def test_the_wait_has_an_end(tmp_path: Path) -> None:
    """A process that stands still in the middle of its work does not keep others for ever."""
    path = tmp_path / "file.sqlite3"
    still, other = connected(path), connected(path)
    turn, others = Turn(path, 30), Turn(path, 0.05)
    assert turn.begin(still)
    assert others.begin(other) is False
    still.execute("COMMIT")
    assert others.begin(other) is True
    for each in (turn, others, still, other):
        each.close()


def test_without_a_file_for_the_line_there_is_no_order(tmp_path: Path) -> None:
    """Writing itself needs it as little as before."""
    path = tmp_path / "file.sqlite3"
    (tmp_path / "file.sqlite3-turn").mkdir()
    connection, turn = connected(path), Turn(path, 30)
    assert turn.begin(connection)
    connection.execute("COMMIT")
    turn.close()
    connection.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_root_gives_the_service_no_other_file(tmp_path: Path) -> None:
    """A link to one in place of the line's file is not followed."""
    path, other = tmp_path / "file.sqlite3", tmp_path / "shadow"
    connection, turn = connected(path), Turn(path, 30)
    shutil.chown(path, "nobody")
    other.touch()
    (tmp_path / "file.sqlite3-turn").symlink_to(other)
    assert turn.begin(connection)
    connection.execute("COMMIT")
    turn.close()
    connection.close()
    assert other.owner() == "root"


def test_a_locked_database_is_said_to_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.database.BUSY_SECONDS", 0.05)
    database = Database("", tmp_path)
    locked = connected(tmp_path / "replydesk.sqlite3")
    locked.execute("BEGIN EXCLUSIVE")

    def work(tx: Tx) -> None:
        raise AssertionError("it is locked")

    with pytest.raises(StorageUnavailable, match=r"locked: another program writes .*replydesk\.sqlite3"):
        database.write_now(work)
    locked.execute("COMMIT")
    locked.close()
    database.close_now()


async def test_long_work_is_cut_into_several_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group ends when its time is over; every piece of work is done once all the same."""
    monkeypatch.setattr("storage.database.GROUP_SECONDS", 0.0)
    database = Database("", tmp_path)
    database.write_now(lambda tx: tx.connection.exec_driver_sql("CREATE TABLE t (n)"))

    def work(tx: Tx, n: int) -> int:
        tx.connection.exec_driver_sql("INSERT INTO t VALUES (?)", (n,))
        return n

    done = await asyncio.gather(*(database.write(partial(work, n=n)) for n in range(200)))
    await database.close()
    assert done == list(range(200))
    other = connected(tmp_path / "replydesk.sqlite3")
    assert other.execute("SELECT count(*), count(DISTINCT n) FROM t").fetchone() == (200, 200)
    other.close()
