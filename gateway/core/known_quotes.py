"""Quoted lines a customer knows: words of the ticket's correspondence, however a mail program wrapped them.

Whoever answers point by point quotes the lines that are answered. A line from elsewhere - a note of an agent, a
mail of somebody who has no part in the ticket - is left out for whoever does not know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.core.ticket import Entry, EntryKind
from gateway.mail.quotation import is_forward_mark

_QUOTED = re.compile(r"^\s*(?:>\s?)+(.*)$")
_MARKED = re.compile(r"^>(?: |$)")
"""As `mail.new_text` marks a line that is answered."""
_NOT_SIGNS = re.compile(r"[\W_]+")
SHORT = 9
"""Letters and digits below which a line is too common to be recognised ("Thank you")."""


def folded(line: str) -> str:
    """Letters and digits only: mail programs wrap, indent and decorate what they quote."""
    return _NOT_SIGNS.sub("", line.casefold())


def unquoted(line: str) -> str:
    """The line without marks of quotation."""
    found = _QUOTED.match(line)
    return found[1] if found else line


def is_quoted(line: str) -> bool:
    return bool(_QUOTED.match(line))


@dataclass(frozen=True, slots=True)
class KnownWords:
    """What everybody on the customers' side has read or written, folded."""

    lines: frozenset[str]
    texts: str


def words_of(entries: Iterable[Entry]) -> KnownWords:
    """Their own words only: what an entry itself quotes is known to its author, not to the others."""
    own = [
        [folded(line) for line in e.new_text.split("\n") if not is_quoted(line)]
        for e in entries
        if e.kind is EntryKind.CORRESPONDENCE
    ]
    return KnownWords(
        frozenset(line for lines in own for line in lines if line), "\n".join("".join(lines) for lines in own)
    )


def knows(known: KnownWords, lines: Sequence[str]) -> list[bool]:
    """For each of some quoted lines in a row whether it is known, as a line or as a piece of a wrapped one."""
    parts = [folded(unquoted(line)) for line in lines]
    return [
        not part
        or part in known.lines
        or (len(part) >= SHORT and part in known.texts)
        or any(pair in known.texts for pair in _with_neighbours(parts, index))
        for index, part in enumerate(parts)
    ]


def _with_neighbours(parts: Sequence[str], index: int) -> list[str]:
    """A short rest of a wrapped line, together with the line before or after it."""
    pairs = ["".join(parts[index - 1 : index + 1]) if index else "", "".join(parts[index : index + 2])]
    return [pair for pair in pairs if len(pair) >= max(SHORT, len(parts[index]) + 1)]


def pieces(text: str) -> list[tuple[bool, list[str]]]:
    """The text in stretches of lines: whether they are quoted, and the lines."""
    found: list[tuple[bool, list[str]]] = []
    for line in text.split("\n"):
        quoted = is_quoted(line)
        if found and found[-1][0] is quoted:
            found[-1][1].append(line)
        else:
            found.append((quoted, [line]))
    return found


def spoken(lines: Sequence[str]) -> list[str]:
    """Quoted lines without the empty ones at both ends."""
    said = [i for i, line in enumerate(lines) if folded(unquoted(line))]
    return list(lines[said[0] : said[-1] + 1]) if said else []


def for_customers(entry: Entry, others: Iterable[Entry]) -> str:
    """The new text of an entry as everybody on the ticket may read it; `[…]` stands where a quotation is left out."""
    text = entry.new_text
    if not any(_MARKED.match(line) for line in text.split("\n")):
        return text
    known = words_of(e for e in others if e.id != entry.id)
    shown: list[str] = []
    forwarded = False
    for quoted, lines in pieces(text):
        forwarded = forwarded or any(is_forward_mark(line) for line in lines)
        if not quoted or forwarded or not _MARKED.match(lines[0]):
            shown += lines
            continue
        kept = spoken([line for line, yes in zip(lines, knows(known, lines), strict=True) if yes])
        shown += kept or ["[…]"]
    return "\n".join(shown) if any(not is_quoted(line) and folded(line) for line in shown) else text
