"""What stands between us and an IMAP server: hides what it can do, and loses the line at any moment."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """`cut_at`: the line is lost with the piece of that number that a client sends (0: never); `heard`: the server
    still gets it."""

    upstream: int
    hidden: tuple[str, ...] = ()
    cut_at: int = 0
    heard: bool = False
    port: int = 0
    pieces: int = 0
    """What clients sent since `aim`."""
    said: list[bytes] = field(default_factory=list)
    _serving: set[asyncio.Task[None]] = field(default_factory=set)

    def aim(self, cut_at: int = 0, *, heard: bool = False) -> None:
        self.cut_at, self.heard, self.pieces = cut_at, heard, 0
        self.said.clear()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)
            # What was hung up is closed in the loop's next turns.
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._pass_on(reader, writer))
        self._serving.add(task)
        await asyncio.gather(task, return_exceptions=True)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, ahead = await asyncio.open_connection("127.0.0.1", self.upstream)

        async def up() -> None:
            while data := await reader.read(1 << 20):
                self.pieces += 1
                self.said.append(data[:80])
                lost = self.pieces == self.cut_at
                if lost and not self.heard:
                    return
                ahead.write(data)
                await ahead.drain()
                if lost:
                    # Long enough for the server to have done it.
                    await asyncio.sleep(0.05)
                    return

        async def down() -> None:
            while line := await behind.readline():
                if b"CAPABILITY" in line:
                    for word in self.hidden:
                        line = re.sub(rb" %s\b(?!=)" % re.escape(word.encode()), b"", line)
                if self.pieces != self.cut_at or not self.cut_at:
                    writer.write(line)
                    await writer.drain()

        tasks = [asyncio.ensure_future(up()), asyncio.ensure_future(down())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for side in (writer, ahead):
                side.transport.abort()
            await asyncio.gather(*tasks, return_exceptions=True)
