"""What we send: header values and words of every notice, for everybody who may get one."""

from __future__ import annotations

import email
import email.policy
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import texts
from gateway.core import person_traces, token
from gateway.core.buttons import REGISTRATION_DAYS, RESET_HOURS, SIGN_IN_HOURS, close_mailto, reply_mailto
from gateway.core.compose import CONVERSATION_LINES, Scene, compose
from gateway.core.entry_words import LINE_LENGTH, besides
from gateway.core.labels import BUTTONS, HEADLINES, SUBJECTS
from gateway.core.lifecycle import Status
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest, Outbound
from gateway.core.policy import Agent, Policy
from gateway.core.ticket import EntryKind, Participant, Role, Ticket
from gateway.mail.message import Address
from gateway.mail.sentence import code
from gateway.render import wire
from tests.conftest import NOW
from tests.core.build import (
    ANNA,
    BOB,
    BOX,
    EXAMPLES,
    KEYS,
    KIM,
    LEE,
    PLAIN_BOX,
    POLICY,
    SUPPORT,
    attachment,
    entry,
    follower,
    participant,
    reference,
    reply_address,
    ticket,
)

IDS = ("one@customer.example", "two@customer.example")
ON = ticket(assignee=ANNA.address, people=(participant(LEE), follower(BOB)))
FILE = AttachedFile("0" * 64, "2", "bill.pdf", "application/pdf")
ANSWER = entry(
    "It is paid.",
    id=3,
    author=ANNA,
    role=Role.AGENT,
    message_id="anna-wrote-it@example.com",
    attachments=(attachment(),),
)
QUESTION = entry("It burns.", id=1)
NOTE = entry("He never pays.", id=2, kind=EntryKind.COMMENT, author=BOB, role=Role.AGENT)
AWAY = entry("I am away.", id=4, kind=EntryKind.AUTOMATIC)
HISTORY = (QUESTION, NOTE, ANSWER, AWAY)

CUSTOMERS = (
    Notice.REQUEST_RECEIVED,
    Notice.REGISTRATION,
    Notice.REGISTERED,
    Notice.PASSWORD_RESET,
    Notice.SIGN_IN,
    Notice.REPLY,
    Notice.STATUS_CHANGED,
    Notice.MERGED,
    Notice.CLOSE_CONFIRMATION,
    Notice.CLOSED,
    Notice.TICKET_LIST,
    Notice.SOLVED_REMINDER,
    Notice.WAITING_REMINDER,
    Notice.RATING_REQUEST,
    Notice.RATED,
)
AUDIENCES = {
    **dict.fromkeys(CUSTOMERS, Audience.CUSTOMER),
    Notice.AGENT_NOTICE: Audience.AGENT,
    Notice.AGENT_RECEIPT: Audience.AGENT,
    Notice.AGENT_DIGEST: Audience.AGENT,
    Notice.OPERATOR_ALARM: Audience.OPERATOR,
    Notice.CANARY: Audience.OPERATOR,
}
RECIPIENTS = {
    Audience.CUSTOMER: KIM,
    Audience.AGENT: ANNA,
    Audience.OPERATOR: Address("root@example.com"),
}


def request(notice: Notice, to: Address | None = None, **fields: object) -> NoticeRequest:
    audience = AUDIENCES[notice]
    headline = "new_request" if audience is Audience.AGENT else "alarm" if audience is Audience.OPERATOR else ""
    plain = NoticeRequest(notice, to or RECIPIENTS[audience], audience, headline)
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def scene(on: Ticket | None = ON, **fields: object) -> Scene:
    plain = Scene(NOW, "journal:17", on, refers_to=IDS)
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def answered(**fields: object) -> Scene:
    plain = scene(entry=ANSWER, text="It is paid.", conversation=HISTORY, files=(FILE,))
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def sent(notice: Notice, where: Scene | None = None, policy: Policy = POLICY, **fields: object) -> Outbound:
    return compose(request(notice, **fields), where or scene(), policy)  # type: ignore[arg-type]


# --- every notice ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Contract:
    """What a notice looks like on the wire."""

    automatic: str
    """Of Auto-Submitted; empty: a human wrote it."""
    null: bool
    """Sent from the null reverse path."""
    reply_to: str
    """The purpose of the mark in Reply-To; empty: none."""
    subject: str
    path: str = ""
    """Of the button; empty: none."""


