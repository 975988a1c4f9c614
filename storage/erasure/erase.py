"""One person removed from the store, in one transaction: what `survey` found goes, and is counted.

Tickets nobody else wrote on are deleted whole. On tickets others take part in the person's own entries are
emptied, and others' texts lose what they quote of them. Raw mails of others that hold something of the
person lose their bytes, for a mail cannot be changed and still be the mail that was received.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, func, select, update

from gateway.core.notice import Notice
from gateway.core.person_traces import MARK, Traces
from gateway.errors import ReplydeskError
from storage import drafts
from storage.alarms import MAILS_HELD, UNCERTAIN
from storage.board_tables import CARD
from storage.contacts import Contacts
from storage.erasure import person
from storage.erasure.person import Recognised, Survey
from storage.erasure.steps import NOBODY, Erasure
from storage.journal import SETTLED
from storage.outbox import OPEN, State
from storage.tables import (
    ACT,
    CONTACT,
    DRAFT,
    ENTRY,
    JOURNAL,
    MESSAGE_ID,
    OUTBOX,
    PARTICIPANT,
    RATING,
    RAW,
    SESSION,
    TICKET,
    metadata,
)
from storage.tx import Tx

DROPPED = "dropped-by-erasure"
"""Reason of a mail of the person's own that was never decided about."""
NOT_SENT = "not sent: it names somebody who was erased"
_REMOVABLE = frozenset({"alarm", "block", "messageid", "participant", "secondaddress"})
"""Tables whose rows may go when what they are known by names the person."""
_NEAR = frozenset({"body_text", "reply_text", "remarks", "attachments"})
"""Columns of an entry that people write; ids and words of ours are not told by single words."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was done."""

    counts: dict[str, int]
    tickets: frozenset[int]
    """Those that were deleted."""
    shared: frozenset[int]
    """Those others take part in."""
    known: Recognised
    """How the person was told, for looking into what is not in the database."""


def erase(tx: Tx, found: Survey, ours: Collection[str], address: str, now: datetime, *, force: bool) -> Erased:
    """Everything of the person; what was done. Raises `ReplydeskError` when something is in the way."""
    names = [f"author:{found.key}", *(f"ticket:{n}" for n in found.whole | found.part)]
    tx.threads.serialise(names)
    # Mail came in while the survey was made, and tickets changed.
    found, known = person.survey(tx.connection, address, ours, lambda done, total: None, found)
    refuse(found, force=force)
    counts = _Eraser(tx.connection, found, known, now).run()
    _end_alarms(tx, now)
    _write_cards_anew(tx, found, now)
    return Erased(counts, frozenset(found.whole), frozenset(found.part), known)


def _end_alarms(tx: Tx, now: datetime) -> None:
    """Nobody can decide any more about what is gone."""
    if not tx.journal.held():
        tx.alarms.clear(MAILS_HELD, now)
    for key in [alarm.key for alarm in tx.alarms.open() if alarm.key.startswith(UNCERTAIN)]:
        mail = tx.connection.execute(select(OUTBOX.c.state).where(OUTBOX.c.id == int(key.removeprefix(UNCERTAIN))))
        if mail.scalar_one_or_none() != State.UNCERTAIN:
            tx.alarms.clear(key, now)


def _write_cards_anew(tx: Tx, found: Survey, now: datetime) -> None:
    """A card on the board tells the whole conversation, and nothing it is known by changes when words go from it."""
    if tx.connection.execute(select(CARD.c.ticket).where(CARD.c.ticket.in_(found.part)).limit(1)).first():
        tx.board.rebuild(True, now)


