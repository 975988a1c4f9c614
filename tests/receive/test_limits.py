"""How long, how much and how often a peer may."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from smtp_peer import Desk, Peer, memory_stays_below, options, peer, serving, until

from gateway.memory import Memory
from gateway.receive.smtp import admission
from gateway.receive.smtp import server as smtp

MIB = 1 << 20


async def flood(client: Peer, chunk: bytes, total: int) -> int:
    """Send until the server has had enough; how many bytes went out."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < total:
            async with asyncio.timeout(20):
                await client.send(chunk)
            sent += len(chunk)
            if client.reader.at_eof():
                break
    return sent


@pytest.mark.parametrize("chunk", [b"x" * 65536, b"\r" * 65536, (b"x" * 62 + b"\r\n") * 1024, b"\r\n.." * 16384])
async def test_endless_mail(chunk: bytes) -> None:
    """Who never ends a mail is cut off; meanwhile memory does not grow, lines or not."""
    desk = Desk()
    async with serving(desk, max_message_bytes=MIB) as server, peer(server) as client:
        await client.begin_data()
        with memory_stays_below(8 * MIB):
            assert await flood(client, chunk, 100 * MIB) < 100 * MIB
    assert not desk.accepted


async def test_endless_command() -> None:
    """Neither does a command without an end fill the memory, and it ends."""
    async with serving(Desk(), max_message_bytes=MIB) as server, peer(server) as client:
        with memory_stays_below(8 * MIB):
            assert await flood(client, b"NOOP " * 13107, 100 * MIB) < 100 * MIB


async def test_too_big_mail_is_refused_for_good() -> None:
    """Within the slack a mail over the limit gets its 552, so that the peer does not try again for days."""
    desk = Desk()
    async with serving(desk, max_message_bytes=MIB) as server, peer(server) as client:
        await client.begin_data()
        await client.send(b"x" * 2 * MIB + b"\r\n.\r\n")
        assert await client.line() == "552 5.3.4 Message too big"
        await client.begin_data()
        await client.send(b"x" * (MIB - 2) + b"\r\n.\r\n")
        assert (await client.line()).startswith("250")
    assert [len(mail) for mail in desk.mails] == [MIB]


async def test_a_long_session_is_not_too_much() -> None:
    """The count of bytes begins anew with every reply."""
    desk = Desk()
    async with serving(desk, max_message_bytes=MIB) as server, peer(server) as client:
        for _ in range(6):
            await client.begin_data()
            await client.send(b"x" * (MIB - 100) + b"\r\n.\r\n")
            assert (await client.line()).startswith("250")


async def test_idle_peer_is_told_why_it_is_closed() -> None:
    """RFC 5321 section 3.8: a server that closes says 421."""
    async with serving(Desk(), timeout_seconds=0.1) as server, peer(server, greeted=False) as client:
        assert (await client.line()).startswith("220")
        assert await client.closed() == b"421 4.4.2 Idle for too long\r\n"


async def test_slow_upload_is_not_idle() -> None:
    """The time runs from the last byte, not from the last command."""
    desk = Desk()
    async with serving(desk, timeout_seconds=1.5) as server, peer(server) as client:
        await client.begin_data()
        for _ in range(20):
            await client.send(b"x" * 50 + b"\r\n")
            await asyncio.sleep(0.1)
        assert (await client.ask(".")).startswith("250")
    assert len(desk.mails[0]) == 20 * 52


async def test_slow_commit_is_not_idle() -> None:
    """While the peer waits for us no time runs, not even when it sends on."""
    begun = asyncio.Event()

    async def slow() -> None:
        begun.set()
        await asyncio.sleep(1.4)

    async with serving(Desk(slow), timeout_seconds=0.8) as server, peer(server) as client:
        await client.begin_data()
        await client.send(b".\r\n")
        await begun.wait()
        await client.send(b"NOOP\r\n")
        assert (await client.line()).startswith("250 2.0.0 Accepted")
        assert await client.line() == "250 2.0.0 OK"


async def test_dripping_peer_is_cut_off() -> None:
    """A byte now and then keeps a connection only so long."""
    async with serving(Desk(), patience_seconds=0.8) as server, peer(server) as client:
        await client.begin_data()
        for _ in range(1000):
            with contextlib.suppress(ConnectionError):
                await client.send(b"x")
            if client.reader.at_eof() or client.writer.is_closing():
                break
            await asyncio.sleep(0.02)
        else:
            pytest.fail("the peer may drip for ever")


