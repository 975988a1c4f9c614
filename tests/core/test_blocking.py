"""Blocked senders: what an order names, what may be blocked, and whom a block stops."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import blocking, commands
from gateway.core.policy import Agent
from gateway.core.verbs import Verb
from gateway.mail.message import Address
from tests.core.build import ANNA, BOX, KIM, POLICY


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Junk@Example.ORG", "junk@example.org"),
        ("<mailto:junk@example.org>", "junk@example.org"),
        ("junk@example.org <mailto:junk@example.org>", "junk@example.org"),
        ("junk.example", "junk.example"),
        ("@Junk.example", "junk.example"),
        ("*@junk.example.", "junk.example"),
        ("junk.example <http://junk.example/>", "junk.example"),
        ("junk", ""),
        ("a@junk.example b@junk.example", ""),
        ("all of junk.example", ""),
    ],
)
def test_what_is_meant(written: str, meant: str) -> None:
    """One address or one domain, as mail programs write them; anything else is refused."""
    assert commands.sender(written) == meant
    order = commands.read(f"#block {written}")
    assert (order.argument(Verb.BLOCK), bool(order.problems)) == (meant, not meant)


@pytest.mark.parametrize("author", ["x@junk.example", "x+1@junk.example", "x@mail.junk.example", "X@JUNK.example"])
def test_a_domain_stands_for_all_below_it(author: str) -> None:
    """But for no other that ends alike; an address stands for its plus details."""
    names = blocking.blocks_for(Address(author))
    assert "junk.example" in names
    assert "example" not in names
    assert "junk.example" not in blocking.blocks_for(Address("x@notjunk.example"))
    assert "x@junk.example" in blocking.blocks_for(Address("x+1@junk.example"))


@pytest.mark.parametrize("what", [ANNA.address, BOX.address, BOX.domain, "gmail.com", "gmx.de"])
def test_what_cannot_be_blocked(what: str) -> None:
    """Agents, our mailboxes, their domains, and providers of mail for everybody."""
    assert blocking.refusal(POLICY, what)
    assert blocking.problems(POLICY, commands.read(f"#block {what}"), KIM)


def test_single_addresses_of_a_provider_can_be_blocked() -> None:
    """Even where an agent writes from there."""
    policy = replace(POLICY, agents=(Agent("me@gmail.com", "Me"),))
    assert blocking.refusal(policy, "junk@gmail.com") == ""
    assert blocking.refusal(policy, "me@gmail.com")


def test_alone_it_means_the_requester() -> None:
    """Where there is one; without a ticket somebody must be named."""
    order = commands.read("#block")
    assert blocking.wanted(order, Verb.BLOCK, KIM) == KIM.key
    assert blocking.problems(POLICY, order, None)[0].startswith("needs_sender")
