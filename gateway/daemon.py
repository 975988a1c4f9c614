"""The composition root: build, start, say READY, wait, drain, stop.

Order matters: what was left over is taken up before anything new is let in, READY comes after
every door is open, and at the end the doors close first, then the flow, then sending.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from zoneinfo import ZoneInfo

from gateway import config, listeners, processes, systemd, texts
from gateway.board import keeper
from gateway.board.keeper import Keeper
from gateway.clock import jobs
from gateway.clock.context import JobContext
from gateway.clock.liveness import Sources
from gateway.clock.metrics import Metrics
from gateway.clock.vitals import Vitals
from gateway.config import Settings
from gateway.config.only_one import only_one
from gateway.errors import ConfigError, ReplydeskError, StorageUnavailable
from gateway.flow import Desk
from gateway.memory import Memory, settle
from gateway.portal import app as portal
from gateway.portal import server as portal_server
from gateway.portal.app import Health
from gateway.portal.templates import PageTemplates
from gateway.processes import Channel, WorkerProcess
from gateway.processes.figures import forward
from gateway.receive.imap import watch
from gateway.receive.imap.watch import Watch
from gateway.receive.smtp.server import drain
from gateway.render import brand
from gateway.render.mail import Templates
from gateway.send import Sender, transport
from gateway.worker import Reception, Worker
from storage.alarms import WORKER
from storage.database import Database, ping
from storage.migrate import OLD_MARKS_FIT_NOTHING, migrate

log = logging.getLogger("replydesk")

POLL_SECONDS = 0.9
RECEIVE_SECONDS = 3.5
JOB_SECONDS = 0.5
FLOW_SECONDS = 3.0
SEND_SECONDS = 2.0
"""What draining may take, together less than the ten seconds the operator waits."""
END_SECONDS = 4.0
"""After a start that failed."""
ANSWER_SECONDS = 5.0

GARBAGE = 50_000, 20, 100
"""Objects more than are let go, before the youngest are searched; and how often that comes before the older ones."""

Stop = Callable[[], Awaitable[object]]


async def run(settings: Settings, begun: processes.Begun | None = None) -> None:
    """Run until SIGTERM or SIGINT; at SIGHUP go on with the settings as they are then, if they can be used.

    `begun` is the worker process, where there is one of its own.
    Raises `ConfigError` or `StorageUnavailable` when it cannot start.
    """
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number, event in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, changed)):
        loop.add_signal_handler(number, event.set)
    _faults.clear()
    given, proven = systemd.listen_sockets(), None
    while not stop.is_set():
        try:
            ours = {kind: [sock.dup() for sock in sockets] for kind, sockets in given.items()}
            if begun is None and processes.wanted(settings):
                begun = processes.spawn(settings)
            theirs, begun = begun, None
            async with serving(settings, ours, _end_soon if proven is None else None, theirs):
                proven = settings
                _freeze()
                systemd.notify("READY=1")
                log.info("ready", extra={"pid": os.getpid()})
                settings = await _until(stop, changed, settings)
                systemd.notify("STOPPING=1" if stop.is_set() else systemd.reloading())
                log.info("stopping" if stop.is_set() else "reloading")
        except (ConfigError, StorageUnavailable) as error:
            if proven is None or settings is proven:
                raise
            log.error("reload refused", extra={"cause": str(error)})
            settings = proven
            texts.use(settings.templates_dir)
    if _faults:
        raise RuntimeError("a part of the daemon died") from _faults[0]


def _freeze() -> None:
    """What is here now stays: it is not searched for garbage again and again, and the rest more rarely."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)


async def _until(stop: asyncio.Event, changed: asyncio.Event, settings: Settings) -> Settings:
    """Wait for a signal; the settings to go on with."""
    while not stop.is_set():
        await _either(stop, changed)
        if changed.is_set() and not stop.is_set():
            changed.clear()
            try:
                return _read_again(settings)
            except ReplydeskError as error:
                log.error("reload refused", extra={"cause": str(error)})
                texts.use(settings.templates_dir)
    return settings


async def _either(*events: asyncio.Event) -> None:
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()


def _read_again(settings: Settings) -> Settings:
    """The settings as they are now, and all files they name tried. Raises what a start would."""
    new = config.load(settings.file)
    build_desk(new)
    if new.templates_dir:
        PageTemplates(new.templates_dir, ZoneInfo(new.gateway.timezone)).check()
    transport(new)
    if new.board.host:
        keeper.account_of(new)
    listeners.tried(new)
    return new


def _end_soon(error: BaseException) -> None:
    """A start that failed ends and says why, even if a part of it does not end."""

    def end() -> None:
        print(f"replydesk: {error}", file=sys.stderr, flush=True)
        os._exit(75 if isinstance(error, StorageUnavailable) else 1)

    timer = threading.Timer(END_SECONDS, end)
    timer.daemon = True
    timer.start()


