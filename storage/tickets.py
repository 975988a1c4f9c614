"""Changing tickets: only `apply` does it, and `take_back` undoes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, bindparam, case, delete, exists, insert, or_, select, update

from gateway.core import parking, sides
from gateway.core.act import Act
from gateway.core.clock import Target
from gateway.core.decision import AWAKE, Change, Decision, EntryDraft, Joined, Snooze
from gateway.core.lifecycle import Status
from gateway.core.ticket import CUSTOMERS, Entry, EntryKind, Role, Ticket
from gateway.errors import UnknownTicket
from gateway.mail.message import Address, Attachment
from gateway.mail.sentence import code
from storage import search
from storage.address_tables import SECOND_ADDRESS
from storage.births import new_birth
from storage.contacts import Contacts
from storage.reads import TicketReads, entry_of
from storage.seals import added
from storage.statement import Statement
from storage.tables import CONTACT, ENTRY, LINK, MESSAGE_ID, PARTICIPANT, TICKET
from storage.threads import LOCK, REOPENED

_ADD_TICKET = Statement(insert(TICKET).returning(TICKET.c.number))
_ADD_ENTRY = Statement(insert(ENTRY).returning(ENTRY.c.id))
_CALLED_OTHERWISE = Statement(
    select(PARTICIPANT.c.key).where(
        PARTICIPANT.c.ticket == bindparam("number"),
        PARTICIPANT.c.key == bindparam("who"),
        PARTICIPANT.c.name != bindparam("called"),
    )
)


@lru_cache(maxsize=128)
def _changed(columns: tuple[str, ...]) -> Statement:
    """Sets these columns of a ticket: there are few sets of them that belong together."""
    new = {name: bindparam(f"new_{name}", type_=TICKET.c[name].type) for name in columns}
    return Statement(update(TICKET).where(TICKET.c.number == bindparam("ticket_number")).values(**new))


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a decision."""

    ticket: Ticket
    entry: Entry | None
    created: bool
    moved: tuple[int, ...] = ()
    """Entries that came from another ticket."""
    hidden: tuple[int, ...] = ()
    """Entries that were for the former requester alone."""


