"""Words that are written from the right, within sentences that are written from the left. Pure."""

from __future__ import annotations

import re

_FROM_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_FROM_LEFT_ALONE, _ALONE, _END = "\u2066", "\u2068", "\u2069"
"""Unicode's isolates (UAX 9): nobody sees them."""


def isolated(value: str) -> str:
    """A value for a sentence: each part of a list by itself, for a number behind Arabic or Hebrew words is shown in
    front of them, and so with the next one's subject. What holds no such word stays as it is."""
    if value.isascii() or not _FROM_RIGHT.search(value):
        return value
    return "; ".join(_alone(part) for part in value.split("; "))


def _alone(part: str) -> str:
    if not _FROM_RIGHT.search(part):
        return part
    # A reference begins its line, whatever the subject behind it is written in.
    return f"{_FROM_LEFT_ALONE if part.startswith('#') else _ALONE}{part}{_END}"
