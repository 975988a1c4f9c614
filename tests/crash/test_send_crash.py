"""Kill -9 in the middle of sending, again and again: no mail is lost, and doubles are few and known."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.database import Database
from storage.outbox import OutboxEntry
from storage.tx import Tx
from tests.crash.sending import HOLDER
from tests.process import Process
from tests.send.house import message, outbound
from tests.sink import Sink

MAILS, KILLS, CONNECTIONS = 60, 4, 3


async def _killed(folder: Path, sink: Sink, taken: int) -> None:
    """One life of the sender, which ends when the relay has taken so many mails, at no particular moment."""
    process = Process(str(folder), str(sink.port), module="tests.crash.sending")
    try:
        await sink.until(taken, 60)
    finally:
        process.kill()
        process.wait(20)


def _put(database: Database, now: datetime) -> None:
    def put(tx: Tx) -> None:
        for n in range(MAILS):
            mail = outbound(n, f"{n}@customer.example", now)
            tx.outbox.add(mail, message(mail), now)

    database.write_now(put)


def _rows(database: Database) -> list[OutboxEntry]:
    return database.read_now(lambda tx: tx.outbox.recent(limit=1_000))


async def test_killed_again_and_again(sqlite_url: str, tmp_path: Path) -> None:
    """Every mail arrives; a kill doubles at most what was on the wire just then, under the same Message-ID."""
    folder = tmp_path / "var"
    database = Database(sqlite_url, folder)
    _put(database, datetime.now(UTC))
    chance = random.Random(7)
    async with Sink().running() as sink:
        sink.delay = 0.02
        for _ in range(KILLS):
            await _killed(folder, sink, len(sink.received) + chance.randint(1, 12))
        left = [r for r in _rows(database) if r.state not in ("sent", "claimed")]
        # Nothing waits in another state than the design names, and what never was on the wire is in no doubt.
        assert {r.state for r in left} <= {"pending", "deferred", "uncertain"}
        arrived = set(sink.ids())
        assert all(r.message_id in arrived for r in _rows(database) if r.state == "sent")

        _operator(database)
        life = asyncio.create_task(_killed(folder, sink, 1_000))
        await _all_sent(database)
        life.cancel()
        await asyncio.gather(life, return_exceptions=True)
    count = Counter(sink.ids())
    assert set(count) == {f"mail.{n}@example.com" for n in range(MAILS)}
    assert sum(n - 1 for n in count.values()) <= (KILLS + 1) * CONNECTIONS
    assert all(r.doubts or r.attempts for r in _rows(database) if count[r.message_id] > 1)
    database.close_now()


def _operator(database: Database) -> None:
    """What was killed twice waits, in doubt or for its turn: the operator sends it on."""

    def retry(tx: Tx) -> None:
        tx.claims.expire(datetime.now(UTC) + timedelta(hours=1), [HOLDER])
        for row in tx.outbox.recent(limit=1_000):
            if row.state in ("deferred", "uncertain"):
                tx.outbox.retry(row.id, datetime.now(UTC))

    database.write_now(retry)


async def _all_sent(database: Database) -> None:
    async def sent() -> None:
        while {r.state for r in _rows(database)} != {"sent"}:
            await asyncio.sleep(0.05)

    async with asyncio.timeout(60):
        await sent()
