"""Hints from one process of the daemon to the other.

A sequenced-packet socket: each hint arrives whole or not at all, in order, and the end of the other
process is seen at once. A hint that finds no room is let go: what it speaks of stands in the database.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import Callable

LARGEST = 65_536
"""Bytes of one hint."""
AT_ONCE = 64
"""Hints taken before others have a turn."""

Hint = list[str | int]
"""A word, and what belongs to it."""


class Channel:
    """One end. `say` may be called from any thread; what comes in is told in the loop's own."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._end.setblocking(False)

    def say(self, *hint: str | int) -> bool:
        """False when nobody hears it now."""
        try:
            self._end.send(json.dumps(hint).encode())
        except OSError:
            return False
        return True

    def listen(self, told: Callable[[Hint], None], ended: Callable[[], None]) -> None:
        """From now on hand over what comes in, and say once when the other end is gone."""
        loop = asyncio.get_running_loop()

        def read() -> None:
            for _ in range(AT_ONCE):
                try:
                    packet = self._end.recv(LARGEST)
                except BlockingIOError:
                    return
                except ConnectionResetError:
                    # It went with hints of ours unread. What it had said before can be read after this.
                    continue
                except OSError:
                    packet = b""
                if not packet:
                    loop.remove_reader(self._end)
                    ended()
                    return
                told(json.loads(packet))

        loop.add_reader(self._end, read)

    def finish(self) -> None:
        """The other end is told that nothing more comes; what it still says is heard."""
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with contextlib.suppress(RuntimeError, ValueError):
            asyncio.get_running_loop().remove_reader(self._end)
        self._end.close()
