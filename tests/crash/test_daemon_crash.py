"""A whole daemon killed at random moments under mail servers that try again: nothing is lost, nothing doubled.

Mail comes in by SMTP, by SMTP of an agent who signed in, by LMTP and out of an IMAP folder.
The laboratory of promise number one. `make crash` runs it for long with LONG=1 until there were at least MAILS=… mails
and KILLS=… kills, and prints figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import math
import os
import random
import re
import signal
import smtplib
import ssl
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import trustme
from argon2 import PasswordHasher
from sqlalchemy import NullPool, create_engine, text

from storage.audit import audit
from storage.database import Database
from tests.process import Process
from tests.receive.imap_server import PASSWORD, USER, Server
from tests.site import InVain, Site, mail, running, until
from tests.test_end_to_end import BackgroundSink

LONG = bool(os.environ.get("LONG"))
MAILS = int(os.environ.get("MAILS", "5000" if LONG else "60"))
KILLS = int(os.environ.get("KILLS", "125" if LONG else "4"))
MINUTES = float(os.environ.get("MINUTES", "1e6"))
"""Begin no more mails after so many: for a machine that has other things to do."""
CLIENTS = 16 if LONG else 4
BEHIND = 200
"""In the long form no mail is begun while the desk has so many to decide: each kill meets mails coming in."""
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
PROCESSES = ("changing",) if LONG else ("1", '"auto"')
"""What `gateway.processes` says; changing: each start has one or two of them."""


WAYS = ("smtp", "auth", "lmtp", "imap")
AGENT, HORSE = "anna@example.com", "correct horse"
DOORS = """
[receive.lmtp]
listen = ["unix:{folder}/lmtp"]

[[receive.imap]]
mailbox = "support@example.com"
host = "127.0.0.1"
port = {imap}
security = "none"
password_file = "imap"
backlog = "all"

