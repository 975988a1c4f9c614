"""Mail from an archive: decided as on its day, written down under its date, told to nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import archive
from gateway.core.case import Case
from gateway.core.decide import decide
from gateway.core.decision import Decision
from gateway.core.lifecycle import Status
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.core.window import Budget
from gateway.mail.message import Address, Kind, KindName, Message
from gateway.mail.sentence import code
from tests.conftest import NOW
from tests.core.build import (
    ANNA,
    AUTOMATIC,
    BOB,
    EXAMPLES,
    HUMAN,
    KIM,
    LEE,
    LOOP,
    MALLORY,
    POLICY,
    REPORT,
    SUPPORT,
    UNREADABLE,
    case,
    envelope,
    failed,
    message,
    participant,
    ticket,
    with_headers,
)

FROM_US = Kind(KindName.LOOP, "own-address", "Its author is one of our own addresses.")
THEN = NOW - timedelta(days=900)
ARCHIVE = envelope(KIM.address, source="import")


def archived(mail: Message | None = None, *, now: datetime = THEN, **more: object) -> Case:
    return case(mail, path=ARCHIVE, now=now, **more)  # type: ignore[arg-type]  # passed on


def old(status: Status = Status.WAITING_ON_US, **fields: object) -> Ticket:
    """A ticket whose last mail is a day older than the one at hand."""
    began = {"created_at": THEN - timedelta(days=2), "last_activity_at": THEN - timedelta(days=1)}
    return ticket(7, status, **(began | fields))


def shut(**fields: object) -> Ticket:
    """The same, closed by the import."""
    return old(Status.CLOSED, closed_by=archive.IMPORT, closed_at=THEN - timedelta(days=1), **fields)


def silent(decision: Decision) -> bool:
    """Nothing of it reaches anybody, now or later."""
    told = (decision.notices, decision.alarm, decision.undeliverable, decision.hold_minutes)
    return not any(told) and decision.undo is None


def until(when: datetime | None) -> object:
    return replace(POLICY, closed_before=when)


# --- dates -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "received", "expected"),
    [
        (THEN, NOW, THEN),
        (None, THEN, THEN),
        (NOW + timedelta(hours=3), THEN, NOW + timedelta(hours=3)),
        (NOW + timedelta(days=2), THEN, THEN),
        (datetime.fromtimestamp(0, NOW.tzinfo), THEN, THEN),
        (None, datetime.fromtimestamp(0, NOW.tzinfo), NOW),
    ],
)
def test_when_a_mail_happened(date: datetime | None, received: datetime, expected: datetime) -> None:
    """By its Date field, unless no mail can have that date; else when it was received; else now."""
    assert archive.moment(message(date=date), received, NOW) == expected


# --- customers' mails ----------------------------------------------------------------------------


def test_a_first_mail_opens_a_ticket_of_its_day() -> None:
    """As live, without acknowledgement, registration and notices; the history says where it came from."""
    decision = decide(archived())
    assert decision.reason is Reason.NEW_REQUEST
    assert decision.new is not None
    assert decision.happened_at == THEN
    assert decision.events == (code("imported"),)
    assert decision.change.status is None
    assert silent(decision)


def test_a_reply_goes_on_with_its_ticket() -> None:
    decision = decide(archived(on=old(Status.WAITING_ON_CONTACT)))
    assert (decision.ticket, decision.change.status) == (7, Status.WAITING_ON_US)
    assert decision.happened_at == THEN
    assert silent(decision)


def test_ten_years_within_a_minute_are_no_flood() -> None:
    """Budgets are for mail that comes now."""
    tight = replace(POLICY, new_ticket_budgets=(Budget(1, 60),), reopen_budgets=(Budget(1, 60),))
    assert decide(archived(policy=tight, new_tickets=(THEN,) * 9)).why.notify == "no: it comes from an archive"
    again = decide(archived(policy=tight, on=old(Status.CLOSED, closed_by="agent"), reopens=(THEN,) * 9))
    assert again.change.status is Status.WAITING_ON_US


# --- what is over ----------------------------------------------------------------------------------


def test_a_conversation_from_before_the_day_is_closed() -> None:
    decision = decide(archived(policy=until(NOW)))
    assert (decision.change.status, decision.change.closed_by) == (Status.CLOSED, archive.IMPORT)


@pytest.mark.parametrize("mail", [message(), message(ANNA, to=(KIM,), cc=(SUPPORT,))])
def test_and_stays_closed_with_every_further_mail_from_before(mail: Message) -> None:
    """A customer's mail does not reopen it, an answer of ours does not either; the closing moves on with them."""
    decision = decide(archived(mail, on=shut(), policy=until(NOW)))
    assert decision.entry is not None
    assert (decision.change.status, decision.change.closed_by, decision.change.move) == (
        Status.CLOSED,
        archive.IMPORT,
        None,
    )
    assert decision.events == ()
    assert decision.reason is not Reason.REPLY_REOPENS
    assert decision.why.reopen == "no: the archive is closed business"


