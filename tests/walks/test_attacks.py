"""What somebody might try: to get onto a ticket, to start a loop, to lose a mail, to reach the wrong person."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.core.policy import Policy
from gateway.core.ticket import Ticket
from gateway.mail.message import Envelope
from storage import raw
from storage.database import Database
from storage.outbox import OutboxEntry
from storage.reads import Wanted
from tests.conftest import Clock
from tests.walks.player import Player

KIM, LEE, MALLORY = "kim@customer.example", "lee@customer.example", "mallory@elsewhere.example"
ANNA, BOB, SUPPORT = "anna@example.com", "bob@example.com", "support@example.com"
ACK = f"request_received to {KIM}"
NOTICE = f"agent_notice to {ANNA}"
SECRET = "He never pays his bills."


class Stage(Player):
    """One site on which things are tried, step by step."""

    def mail(self, author: str, text: str = "Hello.", **step: Any) -> list[str]:
        """A mail comes in; what goes out because of it, as `notice to address`."""
        return self._after({"from": author, "to": SUPPORT, "subject": "Printer", "text": text} | step)

    def answer(self, author: str, to: str, text: str = "Hello.", **step: Any) -> list[str]:
        """A mail that answers the newest mail of that description."""
        return self._after({"from": author, "to": SUPPORT, "answers": to, "text": text} | step)

    def arrive(self, data: bytes, *recipients: str, sender: str = KIM, source: str = "smtp") -> list[str]:
        """A mail as bytes."""
        self.clock.forward(seconds=1)
        before = self.last_out
        self._handle(data.replace(b"\n", b"\r\n"), Envelope(source, sender, recipients or (SUPPORT,)))
        self._show_out()
        return self._since(before)

    def _after(self, step: dict[str, Any]) -> list[str]:
        self.clock.forward(minutes=step.get("minutes", 5), days=step.get("days", 0))
        before = self.last_out
        self._do_mail(step)
        self._show_out()
        return self._since(before)

    def _since(self, before: int) -> list[str]:
        return [f"{row.notice} to {row.recipient}" for row, _ in self.sent if row.id > before]

    @property
    def newest(self) -> tuple[str, str, int]:
        """State, reason and ticket of the newest journal row."""
        row = self.database.read_now(lambda tx: tx.journal.recent(limit=1))[0]
        return row.state, row.reason, row.ticket or 0

    def ticket(self, number: int = 1) -> Ticket:
        return self.database.read_now(lambda tx: tx.reads.get(number))

    def tickets(self) -> int:
        return sum(self.database.read_now(lambda tx: tx.reads.counts()).values())

    def out(self, description: str) -> tuple[OutboxEntry, EmailMessage]:
        """The newest mail of that description."""
        row, data = self._find(description)
        message = message_from_bytes(data, policy=email_policy.default)
        assert isinstance(message, EmailMessage)
        return row, message

    def to_customers(self) -> str:
        """Everything that ever left for a customer, as one text."""
        return "\n".join(data.decode() for row, data in self.sent if row.audience == "customer")


Build = Callable[..., Stage]


def site(url: str, policy: Policy, clock: Clock, tmp_path: Path) -> Iterator[Build]:
    database = Database(url, tmp_path)
    yield lambda **changes: Stage(database, policy, clock, {"title": "", "step": [], "site": changes})
    database.close_now()


@pytest.fixture
def build(sqlite_url: str, policy: Policy, clock: Clock, tmp_path: Path) -> Iterator[Build]:
    """What is tried here is decided before the database is asked, so one kind is enough."""
    yield from site(sqlite_url, policy, clock, tmp_path)


@pytest.fixture
def build_on_both(database_url: str, policy: Policy, clock: Clock, tmp_path: Path) -> Iterator[Build]:
    """For what only one kind of database might refuse."""
    yield from site(database_url, policy, clock, tmp_path)


@pytest.fixture
def stage(build: Build) -> Stage:
    """Kim has written, Anna has answered."""
    stage = build()
    stage.mail(f"Kim Customer <{KIM}>", "It burns.", id="kim1@customer.example")
    stage.answer(ANNA, NOTICE, "Water is on its way.")
    return stage


# --- getting onto a ticket ------------------------------------------------------------------------


def test_kims_name_and_the_reference_bring_nobody_our_answers(stage: Stage) -> None:
    """Mallory writes as Kim, with the reference read from a screen and Mallory in copy."""
    stage.mail(KIM, "Any news?", cc=MALLORY, subject="Re: Printer [{reference:1}]")
    assert not stage.ticket().knows(MALLORY)
    assert f"reply to {MALLORY}" not in stage.answer(ANNA, NOTICE, "The code is 1234.")
    assert "unconfirmed" not in stage.to_customers()


def test_kims_name_and_kims_message_id_bring_nobody_our_answers(stage: Stage) -> None:
    """The id of Kim's first mail is known to everybody it was sent to."""
    stage.mail(KIM, "Any news?", cc=MALLORY, refers_to="kim1@customer.example")
    assert not stage.ticket().knows(MALLORY)
    assert f"reply to {MALLORY}" not in stage.answer(ANNA, NOTICE, "The code is 1234.")


