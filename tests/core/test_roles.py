"""Role addresses: one table for who is not acknowledged, who joins no ticket and who gets no automatic mail."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import commands, orders
from gateway.core.classify import classify
from gateway.core.decide import decide
from gateway.core.notice import Audience
from gateway.core.roles import is_role, is_shared
from gateway.mail.message import Address
from tests.conftest import NOW
from tests.core.build import POLICY, case, envelope, message, ticket

ROLES = """
abuse bounce bounces bounces+7 daemon do-not-reply donotreply hostmaster mailer-daemon mailerdaemon no-reply no_reply
nobody noreply noreply123 no-reply-team notifications postmaster root undisclosed-recipients webmaster
shop-noreply billing.no-reply news+noreply=x nicht-antworten keineantwort ne-pas-repondre autoreply autoresponder
cron www-data mailer wordpress web-form contactform form voicemail voice-mail fax scanner copier nagios monitoring alert
majordomo listserv listmaster mailman owner-list list-owner list-request list-bounces root+cron
""".split()
PEOPLE = [
    "kim",
    "root.beer",
    "replyto",
    "rebounces.club",
    "abusel",
    "cronin",
    "request",
    "owner",
    "noah.reply",
    "faxe",
    "alertina",
    "formica",
    "scanlon",
]


@pytest.mark.parametrize(("local", "role"), [*((r, True) for r in ROLES), *((p, False) for p in PEOPLE)])
def test_who_never_reads(local: str, role: bool) -> None:
    """Offices, machines and those that say so themselves; people whose names only look alike are people."""
    assert is_role(f"{local}@x.example") is role
    assert is_role(f"{local.upper()}@x.example") is role


@pytest.mark.parametrize("nothing", ["", "no-reply", "postmaster"])
def test_what_is_no_address_is_no_role(nothing: str) -> None:
    """Without a domain there is nobody to write to or not."""
    assert not is_role(nothing)
    assert is_role("anyone@anonymous.invalid")


@pytest.mark.parametrize("local", ROLES)
def test_a_role_is_neither_acknowledged_nor_told_of_a_status(local: str) -> None:
    """Both uses read the same table: a role's mail is kept, and no automatic mail goes back."""
    who = Address(f"{local}@shop.example")
    kind = classify(message(who), envelope(who.address), POLICY)
    assert kind.no_acknowledgement in ("role-address", "mailer-daemon")
    assert not any(n.audience is Audience.CUSTOMER for n in decide(case(message(who), kind=kind)).notices)
    for text in ("#close", "#solved", "#wait"):
        by = orders.OrderContext(ticket(requester=who), POLICY.agents[0], POLICY, NOW)
        decision = orders.carry_out(by, commands.read(text), None, "SMTP AUTH")
        assert not any(n.audience is Audience.CUSTOMER for n in decision.notices)


@pytest.mark.parametrize("local", ROLES)
def test_a_role_in_copy_takes_no_part(local: str) -> None:
    """A list's or a machine's address in To or Cc gets none of the answers."""
    mail = replace(message(), cc=(Address(f"{local}@shop.example"),))
    assert decide(case(mail)).change.joined == ()


@pytest.mark.parametrize(
    ("who", "shared"),
    [
        (Address("web@site.example", "Site"), True),
        (Address("website@site.example"), True),
        (Address("web-server@site.example"), True),
        (Address("typo3@site.example"), True),
        (Address("pbx@firm.example", "+49 30 1234567"), True),
        (Address("pbx@firm.example", "Anruf von 030 1234567"), True),
        (Address("pbx@firm.example", "Missed call from +49301234567"), True),
        (Address("desk@shop.example", "Lea Roth via Shop"), True),
        (Address("weber@site.example"), False),
        (Address("webb@site.example", "Kim Webb"), False),
        (Address("kim@firm.example", "Kim 2"), False),
        (Address("anna.via@firm.example", "Anna Via"), False),
    ],
)
def test_whose_address_many_people_write_from(who: Address, shared: bool) -> None:
    """Forms, sites and telephone systems: neither acknowledged nor invited."""
    assert is_shared(who) is shared
    assert any(n.audience is Audience.CUSTOMER for n in decide(case(message(who))).notices) is not shared


@pytest.mark.parametrize(
    ("address", "role"),
    [
        ("octo@noreply.github.com", True),
        ("7+octo@users.noreply.github.com", True),
        ("kim@no-reply.shop.example", True),
        ("kim@noreplyshop.example", False),
    ],
)
def test_a_domain_that_nobody_reads(address: str, role: bool) -> None:
    """Trackers give everybody an address in one: an answer there reaches nobody."""
    assert is_role(address) is role
