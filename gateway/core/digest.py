"""What agents and leads read in the morning: what is open, and what customers closed on their own.

Pure: tickets and counts in, sections of a mail out; nothing to say gives none, and no mail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from gateway import texts
from gateway.core import buttons, language
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Item, Section
from gateway.core.policy import Agent, Policy
from gateway.core.statuses import label
from gateway.core.ticket import Ticket
from gateway.mail.message import address_key
from gateway.texts import Catalog
from gateway.texts import mark as _

LINES = 10
"""Tickets named in one section; the rest is counted."""

ORDER = (Status.NEW, Status.WAITING_ON_US, Status.WAITING_ON_CONTACT, Status.SOLVED)
"""Open tickets are told of in this order: first what waits for us."""


@dataclass(frozen=True, slots=True)
class Counts:
    bounced: int = 0
    held: int = 0
    silenced: int = 0
    blocked: int = 0
    spam: int = 0
    """Replies to spam."""
    marked: int = 0
    """Mails our own filter marked as spam."""
    quiet: int = 0
    """Folded, or settled without a ticket."""
    drafts: Mapping[str, int] = field(default_factory=dict)
    """Key of an agent's address → drafts that wait for that agent."""


def for_agent(
    agent: Agent, tickets: Sequence[Ticket], counts: Counts, policy: Policy, now: datetime
) -> tuple[Section, ...]:
    """Open tickets by whose they are, status and age, and what went wrong; empty when there is nothing."""
    words = texts.catalog(language.of_agent(agent, None, policy))
    ordered = sorted(
        _of_team(agent, tickets, policy), key=lambda t: (ORDER.index(t.status), t.status_at or t.created_at)
    )
    mine = [t for t in ordered if _is_mine(t, agent)]
    nobodys = [t for t in ordered if _is_nobodys(t, policy)]
    others = [t for t in ordered if not (_is_mine(t, agent) or _is_nobodys(t, policy))]
    sections = [
        Section(title, _items(chosen, agent, policy, words, now))
        for title, chosen in (
            (words.gettext("With you"), mine),
            (words.gettext("Not assigned yet"), nobodys),
            (words.gettext("With colleagues"), others),
        )
        if chosen
    ]
    own = counts.drafts.get(address_key(agent.address), 0)
    left = sum(n for key, n in counts.drafts.items() if policy.agent_for(key) is None) if agent.lead else 0
    snoozed = sum(t.snoozed_until is not None and address_key(t.snoozed_by) in agent.keys for t in tickets)
    besides = tuple(
        Item(words.gettext(line, count=n))
        for line, n in (
            (_("Mails of ours that did not arrive since the last digest: {count}"), counts.bounced),
            (_("Mails the operator holds: {count}"), counts.held),
            (
                _("Drafts of yours that wait (#drafts lists them): {count}"),
                own,
            ),
            (_("Drafts of people who are no agents any more: {count}. To see them: replydesk ticket drafts"), left),
            (_("Snoozed by you (#list snoozed lists them): {count}"), snoozed),
            (_("Addresses that get no automatic mail, because it bounced: {count}"), counts.silenced),
            (
                _("Mails of blocked senders: {count}. To see them: replydesk journal list --reason sender-blocked"),
                counts.blocked,
            ),
            (
                _("Mails marked as spam: {count}. To see them: replydesk journal list --reason marked-as-spam"),
                counts.marked,
            ),
            (
                _("Folded or settled without a ticket: {count}. To see them: replydesk journal list --quiet-only"),
                counts.quiet,
            ),
            (_("Replies to spam: {count}. To see them: replydesk journal list --reason reply-to-spam"), counts.spam),
        )
        if n
    )
    return (*sections, *((Section(words.gettext("Besides"), besides),) if besides else ()))


