"""What happens to a mail: every row of the table, and what holds for all of them."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import advisers, thread, token
from gateway.core.case import Case
from gateway.core.decide import TABLE, decide, document
from gateway.core.decision import Decision, Doubt, Robot
from gateway.core.lifecycle import Move, Status
from gateway.core.notice import Audience, Notice
from gateway.core.rating import CustomerRating
from gateway.core.reason import SENTENCES, Reason
from gateway.core.rules import SiteRule
from gateway.core.sentences import text_of
from gateway.core.thread import Key, SentFacts
from gateway.core.ticket import EntryKind, Evidence, Participant, Role, Ticket
from gateway.core.token import Named
from gateway.core.window import Budget
from gateway.mail.message import Action, Address, DeliveryReport, Envelope, KindName, Report, ReportType
from gateway.mail.new_text import markers
from tests.conftest import NOW
from tests.core.build import (
    AGENTS,
    ANNA,
    AUTOMATIC,
    BOB,
    EXAMPLES,
    HUMAN,
    KIM,
    LEE,
    LOOP,
    MACHINE,
    MALLORY,
    OWN_ADDRESS,
    POLICY,
    REPORT,
    SUPPORT,
    UNREADABLE,
    acknowledged,
    attached,
    attachment,
    case,
    entry,
    envelope,
    failed,
    follower,
    message,
    notices,
    opened,
    own_id,
    participant,
    ticket,
    told,
    with_headers,
)

SENT = SentFacts(7, "reply", KIM.address, True)
GRADES = [e for e in Evidence if e not in (Evidence.CLAIM, Evidence.NONE)]


def row_of(c: Case) -> str:
    return next(row.name for row in TABLE if row.applies(c))


# --- each row by its name ----------------------------------------------------------------------


def test_every_row_has_a_test_of_its_name() -> None:
    """No row of the table is without one, and no test names a row that is gone."""
    names = {"test_row_" + re.sub(r"\W+", "_", row.name) for row in TABLE}
    here = {name for name in vars(sys.modules[__name__]) if name.startswith("test_row_")}
    assert here == names


def test_row_sent_from_the_mailbox_itself() -> None:
    """An answer found in the Sent folder: on the ticket, the customer's turn, and no customer gets it from us."""
    found = envelope("", source="imap-sent:support@example.com")
    c = case(message(SUPPORT, to=(KIM,)), kind=OWN_ADDRESS, on=ticket(), path=found)
    assert row_of(c) == "sent from the mailbox itself"
    decision = decide(c)
    assert (decision.reason, decision.ticket, told(decision)) == (Reason.SENT_AROUND, 7, AGENTS)
    assert all(n.brief for n in decision.notices)
    assert decision.change.status is Status.WAITING_ON_CONTACT
    assert row_of(replace(c, envelope=envelope())) == "own mail coming back"


def test_row_probe() -> None:
    """Before everything else: it is our own mail, meant to come back; see test_canary."""
    mark = token.address_token(POLICY.keys, "p", Named(5))
    c = case(message(SUPPORT, subject=f"Replydesk probe {mark}"), kind=OWN_ADDRESS, duplicate_of=3)
    assert row_of(c) == "probe"
    decision = decide(c)
    assert (decision.reason, decision.ticket, decision.notices, decision.alarm) == (Reason.PROBE, 0, (), "")
    assert decision.probe is not None
    assert decision.probe.probe == Named(5)


def test_row_duplicate() -> None:
    """Handled before: nothing happens again, whatever else it is."""
    c = case(on=ticket(), duplicate_of=3, duplicate_ticket=7, kind=AUTOMATIC)
    assert row_of(c) == "duplicate"
    decision = decide(c)
    assert decision == Decision(Reason.DUPLICATE, decision.why, ticket=7)
    assert "journal entry 3" in decision.why.attach


def test_row_unreadable() -> None:
    """Held with its cause, and nothing else."""
    c = case(message(unreadable="nested too deep"), kind=UNREADABLE, on=ticket())
    assert row_of(c) == "unreadable"
    decision = decide(c)
    assert decision == Decision(Reason.UNREADABLE, decision.why, hold="nested too deep")


def test_row_ours_from_an_archive() -> None:
    """An answer of ours that was sent before this desk began is recorded; see test_archive."""
    c = case(message(ANNA, to=(KIM,)), on=ticket(), path=Envelope("import", "", ()))
    assert row_of(c) == "ours, from an archive"
    assert decide(c).reason is Reason.RECORDED


