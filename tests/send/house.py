"""A small site that sends: a database, a desk, a sender, and mails put into the outbox."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.message import EmailMessage
from pathlib import Path
from typing import TypeVar

from gateway import config
from gateway.config import Settings
from gateway.core.notice import AttachedFile, Notice, Outbound
from gateway.core.policy import Policy
from gateway.flow import Desk
from gateway.mail.message import Address, Envelope
from gateway.memory import Memory
from gateway.render import examples
from gateway.render.mail import Templates
from gateway.send import Sender, Transport
from storage import raw
from storage.database import Database
from storage.outbox import OutboxEntry
from storage.tx import Tx
from tests.conftest import Clock
from tests.sink import Sink

T = TypeVar("T")
PATIENCE = 20.0


def settings(**send: object) -> Settings:
    return config.build({"send": send}, Path("replydesk.toml"))


def outbound(number: int, recipient: str, now: datetime, **changes: object) -> Outbound:
    """A mail to a customer that belongs to no ticket."""
    example = next(iter(examples.outbounds(Notice.REPLY, "en")))
    values: dict[str, object] = {
        "recipient": Address(recipient),
        "message_id": f"mail.{number}@example.com",
        "reverse_path": "support@example.com",
        "ticket": 0,
        "files": (),
        "date": now,
    }
    return replace(example, **(values | changes))  # type: ignore[arg-type]  # tests name the fields they change


def message(mail: Outbound) -> bytes:
    written = EmailMessage()
    written["From"], written["To"] = "support@example.com", mail.recipient.address
    written["Message-ID"], written["Subject"] = f"<{mail.message_id}>", "Hello"
    written.set_content("Hello\n")
    return written.as_bytes().replace(b"\n", b"\r\n")


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Wait for something to become true."""

    async def poll() -> None:
        while not await condition():
            await asyncio.sleep(0.01)

    async with asyncio.timeout(PATIENCE):
        await poll()


@dataclass
class House:
    database: Database
    policy: Policy
    clock: Clock
    transport: Transport
    settings: Settings = field(default_factory=settings)
    holder: str = "here"
    memory: Memory | None = None
    numbers: int = 0

    def __post_init__(self) -> None:
        self.desk = Desk(self.policy, Templates())
        made = self.database, self.transport, self.desk, self.settings, self.clock, self.holder
        self.sender = Sender(*made, memory=self.memory)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[House]:
        """The send loop, drained at the end."""
        task = asyncio.create_task(self.sender.run())
        try:
            yield self
            assert not task.done()
        finally:
            await self.sender.drain(1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def put(self, recipient: str = "kim@customer.example", **changes: object) -> int:
        """A mail in the outbox; its id."""
        self.numbers += 1
        mail = outbound(self.numbers, recipient, self.clock.now, **changes)
        id = await self.database.write(lambda tx: tx.outbox.add(mail, message(mail), self.clock.now))
        assert id is not None
        self.sender.wake()
        return id

    async def put_with_files(self, source: bytes, *files: tuple[str, str], **changes: object) -> int:
        """A mail with parts (number, filename) of a raw mail that is kept."""
        packed = raw.pack(source)
        await self.database.write(lambda tx: raw.keep(tx.connection, packed, self.clock.now))
        attached = tuple(AttachedFile(packed.sha256, part, name, "application/pdf") for part, name in files)
        return await self.put(files=attached, **changes)

    async def receive(self, mail: EmailMessage, sender: str) -> None:
        """A customer writes: the flow as it is, notices into the outbox."""
        data = mail.as_bytes().replace(b"\n", b"\r\n")
        envelope = Envelope("smtp", sender, ("support@example.com",))
        id = await self.database.write(lambda tx: tx.journal.append(envelope, raw.pack(data), self.clock.now))
        read = self.desk.read(data, envelope)
        await self.database.write(lambda tx: self.desk.handle(tx, id, read, self.clock.now))
        self.sender.wake()

    async def row(self, id: int) -> OutboxEntry:
        return await self.read(lambda tx: tx.outbox.get(id))

    async def rows(self) -> list[OutboxEntry]:
        return await self.read(lambda tx: tx.outbox.recent())

    async def read(self, work: Callable[[Tx], T]) -> T:
        return await self.database.read(work)

    async def state(self, id: int, *states: str) -> OutboxEntry:
        """Wait until a mail is in one of these states."""

        async def reached() -> bool:
            return (await self.row(id)).state in states

        await until(reached)
        return await self.row(id)

    async def later(self, **delta: float) -> None:
        """Time passes, and the sender looks again."""
        self.clock.forward(**delta)
        self.sender.wake()

    async def alarms(self) -> dict[str, str]:
        return {a.key: a.text for a in await self.read(lambda tx: tx.alarms.open())}


async def heard(sink: Sink, count: int) -> list[str]:
    """The Message-IDs of so many mails."""
    await sink.until(count)
    return sink.ids()
