"""Tables told as text: which cell of a row stands in which column, where cells are wider or higher than one."""

from __future__ import annotations

import re
from collections.abc import Sequence

CELL_LINES = 3
"""A row with a longer cell is no row of a table, but a page laid out in columns."""
ROW_LENGTH = 1_000
_COLUMNS, _ROWS = 24, 1_000
"""That are looked at; cells beyond are one column wide and one row high."""
_EMPTY_CELL = re.compile(r"\|  (?=\|)")


def span(found: dict[str, str]) -> tuple[int, int]:
    """How many columns and rows a cell covers."""
    return _number(found.get("colspan", ""), _COLUMNS), _number(found.get("rowspan", ""), _ROWS)


def _number(value: str, most: int) -> int:
    return min(max(int(value), 1), most) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def columns(spans: Sequence[tuple[int, int]], below: dict[int, int]) -> list[int]:
    """For each column of a row, which of its cells begins there; -1 where one beside or above it reaches over.

    `below` holds how many more rows the cells above cover, by column, and is brought up to date.
    """
    covered = {column for column, rows in below.items() if rows}
    for column in covered:
        below[column] -= 1
    found: list[int] = []
    for index, (wide, deep) in enumerate(spans):
        while len(found) in covered:
            found.append(-1)
        if len(found) >= _COLUMNS:
            wide, deep = 1, 1
        for column in range(len(found), len(found) + wide):
            if deep > 1:
                below[column] = deep - 1
        found += [index, *([-1] * (wide - 1))]
    while len(found) in covered:
        found.append(-1)
    return found


def row(cells: Sequence[str], places: Sequence[int]) -> str:
    """The cells side by side; an empty one keeps its place."""
    text = " | ".join(cells[place] if place >= 0 else "" for place in places)
    return _EMPTY_CELL.sub("| ", text.rstrip(" |").lstrip())