def test_being_proven_as_oneself_opens_no_door(build: Build) -> None:
    """A DMARC pass or a sign-in says who Mallory is, not that the ticket is Mallory's."""
    stage = build(trusted_authserv_ids=("mx.example.com",))
    stage.mail(KIM)
    passed = {"Authentication-Results": "mx.example.com; dmarc=pass header.from=elsewhere.example"}
    for step in ({"headers": passed}, {"authenticated_as": MALLORY}):
        stage.mail(MALLORY, "Please tell me more.", subject="Re: [{reference:1}]", **step)
        assert stage.newest[1:] != ("stranger-with-signed-mark", 1)
    assert stage.ticket().people == ()
    assert stage.tickets() == 3


def test_a_ticket_cannot_be_prepared_for_somebodys_next_mail(build: Build) -> None:
    """Mallory answers a newsletter before Kim does, with Kim in copy, and waits for Kim's question to join."""
    stage = build()
    stage.mail(MALLORY, cc=KIM, subject="Re: News", refers_to="news@shop.example", id="m@elsewhere.example")
    stage.mail(KIM, "My number is 1234.", subject="Re: News", refers_to="news@shop.example")
    assert stage.newest == ("settled", "new-request", 2)
    assert stage.answer(ANNA, f"agent_notice to {ANNA}", "Thank you.")[0] == f"reply to {KIM}"


def test_a_mail_under_somebodys_message_id_is_a_strangers(stage: Stage) -> None:
    """Mallory reuses the id of Kim's mail."""
    stage.mail(MALLORY, "Me too.", id="kim1@customer.example")
    assert stage.newest == ("settled", "stranger-with-unsigned-mark", 2)


@pytest.mark.parametrize(
    "mark", [{"answers": NOTICE}, {"to": "{agent-address:1 anna@example.com}"}], ids=["id", "address"]
)
def test_an_agents_forwarded_notice_lets_nobody_in(stage: Stage, mark: dict[str, str]) -> None:
    """Anna forwarded a notice to Mallory: its marks are Anna's, so agents read the mail and nobody is answered."""
    told = stage.mail(MALLORY, "#close\nHello.", subject="Re: New request", **mark)
    assert stage.newest[1:] == ("agent-mail-held-back", 1)
    assert not [row for row, _ in stage.sent if row.recipient == MALLORY], told
    assert (stage.ticket().people, stage.ticket().status) == ((), "waiting_on_contact")


def test_a_stranger_with_a_real_mark_reads_nothing(stage: Stage) -> None:
    """Kim forwarded our mail: the stranger is heard, and gets no answer until somebody writes to them."""
    assert stage.answer(MALLORY, ACK, "Hello.") == [f"agent_notice to {ANNA}"]
    stage.answer(KIM, ACK, "Well?")
    assert stage.answer(ANNA, NOTICE, "The code is 1234.")[0] == f"reply to {KIM}"
    stage.answer(MALLORY, ACK, "#close")
    assert stage.ticket().status == "waiting_on_us"
    assert not [row for row, _ in stage.sent if row.recipient == MALLORY]


def test_a_signed_mark_with_a_changed_number_is_nothing(stage: Stage) -> None:
    """Mallory has an own ticket, and turns its marks into those of ticket 1."""
    stage.mail(MALLORY)
    own = stage.out(f"request_received to {MALLORY}")
    reply_to = str(own[1]["Reply-To"].addresses[0].addr_spec).replace("+t2-", "+t1-")
    mark = own[0].message_id.replace("rd.2.", "rd.1.")
    for step in ({"to": reply_to}, {"headers": {"In-Reply-To": f"<{mark}>"}}):
        stage.mail(MALLORY, "Hello.", **step)
        assert stage.newest[1] == "new-request"


def test_a_merge_needs_the_agent_it_names(stage: Stage) -> None:
    """Mallory has a ticket and writes as Anna, to have it merged into Kim's."""
    stage.mail(MALLORY)
    for step in ({"subject": "[{reference:2}]"}, {"answers": f"request_received to {MALLORY}"}):
        stage.mail(ANNA, "#merge 1", **step)
        assert stage.newest == ("settled", "agent-without-proof", 2)
    assert not stage.ticket().knows(MALLORY)


