"""What of a mail is its content: the same hash whatever transport added, and however large the mail is."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import same_mail
from gateway.mail.parse import parse

MESSAGE = parse(b"From: kim@customer.example\r\nSubject: x\r\n\r\nHello")
TRICKY = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"\n\n"]), max_size=30).map(b"".join)


def at_once(raw: bytes) -> str:
    """The rule in one line: the body with plain line ends, without empty lines at its end."""
    body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2].rstrip(b"\n")
    return hashlib.sha256(f"kim@customer.example\0x\0{MESSAGE.date}\0".encode() + body).hexdigest()


@given(TRICKY, st.integers(2, 9))
def test_piece_by_piece_it_is_the_same(raw: bytes, piece: int) -> None:
    """Wherever a mail is cut; a hash that changed would no longer know what came before an upgrade."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(same_mail, "_PIECE", piece)
        assert same_mail.content_hash(raw, MESSAGE) == at_once(raw)
