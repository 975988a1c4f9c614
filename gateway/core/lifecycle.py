"""The life of a ticket: statuses, and what moves a ticket from one to the next.

TRANSITIONS is the whole truth; the diagram in docs/flow.md is generated from it, and a
move that is not in it raises `IllegalTransition`.
"""

from __future__ import annotations

from enum import StrEnum

from gateway import texts
from gateway.errors import IllegalTransition
from gateway.mail.sentence import code
from gateway.texts import mark as _


class Status(StrEnum):
    NEW = "new"
    WAITING_ON_US = "waiting_on_us"
    WAITING_ON_CONTACT = "waiting_on_contact"
    SOLVED = "solved"
    CLOSED = "closed"


class Move(StrEnum):
    """What happened to a ticket, in the past tense."""

    REQUESTER_REPLIED = "requester_replied"
    AGENT_REPLIED = "agent_replied"
    AGENT_SOLVED = "agent_solved"
    REQUESTER_CONFIRMED = "requester_confirmed"
    REQUESTER_CLOSED = "requester_closed"
    AGENT_CLOSED = "agent_closed"
    TIME_CLOSED = "time_closed"
    TIME_SOLVED = "time_solved"
    REOPENED = "reopened"
    AGENT_WAITS = "agent_waits"
    AGENT_CLAIMED = "agent_claimed"
    REPLY_UNDELIVERABLE = "reply_undeliverable"


N, U, C, S, X = Status.NEW, Status.WAITING_ON_US, Status.WAITING_ON_CONTACT, Status.SOLVED, Status.CLOSED

TRANSITIONS: dict[tuple[Status, Move], Status] = {
    (N, Move.REQUESTER_REPLIED): N,
    (U, Move.REQUESTER_REPLIED): U,
    (C, Move.REQUESTER_REPLIED): U,
    (S, Move.REQUESTER_REPLIED): U,
    (X, Move.REQUESTER_REPLIED): U,
    (N, Move.AGENT_REPLIED): C,
    (U, Move.AGENT_REPLIED): C,
    (C, Move.AGENT_REPLIED): C,
    (S, Move.AGENT_REPLIED): C,
    (X, Move.AGENT_REPLIED): C,
    (N, Move.AGENT_SOLVED): S,
    (U, Move.AGENT_SOLVED): S,
    (C, Move.AGENT_SOLVED): S,
    (S, Move.AGENT_SOLVED): S,
    (S, Move.REQUESTER_CONFIRMED): X,
    (N, Move.REQUESTER_CLOSED): X,
    (U, Move.REQUESTER_CLOSED): X,
    (C, Move.REQUESTER_CLOSED): X,
    (N, Move.AGENT_CLOSED): X,
    (U, Move.AGENT_CLOSED): X,
    (C, Move.AGENT_CLOSED): X,
    (S, Move.AGENT_CLOSED): X,
    (S, Move.TIME_CLOSED): X,
    (C, Move.TIME_SOLVED): S,
    (N, Move.REOPENED): U,
    (U, Move.REOPENED): U,
    (C, Move.REOPENED): U,
    (S, Move.REOPENED): U,
    (X, Move.REOPENED): U,
    (N, Move.AGENT_WAITS): C,
    (U, Move.AGENT_WAITS): C,
    (C, Move.AGENT_WAITS): C,
    (S, Move.AGENT_WAITS): C,
    (C, Move.AGENT_CLAIMED): U,
    (N, Move.AGENT_CLAIMED): U,
    (U, Move.AGENT_CLAIMED): U,
    (S, Move.AGENT_CLAIMED): U,
    (C, Move.REPLY_UNDELIVERABLE): U,
    (S, Move.REPLY_UNDELIVERABLE): U,
    (X, Move.REPLY_UNDELIVERABLE): U,
    (N, Move.REPLY_UNDELIVERABLE): N,
    (U, Move.REPLY_UNDELIVERABLE): U,
}


def transition(status: Status, move: Move) -> Status:
    """The status after a move; `IllegalTransition` when the table has no such row."""
    try:
        return TRANSITIONS[status, move]
    except KeyError:
        raise IllegalTransition(f"a ticket that is {status.value} cannot be moved by {move.value}") from None


STATUS_MOVES: dict[Status, Move] = {
    Status.WAITING_ON_US: Move.REOPENED,
    Status.WAITING_ON_CONTACT: Move.AGENT_WAITS,
    Status.SOLVED: Move.AGENT_SOLVED,
    Status.CLOSED: Move.AGENT_CLOSED,
}
"""The move an agent means by naming a status (`ticket status N STATUS`, `#status NAME`)."""


def move_to(status: Status, wanted: Status, before: Status) -> tuple[Move, Status]:
    """The move that naming a status means, and where it leads; `before` is the one people know the ticket by.

    `IllegalTransition` says it as the receipts do: the names of moves are nobody's words.
    """
    move = STATUS_MOVES.get(wanted)
    if move is None or (status, move) not in TRANSITIONS:
        raise IllegalTransition(code("no_move", before.value, wanted.value))
    return move, TRANSITIONS[status, move]


LABELS: dict[Status, str] = {
    Status.NEW: _("New"),
    Status.WAITING_ON_US: _("Waiting on us"),
    Status.WAITING_ON_CONTACT: _("Waiting on you"),
    Status.SOLVED: _("Solved (please confirm)"),
    Status.CLOSED: _("Closed"),
}

MEANINGS: dict[Status, str] = {
    Status.NEW: _("We have received your request and will look at it soon."),
    Status.WAITING_ON_US: _("It is our turn: we are working on your request."),
    Status.WAITING_ON_CONTACT: _("It is your turn: we need an answer from you to carry on."),
    Status.SOLVED: _("We think your request is solved. Please confirm, or reply if something is still open."),
    Status.CLOSED: _("Your request is finished. If you reply by e-mail, we will take it up again."),
}


def label(status: Status, language: str) -> str:
    """How customers read a status; English when the language has no words for it."""
    return texts.catalog(language).gettext(LABELS[status])


def agent_label(status: Status, language: str) -> str:
    if status is Status.WAITING_ON_CONTACT:
        return texts.catalog(language).pgettext("agents", "Waiting on customer")
    if status is Status.SOLVED:
        return texts.catalog(language).gettext("Solved (to be confirmed)")
    return label(status, language)


def meaning(status: Status, language: str) -> str:
    """The one sentence that says what a status means for the customer."""
    return texts.catalog(language).gettext(MEANINGS[status])


def diagram() -> str:
    """The table above as a Mermaid state diagram, for docs/flow.md."""
    rows: dict[tuple[Status, Status], list[str]] = {}
    for (before, move), after in TRANSITIONS.items():
        if before != after:
            rows.setdefault((before, after), []).append(move.value)
    lines = [f"    {a.value} --> {b.value}: {', '.join(moves)}" for (a, b), moves in rows.items()]
    return "\n".join(["stateDiagram-v2", "    [*] --> new", *lines])
