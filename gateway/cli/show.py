"""How things are shown: tables and facts for people, JSON for programs.

Colour and frames only on a terminal; in a pipe plain aligned text. What strangers wrote never
reaches a terminal with control characters in it. JSON is UTF-8 with times as ISO 8601 in UTC.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import TextIO, TypeAlias

from gateway.mail.message import Address
from gateway.mail.text import clean, one_line

Json: TypeAlias = "Mapping[str, Json] | Sequence[Json] | str | int | float | bool | None"

NOTHING = "Nothing to show."
NEEDS_YOU = "Needs you"
CELL = 60
"""Characters of a cell of a table; only the last one of a row may be longer."""


def as_json(value: Json) -> None:
    """One value on one line."""
    print(_dumped(value), file=_utf8())


def json_array(values: Iterable[Json]) -> None:
    """One array, an element a line, each written as soon as it is there."""
    out = _utf8()
    before = "["
    for value in values:
        print(before + "\n" + _dumped(value), end="", file=out)
        before = ","
    print("[]" if before == "[" else "\n]", file=out)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, whole: bool = False) -> None:
    """Rows below their headings; the reader of an empty table is told so on stderr. `whole`: the last cell of a row
    says what to do, and goes on below itself where the terminal is too narrow for it."""
    cells = [[*(_cut(cell) for cell in row[:-1]), one_line(row[-1])] for row in rows]
    if not cells:
        print(NOTHING, file=sys.stderr)
    elif sys.stdout.isatty():
        _on_a_terminal(columns, cells, whole=whole)
    else:
        for line in aligned([list(columns), *cells]):
            print(line)


def total(shown: int, there: int, what: str) -> None:
    """Below a table, for who reads it on a terminal: how many there are, where these are not all of them."""
    if sys.stdout.isatty():
        said = what.removesuffix("s") if there == 1 else what
        print(f"{shown} of {there} {what}; --limit shows more" if there > shown else f"{there} {said}")


def several(count: int, what: str) -> str:
    """`1 ticket`, `2 tickets`."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of text whose columns begin below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def facts(pairs: Iterable[tuple[str, str]]) -> None:
    """One fact a line; what is empty is left out."""
    told = [[name, one_line(value)] for name, value in pairs if value] or [["", ""]]
    for (name, _), said in zip(told, aligned(told), strict=True):
        line(said, "red" if name == NEEDS_YOU else "")


def line(said: str, style: str = "", end: str = "\n") -> None:
    """A line of its own; on a terminal that shows colours in one that means something."""
    print(painted(said, style) if style and sys.stdout.isatty() else said, end=end)


def painted(said: str, style: str) -> str:
    """For a terminal: as it is where NO_COLOR is set, or the terminal has none."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    with console.capture() as got:
        console.print(Text(said, style), soft_wrap=True, end="")
    return got.get()


def text(value: str, indent: str = "") -> None:
    """A text of any length as a person reads it."""
    for line in clean(value).split("\n"):
        print(f"{indent}{line}".rstrip())


def sentences(value: str, indent: str) -> None:
    """Sentences of ours, a line each; on a terminal a long one goes on below itself, and no word is cut."""
    from shutil import get_terminal_size
    from textwrap import wrap

    if not sys.stdout.isatty():
        text(value, indent)
        return
    for said in clean(value).split("\n"):
        first = indent + said[: len(said) - len(said.lstrip())]
        width, below = get_terminal_size().columns, first + indent
        for part in wrap(
            said.lstrip(),
            width,
            initial_indent=first,
            subsequent_indent=below,
            break_long_words=False,
            break_on_hyphens=False,
        ):
            print(part)


def iso(moment: datetime | None) -> str | None:
    """`2026-03-12T14:05:00Z`."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def when(moment: datetime | None, zone: tzinfo) -> str:
    """`2026-03-12 15:05`, in the site's time zone."""
    return "" if moment is None else moment.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def at(given: datetime | None, zone: tzinfo) -> datetime | None:
    """A moment somebody named on the command line."""
    return given.replace(tzinfo=zone) if given is not None and given.tzinfo is None else given


def person(who: Address) -> str:
    return f"{who.name} <{who.address}>" if who.name else who.address


def size(count: int) -> str:
    """Bytes in words: `812 bytes`, `14 kB`, `2.3 MB`."""
    if count < 1000:
        return f"{count} bytes"
    return f"{count / 1000:.0f} kB" if count < 1_000_000 else f"{count / 1_000_000:.1f} MB"


