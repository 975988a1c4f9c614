"""What the policy says, cell by cell: attach, reopen, acknowledge, notify; and budgets at their edges."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from gateway.core.case import Case
from gateway.core.decide import decide
from gateway.core.decision import Decision
from gateway.core.lifecycle import Status
from gateway.core.notice import Notice
from gateway.core.reason import Reason
from gateway.core.sentences import text_of
from gateway.core.thread import Key, SentFacts
from gateway.core.ticket import Evidence, Role
from gateway.core.window import Budget
from gateway.mail.message import Action, Address, DeliveryReport, Kind, Report, ReportType
from tests.conftest import NOW
from tests.core.build import (
    AGENTS,
    ANNA,
    AUTOMATIC,
    BOB,
    HUMAN,
    KIM,
    LEE,
    LOOP,
    MALLORY,
    POLICY,
    REPORT,
    SUPPORT,
    UNREADABLE,
    acknowledged,
    attached,
    attachment,
    case,
    envelope,
    failed,
    follower,
    message,
    notices,
    opened,
    participant,
    ticket,
    told,
    with_headers,
)

SENT = SentFacts(7, "reply", KIM.address, True)
GRADES = [e for e in Evidence if e not in (Evidence.CLAIM, Evidence.NONE)]
SIGNED, UNSIGNED = GRADES[:2], GRADES[2:]


# --- the policy, cell by cell --------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """What the policy says of one sort of mail."""

    name: str
    mail: Case
    does: str
    """`attach` or `open` or neither, `acknowledge`, `notify`."""
    status: Status | None = None
    """What the ticket becomes."""
    links: tuple[tuple[str, int], ...] = ()


US = Status.WAITING_ON_US
CLOSED = ticket(7, Status.CLOSED, people=(participant(LEE),))
LISTED = replace(HUMAN, no_acknowledgement="list")
WINDOW = replace(POLICY, reopen_window_days=1)
CLAIMS = (("claims", 7),)


def by(author: Address, evidence: Evidence, kind: Kind = HUMAN) -> Case:
    return case(message(author), on=CLOSED, evidence=evidence, kind=kind)


def report(kind: ReportType, action: Action | None = None, *, newest: bool = True) -> Case:
    said = Report(kind, (DeliveryReport(action, KIM.address, "5.1.1"),) if action else ())
    sent = replace(SENT, newest_answer=newest)
    return case(message(None, report=said), kind=REPORT, sent=sent, tickets={7: CLOSED})


CELLS = [
    *(Cell(f"requester, {e.value}", by(KIM, e), "attach notify", US) for e in GRADES),
    *(Cell(f"participant, {e.value}", by(LEE, e), "attach notify", US) for e in GRADES),
    *(Cell(f"stranger, {e.value}", by(MALLORY, e), "attach notify", US) for e in SIGNED),
    *(Cell(f"stranger, {e.value}", by(MALLORY, e), "open acknowledge notify", None, CLAIMS) for e in UNSIGNED),
    Cell(
        "stranger, claim",
        case(message(MALLORY), claims=(7,), tickets={7: CLOSED}),
        "open acknowledge notify",
        None,
        CLAIMS,
    ),
    Cell("stranger, none", case(message(MALLORY)), "open acknowledge notify"),
    Cell(
        "closed too long",
        case(on=CLOSED, policy=WINDOW, now=NOW + timedelta(days=1)),
        "open acknowledge notify",
        None,
        (("follows", 7),),
    ),
    Cell("out of office", by(KIM, Evidence.OWN_MESSAGE_ID, AUTOMATIC), "attach"),
    Cell("calendar answer", by(KIM, Evidence.OWN_MESSAGE_ID, replace(AUTOMATIC, rule="calendar-answer")), "attach"),
    Cell("failed, our last reply", report(ReportType.DELIVERY, Action.FAILED), "attach notify", US),
    Cell("failed, another mail", report(ReportType.DELIVERY, Action.FAILED, newest=False), "attach notify"),
    Cell("failed, names nobody", report(ReportType.DELIVERY), "attach notify", US),
    *(Cell(f"{a.value}", report(ReportType.DELIVERY, a), "attach") for a in Action if a is not Action.FAILED),
    Cell("read receipt", report(ReportType.DISPOSITION), "attach"),
    Cell("abuse report", report(ReportType.FEEDBACK), "attach"),
    *(Cell(f"list, {e.value}", by(KIM, e, LISTED), "attach notify", US) for e in SIGNED),
    Cell("list, none", case(kind=LISTED), "open notify"),
    Cell("our own mail", case(message(SUPPORT), kind=LOOP, on=CLOSED), ""),
    Cell("unreadable", case(kind=UNREADABLE, on=CLOSED), ""),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda c: c.name)
def test_cell_of_the_policy(cell: Cell) -> None:
    """Attach, reopen, acknowledge and notify are four answers, each with its sentence."""
    decision = decide(cell.mail)
    does, why = cell.does.split(), decision.why
    assert attached(decision) is ("attach" in does)
    assert opened(decision) is ("open" in does)
    assert acknowledged(decision) is ("acknowledge" in does)
    assert told(decision) == (AGENTS if "notify" in does else [])
    assert decision.change.status is cell.status
    assert decision.change.links == cell.links
    assert why.attach.startswith("yes" if "attach" in does else "no")
    assert why.acknowledge.startswith("yes" if "acknowledge" in does else "no")
    assert not why.notify or why.notify.startswith("yes" if "notify" in does else "no")
    assert not why.reopen or why.reopen.startswith("yes" if cell.status else "no")


def test_a_proven_stranger_is_still_a_stranger() -> None:
    """That Mallory is Mallory says nothing of Kim's ticket."""
    for proof in ("dmarc", "smtp-auth"):
        for evidence in UNSIGNED:
            decision = decide(case(message(MALLORY), on=ticket(), evidence=evidence, authentic=proof))
            assert decision.reason is Reason.STRANGER_UNSIGNED
        decision = decide(case(message(MALLORY), on=ticket(), evidence=evidence, authentic=proof, kind=AUTOMATIC))
        assert decision.reason is Reason.AUTOMATIC_NO_TICKET


