"""Which ticket a mail belongs to: every grade of evidence, and that nothing weaker gets in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import thread, token
from gateway.core.lifecycle import Status
from gateway.core.thread import Choice, Key, Known, ThreadKeys
from gateway.core.ticket import SIGNED, Evidence, Ticket
from gateway.core.token import Keys as Secrets
from gateway.core.token import Named
from gateway.mail.message import Action, Address, DeliveryReport, Message, Report, ReportType
from tests.core.build import (
    ANNA,
    BOB,
    EXAMPLES,
    KIM,
    MALLORY,
    POLICY,
    envelope,
    failed,
    message,
    own_id,
    reference,
    reply_address,
    ticket,
)

FOREIGN = "first@customer.example"
TICKET = ticket(7)


def known(*tickets: Ticket, messages: dict[str, int] | None = None, expected: dict[str, int] | None = None) -> Known:
    return Known({t.number: t for t in tickets or (TICKET,)}, messages or {}, expected=expected or {})


def find(mail: Message, store: Known | None = None, *recipients: str) -> Choice:
    keys = thread.keys(mail, envelope(mail.author.address if mail.author else "", *recipients), POLICY)
    return thread.choose(keys, store or known(), POLICY.keys)


def evidence(mail: Message, store: Known | None = None, *recipients: str) -> Evidence | None:
    match = find(mail, store, *recipients).match
    return match.evidence if match else None


# --- the grades -------------------------------------------------------------------------------


def test_reply_address_by_the_envelope() -> None:
    """The address a mail was delivered to carries the mark; the header need not."""
    assert evidence(message(), None, reply_address()) is Evidence.REPLY_ADDRESS


@pytest.mark.parametrize("field", ["to", "cc"])
def test_reply_address_by_the_header(field: str) -> None:
    """Behind a mailbox that strips the detail only To and Cc still show it, also in capitals."""
    mail = message(**{field: (Address(reply_address().upper()),)})
    assert evidence(mail) is Evidence.REPLY_ADDRESS


@pytest.mark.parametrize("fields", [{"in_reply_to": (own_id(),)}, {"references": ("x@y.example", own_id())}])
def test_own_message_id(fields: dict[str, tuple[str, ...]]) -> None:
    """In either field, with no help of the store."""
    assert evidence(message(**fields)) is Evidence.OWN_MESSAGE_ID


def test_known_message_id() -> None:
    """Somebody else's id that was seen on a ticket."""
    mail = message(in_reply_to=(FOREIGN,))
    assert evidence(mail, known(messages={FOREIGN: 7})) is Evidence.KNOWN_MESSAGE_ID
    assert evidence(mail, known()) is None


def test_an_answer_to_what_was_written_for_an_adviser_is_known() -> None:
    """By the mark of the question, or because the mail it answers is a comment; a customer's mark says otherwise."""
    comment = Known({7: TICKET}, {FOREIGN: 7}, inner=frozenset({FOREIGN}))
    found = [
        find(message(in_reply_to=(own_id(7, "b"),))),
        find(message(references=(FOREIGN,)), comment),
        find(message(to=(Address(reply_address(7, "b")),))),
        find(message(in_reply_to=(own_id(),), references=(FOREIGN,)), comment),
    ]
    assert [choice.match and choice.match.inner for choice in found] == [True, True, True, False]


def test_known_by_its_own_id() -> None:
    """A mail that was seen before under this id, with other content: the copy of a mailing list."""
    mail = message(message_id=FOREIGN)
    assert evidence(mail, known(messages={FOREIGN: 7})) is Evidence.KNOWN_MESSAGE_ID


def test_an_expected_id_joins_who_writes_to_the_requester() -> None:
    """An answer came before what it answered. Who addresses the requester joins; a newsletter's reader does not."""
    store = known(expected={FOREIGN: 7})
    pat = Address("pat@elsewhere.example")
    assert evidence(message(message_id=FOREIGN), store) is Evidence.KNOWN_MESSAGE_ID
    assert (
        evidence(message(in_reply_to=(FOREIGN,), author=pat, from_=(pat,), cc=(KIM,)), store)
        is Evidence.KNOWN_MESSAGE_ID
    )
    assert evidence(message(in_reply_to=(FOREIGN,), author=pat, from_=(pat,)), store) is None
    assert evidence(message(references=(FOREIGN,), author=pat, from_=(pat,)), store) is None


def test_subject_reference() -> None:
    """Number and code in the subject."""
    assert evidence(message(subject=f"Re: Printer {reference()}")) is Evidence.SUBJECT_REFERENCE


