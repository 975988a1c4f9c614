"""Tickets in the store: what a decision changes, what is found again, and who waits for whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from sqlmodel.sql.sqltypes import UTCDateTime

from gateway.core import thread
from gateway.core.decision import Change, Decision, EntryDraft, Joined, Moved, NewTicket
from gateway.core.lifecycle import Status
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Evidence, Role
from gateway.errors import UnknownTicket
from gateway.mail.message import Address, Envelope
from storage import raw, tables
from storage.database import Database
from storage.reads import MAX_NUMBER, Wanted
from storage.tickets import Applied
from storage.tx import Tx
from tests.conftest import NOW
from tests.core.build import ANNA, KIM, LEE, MALLORY, POLICY, SUPPORT, attachment, failed, message, own_id

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Path())
    yield opened
    opened.close_now()


def draft(text: str = "It burns.", **fields: object) -> EntryDraft:
    plain = EntryDraft(EntryKind.CORRESPONDENCE, KIM, Role.REQUESTER, text, text)
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def opening(subject: str = "Printer", requester: Address = KIM, text: str = "It burns.", **fields: object) -> Decision:
    new = NewTicket(subject, requester, SUPPORT.address, "de")
    plain = Decision(Reason.NEW_REQUEST, new=new, entry=draft(text, author=requester))
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def on(number: int, entry: EntryDraft | None = None, *events: str, **change: object) -> Decision:
    changed = Change(**change)  # type: ignore[arg-type]  # a builder takes any field
    return Decision(Reason.REPLY, ticket=number, entry=entry, change=changed, events=events)


def apply(db: Database, decision: Decision, now: datetime = NOW) -> Applied:
    applied = db.write_now(lambda tx: tx.tickets.apply(decision, None, now))
    assert applied is not None
    return applied


def journaled(tx: Tx) -> int:
    return tx.journal.append(Envelope("smtp", KIM.address, (SUPPORT.address,)), raw.pack(b"x"), NOW)


# --- applying ------------------------------------------------------------------------------------


def test_a_new_ticket(db: Database) -> None:
    """Number, requester, mailbox, language, and the first entry with all it holds."""
    entry = draft(
        attachments=(attachment(),),
        message_id="one@customer.example",
        reason="new-request",
        evidence=Evidence.NONE,
        remarks=("same_id",),
        collapsed=True,
        reply_text="burns",
    )
    applied = apply(db, opening(entry=entry))
    ticket, written = applied.ticket, applied.entry
    assert applied.created
    assert (ticket.number, ticket.status, ticket.subject) == (1, Status.NEW, "Printer")
    assert (ticket.requester, ticket.mailbox, ticket.language) == (KIM, SUPPORT.address, "de")
    assert ticket.created_at == ticket.last_activity_at == NOW
    assert written is not None
    assert db.read_now(lambda tx: tx.reads.entries(1)) == [written]
    assert db.read_now(lambda tx: tx.reads.entry(written.id)) == written
    assert (written.attachments, written.remarks, written.collapsed) == (entry.attachments, ("same_id",), True)
    assert (written.body_text, written.reply_text, written.new_text) == ("It burns.", "burns", "burns")
    assert (written.message_id, written.reason, written.evidence) == ("one@customer.example", "new-request", "none")


def test_a_ticket_that_began_earlier(db: Database) -> None:
    """What was imported or forwarded keeps its date; its last activity is now."""
    began = NOW - timedelta(days=400)
    new = NewTicket("Old", KIM, SUPPORT.address, created_at=began)
    ticket = apply(db, opening(new=new, entry=draft(created_at=began))).ticket
    assert (ticket.created_at, ticket.last_activity_at) == (began, NOW)
    assert db.read_now(lambda tx: tx.reads.entries(1))[0].created_at == began


def test_a_ticket_an_agent_began(db: Database) -> None:
    """The change tells its first status, assignee and people."""
    change = Change(status=Status.WAITING_ON_CONTACT, assignee=ANNA.address, joined=(Joined(LEE),))
    ticket = apply(db, opening(change=change)).ticket
    assert (ticket.status, ticket.assignee, ticket.participants) == (Status.WAITING_ON_CONTACT, ANNA.address, (LEE,))


def test_an_entry_touches_its_ticket(db: Database) -> None:
    """A bare event does not count as activity."""
    apply(db, opening())
    assert apply(db, on(1, None, "reopened\tKim"), LATER).ticket.last_activity_at == NOW
    assert apply(db, on(1, draft()), LATER).ticket.last_activity_at == LATER
    kinds = [e.kind for e in db.read_now(lambda tx: tx.reads.entries(1))]
    assert kinds == [EntryKind.CORRESPONDENCE, EntryKind.EVENT, EntryKind.CORRESPONDENCE]


def test_the_status_and_its_dates(db: Database) -> None:
    """Solved and closed note when, and by whom; reopened forgets it."""
    apply(db, opening())
    assert apply(db, on(1, status=Status.SOLVED), LATER).ticket.solved_at == LATER
    closed = apply(db, on(1, status=Status.CLOSED, closed_by="requester"), LATER).ticket
    assert (closed.status, closed.closed_at, closed.closed_by) == (Status.CLOSED, LATER, "requester")
    # A mail that changes nothing (its budget is spent) names the status it found.
    kept = apply(db, on(1, status=Status.CLOSED), LATER + timedelta(days=1)).ticket
    assert (kept.closed_at, kept.closed_by) == (LATER, "requester")
    opened = apply(db, on(1, status=Status.WAITING_ON_US)).ticket
    assert (opened.status, opened.closed_at, opened.closed_by) == (Status.WAITING_ON_US, None, "")


def test_assignee_language_spam_and_requester(db: Database) -> None:
    """Each is set, each can be taken back, none is touched by another's change."""
    apply(db, opening())
    apply(db, on(1, assignee=ANNA.address))
    apply(db, on(1, language="en"))
    apply(db, on(1, spam=True))
    ticket = apply(db, on(1, requester=LEE)).ticket
    assert (ticket.assignee, ticket.language, ticket.spam, ticket.requester) == (ANNA.address, "en", True, LEE)
    ticket = apply(db, on(1, assignee="", language="", spam=False)).ticket
    assert (ticket.assignee, ticket.language, ticket.spam) == ("", "", False)


