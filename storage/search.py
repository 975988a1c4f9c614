"""Full-text search: which words stand in the subject and in the correspondence of a ticket.

A row of `search` holds the words of one subject or one entry (`search_words`); SQLite finds them by an FTS5 index that
triggers keep, PostgreSQL by a GIN index. Rows are written with what they index, in the same transaction: added ones by
`Documents`, and whatever else changes a subject or an entry is noticed here (`listen`). What is deleted takes its row
along, by the foreign key. Notes, reports and automatic mail are not in it, for customers search too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Select,
    Update,
    and_,
    bindparam,
    cast,
    column,
    delete,
    event,
    false,
    func,
    insert,
    or_,
    select,
    table,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from gateway.core import sides
from gateway.core.ticket import EntryKind, Role
from storage.search_index import SEARCH
from storage.search_words import Term, asked, words_of
from storage.statement import Statement
from storage.tables import CHAIN, ENTRY, JOB, TICKET

NEWEST = 10_000
"""Of words that stand in more entries than this only the newest are looked at."""
FEW = 500
"""So many rows are looked at themselves."""
WRITTEN_OUT = 100
"""Words a beginning is written out as, at most."""
SLICE = 100
"""Entries indexed in one transaction where many wait."""
FILLED = "search-filled"
"""Up to this entry every one was looked at; older versions wrote entries without a row."""
BEFORE = "search-before"
"""The newest entry there was when the table was made."""
TIDIED, TIDY_SECONDS = "search-tidied", 24 * 3600
MARGIN = {"sqlite": 0, "postgresql": 1000}
"""Rows before the newest that are looked at again: on PostgreSQL a lower number may be committed later."""
_KEY = "search"
_INDEX: Any = table("search_index", column("search_index"), column("rowid"))
_TERMS = text("CREATE VIRTUAL TABLE IF NOT EXISTS temp.search_terms USING fts5vocab (main, search_index, row)")
_LONGER = text("SELECT term FROM temp.search_terms WHERE term >= :first AND term < :last LIMIT :most")
_ADD = Statement(insert(SEARCH))
_SUBJECT = Statement(select(SEARCH.c.words).where(SEARCH.c.ticket == bindparam("number"), SEARCH.c.entry_id.is_(None)))
_WATCHED = {ENTRY: frozenset({"kind", "body_text", "attachments", "ticket"}), TICKET: frozenset({"subject"})}


# --- finding -------------------------------------------------------------------------------------


def tickets_with(connection: Connection, wanted: str, among: Select[Any] | None, *, requester: str = "") -> Select[Any]:
    """Numbers of tickets of which one mail, or the subject, has all these words. `among`: the numbers that come into
    question, where these are few. `requester`, an address key: of mails only those they wrote themselves, for of what
    others wrote they are not shown everything (`mails_of_others`)."""
    hit = SEARCH.alias("hit")
    hits = select(hit.c.ticket).where(hit.c.id.in_(_newest(connection, asked(wanted), among)))
    if not requester:
        return hits
    hits = hits.outerjoin(ENTRY, ENTRY.c.id == hit.c.entry_id)
    return hits.where(or_(hit.c.entry_id.is_(None), and_(_may_be_read(), _wrote(requester))))


def mails_of_others(connection: Connection, wanted: str, among: Select[Any] | None, requester: str) -> list[int]:
    """Ids of the newest mails with all these words on tickets of a requester which somebody else wrote."""
    mails = select(ENTRY.c.id).join(SEARCH, SEARCH.c.entry_id == ENTRY.c.id)
    mails = mails.where(SEARCH.c.id.in_(_newest(connection, asked(wanted), among)), _may_be_read(), ~_wrote(requester))
    return list(connection.execute(mails.order_by(ENTRY.c.id.desc()).limit(FEW)).scalars())


def _wrote(requester: str) -> ColumnElement[bool]:
    return and_(func.lower(ENTRY.c.author_address) == requester, ENTRY.c.author_role != Role.AGENT.value)


def _may_be_read() -> ColumnElement[bool]:
    """Of merged tickets only what their requesters may read: that a word stands in a mail says something of it."""
    return ENTRY.c.side.in_([0, -ENTRY.c.ticket, -ENTRY.c.ticket + sides.alone(0)])


def _newest(connection: Connection, terms: Sequence[tuple[Term, ...]], among: Select[Any] | None) -> Select[Any]:
    """The newest rows with all these words."""
    if not terms:
        return select(SEARCH.c.id).where(false())
    mine = None if among is None else SEARCH.c.ticket.in_(among)
    if connection.dialect.name == "sqlite" and mine is not None and _are_few(connection, mine):
        id = SEARCH.c.id
        found = select(id).where(mine, *(or_(*map(_stands, some)) for some in terms))
    elif connection.dialect.name == "sqlite":
        id = _INDEX.c.rowid
        found = select(id).where(_INDEX.c.search_index.op("MATCH")(_fts5(connection, terms)))
        if mine is not None:
            # Plus nothing: the index is read once, and not anew for each of theirs.
            found = found.where((id + 0).in_(select(SEARCH.c.id).where(mine)))
    else:
        id = SEARCH.c.id
        vector = func.array_to_tsvector(func.string_to_array(SEARCH.c.words, text("' '")))
        found = select(id).where(vector.op("@@")(cast(_tsquery(terms), TSQUERY)))
        if mine is not None:
            found = found.where(mine)
    newest = found.order_by(id.desc()).limit(NEWEST).subquery()
    return select(newest.c[0])


def mails_on_sides(connection: Connection, wanted: str, ticket: int, seen: Collection[int], subject: str) -> list[int]:
    """Ids of the newest mails of a ticket on these sides that may have all these words, together with this subject. For
    somebody whose request went into another's: rows of `search` have the other's subject with them, so they only say
    which mails are looked at themselves."""
    sought = _beside(asked(wanted), subject)
    within = (or_(*(SEARCH.c.words.contains(term.word, autoescape=True) for term in some)) for some in sought)
    rows = select(ENTRY.c.id).join(SEARCH, SEARCH.c.entry_id == ENTRY.c.id)
    rows = rows.where(SEARCH.c.ticket == ticket, ENTRY.c.side.in_(seen), *within).order_by(ENTRY.c.id.desc())
    return list(connection.execute(rows.limit(FEW)).scalars())


def has_words(wanted: str, subject: str, texts: Iterable[str]) -> bool:
    """Whether all these words stand in the subject or the texts."""
    words = words_of(texts)
    return bool(asked(wanted)) and all(_is_one_in(some, words) for some in _beside(asked(wanted), subject))


def _beside(terms: Sequence[tuple[Term, ...]], subject: str) -> list[tuple[Term, ...]]:
    """The words that do not stand in the subject."""
    titled = words_of([subject])
    return [some for some in terms if not _is_one_in(some, titled)]


def _is_one_in(some: Iterable[Term], words: str) -> bool:
    """As the index finds it."""
    return any((f" {term.word}" if term.begins else f" {term.word} ") in f" {words} " for term in some)


def _are_few(connection: Connection, mine: ColumnElement[bool]) -> bool:
    """Rows that are looked at one by one sooner than a word is found that stands in many others'."""
    some = select(SEARCH.c.id).where(mine).limit(FEW + 1).subquery()
    return int(connection.execute(select(func.count()).select_from(some)).scalar_one()) <= FEW


