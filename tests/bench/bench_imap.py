"""How fast a waiting mailbox is read: fetched only, and with every mail committed to the journal and moved.

    python tests/bench/bench_imap.py [mails]

Reads from a private Dovecot; where that is not installed, from the small server of the tests, which
says more about that server than about us.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

from gateway.clock.liveness import Sources
from gateway.config.secret_files import Password
from gateway.core.policy import Mailbox, Policy
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.receive.imap.account import Account, After, Auth, Backlog, FolderTask, Security
from gateway.receive.imap.client import connect
from gateway.receive.imap.folder import Folder
from gateway.receive.intake import Intake
from gateway.render.mail import Templates
from gateway.worker import Worker
from storage.database import Database
from storage.migrate import migrate
from tests.interop import dovecot as dovecot_module
from tests.receive.imap_server import PASSWORD, USER, Server

SOURCE = "imap:support@example.com"
BODY = "The printer is on fire again, please come and look at it.\r\n" * 32


def mail(number: int) -> bytes:
    head = f"From: kim{number}@customer.example\r\nTo: support@example.com\r\nSubject: Request {number}\r\n"
    return f"{head}Message-ID: <{number}@customer.example>\r\n\r\n{BODY}".encode()


class Nowhere:
    def is_ours(self, recipient: str) -> bool:
        return False

    async def accept(self, raw: bytes, envelope: Envelope) -> None:
        pass


@contextlib.asynccontextmanager
async def waiting(mails: int) -> AsyncIterator[tuple[str, Account]]:
    """A server with so many mails in its inbox, and the account to read them."""
    if dovecot_module.MISSING:
        async with Server().running() as server:
            for n in range(mails):
                server.deliver(mail(n))
            yield "the tests' own server", _account(server.port, PASSWORD)
        return
    with dovecot_module.running() as dovecot:
        dovecot.deliver(mail(0))
        for n in range(1, mails):
            path = dovecot.maildir / "new" / f"{1_700_000_000 + n}.{n}.bench"
            path.write_bytes(mail(n))
            shutil.chown(path, dovecot.owner)
        yield "Dovecot", _account(dovecot.imap, dovecot_module.PASSWORD)


def _account(port: int, password: str) -> Account:
    return Account("127.0.0.1", port, Security.NONE, USER, Auth.LOGIN, Password(lambda: password))


async def read(mails: int, after: After, *, journal: bool) -> tuple[str, float]:
    """Mails a second."""
    with tempfile.TemporaryDirectory() as name:
        database = Database("", Path(name))
        migrate(database)
        desk = Desk(Policy(Keys(b"k" * 32), (Mailbox("support@example.com", "Support", "en"),)), Templates())
        sources = Sources(database, desk, _now, lambda: None, {SOURCE: timedelta(minutes=15)})
        walk: Intake = Worker(database, desk, _now, 1 << 25, 20, lambda: None) if journal else Nowhere()
        async with waiting(mails) as (server, account):
            errand = FolderTask(SOURCE, "support@example.com", "INBOX", Backlog.ALL, after, "Done")
            folder = Folder(errand, account.name, walk, sources, 1 << 25, _now)
            mailbox = await connect(account, 1 << 26)
            await folder.open(mailbox)
            began = perf_counter()
            assert await folder.look(mailbox, asyncio.Event()) == mails
            took = perf_counter() - began
            await mailbox.close()
        await database.close()
    return server, mails / took


def _now() -> datetime:
    return datetime.now(UTC)


async def main(mails: int) -> None:
    print(
        f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, {mails} mails of 2 KB"
    )
    for told, after, journal in (
        ("fetched only", After.LEAVE, False),
        ("journaled, left", After.LEAVE, True),
        ("journaled, moved", After.MOVE, True),
    ):
        server, rate = await read(mails, after, journal=journal)
        print(f"{told:<18} {rate:8,.0f} mails/s from {server}")


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000))