# --- attaching -----------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_a_reply_makes_it_our_turn(status: Status) -> None:
    """New stays new; it is told as reopened only when it was done."""
    decision = decide(case(on=ticket(7, status)))
    assert decision.change.status is (Status.NEW if status is Status.NEW else US)
    done = status in (Status.SOLVED, Status.CLOSED)
    assert bool(decision.events) is done
    assert {n.headline for n in decision.notices} == {"reopened" if done else "reply"}
    assert decision.reason is (Reason.REPLY_REOPENS if done else Reason.REPLY)


def test_only_who_is_concerned_is_told() -> None:
    """The assignee and followers; the team where nobody is assigned."""
    assigned = ticket(assignee=BOB.address)
    assert told(decide(case(on=assigned))) == [BOB.address]
    followed = replace(assigned, people=(follower(ANNA),))
    assert told(decide(case(on=followed))) == [BOB.address, ANNA.address]
    gone = ticket(assignee="left@example.com")
    assert told(decide(case(on=gone))) == AGENTS


def test_who_is_in_copy_takes_part() -> None:
    """Not we, not agents, not role addresses, not the author, nobody twice."""
    mail = message(
        cc=(LEE, LEE, ANNA, KIM, Address("no-reply@shop.example"), Address("support+t7-x@example.com"), Address("x"))
    )
    assert [(j.address, j.confirmed) for j in decide(case(mail)).change.joined] == [(LEE, True)]
    assert [(j.address, j.confirmed) for j in decide(case(mail, on=ticket())).change.joined] == [(LEE, True)]


