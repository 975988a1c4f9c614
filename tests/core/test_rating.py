"""Who is asked how it was, when, and what an answer sets off."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from gateway.core import rating
from gateway.core.lifecycle import Status
from gateway.core.notice import Notice
from gateway.core.policy import Policy
from gateway.core.rating import CustomerRating
from gateway.core.reason import Reason
from gateway.core.ticket import Ticket
from gateway.mail.message import Address
from tests.conftest import NOW

CLOSED = NOW - timedelta(hours=24)
TICKET = Ticket(
    number=7,
    status=Status.CLOSED,
    subject="Help",
    requester=Address("erika@customer.example", "Erika"),
    mailbox="support@example.com",
    created_at=NOW - timedelta(days=9),
    last_activity_at=CLOSED,
    closed_at=CLOSED,
    closed_by="agent",
)


@pytest.fixture
def asking(policy: Policy) -> Policy:
    return replace(policy, rating_after_hours=24)


def test_the_requester_is_asked_once_it_is_time(asking: Policy) -> None:
    """One mail, to the requester only."""
    decision = rating.ask(TICKET, "new-request", None, asking, NOW)
    assert decision is not None
    assert [(n.notice, n.recipient.address) for n in decision.notices] == [
        (Notice.RATING_REQUEST, "erika@customer.example")
    ]
    assert decision.change.status is None


@pytest.mark.parametrize(
    ("what", "ticket", "first", "asked_at", "now"),
    [
        ("too soon", TICKET, "new-request", None, NOW - timedelta(seconds=1)),
        ("closed long before it was switched on", TICKET, "new-request", None, NOW + rating.LATE),
        ("asked about this closing", TICKET, "new-request", CLOSED + timedelta(hours=1), NOW),
        ("reopened", replace(TICKET, status=Status.WAITING_ON_US, closed_at=None), "new-request", None, NOW),
        ("spam", replace(TICKET, spam=True), "new-request", None, NOW),
        ("merged", replace(TICKET, merged_into=3), "new-request", None, NOW),
        ("a machine's", TICKET, Reason.NEW_AUTOMATIC.value, None, NOW),
        ("never heard of", TICKET, Reason.AGENT_UNDOES.value, None, NOW),
        ("anonymous", replace(TICKET, requester=Address("anonymous")), "new-request", None, NOW),
        ("a role", replace(TICKET, requester=Address("no-reply@customer.example")), "new-request", None, NOW),
        ("our own", replace(TICKET, requester=Address("hilfe@example.de")), "new-request", None, NOW),
    ],
)
def test_nobody_else_is_asked(
    asking: Policy, what: str, ticket: Ticket, first: str, asked_at: datetime | None, now: datetime
) -> None:
    """Not too early, not too late, not twice, and no ticket that was no conversation with a person."""
    assert rating.ask(ticket, first, asked_at, asking, now) is None, what


def test_a_second_closing_is_asked_about_again(asking: Policy) -> None:
    """The question before belonged to the closing before."""
    assert rating.ask(TICKET, "new-request", CLOSED - timedelta(days=3), asking, NOW) is not None


def test_off_by_default(policy: Policy) -> None:
    """0 hours: never."""
    assert rating.ask(TICKET, "new-request", None, policy, NOW) is None


ASKED = CustomerRating(7, "five", None, "", NOW, None, None)


@pytest.mark.parametrize(
    ("before", "value", "comment", "told"),
    [
        (ASKED, 5, "", False),
        (ASKED, 3, "so so", False),
        (ASKED, 2, "", True),
        (ASKED, 1, "slow", True),
        (replace(ASKED, value=1, rated_at=NOW, told=1), 1, "", False),
        (replace(ASKED, value=1, rated_at=NOW, told=1), 1, "slow", True),
        (replace(ASKED, value=5, rated_at=NOW), 1, "", True),
        (replace(ASKED, value=5, rated_at=NOW, told=rating.TOLD), 1, "", False),
    ],
)
def test_a_bad_answer_tells_the_lead(
    asking: Policy, before: CustomerRating, value: int, comment: str, told: bool
) -> None:
    """Only the lead, only what is new, and not without end."""
    decision = rating.rated(TICKET, before, value, comment, asking)
    assert [n.recipient.address for n in decision.notices] == (["bob@example.com"] if told else [])
    if told:
        assert decision.notices[0].headline == "rated_bad"
        assert decision.notices[0].remarks == (f"rated\t{value}", *((f"rated_comment\t{comment}",) if comment else ()))
    assert comment == "" or not any(comment in e for e in decision.events)


def test_without_a_lead_whoever_has_it_is_told(asking: Policy) -> None:
    """Somebody must hear of it."""
    alone = replace(asking, agents=asking.agents[:1])
    assert [n.recipient.address for n in rating.rated(TICKET, ASKED, 1, "", alone).notices] == ["anna@example.com"]


def test_how_long_an_answer_is_open(asking: Policy) -> None:
    """`link_days` to give it, `rating_change_days` from then on to change it."""
    assert ASKED.open_until(asking) == NOW + timedelta(days=30)
    given = replace(ASKED, value=4, rated_at=NOW + timedelta(days=29))
    assert given.open_until(asking) == NOW + timedelta(days=43)
    again = replace(given, asked_at=NOW + timedelta(days=60))
    assert again.open_until(asking) == NOW + timedelta(days=90)


def test_results() -> None:
    """Median and share of good ones; nothing for nobody."""
    assert rating.results(9, [1, 4, 5, 5]) == rating.Results(9, 4, 4.5, 0.75)
    assert rating.results(3, []) == rating.Results(3, 0, None, None)