def test_row_own_mail_coming_back() -> None:
    """Journal only; the operator hears of it, and nobody is answered, even if it names a ticket."""
    c = case(message(SUPPORT), kind=LOOP, on=ticket())
    assert row_of(c) == "own mail coming back"
    decision = decide(c)
    assert (decision.ticket, decision.new, decision.entry, decision.notices) == (0, None, None, ())
    assert "came back" in decision.alarm


def test_row_delivery_failed() -> None:
    """Onto the ticket of the mail it reports, and it is our turn when that was our newest answer."""
    c = case(message(None, report=failed()), kind=REPORT, sent=SENT, tickets={7: ticket(7, Status.CLOSED)})
    assert row_of(c) == "delivery failed"
    decision = decide(c)
    assert decision.reason is Reason.BOUNCE_OF_ANSWER
    assert (decision.ticket, decision.change.move, decision.change.status) == (
        7,
        Move.REPLY_UNDELIVERABLE,
        Status.WAITING_ON_US,
    )
    assert decision.entry is not None
    assert decision.entry.kind is EntryKind.REPORT
    assert told(decision) == AGENTS
    assert decision.undeliverable == (KIM.address,)


def test_row_other_report() -> None:
    """Delays and receipts are kept, folded away."""
    report = Report(ReportType.DELIVERY, (DeliveryReport(Action.DELAYED, KIM.address, "4.4.1"),))
    c = case(message(None, report=report), kind=REPORT, sent=SENT, tickets={7: ticket(7, Status.CLOSED)})
    assert row_of(c) == "other report"
    decision = decide(c)
    assert decision.ticket == 7
    assert decision.entry is not None
    assert decision.entry.collapsed
    assert (decision.change.move, decision.notices, decision.undeliverable) == (None, (), ())


def test_row_automatic_generated_no_ticket() -> None:
    """A form, a monitor or a fax: a request, announced and not acknowledged; an agent's order is an order."""
    c = case(with_headers(message(), auto_submitted="auto-generated; x=y"), kind=MACHINE)
    assert row_of(c) == "automatic, generated, no ticket"
    decision = decide(c)
    assert opened(decision)
    assert notices(decision) == AGENTS
    assert row_of(case(message(ANNA), kind=MACHINE)) == "automatic, generated, no ticket"
    ordered = case(message(ANNA, body_text=f"#for {KIM.address}\nBurns."), kind=MACHINE, authentic="dmarc")
    assert row_of(ordered) == "agent on a customer's behalf"


def test_a_person_behind_a_machine_s_header_is_heard_on_a_ticket() -> None:
    """A vendor's help desk, a fax, a rule: their words are announced, until so many come that it is a storm."""
    for kind in (MACHINE, replace(MACHINE, no_acknowledgement="null-reverse-path")):
        c = case(on=ticket(7, Status.WAITING_ON_CONTACT), kind=kind)
        assert row_of(c) == "reply"
        assert (decide(c).change.status, told(decide(c))) == (Status.WAITING_ON_US, AGENTS)
    storm = decide(replace(c, policy=TIGHT, facts=replace(c.facts, machines_entries=LATELY)))
    assert (attached(storm), told(storm)) == (True, [])
    assert "machine wrote 2 times" in storm.alarm


def test_row_echo() -> None:
    """A note of absence without a header, and our own words again: folded; the first absence that answers a person
    of ours is told."""
    note = message(subject="Abwesenheitsnotiz: Re: Printer is on fire", body_text="Ich bin bis Montag nicht da.")
    c = case(note, on=ticket(7, Status.CLOSED))
    assert row_of(c) == "echo"
    decision = decide(c)
    assert decision.entry is not None
    assert (decision.reason, decision.entry.collapsed, decision.change.status) == (Reason.ECHO, True, None)
    assert told(decision) == AGENTS
    for known in ({"sent_automatic": True}, {"history": (entry(reason=Reason.ECHO.value),)}):
        assert told(decide(replace(c, facts=replace(c.facts, **known)))) == []  # type: ignore[arg-type]  # any fact
    marker = markers()[0]
    sent = f"{marker}\n\nThe hall is booked for you until noon.\n\nAnna Agent\n"
    back = message(body_text=f"{sent}-- \nBoard mailing list\n")
    assert row_of(case(back, on=ticket(), sent_text=sent)) == "echo"
    added = message(body_text=f"{sent}\nBut I need it until one.\n-- \nBoard mailing list\n")
    assert row_of(case(added, on=ticket(), sent_text=sent)) == "reply"
    assert row_of(case(back, on=ticket())) == "reply"


