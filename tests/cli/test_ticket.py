"""`replydesk ticket`: what is listed and shown, and that an act at the shell is an act like any other."""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from storage.audit import audit
from tests.cli.conftest import BOUNCER, ERIKA, REQUEST, Shop

Type = Callable[[str | bytes], None]


def mails(shop: Shop) -> list[tuple[str, str]]:
    return [(row["notice"], row["recipient"]) for row in reversed(shop.json("outbox", "list"))]


def test_a_list_names_each_ticket_once(shop: Shop) -> None:
    """A line holds number, status in words, requester, subject and the site's own time."""
    heading, line = shop.out("ticket", "list").splitlines()
    assert heading.split()[:2] == ["number", "status"]
    assert line.split() == [
        *("1", "New", "2026-03-02", "10:30", "erika@customer.example"),
        *("Der", "Drucker", "druckt", "nicht", "über", "WLAN"),
    ]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["--status", "new"], 1),
        (["--status", "open"], 1),
        (["--status", "waiting on us"], 0),
        (["--status", "Closed"], 0),
        (["--text", "über wlan"], 1),
        (["--text", "druckt [bold]nicht"], 1),
        (["--text", "100%"], 0),
        (["--requester", "ERIKA@customer.example"], 1),
        (["--requester", "karl@customer.example"], 0),
        (["--mailbox", "help@example.com"], 1),
        (["--mailbox", "sales@example.com"], 0),
        (["--assignee", "anna@example.com"], 0),
        (["--limit", "1"], 1),
    ],
)
def test_filters(shop: Shop, words: list[str], found: int) -> None:
    """Each filter keeps what fits; a mailbox may be named by an alias."""
    assert len(shop.json("ticket", "list", *words)) == found


def test_an_assignee_may_be_named(shop: Shop) -> None:
    """As in an order; who is no agent is found by address only, so that a slip does not look like no ticket."""
    shop.out("ticket", "assign", "1", "anna")
    for named in ("Anna", "anna agent", "ANNA@example.com"):
        assert len(shop.json("ticket", "list", "--assignee", named)) == 1
    assert shop.json("ticket", "list", "--assignee", "left@example.com") == []
    assert "agents are: Anna Agent, Bob Agent" in shop.refused("ticket", "list", "--assignee", "zoe")


def test_show_reads_like_the_conversation(shop: Shop) -> None:
    """Key facts, then who wrote what and when, files named; what looks like markup is text."""
    shown = shop.out("ticket", "show", "1")
    assert "Requester      Erika Beispiel <erika@customer.example>" in shown
    assert "Participants   Karl <karl@customer.example>" in shown
    assert "    unser Drucker druckt [bold]nicht[/bold]." in shown
    assert "[file: log.txt, text/plain, 9 bytes]" in shown
    assert shown.index("Status ") < shown.index("Guten Tag")


@pytest.mark.parametrize("number", ["1", "#1", "RD-1-ABCDEF"])
def test_a_ticket_is_named_as_people_name_it(shop: Shop, number: str) -> None:
    assert shop.json("ticket", "show", number)["number"] == 1


def test_what_is_folded_can_be_shown(shop: Shop) -> None:
    """Quoted text is folded, and said to be; --full shows it."""
    reference = shop.json("ticket", "show", "1")["reference"]
    shop.feed(
        f"From: erika@customer.example\nTo: support@example.com\nSubject: Re: [{reference}]\nMessage-ID: <2@c>\n"
        "\nEs geht wieder.\n\nAm Mo., 2. März 2026 um 10:30 Uhr schrieb Erika:\n"
        "> unser Drucker druckt [bold]nicht[/bold].\n"
    )
    short, full = shop.out("ticket", "show", "1"), shop.out("ticket", "show", "1", "--full")
    assert short.count("unser Drucker druckt") == 1
    assert "--full" in short
    assert "> unser Drucker druckt" in full


