"""Rules of a site: what a mail must show, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.case import Case
from gateway.core.decide import decide
from gateway.core.lifecycle import Status
from gateway.core.policy import SiteStatus
from gateway.core.reason import QUIET, Reason
from gateway.core.rules import Concerns, SiteRule, holds, is_sender
from gateway.core.ticket import Evidence, Participant
from tests.conftest import NOW
from tests.core.build import (
    ANNA,
    BOB,
    EXAMPLES,
    KIM,
    LEE,
    MACHINE,
    PLAIN_BOX,
    POLICY,
    SUPPORT,
    acknowledged,
    case,
    envelope,
    message,
    opened,
    ticket,
    told,
    with_headers,
)

PARTS = SiteRule("parts", subject=("spare part",), tag=("parts",), status="Waiting on parts")
SITE = replace(POLICY, statuses=(SiteStatus("Waiting on parts", Status.WAITING_ON_US),))


def ruled(*rules: SiteRule, **about: object) -> Case:
    return case(policy=replace(SITE, rules=rules), **about)  # type: ignore[arg-type]  # a builder takes any field


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        ("invoice", "Your INVOICE  of May", True),
        ("invoice of", "invoice\n of May", True),
        ("order * shipped", "Order 12 was shipped", True),
        ("shipped * order", "Order 12 was shipped", False),
        ("*", "", True),
        ("STRASSE", "Hauptstraße", True),
        ("返金", "注文の返金をお願いします", True),
        ("a*a", "a", False),
    ],
)
def test_a_text_holds_a_pattern(pattern: str, text: str, found: bool) -> None:
    """Without regard to case and line ends; a star is anything."""
    assert holds(pattern, " ".join(text.split()).casefold()) is found


@pytest.mark.parametrize(
    ("pattern", "key", "found"),
    [
        ("kim@shop.example", "kim@shop.example", True),
        ("KIM@shop.example", "kim@shop.example", True),
        ("*@shop.example", "kim@shop.example", True),
        ("*@shop.example", "kim@eu.shop.example", False),
        ("shop.example", "kim@eu.shop.example", True),
        ("shop.example", "kim@notshop.example", False),
        ("noreply*@*.example", "noreply-7@shop.example", True),
        ("a*a@x.example", "a@x.example", False),
        ("shop.*", "kim@shop.example", True),
    ],
)
def test_a_sender(pattern: str, key: str, found: bool) -> None:
    """An address, a pattern of one, or a domain with all below it."""
    assert is_sender(pattern, key) is found


@given(st.text("ab*", max_size=12), st.text("ab", max_size=12))
@EXAMPLES
def test_a_star_is_anything_as_a_regular_expression_says(pattern: str, text: str) -> None:
    """Found without one, which could take for ever."""
    import re

    wanted = ".*".join(re.escape(part) for part in pattern.split("*"))
    assert holds(pattern, text) is (re.search(wanted, text) is not None)
    assert is_sender(f"{pattern}@x.y", f"{text}@x.y") is (re.fullmatch(wanted, text) is not None)


def test_a_new_request_is_tagged_named_and_given_to_whom_a_rule_says() -> None:
    """Its reasons and the ticket's history name the rule; who is told is as with every assignment."""
    rule = replace(PARTS, assign=BOB.address, hand_to=PLAIN_BOX.address, acknowledge=False)
    decision = decide(ruled(rule, mail=message(subject="A spare part, please")))
    assert decision.new is not None
    assert (decision.new.mailbox, decision.change.assignee) == (PLAIN_BOX.address, BOB.address)
    assert (decision.change.tags, decision.change.status) == (("parts",), Status.WAITING_ON_US)
    assert decision.change.sub_status == "Waiting on parts"
    assert (told(decision), acknowledged(decision)) == ([BOB.address], False)
    assert "by_rule\tparts" in decision.events
    assert "no: the rule parts" in decision.why.acknowledge
    assert decision.why.lines[-1] == (
        "rules: parts (tag parts, assign bob@example.com, hand to hilfe@example.de, status Waiting on parts, "
        "no acknowledgement)"
    )


def test_without_a_match_nothing_changes() -> None:
    """Not even the reasons."""
    assert decide(ruled(PARTS)) == decide(case(policy=SITE))


@pytest.mark.parametrize(
    ("rule", "matches"),
    [
        (SiteRule("x", mailbox=("SUPPORT@example.com",)), True),
        (SiteRule("x", mailbox=(PLAIN_BOX.address,)), False),
        (SiteRule("x", sender=("elsewhere.example", "customer.example")), True),
        (SiteRule("x", sender=("elsewhere.example",)), False),
        (SiteRule("x", body=("burns",)), True),
        (SiteRule("x", body=("freezes",)), False),
        (SiteRule("x", header={"x-priority": "1"}), True),
        (SiteRule("x", header={"x-priority": "2"}), False),
        (SiteRule("x", header={"x-priority": "*", "x-other": "*"}), False),
        (SiteRule("x", authentication="none"), True),
        (SiteRule("x", authentication="pass"), False),
        (SiteRule("x", hours="open"), True),
        (SiteRule("x", hours="closed"), False),
        (SiteRule("x", about=Concerns.REPLY, body=("burns",)), False),
        (SiteRule("x", about=Concerns.ANY, body=("burns",)), True),
        (SiteRule("x", subject=("printer",), body=("freezes",)), False),
    ],
)
def test_each_condition(rule: SiteRule, matches: bool) -> None:
    """All that are named must hold."""
    decision = decide(ruled(replace(rule, tag=("t",)), mail=with_headers(message(), x_priority="1 (Highest)")))
    assert (decision.change.tags == ("t",)) is matches


