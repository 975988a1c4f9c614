"""Moving entries between tickets, and taking an agent's order back.

Splitting, merging and moving change where an entry lives; the Message-IDs of its mail go along,
so later replies follow. Each is reversible by `undo`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from gateway.core import advisers, audience, orders, parking, sides
from gateway.core.act import Act, Undo
from gateway.core.commands import Order
from gateway.core.decision import Change, Decision, Joined, Moved, NewTicket, SamePerson, Snooze, Why
from gateway.core.lifecycle import Move, Status, transition
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.reason import Reason, sentence
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.mail.message import Address
from gateway.mail.sentence import code


def split_problem(mail: Entry | None, history: Iterable[Entry]) -> str:
    """Why nobody could have a ticket of it; also where nothing but a number would be left of the one it is on."""
    if mail is None or mail.role is Role.AGENT or mail.kind is not EntryKind.CORRESPONDENCE:
        return code("no_mail_meant")
    alone = all(e.id == mail.id or e.kind is not EntryKind.CORRESPONDENCE for e in history)
    return code("only_mail") if alone else ""


def split(by: orders.OrderContext, parent: Entry, subject: str, order: Order | None = None) -> Decision:
    """One mail becomes a ticket of its own; its author learns the new number. `#assign` beside it means that ticket."""
    ticket = by.ticket
    first = next((line.strip() for line in parent.new_text.split("\n") if line.strip()), "")
    if sides.is_for_one(parent.side):
        # Whoever takes part reads the subject.
        first = ""
    before = orders.before(by, Order(), None)
    assignment, assigned = orders.assignment(by, order or Order())
    events = (code("split_off", ticket.number, by.name), *assigned)
    remarks = (*events, code("told_received"), code("undo_hint"))
    mine = (orders.receipt(by.agent, "done", remarks),) if by.agent else ()
    # A subject of other customers is not for this one.
    known = "" if sides.is_shared(ticket) else ticket.subject
    new = NewTicket(subject or first[:120] or known, parent.author, ticket.mailbox, ticket.language)
    begun = replace(ticket, number=0, requester=parent.author, people=(), assignee=assignment or "")
    told = audience.tell("split", by.policy, begun, before=ticket, remarks=events, but=by.agent)
    return Decision(
        Reason.AGENT_COMMAND,
        Why(
            attach="no: " + sentence(Reason.AGENT_COMMAND),
            acknowledge="yes: the number is new to its author",
            notify="yes: who had the ticket, and who has the new one" if told else "no: an agent did it",
        ),
        new=new,
        change=Change(links=(("split", ticket.number),), assignee=assignment),
        events=events,
        source_events=(code("split_to", "{new}", by.name),),
        notices=(NoticeRequest(Notice.REQUEST_RECEIVED, parent.author, Audience.CUSTOMER), *told, *mine),
        moved=Moved(ticket.number, (parent.id,), was=parent.side),
        undo=replace(
            before,
            label="#split",
            status=Status.NEW,
            closed_by="",
            moved_from=ticket.number,
            moved=(parent.id,),
            source_status=ticket.status.value,
            opened=True,
            side=parent.side,
        )
        if before
        else None,
    )


def merge_doubt(ticket: Ticket, into: Ticket) -> str:
    """What must be asked before customers read each other or get the same answers, as a code; empty where all are the
    same."""
    if not sides.requesters_differ(ticket, into):
        one, other = ({a.key: a.address for a in sides.people(t) if sides.owns(t, a.key)} for t in (ticket, into))
        new = ", ".join(a for k, a in {**one, **other}.items() if not (k in one and k in other))
        if new or not (sides.is_shared(ticket) or sides.is_shared(into)):
            return code("merge_brings", new, f"#{ticket.number}, #{into.number}") if new else ""
    names = (", ".join(a.shown for a in sides.people(t)) for t in (ticket, into))
    whose = (f"#{t.number} ({n})" if n else f"#{t.number}" for t, n in zip((ticket, into), names, strict=True))
    return code("merge_differs", *whose)


def merge(by: orders.OrderContext, into: Ticket) -> Decision:
    """All of this ticket goes to another one; replies to it follow."""
    ticket = by.ticket
    apart = sides.requesters_differ(ticket, into)
    side, was = sides.of_merged(ticket, into)
    joined = _brought(ticket, into)
    new = tuple(j for j in joined if not into.knows(j.address.address))
    asked = tuple(advisers.made(a) for a in ticket.advisers if not into.is_adviser(a.key))
    # Whom an earlier merge keeps apart goes on under the reference they know.
    told = tuple(
        NoticeRequest(Notice.MERGED, a, Audience.CUSTOMER)
        for a in sides.people(ticket)
        if apart or sides.owns(ticket, a.key)
    )
    status = _our_turn(ticket, into)
    undo = orders.before(replace(by, ticket=into), Order(), None, Change(status=status))
    return _moved(
        "merged",
        by,
        into,
        Moved(ticket.number, side=side, was=was),
        Change(
            move=Move.REOPENED if status else None,
            status=status,
            joined=(*joined, *asked),
            links=(("merged", ticket.number),),
            # Whoever had the merged one has both, where nobody had the other.
            assignee=ticket.assignee if ticket.assignee and not into.assignee else None,
        ),
        (code("merged_here", ticket.number, by.name), *(code("confirmed", j.address.shown) for j in new)),
        replace(
            undo,
            label=f"#merge {into.number}",
            moved_from=ticket.number,
            merged=True,
            side=side,
            was=was,
            source_status=ticket.status.value,
            source_snoozed=parking.kept(parking.of(ticket)) if ticket.snoozed_until else None,
            given_to=ticket.assignee if ticket.assignee and not into.assignee else None,
            joined=tuple(j.address.key for j in (*new, *asked) if not (j.adviser and into.knows(j.address.address))),
        )
        if undo
        else None,
        told,
    )


def _brought(ticket: Ticket, into: Ticket) -> tuple[Joined, ...]:
    """Who takes part in a ticket that another one is merged into, with what they read from now on."""
    if sides.requesters_differ(ticket, into):
        return tuple(
            Joined(a, sees=sides.after_merge(ticket, into, a.key))
            for a in sides.people(ticket)
            if not into.knows(a.address) or a.key != into.requester.key or sides.given(ticket, a.key)
        )
    if not sides.is_shared(ticket):
        return tuple(Joined(a) for a in sides.people(ticket) if not into.knows(a.address))
    people = {a.key: a for a in (*sides.people(into), *sides.people(ticket))}
    return tuple(Joined(a, sees=sides.after_joining(ticket, into, key)) for key, a in people.items())


def move(by: orders.OrderContext, entry: Entry, into: Ticket) -> Decision:
    """One mail goes to another ticket; of another customer's mail its people read nothing."""
    asks = entry.kind is EntryKind.CORRESPONDENCE and entry.role not in (Role.AGENT, Role.SYSTEM)
    status = _our_turn(by.ticket, into) if asks else None
    undo = orders.before(replace(by, ticket=into), Order(), None, Change(status=status))
    side, was = sides.of_moved(entry, by.ticket, into)
    apart = entry.kind is EntryKind.CORRESPONDENCE and side in (by.ticket.number, sides.NOBODY)
    return _moved(
        "moved",
        by,
        into,
        Moved(by.ticket.number, (entry.id,), side, was),
        Change(
            move=Move.REOPENED if status else None,
            status=status,
            links=(("moved", by.ticket.number),),
        ),
        (
            code("moved_here", by.ticket.number, by.name),
            *((code("kept_apart", into.requester.shown),) if apart else ()),
        ),
        replace(undo, label=f"#move {into.number}", moved_from=by.ticket.number, moved=(entry.id,), side=side, was=was)
        if undo
        else None,
    )


