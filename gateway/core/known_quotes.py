"""Quoted lines that are known: words of the ticket's correspondence, however a mail program wrapped them.

Whoever answers point by point quotes the lines that are answered. A line from elsewhere - a note of an agent, a
mail of somebody who has no part in the ticket - is left out for a customer who does not know it. Agents read it:
of a mail only that is left out for them which the ticket holds already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from gateway.core.ticket import Entry, EntryKind
from gateway.mail import quotation
from gateway.mail.answers import is_separator
from gateway.mail.new_text import markers
from gateway.mail.noise import without_noise
from gateway.mail.quotation import is_forward_mark

_QUOTED = re.compile(r"^\s*((?:>\s?)+)(.*)$")
_MARKED = re.compile(r"^>(?: |$)")
"""As `mail.new_text` marks a line that is answered."""
_EMPTY_END = re.compile(r"(?:^>[> ]*(?:\n|\Z))+(?=[^>]|\Z)", re.M)
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
    return found[2] if found else line


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


def for_customers(shown: Sequence[Entry], conversation: Iterable[Entry], reader: str) -> list[str]:
    """The new texts of entries as the reader, an address key, may read them; `[…]` stands where a quotation is left
    out. Nothing of what they quoted to us themselves is."""
    others = [e for e in shown if e.author.key != reader]
    answering = {e.id: pieces(e.new_text) for e in others if any(_MARKED.match(li) for li in e.new_text.split("\n"))}
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


# --- what agents are shown of a customer's mail ---------------------------------------------------


def with_unknown(body_text: str, new_text: str, entries: Iterable[Entry], is_ours: Callable[[str], bool]) -> str:
    """The new text of a mail on a ticket, and in their places, as `> line`, the quoted lines that the ticket does not
    hold: `entries` are its history, `is_ours` tells by a reference that a quoted mail is one we sent about it."""
    lines = body_text.split("\n")
    if new_text == body_text or (kept := _kept(lines, new_text.split("\n"))) is None:
        return body_text
    unknown = _unknown(lines, kept, entries, is_ours)
    if not any(unknown):
        return new_text
    shown: list[str] = []
    for index, line in enumerate(lines):
        if kept[index] is not None:
            shown.append(kept[index] or "")
        elif unknown[index] or (not line.strip() and shown and shown[-1] and any(unknown[index - 1 : index + 2])):
            shown.append(line if is_quoted(line) else f"> {line}".rstrip())
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(shown)).strip()
    return _EMPTY_END.sub("\n", text).strip()


def left_out(entry: Entry) -> int:
    """Lines of an entry's mail that are not shown with it, because they quote what the ticket holds; none where only
    marks without a word are missing."""
    if entry.new_text == entry.body_text:
        return 0
    texts = [t.split("\n") for t in (without_noise(entry.body_text), entry.new_text)]
    said, said_shown = (sum(1 for line in lines if folded(line)) for lines in texts)
    whole, shown = (sum(1 for line in lines if line.strip()) for lines in texts)
    return max(0, whole - shown) if said > said_shown else 0


def _kept(lines: Sequence[str], new: Sequence[str]) -> list[str | None] | None:
    """For each line of the mail the line of the new text it became, None where it was left out; None for all when
    the new text is not made of the mail's lines in their order."""
    rest = [line for line in new if line.strip()]
    kept: list[str | None] = []
    at = 0
    for line in lines:
        mine = at < len(rest) and line.strip() and _is_same(line, rest[at])
        kept.append(rest[at] if mine else None)
        at += bool(mine)
    for index in range(1, len(lines)):
        if not lines[index].strip() and kept[index - 1] is not None:
            kept[index] = ""
    return kept if at == len(rest) else None


def _is_same(line: str, shown: str) -> bool:
    """`shown` may lack an attribution that stood at the end of the line."""
    a, b = " ".join(unquoted(line).split()), " ".join(unquoted(shown).split())
    return a == b or (len(b) > SHORT and a.startswith(b) and quotation.may_announce(a[len(b) :]))


def _unknown(
    lines: Sequence[str], kept: Sequence[str | None], entries: Iterable[Entry], is_ours: Callable[[str], bool]
) -> list[bool]:
    """Which of the lines that were left out somebody must see."""
    depths = [found[1].count(">") if (found := _QUOTED.match(line)) else 0 for line in lines]
    plain = [unquoted(line) for line in lines]
    held = (
        replace(e, kind=EntryKind.CORRESPONDENCE, reply_text="\n".join(map(unquoted, e.body_text.split("\n"))))
        for e in entries
    )
    answers = recognised(KnownWords(held), [(0, plain)])[0]
    head = _announcements(plain, depths, kept)
    unknown = [
        kept[i] is None and not head[i] and not answers[i] and not is_separator(line) for i, line in enumerate(plain)
    ]
    for start, end in _marked_mails(plain, depths, head):
        if is_ours("\n".join(plain[start:end])):
            unknown[start:end] = [False] * (end - start)
    # An announcement is shown with what it announces.
    for index in range(len(lines) - 1, -1, -1):
        below = next((i for i in range(index + 1, len(lines)) if plain[i].strip()), index)
        if head[index] and kept[index] is None and plain[index].strip():
            unknown[index] = unknown[below] if below > index else False
    return unknown


def _announcements(plain: Sequence[str], depths: Sequence[int], kept: Sequence[str | None]) -> list[bool]:
    """Lines with which a mail program announces what it quotes."""
    head = [False] * len(plain)
    index = 0
    while index < len(plain):
        count = 0
        if kept[index] is None and quotation.may_announce(plain[index]):
            deeper = [depth > depths[index] for depth in depths[index : index + 2 * quotation.ATTRIBUTION_LINES]]
            near = plain[index : index + 2 * quotation.ATTRIBUTION_LINES]
            count = quotation.attribution(near, deeper, 0)
            if not count and quotation.is_header_block(plain[index : index + quotation.BLOCK_LINES]):
                block = plain[index : index + quotation.BLOCK_LINES]
                count = next((i for i, line in enumerate(block) if not line.strip()), len(block))
            count = count or quotation.is_original_mark(plain[index])
        head[index : index + count] = [True] * count
        index += max(1, count)
    return head


def _marked_mails(plain: Sequence[str], depths: Sequence[int], head: Sequence[bool]) -> list[tuple[int, int]]:
    """Where mails begin and end whose first line is a marker of ours, or of another desk of this kind."""
    wanted = {folded(marker) for marker in markers()}
    found = []
    for start, line in enumerate(plain):
        if folded(line + (plain[start + 1] if start + 1 < len(plain) else "")).startswith(tuple(wanted)):
            end = start + 1
            while end < len(plain) and not (
                (depths[end] < depths[start] and plain[end].strip()) or (head[end] and depths[end] == depths[start])
            ):
                end += 1
            found.append((start, end))
    return found
