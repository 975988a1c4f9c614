"""uvicorn in our loop: where it listens, how it stops, and whom it does not wait for."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket

import pytest

from gateway.errors import ConfigError
from gateway.portal import server as server_module
from gateway.portal.app import Health
from gateway.portal.limits import networks
from gateway.portal.server import serve
from tests.portal.conftest import Site


async def test_a_port_in_use_is_a_wrong_setting(site: Site) -> None:
    """The error names key, file and remedy."""
    with pytest.raises(
        ConfigError, match=r"replydesk\.toml: portal\.listen: cannot listen on .*in use.*choose another"
    ):
        await serve(site.app, f"127.0.0.1:{site.port}")


async def test_an_address_that_is_not_ours_is_a_wrong_setting(site: Site) -> None:
    """Likewise a name nobody knows."""
    for listen in ("192.0.2.1:0", "no.such.host.invalid:8025"):
        with pytest.raises(ConfigError, match=r"portal\.listen"):
            await serve(site.app, listen)


async def test_it_answers_on_a_socket_it_is_given(site: Site) -> None:
    """Socket activation: bound and listening already."""
    given = socket.create_server(("127.0.0.1", 0))
    second = await serve(site.app, given)
    assert second.ready
    reader, writer = await asyncio.open_connection(*second.address)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"200" in await reader.readline()
    writer.close()
    await second.stop(1)
    assert not second.ready
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection(*second.address)


async def test_it_leaves_signals_to_the_daemon(site: Site) -> None:
    """Neither while it runs nor afterwards a handler of ours is replaced."""
    before = [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)]
    second = await serve(site.app, "127.0.0.1:0")
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == before
    await second.stop(1)
    assert [signal.getsignal(s) for s in (signal.SIGTERM, signal.SIGINT)] == before


async def test_stopping_lets_a_request_in_hand_finish(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer comes; new connections do not."""
    began, go = asyncio.Event(), asyncio.Event()

    async def slow() -> Health:
        began.set()
        await go.wait()
        return Health(True)

    monkeypatch.setattr(site, "healthy", slow)
    asked = asyncio.create_task(site.browser().get("/healthz"))
    await began.wait()
    stopping = asyncio.create_task(site.server.stop(5))
    await asyncio.sleep(0.2)
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", site.port)
    go.set()
    assert (await asked).status == 200
    await stopping


async def test_stopping_does_not_wait_for_ever(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the drain time requests are ended, so that the daemon ends in time."""
    began = asyncio.Event()

    async def endless() -> Health:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(site, "healthy", endless)
    asked = asyncio.create_task(site.browser().get("/healthz"))
    await began.wait()
    async with asyncio.timeout(10):
        await site.server.stop(1)
    (answer,) = await asyncio.gather(asked, return_exceptions=True)
    assert isinstance(answer, Exception) or answer.status >= 500


async def test_who_asks_for_nothing_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent, dripping, or silent in the middle of a second request: the connection is ended."""
    monkeypatch.setattr(server_module, "HEAD_SECONDS", 0.3)
    whole = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    for before, drip in ((b"", b""), (b"", whole[:-2]), (whole, whole[:9])):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        async with asyncio.timeout(5):
            if before:
                writer.write(before)
                assert b"200 OK" in await reader.readuntil(b'"ok"}')
            writer.write(drip)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        writer.close()


async def fill(port: int, places: int, source: str) -> tuple[list[asyncio.StreamWriter], bytes]:
    """Take so many places without asking for anything; and what one more hears."""
    taken = []
    for _ in range(places):
        _, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
        taken.append(writer)
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    taken.append(writer)
    async with asyncio.timeout(10):
        return taken, await reader.read()


async def test_there_are_so_many_places(site: Site) -> None:
    """Above them the answer is 503 before anything was asked; who leaves makes room."""
    second = await serve(site.app, "127.0.0.1:0", 5)
    taken, heard = await fill(second.address[1], 5, "127.0.0.1")
    assert heard.startswith(b"HTTP/1.1 503 ")
    for writer in taken:
        writer.close()
        await writer.wait_closed()
    async with asyncio.timeout(10):
        while b"200" not in await asked(second.address[1]):
            await asyncio.sleep(0.01)
    await second.stop(1)


async def asked(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    try:
        return await reader.readline()
    finally:
        writer.close()


def test_nobody_takes_all_places() -> None:
    """But this machine and trusted proxies, which speak for many; an IPv6 network is one visitor."""
    crowd = server_module.Crowd(1000, networks(["192.0.2.0/28"]))
    most = server_module.CONNECTIONS_OF_ONE
    for host, free in (("198.51.100.7", most), ("127.0.0.1", most + 5), ("::1", most + 5), ("192.0.2.3", most + 5)):
        assert [crowd.enter(host) is not None for _ in range(most + 5)] == [True] * free + [False] * (most + 5 - free)
    keys = [crowd.enter(f"2001:db8::{n}") for n in range(most + 1)]
    assert keys.count(None) == 1
    assert keys[0] is not None
    crowd.leave(keys[0])
    assert crowd.enter("2001:db8::1") is not None
