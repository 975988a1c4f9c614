"""Mail from an archive (`replydesk import`): it becomes what it would have become on its day, and nobody hears of it.

The table in `decide` is asked as for any mail, with one row more: answers of ours, which the live
desk knows from its own outbox. Then everything is taken from the decision that would reach
somebody today: notices, alarms, budgets, answering times. Whoever imports an archive vouches for
it, so a mail in it that names an agent or a mailbox as its author is that agent's or mailbox's.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.core import agent_mail, agents, draft
from gateway.core.case import Case
from gateway.core.decision import Change, Decision, Joined, NewTicket, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.mail.message import KindName, Message
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject

IMPORT = "import"
"""Who closed a ticket, when the archive was closed business."""
OLDEST = datetime(1990, 1, 1, tzinfo=UTC)
"""A date before it is a clock that was never set."""
AHEAD = timedelta(days=1)
_SENT_BACK = frozenset({"own-message-id", "own-envelope"})
"""Rules by which a mail is one this desk sent: it is in the outbox already."""
_NOBODY = "no: it comes from an archive"


def moment(message: Message, received_at: datetime, now: datetime) -> datetime:
    """When a mail of an archive happened: its own date, else when it was received."""
    return plausible(message.date, now) or plausible(received_at, now) or now


def plausible(date: datetime | None, now: datetime) -> datetime | None:
    """The date, unless no mail can have it."""
    return date if date is not None and OLDEST <= date <= now + AHEAD else None


# --- a row of the table in `decide` ----------------------------------------------------------


def is_ours(case: Case) -> bool:
    """An answer or a first mail of ours, written by a person."""
    kind = case.kind
    if not case.envelope.archived or kind.rule in _SENT_BACK:
        return False
    if kind.name is KindName.LOOP:
        return _by_hand(case.message) and (case.ticket is not None or bool(agent_mail.outside(case)))
    if kind.name is not KindName.CORRESPONDENCE or case.agent is None:
        return False
    return agents.answers_ticket(case) or (case.ticket is None and bool(agent_mail.outside(case)))


def ours(case: Case) -> Decision:
    """Recorded on its ticket; what no customer got stays a comment. The first mail of a conversation opens one."""
    ticket, outside = case.ticket, agent_mail.outside(case)
    why = Why(
        attach=f"yes: {case.choice.match.evidence.value}" if case.choice.match else "no: it begins a conversation"
    )
    if ticket is None:
        customer, others = outside[0], tuple(Joined(a) for a in outside[1:])
        return Decision(
            Reason.RECORDED,
            why,
            new=NewTicket(base_subject(case.message.subject) or case.message.subject, customer, case.mailbox.address),
            entry=draft.entry(case, EntryKind.CORRESPONDENCE, Role.AGENT, Reason.RECORDED),
            change=Change(status=transition(Status.NEW, Move.AGENT_REPLIED), joined=others),
        )
    if not any(ticket.knows(a.address) for a in (*case.message.to, *case.message.cc)):
        return Decision(
            Reason.RECORDED,
            why,
            ticket=ticket.number,
            entry=draft.entry(case, EntryKind.COMMENT, Role.AGENT, Reason.RECORDED),
        )
    move = Move.AGENT_REPLIED
    joined = tuple(Joined(a) for a in outside if not (ticket.knows(a.address) or ticket.is_adviser(a.key)))
    return Decision(
        Reason.RECORDED,
        why,
        ticket=ticket.number,
        entry=draft.entry(case, EntryKind.CORRESPONDENCE, Role.AGENT, Reason.RECORDED),
        change=Change(move=move, status=transition(ticket.status, move), joined=joined),
    )


def _by_hand(message: Message) -> bool:
    return message.header("auto-submitted").partition(";")[0].strip().casefold() in ("", "no")


# --- before and after the table ----------------------------------------------------------------


def unhurried(case: Case) -> Case:
    """The mails of ten years come within a minute: that is no flood."""
    return replace(
        case,
        facts=replace(
            case.facts, automatic_mail=(), new_tickets=(), reopens=(), spent=None, flood=None, robot=None, waiting=None
        ),
    )


def recorded(case: Case, decision: Decision) -> Decision:
    """The same decision, written down under its date and told to nobody."""
    decision = _settled(case, decision)
    return replace(
        decision,
        why=replace(decision.why, acknowledge=_NOBODY, notify=_NOBODY),
        notices=(),
        undeliverable=(),
        alarm="",
        undo=None,
        keep=None,
        hold_minutes=0,
        happened_at=case.now,
    )


def _settled(case: Case, decision: Decision) -> Decision:
    """What becomes of the ticket's status: an archive never disturbs what has happened since."""
    before = case.policy.closed_before
    closed = before is not None and case.now < before
    if decision.new is not None:
        shut = Change(status=Status.CLOSED, closed_by=IMPORT) if closed else Change(status=decision.change.status)
        change = replace(decision.change, status=shut.status, closed_by=shut.closed_by)
        return replace(decision, change=change, events=(code("imported"),))
    ticket = case.known.tickets.get(decision.ticket)
    if ticket is None or decision.change.status is None:
        return decision
    if ticket.last_activity_at > case.now:
        return _unmoved(decision, None, "no: the ticket has gone on since")
    if closed and _was_imported_closed(ticket):
        return _unmoved(decision, Status.CLOSED, "no: the archive is closed business")
    return decision


def _was_imported_closed(ticket: Ticket) -> bool:
    return ticket.status is Status.CLOSED and ticket.closed_by == IMPORT


def _unmoved(decision: Decision, status: Status | None, reopen: str) -> Decision:
    closed_by = IMPORT if status else ""
    return replace(
        decision,
        reason=Reason.REPLY if decision.reason is Reason.REPLY_REOPENS else decision.reason,
        why=replace(decision.why, reopen=reopen),
        change=replace(decision.change, move=None, status=status, closed_by=closed_by, reopened=False),
        events=(),
    )