def test_nothing_a_stranger_wrote_reaches_the_terminal_as_a_control(shop: Shop) -> None:
    """A subject may hold an escape sequence; it is shown without its control character."""
    shop.feed("From: m@c.example\nTo: support@example.com\nSubject: =?utf-8?q?a=1B=5B31mred?=\n\nx\x1b[2Jy\n")
    assert "\x1b" not in shop.out("ticket", "list") + shop.out("ticket", "show", "2")


def test_a_reply_goes_out_under_the_agents_name(shop: Shop, typed: Type) -> None:
    """To requester and participants, and the status follows; the agent has the ticket now and gets a receipt."""
    typed("Guten Tag,\n\nbitte starten Sie ihn neu. Größe prüfen!\n")
    said = shop.out("ticket", "reply", "1", "--agent", "anna@example.com")
    assert "Ticket 1: Waiting on customer." in said
    assert mails(shop)[-4:] == [
        ("reply", "erika@customer.example"),
        ("reply", "karl@customer.example"),
        ("agent_notice", "bob@example.com"),
        ("agent_receipt", "anna@example.com"),
    ]
    found = shop.json("ticket", "show", "1")
    assert found["assignee"] == "anna@example.com"
    entry = next(e for e in found["entries"] if e["kind"] == "correspondence" and e["author"]["role"] == "agent")
    assert entry["author"] == {"address": "anna@example.com", "name": "Anna Agent", "role": "agent"}
    assert (entry["kind"], entry["reason"]) == ("correspondence", "command-line")
    assert entry["body_text"] == "Guten Tag,\n\nbitte starten Sie ihn neu. Größe prüfen!"
    source = shop.database.read_now(lambda tx: tx.outbox.message(tx.outbox.recent(limit=4)[3].id))
    mail = message_from_bytes(source, policy=policy.default)
    assert mail["From"].addresses[0].display_name == "Anna Agent (Example Support)"
    assert mail["Auto-Submitted"] is None
    assert shop.database.read_now(audit).broken == ()


def test_the_same_reply_twice_is_two_mails(shop: Shop, typed: Type) -> None:
    """Each act has a cause of its own, so the second is not taken for a repetition of the first."""
    for _ in range(2):
        typed("Noch da?")
        shop.out("ticket", "reply", "1", "--agent", "bob@example.com")
    assert mails(shop).count(("reply", "erika@customer.example")) == 2


def test_a_reply_from_a_file_can_solve(shop: Shop, tmp_path: Path) -> None:
    """With --status solved the answer carries the question whether it is solved."""
    (tmp_path / "answer.txt").write_text("Erledigt.", "utf-8")
    found = shop.json(
        "ticket",
        "reply",
        "1",
        "--file",
        str(tmp_path / "answer.txt"),
        "--agent",
        "anna@example.com",
        "--status",
        "solved",
    )
    assert found["status"] == "solved"
    assert ("close_confirmation", "erika@customer.example") in mails(shop)
    assert ("reply", "erika@customer.example") not in mails(shop)


def test_a_note_stays_inside(shop: Shop, typed: Type) -> None:
    """A comment for agents: they hear of it, no customer does, and the status stays."""
    before = mails(shop)
    typed("Kunde ist ungeduldig.")
    shop.out("ticket", "reply", "1", "--note", "--agent", "bob@example.com")
    found = shop.json("ticket", "show", "1")
    assert (found["status"], found["entries"][-1]["kind"]) == ("new", "comment")
    assert mails(shop)[len(before) :] == [("agent_receipt", "bob@example.com"), ("agent_notice", "anna@example.com")]


def test_somebody_outside_is_asked(shop: Shop, typed: Type) -> None:
    """They get the text alone; agents find it as a comment. A customer cannot be asked, nor a file be made up."""
    typed("Have you got one?")
    shop.out("ticket", "ask", "1", "sales@supplier.example", "--agent", "bob@example.com")
    found = shop.json("ticket", "show", "1")
    assert (found["status"], found["entries"][-1]["kind"]) == ("new", "comment")
    assert [a["address"] for a in found["advisers"]] == ["sales@supplier.example"]
    assert ("reply", "sales@supplier.example") in mails(shop)
    typed("Have you got one?")
    refused = shop.refused("ticket", "ask", "1", "erika@customer.example", "--agent", "bob@example.com")
    assert "takes part as a customer" in refused
    typed("Have you got one?")
    there = ("ticket", "ask", "1", "sales@supplier.example", "--agent", "bob@example.com", "--attach", "plan.pdf")
    assert "No file of this ticket is called plan.pdf" in shop.refused(*there)


