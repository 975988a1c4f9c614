"""The budget of mail held in memory: shared, fair, and never lost."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.memory import LARGE, LOOK_SECONDS, SMALL, TIMES, Memory


async def held(memory: Memory, size: int, order: list[int], leave: asyncio.Event) -> None:
    async with memory.hold(size):
        order.append(size)
        await leave.wait()


async def test_no_more_is_held_than_the_budget() -> None:
    """The first in line goes first, and small mails pass beside large ones."""
    memory, order, leave = Memory(8 * TIMES * LARGE), list[int](), asyncio.Event()
    sizes = [4 * LARGE, 5 * LARGE, 2 * LARGE, SMALL, LARGE, LARGE]
    tasks = [asyncio.create_task(held(memory, size, order, leave)) for size in sizes]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == [4 * LARGE, SMALL, LARGE, LARGE]
    leave.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    assert order[4:] == [5 * LARGE, 2 * LARGE]


async def test_what_is_larger_than_all_passes_alone() -> None:
    """It is not refused for ever."""
    memory, order, leave = Memory(4 * LARGE), list[int](), asyncio.Event()
    tasks = [asyncio.create_task(held(memory, size, order, leave)) for size in (20 * LARGE, 2 * LARGE)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert order == [20 * LARGE]
    leave.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)


async def test_large_mails_are_in_one_process_at_a_time(tmp_path: Path) -> None:
    """However many wait in the other; small mails pass beside them, and a death ends a turn."""
    one, other = (Memory(100 * LARGE, tmp_path / "turn") for _ in range(2))
    order, leave = list[int](), asyncio.Event()
    first = [asyncio.create_task(held(one, 2 * LARGE, order, leave)) for _ in range(2)]
    while len(order) < 2:
        await asyncio.sleep(0.01)
    second = asyncio.create_task(held(other, 3 * LARGE, order, leave))
    given_up = asyncio.create_task(held(other, 4 * LARGE, order, leave))
    async with other.hold(LARGE):
        await asyncio.sleep(3 * LOOK_SECONDS)
    assert order == [2 * LARGE, 2 * LARGE]
    given_up.cancel()
    leave.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*first, second)
        async with one.hold(2 * LARGE):
            late = asyncio.create_task(held(other, 5 * LARGE, order, leave))
            await asyncio.sleep(3 * LOOK_SECONDS)
            assert 5 * LARGE not in order
            one.close()  # as its death does
            await late
    assert order == [2 * LARGE, 2 * LARGE, 3 * LARGE, 5 * LARGE]
    other.close()


@pytest.mark.parametrize("when", ["in line", "just let in", "holding"])
async def test_who_gives_up_takes_nothing_along(when: str) -> None:
    """Whenever that is."""
    memory, order, leave = Memory(4 * LARGE), list[int](), asyncio.Event()
    first = asyncio.create_task(held(memory, 3 * LARGE, order, leave))
    await asyncio.sleep(0)
    second = asyncio.create_task(held(memory, 3 * LARGE, order, leave))
    await asyncio.sleep(0)
    if when != "in line":
        first.cancel()
        for _ in range(1 if when == "just let in" else 5):
            await asyncio.sleep(0)
    second.cancel()
    leave.set()
    await asyncio.gather(first, second, return_exceptions=True)
    async with asyncio.timeout(10), memory.hold(3 * LARGE):
        pass
