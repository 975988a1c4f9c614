"""Keeping the board: look at the tickets and at the account, compare, carry out the difference, wait, look again.

All that counts is in the database: whatever is lost between two commands, the next look finds the rest of the
difference. One daemon at a time keeps the board, by a claim that runs out.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from gateway.board.account import FLAGGED, SEEN, BoardAccount, why_denied
from gateway.board.watch import BoardWatch
from gateway.clock.liveness import Sources
from gateway.config import Settings
from gateway.config.settings import ImapSettings
from gateway.core import board, stale, token
from gateway.core.backoff import Backoff
from gateway.core.board import CardSteps, SeenCard, WantedCard
from gateway.core.card import Card, as_written_by, card
from gateway.core.lifecycle import Status
from gateway.errors import LoginRefused, ReplydeskError, StorageUnavailable, UnknownTicket, cause_of, fault
from gateway.flow import Desk
from gateway.mail.parse import extract_all, parse
from gateway.receive.imap import watch
from gateway.receive.imap.account import Account
from gateway.receive.imap.client import connect
from gateway.render import wire
from storage.database import Database
from storage.tx import Tx

log = logging.getLogger("replydesk.board")

SOURCE = "board"
"""Its name among the sources whose failure is an alarm."""
CLAIM = timedelta(seconds=60)
ASIDE_SECONDS = 10.0
"""How often a daemon that does not keep the board looks whether it may."""
TICK_SECONDS = 1.0
"""How often the database is asked whether anything happened."""
ANEW_SECONDS = 60.0
"""Everything is looked at so often, whatever the figures say: some changes move none of them."""
TOLD_SECONDS = 20.0
"""Instead of `poll_seconds`, where the server tells of every change."""
REPORT_SECONDS = 60.0
"""How often a look that did nothing is written down."""
AT_ONCE = 100
"""Cards written in one look; then agents' moves are seen to."""
HISTORY = 200
"""Entries of a ticket a card is made from."""


