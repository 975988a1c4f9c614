"""Lines are lost, daemons die, and agents do what they like: the board equals the database after it."""

from __future__ import annotations

import imaplib
import random
import re
import statistics
import time

import pytest

from gateway.errors import AccountError
from tests.board.proxy import Proxy
from tests.board.world import World
from tests.room import ANNA, LEAD

SHORT, WHOLE = 10, 500
OLD = ("MOVE", "UIDPLUS", "CONDSTORE", "IDLE", "NAMESPACE", "LIST-STATUS", "UNSELECT")


async def settled(world: World) -> float:
    """A look over a line that holds, and the picture is that of the database; the seconds it took to come to rest."""
    begun = time.monotonic()
    await world.look()
    took = time.monotonic() - begun
    lying = {folder: cards for folder, cards in world.there().items() if cards}
    assert lying == {folder: cards for folder, cards in (await world.wanted()).items() if cards}
    return took


async def begin(world: World) -> None:
    """Three tickets, and their cards."""
    for n in range(3):
        await world.room.mail(f"kim{n}@customer.example")
    await settled(world)


async def some_work(world: World, number: int) -> None:
    """All that a look may have to do: replace, put back, let come back, and carry out."""
    await world.room.answer(1, f"Try this: {number}.")
    (at,) = (folder for folder, cards in (await world.wanted()).items() if any(c.startswith("2.") for c in cards))
    world.move(2, at, "Bob Lead" if at == "Anna Agent" else "Anna Agent")
    (at,) = (folder for folder, cards in (await world.wanted()).items() if any(c.startswith("3.") for c in cards))
    world.delete(3, at, expunge=number % 2 == 0)


@pytest.mark.parametrize("heard", [True, False])
async def test_the_line_is_lost_in_every_command(world: World, heard: bool) -> None:
    """Whether the server did what it was told or not, the next look finds the rest of it."""
    async with Proxy(world.dovecot.imap).running() as proxy:
        world.port = proxy.port
        await begin(world)
        cut, number, commands = 3, 0, set()
        while True:
            await some_work(world, number)
            proxy.aim(cut, heard=heard)
            try:
                await world.look()
            except AccountError:
                tagged = re.match(rb"[A-Z]{4}\d+ (\w+)", proxy.said[-1])
                commands |= {tagged[1] if tagged else b"APPEND"}
            else:
                break
            finally:
                proxy.aim()
            world.begin()
            await settled(world)
            cut, number = cut + 3, number + 1
        assert {b"STATUS", b"UID", b"APPEND"} <= commands


async def test_a_server_of_old(world: World) -> None:
    """Without MOVE, UIDPLUS, CONDSTORE and NAMESPACE, and nothing that others marked as deleted is lost."""
    async with Proxy(world.dovecot.imap, OLD).running() as proxy:
        world.port = proxy.port
        await begin(world)
        await some_work(world, 0)
        with world.open("New") as client:
            client.append(f'"{world.root}.New"', r"(\Deleted)", None, b"Subject: mine\r\n\r\nStill here.\r\n")
        await settled_but_deleted(world)
        assert [m["Subject"] for m in world.mails("New") if not m["X-Replydesk-Card"]] == ["mine"]
        with world.open("New") as client:
            client.expunge()
        await settled(world)
        world.move(3, "New", "Solved", "COPY")
        await settled_but_deleted(world)


async def settled_but_deleted(world: World) -> None:
    """What cannot be made to go alone stays marked as deleted."""
    await world.look()
    lying = {folder: cards for folder, cards in world.there(keys="UNDELETED").items() if cards}
    assert lying == {folder: cards for folder, cards in (await world.wanted()).items() if cards}


async def faults(world: World, count: int, seed: int) -> list[float]:
    """So many faults: lost lines, dead daemons, agents' moves, copies and deletions, and mails meanwhile. How long the
    board took to come to rest, after every tenth and at the end."""
    chance, took = random.Random(seed), []
    places = ["New", "Waiting on us", "Waiting on customer", "Solved", "Closed", "Snoozed", "Anna Agent", "Bob Lead"]
    tickets = 5
    for n in range(tickets):
        await world.room.mail(f"kim{n}@customer.example")
    async with Proxy(world.dovecot.imap).running() as proxy:
        world.port = proxy.port
        await world.look()
        for turn in range(count):
            number = chance.randint(1, tickets)
            match chance.randrange(8):
                case 0:
                    await world.room.reply(f"kim{number - 1}@customer.example", number, f"More of it: {turn}.")
                case 1:
                    await world.room.answer(number, f"Try that: {turn}.", agent=chance.choice([ANNA, LEAD]))
                case 2 | 3 | 4 | 5:
                    here = [f for f in world.folders() if any(c.startswith(f"{number}.") for c in lying(world, f))]
                    if here:
                        act(world, chance, number, here[0], chance.choice(places))
                case 6:
                    world.begin(f"daemon {turn}")
            proxy.aim(chance.choice([0, chance.randint(3, 60)]), heard=chance.random() < 0.5)
            try:
                await world.look()
            except AccountError:
                world.begin()
            proxy.aim()
            if turn % 10 == 9:
                took.append(await settled(world))
        took.append(await settled(world))
    assert await world.room.broken() == {}
    return took


def lying(world: World, folder: str) -> list[str]:
    return world.there([folder])[folder]


def act(world: World, chance: random.Random, number: int, at: str, to: str) -> None:
    """An agent does something to a card that lies there now, unless it is gone a moment later."""
    try:
        match chance.randrange(4):
            case 0:
                world.delete(number, at, expunge=chance.random() < 0.5)
            case 1:
                world.move(number, at, to, "COPY+EXPUNGE")
            case _:
                world.move(number, at, to)
    except imaplib.IMAP4.error:
        return


async def test_random_faults(world: World) -> None:
    """The short form."""
    await faults(world, SHORT, 16)


@pytest.mark.long
@pytest.mark.interop
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(5))
async def test_many_random_faults(world: World, seed: int) -> None:
    """The long form, a fifth of it at a time; figures are printed, for time is the machine's."""
    took = await faults(world, WHOLE // 5, seed)
    print(f"\nat rest after {max(took):.1f} s at most, {statistics.median(took):.1f} in the median")
