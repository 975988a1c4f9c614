"""Takes mails from the journal through the flow, and lets no mail stop another.

Mails are read side by side in threads but decided in the order they were written down; two
that share a Message-ID, a ticket or an author wait for each other. What raises is held with its
cause. What the database could not take is tried again later: it is still in the journal.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from gateway.core.backoff import delay
from gateway.core.policy import Policy
from gateway.core.verbs import Verb
from gateway.errors import OversizeMail, StorageUnavailable
from gateway.flow import Desk, Read
from gateway.mail.message import Envelope
from gateway.memory import LARGE, Memory, Pieces
from storage import raw as raw_mail
from storage.alarms import UNHELD
from storage.database import Database
from storage.tx import Tx

log = logging.getLogger("replydesk.worker")

READERS = 2
"""Threads that parse; more would only fight for the interpreter lock."""
AHEAD = 32
"""Mails being read or waiting for their decision at once."""
IN_MEMORY = 8 * 1024 * 1024
"""Bytes of waiting mails kept beside the database; beyond, they are read from it again."""
SMALL = 64 * 1024
"""Bytes up to which compressing in the loop is quicker than a thread."""
LOOK_SECONDS = 2.0
"""How often the journal is searched for mails others wrote (`replydesk deliver`, another daemon)."""
YOUNG = timedelta(seconds=5)
"""Mails younger than this are in the hands of the process that took them."""
LIVES = 3
"""A mail that was in hand when the daemon died this often is held: it may be the cause."""
HOLD_PAUSES = timedelta(seconds=5), timedelta(minutes=15)
"""The first and the longest time until a mail that could not even be held is tried again."""
GRACE_SECONDS = 15.0
"""Beyond the parser's own budget; then the thread is given up and the mail held."""


@dataclass(frozen=True, slots=True)
class Waiting:
    id: int
    size: int
    """In bytes."""
    mail: tuple[bytes, Envelope] | None
    """None: read it from the journal."""
    again: bool = False
    """An earlier run left it: each time it is begun is counted."""


def asks_figures(read: Read) -> bool:
    """It is read `with_figures` before it is decided about."""
    return read.order.has(Verb.REPORT) and not read.envelope.archived


def with_figures(tx: Tx, desk: Desk, read: Read, now: datetime) -> Read:
    """A mail beside the figures it asks for, which on a large desk takes longer than others may wait to write. Changes
    nothing."""
    return replace(read, looked=desk.case(tx, read, now).facts.looked)


class FatalMail(Exception):
    """Handling it ends the daemon, as it seems."""


class Reception:
    """Where received mail goes: into the journal, and on to whoever decides about it."""

    def __init__(
        self,
        database: Database,
        policy: Policy,
        clock: Callable[[], datetime],
        max_message_bytes: int,
        hand_over: Callable[[int, int, tuple[bytes, Envelope] | None], None],
    ) -> None:
        self._database, self._policy, self._clock = database, policy, clock
        self._max_bytes, self._hand_over = max_message_bytes, hand_over

    def is_ours(self, recipient: str) -> bool:
        return self._policy.takes(recipient)

    async def accept(self, raw: bytes | Pieces, envelope: Envelope) -> None:
        """Write a mail into the journal; on return it is committed (state S1) and on its way."""
        size = raw.size if isinstance(raw, Pieces) else len(raw)
        if size > self._max_bytes + SMALL:
            raise OversizeMail(f"{size} bytes are more than limits.max_message_bytes")
        packed = raw_mail.pack(raw) if isinstance(raw, bytes) and size <= SMALL else await _packed(raw)
        now = self._clock()
        id = await self._database.write(lambda tx: tx.journal.append(envelope, packed, now))
        log.info(
            "journaled",
            extra={"journal": id, "source": envelope.source, "remote": envelope.remote, "size": size},
        )
        self._hand_over(id, size, None if isinstance(raw, Pieces) else (raw, envelope))


async def _packed(raw: bytes | Pieces) -> raw_mail.Packed:
    """Of a large mail; in a thread, for it takes a moment."""
    if isinstance(raw, Pieces):
        return await asyncio.to_thread(lambda: raw_mail.pack_pieces(raw.read(), raw.size))
    return await asyncio.to_thread(raw_mail.pack, raw)


