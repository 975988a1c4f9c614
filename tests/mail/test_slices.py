"""The tree by slices is the standard library's tree, or none."""

from __future__ import annotations

import email
import random
from email.message import Message
from typing import Any

import pytest

from gateway.mail.mime import Entity
from gateway.mail.slices import sliced
from tests.bench.bench_flow import mails
from tests.mails import all_mails
from tests.mutation import mutate

MUTATED = 3_000


def _told(mime: Message) -> tuple[Any, ...]:
    payload: Any = mime._payload  # type: ignore[attr-defined]  # what it holds, before anything is decoded
    parts = tuple(map(_told, payload)) if isinstance(payload, list) else payload
    return type(mime), list(mime.raw_items()), mime.preamble, mime.epilogue, mime.get_default_type(), parts


def same(raw: bytes) -> bool:
    """True when it was sliced; the standard library's tree is the same then."""
    found = sliced(raw, Entity)
    if found is None:
        return False
    assert _told(found) == _told(email.message_from_bytes(raw, _class=Entity))
    return True


def test_ordinary_mails_are_sliced() -> None:
    load = mails(100, random.Random(3))
    assert all(map(same, load))
    assert all(same(raw.replace(b"\r\n", b"\n")) for raw in load)
    assert all(same(raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")) for raw in load)


def test_mails_of_every_kind() -> None:
    found = [same(raw) for raw in all_mails().values()]
    assert sum(found) > len(found) / 2


def test_mutated_mails() -> None:
    rng = random.Random(14)
    seeds = [raw for raw in all_mails().values() if len(raw) < 100_000]
    sliced_ones = sum(same(mutate(rng, rng.choice(seeds), rng.choice(seeds))) for _ in range(MUTATED))
    assert sliced_ones > MUTATED / 10


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize(
    "body",
    [
        b"--b\n\nx\n--b--\n",
        b"--b\n\nx\n--b--",
        b"\n--b\n\nx\n--b--\n\nafter\n",
        b"before\n--b\nA: b\n\n--b  \n\n\n--b--\t\nafter",
        b"--b\n\n--bx\n--b-- x\n--b--\n",
        b"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n1\n--c--\n--b--\n",
        b"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n1\n--c--\n\n--b--\n",
        b"--b\nContent-Type: multipart/mixed; boundary=c\n\np\n--c\n\n1\n--c--\ne\n\n--b\n\n2\n--b--\n",
        b"--b\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\n1\n--b--\n--b--\n",
        b"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\n1\n--b--\n--c--\n",
        b"--b\n--b\n\nx\n--b--\n",
        b"--b\n--b--\n",
        b"--b--\n\nx\n",
        b"--b\nA: b\n--b--\n",
        b"--b\nnone\n\nx\n--b--\n",
        b"--b\n A: b\n\nx\n--b--\n",
        b"--b\nA: b\n \n\nx\n--b--\n",
        b"--b\nContent-Type: message/rfc822\n\nA: b\n\nx\n--b--\n",
        b"--b\n\n1\n--b\n",
        b"",
    ],
)
def test_borders(body: bytes, end: bytes) -> None:
    for kind in (b"mixed", b"digest"):
        head = b"From: a@x.example\nSubject:  \tfolded\n again \nContent-Type: multipart/" + kind + b"; boundary=b\n\n"
        same((head + body).replace(b"\n", end))
