"""Words of an agent inside the notice they quote, where a mail program does not mark what it quotes (Outlook).

What stands above the notice is the answer, so words below it would be left out without anybody knowing. They are
found because our notice does not hold them. What stands at the end is a signature, a legal notice or a footer.
"""

from __future__ import annotations

import re
from itertools import accumulate

from gateway.core.case import Case
from gateway.core.known_quotes import SHORT, folded, unquoted
from gateway.mail import html_text
from gateway.mail.new_text import markers

LINES_LIMIT, SIZE_LIMIT = 5_000, 1_000_000
"""Lines of a mail that are looked at, and bytes of one of ours: a notice is a light mail."""
_ADDED = re.compile(r"<[^<>]{0,3000}>|\[[^\[\]]{0,3000}\]|(?:https?://|mailto:|www\.)[^\s<>]+")
"""Where a link leads, and what a picture is called: programs write it in many ways."""
_WORD = re.compile(r"[^\W\d_]+")
_ONE_WORD = re.compile(r"[^\W\d_]{2,}[.!,]?")
_NEW_PART = 4
"""One word in so many is new to the notice: else it is a line of it, written a little differently."""


def words_of(mail: bytes) -> str:
    """All that a mail of ours says, as text and as HTML. Its files, behind both, are not read."""
    # As in `forward.inside`: its libraries are loaded only where they are needed.
    from gateway.mail.parse import parse

    message = parse(mail[:SIZE_LIMIT])
    return f"{message.body_text}\n{html_text.to_text(message.body_html)}"


def answered_inside(case: Case) -> bool:
    """Whether words that our notice does not hold stand between its lines, and are not in the new text."""
    message, sent = case.message, case.facts.sent_text
    if not sent or not case.quotes:
        return False
    lines = _plain(message.body_text).split("\n")
    if len(lines) > LINES_LIMIT:
        return False
    whole, notice = "".join(map(folded, (sent, _plain(sent)))), set(_words(sent))
    kept = {folded(unquoted(line)) for line in _plain(message.reply_text).split("\n")}
    waiting = False
    for line in lines[_below_marker(lines) :]:
        said = folded(unquoted(line))
        if not said or said in kept:
            continue
        if said in whole:
            if waiting and len(said) >= SHORT:
                return True
        else:
            waiting = waiting or _is_new(unquoted(line), notice)
    return False


def _plain(text: str) -> str:
    """Without what programs add to links and pictures; the lines stay as many."""
    for _ in range(2):
        text = _ADDED.sub(lambda m: "\n" * m[0].count("\n"), text)
    return text


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


def _is_new(line: str, notice: set[str]) -> bool:
    words = _words(line)
    if len(words) < 2 and not _ONE_WORD.fullmatch(line.strip()):
        return False
    return _NEW_PART * sum(word not in notice for word in words) >= max(1, len(words))


def _below_marker(lines: list[str]) -> int:
    """The first line below our marker, however that was wrapped; behind the last one without it."""
    signs = [folded(unquoted(line)) for line in lines]
    whole, ends = "".join(signs), list(accumulate(map(len, signs)))
    places = [at + len(mark) for mark in map(folded, markers()) if (at := whole.find(mark)) >= 0]
    if not places:
        return len(lines)
    return next(i for i, end in enumerate(ends) if end >= min(places)) + 1
