"""Words of the command line that are read the same everywhere."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime

LARGEST = 2**31 - 1
"""What both databases take as a number of a row."""


def count(word: str) -> int:
    """A whole number from 1 to LARGEST: the id of a row, or how many are shown."""
    if not (word.isascii() and word.isdigit() and 0 < int(word[:12]) <= LARGEST and len(word) <= 12):
        raise ArgumentTypeError(f"{word!r} is not a number from 1 to {LARGEST}")
    return int(word)


def moment(word: str) -> datetime:
    """`2026-03-02` or `2026-03-02T09:30`, of the site's time zone where it names none."""
    try:
        return datetime.fromisoformat(word)
    except ValueError:
        raise ArgumentTypeError(f"{word!r} is no date such as 2026-03-02 or 2026-03-02T09:30") from None


def mail_filters(listing: ArgumentParser, begun: str) -> None:
    """Which mails of a list of them; `begun` says what `--since` counts from."""
    listing.add_argument("--from", dest="sender", default="", metavar="PART", help="of the reverse path")
    listing.add_argument("--recipient", "--to", default="", metavar="PART", help="of a recipient")
    listing.add_argument("--message-id", default="", metavar="ID")
    listing.add_argument("--ticket", type=count, default=0, metavar="N")
    listing.add_argument("--since", type=moment, metavar="DATE", help=f"{begun} then or later: 2026-03-02T09:30")
    listing.add_argument("--limit", type=count, default=100, help="at most so many (default: 100)")
