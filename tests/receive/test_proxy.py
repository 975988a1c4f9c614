"""The PROXY header: the peer is whom the proxy speaks for, and nobody gets in without one."""

from __future__ import annotations

import ipaddress
import struct

import pytest
from smtp_peer import Desk, Tls, peer, serving

V1 = b"PROXY TCP4 198.51.100.9 203.0.113.1 40000 25\r\n"


def v2(source: str, command: int = 1) -> bytes:
    address = ipaddress.ip_address(source)
    family, target = (0x11, "203.0.113.1") if address.version == 4 else (0x21, "2001:db8::25")
    body = address.packed + ipaddress.ip_address(target).packed + struct.pack("!HH", 40000, 25)
    return b"\r\n\r\n\x00\r\nQUIT\n" + struct.pack("!BBH", 0x20 | command, family, len(body)) + body


@pytest.mark.parametrize(
    ("header", "remote"),
    [
        (V1, "198.51.100.9"),
        (b"PROXY TCP6 2001:db8::9 2001:db8::25 40000 25\r\n", "2001:db8::9"),
        (v2("198.51.100.9"), "198.51.100.9"),
        (v2("2001:db8::9"), "2001:db8::9"),
        (v2("::ffff:198.51.100.9"), "198.51.100.9"),
        (v2("198.51.100.9", command=0), "127.0.0.1"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    ],
)
async def test_the_peer_is_the_one_the_proxy_names(header: bytes, remote: str) -> None:
    """In the envelope and the Received line; the proxy itself where it speaks for nobody."""
    desk = Desk()
    async with serving(desk, proxy_protocol_timeout=5.0) as server, peer(server, greeted=False) as client:
        await client.send(header)
        assert (await client.line()).startswith("220 ")
        await client.ask("EHLO peer.test")
        await client.begin_data()
        await client.ask(".")
    raw, envelope = desk.accepted[0]
    assert envelope.remote == remote
    assert remote.encode() in raw


@pytest.mark.parametrize("said", [b"EHLO peer.test\r\n", b"PROXY TCP4 nobody\r\n", b"\r\n\r\n\x00\r\nQUIT\nxxxx"])
async def test_nobody_gets_in_without_a_header(said: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """The connection is closed without a word, and noted."""
    async with serving(Desk(), proxy_protocol_timeout=5.0) as server, peer(server, greeted=False) as client:
        await client.send(said)
        assert await client.closed() == b""
    assert caplog.messages == ["no PROXY header"]


@pytest.mark.parametrize(
    ("proxies", "said"),
    [
        (["127.0.0.1"], "220 "),
        (["2001:db8::/32", "127.0.0.0/8"], "220 "),
        (["198.51.100.9", "2001:db8::/32"], "421 4.7.0 Only our balancer"),
    ],
)
async def test_only_balancers_are_believed(proxies: list[str], said: str) -> None:
    """Whoever else connects is sent away, header or not, and may come again: no mail bounces because of it."""
    known = tuple(ipaddress.ip_network(p) for p in proxies)
    async with (
        serving(Desk(), proxy_protocol_timeout=5.0, proxies=known) as server,
        peer(server, greeted=False) as client,
    ):
        await client.send(V1)
        assert (await client.line()).startswith(said)


async def test_the_header_must_come_soon() -> None:
    """It has its own time-out, which bytes of it do not prolong."""
    async with serving(Desk(), proxy_protocol_timeout=0.1) as server, peer(server, greeted=False) as client:
        await client.send(b"PROXY ")
        assert (await client.closed()).startswith(b"421 4.4.2 ")


async def test_peers_behind_a_proxy_are_counted_each() -> None:
    """The limit is for the peer's address, not for the proxy's."""
    async with (
        serving(Desk(), proxy_protocol_timeout=5.0, connections_per_ip=1) as server,
        peer(server, greeted=False) as first,
        peer(server, greeted=False) as second,
        peer(server, greeted=False) as third,
    ):
        await first.send(V1)
        assert (await first.line()).startswith("220 ")
        await second.send(v2("198.51.100.10"))
        assert (await second.line()).startswith("220 ")
        await third.send(V1)
        assert await third.closed() == b"421 4.7.0 Too many connections from your address\r\n"
        await first.close()
        async with peer(server, greeted=False) as fourth:
            await fourth.send(V1)
            assert (await fourth.line()).startswith("220 ")


async def test_the_peer_stays_the_same_after_starttls(tls: Tls) -> None:
    """aiosmtpd forgets its session at STARTTLS; we do not forget whom the proxy named."""
    desk = Desk()
    async with (
        serving(desk, proxy_protocol_timeout=5.0, tls=tls.server) as server,
        peer(server, greeted=False) as client,
    ):
        await client.send(V1)
        await client.line()
        await client.ask("EHLO peer.test")
        await client.start_tls(tls.client)
        await client.ask("EHLO peer.test")
        await client.begin_data()
        await client.ask(".")
    assert desk.accepted[0][1].remote == "198.51.100.9"
