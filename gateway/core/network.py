"""Network addresses as limits count them: who is one subscriber, however the address is written."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network


def address_of(value: str) -> IPv4Address | IPv6Address:
    """The address in a text: without its scope, IPv4 where it is mapped into IPv6. ValueError when it is none."""
    address = ip_address(value.partition("%")[0])
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def subscriber(address: IPv4Address | IPv6Address) -> str:
    """The key one subscriber is counted under: an IPv4 address, or the /64 every IPv6 connection has to itself."""
    return str(ip_network((address, 64), strict=False)) if isinstance(address, IPv6Address) else str(address)
