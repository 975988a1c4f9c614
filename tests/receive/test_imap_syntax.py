"""IMAP as text: names, sets and responses in the shapes real servers give them."""

from __future__ import annotations

from datetime import date

import pytest

from gateway.receive.imap import syntax as words
from gateway.receive.imap.syntax import Fetched


@pytest.mark.parametrize(
    ("name", "travels"),
    [
        ("INBOX", '"INBOX"'),
        ('a "b" \\c', r'"a \"b\" \\c"'),
        ("Q&A", '"Q&-A"'),
        ("Entwürfe", '"Entw&APw-rfe"'),
        ("~peter/mail/台北/日本語", '"~peter/mail/&U,BTFw-/&ZeVnLIqe-"'),
        ("\N{GRINNING FACE}", '"&2D3eAA-"'),
    ],
)
def test_folder_names_travel_in_modified_utf7(name: str, travels: str) -> None:
    """RFC 3501 section 5.1.3; the fifth is its own example."""
    assert words.folder_name(name) == travels


def test_uids_are_named_by_ranges() -> None:
    """Runs are joined, whatever their order."""
    assert words.uid_set([7, 1, 2, 3, 9, 10, 2]) == "1:3,7,9:10"


def test_search_dates_are_english() -> None:
    """RFC 3501 section 6.4.4, whatever the locale."""
    assert words.search_date(date(2026, 3, 2)) == "2-Mar-2026"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([b"4 2 9", b"Search completed (0.001 + 0.000 secs)."], [2, 4, 9]),
        ([b"", b"done 5"], []),
        ([b"5 done 7"], []),
        ([b"1 2", b"3 EXISTS", b"3 4", b"done"], [1, 2, 3, 4]),
    ],
    ids=["one line", "empty", "no line at all", "split, with other news"],
)
def test_search_results(lines: list[bytes], found: list[int]) -> None:
    """Numbers in the server's own words are no UIDs."""
    assert words.numbers(lines) == found


def test_fetch_results() -> None:
    """The UID before or after the content, sizes alone, news about other mails, an empty mail."""
    lines = [
        b"1 FETCH (UID 5 BODY[] {3}",
        bytearray(b"abc"),
        b")",
        b"2 FETCH (BODY[] {2}",
        bytearray(b"xy"),
        b" UID 7 FLAGS (\\Seen))",
        b"3 FETCH (FLAGS (\\Seen))",
        b"4 FETCH (UID 8 RFC822.SIZE 4711)",
        b'5 FETCH (UID 9 BODY[] "")',
        b"6 FETCH (UID 10 BODY[] NIL)",
        b"Fetch completed (UID 99).",
    ]
    assert words.fetched(lines) == [
        Fetched(5, None, b"abc"),
        Fetched(7, None, b"xy", frozenset({"\\seen"})),
        Fetched(8, 4711),
        Fetched(9, None, b""),
        Fetched(10),
    ]


def test_what_select_says() -> None:
    """A server may leave UIDNEXT out."""
    assert words.selected([b"OK [UIDVALIDITY 12] ok", b"OK [UIDNEXT 34] ok"]) == words.Selected(12, 34)
    assert words.selected([b"OK [UIDVALIDITY 12] ok"]) == words.Selected(12, 0)
