"""An agent who has a ticket is away: their mail program says so, and whoever may act for them reads of it.

A note of absence answers our notice, so what the customer wrote was read by nobody. It comes once in days, however
many of our mails it leaves unanswered: that one must be told.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from gateway.core import audience, machines
from gateway.core.case import Case
from gateway.core.decision import Decision, Doubt
from gateway.core.ticket import EntryKind
from gateway.mail.message import KindName
from gateway.mail.sentence import code

AGAIN = timedelta(days=1)
"""Of the same absence, on the same ticket, nobody is told twice within this."""
_PRESSED = frozenset({"reaction", "read-note", "calendar-accepts"})
"""Rules of what a person did with one touch, and was there."""


_NOTES = frozenset({Doubt.MARKED_AUTOMATIC, Doubt.READS_ABSENT})
"""Drafts that are, or may be, notes of absence."""


def is_note(case: Case, decision: Decision) -> bool:
    """An agent's program answered a notice of a ticket the agent has, or the agent says the same."""
    ticket, agent = case.ticket, case.agent
    if ticket is None or agent is None or case.policy.agent_for(ticket.assignee) is not agent or case.envelope.archived:
        return False
    answered = case.kind.name is KindName.AUTOMATIC and case.kind.rule not in _PRESSED
    reads_so = decision.keep is not None and decision.keep.doubt is Doubt.READS_ABSENT
    return (answered or reads_so or machines.is_away(case)) and not case.facts.disproven


def also(case: Case, decision: Decision) -> Decision:
    """The decision about such a note, and that who may act in the agent's place reads of it, once a day a ticket."""
    ticket, agent = case.ticket, case.agent
    if ticket is None or agent is None or decision.ticket != ticket.number or not is_note(case, decision):
        return decision
    notes = (e.created_at for e in case.facts.history if e.kind is EntryKind.AUTOMATIC and e.author.key in agent.keys)
    drafts = (d.at for d in case.facts.drafts if d.doubt in _NOTES and d.ticket == ticket.number)
    if any(abs(case.now - at) < AGAIN for at in (*notes, *drafts)):
        return decision
    remark = code("holder_away", agent.name or agent.address)
    told = audience.tell("holder_away", case.policy, ticket, remarks=(remark,), but=agent)
    why = replace(decision.why, notify="yes: who may act in the agent's place" if told else decision.why.notify)
    return replace(decision, notices=(*decision.notices, *told), why=why)