def test_body_reference() -> None:
    """Number and code in what is quoted, at either end of a long mail."""
    quoted = f"> Reference: {reference()[1:-1]}"
    assert evidence(message(body_text=f"Hello\n{quoted}")) is Evidence.BODY_REFERENCE
    assert evidence(message(body_text="x " * 40_000 + quoted)) is Evidence.BODY_REFERENCE
    assert evidence(message(body_text=quoted + "\n" + "x " * 40_000)) is Evidence.BODY_REFERENCE


@pytest.mark.parametrize(
    "subject", ["[RD-7-AAAAAA]", "Re: #7", "Ticket 7", "Anfrage Nr. 7", "request no 7", "TICKET#7"]
)
def test_claim(subject: str) -> None:
    """A bare number, or a wrong code, never matches; it is remembered as a claim."""
    found = find(message(subject=subject))
    assert (found.match, found.claims) == (None, (7,))
    assert [key.code for key in found.lost] == (["AAAAAA"] if "AAAAAA" in subject else [])


@pytest.mark.parametrize("said", ["RD-7", "About rd–7.", "(RD-7)", "RD-7-"])
def test_a_reference_without_its_code_is_a_claim(said: str) -> None:
    """In the subject and in the text: people remember the number. Not those of other desks, nor longer words."""
    assert find(message(subject=said)).claims == (7,)
    assert find(message(body_text=f"Hello,\n{said} is not done.")).claims == (7,)
    for other in ("RD-7a", "XRD-7", "RD-7-AB", "RD7", "[RD-7] Their own"):
        assert find(message(subject=other)) == Choice()


@pytest.mark.parametrize(
    "subject", ["7", "Order 7", "7 printers", "#7a", "ticket-7", "#", "Ticket 9999999999999", "[#7] On ticket 7"]
)
def test_a_number_is_not_always_a_claim(subject: str) -> None:
    """Only where people write ticket numbers."""
    assert find(message(subject=subject)) == Choice()


def test_a_claim_to_no_ticket_is_nothing() -> None:
    """There must be such a ticket."""
    assert find(message(subject="#8")) == Choice()


def test_nothing() -> None:
    """A first mail."""
    assert find(message()) == Choice()


# --- the best comes first -----------------------------------------------------------------------

MARKS: dict[Evidence, dict[str, object]] = {
    Evidence.REPLY_ADDRESS: {"to": (Address(reply_address(1)),)},
    Evidence.OWN_MESSAGE_ID: {"in_reply_to": (own_id(2),)},
    Evidence.KNOWN_MESSAGE_ID: {"references": (FOREIGN,)},
    Evidence.SUBJECT_REFERENCE: {"subject": f"Re: {reference(4)}"},
    Evidence.BODY_REFERENCE: {"body_text": f"> {reference(5)}"},
}


@pytest.mark.parametrize("best", MARKS, ids=lambda e: e.value)
def test_the_better_grade_wins(best: Evidence) -> None:
    """With marks of several tickets, the best grade decides."""
    grades = list(MARKS)
    worse = grades[grades.index(best) :]
    fields = {name: value for grade in worse for name, value in MARKS[grade].items()}
    store = known(*(ticket(n) for n in range(1, 6)), messages={FOREIGN: 3})
    match = find(message(**fields), store).match
    assert match is not None
    assert (match.evidence, match.ticket.number) == (best, grades.index(best) + 1)


def test_the_nearest_parent_wins() -> None:
    """In-Reply-To before References, and these from their end."""
    mail = message(in_reply_to=(own_id(2),), references=(own_id(1), own_id(3)))
    store = known(ticket(1), ticket(2), ticket(3))
    numbers = [k.number for k in thread.keys(mail, envelope(), POLICY).found if k.number]
    assert numbers == [2, 3, 1]
    match = find(mail, store).match
    assert match is not None
    assert match.ticket.number == 2


def test_a_mark_of_a_ticket_that_is_gone_is_passed_over() -> None:
    """An erased ticket's mark does not hide the next one."""
    mail = message(to=(Address(reply_address(99)),), subject=f"Re: {reference()}")
    assert evidence(mail) is Evidence.SUBJECT_REFERENCE


def test_a_match_keeps_the_claims_to_others() -> None:
    """What else it names is shown to agents, the match itself not."""
    mail = message(in_reply_to=(own_id(7),), subject="#7 and #8 and #9")
    assert find(mail, known(TICKET, ticket(8))).claims == (8,)


# --- forgeries -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"in_reply_to": (own_id().replace("rd.7.", "rd.8."),)},
        {"in_reply_to": (token.message_id(Secrets(b"x" * 32), Named(7), "c", "", "x", "example.com"),)},
        {"to": (Address(reply_address().replace("+t7-", "+t8-")),)},
        {"to": (Address(reply_address().replace("+t7-", "+c7-")),)},
        {"to": (Address(reply_address().replace("@example.com", "@elsewhere.example")),)},
        {"to": (Address("support+t7-aaaaaaaaaaaa@example.com"),)},
        {"in_reply_to": ("",)},
        {"references": ("", " ", "<>")},
        {"message_id": own_id()},
    ],
)
def test_what_is_forged_or_empty_matches_nothing(fields: dict[str, object]) -> None:
    """Another number, another secret, another purpose, another domain, an empty id."""
    assert find(message(MALLORY, **fields), known(TICKET, ticket(8), messages={"x": 7})).match is None


