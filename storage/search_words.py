"""Words to search by: what a text is found by, and what is looked for. The same for both databases.

Upper and lower case, accents and umlauts make no difference, nor do ß and ss. A word is found by how it begins, a long
one by how it ends as well (German puts words together). Parts joined by one sign, as in an address or the name of a
file, are words each, and are found by how they follow each other. Scripts without spaces are cut into pairs of signs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_BYTES = 400_000
"""Of the words of one text; PostgreSQL takes a megabyte. What stands behind is not found."""
LONGEST, TOGETHER = 64, 4
"""Characters of a word, and parts that are kept as they follow each other."""
ASKED = 20
"""Words of a question; the others are left out."""
_LONG = 8
"""Letters from which on a word is found by how it ends, too."""
_END = 4
"""Letters by which it is found so, at least."""
_SHORT = 2
"""Letters up to which a word is found as a whole only: too many begin with them."""
_MARKS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_RUN = re.compile(r"[^\W_]+(?:(?:[^\w\s]|_)[^\W_]+)*")
_PART = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the index, or how some of them begin."""

    word: str
    begins: bool = False


def fold(text: str) -> str:
    """Without what makes no difference."""
    folded = text.casefold()
    if folded.isascii():
        return folded
    return unicodedata.normalize("NFKC", _MARKS.sub("", unicodedata.normalize("NFKD", folded)))


def words_of(texts: Iterable[str]) -> str:
    """All words by which these texts are found, once each, with a space between; made of letters, digits and `_`."""
    found: dict[str, None] = {}
    size = 0
    for text in texts:
        for run in dict.fromkeys(_RUN.findall(fold(text))):
            for word in (run,) if len(run) < _LONG and run.isascii() and run.isalnum() else _kept(run):
                if word not in found:
                    size += len(word.encode()) + 5
                    if size > MOST_BYTES:
                        return " ".join(found)
                    found[word] = None
    return " ".join(found)


def _kept(run: str) -> Iterator[str]:
    parts = _PART.findall(run)
    for at, part in enumerate(parts):
        if _UNSPACED.search(part):
            yield from (part[n : n + 2] for n in range(len(part)))
            continue
        yield "_".join(parts[at : at + TOGETHER])[:LONGEST]
        if len(part) >= _LONG:
            yield f"_{part[::-1][:LONGEST]}"


def asked(text: str) -> list[tuple[Term, ...]]:
    """What is looked for: one term of each must be found. Empty when the text has no words."""
    found: dict[tuple[Term, ...], None] = {}
    for run in _RUN.findall(fold(text)):
        found |= dict.fromkeys(_sought(run))
    return list(found)[:ASKED]


def _sought(run: str) -> Iterator[tuple[Term, ...]]:
    parts = _PART.findall(run)
    if any(_UNSPACED.search(part) for part in parts):
        for part in parts:
            if not _UNSPACED.search(part):
                yield from _sought(part)
            elif len(part) == 1:
                yield (Term(part, True),)
            else:
                yield from ((Term(part[n : n + 2]),) for n in range(len(part) - 1))
        return
    if len(parts) > 1:
        for at in range(max(len(parts) - TOGETHER, 0) + 1):
            yield (Term("_".join(parts[at : at + TOGETHER])[:LONGEST], True),)
        return
    word = run[:LONGEST]
    if len(word) <= _SHORT:
        yield Term(word), Term(f"{word}_", True)
    elif len(word) < _END:
        yield (Term(word, True),)
    else:
        yield Term(word, True), Term(f"_{word[::-1]}", True)
