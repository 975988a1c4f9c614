"""What makes loss visible: a chain through the journal, and a sum over what hangs on each ticket.

Each journal row has a link made of the link before it and of what the row says of its mail, so none can be removed,
doubled or changed unseen; the newest link stands a second time in `chain`. Daemons on one PostgreSQL append at once:
there are several lanes, each a chain of its own, and a transaction takes one nobody else has. What is erased later
leaves the hash of what it was (`seal`), so the chain stays whole.

A ticket's sum is over hashes of rows in any order. What is added is added to it; whatever is changed or removed by
this program, in whichever module, is noticed here and counted anew before the commit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    Delete,
    Engine,
    RowMapping,
    Table,
    Update,
    bindparam,
    case,
    event,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from storage.statement import Statement
from storage.tables import ACT, CHAIN, ENTRY, JOURNAL, LINK, MESSAGE_ID, OUTBOX, PARTICIPANT, TICKET

CHAINED = (
    "sha256",
    "source",
    "reverse_path",
    "recipients",
    "remote",
    "authenticated_as",
    "size",
    "received_at",
)
"""Columns of the journal that never change, unless a person is erased."""
SUMMED: dict[Table, tuple[str, ...]] = {
    ENTRY: tuple(c.name for c in ENTRY.c),
    MESSAGE_ID: ("message_id", "ticket", "entry_id", "outbox_id", "journal_id", "sha256"),
    PARTICIPANT: tuple(c.name for c in PARTICIPANT.c),
    OUTBOX: (
        "id",
        "ticket",
        "entry_id",
        "journal_id",
        "notice",
        "audience",
        "recipient",
        "recipient_key",
        "reverse_path",
        "message_id",
        "automatic",
        "created_at",
    ),
    LINK: tuple(c.name for c in LINK.c),
    ACT: ("ticket", "agent", "at", "journal_id", "entry_id"),
}
"""What of which rows is summed for their ticket: all that does not change by itself."""
MODULUS = 1 << 60
LANES = 16
JOURNAL_LANE = "journal:{:02}"
GONE = "bytes-gone"
"""Counts the raw mails whose bytes were deleted by ourselves."""
BATCH = 500
_KEY = "seals"
_LAST = "end of the chain"

Row = Mapping[str, Any] | RowMapping


# --- hashes --------------------------------------------------------------------------------------


def _plain(value: object) -> object:
    """The same whichever database it was in, and whether a default was written by us or by it."""
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
    return str(value) if isinstance(value, str) else value or ""


_written = json.JSONEncoder(sort_keys=True, default=str).encode
"""`json.dumps` would make an encoder anew each time."""


def _hash(*parts: object) -> bytes:
    return hashlib.sha256(_written(parts).encode()).digest()


def seal(row: Row) -> str:
    """What a journal row says of its mail."""
    return _hash(*(_plain(row[name]) for name in CHAINED)).hex()


def link(before: str, place: int, sealed: str) -> str:
    return _hash(before, place, sealed).hex()


def weight(table: Table, row: Row) -> int:
    """What a row adds to the sum of its ticket."""
    # Without what is empty: a column that is added later changes no sum of before.
    says = {name: value for name in SUMMED[table] if (value := _plain(row.get(name)))}
    found = _hash(table.name, says)
    return int.from_bytes(found[:8], "big") % MODULUS


# --- the chain -------------------------------------------------------------------------------------

_HEADS = select(CHAIN.c.name, CHAIN.c.number, CHAIN.c.digest).where(CHAIN.c.name.like("journal:%"))
_FREE = Statement(_HEADS.order_by(CHAIN.c.name).limit(1).with_for_update(skip_locked=True))
_ADVANCE = Statement(
    update(CHAIN).where(CHAIN.c.name == bindparam("lane")).values(number=bindparam("place"), digest=bindparam("made"))
)
_GO_ON = Statement(
    update(CHAIN)
    .where(CHAIN.c.name == bindparam("lane"), CHAIN.c.number == bindparam("was"), CHAIN.c.digest == bindparam("before"))
    .values(number=bindparam("place"), digest=bindparam("made"))
)
_MORE = TICKET.c.sum + bindparam("more", type_=BigInteger)
_ADD = Statement(
    update(TICKET)
    .where(TICKET.c.number == bindparam("ticket"))
    .values(sum=case((_MORE >= MODULUS, _MORE - MODULUS), else_=_MORE))
)


def next_link(connection: Connection, row: Row) -> dict[str, Any]:
    """Lane, place and link of a journal row that is about to be written; the lane is ours until the commit."""
    last: tuple[str, int, str] | None = connection.info.get(_LAST)
    if last is not None:
        # What this connection wrote last is the end still, unless it was rolled back or another process wrote since.
        name, was, before = last
        made = link(before, was + 1, seal(row))
        if _GO_ON.run(connection, {"lane": name, "was": was, "before": before, "place": was + 1, "made": made}):
            connection.info[_LAST] = (name, was + 1, made)
            return {"lane": name, "place": was + 1, "link": made}
    head = _FREE.row(connection, {})
    if head is None:
        lanes = connection.execute(select(CHAIN.c.name).where(CHAIN.c.name.like("journal:%"))).all()
        name = JOURNAL_LANE.format(len(lanes) % LANES)
        new = (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(CHAIN)
        connection.execute(new.values(name=name, number=0, digest="").on_conflict_do_nothing())
        head = connection.execute(_HEADS.where(CHAIN.c.name == name).with_for_update()).one()
    place = head.number + 1
    made = link(head.digest, place, seal(row))
    _ADVANCE.run(connection, {"lane": head.name, "place": place, "made": made})
    if connection.dialect.name == "sqlite":
        # Elsewhere the lane may be another's meanwhile, and would have to be waited for.
        connection.info[_LAST] = (head.name, place, made)
    return {"lane": head.name, "place": place, "link": made}


def count_gone(connection: Connection, rows: int) -> None:
    """Bytes of so many raw mails were deleted by ourselves."""
    more = update(CHAIN).where(CHAIN.c.name == GONE).values(number=CHAIN.c.number + rows)
    if rows and not connection.execute(more).rowcount:
        connection.execute(insert(CHAIN).values(name=GONE, number=rows, digest=""))


# --- sums --------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Pending:
    """What one piece of work did to sums, until it ends."""

    added: dict[int, int] = field(default_factory=dict)
    touched: set[int] = field(default_factory=set)


def begin(connection: Connection) -> None:
    connection.info[_KEY] = _Pending()


def _pending(connection: Connection) -> _Pending:
    found: _Pending | None = connection.info.get(_KEY)
    if found is None:
        found = connection.info[_KEY] = _Pending()
    return found


def added(connection: Connection, table: Table, row: Row) -> None:
    """A row was inserted, with these values."""
    number = row.get("ticket")
    if number:
        pending = _pending(connection)
        pending.added[number] = (pending.added.get(number, 0) + weight(table, row)) % MODULUS


def finish(connection: Connection) -> None:
    """Write down the sums of all tickets this piece of work was about; before its commit."""
    pending = _pending(connection)
    begin(connection)
    for number in sorted(pending.added.keys() - pending.touched):
        _ADD.run(connection, {"ticket": number, "more": pending.added[number]})
    recount(connection, pending.touched)


def recount(connection: Connection, numbers: Iterable[int]) -> None:
    """Sum up what hangs on these tickets."""
    for number in sorted(numbers):
        locked = select(TICKET.c.number).where(TICKET.c.number == number).with_for_update()
        if connection.execute(locked).first() is not None:
            found = sums(connection, [number])[number]
            connection.execute(update(TICKET).where(TICKET.c.number == number).values(sum=found))


def sums(connection: Connection, numbers: Collection[int]) -> dict[int, int]:
    """The sums of these tickets, as their rows are now."""
    found = dict.fromkeys(numbers, 0)
    for table, columns in SUMMED.items():
        rows = select(*(table.c[name] for name in columns)).where(table.c.ticket.in_(numbers))
        for row in connection.execute(rows, execution_options={"yield_per": BATCH}):
            mapped = row._mapping
            number = mapped["ticket"]
            found[number] = (found[number] + weight(table, mapped)) % MODULUS
    return found


# --- what is changed elsewhere -----------------------------------------------------------------------


def listen(engine: Engine) -> None:
    """Notice whatever this program changes or removes."""
    event.listen(engine, "before_execute", _before)


def _before(connection: Connection, statement: object, many: Any, one: Any, _options: object) -> None:
    if not isinstance(statement, Update | Delete):
        return
    table: Any = statement.table
    columns = SUMMED.get(table) or (CHAINED if table is JOURNAL else None)
    if columns is None:
        return
    # What is set may be named by a column or by its name.
    set_: dict[Any, Any] = dict(statement._values or {}) if isinstance(statement, Update) else {}
    new = {str(getattr(column, "name", column)): value for column, value in set_.items()}
    if isinstance(statement, Update) and not new.keys() & set(columns):
        return
    where = statement.whereclause
    parameters = one or (many[0] if many else {})
    if table is JOURNAL:
        _keep_seals(connection, where, parameters)
        return
    rows = select(table.c.ticket).distinct()
    found = connection.execute(rows if where is None else rows.where(where), parameters).scalars()
    touched = _pending(connection).touched
    touched.update(number for number in found if number)
    number = getattr(new.get("ticket"), "value", None)
    if number:
        touched.add(number)


def _keep_seals(connection: Connection, where: Any, parameters: Any) -> None:
    """What these mails were is about to be erased: its hash stays."""
    rows = select(JOURNAL.c.id, *(JOURNAL.c[name] for name in CHAINED)).where(JOURNAL.c.seal.is_(None))
    for row in connection.execute(rows if where is None else rows.where(where), parameters).all():
        kept = update(JOURNAL).where(JOURNAL.c.id == row.id)
        connection.execute(kept.values(seal=seal(row._mapping)))


# --- databases of before there were seals --------------------------------------------------------------


def seal_all(connection: Connection) -> None:
    """Give every row that has none its link, and every ticket its sum."""
    unlinked = select(JOURNAL.c.id, *(JOURNAL.c[name] for name in CHAINED)).where(JOURNAL.c.link == "")
    rows = connection.execute(unlinked.order_by(JOURNAL.c.id), execution_options={"yield_per": BATCH})
    made: list[tuple[int, str]] = [(row.id, seal(row._mapping)) for row in rows]
    place, before = 0, ""
    for id, sealed in made:
        place, before = place + 1, link(before, place + 1, sealed)
        values = {"lane": JOURNAL_LANE.format(0), "place": place, "link": before}
        connection.execute(update(JOURNAL).where(JOURNAL.c.id == id).values(**values))
    if made:
        connection.execute(insert(CHAIN).values(name=JOURNAL_LANE.format(0), number=place, digest=before))
    recount(connection, connection.execute(select(TICKET.c.number)).scalars().all())


def walk(connection: Connection, after: int = 0) -> Iterator[str]:
    """One sentence for each place at which the chain is broken; only behind journal row `after`."""
    heads = {row.name: row for row in connection.execute(_HEADS)}
    known: dict[str, tuple[int, str, int]] = {}
    for lane in heads if after else ():
        newest = _LINKED.where(JOURNAL.c.lane == lane, JOURNAL.c.id <= after).order_by(JOURNAL.c.id.desc()).limit(1)
        for row in connection.execute(newest):
            known[lane] = (row.place, row.link, row.id)
    rows = _LINKED.where(JOURNAL.c.id > after).order_by(JOURNAL.c.id)
    for row in connection.execute(rows, execution_options={"yield_per": BATCH, "stream_results": True}):
        place, before, previous = known.get(row.lane, (0, "", 0))
        if row.place != place + 1:
            yield f"journal entry {row.id} is number {row.place} of {row.lane}; before it is {place} (entry {previous})"
        elif link(before, row.place, row.seal or seal(row._mapping)) != row.link:
            yield f"journal entry {row.id} is not what was written down, or follows another than entry {previous}"
        known[row.lane] = (row.place, row.link, row.id)
    for lane in sorted(known.keys() | heads.keys()):
        place, newest_link, last = known.get(lane, (0, "", 0))
        head = heads.get(lane)
        if head is None:
            yield f"the end of {lane} is gone"
        elif (place, newest_link) != (head.number, head.digest):
            yield f"{lane} ends with number {head.number}, and the newest there is number {place} (entry {last})"


_LINKED = select(JOURNAL.c.id, *(JOURNAL.c[name] for name in (*CHAINED, "seal", "lane", "place", "link")))