def _our_turn(source: Ticket, into: Ticket) -> Status | None:
    """What waits for us goes on doing so where it goes, or nobody would answer it. None: the status stays."""
    ours = (Status.NEW, Status.WAITING_ON_US)
    if source.status not in ours or into.status in ours or into.spam:
        return None
    return transition(into.status, Move.REOPENED)


def _moved(
    headline: str,
    by: orders.OrderContext,
    into: Ticket,
    moved: Moved,
    change: Change,
    events: tuple[str, ...],
    undo: Undo | None,
    customers: tuple[NoticeRequest, ...] = (),
) -> Decision:
    after = change.applied_to(into)
    told = audience.tell(headline, by.policy, after, before=by.ticket, remarks=events, but=by.agent)
    said = code("told_merged", ", ".join(n.recipient.address for n in customers)) if customers else code("nothing_sent")
    now = (code("status_now", change.status.value),) if change.status else ()
    mine = (orders.receipt(by.agent, "done", (*events, said, *now, code("undo_hint"))),) if by.agent else ()
    return Decision(
        Reason.AGENT_COMMAND,
        Why(
            attach="yes: " + sentence(Reason.AGENT_COMMAND),
            reopen=f"status: {into.status.value} → {change.status.value}" if change.status else "",
            notify="yes: who had either ticket" if told else "no: an agent did it",
        ),
        ticket=into.number,
        change=change,
        events=events,
        # Where its only mail went a ticket would have no line at all.
        source_events=(code("moved_to", into.number, by.name),) if moved.entries else (),
        notices=(*customers, *told, *mine),
        moved=moved,
        undo=undo,
    )


