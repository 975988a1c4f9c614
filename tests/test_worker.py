"""What the worker takes up after a death, and whom it blames for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway import worker as worker_module
from gateway.core.decision import Decision
from gateway.core.policy import Policy
from gateway.core.report import CountedTicket
from gateway.flow import Desk, Read
from gateway.mail.message import Envelope
from gateway.render.mail import Templates
from gateway.worker import AHEAD, LIVES, READERS, Worker
from storage import raw
from storage.database import Database
from storage.reports import Reports
from storage.tx import Tx
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, room

MAILS = 8


class Deadly(Desk):
    """Reading a mail never ends, until it is told to go on."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy, Templates())
        self.reading, self.go_on = threading.Semaphore(0), threading.Event()

    def read(self, raw: bytes, envelope: Envelope) -> Read:
        self.reading.release()
        self.go_on.wait(60)
        return super().read(raw, envelope)


async def test_only_what_was_begun_is_blamed(sqlite_url: str, policy: Policy, clock: Clock, tmp_path: Path) -> None:
    """Those in hand at every death are held in the end; those that waited in line are handled as ever."""
    database = Database(sqlite_url, tmp_path)

    def fill(tx: Tx) -> list[int]:
        mails = [f"From: k{n}@customer.example\r\nMessage-ID: <{n}@x>\r\n\r\nHello\r\n".encode() for n in range(MAILS)]
        envelope = Envelope("smtp", "kim@customer.example", ("support@example.com",))
        return [tx.journal.append(envelope, raw.pack(mail), clock.now) for mail in mails]

    ids = await database.write(fill)
    clock.forward(minutes=1)
    for _ in range(LIVES):
        desk = Deadly(policy)
        worker = Worker(database, desk, clock, 10**7, 20.0, lambda: None)
        assert await worker.recover() == MAILS
        running = asyncio.create_task(worker.run())
        for _ in range(READERS):
            assert await asyncio.to_thread(desk.reading.acquire, timeout=30)
        # It dies: nothing of this is finished.
        running.cancel()
        await worker.drain(0)
        desk.go_on.set()
    rows = await database.read(lambda tx: [tx.journal.get(id) for id in ids])
    assert [row.attempts for row in rows] == [LIVES] * READERS + [0] * (MAILS - READERS)
    worker = Worker(database, Desk(policy, Templates()), clock, 10**7, 20.0, lambda: None)
    await worker.recover()
    running = asyncio.create_task(worker.run())
    assert await worker.drain(60) == 0
    running.cancel()
    rows = await database.read(lambda tx: [tx.journal.get(id) for id in ids])
    assert [row.state for row in rows] == ["held"] * READERS + ["settled"] * (MAILS - READERS)
    assert {row.reason for row in rows[:READERS]} == {"fatal"}
    await database.close()


