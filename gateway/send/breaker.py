"""While there is no relay, mails wait; one of them asks now and then whether it is back.

Pure: told the time, never looking at a clock.
"""

from __future__ import annotations

from datetime import datetime, timedelta

FIRST = timedelta(seconds=1)
LONGEST = timedelta(seconds=60)


class Breaker:
    """Open from the first failure to reach the relay until its next answer."""

    def __init__(self) -> None:
        self.until: datetime | None = None
        """No attempt before this time; None: closed, everything may be sent."""
        self._delay = FIRST
        self._cause = ""

    def failed(self, now: datetime, cause: str) -> bool:
        """There was no relay. True when that is news: it was there before, or the cause is another one."""
        news = self.until is None or cause != self._cause
        if self.until is None:
            self._delay = FIRST
        elif now >= self.until:
            self._delay = min(self._delay * 2, LONGEST)
        if self.until is None or now >= self.until:
            # Attempts that were under way already do not make the pause longer.
            self.until = now + self._delay
        self._cause = cause
        return news

    def answered(self) -> bool:
        """The relay said something. True when that is news."""
        news = self.until is not None
        self.until = None
        return news

    def room(self, now: datetime, free: int, under_way: int) -> int:
        """How many mails may be begun: all that are free, none, or the one that asks."""
        if self.until is None:
            return free
        return 1 if now >= self.until and not under_way else 0
