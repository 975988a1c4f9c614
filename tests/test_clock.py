"""Ninety days in seconds: every mail the clock sends leaves once, at its time, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from gateway import jobs
from gateway.config import Digest, Mailbox, Settings
from gateway.core.act import Answer, Carrier, carry_out
from gateway.core.commands import Command, Order, Verb
from gateway.core.decision import EntryDraft
from gateway.core.hours import Hours
from gateway.core.message import Address, Envelope
from gateway.core.policy import Policy
from gateway.core.ticket import EntryKind, Role
from gateway.flow import Desk
from gateway.jobs import Site
from gateway.render import Templates
from storage import raw
from storage.database import Database
from storage.tx import Tx
from tests.conftest import Clock

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, 9, 0, tzinfo=BERLIN).astimezone(UTC)
"""A Monday; summer time begins on 29 March."""
TEMPLATES = Templates(timezone=BERLIN)
WEEK = Hours(BERLIN, frozenset(range(5)), time(9), time(17), frozenset({date(2026, 4, 3), date(2026, 4, 6)}))


@asynccontextmanager
async def site(
    url: str, policy: Policy, clock: Clock, folder: Path, digest: Digest | None = None
) -> AsyncIterator[Site]:
    """A daemon's worth of clock: its own connection to the database."""
    database = Database(url, folder)
    settings = Settings(
        mailboxes=[Mailbox(address=b.address) for b in policy.mailboxes],
        digest=digest or Digest(agents_at="", review_at=""),
        file=folder / "x.toml",
    )
    yield Site(database, Desk(policy, TEMPLATES), clock, settings)
    await database.close()


async def look(*sites: Site) -> None:
    """All jobs of all daemons, at the same moment."""
    for job in jobs.JOBS:
        await asyncio.gather(*(jobs.look(job, s) for s in sites))


async def write_in(site: Site, subject: str, text: str = "Hello", answers: str = "") -> int:
    """Kim writes; the ticket's number."""
    n = (await site.database.read(lambda tx: sum(tx.journal.counts().values()))) + 1
    reference = f"In-Reply-To: <{answers}>\r\n" if answers else ""
    data = (
        f"From: Kim <kim@customer.example>\r\nTo: support@example.com\r\nSubject: {subject}\r\n"
        f"Message-ID: <{n}@customer.example>\r\n{reference}\r\n{text}\r\n"
    ).encode()
    envelope = Envelope("smtp", "kim@customer.example", ("support@example.com",))
    id = await site.database.write(lambda tx: tx.journal.append(envelope, raw.pack(data), site.clock()))
    read = site.desk.read(data, envelope)
    await site.database.write(lambda tx: site.desk.handle(tx, id, read, site.clock()))
    return (await site.database.read(lambda tx: tx.journal.get(id))).ticket or 0


async def order(site: Site, number: int, text: str, *commands: Command) -> None:
    """An agent acts."""

    def work(tx: Tx) -> None:
        agent = site.desk.policy.agents[0]
        entry = EntryDraft(EntryKind.CORRESPONDENCE, Address(agent.address, agent.name), Role.AGENT, text, text)
        by = Carrier(tx.tickets.get(number), agent, site.desk.policy, site.clock())
        decision = carry_out(by, Order(commands), Answer(text, entry) if text else None, "test")
        site.desk.effects(tx, decision, f"test:{site.clock().isoformat()}", site.clock())

    await site.database.write(work)


async def mails(site: Site, *notices: str) -> list[tuple[str, str, int | None]]:
    """(when on the wall clock of Berlin, notice, ticket), oldest first."""
    rows = await site.database.read(lambda tx: tx.outbox.recent(limit=5000))
    return [
        (r.created_at.astimezone(BERLIN).strftime("%m-%d %H:%M"), r.notice, r.ticket)
        for r in reversed(rows)
        if r.notice in notices
    ]


CLOCKED = ("solved_reminder", "waiting_reminder", "close_confirmation", "closed")


