"""What comes with the program and is no code: the example of the settings, the units, and the commit it was made of.

In a checkout they lie where developers edit them, in an installation below `gateway/packaged`
(`hatch_build.py` puts them there).
"""

from __future__ import annotations

from pathlib import Path

from gateway import __version__
from gateway.cli.programs import ask
from gateway.errors import ReplydeskError

_INSTALLED = Path(__file__).resolve().parents[1] / "packaged"
_CHECKOUT = _INSTALLED.parents[1]


def packaged(name: str) -> Path:
    """`config.example.toml`, or a file of `deploy/`."""
    found = _INSTALLED / name
    return found if found.exists() else _CHECKOUT / name


def version() -> str:
    """`0.2.0 (commit 1a2b3c4)`; without the commit where nobody knows it."""
    commit = _commit()
    return f"{__version__} (commit {commit})" if commit else __version__


def _commit() -> str:
    written = _INSTALLED / "commit"
    if written.exists():
        return written.read_text("ascii").strip()
    if not (_CHECKOUT / ".git").exists():
        return ""
    words = ["git", "-C", str(_CHECKOUT), "rev-parse", "--short=7", "HEAD"]
    try:
        return ask(words, 5).strip()
    except ReplydeskError:
        return ""
