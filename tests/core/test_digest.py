"""The morning list of an agent: what it counts, and in which language."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from datetime import timedelta

import pytest

from gateway.core import digest
from gateway.core.digest import Counts
from gateway.core.notice import Section
from gateway.core.policy import Agent
from gateway.core.ticket import Ticket
from tests.conftest import NOW
from tests.core.build import ANNA, BOX, KIM, LEE, POLICY, ticket

ANNAS = POLICY.agents[0]
ALL = Counts(bounced=1, held=2, silenced=3, blocked=4, spam=5, drafts={"anna@example.com": 6})
OPEN = [ticket(1), replace(ticket(2, requester=LEE), assignee=ANNA.address)]


def _said(sections: Iterable[Section]) -> str:
    return "\n".join(line for s in sections for line in (s.title, *(f"{i.text} {i.facts}".strip() for i in s.items)))


def _lines(counts: Counts, agent: Agent = ANNAS) -> str:
    return "\n".join(
        line
        for s in digest.for_agent(agent, (), counts, POLICY, NOW)
        for line in (s.title, *(f"{i.text} {i.facts}".strip() for i in s.items))
    )


def test_mails_nobody_hears_of_are_counted_with_the_way_to_them() -> None:
    """Of blocked senders, and in answer to spam; none of them is no line."""
    said = _lines(Counts(blocked=4))
    assert "Mails of blocked senders: 4." in said
    assert "replydesk journal list --reason sender-blocked" in said
    assert "spam" not in said
    assert "Replies to spam: 5. To see them: replydesk journal list --reason reply-to-spam" in _lines(ALL)
    assert _lines(Counts()) == ""


def test_an_agent_reads_of_the_own_drafts_only() -> None:
    """Others' wait for the others."""
    assert "wait (#drafts lists them): 6" in _lines(ALL)
    assert "#drafts" not in _lines(replace(ALL, drafts={"bob@example.com": 6}))


def test_leads_read_of_the_drafts_of_who_has_left() -> None:
    """They were written for customers, and nobody else can let them go, or would know that they lapse."""
    left = Counts(drafts={"gone@example.com": 2, "bob@example.com": 1})
    assert "no agents any more: 2. To see them: replydesk ticket drafts" in _lines(left, replace(ANNAS, lead=True))
    assert _lines(left) == ""


@pytest.mark.parametrize(
    ("own", "box", "other", "title"),
    [
        ("de", "en", "en", "Bei Ihnen"),
        ("", "de", "en", "Bei Ihnen"),
        ("", "en", "de", "With you"),
        ("en", "de", "de", "With you"),
    ],
)
def test_a_digest_has_one_language(own: str, box: str, other: str, title: str) -> None:
    """The agent's, else that of the mailbox they work in; titles, statuses, ages and counts alike."""
    mine, others = replace(BOX, language=box), replace(BOX, address="other@example.com", language=other)
    agent = replace(ANNAS, language=own, mailboxes=(mine.address,))
    policy = replace(POLICY, mailboxes=(mine, others), agents=(agent,), default_language="en")
    sections = digest.for_agent(agent, OPEN, ALL, policy, NOW)
    words = _said(sections)
    german = ("Nicht zugewiesen", "Wartet auf uns", "seit 3 Tagen", "Zurückgehaltene", "Gesperrte")
    english = ("With you", "Not assigned yet", "Waiting on us", "for 3 days", "blocked senders", "Replies to spam")
    assert title in words
    assert [w for w in (german if title == "With you" else english) if w in words] == []
    assert KIM.shown in words


class _Alone(Ticket):
    """A ticket that may not be compared: of thousands, each with each takes minutes."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")


def test_thousands_are_looked_at_once_each() -> None:
    """After a morning of 3,000 mails the digests held the database for a minute, and no mail came in."""
    each = [replace(OPEN[0], number=n, assignee=("", ANNA.address, "bob@example.com")[n % 3]) for n in range(1, 37)]
    alone = [_Alone(**{f.name: getattr(t, f.name) for f in fields(t)}) for t in each]
    sections = digest.for_agent(ANNAS, alone, Counts(), POLICY, NOW)
    assert [(s.title, s.items[-1].text) for s in sections] == [
        ("With you", "… and 2 more"),
        ("Not assigned yet", "… and 2 more"),
        ("With colleagues", "… and 2 more"),
    ]


def test_the_late_come_first_and_the_rest_is_counted() -> None:
    """Ten of a section by name; the subject says how many are late, with whom; who is free can be taken."""
    tickets = [replace(OPEN[0], number=n, assignee="", subject=f"No {n}", due_at=None) for n in range(1, 14)]
    tickets[8] = replace(tickets[8], due_at=NOW - timedelta(hours=1))
    (section,) = digest.for_agent(ANNAS, tickets, Counts(), POLICY, NOW)
    assert section.items[0].text == "No 9"
    assert "overdue since" in section.items[0].facts
    assert [item.text for item in section.items[-2:]] == ["No 10", "… and 3 more"]
    act = section.items[0].act
    assert act is not None
    assert act.url.endswith("&body=%23assign%20me%0A")
    (section,) = digest.for_agent(ANNAS, [replace(OPEN[0], number=7, assignee=ANNAS.address)], Counts(), POLICY, NOW)
    assert section.items[0].act is not None
    assert section.items[0].act.url.endswith("&body=%23show%207%0A")
    assert digest.summary(ANNAS, tickets, POLICY, NOW) == "1 overdue, 13 not assigned"


def test_what_somebody_has_who_is_no_agent_any_more_is_nobodys() -> None:
    """Else each of the others would take it for a colleague's."""
    left = replace(OPEN[0], number=7, assignee="left@example.com", due_at=None)
    (section,) = digest.for_agent(ANNAS, [left], Counts(), POLICY, NOW)
    assert section.title == "Not assigned yet"
    assert section.items[0].act is not None
    assert section.items[0].act.url.endswith("&body=%23assign%20me%0A")
    assert digest.summary(ANNAS, [left], POLICY, NOW) == "1 not assigned"


def test_what_an_agent_has_of_another_team_is_with_them() -> None:
    """A lead gave it to them, or its mailbox went to another team since; the others of theirs do not read of it."""
    sales = replace(ANNAS, mailboxes=("sales@example.com",))
    policy = replace(POLICY, agents=(sales, replace(ANNAS, address="eve@example.com", mailboxes=sales.mailboxes)))
    policy = replace(policy, agents=(*policy.agents, *POLICY.agents[1:]))
    (section,) = digest.for_agent(sales, [OPEN[1]], Counts(), policy, NOW)
    assert (section.title, len(section.items)) == ("With you", 1)
    assert digest.summary(sales, [OPEN[1]], policy, NOW) == "1 with you"
    assert digest.for_agent(policy.agents[1], [OPEN[1]], Counts(), policy, NOW) == ()


def test_a_touch_is_offered_only_where_it_proves_the_agent() -> None:
    """Without plus-addressing there is no address of the agent's own."""
    plain = replace(POLICY, mailboxes=tuple(replace(box, reply_address="") for box in POLICY.mailboxes))
    (section,) = digest.for_agent(ANNAS, [replace(OPEN[0], assignee="")], Counts(), plain, NOW)
    assert section.items[0].act is None
