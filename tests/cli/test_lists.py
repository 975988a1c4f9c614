"""`journal`, `outbox`, `contact` and `stats`: what they list, show and change."""

from __future__ import annotations

import io
import re
import sys
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.core.clock import Target
from gateway.mail.message import Envelope
from storage.outbox import State
from storage.tx import Tx
from tests.cli.conftest import REQUEST, Shop
from tests.conftest import NOW

# --- journal ---------------------------------------------------------------------------------


def test_every_accepted_mail_is_listed_with_its_reason(shop: Shop) -> None:
    """Newest first; a held mail shows its cause."""
    rows = shop.json("journal", "list")
    assert [(r["id"], r["state"], r["reason"]) for r in rows] == [
        (4, "held", "unreadable"),
        (3, "settled", "duplicate"),
        (2, "settled", "automatic-without-ticket"),
        (1, "settled", "new-request"),
    ]
    assert "the mail is empty" in shop.out("journal", "list", "--state", "held")
    assert [r["id"] for r in shop.json("journal", "list", "--state", "settled", "--limit", "2")] == [3, 2]


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--from", "ERIKA@", "--state", "settled"], [1]),
        (["--to", "nobody%"], []),
        (["--ticket", "1", "--from", "erika"], [1]),
        (["--since", "2999-01-01"], []),
        (["--since", "2026-01-01T00:00", "--state", "held"], [4]),
    ],
)
def test_the_journal_can_be_searched(shop: Shop, words: list[str], ids: list[int]) -> None:
    """Whether somebody's mail came is one question."""
    found = [r["id"] for r in shop.json("journal", "list", *words)]
    assert [id for id in found if id in (1, 4)] == ids
    named = re.search(r"(?im)^message-id: (.*)$", REQUEST)
    assert named
    assert 1 in [r["id"] for r in shop.json("journal", "list", "--message-id", named[1])]


def test_the_outbox_can_be_searched(shop: Shop) -> None:
    """By a part of the recipient, and by time."""
    rows = shop.json("outbox", "list", "--recipient", "ERIKA")
    assert rows
    assert {r["recipient"] for r in rows} == {"erika@customer.example"}
    assert shop.json("outbox", "list", "--since", "2999-01-01") == []
    assert shop.run("outbox", "list", "--since", "yesterday") == 2


def test_one_mail_says_why(shop: Shop) -> None:
    """Envelope, and the decision in sentences."""
    shown = shop.out("journal", "show", "1")
    assert "Reverse path   <erika@customer.example>" in shown
    assert "acknowledge: yes: a human's first mail" in shown
    assert "Held           2026-03-02 10:30" in shop.out("journal", "show", "4")


