"""Who gets a request, who stands in for whom, and how many mails one case costs a team of ten."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import jobs
from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, LEAD, Room, room

TEN = [{"address": f"agent{n}@example.com", "name": f"Agent {n}", "lead": n == 0} for n in range(10)]
BOX: dict[str, Any] = {
    "address": "support@example.com",
    "name": "Example Support",
    "reply_address": "support+{token}@example.com",
}


@pytest.fixture
async def make(database_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Any]:
    database = Database(database_url, tmp_path)

    def built(agents: list[dict[str, Any]] | None = None, **box: Any) -> Room:
        tables: dict[str, Any] = {"mailboxes": [BOX | box], "digest": {"agents_at": "07:30"}}
        if box.get("announce") == "board":
            tables["board"] = {"host": "imap.example.com", "username": "board", "password_file": "board"}
        return room(database, clock, tmp_path, **tables, **({"agents": agents} if agents else {}))

    yield built
    await database.close()


async def told(site: Room, headline: str = "agent_notice") -> list[str]:
    return [row.recipient for row in await site.outbox(headline)]


@pytest.mark.parametrize(
    ("assign", "announce"), [("round_robin", "team"), ("least_open", "assignee"), ("nobody", "board")]
)
async def test_a_case_costs_a_team_of_ten_eight_mails_at_most(make: Any, assign: str, announce: str) -> None:
    """A request, two answers, what the customer says between them, and thanks."""
    site: Room = make(TEN, assign=assign, announce=announce)
    await site.mail(ERIKA)
    found = await site.read(lambda tx: tx.reads.get(1))
    agent = found.assignee or "agent3@example.com"
    await site.answer(1, "Which one?", agent)
    await site.reply(ERIKA, 1, "The red one.")
    await site.answer(1, "#solved\nRepaired.", agent)
    await site.reply(ERIKA, 1, "Thank you!")
    rows = [row for row in await site.outbox() if row.audience == "agent"]
    assert 1 <= len(rows) <= 8, [(row.notice, row.recipient) for row in rows]
    assert await site.broken() == {}


async def test_who_is_away_reads_no_digest(make: Any) -> None:
    """A colleague reads of their tickets as well; where nobody is there all go on reading."""
    site: Room = make(TEN[:2])
    first, second = (str(agent["address"]) for agent in TEN[:2])
    await site.mail(ERIKA)

    async def morning() -> list[str]:
        before = len(await told(site, "agent_digest"))
        for _ in range(2):
            for job in jobs.JOBS:
                await jobs.look(job, site.site)
            site.clock.forward(days=1)
        return sorted((await told(site, "agent_digest"))[before:])

    assert await morning() == [first, second]
    await site.answer(1, "#away", second)
    assert await morning() == [first, first]
    await site.answer(1, "#away", first)
    assert await morning() == [first, first, second, second]


async def test_who_is_back_today_reads_what_is_open(make: Any) -> None:
    """Days begin when the site opens, and the digest comes before: it left out who came back that morning."""
    site: Room = make(TEN[:2])
    first, second = (str(agent["address"]) for agent in TEN[:2])
    await site.mail(ERIKA)
    await site.answer(1, "#away until 2026-03-05", second)
    got: dict[int, list[str]] = {}
    for day in (3, 4, 5):
        for hour in (6, 8):
            site.clock.now = site.clock.now.replace(day=day, hour=hour, minute=0)
            before = len(await told(site, "agent_digest"))
            await jobs.send_digest(site.site)
        got[day] = sorted((await told(site, "agent_digest"))[before:])
    assert got == {3: [first], 4: [first], 5: [first, second]}


async def test_each_in_turn(make: Any) -> None:
    """A new request goes to whoever got one longest ago; the others hear nothing of it."""
    site: Room = make(TEN[:3], assign="round_robin")
    for n in range(4):
        await site.mail(f"customer{n}@customer.example", f"Request {n}")
    got = [(await site.read(lambda tx, n=n: tx.reads.get(n))).assignee for n in (1, 2, 3, 4)]
    assert got == [TEN[0]["address"], TEN[1]["address"], TEN[2]["address"], TEN[0]["address"]]
    assert await told(site) == got


async def test_the_least_to_do_and_nobody_who_is_away(make: Any) -> None:
    """What is closed does not count; who is away gets nothing."""
    site: Room = make(TEN[:3], assign="least_open")
    await site.mail("one@customer.example", "One")
    await site.answer(1, "#away until 2026-12-24", TEN[1]["address"])
    await site.mail("two@customer.example", "Two")
    await site.answer(2, "#close", TEN[2]["address"])
    await site.mail("three@customer.example", "Three")
    got = [(await site.read(lambda tx, n=n: tx.reads.get(n))).assignee for n in (1, 2, 3)]
    assert got == [TEN[0]["address"], TEN[2]["address"], TEN[2]["address"]]


async def test_outside_the_hours_nobody_is_given_it(make: Any, database_url: str, clock: Clock, tmp_path: Path) -> None:
    """The team hears of it as ever."""
    database = Database(database_url, tmp_path)
    closed = room(
        database,
        clock,
        tmp_path,
        mailboxes=[BOX | {"assign": "round_robin"}],
        agents=TEN[:3],
        hours={"days": ["mon"], "open": "00:00", "close": "00:01"},
    )
    await closed.mail(ERIKA)
    assert (await closed.read(lambda tx: tx.reads.get(1))).assignee == ""
    assert len(await told(closed)) == 3
    await database.close()


async def test_a_deputy_reads_what_the_absent_would(make: Any) -> None:
    """Until they are back; the absent agent gets the receipt and nothing else."""
    site: Room = make()
    await site.mail(ERIKA)
    await site.answer(1, "#take")
    await site.answer(1, "#away until 2026-12-24 to Bob")
    before = len(await told(site))
    await site.reply(ERIKA, 1, "Anybody?")
    assert (await told(site))[before:] == [LEAD]
    await site.answer(1, "#back")
    before = len(await told(site))
    await site.reply(ERIKA, 1, "Hello?")
    assert (await told(site))[before:] == [ANNA]
    assert await site.broken() == {}


async def test_without_a_deputy_the_team_reads_it_and_an_end_ends_it(make: Any) -> None:
    site: Room = make(TEN[:3])
    await site.mail(ERIKA)
    await site.answer(1, "#take", TEN[0]["address"])
    await site.answer(1, "#away until tomorrow", TEN[0]["address"])
    before = len(await told(site))
    await site.reply(ERIKA, 1, "Anybody?")
    assert sorted((await told(site))[before:]) == [TEN[1]["address"], TEN[2]["address"]]
    site.clock.forward(days=2)
    before = len(await told(site))
    await site.reply(ERIKA, 1, "Hello?")
    assert (await told(site))[before:] == [TEN[0]["address"]]


async def test_what_somebody_has_who_is_no_agent_any_more_is_listed_as_free(make: Any) -> None:
    """`#list unassigned` finds it, and `#take` makes it somebody's."""
    site: Room = make(TEN[:3])
    await site.mail(ERIKA)
    await site.mail("karl@customer.example", subject="Lamp")
    await site.answer(1, "#take", TEN[2]["address"])
    await site.answer(2, "#take", TEN[1]["address"])
    smaller: Room = make(TEN[:2])
    smaller.count = site.count
    await smaller.answer(2, "#list unassigned", TEN[0]["address"])
    receipt = (await smaller.outbox("agent_receipt"))[-1].id
    said = (await smaller.read(lambda tx: tx.outbox.message(receipt))).decode()
    assert "Ticket 1" in said
    assert "Ticket 2" not in said