def test_whoever_is_given_a_ticket_at_the_shell_hears_of_it(shop: Shop) -> None:
    """And the former assignee."""
    before = len(mails(shop))
    shop.out("ticket", "assign", "1", "anna")
    shop.out("ticket", "assign", "1", "bob")
    assert mails(shop)[before:] == [
        ("agent_notice", "anna@example.com"),
        ("agent_notice", "bob@example.com"),
        ("agent_notice", "anna@example.com"),
    ]


def test_a_note_may_set_a_status(shop: Shop, typed: Type) -> None:
    """The customer hears of the status, not of the note."""
    typed("Warten auf Ersatzteil.")
    shop.out("ticket", "reply", "1", "--note", "--agent", "bob@example.com", "--status", "waiting_on_contact")
    found = shop.json("ticket", "show", "1")
    assert found["status"] == "waiting_on_contact"
    assert [e["kind"] for e in found["entries"]] == ["correspondence", "comment", "event"]
    assert ("status_changed", "erika@customer.example") in mails(shop)


def test_among_several_agents_one_must_be_named(shop: Shop, typed: Type) -> None:
    """That is wrong usage; an unknown one is a refusal."""
    typed("Hallo")
    assert "anna@example.com, bob@example.com" in shop.refused("ticket", "reply", "1", code=2)
    assert "agents are" in shop.refused("ticket", "reply", "1", "--agent", "eve@example.com")


def test_without_agents_the_mailbox_itself_answers(shop: Shop, typed: Type) -> None:
    """A site may have no agents: the shell is then the way to answer."""
    text = shop.file.read_text("utf-8")
    start, end = text.index("[[agents]]"), text.index("[receive.smtp]")
    shop.file.write_text(text[:start] + text[end:], "utf-8")
    typed("Hallo")
    shop.out("ticket", "reply", "1")
    assert shop.json("ticket", "show", "1")["entries"][-1]["author"]["name"] == "Example Support"


@pytest.mark.parametrize(
    ("given", "said"),
    [("", "no text"), (" \n\n", "no text"), (b"Gr\xfc\xdfe", "not UTF-8"), ("x" * 1_000_001, "more than")],
)
def test_a_reply_without_a_usable_text_is_refused(shop: Shop, typed: Type, given: str | bytes, said: str) -> None:
    """Nothing is sent, nothing is stored."""
    before = mails(shop)
    typed(given)
    assert said in shop.refused("ticket", "reply", "1", "--agent", "anna@example.com")
    assert mails(shop) == before
    assert len(shop.json("ticket", "show", "1")["entries"]) == 1


def test_a_reply_that_reaches_nobody_is_refused(shop: Shop, typed: Type) -> None:
    """A fax names no author: the remedy is said, and the ticket stays as it was."""
    shop.feed("To: support@example.com\nSubject: Fax\nMessage-ID: <1@fax.example>\n\nPlease call.\n", BOUNCER)
    typed("Called back.")
    assert "replydesk ticket from 2 ADDRESS" in shop.refused("ticket", "reply", "2", "--agent", "anna@example.com")
    assert shop.json("ticket", "show", "2")["status"] == "new"


def test_a_file_that_is_not_there(shop: Shop) -> None:
    said = shop.refused("ticket", "reply", "1", "--agent", "anna@example.com", "--file", "/nowhere/answer.txt")
    assert "/nowhere/answer.txt cannot be read: No such file" in said


def test_solved_asks_the_customer(shop: Shop) -> None:
    """`status N solved` sends the confirmation, once."""
    shop.out("ticket", "status", "1", "solved")
    assert "Nothing was changed" in shop.out("ticket", "status", "1", "solved")
    assert mails(shop).count(("close_confirmation", "erika@customer.example")) == 1


