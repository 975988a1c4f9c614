"""At most so many in any span of time: the sliding window of budgets, logins and requests.

A moment counts while it is younger than the span. One that is further ahead than that was written down by a clock that
was wrong, and counts for nothing. Pure: the time is given, never read.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

LONGEST = timedelta(days=31)
"""What budgets of the settings may count back to."""
KEYS = 20_000
"""Keys remembered by one window; beyond, the one not seen for longest is forgotten."""


@dataclass(frozen=True, slots=True)
class Budget:
    """At most `count` in any window of `minutes`."""

    count: int
    minutes: int

    def is_spent(self, moments: Iterable[datetime], now: datetime) -> bool:
        return _within((m.timestamp() for m in moments), now.timestamp(), self.minutes * 60) >= self.count


def spent(budgets: Iterable[Budget], moments: tuple[datetime, ...], now: datetime) -> Budget | None:
    """The first budget whose window is full already."""
    return next((budget for budget in budgets if budget.is_spent(moments, now)), None)


class Window:
    """At most `count` in any `seconds`, for each key, kept in memory.

    Every `now` is in seconds of one clock, whichever. Nothing counted for a key is remembered
    longer than needed; a restart forgets all.
    """

    def __init__(self, count: int, seconds: float, keys: int = KEYS) -> None:
        self.count, self.seconds, self._keys = count, seconds, keys
        self._seen: OrderedDict[str, deque[float]] = OrderedDict()

    def is_full(self, key: str, now: float) -> bool:
        seen = self._seen.get(key, ())
        # Only so many are kept, in order: when the oldest of them counts, all do.
        return len(seen) >= self.count and (not seen or abs(now - seen[0]) < self.seconds)

    def add(self, key: str, now: float) -> None:
        """Count one, whether the window is full or not."""
        self._seen.setdefault(key, deque(maxlen=max(self.count, 1))).append(now)
        self._seen.move_to_end(key)
        while len(self._seen) > self._keys:
            self._seen.popitem(last=False)

    def take(self, key: str, now: float) -> bool:
        """Count one try. False, and nothing is counted, when there were enough already."""
        if self.is_full(key, now):
            # Whoever goes on trying is not forgotten for it.
            if key in self._seen:
                self._seen.move_to_end(key)
            return False
        self.add(key, now)
        return True

    def forget(self, key: str) -> None:
        self._seen.pop(key, None)


def _within(moments: Iterable[float], now: float, seconds: float) -> int:
    return sum(1 for moment in moments if abs(now - moment) < seconds)