MARK = reference(7)
AS_REPLY = f"Re: Printer is on fire {MARK}"
CONTRACTS = {
    Notice.REQUEST_RECEIVED: Contract("auto-replied", True, "t", AS_REPLY, "/tickets/7"),
    Notice.REGISTRATION: Contract("auto-replied", True, "t", "Your access to the service portal", "/register/"),
    Notice.REGISTERED: Contract("auto-generated", False, "t", "Your access is ready", "/sign-in"),
    Notice.PASSWORD_RESET: Contract("auto-generated", False, "t", "Set a new password", "/reset/"),
    Notice.SIGN_IN: Contract("auto-generated", False, "t", "Your link to sign in", "/enter/"),
    Notice.REPLY: Contract("", False, "t", AS_REPLY, "/tickets/7"),
    Notice.MERGED: Contract("auto-generated", False, "t", AS_REPLY, "/tickets/7"),
    Notice.STATUS_CHANGED: Contract("auto-generated", False, "t", AS_REPLY, "/tickets/7"),
    Notice.CLOSE_CONFIRMATION: Contract("", False, "t", AS_REPLY, "/close/"),
    Notice.CLOSED: Contract("auto-generated", False, "t", AS_REPLY, "/tickets/7"),
    Notice.TICKET_LIST: Contract("auto-replied", True, "t", "Your open requests"),
    Notice.SOLVED_REMINDER: Contract("auto-generated", False, "t", AS_REPLY, "/close/"),
    Notice.WAITING_REMINDER: Contract("auto-generated", False, "t", AS_REPLY, "/tickets/7"),
    Notice.RATING_REQUEST: Contract("auto-generated", False, "t", AS_REPLY),
    Notice.RATED: Contract("auto-generated", False, "t", AS_REPLY, "/tickets/7"),
    Notice.AGENT_DIGEST: Contract("auto-generated", False, "a", f"New request: Printer is on fire {MARK}"),
    Notice.AGENT_NOTICE: Contract("auto-generated", False, "a", f"New request: Printer is on fire {MARK}"),
    Notice.AGENT_RECEIPT: Contract("auto-replied", True, "", f"New request: Printer is on fire {MARK}"),
    Notice.CANARY: Contract("auto-generated", False, "", f"Please look at this: Printer is on fire {MARK}"),
    Notice.OPERATOR_ALARM: Contract("auto-generated", False, "", "Replydesk needs your attention"),
    Notice.CANARY: Contract("auto-generated", False, "", f"Please look at this: Printer is on fire {MARK}"),
}


def test_every_notice_has_a_contract() -> None:
    """And an audience."""
    assert CONTRACTS.keys() == AUDIENCES.keys() == set(Notice)


@pytest.mark.parametrize("notice", AUDIENCES)
def test_a_notice_keeps_its_contract(notice: Notice) -> None:
    """Auto-Submitted, reverse path, Reply-To, subject, button."""
    contract = CONTRACTS[notice]
    where = answered() if not contract.automatic else scene()
    mail = sent(notice, where)
    assert mail.auto_submitted == contract.automatic
    assert mail.reverse_path == ("" if contract.null else SUPPORT.address)
    assert mail.subject == contract.subject
    if contract.reply_to:
        holder = ANNA.key if contract.reply_to == "a" else ""
        assert mail.reply_to == Address(reply_address(7, contract.reply_to, holder), SUPPORT.name)
    else:
        assert mail.reply_to is None
    button = mail.words.button
    if contract.path:
        assert button is not None
        assert button.url.startswith(POLICY.public_url + contract.path)
    elif notice is not Notice.TICKET_LIST:
        assert button is None
    assert mail.from_.address == SUPPORT.address
    assert (mail.recipient, mail.ticket, mail.date) == (RECIPIENTS[AUDIENCES[notice]], 7, NOW)


@pytest.mark.parametrize("notice", AUDIENCES)
def test_a_notice_threads(notice: Notice) -> None:
    """Its own id stands last in References; parents are the reader's own mails, else the root of what we sent them."""
    mail = sent(notice)
    own = token.read_message_id(KEYS, mail.message_id, frozenset({ANNA.key}))
    agent = AUDIENCES[notice] is Audience.AGENT
    assert own is not None
    assert (own.named.number, own.audience, own.holder) == (7, "a" if agent else "c", ANNA.key if agent else "")
    assert mail.references[-1] == mail.message_id
    assert len(set(mail.references)) == len(mail.references)
    if AUDIENCES[notice] is Audience.CUSTOMER:
        assert mail.in_reply_to == IDS[-1]
        assert mail.references[:2] == IDS
    else:
        assert mail.in_reply_to == mail.references[0]
        assert not set(IDS) & set(mail.references)


