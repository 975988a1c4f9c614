"""The portal's small parts, one by one."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gateway.errors import ConfigError
from gateway.portal import form, passwords
from gateway.portal.limits import client, networks
from gateway.portal.passwords import Fault
from gateway.portal.request import _accepted
from tests.portal.conftest import Opened

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


# --- limits -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "found"),
    [
        ("198.51.100.7", "", [], "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", [], "198.51.100.7"),
        ("127.0.0.1", "203.0.113.9", ["127.0.0.1"], "203.0.113.9"),
        ("127.0.0.1", "6.6.6.6, 203.0.113.9", ["127.0.0.1"], "203.0.113.9"),
        ("127.0.0.1", "203.0.113.9, 10.0.0.4", ["127.0.0.1", "10.0.0.0/8"], "203.0.113.9"),
        ("127.0.0.1", "10.0.0.3, 10.0.0.4", ["127.0.0.1", "10.0.0.0/8"], "10.0.0.3"),
        ("127.0.0.1", "203.0.113.9:4711", ["127.0.0.1"], "203.0.113.9"),
        ("127.0.0.1", "unknown", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9, <x>", ["127.0.0.1"], "127.0.0.1"),
        ("127.0.0.1", " , ,", ["127.0.0.1"], "127.0.0.1"),
        ("::ffff:198.51.100.7", "", [], "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "", [], "2001:db8:1:2::/64"),
        ("::1", "[2001:db8:1:2::9]:443", ["::1"], "2001:db8:1:2::/64"),
        ("", "203.0.113.9", ["127.0.0.1"], ""),
    ],
)
def test_who_the_client_is(peer: str, forwarded: str, trusted: list[str], found: str) -> None:
    """Read from the end, as far as trusted proxies wrote it; one subscriber is one key."""
    assert client(peer, forwarded, networks(trusted)) == found


async def test_a_proxy_that_is_no_address_stops_the_start(open_site: Opened) -> None:
    """The error names the key."""
    with pytest.raises(ConfigError, match=r"portal\.trusted_proxies\[0\]: .proxy.example.com."):
        await open_site(portal={"trusted_proxies": ["proxy.example.com"]})


# --- passwords ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("x" * 9, Fault.SHORT),
        ("x" * 10, None),
        ("u\u0308" * 9, Fault.SHORT),
        ("x" * 1000, None),
        ("x" * 1001, Fault.LONG),
        ("Erika@Example.net", Fault.IS_ADDRESS),
        ("  spaces  are  fine  ", None),
    ],
)
def test_password_rules(password: str, fault: Fault | None) -> None:
    """Ten to a thousand signs as a person counts them, not the address."""
    assert passwords.fault(password, "erika@example.net") is fault


async def test_passwords_are_not_computed_without_end() -> None:
    """Beyond a queue nobody would wait for, the answer is to come back later."""
    made = passwords.Passwords()
    made._in_hand = passwords.WAITING
    with pytest.raises(passwords.Busy):
        await made.verify("", "x")
    made.close()


async def test_a_damaged_hash_lets_nobody_in() -> None:
    """Nor does the hash that stands in for missing ones."""
    made = passwords.Passwords()
    assert not (await made.verify("$argon2id$broken", "x")).right
    assert not (await made.verify("", "what an address without a password is checked against")).right
    made.close()


# --- forms and languages ---------------------------------------------------------------------


def test_the_first_of_two_fields_counts_and_text_is_clean() -> None:
    """NUL and control characters go, a password stays as it is."""
    assert form.fields(b"a=1&a=2&text=x%00%0D%0Ay&password=%00z&again=%0B") == {
        "a": "1",
        "text": "x\ny",
        "password": "\0z",
        "again": "\x0b",
    }


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", [""]),
        ("de-DE,de;q=0.9,en;q=0.8", ["de", "de", "en"]),
        ("en;q=0.1, de", ["de", "en"]),
        ("de;q=0, en", ["en"]),
        ("*;q=x, de;q=2", ["*", "de"]),
    ],
)
def test_languages_a_browser_accepts(header: str, languages: list[str]) -> None:
    """Best first; what is not understood breaks nothing (RFC 9110 section 12.5.4)."""
    assert _accepted(header) == languages
