"""Whole daemons side by side: `python tests/bench/bench_walk.py [-n MAILS] [-r ROUNDS] [--stored FOLDER] [CHECKOUT…]`.

Each checkout (default: this one, with two processes and, as `.:1`, with one) gets the same mails over eight SMTP
connections and sends what follows from them to a relay here. Rounds are interleaved, so that whatever else the machine
does falls on all alike. CPU time is of the daemon alone, with all its threads and processes; the load and the relay run
in this process.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import random
import shutil
import signal
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.bench.bench_flow import mails

CONFIG = """\
[gateway]
data_dir = "{folder}"
processes = {processes}
[receive.smtp]
listen = ["127.0.0.1:{door}"]
[send]
host = "127.0.0.1"
port = {relay}
security = "none"
[portal]
listen = "{portal}"
[[mailboxes]]
address = "support@example.com"
reply_address = "support+{{token}}@example.com"
[[agents]]
address = "anna@example.com"
name = "Anna"
"""
HERE = Path(__file__).resolve().parents[2]
LONGEST = 300.0
WARM = 10
"""Mails before the clock runs, here as with the rivals: what is compiled once is no cost of a mail."""


class Relay(asyncio.Protocol):
    """Takes every mail, `delay` seconds after its end, and notes it."""

    taken: ClassVar[list[tuple[float, bytes, bytes]]] = []
    """When, to whom, and the head of the mail."""
    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport, self._bytes, self._data, self._to = transport, bytearray(), False, b""
        self._looked = 0
        transport.write(b"220 relay.example\r\n")

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        answers = b""
        while True:
            if self._data:
                end = self._bytes.find(b"\r\n.\r\n", self._looked)
                if end < 0:
                    # The next look begins where this one ended, or a large mail costs more here than in the daemon.
                    self._looked = max(len(self._bytes) - 4, 0)
                    break
                head = bytes(self._bytes[:end].partition(b"\r\n\r\n")[0])
                del self._bytes[: end + 5]
                self._data, self._looked = False, 0
                asyncio.get_running_loop().call_later(Relay.delay, self._take, head)
                continue
            end = self._bytes.find(b"\r\n")
            if end < 0:
                break
            line = bytes(self._bytes[:end])
            del self._bytes[: end + 2]
            verb = line[:4].upper()
            if verb == b"EHLO":
                answers += (
                    b"250-relay.example\r\n250-PIPELINING\r\n250-SIZE 50000000\r\n250-SMTPUTF8\r\n250 8BITMIME\r\n"
                )
            elif verb == b"DATA":
                self._data = True
                answers += b"354 go on\r\n"
            else:
                self._to = line if verb == b"RCPT" else self._to
                answers += b"221 2.0.0 bye\r\n" if verb == b"QUIT" else b"250 2.0.0 well\r\n"
        self._transport.write(answers)

    def _take(self, head: bytes) -> None:
        Relay.taken.append((time.perf_counter(), self._to, head))
        self._transport.write(b"250 2.0.0 taken\r\n")


@dataclass(frozen=True)
class Figures:
    """Of one run."""

    accepted: float
    """Mails a second, until the last 250."""
    walked: float
    """Mails a second, until the last mail of ours was settled."""
    cpu: float
    """Milliseconds a mail."""
    sent: float
    """Mails of ours for each."""
    memory: float
    """Peak, MB."""


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def family(pid: int) -> list[int]:
    """A process and those it started."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def cpu_ms(pid: int) -> float:
    total = 0.0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        spent = sum(map(_thread_ns, Path(f"/proc/{one}/task").iterdir()))
        total += max(spent / 1e6, (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK"))
    return total


def _thread_ns(task: Path) -> int:
    # A thread may end while it is looked at.
    try:
        return int((task / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def memory_mb(pid: int, kind: str) -> float:
    """Of all its processes: `VmRSS` now, `VmHWM` at most."""
    lines = (line for one in family(pid) for line in Path(f"/proc/{one}/status").read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith(kind)) / 1024


async def deliver(load: list[bytes], port: int) -> None:
    """One connection that hands over its share, one mail after the other."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)

    async def say(what: bytes, wanted: bytes) -> None:
        writer.write(what)
        await writer.drain()
        while True:
            line = await reader.readline()
            if line[3:4] != b"-":
                break
        assert line.startswith(wanted), line

    await say(b"", b"220")
    await say(b"EHLO load.example\r\n", b"250")
    for raw in load:
        body = raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n").replace(b"\r\n.", b"\r\n..")
        await say(b"MAIL FROM:<kim@customer.example>\r\n", b"250")
        await say(b"RCPT TO:<support@example.com>\r\n", b"250")
        await say(b"DATA\r\n", b"354")
        await say(body + b"\r\n.\r\n", b"250")
    await say(b"QUIT\r\n", b"221")
    writer.close()


def waiting(database: Path, *tables: str) -> int:
    """Mails that are not decided, or not sent; of these tables only, where any is named."""
    open_states = {"journal": "state <> 'settled'", "outbox": "state NOT IN ('sent', 'failed', 'recalled')"}
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as base:
        asked = [f"SELECT count(*) FROM {table} WHERE {open_states[table]}" for table in tables or open_states]
        return sum(int(base.execute(question).fetchone()[0]) for question in asked)


@dataclass(frozen=True)
class Daemon:
    """One that runs; `ready`: seconds from its start to READY."""

    pid: int
    door: int
    portal: int
    database: Path
    ready: float


@contextlib.asynccontextmanager
async def started(what: str, folder: Path, *, portal: bool = False) -> AsyncIterator[Daemon]:
    """A daemon with its relay; `what`: a checkout, and `:1` for a single process. Ended and removed on exit."""
    path, _, one = what.partition(":")
    checkout = Path(path).resolve()
    relay = await asyncio.get_running_loop().create_server(Relay, "127.0.0.1", 0)
    Relay.taken.clear()
    door, page = _free_port(), _free_port() if portal else 0
    config = folder / "replydesk.toml"
    given = {"folder": folder, "door": door, "relay": relay.sockets[0].getsockname()[1]}
    listen = f"127.0.0.1:{page}" if portal else ""
    config.write_text(CONFIG.format(processes="1" if one else '"auto"', portal=listen, **given))
    python = checkout / ".venv/bin/python"
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        daemon = subprocess.Popen(
            [str(python if python.exists() else sys.executable), "-m", "gateway", "run", "--config", str(config)],
            cwd=checkout,
            stdout=log,
            stderr=log,
        )
    try:
        while b" replydesk ready" not in (folder / "log").read_bytes():
            if daemon.poll() is not None or time.perf_counter() - began > LONGEST:
                raise SystemExit((folder / "log").read_text())
            await asyncio.sleep(0.02)
        yield Daemon(daemon.pid, door, page, folder / "replydesk.sqlite3", time.perf_counter() - began)
    finally:
        daemon.send_signal(signal.SIGTERM)
        await asyncio.to_thread(daemon.wait, 60)
        relay.close()
        shutil.rmtree(folder, ignore_errors=True)


async def walked(database: Path) -> None:
    """Until every mail is decided and what follows from it is sent."""
    began = time.perf_counter()
    while waiting(database):
        if time.perf_counter() - began > LONGEST:
            raise SystemExit(f"not done within {LONGEST:g} s: {waiting(database)} wait, see {database}")
        await asyncio.sleep(0.1)


async def run(what: str, load: list[bytes], stored: Path | None = None) -> Figures:
    """One daemon from its start to its last mail; `stored`: a folder with the database it begins with."""
    folder = Path(tempfile.mkdtemp(prefix="walk-"))
    if stored is not None:
        shutil.copytree(stored, folder, dirs_exist_ok=True)
    async with started(what, folder) as daemon:
        await deliver(load[:WARM], daemon.door)
        await walked(daemon.database)
        Relay.taken.clear()
        load = load[WARM:]
        cpu, began = cpu_ms(daemon.pid), time.perf_counter()
        await asyncio.gather(*(deliver(load[n::8], daemon.door) for n in range(8)))
        accepted = time.perf_counter() - began
        await walked(daemon.database)
        took = time.perf_counter() - began
        spent, many = cpu_ms(daemon.pid) - cpu, len(load)
        return Figures(
            many / accepted, many / took, spent / many, len(Relay.taken) / many, memory_mb(daemon.pid, "VmHWM")
        )


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("-n", type=int, default=500, help="mails of a run")
    words.add_argument("-r", type=int, default=3, help="rounds")
    words.add_argument("--stored", type=Path, help="each checkout also with a copy of this folder's database")
    words.add_argument("--json", type=Path, help="write the figures there as well")
    words.add_argument("checkouts", nargs="*", default=[str(HERE), f"{HERE}:1"])
    asked = words.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}")
    load = mails(asked.n, random.Random(7))
    variants: list[tuple[str, str, Path | None]] = [(checkout, checkout, None) for checkout in asked.checkouts]
    if asked.stored:
        variants += [(f"{checkout} stored", checkout, asked.stored) for checkout in asked.checkouts]
    found: dict[str, list[Figures]] = {}
    for _ in range(asked.r):
        for name, checkout, stored in variants:
            figures = asyncio.run(run(checkout, load, stored))
            found.setdefault(name, []).append(figures)
            print(
                f"{Path(name).name:12} load {os.getloadavg()[0]:4.1f}  accept {figures.accepted:6.1f}/s  walk "
                f"{figures.walked:6.1f}/s  {figures.cpu:6.2f} ms CPU a mail  {figures.sent:.2f} out  "
                f"{figures.memory:.0f} MB",
                flush=True,
            )
    for name, runs in found.items():
        cpu = statistics.median(f.cpu for f in runs)
        walked = statistics.median(f.walked for f in runs)
        accepted = statistics.median(f.accepted for f in runs)
        print(f"{Path(name).name:12} median {cpu:.2f} ms CPU a mail, accepts {accepted:.0f}/s, walks {walked:.0f}/s")
    if asked.json:
        asked.json.write_text(json.dumps({c: [vars(f) for f in runs] for c, runs in found.items()}))


if __name__ == "__main__":
    main()
