"""Claims in the outbox, seen from the database: who gets what, in which order, and what is found quickly."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from gateway.errors import UnknownEntry
from storage import statement
from storage.claims import SIDE_BY_SIDE
from storage.database import Database
from storage.outbox import OutboxEntry, State
from storage.tx import Tx
from tests.conftest import Clock
from tests.send.house import message, outbound
from tests.storage.test_tickets import apply, opening

KIM, LEE = "kim@customer.example", "lee@customer.example"


@pytest.fixture
def box(database: Database, clock: Clock) -> Box:
    return Box(database, clock)


class Box:
    """The outbox, each verb in a transaction of its own."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock, self.count = database, clock, 0

    def add(self, recipient: str = KIM, not_before: datetime | None = None, ticket: int = 0) -> int:
        self.count += 1
        mail = replace(outbound(self.count, recipient, self.clock.now), ticket=ticket)
        id = self.database.write_now(
            lambda tx: tx.outbox.add(mail, message(mail), self.clock.now, not_before=not_before)
        )
        assert id is not None
        return id

    def ticket(self, number: int = 0) -> int:
        """The number of a new ticket, or of one that is there."""
        return number or apply(self.database, opening()).ticket.number

    def claim(self, holder: str = "here", limit: int = 10) -> list[int]:
        rows = self.database.write_now(lambda tx: tx.claims.take(holder, limit, 300, self.clock.now))
        return [row.id for row, _ in rows]

    def begin(self, id: int, holder: str = "here") -> bool:
        return self.database.write_now(lambda tx: tx.claims.begin(id, holder, self.clock.now))

    def settle(self, id: int, state: State, not_before: datetime | None = None, holder: str = "here") -> bool:
        return self.database.write_now(
            lambda tx: tx.claims.settle(id, holder, state, "said", now=self.clock.now, not_before=not_before)
        )

    def expire(self, *dead: str) -> list[OutboxEntry]:
        return self.database.write_now(lambda tx: tx.claims.expire(self.clock.now, dead))

    def row(self, id: int) -> OutboxEntry:
        return self.database.read_now(lambda tx: tx.outbox.get(id))

    def next_due(self) -> datetime | None:
        return self.database.read_now(lambda tx: tx.claims.next_due())


def test_one_mail_for_each_recipient(box: Box) -> None:
    """The first; the next only when that is settled."""
    ids = [box.add(KIM), box.add("KIM@Customer.example"), box.add(LEE)]
    assert box.claim() == [ids[0], ids[2]]
    assert box.claim() == []
    box.settle(ids[0], State.SENT)
    assert box.claim() == [ids[1]]


def test_mails_about_several_tickets_go_side_by_side(box: Box) -> None:
    """An agent of many tickets is served by several connections, each ticket in its order; nobody by all of them."""
    first = [box.add(ticket=box.ticket()) for _ in range(6)]
    second = box.add(ticket=box.ticket(1))
    lee = box.add(LEE, ticket=box.ticket(1))
    assert box.claim() == [*first[:SIDE_BY_SIDE], lee]
    assert box.claim() == []
    box.settle(first[1], State.SENT)
    assert box.claim(limit=1) == [first[4]]
    for id in (first[2], first[3]):
        box.settle(id, State.SENT)
    assert box.claim() == [first[5]]
    box.settle(first[0], State.SENT)
    assert box.claim() == [second]


def test_a_mail_deferred_earlier_goes_before_a_later_one_when_both_are_due(box: Box) -> None:
    """In the order they were decided, not in that of their next attempts."""
    first = box.add()
    box.claim()
    box.settle(first, State.DEFERRED, box.clock.now + timedelta(minutes=1))
    second = box.add()
    box.clock.forward(minutes=2)
    assert box.claim() == [first]
    box.settle(first, State.SENT)
    assert box.claim() == [second]


def test_a_mail_that_waits_does_not_block_the_others(box: Box) -> None:
    """What is not due is not waited for."""
    box.add(not_before=box.clock.now + timedelta(hours=1))
    second = box.add()
    assert box.claim() == [second]


