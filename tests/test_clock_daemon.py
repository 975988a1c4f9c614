"""The clock of a whole daemon, sixty times as fast: a relay that hands probes back, or not, and a job that fails."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import smtplib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from gateway import config, daemon, work
from gateway.clock import jobs
from storage.audit import audit
from storage.database import Database
from storage.tx import Tx
from tests.sink import Received, Sink
from tests.site import Site, free_port

SPEED = 60
BOX = "support@example.com"


class Relay:
    """Takes what the daemon sends and hands what is for its mailbox back in, as `alter` has made it."""

    def __init__(self, sink: Sink, port: int) -> None:
        self.sink, self.port = sink, port
        self.alter: Callable[[bytes], bytes | None] = lambda data: data
        self.operator: list[str] = []
        """Subjects of what the operator got."""
        self.others: list[Received] = []

    async def run(self) -> None:
        seen = 0
        while True:
            await asyncio.sleep(0.01)
            while seen < len(self.sink.received):
                mail, seen = self.sink.received[seen], seen + 1
                if mail.recipients[0].startswith("support"):
                    data = self.alter(mail.content)
                    if data is not None:
                        await asyncio.to_thread(self._hand_back, data, self._recipient(data, mail))
                elif mail.recipients == ["root@example.com"]:
                    self.operator.append(str(mail.message["Subject"]))
                else:
                    self.others.append(mail)

    def _recipient(self, data: bytes, mail: Received) -> str:
        return mail.recipients[0] if b"support+" in data.partition(b"\r\nSubject:")[0] else BOX

    def _hand_back(self, data: bytes, recipient: str) -> None:
        with smtplib.SMTP("127.0.0.1", self.port, timeout=20) as client:
            client.sendmail(BOX, [recipient], data)


class House:
    """The daemon, its relay and what can be asked from outside."""

    def __init__(self, site: Site, relay: Relay, metrics: int, database: Database, faults: list[str]) -> None:
        self.site, self.relay, self.metrics, self.database = site, relay, metrics, database
        self.faults = faults
        """Put something in, and the job of that name fails with it."""

    async def read(self, work: Callable[[Tx], Any]) -> Any:
        return await asyncio.to_thread(self.database.read_now, work)

    async def health(self) -> dict[str, Any]:
        return dict(json.loads(await self._get(self.site.portal, "/healthz")))

    async def figure(self, name: str) -> float | None:
        found = re.search(rf"^{re.escape(name)} (\S+)$", await self._get(self.metrics, "/metrics"), re.M)
        return float(found[1]) if found else None

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(40):
            while not await true():
                await asyncio.sleep(0.1)

    async def well(self) -> bool:
        took = await self.figure(f'replydesk_probe_seconds{{mailbox="{BOX}"}}')
        failing = await self.figure(f'replydesk_canary_failing{{mailbox="{BOX}"}}')
        # The counter is the last of what a returned probe changes.
        told = took is not None and failing == 0 and bool(await self.figure(WELL))
        return told and await self.health() == {"status": "ok"}

    async def failing(self) -> bool:
        degraded = await self.health() == {"status": "degraded", "failing": ["canary"]}
        return degraded and await self.figure(f'replydesk_canary_failing{{mailbox="{BOX}"}}') == 1

    @staticmethod
    async def _get(port: int, path: str) -> str:
        def get() -> str:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                return str(answer.read().decode())

        return await asyncio.to_thread(get)


@pytest.fixture
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    began = datetime.now(UTC)
    for module in (daemon, work):
        monkeypatch.setattr(module, "now", lambda: began + (datetime.now(UTC) - began) * SPEED)
    fast = tuple(replace(job, every=timedelta(seconds=0.25)) for job in jobs.JOBS)
    faults: list[str] = []

    async def faulty(site: Site) -> str:
        if faults:
            raise ValueError(faults[0])
        return ""

    every = timedelta(seconds=0.25)
    monkeypatch.setattr(jobs, "JOBS", (*fast, jobs.Job("faulty", every, faulty)))
    sink, metrics = Sink(), free_port()
    async with sink.running():
        extra = (
            "\n[canary]\nevery_minutes = 1\nalarm_after_minutes = 2\n"
            f'\n[metrics]\nlisten = "127.0.0.1:{metrics}"\n\n[limits]\nautomatic_mail = ["5/10m"]\n'
        )
        send = f'transport = "smtp"\nhost = "127.0.0.1"\nport = {sink.port}'
        site = Site(tmp_path, send=send, extra=extra)
        trust = 'operator = "root@example.com"\ntrusted_authserv_ids = ["mx.example.com"]'
        site.config.write_text(site.config.read_text().replace('operator = "root@example.com"', trust))
        logging.getLogger("replydesk").setLevel(logging.INFO)
        relay = Relay(sink, site.smtp)
        async with daemon.serving(config.load(site.config)):
            turning = asyncio.create_task(relay.run())
            database = Database("", tmp_path / "var")
            yield House(site, relay, metrics, database, faults)
            turning.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await turning
            database.close_now()


def rewritten(data: bytes) -> bytes:
    """As a relay that gives ids of its own, drops the detail of an address and warns of strangers."""
    data = re.sub(rb"(?m)^Message-ID:.*\r\n(?:[ \t].*\r\n)*", b"Message-ID: <1234@relay.example>\r\n", data)
    data = re.sub(rb"support\+[^@]+@", b"support@", data)
    return data.replace(b"Subject: Replydesk", b"Subject: [EXTERNAL] Replydesk")


def unsigned(data: bytes) -> bytes:
    """As our own mail server marks what was changed after it was signed."""
    return b"Authentication-Results: mx.example.com; dkim=fail header.d=example.com\r\n" + data


WELL = 'replydesk_probes_total{outcome="well"}'
ALARM, CLEAR = "Replydesk needs your attention", "Replydesk: It works again"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda data: None, "has not come back"),
        (rewritten, "its Message-ID was rewritten"),
        (rewritten, "the mark in its address was lost"),
        (unsigned, "its DKIM signature was broken"),
    ],
    ids=["lost", "rewritten id", "lost plus-address", "broken signature"],
)
async def test_well_then_not_then_well_again(
    house: House, caplog: pytest.LogCaptureFixture, fault: Callable[[bytes], bytes | None], said: str
) -> None:
    """Told by mail, log, health and figures while it lasts; one all-clear; never a ticket, an answer or a notice."""
    caplog.set_level(logging.INFO)
    await house.until(house.well)
    seconds = await house.figure(f'replydesk_probe_seconds{{mailbox="{BOX}"}}')
    assert seconds is not None
    assert 0 < seconds < 120
    assert (await house.figure(WELL) or 0) >= 1
    assert await house.figure('replydesk_job_failing{job="canary"}') == 0

    house.relay.alter = fault
    await house.until(house.failing)
    (alarm,) = await house.read(lambda tx: tx.alarms.open())
    assert said in alarm.text
    errors = [r for r in caplog.records if r.levelno == logging.ERROR]
    assert errors
    assert {r.message for r in errors} == {"probe failed"}
    stats = await asyncio.to_thread(house.site.json, "stats")
    assert stats["alarms"][0]["text"] == alarm.text
    assert "canary" in [job["name"] for job in stats["jobs"]]

    house.relay.alter = lambda data: data
    await house.until(house.well)

    async def told() -> bool:
        return house.relay.operator == [ALARM, CLEAR]

    await house.until(told)
    assert house.relay.others == []
    counts = await house.read(lambda tx: tx.reads.counts())
    assert sum(counts.values()) == 0
    reasons = await house.read(lambda tx: {row.reason for row in tx.journal.recent()})
    assert reasons - {""} == {"probe-came-back"}
    assert (await house.read(audit)).broken == ()


@pytest.mark.timeout(120)
async def test_nothing_left_of_its_mark(house: House) -> None:
    """A relay that takes every mark away: it counts as missing, and is still no ticket and never answered."""
    mark = re.compile(rb"p\d+-[0-9a-z]{12}")
    house.relay.alter = lambda data: mark.sub(b"nothing", rewritten(data))
    await house.until(house.failing)
    standing = await house.read(lambda tx: {alarm.key: alarm.text for alarm in tx.alarms.open()})
    assert "has not come back" in standing[f"canary:{BOX}"]
    counts = await house.read(lambda tx: tx.reads.counts())
    assert sum(counts.values()) == 0
    assert house.relay.others == []


@pytest.mark.timeout(120)
async def test_a_job_that_fails(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """Stats, health, figures, log and one mail tell of it, the other jobs go on, and then all is well again."""
    await house.until(house.well)
    house.faults.append("no such thing")

    async def broken() -> bool:
        degraded = await house.health() == {"status": "degraded", "failing": ["jobs"]}
        return degraded and await house.figure('replydesk_job_failing{job="faulty"}') == 1

    await house.until(broken)
    assert await house.figure('replydesk_job_failing{job="tickets"}') == 0
    said = await asyncio.to_thread(house.site.run, "stats")
    assert re.search(r"^faulty +\S+ \S+ +\S+ \S+ +failed: ValueError: no such thing \(since ", said.stdout, re.M)
    ran = await house.figure('replydesk_job_last_run_timestamp_seconds{job="tickets"}')

    async def goes_on() -> bool:
        return (await house.figure('replydesk_job_last_run_timestamp_seconds{job="tickets"}') or 0) > (ran or 0)

    await house.until(goes_on)
    assert {r.message for r in caplog.records if r.levelno == logging.ERROR} == {"job failed"}
    house.faults.clear()

    async def told() -> bool:
        return house.relay.operator == [ALARM, CLEAR] and await house.health() == {"status": "ok"}

    await house.until(told)
    (row,) = [job for job in (await asyncio.to_thread(house.site.json, "stats"))["jobs"] if job["name"] == "faulty"]
    assert (row["outcome"], row["outcome_at"], row["failing_since"]) == ("", None, None)
    assert row["last_run"] <= row["next_run"]