def test_what_calls_itself_automatic_is_heard_once() -> None:
    """A field that some programs of people write as well proves no echo; the same words a second time do."""
    claims = replace(MACHINE, no_acknowledgement="precedence-auto-reply")
    c = case(message(body_text="Please confirm: 4711."), on=ticket(7, Status.CLOSED), kind=claims)
    assert row_of(c) == "reply"
    assert told(decide(c)) == AGENTS
    said = (entry(author=KIM, reply_text="Please confirm:\n4711."),)
    assert row_of(replace(c, facts=replace(c.facts, history=said))) == "echo"


def test_a_label_in_front_of_the_ticket_s_subject_is_an_absence() -> None:
    """Whatever the language; a person who puts a word there is heard."""
    for subject, row in (("Absence : Re: Printer is on fire", "echo"), ("Urgent: Printer is on fire", "reply")):
        assert row_of(case(message(subject=subject), on=ticket(7, Status.CLOSED))) == row


@pytest.mark.parametrize(
    ("subject", "of_ticket", "text"),
    [
        ("Re: Abwesenheitsnotiz: Printer", "Printer is on fire", "Who is there instead?"),
        ("Out of office", "Out of office", "Does not work."),
        ("Fwd: Out of office: Printer", "Printer is on fire", "He is away."),
        ("Automatic reply: Printer", "Printer is on fire", "#close"),
    ],
)
def test_a_person_s_words_are_no_absence(subject: str, of_ticket: str, text: str) -> None:
    """Who answers such a note, or on a ticket about one, or orders something, wrote it by hand."""
    c = case(message(subject=subject, body_text=text), on=ticket(subject=of_ticket))
    assert row_of(c) == "reply"


@pytest.mark.parametrize("subject", ["Undelivered Mail Returned to Sender", "Undeliverable", "Out of office"])
def test_an_agent_s_mark_outranks_the_subject(subject: str) -> None:
    """The subject is the customer's, and our notice repeats it: the answer goes out."""
    hint = replace(HUMAN, no_acknowledgement="subject-hint")
    c = case(
        message(ANNA, subject=f"Re: New request: {subject}"), on=ticket(subject=subject), holder=ANNA.key, kind=hint
    )
    assert row_of(c) == "agent on a ticket"
    assert notices(decide(c), Notice.REPLY) == [KIM.address]
    away = case(message(ANNA, subject="Out of office: Printer"), on=ticket(), holder=ANNA.key, kind=hint)
    assert row_of(away) == "agent's answer marked automatic"
    assert (notices(decide(away)), decide(away).keep is not None) == ([ANNA.address], True)
    again = replace(away, facts=replace(away.facts, answers=Notice.AGENT_RECEIPT.value))
    assert (notices(decide(again)), decide(again).keep is not None) == ([], True)
    bare = case(message(ANNA, subject="Out of office: Printer", body_text=""), on=ticket(), holder=ANNA.key, kind=hint)
    assert (row_of(bare), notices(decide(bare))) == ("automatic", [])


def test_row_one_of_many_alike() -> None:
    """Onto the ticket of the first; agents and the operator hear of it once."""
    robot = Robot("vendor.test", 9, 11, new=True)
    c = case(robot=robot, tickets={9: ticket(9)})
    assert row_of(c) == "one of many alike"
    decision = decide(c)
    assert (decision.ticket, told(decision)) == (9, AGENTS)
    assert "vendor.test" in decision.alarm
    again = decide(replace(c, facts=replace(c.facts, robot=replace(robot, new=False))))
    assert (again.ticket, again.notices, again.alarm) == (9, (), "")
    assert row_of(case(on=ticket(), robot=robot)) == "reply"


def test_a_person_who_writes_of_a_bounce_is_heard() -> None:
    """Only the subject and the words read like a report, and it reports nothing of ours, or is of the ticket's own."""
    said = replace(failed(), by_system=False)
    c = case(message(report=said), kind=REPORT)
    assert row_of(c) == "new request"
    assert notices(decide(c)) == AGENTS
    assert row_of(case(message(report=said), kind=REPORT, on=ticket(), sent=SENT)) == "reply"
    other = case(message(MALLORY, report=said), kind=REPORT, sent=SENT, tickets={7: ticket()})
    assert row_of(other) == "delivery failed"
    assert row_of(replace(other, envelope=envelope(""))) == "delivery failed"
    # A form or a telephone system sends with a null reverse path as well.
    assert row_of(replace(c, envelope=envelope(""))) == "new request"


