"""How much mail is in memory at once: one budget, in bytes, for all connections and readers together.

Small mails pass beside large ones, so that a few of these never stop the others; who finds no room waits in line.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import gc
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SMALL = 64 * 1024
"""Bytes that are not worth counting: the number of connections bounds them."""
LARGE = 1024 * 1024
"""From here on a mail is kept on disk until its turn comes, and memory is given back to the system after it."""
TIMES = 4
"""So many times its size a large mail counts: reading it makes copies."""
WAIT_SECONDS = 240.0
"""Then the peer is told to come later."""
AFTERWARDS_SECONDS = 5.0

GARBAGE = 50_000, 20, 100
"""Objects more than are let go, before the youngest are searched; and how often that comes before the older ones."""


@dataclass(frozen=True, slots=True)
class Pieces:
    """A mail that lies on disk: never held whole, and read as often as wanted."""

    size: int
    """In bytes."""
    read: Callable[[], Iterator[bytes]]


class _Pool:
    def __init__(self, size: int) -> None:
        self._size, self._held = size, 0
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, size: int) -> None:
        # What is larger than the whole pool has it alone.
        place = (min(size, self._size), asyncio.get_running_loop().create_future())
        self._line.append(place)
        self._let_in()
        try:
            await place[1]
        except asyncio.CancelledError:
            if place in self._line:
                self._line.remove(place)
                self._let_in()
            else:
                self.give(size)
            raise

    def give(self, size: int) -> None:
        self._held -= min(size, self._size)
        self._let_in()

    def _let_in(self) -> None:
        while self._line and self._held + self._line[0][0] <= self._size:
            size, turn = self._line.popleft()
            if not turn.done():
                self._held += size
                turn.set_result(None)


LOOK_SECONDS = 0.02
STAND_BACK_SECONDS = 0.1
"""Whoever had the turn lets the other process have it first."""


class _Neighbours:
    """Large mails in one process at a time, among those that lock the same file; a death ends its turn."""

    def __init__(self, file: Path) -> None:
        self._held, self._not_before = 0, 0.0
        self._file: int | None = None
        with contextlib.suppress(OSError):
            self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    async def take(self) -> None:
        while not self._held and not self._is_ours():  # noqa: ASYNC110  # a lock of another process tells nobody
            await asyncio.sleep(LOOK_SECONDS)
        self._held += 1

    def _is_ours(self) -> bool:
        if self._file is None:
            return True
        if asyncio.get_running_loop().time() < self._not_before:
            return False
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def give(self) -> None:
        self._held -= 1
        if not self._held and self._file is not None:
            self._not_before = asyncio.get_running_loop().time() + STAND_BACK_SECONDS
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


class Memory:
    """The budget; `limit` is in bytes. A mail that is larger than all of it passes alone.

    `among`: a file that the processes of one daemon lock, so that only one of them holds large mails.
    """

    def __init__(self, limit: int = 64 * 1024 * 1024, among: Path | None = None) -> None:
        self._neighbours = _Neighbours(among) if among else None
        self._again: asyncio.TimerHandle | None = None
        self._large, self._small = _Pool(limit * 3 // 4), _Pool(limit // 4)
        self._room = limit // 4
        self.buffered = 0
        """Bytes of mails that are still coming in; whoever keeps them counts them here."""

    @property
    def is_crowded(self) -> bool:
        """What comes in should go to disk at once."""
        return self.buffered > self._room

    async def take(self, size: int) -> None:
        """Wait until a mail of this size may be held; `give` it back, also when it is cancelled later."""
        if size <= SMALL:
            return
        await self._pool(size).take(_cost(size))
        if size > LARGE and self._neighbours:
            try:
                await self._neighbours.take()
            except asyncio.CancelledError:
                self._pool(size).give(_cost(size))
                raise

    def give(self, size: int) -> None:
        if size > LARGE and self._neighbours:
            # First of all, so that whoever is let in next in this process stands behind the other one.
            self._neighbours.give()
        if size > SMALL:
            self._pool(size).give(_cost(size))
        if size > LARGE:
            _give_back()
            if self._again is not None:
                self._again.cancel()
            # Once more when what else belonged to it is gone as well.
            self._again = asyncio.get_running_loop().call_later(AFTERWARDS_SECONDS, _tidy_up)

    def close(self) -> None:
        if self._again is not None:
            self._again.cancel()
        if self._neighbours:
            self._neighbours.close()

    @contextlib.asynccontextmanager
    async def hold(self, size: int) -> AsyncIterator[None]:
        """Hold a mail of this size. Raises TimeoutError when there was no room for long."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.take(size)
        try:
            yield
        finally:
            self.give(size)

    def _pool(self, size: int) -> _Pool:
        return self._large if size > LARGE else self._small


def _cost(size: int) -> int:
    return size * TIMES if size > LARGE else size


_MMAP_THRESHOLD, _ARENA_MAX = -3, -8
"""Parameters of mallopt(3)."""


def settle() -> None:
    """Have large blocks returned when they are freed, and few heaps; before the first thread begins."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, 256 * 1024)
        libc.mallopt(_ARENA_MAX, 2)


def freeze() -> None:
    """What is here now stays: it is not searched for garbage again and again, and the rest more rarely."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


def _tidy_up() -> None:
    """What was left of large mails in circles of references goes first: the collector would come late."""
    gc.collect()
    _give_back()


def _give_back() -> None:
    """Free memory goes to the system at once; other C libraries than glibc do it by themselves."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
