"""A mail of the past decided anew with the rules of today, and what would differ from what was decided then.

What happened since is thought away as far as the mail's own record tells how things stood: it is no repetition of
itself, its ticket was open or done as the record says, and budgets know only what was before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from gateway.core.case import Case, Facts
from gateway.core.decision import Decision
from gateway.core.lifecycle import Status
from gateway.core.reason import Reason
from gateway.core.ticket import Ticket

_OF_AGENTS = ("agent-", "draft-", "answered-from", "written-from", "found-in", "sent-about", "mark-of-no", "our-mail")
_ASKED = ("attach", "reopen", "acknowledge", "notify agents")
"""Of the answers a decision gives, the first word counts: the rest tells numbers and names."""
_OPENED = frozenset(
    r.value
    for r in (
        Reason.NEW_REQUEST,
        Reason.NEW_AUTOMATIC,
        Reason.FOLLOW_UP,
        Reason.STRANGER_PASSES_ON,
        Reason.STRANGER_UNSIGNED,
    )
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was decided then, as the journal keeps it."""

    reason: str
    why: tuple[str, ...]
    at: datetime
    ticket: int = 0

    def line(self, name: str) -> str:
        """What stands behind `reopen: `; empty where nothing does."""
        return next((line.partition(": ")[2] for line in self.why if line.startswith(f"{name}: ")), "")


@dataclass(frozen=True, slots=True)
class Difference:
    what: str
    """`reason`, `attach`, `reopen`, `acknowledge`, `notify agents`, `rules`"""
    was: str
    now: str


def is_agents(case: Case, then: Recorded) -> bool:
    """An agent's mail of then and of today: what it did hangs on all that was on its ticket at that moment."""
    return then.reason.startswith(_OF_AGENTS) and (case.agent is not None or case.envelope.source.startswith("imap-s"))


def as_then(case: Case, then: Recorded) -> Case:
    match, facts = case.choice.match, _before(case.facts, then)
    if match is None:
        return replace(case, facts=facts)
    ticket = _ticket(match.ticket, case, then)
    choice = replace(case.choice, match=replace(match, ticket=ticket) if ticket else None)
    return replace(case, facts=facts, choice=choice)


def _before(facts: Facts, then: Recorded) -> Facts:
    repeated = then.reason == Reason.DUPLICATE.value
    failed = "failed for good" in then.line("acknowledge")
    return replace(
        facts,
        duplicate_of=facts.duplicate_of if repeated else 0,
        duplicate_ticket=facts.duplicate_ticket if repeated else 0,
        undeliverable=facts.undeliverable and failed,
        automatic_mail=_until(facts.automatic_mail, then.at),
        new_tickets=_until(facts.new_tickets, then.at),
        reopens=_until(facts.reopens, then.at),
        machines_entries=_until(facts.machines_entries, then.at),
        own_tickets=tuple(t for t in facts.own_tickets if t.created_at < then.at),
    )


def _until(moments: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    return tuple(m for m in moments if m < at)


def _ticket(ticket: Ticket, case: Case, then: Recorded) -> Ticket | None:
    """The ticket as it was; None when this very mail began it."""
    if then.reason in _OPENED and ticket.number == then.ticket:
        return None
    if then.reason == Reason.STRANGER_SIGNED.value:
        ticket = replace(ticket, people=tuple(p for p in ticket.people if p.address.key != case.author.key))
    ticket = replace(ticket, spam=then.reason == Reason.SPAM_REPLY.value)
    if ticket.status is Status.CLOSED and ticket.closed_at and ticket.closed_at < then.at:
        return ticket
    said = then.line("reopen").rpartition(" ")[2]
    done = said if said in (Status.SOLVED.value, Status.CLOSED.value) else ""
    status = Status(done) if done else Status.WAITING_ON_US
    if ticket.status not in (Status.SOLVED, Status.CLOSED) and not done:
        return ticket
    return replace(ticket, status=status, closed_at=then.at if status is Status.CLOSED else None)


def differences(decision: Decision, then: Recorded) -> tuple[Difference, ...]:
    """What would be decided otherwise today, in the order it is told."""
    now = Recorded(decision.reason.value, decision.why.lines, then.at)
    found = [Difference("reason", then.reason, now.reason)]
    found += [Difference(name, _word(then.line(name)), _word(now.line(name))) for name in _ASKED]
    found.append(Difference("rules", then.line("rules"), now.line("rules")))
    return tuple(d for d in found if d.was != d.now)


def _word(answer: str) -> str:
    """`no: it is a reply` → `no`; no answer is `no`."""
    return answer.partition(":")[0] or "no"