@pytest.mark.parametrize(("status", "dead"), [("5.1.1", True), ("5.1.10", True), ("5.7.1", False), ("5.2.2", False)])
def test_only_a_wrong_address_is_dead(status: str, dead: bool) -> None:
    """A full mailbox and a policy pass; and a report that does not name our mail silences nobody."""
    c = case(message(None, report=failed(KIM.address, status)), kind=REPORT, sent=SENT, tickets={7: ticket()})
    assert bool(decide(c).undeliverable) is dead
    guessed = replace(c, known=replace(c.known, sent=replace(SENT, guessed=True)))
    assert (decide(guessed).ticket, decide(guessed).undeliverable) == (7, ())


def test_our_own_address_is_heard_as_whom_the_header_names() -> None:
    """A list in front of us rewrites From; a colleague at another mailbox writes under it and means it."""
    listed = replace(message(SUPPORT), headers={"x-original-from": (f"Nora <{MALLORY.address}>",)})
    decision = decide(case(listed))
    assert decision.new is not None
    assert decision.new.requester.address == MALLORY.address
    assert "names mallory@" in text_of(decision.notices[-1].remarks[0], "en")
    assert decide(case(message(SUPPORT, reply_to=(SUPPORT, KIM)))).new.requester == KIM  # type: ignore[union-attr]  # opened
    alone = decide(case(message(SUPPORT, reply_to=(ANNA,))))
    assert alone.new is not None
    assert (alone.new.requester, notices(alone)) == (SUPPORT, AGENTS)
    assert "reaches nobody" in text_of(alone.notices[0].remarks[1], "en")


def test_who_is_not_acknowledged_for_a_budget_is_told_of_once() -> None:
    """By address, by address without its detail, by domain, or in all; the ticket is announced as ever."""
    for facts in ({"automatic_mail": LATELY}, {"spent": ("customer.example", Budget(3, 60))}):
        decision = decide(case(policy=TIGHT, **facts))
        assert (notices(decision), opened(decision)) == (AGENTS, True)
        assert "not acknowledged" in decision.alarm
    assert decision.alarm_about == "customer.example"


def test_row_automatic() -> None:
    """An out-of-office note is kept on its ticket, folded away, and changes nothing."""
    c = case(on=ticket(7, Status.CLOSED), kind=AUTOMATIC)
    assert row_of(c) == "automatic"
    decision = decide(c)
    assert decision.ticket == 7
    assert decision.entry is not None
    assert (decision.entry.kind, decision.entry.collapsed) == (EntryKind.AUTOMATIC, True)
    assert (decision.change.move, decision.change.status, decision.notices) == (None, None, ())


def test_row_agent_on_a_ticket() -> None:
    """An agent's answer goes to the customer."""
    c = case(message(ANNA), on=ticket(), holder=ANNA.key)
    assert row_of(c) == "agent on a ticket"
    assert notices(decide(c), Notice.REPLY) == [KIM.address]


def test_row_agent_s_mark_of_no_ticket() -> None:
    """It answers a notice about what is not here: a receipt with the text, and nothing else, whatever proves it."""
    gone = Key(Evidence.OWN_MESSAGE_ID, 7, own_id(7, "a", ANNA.key), ANNA.key)
    quoted = Key(Evidence.SUBJECT_REFERENCE, 7, code="AAAAAA")
    for lost in (gone, quoted):
        for text in ("Your salary is 4711.", "#close", "#reopen 7", "#to kim@customer.example\nHello"):
            c = case(message(ANNA, body_text=text), tickets={7: ticket()}, authentic="dmarc")
            c = replace(c, keys=replace(c.keys, found=(lost,)), choice=replace(c.choice, lost=(lost,)))
            if lost is quoted and text.startswith("#to"):
                assert row_of(c) == "agent on a customer's behalf"
                continue
            assert row_of(c) == "agent's mark of no ticket"
            decision = decide(c)
            assert not opened(decision)
            assert (decision.ticket, notices(decision)) == (0, [ANNA.address])
            said = " ".join(text_of(r, "en") for r in decision.notices[0].remarks)
            assert "answers RD-7" in said
            assert "salary" in said or text.startswith("#")


def test_row_agent_on_a_customer_s_behalf() -> None:
    """A proven agent opens a ticket for somebody else."""
    c = case(message(ANNA, body_text=f"#for {KIM.address}\nHis printer burns."), authentic="dmarc")
    assert row_of(c) == "agent on a customer's behalf"
    decision = decide(c)
    assert decision.new is not None
    assert decision.new.requester.address == KIM.address
    assert notices(decision, Notice.REQUEST_RECEIVED) == [KIM.address]


