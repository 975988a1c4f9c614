"""One look at a folder: journal what is new, write down how far we are, then move or flag it.

Always in that order (state S0 → S1): a mail is touched only once it is in the journal, and the
place is written only after it. A crash in between means that a mail is read twice, which the
flow recognises. No mail stops those behind it: what cannot be taken stays where it is, is
written down with the cause, and is tried again later.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from gateway.core.backoff import delay
from gateway.errors import StorageUnavailable, Unreachable
from gateway.mail.delivered import ADDRESSED_TO, envelope_of
from gateway.mail.message import Envelope, address_key
from gateway.memory import Memory
from gateway.receive.imap import syntax as words
from gateway.receive.imap.account import After, Backlog, FolderProgress, FolderTask, LostOnceCopied, OnlyCopied, Refused
from gateway.receive.imap.client import ImapMailbox, portions
from gateway.receive.intake import Intake
from storage.folder_progress import Place, Unfetched

log = logging.getLogger("replydesk.imap")

BYTES_AT_ONCE = 4 * 1024 * 1024
"""Mails fetched by one command, in bytes; a larger one comes alone."""
TRIES = 3
"""A mail whose fetching ends the connection so often in a row is left where it is."""
RECIPIENTS = 20
"""Addresses of ours in one mail that count, beside the mailbox."""
OVERLAP = timedelta(days=2)
"""How far before the last look mails of a rebuilt folder are read again; search knows days only, in unknown zones."""
STUB_BYTES = 8 * 1024
_STUB = re.compile(
    rb"^Subject:\s*Retrieval using the (?:IMAP4|POP3) protocol failed for the following message", re.M | re.I
)
"""What Exchange gives in place of a mail it cannot convert; the mail itself stays where it is."""
FIRST_RETRY, LAST_RETRY = timedelta(minutes=1), timedelta(hours=1)


class Folder:
    """A folder as it is read, over any number of connections."""

    def __init__(
        self,
        errand: FolderTask,
        account: str,
        intake: Intake,
        books: FolderProgress,
        max_bytes: int,
        clock: Callable[[], datetime],
        memory: Memory | None = None,
    ) -> None:
        self._errand, self._name = errand, f"{account}/{errand.folder}"
        self._intake, self._books, self._max_bytes, self._clock = intake, books, max_bytes, clock
        self._memory = memory or Memory()
        self._place = Place(errand.source)
        self._left: dict[int, Unfetched] = {}
        """Mails that stayed behind, by UID."""
        self._taken_late: set[int] = set()
        """Of these, the ones that are in the journal by now and have still to be moved or flagged."""
        self._in_hand: set[int] = set()
        """Being fetched; filled when the connection ended over them."""
        self._broke: Counter[int] = Counter()
        """How often the connection ended while a mail was fetched alone."""
        self._older_taken: set[int] = set()
        """Mails from before us that were journaled since the folder was opened anew, or we began."""
        self._copied: set[int] = set()
        """Mails that lie in both folders: the server did not let us remove them, or the connection ended before."""
        self.trouble = ""
        """Why the newest look could not move or flag what it took; empty when it could."""
        self.tidied = False
        """The newest look moved or flagged something, or has nothing of the sort to do."""

    @property
    def source(self) -> str:
        return self._errand.source

    # --- opening ------------------------------------------------------------------------------

    async def open(self, server: ImapMailbox) -> None:
        """Find out where we were; a folder that is new, or whose UIDs begin anew, gets a new place."""
        state = await server.select(self._errand.folder)
        place = await self._books.place(self.source)
        left = await self._books.unfetched(self.source)
        # A folder that a backup was put over keeps its UIDVALIDITY, and gives UIDs we have seen to new mails.
        goes_on = place.uidvalidity == state.uidvalidity and not 0 < state.uidnext <= place.uid
        if goes_on and place.folder == self._name:
            self._place, self._left = place, {row.uid: row for row in left}
            return
        uidnext = state.uidnext or max(await server.search("ALL"), default=0) + 1
        self._place = self._begun(place, left, state.uidvalidity, uidnext)
        self._left, self._in_hand, self._broke, self._older_taken = {}, set(), Counter(), set()
        self._taken_late, self._copied = set(), set()
        log.info(
            "folder opened anew" if place.uidvalidity else "folder opened",
            extra={
                "source": self.source,
                "folder": self._name,
                "uidvalidity": state.uidvalidity,
                "older": self._place.older_only or ("all" if self._place.uid == 0 else "none"),
            },
        )
        await self._books.opened(self._place)

    def _begun(self, before: Place, left: list[Unfetched], uidvalidity: int, uidnext: int) -> Place:
        everything = Place(before.source, self._name, uidvalidity)
        if before.looked_at is not None:
            # Rebuilt: whatever came before our last look was taken under its old UID.
            since = min([self._clock(), before.looked_at, *(row.first_at for row in left)]) - OVERLAP
            return Place(before.source, self._name, uidvalidity, 0, uidnext, f"SINCE {words.search_date(since.date())}")
        if self._errand.backlog is Backlog.ALL:
            return everything
        if self._errand.backlog is Backlog.NEW:
            return Place(before.source, self._name, uidvalidity, 0, uidnext, "UNSEEN UNDELETED")
        return Place(before.source, self._name, uidvalidity, uidnext - 1, tidied_uid=uidnext - 1)

    # --- looking ------------------------------------------------------------------------------

    async def look(self, server: ImapMailbox, stopping: asyncio.Event) -> int:
        """Take everything that is new; how many mails that were. Raises `AccountError`, `StorageUnavailable`.

        Ends early, between two portions, once `stopping` is set.
        """
        self.trouble, self.tidied = "", self._errand.after is After.LEAVE
        await server.refresh()
        taken = 0
        for some in portions(await self._present(server, self._place.uid + 1, 0)):
            if stopping.is_set():
                return taken
            taken += await self._take(server, some)
        await self._reach(max(self._place.uid, self._place.older_below - 1))
        taken += await self._try_again(server)
        if self._errand.after is After.LEAVE:
            await self._reach(self._place.uid, self._place.uid)
        elif self._place.tidied_uid < self._place.uid:
            await self._tidy_up(server)
        # Last: what is only marked as deleted, without UIDPLUS, must be known as copied until then.
        await self._take_out(server)
        return taken

    async def _present(self, server: ImapMailbox, first: int, last: int) -> list[int]:
        """UIDs of ours to take from `first` to `last` (0: without end) that are in the folder now."""
        found: list[int] = []
        border, end = self._place.older_below, last or 1 << 32
        if first < border:
            keys = f"UID {first}:{min(end, border - 1)} {self._place.older_only}"
            found += await server.search(keys)
        first = max(first, border)
        if first <= end:
            # `n:*` names the newest mail even when its UID is below n.
            found += [uid for uid in await server.search(f"UID {first}:{last or '*'}") if uid >= first]
        return found

    async def _take(self, server: ImapMailbox, uids: Sequence[int]) -> int:
        sizes = await self._sizes(server, uids)
        taken = 0
        for batch in self._batches(sizes):
            got = await self._journal(server, batch, sizes)
            in_step = self._place.tidied_uid == self._place.uid
            if self._errand.after is After.LEAVE:
                await self._reach(batch[-1], batch[-1])
            else:
                await self._reach(batch[-1])
                if in_step and await self._put_away(server, got):
                    await self._reach(batch[-1], batch[-1])
            taken += len(got)
        await self._reach(uids[-1])
        return taken

    async def _sizes(self, server: ImapMailbox, uids: Sequence[int]) -> dict[int, int]:
        """Bytes of each mail that is there and does not end every connection, by UID, ascending."""
        together = [uid for uid in uids if uid not in self._in_hand]
        sizes = await self._weigh(server, together) if together else {}
        for uid in uids:
            if self._broke[uid] >= TRIES:
                await self._miss(uid, 0, f"the connection ended {TRIES} times while it was fetched")
                self._broke.pop(uid)
                self._in_hand.discard(uid)
                continue
            if uid not in sizes:
                # One mail the server cannot read may have spoilt the answer about all of them.
                sizes |= await self._weigh(server, [uid])
            if uid not in sizes:
                await self._explain(server, uid, 0)
        return dict(sorted(sizes.items()))

    async def _weigh(self, server: ImapMailbox, uids: Sequence[int]) -> dict[int, int]:
        """Some servers have to read a mail to know its size, and hang up over one they cannot read."""
        new = set(uids) - self._in_hand
        self._in_hand |= new
        try:
            sizes = await server.sizes(uids)
        except Unreachable:
            if len(uids) == 1:
                self._broke[uids[0]] += 1
            raise
        self._in_hand -= new
        return sizes

    def _batches(self, sizes: dict[int, int]) -> Iterator[list[int]]:
        """Mails to be fetched together: not too many bytes; those too large and those under suspicion alone."""
        batch: list[int] = []
        size = 0
        for uid, its in sizes.items():
            alone = uid in self._in_hand or its > self._max_bytes
            if batch and (alone or size + its > BYTES_AT_ONCE):
                yield batch
                batch, size = [], 0
            batch.append(uid)
            size += its
            if alone:
                yield batch
                batch, size = [], 0
        if batch:
            yield batch

    async def _journal(self, server: ImapMailbox, uids: Sequence[int], sizes: dict[int, int]) -> list[int]:
        """Fetch and commit these; those that are in the journal now. The others are written down or gone."""
        size = sum(sizes[uid] for uid in uids)
        if size > self._max_bytes and len(uids) == 1:
            await self._miss(uids[0], size, f"its {size} bytes are more than limits.max_message_bytes")
            return []
        await self._memory.take(size)
        try:
            return await self._fetch_and_commit(server, uids, sizes)
        finally:
            self._memory.give(size)

    async def _fetch_and_commit(self, server: ImapMailbox, uids: Sequence[int], sizes: dict[int, int]) -> list[int]:
        mails = await self._fetch(server, uids, sum(sizes[uid] for uid in uids))
        notes = {uid: why for uid, raw in mails.items() if (why := _no_mail(raw, sizes[uid]))}
        for uid, why in notes.items():
            await self._miss(uid, sizes[uid], f"the server gave {why} in place of it")
            del mails[uid]
        results = await asyncio.gather(*(self._accept(mails[uid]) for uid in mails), return_exceptions=True)
        taken = []
        for uid, result in zip(mails, results, strict=True):
            if result is None:
                taken.append(uid)
            elif isinstance(result, StorageUnavailable) or not isinstance(result, Exception):
                raise result
            else:
                await self._miss(uid, sizes[uid], f"{type(result).__name__}: {result}")
        for uid in uids:
            if uid not in mails and uid not in notes:
                await self._explain(server, uid, sizes[uid])
        self._older_taken.update(uid for uid in taken if uid < self._place.older_below)
        return taken

    async def _fetch(self, server: ImapMailbox, uids: Sequence[int], size: int) -> dict[int, bytes]:
        self._in_hand.update(uids)
        try:
            mails = await server.contents(uids, size)
            for uid in uids if len(uids) > 1 else ():
                if uid not in mails:
                    mails |= await server.contents([uid], size)
        except Unreachable:
            if len(uids) == 1:
                self._broke[uids[0]] += 1
            raise
        self._in_hand.difference_update(uids)
        for uid in uids:
            self._broke.pop(uid, None)
        return mails

    async def _accept(self, raw: bytes) -> None:
        await self._intake.accept(raw, self._envelope(raw))

    def _envelope(self, raw: bytes) -> Envelope:
        """For whom it was delivered to as far as its header tells, the mailbox it was found in, and every other address
        of ours it names."""
        found = envelope_of(raw, self.source, ADDRESSED_TO, self._errand.mailbox)
        mine = address_key(self._errand.mailbox)
        ours: dict[str, str] = {}
        for address in found.recipients:
            if address_key(address) == mine or self._intake.is_ours(address):
                ours.setdefault(address_key(address), address)
        return replace(found, recipients=tuple(ours.values())[: RECIPIENTS + 1])

    # --- what stays behind --------------------------------------------------------------------

    async def _explain(self, server: ImapMailbox, uid: int, size: int) -> None:
        """A mail the server named and did not give: gone meanwhile, or it cannot read it."""
        if uid in await server.search(f"UID {uid}"):
            await self._miss(uid, size, "the server has it and does not give it out")
        else:
            log.info("mail gone", extra={"source": self.source, "uid": uid})
            await self._release(uid, "is not in its folder any more")

    async def _miss(self, uid: int, size: int, cause: str) -> None:
        row = await self._books.missed(self.source, self._place.uidvalidity, uid, size, cause)
        self._left[uid] = row
        level = logging.ERROR if row.attempts == 1 else logging.INFO
        log.log(level, "mail not taken", extra={"source": row.source, "uid": uid, "size": size, "cause": cause})

    async def _release(self, uid: int, outcome: str) -> None:
        if uid in self._left:
            await self._books.released(self.source, self._place.uidvalidity, uid, outcome)
            del self._left[uid]

    async def _try_again(self, server: ImapMailbox) -> int:
        """Another try at what stayed behind and is due; a mail over the limit is tried once that is raised.

        Released last: `tidied_uid` is past it, so this row alone tells the next start that it is still to be moved.
        """
        now, taken = self._clock(), 0
        for uid in [uid for uid, row in self._left.items() if uid in self._taken_late or _due(row, now)]:
            if uid not in self._taken_late:
                sizes = await self._sizes(server, [uid])
                if not (sizes and await self._journal(server, [uid], sizes)):
                    continue
                self._taken_late.add(uid)
                taken += 1
            # Asked for again: somebody may have moved it themselves, and some servers say NO to a UID that is gone.
            if await self._put_away(server, await server.search(f"UID {uid}")):
                await self._release(uid, "is taken now")
                self._taken_late.discard(uid)
        return taken

    # --- afterwards ---------------------------------------------------------------------------

    async def _tidy_up(self, server: ImapMailbox) -> None:
        """Put away what is in the journal and was not moved or flagged, because the connection ended in between."""
        there = await self._present(server, self._place.tidied_uid + 1, self._place.uid)
        there = [uid for uid in there if uid not in self._left]
        # Of mails that were there before us only some were taken, and which may look different now: these are
        # journaled once more, for nothing may be moved that is not in the journal.
        unsure = [uid for uid in there if uid < self._place.older_below and uid not in self._older_taken]
        for some in portions(unsure):
            sizes = await self._sizes(server, some)
            for batch in self._batches(sizes):
                await self._journal(server, batch, sizes)
        if await self._put_away(server, [uid for uid in there if uid not in self._left]):
            await self._reach(self._place.uid, self._place.uid)

    async def _put_away(self, server: ImapMailbox, uids: Sequence[int]) -> bool:
        """Move or flag what is in the journal. False: the server refuses, which stops no mail from being taken; what
        was copied is not tried again, or each look would put one more copy there."""
        try:
            if self._errand.after is After.MOVE:
                for some in portions([uid for uid in uids if uid not in self._copied]):
                    await self._move(server, some)
            elif uids and self._errand.after is After.FLAG:
                await server.flag(uids)
        except Refused as error:
            self.trouble = str(error)
            return False
        self.tidied |= bool(uids)
        return True

    async def _move(self, server: ImapMailbox, uids: Sequence[int]) -> None:
        try:
            await server.move(uids, self._errand.move_to)
        except OnlyCopied as error:
            self.trouble = str(error)
            self._copied.update(uids)
        except LostOnceCopied:
            self._copied.update(uids)
            raise

    async def _take_out(self, server: ImapMailbox) -> None:
        """What was only copied: somebody may have removed it, or have given us the right to."""
        for some in portions(sorted(self._copied)):
            there = await server.search(f"UID {words.uid_set(some)}")
            try:
                if there:
                    await server.take_out(there)
                self._copied.difference_update(some)
            except OnlyCopied as error:
                self.trouble = str(error)
                return

    async def _reach(self, uid: int, tidied_uid: int = 0) -> None:
        """Write down how far we are, if that is further than before."""
        place = self._place
        uid, tidied_uid = max(uid, place.uid), max(tidied_uid, place.tidied_uid)
        if (uid, tidied_uid) != (place.uid, place.tidied_uid):
            await self._books.reached(place.source, place.uidvalidity, uid, tidied_uid)
            self._place = replace(place, uid=uid, tidied_uid=tidied_uid)


def _no_mail(raw: bytes, size: int) -> str:
    """What a server gave that had said the mail has `size` bytes; empty for a mail."""
    if size and (not raw or raw.isspace()):
        return "nothing"
    return "a note of its own (Exchange)" if _STUB.search(raw[:STUB_BYTES]) else ""


def _due(row: Unfetched, now: datetime) -> bool:
    """Also when it was tried at a time that is still to come: the clock was put back."""
    return not timedelta() <= now - row.tried_at < delay(row.attempts, FIRST_RETRY, LAST_RETRY)
