"""Sentences that count: each language has a form of its own for one, and some have more. Pure."""

from __future__ import annotations

from gateway.texts import Catalog, mark_many

COUNTED: dict[str, tuple[tuple[str, str], int]] = {
    "closed_by_time": (mark_many("Closed: solved for {0} day.", "Closed: solved for {0} days."), 0),
    "solved_by_time": (
        mark_many("Counts as solved: no answer for {0} day.", "Counts as solved: no answer for {0} days."),
        0,
    ),
    "too_many": (
        mark_many(
            "{0} more person in To and Cc is too many to take part, and gets no answers: {1}",
            "{0} more people in To and Cc are too many to take part, and get no answers: {1}",
        ),
        0,
    ),
    "sent_later": (
        mark_many(
            "Goes to {0} in {1} minute. Reply with #undo to stop it.",
            "Goes to {0} in {1} minutes. Reply with #undo to stop it.",
        ),
        1,
    ),
    "at_once": (
        mark_many(
            "It came {0} second after our mail, and not for the first time: it looks as if a program had written it.",
            "It came {0} seconds after our mail, and not for the first time: it looks as if a program had written it.",
        ),
        0,
    ),
}
"""Code → English for one and for many, and which argument is the number."""


def text_of(name: str, arguments: list[str], words: Catalog) -> str:
    """`IndexError` where an argument was lost."""
    (one, many), place = COUNTED[name]
    number = arguments[place]
    return words.ngettext(one, many, int(number) if number.isdecimal() else 2, *arguments)
