"""`replydesk explain`: a dry run that never fails on a mail, with or without a site."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.cli import main
from gateway.mail.delivered import envelope_of
from tests.cli.conftest import AWAY, REQUEST, Shop

CORPUS = Path(__file__).resolve().parents[2] / "../shared/corpus"

BOUNCE = """\
Return-Path: <>
From: MAILER-DAEMON@mx.example
To: support@example.com
Subject: Undelivered Mail
Message-ID: <bounce-1@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

Sorry.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; erika@customer.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
--b
Content-Type: message/rfc822

From: support@example.com
To: erika@customer.example
Subject: Re: printer
Message-ID: <{id}>

x
--b--
"""


@pytest.fixture
def explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Explain a mail, with or without words of a site before it."""

    def run(mail: str | bytes, *words: str) -> Any:
        file = tmp_path / "mail.eml"
        file.write_bytes(mail if isinstance(mail, bytes) else mail.encode())
        capsys.readouterr()
        assert main([*words, "explain", "--json", str(file)]) == 0
        (line,) = capsys.readouterr().out.splitlines()
        return json.loads(line)

    return run


def test_a_mail_by_itself(explain: Callable[..., Any]) -> None:
    """Without a site: what the mail says, and what would happen to it as a first mail."""
    found = explain(REQUEST)
    assert found["author"] == {"address": "erika@customer.example", "name": "Erika Beispiel"}
    assert found["to"] == [{"address": "support@example.com", "name": ""}]
    assert found["cc"] == [{"address": "karl@customer.example", "name": "Karl"}]
    assert found["subject"] == "Der Drucker druckt nicht über WLAN"
    assert found["message_id"] == "request-1@customer.example"
    assert found["attachments"] == [{"filename": "log.txt", "content_type": "text/plain", "size": 9}]
    assert (found["kind"], found["rule"], found["match"], found["report"]) == ("correspondence", "human", None, [])
    assert found["decision"]["reason"] == "new-request"
    assert found["decision"]["notices"] == [
        {"notice": "request_received", "recipient": "erika@customer.example"},
        {"notice": "registration", "recipient": "erika@customer.example"},
    ]


@pytest.mark.parametrize(
    ("mail", "kind", "reason"),
    [
        (AWAY, "automatic", "automatic-without-ticket"),
        (BOUNCE.format(id="1@elsewhere.example"), "report", "report-without-ticket"),
        (REQUEST.replace("To: ", "List-Id: <l.example>\nTo: "), "correspondence", "new-request"),
        ("", "unreadable", "unreadable"),
        (b"\0\xff\xfe", "correspondence", "new-request"),
        ("Subject: =?\n\n", "correspondence", "new-request"),
    ],
)
def test_odd_mails_are_explained_too(explain: Callable[..., Any], mail: str | bytes, kind: str, reason: str) -> None:
    """Whatever the bytes: one line, exit code 0."""
    found = explain(mail)
    assert (found["kind"], found["decision"]["reason"]) == (kind, reason)


def test_a_report_names_its_recipients(explain: Callable[..., Any]) -> None:
    found = explain(BOUNCE.format(id="1@elsewhere.example"))
    assert found["report"] == [{"recipient": "erika@customer.example", "action": "failed", "status": "5.1.1"}]


def test_an_mbox_line_is_no_part_of_the_mail(explain: Callable[..., Any]) -> None:
    assert explain("From erika@customer.example Mon Mar  2 10:30:00 2026\n" + REQUEST)["subject"].startswith("Der D")


def test_with_a_site_the_real_tickets_are_asked(shop: Shop, explain: Callable[..., Any]) -> None:
    """A reply to our acknowledgement finds its ticket; nothing is written."""
    before = shop.json("journal", "list"), shop.json("outbox", "list"), shop.json("ticket", "list")
    ours = before[1][-1]["message_id"]
    found = explain(
        f"From: erika@customer.example\nTo: support@example.com\nSubject: changed\nIn-Reply-To: <{ours}>\n\nHello\n",
        "--config",
        str(shop.file),
    )
    assert found["match"] == {"ticket": 1, "evidence": "own-message-id"}
    assert (found["decision"]["reason"], found["decision"]["ticket"]) == ("reply", 1)
    assert {n["recipient"] for n in found["decision"]["notices"]} == {"anna@example.com", "bob@example.com"}
    assert (shop.json("journal", "list"), shop.json("outbox", "list"), shop.json("ticket", "list")) == before