def test_a_form_is_no_agents_voice(build: Build) -> None:
    """The web form signs in at our door; a visitor types Anna's address into it, and an order."""
    stage = build(trusted_form_senders=("form@example.com",))
    stage.mail(KIM)
    out = stage.mail(
        "form@example.com",
        "#close\nPay 100 euros.",
        reply_to=ANNA,
        subject="[{reference:1}]",
        authenticated_as="form@example.com",
    )
    assert stage.newest == ("settled", "agent-without-proof", 1)
    assert out == [f"agent_receipt to {ANNA}"]
    assert stage.ticket().status == "new"


# --- loops ------------------------------------------------------------------------------------------


def bounce(message_id: str, recipient: str, number: int) -> bytes:
    return f"""From: Mail Delivery System <MAILER-DAEMON@mx.example.com>
To: support@example.com
Subject: Undelivered Mail Returned to Sender
Message-ID: <bounce{number}@mx.example.com>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="B"

--B
Content-Type: text/plain

No.

--B
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.com

Final-Recipient: rfc822; {recipient}
Action: failed
Status: 5.2.2

--B
Content-Type: text/rfc822-headers

From: support@example.com
Message-ID: <{message_id}>

--B--
""".encode()


def test_an_agent_whose_mailbox_is_full_is_not_told_of_it_by_mail(stage: Stage) -> None:
    """Every notice bounces; if each bounce made a notice, that would never end."""
    for number in range(5):
        row, _ = stage.out(f"agent_notice to {ANNA}")
        out = stage.arrive(bounce(row.message_id, ANNA, number), sender="")
        assert not [o for o in out if o.startswith("agent_")]
    assert stage.newest == ("settled", "bounce", 1)


def test_a_bounce_of_the_alarm_raises_no_alarm(stage: Stage) -> None:
    """The operator's mailbox is full too."""
    stage.mail(f"Example Support <{SUPPORT}>", "loop", reply_to="{reply-address:1}")
    row, _ = stage.out("operator_alarm to root@example.com")
    assert stage.arrive(bounce(row.message_id, "root@example.com", 1), sender="") == []


def test_two_desks_do_not_talk_to_each_other(stage: Stage) -> None:
    """Another desk of our kind answers our acknowledgement with its own."""
    automatic = {"Auto-Submitted": "auto-replied", "X-Auto-Response-Suppress": "All"}
    for number in range(3):
        out = stage.mail("help@other.example", headers=automatic, reverse_path="", id=f"{number}@other.example")
        assert out == []


def test_a_robot_that_says_nothing_of_itself_runs_dry(stage: Stage) -> None:
    """It answers each acknowledgement with a new mail: the budget ends it."""
    out: list[str] = []
    for number in range(30):
        out += stage.mail("robot@other.example", id=f"{number}@other.example", minutes=1)
    assert out.count("request_received to robot@other.example") < 10
    assert out.count(f"agent_notice to {ANNA}") <= 20
    assert stage.newest[:2] == ("settled", "new-request")


NEW_WORDS = "each two hours, new words"
MACHINES: dict[str, dict[str, Any]] = {
    "says so": {"headers": {"Auto-Submitted": "auto-replied"}},
    "says that it is generated": {"headers": {"Auto-Submitted": "auto-generated"}},
    "of an old kind": {"headers": {"X-Autoreply": "yes"}},
    "with Precedence": {"headers": {"Precedence": "auto_reply"}},
    "null sender": {"reverse_path": ""},
    "subject alone": {"subject": "Out of office: Re: Printer"},
    "says nothing": {},
    "says nothing, new words": {"text": "Your request number {n} was received."},
    "another tool's ticket": {"subject": "[SUP-{n}] We have received your request"},
    "of the robot kind": {"headers": {"X-Auto-Response-Suppress": "All"}},
    "through a list": {"headers": {"List-Id": "<crowd.other.example>", "Precedence": "list"}},
    "a spam trap": {"headers": {"X-Boxtrapper": "x"}, "subject": "Confirm your mail {n}"},
    "a spam trap, without a field": {"subject": "Your mail {n} requires confirmation"},
    "a note in French": {"subject": "Absence : Re: Printer"},
    "a bounce in words": {"subject": "Mail not delivered", "text": "Your mail to {n} could not be delivered."},
    "a note that it was read": {"subject": "Gelesen: Printer", "text": "Ihre Nachricht wurde am 2.3.2026 gelesen."},
    "slow": {"minutes": 3},
    "each two hours": {"minutes": 120},
    "each two hours, a number": {"minutes": 120, "text": "Your request number {n} was received."},
    NEW_WORDS: {"minutes": 120, "text": "We thank {word} for this mail."},
    "answers a newsletter": {"subject": "Re: News of May", "headers": {"In-Reply-To": "<news@shop.example>"}},
}
"""How machines answer each mail of ours, by what they say of themselves."""
LONG = bool(os.environ.get("LONG"))
ROUNDS = 120 if LONG else 70
"""In the long form it goes on whether it is answered or not, and a line of docs/reliability.md is printed."""
WEEK = 80
"""Rounds of a machine that takes two hours: what is counted is counted for a week."""
CROWD = "c{n}@other.example"
ADDRESSES = ("casey@other.example", "casey+{n}@other.example", CROWD)
# New words from new addresses, hours apart: nothing tells that from people who write.
TALKS = [(m, a) for m in MACHINES for a in ADDRESSES if (m, a) != (NEW_WORDS, CROWD)]


