"""A small site for tests of what happens to mail later on: people write, agents answer, mail leaves, days pass."""

from __future__ import annotations

from dataclasses import dataclass, field
from email import policy as email_policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from gateway import config
from gateway.clock.context import JobContext
from gateway.core import token
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.render.mail import Templates
from storage import raw
from storage.audit import audit
from storage.database import Database
from storage.journal import JournalEntry
from storage.outbox import OutboxEntry, State
from storage.tx import Tx
from tests.conftest import SECRET, Clock, named

ERIKA, KARL, ANNA, LEAD = "erika@customer.example", "karl@customer.example", "anna@example.com", "bob@example.com"
BASE: dict[str, Any] = {
    "gateway": {"operator": "root@example.com"},
    "mailboxes": [
        {"address": "support@example.com", "name": "Example Support", "reply_address": "support+{token}@example.com"}
    ],
    "agents": [{"address": ANNA, "name": "Anna Agent"}, {"address": LEAD, "name": "Bob Lead", "lead": True}],
    "lifecycle": {"close_after_days": 0, "remind_after_days": 0},
    "digest": {"agents_at": "", "review_at": "", "report_at": ""},
}
TEMPLATES = Templates()


@dataclass
class Room:
    """The desk and everything around it, on one database."""

    site: JobContext
    clock: Clock
    count: int = 0
    wakes: list[int] = field(default_factory=list)

    @property
    def database(self) -> Database:
        return self.site.database

    @property
    def desk(self) -> Desk:
        return self.site.desk

    # --- people ---------------------------------------------------------------------------

    async def mail(
        self,
        author: str,
        text: str = "It burns.",
        *,
        name: str = "",
        subject: str = "Help",
        to: str = "support@example.com",
        files: tuple[tuple[str, str, bytes], ...] = (),
        html: str = "",
        inline: tuple[tuple[str, str, bytes], ...] = (),
        reverse_path: str | None = None,
        **headers: str,
    ) -> JournalEntry:
        """A mail comes in and is decided about; its row in the journal. Files are (name, type, bytes), those inline
        (cid, type, bytes)."""
        self.count += 1
        m = EmailMessage(policy=email_policy.SMTP)
        m["From"] = f"{name} <{author}>" if name else author
        m["To"], m["Subject"] = to, subject
        m["Date"] = headers.pop("Date", format_datetime(self.clock.now))
        if "Message_ID" not in headers:
            m["Message-ID"] = f"<{self.count}.{self.clock.now.timestamp()}@mail.customer.example>"
        for header, value in headers.items():
            if value:
                m[header.replace("_", "-")] = value
        m.set_content(text)
        if html:
            m.add_alternative(html, subtype="html")
            for cid, kind, data in inline:
                part = m.get_body(("html",))
                assert part is not None
                main, _, sub = kind.partition("/")
                part.add_related(data, main, sub, cid=f"<{cid}>")  # type: ignore[attr-defined]
        for filename, kind, data in files:
            main, _, sub = kind.partition("/")
            m.add_attachment(data, maintype=main, subtype=sub, filename=filename)
        return await self.raw_mail(m.as_bytes(), author if reverse_path is None else reverse_path, to)

    async def raw_mail(self, data: bytes, reverse_path: str, to: str = "support@example.com") -> JournalEntry:
        id = await self.journal(data, reverse_path, to)
        envelope = (await self.read(lambda tx: tx.journal.get(id))).envelope
        read = self.desk.read(data, envelope)
        now = self.clock.now
        await self.write(lambda tx: self.desk.handle(tx, id, read, now))
        return await self.read(lambda tx: tx.journal.get(id))

    async def journal(self, data: bytes, reverse_path: str, to: str = "support@example.com") -> int:
        """A mail that is written down and not decided about yet."""
        envelope = Envelope("smtp", reverse_path, (to,), "192.0.2.7")
        now = self.clock.forward(seconds=61)
        return await self.write(lambda tx: tx.journal.append(envelope, raw.pack(data), now))

    async def reply(self, author: str, number: int, text: str, **mail: Any) -> JournalEntry:
        """A customer answers on a ticket."""
        mark = token.address_token(self.desk.policy.keys, "t", named(self.database, number))
        cc = mail.pop("also_to", "")
        to = f"support+{mark}@example.com"
        headers = {"Cc": cc} if cc else {}
        return await self.mail(author, text, to=to, subject="Re: Help", **headers, **mail)

    async def answer(self, number: int, text: str, agent: str = ANNA, **mail: Any) -> JournalEntry:
        """An agent answers, with a mark that proves who it is."""
        mark = token.address_token(self.desk.policy.keys, "a", named(self.database, number), agent)
        # Whoever answers writes later than what they read.
        self.clock.forward(seconds=1)
        return await self.mail(agent, text, to=f"support+{mark}@example.com", subject=f"Re: {number}", **mail)

    async def close(self, number: int) -> None:
        await self.answer(number, "#close")

    async def deliver(self) -> list[bytes]:
        """Everything that is due leaves; the mails."""
        now = self.clock.forward(minutes=1)
        left: list[bytes] = []

        def send(tx: Tx) -> list[tuple[OutboxEntry, bytes]]:
            rows = tx.claims.take("test", 200, 60, now)
            for row, _ in rows:
                tx.claims.settle(row.id, "test", State.SENT, "250 2.0.0 OK", now=now)
            return rows

        while rows := await self.write(send):
            left += [data for _, data in rows]
        return left

    # --- the store ------------------------------------------------------------------------

    async def write(self, work: Any) -> Any:
        return await self.database.write(work)

    async def read(self, work: Any) -> Any:
        return await self.database.read(work)

    async def outbox(self, notice: str = "", recipient: str = "") -> list[OutboxEntry]:
        """Oldest first."""
        rows = await self.read(lambda tx: tx.outbox.recent(limit=1000))
        return [r for r in reversed(rows) if notice in ("", r.notice) and recipient in ("", r.recipient)]

    async def broken(self) -> dict[str, tuple[str, ...]]:
        """What the audit finds."""
        report = await self.read(audit)
        return {b.rule.name: b.examples for b in report.broken}


def room(database: Database, clock: Clock, folder: Path, **tables: Any) -> Room:
    """A site with these settings on a database."""
    settings = config.build({**BASE, **tables}, folder / "replydesk.toml")
    desk = Desk(config.policy(settings, Keys(SECRET)), TEMPLATES)
    found = Room(JobContext(database, desk, clock, settings), clock)
    found.site = JobContext(database, desk, clock, settings, lambda: found.wakes.append(1))
    return found
