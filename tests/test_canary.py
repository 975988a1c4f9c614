"""The canary on both databases: out through the outbox, back through the flow, and an alarm when it is not well."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path
from typing import Any

import pytest

from gateway.clock.canary import send_probe
from gateway.clock.context import JobStatus, ProbeStatus
from gateway.clock.metrics import Metrics
from gateway.clock.vitals import Look
from storage.database import Database
from storage.journal import JournalEntry
from storage.tables import PROBE
from tests.conftest import Clock
from tests.room import Room, room

ON = {"canary": {"every_minutes": 10, "alarm_after_minutes": 15}}
BOX = "support@example.com"


async def out(r: Room) -> bytes:
    """The newest probe, as the relay got it."""
    row = (await r.outbox("canary"))[-1]
    await r.deliver()
    data: bytes = await r.read(lambda tx: tx.outbox.message(row.id))
    return data


async def back(r: Room, data: bytes) -> JournalEntry:
    to = str(message_from_bytes(data, policy=email_policy.default)["To"])
    address = to.partition("<")[2].rstrip(">") or to
    return await r.raw_mail(data, BOX, address)


async def told(r: Room) -> list[str]:
    """Which mails the operator got, by subject."""
    rows = await r.outbox("operator_alarm")
    found = []
    for row in rows:
        data = await r.read(lambda tx, id=row.id: tx.outbox.message(id))
        found.append(str(message_from_bytes(data, policy=email_policy.default)["Subject"]))
    return found


async def rows(r: Room) -> list[Any]:
    table = PROBE
    return list(await r.read(lambda tx: tx.connection.execute(table.select().order_by(table.c.id)).all()))


ALARM, CLEAR = "Replydesk needs your attention", "Replydesk: It works again"


async def test_it_goes_out_and_comes_back(
    database: Database, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """To its own reply address, settled with how long it took; nobody is answered, told or alarmed."""
    caplog.set_level(logging.INFO)
    r = room(database, clock, tmp_path, **ON)
    assert await send_probe(r.site) == "1 sent"
    assert r.wakes
    data = await out(r)
    mail = message_from_bytes(data, policy=email_policy.default)
    assert str(mail["To"]).endswith("<support+" + str(mail["Subject"]).rpartition(" ")[2] + "@example.com>")
    assert mail["Auto-Submitted"] == "auto-generated"
    row = await back(r, data)
    assert (row.state, row.reason, row.ticket) == ("settled", "probe-came-back", None)
    clock.forward(minutes=1)
    assert await send_probe(r.site) == f"{BOX}: well"
    (one,) = await r.read(lambda tx: tx.probes.latest())
    assert (one.mailbox, one.outcome) == (BOX, "well")
    assert one.round_trip.total_seconds() == 121.0
    record = next(c for c in caplog.records if c.message == "probe came back")
    assert (record.mailbox, record.seconds) == (BOX, 121.0)  # type: ignore[attr-defined]
    assert [o.notice for o in await r.outbox()] == ["canary"]
    assert await r.read(lambda tx: tx.alarms.open()) == []
    assert await r.broken() == {}


async def test_it_goes_out_every_so_often(database: Database, clock: Clock, tmp_path: Path) -> None:
    """However often the job looks; not while one still waits to be sent; never by default."""
    r = room(database, clock, tmp_path, **ON)
    for minute in range(60):
        await send_probe(r.site)
        if minute % 2:
            await r.deliver()
        else:
            clock.forward(minutes=1)
    assert len(await r.outbox("canary")) == 6
    clock.forward(minutes=10)
    await send_probe(r.site)
    clock.forward(minutes=60)
    await send_probe(r.site)
    assert len(await r.outbox("canary")) == 7
    off = room(database, clock, tmp_path)
    clock.forward(days=1)
    assert await send_probe(off.site) is None
    assert len(await r.outbox("canary")) == 7


async def test_one_that_does_not_come_back(
    database: Database, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """One alarm by mail and one line in the log at error, one all-clear when the next one is well again."""
    r = room(database, clock, tmp_path, **ON)
    await send_probe(r.site)
    await out(r)
    clock.forward(minutes=14)
    await send_probe(r.site)
    assert await told(r) == []
    late = await out(r)
    clock.forward(minutes=2)
    assert f"{BOX}: missing" in await send_probe(r.site)
    assert await told(r) == [ALARM]
    errors = [c for c in caplog.records if c.levelno == logging.ERROR]
    assert [(c.message, c.outcome) for c in errors] == [("probe failed", "missing")]  # type: ignore[attr-defined]
    clock.forward(minutes=5)
    await send_probe(r.site)
    assert await told(r) == [ALARM]
    clock.forward(minutes=20)
    await send_probe(r.site)
    good = await out(r)
    await back(r, good)
    await send_probe(r.site)
    assert await told(r) == [ALARM, CLEAR]
    assert await r.read(lambda tx: tx.alarms.open()) == []
    await back(r, late)
    await send_probe(r.site)
    assert await told(r) == [ALARM, CLEAR], "an old one that is late says nothing about now"
    assert [p.outcome for p in await rows(r)][:2] == ["missing", "late"]


async def test_one_that_is_late(database: Database, clock: Clock, tmp_path: Path) -> None:
    """It came back while nobody could look, and after its time."""
    r = room(database, clock, tmp_path, **ON)
    await send_probe(r.site)
    data = await out(r)
    clock.forward(minutes=30)
    await back(r, data)
    await send_probe(r.site)
    assert await told(r) == [ALARM]
    (alarm,) = await r.read(lambda tx: tx.alarms.open())
    assert "it took too long" in alarm.text


async def test_one_that_was_altered(database: Database, clock: Clock, tmp_path: Path) -> None:
    """What was done to it is said in words."""
    r = room(database, clock, tmp_path, **ON)
    await send_probe(r.site)
    data = await out(r)
    name = str(message_from_bytes(data, policy=email_policy.default)["Message-ID"]).encode()
    await back(r, data.replace(name, b"<rewritten@relay.example>"))
    assert f"{BOX}: altered" in await send_probe(r.site)
    (alarm,) = await r.read(lambda tx: tx.alarms.open())
    assert "its Message-ID was rewritten" in alarm.text
    assert await told(r) == [ALARM]


async def test_the_same_one_twice(database: Database, clock: Clock, tmp_path: Path) -> None:
    """The first arrival counts; the second is a probe too, no loop and no ticket."""
    r = room(database, clock, tmp_path, **ON)
    await send_probe(r.site)
    data = await out(r)
    first, second = await back(r, data), await back(r, data)
    assert {first.reason, second.reason} == {"probe-came-back"}
    (row,) = await rows(r)
    assert row.journal_id == first.id
    assert await r.broken() == {}


async def test_two_daemons_send_one(database_url: str, clock: Clock, tmp_path: Path) -> None:
    """And one of them judges it."""
    rooms = [room(Database(database_url, tmp_path), clock, tmp_path, **ON) for _ in range(2)]
    said = await asyncio.gather(*(send_probe(r.site) for r in rooms))
    assert sorted(said) == ["", "1 sent"]
    await out(rooms[0])
    clock.forward(minutes=16)
    said = await asyncio.gather(*(send_probe(r.site) for r in rooms))
    assert sum("missing" in s for s in said) == 1
    assert await told(rooms[0]) == [ALARM]
    for r in rooms:
        await r.database.close()


async def test_figures_of_the_board(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Every daemon shows them, whichever judged; an alarm about what is not watched any more is dropped."""
    r, other = room(database, clock, tmp_path, **ON), room(database, clock, tmp_path, **ON)
    await send_probe(r.site)
    await back(r, await out(r))
    await send_probe(r.site)
    clock.forward(minutes=30)
    await send_probe(r.site)
    await out(r)
    clock.forward(minutes=16)
    await send_probe(r.site)
    await send_probe(other.site)
    assert r.site.status.canaries == other.site.status.canaries == {BOX: ProbeStatus(timedelta(seconds=121), True)}
    off = room(database, clock, tmp_path)
    await send_probe(off.site)
    assert off.site.status.canaries == {}
    assert await r.read(lambda tx: tx.alarms.open()) == []
    assert await told(r) == [ALARM]