@pytest.mark.parametrize(("machine", "address"), TALKS)
def test_every_talk_with_a_machine_ends(stage: Stage, machine: str, address: str) -> None:
    """It answers whatever comes, from one address, from sub-addresses or from ever new ones; it never runs out of words
    and we do. A person who writes meanwhile is answered."""
    out = stage.mail(address.format(n=0), "Good morning.", id="0@other.example")
    said = sum("@other.example" in mail for mail in out)
    assert said, "it is no address that is never answered"
    heard, tickets = 0, stage.tickets()
    for n in range(1, WEEK if "two hours" in machine else ROUNDS):
        if not LONG and not any("@other.example" in mail for mail in out):
            break
        word = "".join(chr(ord("a") + int(digit)) for digit in str(n)) * 3
        step = {k: v.format(n=n, word=word) if isinstance(v, str) else v for k, v in MACHINES[machine].items()}
        text = step.pop("text", "Thank you for your mail.")
        out = stage.mail(address.format(n=n), text, id=f"{n}@other.example", **{"minutes": 0.1, **step})
        said += sum("@other.example" in mail for mail in out)
        heard += sum(ANNA in mail for mail in out)
    alarms = [row for row, _ in stage.sent if row.notice == "operator_alarm"]
    if LONG:
        print(f"| {machine} | {address} | {said} | {stage.tickets() - tickets} | {heard} | {len(alarms)} |")
    assert not any("@other.example" in mail for mail in out), f"it still goes on after {said} mails of ours"
    assert said <= (70 if machine == NEW_WORDS else 40)
    answered = stage.mail(KIM, "Is anybody there?", subject="Invoice", id="kim@customer.example")
    assert f"request_received to {KIM}" in answered


def test_a_machine_that_asks_for_the_status_runs_dry(stage: Stage) -> None:
    """From ever new sub-addresses, too."""
    asked = [stage.mail(f"robot+{n}@other.example", "status", subject="status", minutes=0.1) for n in range(30)]
    assert 0 < sum(map(len, asked)) < 10


def test_an_agents_holiday_note_goes_to_no_customer(stage: Stage) -> None:
    """From a program that marks it by nothing but its subject; a colleague hears of it and Anna that it waits, once."""
    stage.answer(KIM, ACK, "Well?")
    both = [f"agent_receipt to {ANNA}", f"agent_notice to {BOB}"]
    for to, told in ((NOTICE, both), (f"agent_receipt to {ANNA}", [])):
        assert stage.answer(ANNA, to, "I am on holiday until Monday.", subject="Out of office: Re: Printer") == told
    assert "holiday" not in stage.to_customers()


def test_an_agents_note_in_the_subject_alone_is_folded(stage: Stage) -> None:
    """Nothing below: nobody is asked anything, a colleague hears of it once a day, however often it comes."""
    stage.answer(KIM, ACK, "Well?")
    bob = [f"agent_notice to {BOB}"]
    for minutes, told in ((1, bob), (60, []), (2000, bob)):
        stage.answer(KIM, ACK, f"{minutes}!", minutes=minutes)
        assert stage.answer(ANNA, NOTICE, "", subject="Abwesend: Printer") == told
        assert stage.newest[:2] == ("settled", "automatic-on-ticket")


ROBOT = "I read my mails on Friday. Your mail"


def let_go(stage: Stage) -> None:
    """Everything that waits leaves now."""
    while rows := stage.database.write_now(lambda tx: tx.claims.take("sink", 200, 60, stage.clock.now)):
        for row, _ in rows:
            stage._settle(row.id)