def test_raw_prints_the_very_bytes(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one byte more or less than was received."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, "utf-8"))
    assert shop.run("journal", "show", "1", "--raw") == 0
    assert written.getvalue() == REQUEST.encode().replace(b"\n", b"\r\n")


def test_a_held_mail_is_retried(shop: Shop) -> None:
    """It is pending again; the daemon takes it up."""
    shop.out("journal", "retry", "4")
    assert shop.json("journal", "show", "4")["state"] == "pending"


def test_a_held_mail_is_dropped_with_a_reason(shop: Shop) -> None:
    """Settled by the operator's word, bytes kept."""
    shop.out("journal", "drop", "4")
    row = shop.json("journal", "show", "4")
    assert (row["state"], row["reason"]) == ("settled", "dropped-by-operator")
    assert shop.run("audit") == 0


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_the_alarm_of_held_mails_is_over_when_none_is(shop: Shop, verb: str) -> None:
    """Else it would stand in `stats` and in the figures for ever, beside those that are true."""
    assert len(shop.json("stats")["alarms"]) == 1
    shop.out("journal", verb, "4")
    assert shop.json("stats")["alarms"] == []


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_only_held_mails_are_touched_and_all_or_none(shop: Shop, verb: str) -> None:
    """One that cannot stops the others."""
    assert "journal entry 1 is not held" in shop.refused("journal", verb, "4", "1")
    assert shop.json("journal", "show", "4")["state"] == "held"
    assert "no journal entry 99" in shop.refused("journal", "show", "99")


def test_a_hostile_envelope_is_shown_harmlessly(empty_shop: Shop) -> None:
    """What a peer said in MAIL FROM cannot move the cursor."""
    empty_shop.feed(REQUEST, Envelope("smtp", "a\x1b[2J\n@c.example", ("support@example.com",)))
    assert "\x1b" not in empty_shop.out("journal", "list") + empty_shop.out("journal", "show", "1")


# --- outbox ----------------------------------------------------------------------------------


def settle(shop: Shop, state: State, reply: str) -> int:
    """Let the oldest due mail of ours end like this."""

    def work(tx: Tx) -> int:
        row, _ = tx.claims.take("test", 1, 60, NOW)[0]
        assert tx.claims.settle(row.id, "test", state, reply, now=NOW, not_before=NOW + timedelta(minutes=5))
        return row.id

    return shop.database.write_now(work)


def test_the_outbox_tells_how_a_mail_stands(shop: Shop) -> None:
    """State, attempts, the relay's last words, and when it is tried again."""
    id = settle(shop, State.DEFERRED, "451 4.3.0 later\r\nplease")
    row = shop.json("outbox", "show", str(id))
    assert (row["state"], row["attempts"], row["next_attempt_at"]) == ("deferred", 1, "2026-03-02T09:35:00Z")
    assert "451 4.3.0 later please" in shop.out("outbox", "list", "--state", "deferred")
    assert {r["ticket"] for r in shop.json("outbox", "list", "--ticket", "1")} == {1}
    assert shop.json("outbox", "list", "--ticket", "2") == []
    assert len(shop.json("outbox", "list", "--limit", "1")) == 1


def test_the_source_of_a_mail_is_shown(shop: Shop) -> None:
    shown = shop.out("outbox", "show", "1")
    assert "Notice        request_received (customer, automatic)" in shown
    assert "Auto-Submitted: auto-replied" in shown


def test_a_failed_mail_is_retried_and_a_waiting_one_dropped(shop: Shop) -> None:
    """Dropped is failed, with a reason; the mail stays listed."""
    id = settle(shop, State.FAILED, "550 5.1.1 no such user")
    shop.out("outbox", "retry", str(id))
    assert shop.json("outbox", "show", str(id))["state"] == "pending"
    shop.out("outbox", "drop", str(id))
    row = shop.json("outbox", "show", str(id))
    assert (row["state"], row["last_reply"], row["next_attempt_at"]) == ("failed", "dropped by the operator", None)
    assert shop.run("audit") == 0


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_a_sent_mail_is_left_alone(shop: Shop, verb: str) -> None:
    """What was sent cannot be unsent, nor sent again by mistake."""
    id = settle(shop, State.SENT, "250 ok")
    other = next(r["id"] for r in shop.json("outbox", "list", "--state", "pending"))
    assert f"outbox entry {id} is sent" in shop.refused("outbox", verb, str(other), str(id))
    assert shop.json("outbox", "show", str(other))["state"] == "pending"
    assert "no outbox entry 99" in shop.refused("outbox", "show", "99")


# --- contact ---------------------------------------------------------------------------------


def test_contacts_are_found_by_a_piece_of_the_address(shop: Shop) -> None:
    assert [c["address"] for c in shop.json("contact", "list", "--text", "ERIKA")] == ["erika@customer.example"]
    assert shop.json("contact", "list", "--text", "%") == []
    assert "Erika Beispiel <erika@customer.example>" in shop.out("contact", "show", "Erika@customer.example")


def test_a_registration_mail_is_sent_again_on_request(shop: Shop) -> None:
    """Each request is a mail of its own."""
    for _ in range(2):
        shop.out("contact", "invite", "erika@customer.example")
    assert [r["notice"] for r in shop.json("outbox", "list")].count("registration") == 3


def test_a_reset_fits_the_contact(shop: Shop) -> None:
    """Who never registered gets the registration mail; who did, a link for a new password, and no invitation."""
    assert "registration mail" in shop.out("contact", "reset", "erika@customer.example")
    contact = shop.database.read_now(lambda tx: tx.contacts.get("erika@customer.example"))
    shop.database.write_now(lambda tx: tx.contacts.set_password(contact.id, "hash", NOW))
    assert "new password" in shop.out("contact", "reset", "erika@customer.example")
    assert shop.json("outbox", "list")[0]["notice"] == "password_reset"
    assert "registered already" in shop.refused("contact", "invite", "erika@customer.example")


@pytest.mark.parametrize("verb", ["invite", "reset"])
def test_nobody_is_asked_for_a_password_there_is_no_use_for(shop: Shop, verb: str) -> None:
    """Where customers sign in by a link only; nothing is sent."""
    text = shop.file.read_text("utf-8")
    shop.file.write_text(text.replace("[portal]\n", '[portal]\nsign_in = "link"\n'), "utf-8")
    sent = len(shop.json("outbox", "list"))
    assert shop.refused("contact", verb, "erika@customer.example") == (
        'replydesk: portal.sign_in is "link": customers sign in by a link they ask for, and set no password.\n'
    )
    assert len(shop.json("outbox", "list")) == sent


@pytest.mark.parametrize("verb", ["show", "invite", "reset"])
def test_an_unknown_contact_is_refused(shop: Shop, verb: str) -> None:
    """Nobody is made a contact by a typing mistake."""
    assert shop.refused("contact", verb, "erica@customer.example") == (
        "replydesk: there is no contact erica@customer.example\n"
    )


# --- stats -----------------------------------------------------------------------------------


def test_stats_count_by_state_and_name_what_is_wrong(shop: Shop) -> None:
    counted = shop.json("stats")
    assert counted["journal"] == {"pending": 0, "settled": 3, "held": 1}
    assert counted["tickets"]["new"] == 1
    assert counted["outbox"]["pending"] == 4
    assert [a["text"] for a in counted["alarms"]] == ["Journal entry 4 is held: the mail is empty"]
    assert "the mail is empty" in shop.out("stats")


def test_an_empty_list_is_an_empty_array(empty_shop: Shop) -> None:
    """For programs `[]`; a person is told on stderr, so that a pipe stays empty."""
    for noun in ("ticket", "journal", "outbox", "contact"):
        assert empty_shop.json(noun, "list") == []
        assert empty_shop.out(noun, "list") == ""
        empty_shop.run(noun, "list")
        assert "Nothing to show" in empty_shop.capsys.readouterr().err


def test_more_than_one_ticket_in_json(shop: Shop) -> None:
    """Elements are separated as JSON wants it."""
    for n in range(3):
        shop.feed(REQUEST.replace("request-1", f"other-{n}"), replace(Envelope("smtp", "e@c.example", ()), remote=""))
    assert [t["number"] for t in shop.json("ticket", "list", "--limit", "3")] == [4, 3, 2]


def test_until_when_an_answer_is_due(shop: Shop) -> None:
    """In the list and on the ticket, on the wall clock of the site."""
    due = Target(NOW, NOW + timedelta(hours=3))
    shop.database.write_now(lambda tx: tx.tickets.set_target(1, due))
    assert re.search(r"^1 .* 2026-03-02 13:30 .*", shop.out("ticket", "list"), re.M)
    assert re.search(r"^Answer due +2026-03-02 13:30$", shop.out("ticket", "show", "1"), re.M)
    shop.database.write_now(lambda tx: tx.tickets.set_target(1, None))
    assert "Answer due" not in shop.out("ticket", "show", "1")


# --- blocked senders -----------------------------------------------------------------------------


def test_a_sender_is_blocked_and_heard_again(shop: Shop) -> None:
    """The list names who is blocked, the answer how many people it concerns; ours cannot be blocked."""
    assert shop.json("contact", "block", "*@customer.example") == {
        "sender": "customer.example", "blocked": True, "changed": True, "people": 1,
    }  # fmt: skip
    assert "blocked already" in shop.out("contact", "block", "customer.example")
    assert [row["sender"] for row in shop.json("contact", "blocked")] == ["customer.example"]
    assert re.fullmatch(r"[\dT:-]{19}Z", shop.json("contact", "blocked")[0]["at"])
    assert shop.json("contact", "unblock", "customer.example")["changed"] is True
    assert shop.json("contact", "blocked") == []
    assert shop.out("contact", "unblock", "customer.example") == "customer.example was not blocked.\n"
    assert shop.run("contact", "block", "anna@example.com") == 1
    assert shop.run("contact", "block", "nonsense") == 2
    assert shop.json("journal", "list", "--reason", "duplicate")[0]["id"] == 3


# --- people with several addresses ---------------------------------------------------------------


def test_two_addresses_are_one_person(shop: Shop) -> None:
    """As by #alias; shown under either address, and parted again. Agents and mailboxes are nobody's."""
    home, work = "erika@home.example", "erika@customer.example"
    said = shop.out("contact", "merge", home, work)
    assert f"everything goes to {home}" in said
    for address in (home, work):
        assert shop.json("contact", "show", address)["further_addresses"] == [work]
        assert f"Further address  {work}, since" in shop.out("contact", "show", address)
    assert {t["requester"]["address"] for t in shop.json("ticket", "list", "--requester", home)} == {home}
    assert shop.run("contact", "merge", home, work) == 1
    assert shop.run("contact", "merge", home, "anna@example.com") == 1
    assert shop.run("contact", "merge", home, "support@example.com") == 1
    assert shop.run("contact", "merge", home, "nonsense") == 2
    assert "two people" in shop.out("contact", "split", work)
    assert shop.json("contact", "show", home)["further_addresses"] == []
    assert shop.run("contact", "split", work) == 1


def test_an_address_may_be_written_with_its_name(shop: Shop) -> None:
    """What is kept is the address alone, so the next mail from the further one is decided about."""
    work = "erika@customer.example"
    said = shop.out("contact", "merge", "Erika <erika@home.example>", f"<{work}>")
    assert "everything goes to erika@home.example" in said
    shop.feed(REQUEST.replace("request-1", "request-2"))
    assert shop.json("ticket", "list")[0]["requester"]["address"] == "erika@home.example"
    two = "erika@home.example, kim@home.example"
    assert f"{two} is no e-mail address" in shop.refused("contact", "merge", two, work, code=2)


def test_a_further_address_is_not_taken_from_its_person(shop: Shop) -> None:
    """To write to it instead of the main one is meant; to give it a third one besides cannot be."""
    home, work = "erika@home.example", "erika@customer.example"
    shop.out("contact", "merge", home, work)
    assert f"{work} is an address of {home}" in shop.refused("contact", "merge", work, "kim@shop.example")
    assert shop.json("contact", "show", home)["further_addresses"] == [work]
    shop.out("contact", "merge", work, home)
    assert shop.json("contact", "show", work)["further_addresses"] == [home]
