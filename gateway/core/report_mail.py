"""The report as a mail: what `#report` answers, and what leads read once a month. Short lines, for a telephone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gateway import texts
from gateway.core import language, orders
from gateway.core.agent_mail import AgentCase
from gateway.core.case import Case
from gateway.core.decision import Decision, Why
from gateway.core.looked_up import Asked
from gateway.core.notice import Item, Section
from gateway.core.policy import Agent, Policy
from gateway.core.reason import Reason
from gateway.core.refusal import refuse, unsent
from gateway.core.report import EARLIER, AgentReport, Figures, period_named
from gateway.core.verbs import Verb
from gateway.mail.sentence import code
from gateway.texts import Catalog
from gateway.texts import mark as _


def asked(case: Case, agent: Agent) -> Asked | None:
    """Which period `#report` wants; None where it names none."""
    days = period_named(case.order.argument(Verb.REPORT), case.now, case.policy.hours)
    return Asked(report=AgentReport(agent, *days, case.policy, case.now)) if days else None


def answer(on: AgentCase) -> Decision:
    """The figures, to the agent who asked."""
    case, policy = on.case, on.case.policy
    told = case.facts.looked.report if case.facts.looked else None
    if told is None:
        missing = code("no_such_period", case.order.argument(Verb.REPORT))
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (missing, *unsent(case)), doubt=None)
    words = texts.catalog(language.of_agent(on.agent, None, policy))
    headline = title(told, policy, words)
    return Decision(
        Reason.AGENT_LOOKS,
        Why(attach="no: it only looks something up", acknowledge="yes: with the figures"),
        notices=(orders.receipt(on.agent, headline, unsent(case)),),
        sections=sections(told, policy, words),
    )


def title(told: AgentReport, policy: Policy, words: Catalog) -> str:
    """`Report: 1 November 2026 – 30 November 2026`."""
    zone = policy.hours.zone
    last = policy.hours.on(told.last, policy.hours.opens)
    called = words.gettext("Report")
    return f"{called}{_colon(words)} {words.day(told.period.since, zone)} – {words.day(last, zone)}"


def sections(told: AgentReport, policy: Policy, words: Catalog) -> tuple[Section, ...]:
    """The whole, then each mailbox where there are several, then each agent, or the reader alone."""
    counting = Item(words.gettext("Times are open hours, “within” is the median; what is open is counted now."))
    (whole,) = told.whole.figures()
    parts = [Section(words.gettext("All together"), (*_whole(whole, words), counting))]
    boxes = told.boxes.figures()
    if len(boxes) > 1:
        parts.append(_groups(words.gettext("By mailbox"), boxes, policy, words))
    if told.agent.lead:
        each = [f for f in told.agents.figures() if _is_something(f)]
        parts.append(_groups(words.gettext("By agent"), each, policy, words))
    else:
        parts.append(Section(words.gettext("Yours"), _whole(told.agents.of_agent(told.agent.address), words)))
    return tuple(part for part in parts if part.items)


def is_empty(told: AgentReport) -> bool:
    """Nothing happened, and nothing is open."""
    return not any(_is_something(f) for f in told.whole.figures())


def _is_something(f: Figures) -> bool:
    return bool(f.opened or f.answers or f.open or f.reopened or f.rated)


def _groups(name: str, found: Sequence[Figures], policy: Policy, words: Catalog) -> Section:
    def called(key: str) -> str:
        agent = policy.agent_for(key)
        return (agent.name or agent.address) if agent else key

    return Section(name, tuple(Item(called(f.name), " · ".join(_lines(f, words))) for f in found))


def _whole(f: Figures, words: Catalog) -> tuple[Item, ...]:
    ages = words.gettext(_("up to 1 day {0}, 3 days {1}, 7 days {2}, 30 days {3}, longer {4}"), *f.backlog)
    lines = _lines(f, words)
    return tuple(Item(line, ages if f.open and n == len(lines) - 1 else "") for n, line in enumerate(lines))


def _lines(f: Figures, words: Catalog) -> list[str]:
    """What is open is said last."""
    lines = [
        _counted(words.gettext("Requests"), f.opened, words),
        _counted(words.gettext("Answers"), f.answers, words),
    ]
    if f.first_median is not None:
        said = _("First answer within {median}, for 90 % within {ninety}")
        lines.append(words.gettext(said, median=_span(f.first_median, words), ninety=_span(f.first_90, words)))
    if f.next_median is not None:
        said = _("Further answers within {median}, for 90 % within {ninety}")
        lines.append(words.gettext(said, median=_span(f.next_median, words), ninety=_span(f.next_90, words)))
    if f.reopened:
        lines.append(_counted(words.gettext("Opened again"), f.reopened, words))
    if f.rating is not None:
        said = _("Rated {rating} of 5 ({count})")
        lines.append(words.gettext(said, rating=words.number(f.rating, "0.#"), count=f.rated))
    return [*lines, _counted(words.gettext("Open now"), f.open, words)]


def _counted(label: str, count: int, words: Catalog) -> str:
    return f"{label}{_colon(words)} {count}"


def _colon(words: Catalog) -> str:
    return words.pgettext("behind a label", ":")


def _span(seconds: float | None, words: Catalog) -> str:
    """`25 min`, `3.5 h`: signs that are the same in every language (ISO 80000-3)."""
    seconds = seconds or 0.0
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{words.number(seconds / 3600, '0.#')} h"


# --- the chart ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars side by side for each week."""

    weeks: tuple[str, ...]
    series: tuple[tuple[str, tuple[int, ...]], ...]
    """Name → a figure for each week."""
    alt: str
    """The same in words."""


def chart(told: AgentReport, words: Catalog) -> Chart | None:
    """What came and what was answered in each week; None where that is nothing."""
    found = [f for f in told.weeks.figures() if f.name != EARLIER]
    if not any(f.opened or f.answers for f in found):
        return None
    names = tuple(f.name for f in found)
    requests, answers = tuple(f.opened for f in found), tuple(f.answers for f in found)
    each = ", ".join(f"{n} {r}/{a}" for n, r, a in zip(names, requests, answers, strict=True))
    alt = words.gettext("Requests and answers in each week: {figures}", figures=each)
    return Chart(names, ((words.gettext("Requests"), requests), (words.gettext("Answers"), answers)), alt)
