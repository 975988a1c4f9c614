"""Search by words: the same answers from both databases, equal to the texts whatever happens to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update

from gateway.core.decision import Moved
from gateway.core.ticket import Entry, EntryKind, Role
from gateway.mail.message import Address
from storage import move, search
from storage.audit import audit
from storage.database import Database
from storage.erasure.retention import Mode, Retention
from storage.reads import TicketReads, Wanted
from storage.search_index import SEARCH
from storage.search_words import MOST_BYTES, words_of
from storage.tables import CHAIN, ENTRY, TICKET
from storage.tx import Tx
from tests.conftest import NOW
from tests.core.build import KIM, LEE, attachment
from tests.storage.test_tickets import LATER, apply, draft, on, opening

MAIL = (
    "Sehr geehrte Damen, der Laserdrucker im 2. Stock druckt nicht. Rechnung 2026/0042-A liegt bei, Grüße aus Köln! "
    "Schreiben Sie an erika.muster@example.com; l'imprimante est cassée. 東京タワーの印刷機 не печатает PC"
)
FOUND = {
    "drucker": True,
    "DRUCKT nicht": True,
    "laser": True,
    "aserdruck": False,
    "grusse koln": True,
    "GRÜSSE": True,
    "erika.muster@example.com": True,
    "example.com": True,
    "muster@exam": True,
    "muster@other.com": False,
    "2026/0042": True,
    "0042-a": True,
    "imprimante cassee": True,
    "タワー": True,
    "東": True,
    "京東": False,
    "ПЕЧАТАЕТ": True,
    "pc": True,
    "ko": False,
    "druckt nie": False,
    "scan.pdf": True,
    "burns": True,
    "druckt burns": True,
    "!!!": False,
}


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    database = Database(database_url, Path())
    yield database
    database.close_now()


def numbers(db: Database, **wanted: str) -> list[int]:
    found = Wanted(**wanted)  # type: ignore[arg-type]  # the one that is a number is not asked for
    tickets, count = db.read_now(lambda tx: (tx.reads.search(found), tx.reads.count(found)))
    assert count == len(tickets)
    return [ticket.number for ticket in tickets]


def rows(db: Database) -> list[tuple[object, ...]]:
    found = select(SEARCH.c.ticket, SEARCH.c.entry_id, SEARCH.c.words).order_by(SEARCH.c.ticket, SEARCH.c.entry_id)
    return db.read_now(lambda tx: sorted(map(tuple, tx.connection.execute(found)), key=str))


def broken(db: Database) -> dict[str, tuple[str, ...]]:
    return {b.rule.name: b.examples for b in db.read_now(audit).broken}


def test_what_is_found(db: Database) -> None:
    """By how words begin, long ones by how they end; accents, capitals and scripts make no difference."""
    apply(db, opening(subject="It burns", entry=draft(MAIL, attachments=(attachment("Scan.PDF"),))))
    apply(db, opening(requester=LEE, subject="Other", text="nothing of it"))
    assert {asked: numbers(db, text=asked) == [1] for asked in FOUND} == FOUND
    assert numbers(db, text="druckt", requester=KIM.address) == [1]
    assert numbers(db, text="druckt", requester=LEE.address) == []
    assert numbers(db, text="druckt", status="open") == [1]
    assert numbers(db, text="druckt", status="closed") == []


def test_texts_without_end_and_without_words_are_kept() -> None:
    """No mail is refused for its words; what a database could not take is left out."""
    assert words_of(["", "... --- !!!", "\0"]) == ""
    many = words_of([" ".join(f"w{n}" for n in range(200_000)), "x" * 1_000_000])
    assert len(many.encode()) < MOST_BYTES
    assert max(map(len, words_of(["y" * 1_000_000]).split())) <= 65


def test_a_long_text_is_stored(db: Database) -> None:
    """Both databases take the words of it."""
    apply(db, opening(text=" ".join(f"wörd{n}" for n in range(60_000))))
    assert numbers(db, text="wörd5") == [1]


def test_the_subject_and_a_later_mail_are_found_together(db: Database) -> None:
    """An answer has the subject with it; a changed subject changes all."""
    apply(db, opening(subject="Kaffeemaschine", text="defekt"))
    apply(db, on(1, draft("Wasserschlauch")), LATER)
    assert numbers(db, text="kaffee schlauch") == [1]
    apply(db, on(1, subject="Teekanne"))
    assert numbers(db, text="kaffeemaschine") == []
    assert numbers(db, text="teekanne defekt") == numbers(db, text="teekanne wasserschlauch") == [1]


def test_words_go_where_entries_go(db: Database) -> None:
    """Moved entries, and those that became notes."""
    apply(db, opening(text="apple"))
    apply(db, opening(text="pear"))
    apply(db, replace(on(2), moved=Moved(1)))
    assert numbers(db, text="apple") == [2]
    ids = db.read_now(lambda tx: [e.id for e in tx.reads.entries(2, [EntryKind.CORRESPONDENCE])])
    apply(db, on(2, inner=tuple(ids)))
    assert numbers(db, text="pear") == []
    assert broken(db) == {}


@pytest.mark.parametrize("mode", Mode)
def test_retention_takes_the_words(db: Database, mode: Mode) -> None:
    """Nothing of them is left in the rows, nor in the index of SQLite."""
    apply(db, opening(subject="Zwiebelkuchen", text="Apfelmus"))
    apply(db, opening(text="Birnenkompott"))
    db.write_now(
        lambda tx: tx.connection.execute(
            update(TICKET).where(TICKET.c.number == 1).values(status="closed", closed_at=NOW)
        )
    )
    assert db.write_now(lambda tx: Retention(tx.connection).tickets(LATER, mode, LATER)) == 1
    assert numbers(db, text="apfelmus") == numbers(db, text="zwiebelkuchen") == []
    assert numbers(db, text="birnenkompott") == [2]
    assert "apfel" not in str(rows(db))
    db.write_now(lambda tx: search.forget(tx.connection, -500))
    while db.write_now(lambda tx: search.forget(tx.connection, 500)):
        pass
    if db.is_sqlite:
        kept = db.read_now(
            lambda tx: tx.connection.execute(text("SELECT block FROM search_index_data")).scalars().all()
        )
        assert not [block for block in kept if b"apfel" in block or b"wiebel" in block]
        assert [block for block in kept if b"birnen" in block]


def test_what_raises_leaves_no_words(db: Database) -> None:
    """Words are of the same transaction as the text."""

    def fail(tx: Tx) -> None:
        tx.tickets.apply(opening(text="ghost"), None, NOW)
        raise ValueError

    with pytest.raises(ValueError):
        db.write_now(fail)
    apply(db, opening())
    assert numbers(db, text="ghost") == []
    assert len(rows(db)) == 2


def test_rows_of_older_versions_are_filled_in(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """In slices, from where it stopped; the audit misses what should have been there."""
    monkeypatch.setattr(search, "SLICE", 2)
    monkeypatch.setattr(search, "MARGIN", {"sqlite": 0, "postgresql": 0})
    for n in range(5):
        apply(db, opening(text=f"apple{n}"))
    apply(db, on(1, draft("a note", kind=EntryKind.COMMENT)))
    before = rows(db)

    def lose(tx: Tx) -> None:
        tx.connection.execute(delete(SEARCH))
        tx.connection.execute(insert(CHAIN).values(name=search.BEFORE, number=6, digest=""))

    db.write_now(lose)
    assert broken(db) == {}
    last = db.write_now(lambda tx: search.fill(tx.connection, 0))
    assert last == 2 == db.read_now(lambda tx: search.filled(tx.connection))
    assert numbers(db, text="apple1") == [2]
    while last := db.write_now(lambda tx: search.fill(tx.connection, last)):
        pass
    assert rows(db) == before
    db.write_now(lambda tx: tx.connection.execute(delete(SEARCH).where(SEARCH.c.ticket == 3)))
    assert broken(db) == {"search": ("entry 3 of ticket 3 is not",)}
    db.write_now(lambda tx: search.fill(tx.connection, 0) or search.fill(tx.connection, 2))


def test_the_audit_misses_the_index(db: Database) -> None:
    """Without it nothing would be found, and nothing said so."""
    apply(db, opening())
    gone = "DROP TRIGGER search_added" if db.is_sqlite else "DROP INDEX search_index"
    db.write_now(lambda tx: tx.connection.execute(text(gone)))
    assert "by which words are found, is gone" in broken(db)["shape"][0]


@pytest.mark.parametrize("to", ["postgresql", "sqlite"])
def test_words_move_to_the_other_database(to: str, sqlite_url: str, postgresql_url: str) -> None:
    """They are found there as they were here."""
    urls = [sqlite_url, postgresql_url] if to == "postgresql" else [postgresql_url, sqlite_url]
    source, target = (Database(url, Path()) for url in urls)
    apply(source, opening(text=MAIL))
    apply(source, opening(text="other"))
    move.move(source, target, lambda *_: None, NOW)
    assert rows(source) == rows(target)
    assert numbers(target, text="Drucker grüsse") == [1]
    apply(target, opening(text="drucker"))
    assert numbers(target, text="drucker") == [3, 1]
    for database in (source, target):
        database.close_now()


def test_more_hits_than_are_looked_at(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of words that stand everywhere the newest are shown; of one customer's few tickets all are."""
    for n in range(6):
        apply(db, opening(requester=LEE if n == 0 else KIM, text="common"))
    monkeypatch.setattr(search, "NEWEST", 2)
    assert numbers(db, text="common") == [6, 5]
    assert numbers(db, text="common", requester=LEE.address) == [1]