def test_close_tells_the_customer_and_the_history(shop: Shop) -> None:
    """Who closed it stands in the facts; a reply by mail opens it again."""
    found = shop.json("ticket", "close", "1", "--agent", "anna@example.com")
    assert (found["status"], found["closed_by"]) == ("closed", "agent")
    assert found["entries"][-1]["kind"] == "event"
    assert found["entries"][-1]["body_text"] == "Status set to “Closed” by Anna Agent."
    assert ("closed", "erika@customer.example") in mails(shop)
    shop.feed(
        "From: erika@customer.example\nTo: support@example.com\nSubject: Re: Drucker\nMessage-ID: <3@c.example>\n"
        "In-Reply-To: <request-1@customer.example>\n\nDoch nicht.\n",
        ERIKA,
    )
    assert shop.json("ticket", "show", "1")["status"] == "waiting_on_us"


def test_a_closed_ticket_does_not_wait(shop: Shop) -> None:
    """Said as the receipts say it, whichever verb wants it."""
    shop.out("ticket", "close", "1", "--silent")
    for words in (("wait", "1"), ("status", "1", "waiting_on_contact")):
        assert "A ticket that is “Closed” cannot be set to “Waiting on" in shop.refused("ticket", *words)


def test_what_the_lifecycle_forbids_is_refused(shop: Shop) -> None:
    """A closed ticket cannot be solved: one line says so, and nothing is stored."""
    shop.out("ticket", "close", "1")
    assert "“Closed” cannot be set to “Solved" in shop.refused("ticket", "status", "1", "solved")
    assert shop.json("ticket", "show", "1")["status"] == "closed"


@pytest.mark.parametrize("words", [["show", "9"], ["close", "9"], ["status", "9", "closed"]])
def test_an_unknown_ticket_is_refused(shop: Shop, words: list[str]) -> None:
    assert shop.refused("ticket", *words) == "replydesk: there is no ticket 9\n"


@pytest.mark.parametrize(
    "words",
    [
        ["list", "--status", "foo"],
        ["list", "--limit", "0"],
        ["show", "abc"],
        ["show"],
        [],
        ["merge", "1"],
    ],
)
def test_wrong_words_are_wrong_usage(shop: Shop, words: list[str]) -> None:
    """Exit code 2, and the usage on stderr."""
    assert shop.run("ticket", *words) == 2
    assert "usage: replydesk ticket" in shop.capsys.readouterr().err


def test_an_unknown_status_is_wrong_usage(shop: Shop) -> None:
    """Exit code 2; which there are is said, the site's own too."""
    assert shop.run("ticket", "status", "1", "done") == 2
    assert "waiting on contact" in shop.capsys.readouterr().err
    shop.out("ticket", "wait", "1")
    assert "cannot be set to “New”" in shop.refused("ticket", "status", "1", "new")


def test_small_orders_at_the_shell(shop: Shop, typed: Type) -> None:
    """Following, language, requester, notes and taking back are the same acts as by mail."""
    assert shop.run("ticket", "follow", "1") == 2
    assert "--agent" in shop.capsys.readouterr().err
    shop.out("ticket", "follow", "1", "--agent", "bob@example.com")
    assert "bob@example.com" in shop.out("ticket", "show", "1")
    shop.out("ticket", "unfollow", "1", "--agent", "bob@example.com")
    assert "Followers" not in shop.out("ticket", "show", "1")
    assert shop.run("ticket", "language", "1", "tlh") == 2
    shop.out("ticket", "language", "1", "de")
    shop.out("ticket", "from", "1", "karla@customer.example", "--agent", "anna@example.com")
    assert shop.json("ticket", "show", "1")["requester"]["address"] == "karla@customer.example"
    shop.out("ticket", "undo", "1", "--agent", "anna@example.com")
    assert shop.json("ticket", "show", "1")["requester"]["address"] == "erika@customer.example"
    shop.out("ticket", "solved", "1")
    shop.out("ticket", "wait", "1")
    typed("Look here.")
    found = shop.json("ticket", "note", "1", "--agent", "bob@example.com")
    assert (found["status"], found["entries"][-1]["kind"]) == ("waiting_on_contact", "comment")


