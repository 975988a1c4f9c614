"""What the tests of IMAP share: a site's database behind a watched folder, and mails."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any

from gateway.clock.liveness import Sources
from gateway.config.secret_files import Password
from gateway.core.policy import Policy
from gateway.flow import Desk
from gateway.memory import Memory
from gateway.receive.imap.account import Account, After, Auth, Backlog, FolderTask, Security
from gateway.receive.imap.client import ImapMailbox, connect
from gateway.receive.imap.folder import Folder
from gateway.receive.imap.watch import Watch
from gateway.render.mail import Templates
from gateway.worker import Worker
from storage.database import Database
from storage.folder_progress import Place
from storage.journal import JournalEntry
from storage.outbox import OutboxEntry
from storage.tx import Tx
from tests.receive.imap_server import PASSWORD, USER, Server

SOURCE = "imap:support@example.com"
LARGEST = 1 << 20


def account(port: int, **changes: Any) -> Account:
    plain = Account("127.0.0.1", port, Security.NONE, USER, Auth.LOGIN, Password(lambda: PASSWORD), poll_seconds=0.05)
    return replace(plain, **changes)


def errand(**changes: Any) -> FolderTask:
    return replace(
        FolderTask(SOURCE, "support@example.com", after=After.MOVE, move_to="Done", backlog=Backlog.ALL), **changes
    )


def mail(number: int, text: str = "Hello", **headers: str) -> bytes:
    m = EmailMessage()
    m["From"], m["To"] = f"kim{number}@customer.example", "support@example.com"
    m["Subject"], m["Message-ID"] = f"Request {number}", f"<{number}.request@customer.example>"
    for name, value in headers.items():
        del m[name.replace("_", "-")]
        m[name.replace("_", "-")] = value
    m.set_content(text)
    return m.as_bytes().replace(b"\n", b"\r\n")


class House:
    """The rooms a mail goes through, without the doors and the outbox's way out."""

    def __init__(self, database: Database, policy: Policy, clock: Callable[[], datetime]) -> None:
        self.database, self.desk, self.clock = database, Desk(replace(policy, alike_budgets=()), Templates()), clock
        self.take_up_to(LARGEST)
        self.sources = Sources(database, self.desk, clock, lambda: None, {SOURCE: timedelta(minutes=15)})

    def take_up_to(self, size: int) -> None:
        """What the site takes, in bytes of a mail."""
        self.walk = Worker(self.database, self.desk, self.clock, size, 20, lambda: None)

    def folder(self, errand: FolderTask, largest: int = LARGEST, memory: Memory | None = None) -> Folder:
        return Folder(errand, "support@127.0.0.1", self.walk, self.sources, largest, self.clock, memory)

    async def look(self, server: Server, folder: Folder) -> int:
        """One connection and one look."""
        async with self.mailbox(server) as mailbox:
            await folder.open(mailbox)
            taken = await folder.look(mailbox, asyncio.Event())
            await self.sources.looked(folder.source, taken)
            return taken

    @contextlib.asynccontextmanager
    async def mailbox(self, server: Server) -> AsyncIterator[ImapMailbox]:
        opened = await connect(account(server.port), 4 * LARGEST)
        try:
            yield opened
        finally:
            await opened.close()

    @contextlib.asynccontextmanager
    async def watching(self, watch: Watch) -> AsyncIterator[None]:
        task = asyncio.create_task(watch.run())
        try:
            yield
        finally:
            await watch.drain(2)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def watch(self, server: Server, errand: FolderTask, **changes: Any) -> Watch:
        return Watch(account(server.port, **changes), self.folder(errand), self.sources, LARGEST)

    # --- what came of it --------------------------------------------------------------------

    async def settled(self) -> list[JournalEntry]:
        """The journal, oldest first, once nothing is pending."""
        running = asyncio.create_task(self.walk.run())
        try:
            await until(lambda: self.walk._idle.is_set())
            return (await self.database.read(lambda tx: tx.journal.recent(limit=1000)))[::-1]
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def tickets(self) -> int:
        await self.settled()
        return len(await self.database.read(lambda tx: tx.reads.search(limit=1000)))

    async def place(self, source: str = SOURCE) -> Place:
        return await self.database.read(lambda tx: tx.places.find(source))

    async def alarms(self) -> list[OutboxEntry]:
        """What the operator was sent, newest first."""
        return await self.database.read(_to_the_operator)

    def alarms_now(self) -> list[OutboxEntry]:
        return self.database.read_now(_to_the_operator)


def _to_the_operator(tx: Tx) -> list[OutboxEntry]:
    return [row for row in tx.outbox.recent(limit=1000) if row.audience == "operator"]


async def until(true: Callable[[], object], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.01)
