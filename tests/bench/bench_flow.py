"""Mails a second from the door to the outbox, on SQLite: `python tests/bench/bench_flow.py [mails]`.

The load is what a support mailbox gets: of 100 mails 60 are of 3 KB, 30 of 20 KB with HTML, 9 have a
file of 100 KB and one has 2 MB; half of them are replies. Everything is done that the daemon does:
journal, reading, threading, ticket, acknowledgement, registration and a notice to an agent, each
rendered. Both cores may be used; CPU time is of the whole process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import random
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from gateway import config
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.render.mail import Templates
from gateway.worker import Worker
from storage.database import Database
from storage.migrate import migrate
from tests.bench.bench_parse import prose
from tests.mails import file_part, parts, plain, text_part

SETTINGS = {
    "mailboxes": [{"address": "support@example.com", "reply_address": "support+{token}@example.com"}],
    "agents": [{"address": "anna@example.com", "name": "Anna"}],
}


def mails(count: int, rng: random.Random) -> list[bytes]:
    sizes = ["3 KB"] * 60 + ["20 KB"] * 30 + ["100 KB"] * 9 + ["2 MB"]
    made: list[bytes] = []
    opened: list[int] = []
    for number in range(count):
        if number % 100 == 0:
            rng.shuffle(sizes)
        parent = rng.choice(opened[:-20]) if number > 60 and number % 2 else None
        if parent is None:
            opened.append(number)
        author = f"kim{parent if parent is not None else number}@customer.example"
        subject = f"Re: Order {parent}" if parent is not None else f"Order {number}"
        head = (
            f"From: Kim <{author}>\nTo: support@example.com\nSubject: {subject}\n"
            f"Date: Mon, 6 May 2024 10:15:00 +0200\nMessage-ID: <{number}@customer.example>\n"
        )
        if parent is not None:
            head += f"In-Reply-To: <{parent}@customer.example>\nReferences: <{parent}@customer.example>\n"
        made.append(_body(sizes[number % 100], head, rng))
    return made


def _body(size: str, head: str, rng: random.Random) -> bytes:
    if size == "3 KB":
        return plain(prose(rng, 2_600), head)
    if size == "20 KB":
        text = prose(rng, 6_000)
        markup = "<html><body>" + "".join(f'<p style="margin:0">{line}</p>\n' for line in text.split("\n")) + "</body>"
        html = text_part(markup, "Content-Type: text/html; charset=utf-8\n")
        return parts("alternative", text_part(text), html, head=head)
    fields = 'Content-Type: application/pdf\nContent-Disposition: attachment; filename="scan.pdf"\n'
    data = rng.randbytes(100_000 if size == "100 KB" else 2_000_000)
    return parts("mixed", text_part(prose(rng, 1_000)), file_part(data, fields), head=head)


async def run(load: list[bytes]) -> tuple[float, float]:
    """(wall seconds, CPU seconds)"""
    with tempfile.TemporaryDirectory() as folder:
        database = Database("", Path(folder))
        migrate(database)
        settings = config.build(SETTINGS, Path(folder) / "r.toml")
        desk = Desk(config.policy(settings, Keys(b"0123456789abcdef0123456789abcdef")), Templates())
        walk = Worker(database, desk, lambda: datetime.now(UTC), 50_000_000, 20, lambda: None)
        task = asyncio.create_task(walk.run())
        gate = asyncio.Semaphore(20)

        async def deliver(raw: bytes) -> None:
            async with gate:
                await walk.accept(raw, Envelope("smtp", "kim@customer.example", ("support@example.com",), "192.0.2.1"))

        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(deliver(raw) for raw in load))
        while walk.decided < len(load):
            await asyncio.sleep(0.01)
        took = time.perf_counter() - wall, time.process_time() - cpu
        task.cancel()
        outbox = await database.read(lambda tx: len(tx.outbox.recent(limit=1_000_000)))
        held = walk.held
        await database.close()
    print(f"{len(load)} mails, {outbox} mails in line, {held} held")
    return took


def main(count: int) -> None:
    logging.disable(logging.INFO)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, CPython {platform.python_version()}")
    load = mails(count, random.Random(7))
    wall, cpu = asyncio.run(run(load))
    print(f"{count / wall:.0f} mails/s, {count / cpu:.0f} mails per CPU second ({wall:.1f} s, {cpu:.1f} s CPU)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000)
