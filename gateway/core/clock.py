"""What the clock wants of a ticket: reminders, closing, answers that are due.

Pure: a ticket, the policy and a moment give a decision or none. It is asked again inside the
transaction that carries it out, so firing twice, or on two daemons, does it once.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from gateway.core import audience, parking, status_news
from gateway.core.decision import Change, Decision, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.reason import Reason, sentence
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.mail.sentence import code

WARN_AT = 0.75
"""Share of the answering time after which the agents are warned."""
LATE = timedelta(days=1)
"""A reminder this much too late (the daemon was down) puts off what follows it."""
MISSED, NEAR = "missed", "near"


@dataclass(frozen=True, slots=True)
class Target:
    """Until when a ticket is to be answered."""

    warn_at: datetime
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Steps:
    """Tickets that came into a status before these moments may be due; None: that step never is."""

    status: Status
    remind_before: datetime | None
    last_before: datetime | None
    """For what follows the reminder, or stands alone."""


class Keep(Enum):
    """Says that nothing changes."""

    KEEP = "keep"


KEEP = Keep.KEEP


def due(ticket: Ticket, policy: Policy, now: datetime) -> Decision | None:
    """What is to be done about a ticket now, if anything; the most urgent first."""
    if ticket.spam or ticket.merged_into:
        return None
    if ticket.snoozed_until is not None:
        # An agent means to come back to the customer: until then nobody is reminded, and nothing is given up.
        return _target(ticket, policy, now) or parking.due(ticket, policy, now)
    return _solved(ticket, policy, now) or _waiting(ticket, policy, now) or _target(ticket, policy, now)


def soonest(policy: Policy, now: datetime) -> tuple[Steps, Steps]:
    """What a store can tell without a calendar: business days are never sooner than calendar days."""
    return (
        _steps(Status.SOLVED, policy.remind_after_days, policy.close_after_days, now),
        _steps(Status.WAITING_ON_CONTACT, policy.waiting_remind_after_days, policy.waiting_solved_after_days, now),
    )


def _steps(status: Status, remind: int, last: int, now: datetime) -> Steps:
    # A day with a change of the wall clock may be shorter.
    remind_before, last_before = (now - timedelta(days=d) + timedelta(hours=2) if d else None for d in (remind, last))
    return Steps(status, remind_before, last_before)


def _solved(ticket: Ticket, policy: Policy, now: datetime) -> Decision | None:
    """Solved: one reminder, then closed."""
    if ticket.status is not Status.SOLVED or ticket.solved_at is None:
        return None
    remind, close = policy.remind_after_days, policy.close_after_days
    if remind and ticket.reminded_at is None:
        if now >= _after(ticket.solved_at, remind, policy):
            return _reminded(ticket, Notice.SOLVED_REMINDER)
        return None
    if close and now >= closes_at(ticket.solved_at, ticket.reminded_at, policy):
        status = transition(ticket.status, Move.TIME_CLOSED)
        change, news = Change(move=Move.TIME_CLOSED, status=status, closed_by="time"), code("closed_by_time", close)
        return _told(ticket, status_news.mails(ticket, status, policy), Reason.CLOCK_CLOSES, change, news)
    return None


def closes_at(solved_at: datetime, reminded_at: datetime | None, policy: Policy) -> datetime:
    """When a solved ticket closes by itself."""
    return _follows(solved_at, reminded_at, policy.remind_after_days, policy.close_after_days, policy)


def _waiting(ticket: Ticket, policy: Policy, now: datetime) -> Decision | None:
    """The customer owes an answer: one reminder, then it counts as solved."""
    if ticket.status is not Status.WAITING_ON_CONTACT or ticket.status_at is None:
        return None
    remind, solve = policy.waiting_remind_after_days, policy.waiting_solved_after_days
    if remind and ticket.reminded_at is None:
        if now >= _after(ticket.status_at, remind, policy):
            return _reminded(ticket, Notice.WAITING_REMINDER)
        return None
    if solve and now >= _follows(ticket.status_at, ticket.reminded_at, remind, solve, policy):
        status = transition(ticket.status, Move.TIME_SOLVED)
        change, news = Change(move=Move.TIME_SOLVED, status=status), code("solved_by_time", solve)
        return _told(ticket, status_news.mails(ticket, status, policy), Reason.CLOCK_SOLVES, change, news)
    return None


def _follows(since: datetime, reminded_at: datetime | None, remind: int, last: int, policy: Policy) -> datetime:
    """When the step after the reminder is due: never sooner after it than the site meant."""
    planned = _after(since, last, policy)
    if reminded_at is None or not remind or reminded_at - _after(since, remind, policy) < LATE:
        return planned
    return max(planned, _after(reminded_at, last - remind, policy))


def _after(since: datetime, days: int, policy: Policy) -> datetime:
    return policy.hours.add_days(since, days, business=policy.business_days)


def _reminded(ticket: Ticket, notice: Notice) -> Decision:
    told = (NoticeRequest(notice, ticket.requester, Audience.CUSTOMER),)
    return _told(ticket, told, Reason.CLOCK_REMINDS, Change(reminded=True))


def _told(ticket: Ticket, told: tuple[NoticeRequest, ...], reason: Reason, change: Change, *events: str) -> Decision:
    why = Why(attach="yes: " + sentence(reason), notify="no: the customer is told")
    return Decision(reason, why, ticket=ticket.number, change=change, events=events, notices=told)


# --- answers that are due --------------------------------------------------------------------


def _target(ticket: Ticket, policy: Policy, now: datetime) -> Decision | None:
    """Warn who has it, and the leads, before and when the answering time is over."""
    if ticket.status not in (Status.NEW, Status.WAITING_ON_US) or ticket.due_at is None:
        return None
    if now >= ticket.due_at and ticket.target != MISSED:
        state, headline = MISSED, "target_missed"
    elif ticket.warn_at is not None and now >= ticket.warn_at and not ticket.target:
        state, headline = NEAR, "target_near"
    else:
        return None
    return Decision(
        Reason.CLOCK_TARGET,
        Why(attach="yes: " + sentence(Reason.CLOCK_TARGET), notify="yes: an answer is due"),
        ticket=ticket.number,
        change=Change(target=state),
        events=(code(headline),),
        notices=audience.tell(headline, policy, ticket),
    )


def target(ticket: Ticket, decision: Decision, created: bool, policy: Policy, now: datetime) -> Target | Keep | None:
    """The answering time after a decision: a new one, None to end it, `KEEP` to leave it as it is."""
    box = policy.mailbox_for(ticket.mailbox)
    if decision.change.mailbox is not None and box is not None and ticket.status in (Status.NEW, Status.WAITING_ON_US):
        # The other mailbox has times of its own.
        hours = box.first_response_hours if ticket.status is Status.NEW else box.next_response_hours
        return _span(hours, policy, now) if hours else None
    entry = decision.entry
    answered = entry is not None and entry.role is Role.AGENT and entry.kind is EntryKind.CORRESPONDENCE
    # Also where the mailbox is gone or has no times any more: one that began before ends with the answer.
    if answered or ticket.status not in (Status.NEW, Status.WAITING_ON_US):
        return None if ticket.due_at is not None else KEEP
    if box is None or not (box.first_response_hours or box.next_response_hours):
        return KEEP
    if created:
        return _span(box.first_response_hours, policy, now)
    if ticket.due_at is None and decision.change.move in _OURS:
        return _span(box.next_response_hours, policy, now)
    return KEEP


_OURS = (Move.REQUESTER_REPLIED, Move.REOPENED, Move.REPLY_UNDELIVERABLE, Move.AGENT_CLAIMED)


def _span(hours: int, policy: Policy, now: datetime) -> Target | Keep:
    if not hours:
        return KEEP
    warn, last = policy.hours.add_hours(now, hours * WARN_AT), policy.hours.add_hours(now, hours)
    return Target(warn, last) if warn and last else KEEP
