"""What a job of the clock may use, and what jobs say about themselves for the figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.config import Settings
from gateway.flow import Desk
from storage.database import Database
from storage.jobs import JobState


@dataclass(frozen=True, slots=True)
class ProbeStatus:
    """How the probes of a mailbox do."""

    round_trip: timedelta | None
    """Of the newest one that came back."""
    failing: bool
    """An alarm stands."""


@dataclass(frozen=True, slots=True)
class JobStatus:
    """Refreshed by each look, from the database: daemons that share one show the same, whichever did the work."""

    jobs: dict[str, JobState] = field(default_factory=dict)
    canaries: dict[str, ProbeStatus] = field(default_factory=dict)
    """By mailbox."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job may use."""

    database: Database
    desk: Desk
    clock: Callable[[], datetime]
    settings: Settings
    wake: Callable[[], None] = lambda: None
    """Tells the send loop that mails may be in line."""
    status: JobStatus = field(default_factory=JobStatus)

    def mailed(self, sent: int | None) -> str:
        """What a job did that writes mails, in a few words: so many; None, it was not its turn."""
        if sent:
            self.wake()
            return f"{sent} mails"
        return "" if sent is None else "nothing to tell, no mail"