def test_row_agent_around_the_desk() -> None:
    """An agent wrote to a customer with the mailbox in copy: recorded, and sent to nobody again."""
    c = case(message(ANNA, to=(KIM,), cc=(SUPPORT,)), authentic="smtp-auth")
    assert row_of(c) == "agent around the desk"
    decision = decide(c)
    assert decision.new is not None
    assert decision.new.requester == KIM
    assert notices(decision) == [ANNA.address]


def test_row_agent_s_order_without_a_ticket() -> None:
    """A command needs a ticket: nothing is done, and the agent hears why."""
    c = case(message(ANNA, body_text="#close"), authentic="smtp-auth")
    assert row_of(c) == "agent's order without a ticket"
    decision = decide(c)
    assert not opened(decision)
    assert notices(decision) == [ANNA.address]


def test_row_recall() -> None:
    """In any language: the subject of an own open ticket behind a word, and one sentence that names it."""
    own = (ticket(7, subject="Printer is on fire"),)
    said = "Kim would like to recall the message, “Printer is on fire”."
    c = case(message(subject="Recall: Printer is on fire", body_text=said), own_tickets=own)
    assert row_of(c) == "recall"
    decision = decide(c)
    assert (decision.ticket, decision.new, told(decision)) == (7, None, AGENTS)
    french = message(subject="Rappel : Printer is on fire", body_text="Kim voudrait rappeler « Printer is on fire ».")
    assert row_of(case(french, own_tickets=own)) == "recall"
    for subject, text in (
        ("Recall: Printer is on fire", "Please do not send anybody."),
        ("Re: Printer is on fire", said),
        ("Recall: Lamp", "Kim would like to recall “Lamp”."),
    ):
        assert row_of(case(message(subject=subject, body_text=text), own_tickets=own)) == "new request"


def test_row_agent_s_answer_marked_automatic() -> None:
    """A person's words whose program calls them a machine's wait for that person; nobody else hears of them."""
    c = case(message(ANNA), kind=MACHINE, on=ticket(), holder=ANNA.key)
    assert row_of(c) == "agent's answer marked automatic"
    decision = decide(c)
    assert decision.keep is not None
    assert decision.keep.doubt is Doubt.MARKED_AUTOMATIC
    assert notices(decision) == [ANNA.address]


@pytest.mark.parametrize(
    ("subject", "text", "doubt"),
    [
        ("Lamp", f"#to {KIM.address}\nIt is ready.", Doubt.NO_PROOF),
        ("Lamp", "#frobnicate\nIt is ready.", Doubt.UNCLEAR),
        ("Fwd: Lamp", "See below.", Doubt.FORWARD),
        ("Lamp", "Hm.\n\nVon: Kim <kim@customer.example>\nGesendet: heute\nBetreff: Lampe\n\nWo?", Doubt.FORWARD),
    ],
    ids=["order", "no-order", "subject", "block"],
)
def test_row_agent_s_mail_that_leads_nowhere(subject: str, text: str, doubt: Doubt) -> None:
    """It is kept for the agent, who alone is told: no acknowledgement, no invitation, no new request."""
    c = case(message(ANNA, subject=subject, body_text=text))
    assert row_of(c) == "agent's mail that leads nowhere"
    decision = decide(c)
    assert not opened(decision)
    assert decision.keep is not None
    assert decision.keep.doubt is doubt
    assert notices(decision) == [ANNA.address]
    assert row_of(replace(c, envelope=replace(c.envelope, source="import"))) != row_of(c)


def test_an_agent_s_own_request_is_a_customer_s() -> None:
    """Neither order nor forward nor a mark of ours: an agent may need help as anybody does."""
    assert row_of(case(message(ANNA))) == "new request"


def test_row_agent_s_mark_unknown_account() -> None:
    """Whoever shows an agent's mark without being that agent gets nothing; the agent is told at the known address."""
    c = case(message(MALLORY, body_text="We have one."))
    leaked = thread.Key(Evidence.OWN_MESSAGE_ID, 7, "rd.7@x", ANNA.key)
    known = thread.Known({7: ticket(7)})
    c = replace(c, keys=thread.ThreadKeys(claims=(7,), leaked=(leaked,)), known=known)
    assert row_of(c) == "agent's mark, unknown account"
    decision = decide(c)
    assert (decision.ticket, decision.entry and decision.entry.kind) == (7, EntryKind.COMMENT)
    assert notices(decision) == [ANNA.address, BOB.address]
    assert row_of(replace(c, known=thread.Known({7: ticket(7, requester=MALLORY)}))) == "new request"