async def test_who_gives_it_to_somebody_away_is_told_and_so_is_who_can_act(make: Any) -> None:
    """Not in one line only, as the former holder; the note goes along."""
    site: Room = make(TEN[:3])
    boss, gone, former = (agent["address"] for agent in TEN[:3])
    await site.mail(ERIKA)
    await site.answer(1, "#take", former)
    await site.answer(1, "#away", gone)
    before = len(await told(site))
    await site.answer(1, "#assign Agent 1\n#note\nPlease call them.", boss)
    assert (await told(site))[before:] == [former]
    notice, receipt = (await site.outbox("agent_notice"))[-1].id, (await site.outbox("agent_receipt"))[-1].id
    read, done = [
        " ".join((await site.read(lambda tx, id=id: tx.outbox.message(id))).decode().split())
        for id in (notice, receipt)
    ]
    assert "Please call them." in read
    assert "To you because Agent 1 is away." in read
    assert "Agent 1 is away; in their place it is read by Agent 2." in done


@pytest.mark.parametrize("order", ["#note\nHow is it?", "#ask parts@maker.example\nHow is it?"])
async def test_a_deputy_is_not_told_of_the_own_words(make: Any, order: str) -> None:
    """Nor by the team's turn; who else is there reads them."""
    site: Room = make([TEN[0] | {"lead": False}, TEN[1], TEN[2]])
    gone, deputy = str(TEN[1]["address"]), str(TEN[2]["address"])
    await site.mail(ERIKA)
    await site.answer(1, "#take", gone)
    await site.answer(1, "#away to Agent 2", gone)
    before = await told(site)
    await site.answer(1, order, deputy)
    assert (await told(site))[len(before) :] == []
    await site.answer(1, order.replace("How", "Where"), str(TEN[0]["address"]))
    assert (await told(site))[len(before) :] == [deputy]


@pytest.mark.parametrize("order", ["#away tomorrow", "#away to Nobody", "#away to Anna", "#away until soon"])
async def test_what_is_not_understood_changes_nothing(make: Any, order: str) -> None:
    """No absence, and the receipt shows the form."""
    site: Room = make()
    await site.mail(ERIKA)
    row = await site.answer(1, order)
    assert row.reason == "agent-command-not-understood"
    assert await site.read(lambda tx: tx.absences.now(site.clock.now)) == {}
