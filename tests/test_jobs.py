"""Jobs on both databases: each is written down, one that fails is told once and stops neither itself nor the others."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.clock import jobs, tickets
from gateway.clock.context import JobContext
from gateway.clock.jobs import JOBS, Job
from gateway.errors import StorageUnavailable
from gateway.flow import Desk
from gateway.portal import acts
from storage.database import Database
from storage.jobs import JobState
from tests.conftest import NOW, Clock
from tests.room import ERIKA, KARL, Room, room
from tests.test_canary import ALARM, CLEAR, told

EVERYTHING: dict[str, Any] = {
    "digest": {"agents_at": "07:30", "review_at": "07:30", "report_at": "07:30"},
    "rating": {"after_hours": 1},
    "canary": {"every_minutes": 10},
    "retention": {"raw_days": 30},
    "lifecycle": {"remind_after_days": 3, "close_after_days": 7},
}


async def look(r: Room) -> None:
    for job in JOBS:
        await jobs.look(job, r.site)


async def rows(r: Room) -> dict[str, JobState]:
    return {row.name: row for row in await r.read(lambda tx: tx.jobs.all())}


async def test_each_is_written_down(database: Database, clock: Clock, tmp_path: Path) -> None:
    """When it ran, when it is due, what it did; what is switched off is not there."""
    r = room(database, clock, tmp_path, **EVERYTHING)
    await look(r)
    found = await rows(r)
    assert sorted(found) == [
        "audit",
        "canary",
        "digest",
        "ratings",
        "report",
        "retention",
        "review",
        "sessions",
        "tickets",
        "words",
    ]
    assert {j.name: found[j.name].due_at - clock.now for j in JOBS if j.next_at is None} == {
        j.name: j.every for j in JOBS if j.next_at is None
    }
    assert found["tickets"].ran_at == clock.now
    assert (found["canary"].outcome, found["canary"].outcome_at) == ("1 sent", clock.now)
    # Monday half past nine: its first time is tomorrow's half past seven.
    assert (found["digest"].ran_at, found["digest"].due_at) == (None, NOW + timedelta(hours=22))
    assert r.site.status.jobs == found

    await r.mail(ERIKA)
    clock.now = NOW + timedelta(hours=22, minutes=1)
    await look(r)
    found = await rows(r)
    assert (found["digest"].ran_at, found["digest"].outcome) == (clock.now, "2 mails")
    assert found["digest"].due_at == NOW + timedelta(days=1, hours=22)
    assert found["review"].outcome == "nothing to tell, no mail"
    clock.forward(minutes=1)
    await look(r)
    assert (await rows(r))["digest"] == found["digest"], "a look that was not its time changes nothing"

    off = room(database, clock, tmp_path)
    await look(off)
    assert sorted(await rows(off)) == sorted(off.site.status.jobs) == ["audit", "sessions", "tickets", "words"]


async def test_one_that_fails(
    database: Database, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged each time, told once, tried again at its next time, and an all-clear when it works."""
    r = room(database, clock, tmp_path)
    broken = True

    async def run(site: JobContext) -> str:
        if broken:
            raise ValueError("no such thing")
        return "3 things"

    job = Job("things", timedelta(minutes=5), run)
    began = clock.now
    for _ in range(30):
        await jobs.look(job, r.site)
        clock.forward(minutes=5)
    assert [c.message for c in caplog.records if c.levelno >= logging.ERROR] == ["job failed"] * 30
    row = (await rows(r))["things"]
    assert (row.outcome, row.failing_since) == ("failed: ValueError: no such thing", began)
    assert row.due_at == clock.now
    assert await told(r) == [ALARM]
    assert [a.key for a in await r.read(lambda tx: tx.alarms.open())] == ["job:things"]
    assert r.wakes

    broken = False
    await jobs.look(job, r.site)
    row = (await rows(r))["things"]
    assert (row.outcome, row.failing_since, row.ran_at) == ("3 things", None, clock.now)
    assert await told(r) == [ALARM, CLEAR]
    assert await r.read(lambda tx: tx.alarms.open()) == []


