"""Quoted lines a customer knows: words of the ticket's correspondence, however a mail program wrapped them.

Whoever answers point by point quotes the lines that are answered. A line from elsewhere - a note of an agent, a
mail of somebody who has no part in the ticket - is left out for whoever does not know it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gateway.core.ticket import Entry, EntryKind
from gateway.mail.quotation import is_forward_mark

_QUOTED = re.compile(r"^\s*(?:>\s?)+(.*)$")
_MARKED = re.compile(r"^>(?: |$)")
"""As `mail.new_text` marks a line that is answered."""
_NOT_SIGNS = re.compile(r"[\W_]+")
SHORT = 9
"""Letters and digits below which a line is too common to be recognised ("Thank you")."""
BLOCK = (SHORT + 1) // 2
WORK = 5_000_000
"""Comparisons for one mail or page: beyond, a line counts as unknown. Only a text made for it needs so many."""


def folded(line: str) -> str:
    """Letters and digits only: mail programs wrap, indent and decorate what they quote."""
    return _NOT_SIGNS.sub("", line.casefold())


def unquoted(line: str) -> str:
    """The line without marks of quotation."""
    found = _QUOTED.match(line)
    return found[1] if found else line


def is_quoted(line: str) -> bool:
    return bool(_QUOTED.match(line))


class KnownWords:
    """What everybody on the customers' side has read or written, folded, and in which entries. Of their own words
    only: what an entry itself quotes is known to its author, not to the others. Each is folded once."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.lines: dict[str, set[int]] = {}
        self._texts: list[tuple[int, str]] = []
        for entry in entries:
            if entry.kind is not EntryKind.CORRESPONDENCE:
                continue
            own = [folded(line) for line in entry.new_text.split("\n") if not is_quoted(line)]
            self._texts.append((entry.id, "".join(own)))
            for line in own:
                self.lines.setdefault(line, set()).add(entry.id)

    def find(self, wanted: Iterable[str]) -> dict[str, set[int]]:
        """In which entries each of these stands, as a piece of the text. One pass over all texts for all of them:
        every BLOCK-th place of a text is looked at, and whatever is longer than two of these covers one."""
        found: dict[str, set[int]] = {piece: set() for piece in wanted if len(piece) >= SHORT}
        places: dict[str, list[tuple[str, int]]] = {}
        for piece in found:
            for offset in range(BLOCK):
                places.setdefault(piece[offset : offset + BLOCK], []).append((piece, offset))
        work = WORK
        for id, text in self._texts if found else ():
            for at in range(0, len(text), BLOCK):
                for piece, offset in places.get(text[at : at + BLOCK], ()):
                    work -= 1
                    if work < 0:
                        return found
                    if at >= offset and text.startswith(piece, at - offset):
                        found[piece].add(id)
        return found


def recognised(known: KnownWords, stretches: Sequence[tuple[int, Sequence[str]]]) -> list[list[bool]]:
    """For each stretch of quoted lines, which of them are known, as a line or as a piece of a wrapped one. Each comes
    with the id of the entry that quotes it, which does not count; 0: it is no entry yet."""
    folds = [[folded(unquoted(line)) for line in lines] for _, lines in stretches]
    unsure = {
        piece
        for (id, _), parts in zip(stretches, folds, strict=True)
        for index, part in enumerate(parts)
        if part and not known.lines.get(part, set()) - {id}
        for piece in (part, *_with_neighbours(parts, index))
    }
    places = known.find(unsure)
    return [
        [
            not part
            or bool(known.lines.get(part, set()) - {id})
            or any(places.get(piece, set()) - {id} for piece in (part, *_with_neighbours(parts, index)))
            for index, part in enumerate(parts)
        ]
        for (id, _), parts in zip(stretches, folds, strict=True)
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


def for_customers(shown: Sequence[Entry], conversation: Iterable[Entry]) -> list[str]:
    """The new texts of entries as everybody on the ticket may read them; `[…]` stands where a quotation is left out."""
    answering = {e.id: pieces(e.new_text) for e in shown if any(_MARKED.match(li) for li in e.new_text.split("\n"))}
    stretches = [(id, lines) for id, found in answering.items() for quoted, lines in found if quoted]
    known = KnownWords(conversation if stretches else ())
    passed = iter(recognised(known, stretches))
    texts = {id: _without_unknown(found, passed) for id, found in answering.items()}
    return [texts.get(e.id) or e.new_text for e in shown]


def _without_unknown(found: list[tuple[bool, list[str]]], passed: Iterator[list[bool]]) -> str:
    """`passed`: for the lines of each quoted stretch, whether they stay. Empty when the author's own words are none."""
    shown: list[str] = []
    forwarded = False
    for quoted, lines in found:
        forwarded = forwarded or any(is_forward_mark(line) for line in lines)
        stays = next(passed) if quoted else []
        if not quoted or forwarded or not _MARKED.match(lines[0]):
            shown += lines
            continue
        shown += spoken([line for line, yes in zip(lines, stays, strict=True) if yes]) or ["[…]"]
    return "\n".join(shown) if any(not is_quoted(line) and folded(line) for line in shown) else ""
