"""The trace lines: true, in the grammar of RFC 5321 section 4.4, and safe whatever HELO says."""

from __future__ import annotations

import email
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
from smtp_peer import Desk, peer, serving

from gateway.receive.smtp.data import Hop, protocol_name, trace_lines

AT = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)


def hop(helo: str = "peer.test", remote: str = "192.0.2.7") -> Hop:
    return Hop(helo, remote, "desk.test", "ESMTP", "abc1", AT)


def test_trace_lines_in_full() -> None:
    """Return-Path first, then how the mail came."""
    assert trace_lines(hop(), "a@peer.test") == (
        b"Return-Path: <a@peer.test>\r\n"
        b"Received: from peer.test ([192.0.2.7])\r\n"
        b"\tby desk.test with ESMTP id abc1;\r\n"
        b"\tTue, 03 Feb 2026 04:05:06 +0000\r\n"
    )


@pytest.mark.parametrize(
    ("remote", "written"),
    [("2001:db8::1", b"peer.test ([IPv6:2001:db8::1])\r\n"), ("", b"peer.test\r\n")],
)
def test_remote_addresses(remote: str, written: bytes) -> None:
    """IPv6 is marked as such; a Unix socket has no address."""
    assert b"Received: from " + written in trace_lines(hop(remote=remote), "")


@pytest.mark.parametrize(
    ("helo", "written"),
    [
        ("[192.0.2.7]", "[192.0.2.7]"),
        ("[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]"),
        ("a\r\nSubject: forged", "aSubject:forged"),
        ("a (trusted) b; id x", "atrustedbidx"),
        ("\udcff\0ü", "unknown"),
        ("x" * 2000, "x" * 255),
    ],
)
def test_helo_is_made_safe(helo: str, written: str) -> None:
    """Only characters of a domain or an address literal survive, and not too many."""
    lines = trace_lines(hop(helo), "").decode().split("\r\n")
    assert lines[1] == f"Received: from {written} ([192.0.2.7])"
    assert len(lines) == 5


@pytest.mark.parametrize(
    ("name", "base", "tls", "authenticated", "smtputf8"),
    [
        ("SMTP", "SMTP", False, False, False),
        ("ESMTPSA", "ESMTP", True, True, False),
        ("LMTPS", "LMTP", True, False, False),
        ("UTF8SMTPA", "ESMTP", False, True, True),
        ("UTF8LMTP", "LMTP", False, False, True),
    ],
)
def test_protocol_names(name: str, base: str, tls: bool, authenticated: bool, smtputf8: bool) -> None:
    """The keywords registered by RFC 3848 and RFC 6531."""
    assert protocol_name(base, tls=tls, authenticated=authenticated, smtputf8=smtputf8) == name


async def test_a_forged_return_path_is_never_first() -> None:
    """The first Return-Path of an accepted mail is that of the envelope, its id that of the reply."""
    desk = Desk()
    async with serving(desk) as server, peer(server) as client:
        await client.begin_data()
        reply = await client.ask("Return-Path: <forged@elsewhere.test>\r\nSubject: x\r\n\r\nhello\r\n.")
    message = email.message_from_bytes(desk.accepted[0][0])
    assert message.get_all("Return-Path") == ["<a@peer.test>", "<forged@elsewhere.test>"]
    received = re.fullmatch(
        r"from peer\.test \(\[127\.0\.0\.1\]\)\s+by desk\.test with ESMTP id ([0-9a-f]+);\s+(.+)", message["Received"]
    )
    assert received
    assert reply == f"250 2.0.0 Accepted as {received[1]}"
    assert parsedate_to_datetime(received[2]).tzinfo is not None
