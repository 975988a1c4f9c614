"""Mails found in the mailbox's own Sent folder: never sent again, whatever they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import advisers
from gateway.core.case import Case
from gateway.core.decide import decide
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Notice
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Role
from gateway.mail.message import Address, Message
from tests.core.build import (
    ANNA,
    BOB,
    KIM,
    LEE,
    LOOP,
    OWN_ADDRESS,
    SUPPORT,
    case,
    envelope,
    follower,
    message,
    own_id,
    participant,
    ticket,
    with_headers,
)

SUPPLIER = Address("parts@supplier.example", "Parts")


def answer(**fields: object) -> Message:
    usual: dict[str, object] = {"to": (KIM,), "body_text": "Use the extinguisher.", "message_id": "a@webmail.example"}
    return message(SUPPORT, **{**usual, **fields})


def found(mail: Message, **more: object) -> Case:
    more.setdefault("kind", OWN_ADDRESS)
    return case(mail, path=envelope("", source="imap-sent:support@example.com"), **more)  # type: ignore[arg-type]  # a builder


def test_it_is_an_agents_answer() -> None:
    """By the mailbox, in the role of an agent, for both sides to see."""
    decision = decide(found(answer(), on=ticket()))
    assert decision.entry is not None
    assert (decision.entry.kind, decision.entry.role) == (EntryKind.CORRESPONDENCE, Role.AGENT)
    assert decision.entry.author == SUPPORT
    assert decision.entry.reply_text == "Use the extinguisher."
    assert decision.entry.message_id == "a@webmail.example"


def test_an_agents_name_in_from_is_kept() -> None:
    """A shared mailbox may send in the name of its user."""
    decision = decide(found(replace(answer(), author=ANNA, from_=(ANNA,)), on=ticket()))
    assert decision.entry is not None
    assert decision.entry.author == ANNA


@pytest.mark.parametrize("status", list(Status))
def test_it_is_the_customers_turn(status: Status) -> None:
    """As after any other answer."""
    assert decide(found(answer(), on=ticket(7, status))).change.status is Status.WAITING_ON_CONTACT


def test_only_colleagues_hear_of_it() -> None:
    """No customer gets anything, not even participants who were not written to."""
    on = ticket(people=(participant(LEE), follower(BOB)))
    decision = decide(found(answer(), on=on))
    assert [(n.notice, n.recipient.address, n.audience, n.brief) for n in decision.notices] == [
        (Notice.AGENT_NOTICE, BOB.address, Audience.AGENT, False),
        (Notice.AGENT_NOTICE, ANNA.address, Audience.AGENT, True),
    ]


def test_whoever_was_written_to_takes_part() -> None:
    """A reply of theirs finds the ticket; colleagues and mailboxes do not become customers."""
    decision = decide(found(answer(cc=(LEE, BOB, SUPPORT)), on=ticket()))
    assert [j.address for j in decision.change.joined] == [LEE]


def test_a_blind_copy_counts_as_written_to() -> None:
    """The copy in the Sent folder still says so."""
    mail = with_headers(answer(to=(SUPPLIER,)), bcc="Kim <kim@customer.example>")
    assert decide(found(mail, on=ticket())).reason is Reason.SENT_AROUND


def test_a_mail_to_others_about_the_ticket_is_no_customers_business() -> None:
    """To a supplier: a comment, the status stays, and the supplier advises."""
    decision = decide(found(answer(to=(SUPPLIER,)), on=ticket()))
    assert decision.reason is Reason.SENT_ASIDE
    assert decision.entry is not None
    assert decision.entry.kind is EntryKind.COMMENT
    assert (decision.change.status, decision.notices) == (None, ())
    assert decision.change.joined == (advisers.made(SUPPLIER),)


def quiet(c: Case) -> Reason:
    """Journal only: no entry, no mail, no alarm."""
    decision = decide(c)
    assert (decision.ticket, decision.new, decision.entry, decision.notices, decision.alarm) == (0, None, None, (), "")
    return decision.reason


def test_our_own_mails_are_settled_quietly() -> None:
    """The relay puts a copy of what Replydesk sends into the same folder."""
    assert quiet(found(answer(message_id=own_id()), kind=LOOP, on=ticket())) is Reason.SENT_BY_US


def test_our_own_mails_are_known_under_another_id() -> None:
    """Some relays rewrite Message-IDs: ours still stands at the end of References, and answers nothing."""
    ours = own_id()
    rewritten = answer(message_id="0100@ses.example", references=("one@customer.example", ours))
    assert quiet(found(rewritten, on=ticket())) is Reason.SENT_BY_US
    replied = replace(rewritten, in_reply_to=(ours,))
    assert decide(found(replied, on=ticket())).reason is Reason.SENT_AROUND


def test_what_concerns_no_ticket_is_left_alone() -> None:
    """Private mail, or a conversation that began elsewhere."""
    assert quiet(found(answer())) is Reason.SENT_ELSEWHERE


def test_an_absence_note_of_the_mailbox_is_no_answer() -> None:
    """A machine wrote it."""
    mail = with_headers(answer(), auto_submitted="auto-replied (vacation)")
    assert quiet(found(mail, on=ticket())) is Reason.SENT_ELSEWHERE


def test_what_is_on_the_ticket_already_is_a_duplicate() -> None:
    """The same mail by the inbox and the Sent folder; a copy that came to nothing does not count."""
    assert decide(found(answer(), on=ticket(), duplicate_of=3, duplicate_ticket=7)).reason is Reason.DUPLICATE
    assert decide(found(answer(), on=ticket(), duplicate_of=3)).reason is Reason.SENT_AROUND
