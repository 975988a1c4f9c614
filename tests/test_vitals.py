"""The daemon tells the truth about itself: what waits, what is late, what is locked or full."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from gateway.clock import jobs, vitals
from gateway.clock.context import JobStatus, ProbeStatus
from gateway.clock.jobs import Timetable
from gateway.clock.liveness import Source, Sources
from gateway.clock.metrics import Metrics
from gateway.clock.vitals import Look, Vitals
from storage.alarms import NO_RELAY
from storage.database import Database
from storage.jobs import JobState
from storage.outbox import State
from storage.standing import Disk, Standing, backlog
from storage.tx import Tx
from tests.conftest import NOW, Clock
from tests.room import ERIKA, Room, room

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"


@pytest.fixture
async def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    return room(database, clock, tmp_path, canary={"every_minutes": 10})


def watch(r: Room, folder: Path) -> Vitals:
    sources = Sources(r.database, r.desk, r.clock, lambda: None, {})
    return Vitals(r.database, r.desk, folder, r.clock, lambda: None, sources)


async def test_a_folder_that_is_no_longer_read_has_no_alarm(desk: Room) -> None:
    """Nothing would end it: nobody looks there any more, and retention leaves alarms of what still fails."""
    kept = ["source:imap:new", "untidy:imap:new", "unfetched:imap:new:1:7", "job:backup"]
    for key in (*kept, "source:imap:old", "untidy:imap:old", "unfetched:imap:old:1:7"):
        await desk.write(lambda tx, key=key: tx.alarms.raise_(key, "It cannot be read", NOW))
    sources = Sources(desk.database, desk.desk, desk.clock, lambda: None, {"imap:new": timedelta(minutes=15)})
    await sources.forget_removed()
    assert sorted(await desk.read(lambda tx: [alarm.key for alarm in tx.alarms.open()])) == sorted(kept)


async def test_what_waits_and_what_is_late(desk: Room) -> None:
    """Held mail, the oldest in journal and outbox, the relay, a job that did not run: each is named."""

    def look() -> Standing:
        return desk.database.read_now(lambda tx: backlog(tx, desk.clock.now))

    await jobs.look(jobs.JOBS[0], desk.site)
    assert look().rooms == set()
    await desk.mail(ERIKA)
    found = look()
    assert found.outbox["pending"]
    assert found.outbox_oldest == desk.clock.now
    assert found.journal_oldest is None

    await desk.write(lambda tx: tx.journal.hold(1, "failed", "cannot be read", NOW))
    await desk.write(lambda tx: tx.alarms.raise_(NO_RELAY, "No mail can be sent", NOW))
    assert look().rooms == {"held", "relay"}
    await desk.write(lambda tx: tx.journal.retry(1))
    assert look().journal_oldest == desk.clock.now
    desk.clock.forward(minutes=11)
    found = look()
    assert found.rooms == {"journal", "relay", "jobs"}
    assert found.late == ("tickets",)


async def test_a_disk_that_fills(desk: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nearly full the operator is told of it once; full no mail is taken; and it ends by itself."""
    eye = watch(desk, tmp_path)
    monkeypatch.setattr(vitals, "SHARED_SECONDS", 0.0)
    sizes = {"nearly": 900 << 20, "full": 2 << 20, "empty": 50 << 30}
    seen = {}
    for name, free in sizes.items():
        monkeypatch.setattr(vitals, "disk", lambda folder, free=free: Disk(free, 100 << 30))
        look = await eye.look()
        # The alarm is written by one look and told by the next.
        look = await eye.look()
        seen[name] = (look.takes_mail, look.failing)
    assert seen == {"nearly": (True, ("disk",)), "full": (False, ("disk",)), "empty": (True, ())}
    told = [o.notice for o in await desk.outbox() if o.recipient == "root@example.com"]
    assert len(told) == 2, "an alarm and an all-clear"
    assert not Disk(100 << 20, 1 << 30).is_nearly_full, "a small disk may be small"


async def test_a_database_somebody_keeps_locked(sqlite_url: str, clock: Clock, tmp_path: Path) -> None:
    """It answers questions and takes no mail: that is not well. Many who ask cost one look."""
    r = room(Database(sqlite_url, tmp_path), clock, tmp_path)
    eye = watch(r, tmp_path)
    assert (await eye.look()).takes_mail
    other = sqlite3.connect(r.database.engine.url.database or "", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vitals, "ANSWER_SECONDS", 0.3)
        patch.setattr(vitals, "SHARED_SECONDS", 0.0)
        looks = await asyncio.gather(*(eye.look() for _ in range(100)))
        assert {(look.takes_mail, look.failing) for look in looks} == {(False, ("database",))}
        assert all(look is looks[0] for look in looks)
    other.execute("ROLLBACK")
    other.close()
    await asyncio.sleep(vitals.SHARED_SECONDS)
    assert (await eye.look()).takes_mail
    await r.database.close()


