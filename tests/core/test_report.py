"""The figures of a period, from what is known of each ticket."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from gateway.core.hours import Hours
from gateway.core.policy import Agent
from gateway.core.report import AgentReport, CountedTicket, Counting, Figures, Period, counted, period_named
from tests.core.build import POLICY

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
PERIOD = Period(MONDAY, MONDAY + timedelta(days=7))
NOW = MONDAY + timedelta(days=8)
ALWAYS = Hours()


ANNA, LEAD = "anna@example.com", "bob@example.com"


def facts(
    *said: tuple[int, str], tags: tuple[str, ...] = (), is_open: bool = False, assignee: str = ""
) -> CountedTicket:
    """Each of `said` is an hour of the week, and which agent wrote then."""
    moments = tuple((MONDAY + timedelta(hours=hour), agent) for hour, agent in said)
    return CountedTicket(moments[0][0], "support@example.com", assignee, tags, is_open, moments)


def whole(tickets: list[CountedTicket], hours: Hours = ALWAYS) -> Figures:
    (found,) = counted(tickets, "", replace(POLICY, hours=hours), PERIOD, NOW)
    return found


def test_waiting_times() -> None:
    """From the first unanswered mail to the answer; what was answered before the period is not in it."""
    tickets = [
        facts((0, ""), (1, ""), (3, ANNA), (10, ""), (14, ANNA)),
        facts((5, ""), (6, ANNA), (7, ANNA), (20, "")),
        facts((-30, ""), (-20, ANNA), (-10, ""), (2, ANNA)),
    ]
    found = whole(tickets)
    hour = 3600.0
    assert (found.opened, found.answers) == (2, 5)
    assert (found.first_median, found.first_90) == (2 * hour, 3 * hour)
    assert (found.next_median, found.next_90) == (8 * hour, 12 * hour)


def test_thanks_that_were_closed_without_a_word_do_not_wait() -> None:
    """By the next question, weeks later, they would have waited longest of all; a first request waits all the same."""
    hour = 3600.0
    opened_again = (MONDAY + timedelta(hours=100),)
    thanked = replace(facts((0, ""), (1, ANNA), (2, ""), (100, ""), (103, ANNA)), reopened=opened_again)
    unheard = replace(facts((0, ""), (100, ""), (103, ANNA)), reopened=opened_again)
    assert whole([thanked]).next_median == 3 * hour
    assert whole([unheard]).first_median == 103 * hour
    by_agent = replace(facts((0, ""), (1, ANNA), (2, ""), (103, ANNA)), reopened=opened_again)
    assert whole([by_agent]).next_median == 3 * hour


def test_only_open_hours_count() -> None:
    hours = Hours(days=frozenset(range(5)))
    found = whole([facts((16, ""), (34, ANNA))], hours)
    assert found.first_median == 2 * 3600


def test_the_backlog_by_age() -> None:
    tickets = [facts((0, ""), is_open=True), facts((190, ""), is_open=True), facts((0, ""))]
    assert whole(tickets).backlog == (1, 0, 0, 1, 0)


def test_groups() -> None:
    """A ticket stands under each of its tags, one without under a dash; nothing at all is one group of nothing."""
    tickets = [facts((0, ""), (1, ANNA), tags=("a", "b")), facts((70, ""))]
    found = counted(tickets, "tag", POLICY, PERIOD, NOW)
    assert [(f.name, f.opened, f.answers) for f in found] == [("a", 1, 1), ("b", 1, 1), ("–", 1, 0)]
    assert [f.name for f in counted(tickets, "mailbox", POLICY, PERIOD, NOW)] == ["support@example.com"]
    nothing = whole([])
    assert (nothing.opened, nothing.first_median, nothing.rating) == (0, None, None)


def test_an_agent_is_counted_by_what_they_wrote_and_have() -> None:
    """The answer of a colleague is the colleague's, whoever has the ticket; no group's answers are counted twice."""
    tickets = [
        facts((0, ""), (2, LEAD), (10, ""), (11, ANNA), assignee=ANNA, is_open=True),
        facts((0, ""), is_open=True),
    ]
    found = {f.name: f for f in counted(tickets, "agent", POLICY, PERIOD, NOW)}
    assert {name: (f.opened, f.answers, f.open) for name, f in found.items()} == {
        ANNA: (1, 1, 1),
        LEAD: (0, 1, 0),
        "–": (1, 0, 1),
    }
    assert (found[ANNA].first_median, found[ANNA].next_median) == (None, 3600)
    assert (found[LEAD].first_median, found[LEAD].next_median) == (7200, None)


def test_what_an_agent_reads() -> None:
    """A lead each agent's figures in the lead's mailboxes; others the whole there, and their own wherever they are."""
    anna = Agent(ANNA, "Anna", mailboxes=("support@example.com",))
    policy = replace(POLICY, agents=(anna, Agent(LEAD, "Bob", lead=True)))
    mine = facts((0, ""), (2, ANNA), assignee=ANNA, is_open=True)
    elsewhere = replace(facts((0, ""), (3, ANNA), (5, LEAD)), mailbox="other@example.com")

    def read(address: str) -> tuple[int, int, int]:
        agent = policy.agent_for(address)
        assert agent is not None
        told = AgentReport(agent, date(2026, 3, 2), date(2026, 3, 8), policy, NOW)
        for ticket in (mine, elsewhere):
            told.add(ticket)
        (whole_,) = told.whole.figures()
        return whole_.answers, len(told.boxes.figures()), told.agents.of_agent(ANNA).answers

    assert read(ANNA) == (1, 1, 2)
    assert read(LEAD) == (3, 2, 2)
    nobody = Counting("agent", policy, PERIOD, NOW).of_agent("nobody@example.com")
    assert (nobody.name, nobody.answers) == ("nobody@example.com", 0)


def test_a_week_is_what_happened_in_it() -> None:
    """An answer is of the week it was given in, not of the one in which its ticket began; the weeks make the whole."""
    tickets = [
        facts((-200, ""), (3, ANNA), is_open=True),
        facts((20, ""), (170, ANNA), is_open=True),
        facts((180, ""), is_open=True),
    ]
    period = Period(MONDAY, MONDAY + timedelta(days=14))
    weeks = counted(tickets, "week", POLICY, period, NOW)
    assert [(f.name, f.opened, f.answers, f.open) for f in weeks] == [
        ("earlier", 0, 0, 1),
        ("2026-W10", 1, 1, 1),
        ("2026-W11", 1, 1, 1),
    ]
    (all_of_it,) = counted(tickets, "", POLICY, period, NOW)
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
