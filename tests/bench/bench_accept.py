"""The door alone beside Postfix: `python -m tests.bench.bench_accept [-n MAILS] [-r ROUNDS] [CHECKOUT]`.

How many mails a second each writes down durably, from Postfix's own `smtp-source` over eight kept connections, in
turns. Ours is a whole daemon whose worker process is halted meanwhile, so nothing is decided; Postfix puts all on hold.
CPU is of the server, with all its processes. Where Postfix cannot be started (it needs root) there is only our own.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from tests.bench.bench_walk import HERE, cpu_ms, family, started, waiting, walked
from tests.interop.postfix import MISSING, running

SIZES = 3_000, 20_000
CONNECTIONS = 8
HELD = """\
smtpd_end_of_data_restrictions = check_client_access static:HOLD
local_recipient_maps =
max_use = 100000
"""


def pour(port: int, mails: int, size: int) -> float:
    """Mails a second until the last is taken."""
    words = ["smtp-source", "-d", "-s", str(CONNECTIONS), "-m", str(mails), "-l", str(size)]
    began = time.perf_counter()
    subprocess.run(
        [*words, "-f", "kim@customer.example", "-t", "support@example.com", f"inet:127.0.0.1:{port}"], check=True
    )
    return mails / (time.perf_counter() - began)


async def ours(checkout: str, mails: int, size: int) -> tuple[float, float]:
    """Mails a second, and milliseconds of CPU for each."""
    async with started(checkout, Path(tempfile.mkdtemp(prefix="accept-"))) as daemon:
        await asyncio.to_thread(pour, daemon.door, 20, size)
        await walked(daemon.database)
        workers = family(daemon.pid)[1:]
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)
        before = cpu_ms(daemon.pid)
        rate = await asyncio.to_thread(pour, daemon.door, mails, size)
        spent = (cpu_ms(daemon.pid) - before) / mails
        assert waiting(daemon.database, "journal") == mails
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
    return rate, spent


def postfix(mails: int, size: int) -> tuple[float, float]:
    with running(main=HELD) as server:
        assert server.process is not None
        pour(server.smtp, 20, size)
        before = cpu_ms(server.process.pid)
        rate = pour(server.smtp, mails, size)
        return rate, (cpu_ms(server.process.pid) - before) / mails


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("-n", type=int, default=2000, help="mails of a run")
    words.add_argument("-r", type=int, default=5, help="rounds")
    words.add_argument("checkout", nargs="?", default=str(HERE))
    asked = words.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}")
    for size in SIZES:
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(asked.r):
            found.setdefault("Replydesk", []).append(asyncio.run(ours(asked.checkout, asked.n, size)))
            if not MISSING:
                found.setdefault("Postfix", []).append(postfix(asked.n, size))
        for name, runs in found.items():
            rate, spent = (statistics.median(values) for values in zip(*runs, strict=True))
            print(f"{size:6} bytes  {name:10} {rate:7.0f}/s  {spent:5.2f} ms CPU a mail", flush=True)
    if MISSING:
        print(f"not beside Postfix: {MISSING}")


if __name__ == "__main__":
    main()
