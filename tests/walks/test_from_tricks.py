"""A stolen mark and a From field that looks like the agent's: nothing is done in the agent's name."""

from __future__ import annotations

import pytest

from tests.mail.test_authors import q
from tests.walks.test_attacks import ANNA, KIM, NOTICE, Build, Stage, build

__all__ = ["build"]

MALLORY = "mallory@evil.test"
MX = "mx.example.com"
SPELLINGS = (
    f"{q(f'Anna <{ANNA}>')} <{MALLORY}>",
    f"{q(f'Anna <{ANNA}>')}, {MALLORY}",
    f"{ANNA}\nFrom: {MALLORY}",
    f"{MALLORY}\nFrom: {ANNA}",
    f"Anna <{ANNA}> <{MALLORY}>",
    f"{ANNA}, {MALLORY}\nSender: {MALLORY}",
    f"Desk: {ANNA};",
    f"<@evil.test:{ANNA}>",
    f"Anna <{ANNA}.>",
    "Anna <anna@e\u212aample.com>",
    "Anna <\u0430nna@example.com>",
    "Anna <anna @example.com>",
    "Anna <anna(evil.test)@example.com>",
    '"anna"@example.com',
    "an\0na@example.com",
    q(ANNA),
    f"<>\nSender: {ANNA}",
)


@pytest.fixture
def stage(build: Build) -> Stage:
    """Kim has written; the desk believes its mail server."""
    stage = build(trusted_authserv_ids=(MX,))
    stage.mail(f"Kim Customer <{KIM}>", "It burns.")
    return stage


def forged(stage: Stage, field: str, verdict: str, text: str) -> list[str]:
    """What leaves when that mail comes in with the mark of Anna's notice."""
    row, _ = stage.out(NOTICE)
    results = f"Authentication-Results: {MX}; {verdict}\n" if verdict else ""
    number = len(stage.sent)
    return stage.arrive(
        f"{results}From: {field}\nTo: {stage.out(NOTICE)[1]['Reply-To']}\nIn-Reply-To: <{row.message_id}>\n"
        f"Subject: Re: Printer\nMessage-ID: <forged{number}@evil.test>\n\n{text}\n".encode(),
        sender=MALLORY,
    )


@pytest.mark.parametrize("field", SPELLINGS, ids=range(len(SPELLINGS)))
@pytest.mark.parametrize("verdict", ["", "dmarc=pass header.from=evil.test", "dmarc=pass header.from=example.com"])
def test_no_spelling_of_from_makes_an_agent(stage: Stage, field: str, verdict: str) -> None:
    """With the agent's mark, whatever the mail server said of it; the mail is kept and a human hears of it."""
    for text in ("Pay to this account.", "#close"):
        told = forged(stage, field, verdict, text)
        assert stage.newest[0] == "settled"
        assert "agent-answer" not in stage.newest[1]
        assert [line for line in told if ANNA in line]
        assert f"reply to {KIM}" not in told
    assert "Pay to this account" not in stage.to_customers().split(f"To: {MALLORY}")[0]
    assert stage.ticket().status == "new"


@pytest.mark.parametrize("verdict", ["dmarc=pass header.from=evil.test", "dmarc=fail header.from=example.com"])
def test_a_verdict_about_somebody_else_disproves(stage: Stage, verdict: str) -> None:
    """The plain address of the agent with the agent's mark, where the mail server read another author or says no."""
    assert forged(stage, f"Anna <{ANNA}>", verdict, "Pay to this account.") == [f"agent_receipt to {ANNA}"]
    assert stage.newest[1] == "agent-without-proof"


@pytest.mark.parametrize("verdict", ["", "dmarc=pass header.from=example.com", "dmarc=none", "spf=pass"])
@pytest.mark.parametrize("field", [f"Anna Agent <{ANNA}>", f'"Agent, Anna" <{ANNA}>', f"{q('Änna')} <{ANNA}>"])
def test_an_honest_agent_still_answers(stage: Stage, field: str, verdict: str) -> None:
    """A mark and a plain From field, with or without a verdict."""
    assert f"reply to {KIM}" in forged(stage, field, verdict, "Water is on its way.")


def test_a_form_with_a_stolen_mark_is_no_agent(build: Build) -> None:
    """A visitor of the web form names the agent, and knows a mark of the agent's."""
    stage = build(trusted_form_senders=("form@example.com",), trusted_authserv_ids=(MX,))
    stage.mail(KIM)
    told = forged(
        stage, f"form@example.com\nReply-To: {ANNA}", "dmarc=pass header.from=example.com", "Pay to this account."
    )
    assert told == [f"agent_receipt to {ANNA}"]