def test_a_clock_that_was_hours_ahead(box: Box) -> None:
    """Put right, what was to leave at once does; what is held, and what is tried again, keep their time."""
    tried = box.add(KIM)
    box.clock.forward(hours=3)
    at_once, held = box.add(LEE), box.add("sue@customer.example", not_before=box.clock.now + timedelta(minutes=30))
    assert box.claim(limit=1) == [tried]
    box.settle(tried, State.DEFERRED, box.clock.now + timedelta(minutes=1))
    box.clock.now -= timedelta(hours=3)
    assert box.claim() == []
    box.expire()
    assert box.claim() == [at_once]
    box.clock.forward(hours=4)
    assert box.claim() == [tried, held]


def test_not_more_than_asked_for_and_oldest_first(box: Box) -> None:
    """A claim is for those who can begin."""
    ids = [box.add(f"{n}@x.example") for n in range(5)]
    assert box.claim(limit=3) == ids[:3]


def test_a_crowd_for_one_recipient_hides_nobody(box: Box) -> None:
    """A few hundred mails to one agent do not keep a customer waiting."""
    for _ in range(100):
        box.add(KIM, ticket=box.ticket())
    lee = box.add(LEE)
    assert lee in box.claim()


def test_released_rows_are_what_they_were(box: Box) -> None:
    """Pending, deferred or to be repeated, with nothing counted."""
    pending, deferred, repeated = box.add(KIM), box.add(LEE), box.add("max@x.example")
    box.claim()
    box.settle(deferred, State.DEFERRED)
    box.settle(repeated, State.UNCERTAIN)
    box.database.write_now(lambda tx: tx.claims.release([pending], "here"))
    before = [box.row(i) for i in (pending, deferred, repeated)]
    assert [r.state for r in before] == ["pending", "deferred", "uncertain"]
    claimed = box.claim()
    assert len(claimed) == 3
    box.database.write_now(lambda tx: tx.claims.release(claimed, "here"))
    assert [box.row(i) for i in (pending, deferred, repeated)] == before


def test_only_the_holder_may_say_how_it_ended(box: Box) -> None:
    """Settle, release, postpone and extend leave another's claim alone."""
    id = box.add()
    box.claim("there")
    before = box.row(id)
    assert not box.settle(id, State.SENT)
    box.database.write_now(lambda tx: tx.claims.release([id], "here"))
    box.database.write_now(lambda tx: tx.claims.postpone([id], "here", "x", box.clock.now))
    box.database.write_now(lambda tx: tx.claims.extend([id], "here", 999, box.clock.now))
    assert box.row(id) == before


def test_who_dies_while_sending_leaves_a_doubt(box: Box) -> None:
    """The mail is repeated once at once; after the second death it waits for the operator."""
    id = box.add()
    for doubts in (1, 2):
        assert box.claim() == [id]
        assert box.begin(id)
        box.clock.forward(seconds=301)
        (row,) = box.expire()
        assert (row.state, row.attempts, row.doubts, row.waits_for_operator) == (
            "uncertain",
            doubts,
            doubts,
            doubts == 2,
        )
        if doubts == 1:
            assert row.next_attempt_at == box.clock.now
            box.clock.forward(minutes=20)
    box.clock.forward(days=1)
    assert box.claim() == []
    assert box.next_due() is None


def test_who_dies_before_sending_leaves_none(box: Box) -> None:
    """It may happen any number of times; from the second on the others go first, for the mail may be the cause."""
    id, other = box.add(KIM), box.add(LEE)
    for deaths in range(1, 6):
        assert id in box.claim()
        box.settle(other, State.SENT)
        box.clock.forward(seconds=301)
        (row,) = box.expire()
        assert (row.state, row.attempts, row.doubts) == ("deferred", deaths, 0)
        assert (row.next_attempt_at == box.clock.now) == (deaths == 1)
        other = box.add(LEE)
        if deaths > 1:
            assert box.claim() == [other]
            box.settle(other, State.SENT)
            other = box.add(LEE)
        box.clock.forward(minutes=16)


def test_without_its_claim_nobody_begins(box: Box) -> None:
    """Else two daemons would send the same mail."""
    id = box.add()
    box.claim()
    box.expire("here")
    assert not box.begin(id)
    assert box.claim("there") == [id]
    assert not box.begin(id)
    assert box.begin(id, "there")


