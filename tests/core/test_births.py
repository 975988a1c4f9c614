"""A mark names a ticket by its number and its birth: none fits another ticket that has the same number."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import thread, token
from gateway.core.ticket import Evidence, Ticket
from gateway.core.token import BIRTH_LENGTH, Named
from gateway.mail.message import Action, Address, DeliveryReport, Message, Report, ReportType
from storage.births import new_birth
from tests.conftest import NOW
from tests.core.build import ANNA, BOB, EXAMPLES, KEYS, KIM, POLICY, envelope, message, ticket

BIRTHS = st.text(alphabet=token.ALPHABET.lower(), min_size=BIRTH_LENGTH, max_size=BIRTH_LENGTH)
NUMBERS = st.integers(1, 12)
TICKETS = st.builds(
    lambda number, birth, old: ticket(number, birth=birth, old_marks=old), NUMBERS, BIRTHS, st.booleans()
)

OLD = {
    "reference": "RD-7-LHV29W",
    "id": "rd.7.c.blg5mcyxt835mq549zp5.b8ct33xb48t2uzg4@example.com",
    "agent's id": "rd.7.a.rws4usscqbts952pkccl.sk3s52g2gf656axc@example.com",
    "reply": "support+t7-ktguyykrlhqq@example.com",
    "close": "support+c7-te4xkq7y3duj@example.com",
    "agent's": "support+a7-x48ryap2vjum@example.com",
}
"""Marks of ticket 7 as they were given out before there were births."""


def marks(named: Named, holder: str) -> dict[str, Message]:
    """A mail for each kind of mark that names a ticket; with a holder, the agent's."""

    def address(purpose: str) -> tuple[Address, ...]:
        return (Address(f"support+{token.address_token(KEYS, purpose, named, holder)}@example.com"),)

    author = Address(holder) if holder else KIM
    own = token.message_id(KEYS, named, "a" if holder else "c", holder, "x", "example.com")
    reference = token.reference(KEYS, "RD", named)
    return {
        "reply": message(author, to=address("a" if holder else "t")),
        "close": message(author, cc=address("c")),
        "answered": message(author, in_reply_to=(own,)),
        "referred": message(author, references=("x@y.example", own)),
        "subject": message(author, subject=f"Re: [{reference}]"),
        "text": message(author, body_text=f"Hello\n> {reference}"),
    }


def choice(mail: Message, *here: Ticket) -> thread.Choice:
    known = thread.Known({t.number: t for t in here})
    return thread.choose(thread.keys(mail, envelope(), POLICY), known, KEYS)


@EXAMPLES
@given(TICKETS, TICKETS, st.sampled_from(["", ANNA.key, BOB.key]))
def test_no_mark_of_one_ticket_is_accepted_for_another(one: Ticket, other: Ticket, holder: str) -> None:
    """Of any kind, for anybody, whatever the numbers; and each leads to its own ticket."""
    for kind, mail in marks(one.named, holder).items():
        own = choice(mail, one).match
        assert own is not None, kind
        assert own.ticket == one
        assert not choice(mail, one).lost
        if other.birth != one.birth:
            found = choice(mail, other)
            assert found.match is None, kind
            assert [key.number for key in found.lost] == [one.number]
            if kind not in ("subject", "text"):
                assert found.claims == ()


@EXAMPLES
@given(NUMBERS, BIRTHS, NUMBERS, BIRTHS, st.sampled_from(["", ANNA.key]))
def test_marks_with_and_without_a_birth_are_never_the_same(
    number: int, birth: str, another: int, other: str, holder: str
) -> None:
    """Each signature is over both, so none can be put together from the parts of two."""
    names = {Named(number, birth), Named(number), Named(another, other), Named(another)}
    domain = "example.com"
    assert len({token.reference(KEYS, "RD", n) for n in names}) == len(names)
    assert len({token.message_id(KEYS, n, "c", holder, "x", domain).rpartition(".c.")[2] for n in names}) == len(names)
    codes = {token.address_token(KEYS, purpose, n, holder)[-12:] for n in names for purpose in token.ADDRESS_PURPOSES}
    assert len(codes) == len(names) * len(token.ADDRESS_PURPOSES)
    mine = token.address_token(KEYS, "t", Named(number, birth), holder)
    if birth != other:
        assert token.read_address_token(KEYS, mine.replace(birth, other), frozenset({ANNA.key})) is None
    assert token.read_address_token(KEYS, mine.replace(birth, ""), frozenset({ANNA.key})) is None


def test_a_number_that_came_again_gets_neither_mail_nor_claim() -> None:
    """A customer answers a mail about a ticket that a restore took away: this desk's #7 is not even claimed."""
    gone, here = ticket(7, birth="a" * 13), ticket(7, birth="b" * 13, requester=Address("eva@customer.example"))
    mail = replace(
        marks(gone.named, "")["answered"], subject=f"Re: Printer [{POLICY.reference(gone)}] #7", to=(Address("x@y.z"),)
    )
    found = choice(mail, here)
    assert (found.match, found.claims) == (None, ())
    assert thread.lost_names(found.lost, "RD") == POLICY.reference(gone)


