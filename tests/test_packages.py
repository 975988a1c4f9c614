"""Wheel and source archive: the same bytes for the same commit, and all that an installation needs."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EPOCH = "1700000000"


def built(folder: Path) -> dict[str, bytes]:
    words = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    environment = os.environ | {"SOURCE_DATE_EPOCH": EPOCH}
    subprocess.run(words, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=100)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    built(folder)
    return folder


def test_the_same_bytes_twice(made: Path, tmp_path: Path) -> None:
    """So anybody can see that a package is made of what it says; nothing in it knows when it was made."""
    again = built(tmp_path)
    assert {path.name: path.read_bytes() for path in made.iterdir()} == again
    (wheel,) = made.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        catalogs = [archive.read(name) for name in archive.namelist() if name.endswith(".mo")]
    assert catalogs
    assert all(b"POT-Creation-Date: 2023-11-14" in catalog for catalog in catalogs)


def test_a_wheel_brings_what_is_no_code(made: Path) -> None:
    """The example for `init`, the unit, the commit; a source archive knows its commit as well."""
    (wheel,), (source,) = made.glob("*.whl"), made.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert archive.read("gateway/packaged/config.example.toml") == (ROOT / "config.example.toml").read_bytes()
    assert {"gateway/packaged/deploy/replydesk.service", "gateway/packaged/deploy/nginx.conf"} <= names
    assert {"gateway/packaged/commit", "templates/locale/de/LC_MESSAGES/replydesk.mo"} <= names
    with tarfile.open(source) as archive:
        assert any(name.endswith("/gateway/packaged/commit") for name in archive.getnames())
