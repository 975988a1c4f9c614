"""The figures of a period, from what is known of each ticket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.core.hours import Hours
from gateway.core.report import CountedTicket, Figures, Group, Period, figures, grouped, of_agent, period_named
from tests.core.build import POLICY

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
PERIOD = Period(MONDAY, MONDAY + timedelta(days=7))
NOW = MONDAY + timedelta(days=8)
ALWAYS = Hours()


ANNA, LEAD = "anna@example.com", "bob@example.com"


def facts(
    number: int, *said: tuple[int, str], tags: tuple[str, ...] = (), is_open: bool = False, assignee: str = ""
) -> CountedTicket:
    """Each of `said` is an hour of the week, and which agent wrote then."""
    moments = tuple((MONDAY + timedelta(hours=hour), agent) for hour, agent in said)
    return CountedTicket(number, moments[0][0], "support@example.com", assignee, tags, is_open, moments)


def whole(tickets: list[CountedTicket], hours: Hours = ALWAYS) -> Figures:
    return figures(Group.whole("", PERIOD, tickets), hours, NOW)


def test_waiting_times() -> None:
    """From the first unanswered mail to the answer; what was answered before the period is not in it."""
    tickets = [
        facts(1, (0, ""), (1, ""), (3, ANNA), (10, ""), (14, ANNA)),
        facts(2, (5, ""), (6, ANNA), (7, ANNA), (20, "")),
        facts(3, (-30, ""), (-20, ANNA), (-10, ""), (2, ANNA)),
    ]
    found = whole(tickets)
    hour = 3600.0
    assert (found.opened, found.answers) == (2, 5)
    assert (found.first_median, found.first_90) == (2 * hour, 3 * hour)
    assert (found.next_median, found.next_90) == (8 * hour, 12 * hour)


def test_only_open_hours_count() -> None:
    hours = Hours(days=frozenset(range(5)))
    found = whole([facts(1, (16, ""), (34, ANNA))], hours)
    assert found.first_median == 2 * 3600


def test_the_backlog_by_age() -> None:
    tickets = [facts(1, (0, ""), is_open=True), facts(2, (190, ""), is_open=True), facts(3, (0, ""))]
    assert whole(tickets).backlog == (1, 0, 0, 1, 0)


def test_groups() -> None:
    """A ticket stands under each of its tags, one without under a dash; nothing at all is one group of nothing."""
    tickets = [facts(1, (0, ""), tags=("a", "b")), facts(2, (70, ""))]
    policy = POLICY
    assert {g.name: [t.number for t in g.owned] for g in grouped(tickets, "tag", policy, PERIOD)} == {
        "a": [1],
        "b": [1],
        "–": [2],
    }
    assert [g.name for g in grouped(tickets, "mailbox", policy, PERIOD)] == ["support@example.com"]
    nothing = figures(grouped([], "", policy, PERIOD)[0], ALWAYS, NOW)
    assert (nothing.opened, nothing.first_median, nothing.rating) == (0, None, None)


def test_an_agent_is_counted_by_what_they_wrote_and_have() -> None:
    """The answer of a colleague is the colleague's, whoever has the ticket; no group's answers are counted twice."""
    tickets = [
        facts(1, (0, ""), (2, LEAD), (10, ""), (11, ANNA), assignee=ANNA, is_open=True),
        facts(2, (0, ""), is_open=True),
    ]
    policy = POLICY
    found = {g.name: figures(g, ALWAYS, NOW) for g in grouped(tickets, "agent", policy, PERIOD)}
    assert {name: (f.opened, f.answers, f.open) for name, f in found.items()} == {
        ANNA: (1, 1, 1),
        LEAD: (0, 1, 0),
        "–": (1, 0, 1),
    }
    assert (found[ANNA].first_median, found[ANNA].next_median) == (None, 3600)
    assert (found[LEAD].first_median, found[LEAD].next_median) == (7200, None)
    assert figures(of_agent(ANNA, tickets, policy, PERIOD), ALWAYS, NOW) == found[ANNA]
    assert figures(of_agent("nobody@example.com", tickets, policy, PERIOD), ALWAYS, NOW).answers == 0


def test_a_week_is_what_happened_in_it() -> None:
    """An answer is of the week it was given in, not of the one in which its ticket began; the weeks make the whole."""
    tickets = [
        facts(1, (-200, ""), (3, ANNA), is_open=True),
        facts(2, (20, ""), (170, ANNA), is_open=True),
        facts(3, (180, ""), is_open=True),
    ]
    period = Period(MONDAY, MONDAY + timedelta(days=14))
    policy = POLICY
    weeks = [figures(g, ALWAYS, NOW) for g in grouped(tickets, "week", policy, period)]
    assert [(f.name, f.opened, f.answers, f.open) for f in weeks] == [
        ("earlier", 0, 0, 1),
        ("2026-W10", 1, 1, 1),
        ("2026-W11", 1, 1, 1),
    ]
    all_of_it = figures(Group.whole("", period, tickets), ALWAYS, NOW)
    assert (all_of_it.opened, all_of_it.answers, all_of_it.open) == (2, 2, 3)


def test_periods_as_they_are_written() -> None:
    """A month, two days, or the last thirty; all else is none."""
    said = {text: period_named(text, NOW, ALWAYS) for text in ("", "2026-02", "2026-12", "2026-02-03 2026-02-09")}
    assert {text: (str(days[0]), str(days[1])) for text, days in said.items() if days} == {
        "": ("2026-02-08", "2026-03-10"),
        "2026-02": ("2026-02-01", "2026-02-28"),
        "2026-12": ("2026-12-01", "2026-12-31"),
        "2026-02-03 2026-02-09": ("2026-02-03", "2026-02-09"),
    }
    for text in (
        "may",
        "2026-13",
        "2026-02-09 2026-02-03",
        "2026-02-30",
        "9999-12",
        "2026-01-01 2026-01-02 2026-01-03",
    ):
        assert period_named(text, NOW, ALWAYS) is None, text