def too_late(by: orders.OrderContext, done: Act | None, source: Ticket | None) -> str:
    """Why an order cannot be taken back, as a code; empty where it can. A mail that left stays with its reader, and
    entries of tickets that have been merged into others since would be read by other people. Nor is the ticket one went
    into given to the former requester, or mailbox, of that one."""
    if done is None:
        return code("nothing_to_undo")
    if done.undo.answered and done.sent:
        return code("too_late", by.ticket.requester.address)
    of_one = source is not None or done.undo.requester or done.undo.mailbox
    if of_one and by.ticket.number != done.ticket:
        return code("merged_since", done.ticket, by.ticket.number)
    if source is not None and source.merged_into and not done.undo.merged:
        return code("merged_since", source.number, source.merged_into)
    return ""


def undo(by: orders.OrderContext, done: Act, source: Ticket | None = None) -> Decision:
    """Take an agent's order back. Ask `too_late` first.

    `source` is the ticket entries return to: its agents are told, and when it was merged, its people hear that it is
    by itself again.
    """
    before, ticket = done.undo, by.ticket
    events = (code("undone", by.name, before.label),)
    status, sub_status = _status_before(before, ticket)
    stays = (status, sub_status) == (ticket.status, ticket.sub_status)
    change = Change(
        status=None if stays else status,
        sub_status=sub_status,
        requester=Address(before.requester) if before.requester else None,
        closed_by=(before.closed_by or "agent") if status is Status.CLOSED else "",
        assignee=before.assignee if _is_still_given(before, ticket) else None,
        mailbox=before.mailbox or None,
        language=before.language if before.language_after in (None, ticket.language) else None,
        spam=before.spam,
        left=before.joined,
        snooze=_snoozed_before(before, ticket, status),
        tags=_tags_before(before, ticket),
        joined=(
            *((Joined(ticket.requester, ticket.requester.key not in before.strangers),) if before.took_part else ()),
            *(Joined(p.address, False, sees=p.sees) for p in ticket.people if p.address.key in before.strangers),
            *_follows_again(by, before),
        ),
    )
    after = change.applied_to(ticket)
    said = (*events, *((code("recalled"),) if before.answered else ()))
    colleagues = _colleagues(by, before, after, source, said)
    told: tuple[NoticeRequest, ...] = ()
    takes_part = source is not None and ticket.requester.key in {a.key for a in sides.people(source)}
    known = done.sent and (before.opened or not before.moved_from)
    if known and before.opened and takes_part:
        told = (NoticeRequest(Notice.MERGED, ticket.requester, Audience.CUSTOMER),)
    elif known and status is not ticket.status and by.policy.notify_customers_of_status:
        told = tuple(NoticeRequest(Notice.STATUS_CHANGED, a, Audience.CUSTOMER) for a in sides.requesters(ticket))
    if before.merged and source:
        told += tuple(NoticeRequest(Notice.MERGED, a, Audience.CUSTOMER, "apart") for a in sides.people(source))
    remarks = (*said, code("status_now", sub_status or status.value))
    return Decision(
        Reason.AGENT_UNDOES,
        Why(
            attach="yes: " + sentence(Reason.AGENT_UNDOES),
            notify="yes: whom it concerns" if colleagues else "no: an agent did it",
        ),
        ticket=ticket.number,
        change=change,
        events=events,
        notices=(*told, *colleagues, *((orders.receipt(by.agent, "done", remarks),) if by.agent else ())),
        undoes=replace(
            done,
            undo=replace(before, source_status=_of_source(done, ticket, source)),
            hidden=before.opened and source is not None and sides.requesters_differ(ticket, source),
        ),
        block=before.unblocked,
        unblock=before.blocked,
        same=_same_before(before),
    )


