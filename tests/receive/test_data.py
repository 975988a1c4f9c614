"""Mail data, without a network: any mail, cut anywhere, comes out as it went in."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st
from smtp_peer import memory_stays_below

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