def test_people_join_are_confirmed_and_leave(db: Database) -> None:
    """Once confirmed nobody becomes unconfirmed; nobody is there twice."""
    apply(db, opening())
    apply(db, on(1, joined=(Joined(MALLORY, confirmed=False), Joined(LEE), Joined(ANNA, follower=True))))
    ticket = apply(db, on(1, joined=(Joined(replace(LEE, name="other"), confirmed=False),))).ticket
    assert (ticket.participants, ticket.unconfirmed, ticket.followers) == ((LEE,), (MALLORY,), (ANNA,))
    assert not ticket.knows(MALLORY.address)
    assert ticket.knows("LEE@Customer.example")
    ticket = apply(db, on(1, confirmed=(MALLORY.key,), left=(ANNA.key,))).ticket
    assert (set(ticket.participants), ticket.unconfirmed, ticket.followers) == ({LEE, MALLORY}, (), ())
    joined = apply(db, on(1, left=(LEE.key, MALLORY.key))).ticket
    assert joined.people == ()


def test_joining_again_confirms(db: Database) -> None:
    """An unconfirmed person who is brought in by somebody proven takes part."""
    apply(db, opening(change=Change(joined=(Joined(LEE, confirmed=False),))))
    assert apply(db, on(1, joined=(Joined(LEE),))).ticket.participants == (LEE,)


def test_links_are_kept_once_and_a_follow_up_is_marked(db: Database) -> None:
    """From both ends they are seen."""
    apply(db, opening())
    applied = apply(db, opening(change=Change(links=(("follows", 1), ("claims", 1)))))
    assert applied.ticket.follows == 1
    apply(db, on(2, links=(("claims", 1),)))
    for number in (1, 2):
        links = db.read_now(lambda tx, n=number: tx.reads.links(n))  # type: ignore[misc]
        assert sorted(links) == [("claims", 2, 1), ("follows", 2, 1)]