@pytest.mark.parametrize("daemons", [1, 2])
async def test_ninety_days(database_url: str, policy: Policy, tmp_path: Path, daemons: int) -> None:
    """A table of lives: what the customer gets, and when, with a restart of every daemon at every fifth step."""
    if daemons == 2 and database_url.startswith("sqlite"):
        pytest.skip("two daemons share a PostgreSQL; SQLite has one")
    policy = replace(
        policy,
        hours=replace(WEEK, days=frozenset()),
        remind_after_days=3,
        close_after_days=7,
        waiting_remind_after_days=10,
        waiting_solved_after_days=20,
    )
    clock = Clock(START)
    async with site(database_url, policy, clock, tmp_path) as first:
        solved = await write_in(first, "solved and forgotten")
        waiting = await write_in(first, "never answered by the customer")
        revived = await write_in(first, "answered again by the agent while solved")
        across = await write_in(first, "across the change to summer time")
        open_ = await write_in(first, "nobody does anything")
        await order(first, solved, "Done.", Command(Verb.SOLVED))
        await order(first, waiting, "What is your number?")
        await order(first, revived, "Done.", Command(Verb.SOLVED))

    step = 0
    while clock.now < START + timedelta(days=90):
        clock.forward(hours=6)
        step += 1
        async with (
            site(database_url, policy, clock, tmp_path) as one,
            site(database_url, policy, clock, tmp_path) as two,
        ):
            day = (clock.now - START).days
            if clock.now == START + timedelta(days=5):
                await order(one, revived, "One more thing.")
            if clock.now == START + timedelta(days=25):
                await order(one, across, "Done.", Command(Verb.SOLVED))
            await look(*((one, two) if daemons == 2 else (one,)))
            assert day <= 90

    async with site(database_url, policy, clock, tmp_path) as end:
        got = await mails(end, *CLOCKED)
        assert [m for m in got if m[2] == solved] == [
            ("03-02 09:00", "close_confirmation", solved),
            ("03-05 09:00", "solved_reminder", solved),
            ("03-09 09:00", "closed", solved),
        ]
        assert [m for m in got if m[2] == waiting] == [
            ("03-12 09:00", "waiting_reminder", waiting),
            ("03-22 09:00", "close_confirmation", waiting),
            ("03-25 09:00", "solved_reminder", waiting),
            # Summer time has begun: six hours of steps meet the wall clock an hour later.
            ("03-29 10:00", "closed", waiting),
        ]
        assert [m for m in got if m[2] == revived] == [
            ("03-02 09:00", "close_confirmation", revived),
            ("03-05 09:00", "solved_reminder", revived),
            ("03-17 09:00", "waiting_reminder", revived),
            ("03-27 09:00", "close_confirmation", revived),
            ("03-30 10:00", "solved_reminder", revived),
            ("04-03 10:00", "closed", revived),
        ]
        assert [m for m in got if m[2] == across] == [
            ("03-27 09:00", "close_confirmation", across),
            ("03-30 10:00", "solved_reminder", across),
            ("04-03 10:00", "closed", across),
        ]
        assert [m for m in got if m[2] == open_] == []


async def test_business_days_do_not_count_weekends_and_holidays(
    sqlite_url: str, policy: Policy, tmp_path: Path
) -> None:
    """Solved on the Wednesday before Easter: three business days later is the Wednesday after it."""
    policy = replace(policy, hours=WEEK, business_days=True, remind_after_days=3, close_after_days=5)
    clock = Clock(datetime(2026, 4, 1, 10, 0, tzinfo=BERLIN).astimezone(UTC))
    async with site(sqlite_url, policy, clock, tmp_path) as one:
        number = await write_in(one, "Easter")
        await order(one, number, "Done.", Command(Verb.SOLVED))
        while clock.now < datetime(2026, 4, 15, tzinfo=BERLIN):
            clock.forward(hours=1)
            await look(one)
        assert await mails(one, *CLOCKED) == [
            ("04-01 10:00", "close_confirmation", number),
            ("04-08 10:00", "solved_reminder", number),
            ("04-10 10:00", "closed", number),
        ]


