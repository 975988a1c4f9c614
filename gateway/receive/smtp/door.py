"""Who may come in: what the connections of one listener share.

Counts connections per address and failed logins per address. A peer behind an IPv6 /64 is
one peer, for it owns all of that network.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter, OrderedDict, deque
from typing import TYPE_CHECKING

from gateway.core.network import address_of, subscriber
from gateway.receive.intake import Intake
from gateway.receive.smtp import replies
from gateway.receive.smtp.commit import Commits
from gateway.receive.smtp.options import Options
from gateway.receive.smtp.replies import Reply

if TYPE_CHECKING:
    from gateway.receive.smtp.gate import Gate

FAILURE_WINDOW = 600.0
"""Seconds a failed login counts."""
_KNOWN_FAILERS = 10_000
_CHECKS_AT_ONCE = 2
"""Password hashing is made to be expensive: strangers may not keep more than this many cores busy."""


class Door:
    """One listener's shared state."""

    def __init__(self, intake: Intake, options: Options, unix_path: str = "") -> None:
        self.intake = intake
        self.options = options
        self.commits = Commits(intake)
        self.gates: set[Gate] = set()
        """Connections that were let in."""
        self.empty = asyncio.Event()
        """There is no such connection."""
        self.empty.set()
        self._closed = False
        self._unix_path = unix_path
        self.credential_checks = asyncio.Semaphore(_CHECKS_AT_ONCE)
        self._peers: Counter[str] = Counter()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def refusal(self) -> Reply | None:
        """Why no further connection is let in now, whoever asks."""
        if self._closed:
            return replies.SHUTTING_DOWN
        return replies.TOO_BUSY if len(self.gates) >= self.options.max_connections else None

    def close(self) -> None:
        """Let nobody in any more, and free the Unix socket's name for the next daemon."""
        self._closed = True
        if self._unix_path:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._unix_path)
            self._unix_path = ""

    def entered(self, gate: Gate) -> None:
        self.gates.add(gate)
        self.empty.clear()

    def left(self, gate: Gate) -> None:
        self.gates.discard(gate)
        if not self.gates:
            self.empty.set()

    def admit(self, remote: str) -> bool:
        """Count a connection from this address; False (and not counted) when it has too many. See `release`."""
        peer = peer_of(remote)
        limit = self.options.connections_per_ip
        if peer and limit and self._peers[peer] >= limit:
            return False
        self._peers[peer] += 1
        return True

    def release(self, remote: str) -> None:
        peer = peer_of(remote)
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]

    def login_failed(self, remote: str) -> None:
        moments = self._failures.setdefault(peer_of(remote), deque(maxlen=self.options.auth_failures_per_ip))
        moments.append(time.monotonic())
        self._failures.move_to_end(peer_of(remote))
        if len(self._failures) > _KNOWN_FAILERS:
            self._failures.popitem(last=False)

    def may_try_login(self, remote: str) -> bool:
        moments = self._failures.get(peer_of(remote))
        if moments is None or len(moments) < self.options.auth_failures_per_ip:
            return True
        return time.monotonic() - moments[0] > FAILURE_WINDOW


def peer_of(remote: str) -> str:
    """The key under which an address is counted; empty for a Unix socket."""
    return subscriber(address_of(remote)) if remote else ""


def plain_address(peername: object) -> str:
    """The IP address in a socket's peer name, without scope, IPv4 where it is mapped; empty for a Unix socket."""
    return str(address_of(str(peername[0]))) if isinstance(peername, tuple) and peername else ""