def test_all_of_a_ticket_moves_to_another(db: Database) -> None:
    """Merged: entries and their ids go, events stay, and the old number leads to the new one."""
    for text in ("one", "two"):
        applied = apply(db, opening(text=text, events=("opened",)))
        entry = applied.entry
        assert entry is not None
        db.write_now(
            lambda tx, e=entry, t=text: tx.threads.remember(f"{t}@x", "hash", e.ticket, e.id, journaled(tx))  # type: ignore[misc]
        )
    merged = replace(on(1), moved=Moved(2), source_events=("merged into {new}",))
    apply(db, merged)
    source = db.read_now(lambda tx: tx.reads.get(2))
    assert (source.merged_into, source.status) == (1, Status.CLOSED)
    texts = {n: [e.body_text for e in db.read_now(lambda tx, n=n: tx.reads.entries(n))] for n in (1, 2)}  # type: ignore[misc]
    assert texts == {1: ["one", "opened", "two"], 2: ["opened", "merged into 1"]}
    known = db.read_now(lambda tx: tx.threads.known(keys("two@x")))
    assert known.messages == {"two@x": 1}


def test_a_decision_about_no_ticket_stores_nothing(db: Database) -> None:
    """It is for the journal only; one about a ticket that is not there is an error."""
    assert db.write_now(lambda tx: tx.tickets.apply(Decision(Reason.DUPLICATE), None, NOW)) is None
    with pytest.raises(UnknownTicket):
        apply(db, on(7, draft()))


def test_a_rollback_leaves_nothing(db: Database) -> None:
    """Neither ticket nor entry, contact, participant, id, link, nor the raw bytes."""

    def broken(tx: Tx) -> None:
        tx.tickets.apply(opening(change=Change(joined=(Joined(LEE),)), events=("opened",)), journaled(tx), NOW)
        tx.threads.remember("one@x", "hash", 1, None, 1)
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError):
        db.write_now(broken)
    with db.engine.connect() as connection:
        rows = {t.name: connection.execute(select(t)).all() for t in tables.metadata.sorted_tables}
    assert not any(rows.values())


def test_a_number_is_never_given_twice(db: Database) -> None:
    """Not even when the newest ticket was erased: its number stands in somebody's mail."""
    apply(db, opening())
    last = apply(db, opening()).ticket.number
    with db.engine.begin() as connection:
        for table in (tables.ENTRY, tables.TICKET):
            connection.execute(delete(table).where((table.c.ticket if "ticket" in table.c else table.c.number) == last))
    assert apply(db, opening()).ticket.number == last + 1


# --- finding ----------------------------------------------------------------------------------------


def keys(*ids: str, numbers: tuple[int, ...] = (), own: str = "") -> thread.ThreadKeys:
    found = [thread.Key(Evidence.KNOWN_MESSAGE_ID, message_id=i, own=i == own) for i in ids]
    found += [thread.Key(Evidence.OWN_MESSAGE_ID, n) for n in numbers]
    return thread.ThreadKeys(tuple(found))


def test_what_is_known_of_a_mail(db: Database) -> None:
    """Tickets by number and by every id seen; what was never seen, and what leads to no ticket, is not there."""
    apply(db, opening())
    apply(db, opening())

    def remember(tx: Tx) -> None:
        id = journaled(tx)
        tx.threads.remember("one@x", "hash", 1, None, id)
        tx.threads.remember("none@x", "hash", None, None, id)
        tx.threads.remember("", "hash", 1, None, id)

    db.write_now(remember)
    known = db.read_now(lambda tx: tx.threads.known(keys("one@x", "none@x", "other@x", numbers=(2, 99))))
    assert (known.messages, known.tickets.keys(), known.sent) == ({"one@x": 1}, {1, 2}, None)
    assert db.read_now(lambda tx: tx.threads.known(thread.ThreadKeys())) == thread.Known()