@pytest.mark.parametrize("words", [f"{ROBOT} was received.", ROBOT + " {1} of number {0} was received."])
@pytest.mark.parametrize("seconds", [1, 9, 90])
def test_an_agents_unmarked_robot_is_held_from_its_second_answer(build: Build, words: str, seconds: int) -> None:
    """Anna's program answers notices and receipts, at once or slowly, with the same words or others: one customer
    reads one, Anna gets one receipt, the operator one alarm."""
    if seconds > 15 and "{" in words:
        pytest.skip("nothing tells a slow program with words of its own from a person")
    stage, answered = build(), {0}
    for number in range(3):
        stage.mail(f"kim{number}@customer.example", f"Well, {number}?", subject=f"Question {number}", minutes=2)
        while new := [row for row, _ in stage.sent if row.id not in answered and row.recipient == ANNA]:
            let_go(stage)
            answered |= {row.id for row, _ in stage.sent}
            for i, row in enumerate(new):
                step = {"headers": {"In-Reply-To": f"<{row.message_id}>"}, "minutes": 0 if i else seconds / 60}
                stage.mail(ANNA, words.format(row.id, row.notice), **step)
    rows = [(row.notice, data.decode()) for row, data in stage.sent]
    assert len([1 for notice, data in rows if notice == "reply" and ROBOT in data]) == 1
    assert len([1 for notice, data in rows if notice == "agent_receipt" and "Kept as a draft" in data]) == 1
    assert len([1 for notice, _ in rows if notice == "operator_alarm"]) == 1
    assert len(stage.database.read_now(lambda tx: tx.drafts.waiting(stage.clock.now))) == 4


@pytest.mark.parametrize("minutes", [3, 0.5])
def test_a_person_with_the_same_short_answer_is_not_bothered(build: Build, minutes: float) -> None:
    """Three tickets are done one after the other, some time after the notices came."""
    stage = build()
    for number in range(3):
        stage.mail(f"kim{number}@customer.example", f"Well, {number}?", subject=f"Question {number}")
    let_go(stage)
    stage.clock.forward(minutes=3)
    for number in range(3):
        out = stage.answer(ANNA, NOTICE, "Done, thanks.", older=number, minutes=minutes)
        assert f"reply to kim{2 - number}@customer.example" in out


def test_what_seemed_a_programs_is_one_send_away(stage: Stage) -> None:
    """The agent sends the same words twice, for the first mail seemed lost."""
    assert stage.answer(ANNA, NOTICE, "Water is on its way!") == [f"agent_receipt to {ANNA}"]
    out = stage.answer(ANNA, f"agent_receipt to {ANNA}", "#send")
    assert out == [f"reply to {KIM}", f"agent_receipt to {ANNA}"]


def test_an_empty_answer_to_a_receipt_has_no_receipt(stage: Stage) -> None:
    """A program that says nothing would say it for ever."""
    assert stage.answer(ANNA, f"agent_receipt to {ANNA}", "") == []
    assert stage.newest[1] == "agent-mail-without-text"
    assert stage.answer(ANNA, NOTICE, "") == [f"agent_receipt to {ANNA}"]


# --- losing a mail ------------------------------------------------------------------------------------

PLAIN = b"""From: Kim <kim@customer.example>
To: %s
Message-ID: <%s@customer.example>
Date: Mon, 02 Mar 2026 10:00:00 +0000
Subject: %s

%s
"""


def test_one_mail_to_two_mailboxes_is_one_ticket(build_on_both: Build) -> None:
    """Whether it comes once for both or once for each, by whichever way."""
    stage = build_on_both()
    data = PLAIN % (b"support@example.com, hilfe@example.de", b"1", b"Printer", b"It burns.")
    stage.arrive(data, SUPPORT)
    stage.arrive(b"Received: from x by y\nX-Spam: no\n" + data, "hilfe@example.de")
    stage.arrive(data, SUPPORT, source="import")
    assert stage.tickets() == 1
    assert stage.newest == ("settled", "duplicate", 1)


def test_a_copy_by_a_mailing_list_is_on_the_same_ticket(build: Build) -> None:
    """The list puts its name into the subject and a line under the text: it is the same mail, and says nothing new."""
    stage = build()
    stage.arrive(PLAIN % (b"support@example.com", b"1", b"Printer", b"It burns."))
    footer = b"It burns.\n_______\nlist@customer.example"
    stage.arrive(
        b"List-Id: <list.customer.example>\n" + PLAIN % (b"support@example.com", b"1", b"[list] Printer", footer)
    )
    assert stage.tickets() == 1
    assert stage.newest == ("settled", "duplicate", 1)


