"""What agents and leads read in the morning: what is open, and what customers closed on their own.

Pure: tickets and counts in, sections of a mail out; nothing to say gives none, and no mail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Section
from gateway.core.policy import Agent, Policy
from gateway.core.statuses import label
from gateway.core.ticket import Ticket

LINES = 50
"""Tickets named in one section; the rest is counted."""

_WORDS = {
    "en": {
        "mine": "With you",
        "unassigned": "Not assigned yet",
        "others": "With colleagues",
        "bounced": "Mails of ours that did not arrive since the last digest: {0}",
        "held": "Mails the operator holds: {0}",
        "silenced": "Addresses that get no automatic mail, because it bounced: {0}",
        "around": "Besides",
        "line": "#{number} {status}, for {age}: {subject} ({who})",
        "late": ", late",
        "more": "… and {0} more",
        "closed": "Closed without our having proposed it",
        "reopen": "#{number} {subject} ({who}). To open it again: #reopen {number}",
        "days": "{0} days",
        "day": "1 day",
        "hours": "{0} hours",
        "hour": "1 hour",
        "now": "less than an hour",
    },
    "de": {
        "mine": "Bei Ihnen",
        "unassigned": "Noch niemandem zugewiesen",
        "others": "Bei anderen",
        "bounced": "Mails von uns, die seit dem letzten Überblick nicht ankamen: {0}",
        "held": "Mails, die der Betreiber zurückhält: {0}",
        "silenced": "Adressen ohne automatische Mails, weil sie unzustellbar waren: {0}",
        "around": "Außerdem",
        "line": "#{number} {status}, seit {age}: {subject} ({who})",
        "late": ", überfällig",
        "more": "… und {0} weitere",
        "closed": "Geschlossen, ohne dass wir es vorgeschlagen hatten",
        "reopen": "#{number} {subject} ({who}). Wieder öffnen: #reopen {number}",
        "days": "{0} Tagen",
        "day": "1 Tag",
        "hours": "{0} Stunden",
        "hour": "1 Stunde",
        "now": "weniger als einer Stunde",
    },
}
_ORDER = (Status.NEW, Status.WAITING_ON_US, Status.WAITING_ON_CONTACT, Status.SOLVED)


@dataclass(frozen=True, slots=True)
class Counts:
    bounced: int = 0
    held: int = 0
    silenced: int = 0


def for_agent(
    agent: Agent, tickets: Sequence[Ticket], counts: Counts, policy: Policy, now: datetime
) -> tuple[Section, ...]:
    """Open tickets by whose they are, status and age, and what went wrong; empty when there is nothing."""
    words = _WORDS.get(agent.language or policy.default_language, _WORDS["en"])
    team = [t for t in tickets if agent in policy.agents_for(t.mailbox) and not t.spam and not t.merged_into]
    ordered = sorted(team, key=lambda t: (_ORDER.index(t.status), t.status_at or t.created_at))
    mine = [t for t in ordered if t.assignee and t.assignee.casefold() in agent.keys]
    nobodys = [t for t in ordered if not t.assignee]
    others = [t for t in ordered if t.assignee and t not in mine]
    sections = [
        Section(words[name], _lines(chosen, agent, policy, words, now))
        for name, chosen in (("mine", mine), ("unassigned", nobodys), ("others", others))
        if chosen
    ]
    besides = tuple(
        words[name].format(n)
        for name, n in (("bounced", counts.bounced), ("held", counts.held), ("silenced", counts.silenced))
        if n
    )
    return (*sections, *((Section(words["around"], besides),) if besides else ()))


def review(lead: Agent, closed: Sequence[Ticket], policy: Policy) -> tuple[Section, ...]:
    """Tickets their customers closed although nobody had said that they were solved."""
    words = _WORDS.get(lead.language or policy.default_language, _WORDS["en"])
    seen = [t for t in closed if lead in policy.agents_for(t.mailbox)]
    lines = [words["reopen"].format(number=t.number, subject=t.subject[:80], who=t.requester.shown) for t in seen]
    return (Section(words["closed"], _cut(lines, words)),) if lines else ()


def _lines(
    tickets: Sequence[Ticket], agent: Agent, policy: Policy, words: dict[str, str], now: datetime
) -> tuple[str, ...]:
    language = agent.language or policy.default_language
    lines = []
    for t in tickets:
        late = words["late"] if t.due_at is not None and t.due_at < now else ""
        lines.append(
            words["line"].format(
                number=t.number,
                status=label(t, policy, language, Audience.AGENT) + late,
                age=_age(now, t.status_at or t.created_at, words),
                subject=t.subject[:80],
                who=t.requester.shown,
            )
        )
    return _cut(lines, words)


def _cut(lines: list[str], words: dict[str, str]) -> tuple[str, ...]:
    more = len(lines) - LINES
    return (*lines[:LINES], words["more"].format(more)) if more > 0 else tuple(lines)


def _age(now: datetime, since: datetime, words: dict[str, str]) -> str:
    hours = int((now - since).total_seconds() // 3600)
    if hours >= 48:
        return words["days"].format(hours // 24)
    if hours >= 24:
        return words["day"]
    return words["hours"].format(hours) if hours > 1 else words["hour"] if hours else words["now"]
