"""What the jobs of the clock say about themselves, for the figures: refreshed by each look, from the database.

So two daemons that share one show the same, whichever of them did the work.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from storage.jobs import JobState


@dataclass(frozen=True, slots=True)
class Canary:
    """How the probes of a mailbox do."""

    round_trip: timedelta | None
    """Of the newest one that came back."""
    failing: bool
    """An alarm stands."""


@dataclass(frozen=True, slots=True)
class Board:
    jobs: dict[str, JobState] = field(default_factory=dict)
    canaries: dict[str, Canary] = field(default_factory=dict)
    """By mailbox."""
