"""Acting on a ticket: who is told, what an order does, and how it is taken back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core import advisers, closing, commands, machines, move_entries, orders, sides
from gateway.core.act import Act
from gateway.core.decision import Decision, EntryDraft, Joined, Moved
from gateway.core.lifecycle import Move, Status
from gateway.core.notice import Notice
from gateway.core.orders import Answer, OrderContext
from gateway.core.policy import Agent, Policy, SiteStatus
from gateway.core.reason import Reason
from gateway.core.sentences import text_of
from gateway.core.thread import SentFacts
from gateway.core.ticket import EntryKind, Participant, Role, Ticket
from gateway.errors import IllegalTransition
from gateway.mail.message import Address, Attachment
from tests.conftest import NOW
from tests.core.build import (
    AGENTS,
    ANNA,
    BOB,
    BOX,
    KIM,
    LEE,
    MALLORY,
    PLAIN_BOX,
    POLICY,
    SUPPORT,
    entry,
    follower,
    notices,
    participant,
    ticket,
    told,
)

PARTS = SiteStatus("Waiting on parts", Status.WAITING_ON_US)
SITE = replace(POLICY, statuses=(PARTS,))
ON = ticket(people=(participant(LEE), participant(MALLORY, confirmed=False)))
CUSTOMERS = (Notice.REPLY, Notice.CLOSE_CONFIRMATION, Notice.STATUS_CHANGED, Notice.CLOSED)


def by(on: Ticket = ON, agent: Agent | None = POLICY.agents[0], policy: Policy = SITE) -> OrderContext:
    return OrderContext(on, agent, policy, NOW)


def answer(text: str = "It is paid.", **fields: object) -> Answer:
    plain = Answer(text, EntryDraft(EntryKind.CORRESPONDENCE, ANNA, Role.AGENT, text, text))
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def carry(order: str, with_answer: Answer | None = None, on: Ticket = ON, **who: object) -> Decision:
    read = commands.read(order, statuses=[s.name for s in SITE.statuses])
    assert read.problems == ()
    return orders.carry_out(by(on, **who), read, with_answer, "proof")  # type: ignore[arg-type]  # a builder takes any field


def receipt(decision: Decision) -> list[str]:
    """What the agent reads."""
    return [text_of(r, "en") for n in decision.notices if n.notice is Notice.AGENT_RECEIPT for r in n.remarks]


# --- an answer ------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_an_answer_goes_to_everybody_who_takes_part(status: Status) -> None:
    """The requester and those confirmed; then it is the customer's turn, whatever it was."""
    decision = carry("", answer(), replace(ON, status=status))
    assert notices(decision, *CUSTOMERS) == [KIM.address, LEE.address]
    assert decision.change.status is Status.WAITING_ON_CONTACT
    assert (decision.text, decision.entry is not None) == ("It is paid.", True)
    assert "Sent to kim@customer.example, lee@customer.example." in receipt(decision)
    assert "proof" in decision.why.attach


def test_an_order_says_who_gets_the_answer() -> None:
    """`#only` the requester, `#requester` somebody else in their place, who is the requester from then on."""
    assert notices(carry("#only", answer()), *CUSTOMERS) == [KIM.address]
    assert notices(carry("#only", answer(joined=(Joined(MALLORY),))), *CUSTOMERS) == [KIM.address, MALLORY.address]
    other = carry("#requester kim@home.example", answer())
    assert notices(other, *CUSTOMERS) == ["kim@home.example", LEE.address]
    assert other.change.applied_to(ON).requester.address == "kim@home.example"
    assert other.undo is not None
    assert other.undo.requester == KIM.address


def test_an_answer_is_sent_to_nobody_twice() -> None:
    """Who got the agent's own mail is left out; who joins by it is put in, and nobody is there twice."""
    decision = carry("", answer(had_it=frozenset({KIM.key}), joined=(Joined(MALLORY), Joined(LEE))))
    assert notices(decision, *CUSTOMERS) == [LEE.address, MALLORY.address]
    assert decision.change.joined == (Joined(MALLORY), Joined(LEE))


@pytest.mark.parametrize("requester", [Address(""), Address("nobody"), SUPPORT, Address("support+x@example.com")])
def test_a_receipt_names_only_who_really_gets_it(requester: Address) -> None:
    """A ticket without an author, or of our own, has nobody to answer."""
    decision = carry("", answer(), replace(ON, requester=requester, people=()))
    assert notices(decision, *CUSTOMERS) == []
    assert "Nothing was sent to the customer." in receipt(decision)