async def test_connections_per_address() -> None:
    """One more than allowed is sent away with 421; a place freed is free again."""
    async with serving(Desk(), connections_per_ip=2) as server:
        async with peer(server), peer(server):
            async with peer(server, greeted=False) as third:
                assert await third.closed() == b"421 4.7.0 Too many connections from your address\r\n"
            async with peer(server, greeted=False) as third:
                await third.send(b"EHLO x\r\n" * 100)
                assert b"220" not in await third.closed()
        for _ in range(5):
            async with peer(server):
                pass


async def test_connections_in_all() -> None:
    """However many addresses they come from."""
    async with serving(Desk(), max_connections=1) as server:
        async with peer(server), peer(server, greeted=False) as second:
            assert await second.closed() == b"421 4.3.2 Too many connections, please try again later\r\n"
        async with peer(server):
            pass


def test_who_is_one_peer() -> None:
    """An IPv6 /64 counts as one peer, a mapped address as its IPv4."""

    def arrived(peername: object) -> admission.Peer:
        peer = admission.Peer("smtp")
        assert admission.Admission(options()).arrive(peer, peername) is None
        return peer

    def key(address: str) -> str:
        return arrived((address, 1)).key

    assert key("2001:db8:1:2:3:4:5:6") == key("2001:db8:1:2::1") != key("2001:db8:1:3::1")
    assert key("192.0.2.1") != key("192.0.2.2")
    assert arrived(("::ffff:192.0.2.1", 1, 0, 0)).remote == "192.0.2.1"
    assert arrived(("fe80::1%eth0", 1, 0, 2)).remote == "fe80::1"
    assert arrived("").remote == arrived("").key == ""


async def test_peer_that_does_not_read_cannot_stay() -> None:
    """Replies nobody reads do not hold a connection open."""
    async with serving(Desk(), timeout_seconds=0.8, max_errors=0) as server, peer(server) as client:
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a ReadTransport too
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(400):
                client.writer.write(b"HELP\r\n" * 5000)
                async with asyncio.timeout(5):
                    await client.writer.drain()
        await until(lambda: not smtp._listening[server].sessions)
        client.writer.transport.abort()


@pytest.mark.parametrize("command", [b"NOOP\r\n", b"RSET\r\n", b"VRFY support\r\n", b"HELP\r\n"])
async def test_everybody_has_a_turn(command: bytes) -> None:
    """Between two commands of one peer, however many it sent at once, others are answered: here each its whole mail."""
    desk = Desk()
    async with serving(desk, max_errors=0, max_commands=0) as server, peer(server) as busy, peer(server) as other:
        answered = 0
        busy.writer.write(command * 5000)

        async def count() -> None:
            nonlocal answered
            while await busy.line():
                answered += 1

        counting = asyncio.create_task(count())
        await until(lambda: answered)
        await other.begin_data()
        assert (await other.ask(".")).startswith("250")
        assert answered < 5000
        counting.cancel()
    assert len(desk.accepted) == 1


async def test_a_mail_that_never_ends_leaves_nothing() -> None:
    """Hung up in the middle of DATA, its bytes are gone at once and not when a collector comes."""
    memory = Memory()
    async with serving(Desk(), memory=memory) as server:
        async with peer(server) as client:
            await client.begin_data()
            await client.send(b"x" * 100_000)
            await until(lambda: memory.buffered >= 100_000)
            client.writer.transport.abort()
        await until(lambda: memory.buffered == 0)


async def test_large_mails_wait_for_one_another() -> None:
    """One more than there is room for is taken after the other; all are."""
    most, now = 0, 0

    async def commit() -> None:
        nonlocal most, now
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.05)
        now -= 1

    desk = Desk(commit)
    async with serving(desk, memory=Memory(4 * MIB)) as server:

        async def deliver() -> None:
            async with peer(server) as client:
                await client.begin_data()
                await client.send(b"x" * 2 * MIB + b"\r\n.\r\n")
                assert (await client.line()).startswith("250")

        await asyncio.gather(*(deliver() for _ in range(3)))
    assert (most, len(desk.accepted)) == (1, 3)
