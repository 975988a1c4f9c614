"""Taking people out of what is stored: the steps that retention and `contact erase` are made of.

Promise number one stays provable: a journal row is never removed. It keeps that a mail came, when, and
what was decided; what it says of people goes, and `erased_at` says so. Mails that wait or are held, and
mails of ours that wait to be sent, are never touched here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, not_, or_, select, text, update
from sqlalchemy.sql.dml import Delete, Update

from gateway.mail.message import Address
from storage.address_tables import SECOND_ADDRESS
from storage.board_tables import CARD
from storage.conditions import JOURNAL_DUPLICATE
from storage.contacts import Contacts
from storage.journal import SETTLED
from storage.outbox import OPEN, State
from storage.seals import count_gone
from storage.tables import (
    ACT,
    BLOCK,
    CONTACT,
    DRAFT,
    ENTRY,
    JOURNAL,
    LINK,
    MESSAGE_ID,
    OUTBOX,
    PARTICIPANT,
    RATING,
    RAW,
    SESSION,
    TICKET,
)

NOBODY = Address("anonymous")
"""Stands where a person stood. It is no address, so no mail is ever sent to it, and nobody can sign in with it."""
GONE = "deleted"
"""The last reply of a mail whose recipient is gone."""
IN_FLIGHT = (State.PENDING, State.DEFERRED, State.CLAIMED)
"""They leave, or are given up, by themselves."""
_DUPLICATE = text(JOURNAL_DUPLICATE)


class Erasure:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- whole tickets --------------------------------------------------------------------

    def merged_into(self, numbers: Iterable[int]) -> list[int]:
        """These tickets, and all that were merged into them."""
        found = list(dict.fromkeys(numbers))
        new = found
        while new:
            rows = self._connection.execute(select(TICKET.c.number).where(TICKET.c.merged_into.in_(new)))
            new = [number for (number,) in rows if number not in found]
            found += new
        return found

    def anonymise_tickets(self, numbers: Collection[int], now: datetime) -> None:
        """Nothing and nobody is left on them but what statistics count; our own Message-IDs still lead there."""
        mine = ENTRY.c.ticket.in_(numbers)
        journal_ids = self._journal_of(numbers)
        raws = self._raws_of(journal_ids, mine)
        nobody = Contacts(self._connection).ensure(NOBODY, now)
        self.blank_entries(mine)
        self._run(
            update(TICKET)
            .where(TICKET.c.number.in_(numbers))
            .values(
                subject="",
                requester_id=nobody.id,
                requester_key=nobody.key,
                assignee="",
                due_at=None,
                warn_at=None,
                snoozed_until=None,
                snoozed_by="",
                snooze_note="",
                anonymised_at=now,
            )
        )
        self._run(delete(PARTICIPANT).where(PARTICIPANT.c.ticket.in_(numbers)))
        self._run(delete(ACT).where(ACT.c.ticket.in_(numbers)))
        self._run(delete(DRAFT).where(DRAFT.c.ticket.in_(numbers)))
        self._run(delete(CARD).where(CARD.c.ticket.in_(numbers)))
        self._run(delete(MESSAGE_ID).where(MESSAGE_ID.c.ticket.in_(numbers), MESSAGE_ID.c.outbox_id.is_(None)))
        self._run(update(RATING).where(RATING.c.ticket.in_(numbers)).values(comment=""))
        self.blank_outbox(OUTBOX.c.ticket.in_(numbers))
        self.blank_journal(journal_ids, now)
        self.drop_raw(raws)

    def delete_tickets(self, numbers: Collection[int], now: datetime) -> None:
        """The tickets and everything that hangs on them. The journal keeps that their mails came."""
        mine = ENTRY.c.ticket.in_(numbers)
        journal_ids = self._journal_of(numbers)
        raws = self._raws_of(journal_ids, mine)
        sent = select(OUTBOX.c.id).where(OUTBOX.c.ticket.in_(numbers))
        entries = select(ENTRY.c.id).where(mine)
        self.blank_journal(journal_ids, now)
        self._run(update(JOURNAL).where(JOURNAL.c.id.in_(journal_ids)).values(ticket=None))
        # A mail that was moved away is kept where it is now.
        there = select(ENTRY.c.ticket).where(ENTRY.c.journal_id == JOURNAL.c.id, not_(mine)).limit(1)
        self._run(update(JOURNAL).where(JOURNAL.c.ticket.in_(numbers)).values(ticket=there.scalar_subquery()))
        self._run(delete(MESSAGE_ID).where(or_(MESSAGE_ID.c.ticket.in_(numbers), MESSAGE_ID.c.outbox_id.in_(sent))))
        self._run(delete(OUTBOX).where(OUTBOX.c.ticket.in_(numbers)))
        for table in (ACT, CARD, DRAFT):
            self._run(delete(table).where(table.c.ticket.in_(numbers)))
        for table in (OUTBOX, ACT, MESSAGE_ID):
            self._run(update(table).where(table.c.entry_id.in_(entries)).values(entry_id=None))
        self._run(delete(ENTRY).where(mine))
        self._run(delete(PARTICIPANT).where(PARTICIPANT.c.ticket.in_(numbers)))
        self._run(delete(LINK).where(or_(LINK.c.ticket.in_(numbers), LINK.c.other.in_(numbers))))
        self._run(delete(RATING).where(RATING.c.ticket.in_(numbers)))
        for column in (TICKET.c.merged_into, TICKET.c.follows):
            self._run(update(TICKET).where(column.in_(numbers)).values({column: None}))
        self._run(delete(TICKET).where(TICKET.c.number.in_(numbers)))
        self.drop_raw(raws)

    def _journal_of(self, numbers: Collection[int]) -> list[int]:
        """Settled mails of these tickets and of no other."""
        on_them = select(ENTRY.c.journal_id).where(ENTRY.c.ticket.in_(numbers), ENTRY.c.journal_id.is_not(None))
        elsewhere = exists().where(ENTRY.c.journal_id == JOURNAL.c.id, ENTRY.c.ticket.not_in(numbers))
        mine = or_(JOURNAL.c.ticket.in_(numbers), JOURNAL.c.id.in_(on_them))
        rows = self._connection.execute(select(JOURNAL.c.id).where(JOURNAL.c.state == SETTLED, mine, ~elsewhere))
        return [id for (id,) in rows]

    def _raws_of(self, journal_ids: Collection[int], entries: ColumnElement[bool]) -> list[str]:
        of_mails = select(JOURNAL.c.sha256).where(JOURNAL.c.id.in_(journal_ids), JOURNAL.c.sha256.is_not(None))
        of_entries = select(ENTRY.c.sha256).where(and_(entries, ENTRY.c.sha256.is_not(None)))
        return sorted({sha for (sha,) in self._connection.execute(of_mails.union(of_entries))})

    # --- pieces ---------------------------------------------------------------------------

    def blank_entries(self, which: ColumnElement[bool], body: str = "") -> int:
        """Entries without author, text, files and marks; what kind they were, and when, stays. How many."""
        blank: dict[str, Any] = {
            "author_address": "",
            "author_name": "",
            "body_text": body,
            "reply_text": "",
            "attachments": [],
            "sha256": None,
            "message_id": "",
            "remarks": [],
        }
        return self._run(update(ENTRY).where(which).values(**blank))

    def blank_journal(self, ids: Collection[int], now: datetime) -> int:
        """Mails of which only stays that they came and what was decided; their duplicates with them. How many."""
        if not ids:
            return 0
        ours = JOURNAL.c.id.in_(ids)
        ids_of = select(JOURNAL.c.message_id).where(ours, JOURNAL.c.message_id != "")
        bytes_of = select(JOURNAL.c.sha256).where(ours, JOURNAL.c.sha256.is_not(None))
        again = or_(
            and_(_DUPLICATE, JOURNAL.c.message_id.in_(ids_of)),
            and_(JOURNAL.c.sha256.in_(bytes_of), ~exists().where(ENTRY.c.journal_id == JOURNAL.c.id)),
        )
        chosen = select(JOURNAL.c.id, JOURNAL.c.ticket).where(
            JOURNAL.c.state == SETTLED, JOURNAL.c.erased_at.is_(None), or_(ours, again)
        )
        rows = self._connection.execute(chosen).all()
        found, tickets = [row.id for row in rows], {row.ticket for row in rows if row.ticket}
        # Nobody can send what is not there any more.
        self._run(delete(DRAFT).where(DRAFT.c.journal_id.in_(found)))
        entries = select(ENTRY.c.id).where(ENTRY.c.journal_id.in_(found))
        reached = or_(
            MESSAGE_ID.c.ticket.is_(None), MESSAGE_ID.c.ticket.in_(tickets), MESSAGE_ID.c.entry_id.in_(entries)
        )
        self._run(
            delete(MESSAGE_ID).where(reached, MESSAGE_ID.c.journal_id.in_(found), MESSAGE_ID.c.outbox_id.is_(None))
        )
        blank: dict[str, Any] = {
            "reverse_path": "",
            "recipients": [],
            "remote": "",
            "authenticated_as": "",
            "sha256": None,
            "cause": "",
            "why": [],
            "message_id": "",
            "erased_at": now,
        }
        return self._run(update(JOURNAL).where(JOURNAL.c.id.in_(found)).values(**blank))

    def blank_outbox(self, which: ColumnElement[bool]) -> int:
        """Mails of ours without recipient, text and files; that one was sent, when, and of which kind, stays."""
        self._run(
            update(OUTBOX)
            .where(which, OUTBOX.c.state.in_(OPEN))
            .values(state=State.FAILED, claimed_by="", claimed_until=None, last_reply=GONE)
        )
        self._run(update(OUTBOX).where(which, OUTBOX.c.last_reply != "").values(last_reply=GONE))
        blank: dict[str, Any] = {"recipient": NOBODY.address, "recipient_key": NOBODY.key, "data": None, "files": []}
        return self._run(update(OUTBOX).where(which).values(**blank))

    def delete_outbox(self, ids: Collection[int]) -> int:
        """Mails of ours, and that we ever sent them."""
        self._run(delete(MESSAGE_ID).where(MESSAGE_ID.c.outbox_id.in_(ids)))
        return self._run(delete(OUTBOX).where(OUTBOX.c.id.in_(ids)))

    def drop_raw(self, sha256s: Collection[str]) -> int:
        """Raw mails that no row names any more. How many."""
        unused = and_(
            RAW.c.sha256.in_(sha256s),
            ~exists().where(JOURNAL.c.sha256 == RAW.c.sha256),
            ~exists().where(ENTRY.c.sha256 == RAW.c.sha256),
        )
        return self._run(delete(RAW).where(unused))

    def empty_raw(self, sha256s: Collection[str], now: datetime) -> int:
        """Raw mails without their bytes; hash and size stay as proof of what was received. How many."""
        kept = and_(RAW.c.sha256.in_(sha256s), RAW.c.data.is_not(None))
        rows = self._run(update(RAW).where(kept).values(data=None, deleted_at=now))
        count_gone(self._connection, rows)
        return rows

    def delete_contacts(self, ids: Collection[int]) -> int:
        for table in (SESSION, SECOND_ADDRESS):
            self._run(delete(table).where(table.c.contact_id.in_(ids)))
        return self._run(delete(CONTACT).where(CONTACT.c.id.in_(ids)))

    def forget(self, key: str) -> None:
        """What is kept of an address beside its contact."""
        self._run(delete(BLOCK).where(BLOCK.c.sender == key))
        self._run(delete(SECOND_ADDRESS).where(SECOND_ADDRESS.c.key == key))

    def _run(self, statement: Update | Delete) -> int:
        return self._connection.execute(statement).rowcount