def refuse(found: Survey, *, force: bool) -> None:
    """Raises `ReplydeskError` for the first thing that is in the way; `force` is no remedy for the last one."""
    if found.others_undecided:
        raise ReplydeskError(
            f"{_mails(found.others_undecided)} of somebody else, naming this person, {_is(found.others_undecided)} not "
            "decided about yet: wait, or use replydesk journal retry or drop, and try again"
        )
    if force:
        return
    if found.open:
        numbers = ", ".join(f"#{n}" for n in sorted(found.open))
        raise ReplydeskError(f"there are open tickets: {numbers}. Close them first, or use --force")
    if found.undecided:
        raise ReplydeskError(
            f"{_mails(found.undecided)} of this person {_is(found.undecided)} not decided about yet: wait, or use "
            "replydesk journal retry or drop, or use --force"
        )
    if found.waiting:
        raise ReplydeskError(
            f"mails that name this person are yet to be sent to others (outbox {_listed(found.waiting)}): wait, or use "
            "--force to not send them"
        )


def _mails(ids: Collection[int]) -> str:
    return f"journal {'entry' if len(ids) == 1 else 'entries'} {_listed(ids)}"


def _is(ids: Collection[int]) -> str:
    return "is" if len(ids) == 1 else "are"


def _listed(ids: Collection[int]) -> str:
    shown = ", ".join(str(i) for i in sorted(ids)[:5])
    return shown + (", …" if len(ids) > 5 else "")