@pytest.mark.parametrize("evidence", UNSIGNED)
def test_a_mail_that_proves_nothing_gives_nobody_our_answers(evidence: Evidence) -> None:
    """Anybody can write Kim's address into From and their own into Cc."""
    mail = message(cc=(MALLORY, LEE))
    on = ticket(people=(participant(LEE, confirmed=False),))
    assert not any(j.confirmed for j in decide(case(mail, on=on, evidence=evidence)).change.joined)
    assert all(j.confirmed for j in decide(case(mail, on=on, evidence=evidence, authentic="dmarc")).change.joined)


def test_a_stranger_brings_nobody() -> None:
    """Those in copy of an unconfirmed person's mail do not join with them."""
    decision = decide(case(message(MALLORY, cc=(LEE,)), on=ticket()))
    assert [j.address for j in decision.change.joined] == [MALLORY]


@pytest.mark.parametrize(("author", "role"), [(KIM, Role.REQUESTER), (LEE, Role.PARTICIPANT), (MALLORY, Role.STRANGER)])
def test_the_entry_says_who_wrote(author: Address, role: Role) -> None:
    """And keeps text, files, id, evidence and the raw mail."""
    mail = message(author, attachments=(attachment(),), omissions=("Something is not shown.",))
    entry = decide(case(mail, on=CLOSED)).entry
    assert entry is not None
    assert (entry.role, entry.author, entry.message_id) == (role, author, mail.message_id)
    assert (entry.body_text, entry.attachments, entry.sha256) == (mail.body_text, mail.attachments, mail.sha256)
    assert entry.evidence is Evidence.OWN_MESSAGE_ID
    assert "Something is not shown." in entry.remarks


# --- closing by mail ---------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["#close", "#solved\nThank you", "#erledigt", "# Close"])
@pytest.mark.parametrize("status", [s for s in Status if s is not Status.CLOSED])
def test_the_requester_closes_with_a_word(text: str, status: Status) -> None:
    """With a signed mark; the closing mail answers it, and agents hear of it."""
    decision = decide(case(message(body_text=text), on=ticket(7, status)))
    assert decision.reason is Reason.REQUESTER_CLOSES
    assert (decision.change.status, decision.change.closed_by) == (Status.CLOSED, "requester")
    assert notices(decision, Notice.CLOSED) == [KIM.address]
    assert told(decision) == AGENTS
    assert decision.entry is not None


def test_the_close_address_closes() -> None:
    """Whatever the text says."""
    assert decide(case(on=ticket(), close=True)).change.status is Status.CLOSED


def test_closing_twice_changes_nothing() -> None:
    """The text is kept all the same."""
    decision = decide(case(message(body_text="#close"), on=CLOSED))
    assert attached(decision)
    assert (decision.change.move, decision.notices) == (None, ())


@pytest.mark.parametrize(
    "c",
    [
        case(message(LEE, body_text="#close"), on=replace(CLOSED, status=US)),
        case(message(MALLORY, body_text="#close"), on=ticket()),
        case(message(LEE), on=replace(CLOSED, status=US), close=True),
        *(case(message(body_text="#close"), on=ticket(), evidence=e) for e in UNSIGNED),
        case(message(body_text="Please #close"), on=ticket()),
        case(message(body_text="#close the door"), on=ticket()),
        case(message(body_text="Hello\n#close"), on=ticket()),
    ],
)
def test_nobody_else_and_nothing_less_closes(c: Case) -> None:
    """Another person, an unsigned mark, or prose: it is a reply."""
    decision = decide(c)
    assert attached(decision)
    assert decision.change.status is US


def test_a_proven_requester_may_close_without_a_mark() -> None:
    """Signed in, or passed by DMARC, it is the requester."""
    c = case(message(body_text="#close"), on=ticket(), evidence=Evidence.SUBJECT_REFERENCE, authentic="dmarc")
    assert decide(c).change.status is Status.CLOSED


@pytest.mark.parametrize(("text", "asks"), [("Status?", False), ("status", False), ("#status", True)])
def test_a_question_under_a_ticket_is_asked_of_a_human(text: str, asks: bool) -> None:
    """Only the command asks for the list there."""
    decision = decide(case(message(body_text=text), on=ticket()))
    assert attached(decision) is not asks
    assert (decision.reason is Reason.STATUS_ASKED) is asks