@pytest.mark.parametrize("few", [0, 500])
def test_few_tickets_and_many_are_searched_alike(db: Database, monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    """Whether the index is asked or the words of a customer's own tickets are looked at."""
    monkeypatch.setattr(search, "FEW", few)
    apply(db, opening(subject="It burns", entry=draft(MAIL, attachments=(attachment("Scan.PDF"),))))
    apply(db, opening(requester=LEE, entry=draft(MAIL)))
    assert {asked: numbers(db, text=asked, requester=KIM.address) == [1] for asked in FOUND} == FOUND


def test_a_requester_finds_what_they_are_shown(db: Database) -> None:
    """All that they wrote; of others' mails not what is quoted from elsewhere, nor an answer that is not given yet."""
    apply(db, opening(entry=draft("Mine.\n> above", reply_text="Mine.")))
    quoting = draft("Hers.\n> elsewhere", author=LEE, role=Role.PARTICIPANT, reply_text="Hers.")
    apply(db, on(1, quoting))
    held = draft("Refused.", author=Address("anna@example.com"), role=Role.AGENT, reply_text="Refused.")
    apply(db, on(1, held), LATER)

    def found(words: str, given_by: datetime | None = None) -> bool:
        mine = Wanted(text=words, requester=KIM.address, by_requester=True, given_by=given_by)
        return db.read_now(lambda tx: [t.number for t in tx.reads.search(mine)] == [1])

    assert all(map(found, ("mine", "above", "hers", "refused", "printer refused")))
    assert not found("elsewhere")
    assert not found("refused", LATER - timedelta(seconds=1))
    assert found("refused", LATER)


def test_a_conversation_is_read_once_for_a_search(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many of its mails quote something that may be from elsewhere: the doors wait meanwhile."""
    apply(db, opening())
    for n in range(5):
        apply(
            db,
            on(
                1,
                draft(
                    f"Hers.\n> elsewhere {n}", author=LEE, role=Role.PARTICIPANT, reply_text=f"> elsewhere {n}\nHers."
                ),
            ),
        )
    read: list[int] = []
    entries = TicketReads.entries

    def counted(self: TicketReads, number: int) -> list[Entry]:
        read.append(number)
        return entries(self, number)

    monkeypatch.setattr(TicketReads, "entries", counted)
    mine = Wanted(text="elsewhere", requester=KIM.address, by_requester=True)
    assert db.read_now(lambda tx: tx.reads.count(mine)) == 0
    assert read == [1]
    assert db.read_now(lambda tx: tx.reads.count(replace(mine, text="hers"))) == 1


@pytest.mark.parametrize("most", [4, 100])
def test_beginnings_of_many_words(db: Database, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Whether they are written out or are too many for that."""
    monkeypatch.setattr(search, "WRITTEN_OUT", most)
    for n in range(90):
        apply(db, opening(text=f"pack{n} {'Karton' * (n == 7)}"))
    apply(db, opening(text="pack"))
    apply(db, opening(text="pacx zupack Großpackung"))
    assert len(numbers(db, text="pack")) == 91
    assert numbers(db, text="pack7 karton") == [8]
    assert numbers(db, text="packung") == [92]


def test_no_row_is_left_of_a_deleted_ticket(db: Database) -> None:
    """By the foreign key."""
    apply(db, opening(text="apple"))
    entries = select(ENTRY.c.id)
    assert db.read_now(lambda tx: tx.connection.execute(entries).all())
    apply(db, opening(text="pear"))
    db.write_now(lambda tx: tx.connection.execute(update(TICKET).values(status="closed", closed_at=NOW)))
    while db.write_now(lambda tx: Retention(tx.connection).tickets(LATER, Mode.DELETE, LATER)):
        pass
    assert rows(db) == []