[limits]
automatic_mail = ["1000/10m"]
alike_mails = []
"""


class Folder:
    """An IMAP server that stays while the daemon dies. What lies in INBOX has not been taken yet."""

    def __init__(self) -> None:
        self.server = Server()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        async with self.server.running():
            self._ready.set()
            await self._end.wait()

    def put(self, mail: bytes) -> None:
        self._loop.call_soon_threadsafe(self.server.deliver, mail)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)


class Load:
    """Mail servers that keep each mail until they heard 250, and send the same one again. Every second is a reply."""

    def __init__(self, site: Site, folder: Folder) -> None:
        self._site, self._folder = site, folder
        self._numbers = itertools.count()
        self.more = LONG
        """Whether mails go on beyond MAILS, for there are kills to come."""
        self._lock = threading.Lock()
        self._last = time.monotonic() + MINUTES * 60
        self.begun = set[int]()
        self.accepted: Counter[str] = Counter()
        self.retries = 0
        self.settled = 0
        """Mails the desk had decided when we last looked."""
        self._trusted = ssl.create_default_context(cafile=str(site.folder / "ca.pem"))
        self._open = threading.local()
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> bool:
        return not any(thread.is_alive() for thread in self._threads) and not self._folder.server.inbox.mails

    def _work(self) -> None:
        while True:
            with self._lock:
                if (len(self.begun) >= MAILS and not self.more) or time.monotonic() > self._last:
                    break
                number = next(self._numbers)
                self.begun.add(number)
            while LONG and self.accepted.total() - self.settled > BEHIND:
                time.sleep(0.1)
            way = WAYS[number % len(WAYS)]
            while not self._sent(number, way):
                self.retries += 1
                time.sleep(0.1)
            with self._lock:
                self.accepted[way] += 1
        for way in list(self._open.__dict__):
            self._hang_up(way)

    def _sent(self, number: int, way: str) -> bool:
        ticket = number - number % 2
        author, headers = f"kim{ticket}@customer.example", {"Message_ID": f"<{number}@customer.example>"}
        if number % 2:
            headers["In_Reply_To"] = f"<{ticket}@customer.example>"
        made = mail(f"Order {ticket}", f"Text of {number}", author, **headers).as_bytes()
        if way == "imap":
            self._folder.put(made)
            return True
        try:
            self._connection(way).sendmail(author, ["support@example.com"], made)
        except (OSError, smtplib.SMTPException):
            self._hang_up(way)
            return False
        if not LONG:
            self._hang_up(way)
        return True

    def _connection(self, way: str) -> smtplib.SMTP:
        """Each client has one for each way. In the long form it lasts until it breaks."""
        connections = self._open.__dict__
        if way not in connections:
            connections[way] = self._dial(way)
        found = connections[way]
        assert isinstance(found, smtplib.SMTP)
        return found

    def _hang_up(self, way: str) -> None:
        if client := self._open.__dict__.pop(way, None):
            with contextlib.suppress(OSError, smtplib.SMTPException):
                client.quit()
            client.close()

    def _dial(self, way: str) -> smtplib.SMTP:
        if way == "lmtp":
            return smtplib.LMTP(str(self._site.folder / "lmtp"), timeout=30)
        client = smtplib.SMTP("127.0.0.1", self._site.smtp, timeout=30)
        if way == "auth":
            try:
                client.starttls(context=self._trusted)
                client.login(AGENT, HORSE)
            except BaseException:
                client.close()
                raise
        return client


def _site(folder: Path, url: str, imap: int, send: str, processes: str) -> Site:
    authority = trustme.CA()
    ours = authority.issue_cert("127.0.0.1")
    ours.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    ours.private_key_pem.write_to_path(folder / "key.pem")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    # Cheap to check, for it is not the hash that is tried here.
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    (folder / "passwords").write_text(f"{AGENT}:{quick.hash(HORSE)}\n")
    (folder / "imap").write_text(PASSWORD)
    site = Site(folder, database_url=url, send=send, extra=DOORS.format(folder=folder, imap=imap), processes=processes)
    keys = 'tls_certificate = "cert.pem"\ntls_key = "key.pem"\npasswords_file = "passwords"'
    text = site.config.read_text("utf-8")
    site.config.write_text(text.replace("[receive.smtp]", f"[receive.smtp]\n{keys}"), "utf-8")
    assert USER in text
    return site


def _settled(database: Database) -> bool:
    return database.read_now(lambda tx: tx.journal.counts())["pending"] == 0


def _change(site: Site, chance: random.Random) -> None:
    """As many processes as chance says, from the next start on."""
    text = site.config.read_text("utf-8")
    wanted = chance.choice(("1", '"auto"'))
    site.config.write_text(re.sub(r"processes = .*\n", f"processes = {wanted}\n", text), "utf-8")


def _look(site: Site, load: Load) -> bool:
    """Whether every mail is decided; says in the load how many are."""
    load.settled = site.count("journal WHERE state = 'settled'")
    return load.done and not site.count("journal WHERE state = 'pending'")


def _go_on(site: Site, load: Load, aim: float, least: float = 0) -> bool:
    """Wait until as many mails as `aim` are decided, and `least` more than now, but a minute at most, for the daemon
    may be at its end. Whether all are."""
    done = _look(site, load)
    aim = max(aim, load.settled + least)
    with contextlib.suppress(InVain):
        until(lambda: _look(site, load) or load.settled >= aim, 60, 0.1)
    return done


def _kill_again_and_again(site: Site, load: Load, chance: random.Random, kills: int) -> Counter[str]:
    """What was killed: the whole daemon, its worker, or a daemon that was starting."""
    done: Counter[str] = Counter()
    while done.total() < kills and (LONG or not load.done):
        if LONG:
            # Spread over all mails, however slow the machine is, each after a few more; then at any moment of one.
            each = MAILS / kills
            if _go_on(site, load, (done.total() + chance.random()) * each, chance.uniform(0, each / 2)):
                break
            time.sleep(chance.uniform(0, 0.1))
        else:
            time.sleep(chance.uniform(0.2, 1.2))
        worker = site.worker()
        if worker and chance.random() < 0.5:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            done["worker"] += 1
            continue
        site.kill()
        if LONG:
            _change(site, chance)
        # One in five dies while it starts.
        if chance.random() < 0.2:
            log = site.folder / "daemon.log"
            site.process = Process("run", "--config", str(site.config), stdout=log, stderr=log)
            time.sleep(chance.uniform(0.1, 1.0))
            site.kill()
            done["start"] += 1
        site.start()
        done["daemon"] += 1
    return done


@pytest.mark.timeout(14_400 if LONG else 400)
@pytest.mark.parametrize("processes", PROCESSES, ids=lambda said: {"1": "one", '"auto"': "two"}.get(said, said))
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_killed_under_load(kind: str, processes: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Every mail answered 250 is on its ticket once; no id reaches the relay for two mails; the audit is clean."""
    url = "" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    sink = BackgroundSink()
    send = f'transport = "smtp"\nhost = "127.0.0.1"\nport = {sink.sink.port}\nconnections = 4'
    folder = Folder()
    site = _site(tmp_path, url, folder.server.port, send, '"auto"' if LONG else processes)
    began = time.monotonic()
    with running(site):
        load = Load(site, folder)
        kills = _kill_again_and_again(site, load, random.Random(11), KILLS)
        load.more = False
        while LONG and not _go_on(site, load, math.inf):
            pass
        until(lambda: load.done, 300, 0.2)
        database = Database(url, tmp_path / "var")
        try:
            until(lambda: _settled(database), 600, 0.5)
            held = database.read_now(lambda tx: [row.id for row in tx.journal.recent("held", 10_000)])
            for id in held:
                # In hand at three deaths: the operator lets it go on.
                assert site.run("journal", "retry", str(id)).returncode == 0
            until(lambda: _settled(database), 600, 0.5)
            entries = _entries(site)
            expected = {f"{n}@customer.example" for n in load.begun}
            lost, doubled = expected - set(entries), {id for id, n in entries.items() if n > 1}
            tickets = sum(database.read_now(lambda tx: tx.reads.counts()).values())
            broken = database.read_now(audit).broken
            again = {id: n for id, n in Counter(r.message_id for r in list(sink.sink.received)).items() if n > 1}
            due = len({n // 2 for n in load.begun})
            killed = ", ".join(f"{n} {what}" for what, n in sorted(kills.items()))
            figures = (
                *(len(load.begun), f"{kills.total()} ({killed})", load.retries, len(lost), len(doubled)),
                *(f"{tickets} of {due}", len(held)),
                *(f"{len(again)} of {len(sink.sink.received)}", len(broken), f"{time.monotonic() - began:.0f} s"),
            )
            line = f"| {kind}, {processes} | {' | '.join(map(str, figures))} |"
            print(f"\n{line}")
            if LONG:
                _write(kind, line.replace(", changing", "", 1))
            assert (lost, doubled) == (set(), set())
            assert set(load.accepted) == set(WAYS)
            assert tickets == due
            assert broken == ()
            # What was on the wire when it died may leave twice, under one id.
            assert len(again) <= (kills.total() + 1) * 4
            assert site.stop() == 0
        finally:
            database.close_now()
            sink.close()
            folder.close()


def _write(kind: str, line: str) -> None:
    """In place of what the page said of this database."""
    before, mark, rest = PAGE.read_text("utf-8").partition("<!-- figures -->\n")
    table, end, after = rest.partition("<!-- /figures -->")
    others = [said for said in table.splitlines() if not said.startswith(f"| {kind}")]
    PAGE.write_text(before + mark + "".join(f"{said}\n" for said in sorted([*others, line])) + end + after, "utf-8")


def _entries(site: Site) -> dict[str, int]:
    """How often each mail of the load is on a ticket, whatever its number: PostgreSQL leaves some out after a kill."""
    engine = create_engine(site.database_url, poolclass=NullPool)
    sql = "SELECT message_id, count(*) FROM entry WHERE message_id LIKE '%@customer.example' GROUP BY message_id"
    with engine.connect() as connection:
        return {str(id): int(times) for id, times in connection.execute(text(sql))}
