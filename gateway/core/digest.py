"""What agents and leads read in the morning: what is open, and what customers closed on their own.

Pure: tickets and counts in, sections of a mail out; nothing to say gives none, and no mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway import texts
from gateway.core import language
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Section
from gateway.core.policy import Agent, Policy
from gateway.core.statuses import label
from gateway.core.ticket import Ticket
from gateway.mail.message import address_key
from gateway.texts import Catalog
from gateway.texts import mark as _

LINES = 50
"""Tickets named in one section; the rest is counted."""

_ORDER = (Status.NEW, Status.WAITING_ON_US, Status.WAITING_ON_CONTACT, Status.SOLVED)


@dataclass(frozen=True, slots=True)
class Counts:
    bounced: int = 0
    held: int = 0
    silenced: int = 0
    blocked: int = 0
    spam: int = 0
    """Replies to spam."""
    drafts: Mapping[str, int] = field(default_factory=dict)
    """Key of an agent's address → drafts that wait for that agent."""


def for_agent(
    agent: Agent, tickets: Sequence[Ticket], counts: Counts, policy: Policy, now: datetime
) -> tuple[Section, ...]:
    """Open tickets by whose they are, status and age, and what went wrong; empty when there is nothing."""
    words = texts.catalog(language.of_agent(agent, None, policy))
    team = [t for t in tickets if agent in policy.agents_for(t.mailbox) and not t.spam and not t.merged_into]
    ordered = sorted(team, key=lambda t: (_ORDER.index(t.status), t.status_at or t.created_at))
    mine = [t for t in ordered if t.assignee and t.assignee.casefold() in agent.keys]
    nobodys = [t for t in ordered if not t.assignee]
    others = [t for t in ordered if t.assignee and t not in mine]
    sections = [
        Section(title, _lines(chosen, policy, words, now))
        for title, chosen in (
            (words.gettext("With you"), mine),
            (words.gettext("Not assigned yet"), nobodys),
            (words.gettext("With colleagues"), others),
        )
        if chosen
    ]
    own = counts.drafts.get(address_key(agent.address), 0)
    besides = tuple(
        words.gettext(line, count=n)
        for line, n in (
            (_("Mails of ours that did not arrive since the last digest: {count}"), counts.bounced),
            (_("Mails the operator holds: {count}"), counts.held),
            (
                _("Drafts of yours that wait (#drafts lists them): {count}"),
                own,
            ),
            (_("Addresses that get no automatic mail, because it bounced: {count}"), counts.silenced),
            (
                _("Mails of blocked senders: {count}. To see them: replydesk journal list --reason sender-blocked"),
                counts.blocked,
            ),
            (_("Replies to spam: {count}. To see them: replydesk journal list --reason reply-to-spam"), counts.spam),
        )
        if n
    )
    return (*sections, *((Section(words.gettext("Besides"), besides),) if besides else ()))


def review(lead: Agent, closed: Sequence[Ticket], policy: Policy) -> tuple[Section, ...]:
    """Tickets their customers closed although nobody had said that they were solved."""
    words = texts.catalog(language.of_agent(lead, None, policy))
    again = _("#{number} {subject} ({who}). To open it again: #reopen {number}")
    seen = [t for t in closed if lead in policy.agents_for(t.mailbox)]
    lines = [words.gettext(again, number=t.number, subject=t.subject[:80], who=t.requester.shown) for t in seen]
    return (Section(words.gettext("Closed without our having proposed it"), _cut(lines, words)),) if lines else ()


def _lines(tickets: Sequence[Ticket], policy: Policy, words: Catalog, now: datetime) -> tuple[str, ...]:
    lines = []
    for t in tickets:
        late = t.due_at is not None and t.due_at < now
        line = (
            _("#{number} {status}, late, {age}: {subject} ({who})")
            if late
            else _("#{number} {status}, {age}: {subject} ({who})")
        )
        lines.append(
            words.gettext(
                line,
                number=t.number,
                status=label(t, policy, words.language, Audience.AGENT),
                age=_age(now, t.status_at or t.created_at, words),
                subject=t.subject[:80],
                who=t.requester.shown,
            )
        )
    return _cut(lines, words)


def _cut(lines: list[str], words: Catalog) -> tuple[str, ...]:
    more = len(lines) - LINES
    return (*lines[:LINES], words.gettext("… and {count} more", count=more)) if more > 0 else tuple(lines)


def _age(now: datetime, since: datetime, words: Catalog) -> str:
    hours = int((now - since).total_seconds() // 3600)
    if hours >= 24:
        return words.ngettext("for {count} day", "for {count} days", hours // 24)
    return (
        words.ngettext("for {count} hour", "for {count} hours", hours)
        if hours
        else words.gettext("for less than an hour")
    )