# --- reports -----------------------------------------------------------------------------------------


def test_a_report_about_nothing_of_ours_is_kept_in_the_journal() -> None:
    """Whatever it says: no ticket, no notice, nobody silenced."""
    for said in (failed(), Report(ReportType.FEEDBACK)):
        decision = decide(case(message(None, report=said), kind=REPORT))
        assert decision == Decision(Reason.REPORT_NO_TICKET, decision.why, alarm=decision.alarm)
        assert bool(decision.alarm) is (said.type is ReportType.DELIVERY)


def test_a_report_silences_only_the_address_we_wrote_to() -> None:
    """Or anybody could silence anybody."""
    dead = [DeliveryReport(Action.FAILED, a, "5.1.1") for a in ("boss@customer.example", "KIM@customer.example")]
    said = Report(ReportType.DELIVERY, tuple(dead))
    decision = decide(case(message(None, report=said), kind=REPORT, sent=SENT, tickets={7: ticket()}))
    assert decision.undeliverable == ("KIM@customer.example",)
    unknown = case(
        message(None, report=said), kind=REPORT, reported=(Key(Evidence.OWN_MESSAGE_ID, 7),), tickets={7: ticket()}
    )
    assert decide(unknown).undeliverable == ()


@pytest.mark.parametrize("status", ["4.2.2", "", "2.0.0"])
def test_a_passing_failure_silences_nobody(status: str) -> None:
    """Only a 5.x.x is for good (RFC 3463)."""
    c = case(message(None, report=failed(KIM.address, status)), kind=REPORT, sent=SENT, tickets={7: ticket()})
    assert decide(c).undeliverable == ()


@pytest.mark.parametrize("notice", ["agent_notice", "agent_receipt"])
def test_a_bounce_of_an_agents_mail_tells_no_agent(notice: str) -> None:
    """That notice would bounce as well, for ever: the operator hears of it."""
    sent = SentFacts(7, notice, ANNA.address, False)
    mail = message(None, report=failed(ANNA.address, "5.2.2"))
    decision = decide(case(mail, kind=REPORT, sent=sent, tickets={7: ticket()}))
    assert attached(decision)
    assert decision.notices == ()
    assert ANNA.address in decision.alarm
    by_holder = case(
        mail, kind=REPORT, reported=(Key(Evidence.OWN_MESSAGE_ID, 7, holder=ANNA.key),), tickets={7: ticket()}
    )
    assert decide(by_holder).notices == ()


def test_a_copy_that_bounced_is_no_reason_to_begin_anew() -> None:
    """The requester has the answer: agents are told, the status stays."""
    sent = replace(SENT, recipient=LEE.address)
    c = case(message(None, report=failed(LEE.address)), kind=REPORT, sent=sent, tickets={7: CLOSED})
    decision = decide(c)
    assert (decision.reason, decision.change.status) == (Reason.BOUNCE, None)
    assert told(decision) == AGENTS


def test_a_report_follows_a_merged_ticket() -> None:
    """To where its people are now."""
    tickets = {7: ticket(7, Status.CLOSED, merged_into=9), 9: ticket(9)}
    c = case(message(None, report=failed()), kind=REPORT, sent=SENT, tickets=tickets)
    assert decide(c).ticket == 9


# --- machines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "c",
    [
        case(with_headers(message(), auto_submitted="auto-replied"), kind=AUTOMATIC),
        case(message(), kind=AUTOMATIC),
        case(with_headers(message(in_reply_to=("x",)), auto_submitted="auto-generated"), kind=AUTOMATIC),
        case(with_headers(message(references=("x",)), auto_submitted="auto-generated"), kind=AUTOMATIC),
        case(with_headers(message(), auto_submitted="auto-generated"), kind=AUTOMATIC, path=envelope("")),
        case(message(MALLORY), kind=AUTOMATIC, on=ticket(), evidence=Evidence.SUBJECT_REFERENCE),
    ],
)
def test_a_machine_that_answers_opens_nothing(c: Case) -> None:
    """Only one that wrote on its own, with a return path, to nobody's mail, opens a request."""
    decision = decide(c)
    assert (decision.reason, decision.ticket, decision.new) == (Reason.AUTOMATIC_NO_TICKET, 0, None)
    assert decision.notices == ()