def test_the_first_holder_may_still_say_what_it_knows(box: Box) -> None:
    """A claim that ran out, and that nobody took over: the outcome beats the doubt, and counts once."""
    for begun in (False, True):
        id = box.add(f"{begun}@x.example")
        box.claim()
        if begun:
            box.begin(id)
        box.expire("here")
        assert box.settle(id, State.SENT)
        row = box.row(id)
        assert (row.state, row.attempts, row.doubts) == ("sent", 1, 0)


def test_a_retry_survives_being_given_back(box: Box) -> None:
    """A mail the operator wants tried again is not stuck because the relay was down just then."""
    id = box.add()
    for _ in range(2):
        box.claim()
        box.settle(id, State.UNCERTAIN)
    box.database.write_now(lambda tx: tx.outbox.retry(id, box.clock.now))
    for _ in range(2):
        assert box.claim() == [id]
        box.database.write_now(lambda tx: tx.claims.postpone([id], "here", "no relay", box.clock.now))
    assert box.claim() == [id]
    box.settle(id, State.DEFERRED)
    assert box.claim() == [id]
    box.database.write_now(lambda tx: tx.claims.release([id], "here"))
    assert box.claim() == [id]
    box.settle(id, State.UNCERTAIN)
    assert box.row(id).waits_for_operator


def test_what_is_under_way_cannot_be_retried_or_dropped(box: Box) -> None:
    """Nor what was sent."""
    id = box.add()
    box.claim()
    for verb in (lambda tx: tx.outbox.retry(id, box.clock.now), lambda tx: tx.outbox.drop(id)):
        with pytest.raises(UnknownEntry, match="claimed"):
            box.database.write_now(verb)
    box.settle(id, State.SENT)
    with pytest.raises(UnknownEntry, match="sent"):
        box.database.write_now(lambda tx: tx.outbox.drop(id))


def test_the_time_to_give_up_begins_with_the_first_attempt(box: Box) -> None:
    """And anew when the operator wants a retry; waiting for the relay does not begin it."""
    id = box.add()
    box.claim()
    box.database.write_now(lambda tx: tx.claims.postpone([id], "here", "no relay", box.clock.now))
    assert box.row(id).first_attempt_at is None
    began = box.clock.forward(hours=1)
    box.claim()
    box.settle(id, State.DEFERRED)
    box.clock.forward(hours=1)
    box.claim()
    box.settle(id, State.FAILED)
    assert box.row(id).first_attempt_at == began
    box.database.write_now(lambda tx: tx.outbox.retry(id, box.clock.now))
    assert box.row(id).first_attempt_at is None


def test_the_hot_questions_use_their_indexes(sqlite_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Claims, expiry and the next due time never read the settled mails, of which there will be millions."""
    database = Database(sqlite_url, Path())
    asked: list[tuple[str, object]] = []

    def listen(_c: object, _cursor: object, sql: str, parameters: object, *_: object) -> None:
        if not sql.startswith("BEGIN"):
            asked.append((sql, parameters))

    event.listen(database.engine, "before_cursor_execute", listen)
    given = statement.Plan.given

    def hear(plan: statement.Plan, values: dict[str, Any]) -> Any:
        asked.append((plan.sql, tuple(found := given(plan, values))))
        return found

    monkeypatch.setattr(statement.Plan, "given", hear)

    def ask(tx: Tx) -> None:
        tx.claims.take("here", 4, 300, clock.now)
        tx.claims.expire(clock.now, ["there"])
        tx.claims.next_due()

    database.write_now(ask)
    event.remove(database.engine, "before_cursor_execute", listen)
    monkeypatch.undo()
    assert len(asked) == 4

    def explain(tx: Tx) -> list[str]:
        found = []
        for sql, parameters in asked:
            rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", parameters)  # type: ignore[arg-type]  # as recorded
            found += [str(row[3]) for row in rows]
        return found

    plan = database.write_now(explain)
    database.close_now()
    touching = [line for line in plan if "outbox" in line]
    assert len(touching) >= 3
    assert all("USING" in line and "INDEX ix_outbox_" in line for line in touching), plan
