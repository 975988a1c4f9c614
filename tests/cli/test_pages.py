"""Man pages and completion are made from the parsers, so they name what there is; nightly backups are few and good."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from gateway.cli import NOUNS
from packages.pages import pages
from tests.cli.conftest import Shop


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return pages()


def test_every_noun_has_its_place(made: dict[str, str]) -> None:
    """In the manual and in what the shell offers."""
    for noun in NOUNS:
        assert noun.replace("-", "\\-") in made["usr/share/man/man1/replydesk.1"]
        assert noun in made["usr/share/bash-completion/completions/replydesk"]
        assert noun in made["usr/share/zsh/site-functions/_replydesk"]
    assert "data_dir = " in made["usr/share/man/man5/replydesk.toml.5"]


@pytest.mark.skipif(not shutil.which("man"), reason="man is not installed (package man-db)")
@pytest.mark.parametrize("page", ["man1/replydesk.1", "man5/replydesk.toml.5"])
def test_man_can_show_it(made: dict[str, str], tmp_path: Path, page: str) -> None:
    """Without a warning of the formatter."""
    file = tmp_path / Path(page).name
    file.write_text(made[f"usr/share/man/{page}"], "utf-8")
    shown = subprocess.run(["man", "--warnings", "-l", file], capture_output=True, text=True, check=True)
    assert "replydesk" in shown.stdout.casefold()
    assert shown.stderr == ""


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_the_shell_offers_nouns_and_verbs(made: dict[str, str], tmp_path: Path) -> None:
    """After `replydesk jour` and after `replydesk journal `."""
    file = tmp_path / "completion"
    file.write_text(made["usr/share/bash-completion/completions/replydesk"], "utf-8")
    ask = (
        f'source {file}; offer() {{ COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); '
        '_shtab_replydesk; echo "${COMPREPLY[@]}"; }; offer replydesk jour; offer replydesk journal re'
    )
    said = subprocess.run(["bash", "-c", ask], capture_output=True, text=True, check=True).stdout.splitlines()
    assert [line.strip() for line in said] == ["journal", "retry"]


def test_a_timers_backups_are_tried_and_few(shop: Shop, tmp_path: Path) -> None:
    """Only a good one lets older ones go."""
    folder = tmp_path / "backups"
    for n in range(3):
        said = shop.out("backup", "--into", str(folder), "--keep", "2")
        assert "It was checked as for a restore, and is good." in said
        time.sleep(1.1 if n < 2 else 0)
    kept = sorted(folder.iterdir())
    assert len(kept) == 2
    assert shop.run("restore", "--check", str(kept[-1])) == 0


def test_a_bad_copy_lets_nothing_go(shop: Shop, tmp_path: Path) -> None:
    """Whoever looks still has the last good one."""
    folder = tmp_path / "backups"
    shop.out("backup", "--into", str(folder), "--keep", "1")
    (good,) = folder.iterdir()
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "replydesk.sqlite3")) as connection:
        connection.execute("UPDATE journal SET sha256 = 'x' WHERE id = 1")
        connection.commit()
    time.sleep(1.1)
    assert shop.run("backup", "--into", str(folder), "--keep", "1") == 1
    assert good.exists()
