"""How often somebody may try: sliding windows in memory, and who "somebody" is.

Forgotten at a restart, and each daemon counts for itself; both only mean a few more tries.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from gateway.core.network import address_of, subscriber
from gateway.core.window import Window

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Limits:
    """Every limit of the portal."""

    sign_in_address: Window = field(default_factory=lambda: Window(10, 15 * 60))
    sign_in_client: Window = field(default_factory=lambda: Window(50, 15 * 60))
    link_address: Window = field(default_factory=lambda: Window(3, 3600))
    link_address_daily: Window = field(default_factory=lambda: Window(6, 86_400))
    """These mails count as automatic ones: nobody may use up what acknowledgements to a customer need."""
    link_client: Window = field(default_factory=lambda: Window(30, 3600))
    write_contact: Window = field(default_factory=lambda: Window(30, 3600))


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
