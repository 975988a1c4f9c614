"""A whole daemon killed at random moments under mail servers that try again: nothing is lost, nothing doubled.

The laboratory of promise number one. `make crash` runs it for long with LONG=1 (MAILS=…, KILLS=…) and prints figures.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import smtplib
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from gateway.core.ticket import Entry
from storage.audit import audit
from storage.database import Database
from tests.process import Process
from tests.site import Site, mail, until
from tests.test_end_to_end import BackgroundSink

LONG = bool(os.environ.get("LONG"))
MAILS = int(os.environ.get("MAILS", "5000" if LONG else "60"))
KILLS = int(os.environ.get("KILLS", "125" if LONG else "4"))
CLIENTS = 8 if LONG else 4


class Load:
    """Mail servers that keep each mail until they heard 250, and send the same one again. Every second is a reply."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._todo = list(range(MAILS))[::-1]
        self._lock = threading.Lock()
        self.accepted: set[int] = set()
        self.retries = 0
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._todo:
                    return
                number = self._todo.pop()
            while not self._sent(number):
                self.retries += 1
                time.sleep(0.1)
            self.accepted.add(number)

    def _sent(self, number: int) -> bool:
        ticket = number - number % 2
        headers = {"Message_ID": f"<{number}@customer.example>"}
        if number % 2:
            headers["In_Reply_To"] = f"<{ticket}@customer.example>"
        made = mail(f"Order {ticket}", f"Text of {number}", f"kim{ticket}@customer.example", **headers)
        try:
            with smtplib.SMTP("127.0.0.1", self._site.smtp, timeout=30) as client:
                client.sendmail(f"kim{ticket}@customer.example", ["support@example.com"], made.as_bytes())
        except (OSError, smtplib.SMTPException):
            return False
        return True


def _settled(database: Database) -> bool:
    return database.read_now(lambda tx: tx.journal.counts())["pending"] == 0


def _kill_again_and_again(site: Site, load: Load, chance: random.Random, kills: int) -> int:
    done = 0
    while done < kills and not load.done:
        time.sleep(chance.uniform(0.2, 2.5 if LONG else 1.2))
        worker = site.worker()
        if worker and chance.random() < 0.5:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            done += 1
            continue
        site.kill()
        # One in five dies while it starts.
        if chance.random() < 0.2:
            log = site.folder / "daemon.log"
            site.process = Process("run", "--config", str(site.config), stdout=log, stderr=log)
            time.sleep(chance.uniform(0.1, 1.0))
            site.kill()
            done += 1
        try:
            site.start()
        except AssertionError:
            print(site.read_log()[-4000:])
            raise
        done += 1
    return done


@pytest.mark.timeout(7200 if LONG else 180)
@pytest.mark.parametrize("processes", ["1", '"auto"'], ids=["one", "two"])
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_under_load(kind: str, processes: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every mail answered 250 is on its ticket once; no id reaches the relay for two mails; the audit is clean."""
    url = "" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    sink = BackgroundSink()
    send = f'transport = "smtp"\nhost = "127.0.0.1"\nport = {sink.sink.port}\nconnections = 4'
    limits = '\n[limits]\nautomatic_mail = ["1000/10m"]\nalike_mails = []\n'
    site = Site(tmp_path, database_url=url, send=send, extra=limits, processes=processes)
    began = time.monotonic()
    site.start()
    load = Load(site)
    kills = _kill_again_and_again(site, load, random.Random(11), KILLS)
    until(lambda: load.done, 3600 if LONG else 120, 0.2)
    database = Database(url, tmp_path / "var")
    try:
        until(lambda: _settled(database), 600, 0.5)
        held = database.read_now(lambda tx: [row.id for row in tx.journal.recent("held", 10_000)])
        for id in held:
            # In hand at three deaths: the operator lets it go on.
            assert site.run("journal", "retry", str(id)).returncode == 0
        until(lambda: _settled(database), 600, 0.5)
        entries = Counter(
            entry.message_id
            for number in range(1, MAILS // 2 + 50)
            for entry in _entries(database, number)
            if entry.message_id.endswith("@customer.example")
        )
        expected = {f"{n}@customer.example" for n in range(MAILS)}
        lost, doubled = expected - set(entries), {id for id, n in entries.items() if n > 1}
        tickets = sum(database.read_now(lambda tx: tx.reads.counts()).values())
        broken = database.read_now(audit).broken
        again = {id: n for id, n in Counter(r.message_id for r in list(sink.sink.received)).items() if n > 1}
        figures = (
            *(MAILS, kills, load.retries, len(lost), len(doubled), f"{tickets} of {(MAILS + 1) // 2}", len(held)),
            *(f"{len(again)} of {len(sink.sink.received)}", len(broken), f"{time.monotonic() - began:.0f} s"),
        )
        print(f"\n| {kind} | {' | '.join(map(str, figures))} |")
        assert (lost, doubled) == (set(), set())
        assert tickets == (MAILS + 1) // 2
        assert broken == ()
        # What was on the wire when it died may leave twice, under one id.
        assert len(again) <= (kills + 1) * 4
        assert site.stop() == 0
    finally:
        database.close_now()
        sink.close()


def _entries(database: Database, number: int) -> list[Entry]:
    return database.read_now(lambda tx: tx.reads.entries(number))
