"""When there is no relay: how long we wait, and who asks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.send.loop import RELAY_PAUSES, Breaker

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def test_closed_at_first() -> None:
    """Everything may be sent."""
    assert Breaker().room(NOW, 8, 3) == 8


def test_open_until_its_time_then_one_mail_asks() -> None:
    """Nothing before; then one, and no second while it is under way."""
    breaker = Breaker()
    assert breaker.failed(NOW, "refused")
    assert breaker.until is not None
    assert breaker.room(breaker.until - timedelta(milliseconds=1), 8, 0) == 0
    assert breaker.room(breaker.until, 8, 0) == 1
    assert breaker.room(breaker.until, 8, 1) == 0


def test_pauses_grow_to_a_minute() -> None:
    """1, 2, 4 … 60 seconds."""
    breaker, now, pauses = Breaker(), NOW, []
    for _ in range(9):
        breaker.failed(now, "refused")
        assert breaker.until is not None
        pauses.append((breaker.until - now).total_seconds())
        now = breaker.until
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, RELAY_PAUSES[1].total_seconds()]


def test_attempts_that_were_under_way_do_not_count() -> None:
    """Four connections that fail together are one failure."""
    breaker = Breaker()
    assert [breaker.failed(NOW, "refused") for _ in range(4)] == [True, False, False, False]
    assert breaker.until == NOW + timedelta(seconds=1)


def test_another_cause_is_news() -> None:
    """First nobody listened, now the password is wrong: the operator should know."""
    breaker = Breaker()
    assert [breaker.failed(NOW, c) for c in ("refused", "refused", "535 no", "535 no")] == [True, False, True, False]


def test_an_answer_closes_it_and_the_next_failure_begins_anew() -> None:
    """With the first, short pause."""
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(breaker.until or NOW, "refused")
    assert breaker.answered()
    assert not breaker.answered()
    assert breaker.room(NOW, 8, 0) == 8
    assert breaker.failed(NOW, "refused")
    assert breaker.until == NOW + timedelta(seconds=1)