@pytest.mark.parametrize("notice", AUDIENCES)
def test_the_same_scene_gives_the_same_mail(notice: Notice) -> None:
    """A retry repeats the Message-ID; another cause, recipient, notice or headline has another."""
    mail = sent(notice)
    assert mail == sent(notice)
    others = [
        sent(notice, scene(cause="journal:18")),
        sent(notice, to=LEE if AUDIENCES[notice] is Audience.CUSTOMER else BOB),
        sent(notice, headline="reply"),
        *(sent(n) for n in AUDIENCES if n is not notice),
    ]
    ids = [o.message_id for o in others]
    assert mail.message_id not in ids
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("notice", CUSTOMERS)
@pytest.mark.parametrize("where", [scene(), answered()], ids=["news", "answer"])
def test_a_customer_never_reads_of_agents(notice: Notice, where: Scene) -> None:
    """No agent's address, no note, no assignee, no evidence, no agent's mark: nowhere in the mail."""
    everything = repr(sent(notice, where))
    for secret in (ANNA.address, BOB.address, NOTE.body_text, "anna-wrote-it@example.com", ".a.", "evidence='o"):
        assert secret not in everything


@pytest.mark.parametrize("notice", CUSTOMERS)
def test_only_the_requester_gets_a_button_of_the_ticket(notice: Notice) -> None:
    """Others in copy have no page to open, and none of them closes somebody's ticket by a link."""
    words = sent(notice, answered(), to=LEE).words
    if notice in (Notice.REGISTRATION, Notice.REGISTERED, Notice.PASSWORD_RESET, Notice.SIGN_IN):
        assert words.button is not None
        assert "/tickets/" not in words.button.url
    elif notice is not Notice.TICKET_LIST:
        assert (words.button, words.close_mailto) == (None, "")


@pytest.mark.parametrize("notice", AUDIENCES)
def test_without_plus_addressing_there_is_no_reply_to(notice: Notice) -> None:
    """The mailbox itself is answered; ids and the reference lead back."""
    mail = sent(notice, scene(replace(ON, mailbox=PLAIN_BOX.address)))
    assert mail.reply_to is None
    assert mail.from_ == Address(PLAIN_BOX.address, PLAIN_BOX.name) or notice is Notice.AGENT_NOTICE
    assert mail.message_id.endswith("@example.de")
    assert mail.words.close_mailto == ""


@pytest.mark.parametrize("notice", AUDIENCES)
def test_a_relay_that_refuses_the_null_path(notice: Notice) -> None:
    """One key changes it for all."""
    assert sent(notice, policy=replace(POLICY, null_reverse_path=False)).reverse_path == SUPPORT.address


# --- who wrote it -------------------------------------------------------------------------------


@pytest.mark.parametrize("notice", [Notice.REPLY, Notice.CLOSE_CONFIRMATION])
@pytest.mark.parametrize("where", [answered(), answered(files=()), answered(text="")], ids=["both", "text", "file"])
def test_what_a_human_wrote_is_not_marked(notice: Notice, where: Scene) -> None:
    """An answer is a person's, be it text or file; it goes out under that person's name."""
    mail = sent(notice, where)
    assert mail.auto_submitted == ""
    assert mail.from_ == Address(SUPPORT.address, "Anna Agent (Example Support)")
    assert mail.words.author == "Anna Agent"
    assert mail.files == where.files


def test_a_confirmation_nobody_wrote_is_automatic() -> None:
    """The clock, or a bare `#solved`, asks for it."""
    assert sent(Notice.CLOSE_CONFIRMATION).auto_submitted == "auto-generated"


def test_an_agents_notice_is_from_the_customer_by_name() -> None:
    """So that a mail program sorts by customer; the address stays ours."""
    mail = sent(Notice.AGENT_NOTICE, scene(entry=QUESTION))
    assert mail.from_ == Address(SUPPORT.address, "Kim Customer – Example Support")
    nameless = sent(Notice.AGENT_NOTICE, scene(entry=replace(QUESTION, author=Address(KIM.address))))
    assert nameless.from_.name == "kim@customer.example – Example Support"


