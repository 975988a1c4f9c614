"""Mails broken at random, and what must be true of every mail whatever is broken in it.

Used by the property tests and by `tests/bench/mutate.py`. A mutation depends only on the random
generator it is given, so every failure can be repeated from its seed.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from enum import Enum
from hashlib import sha256

from gateway.mail import parse
from gateway.mail.message import Envelope, Message

ENVELOPE = Envelope("smtp", "kunde@example.com", ("support@replydesk.example",))

TOKENS = (
    b"\0",
    b"\r",
    b"\n\n",
    b"\r\n.\r\n",
    b"=?utf-8?q?=00=ED=A0=80?=",
    b"=?utf-8?b?8J+Y?= =?utf-8?b?gA==?=",
    b"\xed\xa0\x80",
    b"\xff\xfe",
    b"\x1b$B",
    b"\xe2\x80\xae",
    b"Content-Type: text/html; charset=utf-16\r\n",
    b"Content-Type: multipart/mixed\r\n",
    b"Content-Type: message/rfc822\r\n",
    b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n--b\r\n',
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b'Content-Type: text/plain; charset="\0"\r\n',
    b"Content-Disposition: attachment; filename*=utf-8''%00; filename*0=a; filename=..\\..\\x\r\n",
    b"Content-Type: application/ms-tnef\r\n",
    b"Content-Type: application/pkcs7-mime; smime-type=signed-data\r\n",
    b"Content-Type: text/calendar; method=REPLY\r\n",
    b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: ;;\r\nAction:\r\n",
    b"Message-ID: <>\r\n",
    b'From: """<@>, (((, =?x?b?=?=\r\n',
    b"Subject: =?utf-8?q?" + b"=" * 40,
    b"<blockquote><div style='display:none'><!--",
    b"-----Original Message-----\r\nFrom: a@b\r\nSent: 1\r\n",
    b"begin 644 x\r\n",
    b"> " * 200,
    b"<" * 500,
    b"A" * 70_000,
)


def mutate(rng: random.Random, raw: bytes, other: bytes) -> bytes:
    """One to six random injuries: bits, cuts, repeats, swaps, hostile tokens, a piece of another mail."""
    data = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        if not data:
            data += rng.choice(TOKENS)
        start = rng.randrange(len(data))
        end = min(len(data), start + rng.choice((1, 4, 40, 400)))
        kind = rng.randrange(7)
        if kind == 0:
            for i in range(start, end):
                if rng.random() < 0.3:
                    data[i] = rng.randrange(256)
        elif kind == 1:
            del data[start:end]
        elif kind == 2:
            data[start:start] = data[start:end] * rng.randint(1, 20)
        elif kind == 3:
            data[start:start] = rng.choice(TOKENS)
        elif kind == 4 and other:
            there = rng.randrange(len(other))
            data[start:start] = other[there : there + 2_000]
        elif kind == 5:
            lines = bytes(data).split(b"\n")
            rng.shuffle(lines[: rng.randint(2, 30)])
            i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
            lines[i], lines[j] = lines[j], lines[i]
            data = bytearray(b"\n".join(lines))
        else:
            del data[end:]
    return bytes(data)


def faults(raw: bytes, message: Message) -> Iterator[str]:
    """What is wrong with a parsed mail; nothing, ever."""
    for path, value in _texts(message, "message"):
        if "\0" in value:
            yield f"{path} holds NUL"
        try:
            value.encode()
        except UnicodeEncodeError:
            yield f"{path} holds a lone surrogate"
        if "\r" in value:
            yield f"{path} holds CR"
    for name in ("subject", "message_id"):
        if "\n" in getattr(message, name):
            yield f"{name} has more than one line"
    if not message.message_id:
        yield "no message_id"
    if message.unreadable and raw.strip():
        yield f"unreadable: {message.unreadable}"
    for attachment in message.attachments:
        data = parse.extract(raw, attachment.part)
        if len(data) != attachment.size or sha256(data).hexdigest() != attachment.sha256:
            yield f"attachment {attachment.part} comes out as other bytes"
        if not attachment.filename or "/" in attachment.filename or "\\" in attachment.filename:
            yield f"attachment {attachment.part} has the name {attachment.filename!r}"
    for nested in message.nested:
        parse.nested(raw, nested.part)


def _texts(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every text inside a value of the core, with where it is."""
    if isinstance(value, Enum):
        return
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, tuple):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key, f"{path} key")
            yield from _texts(item, f"{path}[{key!r}]")
    elif dataclasses.is_dataclass(value):
        for f in dataclasses.fields(value):
            yield from _texts(getattr(value, f.name), f"{path}.{f.name}")
