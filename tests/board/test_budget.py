"""A thousand open tickets: how long the first fill takes, and how soon a change is seen."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.board.world import World

pytestmark = [pytest.mark.interop, pytest.mark.long, pytest.mark.timeout(600)]
OPEN = 1_000


async def test_a_thousand_open_tickets(world: World) -> None:
    """Each is a card, written once; the figures are printed, for time is the machine's."""
    for n in range(OPEN):
        await world.room.mail(f"kim{n}@customer.example", f"It burns, {n}.", name=f"Kim {n}", subject=f"Request {n}")
    begun = time.monotonic()
    await world.look()
    filled = time.monotonic() - begun
    assert len(world.there(["New"])["New"]) == OPEN
    await world.room.answer(7, "#assign bob")
    running = asyncio.ensure_future(world.keeper.run())
    try:
        begun = time.monotonic()
        async with asyncio.timeout(60):
            while not (await asyncio.to_thread(world.there, ["Bob Lead"]))["Bob Lead"]:
                await asyncio.sleep(0.2)
        seen = time.monotonic() - begun
    finally:
        await world.keeper.drain(5)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    print(f"\n{OPEN} cards in {filled:.1f} s; a change after a start in {seen:.1f} s")