async def test_a_clock_set_forth_and_back_stops_no_job(
    desk: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What counts the seconds between looks knows no date, and no time written down in the future is believed."""
    clock = desk.clock
    monkeypatch.setattr(jobs, "JOBS", tuple(replace(job, every=timedelta(seconds=0.05)) for job in jobs.JOBS))
    caplog.set_level(logging.INFO)

    again = {"tickets", "canary", "sessions", "words"}  # The two others are switched off here.

    async def rows(wanted: set[str] = again) -> dict[str, JobState]:
        """Once these jobs, which look again and again, have looked at this time, or long after they should have."""
        for _ in range(100):
            await asyncio.sleep(0.1)
            found = {row.name: row for row in await desk.read(lambda tx: tx.jobs.all())}
            looked = {row.name for row in found.values() if row.ran_at == clock.now}
            if looked >= wanted and all(row.due_at <= clock.now + timedelta(days=4) for row in found.values()):
                break
        return found

    timetable = Timetable(desk.site)
    assert again <= set(await rows())
    await desk.deliver()
    clock.forward(days=400)
    # As after an outage: mail that waits elsewhere comes first.
    waits = (await rows(again - {"tickets"}))["tickets"]
    assert waits.ran_at != clock.now
    clock.forward(hours=1)
    assert (await rows())["tickets"].ran_at == clock.now
    await desk.deliver()
    before = len(await desk.outbox("canary"))
    clock.now = NOW + timedelta(minutes=11)
    found = await rows()
    assert {found[name].ran_at for name in again} == {clock.now}
    assert all(row.due_at <= clock.now + timedelta(days=4) for row in found.values())
    assert len(await desk.outbox("canary")) == before + 1, "a probe of next year is not the last one"
    await timetable.stop(5)
    assert {r.message for r in caplog.records if r.levelno >= logging.ERROR} <= {"probe failed"}


async def test_mail_deferred_into_next_year_waits_no_longer(desk: Room) -> None:
    """Neither a time of the next attempt nor a claim that is further away than any of ours is believed."""
    await desk.mail(ERIKA)
    late = NOW + timedelta(days=400)

    def put_off(tx: Tx) -> None:
        ((first, _),) = tx.claims.take("gone", 1, 60, late)
        tx.claims.settle(first.id, "gone", State.DEFERRED, "451", now=late, not_before=late)
        assert tx.claims.take("gone", 1, 60, late)

    await desk.write(put_off)
    await desk.write(lambda tx: tx.claims.expire(desk.clock.now))
    assert "claimed" not in {row.state for row in await desk.outbox()}
    states = {row.state: row.not_before for row in await desk.outbox()}
    assert "deferred" in states
    assert all(at <= desk.clock.now + timedelta(minutes=15) for at in states.values())


@pytest.fixture
def names() -> set[str]:
    """All figures there are."""
    status = JobStatus(
        {"tickets": JobState("tickets", NOW, NOW, "", None, None)},
        {"support@example.com": ProbeStatus(timedelta(seconds=1), False)},
    )
    waits = Standing(NOW, {"held": 1, "pending": 0}, NOW, {"pending": 1}, NOW, (), ())
    source = Source("imap:support@example.com", timedelta(minutes=1), NOW, NOW)
    look = Look(disk=Disk(1, 2), backlog=waits)
    figures = Metrics(lambda: (source,), status, lambda: look).registry
    return {name for family in figures.collect() for name in (family.name, f"{family.name}_total")}


def test_every_figure_in_deploy_exists(names: set[str]) -> None:
    """The alert rules and the dashboard are valid, and ask for nothing that is not told."""
    rules = yaml.safe_load((DEPLOY / "prometheus-alerts.yml").read_text())
    (group,) = rules["groups"]
    board = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    alerts = [rule["expr"] for rule in group["rules"]]
    panels = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert all(rule["annotations"]["summary"] and rule["labels"]["severity"] for rule in group["rules"])
    asked = set(re.findall(r"replydesk_\w+", " ".join(alerts + panels)))
    assert asked
    assert asked - names == set()
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
