"""What waits and since when, which alarms stand, which jobs are late, and how much room the disk has."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from storage.alarms import AUDIT, CANARY, DISK, JOB, NO_RELAY, REFUSED_US, UNHELD
from storage.journal import HELD
from storage.tx import Tx

FULL, NEARLY_LEAST, NEARLY_MOST = 4 << 20, 64 << 20, 1 << 30
"""Free bytes: no mail is safe to be taken; and the bounds of that twentieth of the disk at which the operator hears."""
STUCK = timedelta(minutes=10)
"""No mail waits so long to be decided about."""
LATE = timedelta(minutes=10)
"""No job is late by so much."""
ROOMS = {
    NO_RELAY: "relay",
    REFUSED_US: "relay",
    DISK: "disk",
    AUDIT: "audit",
    CANARY: "canary",
    JOB: "jobs",
    UNHELD: "journal",
}
"""Alarms that stand until their cause is gone, by how their keys begin, and what the health page calls them."""


@dataclass(frozen=True, slots=True)
class Disk:
    """In bytes."""

    free: int
    total: int

    @property
    def is_full(self) -> bool:
        return self.free < FULL

    @property
    def is_nearly_full(self) -> bool:
        return self.free < min(max(self.total // 20, NEARLY_LEAST), NEARLY_MOST)


@dataclass(frozen=True, slots=True)
class Standing:
    """What waits and since when, which alarms stand, which jobs are late or fail."""

    at: datetime
    journal: dict[str, int]
    """Mails that are not settled, by state."""
    journal_oldest: datetime | None
    outbox: dict[str, int]
    """Mails of ours that are not through, by state."""
    outbox_oldest: datetime | None
    alarms: tuple[str, ...]
    """Their keys."""
    late: tuple[str, ...]

    @property
    def rooms(self) -> set[str]:
        """Those a health page calls degraded."""
        found = {room for key in self.alarms for begins, room in ROOMS.items() if key.startswith(begins)}
        stuck = self.journal_oldest is not None and self.at - self.journal_oldest > STUCK
        more = {"held": self.journal[HELD], "jobs": self.late, "journal": stuck}
        return found | {room for room, true in more.items() if true}


def backlog(tx: Tx, now: datetime) -> Standing:
    late = tuple(job.name for job in tx.jobs.all() if job.failing_since is not None or now - job.due_at > LATE)
    alarms = tuple(alarm.key for alarm in tx.alarms.open())
    return Standing(now, *tx.journal.backlog(), *tx.outbox.backlog(), alarms, late)


def disk(folder: Path) -> Disk | None:
    """None when nothing can be found out about it."""
    try:
        found = shutil.disk_usage(folder)
    except OSError:
        return None
    return Disk(found.free, found.total)
