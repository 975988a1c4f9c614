"""`send-test`, `dns`, `top`, `templates` and `--version`: what an operator looks with."""

from __future__ import annotations

import re
from argparse import Namespace
from itertools import pairwise
from pathlib import Path

import dns.resolver
import pytest

from gateway.cli import dns as dns_verb
from gateway.cli import main, top
from gateway.cli.site import opened
from gateway.render.templates import PACKAGED
from tests.cli.conftest import Shop


def test_the_version_names_its_commit(capsys: pytest.CaptureFixture[str]) -> None:
    """So that a report says what was run."""
    assert main(["--version"]) == 0
    assert re.fullmatch(r"replydesk [\d.]+ \(commit [0-9a-f]{7,}\)\n", capsys.readouterr().out)


# --- send-test -----------------------------------------------------------------------------------------


def test_a_test_mail_goes_the_way_of_all_mails(shop: Shop, tmp_path: Path) -> None:
    """Written by the settings' transport, from the mailbox, marked as automatic; no row is made."""
    before = shop.json("outbox", "list")
    said = shop.out("send-test", "me@elsewhere.example")
    assert said.startswith("sent: ")
    assert "From support@example.com to me@elsewhere.example" in said
    (mail,) = [
        p.read_text() for p in (tmp_path / "var" / "outgoing").glob("*.eml") if "Test of Replydesk" in p.read_text()
    ]
    assert "From: Example Support <support@example.com>" in mail
    assert "Auto-Submitted: auto-generated" in mail
    assert shop.json("outbox", "list") == before


def test_a_relay_that_is_away_is_told_of(shop: Shop) -> None:
    """With the code that says: try later."""
    text = shop.file.read_text().replace('transport = "file"', 'host = "127.0.0.1"\nport = 9')
    shop.file.write_text(text)
    shop.capsys.readouterr()
    assert shop.run("send-test", "me@elsewhere.example") == 75
    assert shop.capsys.readouterr().out.startswith("deferred: connect: ")


def test_who_writes_and_who_reads_must_exist(shop: Shop) -> None:
    """Nothing is sent."""
    assert "is no mailbox; there are: support@example.com" in shop.refused(
        "send-test", "me@elsewhere.example", "--mailbox", "x@example.com"
    )
    assert "is no e-mail address" in shop.refused("send-test", "me", code=2)


# --- dns -----------------------------------------------------------------------------------------------


def test_the_records_to_set_are_printed(shop: Shop) -> None:
    """As lines of a zone; for one that is its own exchanger the MX names it."""
    text = shop.file.read_text().replace(
        'transport = "file"', 'host = "relay.example.net"\nport = 587\nsecurity = "starttls"'
    )
    shop.file.write_text(text.replace("[gateway]", '[gateway]\noperator = "ops@example.org"'))
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = ["127.0.0.1"], 9
    shop.capsys.readouterr()
    words = Namespace(config=str(shop.file), dkim_selector=[], records=True, json=False)
    assert dns_verb.run(words, resolver) == 0
    said = shop.capsys.readouterr().out
    assert "DNS was not looked at" in said
    assert "example.com. IN MX 10 example.com." in said
    assert 'example.com. IN TXT "v=spf1 mx a:relay.example.net -all"' in said
    assert '_dmarc.example.com. IN TXT "v=DMARC1; p=none; rua=mailto:ops@example.org"' in said


# --- top -----------------------------------------------------------------------------------------------


def test_the_view_fits_eighty_columns(shop: Shop) -> None:
    """What waits, what needs somebody, the newest in and out."""
    lines = shop.out("top", "--once").splitlines()
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert "needs you: held" in text
    assert re.search(r"4  03-02 10:30:00  held", text)
    assert "erika@customer.example" in text
    assert "no daemon runs here" in text


