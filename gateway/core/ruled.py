"""What the rules of a site make of a mail (`rules`), beside what `decide` decides about it."""

from __future__ import annotations

from dataclasses import replace

from gateway.core import advisers, draft, statuses
from gateway.core.case import Case
from gateway.core.decision import Change, Decision, Why
from gateway.core.lifecycle import STATUS_MOVES, Status, transition
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind
from gateway.mail.message import KindName
from gateway.mail.sentence import code

_OF_CUSTOMERS = frozenset(
    {
        Reason.NEW_REQUEST,
        Reason.NEW_AUTOMATIC,
        Reason.FOLLOW_UP,
        Reason.STRANGER_SIGNED,
        Reason.STRANGER_PASSES_ON,
        Reason.STRANGER_UNSIGNED,
        Reason.REPLY,
        Reason.REPLY_REOPENS,
    }
)
"""Decisions that rules add to. What agents order, and what is folded or closed anyway, stays as it is."""


def folds(case: Case) -> bool:
    """A rule folds it. Agents and whom they asked are heard, whatever a rule says."""
    if not case.ruled.folds or case.agent or case.kind.name is not KindName.CORRESPONDENCE:
        return False
    return not advisers.writes(case)


def is_duplicate(case: Case) -> bool:
    """The same mail was handled before. What a rule folded for one mailbox was heard by nobody: delivered to another
    one, of which the rule says nothing, it is a mail of its own."""
    facts = case.facts
    if facts.folded_before and case.mailboxes_not_told and not folds(case):
        return False
    return facts.duplicate_of > 0


def folded(case: Case) -> Decision:
    """Kept on the ticket it belongs to, else in the journal; counted in the digest with all that is folded."""
    by, ticket = f"the rule {case.ruled.folds}", case.ticket
    why = Why("no: " + by, "no: " + by, f"no: {by}", f"no: {by}; it is counted in the digest", case.ruled.said)
    if ticket is None or not draft.belongs(case, ticket):
        return Decision(Reason.RULE_FOLDS, why)
    role = draft.role_of(case, ticket)
    entry = draft.entry(case, EntryKind.CORRESPONDENCE, role, Reason.RULE_FOLDS, collapsed=True)
    why = replace(why, attach=f"yes: {draft.evidence(case)}")
    return Decision(Reason.RULE_FOLDS, why, ticket=ticket.number, entry=entry)


def also(case: Case, decision: Decision) -> Decision:
    """The decision with what rules want besides: tags, a status, and a line in the ticket's history for each rule."""
    if not case.ruled.rules or decision.reason not in _OF_CUSTOMERS:
        return decision
    ticket = case.ticket if decision.ticket else None
    change, events = _with_status(case, decision), [code("by_rule", name) for name in case.ruled.names]
    if case.ruled.tags:
        had = ticket.tags if ticket else ()
        change = replace(change, tags=tuple(sorted({*had, *case.ruled.tags})))
    return replace(
        decision,
        change=change,
        events=(*decision.events, *events),
        why=replace(decision.why, rules=case.ruled.said),
    )


def _with_status(case: Case, decision: Decision) -> Change:
    """Only where it is our turn anyway: a rule calls that otherwise, and never makes a person wait or go."""
    change, wanted = decision.change, case.ruled.status
    own = statuses.find(case.policy, wanted) if wanted else None
    if not wanted or not (decision.new or change.status in (Status.NEW, Status.WAITING_ON_US)):
        return change
    move = STATUS_MOVES[Status.WAITING_ON_US]
    status = transition(change.status or Status.NEW, move)
    return replace(change, move=change.move or move, status=status, sub_status=own.name if own else "")