def test_a_mail_without_an_id_is_one_mail_however_often_it_is_retried(build: Build) -> None:
    """And another one without an id is another."""
    stage = build()
    data = (PLAIN % (b"support@example.com", b"1", b"Printer", b"It burns.")).replace(b"Message-ID", b"X-None")
    stage.arrive(data)
    stage.arrive(b"Received: from x by y\n" + data)
    assert (stage.tickets(), stage.newest[1]) == (1, "duplicate")
    stage.arrive(data.replace(b"10:00", b"11:00"))
    assert (stage.tickets(), stage.newest[1]) == (2, "new-request")


def test_an_alarm_that_says_the_same_every_day_is_heard_every_day(build: Build) -> None:
    """A script that writes neither id nor date: a repetition at once is the same mail, tomorrow's is not."""
    stage = build()
    data = b"From: disk@systems.example\nTo: support@example.com\nSubject: Disk full\n\n/var\n"
    for reason in ("new-request", "duplicate"):
        stage.arrive(data, sender="disk@systems.example")
        assert stage.newest[1] == reason
    for _ in range(2):
        stage.clock.forward(days=1)
        stage.arrive(data, sender="disk@systems.example")
        assert stage.newest[1] == "new-request"
        stage.clock.forward(minutes=5)
        stage.arrive(data, sender="disk@systems.example")
        assert stage.newest[1] == "duplicate"


def test_nobody_can_have_a_mail_taken_for_a_copy(stage: Stage) -> None:
    """Mallory sends another mail under an id Kim is about to use."""
    stage.arrive(PLAIN % (b"support@example.com", b"2", b"Printer", b"It burns."), sender=MALLORY)
    stage.arrive(PLAIN % (b"support@example.com", b"2", b"Printer", b"The house burns."))
    assert stage.newest[1] != "duplicate"


@pytest.mark.parametrize("subject", ["Ticket 491511234567", "#999999999999", "[RD-999999999999-AAAAAA]", "Anfrage 0"])
def test_a_long_number_stops_no_mail(build_on_both: Build, subject: str) -> None:
    """People write telephone numbers into subjects."""
    stage = build_on_both()
    stage.mail(KIM, subject=subject)
    assert stage.newest == ("settled", "new-request", 1)


def test_no_header_is_too_long(build_on_both: Build) -> None:
    """Ids of a thousand signs, thousands of references, hundreds of people."""
    stage = build_on_both()
    long = "\u5000" * 330
    head = (
        f"From: {KIM}\nTo: {SUPPORT}\nMessage-ID: <{long * 3}@x>\nReferences: <{long}1@x> <{long * 3}2@x> <{long}3@x>\n"
    )
    stage.arrive(f"{head}Subject: Printer\n\nHello.\n".encode())
    assert stage.newest[:2] == ("settled", "new-request")
    body = "\n".join(f"RD-{n}-AAAAAA" for n in range(4000))
    stage.mail(KIM, body, id="many@x.example", cc=", ".join(f"p{n}@customer.example" for n in range(400)))
    assert stage.newest[:2] == ("settled", "new-request")
    assert len(stage.ticket(2).people) <= 50


def test_a_question_about_the_status_reaches_a_human(stage: Stage) -> None:
    """In reply to a ticket it is a reply; alone it is answered with the list."""
    assert f"agent_notice to {ANNA}" in stage.answer(KIM, ACK, "Status?")
    assert stage.newest == ("settled", "reply", 1)


# --- sending to the wrong person -------------------------------------------------------------------------


def test_automatic_mail_to_nobody_who_reads(build: Build) -> None:
    """A shop's no-reply address gets an agent's answer, if the agent wants, and nothing a machine says."""
    stage = build()
    shop = "no-reply@shop.example"
    assert stage.mail(shop) == [f"agent_notice to {ANNA}", f"agent_notice to {BOB}"]
    assert f"reply to {shop}" in stage.answer(ANNA, NOTICE, "Please stop.")
    for text in ("#wait", "#solved", "#close"):
        assert stage.answer(ANNA, NOTICE, text) == [f"agent_receipt to {ANNA}"]


def test_nothing_is_ever_sent_to_ourselves(build: Build) -> None:
    """Not by an alias, a reply address or a copy; not even when an agent says so."""
    stage = build()
    stage.mail(KIM, cc="hilfe@example.de, support+x@example.com")
    stage.answer(ANNA, NOTICE, "#from support@example.com")
    stage.answer(ANNA, NOTICE, "Hello.")
    assert not [row for row, _ in stage.sent if row.recipient.startswith(("support", "hilfe"))]


