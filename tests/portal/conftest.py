"""A site with customers, agents and a portal that listens on a free port."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from starlette.applications import Starlette

from gateway import config
from gateway.clock.context import JobContext
from gateway.core.policy import Policy
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.portal.app import Health, app
from gateway.portal.passwords import Passwords
from gateway.portal.server import Server, serve
from gateway.render.mail import Templates
from storage import raw as raw_mail
from storage.database import Database
from storage.journal import JournalEntry
from tests.conftest import SECRET, Clock
from tests.portal.browser import Browser
from tests.room import Room

PASSWORD = "correct horse battery"
ERIKA, MAX, ANNA = "erika@example.net", "max@example.org", "anna@example.com"
CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class Site:
    """The desk, its database and a listening portal."""

    desk: Desk
    database: Database
    settings: config.Settings
    clock: Clock
    server: Server = field(init=False)
    app: Starlette = field(init=False)
    health: list[Health] = field(default_factory=lambda: [Health(True)])
    woken: list[int] = field(default_factory=list)
    accepted: list[bytes] = field(default_factory=list)
    """Mails that were written on pages."""

    async def healthy(self) -> Health:
        return self.health[-1]

    @property
    def policy(self) -> Policy:
        return self.desk.policy

    @property
    def port(self) -> int:
        return int(self.server.address[1])

    def browser(self, **headers: str) -> Browser:
        return Browser(self.port, headers)

    async def accept(self, raw: bytes, envelope: Envelope) -> None:
        """The journal, and the flow at once."""
        now = self.clock.now
        self.accepted.append(raw)
        id = await self.database.write(lambda tx: tx.journal.append(envelope, raw_mail.pack(raw), now))
        read = self.desk.read(raw, envelope)
        await self.database.write(lambda tx: self.desk.handle(tx, id, read, now))

    # --- mail -------------------------------------------------------------------------

    @property
    def room(self) -> Room:
        return Room(JobContext(self.database, self.desk, self.clock, self.settings), self.clock)

    async def mail(self, author: str, subject: str, text: str = "It burns.", **mail: Any) -> int:
        """Let a mail come in; the number of its ticket."""
        return self._ticket(await self.room.mail(author, text, subject=subject, **mail))

    async def raw_mail(self, data: bytes, author: str, to: str = "support@example.com") -> int:
        return self._ticket(await self.room.raw_mail(data, author, to))

    @staticmethod
    def _ticket(row: JournalEntry) -> int:
        assert row.ticket, row.reason
        return row.ticket

    async def answer(self, number: int, text: str, **mail: Any) -> None:
        """An agent answers the newest notice of the ticket, with a mark that proves who it is."""
        rows = await self.room.outbox("agent_notice", ANNA)
        told = [{"In_Reply_To": f"<{r.message_id}>"} for r in rows if r.ticket == number]
        await self.room.answer(number, text, name="Anna Agent", **(told[-1] if told else {}), **mail)

    async def reply(self, author: str, number: int, text: str, **mail: Any) -> None:
        """A customer answers by mail."""
        await self.room.reply(author, number, text, **mail)

    async def sent(self, recipient: str, notice: str = "") -> list[str]:
        """Plain texts of the mails in line for somebody, oldest first."""

        def read(tx: Any) -> list[bytes]:
            rows = [r for r in tx.outbox.recent(limit=1000) if r.recipient == recipient]
            return [tx.outbox.message(r.id) for r in reversed(rows) if notice in ("", r.notice)]

        texts = []
        for data in await self.database.read(read):
            body = message_from_bytes(data, policy=email_policy.default).get_body(("plain",))  # type: ignore[attr-defined]
            texts.append(str(body.get_content()))
        return texts

    async def link(self, recipient: str, action: str) -> str:
        """Path of the newest link of a kind somebody was sent."""
        found = re.findall(rf"/{action}/[\w.~-]+", "\n".join(await self.sent(recipient)))
        assert found, f"no {action} link was sent to {recipient}"
        return str(found[-1])

    # --- people -----------------------------------------------------------------------

    async def customer(self, address: str, password: str = PASSWORD) -> Browser:
        """Somebody who has written before, registered through the mail, and is signed in."""
        browser = self.browser()
        page = await browser.send(await self.link(address, "register"), {"password": password, "again": password})
        assert page.location == "/tickets?welcome=1", page.text
        return browser

    async def sign_in(self, browser: Browser, address: str, password: str = PASSWORD) -> Any:
        return await browser.send("/sign-in", {"address": address, "password": password})


Opened = Callable[..., Awaitable[Site]]


@pytest.fixture
async def open_site(sqlite_url: str, tmp_path: Path, clock: Clock) -> AsyncIterator[Opened]:
    """Start a portal with these settings (tables of config.example.toml)."""
    async with AsyncExitStack() as stack:

        async def open_(
            passwords: Passwords | None = None,
            answer_seconds: float = 0.0,
            policy: dict[str, Any] | None = None,
            url: str = sqlite_url,
            **tables: Any,
        ) -> Site:
            data = {
                "mailboxes": [
                    {
                        "address": "support@example.com",
                        "name": "Example Support",
                        "reply_address": "support+{token}@example.com",
                    }
                ],
                "agents": [{"address": ANNA, "name": "Anna Agent"}, {"address": "bob@example.com", "name": "Bob"}],
                **tables,
            }
            settings = config.build(data, tmp_path / "replydesk.toml")
            desk = Desk(replace(config.policy(settings, Keys(SECRET)), **(policy or {})), Templates())
            database = Database(url, tmp_path)
            stack.push_async_callback(database.close)
            site = Site(desk, database, settings, clock)

            made = passwords or Passwords(CHEAP)
            site.app = app(
                desk,
                database,
                settings,
                clock,
                lambda: site.healthy(),
                lambda: site.woken.append(1),
                site.accept,
                passwords=made,
                answer_seconds=answer_seconds,
            )
            site.server = await serve(site.app, "127.0.0.1:0")
            stack.push_async_callback(site.server.stop, 2)
            return site

        yield open_


@pytest.fixture
async def site(open_site: Opened) -> Site:
    return await open_site()