def _stands(term: Term) -> ColumnElement[bool]:
    """As the index finds it, in the words of a row."""
    wanted = f" {term.word}" if term.begins else f" {term.word} "
    return func.instr(" " + SEARCH.c.words + " ", wanted) > 0


def _fts5(connection: Connection, terms: Sequence[tuple[Term, ...]]) -> str:
    """Beginnings of words are written out: of a word FTS5 gives the newest rows at once, of a beginning it gathers all
    there are before the first, a million where a word stands in nearly every mail."""
    connection.execute(_TERMS)
    each = (" OR ".join(one for term in some for one in _written_out(connection, term)) for some in terms)
    return " AND ".join(f"({one})" for one in each)


def _written_out(connection: Connection, term: Term) -> list[str]:
    """All words that begin so; the beginning itself, where they are many."""
    longer = {"first": f"{term.word}\x01", "last": f"{term.word}\U0010ffff", "most": WRITTEN_OUT}
    found = connection.execute(_LONGER, longer).scalars().all() if term.begins else ()
    if len(found) == WRITTEN_OUT:
        return [f'"{term.word}"*']
    return [f'"{word}"' for word in (term.word, *found)]


def _tsquery(terms: Sequence[tuple[Term, ...]]) -> str:
    each = (" | ".join(f"'{t.word}'{':*' if t.begins else ''}" for t in some) for some in terms)
    return " & ".join(f"({one})" for one in each)


