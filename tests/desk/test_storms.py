"""A storm that began before a restart goes on as one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import insert, select

from gateway.clock.context import JobContext
from gateway.core.lifecycle import Status
from gateway.flow import Desk
from storage.database import Database
from storage.tables import ENTRY
from storage.threads import REOPENED
from storage.tx import Tx
from tests.conftest import Clock
from tests.room import ERIKA, TEMPLATES, Room, room


def restarted(r: Room) -> None:
    """Another process, with the same database."""
    r.site = JobContext(r.database, Desk(r.desk.policy, TEMPLATES), r.clock, r.site.settings)


async def test_a_restart_forgets_no_storm(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A machine answers from ever new addresses; the daemon starts anew each third mail."""
    r = room(database, clock, tmp_path)
    for n in range(16):
        if n % 3 == 2:
            restarted(r)
        await r.mail(
            f"r{n}@firm.example", f"> Case {n}\n\nWe have received case {n} and write soon.", subject=f"Case {n}"
        )
    assert len(await r.outbox("request_received")) == 10
    assert len(await r.outbox("operator_alarm")) == 1
    assert await r.broken() == {}


async def test_a_restart_gives_no_domain_a_new_budget(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Two mails of ours to each new address, and four to the domain."""
    r = room(database, clock, tmp_path, limits={"automatic_mail_domain": ["4/1h"], "alike_mails": []})
    for n in range(5):
        restarted(r)
        await r.mail(f"r{n}@firm.example", f"Something else, {'abcde'[n] * 3}.", subject=f"Pump {'abcde'[n]}")
    assert len(await r.outbox("request_received")) == 2


async def test_the_same_words_each_two_hours_end(database: Database, clock: Clock, tmp_path: Path) -> None:
    """No budget of a day is spent by twelve mails; a restart between them forgets nothing. Each is announced all the
    same, and other words of the same person are acknowledged."""
    r = room(database, clock, tmp_path)
    for n in range(8):
        restarted(r)
        clock.forward(hours=2)
        await r.mail("desk@firm.example", f"We have received case {n} and write soon.", subject=f"Case {n}")
    assert len(await r.outbox("request_received")) == 5
    assert len(await r.outbox("agent_notice")) == 8 * len(r.desk.policy.agents)
    assert await r.outbox("operator_alarm") == []
    await r.mail("desk@firm.example", "The pump is broken, please send somebody.", subject="Pump")
    assert len(await r.outbox("request_received")) == 6
    assert await r.broken() == {}


async def test_a_mail_server_in_front_is_no_machine(database: Database, clock: Clock, tmp_path: Path) -> None:
    """All mail comes from it. Once it brought different things, many who answer a campaign in the same words are
    people, also after a restart."""
    r = room(database, clock, tmp_path)
    for n in range(12):
        await r.mail(f"k{n}@k{n}.example", f"{'abcdefghijkl'[n] * 4} is broken, please help.", subject="Pump")
    restarted(r)
    for n in range(25):
        row = await r.mail(f"guest{n}@g{n}.example", "Yes, I will come.", subject="Re: Open house")
        assert row.reason == "new-request", n
    assert await r.outbox("operator_alarm") == []


async def test_the_alarm_names_what_can_be_done(database: Database, clock: Clock, tmp_path: Path) -> None:
    r = room(database, clock, tmp_path)
    for n in range(22):
        await r.mail(f"guest{n}@g{n}.example", "We have received your mail.", subject="Re: Help")
    (alarm,) = await r.outbox("operator_alarm")
    told = " ".join((await r.read(lambda tx: tx.outbox.message(alarm.id))).decode().split())
    assert "have your mail server refuse what comes from 192.0.2.7" in told


async def test_a_large_budget_is_counted_to_its_end(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Whatever number an operator allows: what comes after it is not reopened any more."""
    r = room(database, clock, tmp_path, limits={"reopens": ["250/1d"]})
    await r.mail(ERIKA)
    await r.close(1)
    assert (await r.reply(ERIKA, 1, "It burns again.")).reason == "reply-reopens"

    def reopened_often(tx: Tx) -> None:
        """As often as it may be."""
        row = tx.connection.execute(select(ENTRY).where(ENTRY.c.event == REOPENED)).one()
        again = {name: value for name, value in row._mapping.items() if name != "id"}
        tx.connection.execute(insert(ENTRY), [again] * 249)

    await r.write(reopened_often)
    await r.close(1)
    await r.reply(ERIKA, 1, "And again.")
    assert (await r.read(lambda tx: tx.reads.get(1))).status is Status.CLOSED
    assert len(await r.outbox("operator_alarm")) == 1
