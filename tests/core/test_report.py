"""The figures of a period, from what is known of each ticket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.core.hours import Hours
from gateway.core.report import CountedTicket, Period, figures, grouped

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
PERIOD = Period(MONDAY, MONDAY + timedelta(days=7))
NOW = MONDAY + timedelta(days=8)
ALWAYS = Hours()


def facts(number: int, *said: tuple[int, bool], tags: tuple[str, ...] = (), is_open: bool = False) -> CountedTicket:
    """Each of `said` is an hour of the week, and whether an agent wrote then."""
    moments = tuple((MONDAY + timedelta(hours=hour), agent) for hour, agent in said)
    return CountedTicket(number, moments[0][0], "support@example.com", "", tags, is_open, moments)


def test_waiting_times() -> None:
    """From the first unanswered mail to the answer; what was answered before the period is not in it."""
    tickets = [
        facts(1, (0, False), (1, False), (3, True), (10, False), (14, True)),
        facts(2, (5, False), (6, True), (7, True), (20, False)),
        facts(3, (-30, False), (-20, True), (-10, False), (2, True)),
    ]
    found = figures("", tickets, PERIOD, ALWAYS, NOW)
    hour = 3600.0
    assert (found.opened, found.answers) == (2, 5)
    assert (found.first_median, found.first_90) == (2 * hour, 3 * hour)
    assert (found.next_median, found.next_90) == (8 * hour, 12 * hour)


def test_only_open_hours_count() -> None:
    hours = Hours(days=frozenset(range(5)))
    found = figures("", [facts(1, (16, False), (34, True))], PERIOD, hours, NOW)
    assert found.first_median == 2 * 3600


def test_the_backlog_by_age() -> None:
    tickets = [facts(1, (0, False), is_open=True), facts(2, (190, False), is_open=True), facts(3, (0, False))]
    assert figures("", tickets, PERIOD, ALWAYS, NOW).backlog == (1, 0, 0, 1, 0)


def test_groups() -> None:
    """A ticket stands under each of its tags, one without under a dash; nothing at all is one group of nothing."""
    tickets = [facts(1, (0, False), tags=("a", "b")), facts(2, (170, False))]
    assert {n: [t.number for t in ts] for n, ts in grouped(tickets, "tag", ALWAYS, PERIOD).items()} == {
        "a": [1],
        "b": [1],
        "–": [2],
    }
    assert list(grouped(tickets, "week", ALWAYS, PERIOD)) == ["2026-W10", "2026-W11"]
    assert list(grouped(tickets, "mailbox", ALWAYS, PERIOD)) == ["support@example.com"]
    nothing = figures("", grouped([], "", ALWAYS, PERIOD)[""], PERIOD, ALWAYS, NOW)
    assert (nothing.opened, nothing.first_median, nothing.rating) == (0, None, None)