def test_whoever_writes_after_a_bounce_is_acknowledged() -> None:
    """A mailbox that writes lives, unless a trusted host calls the mail forged."""
    assert Notice.REQUEST_RECEIVED in [n.notice for n in decide(case(undeliverable=True)).notices]


def test_an_agents_machine_answers_no_customer() -> None:
    """An agent's out-of-office to our notice stays on the ticket, folded away."""
    decision = decide(case(message(ANNA), kind=AUTOMATIC, on=ticket(), holder=ANNA.key))
    assert decision.reason is Reason.AUTOMATIC_ON_TICKET
    assert decision.notices == ()


# --- who is not acknowledged ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "c",
    [
        case(kind=replace(HUMAN, no_acknowledgement="precedence")),
        case(message(None)),
        case(message(Address("nobody-at-all"))),
        case(message(Address("no-reply@shop.example"))),
        case(message(Address("Postmaster@customer.example"))),
        case(message(Address("support+t9-x@example.com"))),
        case(undeliverable=True, disproven=True),
    ],
)
def test_a_request_without_acknowledgement_is_still_a_request(c: Case) -> None:
    """It is announced to agents; its author gets nothing, not even a registration."""
    decision = decide(c)
    assert opened(decision)
    assert notices(decision) == AGENTS
    assert decision.why.acknowledge.startswith("no: ")


@pytest.mark.parametrize("fact", ["invited", "registered"])
def test_the_registration_goes_out_once(fact: str) -> None:
    """Somebody who has been asked is not asked again."""
    decision = decide(case(**{fact: True}))
    assert notices(decision) == [KIM.address, *AGENTS]


def test_a_known_form_is_the_person_it_names() -> None:
    """Forms that say what they are work at once; of other Reply-To addresses agents are told."""
    form = Address("wordpress@site.example", "Site")
    mail = with_headers(message(form, reply_to=(KIM,)), x_wpcf7_content_type="text/plain")
    assert decide(case(mail)).new is not None
    assert case(mail).author == KIM
    other = message(MALLORY, reply_to=(Address("no-reply@shop.example"), LEE))
    assert case(other).author == MALLORY
    told = [text_of(r, "en") for n in decide(case(other)).notices for r in n.remarks]
    assert "It asks for answers at lee@customer.example (Reply-To)" in told[0]
    desk = message(Address("help@vendor.example", "Vendor"), reply_to=(Address("help+id7@vendor.example"),))
    assert case(desk).author == Address("help+id7@vendor.example", "Vendor")


def test_the_operator_hears_of_a_form_that_is_not_known() -> None:
    """At the second mail of an address whose mails ask for answers elsewhere, at another domain."""
    mail = message(Address("web@site.example", "Site"), reply_to=(KIM,))
    again = case(mail, new_tickets=(NOW,))
    assert "trusted_form_senders" in decide(again).alarm
    assert decide(case(mail)).alarm == ""
    same = message(Address("kim@customer.example"), reply_to=(Address("kim.c@customer.example"),))
    assert decide(case(same, new_tickets=(NOW,))).alarm == ""


def test_everybody_a_mail_leaves_out_is_named() -> None:
    """Of very many people in copy the first take part; the agents read who does not. A second author takes part."""
    many = tuple(Address(f"p{n}@customer.example") for n in range(60))
    decision = decide(case(message(KIM, from_=(KIM, LEE), cc=many)))
    assert LEE in [j.address for j in decision.change.joined]
    assert any("p59@customer.example" in text_of(r, "en") for n in decision.notices for r in n.remarks)


