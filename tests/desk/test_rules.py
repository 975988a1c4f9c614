"""Rules of a site over a conversation: what the ticket, the agents and the customer get of them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.clock import jobs
from gateway.mail.parse import parse
from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, LEAD, room

BOXES = [
    {"address": "support@example.com", "name": "Support", "reply_address": "support+{token}@example.com"},
    {"address": "billing@example.com", "name": "Billing", "reply_address": "billing+{token}@example.com"},
]
AGENTS = [
    {"address": ANNA, "name": "Anna Agent", "mailboxes": ["support@example.com"]},
    {"address": LEAD, "name": "Bob Lead", "lead": True, "mailboxes": ["billing@example.com"]},
]
RULES = [
    {"name": "bills", "subject": ["invoice"], "hand_to": "billing@example.com", "tag": ["bill"], "assign": LEAD},
    {"name": "news", "about": "any", "sender": ["news.example"], "fold": True},
]


async def test_what_rules_do_to_a_conversation(database: Database, clock: Clock, tmp_path: Path) -> None:
    """The request goes to the other mailbox's agent alone, and is answered under it; what is folded is counted."""
    tables: dict[str, Any] = {"mailboxes": BOXES, "agents": AGENTS, "rules": RULES, "digest": {"agents_at": "07:30"}}
    site = room(database, clock, tmp_path, **tables)
    await jobs.send_digest(site.site)
    row = await site.mail(ERIKA, "It is too high.", subject="My invoice")
    assert "rules: bills (tag bill, assign bob@example.com, hand to billing@example.com)" in row.why
    found = await site.read(lambda tx: tx.reads.get(1))
    assert (found.mailbox, found.assignee, found.tags) == ("billing@example.com", LEAD, ("bill",))
    assert [r.recipient for r in await site.outbox("agent_notice")] == [LEAD]
    await site.answer(1, "We look into it.", LEAD)
    mails = [data for data in await site.deliver() if b"To: " + ERIKA.encode() in data]
    assert mails
    assert all(b"billing@example.com" in data.partition(b"\r\n\r\n")[0] for data in mails)
    folded = await site.mail("letter@news.example", "Buy our things.", subject="News")
    assert (folded.reason, folded.ticket) == ("folded-by-a-rule", None)
    assert folded.why[-1] == "rules: news (fold)"
    clock.now += timedelta(days=1)
    await jobs.send_digest(site.site)
    digests = [data for data in await site.deliver() if "journal list --quiet-only" in parse(data).body_text]
    assert len(digests) == 2, "both agents are told that something was folded"
    assert await site.broken() == {}


async def test_what_a_rule_folds_for_one_mailbox_is_heard_in_another(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """The same mail, delivered to each by itself, first to the one whose rule folds it: the other team hears of it."""
    rules = [{"name": "offers", "mailbox": ["billing@example.com"], "sender": ["shop.example"], "fold": True}]
    tables: dict[str, Any] = {"mailboxes": BOXES, "agents": AGENTS, "rules": rules}
    site = room(database, clock, tmp_path, **tables)
    data = (
        b"From: kim@shop.example\r\nTo: friends@shop.example\r\nSubject: Our order\r\n"
        b"Message-ID: <1@shop.example>\r\nDate: Mon, 2 Mar 2026 09:00:00 +0000\r\n\r\nWhere is it?\r\n"
    )

    async def deliver(*boxes: str) -> list[tuple[str, int | None]]:
        rows = [await site.raw_mail(data, "kim@shop.example", box) for box in boxes]
        return [(row.reason, row.ticket) for row in rows]

    billing, support = "billing@example.com", "support@example.com"
    assert await deliver(billing, billing) == [("folded-by-a-rule", None), ("duplicate", None)]
    assert await deliver(support, support) == [("new-request", 1), ("duplicate", 1)]
    assert [r.recipient for r in await site.outbox("agent_notice")] == [ANNA]
    assert await site.broken() == {}


async def test_an_alias_is_an_address_of_ours_too(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A rule for an alias holds where it was written to, one for the mailbox itself for whatever comes to it."""
    boxes = [{**BOXES[0], "aliases": ["help@example.com"]}, BOXES[1]]
    rules = [
        {"name": "helped", "mailbox": ["Help@example.com"], "tag": ["helped"]},
        {"name": "supported", "mailbox": ["support@example.com"], "tag": ["supported"]},
    ]
    site = room(database, clock, tmp_path, mailboxes=boxes, agents=AGENTS, rules=rules)
    for to in ("help@example.com", "help+shop@example.com", "support@example.com", "billing@example.com"):
        await site.mail(ERIKA, f"It burns, says {to}.", to=to)
    tags = [(await site.read(lambda tx, n=n: tx.reads.get(n))).tags for n in range(1, 5)]
    assert tags == [("helped", "supported"), ("helped", "supported"), ("supported",), ()]