def test_an_answer_that_says_solved_asks_the_requester() -> None:
    """Others get the answer as it is; who had it by the agent's own mail is asked all the same."""
    decision = carry("#solved", answer())
    assert [(n.notice.value, n.recipient) for n in decision.notices[:2]] == [
        ("close_confirmation", KIM),
        ("reply", LEE),
    ]
    assert decision.change.status is Status.SOLVED
    had = carry("#solved", answer(had_it=frozenset({KIM.key, LEE.key})))
    assert notices(had, Notice.CLOSE_CONFIRMATION) == [KIM.address]


def test_an_answer_that_waits_says_so() -> None:
    """It stays in the outbox for a while, and the receipt tells how to stop it."""
    decision = carry("", answer(), policy=replace(SITE, hold_minutes=5))
    assert decision.hold_minutes == 5
    assert any("in 5 minutes" in line and "#undo" in line for line in receipt(decision))


def test_the_operator_gets_no_receipt() -> None:
    """Who sees the result at once needs no mail, and cannot undo by mail."""
    decision = carry("#close", answer(), agent=None)
    assert (notices(decision, Notice.AGENT_RECEIPT), decision.undo) == ([], None)


def test_colleagues_who_follow_hear_of_an_answer() -> None:
    """On an assigned ticket the assignee too, of one nobody had the team; never the one who wrote it."""
    assert told(carry("", answer())) == [BOB.address]
    assert told(carry("", answer(), replace(ON, assignee=BOB.address))) == [BOB.address]
    assert told(carry("", answer(), replace(ON, assignee=ANNA.address, people=(follower(BOB),)))) == [BOB.address]


def test_who_answers_a_ticket_nobody_has_has_it() -> None:
    """Unless the site does not want it, or the order gives it to somebody; `#undo` gives it back."""
    taken = carry("", answer())
    assert taken.change.assignee == ANNA.address
    assert taken.undo is not None
    assert (taken.undo.assignee, taken.undo.given_to) == ("", ANNA.address)
    assert carry("", answer(), replace(ON, assignee="gone@example.com")).change.assignee == ANNA.address
    assert carry("", answer(), replace(ON, assignee=BOB.address)).change.assignee is None
    assert carry("#assign bob", answer()).change.assignee == BOB.address
    assert carry("#assign nobody", answer()).change.assignee == ""
    off = replace(by(), policy=replace(POLICY, answering_assigns=False))
    assert orders.carry_out(off, commands.Order(), answer(), "proof").change.assignee is None


def test_a_ticket_is_handed_over_to_another_mailbox() -> None:
    """Its assignee stays only where they work there; what is none of our mailboxes, or its own, is refused."""
    near = replace(POLICY, agents=(POLICY.agents[0], replace(POLICY.agents[1], mailboxes=(BOX.address,))))
    order = commands.read(f"#mailbox {PLAIN_BOX.address.upper()}")
    for assignee, left in ((ANNA.address, None), (BOB.address, "")):
        context = replace(by(replace(ON, assignee=assignee)), policy=near)
        change = orders.carry_out(context, order, None, "proof").change
        assert (change.mailbox, change.assignee) == (PLAIN_BOX.address, left)
    assert orders.problems(by(), order) == ()
    assert orders.problems(by(), commands.read("#mailbox x@elsewhere.example"))[0].startswith("no_such_mailbox")
    assert orders.problems(by(), commands.read(f"#mailbox {BOX.address}"))[0].startswith("same_mailbox")
    done = stored(orders.carry_out(by(), order, answer(), "proof"))
    assert (done.undo.mailbox, done.undo.given_to) == (ON.mailbox, None)
    assert move_entries.undo(by(replace(ON, mailbox=PLAIN_BOX.address)), done).change.mailbox == ON.mailbox


def test_a_quiet_close_tells_no_customer() -> None:
    """With a text the text goes out; the colleagues and the receipt are as ever."""
    quiet = carry("#close silent")
    assert (quiet.change.status, notices(quiet, *CUSTOMERS)) == (Status.CLOSED, [])
    assert notices(carry("#schliessen leise"), *CUSTOMERS) == []
    assert notices(carry("#close silent", answer()), Notice.REPLY) == [KIM.address, LEE.address]
    assert commands.read("#close loudly").problems