def test_row_adviser() -> None:
    """Whom an agent asked, and whoever answers such a mail: a comment for agents, and nothing else changes."""
    asked = ticket(people=(Participant(MALLORY, confirmed=False, adviser=True),))
    by_name = case(message(MALLORY), on=asked, evidence=Evidence.SUBJECT_REFERENCE)
    answers = case(message(MALLORY), on=ticket(), evidence=Evidence.KNOWN_MESSAGE_ID)
    answers = replace(answers, choice=thread.Choice(thread.Match(ticket(), Evidence.KNOWN_MESSAGE_ID, inner=True)))
    to_agents_mark = case(message(MALLORY), tickets={7: asked})
    leaked = (thread.Key(Evidence.REPLY_ADDRESS, 7, holder=ANNA.key),)
    to_agents_mark = replace(to_agents_mark, keys=thread.ThreadKeys(leaked=leaked))
    for c in (by_name, answers, to_agents_mark):
        assert row_of(c) == "adviser"
        decision = decide(c)
        assert decision.entry is not None
        assert (decision.ticket, decision.entry.kind, decision.entry.role) == (7, EntryKind.COMMENT, Role.ADVISER)
        assert notices(decision) == AGENTS
        assert decision.change.status is None
    assert decide(by_name).change.joined == ()
    assert decide(answers).change.joined == (advisers.made(MALLORY),)


@pytest.mark.parametrize(
    ("inner", "advises", "row"), [(True, False, "reply"), (False, True, "reply"), (True, True, "adviser")]
)
def test_a_customer_stays_one(inner: bool, advises: bool, row: str) -> None:
    """After a merge somebody may be a customer and an adviser: what answers a question to them is the adviser's."""
    people = (Participant(KIM, confirmed=False, adviser=True),) if advises else ()
    match = thread.Match(ticket(people=people), Evidence.OWN_MESSAGE_ID, inner=inner)
    assert row_of(replace(case(on=match.ticket), choice=thread.Choice(match))) == row


def test_row_asks_for_own_tickets() -> None:
    """The list goes to the author, whoever that is; no ticket is made."""
    c = case(message(subject="#status", body_text=""))
    assert row_of(c) == "asks for own tickets"
    decision = decide(c)
    assert not opened(decision)
    assert notices(decision) == [KIM.address]


def test_row_reply_closed_too_long() -> None:
    """Beyond the window a reply begins a ticket that follows the old one."""
    site = replace(POLICY, reopen_window_days=30)
    old = ticket(7, Status.CLOSED, closed_at=NOW - timedelta(days=31))
    c = case(on=old, policy=site)
    assert row_of(c) == "reply, closed too long"
    decision = decide(c)
    assert opened(decision)
    assert decision.change.links == (("follows", 7),)
    assert acknowledged(decision)


def test_row_reply() -> None:
    """The requester answers: onto the ticket, and it is our turn."""
    c = case(on=ticket(7, Status.WAITING_ON_CONTACT))
    assert row_of(c) == "reply"
    decision = decide(c)
    assert attached(decision)
    assert decision.change.status is Status.WAITING_ON_US
    assert told(decision) == AGENTS


def test_row_stranger_with_a_signed_mark() -> None:
    """Whoever holds a mail of ours joins, unconfirmed, and agents are warned."""
    c = case(message(MALLORY), on=ticket())
    assert row_of(c) == "stranger with a signed mark"
    decision = decide(c)
    assert attached(decision)
    assert [(j.address, j.confirmed) for j in decision.change.joined] == [(MALLORY, False)]
    assert all("#cc mallory@elsewhere.example" in text_of(n.remarks[0], "en") for n in decision.notices)


def test_whoever_passes_our_mail_on_asks_something_of_their_own() -> None:
    """Each mail program puts our id into a mail that passes ours on: it is no answer, and nobody else reads it."""
    for mail in (
        message(MALLORY, subject="FW: Printer"),
        message(
            MALLORY, body_text="How much?\n\n---------- Forwarded message ---------\nFrom: Kim <kim@customer.example>"
        ),
    ):
        c = case(mail, on=ticket(), evidence=Evidence.OWN_MESSAGE_ID)
        assert row_of(c) == "stranger without"
        decision = decide(c)
        assert opened(decision)
        assert decision.reason is Reason.STRANGER_PASSES_ON
        assert decision.change.links == (("claims", 7),)


def test_row_stranger_without() -> None:
    """Knowing a number, a subject or somebody's Message-ID lets nobody in."""
    c = case(message(MALLORY), on=ticket(), evidence=Evidence.SUBJECT_REFERENCE)
    assert row_of(c) == "stranger without"
    decision = decide(c)
    assert opened(decision)
    assert decision.change.links == (("claims", 7),)
    assert all("Claims to belong to #7" in text_of(n.remarks[0], "en") for n in decision.notices if n.remarks)


