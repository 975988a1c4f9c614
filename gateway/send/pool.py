"""Connections that are kept for the next mail, and how many there may be.

Knows nothing of SMTP. Never opens more than the relay lets us: when a further connection is
refused while others work, those are waited for, and asking for more is put off for a while.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

log = logging.getLogger("replydesk.send")

IDLE_SECONDS = 30.0
"""After this long without a mail a connection is closed: others want the relay's slots too."""
MODEST_SECONDS = 60.0
"""How long we do with the connections we have, after the relay refused another."""
GOODBYE_SECONDS = 2.0


class Connection(Protocol):
    """What the pool asks of a connection."""

    @property
    def alive(self) -> bool:
        """Another mail may be sent over it."""

    async def ready(self) -> bool:
        """Make sure that the other side still listens."""

    async def goodbye(self) -> None:
        """End it politely; raises nothing."""

    def abort(self) -> None:
        """Cut it off, whatever it is doing."""


C = TypeVar("C", bound=Connection)


class NoConnection(Exception):
    """There is none, and none can be opened."""


class Pool(Generic[C]):
    """At most `size` connections made by `open`, which raises `NoConnection`."""

    def __init__(self, open: Callable[[], Awaitable[C]], size: int) -> None:
        self._open, self._size = open, size
        self._idle: list[tuple[C, float]] = []
        self._busy: set[C] = set()
        self._opening = 0
        self._modest: tuple[int, float] = (size, 0.0)
        self._changed = asyncio.Event()
        self._closed = False
        self._reaper: asyncio.TimerHandle | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()

    async def take(self) -> C:
        """A connection of one's own until `give`: the one used last, or a new one."""
        while not self._closed:
            while self._idle:
                kept, _ = self._idle.pop()
                self._busy.add(kept)
                if await self._is_ready(kept):
                    return kept
            if len(self._busy) + self._opening < self._limit():
                try:
                    return await self._new()
                except NoConnection:
                    while self._opening and not self._live:
                        await self._change()
                    if not self._live:
                        raise
                    self._modest = (self._live, asyncio.get_running_loop().time() + MODEST_SECONDS)
                    log.info("no further connection", extra={"connections": self._live})
            else:
                await self._change()
        raise NoConnection("sending has ended")

    def give(self, connection: C) -> None:
        """Give a connection back, in whatever state it is."""
        self._busy.discard(connection)
        self._changed.set()
        if self._closed or not connection.alive:
            connection.abort()
            return
        loop = asyncio.get_running_loop()
        self._idle.append((connection, loop.time()))
        if self._reaper is None:
            self._reaper = loop.call_later(IDLE_SECONDS, self._reap)

    def retire(self, connection: C) -> None:
        """Give a connection back that has done its share."""
        self._busy.discard(connection)
        self._changed.set()
        self._part(connection)

    async def close(self) -> None:
        """Cut off the busy ones, take leave of the others."""
        self._closed = True
        self._changed.set()
        if self._reaper is not None:
            self._reaper.cancel()
        for connection in self._busy:
            connection.abort()
        for connection, _ in self._idle:
            self._part(connection)
        self._idle.clear()
        if self._goodbyes:
            await asyncio.wait(self._goodbyes, timeout=GOODBYE_SECONDS)

    @property
    def _live(self) -> int:
        return len(self._busy) + len(self._idle)

    def _limit(self) -> int:
        some, until = self._modest
        return some if asyncio.get_running_loop().time() < until else self._size

    async def _new(self) -> C:
        self._opening += 1
        try:
            opened = await self._open()
            self._busy.add(opened)
        finally:
            self._opening -= 1
            self._changed.set()
        if self._closed:
            self.give(opened)
            raise NoConnection("sending has ended")
        return opened

    async def _is_ready(self, kept: C) -> bool:
        try:
            if await kept.ready():
                return True
        except BaseException:
            self._drop(kept)
            raise
        self._drop(kept)
        return False

    def _drop(self, connection: C) -> None:
        self._busy.discard(connection)
        self._changed.set()
        connection.abort()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _reap(self) -> None:
        self._reaper = None
        loop = asyncio.get_running_loop()
        old = [pair for pair in self._idle if loop.time() - pair[1] >= IDLE_SECONDS]
        self._idle = [pair for pair in self._idle if pair not in old]
        for connection, _ in old:
            self._part(connection)
        if self._idle:
            self._reaper = loop.call_at(self._idle[0][1] + IDLE_SECONDS, self._reap)

    def _part(self, connection: C) -> None:
        task = asyncio.get_running_loop().create_task(connection.goodbye())
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)
