"""Figures by mail: `#report`, and what leads read on the first business day of a month."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import storage.reports
from gateway.clock import jobs, reports
from gateway.core.compose import Scene
from gateway.core.hours import Hours
from gateway.core.notice import Notice, NoticeRequest
from gateway.render import chart
from storage.database import Database
from storage.reports import Reports
from storage.tx import Tx
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, KARL, LEAD, Room, room

AT_SEVEN = {"digest": {"agents_at": "", "review_at": "", "report_at": "07:30"}}
(JOB,) = (job for job in jobs.JOBS if job.name == reports.JOB)


@pytest.fixture
def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    return room(database, clock, tmp_path, **AT_SEVEN)


async def mails(r: Room, notice: str, recipient: str) -> list[EmailMessage]:
    found = []
    for row in await r.outbox(notice, recipient):
        data = await r.read(lambda tx, id=row.id: tx.outbox.message(id))
        mail = message_from_bytes(data, policy=email_policy.default)
        assert isinstance(mail, EmailMessage)
        found.append(mail)
    return found


def text(mail: EmailMessage, kind: str = "plain") -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return " ".join(str(body.get_content()).split())


async def some_work(r: Room) -> None:
    """Erika's request is answered by Anna after an hour and by Bob after two; Karl's waits."""
    await r.mail(ERIKA, "It burns.")
    await r.mail(KARL, "It smokes.", subject="Smoke")
    r.clock.forward(hours=1)
    await r.answer(1, "Pull the plug.")
    await r.reply(ERIKA, 1, "And now?")
    r.clock.forward(hours=2)
    await r.answer(1, "Wait.", agent=LEAD)


async def ordered(r: Room, order: str, agent: str) -> EmailMessage:
    """In reply to a notice about another ticket."""
    await r.answer(2, order, agent=agent)
    return (await mails(r, "agent_receipt", agent))[-1]


async def test_leads_read_the_whole_and_each_agent(desk: Room) -> None:
    """Nothing is done to the ticket whose notice was answered."""
    await some_work(desk)
    said = text(await ordered(desk, "#report", LEAD))
    assert "All together - Requests: 2 - Answers: 2" in said
    assert "- Anna Agent Requests: 1 · Answers: 1 · First answer within 62 min" in said
    assert "- Bob Lead Requests: 0 · Answers: 1 · Further answers within 2 h" in said
    assert "- Open now: 2 up to 1 day 2, 3 days 0" in said
    assert len(await desk.read(lambda tx: tx.reads.entries(2))) == 1


async def test_however_many_there_are(desk: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tickets are read a few at a time, each with what was said on it."""
    for n in range(5):
        await desk.mail(f"kim{n}@customer.example", f"It burns, {n}.")
        await desk.answer(n + 1, "Pull the plug.")
    monkeypatch.setattr(storage.reports, "BATCH", 2)
    said = text(await ordered(desk, "#report", ANNA))
    assert "All together - Requests: 5 - Answers: 5" in said


async def test_other_agents_read_their_own(desk: Room) -> None:
    """And the whole without anybody's name."""
    await some_work(desk)
    said = text(await ordered(desk, "#report", ANNA))
    assert "All together - Requests: 2 - Answers: 2" in said
    assert "Yours - Requests: 1 - Answers: 1" in said
    assert "Bob" not in said


async def test_a_month_and_what_is_none(desk: Room) -> None:
    """A word that is no period does nothing but say how it is written, and so does a slip of the pen."""
    await some_work(desk)
    assert "Requests: 0" in text(await ordered(desk, "#report 2026-01", ANNA))
    assert "that is no period" in text(await ordered(desk, "#report may", ANNA))
    assert "#report [2026-11]" in text(await ordered(desk, "#repport", ANNA))


@pytest.mark.parametrize("author", [ERIKA, "mallory@elsewhere.example"])
async def test_nobody_else_reads_figures(desk: Room, author: str) -> None:
    """What they write is a customer's mail."""
    await some_work(desk)
    before = len(await desk.outbox("agent_receipt"))
    await desk.mail(author, "#report")
    assert len(await desk.outbox("agent_receipt")) == before
    heard = [m for notice in ("request_received", "ticket_list") for m in await mails(desk, notice, author)]
    assert heard
    assert all("All together" not in text(m) for m in heard)


