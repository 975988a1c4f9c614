"""The composition root: build, start, say READY, wait, drain, stop.

Order matters: what was left over is taken up before anything new is let in, READY comes after
every door is open, and at the end the doors close first, then the flow, then sending.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from gateway import config, listeners, processes, systemd, texts
from gateway.board import keeper
from gateway.board.keeper import Keeper
from gateway.clock import jobs
from gateway.clock.context import JobContext
from gateway.clock.liveness import Sources
from gateway.clock.metrics import Metrics
from gateway.clock.vitals import Vitals
from gateway.config import Settings
from gateway.config.beforehand import try_files
from gateway.config.database_file import file_of, placed
from gateway.config.only_one import only_one
from gateway.errors import ConfigError, ReplydeskError, StorageUnavailable, cause_of
from gateway.flow import Desk
from gateway.life import build_desk, either, faults, now, running
from gateway.memory import Memory, freeze, settle
from gateway.portal import app as portal
from gateway.portal import server as portal_server
from gateway.portal.app import Health
from gateway.portal.templates import PageTemplates
from gateway.processes import WorkerProcess
from gateway.receive.imap import watch
from gateway.receive.imap.watch import Watch
from gateway.receive.smtp.server import drain
from gateway.send import Sender, transport
from gateway.work import FLOW_SECONDS, JOB_SECONDS, keep_working, part_of_memory
from gateway.worker import Reception, Worker
from storage.alarms import NO_WORKER, WORKER
from storage.database import Database, ping
from storage.migrate import NEW_SECRET_KNOWS_NOTHING, OLD_MARKS_FIT_NOTHING, migrate
from storage.tx import Tx

log = logging.getLogger("replydesk")

POLL_SECONDS = 0.9
RECEIVE_SECONDS = 3.5
SEND_SECONDS = 2.0
"""What draining may take, together with the worker less than the ten seconds the operator waits."""
END_SECONDS = 4.0
"""After a start that failed."""
ANSWER_SECONDS = 5.0
WORKER_ENDED = (
    "The worker process ended by itself and is begun anew; the log says why. No mail is lost: it waits meanwhile."
)
NOBODY_DECIDES = "It is tried again every 15 seconds. Mail is taken and waits; until then nobody is answered."
LOST_SECRET = "Put it back from a backup. Without one, restart the daemon: it makes a new one, and knows no older mark."
NOT_MOVED = "Copy it there from the old data_dir. Without it no older mark is known."


@dataclass(frozen=True)
class Startable:
    """Settings, and what was read of templates and texts. A reload starts with what it has tried, and goes back to what
    ran before: whoever edits these files may be at it still."""

    settings: Settings
    desk: Desk
    pages: PageTemplates
    catalogs: texts.Catalogs
    older_secret: bool
    """It was not made for them."""
    ran_before: bool = False
    """A reload was refused: rather half a desk than none."""


async def run(settings: Settings, begun: processes.Begun | None = None) -> None:
    """Run until SIGTERM or SIGINT; at SIGHUP go on with the settings as they are then, if they can be used.

    `begun` is the worker process, where there is one of its own.
    Raises `ConfigError` or `StorageUnavailable` when it cannot start.
    """
    stop, changed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number, event in ((signal.SIGTERM, stop), (signal.SIGINT, stop), (signal.SIGHUP, changed)):
        loop.add_signal_handler(number, event.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    faults.clear()
    given = systemd.listen_sockets()
    tried: Startable | None = None
    proven: Startable | None = None
    while not stop.is_set():
        try:
            ours = {kind: [sock.dup() for sock in sockets] for kind, sockets in given.items()}
            if begun is None and processes.wanted(settings):
                begun = processes.spawn(settings)
            theirs, begun = begun, None
            async with serving(settings, ours, _end_soon if proven is None else None, theirs, tried) as proven:
                systemd.notify("READY=1")
                log.info("ready", extra={"pid": os.getpid()})
                freeze()
                tried = await _until(stop, changed, proven)
                settings = tried.settings
                systemd.notify("STOPPING=1" if stop.is_set() else systemd.reloading())
                log.info("stopping" if stop.is_set() else "reloading")
        except (ConfigError, StorageUnavailable) as error:
            if proven is None or tried is proven:
                raise
            log.error("reload refused", extra={"cause": str(error)})
            tried = proven = replace(proven, ran_before=True, older_secret=True)
            settings = proven.settings
            texts.put_back(proven.catalogs)
    if faults:
        raise RuntimeError("a part of the daemon died") from faults[0]


async def _until(stop: asyncio.Event, changed: asyncio.Event, proven: Startable) -> Startable:
    """Wait for a signal; the settings to go on with."""
    catalogs = texts.catalogs()
    while not stop.is_set():
        await either(stop, changed)
        if changed.is_set() and not stop.is_set():
            changed.clear()
            try:
                return _read_again(proven)
            except Exception as error:  # A fault of ours in reading them is no reason to end what runs.
                ours = not isinstance(error, ReplydeskError)
                log.error("reload refused", extra={"cause": cause_of(error)}, exc_info=ours)
                texts.put_back(catalogs)
    return proven


def _read_again(former: Startable) -> Startable:
    """The settings as they are now, and all files they name tried. Raises what a start would."""
    settings = former.settings
    new = config.load(settings.file)
    if not config.has_secret(new) and (problem := _lost_by(new, settings)):
        # A new one, made in silence, would know none of the marks that were given out.
        remedy = LOST_SECRET if new.data_dir == settings.data_dir else NOT_MOVED
        raise new.error("gateway.data_dir", f"{new.data_dir / 'secret'} {problem}", remedy)
    try_files(new)
    tried = _tried(new)
    transport(new)
    if new.board.host:
        keeper.account_of(new)
    listeners.tried(new)
    return tried


def _lost_by(new: Settings, settings: Settings) -> str:
    """Why a secret that is not there must have been; empty where the database is a new one, too."""
    url, file = new.gateway.database_url, file_of(new)
    if new.data_dir == settings.data_dir:
        return "is gone"
    if url and url == settings.gateway.database_url:
        return "is not there, and the database is the same"
    return "is not there, and the database is an older one" if file and file.exists() else ""


def _tried(settings: Settings) -> Startable:
    """Raises what a start would."""
    older_secret = config.has_secret(settings)
    desk = build_desk(settings)
    return Startable(settings, desk, portal.page_templates(settings), texts.catalogs(), older_secret)


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
    tried: Startable | None = None,
) -> AsyncIterator[Startable]:
    """Everything started on entry; everything drained and closed on exit, last opened first.

    With `begun`, reading, deciding and the clock are the work of that process. `on_failure` is told why it cannot
    start, before the parts that had started are ended.
    """
    settle()
    async with contextlib.AsyncExitStack() as stack:
        try:
            tried = await _start(stack, settings, given or {}, begun, tried)
        except BaseException as error:
            if on_failure is not None:
                on_failure(error)
            raise
        yield tried


async def _start(
    stack: contextlib.AsyncExitStack,
    settings: Settings,
    given: listeners.Given,
    begun: processes.Begun | None,
    tried: Startable | None,
) -> Startable:
    if begun is not None:
        stack.callback(begun.kill)
    listeners.check(settings, given)
    stack.enter_context(only_one(settings))
    tried = tried or _tried(settings)
    desk, relay = tried.desk, transport(settings)
    listeners.tried(settings)
    database = Database(config.database_url(settings), settings.data_dir)
    stack.push_async_callback(database.close)
    with placed(settings):
        is_new = await asyncio.to_thread(migrate, database)
    if is_new and tried.older_secret:
        log.warning("empty database beside an older secret", extra={"meaning": OLD_MARKS_FIT_NOTHING})
    elif not tried.older_secret and await database.read(lambda tx: bool(tx.reads.search(limit=1))):
        log.warning("new secret beside an older database", extra={"meaning": NEW_SECRET_KNOWS_NOTHING})

    memory = Memory(settings.limits.memory_bytes) if begun is None else part_of_memory(settings)
    stack.callback(memory.close)
    sender = Sender(database, relay, desk, settings, now, _holder(settings), memory)
    await stack.enter_async_context(running(sender.run(), partial(sender.drain, SEND_SECONDS)))
    context = JobContext(database, desk, now, settings, sender.wake)
    sources = Sources(database, desk, now, sender.wake, watch.alarm_after(settings) | keeper.alarm_after(settings))
    vitals = Vitals(database, desk, settings.data_dir, now, sender.wake, sources)
    metrics = Metrics(lambda: sources.all, context.status, lambda: vitals.newest)
    intake: Reception | Worker
    if begun is None:
        other, intake = None, await keep_working(stack, context, memory)
        await _tell_of_worker(context, "none", "")
    else:
        tell = partial(_tell_of_worker, context)
        other = WorkerProcess(settings, desk.policy.keys, sender.wake, metrics.count, tell, begun)
        largest = settings.limits.max_message_bytes
        intake = Reception(database, desk.policy, now, largest, other.hand_over)
        try:
            await other.start()
        except StorageUnavailable:
            # It reads the words by itself: where they are broken by now, it is begun anew until they are not.
            if not tried.ran_before:
                raise
        await stack.enter_async_context(running(other.run(), partial(other.drain, JOB_SECONDS + FLOW_SECONDS)))
        await stack.enter_async_context(running(jobs.follow(context)))
    await stack.enter_async_context(running(_watch(database)))
    await stack.enter_async_context(running(sources.watch()))
    await stack.enter_async_context(running(vitals.watch()))
    await _open_metrics(stack, settings, metrics)

    healthy = partial(_health, vitals, other)
    app = portal.app(desk, database, settings, now, healthy, sender.wake, intake.accept, templates=tried.pages)
    room = listeners.capacity(settings, portal_server.CONNECTIONS)
    serve = partial(portal_server.serve, app, connections=room.portal)
    for server in await listeners.open_portal(settings, serve, given):
        stack.push_async_callback(partial(server.stop, 1.0))
    receivers = await listeners.open_receivers(settings, intake, given, room.mail, memory)
    stack.push_async_callback(partial(_drain_doors, receivers))
    await _watch_folders(stack, watch.watches(settings, intake, sources, now, memory))
    keepers = keeper.keepers(settings, database, desk, now, _holder(settings), sender.wake, sources)
    await _watch_folders(stack, keepers)
    return tried


# --- the worker process ------------------------------------------------------------------


async def _tell_of_worker(context: JobContext, news: str, cause: str) -> None:
    """The operator hears once that it ends by itself, once that it does not start, and once that each is over, as where
    there is none any more."""
    now, operator = context.clock(), context.desk.operator

    def tell(tx: Tx) -> None:
        match news:
            case "ended":
                operator.alarm(tx, WORKER, WORKER_ENDED, now)
            case "missing":
                operator.alarm(
                    tx, NO_WORKER, f"{cause[:1].upper()}{cause[1:].removesuffix('.')}. {NOBODY_DECIDES}", now
                )
            case "none":
                # Told by a daemon before this one, which was two processes.
                for key in (NO_WORKER, WORKER):
                    operator.all_clear(tx, key, "The daemon is one process now, and decides itself.", now)
            case _:
                operator.all_clear(tx, NO_WORKER, "The worker process works again, and takes up what waited.", now)
                if news == "well":
                    operator.all_clear(tx, WORKER, "The worker process has lasted for ten minutes.", now)

    with contextlib.suppress(StorageUnavailable):
        await context.database.write(tell)
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

    await stack.enter_async_context(running(run(), drain))


async def _open_metrics(stack: contextlib.AsyncExitStack, settings: Settings, metrics: Metrics) -> None:
    address = settings.metrics.listen
    if not address:
        return
    listener = listeners.listener(address)
    with listeners.named(settings, "metrics.listen", listener):
        stack.callback(metrics.serve(listener.host, listener.port).close)
    await stack.enter_async_context(running(metrics.measure_lag()))
    log.info("listening", extra={"for": "metrics.listen", "address": address})


# --- health ------------------------------------------------------------------------------


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


def _holder(settings: Settings) -> str:
    """Names this daemon among all that share a database; the same at each start, for `only_one` allows no second."""
    return f"{socket.gethostname()}:{settings.data_dir}"
