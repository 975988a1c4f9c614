"""The send loop: claim due mails, deliver each, settle it.

Without a relay or a database it waits and goes on when they are back (RFC 5321 section 4.5.4.1).
Mails to one recipient about one ticket leave in the order they were decided. A mail whose end is unknown is
repeated once, under the same Message-ID, and never again by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from gateway.config import Settings
from gateway.core.backoff import delay
from gateway.core.policy import Policy
from gateway.core.retry import About, Outcome, Result
from gateway.core.token import address_token
from gateway.errors import StorageUnavailable, fault
from gateway.flow import Desk
from gateway.mail.message import NULL_REVERSE_PATH
from gateway.memory import Memory
from gateway.send.enclose import enclose, needed
from gateway.send.relay import Transport
from gateway.send.settle import Clock, Settlement
from storage.database import Database
from storage.outbox import OutboxEntry

if TYPE_CHECKING:
    from gateway.send.signing import Signer

log = logging.getLogger("replydesk.send")

POLL_SECONDS = 2.0
"""How often the outbox is looked at without a `wake`: the command line writes into it from another process."""
LULL_SECONDS = 0.05
"""What comes within this is seen to at once; only then it is asked when the next mail is due."""
LOOK_AFTER = timedelta(seconds=5)
"""How often claims are extended, and those of dead holders looked for."""
FAULT_PAUSE = 5.0
RELAY_PAUSES = timedelta(seconds=1), timedelta(seconds=60)
"""The first and the longest time in which nothing is sent after the relay was not reached."""
CLAIMED_PER_WORKER = 8
"""Claimed in one go, so that a claim costs little of a mail; what is not begun is given back when we stop."""
CUT_OFF, LAST_CALL = 0.6, 0.8
"""Shares of the time for draining after which deliveries are cut off, and the database is asked once more only."""

Claimed = tuple[OutboxEntry, bytes]


def _signer(settings: Settings) -> Signer | None:
    """Imported where mails are signed only: it brings a DNS library, five megabytes for nothing elsewhere."""
    if not settings.send.dkim.domain:
        return None
    from gateway.send import signing

    return signing.signer(settings)


class Breaker:
    """Open from the first failure to reach the relay until its next answer; told the time.

    Meanwhile mails wait, and one of them asks now and then whether the relay is back.
    """

    def __init__(self) -> None:
        self.until: datetime | None = None
        """No attempt before this time; None: closed, everything may be sent."""
        self._failures = 0
        """In a row, after the first."""
        self._cause = ""

    def believe(self, now: datetime) -> None:
        """A time later than any pause was written down by a clock that was wrong."""
        if self.until is not None and self.until - now > RELAY_PAUSES[1]:
            self.until = now

    def failed(self, now: datetime, cause: str) -> bool:
        """There was no relay. True when that is news: it was there before, or the cause is another one."""
        news = self.until is None or cause != self._cause
        if self.until is None:
            self._failures = 0
        elif now >= self.until:
            self._failures += 1
        if self.until is None or now >= self.until:
            # Attempts that were under way already do not make the pause longer.
            self.until = now + delay(self._failures, *RELAY_PAUSES)
        self._cause = cause
        return news

    def answered(self) -> bool:
        """The relay said something. True when that is news."""
        news = self.until is not None
        self.until = None
        return news

    def room(self, now: datetime, free: int, under_way: int) -> int:
        """How many mails may be begun: all that are free, none, or the one that asks."""
        if self.until is None:
            return free
        return 1 if now >= self.until and not under_way else 0


class Sender:
    """Sends what is in the outbox until it is drained.

    `holder` names this daemon among those that share the database, and is the same at each of its
    starts: so it knows at once which claims its earlier life left behind.
    """

    def __init__(
        self,
        database: Database,
        transport: Transport,
        desk: Desk,
        settings: Settings,
        clock: Clock,
        holder: str,
        memory: Memory | None = None,
    ) -> None:
        send = settings.send
        self._memory = memory or Memory()
        self._database, self._transport, self._policy, self._clock = database, transport, desk.policy, clock
        self._settlement = Settlement(database, desk, clock, holder, timedelta(hours=send.give_up_after_hours))
        self._workers = send.connections
        self._attachment_limit = send.max_attachment_bytes
        self._signer = _signer(settings)
        self._breaker = Breaker()
        self._line: asyncio.Queue[Claimed | None] = asyncio.Queue()
        self._in_hand: dict[int, OutboxEntry] = {}
        """Claimed by us and not settled."""
        self._woken = asyncio.Event()
        self._ended = asyncio.Event()
        self._started = self._stopping = self._cut = False
        self._look_after_at: datetime | None = None
        self._looked_after = time.monotonic()

    def wake(self) -> None:
        """There is something new in the outbox. From the loop's own thread."""
        self._woken.set()

    async def run(self) -> None:
        """Send until `drain`; cancelled, it cuts off what is under way and writes down how that ended."""
        self._started = True
        workers = [asyncio.create_task(self._work()) for _ in range(self._workers)]
        try:
            while not self._stopping:
                await self._turn()
        except asyncio.CancelledError:
            self._settlement.hurry()
            await self._cut_off()
            raise
        finally:
            self._stopping = True
            with contextlib.suppress(StorageUnavailable):
                await self._leave_line(self._settlement.release)
            for _ in workers:
                self._line.put_nowait(None)
            await asyncio.wait(workers)
            self._ended.set()

    async def drain(self, seconds: float) -> None:
        """Begin nothing more; what is under way may end, and is cut off so that all is done within `seconds`."""
        self._stopping = True
        self._woken.set()
        if self._started and not await self._ends_within(seconds * CUT_OFF):
            log.info("cutting off", extra={"outbox": list(self._in_hand)})
            await self._cut_off()
            if not await self._ends_within(seconds * (LAST_CALL - CUT_OFF)):
                self._settlement.hurry()
                await self._ends_within(seconds * (1 - LAST_CALL))
        await self._transport.close()
        log.info("drained", extra={"unsettled": list(self._in_hand)})

    async def _ends_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        return self._ended.is_set()

    async def _cut_off(self) -> None:
        self._cut = True
        await self._transport.close()

    # --- the loop -----------------------------------------------------------------------

    async def _turn(self) -> None:
        """Look after the claims, take what there is room for, wait for the next thing to do."""
        self._woken.clear()
        self._breaker.believe(self._clock())
        try:
            await self._look_after_claims()
            room = self._room()
            taken = await self._settlement.claim(room) if room else []
            for row, message in taken:
                self._in_hand[row.id] = row
                self._line.put_nowait((row, message))
            if self._breaker.until is None and len(taken) == room:
                # Full, or more to come than there was room for: the next mail that ends makes room.
                await self._sleep(POLL_SECONDS)
            else:
                await self._rest()
        except StorageUnavailable:
            await self._sleep(POLL_SECONDS)
        except Exception as error:
            log.error("fault in the send loop", extra=fault(error))
            await self._sleep(FAULT_PAUSE)

    async def _look_after_claims(self) -> None:
        now = self._clock()
        if self._look_after_at is None:
            await self._settlement.take_over()
        elif not timedelta(0) < self._look_after_at - now <= LOOK_AFTER:
            # After the database was away, or we stood still, whoever else lives has the time of one look to say so.
            late = time.monotonic() - self._looked_after > 3 * LOOK_AFTER.total_seconds()
            await self._settlement.look_after(list(self._in_hand), late=late)
        else:
            return
        self._look_after_at, self._looked_after = now + LOOK_AFTER, time.monotonic()

    def _room(self) -> int:
        """How many more to claim: the line is filled up when half of it is gone."""
        under_way, most = len(self._in_hand), CLAIMED_PER_WORKER * self._workers
        return self._breaker.room(self._clock(), most - under_way if under_way <= most // 2 else 0, under_way)

    async def _rest(self) -> None:
        """Until something is due, or changed."""
        if await self._sleep(LULL_SECONDS):
            return
        while not self._stopping:
            now = self._clock()
            self._breaker.believe(now)
            due = self._breaker.until
            if due is None:
                due = await self._settlement.next_due()
            elif now >= due:
                due = None  # the one that asks is under way
            wait = min((due - now).total_seconds(), POLL_SECONDS) if due and due > now else POLL_SECONDS
            if await self._sleep(wait) or (due and due <= self._clock()):
                return
            if self._look_after_at is None or self._clock() >= self._look_after_at:
                return

    async def _sleep(self, seconds: float) -> bool:
        """True when woken."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        return self._woken.is_set()

    async def _leave_line(self, give_back: Callable[[list[int]], Awaitable[None]]) -> None:
        """Give back what nobody has begun with. It is ours, and looked after, until that is written."""
        ids = []
        while not self._line.empty():
            claimed = self._line.get_nowait()
            if claimed is None:
                # The workers end at these; they stay behind the last mail.
                self._line.put_nowait(None)
                break
            ids.append(claimed[0].id)
        try:
            await give_back(ids)
        finally:
            for id in ids:
                self._in_hand.pop(id, None)

    # --- one mail -----------------------------------------------------------------------

    async def _work(self) -> None:
        """One mail after the other. While one is settled the next is talked about with the relay already."""
        settling: asyncio.Task[None] | None = None
        while (claimed := await self._line.get()) is not None:
            row, message = claimed
            outcome = await self._attempt(row, message, settling)
            if settling is not None:
                await settling
            settling = asyncio.create_task(self._end(row, outcome))
            if outcome is None or outcome.about is About.RELAY:
                # The next one would fare no better.
                await settling
        if settling is not None:
            await settling

    async def _attempt(self, row: OutboxEntry, message: bytes, settling: asyncio.Task[None] | None) -> Outcome | None:
        """None: there is no database, and nothing was sent."""
        begun = False

        async def begin() -> bool:
            nonlocal begun
            begun = await self._settlement.begin(row)
            if settling is not None:
                # One mail of ours in doubt at a time: the last one is settled before this one can be.
                await settling
            return begun

        try:
            whole = await self._whole(row, message)
            path = reverse_path(row, self._policy)
            return await self._transport.deliver(path, row.recipient, whole, row.notice, begin)
        except StorageUnavailable:
            return None
        except Exception as error:
            log.error("fault while sending", extra={"outbox": row.id} | fault(error))
            result = Result.UNCERTAIN if begun else Result.DEFERRED
            return Outcome(result, f"not finished, by a fault of ours ({type(error).__name__})")

    async def _whole(self, row: OutboxEntry, message: bytes) -> bytes:
        # Files are taken out of the mail they came in, however large that is.
        size = await needed(self._database, row)
        await self._memory.take(size)
        try:
            whole = await enclose(self._database, self._policy, row, message, self._attachment_limit)
            return whole if self._signer is None else await asyncio.to_thread(self._signer.sign, whole)
        finally:
            self._memory.give(size)

    async def _end(self, row: OutboxEntry, outcome: Outcome | None) -> None:
        """Write down how it ended; without an outcome nothing was sent."""
        try:
            if outcome is None or (self._cut and outcome.result is Result.DEFERRED):
                # No database, or we hung up ourselves before the end: as if it had not begun.
                await self._settlement.release([row.id])
            elif outcome.about is About.RELAY:
                await self._no_relay(row, outcome)
            else:
                if self._breaker.answered():
                    log.info("the relay answers again")
                await self._settlement.settle(row, outcome)
        except StorageUnavailable:
            pass  # told already; the claim runs out
        except Exception as error:
            log.error("fault while settling", extra={"outbox": row.id} | fault(error))
        finally:
            self._in_hand.pop(row.id, None)
            self._woken.set()

    async def _no_relay(self, row: OutboxEntry, outcome: Outcome) -> None:
        """Everything goes back into the line, and one mail asks later."""
        news = self._breaker.failed(self._clock(), outcome.reply)
        until = self._breaker.until
        assert until is not None
        if news:
            log.warning("no relay", extra={"reply": outcome.reply, "again_at": until})
        alarm = f"No mail can be sent: {outcome.reply}" if news else ""

        async def postpone(line: list[int]) -> None:
            await self._settlement.postpone([row.id, *line], outcome.reply, until, alarm=alarm)

        await self._leave_line(postpone)


def reverse_path(row: OutboxEntry, policy: Policy) -> str:
    """Where the bounce of this one mail goes: a signed address of its own (VERP) where the mailbox has them."""
    path = row.reverse_path
    if path == NULL_REVERSE_PATH and not policy.null_reverse_path:
        # Written before the operator learnt that the relay refuses it.
        path = policy.mailboxes[0].address
    box = policy.mailbox_for(path) if path != NULL_REVERSE_PATH else None
    if box is None or not box.reply_address:
        return path
    return box.reply_address.replace("{token}", address_token(policy.keys, "v", row.named))
