"""`replydesk replay` and `replydesk policy test`: settings are tried on the past, and on mails of a site's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import REQUEST, Shop

SINCE = ("replay", "--since", "2026-01-01", "--dry-run")
SECOND = """\
From: erika@customer.example
To: support@example.com
Subject: Invoice 7
Message-ID: <second@customer.example>

Too high.
"""
NEWS = """
[[rules]]
name = "bills"
subject = ["invoice"]
tag = ["bill"]
[[rules]]
name = "printers"
body = ["drucker"]
fold = true
"""


def changed(shop: Shop, text: str) -> None:
    shop.file.write_text(shop.file.read_text("utf-8") + text, "utf-8")


def test_with_the_same_settings_nothing_differs(shop: Shop) -> None:
    """A request, an automatic answer, a duplicate, what is held, an answer that reopens; agents are not tried."""
    first = shop.database.read_now(lambda tx: tx.reads.get(1))
    reference = shop.desk.policy.reference(first)
    shop.feed(SECOND)
    reply = SECOND.replace("Invoice 7", f"Re: [{reference}] x").replace("second@", "third@")
    shop.run("ticket", "close", "1")
    assert shop.feed(reply).reason == "reply-reopens"
    shop.run("ticket", "close", "1")
    said = shop.out(*SINCE)
    assert said == "6 mails decided anew, 0 would differ.\n"


def test_what_would_differ_is_told_and_nothing_is_done(shop: Shop) -> None:
    """The reason, each of the four answers, and the rules; to programs as lines of JSON."""
    shop.feed(SECOND)
    before = shop.database.read_now(lambda tx: (tx.journal.recent(), tx.reads.get(2)))
    changed(shop, NEWS)
    said = shop.out(*SINCE)
    assert "reason: new-request → folded-by-a-rule" in said
    assert "acknowledge: yes → no" in said
    assert "rules: none → bills (tag bill)" in said
    assert said.endswith("5 mails decided anew, 2 would differ.\n")
    first, second = (json.loads(line) for line in shop.out(*SINCE, "--json").splitlines())
    assert [d["what"] for d in first["differences"]] == ["reason", "acknowledge", "notify agents", "rules"]
    assert (second["subject"], second["ticket"]) == ("Invoice 7", 2)
    assert before == shop.database.read_now(lambda tx: (tx.journal.recent(), tx.reads.get(2)))
    assert shop.out("replay", "--since", "2027-01-01", "--dry-run") == "0 mails decided anew, 0 would differ.\n"


def test_it_only_looks_and_says_so(shop: Shop) -> None:
    """There is no way without --dry-run."""
    assert shop.run("replay", "--since", "2026-01-01") == 2
    assert "--dry-run" in shop.capsys.readouterr().err


# --- mails of the site ----------------------------------------------------------------------------


@pytest.fixture
def mails(shop: Shop, tmp_path: Path) -> Path:
    changed(shop, NEWS)
    folder = tmp_path / "mails"
    folder.mkdir()
    (folder / "bill.eml").write_text(SECOND, "utf-8")
    (folder / "bill.toml").write_text(
        'rules = ["bills"]\ntags = ["bill"]\nacknowledge = true\nnotify = true\nreason = "new-request"\n'
        'mailbox = "support@example.com"\nat = 2026-11-30T09:00:00+01:00\nstatus = "new"\n',
        "utf-8",
    )
    return folder


def test_a_sites_mails_are_as_expected(shop: Shop, mails: Path) -> None:
    """No database is asked."""
    assert shop.out("policy", "test", str(mails)) == "1 mail tried, 0 not as expected.\n"


def test_a_difference_is_named_and_ends_with_1(shop: Shop, mails: Path) -> None:
    """With the file, what it is and what was expected."""
    (mails / "printer.eml").write_text(REQUEST, "utf-8")
    (mails / "printer.toml").write_text(
        'acknowledge = true\nrules = ["printers"]\nassign = "anna@example.com"', "utf-8"
    )
    assert shop.run("policy", "test", str(mails)) == 1
    said = shop.capsys.readouterr()
    assert said.out == "2 mails tried, 1 not as expected.\n"
    assert said.err.splitlines() == [
        "printer.eml: assign is none, expected anna@example.com",
        "printer.eml: acknowledge is false, expected true",
    ]


@pytest.mark.parametrize(
    ("expects", "said"),
    [
        (None, "bill.toml is missing"),
        ("x = ", "is no TOML"),
        ("acknowlege = true", "acknowlege is not known; there are at, recipient"),
        ('acknowledge = "yes"', "is no true or false"),
        ("at = 2026-11-30T09:00:00\nnotify = true", "needs its zone"),
        ('authentication = "maybe"\nnotify = true', "pass, fail or none"),
        ('recipient = "support@example.com"', "expects nothing"),
    ],
)
def test_what_is_expected_must_be_readable(shop: Shop, mails: Path, expects: str | None, said: str) -> None:
    """A misspelt word would make a test that cannot fail."""
    if expects is None:
        (mails / "bill.toml").unlink()
    else:
        (mails / "bill.toml").write_text(expects, "utf-8")
    assert said in shop.refused("policy", "test", str(mails))


def test_a_folder_without_mails_is_no_success(shop: Shop, tmp_path: Path) -> None:
    """Nor is one that is not there."""
    assert "holds no mails" in shop.refused("policy", "test", str(tmp_path / "nowhere"))
