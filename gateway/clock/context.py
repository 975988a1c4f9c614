"""What everything that happens by the clock may use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.clock.job_status import Board
from gateway.config import Settings
from gateway.flow import Desk
from storage.database import Database


@dataclass(frozen=True, slots=True)
class Site:
    """What a job may use."""

    database: Database
    desk: Desk
    clock: Callable[[], datetime]
    settings: Settings
    wake: Callable[[], None] = lambda: None
    """Tells the send loop that mails may be in line."""
    board: Board = field(default_factory=Board)