async def test_figures_are_counted_before_the_lock(
    database: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a large desk that takes seconds: others write meanwhile."""
    r = room(database, clock, tmp_path)
    await r.mail(ERIKA)
    facts, counted = Reports.facts, 0

    def others_write(reports: Reports, since: datetime, until: datetime) -> Iterator[CountedTicket]:
        nonlocal counted
        counted += 1
        # By a connection of its own; it would fail where the lock is held.
        database.write_now(lambda tx: tx.jobs.introduce(f"other {counted}", clock.now))
        yield from facts(reports, since, until)

    monkeypatch.setattr(Reports, "facts", others_write)
    envelope = Envelope("smtp", ANNA, ("support@example.com",), authenticated_as=ANNA)
    mail = f"From: {ANNA}\r\nMessage-ID: <r@x>\r\n\r\n#report\r\n".encode()
    await database.write(lambda tx: tx.journal.append(envelope, raw.pack(mail), clock.now))
    clock.forward(minutes=1)
    worker = Worker(database, r.desk, clock, 10**7, 20.0, lambda: None)
    await worker.recover()
    running = asyncio.create_task(worker.run())
    assert await worker.drain(60) == 0
    running.cancel()
    (receipt,) = await r.outbox("agent_receipt", ANNA)
    assert b"Requests: 1" in await r.read(lambda tx: tx.outbox.message(receipt.id))
    assert counted == 1


async def test_a_backlog_at_the_end_is_nobodys_fault(
    sqlite_url: str, policy: Policy, clock: Clock, tmp_path: Path
) -> None:
    """What is still in line when the worker has to end waits for the next start; none of it is held."""
    database, mails = Database(sqlite_url, tmp_path), 3 * AHEAD

    def fill(tx: Tx) -> None:
        for n in range(mails):
            mail = f"From: k{n}@customer.example\r\nMessage-ID: <{n}@x>\r\n\r\nHello\r\n".encode()
            envelope = Envelope("smtp", "kim@customer.example", ("support@example.com",))
            tx.journal.append(envelope, raw.pack(mail), clock.now)

    await database.write(fill)
    clock.forward(minutes=1)
    desk = Deadly(policy)
    worker = Worker(database, desk, clock, 10**7, 20.0, lambda: None)
    await worker.recover()
    running = asyncio.create_task(worker.run())
    assert await asyncio.to_thread(desk.reading.acquire, timeout=30)
    await worker.drain(0)
    desk.go_on.set()
    for _ in range(50):
        await asyncio.sleep(0)
    await asyncio.sleep(0.2)
    assert await database.read(lambda tx: tx.journal.counts()) == {"pending": mails, "settled": 0, "held": 0}
    assert running.cancelled()
    await database.close()


class Faulty(Desk):
    """Deciding about some mails raises."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy, Templates())
        self.tried = 0

    def handle(self, tx: Tx, journal_id: int, read: Read, now: datetime) -> Decision | None:
        if b"fault" in read.message.subject.encode():
            self.tried += 1
            raise ValueError("a fault of ours")
        return super().handle(tx, journal_id, read, now)


async def test_what_cannot_even_be_held_waits_and_is_told(
    database: Database, policy: Policy, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With its cause, less and less often; other mails go on, and once it can be held it is, and the alarm ends."""
    monkeypatch.setattr(worker_module, "LOOK_SECONDS", 0.02)
    desk, looks = Faulty(policy), 0
    worker = Worker(database, desk, clock, 10**7, 20.0, lambda: None)
    envelope = Envelope("smtp", "kim@customer.example", ("support@example.com",))
    strays = worker._strays

    def look(tx: Tx) -> list[tuple[int, int]]:
        nonlocal looks
        looks += 1
        return strays(tx)

    async def until(true: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while not true():
                await asyncio.sleep(0.01)

    async def looked(often: int) -> None:
        wanted = looks + often
        await until(lambda: looks >= wanted)

    monkeypatch.setattr(worker, "_strays", look)
    refuse(database)
    running = asyncio.create_task(worker.run())
    await worker.accept(b"From: kim@customer.example\r\nSubject: fault\r\n\r\nHello\r\n", envelope)
    await until(lambda: "not held" in [record.getMessage() for record in caplog.records])
    await worker.accept(b"From: lea@customer.example\r\nSubject: fine\r\n\r\nHello\r\n", envelope)
    await until(lambda: worker.decided)
    clock.forward(seconds=4)
    await looked(5)
    assert desk.tried == 1
    # Young mails are left to whoever took them.
    clock.forward(seconds=6)
    await until(lambda: desk.tried == 2)
    await looked(5)
    clock.forward(seconds=8)
    await looked(5)
    assert desk.tried == 2
    assert await database.read(lambda tx: tx.journal.counts()) == {"pending": 1, "settled": 1, "held": 0}
    (alarm,) = await database.read(lambda tx: list(tx.alarms.open()))
    assert "neither decided (ValueError: a fault of ours) nor held (" in alarm.text
    told = await database.read(
        lambda tx: [r.notice for r in tx.outbox.recent(limit=20) if r.recipient == "root@example.com"]
    )
    assert told == ["operator_alarm"]

    allow(database)
    clock.forward(minutes=20)
    await until(lambda: worker.held)
    assert await database.read(lambda tx: tx.journal.counts()) == {"pending": 0, "settled": 1, "held": 1}
    await until(lambda: not worker._known)
    assert [alarm.key for alarm in await database.read(lambda tx: list(tx.alarms.open()))] == ["held"]
    running.cancel()
    await worker.drain(0)
    assert not [record for record in caplog.records if record.name == "asyncio"]


def refuse(database: Database) -> None:
    """The journal lets no row be held."""
    with database.engine.begin() as connection:
        if database.is_sqlite:
            connection.execute(
                text(
                    "CREATE TRIGGER refuse BEFORE UPDATE ON journal WHEN NEW.state = 'held' "
                    "BEGIN SELECT RAISE(ABORT, 'no mail is held'); END"
                )
            )
        else:
            connection.execute(text("ALTER TABLE journal ADD CONSTRAINT refuse CHECK (state <> 'held')"))


def allow(database: Database) -> None:
    with database.engine.begin() as connection:
        undo = "DROP TRIGGER refuse" if database.is_sqlite else "ALTER TABLE journal DROP CONSTRAINT refuse"
        connection.execute(text(undo))
