"""Sliding windows: budgets over known moments, and tries counted in memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.core.window import Budget, Window, spent

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def ago(*minutes: float) -> tuple[datetime, ...]:
    return tuple(NOW - timedelta(minutes=m) for m in minutes)


def test_a_budget_counts_what_is_younger_than_its_span() -> None:
    """A moment exactly as old as the span counts no more."""
    budget = Budget(2, 10)
    assert not budget.is_spent(ago(1), NOW)
    assert budget.is_spent(ago(1, 9.9), NOW)
    assert not budget.is_spent(ago(1, 10), NOW)


def test_the_first_full_budget_is_named() -> None:
    """Budgets are read in their order; none is full without moments."""
    budgets = (Budget(5, 10), Budget(2, 60))
    assert spent(budgets, ago(20, 30), NOW) is budgets[1]
    assert spent(budgets, (), NOW) is None


def test_a_window_refuses_when_it_is_full_and_lets_in_again_as_time_goes_on() -> None:
    """What was refused is not counted, so waiting helps."""
    window = Window(2, 60)
    assert [window.take("a", now) for now in (0.0, 1.0, 2.0, 59.0, 60.0, 60.5, 61.0)] == [
        True, True, False, False, True, False, True,
    ]  # fmt: skip
    assert window.take("b", 2.0)


def test_what_is_counted_anyway_keeps_the_window_full() -> None:
    """`add` counts beyond the limit: the newest `count` decide."""
    window = Window(2, 60)
    for now in (0.0, 10.0, 30.0):
        window.add("a", now)
    assert window.is_full("a", 60.0)
    assert not window.is_full("a", 70.0)


def test_a_window_forgets_who_asked_for_it_and_who_was_not_seen_for_longest() -> None:
    """Memory is bounded, whoever knocks."""
    window = Window(1, 60, keys=2)
    window.add("a", 0.0)
    window.forget("a")
    assert not window.is_full("a", 1.0)
    for key in ("a", "b", "c"):
        window.add(key, 1.0)
    assert [window.is_full(key, 2.0) for key in ("a", "b", "c")] == [False, True, True]


def test_a_window_slides() -> None:
    """At most so many in any span; refused tries do not prolong it."""
    window = Window(2, 600)
    assert window.take("a", 0.0)
    assert window.take("a", 60.0 * 6)
    assert not window.take("a", 60.0 * 9)
    assert window.take("b", 60.0 * 9)
    assert window.take("a", 60.0 * 10)
    assert not window.take("a", 60.0 * 15)
    window.forget("a")
    assert window.take("a", 60.0 * 15)


def test_a_window_forgets_the_key_not_seen_for_longest() -> None:
    """Its memory is bounded, whoever asks."""
    window = Window(1, 3600, keys=2)
    for key in ("a", "b"):
        window.take(key, 0.0)
    assert not window.take("a", 0.0)
    window.take("c", 0.0)
    assert not window.take("a", 0.0)
    assert window.take("b", 0.0)


def test_what_a_clock_that_was_wrong_wrote_down_counts_for_nothing() -> None:
    """Two months ahead it had filled every window; daemons whose clocks differ a little count together."""
    assert not Budget(1, 10).is_spent(ago(-60 * 24 * 60), NOW)
    assert Budget(1, 10).is_spent(ago(-1), NOW)
    window = Window(1, 60)
    window.add("a", 5_000_000.0)
    assert window.take("a", 30.0)
    assert not window.take("a", 29.0)