def test_a_blind_copy_to_us_stays_between_the_author_and_us(build: Build) -> None:
    """Kim writes to clients with the desk in Bcc: the clients know nothing of it, and get no answer of ours."""
    stage = build()
    stage.mail(KIM, to="pat@client.example", cc=LEE, recipients=[SUPPORT])
    assert stage.answer(ANNA, NOTICE, "Your clients owe us money.")[:1] == [f"reply to {KIM}"]
    assert not [row for row, _ in stage.sent if row.recipient in ("pat@client.example", LEE)]


def test_a_reply_to_field_moves_no_answer(stage: Stage) -> None:
    """Only a trusted form's counts: Mallory cannot redirect what Kim asked."""
    stage.answer(KIM, ACK, "Well?", reply_to=MALLORY)
    assert stage.answer(ANNA, NOTICE, "The code is 1234.")[0] == f"reply to {KIM}"
    assert not [row for row, _ in stage.sent if row.recipient == MALLORY]


def test_a_reference_of_another_ticket_in_the_subject_does_not_lead_there(build: Build) -> None:
    """Lee writes a new mail with Kim's reference in its subject; answers to ours end on Lee's own ticket."""
    stage = build()
    stage.mail(KIM)
    stage.mail(LEE, subject="Re: Printer [{reference:1}]")
    subject = str(stage.out(f"request_received to {LEE}")[1]["Subject"])
    stage.mail(LEE, "And now?", subject=f"AW: {subject}")
    assert stage.newest == ("settled", "reply", 2)


def test_a_merge_that_was_taken_back_leaves_nobody_behind(stage: Stage) -> None:
    """Anna merges the wrong ticket into Kim's: after #undo its author gets none of Kim's answers."""
    stage.mail(MALLORY)
    stage.answer(ANNA, NOTICE, "#merge 1")
    assert not stage.ticket(1).knows(MALLORY)
    stage.answer(ANNA, f"agent_receipt to {ANNA}", "#send")
    assert stage.ticket(1).knows(MALLORY)
    stage.answer(ANNA, f"agent_receipt to {ANNA}", "#undo")
    assert not stage.ticket(1).knows(MALLORY)
    assert stage.ticket(2).requester.address == MALLORY
    stage.answer(KIM, ACK, "Well?")
    assert [o for o in stage.answer(ANNA, NOTICE, "The code is 1234.") if o.startswith("reply")] == [f"reply to {KIM}"]


# --- making an agent's text leak ---------------------------------------------------------------------------


@pytest.fixture
def noted(stage: Stage) -> Stage:
    """Bob left a note, and Kim asked again, so that Anna's notice holds it."""
    stage.answer(BOB, f"agent_notice to {BOB}", f"#note\n{SECRET}")
    stage.answer(KIM, ACK, "Well?")
    assert SECRET in str(stage.out(NOTICE)[1].get_body(("plain",)))
    return stage


def test_a_file_without_a_word_brings_no_quoted_note(noted: Stage) -> None:
    """Neither in that mail nor in the conversation of the next one, nor is it found by a search."""
    file = [{"name": "bill.pdf", "type": "application/pdf", "content": "x"}]
    out = noted.answer(ANNA, NOTICE, f"{{quote:{NOTICE}}}", files=file)
    assert f"reply to {KIM}" in out
    noted.answer(KIM, ACK, "Thank you.")
    noted.answer(ANNA, NOTICE, "Welcome.")
    assert SECRET not in noted.to_customers()
    assert noted.database.read_now(lambda tx: tx.reads.search(Wanted(text="never pays"))) == []


@pytest.mark.parametrize("text", [f"{{quote:{NOTICE}}}\n\nIt is paid.", f"It is paid.\n\n{{quote:{NOTICE}}}"])
def test_an_answer_above_or_below_the_quoted_notice(noted: Stage, text: str) -> None:
    """Goes out without the notice."""
    out = noted.answer(ANNA, NOTICE, text)
    assert SECRET not in noted.to_customers()
    if f"reply to {KIM}" in out:
        assert "It is paid." in noted.to_customers()
    else:
        assert out == [f"agent_receipt to {ANNA}"]


