"""The worker process: reads and decides what is in the journal, and keeps the clock.

It imports nothing that talks to the network, for the front does that; this keeps it small.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from functools import partial

from gateway import config
from gateway.clock import jobs
from gateway.clock.context import JobContext
from gateway.config import Settings
from gateway.core.token import Keys
from gateway.life import build_desk, either, faults, now, running
from gateway.memory import Memory, freeze, settle
from gateway.processes import Channel, Hint, beat
from gateway.processes.figures import forward
from gateway.worker import Worker
from storage.database import Database

JOB_SECONDS = 0.5
FLOW_SECONDS = 3.0
"""What draining may take."""


async def work(settings: Settings, channel: Channel) -> None:
    """The worker process: wait for the word to begin, then read, decide and keep the clock until the channel ends.

    Raises what `run` raises.
    """
    begin, stop = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        # A terminal or a service manager tells all processes of the daemon; the front must be the first to end.
        asyncio.get_running_loop().add_signal_handler(number, lambda: stop.set() if faults else None)
    faults.clear()
    keys: list[Keys] = []
    mails: list[Callable[[int, int], None]] = []

    def decided() -> None:
        channel.say("decided")

    def told(hint: Hint) -> None:
        match hint:
            case ["begin", str(secret), *previous]:
                keys.append(Keys(secret.encode(), tuple(str(one).encode() for one in previous)))
                begin.set()
            case ["mail", int(id), int(size)]:
                for take_up in mails:
                    take_up(id, size)

    channel.listen(told, stop.set)
    await either(begin, stop)
    if not begin.is_set():
        return
    async with contextlib.AsyncExitStack() as stack:
        settle()
        desk = build_desk(settings, keys[0])
        database = Database(config.database_url(settings), settings.data_dir)
        stack.push_async_callback(database.close)
        context = JobContext(database, desk, now, settings, decided)
        if settings.metrics.listen:
            stack.enter_context(forward(channel))
        memory = part_of_memory(settings)
        stack.callback(memory.close)
        worker = await keep_working(stack, context, memory)
        mails.append(worker.take_up)
        channel.say("ready")
        freeze()
        await stack.enter_async_context(running(beat(channel)))
        await stop.wait()
    if faults:
        raise RuntimeError("a part of the worker died") from faults[0]


def part_of_memory(settings: Settings) -> Memory:
    """Each process has half of the budget, and large mails are in one of them at a time."""
    return Memory(settings.limits.memory_bytes // 2, settings.data_dir / "memory-turn")


async def keep_working(stack: contextlib.AsyncExitStack, context: JobContext, memory: Memory) -> Worker:
    """Read and decide what is in the journal, and keep the clock."""
    limits = context.settings.limits
    worker = Worker(
        context.database,
        context.desk,
        now,
        limits.max_message_bytes,
        limits.parse_seconds,
        context.wake,
        memory=memory,
    )
    await worker.recover()
    await stack.enter_async_context(running(worker.run(), partial(worker.drain, FLOW_SECONDS)))
    stack.push_async_callback(jobs.Timetable(context).stop, JOB_SECONDS)
    return worker
