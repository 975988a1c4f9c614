"""Quoted lines that everybody on the customers' side knows."""

from __future__ import annotations

import pytest

from gateway.core import known_quotes
from gateway.core.ticket import EntryKind
from tests.core.build import LEE, entry

FIRST = entry("Does the lamp have a warranty, and how long\nis it valid?\nShort.", id=1)
SECOND = entry("> Does the lamp have a warranty, and how\nTwo years.\n> Who told you so\nAnna did.", id=2, author=LEE)


def _shown(*entries: object, reader: str = "pat@customer.example") -> list[str]:
    return known_quotes.for_customers(entries, entries, reader)  # type: ignore[arg-type]  # a test names only entries


def test_a_line_of_another_entry_stays_and_an_unknown_one_does_not() -> None:
    """However a mail program wrapped it; who wrote the unknown one alone does not make it known."""
    assert _shown(FIRST, SECOND)[1] == "> Does the lamp have a warranty, and how\nTwo years.\n[…]\nAnna did."


def test_who_quoted_something_to_us_reads_it_as_it_was() -> None:
    """Below our answer as well: it was theirs to send. Others on the ticket do not."""
    assert _shown(FIRST, SECOND, reader=LEE.key)[1] == SECOND.new_text
    assert "[…]" in _shown(FIRST, SECOND, reader=FIRST.author.key)[1]


def test_what_an_entry_quotes_or_says_itself_is_known_to_nobody_else() -> None:
    """Its own words below do not make its quotation known, and a note is no word to customers."""
    alone = entry("> We knew it all along\nYes.\nWe knew it all along", id=3)
    noted = entry("We knew it all along", id=4, kind=EntryKind.COMMENT)
    assert _shown(FIRST, alone, noted)[1].startswith("[…]")
    assert _shown(FIRST, alone, entry("Indeed: we knew it all along!", id=5))[1].startswith("> We knew")


@pytest.mark.parametrize(
    ("quoted", "known"),
    [
        ("> Does the lamp have", True),
        ("> lamp have a war", True),
        ("> and how long\n> is it valid?", True),
        ("> how long is it val", True),
        ("> Short.", True),
        ("> lamp", False),
        ("> Does the lamp have one", False),
    ],
)
def test_pieces_of_a_line_are_recognised_from_nine_letters_on(quoted: str, known: bool) -> None:
    """At any place of the text, over the end of a line, and never by a word alone."""
    (stretch,) = known_quotes.recognised(known_quotes.KnownWords([FIRST]), [(0, quoted.split("\n"))])
    assert all(stretch) is known


def test_a_text_made_to_cost_time_is_not_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not looked for any more counts as unknown, and is left out."""
    monkeypatch.setattr(known_quotes, "WORK", 0)
    assert _shown(FIRST, SECOND)[1].startswith("[…]")


def test_each_line_is_folded_once_however_many_entries_quote(monkeypatch: pytest.MonkeyPatch) -> None:
    """A conversation of hundreds of mails that answer point by point takes time by its length, not by its square."""
    count = 0
    real = known_quotes.folded

    def counted(line: str) -> str:
        nonlocal count
        count += 1
        return real(line)

    monkeypatch.setattr(known_quotes, "folded", counted)
    entries = [entry(f"> Line {n - 1} of the long talk\nLine {n} of the long talk", id=n) for n in range(1, 101)]
    known_quotes.for_customers(entries, entries, "pat@customer.example")
    assert count < 10 * len(entries)


def test_a_mark_without_words_is_no_line_left_out() -> None:
    """Agents are told of lines they can look for."""
    body = "See this.\n\n> Begin forwarded message:\n> \n> \n> From: Bob"
    shown = "See this.\n\n> Begin forwarded message:\n> From: Bob"
    assert known_quotes.left_out(entry(body_text=body, reply_text=shown)) == 0
    assert known_quotes.left_out(entry(body_text=f"{body}\n> \n> The lamp is dark.", reply_text=shown)) > 0
