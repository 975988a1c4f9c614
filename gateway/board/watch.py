"""Hearing at once that something changed on the board, where the server tells it: a line that does nothing else.

With NOTIFY (RFC 5465) it tells of every folder below the root, with IDLE (RFC 2177) alone of one. Whatever it does not
tell is found by the next look.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from gateway.errors import AccountError
from gateway.receive.imap import syntax
from gateway.receive.imap.account import Account
from gateway.receive.imap.client import ImapMailbox, connect

log = logging.getLogger("replydesk.board")

AGAIN_SECONDS = 60.0
"""After the line was lost; the board is looked at as often as ever meanwhile."""
_EVENTS = "(MessageNew MessageExpunge FlagChange)"


class BoardWatch:
    """`folder`: the one that is watched where the server tells of one only; `root`: of the whole tree."""

    def __init__(self, account: Account, root: str, folder: str, changed: Callable[[], None]) -> None:
        self._account, self._root, self._folder, self._changed = account, root, folder, changed
        self.tells_all = False
        """Every change is told, so nobody need look for one."""

    async def run(self) -> None:
        """Until cancelled. Ends where the server tells nothing."""
        while True:
            try:
                mailbox = await connect(self._account, 1 << 16)
                try:
                    if not await self._listen(mailbox):
                        return
                finally:
                    self.tells_all = False
                    await mailbox.close()
            except AccountError as error:
                log.info("the board is not told of changes", extra={"cause": str(error)})
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, mailbox: ImapMailbox) -> bool:
        """False: the server offers no IDLE, or does not want to."""
        if not mailbox.can_idle:
            return False
        await mailbox.select(self._folder)
        if "NOTIFY" in mailbox.capabilities:
            root = syntax.folder_name(self._root)
            await mailbox.say("NOTIFY", "SET", f"(SELECTED {_EVENTS})", f"(SUBTREE {root} {_EVENTS})")
            self.tells_all = True
        while await mailbox.listen(self._heard):
            pass
        return False

    def _heard(self, _: Sequence[bytes]) -> bool:
        """Told when listening begins, too: what happened before was told to nobody. It never ends by this, for what is
        told while nobody listens would be missed."""
        self._changed()
        return False