async def test_what_is_old_goes(database: Database, clock: Clock, tmp_path: Path) -> None:
    """After a week nothing is left of a probe but the journal's row, and the audit holds."""
    r = room(database, clock, tmp_path, **ON)
    await send_probe(r.site)
    data = await out(r)
    row = await back(r, data)
    await send_probe(r.site)
    clock.forward(days=8)
    await send_probe(r.site)
    assert len(await rows(r)) == 1
    assert [o.id for o in await r.outbox("canary")] == [2]
    found = await r.read(lambda tx: tx.journal.get(row.id))
    assert (found.reason, found.sha256) == ("probe-came-back", "")
    assert await r.broken() == {}


def test_figures() -> None:
    """How long the newest took, whether an alarm stands, and how many came back how."""
    metrics = Metrics(lambda: (), JobStatus(canaries={BOX: ProbeStatus(timedelta(seconds=3.5), True)}), Look)
    well = {"mailbox": BOX, "outcome": "well", "seconds": 2.5}
    for message, fields in (
        ("probe came back", well),
        ("probe came back", well | {"seconds": 3.5}),
        ("probe failed", {"mailbox": BOX, "outcome": "missing"}),
    ):
        record = logging.makeLogRecord({"msg": message, "name": "replydesk.canary", **fields})
        metrics.emit(record)
    value = metrics.registry.get_sample_value
    assert value("replydesk_probe_seconds", {"mailbox": BOX}) == 3.5
    assert value("replydesk_canary_failing", {"mailbox": BOX}) == 1.0
    assert value("replydesk_probes_total", {"outcome": "well"}) == 2.0
    assert value("replydesk_probes_total", {"outcome": "missing"}) == 1.0
