"""Ninety days in seconds: every mail the clock sends leaves once, at its time, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from gateway.apply import Notices
from gateway.clock import jobs
from gateway.clock.context import JobContext
from gateway.config.settings import DigestSettings, MailboxSettings, Settings
from gateway.core import token
from gateway.core.commands import Command, Order
from gateway.core.compose import Scene
from gateway.core.decision import EntryDraft
from gateway.core.hours import Hours
from gateway.core.notice import Notice, NoticeRequest
from gateway.core.orders import Answer, OrderContext, carry_out
from gateway.core.policy import Policy
from gateway.core.ticket import EntryKind, Role
from gateway.core.verbs import Verb
from gateway.flow import Desk
from gateway.mail.message import Address, Envelope
from gateway.portal import acts
from gateway.render.mail import Templates
from storage import raw
from storage.database import Database
from storage.outbox import OutboxEntry, State
from storage.tx import Tx
from tests.conftest import Clock, named

BERLIN = ZoneInfo("Europe/Berlin")
START = datetime(2026, 3, 2, 9, 0, tzinfo=BERLIN).astimezone(UTC)
"""A Monday; summer time begins on 29 March."""
TEMPLATES = Templates(timezone=BERLIN)
MORNING = DigestSettings(agents_at="07:30", review_at="07:30")
WEEK = Hours(BERLIN, frozenset(range(5)), time(9), time(17), frozenset({date(2026, 4, 3), date(2026, 4, 6)}))


@asynccontextmanager
async def site(
    url: str, policy: Policy, clock: Clock, folder: Path, digest: DigestSettings | None = None, nth: int = 0
) -> AsyncIterator[JobContext]:
    """A daemon's worth of clock: its own connection to the database.

    No two clocks agree: with the same time in them, two mails would have one Message-ID and count as one.
    """
    database = Database(url, folder)
    yield on_database(database, policy, clock, folder, digest, nth)
    await database.close()


def on_database(
    database: Database, policy: Policy, clock: Clock, folder: Path, digest: DigestSettings | None = None, nth: int = 0
) -> JobContext:
    settings = Settings(
        mailboxes=[MailboxSettings(address=b.address) for b in policy.mailboxes],
        digest=digest or DigestSettings(agents_at="", review_at="", report_at=""),
        file=folder / "x.toml",
    )
    return JobContext(database, Desk(policy, TEMPLATES), lambda: clock() + nth * timedelta(milliseconds=1), settings)


QUIET = frozenset({"audit", "canary", "retention", "sessions", "words"})
"""Jobs that send nothing here."""


async def look(*sites: JobContext, without: AbstractSet[str] = QUIET) -> None:
    """All jobs but these, of all daemons at the same moment."""
    for job in jobs.JOBS:
        if job.name in without:
            continue
        await asyncio.gather(*(jobs.look(job, s) for s in sites))


async def write_in(site: JobContext, subject: str, text: str = "Hello", answers: str = "") -> int:
    """Kim writes; the ticket's number."""
    return await receive(site, "kim@customer.example", "support@example.com", subject, text, answers)


async def receive(site: JobContext, author: str, to: str, subject: str, text: str, answers: str = "") -> int:
    """A mail comes in; the number of its ticket."""
    n = (await site.database.read(lambda tx: sum(tx.journal.counts().values()))) + 1
    reference = f"In-Reply-To: <{answers}>\r\n" if answers else ""
    data = (
        f"From: <{author}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n"
        f"Message-ID: <{n}@customer.example>\r\n{reference}\r\n{text}\r\n"
    ).encode()
    envelope = Envelope("smtp", author, (to,))
    id = await site.database.write(lambda tx: tx.journal.append(envelope, raw.pack(data), site.clock()))
    read = site.desk.read(data, envelope)
    await site.database.write(lambda tx: site.desk.handle(tx, id, read, site.clock()))
    return (await site.database.read(lambda tx: tx.journal.get(id))).ticket or 0


async def order(site: JobContext, number: int, text: str, *commands: Command) -> None:
    """An agent acts."""

    def work(tx: Tx) -> None:
        agent = site.desk.policy.agents[0]
        entry = EntryDraft(EntryKind.CORRESPONDENCE, Address(agent.address, agent.name), Role.AGENT, text, text)
        by = OrderContext(tx.reads.get(number), agent, site.desk.policy, site.clock())
        decision = carry_out(by, Order(commands), Answer(text, entry) if text else None, "test")
        site.desk.effects.apply(tx, decision, f"test:{site.clock().isoformat()}", site.clock())

    await site.database.write(work)


