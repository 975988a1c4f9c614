"""Replies and log records: complete, and silent about what is inside."""

from __future__ import annotations

import errno
import logging
import re
import sqlite3
from pathlib import Path

import aiosmtpd.smtp
import pytest
from smtp_peer import Desk, failing, peer, serving

from gateway.errors import OversizeMail, StorageUnavailable
from gateway.receive.smtp import replies
from gateway.receive.smtp.replies import Reply

CONSTANTS = {name: value for name, value in vars(replies).items() if isinstance(value, Reply)}


@pytest.mark.parametrize("reply", CONSTANTS.values(), ids=CONSTANTS)
def test_enhanced_codes_agree_with_the_reply(reply: Reply) -> None:
    """RFC 2034 section 4: of the same class, on every reply but 3xx."""
    if reply.reply_code // 100 == 3:
        assert reply.enhanced_code == ""
    else:
        assert re.fullmatch(rf"{reply.reply_code // 100}\.[0-7]\.\d{{1,2}}", reply.enhanced_code)
    assert len(str(reply)) <= 510, "RFC 5321 section 4.5.3.1.5"


def test_every_stock_reply_leaves_with_an_enhanced_code() -> None:
    """Whatever aiosmtpd may say, read from its source, is ours when it leaves."""
    source = Path(aiosmtpd.smtp.__file__).read_text()
    stock = re.findall(r"""["']([245]\d\d [A-Z][^"'{]*)""", source)
    assert len(stock) > 30
    for line in stock:
        assert re.match(r"[245]\d\d [245]\.\d\.\d+ \S", replies.replace_stock(line)), line


def test_the_greeting_has_no_enhanced_code() -> None:
    """RFC 2034 section 4; not even of a host with an odd name."""
    assert replies.replace_stock("220 Ready ESMTP") == "220 Ready ESMTP"


def chained(cause: BaseException) -> StorageUnavailable:
    error = StorageUnavailable("x")
    error.__cause__ = cause
    return error


def sqlite_full() -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorname = "SQLITE_FULL"
    return error


class DiskFull(Exception):
    sqlstate = "53100"


@pytest.mark.parametrize(
    ("error", "reply"),
    [
        (OversizeMail("x"), replies.TOO_BIG),
        (StorageUnavailable("x"), replies.FAULT),
        (chained(OSError(errno.EIO, "x")), replies.FAULT),
        (chained(OSError(errno.EDQUOT, "x")), replies.DISK_FULL),
        (chained(sqlite_full()), replies.DISK_FULL),
        (chained(DiskFull()), replies.DISK_FULL),
        (OSError(errno.ENOSPC, "x"), replies.DISK_FULL),
        (KeyError("x"), replies.FAULT),
    ],
)
def test_what_a_fault_is_answered(error: BaseException, reply: Reply) -> None:
    """Only a mail that is too big is refused for good."""
    assert replies.for_fault(error) == reply


def test_errors_that_cause_each_other_end() -> None:
    """A ring of causes is not followed for ever."""
    first, second = StorageUnavailable("x"), KeyError("y")
    first.__cause__, second.__cause__ = second, first
    assert replies.for_fault(first) == replies.FAULT


async def test_one_record_for_each_event(caplog: pytest.LogCaptureFixture) -> None:
    """With its facts as fields."""
    caplog.set_level(logging.INFO, "replydesk.receive")
    async with serving(Desk()) as server, peer(server) as client:
        await client.ask("MAIL FROM:<a@peer.test>")
        await client.ask("RCPT TO:<nobody@desk.test>")
        await client.ask("RCPT TO:<support@desk.test>")
        await client.ask("DATA")
        accepted = await client.ask("hello\r\n.")
    refused, taken = (r for r in caplog.records if r.name == "replydesk.receive" and r.msg != "drained")
    assert refused.msg == "recipient rejected"
    assert (refused.recipient, refused.reply) == ("nobody@desk.test", "550 5.1.1 No such recipient here")
    assert taken.msg == "accepted"
    assert (taken.remote, taken.reverse_path, taken.recipients) == ("127.0.0.1", "a@peer.test", ["support@desk.test"])
    assert accepted.endswith(taken.id)


async def test_a_fault_is_logged_without_the_mail(caplog: pytest.LogCaptureFixture) -> None:
    """Kind and place, but never the text of an error that may quote what was to be stored."""
    error = KeyError("INSERT INTO journal VALUES ('Dear support, my password is swordfish')")
    async with serving(Desk(failing(error))) as server, peer(server) as client:
        await client.begin_data()
        assert (await client.ask("Dear support, my password is swordfish\r\n.")).startswith("451")
    record = next(r for r in caplog.records if r.msg == "deferred")
    assert record.error == "KeyError"
    assert any("smtp_peer.py" in place for place in record.where)
    assert "swordfish" not in "".join(str(vars(r)) for r in caplog.records)
