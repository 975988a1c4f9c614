"""Trying again: later each time, within bounds, and not at the same moment as everybody else."""

from __future__ import annotations

from datetime import timedelta

from gateway.core.backoff import Backoff, delay


def test_delays_double_up_to_the_longest() -> None:
    """Without chance: 1, 2, 4, … and never above."""
    backoff = Backoff(lambda: 0.0, 1.0, 300.0)
    assert [backoff.failed() for _ in range(11)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


def test_chance_takes_up_to_a_half() -> None:
    """Many daemons that lost one server do not come back together."""
    chances = iter([0.0, 0.5, 1.0])
    backoff = Backoff(lambda: next(chances), 8.0, 8.0)
    assert [backoff.failed() for _ in range(3)] == [8.0, 6.0, 4.0]


def test_success_begins_anew() -> None:
    """The next failure is a first one."""
    backoff = Backoff(lambda: 0.0)
    for _ in range(5):
        backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == 1.0


def test_some_failures_wait_longer_from_the_start() -> None:
    """A refused login is not tried again within a minute."""
    backoff = Backoff(lambda: 0.0)
    assert [backoff.failed(60.0) for _ in range(4)] == [60, 120, 240, 300]


def test_thousands_of_failures_are_still_a_number() -> None:
    """A server that is away for months."""
    backoff = Backoff(lambda: 0.0)
    assert {backoff.failed() for _ in range(5000)} <= {float(2**n) for n in range(9)} | {300.0}


def test_a_time_span_grows_as_seconds_do() -> None:
    """Whoever keeps the count of failures elsewhere asks for the delay alone."""
    minute, hour = timedelta(minutes=1), timedelta(hours=1)
    assert [delay(n, minute, hour) for n in (0, 1, 5, 6, 5000)] == [minute, 2 * minute, 32 * minute, hour, hour]
