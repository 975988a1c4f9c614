"""The end of a listener: no mail is cut in two, and no peer is left without a word."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from smtp_peer import Desk, Peer, Tls, options, peer, serving, until

from gateway.receive.smtp import server as smtp
from gateway.receive.smtp.options import LMTP, Listener

GOODBYE = b"421 4.3.2 Shutting down, please try again later\r\n"


async def test_idle_peers_are_told() -> None:
    """421, then closed; nobody else gets in."""
    async with serving(Desk()) as server:
        port = server.sockets[0].getsockname()[1]
        async with peer(server) as one, peer(server) as other:
            await other.ask("MAIL FROM:<a@peer.test>")
            assert await smtp.drain(server, 20) == 0
            assert await one.closed() == GOODBYE
            assert await other.closed() == GOODBYE
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_an_upload_may_end() -> None:
    """A mail under way gets its 250, and only then the goodbye."""
    desk = Desk()
    async with serving(desk) as server, peer(server) as client:
        await client.begin_data()
        await client.send(b"first half\r\n")
        ended = asyncio.ensure_future(smtp.drain(server, 20))
        await until(lambda: not server.sockets)
        await client.send(b"second half\r\n.\r\nMAIL FROM:<b@peer.test>\r\n")
        assert (await client.line()).startswith("250 2.0.0 Accepted")
        assert await client.closed() == GOODBYE
        assert await ended == 0
    assert desk.mails == [b"first half\r\nsecond half\r\n"]


async def test_an_upload_that_does_not_end_is_cut_off() -> None:
    """After the seconds given the peer is told to come back."""
    desk = Desk()
    async with serving(desk) as server, peer(server) as client:
        await client.begin_data()
        await client.send(b"half a mail\r\n")
        assert await smtp.drain(server, 0.05) == 0
        assert await client.closed() == GOODBYE
    assert not desk.accepted


async def test_a_commit_that_does_not_end_is_counted() -> None:
    """The peer is sent away without a 250, the commit is left alone, and the caller knows."""
    may_end = asyncio.Event()
    desk = Desk(may_end.wait)  # type: ignore[arg-type]  # what it returns is of no interest
    async with serving(desk) as server, peer(server) as client:
        await client.begin_data()
        await client.send(b"hello\r\n.\r\n")
        await until(lambda: smtp._listening[server].commits.running)
        assert await smtp.drain(server, 0.05) == 1
        assert await client.closed() == GOODBYE
        may_end.set()
        await until(lambda: desk.accepted)


async def test_a_commit_whose_peer_is_gone_is_waited_for() -> None:
    """Draining ends only when the orphan has been written."""
    desk = Desk(lambda: asyncio.sleep(0.2))
    async with serving(desk) as server:
        async with peer(server) as client:
            await client.begin_data()
            await client.send(b"hello\r\n.\r\n")
            await until(lambda: smtp._listening[server].commits.running)
        assert await smtp.drain(server, 20) == 0
        assert desk.mails == [b"hello\r\n"]


async def test_a_deaf_tls_peer_does_not_delay_the_end(tls: Tls) -> None:
    """A peer that never answers our close of TLS is dropped."""
    async with serving(Desk(), tls=tls.server) as server, peer(server) as client:
        await client.start_tls(tls.client)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a ReadTransport too
        await smtp.drain(server, 20)
        assert not smtp._listening[server].sessions
        client.writer.transport.abort()


@contextlib.asynccontextmanager
async def unix_peer(path: Path):  # type: ignore[no-untyped-def]  # the type is written in smtp_peer.peer
    client = Peer(*await asyncio.open_unix_connection(path))
    try:
        yield client
    finally:
        await client.close()


async def test_lmtp_on_a_unix_socket(tmp_path: Path) -> None:
    """Reachable for our group, without an address in the Received line, and gone after the end."""
    desk, path = Desk(), tmp_path / "lmtp"
    async with serving(desk, "lmtp", Listener(path=str(path)), connections_per_ip=1):
        assert path.stat().st_mode & 0o777 == 0o660
        async with unix_peer(path), unix_peer(path) as client:
            assert (await client.line()).startswith("220 desk.test LMTP")
            await client.ask("LHLO relay.test")
            await client.begin_data()
            assert (await client.ask("hello\r\n.")).startswith("250")
    assert not path.exists()
    raw, envelope = desk.accepted[0]
    assert (envelope.source, envelope.remote) == ("lmtp", "")
    assert b"\r\nReceived: from relay.test\r\n\tby desk.test with LMTP id " in raw


async def test_a_living_socket_is_not_taken(tmp_path: Path) -> None:
    """A second daemon fails to start instead of stealing the first one's mail; a dead socket is replaced."""
    path = tmp_path / "lmtp"
    listener = Listener(path=str(path))
    async with serving(Desk(), "lmtp", listener):
        with pytest.raises(OSError, match="somebody listens there"):
            await smtp.serve(listener, Desk(), options(), LMTP)
        path.rename(tmp_path / "aside")
    (tmp_path / "aside").rename(path)
    async with serving(Desk(), "lmtp", listener), unix_peer(path) as client:
        assert (await client.line()).startswith("220")


async def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    """Only a socket is ever replaced."""
    path = tmp_path / "lmtp"
    path.write_text("precious")
    with pytest.raises(FileExistsError):
        await smtp.serve(Listener(path=str(path)), Desk(), options(), LMTP)
    assert path.read_text() == "precious"


async def test_a_ready_socket() -> None:
    """A socket bound by systemd is used as it is."""
    import socket

    ready = socket.create_server(("127.0.0.1", 0))
    async with serving(Desk(), listener=Listener(socket=ready)) as server, peer(server) as client:
        assert server.sockets[0].getsockname() == ready.getsockname()
        assert await client.ask("NOOP") == "250 2.0.0 OK"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Listener(),
        lambda: Listener("127.0.0.1", path="/tmp/x"),
        lambda: Listener("127.0.0.1", 70000),
        lambda: options(hostname="desk.test\r\nX"),
        lambda: options(hostname=""),
        lambda: options(max_message_bytes=0),
    ],
)
def test_wrong_settings_do_not_start(wrong) -> None:  # type: ignore[no-untyped-def]  # a constructor
    """A contradiction is found before the first peer finds it."""
    with pytest.raises(ValueError):
        wrong()
