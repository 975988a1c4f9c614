"""What the site decided: whose an address is, and who works where."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.policy import Agent, Mailbox, as_address, plain_address, reply_token
from gateway.core.token import BIRTH_LENGTH, Named, address_token
from gateway.mail.message import Address, address_key
from tests.core.build import ANNA, BOX, EXAMPLES, KEYS, PLAIN_BOX, POLICY

TEMPLATE = "support+{token}@example.com"
SITE = replace(
    POLICY,
    mailboxes=(replace(BOX, aliases=("help@example.com",)), PLAIN_BOX),
    agents=(
        Agent("Anna@Example.com", "Anna", aliases=("anna.phone@example.net",)),
        Agent("bob@example.com", "Bob", mailboxes=("Hilfe@example.de",)),
    ),
)


@pytest.mark.parametrize(
    ("address", "token"),
    [
        ("support+t7-abc@example.com", "t7-abc"),
        ("SUPPORT+T7-ABC@EXAMPLE.COM", "t7-abc"),
        ("support+a+b@example.com", "a+b"),
        ("support+@example.com", None),
        ("support@example.com", None),
        ("support+t7-abc@example.com.elsewhere.example", None),
        ("xsupport+t7-abc@example.com", None),
        ("support+t7-abc@elsewhere.example", None),
        ("", None),
    ],
)
def test_a_token_is_read_out_of_its_address(address: str, token: str | None) -> None:
    """Exactly what stands in the place of {token}, folded as relays fold it."""
    assert reply_token(TEMPLATE, address) == token


@pytest.mark.parametrize("written", ["bücher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.Example"])
@pytest.mark.parametrize("domain", ["bücher.example", "xn--bcher-kva.example"])
def test_a_domain_with_umlauts_has_two_forms(written: str, domain: str) -> None:
    """The settings may hold either, mail comes to either, and a Message-ID holds the one that is ASCII."""
    box = Mailbox(f"support@{written}", "", "en", f"support+{{token}}@{written}")
    policy = replace(SITE, mailboxes=(box,))
    assert reply_token(box.reply_address, f"support+t7-abc@{domain}") == "t7-abc"
    assert policy.takes(f"support@{domain}")
    assert policy.takes(f"postmaster@{domain}")
    assert box.domain.lower() == "xn--bcher-kva.example"


@EXAMPLES
@given(st.text(max_size=80), st.sampled_from([TEMPLATE, "{token}@example.com", "r-{token}-x@example.com"]))
def test_any_text_may_be_read_as_a_reply_address(address: str, template: str) -> None:
    """It never raises, and what it finds fits the template."""
    token = reply_token(template, address)
    if token is not None:
        assert token
        assert template.replace("{token}", token).lower() == address_key(address)


@pytest.mark.parametrize(
    ("address", "box"),
    [
        ("support@example.com", "support@example.com"),
        (" Support@EXAMPLE.com ", "support@example.com"),
        ("help@example.com", "support@example.com"),
        ("support+t7-abcdefghijkl@example.com", "support@example.com"),
        ("support+newsletter@example.com", "support@example.com"),
        ("help+x@example.com", "support@example.com"),
        ("hilfe@example.de", "hilfe@example.de"),
        ("hilfe+x@example.de", None),
        ("hilfe+t7-abcdefghijkl@example.de", "hilfe@example.de"),
        ("stranger+t7-abcdefghijkl@example.de", None),
        ("support@example.com.elsewhere.example", None),
        ("anna@example.com", None),
        ("", None),
        ("@example.com", None),
    ],
)
def test_which_mailbox_an_address_belongs_to(address: str, box: str | None) -> None:
    """Itself, its aliases, and with plus-addressing any detail; without it no detail but a mark of ours."""
    found = SITE.mailbox_for(address)
    assert (found.address if found else None) == box
    assert SITE.is_own(address) is (box is not None)


@pytest.mark.parametrize("now", ["", "answers+{token}@example.com"])
def test_a_mark_outlives_the_setting_it_was_made_by(now: str) -> None:
    """Who answers a mail from before `reply_address` was changed or taken out is heard, on the same ticket."""
    mark = Named(7, "2" * BIRTH_LENGTH)
    site = replace(SITE, mailboxes=(replace(BOX, reply_address=now, aliases=("help@example.com",)),))
    for name in ("support", "help"):
        address = f"{name}+{address_token(KEYS, 't', mark)}@example.com"
        assert site.takes(address)
        assert [m.named for m in site.marks_in(address)] == [mark]
    assert site.alias_of(site.mailboxes[0], address) == "help@example.com"


def test_an_address_of_ours_needs_no_mailbox() -> None:
    """`own_addresses` may name more than can be written to, and they are ours as well."""
    assert replace(SITE, own_addresses=frozenset({"old@example.com"})).is_own("OLD@example.com")


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("anna@example.com", "Anna"),
        ("ANNA.phone@example.net", "Anna"),
        ("bob@example.com", "Bob"),
        ("anna+x@example.com", None),
        ("anna@example.com.elsewhere.example", None),
        ("", None),
    ],
)
def test_who_is_an_agent(address: str, name: str | None) -> None:
    """By address or alias, whatever its case; never by something that resembles it."""
    found = SITE.agent_for(address)
    assert (found.name if found else None) == name


def test_the_team_of_a_mailbox() -> None:
    """Those who name it, and those who name none."""
    assert [a.name for a in SITE.agents_for("support@example.com")] == ["Anna"]
    assert [a.name for a in SITE.agents_for("HILFE@example.de")] == ["Anna", "Bob"]


def test_a_mailbox_by_its_alias_has_its_team() -> None:
    """Whether the agent names it so, or the ticket is of one that has become an alias."""
    box = Mailbox("support@example.com", "Support", "en", aliases=("old@example.com",))
    named = Agent("n@example.com", "N", mailboxes=("Old@example.com",))
    other = Agent("o@example.com", "O", mailboxes=("x@y.z",))
    site = replace(SITE, mailboxes=(box,), agents=(named, other))
    assert site.agents_for("support@example.com") == site.agents_for("old@example.com") == (named,)


@pytest.mark.parametrize("mailbox", ["hilfe@example.de", "gone@example.com"])
def test_a_mailbox_nobody_works_for_is_heard(mailbox: str) -> None:
    """By the leads, and without one by everybody."""
    lead = Agent("lead@example.com", "L", lead=True, mailboxes=("support@example.com",))
    agent = replace(lead, address="agent@example.com", lead=False)
    assert replace(SITE, agents=(agent, lead)).agents_for(mailbox) == (lead,)
    assert replace(SITE, agents=(agent,)).agents_for(mailbox) == (agent,)


@pytest.mark.parametrize(
    ("address", "plain"),
    [
        ("a+b@c.example", "a@c.example"),
        ("a+b+c@c.example", "a@c.example"),
        ("a@c.example", "a@c.example"),
        ("+b@c.example", "@c.example"),
        ("", ""),
    ],
)
def test_an_address_without_its_detail(address: str, plain: str) -> None:
    """RFC 5233: what stands behind the plus is the reader's own."""
    assert plain_address(address) == plain


def test_shown_values_hold_no_secret() -> None:
    """A policy may be logged."""
    assert KEYS.secret.decode() not in repr(POLICY)


def test_a_person_of_the_house_as_an_address() -> None:
    """With the name customers see."""
    assert as_address(POLICY.agents[0]) == ANNA
    assert as_address(Mailbox("a@b.example", "A", "")) == Address("a@b.example", "A")


@pytest.mark.parametrize("name", ["Bob", "bob.", "Bob Lead Jr", "Bob Lead Jr.", "J", "J.", "bob@example.com."])
def test_a_full_stop_behind_a_name_says_nothing(name: str) -> None:
    """It may end the name or the sentence: the same colleague is meant."""
    bob = Agent("bob@example.com", "Bob Lead Jr.")
    found = replace(POLICY, agents=(bob, Agent("jo@example.com", "J. Smith"))).agents_called(name)
    assert [a.name for a in found] == ["J. Smith" if name[0] == "J" else bob.name]