@contextlib.asynccontextmanager
async def serving(
    settings: Settings,
    given: listeners.Given | None = None,
    on_failure: Callable[[BaseException], None] | None = None,
    begun: processes.Begun | None = None,
) -> AsyncIterator[None]:
    """Everything started on entry; everything drained and closed on exit, last opened first.

    With `begun`, reading, deciding and the clock are the work of that process. `on_failure` is told why it cannot
    start, before the parts that had started are ended.
    """
    settle()
    async with contextlib.AsyncExitStack() as stack:
        try:
            await _start(stack, settings, given or {}, begun)
        except BaseException as error:
            if on_failure is not None:
                on_failure(error)
            raise
        yield


async def _start(
    stack: contextlib.AsyncExitStack, settings: Settings, given: listeners.Given, begun: processes.Begun | None
) -> None:
    if begun is not None:
        stack.callback(begun.kill)
    stack.enter_context(only_one(settings))
    older_secret = config.has_secret(settings)
    desk = build_desk(settings)
    database = Database(config.database_url(settings), settings.data_dir)
    stack.push_async_callback(database.close)
    if await asyncio.to_thread(migrate, database) and older_secret:
        log.warning("empty database beside an older secret", extra={"meaning": OLD_MARKS_FIT_NOTHING})

    # Each process has a part of the budget.
    memory = Memory(settings.limits.memory_bytes // (1 if begun is None else 2))
    sender = Sender(database, transport(settings), desk, settings, _now, _holder(settings), memory)
    await stack.enter_async_context(_running(sender.run(), partial(sender.drain, SEND_SECONDS)))
    context = JobContext(database, desk, _now, settings, sender.wake)
    sources = Sources(database, desk, _now, sender.wake, watch.alarm_after(settings) | keeper.alarm_after(settings))
    vitals = Vitals(database, desk, settings.data_dir, _now, sender.wake, sources)
    metrics = Metrics(lambda: sources.all, context.status, lambda: vitals.newest)
    intake: Reception | Worker
    if begun is None:
        other, intake = None, await _work(stack, context, memory)
    else:
        other = WorkerProcess(settings, sender.wake, metrics.count, partial(_worker_died, context), begun)
        largest = settings.limits.max_message_bytes
        intake = Reception(database, desk.policy, _now, largest, other.hand_over)
        await other.start()
        await stack.enter_async_context(_running(other.run(), partial(other.drain, JOB_SECONDS + FLOW_SECONDS)))
        await stack.enter_async_context(_running(jobs.follow(context)))
    await stack.enter_async_context(_running(_watch(database)))
    await stack.enter_async_context(_running(sources.watch()))
    await stack.enter_async_context(_running(vitals.watch()))
    await _open_metrics(stack, settings, metrics)

    listeners.check(settings, given)
    app = portal.app(desk, database, settings, _now, partial(_health, vitals, other), sender.wake, intake.accept)
    room = listeners.capacity(settings, portal_server.CONNECTIONS)
    serve = partial(portal_server.serve, app, connections=room.portal)
    for server in await listeners.open_portal(settings, serve, given):
        stack.push_async_callback(partial(server.stop, 1.0))
    receivers = await listeners.open_receivers(settings, intake, given, room.mail, memory)
    stack.push_async_callback(partial(_drain_doors, receivers))
    await _watch_folders(stack, watch.watches(settings, intake, sources, _now, memory))
    keepers = keeper.keepers(settings, database, desk, _now, _holder(settings), sender.wake, sources)
    await _watch_folders(stack, keepers)


async def _work(stack: contextlib.AsyncExitStack, context: JobContext, memory: Memory) -> Worker:
    """Read and decide what is in the journal, and keep the clock."""
    limits = context.settings.limits
    worker = Worker(
        context.database,
        context.desk,
        _now,
        limits.max_message_bytes,
        limits.parse_seconds,
        context.wake,
        memory=memory,
    )
    await worker.recover()
    await stack.enter_async_context(_running(worker.run(), partial(worker.drain, FLOW_SECONDS)))
    stack.push_async_callback(jobs.Timetable(context).stop, JOB_SECONDS)
    return worker


def build_desk(settings: Settings) -> Desk:
    """Policy and words; a site's templates are tried, so that a broken one stops the start and not a mail."""
    templates = Templates(settings.templates_dir, ZoneInfo(settings.gateway.timezone), brand.of(settings))
    if settings.templates_dir:  # Ours are tried by our tests.
        templates.check()
    return Desk(config.policy(settings, config.signing_keys(settings)), templates)


# --- the worker process ------------------------------------------------------------------


async def work(settings: Settings, channel: Channel) -> None:
    """The worker process: wait for the word to begin, then read, decide and keep the clock until the channel ends.

    Raises what `run` raises.
    """
    begin, stop = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        # A terminal or a service manager tells all processes of the daemon; the front must be the first to end.
        asyncio.get_running_loop().add_signal_handler(number, lambda: stop.set() if _faults else None)
    _faults.clear()
    mails: list[Callable[[int, int], None]] = []

    def decided() -> None:
        channel.say("decided")

    def told(hint: processes.Hint) -> None:
        match hint:
            case ["begin"]:
                begin.set()
            case ["mail", int(id), int(size)]:
                for take_up in mails:
                    take_up(id, size)

    channel.listen(told, stop.set)
    await _either(begin, stop)
    if not begin.is_set():
        return
    try:
        async with contextlib.AsyncExitStack() as stack:
            settle()
            desk = build_desk(settings)
            database = Database(config.database_url(settings), settings.data_dir)
            stack.push_async_callback(database.close)
            context = JobContext(database, desk, _now, settings, decided)
            if settings.metrics.listen:
                stack.enter_context(forward(channel))
            worker = await _work(stack, context, Memory(settings.limits.memory_bytes // 2))
            mails.append(worker.take_up)
            channel.say("ready")
            await stack.enter_async_context(_running(processes.beat(channel)))
            await stop.wait()
    except ReplydeskError as error:
        channel.say("failed", str(error)[:1000])
        raise
    if _faults:
        raise RuntimeError("a part of the worker died") from _faults[0]


async def _worker_died(context: JobContext, deaths: int) -> None:
    """The operator hears once that it ends by itself, and once that it does not any more."""
    now, operator = context.clock(), context.desk.operator
    died = (
        "The worker process ended by itself and was begun anew; the log says why. No mail is lost: it waits meanwhile."
    )
    with contextlib.suppress(StorageUnavailable):
        await context.database.write(
            lambda tx: (
                operator.alarm(tx, WORKER, died, now)
                if deaths
                else operator.all_clear(tx, WORKER, "The worker process has lasted for ten minutes.", now)
            )
        )
    context.wake()


# --- doors -------------------------------------------------------------------------------


async def _drain_doors(servers: list[asyncio.Server]) -> None:
    await asyncio.gather(*(drain(server, RECEIVE_SECONDS) for server in servers))


async def _watch_folders(stack: contextlib.AsyncExitStack, watches: Sequence[Watch | Keeper]) -> None:
    if not watches:
        return

    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            for folder in watches:
                group.create_task(folder.run())

    async def drain() -> None:
        await asyncio.gather(*(folder.drain(POLL_SECONDS) for folder in watches))

    await stack.enter_async_context(_running(run(), drain))


async def _open_metrics(stack: contextlib.AsyncExitStack, settings: Settings, metrics: Metrics) -> None:
    address = settings.metrics.listen
    if not address:
        return
    listener = listeners.listener(address)
    with listeners.named(settings, "metrics.listen", listener):
        stack.callback(metrics.serve(listener.host, listener.port).close)
    await stack.enter_async_context(_running(metrics.measure_lag()))
    log.info("listening", extra={"for": "metrics.listen", "address": address})


# --- life --------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _running(work: Awaitable[object], drain: Stop | None = None) -> AsyncIterator[None]:
    """A task that lasts as long as the daemon; on exit it is drained, then cancelled."""
    task = asyncio.ensure_future(work)
    task.add_done_callback(_died)
    try:
        yield
    finally:
        if drain is not None:
            await drain()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


_faults: list[BaseException] = []
"""What ended parts of this process."""


def _died(task: asyncio.Future[object]) -> None:
    """A loop that ends by itself is a fault: better a restart by systemd than half a daemon."""
    if not task.cancelled() and task.exception() is not None:
        log.critical("a part of the daemon died; stopping", exc_info=task.exception())
        _faults.append(task.exception() or RuntimeError())
        os.kill(os.getpid(), signal.SIGTERM)


async def _health(vitals: Vitals, other: WorkerProcess | None) -> Health:
    """Without its database, or on a full disk, the daemon accepts nothing; everything else waits."""
    look = await vitals.look()
    dead = ("worker",) if other is not None and not other.is_well else ()
    return Health(look.takes_mail, look.failing + dead)


async def _answers(database: Database) -> bool:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await database.read(ping)
    except (StorageUnavailable, TimeoutError):
        return False
    return True


async def _watch(database: Database) -> None:
    """The watchdog hears from us only while the database answers."""
    seconds = systemd.watchdog_seconds()
    while seconds:
        if await _answers(database):
            systemd.notify("WATCHDOG=1")
        await asyncio.sleep(seconds)


def _now() -> datetime:
    return datetime.now(UTC)


def _holder(settings: Settings) -> str:
    """Names this daemon among all that share a database; the same at each start, for `only_one` allows no second."""
    return f"{socket.gethostname()}:{settings.data_dir}"
