"""A database that is damaged, cut off, or none of ours: one line with the key, the file and the remedy, and the daemon
is not begun again and again."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from storage.database import Database
from storage.migrate import MOVING
from tests.cli.conftest import Shop
from tests.cli.test_main import replydesk

RESTORE = "replydesk restore FILE"


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:60_000])


def text(file: Path) -> None:
    file.write_text("hello\n")


def overwritten(file: Path) -> None:
    """Whole by its size and its first words, so that only SQLite sees it."""
    data = bytearray(file.read_bytes())
    data[120:16_000] = b"x" * 15_880
    file.write_bytes(data)


def foreign(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE ticket (x)")


KINDS = [
    pytest.param(cut, RESTORE, id="cut"),
    pytest.param(text, RESTORE, id="text"),
    pytest.param(overwritten, RESTORE, id="overwritten"),
    pytest.param(foreign, "Name a database of Replydesk's own.", id="foreign"),
]


def spoilt(shop: Shop, spoil: object) -> Path:
    """The database of the shop, with nothing beside it, spoilt."""
    file = Path(shop.database.engine.url.database or "")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shop.database.close_now()
    assert callable(spoil)
    spoil(file)
    return file


@pytest.mark.parametrize(("spoil", "remedy"), KINDS)
@pytest.mark.parametrize("words", [["run"], ["stats"], ["ticket", "list"], ["explain", "-"]])
def test_one_line_says_what_to_do(shop: Shop, words: list[str], spoil: object, remedy: str) -> None:
    """And the exit code is that of a wrong setting, which no supervisor tries again."""
    file = spoilt(shop, spoil)
    ended = replydesk("--config", str(shop.file), *words, input=b"\n")
    said = ended.stderr.decode()
    assert (ended.returncode, said.count("\n")) == (1, 1), said
    for part in (f"{shop.file}:2: gateway.database_url: ", str(file), remedy):
        assert part in said, said
    assert "sqlalche" not in said


def test_an_option_that_is_none(shop: Shop) -> None:
    """Only the driver knows them all; no start helps either."""
    text = shop.file.read_text("utf-8").replace(
        f'database_url = "{shop.database.url}"', 'database_url = "postgresql://u@127.0.0.1:1/d?colour=red"'
    )
    shop.file.write_text(text, "utf-8")
    for verb in ("run", "stats"):
        ended = replydesk("--config", str(shop.file), verb)
        said = ended.stderr.decode()
        assert (ended.returncode, said.count("\n")) == (1, 1), said
        assert f'{shop.file}:2: gateway.database_url: invalid connection option "colour". Correct' in said


@pytest.mark.parametrize(
    ("revision", "said"),
    [
        ("9999", "written by a newer Replydesk (schema 9999). Install that version"),
        (f"{MOVING}0021", "was not finished. Run replydesk migrate-store again"),
    ],
)
def test_no_start_helps(shop: Shop, revision: str, said: str) -> None:
    """So no supervisor tries again, and the line says what does."""

    def another(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))

    spoilt(shop, another)
    ended = replydesk("--config", str(shop.file), "run")
    assert ended.returncode == 1
    (line,) = ended.stderr.decode().splitlines()
    assert line.startswith(f"replydesk: {shop.file}:2: gateway.database_url: ")
    assert said in line


@pytest.mark.parametrize(("spoil", "remedy"), KINDS)
def test_check_finds_it(shop: Shop, spoil: object, remedy: str) -> None:
    """Beside everything else it looks at."""
    file = spoilt(shop, spoil)
    shop.capsys.readouterr()
    assert shop.run("check", "--json") == 1
    found = json.loads(shop.capsys.readouterr().out)
    (finding,) = (one for one in found if one["about"] == "database")
    assert finding["level"] == "error"
    assert finding["text"].startswith("line 2: gateway.database_url: ")
    assert str(file) in finding["text"]
    assert remedy in finding["remedy"]
    assert "templates" in {one["about"] for one in found}


@pytest.mark.parametrize("words", [["run"], ["check"]])
def test_a_folder_that_is_not_there(shop: Shop, words: list[str]) -> None:
    """Only data_dir is made by the daemon."""
    missing = shop.file.parent / "no" / "such"
    settings = shop.file.read_text("utf-8")
    shop.file.write_text(settings.replace(str(shop.database.url), f"sqlite:///{missing}/x.db"), "utf-8")
    ended = replydesk("--config", str(shop.file), *words)
    assert ended.returncode == 1
    said = (ended.stdout + ended.stderr).decode()
    assert f"gateway.database_url: there is no folder {missing}. Create it" in said
    assert not missing.exists()


@pytest.mark.parametrize("spoil", [cut, text, overwritten])
def test_the_remedy_helps(shop: Shop, spoil: object, tmp_path: Path) -> None:
    """A backup takes the damaged file's place."""
    shop.out("backup", str(tmp_path / "saved"))
    spoilt(shop, spoil)
    shop.out("restore", str(tmp_path / "saved"))
    assert "erika@customer.example" in shop.out("ticket", "list")


@pytest.mark.parametrize("spoil", [cut, text, overwritten])
def test_no_backup_is_made_of_a_wreck(shop: Shop, spoil: object, tmp_path: Path) -> None:
    """Nor is a beginning of one left."""
    file = spoilt(shop, spoil)
    assert f"{file} cannot be read" in shop.refused("backup", str(tmp_path / "saved"))
    assert not list(tmp_path.glob("saved*"))


def test_a_file_that_cannot_be_written_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a file system that is read-only, say: a backup from it is no fault of the program."""

    def refused(database: Database) -> None:
        raise sqlite3.OperationalError("attempt to write a readonly database")

    monkeypatch.setattr("sqlalchemy.engine.base.Engine.raw_connection", refused)
    said = shop.refused("backup", str(tmp_path / "saved"), code=75)
    assert f"readonly database: {shop.database.engine.url.database}. May the service's user write it" in said


def test_a_log_beside_it_may_hold_the_rest(shop: Shop, tmp_path: Path) -> None:
    """The size is judged only where the file stands alone."""
    from gateway import config
    from gateway.config.database_file import try_database_file
    from gateway.errors import ConfigError

    file = spoilt(shop, cut)
    settings = config.load(shop.file)
    with pytest.raises(ConfigError, match="cut off"):
        try_database_file(settings)
    shutil.copy(file, f"{file}-wal")
    try_database_file(settings)
