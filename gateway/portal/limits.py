"""How often somebody may try: sliding windows in memory, and who "somebody" is.

Forgotten at a restart, and each daemon counts for itself; both only mean a few more tries.
"""

from __future__ import annotations

import ipaddress
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.core.network import address_of, subscriber

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

KEYS = 20_000
"""Keys remembered by one window; beyond, the one not seen for longest is forgotten."""


class Window:
    """At most `count` in any `span`, for each key."""

    def __init__(self, count: int, span: timedelta, keys: int = KEYS) -> None:
        self.count, self.span, self._keys = count, span, keys
        self._seen: OrderedDict[str, deque[datetime]] = OrderedDict()

    def take(self, key: str, now: datetime) -> bool:
        """Count one try. False, and nothing is counted, when there were enough already."""
        seen = self._seen.setdefault(key, deque())
        self._seen.move_to_end(key)
        while seen and seen[0] <= now - self.span:
            seen.popleft()
        if len(seen) >= self.count:
            return False
        seen.append(now)
        while len(self._seen) > self._keys:
            self._seen.popitem(last=False)
        return True

    def forget(self, key: str) -> None:
        self._seen.pop(key, None)


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of the portal."""

    sign_in_address: Window = field(default_factory=lambda: Window(10, timedelta(minutes=15)))
    sign_in_client: Window = field(default_factory=lambda: Window(50, timedelta(minutes=15)))
    link_address: Window = field(default_factory=lambda: Window(3, timedelta(hours=1)))
    link_address_daily: Window = field(default_factory=lambda: Window(6, timedelta(days=1)))
    """These mails count as automatic ones: nobody may use up what acknowledgements to a customer need."""
    link_client: Window = field(default_factory=lambda: Window(30, timedelta(hours=1)))


def networks(values: Sequence[str]) -> tuple[Network, ...]:
    """Addresses and networks as configured. ValueError names the wrong one."""
    return tuple(ipaddress.ip_network(v, strict=False) for v in values)


def client(peer: str, forwarded: str, trusted: Sequence[Network]) -> str:
    """Who is asking. X-Forwarded-For counts only as far as trusted proxies wrote it: read from its end."""
    hops = [*(h.strip() for h in forwarded.split(",") if h.strip()), peer]
    found = ""
    for hop in reversed(hops):
        try:
            address = address_of(_without_port(hop))
        except ValueError:
            break
        found = subscriber(address)
        if not any(address.version == n.version and address in n for n in trusted):
            break
    return found


def _without_port(value: str) -> str:
    if value.startswith("["):
        return value[1:].partition("]")[0]
    return value.partition(":")[0] if value.count(":") == 1 else value
