"""Who is told of what: each line of the table, for a ticket somebody has, one nobody has, and one that is followed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.audience import AUDIENCE, tell, told_of
from gateway.core.policy import Agent, Policy
from gateway.core.ticket import Participant, Ticket
from gateway.mail.message import Address
from tests.core.build import BOX, KEYS, ticket

MINE = Agent("mine@example.com", "Mine", mailboxes=(BOX.address,))
OURS = Agent("ours@example.com", "Ours", mailboxes=(BOX.address,))
LEAD = Agent("lead@example.com", "Lead", lead=True, mailboxes=(BOX.address,))
FAR = Agent("far@example.com", "Far", mailboxes=("other@example.com",))
CHIEF = Agent("chief@example.com", "Chief", lead=True, mailboxes=("other@example.com",))
POLICY = Policy(KEYS, (BOX,), agents=(MINE, OURS, LEAD, FAR, CHIEF))
TEAM = {"Mine", "Ours", "Lead"}
"""Everybody of the ticket's mailbox; Far and Chief work elsewhere."""


def on(assignee: str = "", follower: str = "") -> Ticket:
    people = (Participant(Address(follower), confirmed=True, follower=True),) if follower else ()
    return replace(ticket(7), mailbox=BOX.address, assignee=assignee, people=people)


NOBODY, HAD, FOLLOWED = on(), on(MINE.address, FAR.address), on(follower=FAR.address)
ROWS = [
    ("new_request", TEAM, TEAM, TEAM),
    ("reply", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("reopened", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("closed_by_requester", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("bounce", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("undeliverable", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("answered", set(), {"Mine", "Far"}, {"Far"}),
    ("note", set(), {"Mine", "Far"}, {*TEAM, "Far"}),
    ("target_near", TEAM, {"Mine", "Far", "Lead"}, {*TEAM, "Far"}),
    ("target_missed", TEAM, {"Mine", "Far", "Lead"}, {*TEAM, "Far"}),
    ("rated_bad", {"Lead"}, {"Lead"}, {"Lead"}),
    ("held", {"Lead", "Chief"}, {"Lead", "Chief"}, {"Lead", "Chief"}),
]


def test_every_line_has_its_row() -> None:
    """Whoever adds an event says here who is told of it."""
    assert [row[0] for row in ROWS] == list(AUDIENCE)


@pytest.mark.parametrize(("headline", "nobody", "had", "followed"), ROWS, ids=[row[0] for row in ROWS])
def test_who_is_told(headline: str, nobody: set[str], had: set[str], followed: set[str]) -> None:
    """Of a ticket nobody has; of one that is Mine and Far follows; of one nobody has and Far follows."""
    for found, names in ((NOBODY, nobody), (HAD, had), (FOLLOWED, followed)):
        told = told_of(headline, POLICY, found)
        assert {a.name for a in told} == names
        assert len(told) == len(names)


def test_a_bad_rating_without_leads_goes_to_whoever_has_it() -> None:
    """It must not be lost because a site named no lead."""
    plain = replace(POLICY, agents=(MINE, OURS, FAR))
    assert [a.name for a in told_of("rated_bad", plain, HAD)] == ["Mine", "Far"]


def test_without_a_ticket_the_mailbox_counts() -> None:
    """A new request has no ticket yet when it is decided who hears of it."""
    assert {a.name for a in told_of("new_request", POLICY, None, BOX.address)} == TEAM


def test_never_whoever_caused_it() -> None:
    """One notice to each of the others."""
    notices = tell("reply", POLICY, NOBODY, but=OURS)
    assert [n.recipient.name for n in notices] == ["Mine", "Lead"]


def test_an_assignee_who_left_leaves_the_team() -> None:
    """An address that is no agent's any more is told nothing."""
    assert {a.name for a in told_of("reply", POLICY, on("gone@example.com"))} == TEAM