def test_a_notice_that_hangs_on_the_answer_stays_here(noted: Stage) -> None:
    """A program that attaches what it answers."""
    _, notice = noted.out(NOTICE)
    m = EmailMessage(policy=email_policy.SMTP)
    m["From"], m["To"], m["Subject"], m["Message-ID"] = ANNA, SUPPORT, "Re: Printer", "<a@example.com>"
    m["In-Reply-To"] = str(notice["Message-ID"])
    m.set_content("It is paid.\n")
    m.add_attachment(notice)
    m.add_attachment(b"x", maintype="application", subtype="pdf", filename="bill.pdf")
    out = noted.arrive(m.as_bytes().replace(b"\r\n", b"\n"), sender=ANNA)
    assert out[0] == f"reply to {KIM}"
    assert [f.filename for f in noted.out(f"reply to {KIM}")[0].files] == ["bill.pdf"]
    entry = noted.database.read_now(lambda tx: tx.reads.entries(1))[-1]
    assert [a.filename for a in entry.attachments] == ["bill.pdf"]


@pytest.mark.parametrize(("order", "opens"), [("#to", 2), ("#for", 2), ("#from", 0)])
def test_a_notice_that_hangs_on_a_new_mail_stays_here(noted: Stage, order: str, opens: int) -> None:
    """The same when an agent begins a conversation."""
    _, notice = noted.out(NOTICE)
    m = EmailMessage(policy=email_policy.SMTP)
    m["From"], m["To"], m["Subject"], m["Message-ID"] = ANNA, SUPPORT, "Offer", "<b@example.com>"
    m.set_content(f"{order} pat@customer.example\n\nHere is our offer.\n")
    m.add_attachment(notice)
    data = m.as_bytes()
    noted.clock.forward(minutes=1)
    before = noted.last_out
    noted._handle(data, Envelope("smtp", ANNA, (SUPPORT,), authenticated_as=ANNA))
    noted._show_out()
    assert noted._since(before)
    assert not [f for row, _ in noted.sent if row.audience == "customer" for f in row.files]
    assert SECRET not in noted.to_customers()
    entries = noted.database.read_now(lambda tx: tx.reads.entries(noted.newest[2]))
    assert noted.newest[2] == opens
    assert SECRET not in repr([e for e in entries if e.kind == "correspondence"])


def test_an_agents_words_around_the_desk_are_kept(stage: Stage) -> None:
    """The customer has them already: the record must not be emptied by what would stop an answer."""
    text = "Dear Pat,\nthe command is\n#close\nRegards"
    stage.mail(ANNA, text, to="pat@customer.example", cc=SUPPORT, recipients=[SUPPORT], authenticated_as=ANNA)
    assert stage.newest[1] == "agent-wrote-to-the-customer"
    entry = stage.database.read_now(lambda tx: tx.reads.entries(stage.newest[2]))[0]
    assert "Regards" in entry.new_text


@pytest.mark.parametrize("order", ["#solved", "#wait", "#status new", "#assign nobody knows", "#merge 99", "#undo"])
def test_an_order_that_cannot_be_carried_out_is_answered(stage: Stage, order: str) -> None:
    """The agent hears why; the mail is never held for it, and the customer hears nothing."""
    stage.answer(ANNA, NOTICE, "#close")
    before = stage.to_customers()
    assert stage.answer(BOB, f"agent_notice to {BOB}", order) == [f"agent_receipt to {BOB}"]
    assert stage.newest[0] == "settled"
    assert (stage.ticket().status, stage.to_customers()) == ("closed", before)


def test_a_customer_gives_no_orders(stage: Stage) -> None:
    """Commands of agents are text in a customer's mail; only closing is theirs."""
    for order in (
        "#note x",
        "#assign me",
        "#merge 1",
        "#from mallory@elsewhere.example",
        "#spam",
        "#undo",
        "#split",
        "#help",
    ):
        stage.answer(KIM, ACK, order)
        assert stage.newest == ("settled", "reply", 1)
    ticket = stage.ticket()
    assert (ticket.requester.address, ticket.assignee, ticket.spam, ticket.status) == (
        KIM,
        ANNA,
        False,
        "waiting_on_us",
    )


def test_raw_mails_are_kept_for_all_that_was_tried(stage: Stage) -> None:
    """Whatever was decided: every mail that came is in the journal with its bytes."""
    stage.mail(MALLORY, subject="[{reference:1}]")
    stage.mail(SUPPORT, "loop", reply_to="{reply-address:1}")
    rows = stage.database.read_now(lambda tx: tx.journal.recent())
    assert len(rows) == 4
    assert all(row.state == "settled" for row in rows)
    for row in rows:
        found, data = stage.database.read_now(lambda tx, id=row.id: tx.journal.load(id))  # type: ignore[misc]
        assert raw.pack(data).sha256 == found.sha256
    assert replace(rows[0], id=0).reason == "own-mail-came-back"
