"""`replydesk agent order`, and what docs/decide.md says of it; that each order does there what it does by mail is in
`test_each_order.py`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.cli import main
from gateway.core.verbs import Verb
from storage.audit import audit
from tests.cli.conftest import Shop

PROJECT = Path(__file__).parents[2]
SHELL = PROJECT / "docs" / "decide.md"


def rows() -> list[tuple[str, str]]:
    """What docs/decide.md says of the shell: the orders, and the command beside each."""
    table = SHELL.read_text("utf-8").partition("<!-- shell -->")[2].partition("<!-- /shell -->")[0]
    return re.findall(r"(?m)^\| (`#.+?) \| (.+?) \|$", table)


def test_the_document_names_each_order_and_commands_that_are_there() -> None:
    """No order is left out, and no command is named that nobody can run."""
    named = [word for orders, _ in rows() for word in re.findall(r"`#(\w+)", orders)]
    assert sorted(named) == sorted(verb.value for verb in Verb)
    for _, commands in rows():
        for command in re.findall(r"`replydesk ([a-z]+ [a-z]+)", commands):
            assert main([*command.split(), "--help"]) == 0, command


def ordered(shop: Shop, typed: Any, text: str, *words: str, code: int = 0) -> str:
    """What is printed; nothing is on standard error either way, for a refusal is a receipt as well."""
    typed(text)
    shop.capsys.readouterr()
    ended = shop.run("agent", "order", "anna@example.com", *words)
    said = shop.capsys.readouterr()
    assert (ended, said.err) == (code, ""), said
    return said.out


def test_an_order_with_a_text_goes_the_way_of_a_mail(shop: Shop, typed: Any) -> None:
    """The answer leaves under the agent's name, with the words that are no verb of the shell; the audit holds."""
    said = ordered(shop, typed, "#cc karin@customer.example\n#tag printer\n#wait\n\nTry the cable.\n", "--ticket", "1")
    assert "reply to erika@customer.example" in said
    assert "reply to karin@customer.example" in said
    found = json.loads(shop.out("ticket", "show", "1", "--json"))
    assert (found["status"], found["assignee"]) == ("waiting_on_contact", "anna@example.com")
    said_by = [e["author"]["role"] for e in found["entries"] if "Try the cable." in e["reply_text"]]
    assert said_by == ["agent"]
    assert shop.database.read_now(audit).broken == ()


def test_a_ticket_is_opened_for_a_customer(shop: Shop, typed: Any) -> None:
    """`#for` notes a call, `#to` writes the first mail."""
    assert "Ticket" in ordered(shop, typed, "#for dan@customer.example\n\nHe called.", "--subject", "Call")
    ordered(shop, typed, "#to eva@customer.example\n\nYour recall.", "--subject", "Recall")
    assert [row["requester"]["address"] for row in shop.json("ticket", "list")][:2] == [
        "eva@customer.example",
        "dan@customer.example",
    ]


def test_a_further_address_is_the_persons(shop: Shop, typed: Any) -> None:
    """Whom a call is noted for, and whom a mail is written to: the person at the main address, whichever is given."""
    ordered(shop, typed, "#alias erika@work.example", "--ticket", "1")
    ordered(shop, typed, "#for erika@work.example\n\nShe called.", "--subject", "Call")
    ordered(shop, typed, "#to erika@work.example\n\nYour recall.", "--subject", "Recall")
    assert [row["requester"]["address"] for row in shop.json("ticket", "list")][:2] == ["erika@customer.example"] * 2
    assert shop.json("outbox", "list", "--recipient", "erika@work.example") == []


def test_what_is_looked_up_is_printed(shop: Shop, typed: Any) -> None:
    """The tickets, without waiting for the mail."""
    assert "über WLAN" in ordered(shop, typed, "#list open")
    assert "#frobnicate" in ordered(shop, typed, "#frobnicate", "--ticket", "1", code=1)
    assert ordered(shop, typed, "#drafts")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#nonsense", "#nonsense"),
        ("#close 99999", "takes nothing after it"),
        ("#merge 99999", "99999"),
        ("#assign zorro", "zorro"),
        ("#status bogus", "bogus"),
        ("#snooze yesterday", "yesterday"),
        ("#undo", ""),
        ("#send", ""),
        ("#mailbox x@y", "x@y"),
        ("#away until 2020-01-01", "2020-01-01"),
        ("#block gmail.com", "gmail.com"),
        ("#text nosuch", "nosuch"),
        ("#language klingon", "one of: en"),
        ("#requester not-an-address", ""),
        ("#from nobody", "#from ADDRESS"),
        ("#to", ""),
        ("#split 9", ""),
    ],
)
def test_nothing_done_is_no_success(shop: Shop, typed: Any, text: str, said: str) -> None:
    """A script hears it as from the verbs of their own; a person reads why."""
    before = shop.json("ticket", "show", "1")
    assert said in ordered(shop, typed, text, "--ticket", "1", code=1)
    assert shop.json("ticket", "show", "1") == before


def test_words_that_wait_as_a_draft_are_not_sent(shop: Shop, typed: Any) -> None:
    """Only the agent hears of it, by the receipt."""
    sent = shop.json("outbox", "list")
    ordered(shop, typed, "#clsoe\n\nTry the cable.", "--ticket", "1", code=1)
    assert [row["recipient"] for row in shop.json("outbox", "list") if row not in sent] == ["anna@example.com"]


def test_only_agents_order(shop: Shop, typed: Any) -> None:
    """Nor does an empty text."""
    typed("#close")
    assert "there is no agent" in shop.refused("agent", "order", "erika@customer.example", "--ticket", "1")
    typed("  \n")
    assert "neither order nor text" in shop.refused("agent", "order", "anna@example.com")
    typed("#close")
    assert "there is no ticket 99" in shop.refused("agent", "order", "anna@example.com", "--ticket", "99")