# --- what is added ---------------------------------------------------------------------------------


def add_subject(connection: Connection, number: int, subject: str) -> None:
    """A ticket was opened."""
    _ADD.run(connection, {"ticket": number, "entry_id": None, "words": words_of([subject])})


def add_entry(connection: Connection, id: int, row: dict[str, Any]) -> None:
    """An entry was added, with these values. Its ticket's subject is found together with its words."""
    if row["kind"] != EntryKind.CORRESPONDENCE.value:
        return
    subject = _SUBJECT.scalar(connection, {"number": row["ticket"]}) or ""
    words = " ".join(filter(None, (words_of(_texts(row)), subject)))
    _ADD.run(connection, {"ticket": row["ticket"], "entry_id": id, "words": words})


def _texts(row: Any) -> Iterable[str]:
    return (row["body_text"], *(str(file.get("filename") or "") for file in row["attachments"]))


# --- what is changed elsewhere -----------------------------------------------------------------------


@dataclass(slots=True)
class _Changed:
    """What one piece of work changed, until it ends."""

    entries: set[int] = field(default_factory=set)
    tickets: set[int] = field(default_factory=set)


def listen(engine: Engine) -> None:
    """Notice whatever this program changes of what is indexed."""
    event.listen(engine, "before_execute", _before)


def begin(connection: Connection) -> None:
    connection.info[_KEY] = _Changed()


def _before(connection: Connection, statement: object, many: Any, one: Any, _options: object) -> None:
    table: Any = getattr(statement, "table", None)
    watched = _WATCHED.get(table) if isinstance(statement, Update) else None
    if not isinstance(statement, Update) or watched is None:
        return
    set_: dict[Any, Any] = dict(statement._values or {})
    new = {str(getattr(column, "name", column)) for column in set_}
    if not new & watched:
        return
    changed: _Changed = connection.info.setdefault(_KEY, _Changed())
    key = ENTRY.c.id if table is ENTRY else TICKET.c.number
    rows = select(key) if statement.whereclause is None else select(key).where(statement.whereclause)
    found = connection.execute(rows, one or (many[0] if many else {})).scalars()
    (changed.entries if table is ENTRY else changed.tickets).update(found)


def finish(connection: Connection) -> None:
    """Index anew whatever this piece of work changed; before its commit."""
    changed: _Changed | None = connection.info.get(_KEY)
    if changed is None or not (changed.entries or changed.tickets):
        return
    begin(connection)
    index(connection, changed.entries, changed.tickets)


