"""Several daemons on one PostgreSQL: `python -m tests.bench.bench_machines [-n MAILS] [-r ROUNDS] [CHECKOUT]`.

One daemon, then two, then three get the same mails, in turns, with a relay for all. Rates are of this machine and this
moment; CPU is of the daemons, and of the server beside it. Then one of two is killed while the relay takes a second for
each mail: how long until the other has sent what it held. Last a daemon of CHECKOUT, a version before, works beside
one of this on the same database. Each round ends with an audit: nothing is lost. PostgreSQL as Debian installs it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import random
import re
import secrets
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from sqlalchemy import func, select

from storage.audit import audit
from storage.database import Database
from storage.tables import OUTBOX
from storage.tx import Tx
from tests.bench.bench_flow import mails
from tests.bench.bench_walk import CONFIG, HERE, Relay, cpu_ms, deliver
from tests.interop import postgres
from tests.site import free_port

PATIENCE = 300.0


@contextlib.asynccontextmanager
async def daemons(url: str, *checkouts: Path) -> AsyncIterator[list[tuple[subprocess.Popen[bytes], int]]]:
    """One of each checkout, with a folder of its own and the secret of all: (process, its door)."""
    folder = Path(tempfile.mkdtemp(prefix="machines-"))
    (folder / "secret").write_text(secrets.token_hex(32))
    (folder / "secret").chmod(0o600)
    relay = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", 0)
    Relay.taken.clear()
    running: list[tuple[subprocess.Popen[bytes], int]] = []
    try:
        for number, checkout in enumerate(checkouts):
            own, door = folder / str(number), free_port()
            own.mkdir()
            given = {"folder": own, "door": door, "relay": relay.sockets[0].getsockname()[1]}
            config = CONFIG.format(processes="1", portal="", **given)
            config = config.replace(
                "[gateway]\n", f'[gateway]\ndatabase_url = "{url}"\nsecret_file = "{folder}/secret"\n'
            )
            (own / "replydesk.toml").write_text(config)
            words = [sys.executable, "-m", "gateway", "run", "--config", str(own / "replydesk.toml")]
            with (own / "log").open("wb") as log:
                running.append((subprocess.Popen(words, cwd=checkout, stdout=log, stderr=log), door))
            async with asyncio.timeout(PATIENCE):
                while b" replydesk ready" not in (own / "log").read_bytes():
                    if running[-1][0].poll() is not None:
                        raise SystemExit((own / "log").read_text())
                    await asyncio.sleep(0.05)
        yield running
    finally:
        for process, _ in running:
            process.send_signal(signal.SIGTERM)
        for process, _ in running:
            await asyncio.to_thread(process.wait, 60)
        relay.close()
        shutil.rmtree(folder, ignore_errors=True)


def open_mails(tx: Tx) -> int:
    """Mails that wait for a decision, or to be sent."""
    return sum(tx.journal.counts()[state] for state in ("pending",)) + sum(
        many for state, many in tx.outbox.counts().items() if state not in ("sent", "failed", "recalled")
    )


async def walked(database: Database) -> None:
    async with asyncio.timeout(PATIENCE):
        while await database.read(open_mails):
            await asyncio.sleep(0.05)


async def checked(database: Database, many: int, duplicates: int = 0, besides: str = "") -> str:
    """What a round ended with: `many` mails decided, each of ours sent once, the audit clean, `besides` one rule."""
    counts = await database.read(lambda tx: tx.journal.counts())
    ids = Counter(named[1] for _, _, head in Relay.taken if (named := re.search(rb"(?mi)^message-id: *(\S+)", head)))
    twice = sum(times - 1 for times in ids.values())
    found = (await asyncio.to_thread(database.read_now, audit)).broken
    broken = [b for b in found if b.rule.name != besides]
    held = [(row.id, row.reason, row.cause) for row in await database.read(lambda tx: tx.journal.recent("held"))]
    assert counts["settled"] == many, held or counts
    assert not broken, broken
    assert twice <= duplicates, f"{twice} sent twice"
    return f"{many} decided, {len(ids)} sent, {twice} of them twice, audit clean"


async def rates(
    url: str, server: postgres.Server, load: list[bytes], checkouts: list[Path]
) -> tuple[float, float, float]:
    """(mails a second, ms CPU a mail of the daemons, the same of the server)"""
    database = Database(url, Path(tempfile.gettempdir()))
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    async with daemons(url, *checkouts) as running:
        before = [cpu_ms(process.pid) for process, _ in running]
        at_first, began = cpu_ms(postmaster), time.perf_counter()
        shares = [(load[n::8], running[n % len(running)][1]) for n in range(8)]
        await asyncio.gather(*(deliver(share, door) for share, door in shares))
        await walked(database)
        took = time.perf_counter() - began
        spent = sum(cpu_ms(process.pid) for process, _ in running) - sum(before)
        of_server = cpu_ms(postmaster) - at_first
        # What a version before search wrote gets its words by a job, within ten minutes.
        besides = "" if len(set(checkouts)) == 1 else "search"
        print(f"  {len(checkouts)} daemons: {await checked(database, len(load), besides=besides)}", flush=True)
    await database.close()
    return len(load) / took, spent / len(load), of_server / len(load)


async def taken_over(url: str, load: list[bytes]) -> str:
    """One of two daemons is killed with mails in its hand."""
    database = Database(url, Path(tempfile.gettempdir()))
    Relay.delay = 1.0
    try:
        async with daemons(url, HERE, HERE) as running:
            await asyncio.gather(*(deliver(load[n::4], running[0][1]) for n in range(4)))
            async with asyncio.timeout(PATIENCE):
                while not Relay.taken:
                    await asyncio.sleep(0.05)
            running[0][0].kill()
            began = time.perf_counter()
            last = select(func.max(OUTBOX.c.claimed_until)).where(OUTBOX.c.state == "claimed")
            dead_until = await database.read(lambda tx: tx.connection.execute(last).scalar_one())
            claimed = select(func.count()).where(OUTBOX.c.state == "claimed", OUTBOX.c.claimed_until <= dead_until)
            while await database.read(lambda tx: tx.connection.execute(claimed).scalar_one()):
                await asyncio.sleep(0.05)
            ended = time.perf_counter() - began
            await walked(database)
            took = time.perf_counter() - began
            told = f"one of two killed: its claims were over after {ended:.1f} s, all was sent after {took:.1f} s; "
            # What it had begun is sent once more, under the same Message-ID.
            return told + await checked(database, len(load), duplicates=len(Relay.taken))
    finally:
        Relay.delay = 0.0
        await database.close()


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("-n", type=int, default=200, help="mails of a run")
    words.add_argument("-r", type=int, default=3, help="rounds")
    words.add_argument("before", nargs="?", type=Path, help="a checkout of the version before")
    asked = words.parse_args()
    load = mails(asked.n, random.Random(7))
    found: dict[int, list[tuple[float, float, float]]] = {1: [], 2: [], 3: []}
    with postgres.alone() as server:
        for number in range(asked.r):
            for many, runs in found.items():
                name = f"round{number}of{many}"
                server.ask(f"CREATE DATABASE {name}")
                runs.append(asyncio.run(rates(server.url(name), server, load, [HERE] * many)))
        for many, runs in found.items():
            rate, cpu, of_server = (statistics.median(values) for values in zip(*runs, strict=True))
            print(
                f"{many} daemons: {rate:.1f} mails/s, {cpu:.1f} ms CPU a mail and {of_server:.1f} of the server "
                f"(median of {asked.r}, load {os.getloadavg()[0]:.0f})",
                flush=True,
            )
        server.ask("CREATE DATABASE killed")
        print(asyncio.run(taken_over(server.url("killed"), mails(30, random.Random(7)))), flush=True)
        if asked.before:
            server.ask("CREATE DATABASE mixed")
            before = asked.before.resolve()
            rate, cpu, _ = asyncio.run(rates(server.url("mixed"), server, load, [before, HERE]))
            print(f"{before.name} beside this one: {rate:.1f} mails/s, {cpu:.1f} ms CPU a mail")


if __name__ == "__main__":
    main()
