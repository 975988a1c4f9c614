"""For every kind of inner text: no byte of it reaches a customer, however the agent's program quotes it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gateway.core import outgoing_text, token
from gateway.core.policy import Policy
from gateway.core.ticket import Entry, EntryKind, Role
from gateway.core.token import Named
from gateway.mail.message import Address
from gateway.mail.new_text import marker

NOW = datetime(2026, 3, 2, tzinfo=UTC)
KIM, BOB = Address("kim@customer.example", "Kim"), Address("bob@example.com", "Bob")


def entry(id: int, kind: EntryKind, author: Address, role: Role, text: str, *remarks: str) -> Entry:
    return Entry(
        id=id,
        ticket=1,
        kind=kind,
        author=author,
        role=role,
        body_text=text,
        reply_text=text,
        created_at=NOW,
        remarks=remarks,
    )


HISTORY = (
    entry(1, EntryKind.CORRESPONDENCE, KIM, Role.REQUESTER, "I want my money back.\nIt was ten euros."),
    entry(2, EntryKind.COMMENT, BOB, Role.AGENT, "This customer is difficult, refuse politely.\n\nSee case 4711."),
    entry(3, EntryKind.REPORT, Address("mailer-daemon@x.example"), Role.SYSTEM, "550 5.7.1 rejected by policy server"),
    entry(4, EntryKind.AUTOMATIC, KIM, Role.REQUESTER, "I am out of the office until Monday morning."),
    entry(5, EntryKind.CORRESPONDENCE, KIM, Role.REQUESTER, "Well?", "It asks for closing, but does not prove it."),
)
INNER = {
    "a note": "This customer is difficult, refuse politely.",
    "another line of a note": "See case 4711.",
    "a bounce": "550 5.7.1 rejected by policy server",
    "an out-of-office": "I am out of the office until Monday morning.",
    "a remark on an entry": "It asks for closing, but does not prove it.",
    "the marker": marker("en"),
    "the German marker": marker("de"),
}
QUOTES = {
    "quoted": "> {}",
    "quoted twice": "> > {}",
    "quoted without a space": ">{}",
    "unquoted": "{}",
    "indented": "    {}",
    "decorated": "*{}*",
}


def out(text: str, policy: Policy) -> outgoing_text.Outgoing:
    return outgoing_text.for_customers(text, policy.mailboxes[0], policy, HISTORY)


@pytest.mark.parametrize("quote", list(QUOTES))
@pytest.mark.parametrize("kind", list(INNER))
def test_inner_text_never_leaves(kind: str, quote: str, policy: Policy) -> None:
    """Above, below or between the agent's own lines."""
    line = QUOTES[quote].format(INNER[kind])
    for text in (f"{line}\nYou will get it.", f"You will get it.\n{line}", f"You will\n{line}\nget it."):
        went = out(text, policy)
        assert INNER[kind] not in went.text
        assert went.inseparable or len(went.cut) == 1


@pytest.mark.parametrize("line", ["#note keep this", "#close", "#solved", "#assign bob", "#spam", " #undo", "#notiz x"])
def test_a_command_below_the_text_stops_the_mail(line: str, policy: Policy) -> None:
    """It may have been meant as one; a customer must not read it."""
    went = out(f"You will get it.\n{line}", policy)
    assert went.text == ""
    assert went.command_below == line.strip()


def test_agents_addresses_become_the_mailboxs(policy: Policy) -> None:
    """Plain, as a link, made for an agent, or a Message-ID of an agent's notice."""
    agent = token.address_token(policy.keys, "a", Named(1), "anna@example.com")
    id = token.message_id(policy.keys, Named(1), "a", "anna@example.com", "x", "example.com")
    for inner in ("anna@example.com", "mailto:anna@example.com", f"support+{agent}@example.com", id):
        went = out(f"Write to {inner}.", policy)
        assert went.text.removeprefix("Write to ").removeprefix("mailto:") == "support@example.com."


def test_what_the_customer_knows_may_be_quoted(policy: Policy) -> None:
    """Answers between the customer's own lines keep those lines."""
    text = "> I want my money back.\nYou will get it.\n> It was ten euros.\nYes."
    assert out(text, policy).text == text


def test_the_agents_signature_stays_at_home(policy: Policy) -> None:
    """The site puts its own under every answer."""
    assert out("You will get it.\n-- \nAnna, extension 17", policy).text == "You will get it."


def test_two_dashes_may_divide_a_text(policy: Policy) -> None:
    """Twenty lines are no signature, and must not vanish."""
    text = "One.\n--\n" + "More.\n" * 20
    assert out(text, policy).text == text.strip()


@pytest.mark.parametrize("line", ["\u200b#close", "*#close*", "\u200e#Close", "＃close", "#close."])
def test_a_command_is_seen_through_what_programs_put_around_it(line: str, policy: Policy) -> None:
    """Signs nobody sees, bold letters, a wide number sign, a full stop."""
    assert out(f"You will get it.\n{line}", policy).text == ""