class Keeper:
    """The board of a site, for as long as the daemon lives."""

    def __init__(
        self,
        database: Database,
        desk: Desk,
        settings: Settings,
        clock: Callable[[], datetime],
        holder: str,
        wake: Callable[[], None],
        account: Account,
        sources: Sources,
    ) -> None:
        self._database, self._desk, self._settings, self._clock = database, desk, settings, clock
        self._holder, self._wake, self._account = holder, wake, account
        self._stopping, self._ended = asyncio.Event(), asyncio.Event()
        self._backoff = Backoff(random.random)
        self._refused: set[tuple[int, str, str]] = set()
        self._validities: dict[str, int] = {}
        """Of each folder as it was looked at last, over whatever line."""
        self._anew_at = 0.0
        self._sources, self._told_at, self._failing = sources, 0.0, False
        self._changed, self._denied = False, ""

    async def run(self) -> None:
        """Until `drain`, or cancelled."""
        try:
            while not self._stopping.is_set():
                try:
                    if await self._hold():
                        await self._visit()
                    else:
                        self._sources.heard(SOURCE)
                        await self._pause(ASIDE_SECONDS)
                except Exception as error:
                    await self._pause(await self._failed(error))
        finally:
            self._ended.set()

    async def drain(self, seconds: float) -> None:
        """Finish the card in hand, and let another daemon have the board."""
        self._stopping.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()
        with contextlib.suppress(StorageUnavailable):
            await self._database.write(lambda tx: tx.board.release(self._holder))

    # --- looks --------------------------------------------------------------------------------

    async def _visit(self) -> None:
        """One connection, from the login to its end."""
        policy = self._desk.policy
        mailbox = await connect(self._account, 4 << 20)
        account = BoardAccount(mailbox, lambda value: token.read_card(policy.keys, value))
        try:
            await account.open(self._settings.board.folder)
            log.info("keeping the board", extra={"account": self._account.name, "root": account.root})
            self._anew_at = 0.0
            async with self._watching(account) as watching:
                while not self._stopping.is_set() and await self._hold():
                    before = await self._newest()
                    self._changed = False
                    done, more = await self.look(account)
                    self._backoff.succeeded()
                    await self._report(done, account.denied)
                    if not more:
                        await self._wait(before, watching)
        finally:
            await account.close()

    @contextlib.asynccontextmanager
    async def _watching(self, account: BoardAccount) -> AsyncIterator[BoardWatch]:
        """Beside the looks, over a line of its own."""
        names = board.folder_names(self._desk.policy, account.delimiter)
        folder = account.below(names[Status.NEW.value])
        watching = BoardWatch(self._account, account.root, folder, self._change)
        task = asyncio.create_task(watching.run())
        try:
            yield watching
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _change(self) -> None:
        self._changed = True

    async def look(self, account: BoardAccount) -> tuple[str, bool]:
        """Make the account equal to the database, once. What was done, and whether there is more of it at once."""
        state = await self._database.read(lambda tx: tx.board.state())
        names = board.folder_names(self._desk.policy, account.delimiter)
        folders = {place: account.below(name) for place, name in names.items()}
        anew = time.monotonic() >= self._anew_at
        if anew:
            account.forgive()
        tree = await account.tree()
        missing = [name for name in folders.values() if name not in tree]
        await account.make(missing)
        ours = dict(state.folders) if state else {}
        if any(ours.get(place) != name for place, name in folders.items()):
            # Folders of agents who left, or who are called otherwise now, are remembered until they are empty.
            ours = {**{name: name for name in ours.values() if name not in folders.values()}, **folders}
            await self._database.write(partial(_made, folders=dict(ours)))
        seen = await account.cards([*dict.fromkeys((*folders.values(), *tree))], anew=anew)
        if anew:
            self._anew_at = time.monotonic() + ANEW_SECONDS
        wanted = await self._wanted()
        carried = board.carried(wanted, seen, folders, missing, self._replaced(account)) - self._refused
        if carried:
            log.info("a folder was replaced, its cards go back", extra={"cards": len(carried)})
            self._refused |= carried
        steps = board.compare(wanted, seen, folders, self._refused)
        ordered, unclear = 0, steps.unclear
        for moved in unclear:
            self._put_right(moved, "it lies in several folders at once")
        if steps.orders:
            for moved, place in steps.orders:
                ordered += await self._carry_out(moved, place)
            wanted = await self._wanted()
            steps = board.compare(wanted, seen, folders, self._refused)
        if state and state.rebuild:
            # Only now, for what was moved since the last look is an order.
            await account.remove(seen)
            seen = []
            await self._database.write(lambda tx: tx.board.rebuild(False, self._clock()))
            steps = board.compare(wanted, seen, folders, self._refused)
        if not account.expunges_alone:
            # What is marked already could not be made to go without what others marked.
            steps = replace(steps, remove=tuple(c for c in steps.remove if not c.deleted))
        steps = account.permitted(steps, folders)
        await self._apply(account, steps, seen, folders)
        if anew:
            await self._drop_old(account, ours, folders)
        self._refused &= {(c.number, c.version, c.folder) for c in seen}
        more = len(steps.write) > AT_ONCE or bool(steps.orders)
        return _told(replace(steps, unclear=unclear), ordered), more

    def _replaced(self, account: BoardAccount) -> set[str]:
        """Folders that are others than at the last look, under the same name."""
        now = account.validities()
        found = {name for name, uidvalidity in now.items() if self._validities.get(name, uidvalidity) != uidvalidity}
        self._validities |= now
        return found

    async def _apply(
        self, account: BoardAccount, steps: CardSteps, seen: list[SeenCard], folders: dict[str, str]
    ) -> None:
        """New cards first, so that a ticket is never without one; a few at a time."""
        older: dict[int, list[SeenCard]] = {}
        for old in seen:
            older.setdefault(old.number, []).append(old)
        left = {want.number for want in steps.write[AT_ONCE:]}
        held_until = time.monotonic() + CLAIM.total_seconds() / 2
        for want in steps.write[:AT_ONCE]:
            if self._stopping.is_set():
                return
            if time.monotonic() > held_until:
                if not await self._hold():
                    return
                held_until = time.monotonic() + CLAIM.total_seconds() / 2
            if not await self._write(account, want, older.get(want.number, []), folders):
                left.add(want.number)
        for moved, want in steps.back:
            await account.move(moved, folders[want.place])
        await account.undelete(steps.undelete)
        await account.remove([c for c in steps.remove if c.number not in left])

    async def _drop_old(self, account: BoardAccount, ours: dict[str, str], folders: dict[str, str]) -> None:
        """Folders we made for agents who left go once they are empty; what agents put there stays, and they with it."""
        there = await account.tree()
        for place, name in list(ours.items()):
            if name in folders.values():
                continue
            if name not in there or await account.drop_empty(name):
                del ours[place]
                await self._database.write(partial(_made, folders=dict(ours)))

    async def _wait(self, before: tuple[int, int], watching: BoardWatch) -> None:
        """Until something happened on a ticket or in the account, or it is time to look there again."""
        polled = float(self._settings.board.poll_seconds)
        began = time.monotonic()
        while not (self._changed or self._stopping.is_set()):
            if time.monotonic() - began >= (max(polled, TOLD_SECONDS) if watching.tells_all else polled):
                return
            await self._pause(min(TICK_SECONDS, self._settings.board.poll_seconds))
            if await self._newest() != before:
                return

    async def _newest(self) -> tuple[int, int]:
        return await self._database.read(lambda tx: tx.board.newest())

    async def _hold(self) -> bool:
        now = self._clock()
        return await self._database.write(lambda tx: tx.board.hold(self._holder, now, now + CLAIM))

    async def _wanted(self) -> dict[int, WantedCard]:
        since = self._clock() - timedelta(days=self._settings.board.closed_days)
        facts = await self._database.read(lambda tx: tx.board.facts(since))
        return {f.number: board.wanted_card(f, self._desk.policy) for f in facts}

    # --- one card -----------------------------------------------------------------------------

    async def _carry_out(self, moved: SeenCard, place: str) -> bool:
        """A newest card was moved: an order, in one transaction with the look whether it still is the newest."""
        policy, now = self._desk.policy, self._clock()

        def work(tx: Tx) -> bool | None:
            tx.threads.serialise([f"ticket:{moved.number}"])
            facts = tx.board.facts_of(moved.number)
            if facts is None or board.wanted_card(facts, policy).version != moved.version:
                return None
            decision = board.decide(tx.reads.get(moved.number), place, policy, now)
            if decision is None:
                return False
            self._desk.effects.apply(tx, decision, f"board:{moved.version}:{place}", now)
            return True

        done = await self._database.write(work)
        if done:
            log.info("order on the board", extra={"ticket": moved.number, "to": moved.folder})
            self._wake()
        elif done is False:
            self._put_right(moved, "the ticket cannot go there")
        return bool(done)

    def _put_right(self, moved: SeenCard, cause: str) -> None:
        """A newest card was moved, and that is no order."""
        log.info("move put right", extra={"ticket": moved.number, "to": moved.folder, "cause": cause})
        self._refused.add((moved.number, moved.version, moved.folder))

    async def _write(
        self, account: BoardAccount, want: WantedCard, older: list[SeenCard], folders: dict[str, str]
    ) -> bool:
        """Put a card into its folder. False: the ticket has changed meanwhile, which the next look knows, or the
        server does not let us."""
        policy, now = self._desk.policy, self._clock()

        def read(tx: Tx) -> tuple[Card, dict[str, bytes], int | None] | None:
            facts = tx.board.facts_of(want.number)
            if facts is None or board.wanted_card(facts, policy) != want:
                return None
            ticket, history = tx.reads.get(want.number), tx.reads.entries(want.number, limit=HISTORY)
            made = card(ticket, tuple(history), want.version, policy, is_cut=len(history) == HISTORY)
            wanted = {f.raw_sha256 for f in made.files} | made.written_in
            raws = {sha: tx.outbox.file(sha) for sha in wanted}
            before = tx.board.news_of(want.number, [c.version for c in older])
            return made, {sha: data for sha, data in raws.items() if data is not None}, before

        found = await self._database.read(read)
        if found is None:
            return False
        made, raws, news_before = found
        data = await asyncio.to_thread(self._rendered, made, raws)

        def remember(tx: Tx) -> None:
            view = stale.view_of(tx.reads.get(want.number), tx.reads.newest_entry(want.number), policy)
            tx.board.remember(
                made.outbound.message_id,
                want.number,
                want.version,
                entry=made.entry.id if made.entry else 0,
                news=made.news,
                view=view,
                now=now,
            )

        try:
            await self._database.write(remember)
        except UnknownTicket:
            return False
        had = frozenset(flag for c in older for flag in c.flags)
        read_before = SEEN.casefold() in had and news_before == made.news
        flags = [SEEN] if not made.news or read_before else []
        flags += [FLAGGED] if FLAGGED.casefold() in had else []
        folder, moment = folders[want.place], made.outbound.date
        written = await account.write(folder, flags, moment, data)
        if not written and made.files and account.found_too_large(folder):
            log.info("card written without its files", extra={"ticket": want.number, "bytes": len(data)})
            data = await asyncio.to_thread(self._rendered, replace(made, files=()), raws)
            written = await account.write(folder, flags, moment, data)
        return written

    def _rendered(self, made: Card, raws: dict[str, bytes]) -> bytes:
        """The whole mail, with its files."""
        for sha in made.written_in & raws.keys():
            made = as_written_by(made, parse(raws[sha]), self._desk.policy)
        message = self._desk.templates.write(made.outbound)
        files = []
        for sha, raw in raws.items():
            parts = {f.part: f for f in made.files if f.raw_sha256 == sha}
            content = extract_all(raw, parts.keys())
            files += [wire.Enclosed(f.filename, f.content_type, content[p]) for p, f in parts.items() if p in content]
        return f"{board.FIELD}: {made.field}\r\n".encode() + wire.attach(message, files)

    # --- how it goes --------------------------------------------------------------------------

    async def _failed(self, error: Exception) -> float:
        """Write a failure down; how many seconds to wait."""
        delay = self._backoff.failed(watch.AFTER_REFUSAL_SECONDS if isinstance(error, LoginRefused) else 0.0)
        told, cause = isinstance(error, ReplydeskError), cause_of(error)
        fields = {"cause": cause, "again_in_seconds": round(delay, 1)}
        log.warning("the board cannot be kept", extra=fields if told else fields | {"fault": fault(error)})
        with contextlib.suppress(StorageUnavailable):
            self._failing = True
            await self._sources.failed(SOURCE, cause)
            await self._database.write(lambda tx: tx.board.looked(cause, self._clock()))
        return delay

    async def _report(self, done: str, denied: Mapping[str, str]) -> None:
        """A look went well, as far as the server let us. One that did nothing is written down now and then only."""
        if done:
            log.info("board", extra={"did": done})
        if denied:
            await self._tell_denied(denied)
            return
        if not (done or self._failing or time.monotonic() - self._told_at > REPORT_SECONDS):
            return
        self._failing, self._told_at, self._denied = False, time.monotonic(), ""
        await self._sources.looked(SOURCE, 0)
        await self._database.write(lambda tx: tx.board.looked(done or "nothing to do", self._clock()))

    async def _tell_denied(self, denied: Mapping[str, str]) -> None:
        """The operator is told as of any failure, and the rest of the board is kept."""
        cause = why_denied(denied)
        if cause == self._denied and time.monotonic() - self._told_at <= REPORT_SECONDS:
            return
        if cause != self._denied:
            log.warning("the board is kept in part", extra={"cause": cause})
        self._denied, self._failing, self._told_at = cause, True, time.monotonic()
        await self._sources.failed(SOURCE, cause)
        await self._database.write(lambda tx: tx.board.looked(cause, self._clock()))

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