def test_where_a_merged_ticket_went_is_known_too(db: Database) -> None:
    """However often it was merged."""
    for _ in range(3):
        apply(db, opening())
    apply(db, replace(on(2), moved=Moved(1)))
    apply(db, replace(on(3), moved=Moved(2)))
    assert db.read_now(lambda tx: tx.threads.known(keys(numbers=(1,)))).tickets.keys() == {1, 2, 3}


@pytest.mark.parametrize("number", [0, -1, MAX_NUMBER, MAX_NUMBER + 1, 10**12, 10**30])
def test_any_number_may_be_asked_for(db: Database, number: int) -> None:
    """People write telephone numbers behind "Ticket"; that must not stop their mail."""
    assert db.read_now(lambda tx: tx.threads.known(thread.ThreadKeys(claims=(number,)))) == thread.Known()
    with pytest.raises(UnknownTicket):
        db.read_now(lambda tx: tx.reads.get(number))


def test_an_awaited_id_leads_to_its_ticket_until_it_is_known(db: Database) -> None:
    """Expected is not seen; what is known already is not expected anew."""
    apply(db, opening())
    apply(db, opening())

    def both(tx: Tx) -> None:
        id = journaled(tx)
        tx.threads.remember("seen@x", "hash", 1, None, id)
        tx.threads.expect(["seen@x", "awaited@x"], 2, id)
        tx.threads.expect(["awaited@x"], 1, id)
        tx.threads.expect([], 1, id)

    db.write_now(both)
    known = db.read_now(lambda tx: tx.threads.known(keys("seen@x", "awaited@x")))
    assert (known.messages, known.expected) == ({"seen@x": 1}, {"awaited@x": 2})
    assert known.tickets.keys() == {1, 2}
    assert db.read_now(lambda tx: tx.threads.seen("awaited@x", "hash")) is None


def test_whether_a_mail_was_seen(db: Database) -> None:
    """By id and content; the same content is preferred among several under one id."""
    apply(db, opening())

    def remember(tx: Tx) -> list[int]:
        ids = [journaled(tx) for _ in range(2)]
        tx.threads.remember("one@x", "first", None, None, ids[0])
        tx.threads.remember("one@x", "second", 1, None, ids[1])
        return ids

    first, second = db.write_now(remember)
    for content, journal, ticket, same in (
        ("first", first, 0, True),
        ("second", second, 1, True),
        ("third", second, 1, False),
    ):
        found = db.read_now(lambda tx, c=content: tx.threads.seen("one@x", c))  # type: ignore[misc]
        assert found is not None
        assert (found.journal_id, found.ticket, found.same_content) == (journal, ticket, same)
    assert db.read_now(lambda tx: tx.threads.seen("two@x", "first")) is None


def test_what_budgets_count(db: Database) -> None:
    """New tickets of an author and reopens of a ticket, newest first, since a moment."""
    apply(db, opening())
    apply(db, opening(requester=LEE))
    apply(db, opening(), LATER)
    found = db.read_now(lambda tx: tx.threads.opened_lately("KIM@customer.example", NOW - timedelta(1), 9))
    assert found == (LATER, NOW)
    assert db.read_now(lambda tx: tx.threads.opened_lately(KIM.address, NOW, 9)) == (LATER,)
    apply(db, on(1, None, "reopened\tKim", "assigned\tAnna", reopened=True), LATER)
    apply(db, on(1, draft("reopened\tKim"), "reopened\tKim"))
    assert db.read_now(lambda tx: tx.threads.reopened_lately(1, NOW - timedelta(1), 9)) == (LATER,)
    assert db.read_now(lambda tx: tx.threads.reopened_lately(1, LATER, 9)) == ()


def test_a_report_finds_the_mail_it_is_about(db: Database) -> None:
    """Nothing was sent here, so nothing is found: the ticket's number alone remains."""
    apply(db, opening())
    found = thread.keys(message(report=failed(KIM.address, "5.1.1", own_id(1))), Envelope("smtp", "", ()), POLICY)
    known = db.read_now(lambda tx: tx.threads.known(found))
    assert known.sent is None
    assert known.tickets.keys() == {1}


