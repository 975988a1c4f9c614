"""A daemon that stands still as if frozen: another one on the same database takes its work over."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.audit import audit
from storage.database import Database
from storage.tx import Tx
from tests.process import Process
from tests.send.house import message, outbound
from tests.sink import Sink
from tests.site import Site, mail, until
from tests.test_end_to_end import BackgroundSink

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


@pytest.mark.skipif("LONG" not in os.environ, reason="takes a minute: LONG=1 make crash")
@pytest.mark.timeout(1200)
def test_both_processes_of_one_of_two_daemons_are_frozen(postgresql_url: str, tmp_path: Path) -> None:
    """In the middle of its work; let go, it does nothing a second time, and both go on."""
    sink = BackgroundSink()
    send = f'transport = "smtp"\nhost = "127.0.0.1"\nport = {sink.sink.port}\nconnections = {CONNECTIONS}'
    (tmp_path / "secret").write_text("s" * 64)
    sites = []
    for name in ("frozen", "awake"):
        (tmp_path / name).mkdir()
        site = Site(tmp_path / name, postgresql_url, send, processes='"auto"')
        text = site.config.read_text("utf-8")
        site.config.write_text(text.replace("[gateway]", f'[gateway]\nsecret_file = "{tmp_path / "secret"}"', 1))
        site.start("tests.crash.impatient")
        sites.append(site)
    frozen, awake = sites
    assert frozen.process is not None
    sink.sink.delay = 0.2
    for n in range(MAILS):
        frozen.send(mail(f"Order {n}", f"Text of {n}", f"kim{n}@customer{n}.example"))
    both = (frozen.worker(), frozen.process.pid)
    for process in both:
        os.kill(process, signal.SIGSTOP)
    left = awake.count("outbox WHERE state <> 'sent'") + awake.count("journal WHERE state = 'pending'")
    assert left, "it had some in hand"
    sink.sink.delay = 0.0
    for n in range(MAILS, 2 * MAILS):
        awake.send(mail(f"Order {n}", f"Text of {n}", f"kim{n}@customer{n}.example"))

    def done() -> bool:
        return not awake.count("journal WHERE state = 'pending'") and not awake.count("outbox WHERE state <> 'sent'")

    until(done, 600, 0.5)
    for process in both:
        os.kill(process, signal.SIGCONT)
    frozen.send(mail("After it", "Text", "kim@customer.example"))
    until(lambda: awake.count("ticket") == 2 * MAILS + 1 and done(), 600, 0.5)
    count = Counter(r.message_id for r in list(sink.sink.received))
    database = Database(postgresql_url, tmp_path)
    try:
        assert sum(n - 1 for n in count.values()) <= 2 * CONNECTIONS
        assert len(count) == awake.count("outbox")
        assert awake.count("entry") == 2 * MAILS + 1
        assert database.read_now(audit).broken == ()
        assert [site.stop() for site in sites] == [0, 0]
    finally:
        database.close_now()
        sink.close()
        for site in sites:
            site.kill()