def test_a_form_is_the_person_it_names() -> None:
    """Reply-To of a trusted form is the requester; of anybody else it is nothing."""
    form = Address("form@example.com")
    mail = message(form, reply_to=(KIM,))
    site = replace(POLICY, trusted_form_senders=("Form@Example.com",))
    for policy, requester in ((site, KIM), (POLICY, form)):
        new = decide(case(mail, policy=policy)).new
        assert new is not None
        assert new.requester == requester


def test_the_mailbox_is_the_one_written_to() -> None:
    """By envelope, else by header, else the first."""
    for mail, path, box in (
        (message(to=(Address("Hilfe@example.de"),)), envelope(), "support@example.com"),
        (message(to=(Address("Hilfe@example.de"),)), envelope(KIM.address, "all@example.de"), "hilfe@example.de"),
        (message(to=(KIM,)), envelope(KIM.address, "hilfe@example.de"), "hilfe@example.de"),
        (message(to=()), envelope(KIM.address, "postmaster@example.de"), "support@example.com"),
    ):
        new = decide(case(mail, path=path)).new
        assert new is not None
        assert new.mailbox == box


# --- budgets -------------------------------------------------------------------------------------------

SITE = replace(
    POLICY,
    acknowledgement_budgets=(Budget(2, 10), Budget(3, 60)),
    new_ticket_budgets=(Budget(2, 10),),
    reopen_budgets=(Budget(2, 10),),
)


def ago(*minutes: float) -> tuple[object, ...]:
    return tuple(NOW - timedelta(minutes=m) for m in minutes)


@pytest.mark.parametrize(
    ("moments", "spent"),
    [
        ((), False),
        ((1,), False),
        ((1, 9.99), True),
        ((1, 10), False),
        ((1, 11), False),
        ((1, 11, 59.9), True),
        ((1, 11, 60), False),
        ((11, 12, 13), True),
    ],
)
def test_the_budget_of_automatic_mail(moments: tuple[float, ...], spent: bool) -> None:
    """At the count it is spent; a mail as old as the window counts no more."""
    decision = decide(case(policy=SITE, automatic_mail=ago(*moments)))
    assert acknowledged(decision) is not spent
    assert opened(decision)
    assert told(decision) == AGENTS


@pytest.mark.parametrize(("moments", "spent"), [((), False), ((1,), False), ((1, 2), True), ((1, 10), False)])
def test_the_budget_of_new_tickets(moments: tuple[float, ...], spent: bool) -> None:
    """Beyond it a mail is kept, but neither acknowledged nor announced; the operator hears of it."""
    decision = decide(case(policy=SITE, new_tickets=ago(*moments)))
    assert opened(decision)
    assert decision.entry is not None
    assert bool(decision.notices) is not spent
    assert bool(decision.alarm) is spent


@pytest.mark.parametrize(("moments", "spent"), [((), False), ((1,), False), ((1, 2), True), ((1, 10), False)])
@pytest.mark.parametrize("status", [Status.CLOSED, Status.SOLVED])
def test_the_budget_of_reopens(moments: tuple[float, ...], spent: bool, status: Status) -> None:
    """Beyond it a mail is kept on the ticket, which stays as it is."""
    decision = decide(case(policy=SITE, on=ticket(7, status), reopens=ago(*moments)))
    assert attached(decision)
    assert decision.change.status is (status if spent else US)
    assert bool(decision.notices) is not spent
    assert bool(decision.alarm) is spent


def test_an_open_ticket_has_no_budget_of_reopens() -> None:
    """A lively conversation is no loop."""
    decision = decide(case(policy=SITE, on=ticket(), reopens=ago(1, 2, 3)))
    assert told(decision) == AGENTS
    assert not decision.alarm


@pytest.mark.parametrize(("days", "follows"), [(0, False), (29.9, False), (30, False), (30.1, True), (999, True)])
def test_the_window_in_which_a_ticket_is_reopened(days: float, follows: bool) -> None:
    """On its last day it still opens; 0 means always."""
    on = ticket(7, Status.CLOSED, closed_at=NOW - timedelta(days=days))
    assert opened(decide(case(on=on, policy=replace(POLICY, reopen_window_days=30)))) is follows
    assert not opened(decide(case(on=on)))
