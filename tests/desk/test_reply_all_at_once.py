"""Eight people answer each other within a second, before and after the first acknowledgement: one ticket."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from gateway.core.policy import Policy
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.render.mail import Templates
from gateway.worker import Worker
from storage.database import Database
from tests.conftest import Clock

PEOPLE = [f"person{n}@customer.example" for n in range(8)]


def storm(seed: int) -> list[tuple[str, bytes]]:
    """(author, mail) of a conversation in the order it was written; everybody has everybody in copy."""
    dice = random.Random(seed)
    mails: list[tuple[str, bytes]] = []
    for n in range(24):
        author = PEOPLE[0] if n == 0 else dice.choice(PEOPLE)
        parents = dice.sample(range(n), min(n, 2)) if n else []
        references = " ".join(f"<{p}.storm@customer.example>" for p in sorted({0, *parents})) if n else ""
        others = ", ".join(p for p in PEOPLE if p != author)
        head = (
            f"From: {author}\r\nTo: support@example.com\r\nCc: {others}\r\nMessage-ID: <{n}.storm@customer.example>\r\n"
        )
        head += f"Subject: {'Re: ' * bool(n)}Who has the key?\r\n" + (f"References: {references}\r\n" if n else "")
        mails.append((author, f"{head}\r\nMail {n}.\r\n".encode()))
    return mails


@pytest.mark.parametrize("daemons", [1, 2])
@pytest.mark.parametrize("order", ["as written", "shuffled"])
async def test_a_storm_is_one_ticket(
    database_url: str, policy: Policy, clock: Clock, tmp_path: Path, order: str, daemons: int
) -> None:
    """All at once, on one daemon or spread over two on one PostgreSQL; each mail is one entry of one ticket."""
    if daemons == 2 and database_url.startswith("sqlite"):
        pytest.skip("two daemons share a PostgreSQL; SQLite has one")
    databases = [Database(database_url, tmp_path) for _ in range(daemons)]
    desk = Desk(policy, Templates())
    walks = [Worker(d, desk, clock, 10**7, 20.0, lambda: None) for d in databases]
    runs = [asyncio.create_task(w.run()) for w in walks]
    mails = storm(7)
    if order == "shuffled":
        random.Random(11).shuffle(mails)
    await asyncio.gather(
        *(
            walks[n % daemons].accept(data, Envelope("smtp", author, ("support@example.com",)))
            for n, (author, data) in enumerate(mails)
        )
    )
    for walk in walks:
        assert await walk.drain(60) == 0
    for run in runs:
        run.cancel()
    await asyncio.gather(*runs, return_exceptions=True)
    tickets = await databases[0].read(lambda tx: tx.reads.search(limit=100))
    assert len(tickets) == 1
    entries = await databases[0].read(lambda tx: tx.reads.entries(tickets[0].number))
    texts = sorted(e.body_text.strip() for e in entries if e.kind.value == "correspondence")
    assert texts == sorted(f"Mail {n}." for n in range(24))
    notices = await databases[0].read(lambda tx: tx.outbox.recent(limit=1000))
    # Whose mail is first is acknowledged, and whoever began it: that one is the requester in the end.
    acknowledged = [r.recipient for r in notices if r.notice == "request_received"]
    assert acknowledged.count(PEOPLE[0]) == 1
    assert len(acknowledged) <= 2
    assert tickets[0].requester.address == PEOPLE[0]
    for database in databases:
        await database.close()
