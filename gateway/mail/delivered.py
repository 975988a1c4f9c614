"""The envelope of a mail that was delivered before us, as far as its header tells (RFC 5321 section 4.4).

What the last delivery wrote is read: Return-Path, Delivered-To, X-Original-To. Anybody can write
such fields, so nothing that counts may rest on them: a token in an address is signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.mail import mime
from gateway.mail.header import Fields
from gateway.mail.message import NULL_REVERSE_PATH, Envelope
from gateway.mail.people import found_in

HEADER_BYTES = 256 * 1024
"""Of a mail's head that are looked at."""
RECIPIENTS = 500
"""Addresses that are looked at."""
DELIVERED_TO = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to")
ADDRESSED_TO = (*DELIVERED_TO, "to", "cc")


def envelope_of(raw: bytes, source: str, named_in: Sequence[str] = DELIVERED_TO, mailbox: str = "") -> Envelope:
    """Every address the fields `named_in` hold is a recipient, each once. `mailbox`: where it was found, which
    is better known than what To says."""
    head = raw[:HEADER_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    fields = Fields(mime.read(head + b"\n\n"))
    returns_to = found_in(fields.raw("return-path"))
    named: list[str] = []
    for name in named_in:
        named += [mailbox] if mailbox and name == "to" else []
        named += [address.address for value in fields.raws(name) for address in found_in(value)]
    return Envelope(
        source, returns_to[0].address if returns_to else NULL_REVERSE_PATH, tuple(dict.fromkeys(named[:RECIPIENTS]))
    )
