"""The site's own statuses: named as each language calls them, explained, counted as one of ours."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import commands, statuses
from gateway.core.commands import Command
from gateway.core.compose import Scene, compose
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy, SiteStatus
from gateway.core.ticket import Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address
from tests.conftest import NOW

PARTS = SiteStatus(
    "Waiting on parts", Status.WAITING_ON_US, {"de": "Wartet auf Teile"}, {"en": "We have ordered spare parts."}
)
SUPPLIER = SiteStatus("With the supplier", Status.WAITING_ON_US)
KIM = Address("kim@customer.example", "Kim")


@pytest.fixture
def site(policy: Policy) -> Policy:
    return replace(policy, statuses=(PARTS, SUPPLIER))


@pytest.mark.parametrize("word", ["Waiting on parts", "waiting_on_parts", "WARTET  auf Teile", "wartet_auf_teile"])
def test_an_agent_names_it_in_any_language(site: Policy, word: str) -> None:
    """However it is written, it is the same status."""
    order = commands.read(f"#status {word}\n\nHello", site.languages, statuses.words(site))
    assert order.problems == ()
    assert statuses.find(site, order.argument(Verb.STATUS)) is PARTS


def test_a_status_that_is_none_is_refused(site: Policy) -> None:
    """And those there are, are named."""
    order = commands.read("#status Waiting for godot", site.languages, statuses.words(site))
    assert order.commands == ()
    assert "Wartet auf Teile" in order.problems[0]
    assert commands.read("#status closed", site.languages, statuses.words(site)).commands == (
        Command(Verb.STATUS, "closed"),
    )


@pytest.mark.parametrize(
    ("language", "shown"),
    [
        (
            "en",
            [
                ("Waiting on us", "It is our turn: we are working on your request."),
                ("Waiting on parts", "We have ordered spare parts."),
                ("With the supplier", "It is our turn: we are working on your request."),
            ],
        ),
        (
            "de",
            [
                ("Wartet auf uns", "Wir sind am Zug und arbeiten an Ihrer Anfrage."),
                ("Wartet auf Teile", "We have ordered spare parts."),
                ("With the supplier", "Wir sind am Zug und arbeiten an Ihrer Anfrage."),
            ],
        ),
    ],
)
def test_the_acknowledgement_explains_every_status(site: Policy, language: str, shown: list[tuple[str, str]]) -> None:
    """Ours in the order of a ticket's life, the site's own ones behind what they count as; no other mail does."""
    boxes = tuple(replace(box, language=language) for box in site.mailboxes)
    ticket = Ticket(
        number=1,
        status=Status.NEW,
        subject="Help",
        requester=KIM,
        mailbox=boxes[0].address,
        created_at=NOW,
        last_activity_at=NOW,
    )
    request = NoticeRequest(Notice.REQUEST_RECEIVED, KIM, Audience.CUSTOMER)
    policy = replace(site, mailboxes=boxes)
    words = compose(request, Scene(NOW, "test", ticket), policy).words
    assert [(s.label, s.meaning) for s in words.statuses][1:4] == shown
    assert len(words.statuses) == len(Status) + 2
    closed = compose(replace(request, notice=Notice.CLOSED), Scene(NOW, "test", ticket), policy).words
    assert closed.statuses == ()
