"""Several commands in one write, where the relay offers PIPELINING (RFC 2920).

aiosmtplib hears one reply for each command it wrote itself, and drops what it did not wait for. While a group of
commands is under way `Replies` stands in for its protocol on the connection, and passes on whatever else happens.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import aiosmtplib
from aiosmtplib import SMTPResponse

LONGEST = 65_536
"""Bytes of replies that are kept; a relay that says more says no reply."""


@contextlib.contextmanager
def said(client: aiosmtplib.SMTP, *commands: bytes) -> Iterator[Replies]:
    """Write commands at once, without their line ends; their replies come in order.

    Raises `SMTPServerDisconnected` without a connection, `ValueError` for a command that is more than one line.
    """
    protocol, transport = client.protocol, client.transport
    if protocol is None or not isinstance(transport, asyncio.Transport):
        raise aiosmtplib.SMTPServerDisconnected("Connection lost")
    if any(b"\r" in command or b"\n" in command for command in commands):
        raise ValueError("a command is one line")
    replies = Replies(protocol)
    transport.set_protocol(replies)
    try:
        protocol.write(b"".join(command + b"\r\n" for command in commands))
        yield replies
    finally:
        transport.set_protocol(protocol)


class Replies(asyncio.Protocol):
    """What the relay says to a group of commands."""

    def __init__(self, protocol: aiosmtplib.protocol.SMTPProtocol) -> None:
        self._protocol = protocol
        self._bytes = bytearray()
        self._more = asyncio.Event()
        self._lost = False

    async def next(self, seconds: float) -> SMTPResponse:
        """The next reply. Raises an `SMTPException` when none comes in that time, or what comes is none."""
        if (reply := self._taken()) is not None:
            # What the relay said in one packet needs no waiting.
            return reply
        async with asyncio.timeout(seconds):
            while (reply := self._taken()) is None:
                if self._lost:
                    raise aiosmtplib.SMTPServerDisconnected("Connection lost")
                self._more.clear()
                await self._more.wait()
        return reply

    def _taken(self) -> SMTPResponse | None:
        """The first whole reply of what was heard."""
        lines: list[bytes] = []
        at = 0
        while (end := self._bytes.find(b"\n", at)) >= 0:
            line = bytes(self._bytes[at:end]).rstrip(b"\r")
            at = end + 1
            if not line[:3].isdigit():
                raise aiosmtplib.SMTPResponseException(-1, f"no reply: {line[:200].decode('utf-8', 'replace')}")
            lines.append(line)
            if line[3:4] != b"-":
                del self._bytes[:at]
                text = b"\n".join(part[4:].strip() for part in lines)
                return SMTPResponse(int(line[:3]), text.decode("utf-8", "surrogateescape"))
        if len(self._bytes) > LONGEST:
            raise aiosmtplib.SMTPResponseException(-1, "a reply without an end")
        return None

    # --- told by the transport ------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self._bytes += data[: LONGEST + 1]
        self._more.set()

    def eof_received(self) -> bool | None:
        self._end()
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def _end(self) -> None:
        self._lost = True
        self._more.set()
