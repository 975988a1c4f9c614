"""What is old enough to go, taken in batches: each claims its rows, and is done, in one transaction.

So it does no harm when fired twice or by two daemons, and no batch keeps a writer waiting for long.
Nothing goes that still waits: open tickets, mails pending or held, mails of ours not sent, files they need.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, exists, func, or_, select, text, update

from gateway.core.lifecycle import Status
from storage import drafts
from storage.address_tables import SECOND_ADDRESS
from storage.alarms import LASTING
from storage.conditions import OUTBOX_KEPT, OUTBOX_WAITING, RAW_KEPT
from storage.erasure.steps import IN_FLIGHT, NOBODY, Erasure
from storage.journal import HELD, SETTLED, UNSETTLED
from storage.outbox import OPEN, State
from storage.tables import (
    ALARM,
    CONTACT,
    DRAFT,
    ENTRY,
    JOURNAL,
    OUTBOX,
    PARTICIPANT,
    RAW,
    SESSION,
    TICKET,
)
from storage.threads import Threads

DROPPED = "dropped-by-retention"
"""Reason of a held mail that nobody retried in time."""
TICKETS, ROWS = 1, 100
"""Per batch: what comes in meanwhile waits for it."""
_FINAL = (State.SENT, State.FAILED, State.RECALLED)
_OUTBOX_KEPT, _OUTBOX_WAITING, _RAW_KEPT = text(OUTBOX_KEPT), text(OUTBOX_WAITING), text(RAW_KEPT)


class Mode(StrEnum):
    ANONYMISE = "anonymise"
    DELETE = "delete"


class Retention:
    """Every verb takes what is older than a moment, one batch of it, and says how much that was; 0: nothing left."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._erasure = Erasure(connection)

    def tickets(self, closed_before: datetime, mode: Mode, now: datetime) -> int:
        """Tickets, with those that were merged into them."""
        due = select(TICKET.c.number).where(
            # Not by the index of the status: nearly all tickets there ever were are closed, and would be sorted.
            func.coalesce(TICKET.c.status, "") == Status.CLOSED.value,
            TICKET.c.closed_at.is_not(None),
            TICKET.c.closed_at < closed_before,
            TICKET.c.merged_into.is_(None),
            TICKET.c.number.not_in(_awaits_mail()),
        )
        if mode is Mode.ANONYMISE:
            due = due.where(TICKET.c.anonymised_at.is_(None))
        due = due.order_by(TICKET.c.closed_at).limit(TICKETS)
        found = self._connection.execute(due).scalars().all()
        # A mail that is just being decided about may open one of them again.
        Threads(self._connection).serialise(f"ticket:{n}" for n in found)
        still = due.where(TICKET.c.number.in_(found)).with_for_update(skip_locked=True)
        numbers = self._connection.execute(still).scalars().all()
        if not numbers:
            return 0
        all_ = self._erasure.merged_into(numbers)
        if mode is Mode.DELETE:
            self._erasure.delete_tickets(all_, now)
        else:
            self._erasure.anonymise_tickets(all_, now)
        return len(all_)

    def mails_without_ticket(self, settled_before: datetime, now: datetime) -> int:
        """What the journal knows of mails that never were on a ticket."""
        due = (
            select(JOURNAL.c.id)
            .where(
                JOURNAL.c.ticket.is_(None),
                JOURNAL.c.state == SETTLED,
                JOURNAL.c.erased_at.is_(None),
                JOURNAL.c.settled_at < settled_before,
                ~exists().where(ENTRY.c.journal_id == JOURNAL.c.id),
            )
            .order_by(JOURNAL.c.id)
            .limit(ROWS)
            .with_for_update(skip_locked=True)
        )
        return self._erase_mails(self._connection.execute(due).scalars().all(), now)

    def notices_without_ticket(self, created_before: datetime) -> int:
        """Mails of ours that belong to no ticket: registrations, digests, alarms."""
        due = (
            select(OUTBOX.c.id)
            .where(
                OUTBOX.c.ticket.is_(None),
                OUTBOX.c.state.in_(_FINAL),
                OUTBOX.c.created_at < created_before,
                OUTBOX.c.recipient_key != NOBODY.key,
            )
            .order_by(OUTBOX.c.id)
            .limit(ROWS)
            .with_for_update(skip_locked=True)
        )
        ids = self._connection.execute(due).scalars().all()
        return self._erasure.blank_outbox(OUTBOX.c.id.in_(ids)) if ids else 0

    def unneeded(self, created_before: datetime) -> Sequence[int]:
        """Ids of people without a ticket, who take part in none and are not signed in. It looks at all people, so it
        is asked apart from what changes anything."""
        return self._connection.execute(_unneeded(created_before)).scalars().all()

    def contacts(self, created_before: datetime, ids: Sequence[int]) -> int:
        """Remove these people, as far as nothing needs them still."""
        due = _unneeded(created_before).where(CONTACT.c.id.in_(ids)).with_for_update(skip_locked=True)
        return self._erasure.delete_contacts(self._connection.execute(due).scalars().all())

    def alarms(self, raised_before: datetime) -> int:
        """What the operator was told; it names people. A fault of the desk that lasts does not, and is still one."""
        lasts = and_(ALARM.c.cleared_at.is_(None), or_(*(ALARM.c.key.startswith(begin) for begin in LASTING)))
        return self._connection.execute(delete(ALARM).where(ALARM.c.raised_at < raised_before, ~lasts)).rowcount

    def raw(self, received_before: datetime, now: datetime) -> int:
        """Bytes of mails that were handled; their hashes stay."""
        locked = self._old_raw(received_before, now).with_for_update(skip_locked=True)
        found = self._connection.execute(locked).scalars().all()
        # Asked once more, now that nobody can bring one of them in again; a draft may have been let go meanwhile.
        still = self._old_raw(received_before, now).where(RAW.c.sha256.in_(found))
        return self._erasure.empty_raw(self._connection.execute(still).scalars().all(), now)

    def _old_raw(self, received_before: datetime, now: datetime) -> Select[Any]:
        return (
            select(RAW.c.sha256)
            .where(
                _RAW_KEPT,
                RAW.c.created_at < received_before,
                ~exists().where(JOURNAL.c.sha256 == RAW.c.sha256, JOURNAL.c.state != SETTLED),
                ~exists().where(
                    JOURNAL.c.sha256 == RAW.c.sha256,
                    DRAFT.c.journal_id == JOURNAL.c.id,
                    DRAFT.c.state == drafts.OPEN,
                    DRAFT.c.until > now,
                ),
                RAW.c.sha256.not_in(self._needed()),
            )
            .order_by(RAW.c.created_at)
            .limit(ROWS)
        )

    def held(self, held_before: datetime, now: datetime) -> list[int]:
        """Held mails nobody retried: they are settled as dropped, and nothing of them is kept. Their journal ids."""
        due = (
            select(JOURNAL.c.id)
            .where(UNSETTLED, JOURNAL.c.state == HELD, JOURNAL.c.settled_at < held_before)
            .order_by(JOURNAL.c.id)
            .limit(ROWS)
            .with_for_update(skip_locked=True)
        )
        ids = list(self._connection.execute(due).scalars().all())
        if ids:
            dropped = {"state": SETTLED, "reason": DROPPED, "settled_at": now}
            self._connection.execute(update(JOURNAL).where(JOURNAL.c.id.in_(ids)).values(**dropped))
            self._erase_mails(ids, now)
        return ids

    def texts(self, created_before: datetime) -> int:
        """Texts of our mails that were sent, failed or recalled; who got which, and when, stays."""
        due = (
            select(OUTBOX.c.id)
            .where(_OUTBOX_KEPT, OUTBOX.c.created_at < created_before)
            .order_by(OUTBOX.c.created_at)
            .limit(ROWS)
            .with_for_update(skip_locked=True)
        )
        ids = self._connection.execute(due).scalars().all()
        # Locked and looked at again: the operator may have wanted one of them sent once more.
        final = OUTBOX.c.id.in_(ids) & OUTBOX.c.state.in_(_FINAL)
        return self._connection.execute(update(OUTBOX).where(final).values(data=None, files=[])).rowcount

    def _erase_mails(self, ids: Sequence[int], now: datetime) -> int:
        raws = select(JOURNAL.c.sha256).where(JOURNAL.c.id.in_(ids), JOURNAL.c.sha256.is_not(None))
        found = self._connection.execute(raws).scalars().all()
        count = self._erasure.blank_journal(ids, now)
        self._erasure.drop_raw(found)
        return count

    def _needed(self) -> list[str]:
        """Mails out of which files are yet to be sent."""
        waiting = select(OUTBOX.c.files).where(_OUTBOX_WAITING, OUTBOX.c.state.in_(OPEN))
        return sorted({file["raw"] for (files,) in self._connection.execute(waiting) for file in files})