# --- searching ----------------------------------------------------------------------------------------


def numbers(db: Database, *, limit: int = 100, offset: int = 0, **wanted: str) -> list[int]:
    found = Wanted(**wanted)  # type: ignore[arg-type]  # the one that is a number is not asked for
    return [t.number for t in db.read_now(lambda tx: tx.reads.search(found, limit=limit, offset=offset))]


def test_a_search_shows_the_latest_first_and_pages(db: Database) -> None:
    """By activity, then by number."""
    for _ in range(4):
        apply(db, opening())
    apply(db, on(2, draft()), LATER)
    assert numbers(db) == [2, 4, 3, 1]
    assert numbers(db, limit=2) == [2, 4]
    assert numbers(db, limit=2, offset=3) == [1]


def test_filters(db: Database) -> None:
    """Status, requester, mailbox, assignee; `open` is all that is not closed."""
    apply(db, opening())
    apply(db, opening(requester=LEE))
    apply(db, opening(change=Change(status=Status.SOLVED, assignee=ANNA.address)))
    apply(db, on(1, status=Status.CLOSED, closed_by="agent"))
    assert numbers(db, status="open") == [3, 2]
    assert numbers(db, status="closed") == [1]
    assert numbers(db, status="solved") == [3]
    assert numbers(db, requester="LEE@customer.example") == [2]
    assert numbers(db, requester=MALLORY.address) == []
    assert numbers(db, mailbox=SUPPORT.address) == [3, 2, 1]
    assert numbers(db, mailbox="other@example.com") == []
    assert numbers(db, assignee=ANNA.address) == [3]
    assert numbers(db, requester=KIM.address, status="closed") == [1]


HOSTILE = ["100%", "a_b", "a\\b", "%", "_", "\\", "%_%", "'; DROP TABLE ticket; --", "Ä", "\U0001f525", "[a-z]", "\n"]


@pytest.mark.parametrize("sign", HOSTILE)
def test_a_search_takes_no_sign_for_an_order(db: Database, sign: str) -> None:
    """Nothing is a wildcard, whatever somebody writes; subject and correspondence are searched."""
    apply(db, opening(subject=f"x1 {sign} y2"))
    apply(db, opening(text=f"x1 {sign} y2"))
    apply(db, opening(subject="xzzy", text="xzzy axb 1007"))
    assert numbers(db, text=f"x1 {sign} y2") == [2, 1]
    assert numbers(db, text=f"X1{sign}Y2 zz") == []
    assert 3 not in numbers(db, text=sign.replace("100", "1000"))


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("größe", "GRÖSSE"),
        ("GRÖSSE", "Größe"),
        ("groß", "GROẞ"),
        ("läuft", "LÄUFT NICHT"),
        ("Ελλάδα", "ΕΛΛΆΔΑ"),
        ("привет", "ПРИВЕТ"),
        ("100 % größer_", "100 % GRÖSSER_"),
    ],
)
def test_a_search_knows_capitals(db: Database, asked: str, written: str) -> None:
    """Of every script, on both databases; in capitals ß is SS."""
    apply(db, opening(subject=f"die {written}!"))
    apply(db, opening(text=f"die {written}!"))
    apply(db, opening(subject="Grosbritannien", text="laufend"))
    assert numbers(db, text=asked) == [2, 1]


def test_a_search_finds_no_inner_words(db: Database) -> None:
    """Customers search too: notes and reports are not looked into."""
    apply(db, opening())
    for kind in (EntryKind.COMMENT, EntryKind.REPORT, EntryKind.AUTOMATIC, EntryKind.EVENT):
        apply(db, on(1, draft("secret", kind=kind)))
    assert numbers(db, text="secret") == []
    assert numbers(db, text="BURNS") == [1]


