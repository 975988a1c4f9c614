"""The engine, its pragmas, and the writer.

One code path for SQLite and PostgreSQL: work is a function of a transaction, run in a thread.
On SQLite one writer thread takes all work that waits into one commit (group commit), each
piece in a savepoint of its own, so one that fails takes no other with it. On PostgreSQL a few
threads commit piece by piece; the server groups the flushes. A result is handed back only
after its commit. No connection is ever shared between threads.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import InterfaceError as SAInterfaceError
from sqlalchemy.pool import QueuePool

from gateway.errors import RESTORE, ConfigError, StorageFull, StorageUnavailable, StorageUnusable
from storage import postgresql, raw, seals, search
from storage.turn import Turn
from storage.tx import Tx

T = TypeVar("T")

GROUP = 64
"""Pieces of work in one SQLite commit at most; keeps a single wait below some 100 ms."""
GROUP_SECONDS = 0.025
"""Then it is committed."""
WANTED_SECONDS = 0.005
"""Then it is committed when another process waits: the door must not stand still while mails are decided."""
POSTGRESQL_WRITERS = 4
BUSY_SECONDS = 30
"""How long SQLite waits for another process (the command line) to finish its write."""
TRIES = 5
_MEANWHILE = {"40P01", "40001", "23505", "23503"}
"""What PostgreSQL calls a deadlock, a serialisation failure, a row that another transaction wrote first, and one that
another took away since we looked."""


class Database:
    """Open, read, write, close. `url` empty: SQLite in `directory`."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url = url or f"sqlite:///{directory / 'replydesk.sqlite3'}"
        parsed = make_url(self.url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        if not self.is_sqlite and parsed.drivername != "postgresql+psycopg":
            raise ConfigError(
                "gateway.database_url",
                f"cannot use {parsed.drivername!r}",
                "Leave it empty for SQLite, or give postgresql+psycopg://USER@HOST/NAME.",
            )
        self.safe_url = parsed.render_as_string(hide_password=True)
        if self.is_sqlite:
            self._turn = Turn(Path(parsed.database or ""), BUSY_SECONDS)
            self.engine = _sqlite_engine(parsed.render_as_string(hide_password=False), self._turn)
            self._read_engine = _sqlite_engine(parsed.render_as_string(hide_password=False), None)
        else:
            self.engine = create_engine(
                parsed,
                hide_parameters=True,
                pool_size=POSTGRESQL_WRITERS + 4,
                max_overflow=4,
                pool_pre_ping=True,
                pool_recycle=1800,
            )
            self._read_engine = self.engine
            postgresql.listen(self.engine)

        wanted = self._turn.is_wanted if self.is_sqlite else _never
        seals.listen(self.engine)
        search.listen(self.engine)
        self._writers = [
            _Writer(self.engine, GROUP if self.is_sqlite else 1, f"writer-{n}", wanted)
            for n in range(1 if self.is_sqlite else POSTGRESQL_WRITERS)
        ]
        self._queue: queue.SimpleQueue[list[_Work[Any]] | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[_Work[Any]]] = {}
        """What tasks of one turn of a loop want to write: handed over together, for each time wakes a thread."""
        self._started = False
        self._readers = ThreadPoolExecutor(4, "reader")

    # --- asynchronous, for the daemon ---------------------------------------------------

    async def write(self, work: Callable[[Tx], T]) -> T:
        """Run work in a transaction and return its result once that is committed.

        Raises `StorageUnavailable` when the database is to blame, else what the work raised;
        either way nothing of this piece of work is stored. Cancelling the wait does not undo it.
        """
        if not self._started:
            self._start()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        gathered = self._gathered.setdefault(loop, [])
        gathered.append(_Work(work, loop, future))
        if len(gathered) == 1:
            loop.call_soon(self._hand_over, loop)
        return await future

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        gathered = self._gathered.pop(loop, [])
        # PostgreSQL's writers commit piece by piece, side by side.
        for part in [gathered] if self.is_sqlite else [[work] for work in gathered]:
            self._queue.put(part)

    async def read(self, work: Callable[[Tx], T]) -> T:
        """Run work on one consistent snapshot; it must not write."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, work)

    # --- synchronous, for the command line ----------------------------------------------

    def write_now(self, work: Callable[[Tx], T]) -> T:
        with translated(self.engine):
            return _with_retry(lambda: _one(self.engine, work))

    def read_now(self, work: Callable[[Tx], T]) -> T:
        with translated(self._read_engine):
            return _one(self._read_engine, work)

    # --- life ---------------------------------------------------------------------------

    def _start(self) -> None:
        self._started = True
        for writer in self._writers:
            writer.start(self._queue)

    async def close(self) -> None:
        """Finish the work that waits, then let go of every connection."""
        await asyncio.to_thread(self._end_writers)
        self.close_now()

    def _end_writers(self) -> None:
        if self._started:
            for loop in list(self._gathered):
                self._hand_over(loop)
            for _ in self._writers:
                self._queue.put(None)
            for writer in self._writers:
                writer.join()
        self._started = False

    def close_now(self) -> None:
        self._end_writers()
        self._readers.shutdown(wait=True)
        self.engine.dispose()
        self._read_engine.dispose()
        if self.is_sqlite:
            self._turn.close()


@dataclass(slots=True)
class _Work(Generic[T]):
    run: Callable[[Tx], T]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[T]
    result: T | None = None
    error: BaseException | None = None

    def resolve(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            # T may itself be None.
            self.future.set_result(cast("T", self.result))


class _Hand:
    """What a writer has taken out of the line: `works`, at most so many."""

    def __init__(self, waiting: queue.SimpleQueue[list[_Work[Any]] | None], most: int) -> None:
        self._waiting, self._most = waiting, most
        self._taken: list[_Work[Any]] = []
        self._is_end = False
        self.works: list[_Work[Any]] = []

    def fill(self) -> bool:
        """Take what waits; wait for it only with an empty hand. False: the end has come."""
        while len(self._taken) < self._most and not self._is_end:
            try:
                more = self._waiting.get_nowait() if self._taken else self._waiting.get()
            except queue.Empty:
                break
            self._is_end = more is None
            self._taken += more or ()
        self.works = self._taken[: self._most]
        return bool(self.works)

    def give(self, count: int) -> list[_Work[Any]]:
        """The first ones, which are done."""
        done, self._taken = self._taken[:count], self._taken[count:]
        return done


class _Writer:
    def __init__(self, engine: Engine, group: int, name: str, wanted: Callable[[], bool]) -> None:
        self.engine, self.group, self.name, self._wanted = engine, group, name, wanted
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None

    def start(self, waiting: queue.SimpleQueue[list[_Work[Any]] | None]) -> None:
        self._thread = threading.Thread(target=self._run, args=(waiting,), name=self.name, daemon=True)
        self._thread.start()

    def join(self) -> None:
        if self._thread:
            self._thread.join()

    def _run(self, waiting: queue.SimpleQueue[list[_Work[Any]] | None]) -> None:
        hand = _Hand(waiting, self.group)
        while hand.fill():
            done = hand.give(self._commit(hand))
            by_loop: dict[asyncio.AbstractEventLoop, list[_Work[Any]]] = {}
            for work in done:
                by_loop.setdefault(work.loop, []).append(work)
            for loop, over in by_loop.items():
                try:
                    loop.call_soon_threadsafe(_resolve, over)
                except RuntimeError:
                    # The loop is closed: nobody waits any more, and what was committed stays.
                    continue
        self._let_go()

    def _commit(self, hand: _Hand) -> int:
        """How many of them are done; the rest waits for the next commit."""
        try:
            with translated(self.engine):
                if self.group > 1:
                    return self._commit_group(hand)
                for work in hand.works:
                    work.result = _with_retry(partial(_one, self.engine, work.run))
        except BaseException as error:
            self._let_go()
            for work in hand.works:
                work.error = work.error or error
        return len(hand.works)

    def _let_go(self) -> None:
        kept, self._connection = self._connection, None
        if kept is not None:
            with suppress(DBAPIError, SAInterfaceError, OSError):
                kept.close()

    def _commit_group(self, hand: _Hand) -> int:
        done = 0
        # Kept from one commit to the next: to take one out of the pool costs as much as five statements.
        connection = self._connection = self._connection or self.engine.connect()
        with connection.begin():
            driver: Any = connection.connection.dbapi_connection
            # What came while others wrote shares the commit.
            hand.fill()
            began = time.monotonic()
            for work in hand.works:
                took = time.monotonic() - began
                if done and (took > GROUP_SECONDS or (took > WANTED_SECONDS and self._wanted())):
                    break
                done += 1
                # None is released: the commit does that. A piece cannot be done twice, for some remember what they did.
                if len(hand.works) > 1:
                    driver.execute("SAVEPOINT piece")
                try:
                    work.result = _sealed(connection, work.run)
                except Exception as error:
                    if len(hand.works) == 1 or (isinstance(error, DBAPIError | SAInterfaceError) and _is_outage(error)):
                        raise
                    driver.execute("ROLLBACK TO piece")
                    work.error = error
        if raw.had_large(connection.info):
            self._let_go()
        return done


def _never() -> bool:
    return False


def _resolve(done: list[_Work[Any]]) -> None:
    for work in done:
        work.resolve()


def _one(engine: Engine, work: Callable[[Tx], T]) -> T:
    with engine.begin() as connection:
        return _sealed(connection, work)


def _sealed(connection: Connection, work: Callable[[Tx], T]) -> T:
    """A piece of work, and the sums and the words of what it changed."""
    seals.begin(connection)
    search.begin(connection)
    result = work(Tx(connection))
    search.finish(connection)
    seals.finish(connection)
    return result


def _with_retry(run: Callable[[], T]) -> T:
    """On PostgreSQL others write at the same time. Where two were in each other's way one of them fails: that is no
    fault, it is done again, and then sees what the other did."""
    for attempt in range(TRIES):
        try:
            return run()
        except (OperationalError, IntegrityError) as error:
            if getattr(error.orig, "sqlstate", "") not in _MEANWHILE or attempt == TRIES - 1:
                raise
            time.sleep(0.01 * 2**attempt)
    raise AssertionError("unreachable")


def _is_outage(error: Exception) -> bool:
    if str(getattr(getattr(error, "orig", None), "sqlstate", "")).startswith("54"):
        # "Program limit exceeded" is about what was to be stored, and will be the same tomorrow.
        return False
    return isinstance(error, OperationalError | SAInterfaceError | sqlite3.OperationalError) or bool(
        getattr(error, "connection_invalidated", False)
    )


DAMAGE = ("disk image is malformed", "is not a database")
"""What SQLite says of a file it cannot read; trying later does not help."""
OUT_OF_REACH = ("unable to open database file", "readonly database")


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Say in our own words that the database is the cause; a fault of our own passes through."""
    try:
        yield
    except (DBAPIError, SAInterfaceError, sqlite3.Error) as error:
        # From a pool SQLite's errors come as they are, from a connection in SQLAlchemy's.
        cause = str(getattr(error, "orig", None) or error)
        if engine.dialect.name == "sqlite" and any(words in cause for words in DAMAGE):
            raise StorageUnusable("", f"{engine.url.database} cannot be read ({cause})", RESTORE) from error
        if "invalid connection option" in cause:
            raise StorageUnusable("", cause.strip(), "Correct what stands behind the question mark.") from error
        if not _is_outage(error):
            raise
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        if engine.dialect.name == "sqlite" and any(words in said for words in OUT_OF_REACH):
            said = f"{said}: {engine.url.database}. May the service's user write it, and its folder?"
        if engine.dialect.name == "sqlite" and "database is locked" in said:
            said += f": another program writes {engine.url.database} for more than {BUSY_SECONDS} s; `fuser` names it"
        full = "disk is full" in said or getattr(getattr(error, "orig", None), "sqlstate", "") == "53100"
        raise (StorageFull if full else StorageUnavailable)(f"database: {said}") from error


def _sqlite_engine(url: str, turn: Turn | None) -> Engine:
    """With a turn, for writing."""
    engine = create_engine(
        url,
        hide_parameters=True,
        poolclass=QueuePool,
        pool_size=8,
        max_overflow=8,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        # The driver must not open transactions of its own accord: it would leave SELECT outside of them.
        connection.isolation_level = None
        # SQLite folds ASCII only: a search for "größe" must find "GRÖSSE".
        connection.create_function("lower", 1, _folded, deterministic=True)
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={0 if turn else BUSY_SECONDS * 1000}",
            "cache_size=-16000",
            "temp_store=MEMORY",
            "secure_delete=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "checkin")
    def _checkin(connection: Any, record: Any) -> None:
        if connection is not None and raw.had_large(record.info):
            record.invalidate()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        driver: Any = connection.connection.dbapi_connection
        if turn is None:
            connection.exec_driver_sql("BEGIN")
        elif not turn.begin(driver):
            # Once more, to be told why in the usual way.
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _folded(value: object) -> object:
    return value.casefold() if isinstance(value, str) else value


def ping(tx: Tx) -> None:
    """The cheapest question there is; raises when the database does not answer."""
    tx.connection.execute(text("SELECT 1"))