class Worker:
    """Takes mails that are in the journal through the flow; `is_ours` and `accept` are those of its reception."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        clock: Callable[[], datetime],
        max_message_bytes: int,
        parse_seconds: float,
        on_decided: Callable[[], None],
        memory: Memory | None = None,
    ) -> None:
        self._database, self._desk, self._clock = database, desk, clock
        self._parse_seconds, self._on_decided = parse_seconds, on_decided
        self._memory = memory or Memory()
        reception = Reception(database, desk.policy, clock, max_message_bytes, self.take_up)
        self.is_ours, self.accept = reception.is_ours, reception.accept
        self._queue: asyncio.Queue[Waiting] = asyncio.Queue()
        self._known: set[int] = set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._order: asyncio.Future[None] | None = None
        self._bytes = 0
        self._readers = ThreadPoolExecutor(READERS, "reader")
        self._last: OrderedDict[str, asyncio.Future[None]] = OrderedDict()
        self._slots = asyncio.Semaphore(AHEAD)
        self._blamed = asyncio.Semaphore(READERS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._taking: asyncio.Task[None] | None = None
        self._unheld: dict[int, tuple[int, datetime]] = {}
        """Mails that could not be held: how often that failed, and when they are tried again."""
        self.decided = 0
        self.held = 0

    # --- what there is to do ----------------------------------------------------------------

    def take_up(self, id: int, size: int, mail: tuple[bytes, Envelope] | None = None, *, again: bool = False) -> None:
        """Put a mail of the journal into the line, unless it is there already; `size` in bytes."""
        if id in self._known:
            return
        if size > LARGE or self._bytes + size > IN_MEMORY:
            mail = None
        self._bytes += len(mail[0]) if mail else 0
        self._known.add(id)
        self._idle.clear()
        self._queue.put_nowait(Waiting(id, size, mail, again))

    # --- life -----------------------------------------------------------------------------

    async def recover(self) -> int:
        """Take up what an earlier run left pending; how many. Call it once, before anything is received."""
        now = self._clock()
        ids = await self._database.read(lambda tx: tx.journal.waiting(now, 1_000_000))
        if await self._database.read(lambda tx: UNHELD in [alarm.key for alarm in tx.alarms.open()]):
            # If it is so still, it shows at once.
            await self._database.write(lambda tx: tx.alarms.clear(UNHELD, now))
        for id, size in ids:
            self.take_up(id, size, again=True)
        if ids:
            log.info("recovered", extra={"mails": len(ids)})
        return len(ids)

    async def run(self) -> None:
        """Take mails from the queue until cancelled."""
        self._taking = asyncio.current_task()
        looker = asyncio.create_task(self._look(), name="journal-look")
        try:
            while True:
                await self._slots.acquire()
                waiting = await self._queue.get()
                await self._memory.take(waiting.size)
                # Begun in this order, so `_handle` decides in this order.
                task = asyncio.create_task(
                    self._handle(waiting, asyncio.ensure_future(self._read(waiting)), self._turn())
                )
                self._tasks.add(task)
                task.add_done_callback(partial(self._handled, waiting.size))
        finally:
            looker.cancel()

    async def drain(self, seconds: float) -> int:
        """Finish what is in hand; how many mails stay for the next start (they are in the journal)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        if self._taking is not None:
            # Or it would begin with the next mails while those in hand are let go.
            self._taking.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._readers.shutdown(wait=False, cancel_futures=True)
        return len(self._known)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                for id, size in await self._database.read(self._strays):
                    if self._is_due(id):
                        self.take_up(id, size)
            except StorageUnavailable as error:
                log.warning("journal cannot be searched", extra={"cause": str(error)})

    def _is_due(self, id: int) -> bool:
        """A time further away than any pause was written down by a clock that was wrong."""
        _, due = self._unheld.get(id, (0, self._clock()))
        return not timedelta() < due - self._clock() <= HOLD_PAUSES[1]

    def _strays(self, tx: Tx) -> list[tuple[int, int]]:
        return tx.journal.waiting(self._clock() - YOUNG, 500)

    # --- one mail -------------------------------------------------------------------------

    def _turn(self) -> tuple[asyncio.Future[None] | None, asyncio.Future[None]]:
        """(what must be in line before us, what we tell when we are)"""
        before, mine = self._order, asyncio.get_running_loop().create_future()
        self._order = mine
        return before, mine

    async def _read(self, waiting: Waiting) -> Read:
        loop = asyncio.get_running_loop()
        if waiting.again:
            # A few at a time, so that few are blamed when one of them ends the daemon.
            async with self._blamed:
                if await self._database.write(lambda tx: tx.journal.count_attempt(waiting.id)) > LIVES:
                    raise FatalMail(f"the daemon ended {LIVES} times while this mail was in hand")
                return await self._read_now(loop, waiting)
        return await self._read_now(loop, waiting)

    async def _read_now(self, loop: asyncio.AbstractEventLoop, waiting: Waiting) -> Read:
        if waiting.mail is None:
            row, raw = await self._database.read(lambda tx: tx.journal.load(waiting.id))
            mail = (raw, row.envelope)
        else:
            mail = waiting.mail
        async with asyncio.timeout(self._parse_seconds + GRACE_SECONDS):
            read = await loop.run_in_executor(self._readers, self._desk.read, *mail)
        if asks_figures(read):
            return await self._database.read(lambda tx: with_figures(tx, self._desk, read, self._clock()))
        return read

    async def _handle(
        self,
        waiting: Waiting,
        reading: asyncio.Future[Read],
        turn: tuple[asyncio.Future[None] | None, asyncio.Future[None]],
    ) -> None:
        before, mine = turn
        try:
            try:
                read = await reading
            except Exception:
                read = None
            if before is not None:
                await asyncio.shield(before)
            if read is None:
                await reading
                raise AssertionError("unreachable")
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            related = self._join_line(read.names(self._desk.policy), done)
            mine.set_result(None)
            try:
                if related:
                    await asyncio.wait(related)
                await self._decide(waiting.id, read)
            finally:
                done.set_result(None)
        except StorageUnavailable as error:
            log.warning("deferred", extra={"journal": waiting.id, "cause": str(error)})
            await asyncio.sleep(1)
        except FatalMail as error:
            log.error("held", extra={"journal": waiting.id, "cause": str(error)})
            await self._hold(waiting.id, str(error), "fatal")
        except TimeoutError:
            await self._hold(waiting.id, f"reading it took longer than {self._parse_seconds:g} seconds")
        except Exception as error:
            log.exception("held", extra={"journal": waiting.id})
            await self._hold(waiting.id, f"{type(error).__name__}: {error}")
        finally:
            if not mine.done():
                mine.set_result(None)
            self._known.discard(waiting.id)
            if not self._known:
                self._idle.set()
            self._bytes -= len(waiting.mail[0]) if waiting.mail else 0
            self._slots.release()

    def _handled(self, size: int, task: asyncio.Task[None]) -> None:
        """Only now nothing of the mail is left."""
        self._tasks.discard(task)
        self._memory.give(size)

    def _join_line(self, names: list[str], done: asyncio.Future[None]) -> set[asyncio.Future[None]]:
        """Stand behind every mail in hand that shares a name with this one."""
        related = {self._last[name] for name in names if name in self._last and not self._last[name].done()}
        for name in names:
            self._last[name] = done
            self._last.move_to_end(name)
        while len(self._last) > 10_000 and next(iter(self._last.values())).done():
            self._last.popitem(last=False)
        return related

    async def _decide(self, id: int, read: Read) -> None:
        now = self._clock()
        decision = await self._database.write(lambda tx: self._desk.handle(tx, id, read, now))
        await self._done_with(id)
        if decision is None:
            return
        self.decided += 1
        level, event = (logging.WARNING, "held") if decision.hold else (logging.INFO, "decided")
        facts = {"kind": read.kind.name.value, "reason": decision.reason.value, "ticket": decision.ticket}
        log.log(level, event, extra={"journal": id, **facts})
        self.held += bool(decision.hold)
        self._on_decided()

    async def _hold(self, id: int, cause: str, reason: str = "fault") -> None:
        """Set a mail aside and tell the operator; if need be without telling, and if not even that works, later."""
        now = self._clock()

        def hold(tx: Tx, *, tell: bool) -> None:
            if tx.journal.take(id) is not None:
                tx.journal.hold(id, reason, cause, now)
                if tell:
                    self._desk.operator.held(tx, id, cause, now)

        for tell in (True, False):
            try:
                await self._database.write(partial(hold, tell=tell))
            except StorageUnavailable as error:
                log.warning("deferred", extra={"journal": id, "cause": str(error)})
                return
            except Exception as error:
                log.exception("not held" if not tell else "not held and told", extra={"journal": id, "cause": cause})
                fault = f"{type(error).__name__}: {error}"
            else:
                self.held += 1
                await self._done_with(id)
                self._on_decided()
                return
        await self._leave(id, f"Journal entry {id} can be neither decided ({cause}) nor held ({fault})")

    async def _leave(self, id: int, text: str) -> None:
        """For later, and the operator hears."""
        now, (failures, _) = self._clock(), self._unheld.get(id, (0, None))
        pause = delay(failures, *HOLD_PAUSES)
        self._unheld[id] = failures + 1, now + pause
        said = f"{text}. It stays in the journal and is tried again, in {pause.total_seconds():.0f} seconds at first."
        try:
            await self._database.write(lambda tx: self._desk.operator.alarm(tx, UNHELD, said[:1000], now))
            self._on_decided()
        except Exception as error:
            log.error("operator not told", extra={"journal": id, "cause": f"{type(error).__name__}: {error}"})

    async def _done_with(self, id: int) -> None:
        """It was decided or held after all."""
        if self._unheld.pop(id, None) is None or self._unheld:
            return
        now, text = self._clock(), "Every mail that could be neither decided nor held is settled now."
        with contextlib.suppress(StorageUnavailable):
            await self._database.write(lambda tx: self._desk.operator.all_clear(tx, UNHELD, text, now))
