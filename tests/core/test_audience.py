"""Who is told of what: each line of the table, for a ticket somebody has, one nobody has, and one that is followed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.audience import AUDIENCE, each_once, tell, tell_of_assignment
from gateway.core.notice import NoticeRequest
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
    ("new_request", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("reply", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("adviser", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("reopened", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("closed_by_requester", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("bounce", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("undeliverable", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("assigned", set(), {"Mine"}, set()),
    ("unassigned", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("answered", set(), {"Mine", "Far"}, {"Far"}),
    ("acted", set(), set(), set()),
    ("undone", set(), {"Mine", "Far"}, {"Far"}),
    ("apart", set(), {"Mine", "Far"}, {"Far"}),
    ("note", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("split", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("merged", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("moved", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("handed_over", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("snooze_due", TEAM, {"Mine", "Far"}, {*TEAM, "Far"}),
    ("woken", set(), set(), set()),
    ("target_near", TEAM, {"Mine", "Far", "Lead"}, {*TEAM, "Far"}),
    ("target_missed", TEAM, {"Mine", "Far", "Lead"}, {*TEAM, "Far"}),
    ("rated_bad", {"Lead"}, {"Lead"}, {"Lead"}),
    ("other_account", {"Lead"}, {"Lead"}, {"Lead"}),
    ("holder_away", {"Lead"}, {"Far"}, {"Far"}),
    ("held", {"Lead", "Chief"}, {"Lead", "Chief"}, {"Lead", "Chief"}),
]


def names(notices: tuple[NoticeRequest, ...], *, brief: bool = False) -> set[str]:
    found = [n.recipient.name for n in notices if n.brief is brief]
    assert len(found) == len(set(found))
    return set(found)


def test_every_line_has_its_row() -> None:
    """Whoever adds an event says here who is told of it."""
    assert [row[0] for row in ROWS] == list(AUDIENCE)


@pytest.mark.parametrize(("headline", "nobody", "had", "followed"), ROWS, ids=[row[0] for row in ROWS])
def test_who_is_told(headline: str, nobody: set[str], had: set[str], followed: set[str]) -> None:
    """Of a ticket nobody has; of one that is Mine and Far follows; of one nobody has and Far follows."""
    for found, told in ((NOBODY, nobody), (HAD, had), (FOLLOWED, followed)):
        assert names(tell(headline, POLICY, found)) == told


def test_an_assignment_is_told_to_both_agents() -> None:
    """The new assignee gets everything, the former one a line; nobody hears of what did not change."""
    told = tell_of_assignment(POLICY, on(MINE.address), on(OURS.address), LEAD)
    assert (names(told), names(told, brief=True)) == ({"Ours"}, {"Mine"})
    assert tell_of_assignment(POLICY, on(MINE.address), on(MINE.address.upper()), LEAD) == ()
    assert names(tell_of_assignment(POLICY, on(), on(OURS.address), OURS)) == set()


def test_a_ticket_given_back_is_told_to_the_team() -> None:
    """Whoever may take it now has to know; who gave it back knows."""
    assert names(tell_of_assignment(POLICY, on(MINE.address), on(), MINE)) == TEAM - {"Mine"}
    assert names(tell_of_assignment(POLICY, on(FAR.address), on(), None), brief=True) == {"Far"}


def test_an_answer_to_a_ticket_nobody_had_is_told_to_the_team_in_one_line() -> None:
    """So that nobody answers twice; who follows gets the answer itself, and what somebody has concerns only them."""
    mine = on(OURS.address, LEAD.address)
    told = tell("answered", POLICY, mine, before=on(follower=LEAD.address), but=OURS)
    assert (names(told), names(told, brief=True)) == ({"Lead"}, {"Mine"})
    assert names(tell("answered", POLICY, HAD, before=HAD, but=OURS), brief=True) == set()


@pytest.mark.parametrize("text", ["@far, please look", "Ask @Far.", "(@far@example.com)", "@FAR: ok"])
def test_a_note_is_told_to_whom_it_names(text: str) -> None:
    """By first name or address, whatever stands around it; an address of somebody names nobody."""
    assert names(tell("note", POLICY, on(MINE.address), text=text)) == {"Mine", "Far"}
    assert names(tell("note", POLICY, on(MINE.address), text="his is me@far.example")) == {"Mine"}


def test_what_moves_between_teams_is_told_to_both() -> None:
    """Whoever had either ticket."""
    away = replace(on(), mailbox="other@example.com")
    assert names(tell("merged", POLICY, away, before=on(MINE.address))) == {"Far", "Chief", "Mine"}


def test_the_whole_notice_goes_before_the_line() -> None:
    """Who is told twice of one thing gets the mail that says more."""
    line = tell("assigned", POLICY, on(OURS.address), before=on(MINE.address))
    whole = tell("note", POLICY, on(OURS.address, MINE.address))
    found = each_once((*line, *whole))
    assert [(n.recipient.name, n.headline, n.brief) for n in found] == [
        ("Ours", "assigned", False),
        ("Mine", "note", False),
    ]


def test_a_snoozed_ticket_comes_back_to_whoever_put_it_aside() -> None:
    """Whoever has it meanwhile; the others need not know."""
    put_aside = replace(on(MINE.address), snoozed_by=OURS.address)
    assert names(tell("snooze_due", POLICY, put_aside)) == {"Ours"}
    assert names(tell("woken", POLICY, put_aside)) == {"Ours"}


def test_a_bad_rating_without_leads_goes_to_whoever_has_it() -> None:
    """It must not be lost because a site named no lead."""
    plain = replace(POLICY, agents=(MINE, OURS, FAR))
    assert names(tell("rated_bad", plain, HAD)) == {"Mine", "Far"}


@pytest.mark.parametrize("announce", ["board", "digest"])
def test_somebody_hears_that_a_customer_was_not_satisfied(announce: str) -> None:
    """Of a closed ticket that nobody has neither a list nor a folder reminds: without a lead nobody heard of it."""
    policy = replace(POLICY, mailboxes=(replace(BOX, announce=announce),), agents=(MINE, OURS, FAR))
    assert names(tell("rated_bad", policy, NOBODY)) == {"Mine", "Ours"}
    assert names(tell("rated_bad", policy, FOLLOWED)) == {"Far"}
    assert names(tell("reply", policy, NOBODY)) == set()


def test_without_a_ticket_the_mailbox_counts() -> None:
    """A new request has no ticket yet when it is decided who hears of it."""
    assert names(tell("new_request", POLICY, None, mailbox=BOX.address)) == TEAM


def test_never_whoever_caused_it() -> None:
    """One notice to each of the others."""
    notices = tell("reply", POLICY, NOBODY, but=OURS)
    assert [n.recipient.name for n in notices] == ["Mine", "Lead"]


def test_whoever_asks_for_help_is_told_as_a_customer_only() -> None:
    """An agent's own request; where it is theirs, or nobody else is there, they are told all the same."""
    own = replace(NOBODY, requester=Address(OURS.address))
    for headline in ("reply", "note", "answered", "split", "target_missed"):
        assert "Ours" not in names((*tell(headline, POLICY, own),)) | names(tell(headline, POLICY, own), brief=True)
    assert names(tell("answered", POLICY, own, but=MINE), brief=True) == {"Lead"}
    assert names(tell("reply", POLICY, replace(own, assignee=OURS.address))) == {"Ours"}
    alone = replace(POLICY, agents=(OURS,))
    assert names(tell("reply", alone, own)) == {"Ours"}


def test_an_assignee_who_left_leaves_the_team() -> None:
    """An address that is no agent's any more is told nothing."""
    assert names(tell("reply", POLICY, on("gone@example.com"))) == TEAM
