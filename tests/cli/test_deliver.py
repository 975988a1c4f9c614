"""`replydesk deliver`: one mail from a mail server's pipe into the journal, and exit codes that never bounce for us."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.mail.message import KindName
from storage import database
from storage.journal import JournalEntry
from tests.cli.conftest import Shop
from tests.site import Site, running, until

PROJECT = Path(__file__).resolve().parents[2]
MAIL = "From: kim@customer.example\nTo: support@example.com\nSubject: Piped\n\nHello\n"
TO = ("deliver", "--recipient", "support@example.com")

Typed = Callable[[str | bytes], None]


def newest(shop: Shop) -> tuple[JournalEntry, bytes]:
    return shop.database.read_now(lambda tx: tx.journal.load(tx.journal.recent(limit=1)[0].id))


def count(shop: Shop) -> int:
    return sum(shop.database.read_now(lambda tx: tx.journal.counts()).values())


def test_the_mail_is_in_the_journal_when_it_says_0(empty_shop: Shop, typed: Typed) -> None:
    """Byte for byte behind our trace lines, with its envelope; no daemon is needed."""
    typed(MAIL)
    assert empty_shop.out(*TO, "--sender", "kim+1@customer.example") == ""
    row, raw = newest(empty_shop)
    assert (row.state, row.source, row.reverse_path) == ("pending", "pipe", "kim+1@customer.example")
    assert row.recipients == ("support@example.com",)
    head, _, rest = raw.partition(b"From: ")
    assert head.startswith(b"Return-Path: <kim+1@customer.example>\nReceived: from localhost\n\tby example.com with")
    assert b"From: " + rest == MAIL.encode()


@pytest.mark.parametrize("ends", [b"\n", b"\r\n"])
def test_our_lines_end_as_the_mails_do(empty_shop: Shop, typed: Typed, ends: bytes) -> None:
    typed(MAIL.encode().replace(b"\n", ends))
    empty_shop.out(*TO)
    _, raw = newest(empty_shop)
    assert raw.count(b"\n") == raw.count(ends)


@pytest.mark.parametrize(
    ("words", "head", "reverse_path", "line"),
    [
        (("--sender", "a@b.example"), "From x@y.example Mon Mar  2 10:00:00 2026\n", "a@b.example", "<a@b.example>"),
        (("--sender=-a@b.example",), "", "-a@b.example", "<-a@b.example>"),
        (("--sender", "<a@b.example>"), "", "a@b.example", "<a@b.example>"),
        (("--sender", "a b@c.example"), "", '"a b"@c.example', '<"a b"@c.example>'),
        (("--sender", "MAILER-DAEMON"), "", "", "<>"),
        (("--sender", ""), "", "", "<>"),
        (("--sender", "<>"), "Return-Path: <x@y.example>\n", "", "<>"),
        (("--sender", "nobody at all"), "", "", None),
        ((), "From x@y.example Mon Mar  2 10:00:00 2026\n", "x@y.example", "<x@y.example>"),
        ((), "From MAILER-DAEMON Mon Mar  2 10:00:00 2026\r\n", "", "<>"),
        ((), ">From x@y.example Mon Mar  2 10:00:00 2026\n", "x@y.example", "<x@y.example>"),
        ((), "Return-Path: <x@y.example>\n", "x@y.example", "<x@y.example>"),
        ((), "Return-Path: <>\n", "", "<>"),
        ((), "", "", None),
    ],
)
def test_the_reverse_path(
    empty_shop: Shop, typed: Typed, words: tuple[str, ...], head: str, reverse_path: str, line: str | None
) -> None:
    """From --sender, else from what the mail server wrote on top; unknown is not the same as null."""
    typed(head + MAIL)
    empty_shop.out(*TO, *words)
    row, raw = newest(empty_shop)
    assert row.reverse_path == reverse_path
    first = raw.splitlines()[0].decode()
    assert first == (f"Return-Path: {line}" if line is not None else "Received: from localhost")
    assert b"\nFrom x@y" not in raw
    kind = empty_shop.desk.read(raw, row.envelope).kind
    assert kind.name is KindName.CORRESPONDENCE
    assert (kind.no_acknowledgement == "null-reverse-path") is (line == "<>")


def test_several_recipients_are_one_mail(empty_shop: Shop, typed: Typed) -> None:
    """A mail server that gives them all at once gets one answer, and one entry holds them all."""
    typed(MAIL)
    more = ("--recipient", "HELP@example.com", "--recipient", "Support@Example.com")
    empty_shop.out(*TO, *more)
    assert newest(empty_shop)[0].recipients == ("support@example.com", "HELP@example.com")
    assert count(empty_shop) == 1


@pytest.mark.parametrize("recipient", ["support+t1-abc@example.com", "postmaster@example.com", "<help@example.com>"])
def test_whatever_smtp_takes_is_taken(empty_shop: Shop, typed: Typed, recipient: str) -> None:
    typed(MAIL)
    empty_shop.out("deliver", f"--recipient={recipient}")
    assert newest(empty_shop)[0].recipients == (recipient.strip("<>"),)


@pytest.mark.parametrize(
    ("recipients", "mail", "said"),
    [
        (["sales@example.com"], MAIL, "no such recipient here: sales@example.com"),
        (["support@example.com", "x@elsewhere.example"], MAIL, "no such recipient here: x@elsewhere.example"),
        (["a\nb@example.com"], MAIL, "no such recipient here: a b@example.com"),
        ([""], MAIL, "no such recipient here:"),
        (["support@example.com"], "", "there is no mail on standard input"),
        (["support@example.com"], MAIL + "x" * 26214400, "message too big: "),
    ],
)
def test_65_for_what_can_never_be_delivered(
    empty_shop: Shop, typed: Typed, recipients: list[str], mail: str, said: str
) -> None:
    """What SMTP refuses with 5xx, and nothing else."""
    typed(mail)
    line = empty_shop.refused("deliver", *(f"--recipient={r}" for r in recipients), code=65)
    assert line.startswith(f"replydesk: {said}")
    assert count(empty_shop) == 0


@pytest.mark.parametrize("words", [["deliver"], ["deliver", "--recipient"], [*TO, "--loud"], [*TO, "more"]])
def test_75_for_a_wrong_command_line(empty_shop: Shop, typed: Typed, words: list[str]) -> None:
    """It stands in the mail server's settings: the mail waits until they are right."""
    typed(MAIL)
    assert empty_shop.run(*words) == 75


