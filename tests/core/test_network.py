"""Who is one subscriber on the network."""

from __future__ import annotations

import pytest

from gateway.core.network import address_of, subscriber


@pytest.mark.parametrize(
    ("written", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_one_subscriber_is_one_key(written: str, counted: str) -> None:
    """However the address is written: mapped into IPv6, with a scope, or anywhere in its /64."""
    assert subscriber(address_of(written)) == counted


def test_what_is_no_address_is_refused() -> None:
    """By ValueError."""
    with pytest.raises(ValueError, match="unknown"):
        address_of("unknown")
