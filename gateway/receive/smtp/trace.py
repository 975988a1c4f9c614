"""The two lines a final delivery puts before a mail (RFC 5321 section 4.4).

Return-Path comes first and names the reverse path of *this* transaction, so that one the
mail brought along, which anybody can write, is never the first. The name a peer gives in
HELO is hostile text: only characters of a domain or address literal survive.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from ipaddress import IPv6Address, ip_address

_HELO_LENGTH = 255
_NOT_IN_HELO = re.compile(r"[^0-9A-Za-z._:\[\]-]")


@dataclass(frozen=True, slots=True)
class Hop:
    """How one mail reached us, as its Received line tells it."""

    helo: str
    """As the peer said it, unchecked."""
    remote: str
    """IP address of the peer, empty on a Unix socket."""
    hostname: str
    protocol: str
    """RFC 3848 and RFC 6531: `ESMTPSA`, `UTF8SMTPS`, `LMTP`, … (see `protocol_name`)."""
    id: str
    """Unique for this transaction; letters and digits."""
    at: datetime
    """Aware."""


def trace_lines(hop: Hop, reverse_path: str) -> bytes:
    """Return-Path and Received, each ended by CRLF. `reverse_path` is one that `read_path` let through."""
    return f"Return-Path: <{reverse_path}>\r\n".encode() + received_line(hop)


def received_line(hop: Hop) -> bytes:
    """Received alone, for a delivery that does not know the reverse path."""
    source = f" ({_literal(hop.remote)})" if hop.remote else ""
    return (
        f"Received: from {_safe_helo(hop.helo)}{source}\r\n"
        f"\tby {hop.hostname} with {hop.protocol} id {hop.id};\r\n"
        f"\t{format_datetime(hop.at)}\r\n"
    ).encode()


def protocol_name(base: str, *, tls: bool, authenticated: bool, smtputf8: bool) -> str:
    """The `with` keyword: base is `SMTP`, `ESMTP` or `LMTP`."""
    if smtputf8:
        base = "UTF8" + base.removeprefix("E")
    return base + ("S" if tls else "") + ("A" if authenticated else "")


def _safe_helo(helo: str) -> str:
    return _NOT_IN_HELO.sub("", helo)[:_HELO_LENGTH] or "unknown"


def _literal(remote: str) -> str:
    return f"[IPv6:{remote}]" if isinstance(ip_address(remote), IPv6Address) else f"[{remote}]"
