"""Receiving on standard input, from a mail server that starts us for each mail (`replydesk deliver`).

Reads the mail and what is known of its envelope, and puts our trace lines (RFC 5321 section 4.4)
before it. Refuses only what SMTP would refuse for good: a recipient that is not ours, a mail over
the limit, no mail at all. What it cannot read of the sender it leaves out.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from gateway.errors import ReplydeskError
from gateway.mail.message import NULL_REVERSE_PATH, Envelope, address_key
from gateway.receive.smtp.data import Hop, received_line, trace_lines
from gateway.receive.smtp.transaction import BadParameters, BadPath, read_path
from storage.journal import PIPED

_CHUNK = 1 << 20
_NULL = frozenset({"", "<>", "mailer-daemon"})
"""How mail servers write the null reverse path on a command line; Postfix does the last by default."""
_FROM_LINE = re.compile(rb">?From (\S*)[^\r\n]*\r?\n")
_RETURN_PATH = re.compile(rb"(?i)Return-Path:[ \t]*<([^<>\r\n]*)>[ \t]*\r?\n")


class NotDeliverable(ReplydeskError):
    """This mail can never be taken, however often it is tried."""


@dataclass(frozen=True, slots=True)
class Piped:
    """A mail as it goes into the journal: with our trace lines, and what is known of its envelope."""

    raw: bytes
    envelope: Envelope


def receive(
    stream: BinaryIO,
    recipients: Sequence[str],
    sender: str | None,
    is_ours: Callable[[str], bool],
    limit: int,
    hostname: str,
    now: datetime,
) -> Piped:
    """Read a mail of at most `limit` bytes to its end.

    `sender` None: taken from the mbox `From ` line or the Return-Path field the mail server wrote,
    where there is one. Raises `NotDeliverable`.
    """
    envelope_to = _ours(recipients, is_ours)
    mail = _read(stream, limit)
    line = _FROM_LINE.match(mail)
    if line:
        mail = mail[line.end() :]
    known = _found(line, mail) if sender is None else _reverse_path(sender)
    hop = Hop("localhost", "", hostname, "local", secrets.token_hex(6), now)
    # Without a reverse path none is written: an empty one would say that a machine sent it.
    trace = received_line(hop) if known is None else trace_lines(hop, known)
    if b"\r\n" not in mail[: mail.find(b"\n") + 1]:
        trace = trace.replace(b"\r\n", b"\n")
    return Piped(trace + mail, Envelope(PIPED, known or NULL_REVERSE_PATH, envelope_to))


def _ours(recipients: Sequence[str], is_ours: Callable[[str], bool]) -> tuple[str, ...]:
    unique: dict[str, str] = {}
    for given in recipients:
        address = _address(given)
        if not address or not is_ours(address):
            raise NotDeliverable(f"no such recipient here: {given}")
        unique.setdefault(address_key(address), address)
    return tuple(unique.values())


def _reverse_path(sender: str) -> str | None:
    if sender.strip().casefold() in _NULL:
        return NULL_REVERSE_PATH
    address = _address(sender)
    return address if "@" in address else None


def _address(given: str) -> str:
    """Without angle brackets and quoted where it must be; empty when it is no address.

    Mail servers put the bare local part on a command line, blanks and all.
    """
    bare = given.strip().removeprefix("<").removesuffix(">")
    local, at, domain = bare.rpartition("@")
    quoted = re.sub(r'(["\\])', r"\\\1", local)
    for form in (bare, f'"{quoted}"{at}{domain}'):
        try:
            return read_path(f"TO:<{form}>", "TO").address
        except (BadPath, BadParameters):
            continue
    return ""


def _read(stream: BinaryIO, limit: int) -> bytes:
    mail = bytearray()
    size = 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        # Read to the end even so: a mail server that cannot write on takes that for a fault of its own.
        if size <= limit:
            mail += chunk
    if size > limit:
        raise NotDeliverable(f"message too big: {size} bytes are more than {limit}")
    if not mail.strip():
        raise NotDeliverable("there is no mail on standard input")
    return bytes(mail)


def _found(line: re.Match[bytes] | None, mail: bytes) -> str | None:
    """The reverse path a mail server wrote on top of the mail; None when it wrote none."""
    written = _RETURN_PATH.match(mail) or line
    return None if written is None else _reverse_path(written[1].decode("utf-8", "replace"))
