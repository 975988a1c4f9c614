"""What `deploy/` tells the operator, for tests that run it: read as it is, with their own ports and paths."""

from __future__ import annotations

from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"


def recipe(name: str, instead: dict[str, str]) -> str:
    """A file below `deploy/`; everything in `instead` must be in it, or the test no longer runs what it says."""
    text = (DEPLOY / name).read_text("utf-8")
    for old, new in instead.items():
        assert old in text, f"deploy/{name} does not say {old!r}"
        text = text.replace(old, new)
    return text
