"""How the daemon does: asked of the database and the disk, told by the health pages, the figures and `stats`.

A look is shared by everybody who asks within a moment, so a page that is asked a thousand times costs one. It
writes a row: a database that is locked or full still answers questions, and takes no mail.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from gateway.clock.liveness import Sources
from gateway.errors import StorageFull, StorageUnavailable
from gateway.flow import Desk
from storage.alarms import DISK
from storage.database import Database
from storage.standing import Disk, Standing, backlog, disk
from storage.tx import Tx

log = logging.getLogger("replydesk.vitals")

LOOK_SECONDS = 15.0
SHARED_SECONDS = 1.0
"""So long a look is good enough for the next who asks."""
ANSWER_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `backlog` is the newest there is, however old, for figures are better than gaps."""

    writable: bool = True
    """The database takes what is written."""
    full: bool = False
    disk: Disk | None = None
    backlog: Standing | None = None
    polled: bool = True
    """Folders are read."""

    @property
    def takes_mail(self) -> bool:
        return self.writable and not self.full

    @property
    def failing(self) -> tuple[str, ...]:
        """Rooms that fail or are degraded; what the database says of them only while it says anything."""
        seen = {"imap": not self.polled, "database": not self.writable, "disk": self.full}
        rooms = self.backlog.rooms if self.writable and self.backlog else set()
        return tuple(sorted({room for room, true in seen.items() if true} | rooms))


class Vitals:
    """The newest look, and the operator's alarm about the disk."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        folder: Path,
        clock: Callable[[], datetime],
        wake: Callable[[], None],
        sources: Sources,
    ) -> None:
        self._database, self._desk, self._folder, self._clock, self._wake = database, desk, folder, clock, wake
        self._sources = sources
        self.newest = Look()
        self._looking: asyncio.Task[Look] | None = None
        self._looked_at = 0.0

    async def watch(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def look(self) -> Look:
        """The look of a moment ago, or one that is made now."""
        now = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now - self._looked_at >= SHARED_SECONDS):
            self._looked_at = now
            self._looking = asyncio.create_task(self._look())
        return await asyncio.shield(self._looking)

    async def _look(self) -> Look:
        now = self._clock()
        space = await asyncio.to_thread(disk, self._folder)
        full, found = space is not None and space.is_full, self.newest.backlog
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                found = await self._database.read(partial(backlog, now=now))
                await self._database.write(partial(_write, desk=self._desk, space=space, now=now))
            writable = True
        except StorageFull:
            writable, full = True, True
        except (StorageUnavailable, TimeoutError):
            writable = False
        look = Look(writable, full, space, found, not self._sources.failing)
        if look.failing != self.newest.failing:
            told = log.warning if look.failing else log.info
            told("health changed", extra={"failing": list(look.failing), "takes_mail": look.takes_mail})
            self._wake()
        self.newest = look
        return look


def _write(tx: Tx, desk: Desk, space: Disk | None, now: datetime) -> None:
    """See whether writing works, and tell the operator of a disk that fills, before it is too full to tell."""
    tx.jobs.is_written(now)
    if space is None:
        return
    if space.is_nearly_full:
        text = f"The disk of data_dir has {space.free >> 20} MB left of {space.total >> 20}. Full, it takes no mail."
        desk.operator.alarm(tx, DISK, text, now)
    else:
        desk.operator.all_clear(tx, DISK, f"The disk of data_dir has {space.free >> 20} MB again.", now)