def test_whoever_takes_part_becomes_the_requester_once() -> None:
    """The former requester is out, and the receipt says so; `#undo` brings both back."""
    decision = carry(f"#from {LEE.address}")
    after = decision.change.applied_to(ON)
    assert (after.requester.key, after.participants) == (LEE.key, ())
    assert any(e.startswith("requester_out") for e in decision.events)
    back = move_entries.undo(by(after), stored(decision)).change.applied_to(after)
    assert (back.requester.key, [a.key for a in back.participants]) == (KIM.key, [LEE.key])


@pytest.mark.parametrize("order", ["#close", "#solved", "#wait", "#spam", "#snooze 3d", "#status waiting on parts"])
def test_who_has_a_ticket_hears_what_a_colleague_did_with_it(order: str) -> None:
    """In one line, as whoever follows does; what nobody has, or one does oneself, is told to nobody."""
    bobs = replace(ON, assignee=BOB.address)
    notices = [n for n in carry(order, on=bobs).notices if n.notice is Notice.AGENT_NOTICE]
    assert [(n.recipient.address, n.headline, n.brief) for n in notices] == [(BOB.address, "acted", True)]
    assert "Anna" in " ".join(text_of(r, "en") for n in notices for r in n.remarks)
    for on in (ON, replace(ON, assignee=ANNA.address)):
        assert not [n for n in carry(order, on=on).notices if n.notice is Notice.AGENT_NOTICE]
    followed = replace(ON, people=(*ON.people, follower(BOB)))
    assert [n.recipient.address for n in carry(order, on=followed).notices if n.headline == "acted"] == [BOB.address]


# --- orders without a text -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("order", "status", "notice"),
    [
        ("#close", Status.CLOSED, Notice.CLOSED),
        ("#solved", Status.SOLVED, Notice.CLOSE_CONFIRMATION),
        ("#wait", Status.WAITING_ON_CONTACT, Notice.STATUS_CHANGED),
        ("#status waiting on contact", Status.WAITING_ON_CONTACT, Notice.STATUS_CHANGED),
        ("#status closed", Status.CLOSED, Notice.CLOSED),
        ("#reopen", Status.WAITING_ON_US, None),
        ("#status waiting on us", Status.WAITING_ON_US, None),
    ],
)
def test_a_status_is_news_for_the_requester(order: str, status: Status, notice: Notice | None) -> None:
    """Told once, to the requester only, and not at all when it is the same."""
    decision = carry(order)
    assert decision.change.status is status
    assert [(n.notice, n.recipient) for n in decision.notices if n.notice in CUSTOMERS] == (
        [(notice, KIM)] if notice else []
    )
    assert (decision.change.closed_by == "agent") is (status is Status.CLOSED)
    assert (decision.text, decision.entry) == ("", None)
    quiet = carry(order, policy=replace(SITE, notify_customers_of_status=False))
    assert bool(notices(quiet, *CUSTOMERS)) is (notice in (Notice.CLOSED, Notice.CLOSE_CONFIRMATION))


def test_nobody_is_told_who_does_not_read() -> None:
    """And the receipt does not say that somebody was."""
    for order in ("#close", "#solved", "#wait"):
        decision = carry(order, on=replace(ON, requester=Address("no-reply@shop.example")))
        assert notices(decision, *CUSTOMERS) == []
        assert "Nothing was sent to the customer." in receipt(decision)


def test_spam_closes_without_a_word() -> None:
    """Nobody thanks a spammer."""
    decision = carry("#spam")
    assert (decision.change.spam, decision.change.status) == (True, Status.CLOSED)
    assert notices(decision, *CUSTOMERS) == []


@pytest.mark.parametrize(("order", "status"), [("#solved", "closed"), ("#wait", "closed"), ("#status new", "solved")])
def test_an_illegal_order_raises(order: str, status: str) -> None:
    """By the lifecycle's own error; nothing is half done."""
    with pytest.raises(IllegalTransition, match=f"^no_move\t{status}\t"):
        carry(order, on=replace(ON, status=Status(status)))


