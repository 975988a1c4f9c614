"""A week of a team: ten agents, fifty customers (two hundred with LONG=1), five working days on the simulated clock.

Customers write, answer, say thanks and write twice; agents answer, put aside, ask a supplier, merge, hand over and are
away; mails bounce. In the end every case is closed, nobody got an answer twice or words that were not for them, and no
case cost the team more than eight mails. What each person got is kept as a summary, in `week.txt` and
`week-long.txt`: `REWRITE=1 pytest tests/desk/test_week.py` writes them anew.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from email import policy as email_policy
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import tickets
from gateway.send.settle import undelivered
from storage.database import Database
from storage.migrate import migrate
from storage.outbox import OutboxEntry
from tests.conftest import Clock
from tests.room import Room, room

LONG = bool(os.environ.get("LONG"))
CUSTOMERS, DAYS, MOST = 200 if LONG else 50, 5, 8
SUMMARY = Path(__file__).with_name("week-long.txt" if LONG else "week.txt")
AGENTS = [{"address": f"agent{n}@example.com", "name": f"Agent{n} Team", "lead": n == 0} for n in range(10)]
BOX = {
    "address": "support@example.com",
    "name": "Example Support",
    "reply_address": "support+{token}@example.com",
    "assign": "round_robin",
    "announce": "assignee",
}
SUPPLIER = "parts@supplier.example"


class Week:
    """The site, and who wrote which words."""

    def __init__(self, site: Room) -> None:
        self.site = site
        self.mails: list[tuple[str, str]] = []
        """(recipient, text) of every mail that left."""

    @property
    def unlike(self) -> str:
        """A word of its own for each mail: the same words again and again would look like a program's."""
        return "".join(chr(ord("a") + int(digit)) for digit in str(self.site.count))

    async def ask(self, n: int) -> int:
        """Customer `n` writes; the number of the ticket."""
        text = f"It burns: secret-{n}- {self.unlike}"
        row = await self.site.mail(f"c{n}@firm{n}.example", text, subject=f"Matter {n}")
        assert row.ticket is not None
        return row.ticket

    async def holder(self, number: int) -> str:
        ticket = await self.site.read(lambda tx: tx.reads.get(number))
        return str(ticket.assignee)

    async def reply(self, n: int, number: int, text: str) -> None:
        await self.site.reply(f"c{n}@firm{n}.example", number, f"{text} secret-{n}-")

    async def agent(self, number: int, text: str, agent: str = "") -> None:
        text = f"{text} ({self.unlike})" if "answer-" in text else text
        row = await self.site.answer(number, text, agent or await self.holder(number))
        assert row.reason.startswith("agent-"), (row.reason, row.why)
        assert row.reason not in ("agent-mail-held-back", "agent-command-not-understood"), (text, row.why)

    async def leave(self) -> None:
        for data in await self.site.deliver():
            mail = message_from_bytes(data, policy=email_policy.default)
            body = mail.get_body(("plain",))
            assert body is not None
            self.mails.append((parseaddr(str(mail["To"]))[1], f"{mail['Subject']}\n{body.get_content()}"))

    async def tick(self) -> None:
        await tickets.tick_tickets(self.site.site)


async def plain(week: Week, n: int, number: int) -> None:
    await week.agent(number, f"Which one? answer-{n}-")
    await week.reply(n, number, "The red one.")
    await week.agent(number, f"#solved\nRepaired. answer-{n}-")
    await week.reply(n, number, "Thank you!")
    await week.agent(number, "#close silent")


async def snoozed(week: Week, n: int, number: int) -> None:
    await week.agent(number, f"#snooze 1d inner-{n}-\nI look tomorrow. answer-{n}-")


async def supplier(week: Week, n: int, number: int) -> None:
    await week.agent(number, f"#ask {SUPPLIER}\nIs part asked-{n}- there?")
    asked = (await week.site.outbox("", SUPPLIER))[-1]
    headers = {"In_Reply_To": f"<{asked.message_id}>"}
    row = await week.site.mail(SUPPLIER, f"Yes. inner-{n}- {week.unlike}", subject="Re: part", **headers)
    assert row.ticket == number
    await week.agent(number, f"#close\nIt is there. answer-{n}-")


async def twice(week: Week, n: int, number: int) -> None:
    again = await week.ask(n)
    await week.agent(again, f"#merge {number}")
    await week.agent(number, f"#close\nBoth are done. answer-{n}-")


async def bounced(week: Week, n: int, number: int) -> None:
    await week.agent(number, f"Here it is. answer-{n}-")

    def fail(tx: Any) -> None:
        (row,) = [r for r in tx.outbox.recent(limit=20) if r.notice == "reply" and r.ticket == number]
        undelivered(week.site.desk, tx, row.id, "550 5.1.1 no such user", week.site.clock.now)

    await week.site.write(fail)
    await week.agent(number, "#close silent")