def _made(tx: Tx, folders: dict[str, str]) -> None:
    tx.board.made(folders)


def keepers(
    settings: Settings,
    database: Database,
    desk: Desk,
    clock: Callable[[], datetime],
    holder: str,
    wake: Callable[[], None],
    sources: Sources,
) -> list[Keeper]:
    """The one there is, or none without a board in the settings. Raises `ConfigError` for a secret that cannot be
    read."""
    if not settings.board.host:
        return []
    return [Keeper(database, desk, settings, clock, holder, wake, account_of(settings), sources)]


def alarm_after(settings: Settings) -> dict[str, timedelta]:
    """How long the board may fail before the operator hears of it; nothing without a board."""
    board_settings = settings.board
    return {SOURCE: timedelta(minutes=board_settings.alarm_after_minutes)} if board_settings.host else {}


def account_of(settings: Settings) -> Account:
    """How to reach the board's account. Raises `ConfigError` for a secret that cannot be read."""
    keys = settings.board.model_dump(exclude={"folder", "closed_days", "poll_seconds", "alarm_after_minutes"})
    # It belongs to no mailbox of ours; the name tells its tokens from those of one.
    table = ImapSettings.model_construct(mailbox=f"board:{settings.board.username}", **keys)
    return watch.account_of(settings, "board", table)


def _told(steps: CardSteps, ordered: int) -> str:
    counts = (
        ("orders", ordered),
        ("unclear", len({card.number for card in steps.unclear})),
        ("written", len(steps.write[:AT_ONCE])),
        ("put back", len(steps.back)),
        ("undeleted", len(steps.undelete)),
        ("removed", len(steps.remove)),
    )
    return ", ".join(f"{count} {what}" for what, count in counts if count)