def index(connection: Connection, entries: Iterable[int], tickets: Iterable[int]) -> None:
    """Write the rows of these entries, and of these tickets with all of their entries, as their texts are now."""
    numbers, ids = list(tickets), set(entries)
    if numbers:
        ids |= set(connection.execute(select(ENTRY.c.id).where(ENTRY.c.ticket.in_(numbers))).scalars())
    rows = select(ENTRY.c.id, ENTRY.c.ticket, ENTRY.c.kind, ENTRY.c.body_text, ENTRY.c.attachments, TICKET.c.subject)
    rows = rows.join(TICKET, TICKET.c.number == ENTRY.c.ticket).where(ENTRY.c.id.in_(ids))
    made: list[dict[str, Any]] = []
    if numbers:
        subjects = select(TICKET.c.number, TICKET.c.subject).where(TICKET.c.number.in_(numbers))
        for number, subject in connection.execute(subjects):
            made.append({"ticket": number, "entry_id": None, "words": words_of([subject])})
    for row in connection.execute(rows).mappings():
        if row["kind"] == EntryKind.CORRESPONDENCE.value:
            words = words_of((*_texts(row), row["subject"]))
            made.append({"ticket": row["ticket"], "entry_id": row["id"], "words": words})
    connection.execute(delete(SEARCH).where(SEARCH.c.entry_id.in_(ids)))
    connection.execute(delete(SEARCH).where(SEARCH.c.ticket.in_(numbers), SEARCH.c.entry_id.is_(None)))
    if made:
        connection.execute(insert(SEARCH), made)


# --- databases of before, and what older versions beside us write --------------------------------------


def filled(connection: Connection, mark: str = FILLED) -> int:
    """Up to this entry every one has its row, with its ticket."""
    return int(connection.execute(select(CHAIN.c.number).where(CHAIN.c.name == mark)).scalar() or 0)


def fill(connection: Connection, after: int) -> int:
    """Index the entries behind `after` that have no row, and their tickets: some of them. The last one looked at; 0
    when there is none."""
    newest = connection.execute(select(func.max(ENTRY.c.id))).scalar() or 0
    rows = connection.execute(
        select(ENTRY.c.id, ENTRY.c.ticket, ENTRY.c.kind, SEARCH.c.id.label("row"))
        .join(SEARCH, SEARCH.c.entry_id == ENTRY.c.id, isouter=True)
        .where(ENTRY.c.id > after)
        .order_by(ENTRY.c.id)
        .limit(SLICE)
    ).all()
    if not rows:
        return 0
    of_subject = SEARCH.c.entry_id.is_(None)
    named = {row.ticket for row in rows}
    there = select(SEARCH.c.ticket).where(SEARCH.c.ticket.in_(named), of_subject)
    bare = named - set(connection.execute(there).scalars())
    for number, subject in connection.execute(
        select(TICKET.c.number, TICKET.c.subject).where(TICKET.c.number.in_(bare))
    ):
        add_subject(connection, number, subject)
    index(connection, {r.id for r in rows if r.row is None and r.kind == EntryKind.CORRESPONDENCE.value}, ())
    last = int(rows[-1].id)
    upto, known = min(last, newest - MARGIN[connection.dialect.name]), filled(connection)
    if upto > known:
        _mark(connection, FILLED, upto)
    return last


def stale(connection: Connection, now: datetime) -> bool:
    """Retention took something since SQLite's index was last written anew, a day ago at least: now it is due."""
    took = connection.execute(select(JOB.c.outcome_at).where(JOB.c.name == "retention")).scalar()
    if connection.dialect.name != "sqlite" or took is None:
        return False
    before = filled(connection, TIDIED)
    if took.timestamp() <= before or now.timestamp() < before + TIDY_SECONDS:
        return False
    _mark(connection, TIDIED, int(now.timestamp()))
    return True


def _mark(connection: Connection, name: str, number: int) -> None:
    known = update(CHAIN).where(CHAIN.c.name == name).values(number=number)
    if not connection.execute(known).rowcount:
        connection.execute(insert(CHAIN).values(name=name, number=number, digest=""))


def forget(connection: Connection, pages: int) -> bool:
    """Write a part of SQLite's index anew, so that words of what was deleted are in none of its pages. `pages` below 0
    begins with it, above 0 goes on. False: all of it is done."""
    if connection.dialect.name != "sqlite":
        return False
    before = connection.execute(text("SELECT total_changes()")).scalar_one()
    connection.execute(text("INSERT INTO search_index (search_index, rank) VALUES ('merge', :pages)"), {"pages": pages})
    # As SQLite's manual says: fewer than two changes, and there was nothing to do.
    return int(connection.execute(text("SELECT total_changes()")).scalar_one()) - int(before) >= 2