def _awaits_mail() -> Select[Any]:
    """Tickets a mail of ours is on its way about, and those they were merged into."""
    of_mails = select(OUTBOX.c.ticket.label("number"))
    # Plus nothing: SQLite would look at every mail about a ticket that there is, instead of those that wait.
    of_mails = of_mails.where(_OUTBOX_WAITING, (OUTBOX.c.ticket + 0).is_not(None), OUTBOX.c.state.in_(IN_FLIGHT))
    busy = of_mails.cte("busy", recursive=True)
    above = select(TICKET.c.merged_into).join(busy, busy.c.number == TICKET.c.number)
    return select(busy.union(above.where(TICKET.c.merged_into.is_not(None))).c.number)


def _unneeded(created_before: datetime) -> Select[Any]:
    # Who takes part under a further address is the one who is written to.
    theirs = SECOND_ADDRESS.c.contact_id == CONTACT.c.id
    further = exists().where(theirs, PARTICIPANT.c.key == SECOND_ADDRESS.c.key)
    return (
        select(CONTACT.c.id)
        .where(
            CONTACT.c.created_at < created_before,
            CONTACT.c.key != NOBODY.key,
            ~exists().where(TICKET.c.requester_id == CONTACT.c.id),
            ~exists().where(SESSION.c.contact_id == CONTACT.c.id),
            ~exists().where(PARTICIPANT.c.key == CONTACT.c.key),
            ~further,
        )
        .limit(ROWS)
    )