@pytest.mark.parametrize("notice", [Notice.REPLY, Notice.CLOSE_CONFIRMATION])
@pytest.mark.parametrize("text", ["It is the ribbon.", ""])
def test_the_address_of_an_agent_without_a_name_is_no_sender(notice: Notice, text: str) -> None:
    """`agents.name` may be empty: then the customer reads the mailbox's name, in the field as in the text."""
    where = answered(text=text)
    assert where.entry is not None
    unnamed = replace(where, entry=replace(where.entry, author=Address(ANNA.address)))
    assert compose(request(notice), unnamed, POLICY).from_ == Address(SUPPORT.address, "Example Support")


# --- the subject ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Printer", f"Re: Printer {MARK}"),
        ("Re: AW: Printer", f"Re: Printer {MARK}"),
        (f"Re: Printer {MARK}", f"Re: Printer {MARK}"),
        (f"{MARK} Printer", f"Re: Printer {MARK}"),
        (f"Printer {reference(3)}", f"Re: Printer {MARK}"),
        ("Printer [RD-3-AAAAAA] and RD-4-BBBBBB, please", f"Re: Printer and , please {MARK}"),
        (reference(3), f"Re: Your request {MARK}"),
        ("", f"Re: Your request {MARK}"),
        ("Re:", f"Re: Your request {MARK}"),
        ("x" * 500, f"Re: {'x' * 180} {MARK}"),
        ("[HD-3-AAAAAA] Printer of RD", f"Re: Printer of RD {MARK}"),
    ],
)
def test_the_customers_subject_with_one_reference(subject: str, said: str) -> None:
    """Kept, without what programs put in front; a reference of another ticket would lead the answer there."""
    mail = sent(Notice.CLOSED, scene(replace(ON, subject=subject)))
    assert mail.subject == said
    assert token.find_references("RD", mail.subject) == ((7, MARK[-7:-1]),)
    for_agents = sent(Notice.AGENT_NOTICE, scene(replace(ON, subject=subject)))
    assert token.find_references("RD", for_agents.subject) == ((7, MARK[-7:-1]),)
    link = unquote(reply_mailto(replace(ON, subject=subject), POLICY))
    assert token.find_references("RD", link) == ((7, MARK[-7:-1]),)


def test_a_request_without_a_subject_is_not_called_the_agents() -> None:
    """To its customer it is "Your request"; whoever works on it reads what happened."""
    without = scene(replace(ON, subject=""))
    assert sent(Notice.CLOSED, without).subject == f"Re: Your request {MARK}"
    assert sent(Notice.AGENT_NOTICE, without).subject == f"New request {MARK}"


def test_a_mail_about_no_ticket() -> None:
    """No reference, no thread, nothing to answer to."""
    mail = sent(Notice.OPERATOR_ALARM, Scene(NOW, "alarm:held"))
    assert (mail.in_reply_to, mail.references, mail.ticket, mail.reply_to) == ("", (mail.message_id,), 0, None)
    receipt = sent(Notice.AGENT_RECEIPT, Scene(NOW, "journal:1"), headline="nothing_done")
    assert receipt.subject == "Nothing was done"


# --- the language -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact", "of_ticket", "box", "site", "language"),
    [
        ("de", "en", "en", "en", "de"),
        ("", "de", "en", "en", "de"),
        ("", "", "de", "en", "de"),
        ("", "", "", "de", "de"),
        ("", "", "", "en", "en"),
        ("sv", "", "de", "en", "de"),
        ("sv", "sv", "sv", "sv", "en"),
    ],
)
def test_the_language_of_a_customer(contact: str, of_ticket: str, box: str, site: str, language: str) -> None:
    """The contact's, the ticket's, the mailbox's, the site's; one there are words for."""
    policy = replace(POLICY, mailboxes=(replace(BOX, language=box),), default_language=site)
    where = scene(replace(ON, language=of_ticket), languages={KIM.key: contact} if contact else {})
    words = sent(Notice.CLOSED, where, policy).words
    assert words.language == language
    assert words.ticket is not None
    assert words.ticket.status_label == {"de": "Wartet auf uns", "en": "Waiting on us"}[language]