def test_a_mail_since_that_day_opens_it_again() -> None:
    decision = decide(archived(on=shut(), policy=until(THEN)))
    assert decision.change.status is Status.WAITING_ON_US
    assert decision.reason is Reason.REPLY_REOPENS


@pytest.mark.parametrize("status", [Status.NEW, Status.WAITING_ON_US, Status.WAITING_ON_CONTACT, Status.SOLVED])
def test_an_open_ticket_of_this_desk_is_not_closed_by_an_old_mail(status: Status) -> None:
    """The day is for the archive's own conversations."""
    decision = decide(archived(on=old(status), policy=until(NOW)))
    assert decision.change.status in (Status.NEW, Status.WAITING_ON_US)


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("mail", [message(), message(ANNA, to=(KIM,), cc=(SUPPORT,))])
def test_what_has_happened_since_is_not_disturbed(mail: Message, status: Status) -> None:
    """A mail older than the ticket's last activity is added to its history, and that is all."""
    decision = decide(archived(mail, on=ticket(7, status), policy=until(NOW)))
    assert decision.ticket == 7
    assert decision.entry is not None
    assert (decision.change.status, decision.change.move, decision.change.closed_by, decision.events) == (
        None,
        None,
        "",
        (),
    )


# --- our own mails -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("author", "kind"), [(ANNA, HUMAN), (SUPPORT, FROM_US)], ids=["an agent", "the mailbox itself"]
)
def test_our_answer_is_ours(author: Address, kind: Kind) -> None:
    """Known by who wrote it: whoever imports an archive vouches for it."""
    mail = message(author, to=(KIM,), cc=(SUPPORT,))
    decision = decide(archived(mail, on=old(), kind=kind))
    assert decision.reason is Reason.RECORDED
    assert decision.change.status is Status.WAITING_ON_CONTACT
    assert decision.entry is not None
    assert (decision.entry.kind, decision.entry.role) == (EntryKind.CORRESPONDENCE, Role.AGENT)
    assert decision.entry.author == author
    assert silent(decision)


@pytest.mark.parametrize("to", [(BOB,), (SUPPORT,), (MALLORY,)])
def test_what_no_customer_got_stays_inside(to: tuple[Address, ...]) -> None:
    """An agent's mail to a colleague, to the mailbox or to a supplier is a comment, and nobody joins by it."""
    decision = decide(archived(message(ANNA, to=to), on=old()))
    assert decision.entry is not None
    assert decision.entry.kind is EntryKind.COMMENT
    assert (decision.change.status, decision.change.joined) == (None, ())


def test_whom_we_wrote_to_takes_part() -> None:
    decision = decide(archived(message(ANNA, to=(KIM, LEE)), on=old()))
    assert [j.address for j in decision.change.joined] == [LEE]
    to_lee = decide(archived(message(ANNA, to=(LEE,)), on=old(people=(participant(LEE),))))
    assert to_lee.entry is not None
    assert to_lee.entry.kind is EntryKind.CORRESPONDENCE