def test_row_new_request() -> None:
    """A first mail: a ticket, an acknowledgement, a registration, a notice to each agent."""
    c = case()
    assert row_of(c) == "new request"
    decision = decide(c)
    assert decision.new is not None
    assert (decision.new.requester, decision.new.subject) == (KIM, "Printer is on fire")
    assert [(n.notice.value, n.recipient) for n in decision.notices] == [
        ("request_received", KIM),
        ("registration", KIM),
        ("agent_notice", ANNA),
        ("agent_notice", BOB),
    ]


# --- properties -----------------------------------------------------------------------------------------

LATELY = tuple(NOW - timedelta(minutes=m) for m in (1, 2, 3))
TIGHT = replace(
    POLICY,
    acknowledgement_budgets=(Budget(2, 10),),
    new_ticket_budgets=(Budget(2, 10),),
    reopen_budgets=(Budget(2, 10),),
)
PEOPLE = st.sampled_from([KIM, LEE, MALLORY, ANNA, BOB, SUPPORT, Address(""), Address("no-reply@x.example"), None])
TEXTS = st.sampled_from(
    [
        "Hello",
        "",
        "#close",
        "#note x",
        "#merge 9",
        "#undo",
        "#status",
        "#from kim@customer.example",
        "#split",
        "#help",
        "#x y",
    ]
)
TICKETS = st.none() | st.builds(
    ticket,
    st.just(7),
    st.sampled_from(Status),
    people=st.just((participant(LEE), participant(MALLORY, confirmed=False), follower(BOB))),
    requester=st.sampled_from([KIM, ANNA, Address("")]),
    assignee=st.sampled_from(["", ANNA.address, "gone@example.com"]),
)
CASES = st.builds(
    case,
    st.builds(
        message,
        PEOPLE,
        body_text=TEXTS,
        subject=TEXTS,
        to=st.lists(PEOPLE.filter(bool), max_size=2).map(tuple),
        cc=st.lists(PEOPLE.filter(bool), max_size=2).map(tuple),
        attachments=st.sampled_from([(), (attachment(),)]),
        report=st.sampled_from([failed(), Report(ReportType.FEEDBACK)]),
    ),
    on=TICKETS,
    evidence=st.sampled_from(GRADES),
    holder=st.sampled_from(["", ANNA.key]),
    kind=st.sampled_from([HUMAN, HUMAN, HUMAN, AUTOMATIC, REPORT, LOOP, UNREADABLE]),
    close=st.booleans(),
    claims=st.sampled_from([(), (9,)]),
    sent=st.sampled_from([None, SENT]),
    tickets=st.just({9: ticket(9)}),
    policy=st.sampled_from([POLICY, replace(TIGHT, reopen_window_days=1)]),
    authentic=st.sampled_from(["", "dmarc"]),
    named=st.sampled_from([None, ticket(9)]),
    new_tickets=st.sampled_from([(), LATELY]),
    reopens=st.sampled_from([(), LATELY]),
    same_id_other_content=st.booleans(),
)


@EXAMPLES
@given(CASES)
def test_whatever_comes_one_thing_happens_and_says_why(c: Case) -> None:
    """Never both attached and opened; what is not kept on a ticket is a duplicate, held, or says why not."""
    decision = decide(c)
    assert not (decision.ticket and decision.new)
    assert decision.why.attach
    assert decision.reason in SENTENCES
    if decision.hold:
        assert decision == Decision(decision.reason, decision.why, hold=decision.hold)
    if c.kind.name is KindName.CORRESPONDENCE and not c.agent:
        assert attached(decision) or opened(decision) or decision.reason is Reason.STATUS_ASKED
    for n in decision.notices:
        inner = n.notice in (Notice.AGENT_NOTICE, Notice.AGENT_RECEIPT)
        assert (n.audience is Audience.AGENT) is inner
        assert not inner or c.policy.agent_for(n.recipient.address) is not None


@EXAMPLES
@given(CASES)
def test_no_stranger_ever_gets_what_was_said(c: Case) -> None:
    """Without a signed mark a stranger is on no ticket; with one, unconfirmed; and text goes to who takes part."""
    decision = decide(c)
    on: Ticket | None = c.ticket
    if on and decision.ticket == on.number and decision.entry and c.author == MALLORY:
        assert c.signed
        assert not any(j.confirmed for j in decision.change.joined if j.address == MALLORY)
    if on and decision.text:
        assert c.agent is not None
        known = {on.requester.key, *(a.key for a in on.participants), *(a.key for a in (*c.message.to, *c.message.cc))}
        receivers = {n.recipient.key for n in decision.notices if n.audience is Audience.CUSTOMER}
        assert receivers <= known