def test_the_view_is_as_wide_as_the_terminal(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when it is printed once; headings stand above what they name."""
    monkeypatch.setenv("COLUMNS", "60")
    lines = shop.out("top", "--once").splitlines()
    assert max(map(len, lines)) == 60
    heading, held = next((a, b) for a, b in pairwise(lines) if a.startswith("    IN") and "  held" in b)
    assert heading.index("state") == held.index("held")


@pytest.mark.parametrize(
    ("line", "style"),
    [
        ("needs you: held", "red"),
        ("nothing needs you", "green"),
        ("! 2026-11-29 14:14  the disk is nearly full", "red"),
        ("     4  03-02 10:30:00  held           7  kim@customer.example: no room", "red"),
        ("     4  03-02 10:30:00  settled        7  held 3 failed 1", ""),
        ("123456  03-02 10:30:00  settled        7  held 3 failed 1", ""),
        ("journal  settled 4  held 1", "red"),
        ("outbox   sent 4  deferred 1", "yellow"),
    ],
)
def test_the_view_says_by_colour_what_needs_somebody(line: str, style: str) -> None:
    """Not by what strangers write."""
    assert top.style_of(line) == style


def test_the_view_fits_the_terminal(shop: Shop) -> None:
    """However few lines and columns there are."""
    with opened(Namespace(config=str(shop.file))) as site:
        view = top.looked(site)
        lines = top.drawn(view, site, 40, 14)
    assert len(lines) <= 14
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize("word", ["0", "x", "-1", "99999"])
def test_a_time_nobody_means(shop: Shop, word: str) -> None:
    assert shop.run("top", "--every", word) == 2


# --- templates -------------------------------------------------------------------------------------------


def test_a_copy_that_is_old_is_told_of(shop: Shop, tmp_path: Path) -> None:
    """What changed in ours since, apart from what was changed by hand."""
    assert "gateway.templates_dir: is not set" in shop.refused("templates", "copy", "mail/reply.txt.j2")
    shop.file.write_text(shop.file.read_text().replace("[gateway]", '[gateway]\ntemplates_dir = "own"'))
    states = {row["path"]: row["state"] for row in shop.json("templates", "list")}
    assert set(states.values()) == {"packaged"}
    assert "locale/de/LC_MESSAGES/replydesk.po" in states
    assert "there is no template mail/x" in shop.refused("templates", "copy", "mail/x", code=2)
    mine = tmp_path / "own" / "mail" / "reply.txt.j2"
    assert str(mine) in shop.out("templates", "copy", "mail/reply.txt.j2")
    assert mine.read_bytes() == (PACKAGED / "mail" / "reply.txt.j2").read_bytes()
    assert shop.out("templates", "diff") == "Nothing changed.\n"
    mine.write_text(mine.read_text() + "{# mine #}\n")
    assert "left alone" in shop.out("templates", "copy", "mail/reply.txt.j2")
    assert shop.out("templates", "diff") == "Nothing changed.\n"
    shop.capsys.readouterr()
    assert shop.run("templates", "diff", "--own") == 1
    assert "+{# mine #}" in shop.capsys.readouterr().out
    # As if the program had been upgraded since.
    (tmp_path / "own" / ".copied" / "mail" / "reply.txt.j2").write_text("of an older version\n")
    assert shop.run("templates", "diff") == 1
    assert "-of an older version" in shop.capsys.readouterr().out
    assert "yours, packaged one changed" in shop.out("templates", "list")
    assert shop.run("check") == 0


@pytest.mark.parametrize(
    "words",
    [
        "send-test me",
        "preview reply --language xx",
        "contact block kim",
        "ticket snooze 1 soon",
        "ticket language 1 xx",
        "ticket status 1 nowhere",
        "agent away anna@example.com until never",
    ],
)
def test_words_that_cannot_be_read_are_wrong_usage(shop: Shop, words: str) -> None:
    """Exit code 2, in whichever verb they stand."""
    shop.refused(*words.split(), code=2)


@pytest.mark.parametrize(
    "words",
    [
        "ticket show 99",
        "ticket assign 1 zorro",
        "ticket list --assignee nobody",
        "send-test kim@elsewhere.example --mailbox x@example.com",
        "contact show kim@elsewhere.example",
        "contact erase anna@example.com --yes",
        "agent away nobody@example.com until 2027-01-01",
    ],
)
def test_what_is_named_and_not_there_is_refused(shop: Shop, words: str) -> None:
    """Exit code 1: the words were understood."""
    shop.refused(*words.split(), code=1)
