"""Mail data, without a network: any mail, cut anywhere, comes out as it went in."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from smtp_peer import memory_stays_below

from gateway.mail.message import Envelope
from gateway.memory import LARGE, SMALL, Memory
from gateway.receive.smtp import replies
from gateway.receive.smtp.data import MailData

# Few bytes, but those that matter, so that lookalikes of the end are frequent.
TRICKY = st.lists(st.sampled_from([b"\r", b"\n", b".", b"\r\n", b"\r\n.", b"a", b"\0"]), max_size=40).map(b"".join)
CHUNKS = st.lists(st.integers(1, 9), min_size=1, max_size=200)


def stuffed(mail: bytes) -> bytes:
    """RFC 5321 section 4.5.2, the sender's side."""
    return re.sub(rb"(\A|\r\n)\.", rb"\1..", mail) + b".\r\n"


def feed(data: MailData, wire: bytes, sizes: list[int]) -> bytes | None:
    """Everything in chunks of these sizes, over and over; what follows the mail, or None."""
    position = turn = 0
    while position < len(wire):
        size = sizes[turn % len(sizes)]
        rest = data.feed(wire[position : position + size])
        position, turn = position + size, turn + 1
        if rest is not None:
            return rest + wire[position:]
    return None


@given(TRICKY, CHUNKS, st.sampled_from([b"", b"QUIT\r\n", b"MAIL FROM:<a@b>\r\n.\r\n"]))
def test_a_mail_comes_out_as_it_went_in(content: bytes, sizes: list[int], after: bytes) -> None:
    """However the network cuts it, and whatever is pipelined behind it."""
    mail = content + b"\r\n" if content else b""
    data = MailData(10_000)
    assert feed(data, stuffed(mail) + after, sizes) == after
    assert data.mail() == mail


@given(TRICKY, CHUNKS, st.integers(1, 60))
def test_the_limit_is_exact(content: bytes, sizes: list[int], limit: int) -> None:
    """A mail of the limit passes, one byte more does not, and the end is found in both."""
    mail = content + b"\r\n"
    data = MailData(limit)
    assert feed(data, stuffed(mail) + b"NOOP\r\n", sizes) == b"NOOP\r\n"
    assert data.mail() == (mail if len(mail) <= limit else None)


def test_what_is_over_the_limit_is_not_kept() -> None:
    """However much comes."""
    data = MailData(1000)
    with memory_stays_below(200_000):
        for _ in range(1000):
            data.feed(b"x" * 10_000)


def test_the_end_is_found_after_much_was_thrown_away() -> None:
    """Past the limit bytes are forgotten, but the end may be cut anywhere."""
    wire = b"x" * 1000 + b"\r\n.\r\nNOOP\r\n"
    for cut in range(990, len(wire)):
        data = MailData(100)
        rest = data.feed(wire[:cut])
        assert (rest if rest is not None else data.feed(wire[cut:])) is not None
        assert data.mail() is None


LINES = b"x" * 70 + b"\r\n..and a dot\r\n"


def test_a_large_mail_waits_on_disk(tmp_path: Path) -> None:
    """However much comes, memory has little of it; it comes out as it went in, and leaves no file."""
    memory = Memory()
    data = MailData(100 * LARGE, memory, tmp_path)
    wire = LINES * (3 * LARGE // len(LINES)) + b".\r\n"
    with memory_stays_below(2 * LARGE):
        for start in range(0, len(wire), 100_000):
            rest = data.feed(wire[start : start + 100_000])
            assert memory.buffered <= LARGE + 100_000
    assert rest == b""
    assert data.mail() == wire[:-3].replace(b"\r\n.", b"\r\n")
    with memory_stays_below(4 * LARGE):
        assert data.measure() == sum(map(len, data.pieces()))
    data.close()
    assert memory.buffered == 0
    assert list(tmp_path.iterdir()) == []


@given(TRICKY, CHUNKS, st.integers(SMALL - 4, SMALL + 20))
def test_a_mail_on_disk_is_the_same_mail(content: bytes, sizes: list[int], at_once: int) -> None:
    """Wherever it was cut when it went there; and it is known again."""
    crowded, mail = Memory(0), b"." + b"a" * SMALL + b"\r\n" + content + b"\r\n"
    crowded.buffered = 1
    data, other = MailData(10 * SMALL, crowded), MailData(10 * SMALL)
    wire = stuffed(mail)
    assert data.feed(wire[:SMALL]) is None
    assert feed(data, wire[SMALL:] + b"QUIT\r\n", sizes) == b"QUIT\r\n"
    assert other.feed(wire) == b""
    assert data.mail() == other.mail() == mail
    assert b"".join(data.pieces(at_once)) == mail
    envelope = Envelope("smtp", "a@peer.test", ("support@desk.test",))
    assert data.digest(envelope) == other.digest(envelope)
    data.close()


def test_a_full_disk_is_told_at_the_end_of_the_mail(tmp_path: Path) -> None:
    """Temporarily refused, and the rest is read so that the peer can hear it."""
    memory, gone = Memory(0), tmp_path / "gone"
    memory.buffered = 1
    data = MailData(10 * SMALL, memory, gone)
    assert data.feed(b"x" * 2 * SMALL) is None
    assert data.feed(b"\r\n.\r\nNOOP\r\n") == b"NOOP\r\n"
    assert data.refusal == replies.FAULT
    assert data.mail() is None
