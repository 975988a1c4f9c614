"""What is asked again and again never reads all mails and tickets there ever were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway.core.clock import Steps
from gateway.core.digest import ORDER
from gateway.core.lifecycle import Status
from gateway.core.reason import QUIET
from storage import audit_since
from storage.audit import broken_rules
from storage.database import Database
from storage.erasure.retention import Mode, Retention
from storage.erasure.steps import Erasure
from storage.reads import Wanted
from storage.tx import Tx
from tests.conftest import NOW
from tests.core.build import KIM

GROWING = ("raw", "journal", "contact", "session", "ticket", "participant", "entry", "search", "messageid", "outbox")
FEW = ("ix_journal_waiting", "ix_outbox_waiting", "ix_outbox_claimed")
"""Indexes of what waits: they end with it."""
SOLVED, WAITING = (Steps(status, NOW, NOW) for status in (Status.SOLVED, Status.WAITING_ON_CONTACT))


def _retention(tx: Tx) -> Retention:
    return Retention(tx.connection)


def _erasure(tx: Tx) -> Erasure:
    return Erasure(tx.connection)


ASKED: dict[str, Callable[[Tx], Any]] = {
    "retention: held mails": lambda tx: _retention(tx).held(NOW, NOW),
    "retention: raw mails": lambda tx: _retention(tx).raw(NOW, NOW),
    "retention: tickets": lambda tx: _retention(tx).tickets(NOW, Mode.ANONYMISE, NOW),
    "retention: mails without a ticket": lambda tx: _retention(tx).mails_without_ticket(NOW, NOW),
    "retention: notices without a ticket": lambda tx: _retention(tx).notices_without_ticket(NOW),
    "retention: contacts removed": lambda tx: _retention(tx).contacts(NOW, [1, 2]),
    "retention: texts": lambda tx: _retention(tx).texts(NOW),
    "erasure: anonymise": lambda tx: _erasure(tx).anonymise_tickets([1], NOW),
    "erasure: delete": lambda tx: _erasure(tx).delete_tickets([1], NOW),
    "erasure: mails": lambda tx: _erasure(tx).blank_journal([1, 2], NOW),
    "clock: tickets": lambda tx: tx.reads.clock_candidates(0, NOW, SOLVED, WAITING),
    "clock: review": lambda tx: tx.reads.closed_unproposed(NOW, NOW),
    "digest: failed": lambda tx: tx.outbox.failed_since(NOW),
    "digest: held": lambda tx: tx.journal.held(),
    "digest: undeliverable": lambda tx: tx.contacts.undeliverable_count(NOW),
    "digest: decided": lambda tx: tx.journal.decided_since(QUIET, NOW),
    "digest: open": lambda tx: [tx.reads.search(Wanted(status.value), limit=5000) for status in ORDER],
    "vitals: journal": lambda tx: tx.journal.backlog(),
    "vitals: outbox": lambda tx: tx.outbox.backlog(),
    "list: held": lambda tx: tx.journal.recent("held"),
    "list: failed": lambda tx: tx.outbox.recent("failed"),
    "list: deferred": lambda tx: tx.outbox.recent("deferred"),
    "list: open": lambda tx: tx.reads.search(Wanted("open")),
    "list: one status": lambda tx: tx.reads.search(Wanted("closed")),
    "list: unassigned": lambda tx: tx.reads.search(Wanted("open", unassigned=True)),
    "list: of an agent": lambda tx: tx.reads.search(Wanted(assignee="anna@example.com")),
    "count: of an agent": lambda tx: tx.reads.count(Wanted(assignee="anna@example.com")),
    "page: own tickets": lambda tx: tx.reads.search(Wanted(requester=KIM.address)),
    "page: count": lambda tx: tx.reads.count(Wanted(requester=KIM.address)),
    "page: search": lambda tx: tx.reads.search(Wanted(requester=KIM.address, text="burns 42", number=42)),
    "page: search count": lambda tx: tx.reads.count(Wanted(requester=KIM.address, text="burns")),
    "agent: search": lambda tx: tx.reads.search(Wanted(text="burns")),
    "flow: open requests": lambda tx: tx.reads.open_of(KIM.address, 5),
    "flow: waiting": lambda tx: tx.journal.waiting(NOW, 10),
    "flow: contact": lambda tx: tx.contacts.find(KIM.address),
    "flow: automatic mail": lambda tx: tx.outbox.automatic_to(KIM.address, NOW, 200),
    "send: take": lambda tx: tx.claims.take("me", 5, 60, NOW),
    "send: expire": lambda tx: tx.claims.expire(NOW),
    "send: next": lambda tx: tx.claims.next_due(),
}
WALKED: dict[str, Callable[[Tx], Any]] = {
    "list: all": lambda tx: tx.reads.search(),
    "list: of mailboxes": lambda tx: tx.reads.search(Wanted(mailboxes=("a@example.com", "b@example.com"))),
    "list: tag": lambda tx: tx.reads.search(Wanted(tag="vip")),
    "list: newest mails": lambda tx: tx.journal.recent(),
    "list: newest of ours": lambda tx: tx.outbox.recent("sent"),
}
"""From the newest on until the page is full."""
COUNTED: dict[str, Callable[[Tx], Any]] = {
    "stats: mails": lambda tx: tx.journal.counts(),
    "stats: tickets": lambda tx: tx.reads.counts(),
    "stats: mails of ours": lambda tx: tx.outbox.counts(),
}
"""The operator asked how many there are: the rows of a narrow index are counted, and no lock is held."""


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    opened = Database(sqlite_url, Path())
    yield opened
    opened.close_now()


def plan(database: Database, ask: Callable[[Tx], Any]) -> list[str]:
    """The lines of SQLite's plans."""
    heard: list[tuple[str, Any]] = []

    def listen(_c: object, _cursor: object, sql: str, parameters: object, *_: object) -> None:
        heard.append((sql, parameters))

    def explain(tx: Tx) -> list[str]:
        asked = [tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {s}", p) for s, p in heard if s[:4] != "SAVE"]
        return [str(row[3]) for rows in asked for row in rows]

    event.listen(database.engine, "before_cursor_execute", listen)
    database.write_now(ask)
    event.remove(database.engine, "before_cursor_execute", listen)
    return database.write_now(explain) if heard else []


def scans(lines: list[str]) -> list[str]:
    """Those that go through a whole table or index that grows."""
    whole = [line for line in lines if line.startswith("SCAN") and line.split()[1] in GROWING]
    return [line for line in whole if line.split()[-1] not in FEW]


@pytest.mark.parametrize("name", ASKED)
def test_no_question_reads_everything(database: Database, name: str) -> None:
    """Each finds its rows by an index; the sender's are of what waits."""
    found = plan(database, ASKED[name])
    assert scans(found) == []
    # Nearly all tickets there ever were are closed: by their status they would all be sorted.
    assert name != "retention: tickets" or "INDEX ix_ticket_closed" in found[0]
    # An index of tickets that are named, in part only, is one of nearly all mails.
    assert not [line for line in found if "(ticket>?)" in line]


@pytest.mark.parametrize("name", WALKED)
def test_lists_begin_with_the_newest(database: Database, name: str) -> None:
    """One walk in the order it is shown in, with nothing to sort but what is shown."""
    (line,) = scans(plan(database, WALKED[name]))
    assert line.replace("COVERING ", "") in (
        "SCAN ticket USING INDEX ix_ticket_activity",
        "SCAN journal",
        "SCAN outbox",
    )


@pytest.mark.parametrize("name", ["list: open", "list: one status"])
def test_what_is_sorted_is_narrow(database: Database, name: str) -> None:
    """Of thousands of tickets in a state the rows themselves are read only where they are shown."""
    (of_state,) = (line for line in plan(database, ASKED[name]) if "ix_ticket_status" in line)
    assert "USING COVERING INDEX" in of_state


def test_an_audit_since_the_last_goes_through_no_table(database: Database) -> None:
    """But for a count of mails by their indexes, and for sessions, which end by themselves."""

    def seen(tx: Tx) -> None:
        numbers = dict.fromkeys(audit_since.newest(tx.connection), 10**6)
        audit_since.remember(tx.connection, numbers, audit_since.Since())

    database.write_now(seen)
    found = plan(database, lambda tx: broken_rules(tx.connection, audit_since.since_last(tx.connection)))
    # An index of some is enough to count what it has: SQLite calls it no covering one, and reads no row.
    wide = [line for line in scans(found) if "COVERING" not in line and line != "SCAN raw USING INDEX ix_raw_kept"]
    assert wide == ["SCAN session"]


@pytest.mark.parametrize("name", COUNTED)
def test_counts_read_a_narrow_index(database: Database, name: str) -> None:
    """Never the rows themselves."""
    (line,) = scans(plan(database, COUNTED[name]))
    assert "USING COVERING INDEX" in line