def test_a_site_has_statuses_of_its_own() -> None:
    """It counts as one of ours, is news although that one stays, and ends with the next status."""
    decision = carry("#status Waiting on parts")
    assert (decision.change.status, decision.change.sub_status) == (Status.WAITING_ON_US, "Waiting on parts")
    assert notices(decision, *CUSTOMERS) == [KIM.address]
    waiting = replace(ON, sub_status="Waiting on parts")
    assert notices(carry("#status waiting on parts", on=waiting), *CUSTOMERS) == [KIM.address]
    ended = carry("#status waiting on us", on=waiting).change
    assert (ended.status, ended.sub_status) == (Status.WAITING_ON_US, "")
    assert carry("", answer(), waiting).change.sub_status == ""


@pytest.mark.parametrize("order", ["#assign Bob", "#follow", "#language de", "#unfollow"])
def test_other_orders_leave_the_status_alone(order: str) -> None:
    """Also one of the site's own, and the time since when it is what it is."""
    change = carry(order, on=replace(ON, sub_status="Waiting on parts")).change
    assert (change.move, change.status, change.sub_status) == (None, None, None)


@pytest.mark.parametrize(
    ("name", "assignee"),
    [
        ("me", ANNA.address),
        ("Bob", BOB.address),
        ("bob agent", BOB.address),
        ("BOB@example.com", BOB.address),
        ("nobody", ""),
        ("niemand", ""),
    ],
)
def test_a_ticket_is_assigned_by_any_name(name: str, assignee: str) -> None:
    """Me, nobody, an address, a full name, or a first name only one has."""
    assert carry(f"#assign {name}").change.assignee == assignee


def test_a_name_that_fits_nobody_or_two_is_a_problem() -> None:
    """Never guessed: the names there are, are told."""
    two = replace(SITE, agents=(*SITE.agents, Agent("bob@example.net", "Bob Other")))
    for name, policy in (("carol", SITE), ("bob", two), ("agent", SITE)):
        order = commands.read(f"#assign {name}")
        (problem,) = orders.problems(by(policy=policy), order)
        assert "Anna Agent, Bob Agent" in text_of(problem, "en")
    assert orders.problems(by(agent=None), commands.read("#assign me")) != ()
    assert orders.problems(by(), commands.read("#assign nobody")) == ()


OWN = ("#from support@example.com", "#to support+x@example.com", "#from HILFE@example.de", "#cc hilfe@example.de")


@pytest.mark.parametrize("order", [*OWN, "#cc pat@customer.example\n#cc support@example.com"])
def test_our_own_mailbox_is_nobodys_address(order: str) -> None:
    """Nothing would ever be sent there, so nobody can be made a customer, or one who takes part, by it."""
    (problem,) = orders.problems(by(), commands.read(order))
    assert "one of our own mailboxes" in text_of(problem, "en")


def test_following_language_and_requester() -> None:
    """Each does what it says, and is told; so is that the former requester is out."""
    decision = carry("#follow\n#language de\n#from pat@customer.example")
    assert decision.change.joined == (Joined(ANNA, follower=True),)
    assert decision.change.language == "de"
    assert decision.change.requester == Address("pat@customer.example")
    assert len(decision.events) == 4
    assert carry("#unfollow").change.left == (ANNA.key,)


def test_a_note_stays_inside() -> None:
    """Only agents hear of it; commands with it are carried out."""
    comment = EntryDraft(EntryKind.COMMENT, ANNA, Role.AGENT, "He never pays.", "He never pays.")
    plain = orders.note(by(), commands.Order(), comment, "proof")
    assert (plain.reason, plain.entry, plain.change.status) == (Reason.AGENT_NOTE, comment, None)
    assert notices(plain) == [ANNA.address, BOB.address]
    assert plain.text == ""
    closing = orders.note(by(replace(ON, assignee=BOB.address)), commands.read("#close"), comment, "proof")
    assert closing.change.status is Status.CLOSED
    assert told(closing) == [BOB.address]
    assert notices(closing, *CUSTOMERS) == [KIM.address]


# --- taking back -----------------------------------------------------------------------------------------


def stored(decision: Decision, *, sent: bool = False) -> Act:
    assert decision.undo is not None
    return Act(1, decision.ticket, 5, 3, decision.undo, sent)


def test_an_order_is_taken_back() -> None:
    """Status, assignee, language, spam and requester are what they were."""
    before = replace(ON, assignee=BOB.address, language="de")
    decision = carry("#spam\n#assign me\n#language en\n#from pat@customer.example", on=before)
    after = replace(before, status=Status.CLOSED, assignee=ANNA.address, language="en", spam=True, requester=LEE)
    change = move_entries.undo(by(after), stored(decision)).change
    assert (change.status, change.assignee, change.language, change.spam) == (before.status, BOB.address, "de", False)
    assert change.requester == Address(KIM.address)


