"""What the tests of the receiving side share: an intake that keeps mails in a list, and a raw client."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from gateway.mail.message import Envelope
from gateway.memory import Pieces
from gateway.receive.intake import Intake
from gateway.receive.smtp import server as smtp
from gateway.receive.smtp.options import LMTP, SMTP, Listener, Options

PATIENCE = 20.0
"""Seconds after which a test gives up on an answer; no test passes or fails by how fast it came."""


@dataclass(frozen=True)
class Tls:
    """Both sides of a certificate for `desk.test`."""

    server: ssl.SSLContext
    client: ssl.SSLContext


async def until(condition: Callable[[], object]) -> None:
    """Wait for something to become true."""

    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.005)

    async with asyncio.timeout(PATIENCE):
        await poll()


@contextlib.contextmanager
def memory_stays_below(limit: int) -> Iterator[None]:
    """At no moment is more than this allocated, in bytes."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < limit
    finally:
        tracemalloc.stop()


class Desk:
    """Everything to `support…@desk.test`, `ümlaut@desk.test` and `postmaster` is ours."""

    def __init__(self, before_commit: Callable[[], Awaitable[None]] | None = None) -> None:
        self.accepted: list[tuple[bytes, Envelope]] = []
        self._before_commit = before_commit

    def is_ours(self, recipient: str) -> bool:
        name, _, domain = recipient.casefold().partition("@")
        return name == "postmaster" or (domain == "desk.test" and name.startswith(("support", "ümlaut")))

    async def accept(self, raw: bytes | Pieces, envelope: Envelope) -> None:
        if self._before_commit:
            await self._before_commit()
        self.accepted.append((b"".join(raw.read()) if isinstance(raw, Pieces) else raw, envelope))

    @property
    def mails(self) -> list[bytes]:
        """As the peer sent them: without our Return-Path line and the three lines of Received."""
        return [raw.split(b"\r\n", 4)[4] for raw, _ in self.accepted]


def failing(error: BaseException) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


def options(**changes: object) -> Options:
    return Options(**{"hostname": "desk.test", "auth_delay_seconds": 0.0, **changes})  # type: ignore[arg-type]


class Peer:
    """A client that says exactly what it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def line(self) -> str:
        """One line without its CRLF; empty when the server closed the connection."""
        async with asyncio.timeout(PATIENCE):
            line = await self.reader.readline()
        assert not line or line.endswith(b"\r\n"), line
        return line[:-2].decode()

    async def reply(self) -> list[str]:
        """All lines of one reply."""
        lines = [await self.line()]
        while lines[-1][3:4] == "-":
            lines.append(await self.line())
        return lines

    async def ask(self, command: str) -> str:
        """Send one command, give the last line of its reply."""
        await self.send(command.encode() + b"\r\n")
        return (await self.reply())[-1]

    async def begin_data(self, recipient: str = "support@desk.test") -> None:
        """Say everything up to the 354 of DATA."""
        for command in (f"MAIL FROM:<a@peer.test>\r\nRCPT TO:<{recipient}>\r\nDATA").split("\r\n"):
            reply = await self.ask(command)
            assert reply[0] in "23", reply

    async def closed(self) -> bytes:
        """What comes until the server closes the connection."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.reader.read()
        except ConnectionError:
            return b""

    async def start_tls(self, context: ssl.SSLContext) -> None:
        assert (await self.ask("STARTTLS")).startswith("220 2.0.0")
        async with asyncio.timeout(PATIENCE):
            await self.writer.start_tls(context, server_hostname="desk.test")

    async def close(self) -> None:
        self.writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


@contextlib.asynccontextmanager
async def peer(server: asyncio.Server, tls: ssl.SSLContext | None = None, greeted: bool = True) -> AsyncIterator[Peer]:
    """A connection to a server; greeted: past the greeting and EHLO."""
    host, port = server.sockets[0].getsockname()[:2]
    name = "desk.test" if tls else None
    client = Peer(*await asyncio.open_connection(host, port, ssl=tls, server_hostname=name))
    try:
        if greeted:
            assert (await client.line()).startswith("220 desk.test ")
            assert (await client.ask("EHLO peer.test")).startswith("250 ")
        yield client
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def serving(
    desk: Intake, protocol: str = "smtp", listener: Listener | None = None, **changes: object
) -> AsyncIterator[asyncio.Server]:
    """A real server on a free port."""
    dialect = {"smtp": SMTP, "lmtp": LMTP}[protocol]
    server = await smtp.serve(listener or Listener("127.0.0.1"), desk, options(**changes), dialect)
    try:
        yield server
    finally:
        await smtp.drain(server, 1.0)
