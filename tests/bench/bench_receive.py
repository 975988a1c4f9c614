"""How fast mails are received: our SMTP against bare aiosmtpd, both with an intake that does nothing.

    python tests/bench/bench_receive.py [mails]

The client is a process of its own, which speaks one command at a time as a mail server does.
Both servers take turns, so that a busy machine slows them alike; the ratio is what counts.
"""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import statistics
import sys
from collections.abc import Awaitable, Callable
from concurrent.futures import ProcessPoolExecutor
from time import perf_counter
from typing import BinaryIO

from aiosmtpd.smtp import SMTP

from gateway.mail.message import Envelope
from gateway.receive.smtp import server as smtp
from gateway.receive.smtp.options import Listener, Options

ROUNDS = 5
KEPT_MAIL = b"Subject: bench\r\n\r\n" + b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY\r\n" * 32
BIG_MAIL = b"Subject: bench\r\n\r\n" + KEPT_MAIL[18:] * 5000


class Nowhere:
    def is_ours(self, recipient: str) -> bool:
        return True

    async def accept(self, raw: object, envelope: Envelope) -> None:
        pass


class NoHandler:
    async def handle_DATA(self, server: object, session: object, envelope: object) -> str:
        return "250 OK"


def send(port: int, mail: bytes, mails: int, connections: int) -> float:
    """Send the mail over so many connections, one after the other; mails a second."""
    began = perf_counter()
    for _ in range(connections):
        with socket.create_connection(("127.0.0.1", port)) as peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            answers = peer.makefile("rb")

            def ask(said: bytes, peer: socket.socket = peer, answers: BinaryIO = answers) -> None:
                peer.sendall(said)
                while (line := answers.readline())[3:4] == b"-":
                    pass
                assert line[:1] in b"23", line

            ask(b"")
            ask(b"EHLO peer.test\r\n")
            for _ in range(mails // connections):
                ask(b"MAIL FROM:<a@peer.test>\r\n")
                ask(b"RCPT TO:<support@desk.test>\r\n")
                ask(b"DATA\r\n")
                ask(mail + b".\r\n")
            ask(b"QUIT\r\n")
    return mails / (perf_counter() - began)


async def ours() -> asyncio.Server:
    options = Options(hostname="desk.test", max_message_bytes=50_000_000)
    return await smtp.serve(Listener("127.0.0.1"), Nowhere(), options)


async def bare() -> asyncio.Server:
    def connect() -> SMTP:
        return SMTP(NoHandler(), hostname="desk.test", enable_SMTPUTF8=True, data_size_limit=50_000_000, loop=loop)

    loop = asyncio.get_running_loop()
    return await loop.create_server(connect, "127.0.0.1", 0)


async def main(mails: int) -> None:
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; median of {ROUNDS} rounds, mails/s\n"
    )
    print(f"{'':34}{'ours':>9}{'bare':>9}{'ratio':>8}")
    stories: dict[str, tuple[bytes, int, int]] = {
        "kept connection, 2 KB": (KEPT_MAIL, mails, 1),
        "new connection each, 2 KB": (KEPT_MAIL, mails // 5, mails // 5),
        "kept connection, 10 MB": (BIG_MAIL, 3, 1),
    }
    with ProcessPoolExecutor(1) as client:
        for name, (mail, count, connections) in stories.items():
            rates: dict[Callable[[], Awaitable[asyncio.Server]], list[float]] = {ours: [], bare: []}
            for _ in range(ROUNDS):
                for start, measured in rates.items():
                    server = await start()
                    async with server:
                        port = server.sockets[0].getsockname()[1]
                        loop = asyncio.get_running_loop()
                        measured.append(await loop.run_in_executor(client, send, port, mail, count, connections))
            mine, theirs = (statistics.median(measured) for measured in rates.values())
            print(f"{name:34}{mine:9.1f}{theirs:9.1f}{mine / theirs:8.2f}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