async def test_an_agent_without_proof_reads_none(desk: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is anything counted for whoever writes in an agent's name."""
    await some_work(desk)
    monkeypatch.delattr(Reports, "facts")
    await desk.mail(ANNA, "#report")
    assert all("All together" not in text(m) for m in await mails(desk, "agent_receipt", ANNA))


async def begun(r: Room) -> None:
    """The job is known, and a month of work lies behind."""
    await jobs.look(JOB, r.site)
    await some_work(r)
    r.clock.now = datetime(2026, 4, 1, 7, 31, tzinfo=UTC)


async def test_once_a_month_to_leads(desk: Room) -> None:
    """Whichever daemon looks, and however often: one mail, with a picture that says in words what it shows."""
    await begun(desk)
    for _ in range(3):
        await jobs.look(JOB, desk.site)
        desk.clock.forward(minutes=1)
    assert await mails(desk, "agent_digest", ANNA) == []
    (mail,) = await mails(desk, "agent_digest", LEAD)
    assert mail["Subject"] == "Report: 1 March 2026 – 31 March 2026"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert "Requests: 2" in text(mail)
    alt = "Requests and answers in each week: 2026-W09 0/0, 2026-W10 2/2, 2026-W11 0/0"
    assert alt in text(mail)
    (picture,) = (part for part in mail.walk() if part.get_content_type() == "image/png")
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in text(mail, "html")
    assert f'alt="{alt}' in text(mail, "html")
    data = picture.get_payload(decode=True)
    assert isinstance(data, bytes)
    assert data.startswith(b"\x89PNG")
    assert len(data) < 60_000
    desk.clock.now = datetime(2026, 5, 1, 7, 31, tzinfo=UTC)
    await jobs.look(JOB, desk.site)
    assert "Open now: 2" in text((await mails(desk, "agent_digest", LEAD))[-1])


async def test_months_that_were_missed(desk: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """Down over two turns of the month: each month is told, once, and those in which nothing happened are not."""
    monkeypatch.setattr(chart, "available", lambda: False)
    await begun(desk)
    await desk.mail(ERIKA, "It burns again.", subject="Fire")
    desk.clock.now = datetime(2026, 6, 9, 12, tzinfo=UTC)
    for _ in range(2):
        await jobs.look(JOB, desk.site)
    march, april, *may = await mails(desk, "agent_digest", LEAD)
    assert march["Subject"] == "Report: 1 March 2026 – 31 March 2026"
    assert april["Subject"] == "Report: 1 April 2026 – 30 April 2026"
    assert ("Requests: 2" in text(march), "Requests: 1" in text(april)) == (True, True)
    assert all("May 2026" in mail["Subject"] for mail in may)


def test_a_clock_that_was_years_behind_tells_no_years() -> None:
    """Nor is a month told before it is over."""
    hours = Hours(ZoneInfo("America/New_York"))

    def months(due: datetime, now: datetime) -> list[str]:
        return [f"{first:%Y-%m-%d} {last:%d}" for first, last in reports._months(due, now, hours)]

    now = datetime(2026, 3, 2, 13, tzinfo=UTC)
    assert months(now, now) == ["2026-02-01 28"]
    assert months(datetime(2026, 1, 2, 13, tzinfo=UTC), now) == ["2025-12-01 31", "2026-01-01 31", "2026-02-01 28"]
    assert len(months(datetime(1970, 2, 1, tzinfo=UTC), now)) == reports.MOST


@pytest.mark.parametrize("how", ["missing", "broken"])
async def test_without_a_library_the_table_alone(desk: Room, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """Nor does one that fails keep the mail back."""
    if how == "missing":
        monkeypatch.setattr(chart, "available", lambda: False)
    else:
        monkeypatch.setenv("MPLBACKEND", "no such backend")
        monkeypatch.setattr(chart.sys, "executable", "/bin/false")
    await begun(desk)
    await jobs.look(JOB, desk.site)
    (mail,) = await mails(desk, "agent_digest", LEAD)
    assert [part.get_content_type() for part in mail.walk()] == ["multipart/alternative", "text/plain", "text/html"]
    assert "Requests: 2" in text(mail)
    assert "<img" not in text(mail, "html")


async def test_a_crash_gives_the_month_back(desk: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is in the transaction of the mails; a daemon that was down tells the month when it is up again."""
    monkeypatch.setattr(chart, "available", lambda: False)  # Drawing takes a second, twice.
    await begun(desk)
    desk.clock.forward(days=9)
    send = desk.desk.notices.send

    def dies(tx: Tx, request: NoticeRequest, scene: Scene, **more: Any) -> int | None:
        if request.notice is Notice.AGENT_DIGEST:
            raise RuntimeError("the disk is gone")
        return send(tx, request, scene, **more)

    with monkeypatch.context() as patched:
        patched.setattr(desk.desk.notices, "send", dies)
        await jobs.look(JOB, desk.site)
    assert await desk.outbox("agent_digest", LEAD) == []
    await jobs.look(JOB, desk.site)
    (mail,) = await mails(desk, "agent_digest", LEAD)
    assert "March 2026" in mail["Subject"]


async def test_nothing_to_tell(desk: Room) -> None:
    await jobs.look(JOB, desk.site)
    desk.clock.now = datetime(2026, 4, 1, 7, 31, tzinfo=UTC)
    await jobs.look(JOB, desk.site)
    assert await desk.outbox("agent_digest") == []
    row = await desk.read(lambda tx: tx.jobs.find(reports.JOB))
    assert (row.outcome, row.due_at) == ("nothing to tell, no mail", datetime(2026, 5, 1, 7, 30, tzinfo=UTC))


def test_the_first_business_day_of_a_month() -> None:
    """Of this one while it is ahead, else of the next; a month without any has its first."""
    week = Hours(days=frozenset(range(5)))
    at = datetime(2026, 8, 1, tzinfo=UTC).time().replace(hour=7)

    def due(day: int, hours: Hours, hour: int = 0) -> str:
        return f"{reports.next_after(datetime(2026, 8, day, hour, tzinfo=UTC), at, hours):%m-%d %H}"

    assert (due(1, week), due(3, week, 6), due(3, week, 7)) == ("08-03 07", "08-03 07", "09-01 07")
    assert due(2, Hours(days=frozenset())) == "09-01 07"