async def test_answers_that_are_due(sqlite_url: str, policy: Policy, tmp_path: Path) -> None:
    """Friday 16:00 plus two business hours is Monday 10:00: warned at three quarters, told when it is over, once."""
    boxes = (replace(policy.mailboxes[0], first_response_hours=2, next_response_hours=4), *policy.mailboxes[1:])
    policy = replace(policy, hours=WEEK, mailboxes=boxes)
    clock = Clock(datetime(2026, 3, 6, 16, 0, tzinfo=BERLIN).astimezone(UTC))
    async with site(sqlite_url, policy, clock, tmp_path) as one:
        number = await write_in(one, "urgent")
        ticket = await one.database.read(lambda tx: tx.tickets.get(number))
        assert ticket.due_at == datetime(2026, 3, 9, 10, 0, tzinfo=BERLIN)
        before = len(await mails(one, "agent_notice"))
        while clock.now < datetime(2026, 3, 9, 12, 0, tzinfo=BERLIN):
            clock.forward(minutes=15)
            await look(one)
        told = (await mails(one, "agent_notice"))[before:]
        assert [m[0] for m in told] == ["03-09 09:30"] * 2 + ["03-09 10:00"] * 2
        await order(one, number, "Here you are.")
        assert (await one.database.read(lambda tx: tx.tickets.get(number))).due_at is None
        await write_in(one, "again", "And?", "1@customer.example")
        ticket = await one.database.read(lambda tx: tx.tickets.get(number))
        assert ticket.due_at == datetime(2026, 3, 9, 16, 0, tzinfo=BERLIN)


@pytest.mark.parametrize("daemons", [1, 2])
async def test_digests_go_out_once_each_business_morning(
    database_url: str, policy: Policy, tmp_path: Path, daemons: int
) -> None:
    """Each agent once, at half past seven; leads read what customers closed on their own; nothing open, no mail."""
    if daemons == 2 and database_url.startswith("sqlite"):
        pytest.skip("two daemons share a PostgreSQL; SQLite has one")
    policy = replace(policy, hours=WEEK)
    clock = Clock(datetime(2026, 3, 5, 6, 0, tzinfo=BERLIN).astimezone(UTC))
    digest = Digest(agents_at="07:30", review_at="07:30")
    async with (
        site(database_url, policy, clock, tmp_path, digest) as one,
        site(database_url, policy, clock, tmp_path, digest) as two,
    ):
        both = (one, two) if daemons == 2 else (one,)
        await look(*both)
        number = await write_in(one, "open")
        closed = await write_in(one, "closed by the customer")
        await one.database.write(lambda tx: one.desk.close_by_link(tx, closed, clock.now))
        while clock.now < datetime(2026, 3, 10, 0, 0, tzinfo=BERLIN):
            clock.forward(minutes=30)
            await look(*both)
            if clock.now == datetime(2026, 3, 9, 8, 0, tzinfo=BERLIN):
                await one.database.write(lambda tx: one.desk.close_by_link(tx, number, clock.now))
        got = await mails(one, "agent_digest")
        # Thursday and Friday and Monday, two agents each; the review once, to the one lead.
        assert [m[0] for m in got] == ["03-05 07:30"] * 3 + ["03-06 07:30"] * 2 + ["03-09 07:30"] * 2


async def test_a_long_outage_reminds_before_it_closes(sqlite_url: str, policy: Policy, tmp_path: Path) -> None:
    """The daemon was off for a month: the customer is reminded first and has time to object."""
    clock = Clock(START)
    policy = replace(policy, remind_after_days=3, close_after_days=7)
    async with site(sqlite_url, policy, clock, tmp_path) as one:
        number = await write_in(one, "forgotten")
        await order(one, number, "Done.", Command(Verb.SOLVED))
        clock.forward(days=30)
        await look(one)
        await look(one)
        assert [m[1] for m in await mails(one, *CLOCKED)] == ["close_confirmation", "solved_reminder"]
        clock.forward(days=4)
        await look(one)
        assert [m[1] for m in await mails(one, *CLOCKED)] == ["close_confirmation", "solved_reminder", "closed"]