def test_the_document_tells_the_table() -> None:
    """docs/decide.md is made of TABLE; put between its marks what `gateway.core.decide.document()` returns."""
    written = (Path(__file__).parents[2] / "docs" / "decide.md").read_text("utf-8")
    assert written.partition("<!-- table -->")[2].partition("<!-- /table -->")[0].strip() == document()
    assert {line.count("|") for line in document().split("\n")} == {6}


def test_row_sender_blocked() -> None:
    """Whatever mark it shows; an agent cannot be stopped, nor an import."""
    c = case(on=ticket(), blocked="customer.example")
    assert row_of(c) == "sender blocked"
    decision = decide(c)
    assert (decision.reason, decision.ticket, decision.entry, decision.notices) == (Reason.BLOCKED, 0, None, ())
    assert row_of(case(message(ANNA), on=ticket(), blocked="example.com")) == "agent on a ticket"
    assert row_of(case(kind=AUTOMATIC, blocked="customer.example")) == "sender blocked"


def test_row_folded_by_a_rule() -> None:
    """Before a machine's request, for monitors are what such rules are for; see test_rules."""
    site = replace(POLICY, rules=(SiteRule("x", body=("burns",), fold=True),))
    c = case(policy=site, kind=MACHINE)
    assert row_of(c) == "folded by a rule"
    assert decide(c).reason is Reason.RULE_FOLDS
    assert row_of(case(kind=MACHINE)) == "automatic, generated, no ticket"


def test_row_marked_as_spam() -> None:
    """By our own filter, in a field the operator named; not who takes part in the ticket, nor an agent, nor a field
    anybody may write."""
    trusting = replace(POLICY, trusted_spam_fields=("x-spam-flag", "x-spam"))
    marked = with_headers(message(), x_spam_flag="YES")
    for mail in (marked, with_headers(message(), x_spam="Yes, score=12.1")):
        c = case(mail, policy=trusting)
        assert row_of(c) == "marked as spam"
        decision = decide(c)
        assert (decision.reason, decision.entry, decision.notices) == (Reason.SPAM_MARKED, None, ())
    assert row_of(case(with_headers(message(MALLORY), x_spam="yes"), on=ticket(), policy=trusting)) == "marked as spam"
    assert opened(decide(case(marked)))
    assert opened(decide(case(with_headers(message(), x_spam="no, score=-1"), policy=trusting)))
    assert attached(decide(case(marked, on=ticket(), policy=trusting)))
    assert row_of(case(with_headers(message(ANNA), x_spam="yes"), policy=trusting)) != "marked as spam"


def test_row_reply_to_spam() -> None:
    """Kept and folded: it does not reopen, and nobody hears of it; a stranger's unsigned mail is a new request."""
    spam = ticket(status=Status.CLOSED, spam=True)
    c = case(on=spam)
    assert row_of(c) == "reply to spam"
    decision = decide(c)
    assert decision.entry is not None
    assert (decision.ticket, decision.entry.collapsed, decision.change.status, decision.notices) == (7, True, None, ())
    assert row_of(case(message(MALLORY), on=spam, evidence=Evidence.BODY_REFERENCE)) == "stranger without"


def test_row_rating() -> None:
    """A bare number that answers the question is written down and thanked for; anything else is a reply."""
    closed = ticket(status=Status.CLOSED)
    asked = CustomerRating(7, "five", None, "", NOW, None, None)
    c = case(message(body_text="4", reply_text="4"), on=closed, asked=asked)
    assert row_of(c) == "rating"
    decision = decide(c)
    assert (decision.ticket, decision.rates, decision.change.status) == (7, (4, "", False), None)
    assert [n.notice for n in decision.notices] == [Notice.RATED]
    assert row_of(case(message(body_text="4 more", reply_text="4 more"), on=closed, asked=asked)) == "reply"


@pytest.mark.parametrize(
    ("named", "language"),
    [("de", "de"), ("DE-at", "de"), ("en", "en"), ("fr", "fr"), ("sv", ""), ("", ""), ("de, en", "")],
)
def test_a_first_mail_names_the_language_of_its_ticket(named: str, language: str) -> None:
    """Where it names one (RFC 3282), and there are texts in it; whoever names two names none."""
    mail = with_headers(message(), content_language=named) if named else message()
    new = decide(case(mail)).new
    assert new is not None
    assert new.language == language