async def given(week: Week, n: int, number: int) -> None:
    holder = await week.holder(number)
    other = AGENTS[(int(re.sub(r"\D", "", holder)) + 5) % 10]
    await week.agent(number, f"#note\nNot mine, @{other['address']}: inner-{n}-")
    await week.agent(number, f"#give {other['address']}")
    await week.agent(number, f"#close\nDone by me. answer-{n}-")


KINDS: tuple[Callable[[Week, int, int], Any], ...] = (
    *(plain,) * 5,
    snoozed,
    supplier,
    twice,
    bounced,
    given,
)


@pytest.mark.timeout(600 if LONG else 120)
async def test_a_week_of_a_team(clock: Clock, tmp_path: Path) -> None:
    """Every ticket ends right, and everybody read what was for them, once."""
    database = Database(f"sqlite:///{tmp_path / 'week.db'}", tmp_path)
    migrate(database)
    site = room(database, clock, tmp_path, agents=AGENTS, mailboxes=[BOX], gateway={"operator": "root@example.com"})
    week = Week(site)
    later: list[tuple[int, int]] = []
    for day in range(DAYS):
        if day == 1:
            (away,) = [a for a in AGENTS if a["address"] == "agent3@example.com"]
            first = await site.read(lambda tx: tx.reads.search(limit=1)[0].number)
            await week.agent(first, "#away until 2026-12-24 to Agent4", str(away["address"]))
        mornings, later = later, []
        await week.tick()
        for n, number in mornings:
            await week.agent(number, f"#close\nLooked. answer-{n}-")
        for n in range(day, CUSTOMERS, DAYS):
            number = await week.ask(n)
            kind = KINDS[n // DAYS % len(KINDS)]
            await kind(week, n, number)
            if kind is snoozed:
                later.append((n, number))
        await week.leave()
        clock.forward(days=1)
    await week.tick()
    for n, number in later:
        await week.agent(number, f"#close\nLooked. answer-{n}-")
    await week.leave()
    every = await site.read(lambda tx: tx.reads.search(limit=1000))
    assert len(every) == CUSTOMERS + CUSTOMERS // len(KINDS)
    assert {t.status.value for t in every} == {"closed"}
    assert not [t.number for t in every if t.snoozed_until]
    everything: list[OutboxEntry] = await site.read(lambda tx: tx.outbox.recent(limit=100_000))
    costs = Counter(row.ticket for row in everything if row.audience == "agent" and row.ticket)
    assert max(costs.values()) <= MOST, costs.most_common(3)
    no_answer_twice(everything)
    nothing_for_others(week.mails)
    assert await site.broken() == {}
    summary = told(everything)
    if os.environ.get("REWRITE"):
        SUMMARY.write_text(summary, "utf-8")
    assert summary == SUMMARY.read_text("utf-8")
    await database.close()


def no_answer_twice(rows: list[OutboxEntry]) -> None:
    """One mail to one person for each thing an agent wrote."""
    sent = Counter(
        (r.recipient, r.entry_id) for r in rows if r.notice in ("reply", "close_confirmation") and r.entry_id
    )
    assert [key for key, count in sent.items() if count > 1] == []


def nothing_for_others(mails: list[tuple[str, str]]) -> None:
    """A customer reads own words and answers to them; a supplier what they were asked; inner words nobody outside."""
    for recipient, text in mails:
        if recipient.endswith("@example.com"):
            continue
        assert "inner-" not in text, (recipient, text)
        if recipient == SUPPLIER:
            assert "secret-" not in text
            assert "answer-" not in text
            continue
        own = recipient.partition("@")[0].removeprefix("c")
        assert "asked-" not in text
        assert {m[1] for m in re.finditer(r"(?:secret|answer)-(\d+)-", text)} <= {own}, (recipient, text)


def told(rows: list[OutboxEntry]) -> str:
    """How many mails of which kind each agent got, and how many customers got the same."""
    inboxes: dict[str, Counter[str]] = {}
    for row in rows:
        inboxes.setdefault(row.recipient, Counter())[row.notice] += 1
    lines = [
        f"{who}: {', '.join(f'{count} {notice}' for notice, count in sorted(found.items()))}"
        for who, found in sorted(inboxes.items())
        if not who.startswith("c")
    ]
    alike = Counter(
        ", ".join(f"{count} {notice}" for notice, count in sorted(found.items()))
        for who, found in inboxes.items()
        if who.startswith("c")
    )
    return "\n".join([*lines, *(f"{count} customers: {what}" for what, count in sorted(alike.items()))]) + "\n"