@pytest.mark.parametrize(
    "footer",
    ["Sent from my iPhone", "Von meinem iPhone gesendet", "Get Outlook for iOS<https://aka.ms/x>",
     "Gesendet von Outlook für Android", "Outlook für iOS herunterladen", "Sent from Mail for Windows"],
)  # fmt: skip
def test_a_telephones_footer_is_no_answer(footer: str, policy: Policy) -> None:
    """With a mere `#close` above it nothing is left; in the middle of a text it is somebody's words."""
    assert out(f"\n{footer}\n", policy).text == ""
    assert out(f"Yes.\n\n{footer}", policy).text == "Yes."
    assert out(f"{footer}\nYes.", policy).text.endswith("Yes.")


INNER_LINKS = (
    "mailto:anna@example.com",
    " mailto:anna@example.com",
    "mailto:kim@customer.example?cc=anna%40example.com",
    "mailto:kim@customer.example,Anna@Example.com",
    "https://chat.example/?users=anna@example.com",
    "http://127.0.0.1:8025/file/abc",
    " HTTP://127.0.0.1:8025//file/abc",
    "https://filter.example/?url=http%3A%2F%2F127.0.0.1%3A8025%2Ffile%2Fabc",
)


@pytest.mark.parametrize("url", INNER_LINKS)
def test_no_link_leads_inside(url: str, policy: Policy) -> None:
    """Wherever in a link an agent's address or file stands, and however it is encoded."""
    assert not outgoing_text.may_lead(url, policy)
    assert "anna@" not in out(f"Look <{url}>.", policy).text.casefold()


def test_other_links_lead_where_they_led(policy: Policy) -> None:
    """Also to somebody whose address ends like an agent's, and to our own pages."""
    for url in ("mailto:joanna@example.com", "http://127.0.0.1:8025/tickets/1", "https://a.example/file/x"):
        assert outgoing_text.may_lead(url, policy)


def test_prose_is_not_touched(policy: Policy) -> None:
    """Headings, numbers, short common lines and foreign addresses are the agent's own."""
    text = "# Steps\n#1 open it\nThank you.\nAsk kim@customer.example or sales@shop.example."
    assert out(text, policy).text == text


SIGNED = "Mit freundlichen Grüßen\n\nBob Agent\nKundendienst der Example GmbH\nTel. 030 12345"
SUPPLIER = Address("sam@maker.example", "Sam Maker")


@pytest.mark.parametrize("text", ["Guten Tag Frau Klein,\n\nWe send it.\n\nVielen Dank!", f"We send it.\n\n{SIGNED}"])
@pytest.mark.parametrize(
    ("author", "role"), [(BOB, Role.AGENT), (SUPPLIER, Role.PARTICIPANT), (KIM, Role.REQUESTER)], ids=str
)
def test_what_everybody_writes_is_no_inner_text(author: Address, role: Role, text: str, policy: Policy) -> None:
    """A note, a supplier's answer or a note of absence with a salutation or a closing would stop every answer with the
    same, for ever; so would an agent's note with the signature that stands below each mail of theirs."""
    said = f"Guten Tag Frau Klein,\n\nThe old plug is unsafe.\n\nVielen Dank!\n\n{SIGNED}"
    if role is not Role.AGENT:
        said = said.partition("\n\nBob")[0]
        text = text.partition("\n\nBob")[0]
    history = (*HISTORY, entry(6, EntryKind.COMMENT, author, role, said))
    went = outgoing_text.for_customers(text, policy.mailboxes[0], policy, history)
    assert (went.text, went.inseparable) == (text, False)
    told = outgoing_text.for_customers(f"The old plug is unsafe.\n{text}", policy.mailboxes[0], policy, history)
    assert told.inseparable


@pytest.mark.parametrize(
    ("author", "role", "line"),
    [
        (BOB, Role.AGENT, "PS: She lies about it."),
        (SUPPLIER, Role.PARTICIPANT, "PS: She lies about it."),
        (SUPPLIER, Role.PARTICIPANT, "Sam Maker, extension 17"),
    ],
    ids=str,
)
def test_words_around_them_stay_inside(author: Address, role: Role, line: str, policy: Policy) -> None:
    """Of a supplier each line but those; of an agent what stands below the name and says something."""
    said = f"The plug is unsafe.\n\nKind regards\n{author.name}\n{line}"
    history = (*HISTORY, entry(6, EntryKind.COMMENT, author, role, said))
    assert outgoing_text.for_customers(f"Yes.\n{line}", policy.mailboxes[0], policy, history).inseparable


def test_the_line_that_only_agents_have_read_is_named(policy: Policy) -> None:
    """Who copies a sentence of a supplier quotes no notice, and would delete in vain."""
    assert out("You will get it.\nSee case 4711.\nBye", policy).inner_line == "See case 4711."
    assert out(f"You will get it.\n{marker('en')}", policy).inner_line == ""
