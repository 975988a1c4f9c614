"""What sending writes down, tried until it is written: a delivered mail must not be forgotten.

Each outcome is stored in one transaction with all that follows from it: the ticket that shows a
failure, the agents who hear of it, the operator's alarm.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from gateway.core import machines, thread
from gateway.core.backoff import delay
from gateway.core.notice import Audience
from gateway.core.retry import About, Outcome, Result, next_attempt
from gateway.errors import StorageUnavailable, fault
from gateway.flow import Desk
from gateway.mail.message import address_key
from gateway.mail.text import before_stop
from storage.alarms import NO_RELAY, REFUSED_US, UNCERTAIN
from storage.database import Database
from storage.outbox import OutboxEntry, State
from storage.tx import Tx

T = TypeVar("T")
Clock = Callable[[], datetime]

log = logging.getLogger("replydesk.send")

CLAIM_SECONDS = 20
"""How long a claim lasts unless it is extended; so long a mail waits when its holder dies and does not return."""
DATABASE_PAUSES = 0.5, 30.0
"""The first and the longest wait for a database that is away, in seconds."""


WARN_AGAIN = timedelta(minutes=10)
_BEFORE_REMARK = 200
"""Characters of a reply to which a remark is added: a ticket shows its beginning only."""


class Settlement:
    """The outbox as one holder of claims sees it."""

    def __init__(self, database: Database, desk: Desk, clock: Clock, holder: str, give_up_after: timedelta) -> None:
        self._database, self._desk, self._clock = database, desk, clock
        self._holder, self._give_up_after = holder, give_up_after
        self._last_call = asyncio.Event()
        self._down = False
        # What an earlier life raised is cleared by the first mail that goes out.
        self._raised = {NO_RELAY, REFUSED_US}
        self._warned_at: datetime | None = None
        self._refused: set[int] = set()
        """Mails the relay does not let us send as it is set up."""

    def hurry(self) -> None:
        """We are about to end: whatever is not written yet is tried once more only."""
        self._last_call.set()

    # --- tried once: raise `StorageUnavailable` -----------------------------------------

    async def take_over(self) -> None:
        """At the start: what an earlier life of this holder left claimed is in doubt."""
        await self._expire((self._holder,), self._clock())

    async def look_after(self, in_hand: Sequence[int], *, late: bool = False) -> None:
        """Keep our claims, and find those whose holder died; `late`: not yet, for others may be as late as we are."""
        ids, now = list(in_hand), self._clock()
        if ids:
            await self._write(lambda tx: tx.claims.extend(ids, self._holder, CLAIM_SECONDS, now))
        if not late:
            # At the same moment: a clock that is set forth in between must not end what was just extended.
            await self._expire((), now)

    async def claim(self, limit: int) -> list[tuple[OutboxEntry, bytes]]:
        """Due mails, ours from now on. Cancelled, it gives them back."""
        now = self._clock()
        claiming = asyncio.ensure_future(
            self._write(lambda tx: tx.claims.take(self._holder, limit, CLAIM_SECONDS, now))
        )
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            with contextlib.suppress(StorageUnavailable):
                await self.release([row.id for row, _ in await claiming])
            raise

    async def next_due(self) -> datetime | None:
        return await self._database.read(lambda tx: tx.claims.next_due())

    async def begin(self, row: OutboxEntry) -> bool:
        """From here on a crash leaves the mail in doubt. False when it is not ours any more."""
        now = self._clock()
        return await self._write(lambda tx: tx.claims.begin(row.id, self._holder, now))

    # --- tried until it is done ---------------------------------------------------------

    async def settle(self, row: OutboxEntry, outcome: Outcome) -> None:
        """Write down how an attempt ended, and what follows from it."""
        now = self._clock()
        state, reply, again_at = self._verdict(row, outcome, now)
        waits = state is State.UNCERTAIN and again_at is None
        self._refused.discard(row.id)
        over = frozenset(self._raised - {REFUSED_US} if self._refused else self._raised)

        def follow(tx: Tx) -> None:
            if state is State.FAILED:
                undelivered(self._desk, tx, row.id, reply, now)
            elif waits:
                self._desk.operator.alarm(tx, f"{UNCERTAIN}{row.id}", _waits(row), now)
            elif outcome.about is About.SETUP:
                self._alarm_setup(tx, row, reply, now)
            elif state is State.SENT:
                for key in over:
                    tx.alarms.clear(key, now)

        def settle(tx: Tx) -> bool:
            """False when the claim is lost: then nothing follows."""
            kept = tx.claims.settle(row.id, self._holder, state, reply, now=now, not_before=again_at)
            if kept:
                follow(tx)
            return kept

        def settle_alone(tx: Tx) -> bool:
            tx.alarms.raise_(f"undelivered:{row.id}", f"Mail {row.id} to {row.recipient}: {state.value}: {reply}", now)
            return tx.claims.settle(row.id, self._holder, state, reply, now=now, not_before=again_at)

        try:
            kept = await self._persist(settle, row.id)
        except StorageUnavailable:
            raise
        except Exception as error:
            # A ticket or a template that cannot be written must not make the mail go out again.
            log.error("what follows could not be stored", extra=_fields(row) | {"state": state.value} | fault(error))
            kept = await self._persist(settle_alone, row.id)
        self._tell(row, outcome, state, reply, again_at, kept)
        if state is State.SENT:
            self._raised -= over
        elif outcome.about is About.SETUP:
            self._refused.add(row.id)
            self._raised.add(REFUSED_US)

    async def postpone(self, ids: Sequence[int], cause: str, until: datetime, *, alarm: str = "") -> None:
        """There is no relay: back into the line, no attempt counted."""
        now = self._clock()

        def postpone(tx: Tx) -> None:
            tx.claims.postpone(ids, self._holder, cause, until)
            if alarm:
                # Written down only: a mail about it could not be sent.
                tx.alarms.raise_(NO_RELAY, alarm, now)

        self._raised.add(NO_RELAY)
        await self._persist(postpone, *ids)

    async def release(self, ids: Sequence[int]) -> None:
        """Nothing of these was sent: back as they were."""
        if ids:
            await self._persist(lambda tx: tx.claims.release(ids, self._holder), *ids)

    # --- the verdict --------------------------------------------------------------------

    def _verdict(self, row: OutboxEntry, outcome: Outcome, now: datetime) -> tuple[State, str, datetime | None]:
        """State, reply, and when it is tried again by itself."""
        perhaps = " (an earlier attempt, which got no answer, may have reached them)" if row.doubts else ""
        if outcome.result is Result.SENT:
            return State.SENT, outcome.reply, None
        if outcome.result is Result.FAILED:
            return State.FAILED, outcome.reply[:_BEFORE_REMARK] + perhaps if perhaps else outcome.reply, None
        first = row.first_attempt_at or now
        again_at = next_attempt(row.attempts + 1, first, now, row.message_id, self._give_up_after)
        if outcome.result is Result.UNCERTAIN:
            return State.UNCERTAIN, outcome.reply, None if row.doubts else again_at or now
        if again_at is None:
            hours = self._give_up_after / timedelta(hours=1)
            return State.FAILED, f"given up after {hours:g} hours{perhaps}: {outcome.reply}", None
        return State.DEFERRED, outcome.reply, again_at

    def _alarm_setup(self, tx: Tx, row: OutboxEntry, reply: str, now: datetime) -> None:
        if row.audience == Audience.OPERATOR.value:
            # Else an alarm that cannot be sent would raise the next one.
            return
        text = (
            f"The relay does not let us send mail {row.id} as it is set up; it waits and is tried again. "
            f"It said: {before_stop(reply)}. Look at [send], and at the sender addresses the relay accepts."
        )
        self._desk.operator.alarm(tx, REFUSED_US, text, now)

    def _tell(
        self, row: OutboxEntry, outcome: Outcome, state: State, reply: str, again_at: datetime | None, kept: bool
    ) -> None:
        fields = _fields(row) | {"reply": reply, "attempts": row.attempts + 1}
        if not kept:
            log.warning("claim lost", extra=fields | {"state": state.value})
        elif state is State.SENT:
            log.info("sent", extra=fields)
        elif state is State.DEFERRED:
            # A relay that defers mail after mail is told of now and then, not for each.
            now = self._clock()
            again = self._warned_at is not None and timedelta(0) <= now - self._warned_at < WARN_AGAIN
            self._warned_at = self._warned_at if again else now
            level = logging.INFO if again else logging.WARNING
            log.log(level, "deferred", extra=fields | {"again_at": again_at, "about": outcome.about.value})
        else:
            log.warning(state.value, extra=fields | {"again_at": again_at})

    # --- the database, with patience ----------------------------------------------------

    async def _expire(self, dead: Sequence[str], now: datetime) -> None:
        def expire(tx: Tx) -> list[OutboxEntry]:
            rows = tx.claims.expire(now, dead)
            for row in rows:
                if row.waits_for_operator:
                    self._desk.operator.alarm(tx, f"{UNCERTAIN}{row.id}", _waits(row), now)
            return rows

        for row in await self._write(expire):
            log.warning("claim expired", extra=_fields(row) | {"again": not row.waits_for_operator})

    async def _persist(self, work: Callable[[Tx], T], *ids: int) -> T:
        for failures in itertools.count():
            last = self._last_call.is_set()
            try:
                return await self._write(work)
            except StorageUnavailable:
                if last:
                    log.error("ended without the database: these mails will be in doubt", extra={"outbox": list(ids)})
                    raise
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay(failures, *DATABASE_PAUSES)):
                    await self._last_call.wait()
        raise AssertionError("unreachable")

    async def _write(self, work: Callable[[Tx], T]) -> T:
        try:
            result = await self._database.write(work)
        except StorageUnavailable as error:
            if not self._down:
                log.error("no database", extra={"cause": str(error)})
            self._down = True
            raise
        if self._down:
            log.info("the database is back")
        self._down = False
        return result


def undelivered(desk: Desk, tx: Tx, outbox_id: int, reply: str, now: datetime) -> None:
    """`reply` is the relay's last one. That a customer's address is dead makes automatic mail to it pause."""
    row = tx.outbox.get(outbox_id)
    if row.audience == Audience.OPERATOR.value:
        return
    if row.audience == Audience.CUSTOMER.value and machines.names_dead_address(reply):
        tx.contacts.set_undeliverable(row.recipient, now)
    if not row.ticket:
        text = f"Mail {row.id} ({row.notice}), which is about no ticket, could not be sent to {row.recipient}: {reply}"
        desk.operator.alarm(tx, f"undelivered:{address_key(row.recipient)}", text, now)
        return
    sent = tx.threads.known(thread.ThreadKeys(reported=(thread.of_outbox(row.named),))).sent
    assert sent is not None
    ticket = tx.reads.current(row.ticket)
    history = tx.reads.entries(ticket.number) if row.audience == Audience.ADVISER.value else ()
    decision = machines.undelivered(ticket, desk.policy, sent, row.audience, reply, history)
    desk.effects.apply(tx, decision, f"undelivered:{outbox_id}:{now.isoformat()}", now)


def _waits(row: OutboxEntry) -> str:
    return (
        f"Mail {row.id} ({row.notice}) to {row.recipient} was sent twice without an answer; it may have arrived. "
        f"Ask the relay's log for {row.message_id}, then `replydesk outbox retry {row.id}` or `outbox drop {row.id}`."
    )


def _fields(row: OutboxEntry) -> dict[str, object]:
    return {
        "outbox": row.id,
        "notice": row.notice,
        "recipient": row.recipient,
        "ticket": row.ticket,
        "message_id": row.message_id,
    }