class _Eraser:
    def __init__(self, connection: Connection, found: Survey, known: Recognised, now: datetime) -> None:
        self._connection, self._found, self._known, self._now = connection, found, known, now
        self._erasure = Erasure(connection)
        self.counts: Counter[str] = Counter()

    def run(self) -> dict[str, int]:
        found, counts, erasure = self._found, self.counts, self._erasure
        counts["attachments"] = self._attachments()
        before = self._count(RAW.c.sha256, RAW.c.data.is_not(None))
        messages = self._count(MESSAGE_ID.c.id)
        counts["mails_received"] = len(found.journal)
        counts["mails_never_decided"] = self._drop_undecided()
        counts["mails_sent"] = self._count(OUTBOX.c.id, OUTBOX.c.ticket.in_(found.whole)) + len(
            found.outbox - set(self._ids(OUTBOX.c.id, OUTBOX.c.ticket.in_(found.whole)))
        )
        counts["tickets_deleted"] = len(found.whole)
        counts["tickets_shared"] = len(found.part)
        counts["entries"] = self._count(ENTRY.c.id, ENTRY.c.ticket.in_(found.whole))
        own_raws = self._own_raws()
        if found.whole:
            erasure.delete_tickets(found.whole, self._now)
        self._shared()
        erasure.delete_outbox(found.outbox)
        self._others_mails()
        erasure.blank_journal(found.journal, self._now)
        gone = found.raws | own_raws
        erasure.drop_raw(gone)
        erasure.empty_raw(gone, self._now)
        counts["drafts_dropped"] = self._drafts_without_mail()
        self._without_lost_files()
        self._contact()
        self._texts()
        counts["raw_mails"] = before - self._count(RAW.c.sha256, RAW.c.data.is_not(None))
        counts["message_ids"] = messages - self._count(MESSAGE_ID.c.id)
        return dict(counts)

    # --- mails that came in ---------------------------------------------------------------

    def _attachments(self) -> int:
        """Files in the mails that go, as far as entries know them."""
        which = ENTRY.c.sha256.in_(self._found.raws) | ENTRY.c.ticket.in_(self._found.whole)
        return sum(len(files) for files in self._connection.execute(select(ENTRY.c.attachments).where(which)).scalars())

    def _drop_undecided(self) -> int:
        """Mails of the person's own that wait: they are settled, and never decided about."""
        ids = self._found.undecided
        statement = update(JOURNAL).where(JOURNAL.c.id.in_(ids), JOURNAL.c.state != SETTLED)
        dropped = self._connection.execute(statement.values(state=SETTLED, reason=DROPPED, settled_at=self._now))
        self._found.journal |= ids
        return dropped.rowcount

    def _own_raws(self) -> set[str]:
        own = [
            select(JOURNAL.c.sha256).where(JOURNAL.c.id.in_(self._found.journal), JOURNAL.c.sha256.is_not(None)),
            select(ENTRY.c.sha256).where(ENTRY.c.id.in_(self._found.entries), ENTRY.c.sha256.is_not(None)),
        ]
        return {sha for statement in own for sha in self._connection.execute(statement).scalars()}

    # --- tickets others take part in --------------------------------------------------------

    def _shared(self) -> None:
        found, near = self._found, self._known.near
        on_shared = and_(ENTRY.c.id.in_(found.entries), ENTRY.c.ticket.in_(found.part))
        self.counts["entries"] += self._erasure.blank_entries(on_shared, MARK)
        rows = self._connection.execute(
            select(ENTRY.c.id, ENTRY.c.body_text, ENTRY.c.reply_text).where(
                ENTRY.c.ticket.in_(found.part), ENTRY.c.id.not_in(found.entries)
            )
        ).all()
        for id, body, reply in rows:
            if near.in_text(body) or near.in_text(reply):
                # What it quotes stands on the ticket as entries of its own, as far as it may.
                cut = update(ENTRY).where(ENTRY.c.id == id).values(body_text=near.cut(reply or body), reply_text="")
                self._connection.execute(cut)
                self.counts["texts_of_others"] += 1
        nobody = Contacts(self._connection).ensure(NOBODY, self._now) if found.part else None
        columns = TICKET.c.number, TICKET.c.subject, TICKET.c.snooze_note, TICKET.c.tags, TICKET.c.requester_key
        for number, subject, note, tags, key in self._connection.execute(
            select(*columns).where(TICKET.c.number.in_(found.part))
        ).all():
            values: dict[str, Any] = {"subject": near.cut(subject), "snooze_note": near.cut(note)}
            values["tags"] = [tag for tag in tags if not near.in_text(tag)]
            if (self._rater(number) or key) == found.key:
                self._connection.execute(update(RATING).where(RATING.c.ticket == number).values(comment=""))
            if key == found.key and nobody:
                values |= {"subject": MARK, "requester_id": nobody.id, "requester_key": nobody.key}
            self._connection.execute(update(TICKET).where(TICKET.c.number == number).values(**values))
        for number, comment in self._connection.execute(
            select(RATING.c.ticket, RATING.c.comment).where(RATING.c.ticket.in_(found.part), RATING.c.comment != "")
        ).all():
            cut = update(RATING).where(RATING.c.ticket == number).values(comment=near.cut(comment))
            self._connection.execute(cut)
        # Orders hold what was before them: to take one back would bring it, or the person, back.
        self._connection.execute(delete(ACT).where(ACT.c.ticket.in_(found.part)))
        self._connection.execute(delete(PARTICIPANT).where(PARTICIPANT.c.key == found.key))

    def _rater(self, number: int) -> str:
        """Whose the comment is: who was asked last before it came. The requester may be another by now."""
        asked = OUTBOX.c.ticket == number, OUTBOX.c.notice == Notice.RATING_REQUEST.value
        before = RATING.c.ticket == number, OUTBOX.c.created_at <= RATING.c.rated_at
        newest = select(OUTBOX.c.recipient_key).where(*asked, *before).order_by(OUTBOX.c.id.desc()).limit(1)
        return self._connection.execute(newest).scalar_one_or_none() or ""

    # --- mails of ours ----------------------------------------------------------------------

    def _others_mails(self) -> None:
        """Mails to others keep their place in the list, and lose their text; those not sent are not sent."""
        waits = OPEN
        mine = OUTBOX.c.id.in_(self._found.naming)
        recall = {"state": State.RECALLED, "last_reply": NOT_SENT, "claimed_by": "", "claimed_until": None}
        recalled = update(OUTBOX).where(mine, OUTBOX.c.state.in_(waits)).values(**recall)
        self.counts["mails_to_others_not_sent"] = self._connection.execute(recalled).rowcount
        emptied = update(OUTBOX).where(mine, OUTBOX.c.data.is_not(None)).values(data=None, files=[])
        self.counts["texts_of_mails_to_others"] = self._connection.execute(emptied).rowcount

    def _without_lost_files(self) -> None:
        """What is yet to be sent goes without the files that are gone."""
        waiting = select(OUTBOX.c.id, OUTBOX.c.files).where(OUTBOX.c.state.in_(OPEN))
        for id, files in self._connection.execute(waiting).all():
            wanted = {f["raw"] for f in files}
            there = set(self._ids(RAW.c.sha256, and_(RAW.c.sha256.in_(wanted), RAW.c.data.is_not(None))))
            if wanted - there:
                kept = [f for f in files if f["raw"] in there]
                self._connection.execute(update(OUTBOX).where(OUTBOX.c.id == id).values(files=kept))

    def _drafts_without_mail(self) -> int:
        """An agent's draft that names the person has no words left that could be sent."""
        kept = select(JOURNAL.c.id).join(RAW, RAW.c.sha256 == JOURNAL.c.sha256).where(RAW.c.data.is_not(None))
        lost = update(DRAFT).where(DRAFT.c.state == drafts.OPEN, DRAFT.c.journal_id.not_in(kept))
        return self._connection.execute(lost.values(state=drafts.DROPPED, ended_at=self._now)).rowcount

    # --- everything else --------------------------------------------------------------------

    def _texts(self) -> None:
        """Any text of any table that still holds something of the person."""
        for table in metadata.sorted_tables:
            keys = self._found.touched.get(table.name)
            if not keys:
                continue
            columns = list(table.primary_key.columns)
            known_by = {c.name for c in columns} | {c.name for c in table.columns if c.unique}
            for key in keys:
                this = and_(*(c == v for c, v in zip(columns, key, strict=True)))
                for _, row in list(person.texts_of(self._connection, table, this)):
                    shared = table is ENTRY and row["ticket"] in self._found.part
                    changed: dict[str, Any] = {}
                    for name, old in row.items():
                        traces = self._known.near if shared and name in _NEAR else self._known.everywhere
                        if (new := _cut(old, traces)) != old:
                            changed[name] = new
                    if not changed:
                        continue
                    self.counts["other_texts"] += 1
                    if known_by & changed.keys():
                        if table is CONTACT:
                            # As lists write it: `bounce+erika=customer.example@…`; who is behind it has tickets.
                            raise ReplydeskError(
                                f"{row['address']} is another contact, with this address in its own: nothing was "
                                "erased. Erase that one first, then this one again"
                            )
                        if table.name not in _REMOVABLE:
                            raise ReplydeskError(f"{table.name} {key} is known by what is to be erased")
                        self._connection.execute(delete(table).where(this))
                    else:
                        self._connection.execute(update(table).where(this).values(**changed))

    def _contact(self) -> None:
        ids = self._ids(CONTACT.c.id, CONTACT.c.key == self._found.key)
        self.counts["sessions"] = self._count(SESSION.c.token_hash, SESSION.c.contact_id.in_(ids))
        self._erasure.forget(self._found.key)
        self.counts["contacts"] = self._erasure.delete_contacts(ids)

    def _ids(self, column: Any, where: Any) -> list[Any]:
        return list(self._connection.execute(select(column).where(where)).scalars())

    def _count(self, column: Any, where: Any = True) -> int:
        statement = select(func.count(column))
        return int(self._connection.execute(statement if where is True else statement.where(where)).scalar_one())


def _cut(value: Any, traces: Traces) -> Any:
    match value:
        case str():
            return traces.cut(value)
        case dict():
            return {name: _cut(inner, traces) for name, inner in value.items()}
        case list():
            return [_cut(inner, traces) for inner in value]
    return value