def test_a_ticket_is_put_aside_at_the_shell(shop: Shop) -> None:
    """Until when and why stands on it; what is no time ahead is refused."""
    assert "no time ahead" in shop.refused("ticket", "snooze", "1", "soon", code=2)
    assert "#" not in shop.refused("ticket", "snooze", "1", "soon", code=2)
    assert "#" not in shop.refused("agent", "away", "anna@example.com", "until", "2020-01-01", code=2)
    shop.out("ticket", "snooze", "1", "2d", "call", "them", "--agent", "anna@example.com")
    assert "call them" in shop.out("ticket", "show", "1")
    assert shop.json("ticket", "show", "1")["snoozed_until"]
    shop.out("ticket", "snooze", "1", "off")
    assert not shop.json("ticket", "show", "1")["snoozed_until"]


def test_tags_at_the_shell(shop: Shop) -> None:
    """They are found by them, however they are written; a word that is no tag does nothing."""
    shop.out("ticket", "tag", "1", "Lampe", "süß")
    assert shop.json("ticket", "show", "1")["tags"] == ["lampe", "süß"]
    assert [len(shop.json("ticket", "list", "--tag", tag)) for tag in ("SÜß", "lamp", "lampe")] == [1, 0, 1]
    assert shop.run("ticket", "tag", "1", "!!") == 2
    shop.out("ticket", "untag", "1", "lampe")
    assert shop.out("ticket", "untag", "1", "lampe") == "Ticket 1: nothing was changed.\n"
    assert shop.json("ticket", "show", "1")["tags"] == ["süß"]
    assert len(shop.json("ticket", "list", "--unassigned")) == 1
    assert shop.json("ticket", "list", "--snoozed") == []


def test_orders_at_the_shell(shop: Shop) -> None:
    """Assign, reopen, split, merge and move do what an agent's mail would."""
    shop.feed(REQUEST.replace("request-1", "request-2"))
    shop.out("ticket", "assign", "1", "nobody")
    assert "no agent" in shop.refused("ticket", "assign", "1", "Nemo")
    shop.out("ticket", "close", "1")
    shop.out("ticket", "reopen", "1")
    assert shop.json("ticket", "show", "1")["status"] == "waiting_on_us"
    entry = shop.json("ticket", "show", "2")["entries"][0]["id"]
    assert "no entry" in shop.refused("ticket", "move", "1", str(entry), "2")
    shop.out("ticket", "move", "2", str(entry), "1")
    assert entry in [e["id"] for e in shop.json("ticket", "show", "1")["entries"]]
    shop.out("ticket", "split", "1", str(entry), "--subject", "Second again")
    assert shop.json("ticket", "show", "3")["subject"] == "Second again"
    assert "karl@customer.example took part in only one" in shop.refused("ticket", "merge", "3", "1")
    shop.out("ticket", "merge", "3", "1", "--yes")
    assert "this very ticket" in shop.refused("ticket", "merge", "1", "3")
    assert entry in [e["id"] for e in shop.json("ticket", "show", "1")["entries"]]


def test_a_split_may_give_the_new_ticket_to_somebody(shop: Shop) -> None:
    """Its assignee is told, the old ticket stays whose it was; a name nobody has does nothing, nor is a ticket's only
    mail split off."""
    entry = str(shop.json("ticket", "show", "1")["entries"][0]["id"])
    assert "no agent" in shop.refused("ticket", "split", "1", entry, "--assign", "Carol")
    assert "the only mail" in shop.refused("ticket", "split", "1", entry)
    assert len(shop.json("ticket", "list")) == 1
    shop.feed(
        REQUEST.replace("Message-ID: <request-1", "In-Reply-To: <request-1@customer.example>\nMessage-ID: <again")
    )
    shop.out("ticket", "split", "1", entry, "--subject", "Printer", "--assign", "Bob")
    assert [shop.json("ticket", "show", n)["assignee"] for n in ("1", "2")] == ["", "bob@example.com"]
    told = [row["recipient"] for row in shop.json("outbox", "list") if row["ticket"] == 2]
    assert "bob@example.com" in told
