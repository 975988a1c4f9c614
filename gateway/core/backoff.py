"""How long to wait before trying again: twice as long after each failure, up to a longest wait.

Pure; the randomness that keeps many from coming back at the same moment is handed in.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

Span = TypeVar("Span", float, timedelta)


def delay(failures: int, first: Span, longest: Span) -> Span:
    """The wait that follows so many earlier failures: `first`, doubled by each, at most `longest`."""
    return min(longest, first * 2.0 ** min(failures, 30))


class Backoff:
    """Delays that double from `first` to `longest` seconds, each shortened by chance by up to a half."""

    def __init__(self, chance: Callable[[], float], first: float = 1.0, longest: float = 300.0) -> None:
        self._chance, self._first, self._longest = chance, first, longest
        self._failures = 0

    def failed(self, at_least: float = 0.0) -> float:
        """Seconds to wait after one more failure; `chance` gives a number from 0 to 1."""
        seconds = delay(self._failures, max(self._first, at_least), self._longest)
        self._failures += 1
        return seconds * (1.0 - 0.5 * self._chance())

    def succeeded(self) -> None:
        self._failures = 0