def test_the_language_of_an_agent() -> None:
    """The agent's own, else the mailbox's; never the customer's."""
    german = replace(POLICY, agents=(Agent(ANNA.address, "Anna", language="de"), Agent(BOB.address, "Bob")))
    where = scene(replace(ON, language="de"), languages={BOB.key: "de"})
    assert sent(Notice.AGENT_NOTICE, where, german).words.language == "de"
    assert sent(Notice.AGENT_NOTICE, where, german, to=BOB).words.language == "en"


def test_every_word_there_is_in_every_language() -> None:
    """Subjects, buttons and headlines: none is English in another."""
    for words in (SUBJECTS, BUTTONS, HEADLINES):
        for word in words.values():
            english, *others = (texts.catalog(language).gettext(word) for language in POLICY.languages)
            assert english == word
            assert english not in others, word


# --- words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", [answered(), answered(text="")], ids=["text", "file"])
def test_the_conversation_of_a_customer(where: Scene) -> None:
    """What both sides said, newest first, without the answer itself, notes and machines."""
    lines = sent(Notice.REPLY, where).words.conversation
    assert [(line.author, line.role, line.text) for line in lines] == [("Kim Customer", "customer", "It burns.")]


def test_the_conversation_of_an_agent() -> None:
    """Everything that was written, notes marked as such."""
    new = entry("And smokes.", id=9)
    lines = sent(Notice.AGENT_NOTICE, scene(entry=new, conversation=(*HISTORY, new))).words.conversation
    assert [(line.text, line.internal) for line in lines] == [
        ("I am away.", False),
        ("It is paid.", False),
        ("He never pays.", True),
        ("It burns.", False),
    ]


def test_a_long_conversation_is_cut_and_says_so() -> None:
    """The newest lines stay, long ones are shortened visibly, and the rest is counted."""
    many = tuple(entry(f"{n} " + "x" * (2 * LINE_LENGTH), id=10 + n) for n in range(CONVERSATION_LINES + 5))
    words = sent(Notice.REPLY, answered(conversation=(*many, ANSWER))).words
    assert len(words.conversation) == CONVERSATION_LINES
    assert words.conversation[0].text.startswith(f"{len(many) - 1} ")
    assert all(len(line.text) <= LINE_LENGTH + 100 and " […]\n\n[" in line.text for line in words.conversation)
    assert words.omitted == 5


def test_an_answer_is_never_cut() -> None:
    """What an agent writes goes out whole, however long."""
    text = "x" * 100_000
    assert sent(Notice.REPLY, answered(text=text)).words.text == text


def test_who_else_gets_an_answer() -> None:
    """Each recipient sees the others, not the unconfirmed, not followers."""
    on = replace(ON, people=(*ON.people, participant(Address("x@elsewhere.example"), confirmed=False)))
    assert sent(Notice.REPLY, answered(ticket=on)).words.also_to == (LEE.address,)
    assert sent(Notice.REPLY, answered(ticket=on), to=LEE).words.also_to == (KIM.address,)


def test_remarks_are_said_once_and_in_the_readers_language() -> None:
    """Of the request and of the entry."""
    marked = replace(QUESTION, remarks=(code("same_id"), code("encrypted")))
    german = replace(POLICY, agents=(Agent(ANNA.address, "Anna", language="de"),))
    remarks = sent(Notice.AGENT_NOTICE, scene(entry=marked), german, remarks=(code("same_id"),)).words.remarks
    assert remarks == (
        "Eine andere Mail mit derselben Message-ID ist schon eingegangen.",
        "Der Inhalt ist verschlüsselt und ohne Schlüssel nicht lesbar; er ist angehängt.",
    )


def test_files_go_along_with_the_text_only() -> None:
    """With an answer and with an agent's notice; not with news."""
    for notice in AUDIENCES:
        goes = notice in (Notice.REPLY, Notice.CLOSE_CONFIRMATION, Notice.AGENT_NOTICE)
        assert bool(sent(notice, answered()).files) is goes


def test_only_mails_that_may_be_answered_ask_to_write_above_the_line() -> None:
    """Receipts, alarms, probes and what only brings a link do not."""
    for notice in AUDIENCES:
        silent = (
            *(Notice.AGENT_RECEIPT, Notice.OPERATOR_ALARM, Notice.CANARY, Notice.REGISTRATION, Notice.REGISTERED),
            *(Notice.PASSWORD_RESET, Notice.SIGN_IN, Notice.CLOSED, Notice.RATING_REQUEST, Notice.RATED),
        )
        assert bool(sent(notice).words.marker) is (notice not in silent)


