"""On which line of the file a setting stands, for errors: `tomllib` reads values and forgets where they were.

Asked only when something is wrong, so the file is simply read anew, statement by statement.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

_PART = re.compile(r"[^.\[\]]+|\[\d+\]")


def text_of(file: Path) -> str:
    """What stands in it; some editors put a mark before UTF-8. Raises `OSError` and `UnicodeDecodeError`."""
    return file.read_text("utf-8-sig")


def line_of(file: Path | str, key: str) -> int:
    """The line of `mailboxes[1].address`, or of the nearest table around it; 0 when nothing of it is in the file."""
    try:
        places = lines(text_of(Path(file)))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return 0
    parts = tuple(_PART.findall(key))
    return next((places[parts[:n]] for n in range(len(parts), 0, -1) if parts[:n] in places), 0)


def lines(text: str) -> dict[tuple[str, ...], int]:
    """`("mailboxes", "[1]", "address")` → its line, of every table and key of a valid text."""
    places: dict[tuple[str, ...], int] = {}
    counts: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, statement in _statements(text):
        found = tomllib.loads(statement)
        if statement.lstrip().startswith("["):
            table = _absolute(_header(found), counts, statement.lstrip().startswith("[["))
            places.setdefault(table, number)
        else:
            for path in _keys(found):
                places.setdefault((*table, *path), number)
    return places


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Each heading and each `key = value` with the number of its first line; a value may go over several."""
    begun, first = "", 0
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        if not begun:
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            first = number
        begun += line
        try:
            tomllib.loads(begun)
        except tomllib.TOMLDecodeError:
            continue
        yield first, begun
        begun = ""


def _header(found: object) -> tuple[str, ...]:
    """The names of `[a.b]` or `[[a.b]]`, from the one table it makes."""
    names: list[str] = []
    while found and isinstance(found, dict | list):
        if isinstance(found, list):
            found = found[0]
        else:
            name, found = next(iter(found.items()))
            names.append(name)
    return tuple(names)


def _absolute(names: tuple[str, ...], counts: dict[tuple[str, ...], int], repeated: bool) -> tuple[str, ...]:
    """The names with the number of the present one behind each table that is repeated."""
    path: tuple[str, ...] = ()
    for n, name in enumerate(names, 1):
        path = (*path, name)
        if repeated and n == len(names):
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, f"[{counts[path]}]")
    return path


def _keys(found: Mapping[str, object], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of a statement, those of inline tables with it."""
    for name, value in found.items():
        yield (*path, name)
        if isinstance(value, dict):
            yield from _keys(value, (*path, name))
