"""The life of a ticket: every move there is, every move there is not, and the words for each status."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from gateway import texts
from gateway.core.lifecycle import (
    LABELS,
    MEANINGS,
    STATUS_MOVES,
    TRANSITIONS,
    Move,
    Status,
    agent_label,
    diagram,
    label,
    meaning,
    transition,
)
from gateway.errors import IllegalTransition

N, U, C, S, X = "new", "waiting_on_us", "waiting_on_contact", "solved", "closed"

# What becomes of each status by each move; "-": there is no such move.
TABLE = """
                      new  us   contact  solved  closed
requester_replied     new  us   us       us      us
agent_replied         contact contact contact contact contact
agent_solved          solved solved solved solved -
requester_confirmed   -    -    -        closed  -
requester_closed      closed closed closed -     -
agent_closed          closed closed closed closed -
time_closed           -    -    -        closed  -
time_solved           -    -    solved   -       -
reopened              us   us   us       us      us
agent_waits           contact contact contact contact -
agent_claimed         us   us   us       us      -
reply_undeliverable   new  us   us       us      us
"""
WORDS = {"new": N, "us": U, "contact": C, "solved": S, "closed": X}


def cells() -> dict[tuple[Status, Move], Status | None]:
    head, *rows = (line.split() for line in TABLE.strip().splitlines())
    return {
        (Status(WORDS[before]), Move(name)): None if after == "-" else Status(WORDS[after])
        for name, *afters in rows
        for before, after in zip(head, afters, strict=True)
    }


CELLS = cells()


def test_the_table_here_names_every_pair() -> None:
    """No status and no move is forgotten."""
    assert CELLS.keys() == set(product(Status, Move))


@pytest.mark.parametrize(("before", "move"), CELLS, ids=lambda v: v.value)
def test_each_move_leads_where_the_table_says_or_nowhere(before: Status, move: Move) -> None:
    """A legal move gives its status, an illegal one an error that names both."""
    after = CELLS[before, move]
    if after is None:
        with pytest.raises(IllegalTransition, match=rf"{before.value}.*{move.value}"):
            transition(before, move)
    else:
        assert transition(before, move) is after


def test_the_stories_of_the_design() -> None:
    """New, answered, replied, solved, confirmed, reopened: the sentence a customer is told."""
    status = Status.NEW
    for move, after in (
        (Move.AGENT_REPLIED, C),
        (Move.REQUESTER_REPLIED, U),
        (Move.AGENT_REPLIED, C),
        (Move.AGENT_SOLVED, S),
        (Move.REQUESTER_REPLIED, U),
        (Move.AGENT_SOLVED, S),
        (Move.REQUESTER_CONFIRMED, X),
        (Move.REQUESTER_REPLIED, U),
        (Move.AGENT_SOLVED, S),
        (Move.TIME_CLOSED, X),
    ):
        status = transition(status, move)
        assert status == after


def test_a_reply_always_gets_in() -> None:
    """Whatever the status, a customer's reply, an agent's reply and a bounce have a row."""
    for status in Status:
        for move in (Move.REQUESTER_REPLIED, Move.AGENT_REPLIED, Move.REPLY_UNDELIVERABLE, Move.REOPENED):
            assert transition(status, move) is not Status.CLOSED


def test_naming_a_status_leads_to_it() -> None:
    """`#status NAME` ends in the named status wherever it is allowed; nothing becomes new again."""
    assert STATUS_MOVES.keys() == set(Status) - {Status.NEW}
    for wanted, move in STATUS_MOVES.items():
        afters = {transition(before, move) for before in Status if (before, move) in TRANSITIONS}
        assert afters == {wanted}


def test_every_status_has_words_in_every_language() -> None:
    """A label for customers, one for agents, and one sentence that says what it means."""
    assert LABELS.keys() == MEANINGS.keys() == set(Status)
    for language in texts.languages():
        for status in Status:
            assert label(status, language)
            assert agent_label(status, language)
            assert meaning(status, language).endswith(".")
        assert len({label(s, language) for s in Status}) == len(Status)
        assert len({meaning(s, language) for s in Status}) == len(Status)
    assert label(Status.CLOSED, "sv") == "Closed"
    assert meaning(Status.CLOSED, "sv") == meaning(Status.CLOSED, "en")


def test_the_diagram_in_the_documentation_is_the_table() -> None:
    """docs/flow.md shows what the code does; copy `lifecycle.diagram()` there when it differs."""
    written = (Path(__file__).parents[2] / "docs" / "flow.md").read_text("utf-8")
    shown = written.partition("<!-- lifecycle -->")[2].partition("<!-- /lifecycle -->")[0].strip()
    assert shown == f"```mermaid\n{diagram()}\n```"


def test_the_diagram_shows_every_change_of_status() -> None:
    """Each arrow with the moves that lead along it."""
    lines = diagram().splitlines()
    assert lines[:2] == ["stateDiagram-v2", "    [*] --> new"]
    arrows = {}
    for line in lines[2:]:
        arrow, _, moves = line.strip().partition(": ")
        arrows[arrow] = set(moves.split(", "))
    expected: dict[str, set[str]] = {}
    for (before, move), after in CELLS.items():
        if after is not None and after is not before:
            expected.setdefault(f"{before.value} --> {after.value}", set()).add(move.value)
    assert arrows == expected