def test_counts_and_the_end_of_a_history(db: Database) -> None:
    """Every status has its count; a limit keeps the newest entries, oldest first."""
    apply(db, opening())
    for n in range(5):
        apply(db, on(1, draft(str(n), kind=EntryKind.COMMENT if n == 4 else EntryKind.CORRESPONDENCE)))
    counts = db.read_now(lambda tx: tx.reads.counts())
    assert counts == {s.value: int(s is Status.NEW) for s in Status}
    assert [e.body_text for e in db.read_now(lambda tx: tx.reads.entries(1, limit=2))] == ["3", "4"]
    kinds = (EntryKind.COMMENT,)
    assert [e.body_text for e in db.read_now(lambda tx: tx.reads.entries(1, kinds))] == ["4"]


def test_what_an_answer_refers_to(db: Database) -> None:
    """Ids of the customers' mails, oldest first, at most so many; no agent's, none that is empty."""
    apply(db, opening(entry=draft(message_id="0@x")))
    for n in range(1, 5):
        apply(db, on(1, draft(message_id=f"{n}@x")))
    apply(db, on(1, draft(message_id="agent@x", role=Role.AGENT, author=ANNA)))
    apply(db, on(1, draft(message_id="note@x", kind=EntryKind.COMMENT)))
    apply(db, on(1, draft()))
    assert db.read_now(lambda tx: tx.threads.customer_ids(1)) == [f"{n}@x" for n in range(5)]
    assert db.read_now(lambda tx: tx.threads.customer_ids(1, limit=2)) == ["3@x", "4@x"]


# --- time and company -----------------------------------------------------------------------------------


def test_every_moment_comes_back_with_its_zone(db: Database) -> None:
    """In UTC, to the microsecond, from every column of every table."""
    moment = NOW.replace(microsecond=123456)
    columns = [(t, c) for t in tables.metadata.sorted_tables for c in t.c if str(c.type) == "DATETIME"]
    assert len(columns) > 20
    assert all(isinstance(c.type, UTCDateTime) for _, c in columns)
    apply(db, opening(change=Change(joined=(Joined(LEE),))), moment)
    db.write_now(journaled)
    with db.engine.begin() as connection:
        for table, column in columns:
            connection.execute(table.update().values({column: moment}))
            for value in connection.execute(select(column)).scalars():
                assert value == moment
                assert value.utcoffset() == timedelta(0)


def test_two_who_decide_about_one_ticket_wait_for_each_other(postgresql_url: str) -> None:
    """The second sees what the first did; names in any order cannot lock in a circle."""
    db = Database(postgresql_url, Path())
    apply(db, opening())
    inside, seen, errors = threading.Event(), [], []

    def first(tx: Tx) -> None:
        tx.threads.serialise(["ticket:1", "id:a", "author:kim"])
        inside.set()
        blocked.wait(0.3)
        tx.tickets.apply(on(1, status=Status.CLOSED, closed_by="agent"), None, NOW)

    def second(tx: Tx) -> None:
        tx.threads.serialise(["author:kim", "id:b", "ticket:1"])
        seen.append(tx.reads.get(1).status)
        blocked.set()

    def run(work: object) -> None:
        try:
            db.write_now(work)  # type: ignore[arg-type]
        except Exception as error:
            errors.append(error)

    blocked = threading.Event()
    one = threading.Thread(target=run, args=(first,))
    one.start()
    assert inside.wait(20)
    two = threading.Thread(target=run, args=(second,))
    two.start()
    one.join(20)
    two.join(20)
    db.close_now()
    assert errors == []
    assert seen == [Status.CLOSED]


def test_those_who_decide_about_different_tickets_do_not_wait(postgresql_url: str) -> None:
    """One holds its names while the other begins and ends."""
    db = Database(postgresql_url, Path())

    def outer(tx: Tx) -> bool:
        tx.threads.serialise(["ticket:1"])
        other = threading.Thread(target=lambda: db.write_now(lambda tx: tx.threads.serialise(["ticket:2"])))
        other.start()
        other.join(20)
        return not other.is_alive()

    assert db.write_now(outer)
    db.close_now()
