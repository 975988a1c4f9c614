"""Where a listener listens, and what it allows: plain values, checked once at the start."""

from __future__ import annotations

import re
import socket as sockets
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.memory import Memory

if TYPE_CHECKING:
    from gateway.receive.smtp.verify import Verifier

CredentialCheck = Callable[[str, str], str | None]
"""(login, password) → the address they prove, or None. May block: it runs in a thread."""

_HOSTNAME = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z.-]*[0-9A-Za-z])?|\[[0-9A-Fa-f:.IPv]+\]")


@dataclass(frozen=True, slots=True)
class Listener:
    """One place to listen: `host` and `port`, or a Unix socket's `path`, or a ready `socket`."""

    host: str = ""
    port: int = 0
    """0: any free port, found in `server.sockets`."""
    path: str = ""
    """Unix socket; a stale one is replaced, one that answers is not."""
    mode: int = 0o660
    """Of the Unix socket, so that a mail server in our group may write to it."""
    socket: sockets.socket | None = None
    """Bound already, as systemd hands it over."""
    implicit_tls: bool = False
    """TLS from the first byte (RFC 8314 section 3.3), not by STARTTLS."""

    def __post_init__(self) -> None:
        if sum(map(bool, (self.host, self.path, self.socket))) != 1:
            raise ValueError("a listener has exactly one of host, path and socket")
        if not 0 <= self.port < 65536:
            raise ValueError(f"there is no port {self.port}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is spoken. LMTP (RFC 2033) differs in its hello and in DATA, where each recipient gets a reply."""

    keyword: str
    """In the greeting and the Received line."""
    source: str
    """As in the journal."""
    is_lmtp: bool = False


SMTP = Dialect("ESMTP", "smtp")
LMTP = Dialect("LMTP", "lmtp", is_lmtp=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What one listener allows. Counts are per listener; 0 means without limit where a field says so."""

    hostname: str
    """Our own name in the greeting and the Received line."""
    max_message_bytes: int = 26_214_400
    """Of the mail as the peer sent it, without our trace lines."""
    max_recipients: int = 100
    """Per mail; 100 is the least RFC 5321 section 4.5.3.1.8 allows."""
    timeout_seconds: float = 300.0
    """Without a byte from the peer (RFC 5321 section 4.5.3.2.7 asks for five minutes)."""
    patience_seconds: float = 3600.0
    """From one reply of ours to the next, however busily the peer sends."""
    connections_per_ip: int = 50
    """Per IPv4 address or IPv6 /64; 0: no limit. Not applied to Unix sockets."""
    max_connections: int = 500
    max_errors: int = 20
    """4xx and 5xx replies without an accepted mail between them; 0: no limit."""
    max_commands: int = 1000
    """Replies that brought no mail nearer (NOOP, RSET, a recipient too many), without an accepted mail between them.
    From a tenth of it on each has to wait a little; 0: no limit."""
    memory: Memory = field(default_factory=Memory)
    """How much mail may be held at once, with all others who have a part in it."""
    spool: Path | None = None
    """Folder for large mails while they come in; None: the system's."""
    verifier: Verifier | None = None
    """Judges who sent a mail; None: nobody does here."""
    tls: ssl.SSLContext | None = None
    credentials: CredentialCheck | None = None
    """None: AUTH is not offered."""
    require_tls_for_auth: bool = True
    auth_attempts: int = 3
    """Failures per connection."""
    auth_failures_per_ip: int = 20
    """Failures per address in ten minutes."""
    auth_delay_seconds: float = 2.0
    """Before a failure is told."""
    proxy_protocol_timeout: float | None = None
    """Seconds to wait for a PROXY header (HAProxy, v1 and v2). With it nothing else is accepted first,
    and the header is believed. None: no such header."""
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    """Who may send that header; others are not let in. Empty: whoever can reach the listener."""

    def __post_init__(self) -> None:
        if not _HOSTNAME.fullmatch(self.hostname):
            raise ValueError(f"not a host name: {self.hostname!r}")
        for name in (
            "max_message_bytes",
            "max_recipients",
            "timeout_seconds",
            "patience_seconds",
            "max_connections",
            "auth_attempts",
            "auth_failures_per_ip",
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be more than 0")