class Tickets:
    """What changes tickets inside one transaction."""

    def __init__(self, connection: Connection, contacts: Contacts) -> None:
        self._connection, self._contacts = connection, contacts
        self._reads = TicketReads(connection)

    def apply(self, decision: Decision, journal_id: int | None, now: datetime) -> Applied | None:
        """Store what was decided. None when it concerns no ticket.

        The ticket row stays locked until the transaction ends.
        """
        created, hidden = decision.new is not None, tuple[int, ...]()
        # The waiting for an answer begins now even when the mail is old: nobody is reminded of an archive.
        happened_at = decision.happened_at or now
        if decision.new is not None:
            number = self._open(decision, happened_at, now)
        elif decision.ticket:
            number = decision.ticket
            self._lock(number)
            hidden = self._change(number, decision.change, happened_at, now, touched=decision.entry is not None)
            if decision.undoes and decision.undoes.undo.hidden:
                self._give_back(number, decision.undoes.undo.hidden)
        else:
            return None
        moved = self._move(number, decision, happened_at)
        for also in decision.also:
            self._add_entry(number, also, journal_id, happened_at)
        draft = decision.entry
        if draft and created:
            draft = replace(draft, side=sides.of_opened(draft.side, number))
        entry = self._add_entry(number, draft, journal_id, happened_at) if draft else None
        self._people(number, decision.change, happened_at)
        if decision.entry and decision.entry.role in CUSTOMERS and decision.entry.author.name:
            if decision.change.joined or not created:
                self._rename(number, decision.entry.author)
            self._contacts.rename(decision.entry.author)
        for kind, other in decision.change.links:
            self._link(number, other, kind, happened_at)
        event = REOPENED if decision.change.reopened else ""
        for sentence in decision.events:
            self._add_event(number, sentence, happened_at, event)
            event = ""  # however many lines tell of it, it is counted once
        if moved:
            entry = entry or self._reads.entry(moved[0])
        return Applied(self._reads.get(number), entry, created, moved, hidden)

    def _move(self, number: int, decision: Decision, now: datetime) -> tuple[int, ...]:
        """Entries from another ticket, and with them the Message-IDs that lead to them."""
        moved = decision.moved
        if moved is None:
            return ()
        self._lock(moved.source)
        mine = ENTRY.c.ticket == moved.source
        chosen = ENTRY.c.id.in_(moved.entries) if moved.entries else ENTRY.c.kind != EntryKind.EVENT.value
        ids = tuple(self._connection.execute(select(ENTRY.c.id).where(mine, chosen).order_by(ENTRY.c.id)).scalars())
        # What was for one person alone is so on the ticket it opens, too.
        opens = decision.new is not None and sides.is_for_one(moved.was)
        self._place(ids, number, own=sides.alone(number) if opens else moved.side, was=moved.was)
        if not moved.entries:
            self._connection.execute(
                update(TICKET)
                .where(TICKET.c.number == moved.source)
                .values(
                    merged_into=number, status=Status.CLOSED.value, closed_by="merge", closed_at=now, **_parked(AWAKE)
                )
            )
        for sentence in decision.source_events:
            self._add_event(moved.source, sentence.replace("{new}", str(number)), now)
        return ids

    def _place(self, entries: Sequence[int], number: int, own: int = 0, was: int = 0) -> None:
        """Put entries and the Message-IDs of their mails onto a ticket; those whose side `was` get the side `own`."""
        if own != was:
            mine = ENTRY.c.id.in_(list(entries)), ENTRY.c.side == was
            self._connection.execute(update(ENTRY).where(*mine).values(side=own))
        for table, column in ((ENTRY, ENTRY.c.id), (MESSAGE_ID, MESSAGE_ID.c.entry_id)):
            self._connection.execute(update(table).where(column.in_(list(entries))).values(ticket=number))

    def take_back(self, act: Act) -> None:
        """Undo what an order did to entries: moved ones return, a recalled answer becomes a comment."""
        before = act.undo
        if before.moved:
            own, was = (before.side, 0) if before.opened else (before.was, before.side or before.moved_from)
            self._place(before.moved, before.moved_from, own, was)
            self._place(act.newer, before.moved_from, sides.NOBODY if act.hidden else own, was)
            if before.opened and sides.is_for_one(own):
                self._place((*before.moved, *act.newer), before.moved_from, own, sides.alone(act.ticket))
        if before.merged:
            self._connection.execute(
                update(TICKET).where(TICKET.c.number == before.moved_from).values(merged_into=None)
            )
        if before.source_status:
            # What was closed before it was merged has been closed since then.
            closed = before.source_status == Status.CLOSED.value
            values = {"closed_by": "agent"} if closed else {"closed_by": "", "closed_at": None}
            if before.source_snoozed and not act.newer:
                values |= _parked(parking.back(before.source_snoozed))
            source = update(TICKET).where(TICKET.c.number == before.moved_from)
            self._connection.execute(source.values(status=before.source_status, **values))
        if before.opened and before.moved_from:
            self._connection.execute(
                update(TICKET).where(TICKET.c.number == act.ticket).values(merged_into=before.moved_from)
            )
        if before.answered and act.entry:
            self._connection.execute(
                update(ENTRY)
                .where(ENTRY.c.id == act.entry)
                .values(kind=EntryKind.COMMENT.value, remarks=[code("recalled")])
            )

    def _add_event(self, number: int, sentence: str, now: datetime, event: str = "") -> None:
        """A line of history about the ticket itself."""
        draft = EntryDraft(
            kind=EntryKind.EVENT,
            author=Address(""),
            role=Role.SYSTEM,
            body_text=sentence,
            reply_text=sentence,
            reason=event,
            event=event,
        )
        self._add_entry(number, draft, None, now)

    def _open(self, decision: Decision, now: datetime, since: datetime) -> int:
        new = decision.new
        assert new is not None
        contact = self._contacts.ensure(new.requester, now)
        began = new.created_at or now
        row = {
            "status": (decision.change.status or Status.NEW).value,
            "sub_status": decision.change.sub_status or "",
            "subject": new.subject,
            "mailbox": new.mailbox,
            "written_to": new.written_to,
            "language": new.language,
            "requester_id": contact.id,
            "requester_key": contact.key,
            "assignee": decision.change.assignee or "",
            "created_at": began,
            "last_activity_at": now,
            "status_at": since,
            "target": "",
            "closed_by": decision.change.closed_by,
            "closed_at": now if decision.change.status is Status.CLOSED else None,
            "spam": False,
            "snoozed_by": "",
            "snooze_note": "",
            "tags": list(decision.change.tags or ()),
            "birth": new_birth(),
            "old_marks": False,
        }
        number = int(_ADD_TICKET.scalar(self._connection, row))
        search.add_subject(self._connection, number, new.subject)
        return number

    def _lock(self, number: int) -> None:
        if not LOCK.rows(self._connection, {"number": number}):
            raise UnknownTicket(f"there is no ticket {number}")

    def _change(self, number: int, change: Change, now: datetime, since: datetime, *, touched: bool) -> tuple[int, ...]:
        """The entries that are nobody's outside any more."""
        values: dict[str, Any] = {}
        hidden: tuple[int, ...] = ()
        latest: Any = now
        if since != now:
            # A mail from an archive may be older than what happened last.
            latest = case((TICKET.c.last_activity_at > now, TICKET.c.last_activity_at), else_=now)
        if touched:
            values["last_activity_at"] = latest
        if change.status is not None:
            values |= {"status": change.status.value, "sub_status": change.sub_status or ""}
            values["last_activity_at"] = latest
            # An agent's further answer starts the waiting anew, and with it the reminders.
            values |= {"status_at": since, "reminded_at": None}
            if change.status is Status.SOLVED:
                values["solved_at"] = now
            elif change.status is not Status.CLOSED:
                values["solved_at"] = None
            if change.status is Status.CLOSED:
                if change.closed_by:
                    values |= {"closed_at": now, "closed_by": change.closed_by}
            else:
                values |= {"closed_at": None, "closed_by": ""}
        if change.reminded:
            values["reminded_at"] = now
        if change.target is not None:
            values["target"] = change.target
        if change.assignee is not None:
            values["assignee"] = change.assignee
        if change.mailbox is not None:
            values |= {"mailbox": change.mailbox, "written_to": ""}
        if change.written_to is not None:
            values["written_to"] = change.written_to
        if change.subject is not None:
            values["subject"] = change.subject
        if change.language is not None:
            values["language"] = change.language
        if change.spam is not None:
            values["spam"] = change.spam
        if change.requester is not None:
            contact = self._contacts.ensure(change.requester, now)
            values |= {"requester_id": contact.id, "requester_key": contact.key}
            hidden = self._keep_for_the_former(number, contact.key)
        if change.snooze is not None:
            values |= _parked(change.snooze)
        elif change.status is Status.CLOSED:
            # What is closed has nothing to come back for.
            values |= _parked(AWAKE)
        if change.tags is not None:
            values["tags"] = list(change.tags)
        if change.inner:
            comments = update(ENTRY).where(ENTRY.c.id.in_(change.inner)).values(kind=EntryKind.COMMENT.value)
            self._connection.execute(comments)
        if values and since == now and change.subject is None:
            given = {f"new_{name}": value for name, value in values.items()}
            _changed(tuple(values)).run(self._connection, {"ticket_number": number, **given})
        elif values:
            # Search watches subjects, and does not see constant statements.
            self._connection.execute(update(TICKET).where(TICKET.c.number == number).values(**values))
        return hidden

    def _keep_for_the_former(self, number: int, key: str) -> tuple[int, ...]:
        """What was for the requester alone is not for the next one; the entries this hides."""
        stays = select(TICKET.c.number).where(TICKET.c.number == number, TICKET.c.requester_key == key)
        theirs = ENTRY.c.ticket == number, ENTRY.c.side == sides.alone(number), ~exists(stays)
        hidden = tuple(self._connection.execute(select(ENTRY.c.id).where(*theirs)).scalars())
        if hidden:
            self._connection.execute(update(ENTRY).where(ENTRY.c.id.in_(hidden)).values(side=sides.NOBODY))
        return hidden

    def _give_back(self, number: int, entries: tuple[int, ...]) -> None:
        """Whoever is the requester again reads again what was for them alone."""
        theirs = ENTRY.c.ticket == number, ENTRY.c.id.in_(entries), ENTRY.c.side == sides.NOBODY
        self._connection.execute(update(ENTRY).where(*theirs).values(side=sides.alone(number)))

    def _people(self, number: int, change: Change, now: datetime) -> None:
        # Who is no longer confirmed leaves and joins anew.
        if change.left:
            self._connection.execute(delete(PARTICIPANT).where(*_of(number, change.left)))
        for joined in change.joined:
            self._join(number, joined, now)
        if change.confirmed:
            self._connection.execute(update(PARTICIPANT).where(*_of(number, change.confirmed)).values(confirmed=True))

    def _join(self, number: int, joined: Joined, now: datetime) -> None:
        key = joined.address.key
        where = (PARTICIPANT.c.ticket == number, PARTICIPANT.c.key == key)
        found = self._connection.execute(select(PARTICIPANT.c.confirmed).where(*where)).first()
        if found and joined.adviser:
            self._connection.execute(update(PARTICIPANT).where(*where).values(adviser=True))
        if found and joined.sees:
            self._connection.execute(update(PARTICIPANT).where(*where).values(sees=list(joined.sees)))
        if found is None:
            row = {
                "ticket": number,
                "key": key,
                "address": joined.address.address,
                "name": joined.address.name[:200],
                "confirmed": joined.confirmed,
                "follower": joined.follower,
                "added_at": now,
                "sees": list(joined.sees),
                "adviser": joined.adviser,
            }
            self._connection.execute(insert(PARTICIPANT).values(**row))
            added(self._connection, PARTICIPANT, row)
        elif joined.confirmed and not found.confirmed:
            self._connection.execute(update(PARTICIPANT).where(*where).values(confirmed=True))

    def _rename(self, number: int, author: Address) -> None:
        """A participant who writes is called as in this mail from now on."""
        called = author.name[:200]
        if _CALLED_OTHERWISE.rows(self._connection, {"number": number, "who": author.key, "called": called}):
            where = (PARTICIPANT.c.ticket == number, PARTICIPANT.c.key == author.key)
            self._connection.execute(update(PARTICIPANT).where(*where).values(name=called))

    def _link(self, number: int, other: int, kind: str, now: datetime) -> None:
        where = (LINK.c.ticket == number, LINK.c.other == other, LINK.c.kind == kind)
        if self._connection.execute(select(LINK.c.kind).where(*where)).first() is None:
            row = {"ticket": number, "other": other, "kind": kind, "created_at": now}
            self._connection.execute(insert(LINK).values(**row))
            added(self._connection, LINK, row)
        if kind == "follows":
            self._connection.execute(update(TICKET).where(TICKET.c.number == number).values(follows=other))

    def _add_entry(self, number: int, draft: EntryDraft, journal_id: int | None, now: datetime) -> Entry:
        row = {
            "ticket": number,
            "kind": draft.kind.value,
            "author_address": draft.author.address,
            "author_name": draft.author.name,
            "author_role": draft.role.value,
            "body_text": draft.body_text,
            # Most mails hold nothing but new text: it is not written twice.
            "reply_text": "" if draft.reply_text == draft.body_text else draft.reply_text,
            "attachments": [_attachment_json(a) for a in draft.attachments],
            "sha256": draft.sha256 or None,
            "journal_id": journal_id,
            "message_id": draft.message_id,
            "created_at": draft.created_at or now,
            "reason": draft.reason,
            "evidence": draft.evidence.value if draft.evidence else "",
            "collapsed": draft.collapsed,
            "remarks": list(draft.remarks),
            "event": draft.event,
            "side": draft.side,
        }
        id = int(_ADD_ENTRY.scalar(self._connection, row))
        added(self._connection, ENTRY, row | {"id": id})
        search.add_entry(self._connection, id, row)
        return entry_of(id, row)

    def set_target(self, number: int, target: Target | None) -> None:
        """Until when a ticket is to be answered, or that nothing is due."""
        values = {"warn_at": target and target.warn_at, "due_at": target and target.due_at, "target": ""}
        self._connection.execute(update(TICKET).where(TICKET.c.number == number).values(**values))


def _of(number: int, keys: Sequence[str]) -> tuple[Any, ...]:
    """Where these people take part in a ticket, under whichever of their addresses."""
    people = select(CONTACT.c.id).where(CONTACT.c.key.in_(keys))
    further = select(SECOND_ADDRESS.c.key).where(SECOND_ADDRESS.c.contact_id.in_(people))
    return PARTICIPANT.c.ticket == number, or_(PARTICIPANT.c.key.in_(keys), PARTICIPANT.c.key.in_(further))


def _parked(snooze: Snooze) -> dict[str, Any]:
    return {"snoozed_until": snooze.until, "snoozed_by": snooze.by, "snooze_note": snooze.note}


def _attachment_json(a: Attachment) -> dict[str, Any]:
    return {name: getattr(a, name) for name in a.__dataclass_fields__}