def mails_looked_at(done: int, total: int) -> None:
    """A line that is written over; only where somebody watches."""
    if sys.stderr.isatty() and (done % 100 == 0 or done == total):
        end = "\n" if done == total else ""
        print(f"\r{done} of {total} mails looked at", end=end, file=sys.stderr, flush=True)


def promises_looked_at(done: int, total: int) -> None:
    """The same for an audit."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // total)
        end = "\n" if done == total else ""
        print(f"\r[{bar:30}] {done} of {total} promises looked at", end=end, file=sys.stderr, flush=True)


def _cut(cell: str) -> str:
    found = one_line(cell)
    return found if len(found) <= CELL else found[: CELL - 1] + "…"


def _is_moment(cell: str) -> bool:
    return not cell or _MOMENT.fullmatch(cell) is not None


def _dumped(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False)


def _utf8() -> TextIO:
    """Standard output in UTF-8. A name of a file that is none is escaped, which is JSON again."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    return sys.stdout


_MEANS = {
    "red": {"held", "failed", "error", "missed", "late", "no"},
    "yellow": {"warning", "uncertain", "deferred", "Waiting on us", "New"},
    "green": {"ok"},
}
"""Colour → words that a cell is said in by it."""
_NARROWEST, _LEAST = 8, 5
"""Columns a cell keeps as long as there are others to cut, and at all."""
_MOMENT, _DAY = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), 10
"""A moment is shown whole or as its day: half an hour says nothing."""
_NARROW = 12
"""What other columns are cut to before a moment becomes its day."""
_SENTENCE = 20
"""Columns a sentence that is told whole has at least."""
_DEAR = frozenset({"status", "state"})
"""Columns that are cut half as soon, as the last one is: `Waiting on …` says nothing either."""


def _on_a_terminal(columns: Sequence[str], rows: Sequence[Sequence[str]], *, whole: bool) -> None:
    """One line a row, whatever the width: empty columns are left out, the widest are cut, the last one half as soon.
    `whole`: the last one is not cut, and may take several lines."""
    from rich.cells import cell_len, set_cell_size
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    kept = [n for n in range(len(columns)) if any(row[n] for row in rows)]
    shown = [[row[n] for n in kept] for row in (columns, *rows)]
    widths = [max(cell_len(cell) for cell in column) for column in zip(*shown, strict=True)]
    moments = {n for n, cells in enumerate(zip(*shown[1:], strict=True)) if all(map(_is_moment, cells))}
    last = len(widths) - 1
    dear = {last, *(n for n, name in enumerate(shown[0]) if name in _DEAR)}
    if whole:
        left = sum(widths[:last]) + 2 * last
        widths[last] = max(console.width - left, _SENTENCE)
        shown = [part for row in shown for part in _folded(row, widths[last])]
    while not whole and sum(widths) + 2 * last > console.width:
        wide = [n for n, width in enumerate(widths) if width > (_DAY if n in moments else _NARROWEST)]
        wide = wide or [n for n, width in enumerate(widths) if width > _LEAST and n not in moments]
        if not wide:
            break
        widest = max(wide, key=lambda n: _NARROW if n in moments else widths[n] / (2 if n in dear else 1))
        widths[widest] = _DAY if widest in moments else widths[widest] - 1
    for row in shown:
        line = Text(no_wrap=True, overflow="ignore")
        for said, width in zip(row, widths, strict=True):
            cell = said[:_DAY] if width == _DAY and _MOMENT.fullmatch(said) else said
            colour = next((c for c, words in _MEANS.items() if cell in words), "")
            fits = set_cell_size(cell, width - 1) + "…" if cell_len(cell) > width else set_cell_size(cell, width)
            # What there is none of alarms nobody.
            line.append(fits, "dim" if row[-1] == "0" else colour)
            line.append("  ")
        line.rstrip()
        if row is shown[0]:
            line.stylize("bold")
        console.print(line, soft_wrap=True)


def _folded(row: list[str], width: int) -> Iterator[list[str]]:
    """The row, and one below it for each further line of its last cell."""
    from textwrap import wrap

    first, *more = wrap(row[-1], width, break_on_hyphens=False) or [""]
    yield [*row[:-1], first]
    yield from ([*[""] * (len(row) - 1), line] for line in more)