def _no_tables(shop: Shop) -> None:
    shop.database.close_now()
    for left in (shop.file.parent / "var").glob("replydesk.sqlite3*"):
        left.unlink()


def _other_version(shop: Shop) -> None:
    with shop.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")


def _wrong_config(shop: Shop) -> None:
    shop.file.write_text("[gateway]\ncolour = 1\n", "utf-8")


def _no_config(shop: Shop) -> None:
    shop.file.unlink()


def _no_secret(shop: Shop) -> None:
    (shop.file.parent / "var" / "secret").unlink()


def _not_a_database(shop: Shop) -> None:
    shop.database.close_now()
    for left in (shop.file.parent / "var").glob("replydesk.sqlite3*"):
        left.write_bytes(b"not a database, but long enough to look like one" * 100)


def _postgresql_is_down(shop: Shop) -> None:
    url = "postgresql+psycopg://replydesk@127.0.0.1:1/replydesk"
    shop.file.write_text(shop.file.read_text("utf-8").replace(shop.database.url, url), "utf-8")


@pytest.mark.parametrize(
    "break_it",
    [_no_tables, _other_version, _wrong_config, _no_config, _no_secret, _not_a_database, _postgresql_is_down],
    ids=lambda f: f.__name__.strip("_"),
)
def test_75_for_every_fault_of_ours(empty_shop: Shop, typed: Typed, break_it: Callable[[Shop], None]) -> None:
    """And one line that says which."""
    break_it(empty_shop)
    typed(MAIL)
    assert empty_shop.refused(*TO, code=75).startswith("replydesk: ")


def test_75_while_another_process_writes(empty_shop: Shop, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_SECONDS", 0)
    typed(MAIL)
    with empty_shop.database.engine.begin():
        assert "locked" in empty_shop.refused(*TO, code=75)
    typed(MAIL)
    assert empty_shop.out(*TO) == ""


@pytest.mark.parametrize("error", [RuntimeError("bug"), BrokenPipeError(), KeyboardInterrupt(), MemoryError()])
def test_75_for_whatever_else_ends_it(
    empty_shop: Shop, typed: Typed, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def end(*_: object) -> None:
        raise error

    typed(MAIL)
    monkeypatch.setattr("gateway.config.load", end)
    assert empty_shop.run(*TO) == 75


def test_nobody_reads_what_it_says(empty_shop: Shop) -> None:
    """A closed standard error is no reason to end with 0, which would lose the mail, or 1, which would bounce it."""
    reader, writer = os.pipe()
    os.close(reader)
    words = [sys.executable, "-m", "gateway", "--config", str(empty_shop.file), "deliver"]
    for more, code in (["--recipient", "nobody@example.com"], (65, 75)), ([], (75,)):
        ended = subprocess.run([*words, *more], cwd=PROJECT, input=MAIL.encode(), stdout=writer, stderr=writer)
        assert ended.returncode in code
    os.close(writer)


@pytest.mark.parametrize(("recipient", "code"), [("support@example.com", 0), ("nobody@example.com", 65)])
def test_what_it_would_say_it_on_is_closed(empty_shop: Shop, recipient: str, code: int) -> None:
    """Any other code would have the mail server return a mail that was taken."""
    words = [sys.executable, "-m", "gateway", "--config", str(empty_shop.file), "deliver", "--recipient", recipient]
    closed = ["sh", "-c", f"{shlex.join(words)} >&- 2>&-"]
    assert subprocess.run(closed, cwd=PROJECT, input=MAIL.encode()).returncode == code


def test_the_daemon_takes_it_from_there(tmp_path: Path) -> None:
    """Mails piped in while it was down, and while it runs, become tickets."""
    site = Site(tmp_path)
    with running(site):
        assert site.run(*TO, stdin=MAIL).returncode == 0
        until(lambda: site.count("ticket") == 1)
        assert site.stop() == 0
        piped = site.run(*TO, "--sender", "kim@customer.example", stdin=MAIL.replace("Piped", "While it was down"))
        assert (piped.returncode, piped.stderr) == (0, "")
        site.start()
        until(lambda: site.count("ticket") == 2)
        assert site.run("audit").returncode == 0
        assert site.stop() == 0