# --- links --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notice", "action", "subject", "lasts"),
    [
        (Notice.REGISTRATION, "register", KIM.key, timedelta(days=REGISTRATION_DAYS)),
        (Notice.PASSWORD_RESET, "reset", KIM.key, timedelta(hours=RESET_HOURS)),
        (Notice.SIGN_IN, "enter", KIM.key, timedelta(hours=SIGN_IN_HOURS)),
        (Notice.CLOSE_CONFIRMATION, "close", "7", timedelta(days=POLICY.link_days)),
    ],
)
def test_a_button_acts_for_one_purpose_and_a_while(notice: Notice, action: str, subject: str, lasts: timedelta) -> None:
    """The link is signed for its action, says when it ends, and the mail says so too."""
    words = sent(notice, scene(access_state="mark")).words
    assert words.button is not None
    link = token.read_link(KEYS, action, words.button.url.rpartition("/")[2], NOW)
    assert link is not None
    assert (link.subject, link.expires, link.expired) == (subject, NOW + lasts, False)
    assert words.expires == link.expires
    assert link.state == (token.address_mark(KEYS, KIM.key) if action == "close" else "mark")


def test_only_the_requester_is_asked_how_it_was() -> None:
    """Each answer is a link of its own, for a while; others in copy get none."""
    choices = sent(Notice.RATING_REQUEST).words.choices
    assert len({c.url for c in choices}) == len(choices) == 5
    for choice in choices:
        link = token.read_link(KEYS, "rate", choice.url.split("/")[-2], NOW)
        assert link is not None
        assert (link.subject, link.expired) == ("7", False)
    assert sent(Notice.RATING_REQUEST, to=LEE).words.choices == ()
    assert not [n for n in AUDIENCES if n is not Notice.RATING_REQUEST and sent(n).words.choices]


def test_mailto_links_are_addressed_and_carry_the_reference() -> None:
    """For readers without a browser; nothing in a subject breaks out of them."""
    on = replace(ON, subject="a&body=#close\r\nBcc: x@y.example?")
    for link, address in (
        (reply_mailto(on, POLICY), reply_address()),
        (close_mailto(on, POLICY, BOX), reply_address(7, "c")),
    ):
        parts = urlsplit(link)
        assert (parts.scheme, unquote(parts.path)) == ("mailto", address)
        assert reference()[1:-1] in parts.query
        assert "\r" not in unquote(parts.query)
        assert parts.query.count("&") == (1 if "close" in parts.query.partition("&")[2] else 0)
    assert reply_mailto(replace(ON, mailbox=PLAIN_BOX.address), POLICY).startswith("mailto:hilfe@example.de?")


# --- properties ------------------------------------------------------------------------------------------

NASTY = st.text(max_size=60) | st.sampled_from(
    ["a\r\nBcc: x@y.example", "\n\n", "=?utf-8?q?x?=", "\u202ex", '"x" <a@b.example>']
)
ADDRESSES = st.sampled_from(["kim@customer.example", "lee@customer.example", "jörg@bücher.example", '"a b"@c.example'])
REQUESTS = st.sampled_from(list(AUDIENCES)).flatmap(
    lambda n: st.builds(request, st.just(n), st.builds(Address, ADDRESSES, NASTY))
)
SCENES = st.builds(
    Scene,
    st.just(NOW),
    NASTY,
    st.none() | st.builds(ticket, st.integers(1, 10**9), st.sampled_from(Status), subject=NASTY),
    st.none() | st.builds(entry, NASTY, author=st.builds(Address, ADDRESSES, NASTY), role=st.sampled_from(Role)),
    NASTY,
    st.lists(st.builds(entry, NASTY), max_size=3).map(tuple),
    st.lists(NASTY, max_size=40).map(tuple),
)
FIELDS = {
    "From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "MIME-Version", "Content-Type", "Thread-Topic", "Thread-Index",
}  # fmt: skip