def test_who_a_mail_is_from_is_asked_of_a_trusted_host() -> None:
    """`pass` where it is proven, `fail` where it is disproven."""
    good, bad = SiteRule("p", authentication="pass", tag=("p",)), SiteRule("f", authentication="fail", tag=("f",))
    assert decide(ruled(good, bad, authentic="dmarc")).change.tags == ("p",)
    assert decide(ruled(good, bad, disproven=True)).change.tags == ("f",)


def test_what_is_folded_is_kept_and_counted() -> None:
    """Of a new mail in the journal, of a reply on its ticket, which stays as it was; the digest counts both."""
    fold = SiteRule("news", about=Concerns.ANY, sender=("customer.example",), fold=True)
    decision = decide(ruled(fold))
    assert (decision.reason, decision.new, decision.ticket, decision.notices) == (Reason.RULE_FOLDS, None, 0, ())
    assert decision.reason in QUIET
    assert decision.why.lines[-1] == "rules: news (fold)"
    done = decide(ruled(fold, on=ticket(status=Status.CLOSED)))
    assert (done.ticket, done.change.status, done.notices) == (7, None, ())
    assert done.entry is not None
    assert done.entry.collapsed


def test_a_machines_request_is_folded_too() -> None:
    """Monitors are what people write such rules for."""
    fold = SiteRule("monitor", subject=("printer",), fold=True)
    assert decide(ruled(fold, kind=MACHINE)).reason is Reason.RULE_FOLDS
    assert decide(ruled(kind=MACHINE)).reason is Reason.NEW_AUTOMATIC


def test_agents_and_advisers_are_heard_whatever_a_rule_folds() -> None:
    """Also an agent who has no proof."""
    fold = SiteRule("all", about=Concerns.ANY, sender=("*.example", "*@example.com"), fold=True)
    proven = ruled(fold, mail=message(ANNA), on=ticket(), holder=ANNA.address)
    assert decide(proven).reason is Reason.AGENT_ANSWER
    assert decide(ruled(fold, mail=message(ANNA), on=ticket(), evidence=Evidence.CLAIM)).reason is not Reason.RULE_FOLDS
    asked = ticket(people=(Participant(LEE, confirmed=False, adviser=True),))
    assert decide(ruled(fold, mail=message(LEE), on=asked)).reason is Reason.ADVISER


def test_a_reply_keeps_its_mailbox_and_whose_it_is() -> None:
    """A rule gives away only what begins; it tags what goes on, beside the tags that are there."""
    rule = SiteRule(
        "any", about=Concerns.ANY, body=("burns",), assign=BOB.address, hand_to=PLAIN_BOX.address, tag=("hot",)
    )
    decision = decide(ruled(rule, on=ticket(assignee=ANNA.address, tags=("old",))))
    assert (decision.change.assignee, decision.change.mailbox) == (None, None)
    assert (decision.change.tags, told(decision)) == (("hot", "old"), [ANNA.address])


def test_a_rule_makes_nobody_wait() -> None:
    """A status of a rule names our turn; where a budget lets nothing be reopened, it stays closed."""
    rule = replace(PARTS, about=Concerns.ANY, subject=(), body=("burns",))
    closed = ticket(status=Status.CLOSED)
    assert decide(ruled(rule, on=closed)).change.sub_status == "Waiting on parts"
    spent = decide(ruled(rule, on=closed, reopens=(NOW,) * 10))
    assert (spent.change.status, spent.change.sub_status) == (Status.CLOSED, None)


def test_two_rules_act_together() -> None:
    """Tags add up; of two that name one agent, the first."""
    first = SiteRule("a", body=("burns",), tag=("x",), assign=ANNA.address)
    second = SiteRule("b", body=("burns",), tag=("y",), assign=BOB.address)
    decision = decide(ruled(first, second))
    assert (decision.change.tags, decision.change.assignee) == (("x", "y"), ANNA.address)
    assert decision.why.rules.startswith("a (tag x, assign")


def test_two_mailboxes_of_ours() -> None:
    """The one a rule hands it to takes the place of the first."""
    rule = SiteRule("a", body=("burns",), hand_to=PLAIN_BOX.address)
    path = envelope(KIM.address, SUPPORT.address, PLAIN_BOX.address)
    decision = decide(ruled(rule, path=path))
    assert opened(decision)
    assert decision.new is not None
    assert decision.new.mailbox == PLAIN_BOX.address