async def test_a_database_that_is_away_is_no_fault_of_the_job(
    database: Database, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is put off with one line, and nothing is raised into the scheduler."""
    r = room(database, clock, tmp_path)

    async def run(site: JobContext) -> str:
        raise StorageUnavailable("away")

    await jobs.look(Job("things", timedelta(minutes=5), run), r.site)
    assert [c.message for c in caplog.records] == ["job deferred"]
    assert await told(r) == []


async def test_one_bad_ticket_stops_no_other(
    database: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the clock wants of the others is done; the job says which one failed."""
    r = room(database, clock, tmp_path, lifecycle={"remind_after_days": 3, "close_after_days": 7})
    first, second = (await r.mail(ERIKA)).ticket or 0, (await r.mail(KARL)).ticket or 0
    for number in (first, second):
        await r.answer(number, "#solved")
    tick = tickets.tick

    def faulty(desk: Desk, tx: Any, number: int, now: Any) -> Any:
        if number == first:
            raise ValueError("bad ticket")
        return tick(desk, tx, number, now)

    monkeypatch.setattr(tickets, "tick", faulty)
    clock.forward(days=4)
    await jobs.look(JOBS[0], r.site)
    assert [o.ticket for o in await r.outbox("solved_reminder")] == [second]
    assert (await rows(r))["tickets"].outcome == f"failed: ticket #{first}: ValueError: bad ticket"
    monkeypatch.undo()
    clock.forward(minutes=1)
    await jobs.look(JOBS[0], r.site)
    assert [o.ticket for o in await r.outbox("solved_reminder")] == [second, first]
    assert await told(r) == [ALARM, CLEAR]


@pytest.mark.parametrize("name", [job.name for job in JOBS])
async def test_fired_twice_at_once_by_two_daemons(database_url: str, clock: Clock, tmp_path: Path, name: str) -> None:
    """What is due happens once, and neither of them fails over it."""
    rooms = [room(Database(database_url, tmp_path), clock, tmp_path, **EVERYTHING) for _ in range(2)]
    r = rooms[0]
    await look(r)
    solved = (await r.mail(ERIKA)).ticket or 0
    await r.answer(solved, "#solved")
    closed = (await r.mail(KARL)).ticket or 0
    await r.write(lambda tx: acts.close_by_link(r.desk, tx, closed, clock.now))
    await r.deliver()
    clock.forward(days=2 if name == "ratings" else 40 if name == "retention" else 4)
    before = len(await r.outbox())
    job = next(j for j in JOBS if j.name == name)
    # No two clocks agree; with the same time in them, two mails would have one Message-ID and count as one.
    late = [replace(one.site, clock=lambda n=n: clock() + timedelta(milliseconds=n)) for n, one in enumerate(rooms)]
    await asyncio.gather(*(jobs.look(job, site) for site in late for _ in range(3)))
    expected = {
        "tickets": 1,
        "digest": 2,
        "review": 1,
        "ratings": 1,
        "canary": 2,
        "retention": 0,
        "sessions": 0,
        "audit": 0,
        "words": 0,
    }
    made = [o.notice for o in (await r.outbox())[before:]]
    assert len(made) == expected.get(name, 0), made
    assert (await rows(r))[name].failing_since is None
    for one in rooms:
        await one.database.close()


@pytest.mark.parametrize(
    ("name", "due_at"),
    [
        ("digest", NOW + timedelta(hours=22)),
        ("review", NOW + timedelta(hours=22)),
        ("report", datetime(2026, 4, 1, 7, 30, tzinfo=UTC)),
        ("audit", NOW + timedelta(hours=17, minutes=40)),
    ],
)
async def test_a_clock_that_was_wrong(
    database: Database, clock: Clock, tmp_path: Path, name: str, due_at: datetime
) -> None:
    """A next run that was written down while the clock was two months ahead is not believed once it is right."""
    r = room(database, clock, tmp_path, **EVERYTHING)
    await look(r)
    clock.now = NOW + timedelta(days=60)
    await look(r)
    clock.now = NOW
    await look(r)
    assert (await rows(r))[name].due_at == due_at
    ticket = (await r.mail(ERIKA)).ticket or 0
    assert ticket
    clock.now = due_at + timedelta(minutes=1)
    await look(r)
    assert (await rows(r))[name].ran_at == clock.now
    if name == "digest":
        assert (await rows(r))[name].outcome == "2 mails"


def test_the_table() -> None:
    """Names are unique, and none is looked for less often than it may be due."""
    names = [job.name for job in JOBS]
    assert len(set(names)) == len(names)
    assert all(timedelta(0) < job.every <= timedelta(hours=1) for job in JOBS)


async def test_the_nightly_audit(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Once a night, over what is new; the operator hears of what it finds, and that it is over."""
    r = room(database, clock, tmp_path)
    job = next(j for j in JOBS if j.name == "audit")
    await jobs.look(job, r.site)
    await r.mail(ERIKA)
    assert (await rows(r))["audit"].ran_at is None

    async def night() -> str:
        clock.forward(days=1)
        await jobs.look(job, r.site)
        return (await rows(r))["audit"].outcome

    assert await night() == "nothing found"
    await r.mail(KARL)
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE journal SET remote = 'x' WHERE id = 2"))
    assert await night() == "1 promises do not hold"
    assert await told(r) == [ALARM]
    (alarm,) = await r.read(lambda tx: tx.alarms.open())
    assert "journal entry 2 is not what was written down" in alarm.text
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE journal SET remote = (SELECT remote FROM journal WHERE id = 1) WHERE id = 2"))
    assert await night() == "nothing found"
    assert await told(r) == [ALARM, CLEAR]


async def test_after_an_outage_waiting_mail_comes_first(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Two customers were reminded; one answered while we were down: only the other one's is closed."""
    r = room(database, clock, tmp_path, **EVERYTHING)
    (job,) = (job for job in JOBS if job.name == "tickets")

    async def turn(**passed: int) -> list[str]:
        clock.forward(**passed)
        if not await jobs.lets_mail_come(job, r.site):
            await jobs.look(job, r.site)
        return [m.recipient for m in await r.outbox("closed")]

    for number, customer in ((1, ERIKA), (2, KARL)):
        await r.mail(customer, "My kettle does not boil.")
        await r.answer(number, "#solved\n\nIt does.")
    assert await turn(minutes=1) == []
    for _ in range(5):
        await turn(days=1)
        await turn(minutes=1)
    assert {m.recipient for m in await r.outbox("solved_reminder")} == set()
    # Each of these turns came after a day without one: nothing is done before an hour has passed.
    assert await turn(minutes=60) == []
    assert {m.recipient for m in await r.outbox("solved_reminder")} == {ERIKA, KARL}

    assert await turn(days=6) == []
    assert await turn(minutes=40) == []  # started again meanwhile
    await r.reply(ERIKA, 1, "It does not.")
    assert await turn(minutes=21) == [KARL]
    assert (await r.read(lambda tx: tx.reads.get(1))).status.value == "waiting_on_us"
    assert await turn(minutes=1) == [KARL]


async def test_an_alarm_of_what_happened_ends_where_everything_is_kept(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """`stats` shows what needs somebody: by default nothing is ever deleted, and a bounce of last year is no news."""
    desk, key = room(database, clock, tmp_path), f"undelivered:{ERIKA}"
    await desk.write(lambda tx: tx.alarms.raise_(key, "It bounced.", desk.clock.now))
    (job,) = (job for job in JOBS if job.name == "sessions")
    desk.clock.forward(days=6)
    await jobs.look(job, desk.site)
    assert await desk.read(lambda tx: tx.alarms.is_open(key))
    desk.clock.forward(days=2)
    await jobs.look(job, desk.site)
    assert not await desk.read(lambda tx: tx.alarms.is_open(key))
    assert (await rows(desk))["sessions"].outcome == "1 alarms ended"
