"""The worker process as the front sees it: begun early, told of new mail, begun anew when it ends by itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

import gateway
from gateway import config
from gateway.config import Settings
from gateway.core.token import Keys
from gateway.errors import StorageUnavailable
from gateway.mail.message import Envelope
from gateway.processes.channel import Channel, Hint
from gateway.processes.figures import event

log = logging.getLogger("replydesk.processes")

START_SECONDS, LONGEST_START_SECONDS = 60.0, 600.0
"""What a start may take; twice as much after one that took longer, for the machine may be that busy."""
SILENT_SECONDS = 60.0
"""A worker from which nothing was heard for so long stands still."""
BEAT_SECONDS = 5.0
"""How often it says that it lives."""
PAUSES = (0.0, 1.0, 5.0, 15.0)
"""Seconds before it is begun anew, the first time and each further time within `WELL_SECONDS`."""
WELL_SECONDS = 600.0
"""So long a life makes earlier deaths forgotten."""

Tell = Callable[[Literal["ended", "missing", "begun", "well"], str], Awaitable[None]]
"""Told that it ended by itself, that it does not start and why, that it was begun, that it has lasted for a while."""


def wanted(settings: Settings) -> bool:
    """Two processes, where there are two cores for them."""
    return settings.gateway.processes == "auto" and len(os.sched_getaffinity(0)) > 1


_OF_THE_FRONT = frozenset(
    {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"}
)
"""What the service manager says to one process only."""


class Begun:
    """A worker process that imports the house and waits to be told to begin."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel) -> None:
        self.process, self.channel = process, channel

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.channel.close()


def spawn(settings: Settings) -> Begun:
    """Begin it. It ends by itself when this process does, and reads these settings from its standard input.

    The file may say something else by now: half of an edit, or what a reload refused.
    Raises `StorageUnavailable` where the system has no room for it.
    """
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with contextlib.ExitStack() as where_it_fails:
            where_it_fails.callback(ours.close)
            with theirs:
                process = _begun(settings, theirs.fileno())
            where_it_fails.pop_all()
    except OSError as error:
        raise StorageUnavailable(f"the worker process cannot be begun: {error.strerror}") from error
    return Begun(process, Channel(ours))


def _begun(settings: Settings, end: int) -> subprocess.Popen[bytes]:
    environment = {name: value for name, value in os.environ.items() if name not in _OF_THE_FRONT}
    root = str(Path(gateway.__file__).parents[1])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH", ""))))
    words = ["run", "--config", str(settings.file.absolute()), "--worker", str(end)]
    # In memory, for a disk may be full.
    with os.fdopen(os.memfd_create("settings"), "w+b") as handed:
        handed.write(config.to_hand_over(settings))
        handed.seek(0)
        return subprocess.Popen(  # noqa: S603  # our own program, and no shell
            [sys.executable, "-P", "-m", "gateway", *words], env=environment, stdin=handed, pass_fds=(end,)
        )


class WorkerProcess:
    """Supervises it.

    `keys` are those of the front: the file of the secret may be gone, or be another one by now.
    `on_decided`: the outbox may hold something new. `on_event`: an event of its log, for the figures.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        on_decided: Callable[[], None],
        on_event: Callable[[Mapping[str, str]], None],
        tell: Tell,
        begun: Begun,
    ) -> None:
        self._settings, self._keys = settings, keys
        self._on_decided, self._on_event, self._tell = on_decided, on_event, tell
        self._one: Begun | None = begun
        self._ready, self._gone = asyncio.Event(), asyncio.Event()
        self._heard_at = 0.0
        self._patience = START_SECONDS
        self._cause = ""
        self._stopping = False

    @property
    def is_well(self) -> bool:
        return self._ready.is_set() and not self._gone.is_set()

    def hand_over(self, id: int, size: int, mail: tuple[bytes, Envelope] | None) -> None:
        """A mail is in the journal. Without room for the hint it is found there a few seconds later."""
        if self._one is not None:
            self._one.channel.say("mail", id, size)

    # --- life -----------------------------------------------------------------------------

    async def start(self) -> None:
        """Return when it works. Raises `StorageUnavailable`, with what the worker said of it, when it does not."""
        one = self._one
        if one is None:
            one = self._one = await asyncio.to_thread(spawn, self._settings)
        self._ready, self._gone, self._cause = asyncio.Event(), asyncio.Event(), ""
        self._heard_at = asyncio.get_running_loop().time()
        one.channel.listen(self._told, self._gone.set)
        one.channel.say("begin", *(key.decode() for key in self._keys.all))
        waiting = [asyncio.ensure_future(event.wait()) for event in (self._ready, self._gone)]
        await asyncio.wait(waiting, timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        if not self.is_well:
            late = f"it is not ready after {self._patience:g} seconds"
            cause = self._cause or ("it ended at once" if self._gone.is_set() else late)
            if not self._gone.is_set():
                self._patience = min(2 * self._patience, LONGEST_START_SECONDS)
            await self._bury(one)
            raise StorageUnavailable(f"the worker process does not start: {cause}")
        self._patience = START_SECONDS
        log.info("worker ready", extra={"pid": one.process.pid})

    def _told(self, hint: Hint) -> None:
        self._heard_at = asyncio.get_running_loop().time()
        match hint:
            case ["ready"]:
                self._ready.set()
            case ["decided"]:
                self._on_decided()
            case ["failed", str(cause)]:
                self._cause = cause
            case ["told", *_]:
                self._on_event(event(hint))

    async def run(self) -> None:
        """Begin it anew whenever it ends by itself or stands still, until cancelled."""
        deaths, told = 0, False
        while not await self._ends_within(WELL_SECONDS) or not self._stopping:
            if self.is_well and self._speaks():
                # Told by a daemon before this one, perhaps.
                if deaths or not told:
                    deaths, told = 0, True
                    await self._tell("well", "")
                continue
            deaths += 1
            if self._one:
                if not self._gone.is_set():
                    log.error("worker stands still", extra={"silent_seconds": int(SILENT_SECONDS)})
                code = await self._bury(self._one)
                log.error("worker ended", extra={"code": code, "deaths": deaths})
                await self._tell("ended", "")
            await asyncio.sleep(PAUSES[min(deaths, len(PAUSES)) - 1])
            try:
                await self.start()
                await self._tell("begun", "")
            except StorageUnavailable as error:
                log.error("worker does not start", extra={"cause": str(error)})
                await self._tell("missing", str(error))

    async def _ends_within(self, seconds: float) -> bool:
        """Whether it ended, or stands still, in this time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until and not self._gone.is_set() and self._speaks():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(BEAT_SECONDS):
                    await self._gone.wait()
        return self._gone.is_set() or not self._speaks()

    def _speaks(self) -> bool:
        return asyncio.get_running_loop().time() - self._heard_at < SILENT_SECONDS

    async def drain(self, seconds: float) -> None:
        """It finishes what it has in hand; what is still in the journal stays for the next start."""
        self._stopping = True
        one = self._one
        if one is None:
            return
        one.channel.finish()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._gone.wait()
        await self._bury(one)

    async def _bury(self, one: Begun) -> int:
        """Its exit code; killed, if it is not at its end."""
        self._one = None
        self._gone.set()
        one.channel.close()
        try:
            return await asyncio.to_thread(one.process.wait, 0.5)
        except subprocess.TimeoutExpired:
            one.process.kill()
            return await asyncio.to_thread(one.process.wait)


async def beat(channel: Channel) -> None:
    """The worker's side: say that it lives, until cancelled."""
    while True:
        channel.say("alive")
        await asyncio.sleep(BEAT_SECONDS)