def test_the_environment_names_the_site_too(
    shop: Shop, explain: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """REPLYDESK_CONFIG counts as a given configuration."""
    assert explain(REQUEST)["match"] is None
    monkeypatch.setenv(config.ENVIRONMENT, str(shop.file))
    assert explain(REQUEST)["decision"]["reason"] == "duplicate"


def test_a_bounce_is_put_to_the_mail_it_reports(shop: Shop, explain: Callable[..., Any]) -> None:
    ours = shop.json("outbox", "list")[-1]["message_id"]
    found = explain(BOUNCE.format(id=ours), "--config", str(shop.file))
    assert (found["decision"]["ticket"], found["decision"]["entry"]) == (1, "report")


def test_in_sentences(shop: Shop, tmp_path: Path) -> None:
    """Who wrote, what kind and why, which marks, which ticket, what would happen and why."""
    reference = shop.json("ticket", "show", "1")["reference"]
    (tmp_path / "mail.eml").write_text(
        f"From: Mallory <mallory@elsewhere.example>\nTo: support@example.com\nSubject: [{reference}] and #77\n\nHi\n"
    )
    shown = shop.out("explain", str(tmp_path / "mail.eml"))
    for sentence in (
        "It is from Mallory <mallory@elsewhere.example>, to support@example.com",
        "It is a person's mail. Nothing says that a machine wrote this. (rule: human)",
        "its subject holds the signed reference of ticket 1\n",
        "it names #77 without a valid signature\n",
        "It belongs to ticket 1 (“Der Drucker druckt nicht über WLAN”, new), by subject-reference.",
        "What would happen: The author has no part in the ticket and no signed mark of it: a new request.",
        "acknowledge: yes: a human's first mail",
        "request_received to mallory@elsewhere.example",
    ):
        assert sentence in shown
    assert "no Message-ID" in shown


def test_what_was_found_of_the_sender(shop: Shop, tmp_path: Path) -> None:
    """By ourselves, in the field above what the peer sent; one further down is the peer's."""
    shop.file.write_text(shop.file.read_text().replace("[receive.smtp]", "[receive.smtp]\nverify_senders = true"))
    file, field = (
        tmp_path / "mail.eml",
        "Authentication-Results: example.com; spf=pass; dmarc=pass header.from=x.example\n",
    )
    said = "Of its sender we, or a mail server of ours, found: spf pass, dmarc pass."
    for top, shown in (
        (f"Return-Path: <a@x.example>\n{field}", True),
        (f"Return-Path: <a@x.example>\nX: y\n{field}", False),
    ):
        file.write_text(f"{top}From: a@x.example\nSubject: Hello\n\nHi\n")
        assert (said in shop.out("explain", str(file))) is shown


def test_before_the_first_start_the_policy_is_asked_alone(shop: Shop, explain: Callable[..., Any]) -> None:
    """No database yet: the site's own rules still count, and nothing is made by asking."""
    shop.database.close_now()
    var = shop.file.parent / "var"
    for file in var.iterdir():
        file.unlink()
    found = explain(REQUEST.replace("erika@customer.example", "help@example.com"), "--config", str(shop.file))
    assert found["decision"]["acknowledge"] == "no: its author is one of our own addresses"
    assert list(var.iterdir()) == []


def test_several_files_and_one_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The others are explained; the exit code says that one was not."""
    names = [str(tmp_path / f"{n}.eml") for n in range(3)]
    for name in (names[0], names[2]):
        Path(name).write_text(REQUEST)
    assert main(["explain", "--json", *names]) == 1
    said = capsys.readouterr()
    assert [json.loads(line)["file"] for line in said.out.splitlines()] == [names[0], names[2]]
    assert said.err == f"replydesk: {names[1]} cannot be read: No such file or directory\n"


def test_from_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(REQUEST.encode()), "utf-8"))
    assert main(["explain", "-", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["file"] == "-"


def test_a_fault_of_ours_is_explained_as_the_daemon_treats_it(
    explain: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What raises is held with its cause."""

    def fail(_: object) -> None:
        raise LookupError("a row is missing")

    monkeypatch.setattr("gateway.core.decide.decide", fail)
    assert explain(REQUEST)["decision"]["hold"] == "LookupError: a row is missing"


def test_the_envelope_is_read_from_what_delivery_wrote() -> None:
    """The first Return-Path, and every address it was delivered to (RFC 5321 section 4.4)."""
    raw = b"Return-Path: <a@x.example>\nDelivered-To: s@e.example\nX-Original-To: s+t@e.example\nReturn-Path: <b@x>\n\n"
    found = envelope_of(raw, "file")
    assert (found.reverse_path, found.recipients) == ("a@x.example", ("s+t@e.example", "s@e.example"))
    assert envelope_of(b"Return-Path: <>\n\n", "file").reverse_path == ""
    assert envelope_of(b"\xff\0", "file").recipients == ()


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of real mails is not here")
def test_every_real_mail_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    """No mail of the corpus makes it fail, and each line is a JSON object of its own."""
    files = sorted(str(p) for p in CORPUS.glob("*/mails/*"))
    assert main(["explain", "--json", *files]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [f["file"] for f in found] == files
    assert {f["kind"] for f in found} <= {"correspondence", "automatic", "report", "loop", "unreadable"}
    assert main(["explain", *files]) == 0


def test_what_another_desk_marked_is_no_mark_of_ours(shop: Shop, tmp_path: Path) -> None:
    """A reference under another prefix whose code is wrong is not said to be signed; a report quotes one of ours."""
    mail = tmp_path / "mail.eml"
    mail.write_text("From: a@x.example\nTo: support@example.com\nSubject: Re: [SUP-1-ABCDEF] Hi\n\nHi\n")
    assert "It shows no mark of a ticket." in shop.out("explain", str(mail))
    mail.write_text(BOUNCE.replace("Sorry.", "About [SUP-1-ABCDEF] and [RD-7-ABCDEF]."))
    said = shop.out("explain", str(mail))
    assert "it quotes the reference of ticket 7" in said
    assert "ticket 1" not in said
    assert "<>" not in said