@EXAMPLES
@given(REQUESTS, SCENES)
def test_no_value_breaks_out_of_its_header(asked: NoticeRequest, where: Scene) -> None:
    """Whatever is in a subject, a name or an id: the mail has our fields, each once, and no other."""
    mail = compose(asked, where, POLICY)
    assert not set("\r\n") & set(mail.subject + mail.message_id + mail.auto_submitted + mail.reverse_path)
    data = wire.write(mail, "text", "<p>text</p>")
    parsed = email.message_from_bytes(data, policy=email.policy.compat32)
    names = parsed.keys()
    assert set(names) <= FIELDS
    assert len(names) == len(set(names))
    assert {"From", "To", "Subject", "Date", "Message-ID", "References"} <= set(names)
    assert max(len(line) for line in data.split(b"\r\n")) <= 998
    assert len(str(parsed["References"])) <= 4_096
    assert not token.find_references("RD", mail.subject) or mail.ticket


def test_an_answer_is_signed_by_the_agent_and_the_mailbox() -> None:
    """The agent's own lines first; automatic mail has neither."""
    agents = tuple(replace(a, signature="Extension 17" if a.address == ANNA.address else "") for a in POLICY.agents)
    policy = replace(POLICY, mailboxes=(replace(BOX, signature="Example Ltd\n"),), agents=agents)
    assert compose(request(Notice.REPLY), answered(), policy).words.signature == "Extension 17\n\nExample Ltd"
    by_bob = answered(entry=replace(ANSWER, author=BOB))
    assert compose(request(Notice.REPLY), by_bob, policy).words.signature == "Example Ltd"
    assert compose(request(Notice.STATUS_CHANGED), scene(), policy).words.signature == ""


def test_no_name_stands_twice_in_a_row() -> None:
    """A signature that begins with the name above it takes its place."""
    agents = tuple(replace(a, signature=f"{a.name}\nExtension 17") for a in POLICY.agents)
    policy = replace(POLICY, mailboxes=(replace(BOX, signature=f"{BOX.name}\nExample Street 1"),), agents=agents)
    words = compose(request(Notice.REPLY), answered(), policy).words
    assert words.author == f"{ANSWER.author.name}\nExtension 17\n"
    assert words.signature == "Example Street 1"


def test_nobody_who_was_erased_is_named() -> None:
    """Neither as somebody who gets the answer, nor as an author without a name."""
    gone = Address("anonymous")
    erased = replace(ON, people=(Participant(gone),))
    told = compose(request(Notice.REPLY), replace(answered(), ticket=erased), POLICY).words
    assert told.also_to == ()
    by_fax = replace(QUESTION, author=Address(""), role=Role.PARTICIPANT)
    for left in ("", person_traces.MARK):
        by_gone = replace(by_fax, body_text=left, reply_text="")
        shown = compose(request(Notice.REPLY), answered(conversation=(by_gone,)), POLICY).words.conversation
        assert shown[0].author == "(erased)"
    shown = compose(request(Notice.REPLY), answered(conversation=(by_fax,)), POLICY).words.conversation
    assert shown[0].author == "(no sender)"


def test_a_list_of_own_requests_speaks_the_language_of_the_newest() -> None:
    """Who reads all mails about them in French does not read the list in English; what is known of them comes first."""
    french = replace(ON, language="fr")
    listing = request(Notice.TICKET_LIST)
    assert compose(listing, scene(ticket=None, listed=(french, ON)), POLICY).words.language == "fr"
    known = scene(ticket=None, listed=(french, ON), languages={listing.recipient.key: "de"})
    assert compose(listing, known, POLICY).words.language == "de"
    assert compose(listing, scene(ticket=None), POLICY).words.language == "en"


def test_a_long_list_says_how_many_more() -> None:
    """The mail that lists own requests names a hundred and counts the rest."""
    words = compose(request(Notice.TICKET_LIST), scene(listed=(ON,) * 130), POLICY).words
    assert len(words.listed) == 100
    assert any("And 30 more" in remark for remark in words.remarks)


@pytest.mark.parametrize(
    ("hint", "left"),
    [
        (code("own_open", "#1 Smoke"), ""),
        (code("own_open", "#1 Smoke; #12 Fire"), code("own_open", "#12 Fire")),
        (code("own_open", "#12 Fire"), code("own_open", "#12 Fire")),
        (code("same_again", 1), ""),
        (code("same_again", 12), code("same_again", 12)),
        (code("confirmed", "#1 Smoke"), code("confirmed", "#1 Smoke")),
    ],
)
def test_a_ticket_is_no_other_ticket_of_its_own(hint: str, left: str) -> None:
    """A mail that named another ticket lies on that one now: nobody is asked to join what is joined."""
    assert besides(hint, 1) == left