def test_who_joined_by_an_order_leaves_with_it() -> None:
    """By an answer, by following, by a merge: nobody goes on getting answers by a mistake that was taken back."""
    ordered = (
        carry("#follow"),
        carry("", answer(joined=(Joined(MALLORY),))),
        move_entries.merge(by(), ticket(9, requester=LEE)),
    )
    for done, key in zip(ordered, (ANNA.key, MALLORY.key, KIM.key), strict=True):
        assert move_entries.undo(by(), stored(done)).change.left == (key,)
    assert move_entries.undo(by(), stored(carry("#close"))).change.left == ()


def test_what_was_said_since_is_not_hidden_again() -> None:
    """Anna assigned it, Kim replied, Anna takes the assignment back: it is still our turn."""
    waiting = replace(ON, status=Status.WAITING_ON_CONTACT)
    done = stored(carry("#assign me", on=waiting))
    mine = replace(waiting, assignee=ANNA.address)
    change = move_entries.undo(by(replace(mine, status=Status.WAITING_ON_US)), done).change
    assert (change.status, change.assignee) == (None, "")
    bobs = replace(mine, assignee=BOB.address)
    assert move_entries.undo(by(bobs), done).change.assignee is None
    assert move_entries.undo(by(waiting), done).change.status is None


@pytest.mark.parametrize("since", [Status.WAITING_ON_CONTACT, Status.CLOSED])
def test_a_merge_taken_back_leaves_the_other_ticket_as_it_is(since: Status) -> None:
    """What the merged one was, or who had it, is not laid on the one it went into."""
    into = replace(ticket(9, Status.WAITING_ON_CONTACT, requester=LEE), assignee=BOB.address, language="de")
    for ordered in (move_entries.merge(by(), into), move_entries.move(by(), entry(id=5), into)):
        after = replace(into, status=since)
        change = move_entries.undo(by(after), stored(ordered)).change
        assert (change.status, change.assignee, change.language) == (None, None, None)


def test_a_customer_who_was_told_is_told_again() -> None:
    """When a mail of the order had left, and the status really changes back."""
    closed = stored(carry("#close"), sent=True)
    after = replace(ON, status=Status.CLOSED)
    assert notices(move_entries.undo(by(after), closed), *CUSTOMERS) == [KIM.address]
    assert notices(move_entries.undo(by(after), replace(closed, sent=False)), *CUSTOMERS) == []
    assert notices(move_entries.undo(by(ON), closed), *CUSTOMERS) == []


# --- moving -------------------------------------------------------------------------------------------------


def test_a_merge_takes_everybody_along() -> None:
    """All who take part here take part there, on a side of their own, and are told; the other agents hear of it."""
    into = ticket(9, requester=LEE)
    decision = move_entries.merge(by(), into)
    assert (decision.ticket, decision.change.joined) == (9, (Joined(KIM, sees=(7, -7, sides.alone(7), -9)),))
    assert decision.change.links == (("merged", 7),)
    assert decision.moved is not None
    assert (decision.moved.source, decision.moved.entries) == (7, ())
    assert notices(decision) == [KIM.address, LEE.address, BOB.address, ANNA.address]
    assert decision.undo is not None
    assert (decision.undo.merged, decision.undo.moved_from) == (True, 7)


def test_who_came_by_a_merge_reads_no_more_after_the_next_one() -> None:
    """Whose second ticket follows the first reads both of them, and never the words of the customer here."""
    into = ticket(9, requester=LEE, people=(Participant(KIM, sees=(4, -4, -9)),))
    assert sides.after_merge(ticket(7), into, KIM.key) == (4, -4, -9, 7, -7, sides.alone(7))
    assert sides.after_merge(ticket(7), ticket(9, requester=KIM), KIM.key)[:2] == (0, -9)


def test_one_mail_moves_alone() -> None:
    """Nobody comes along with it."""
    decision = move_entries.move(by(), entry(id=5), ticket(9))
    assert (decision.ticket, decision.change.joined) == (9, ())
    assert decision.moved == Moved(7, (5,), side=0)