def _colleagues(
    by: orders.OrderContext, before: Undo, after: Ticket, source: Ticket | None, said: tuple[str, ...]
) -> tuple[NoticeRequest, ...]:
    """Agents who have the ticket again, and whoever was told of the order: they would go on believing in it."""
    colleagues = audience.tell_of_assignment(by.policy, by.ticket, after, by.agent, said)
    if before.mailbox:
        both = audience.tell("handed_over", by.policy, after, before=by.ticket, remarks=said, but=by.agent)
        colleagues = (*both, *colleagues)
    informed, apart = _informed(by, before), tuple[NoticeRequest, ...]()
    if source:
        apart = audience.tell("apart", by.policy, source, informed=informed, remarks=said, but=by.agent)
    if before.told or before.answered or before.merged:
        undone = audience.tell("undone", by.policy, after, informed=informed, remarks=said, but=by.agent)
        # Who reads of the one ticket that it is by itself again knows it of the other.
        heard = {n.recipient.key for n in apart}
        colleagues = (*colleagues, *(n for n in undone if n.recipient.key not in heard))
    return (*apart, *audience.each_once(colleagues))


def _informed(by: orders.OrderContext, before: Undo) -> tuple[str, ...]:
    """Whoever was told of the order; and whose it was, where somebody else takes it back."""
    return before.told if by.agent and before.agent in by.agent.keys else (*before.told, before.agent)


def _of_source(done: Act, ticket: Ticket, source: Ticket | None) -> str:
    """Of the ticket that is by itself again: whoever was answered meanwhile is not told that it is a new one, and what
    somebody wrote meanwhile waits for us there. Empty: it stays."""
    before = done.undo
    if before.opened:
        untouched = source is None or (source.status.value == before.source_status and not done.newer)
        status = None if source is None or untouched else _our_turn(ticket, source)
        return status.value if status else ""
    if before.merged and before.source_status != Status.NEW.value and done.waits:
        return Status.WAITING_ON_US.value
    if before.merged and before.source_status == Status.NEW.value and done.answered_since:
        return Status.WAITING_ON_US.value
    return before.source_status


def _same_before(before: Undo) -> SamePerson | None:
    if before.same is None:
        return None
    main, other, apart = before.same
    return SamePerson(Address(main), Address(other), apart)


def _status_before(before: Undo, ticket: Ticket) -> tuple[Status, str]:
    """What it goes back to, with the site's own name of it."""
    now = ticket.status, ticket.sub_status
    if before.after not in ("", ticket.status.value) or before.after_sub not in (None, ticket.sub_status):
        # Somebody wrote or ordered something since: that must not be hidden again.
        return now
    if before.opened:
        return Status.CLOSED, ""
    if before.after_sub is None and before.status is ticket.status:
        return now
    return before.status, before.sub_status


def _snoozed_before(before: Undo, ticket: Ticket, status: Status) -> Snooze | None:
    """None where it comes back at another time by now, or for an end that is none any more."""
    now = parking.kept(parking.of(ticket))
    ended = before.after == Status.CLOSED.value and status is not before.status
    if before.snoozed is None or before.snoozed_after not in (None, now) or ended:
        return None
    return parking.back(before.snoozed)


def _tags_before(before: Undo, ticket: Ticket) -> tuple[str, ...] | None:
    """Without those the order put on it, and with those it took; what others did stays."""
    if before.tags is None or before.tags_after is None:
        return before.tags
    added, taken = set(before.tags_after) - set(before.tags), set(before.tags) - set(before.tags_after)
    return tuple(sorted((set(ticket.tags) - added) | taken))


def _follows_again(by: orders.OrderContext, before: Undo) -> tuple[Joined, ...]:
    agent = by.policy.agent_for(before.agent) if before.followed else None
    return (Joined(Address(agent.address, agent.name), follower=True),) if agent else ()


def _is_still_given(before: Undo, ticket: Ticket) -> bool:
    """It goes back to the earlier mailbox; or the order gave it to somebody, and nobody has given it away since."""
    return bool(before.mailbox) or before.given_to == ticket.assignee