def test_a_derived_id_is_nobodys() -> None:
    """A mail without a Message-ID is never found by the one we gave it."""
    mail = message(message_id=FOREIGN, message_id_derived=True)
    assert evidence(mail, known(messages={FOREIGN: 7})) is None


def test_a_verp_address_leads_to_no_ticket() -> None:
    """It says which of our mails bounced; a person who writes to it shows nothing."""
    assert find(message(MALLORY), known(), reply_address(7, "v")) == Choice()


# --- agents' marks ----------------------------------------------------------------------------------


@pytest.mark.parametrize("author", [BOB, KIM, MALLORY, None])
@pytest.mark.parametrize(
    "fields",
    [{"in_reply_to": (own_id(7, "a", ANNA.key),)}, {"to": (Address(reply_address(7, "a", ANNA.key)),)}],
    ids=["id", "address"],
)
def test_an_agents_mark_is_worth_nothing_in_other_hands(author: Address | None, fields: dict[str, object]) -> None:
    """It leaked by a forward: it becomes a claim."""
    assert find(message(author, **fields)) == Choice(None, (7,))


@pytest.mark.parametrize("address", [ANNA.address, "ANNA@example.com"])
def test_an_agents_mark_names_the_agent(address: str) -> None:
    """In the agent's own mail it is as good as any, and says whose it is."""
    match = find(message(Address(address), in_reply_to=(own_id(7, "a", ANNA.key),))).match
    assert match is not None
    assert (match.evidence, match.holder) == (Evidence.OWN_MESSAGE_ID, ANNA.key)


def test_a_customers_mark_in_an_agents_mail_names_nobody() -> None:
    """It leads to the ticket but proves no agent."""
    match = find(message(ANNA, in_reply_to=(own_id(),))).match
    assert match is not None
    assert match.holder == ""


# --- what it asks for ---------------------------------------------------------------------------------


def test_a_close_address_asks_for_closing() -> None:
    """It is a reply address as well."""
    keys = thread.keys(message(), envelope(KIM.address, reply_address(7, "c")), POLICY)
    assert keys.close
    assert keys.found[0] == Key(Evidence.REPLY_ADDRESS, 7)
    assert not thread.keys(message(), envelope(KIM.address, reply_address()), POLICY).close


def test_merged_tickets_are_followed() -> None:
    """An old mark leads to where its ticket went, however far."""
    store = known(ticket(7, merged_into=8), ticket(8, Status.CLOSED, merged_into=9), ticket(9))
    match = find(message(in_reply_to=(own_id(7),)), store).match
    assert match is not None
    assert match.ticket.number == 9


def test_tickets_merged_in_a_circle_end_somewhere() -> None:
    """It cannot happen, and would not hang us."""
    assert evidence(message(in_reply_to=(own_id(7),)), known(ticket(7, merged_into=8), ticket(8, merged_into=7)))


# --- reports -----------------------------------------------------------------------------------------------


def test_a_report_names_our_mail_by_its_id() -> None:
    """Returned ids first, then what it answers."""
    mail = message(report=failed(KIM.address, "5.1.1", "x@y.example", own_id(7)), in_reply_to=(own_id(8),))
    reported = thread.keys(mail, envelope(""), POLICY).reported
    assert [(k.number, k.message_id) for k in reported] == [(7, own_id(7)), (8, own_id(8))]


def test_a_report_names_our_mail_by_the_address_it_came_to() -> None:
    """VERP: for bounces that return nothing of the mail; only the envelope counts, for the header is the bouncer's."""
    mail = message(report=failed(), to=(Address(reply_address(99, "v")),))
    reported = thread.keys(mail, envelope("", reply_address(42, "v")), POLICY).reported
    assert [k.outbox for k in reported] == [42]


def test_a_bounce_of_an_agents_mail_is_ours_too() -> None:
    """The mailer daemon is not the holder, and need not be."""
    mail = message(None, report=failed(ANNA.address, "5.2.2", own_id(7, "a", ANNA.key)))
    assert [k.holder for k in thread.keys(mail, envelope(""), POLICY).reported] == [ANNA.key]


@pytest.mark.parametrize(
    "report",
    [
        None,
        Report(ReportType.DELIVERY, (DeliveryReport(Action.FAILED, KIM.address),), ("forged@elsewhere.example",)),
        Report(ReportType.DELIVERY, (), (token.message_id(Secrets(b"x" * 32), Named(7), "c", "", "x", "example.com"),)),
    ],
)
def test_a_report_of_a_mail_that_is_not_ours_names_nothing(report: Report | None) -> None:
    """Joe jobs: somebody else sent it in our name."""
    assert thread.keys(message(report=report), envelope("", reply_address(7)), POLICY).reported == ()


