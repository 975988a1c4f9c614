"""Ratings end to end on both databases: asked once, answered, counted."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path

import pytest

from gateway.cli import stats
from gateway.clock import tickets
from gateway.clock.tickets import ask_for_ratings
from gateway.core import rating
from gateway.portal import acts
from storage.database import Database
from tests.conftest import Clock
from tests.room import ERIKA, KARL, LEAD, Room, room

DAY = {"rating": {"after_hours": 24}}


async def asked(r: Room) -> list[int | None]:
    return [row.ticket for row in await r.outbox("rating_request")]


async def test_machines_keep_nobody_from_being_asked(
    database: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many of their tickets were closed before a customer's."""
    monkeypatch.setattr(tickets, "BATCH", 2)
    r = room(database, clock, tmp_path, **DAY)
    for n in range(3):
        alarm = await r.mail("monitor@customer.example", f"disk{n} full", subject="A", Auto_Submitted="auto-generated")
        await r.close(alarm.ticket or 0)
    number = (await r.mail(ERIKA)).ticket or 0
    await r.close(number)
    clock.forward(hours=25)
    assert await ask_for_ratings(r.site) == "1 customers asked"
    assert await asked(r) == [number]


async def test_each_closing_is_asked_about_once(database: Database, clock: Clock, tmp_path: Path) -> None:
    """After its time, however often the job looks; again when it was opened and closed again."""
    r = room(database, clock, tmp_path, **DAY)
    number = (await r.mail(ERIKA, name="Erika Beispiel")).ticket or 0
    spam = (await r.mail(KARL, subject="Buy")).ticket or 0
    machine = (
        await r.mail("monitor@customer.example", "disk full", subject="Alarm", Auto_Submitted="auto-generated")
    ).ticket or 0
    reopened = (await r.mail(ERIKA, "another", subject="another")).ticket or 0
    await r.answer(spam, "#spam")
    for n in (number, machine, reopened):
        await r.close(n)
    assert await ask_for_ratings(r.site) == ""
    clock.forward(hours=20)
    await r.reply(ERIKA, reopened, "not yet")
    assert await ask_for_ratings(r.site) == ""
    clock.forward(hours=5)
    assert await ask_for_ratings(r.site) == "1 customers asked"
    assert r.wakes
    assert await ask_for_ratings(r.site) == ""
    assert await asked(r) == [number]
    clock.forward(days=1)
    await r.reply(ERIKA, number, "it came back")
    await r.close(number)
    clock.forward(hours=25)
    assert await ask_for_ratings(r.site) == "1 customers asked"
    clock.forward(days=60)
    assert await ask_for_ratings(r.site) == ""
    assert await asked(r) == [number, number]
    assert await r.broken() == {}


async def test_two_daemons_ask_once(database_url: str, clock: Clock, tmp_path: Path) -> None:
    """Fired at the same moment."""
    rooms = [room(Database(database_url, tmp_path), clock, tmp_path, **DAY) for _ in range(2)]
    for n in range(5):
        await rooms[0].close((await rooms[0].mail(f"c{n}@customer.example", subject=f"s{n}")).ticket or 0)
    clock.forward(hours=25)
    await asyncio.gather(*(ask_for_ratings(r.site) for r in rooms))
    assert sorted(n or 0 for n in await asked(rooms[0])) == [1, 2, 3, 4, 5]
    for r in rooms:
        await r.database.close()


async def test_an_address_that_rejects_mail_is_left_alone(database: Database, clock: Clock, tmp_path: Path) -> None:
    """It would only bounce."""
    r = room(database, clock, tmp_path, **DAY)
    number = (await r.mail(ERIKA)).ticket or 0
    await r.close(number)
    await r.write(lambda tx: tx.contacts.set_undeliverable(ERIKA, clock.now))
    clock.forward(hours=25)
    assert await ask_for_ratings(r.site) == ""


@pytest.mark.parametrize(("scale", "words"), [("five", "54321"), ("two", ("good", "bad"))])
async def test_the_mail_has_a_link_for_each_answer(
    database: Database, clock: Clock, tmp_path: Path, scale: str, words: str | tuple[str, ...]
) -> None:
    """In the text and in the HTML; it says that a machine wrote it."""
    r = room(database, clock, tmp_path, rating={"after_hours": 1, "scale": scale})
    await r.close((await r.mail(ERIKA)).ticket or 0)
    clock.forward(hours=2)
    await ask_for_ratings(r.site)
    row = (await r.outbox("rating_request"))[0]
    data = await r.read(lambda tx: tx.outbox.message(row.id))
    mail = message_from_bytes(data, policy=email_policy.default)
    assert mail["Auto-Submitted"] == "auto-generated"
    for form in ("plain", "html"):
        body = mail.get_body((form,)).get_content()  # type: ignore[attr-defined]
        assert re.findall(r"/rate/[\w.-]+/(\w+)", body)[: len(words)] == list(words)


async def test_answers_are_counted(
    sqlite_url: str, clock: Clock, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Median, share of good ones, and how that was in the period before."""
    database = Database(sqlite_url, tmp_path)
    r = room(database, clock, tmp_path, **DAY)
    monkeypatch.setattr(stats, "now", lambda: clock.now, raising=False)

    async def period(*values: int) -> None:
        for value in values:
            number = (await r.mail(f"c{r.count}@customer.example", subject=f"s{r.count}")).ticket or 0
            await r.close(number)
            clock.forward(hours=25)
            await ask_for_ratings(r.site)
            before = await r.read(lambda tx, n=number: tx.ratings.find(n))
            if value:
                await r.write(lambda tx, b=before, v=value: acts.rate(r.desk, tx, b, v, "", clock.now))

    await period(1, 5, 0)
    clock.forward(days=30)
    await period(2, 4, 5, 0)
    found = await r.read(lambda tx: [tx.ratings.answers(clock.now - timedelta(days=d), clock.now) for d in (30, 90)])
    assert [rating.results(*f) for f in found] == [
        rating.Results(4, 3, 4.0, 2 / 3),
        rating.Results(7, 5, 4.0, 3 / 5),
    ]
    now = clock.now
    told = stats.ratings(await r.read(lambda tx: stats.look(tx, now)))
    assert json.loads(json.dumps(told)) == {
        "days": 30,
        "asked": 4,
        "answered": 3,
        "median": 4.0,
        "good": 0.67,
        "before": {"asked": 3, "answered": 2, "median": 3.0, "good": 0.5},
        "trend": 0.17,
    }
    assert len(await r.outbox("agent_notice", LEAD)) >= 2
    await database.close()