@pytest.mark.parametrize(
    ("author", "role", "people", "side"),
    [
        (KIM, Role.REQUESTER, (), 7),
        (ANNA, Role.AGENT, (), 7),
        (KIM, Role.REQUESTER, (participant(KIM),), 7),
        (KIM, Role.REQUESTER, (Participant(KIM, sees=(4, -4, -9)),), 4),
    ],
)
def test_a_mail_moved_to_another_customer_keeps_its_side(
    author: Address, role: Role, people: tuple[Participant, ...], side: int
) -> None:
    """Words of one customer, and answers to them, are not read by the other, but by their author who is there."""
    into = ticket(9, requester=MALLORY, people=people)
    moving = entry(id=5, author=author, role=role)
    decision = move_entries.move(by(), moving, into)
    assert decision.moved == Moved(7, (5,), side=side)
    assert decision.undo is not None
    assert decision.undo.side == side
    there = replace(moving, side=side)
    assert (there in sides.visible(into, MALLORY.key, [there])) is (side == 0)
    fenced = sides.fenced(into, [there])[0]
    assert (fenced.kind is EntryKind.COMMENT) is bool(side or sides.is_shared(into))


def test_one_mail_becomes_a_ticket() -> None:
    """Its author is the requester and learns the number; its first line is the subject unless one is given."""
    parent = entry("\n  The coffee is cold. \nToo.", id=5, author=LEE)
    decision = move_entries.split(by(), parent, "")
    assert decision.new is not None
    assert (decision.new.subject, decision.new.requester) == ("The coffee is cold.", LEE)
    assert notices(decision) == [LEE.address, BOB.address, ANNA.address]
    named = move_entries.split(by(), parent, "Coffee").new
    assert named is not None
    assert named.subject == "Coffee"


# --- without a mail -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", Status)
def test_the_requester_presses_the_button(status: Status) -> None:
    """Once: a second click changes nothing."""
    decision = closing.by_requester(replace(ON, status=status), POLICY, Reason.CLOSED_BY_LINK, "closed_by_link")
    if status is Status.CLOSED:
        assert decision is None
        return
    assert decision is not None
    assert (decision.change.status, decision.change.closed_by) == (Status.CLOSED, "requester")
    confirmed = status is Status.SOLVED
    assert decision.change.move is (Move.REQUESTER_CONFIRMED if confirmed else Move.REQUESTER_CLOSED)
    assert notices(decision) == [KIM.address, *AGENTS]


@pytest.mark.parametrize(
    ("recipient", "newest", "audience", "moves", "tells"),
    [
        ("KIM@customer.example", True, "customer", True, True),
        (KIM.address, False, "customer", False, True),
        (LEE.address, True, "customer", False, True),
        (ANNA.address, False, "agent", False, False),
    ],
)
def test_a_mail_of_ours_that_was_refused(recipient: str, newest: bool, audience: str, moves: bool, tells: bool) -> None:
    """It is our turn again only if the requester lacks our newest answer; a refused notice tells no agent, for that
    notice would be refused as well, but the operator."""
    sent = SentFacts(7, "reply", recipient, newest)
    closed = replace(ON, status=Status.CLOSED)
    decision = machines.undelivered(closed, POLICY, sent, audience, "550 5.1.1 no such user")
    assert decision.change.status is (Status.WAITING_ON_US if moves else None)
    assert notices(decision) == (AGENTS if tells else [])
    assert bool(decision.alarm) is not tells
    assert f"Our mail to {recipient} could not be sent: 550 5.1.1 no such user" in text_of(decision.events[0], "en")


def test_a_tag_that_was_kept_with_a_full_stop_can_be_taken_off() -> None:
    """The stop is no part of a tag any more, and nobody need know that it was one."""
    assert carry("#untag urgent.", on=replace(ON, tags=("blue", "urgent."))).change.tags == ("blue",)


def test_a_file_is_found_however_its_letters_are_put_together() -> None:
    """Some programs write an accent as a sign of its own, and bind words by a hyphen that does not break."""
    named = Attachment("1", "Pru\u0308f\u2011Plan.pdf", "application/pdf", 9, "")
    history = (replace(entry(), sha256="a" * 64, attachments=(named,)),)
    for written in ("Prüf-Plan.pdf", named.filename):
        (found,), missing = advisers.files_named([written], history)
        assert (found.filename, missing) == (named.filename, ())