# --- hostile size ------------------------------------------------------------------------------------------


def test_one_mail_looks_up_a_bounded_number_of_things() -> None:
    """Thousands of ids and references cost neither thousands of locks nor of look-ups."""
    codes = "\n".join(f"RD-{n}-AAAAAA {token.reference(POLICY.keys, 'RD', Named(n))}" for n in range(1, 3000))
    mail = message(
        subject=" ".join(f"#{n}" for n in range(5000, 6000)),
        body_text=codes,
        in_reply_to=tuple(f"{n}@x.example" for n in range(5000)),
        references=tuple(own_id(n) for n in range(1, 500)),
        to=tuple(Address(reply_address(n)) for n in range(1, 1500)),
    )
    keys = thread.keys(mail, envelope(), POLICY)
    assert len(keys.found) <= 3 * thread.MAX_IDS + 200
    assert len(keys.claims) <= thread.MAX_CLAIMS
    assert len(keys.numbers) <= 3 * thread.MAX_IDS + 200
    assert len(keys.message_ids) <= thread.MAX_IDS + 1


# --- properties --------------------------------------------------------------------------------------------

TEXTS = st.text(max_size=60) | st.sampled_from(
    [reference(), "[RD-7-AAAAAA]", "#7", "Ticket 7", f"> {reference(8)}", "\u0661 #\u0667", "RD-7-"]
)
IDS = st.text(max_size=40) | st.sampled_from(
    [FOREIGN, "one@x", own_id(7, "a", ANNA.key), own_id().replace("c.", "a."), own_id().upper()[:-1] + "X@e"]
)
MAILBOXES = st.builds(
    Address,
    st.text(max_size=30)
    | st.sampled_from([reply_address(7, "a", ANNA.key), reply_address(7, "v"), "support+t7-x@example.com", "@", "+@"]),
)
STRANGERS = st.none() | st.sampled_from(
    [MALLORY, Address(""), Address("@"), Address("kim@customer.example.evil.example")]
)
REPORTS = st.none() | st.builds(Report, st.sampled_from(ReportType), st.just(()), st.tuples(IDS))
MAILS = st.builds(
    message,
    STRANGERS,
    subject=TEXTS,
    body_text=TEXTS,
    in_reply_to=st.lists(IDS, max_size=3).map(tuple),
    references=st.lists(IDS, max_size=5).map(tuple),
    to=st.lists(MAILBOXES, max_size=3).map(tuple),
    cc=st.lists(MAILBOXES, max_size=3).map(tuple),
    message_id=IDS,
    report=REPORTS,
)


@EXAMPLES
@given(MAILS, st.lists(st.text(max_size=40), max_size=3))
def test_no_mail_raises_and_no_stranger_shows_a_signed_mark(mail: Message, recipients: list[str]) -> None:
    """Random marks lead at most to unsigned evidence, which attaches no stranger; agents' marks lead nowhere."""
    store = known(TICKET, ticket(8), messages={FOREIGN: 7})
    match = find(mail, store, *recipients).match
    assert match is None or match.evidence not in SIGNED
    assert match is None or match.holder == ""


@EXAMPLES
@given(MAILS, st.dictionaries(IDS, st.integers(1, 12)), st.sets(st.integers(1, 12)))
def test_a_choice_is_always_a_ticket_of_the_store(mail: Message, messages: dict[str, int], numbers: set[int]) -> None:
    """Whatever the store knows: match and claims are tickets it has, and the match is no claim."""
    store = Known({n: ticket(n, merged_into=n % 4) for n in numbers}, messages)
    choice = thread.choose(thread.keys(mail, envelope(), POLICY), store, POLICY.keys)
    assert set(choice.claims) <= numbers
    if choice.match:
        assert choice.match.ticket.number in numbers
        assert choice.match.ticket.number not in choice.claims


def test_keys_answer_what_must_be_looked_up() -> None:
    """Numbers once, in order; foreign ids apart from ours."""
    keys = ThreadKeys(
        (
            Key(Evidence.OWN_MESSAGE_ID, 7),
            Key(Evidence.KNOWN_MESSAGE_ID, message_id="a"),
            Key(Evidence.BODY_REFERENCE, 7),
        ),
        (9, 7),
        reported=(Key(Evidence.OWN_MESSAGE_ID, 8), Key(Evidence.REPLY_ADDRESS, outbox=3)),
    )
    assert keys.numbers == (7, 8, 9)
    assert keys.message_ids == ("a",)
    assert replace(keys, found=()).message_ids == ()
