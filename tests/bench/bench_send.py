"""How fast mails leave: the whole outbox against aiosmtplib's own sendmail in a loop.

    python tests/bench/bench_send.py [mails]

The relay is aiosmtpd in a process of its own that takes everything and keeps nothing. The ways
take turns, so that a busy machine slows them alike; the ratio to the first is what counts. CPU is
that of the sending process. BENCH_DIR is where the database lies.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter, process_time

import aiosmtplib
from aiosmtpd.smtp import SMTP

from gateway import config
from gateway.core.policy import Mailbox, Policy
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.mail.message import Address
from gateway.render.mail import Templates
from gateway.send import Sender
from gateway.send.relay import Relay
from gateway.send.smtp import SmtpTransport
from storage.database import Database
from storage.migrate import migrate
from storage.tx import Tx
from tests.send.house import outbound

ROUNDS = 5
BODY = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY\r\n" * 120
MAIL = b"From: support@example.com\r\nTo: kim@customer.example\r\nMessage-ID: <bench@example.com>\r\n\r\n" + BODY
FROM, TO = "support@example.com", "kim@customer.example"


@dataclass(frozen=True)
class Cost:
    seconds: float
    cpu: float

    @classmethod
    def so_far(cls) -> Cost:
        return cls(perf_counter(), process_time())

    def __sub__(self, other: Cost) -> Cost:
        return Cost(self.seconds - other.seconds, self.cpu - other.cpu)


class _Nowhere:
    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        return "250 OK"


def relay(ready: Connection) -> None:
    """A mail server until its process is ended."""

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: SMTP(_Nowhere(), hostname="relay", loop=loop), "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


async def sendmail(port: int, mails: int) -> None:
    """aiosmtplib as its manual shows it, over one kept connection."""
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="bench") as client:
        for _ in range(mails):
            await client.sendmail(FROM, [TO], MAIL)


async def deliver(port: int, mails: int, connections: int) -> None:
    """Our transport alone."""
    transport = SmtpTransport(Relay("127.0.0.1", port, hello="bench", connections=connections))

    async def some() -> None:
        for _ in range(mails // connections):
            assert (await transport.deliver(FROM, TO, MAIL)).result == "sent"

    await asyncio.gather(*(some() for _ in range(connections)))
    await transport.close()


async def outbox(port: int, mails: int, connections: int) -> Cost:
    """Rows in SQLite to settled rows: claim, begin and settle, in grouped commits."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        database = Database("", Path(folder))
        migrate(database)
        now = datetime.now(UTC)
        example = outbound(0, TO, now)

        def put(tx: Tx) -> None:
            for n in range(mails):
                to = Address(f"{n % 100}@customer.example")
                tx.outbox.add(replace(example, message_id=f"{n}@example.com", recipient=to), MAIL, now)

        await database.write(put)
        policy = Policy(Keys(b"x" * 32), (Mailbox(FROM, "Support", "en", "support+{token}@example.com"),))
        settings = config.build({"send": {"port": port, "connections": connections}}, Path("replydesk.toml"))
        transport = SmtpTransport(Relay("127.0.0.1", port, hello="bench", connections=connections))
        sender = Sender(database, transport, Desk(policy, Templates()), settings, lambda: datetime.now(UTC), "bench")
        began = Cost.so_far()
        task = asyncio.create_task(sender.run())
        while await database.read(lambda tx: tx.outbox.counts()["sent"]) < mails:
            await asyncio.sleep(0.05)
        cost = Cost.so_far() - began
        await sender.drain(5)
        await task
        await database.close()
        return cost


async def measured(work: Awaitable[Cost | None]) -> Cost:
    began = Cost.so_far()
    own = await work
    return own or Cost.so_far() - began


async def main(mails: int) -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=relay, args=(there,), daemon=True)
    process.start()
    port: int = here.recv()
    ways: dict[str, Callable[[], Awaitable[Cost | None]]] = {
        "aiosmtplib sendmail, 1 connection": lambda: sendmail(port, mails),
        "transport, 1 connection": lambda: deliver(port, mails, 1),
        "transport, 4 connections": lambda: deliver(port, mails, 4),
        "outbox, 1 connection": lambda: outbox(port, mails, 1),
        "outbox, 4 connections": lambda: outbox(port, mails, 4),
    }
    costs: dict[str, list[Cost]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            costs[name].append(await measured(way()))
    process.terminate()
    process.join()
    print(f"{mails} mails of {len(MAIL)} bytes, {ROUNDS} rounds, {os.cpu_count()} cores, {platform.python_version()}")
    first = statistics.median(c.seconds for c in next(iter(costs.values())))
    for name, found in costs.items():
        wall, cpu = statistics.median(c.seconds for c in found), statistics.median(c.cpu for c in found)
        print(f"{name:36}{mails / wall:7.0f} mails/s   x{first / wall:.2f}   {cpu / mails * 1000:.2f} ms CPU a mail")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 500))
