"""Who may come in: what the connections of one listener share about their peers.

Counts connections and failed logins by address. Refusals are 421, so that the peer tries again.
Behind a proxy the peer is whom its PROXY header names, and nobody gets in without one.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from aiosmtpd.proxy_protocol import V2_CMD, ProxyData

from gateway.core.network import address_of, subscriber
from gateway.core.window import Window
from gateway.receive.smtp import replies
from gateway.receive.smtp.options import Options
from gateway.receive.smtp.replies import Reply

log = logging.getLogger("replydesk.receive")

FAILURE_WINDOW = 600.0
"""Seconds a failed login counts."""
_KNOWN_FAILERS = 10_000
_CHECKS_AT_ONCE = 2
"""Password hashing is made to be expensive: strangers may not keep more than this many cores busy."""


@dataclass(slots=True, eq=False)
class Peer:
    """Whom a connection is with."""

    source: str
    """How it came, as the envelope names it: `smtp` or `lmtp`."""
    remote: str = ""
    """IP address, IPv4 where IPv6 only wraps it; empty on a Unix socket."""
    authenticated_as: str = ""
    """The address it proved, empty without."""
    admitted: bool = False
    """It counts among the connections of its address; behind a proxy only after the header."""

    @property
    def fields(self) -> dict[str, object]:
        """What every log record about it says."""
        return {"source": self.source, "remote": self.remote}

    @property
    def key(self) -> str:
        """Under which it is counted; empty for a Unix socket."""
        return subscriber(address_of(self.remote)) if self.remote else ""


class Admission:
    """Decides who comes in, and counts those who are."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._closed = False
        self._inside = 0
        self._connections: Counter[str] = Counter()
        self._failures = Window(options.auth_failures_per_ip, FAILURE_WINDOW, _KNOWN_FAILERS)
        self.credential_checks = asyncio.Semaphore(_CHECKS_AT_ONCE)

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    # --- connections --------------------------------------------------------------------------

    def arrive(self, peer: Peer, peername: object) -> Reply | None:
        """Why this peer must go, by the address of its socket. None: it is in, until `leave`."""
        if isinstance(peername, tuple) and peername:
            peer.remote = str(address_of(str(peername[0])))
        refusal = self._refusal(peer)
        if refusal is None:
            self._inside += 1
        else:
            _log_refusal(peer, refusal)
        return refusal

    def _refusal(self, peer: Peer) -> Reply | None:
        if self._closed:
            return replies.SHUTTING_DOWN
        if self._inside >= self._options.max_connections:
            return replies.TOO_BUSY
        if self._options.proxy_protocol_timeout is None:
            return self._admit(peer)
        # Whoever sends the header says who he is: so only those may that are known to tell the truth.
        known = self._options.proxies
        believed = not known or not peer.remote or any(ip_address(peer.remote) in network for network in known)
        return None if believed else replies.NOT_A_PROXY

    def introduce(self, peer: Peer, header: ProxyData) -> Reply | None:
        """The proxy tells whom it speaks for; why that peer must go, None if it may stay."""
        if header.command != V2_CMD.LOCAL and isinstance(header.src_addr, IPv4Address | IPv6Address):
            peer.remote = str(address_of(str(header.src_addr)))
        refusal = self._admit(peer)
        if refusal is not None:
            _log_refusal(peer, refusal)
        return refusal

    def _admit(self, peer: Peer) -> Reply | None:
        key, limit = peer.key, self._options.connections_per_ip
        if key and limit and self._connections[key] >= limit:
            return replies.TOO_MANY_FROM_YOU
        self._connections[key] += 1
        peer.admitted = True
        return None

    def leave(self, peer: Peer) -> None:
        """The connection of a peer that was let in has ended."""
        self._inside -= 1
        if peer.admitted:
            self._connections[peer.key] -= 1
            if not self._connections[peer.key]:
                del self._connections[peer.key]
        else:
            log.warning("no PROXY header", extra=peer.fields)

    # --- logins -------------------------------------------------------------------------------

    def login_failed(self, peer: Peer) -> None:
        self._failures.add(peer.key, time.monotonic())

    def may_try_login(self, peer: Peer) -> bool:
        return not self._failures.is_full(peer.key, time.monotonic())


def _log_refusal(peer: Peer, reply: Reply) -> None:
    log.warning("connection refused", extra={**peer.fields, "reply": str(reply)})