def review(lead: Agent, closed: Sequence[Ticket], policy: Policy) -> tuple[Section, ...]:
    """Tickets their customers closed although nobody had said that they were solved."""
    words = texts.catalog(language.of_agent(lead, None, policy))
    seen = [t for t in closed if lead in policy.agents_for(t.mailbox)]
    items = [
        Item(
            t.subject[:80] or policy.reference(t),
            f"{t.requester.shown} · {words.gettext('Ticket {number}', number=t.number)}",
            buttons.order(t, lead, policy, "reopen", words.language),
        )
        for t in seen[:LINES]
    ]
    if not items:
        return ()
    hint = Item(words.gettext("To open one again, answer this mail with a line #reopen and its number for each."))
    return (Section(words.gettext("Closed without our having proposed it"), (*items, *_rest(seen, words), hint)),)


def summary(agent: Agent, tickets: Sequence[Ticket], policy: Policy, now: datetime) -> str:
    """`3 overdue, 1 with you, 41 not assigned`: the subject."""
    words = texts.catalog(language.of_agent(agent, None, policy))
    team = _of_team(agent, tickets, policy)
    counted = (
        (words.gettext(_("{count} overdue"), count=(late := sum(_late(t, now) for t in team))), late),
        (words.gettext(_("{count} with you"), count=(mine := sum(_is_mine(t, agent) for t in team))), mine),
        (words.gettext(_("{count} not assigned"), count=(free := sum(_is_nobodys(t, policy) for t in team))), free),
    )
    said = ", ".join(text for text, count in counted if count) or words.gettext("What is open")
    return said[:1].upper() + said[1:]


def _of_team(agent: Agent, tickets: Sequence[Ticket], policy: Policy) -> list[Ticket]:
    """What they have they have in whatever mailbox; what is snoozed comes back by itself."""
    return [
        t
        for t in tickets
        if (_is_mine(t, agent) or agent in policy.agents_for(t.mailbox))
        and not (t.spam or t.merged_into or t.snoozed_until)
    ]


def _is_mine(ticket: Ticket, agent: Agent) -> bool:
    return bool(ticket.assignee) and ticket.assignee.casefold() in agent.keys


def _is_nobodys(ticket: Ticket, policy: Policy) -> bool:
    """Also what somebody has who is no agent any more."""
    return policy.agent_for(ticket.assignee) is None


def _late(ticket: Ticket, now: datetime) -> bool:
    return ticket.due_at is not None and ticket.due_at < now


def _items(tickets: Sequence[Ticket], agent: Agent, policy: Policy, words: Catalog, now: datetime) -> tuple[Item, ...]:
    """The late ones first."""
    items = []
    for t in sorted(tickets, key=lambda t: not _late(t, now))[:LINES]:
        name = words.gettext("Ticket {number}", number=t.number)
        since = age(now, t.status_at or t.created_at, words)
        facts = [t.requester.shown, name, f"{label(t, policy, words.language, Audience.AGENT)} {since}"]
        if t.due_at is not None:
            text = _("answer overdue since {moment}") if _late(t, now) else _("answer due {moment}")
            facts.append(words.gettext(text, moment=words.short_moment(t.due_at, policy.hours.zone)))
        act = buttons.order(t, agent, policy, "take" if _is_nobodys(t, policy) else "show", words.language)
        items.append(Item(t.subject[:80] or name, " · ".join(facts), act))
    return (*items, *_rest(tickets, words))


def _rest(tickets: Sequence[Ticket], words: Catalog) -> tuple[Item, ...]:
    """How many are not named."""
    more = len(tickets) - LINES
    return (Item(words.gettext("… and {count} more", count=more)),) if more > 0 else ()


def age(now: datetime, since: datetime, words: Catalog) -> str:
    hours = int((now - since).total_seconds() // 3600)
    if hours >= 24:
        return words.ngettext("for {count} day", "for {count} days", hours // 24)
    return (
        words.ngettext("for {count} hour", "for {count} hours", hours)
        if hours
        else words.gettext("for less than an hour")
    )
