"""How long to wait before trying again: longer each time, and never at the same moment as others.

Pure; the randomness is handed in.
"""

from __future__ import annotations

from collections.abc import Callable


class Backoff:
    """Delays that double from `first` to `longest` seconds, each shortened by chance by up to a half."""

    def __init__(self, chance: Callable[[], float], first: float = 1.0, longest: float = 300.0) -> None:
        self._chance, self._first, self._longest = chance, first, longest
        self._failures = 0

    def failed(self, at_least: float = 0.0) -> float:
        """Seconds to wait after one more failure; `chance` gives a number from 0 to 1."""
        delay = min(self._longest, max(self._first, at_least) * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return delay * (1.0 - 0.5 * self._chance())

    def succeeded(self) -> None:
        self._failures = 0
