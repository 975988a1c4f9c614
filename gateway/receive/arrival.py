"""The envelope of a mail that was delivered before us, as far as its header tells (RFC 5321 section 4.4).

What the last delivery wrote is read: Return-Path, Delivered-To, X-Original-To. Anybody can write
such fields, so nothing that counts may rest on them: a token in an address is signed.
"""

from __future__ import annotations

from collections.abc import Callable
from email import message_from_bytes

from gateway.mail.header import Fields
from gateway.mail.message import NULL_REVERSE_PATH, Envelope, address_key
from gateway.mail.people import found_in

HEADER_BYTES = 256 * 1024
"""Of a mail's head that are looked at."""
RECIPIENTS = 20
"""Addresses of ours in one mail that count."""

_DELIVERED = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "to", "cc")


def envelope(raw: bytes, source: str, mailbox: str, is_ours: Callable[[str], bool]) -> Envelope:
    """The mailbox it was found in, and every other address of ours its header names."""
    head = raw[:HEADER_BYTES].replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    fields = Fields(message_from_bytes(head + b"\n\n"))
    named = [address.address for name in _DELIVERED for value in fields.raws(name) for address in found_in(value)]
    others = {address_key(a): a for a in named[:500] if address_key(a) != address_key(mailbox) and is_ours(a)}
    recipients = (mailbox, *list(others.values())[:RECIPIENTS])
    return Envelope(source, _reverse_path(fields.raw("return-path")), recipients)


def _reverse_path(value: str) -> str:
    found = found_in(value)
    return found[0].address if found else NULL_REVERSE_PATH