@pytest.mark.parametrize(("author", "kind"), [(ANNA, HUMAN), (SUPPORT, FROM_US)])
def test_our_first_mail_opens_the_customers_ticket(author: Address, kind: Kind) -> None:
    decision = decide(archived(message(author, to=(KIM, LEE), cc=(SUPPORT, BOB), subject="Re: Offer"), kind=kind))
    assert decision.new is not None
    assert (decision.new.requester, decision.new.subject) == (KIM, "Offer")
    assert [j.address for j in decision.change.joined] == [LEE]
    assert decision.change.status is Status.WAITING_ON_CONTACT
    closed = decide(archived(message(author, to=(KIM,)), kind=kind, policy=until(NOW)))
    assert closed.change.status is Status.CLOSED


def test_orders_of_the_past_are_not_carried_out() -> None:
    decision = decide(archived(message(ANNA, to=(KIM,), body_text="#close\n#assign bob\n\nDone."), on=old()))
    assert decision.reason is Reason.RECORDED
    assert (decision.change.status, decision.change.assignee) == (Status.WAITING_ON_CONTACT, None)


def test_an_agent_may_be_a_customer() -> None:
    """An agent's own request, and the answers on it."""
    assert decide(archived(message(ANNA))).reason is Reason.NEW_REQUEST
    assert decide(archived(message(ANNA), on=old(requester=ANNA))).reason is Reason.REPLY


@pytest.mark.parametrize(
    ("mail", "kind"),
    [
        (message(SUPPORT, to=(KIM,)), LOOP),
        (message(SUPPORT, to=(SUPPORT,)), FROM_US),
        (with_headers(message(SUPPORT, to=(KIM,)), auto_submitted="auto-replied"), FROM_US),
    ],
    ids=["sent by this desk", "to ourselves", "an automatic answer"],
)
def test_other_mail_of_ours_stays_in_the_journal(mail: Message, kind: Kind) -> None:
    decision = decide(archived(mail, kind=kind))
    assert decision.reason is Reason.LOOP
    assert silent(decision)


def test_live_mail_of_ours_is_no_archive() -> None:
    """The row is for archives only: a forged sender gets nothing by it."""
    assert decide(case(message(SUPPORT, to=(KIM,)), kind=FROM_US, on=old())).reason is Reason.LOOP
    assert decide(case(message(ANNA, to=(KIM,)), on=old())).reason is Reason.AGENT_UNPROVEN


# --- whatever it is -----------------------------------------------------------------------------------

mails = st.builds(
    lambda author, to, text, report: message(author, to=to, body_text=text, report=failed() if report else None),
    st.sampled_from([KIM, LEE, MALLORY, ANNA, SUPPORT, None]),
    st.sampled_from([(SUPPORT,), (KIM,), (KIM, LEE, SUPPORT), ()]),
    st.sampled_from(["Hello", "#close", "#from kim@customer.example\n\nHi", "status", ""]),
    st.booleans(),
)


@EXAMPLES
@given(
    mails,
    st.sampled_from([HUMAN, AUTOMATIC, REPORT, LOOP, FROM_US, UNREADABLE]),
    st.sampled_from([None, *Status]),
    st.sampled_from([None, THEN - timedelta(days=9), NOW]),
    st.booleans(),
)
def test_nothing_of_an_archive_reaches_anybody(
    mail: Message, kind: Kind, status: Status | None, closed_before: datetime | None, late: bool
) -> None:
    """No notice, no alarm, no reminder; and a ticket that went on keeps its status."""
    on = (ticket(7, status) if late else old(status)) if status else None
    if kind is REPORT:
        mail = replace(mail, report=failed())
    decision = decide(archived(mail, on=on, kind=kind, policy=until(closed_before), authentic="dmarc"))
    assert silent(decision)
    assert decision.happened_at == THEN
    if on and late:
        assert decision.change.status is None
