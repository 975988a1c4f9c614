"""A daemon that stands still as if frozen: another one on the same database takes its mails over."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from storage.database import Database
from storage.tx import Tx
from tests.process import Process
from tests.send.house import message, outbound
from tests.sink import Sink

MAILS, CONNECTIONS = 40, 3


async def test_one_of_two_is_frozen(postgresql_url: str, tmp_path: Path) -> None:
    """What it had claimed leaves by the other; let go, it sends nothing that is not its own any more."""
    database, now = Database(postgresql_url, tmp_path), datetime.now(UTC)

    def put(tx: Tx) -> None:
        for n in range(MAILS):
            mail = outbound(n, f"{n}@customer.example", now)
            tx.outbox.add(mail, message(mail), now)

    def sender(name: str, sink: Sink) -> Process:
        return Process(str(tmp_path), str(sink.port), postgresql_url, name, module="tests.crash.sending")

    def states() -> Counter[str]:
        return Counter(row.state for row in database.read_now(lambda tx: tx.outbox.recent(limit=MAILS)))

    database.write_now(put)
    processes: list[Process] = []
    async with Sink().running() as sink:
        sink.delay = 0.2
        try:
            processes.append(sender("frozen", sink))
            await sink.until(3, 60)
            processes[0].send_signal(signal.SIGSTOP)
            assert states()["claimed"], "it had some in hand"
            sink.delay = 0.0
            processes.append(sender("awake", sink))
            for _ in range(200):
                if set(states()) == {"sent"}:
                    break
                await asyncio.sleep(0.2)
            assert set(states()) == {"sent"}, states()
            processes[0].send_signal(signal.SIGCONT)
            await asyncio.sleep(1.5)
        finally:
            for process in processes:
                process.kill()
                process.wait(20)
    count = Counter(sink.ids())
    assert set(count) == {f"mail.{n}@example.com" for n in range(MAILS)}
    # On each connection what was on the wire when it froze, and what was just begun behind it.
    assert sum(n - 1 for n in count.values()) <= 2 * CONNECTIONS
    assert set(states()) == {"sent"}
    database.close_now()