async def mails(site: JobContext, *notices: str) -> list[tuple[str, str, int | None]]:
    """(when on the wall clock of Berlin, notice, ticket), oldest first."""
    rows = await site.database.read(lambda tx: tx.outbox.recent(limit=5000))
    return [
        (r.created_at.astimezone(BERLIN).strftime("%m-%d %H:%M"), r.notice, r.ticket)
        for r in reversed(rows)
        if r.notice in notices
    ]


CLOCKED = ("solved_reminder", "waiting_reminder", "close_confirmation", "closed", "rating_request")
DAYS = 91
STEPS = ("07:29", "07:30", "08:59", "09:00", "17:00")
"""On the wall clock: a mail of nine o'clock that is an hour early or late is found at another step."""

Event = tuple[int, str, str]
"""Day, time of the wall clock, and what somebody does or the customer gets."""


@dataclass(frozen=True)
class Life:
    """What people do to a ticket, and which of the clock's mails its customer gets."""

    name: str
    acts: tuple[Event, ...]
    gets: tuple[Event, ...]


LIVES = (
    Life("nobody does anything", (), ()),
    Life(
        "solved and forgotten",
        ((0, "09:00", "solve"),),
        (
            (0, "09:00", "close_confirmation"),
            (3, "09:00", "solved_reminder"),
            (7, "09:00", "closed"),
            (8, "09:00", "rating_request"),
        ),
    ),
    Life(
        "never answered by the customer, closed on the day of the change in spring",
        ((0, "09:00", "ask"),),
        (
            (10, "09:00", "waiting_reminder"),
            (20, "09:00", "close_confirmation"),
            (23, "09:00", "solved_reminder"),
            (27, "09:00", "closed"),
            (28, "09:00", "rating_request"),
        ),
    ),
    Life(
        "answered by the agent while solved, which cancels the closing",
        ((0, "09:00", "solve"), (5, "17:00", "ask")),
        (
            (0, "09:00", "close_confirmation"),
            (3, "09:00", "solved_reminder"),
            (15, "17:00", "waiting_reminder"),
            (25, "17:00", "close_confirmation"),
            (28, "17:00", "solved_reminder"),
            (32, "17:00", "closed"),
            (33, "17:00", "rating_request"),
        ),
    ),
    Life(
        "answered by the agent between question and reminder, which begins anew",
        ((0, "09:00", "ask"), (9, "17:00", "ask"), (19, "09:00", "reply")),
        (),
    ),
    Life(
        "answered by the customer after each reminder",
        ((0, "09:00", "solve"), (4, "09:00", "reply"), (6, "09:00", "ask"), (17, "09:00", "reply")),
        ((0, "09:00", "close_confirmation"), (3, "09:00", "solved_reminder"), (16, "09:00", "waiting_reminder")),
    ),
    Life(
        "across the change in spring",
        ((25, "09:00", "solve"),),
        (
            (25, "09:00", "close_confirmation"),
            (28, "09:00", "solved_reminder"),
            (32, "09:00", "closed"),
            (33, "09:00", "rating_request"),
        ),
    ),
    Life(
        "across the change in autumn",
        ((18, "09:00", "solve"),),
        (
            (18, "09:00", "close_confirmation"),
            (21, "09:00", "solved_reminder"),
            (25, "09:00", "closed"),
            (26, "09:00", "rating_request"),
        ),
    ),
    Life(
        "closed by the customer, opened again before the question how it was",
        ((1, "09:00", "press close"), (1, "17:00", "reply"), (40, "09:00", "press close")),
        ((1, "09:00", "closed"), (40, "09:00", "closed"), (41, "09:00", "rating_request")),
    ),
    Life("spam", ((2, "09:00", "spam"),), ()),
    Life("merged into the first one", ((2, "09:00", "merge"),), ()),
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("start", [date(2026, 3, 2), date(2026, 10, 5)], ids=["spring", "autumn"])
async def test_ninety_days(database_url: str, policy: Policy, tmp_path: Path, start: date) -> None:
    """Each mail leaves once and at its time of the wall clock, with all daemons started anew at every step.

    One daemon on SQLite, two at once on PostgreSQL. Connections live for a day; they are opened at another
    step each day. When every life is over, only the digests are due: a day is then its morning. The jobs that send
    nothing run on one day of a week: they are most of the work.
    """
    daemons = 1 if database_url.startswith("sqlite") else 2
    policy = replace(
        policy,
        hours=Hours(BERLIN),
        remind_after_days=3,
        close_after_days=7,
        waiting_remind_after_days=10,
        waiting_solved_after_days=20,
        rating_after_hours=24,
    )
    clock, left = Clock(), Left()
    numbers: dict[str, int] = {}
    over = max(day for life in LIVES for day, _, _ in life.acts + life.gets)
    databases: list[Database] = []
    for day in range(DAYS):
        for nth_step, step in enumerate(STEPS):
            if day > over + 1 and step not in ("07:29", "07:30"):
                continue
            if nth_step == day % len(STEPS) or not databases:
                await asyncio.gather(*(database.close() for database in databases))
                databases = [Database(database_url, tmp_path) for _ in range(daemons)]
            now = datetime.combine(start + timedelta(days=day), time.fromisoformat(step), BERLIN)
            clock.now = now.astimezone(UTC)
            one, *more = [
                on_database(database, policy, clock, tmp_path, MORNING, n) for n, database in enumerate(databases)
            ]
            if (day, step) == (0, "09:00"):
                numbers = {life.name: await write_in(one, life.name) for life in LIVES}
            for life in LIVES:
                for act in (what for d, at, what in life.acts if (d, at) == (day, step)):
                    await happens(one, numbers[life.name], act)
            await look(one, *more, without=QUIET if day % 7 else frozenset())
            await left.collect(one, day, step)
    await asyncio.gather(*(database.close() for database in databases))

    for life in LIVES:
        assert left.of(numbers[life.name], CLOCKED) == list(life.gets), life.name
    mornings = [(day, "07:30", "agent_digest") for day in range(1, DAYS)]
    assert left.to("anna@example.com") == mornings
    # The lead gets a review besides: of the ticket its customer closed, once, and not of the one that is open again;
    # and on the first of a month the figures of the last one.
    first_days = [(day, at, what) for day, at, what in mornings if (start + timedelta(days=day)).day == 1]
    assert left.to("bob@example.com") == sorted([*mornings, *first_days, (41, "07:30", "agent_digest")])
    assert left.twice() == []


class Left:
    """What left the house, and when."""

    def __init__(self) -> None:
        self._mails: list[tuple[Event, OutboxEntry]] = []

    async def collect(self, site: JobContext, day: int, step: str) -> None:
        # A little later, for the clock of the daemon that wrote it may be ahead.
        now = site.clock() + timedelta(seconds=1)

        def send(tx: Tx) -> list[OutboxEntry]:
            rows = [row for row, _ in tx.claims.take("test", 200, 60, now)]
            for row in rows:
                tx.claims.settle(row.id, "test", State.SENT, "250 2.0.0 OK", now=now)
            return rows

        while rows := await site.database.write(send):
            self._mails += [((day, step, row.notice), row) for row in sorted(rows, key=lambda r: r.id)]

    def of(self, ticket: int, notices: tuple[str, ...]) -> list[Event]:
        return [event for event, row in self._mails if row.ticket == ticket and row.notice in notices]

    def to(self, agent: str) -> list[Event]:
        return [e for e, row in self._mails if row.notice == "agent_digest" and row.recipient == agent]

    def twice(self) -> list[str]:
        """Message-IDs of more than one mail."""
        ids = [row.message_id for _, row in self._mails]
        return [id for id in set(ids) if ids.count(id) > 1]


async def happens(site: JobContext, number: int, act: str) -> None:
    keys, now = site.desk.policy.keys, site.clock()
    to_agent = f"support+{token.address_token(keys, 'a', named(site.database, number), 'anna@example.com')}@example.com"
    texts = {"solve": "#solved\n\nDone.", "ask": "What is your number?", "spam": "#spam", "merge": "#merge 1"}
    if act == "press close":
        assert await site.database.write(lambda tx: acts.close_by_link(site.desk, tx, number, now))
    elif act == "reply":
        to = f"support+{token.address_token(keys, 't', named(site.database, number))}@example.com"
        await receive(site, "kim@customer.example", to, "Re: Help", "It is still broken.")
    else:
        await receive(site, "anna@example.com", to_agent, "Re: Help", texts[act])


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
        ticket = await one.database.read(lambda tx: tx.reads.get(number))
        assert ticket.due_at == datetime(2026, 3, 9, 10, 0, tzinfo=BERLIN)
        before = len(await mails(one, "agent_notice"))
        while clock.now < datetime(2026, 3, 9, 12, 0, tzinfo=BERLIN):
            clock.forward(minutes=15)
            await look(one)
        told = (await mails(one, "agent_notice"))[before:]
        assert [m[0] for m in told] == ["03-09 09:30"] * 2 + ["03-09 10:00"] * 2
        await order(one, number, "Here you are.")
        assert (await one.database.read(lambda tx: tx.reads.get(number))).due_at is None
        await write_in(one, "again", "And?", "1@customer.example")
        ticket = await one.database.read(lambda tx: tx.reads.get(number))
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
    digest = DigestSettings(agents_at="07:30", review_at="07:30")
    async with (
        site(database_url, policy, clock, tmp_path, digest) as one,
        site(database_url, policy, clock, tmp_path, digest, 1) as two,
    ):
        both = (one, two) if daemons == 2 else (one,)
        await look(*both)
        number = await write_in(one, "open")
        closed = await write_in(one, "closed by the customer")
        await one.database.write(lambda tx: acts.close_by_link(one.desk, tx, closed, clock.now))
        while clock.now < datetime(2026, 3, 10, 0, 0, tzinfo=BERLIN):
            clock.forward(minutes=30)
            await look(*both)
            if clock.now == datetime(2026, 3, 9, 8, 0, tzinfo=BERLIN):
                await one.database.write(lambda tx: acts.close_by_link(one.desk, tx, number, clock.now))
        got = await mails(one, "agent_digest")
        # Thursday and Friday and Monday, two agents each; the review once, to the one lead.
        assert [m[0] for m in got] == ["03-05 07:30"] * 3 + ["03-06 07:30"] * 2 + ["03-09 07:30"] * 2


@pytest.mark.parametrize("at", ["07:30", "18:30", "23:30"])
async def test_a_digest_missed_while_it_was_down_comes_late(
    sqlite_url: str, policy: Policy, tmp_path: Path, at: str
) -> None:
    """Whatever its time of day: the one of Friday comes with the start on Saturday."""
    clock = Clock(datetime(2026, 3, 5, 6, 0, tzinfo=BERLIN).astimezone(UTC))
    policy, digest = replace(policy, hours=WEEK), DigestSettings(agents_at=at, review_at="", report_at="")
    async with site(sqlite_url, policy, clock, tmp_path, digest) as one:
        await write_in(one, "open")
        for moment in (clock.now, datetime(2026, 3, 5, 23, 45, tzinfo=BERLIN), datetime(2026, 3, 7, 8, tzinfo=BERLIN)):
            clock.now = moment.astimezone(UTC)
            await look(one)
        assert [m[0][:5] for m in await mails(one, "agent_digest")] == ["03-05"] * 2 + ["03-07"] * 2


async def test_one_digest_in_a_morning(sqlite_url: str, policy: Policy, tmp_path: Path) -> None:
    """Another time of day in the settings, a start after an outage and a clock set back double none."""
    clock = Clock(datetime(2026, 3, 5, 6, 0, tzinfo=BERLIN).astimezone(UTC))
    policy = replace(policy, hours=WEEK)

    async def looks(at: str, *moments: datetime) -> list[str]:
        async with site(sqlite_url, policy, clock, tmp_path, DigestSettings(agents_at=at, review_at="")) as one:
            for moment in moments:
                clock.now = moment.replace(tzinfo=BERLIN).astimezone(UTC)
                await look(one)
            return [m[0] for m in await mails(one, "agent_digest")][::2]

    async with site(sqlite_url, policy, clock, tmp_path) as one:
        await write_in(one, "open")
    assert await looks("08:00", datetime(2026, 3, 5, 7), datetime(2026, 3, 5, 8)) == ["03-05 08:00"]
    again = [datetime(2026, 3, 5, 8, 5), datetime(2026, 3, 5, 7, 59), datetime(2026, 3, 5, 8), datetime(2026, 3, 5, 9)]
    assert await looks("08:00", *again) == ["03-05 08:00"]
    later = [datetime(2026, 3, 5, 10), datetime(2026, 3, 6, 8), datetime(2026, 3, 6, 9)]
    assert await looks("09:00", *later) == ["03-05 08:00", "03-06 09:00"]
    after_outage = [datetime(2026, 3, 11, 7), datetime(2026, 3, 11, 9)]
    assert await looks("09:00", *after_outage) == ["03-05 08:00", "03-06 09:00", "03-11 09:00"]


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


async def test_a_late_reminder_names_the_day_it_closes(sqlite_url: str, policy: Policy, tmp_path: Path) -> None:
    """It named the day that was planned, which was over when the reminder left."""
    clock = Clock(START)
    policy = replace(policy, remind_after_days=3, close_after_days=7)
    async with site(sqlite_url, policy, clock, tmp_path) as one:
        await order(one, await write_in(one, "forgotten"), "Done.", Command(Verb.SOLVED))
        clock.forward(days=30)
        await look(one)
        (reminder, *_) = await one.database.read(lambda tx: tx.outbox.recent())
        assert reminder.notice == "solved_reminder"
        said = (await one.database.read(lambda tx: tx.outbox.message(reminder.id))).decode()
        promised = clock.now + timedelta(days=4)
        assert f"closes by itself on {promised:%-d %B %Y}." in " ".join(said.split())
        clock.forward(days=4)
        await look(one)
        assert [m[1] for m in await mails(one, *CLOCKED)][-1] == "closed"


async def test_what_is_put_aside_waits_with_it(sqlite_url: str, policy: Policy, tmp_path: Path) -> None:
    """Nobody is reminded, and nothing closed, before it is back; then the days begin anew."""
    clock = Clock(START)
    policy = replace(policy, remind_after_days=3, close_after_days=7)
    async with site(sqlite_url, policy, clock, tmp_path) as one:
        number = await write_in(one, "put aside")
        await order(one, number, "Done. We call you at Easter.", Command(Verb.SOLVED), Command(Verb.SNOOZE, "20d call"))
        for _ in range(28):
            clock.forward(days=1)
            await look(one)
        told = [(m[0][:5], m[1]) for m in await mails(one, *CLOCKED)]
        assert told[1:] == [("03-26", "solved_reminder"), ("03-30", "closed")]
        assert [m[0][:5] for m in await mails(one, "agent_notice")][-1] == "03-23"


async def test_days_begin_anew_where_an_agent_takes_it_up_again(
    sqlite_url: str, policy: Policy, tmp_path: Path
) -> None:
    """With `#snooze off`: the reminder would have been due long before."""
    clock = Clock(START)
    policy = replace(policy, remind_after_days=3, close_after_days=7)
    async with site(sqlite_url, policy, clock, tmp_path) as one:
        number = await write_in(one, "put aside")
        await order(one, number, "Done. We call you.", Command(Verb.SOLVED), Command(Verb.SNOOZE, "20d call"))
        clock.forward(days=10)
        await order(one, number, "", Command(Verb.SNOOZE, "off"))
        await look(one)
        assert [m[1] for m in await mails(one, *CLOCKED)] == ["close_confirmation"]
        clock.forward(days=4)
        await look(one)
        assert [m[1] for m in await mails(one, *CLOCKED)] == ["close_confirmation", "solved_reminder"]


@pytest.mark.parametrize("at", ["before", "after"])
async def test_a_crash_inside_a_transaction(
    database_url: str, policy: Policy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Before or after its mail was put in line: nothing of it is there, and the next look does it once."""
    policy = replace(policy, remind_after_days=3, close_after_days=7, rating_after_hours=24)
    clock = Clock(START)
    put = Notices.send
    died: set[tuple[Notice, str]] = set()

    def send(notices: Notices, tx: Tx, request: NoticeRequest, scene: Scene, **rest: Any) -> int | None:
        key = (request.notice, scene.cause[:8])
        dies = (
            clock.now > START + timedelta(hours=1) and key not in died and request.notice is not Notice.OPERATOR_ALARM
        )
        if dies:
            died.add(key)
        if dies and at == "before":
            raise KeyError("power cut")
        made = put(notices, tx, request, scene, **rest)
        if dies:
            raise KeyError("power cut")
        return made

    async with site(database_url, policy, clock, tmp_path, MORNING) as one:
        number = await write_in(one, "open all the time")
        solved = await write_in(one, "forgotten")
        await order(one, solved, "Done.", Command(Verb.SOLVED))
        await look(one)
        monkeypatch.setattr(Notices, "send", send)
        while clock.now < START + timedelta(days=9):
            clock.forward(hours=6)
            await look(one)
            await look(one)
            await look(one)
        got = await mails(one, *CLOCKED, "agent_digest")
        assert [m for m in got if m[2] == number] == []
        assert [m[:2] for m in got if m[2] == solved] == [
            ("03-02 09:00", "close_confirmation"),
            ("03-05 09:00", "solved_reminder"),
            ("03-09 09:00", "closed"),
            ("03-10 09:00", "rating_request"),
        ]
        # Two agents on each of nine mornings, the first of them after one look that failed.
        assert [m[0] for m in got if m[1] == "agent_digest"] == [
            f"03-{day:02} 09:00" for day in range(3, 12) for _ in "ab"
        ]
        assert {notice for notice, _ in died} == {
            Notice.AGENT_DIGEST,
            Notice.SOLVED_REMINDER,
            Notice.CLOSED,
            Notice.RATING_REQUEST,
        }
