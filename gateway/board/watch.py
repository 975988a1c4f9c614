"""Hearing at once that something changed on the board, where the server tells it: a line that does nothing else.

With NOTIFY (RFC 5465) it tells of every folder below the root, with IDLE (RFC 2177) alone of one. Whatever it does not
tell is found by the next look.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from gateway.core.backoff import Backoff
from gateway.errors import ReplydeskError, cause_of, fault
from gateway.receive.imap import syntax
from gateway.receive.imap.account import Account, Refused
from gateway.receive.imap.client import ImapMailbox, connect

log = logging.getLogger("replydesk.board")

AGAIN_SECONDS = 60.0
"""After the line was lost, and longer each time it cannot be made again: providers lock an account whose login is tried
too often. The board is looked at as often as ever meanwhile."""
_EVENTS = "(MessageNew MessageExpunge FlagChange)"


class BoardWatch:
    """`folder`: the one that is watched where the server tells of one only; `root`: of the whole tree."""

    def __init__(self, account: Account, root: str, folder: str, changed: Callable[[], None]) -> None:
        self._account, self._root, self._folder, self._changed = account, root, folder, changed
        self.tells_all = False
        """Every change is told, so nobody need look for one."""
        self._backoff = Backoff(random.random, AGAIN_SECONDS)

    async def run(self) -> None:
        """Until cancelled. Ends where the server tells nothing."""
        while True:
            try:
                mailbox = await connect(self._account, 1 << 16)
                self._backoff.succeeded()
                try:
                    if not await self._listen(mailbox):
                        return
                finally:
                    self.tells_all = False
                    await mailbox.close()
            except Exception as error:
                # A secret that cannot be read now, too: the looks go on, and it may be read later.
                fields: dict[str, object] = {} if isinstance(error, ReplydeskError) else {"fault": fault(error)}
                log.info("the board is not told of changes", extra=fields | {"cause": cause_of(error)})
            await asyncio.sleep(self._backoff.failed())

    async def _listen(self, mailbox: ImapMailbox) -> bool:
        """False: the server offers no IDLE, or does not want to."""
        if not mailbox.can_idle:
            return False
        await mailbox.select(self._folder)
        self.tells_all = "NOTIFY" in mailbox.capabilities and await self._notified(mailbox)
        while await mailbox.listen(self._heard):
            pass
        return False

    async def _notified(self, mailbox: ImapMailbox) -> bool:
        """False: the server knows NOTIFY and does not want to, so it tells of the one folder."""
        root = syntax.folder_name(self._root)
        try:
            await mailbox.say("NOTIFY", "SET", f"(SELECTED {_EVENTS})", f"(SUBTREE {root} {_EVENTS})")
        except Refused as error:
            log.info("the board is told of one folder only", extra={"folder": self._folder, "cause": str(error)})
            return False
        return True

    def _heard(self, lines: Sequence[bytes]) -> bool:
        """Told when listening begins, too: what happened before was told to nobody. It never ends by this, for what is
        told while nobody listens would be missed. The server may say that it tells no more (RFC 5465 section 5.8)."""
        self._changed()
        if any(b"[NOTIFICATIONOVERFLOW" in line.upper() for line in lines):
            raise Refused("the server has more to tell than it wants to")
        return False