def test_an_agents_lost_mark_is_not_made_good_by_what_the_notice_quotes() -> None:
    """The mail answers a notice about what is gone; a right reference further down names somebody else."""
    gone, here = ticket(7, birth="a" * 13), ticket(8, birth="b" * 13)
    mail = replace(marks(gone.named, ANNA.key)["answered"], body_text=f"Yes.\n> {POLICY.reference(here)}")
    assert choice(mail, here).match is None
    customers = replace(marks(gone.named, "")["answered"], body_text=f"Yes.\n> {POLICY.reference(here)}")
    match = choice(customers, here).match
    assert match is not None
    assert (match.ticket, match.evidence) == (here, Evidence.BODY_REFERENCE)


def test_a_merged_tickets_own_marks_lead_to_where_it_went() -> None:
    """And those of a ticket that had its number do not."""
    one, two = ticket(7, birth="a" * 13, merged_into=8), ticket(8, birth="b" * 13)
    for mail in marks(one.named, "").values():
        match = choice(mail, one, two).match
        assert match is not None
        assert match.ticket == two
    for mail in marks(Named(7, "c" * 13), "").values():
        assert choice(mail, one, two).match is None


@pytest.mark.parametrize("old_marks", [True, False])
def test_marks_from_before_there_were_births_lead_to_tickets_of_that_time_only(old_marks: bool) -> None:
    """An upgrade keeps them; a ticket opened after it never accepts one."""
    here = ticket(7, birth=new_birth(), old_marks=old_marks)
    mails = {
        "reference": message(subject=f"Re: [{OLD['reference']}]"),
        "id": message(in_reply_to=(OLD["id"],)),
        "agent's id": message(ANNA, references=(OLD["agent's id"],)),
        "reply": message(to=(Address(OLD["reply"]),)),
        "close": message(to=(Address(OLD["close"]),)),
        "agent's": message(ANNA, to=(Address(OLD["agent's"]),)),
    }
    for kind, mail in mails.items():
        found = choice(mail, here)
        assert (found.match is not None) is old_marks, kind
        assert bool(found.lost) is not old_marks


@EXAMPLES
@given(st.integers(1, 9), st.text(max_size=20), st.integers(1, 9), st.text(max_size=20))
def test_a_bounce_address_names_one_mail(row: int, identity: str, another: int, other: str) -> None:
    """Rows of the outbox come again too: their Message-ID tells them apart."""
    own = token.message_id(KEYS, Named(1, "a" * 13), "c", "", identity, "example.com")
    theirs = token.message_id(KEYS, Named(1, "a" * 13), "c", "", other, "example.com")
    named = token.outbox_name(row, own)
    assert token.names_outbox(named, row, own)
    assert token.names_outbox(named, another, theirs) is ((row, identity) == (another, other))
    assert not token.names_outbox(Named(row), row, own)
    assert token.names_outbox(Named(row), row, OLD["id"])


def test_a_report_about_a_lost_mail_is_about_no_ticket_here() -> None:
    """By the returned id, and by the address the bounce came to."""
    gone, here = ticket(7, birth="a" * 13), ticket(7, birth="b" * 13)
    own = token.message_id(KEYS, gone.named, "c", "", "x", "example.com")
    report = Report(ReportType.DELIVERY, (DeliveryReport(Action.FAILED, KIM.address),), (own,))
    keys = thread.keys(message(None, report=report), envelope(""), POLICY)
    assert [thread.leads_to(key, thread.Known({7: here}), KEYS) for key in keys.reported] == [None]
    assert [thread.leads_to(key, thread.Known({7: gone}), KEYS) for key in keys.reported] == [gone]


def test_what_names_no_ticket_has_no_birth() -> None:
    """An agent's own address outlives every database: it leads to no ticket."""
    own = token.address_token(KEYS, "a", token.NOTHING, ANNA.key)
    assert own == "a0-n9taysdlsz7p"
    assert token.read_link(KEYS, "close", token.link_token(KEYS, "close", "7", NOW + timedelta(days=1)), NOW)


def test_births_are_random_and_long_enough() -> None:
    """At least 64 bits, in signs a relay that folds letters leaves alone."""
    births = {new_birth() for _ in range(1000)}
    assert len(births) == 1000
    assert all(len(b) == BIRTH_LENGTH and b == b.lower() for b in births)
    assert len(token.ALPHABET) ** BIRTH_LENGTH >= 2**64


@EXAMPLES
@given(st.text(max_size=30) | st.text(alphabet="0123456789.ab", max_size=30))
def test_any_text_may_be_read_as_a_name(text: str) -> None:
    """What stands in a link is read back, or is nothing."""
    named = token.read_named(text)
    assert named is None or named.number >= 0
    for wanted in (Named(7), Named(7, "abc")):
        assert token.read_named(str(wanted)) == wanted
