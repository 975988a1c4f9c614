"""What a daemon costs and how long people wait: `python tests/bench/bench_daemon.py [-n MAILS] [CHECKOUT[:1]…]`.

Start to READY, memory when idle, the time from a mail's 250 to its acknowledgement at the relay at half of the rate it
walks, a relay that takes a second for each mail, the status page alone and while mail comes in, and what ten mails of
24 MB at once take. Last the CPU seconds of the shell's verbs. CHECKOUT as in `bench_walk`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import platform
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway.mail.message import Address
from gateway.portal.session import Cookies, Sessions
from storage.database import Database
from tests.bench.bench_flow import mails
from tests.bench.bench_walk import HERE, WARM, Daemon, Relay, cpu_ms, deliver, memory_mb, started, waiting, walked
from tests.bench.good_client import proportional_mb

CONNECTIONS = 4
LARGE_MAILS, LARGE_BYTES = 10, 24_000_000
GOOD_CLIENT = HERE / "tests" / "bench" / "good_client.py"
IDLE_SECONDS = 20.0


def say(name: str, value: str) -> None:
    print(f"{name:44} {value}  (load {os.getloadavg()[0]:.1f})", flush=True)


def per(values: list[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    yield Path(tempfile.mkdtemp(prefix="bench-"))


async def at_rest(what: str) -> None:
    """READY, memory and CPU of a daemon that has nothing to do."""
    ready, idle, spent = [], [], []
    for _ in range(5):
        with folder() as place:
            async with started(what, place) as daemon:
                ready.append(daemon.ready)
                if len(idle) < 1:
                    await asyncio.sleep(IDLE_SECONDS)
                    idle.append(memory_mb(daemon.pid, "VmRSS"))
                    before = cpu_ms(daemon.pid)
                    await asyncio.sleep(10)
                    spent.append((cpu_ms(daemon.pid) - before) / 10)
    say("start to READY, median of 5", f"{statistics.median(ready):.2f} s")
    say(f"memory {IDLE_SECONDS:g} s after", f"{statistics.median(idle):.0f} MB, all processes")
    say("CPU at rest", f"{statistics.median(spent):.1f} ms a second")


async def half_load(what: str, count: int, rng: random.Random) -> None:
    """From 250 to the acknowledgement at the relay, at half the rate of the walk, mails of the mix."""
    first, load = (made := mails(WARM + count, rng))[:WARM], made[WARM:]
    with folder() as place:
        async with started(what, place) as daemon:
            began = time.perf_counter()
            await asyncio.gather(*(deliver(load[n::8], daemon.door) for n in range(8)))
            await walked(daemon.database)
            rate = count / (time.perf_counter() - began) / 2
    heard: dict[bytes, float] = {}
    with folder() as place:
        async with started(what, place) as daemon:
            # Templates are compiled with the first mails of a daemon's life: that is of its start, not of its days.
            await deliver(first, daemon.door)
            await walked(daemon.database)
            Relay.taken.clear()
            before = cpu_ms(daemon.pid)

            async def one(number: int, raw: bytes) -> None:
                await asyncio.sleep(number / rate)
                await deliver([raw], daemon.door)
                heard[b"<kim@c%d.example>" % number] = time.perf_counter()

            # Each opens a ticket of its own and comes from a domain of its own, so each is acknowledged.
            fresh = [re.sub(rb"kim\d+@customer", b"kim@c%d" % n, raw) for n, raw in enumerate(load)]
            fresh = [re.sub(rb"(?m)^(In-Reply-To|References):.*\r?\n", b"", raw) for raw in fresh]
            await asyncio.gather(*(one(n, raw) for n, raw in enumerate(fresh)))
            await walked(daemon.database)
            spent = (cpu_ms(daemon.pid) - before) / count
    took = [
        max(at - heard[to[8:]], 0.0) * 1000
        for at, to, head in Relay.taken
        if to[8:] in heard and b"auto-replied" in head
    ]
    say(
        f"250 to acknowledgement at {rate:.0f} mails/s",
        f"p50 {per(took, 0.5):.0f} ms, p99 {per(took, 0.99):.0f} ms of {len(took)}, {spent:.1f} ms CPU a mail",
    )


async def slow_relay(what: str, load: list[bytes]) -> None:
    """A relay of a second a mail: how long until new mails and their notices are out, and until they are decided."""
    with folder() as place:
        async with started(what, place) as daemon:
            Relay.delay = 1.0
            try:
                began = time.perf_counter()
                await asyncio.gather(*(deliver(load[n::8], daemon.door) for n in range(8)))
                while waiting(daemon.database, "journal"):
                    await asyncio.sleep(0.05)
                decided = time.perf_counter() - began
                await walked(daemon.database)
                took = time.perf_counter() - began
            finally:
                Relay.delay = 0.0
    out = f"{len(Relay.taken)} mails out in {took:.1f} s, all decided after {decided:.1f} s"
    say(f"relay of 1 s a mail: {len(load)} mails with notices", out)


def _cookie(daemon: Daemon) -> str:
    """A signed-in browser of a customer who wrote."""
    database = Database("", daemon.database.parent)
    now = datetime.now(UTC)
    sessions = Sessions(12, 60)
    token = database.write_now(
        lambda tx: sessions.open(
            tx, tx.contacts.ensure(Address("kim0@customer.example"), now), "", now + timedelta(seconds=0)
        )
    )
    database.close_now()
    return f"{Cookies(secure=False).session}={token}"


async def pages(what: str, rng: random.Random) -> None:
    """Requests a second over four kept connections, alone and while mail comes in as fast as it goes."""
    load = mails(150, rng)
    with folder() as place:
        async with started(what, place, portal=True) as daemon:
            await asyncio.gather(*(deliver(load[n:40:8], daemon.door) for n in range(8)))
            await walked(daemon.database)
            cookie = _cookie(daemon)
            for name, feed in (("no mail comes in", []), ("mail comes in at full rate", load[40:])):
                for path in ("/tickets", "/healthz"):
                    done = asyncio.Event()
                    times: list[float] = []

                    async def browse(path: str = path, times: list[float] = times, done: asyncio.Event = done) -> None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", daemon.portal, limit=1 << 22)
                        ask = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\n\r\n".encode()
                        while not done.is_set():
                            began = time.perf_counter()
                            writer.write(ask)
                            head = await reader.readuntil(b"\r\n\r\n")
                            assert head.startswith(b"HTTP/1.1 200"), head
                            length = re.search(rb"content-length: (\d+)", head, re.I)
                            await reader.readexactly(int(length[1]) if length else 0)
                            times.append((time.perf_counter() - began) * 1000)
                        writer.close()

                    browsing = [asyncio.create_task(browse()) for _ in range(CONNECTIONS)]
                    began = time.perf_counter()
                    if feed:
                        part = feed[:55] if path == "/tickets" else feed[55:]
                        await asyncio.gather(*(deliver(part[n::8], daemon.door) for n in range(8)))
                    else:
                        await asyncio.sleep(5)
                    took = time.perf_counter() - began
                    done.set()
                    await asyncio.gather(*browsing)
                    say(
                        f"page {path}, {name}",
                        f"{len(times) / took:.0f}/s, p50 {per(times, 0.5):.0f} ms, p99 {per(times, 0.99):.0f} ms",
                    )
            await walked(daemon.database)


async def large(what: str, rng: random.Random) -> None:
    """Ten mails of 24 MB at once: memory (proportional sets), what a good client waits, how the log grows."""
    body = base64.encodebytes(rng.randbytes(LARGE_BYTES * 3 // 4)).replace(b"\n", b"\r\n")
    head = (
        b"From: kim%d@customer.example\r\nTo: support@example.com\r\nSubject: Scan %d\r\n"
        b"Message-ID: <l%d@c.example>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: application/pdf; name="a.pdf"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
    )
    with folder() as place:
        async with started(what, place) as daemon:
            log = place / "log"
            before, began = log.stat().st_size, time.perf_counter()
            words = [sys.executable, str(GOOD_CLIENT), str(daemon.door), str(daemon.pid)]
            good = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            await asyncio.gather(*(deliver([head % (n, n, n) + body], daemon.door) for n in range(LARGE_MAILS)))
            took = time.perf_counter() - began
            await walked(daemon.database)
            seen = json.loads((await asyncio.to_thread(good.communicate, b""))[0])
            grown = (log.stat().st_size - before) / 1e6 / (time.perf_counter() - began) * 60
            await asyncio.sleep(30)
            after = proportional_mb(daemon.pid)
    say(
        "ten mails of 24 MB at once", f"peak {seen['peak_mb']:.0f} MB, {after:.0f} MB 30 s later, taken in {took:.1f} s"
    )
    said = f"median {statistics.median(seen['seconds']):.2f} s, worst {max(seen['seconds']):.2f} s"
    say("a good client meanwhile", f"{said}, {seen['failed']} of {len(seen['seconds']) + seen['failed']} failed")
    say("log meanwhile", f"{grown:.2f} MB a minute")


def verbs(checkout: Path) -> None:
    """CPU seconds of a command, median of five."""
    with folder() as place:
        config = place / "replydesk.toml"
        config.write_text(f'[gateway]\ndata_dir = "{place}"\n[[mailboxes]]\naddress = "support@example.com"\n')
        base = [sys.executable, "-m", "gateway"]
        subprocess.run([*base, "stats", "--config", str(config)], cwd=checkout, capture_output=True, check=False)
        for verb in ("--help", "ticket list", "journal list", "outbox list", "contact list", "stats", "audit", "check"):
            spent = []
            for _ in range(5):
                before = resource.getrusage(resource.RUSAGE_CHILDREN)
                words = [*base, *verb.split(), *([] if verb == "--help" else ["--config", str(config)])]
                subprocess.run(words, cwd=checkout, capture_output=True, check=False)
                after = resource.getrusage(resource.RUSAGE_CHILDREN)
                spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
            say(f"replydesk {verb}", f"{statistics.median(spent):.2f} s CPU")


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("-n", type=int, default=200, help="mails at half load")
    words.add_argument("--only", default="", help="names of the parts, with commas between")
    words.add_argument("checkouts", nargs="*", default=[str(HERE), f"{HERE}:1"])
    asked = words.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}")
    parts = {
        "rest": at_rest,
        "half": lambda what: half_load(what, asked.n, random.Random(7)),
        "relay": lambda what: slow_relay(what, mails(30, random.Random(7))),
        "pages": lambda what: pages(what, random.Random(7)),
        "large": lambda what: large(what, random.Random(7)),
    }
    only = asked.only.split(",") if asked.only else [*parts, "verbs"]
    for what in asked.checkouts:
        print(f"-- {'one process' if ':' in what else 'two processes'} ({what})")
        for name in only:
            if name in parts:
                asyncio.run(parts[name](what))
    if "verbs" in only:
        verbs(Path(asked.checkouts[0].partition(":")[0]))


if __name__ == "__main__":
    main()
