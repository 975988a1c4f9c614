"""Watching the folders of the settings for as long as the daemon lives: connect, look, wait, look again.

Where the server tells of new mail (IDLE) it is asked to; else we look every so often. Whatever fails, the
connection is thrown away and made anew after a delay that grows. A secret that cannot be read stops the
start; later it only makes the look fail, until it can be read again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from gateway.config import Settings, oauth, read_secret
from gateway.config.secret_files import Password
from gateway.config.settings import ImapSettings
from gateway.core.backoff import Backoff, delay
from gateway.errors import LoginRefused, ReplydeskError, StorageUnavailable, cause_of, fault
from gateway.mail.message import address_key
from gateway.memory import Memory
from gateway.receive.imap.account import Account, After, Auth, Backlog, Credential, FolderProgress, FolderTask, Security
from gateway.receive.imap.client import ImapMailbox, connect
from gateway.receive.imap.folder import Folder
from gateway.receive.intake import Intake

log = logging.getLogger("replydesk.imap")

AFTER_REFUSAL_SECONDS = 60.0
"""Providers lock an account whose login is tried too often."""
CALM_SECONDS = 10.0
"""A server that lets us listen for so long is well."""
EMPTY_CALLS = 3
"""So many calls in a row that bring no mail are followed at once; some servers call whenever we begin to listen."""


class Watch:
    """One folder of one account."""

    def __init__(self, account: Account, folder: Folder, books: FolderProgress, longest_message: int) -> None:
        self._account, self._folder, self._books = account, folder, books
        # Servers count sizes in ways of their own: what is too large is found out before it is asked for.
        self._longest = 2 * longest_message + (1 << 20)
        self._stopping, self._ended = asyncio.Event(), asyncio.Event()
        self._backoff = Backoff(random.random)
        self._empty_calls = 0
        """How often in a row the server called at once, or hung up, and nothing had come."""

    @property
    def source(self) -> str:
        return self._folder.source

    async def run(self) -> None:
        """Until `drain`, or cancelled."""
        try:
            while not self._stopping.is_set():
                try:
                    await self._visit()
                except Exception as error:
                    await self._pause(await self._failed(error))
        finally:
            self._ended.set()

    async def drain(self, seconds: float) -> None:
        """Finish the mails in hand and begin no more."""
        self._stopping.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def _visit(self) -> None:
        """One connection, from the login to its end."""
        mailbox = await connect(self._account, self._longest)
        try:
            await self._folder.open(mailbox)
            log.info("watching", extra={"source": self.source, "account": self._account.name})
            while not self._stopping.is_set():
                mails = await self._folder.look(mailbox, self._stopping)
                if self._stopping.is_set():
                    break
                await self._report(mails)
                await self._wait(mailbox, mails)
        finally:
            await mailbox.close()

    async def _report(self, mails: int) -> None:
        if self._folder.trouble:
            log.warning("cannot tidy up", extra={"source": self.source, "cause": self._folder.trouble})
        await self._books.looked(self.source, mails, self._folder.trouble, tidied=self._folder.tidied)

    async def _wait(self, mailbox: ImapMailbox, mails: int) -> None:
        """Until there may be new mail; the last look took so many. Raises `Unreachable` when the connection is lost."""
        waiting = asyncio.ensure_future(self._news(mailbox, mails))
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
        finally:
            for task in (waiting, stopping):
                task.cancel()
            await asyncio.gather(waiting, stopping, return_exceptions=True)

    async def _news(self, mailbox: ImapMailbox, mails: int) -> None:
        called = await self._listen(mailbox, mails)
        if not called:
            await asyncio.sleep(self._account.poll_seconds)
        elif self._empty_calls > EMPTY_CALLS:
            await asyncio.sleep(delay(self._empty_calls - EMPTY_CALLS, 1.0, self._account.poll_seconds))

    async def _listen(self, mailbox: ImapMailbox, mails: int) -> bool:
        """False: the server tells of nothing by itself. One that ends the listening at once for nothing, with a call or
        by hanging up, is not gone along with ever faster."""
        loop = asyncio.get_running_loop()
        began, calm = loop.time(), mails > 0
        try:
            called = mailbox.can_idle and await mailbox.idle()
            calm = calm or not called
            return called
        finally:
            if calm or loop.time() - began >= CALM_SECONDS:
                self._backoff.succeeded()
                self._empty_calls = 0
            else:
                self._empty_calls += 1

    async def _failed(self, error: Exception) -> float:
        """Write a failure down; how many seconds to wait."""
        delay = self._backoff.failed(AFTER_REFUSAL_SECONDS if isinstance(error, LoginRefused) else 0.0)
        told, cause = isinstance(error, ReplydeskError), cause_of(error)
        fields = {"source": self.source, "cause": cause, "again_in_seconds": round(delay, 1)}
        log.warning("look failed", extra=fields if told else fields | {"fault": fault(error)})
        with contextlib.suppress(StorageUnavailable):
            await self._books.failed(self.source, cause)
        return delay

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


_TLS_PORT, _PLAIN_PORT = 993, 143


def watches(
    settings: Settings, intake: Intake, books: FolderProgress, clock: Callable[[], datetime], memory: Memory
) -> list[Watch]:
    """One for each folder of `[[receive.imap]]`. Raises `ConfigError` for a secret that cannot be read."""
    found = []
    largest = settings.limits.max_message_bytes
    for number, imap in enumerate(settings.receive.imap):
        account = account_of(settings, f"receive.imap[{number}]", imap)
        for errand in errands(imap):
            folder = Folder(errand, account.name, intake, books, largest, clock, memory)
            found.append(Watch(account, folder, books, largest))
    return found


def alarm_after(settings: Settings) -> dict[str, timedelta]:
    """How long each source may fail before the operator hears of it."""
    return {
        errand.source: timedelta(minutes=imap.alarm_after_minutes)
        for imap in settings.receive.imap
        for errand in errands(imap)
    }


def errands(imap: ImapSettings) -> list[FolderTask]:
    """What to do in each folder of an account. Sent mail is only ever looked at."""
    inbox = FolderTask(
        f"imap:{imap.mailbox}", imap.mailbox, imap.folder, Backlog(imap.backlog), After(imap.after), imap.move_to
    )
    if not imap.sent_folder:
        return [inbox]
    return [inbox, FolderTask(f"imap-sent:{imap.mailbox}", imap.mailbox, imap.sent_folder, Backlog.NONE, After.LEAVE)]


def account_of(settings: Settings, key: str, imap: ImapSettings) -> Account:
    """How to reach the account of a table. Raises `ConfigError` for a secret that cannot be read."""
    security = Security(imap.security)
    return Account(
        host=imap.host,
        port=imap.port or (_TLS_PORT if security is Security.TLS else _PLAIN_PORT),
        security=security,
        username=imap.username or imap.mailbox,
        auth=Auth(imap.auth),
        credential=_credential(settings, key, imap),
        ca_file=str(settings.path(imap.ca_file)) if imap.ca_file else "",
        may_idle=imap.idle,
        poll_seconds=imap.poll_seconds,
    )


def _credential(settings: Settings, key: str, imap: ImapSettings) -> Credential:
    if imap.auth == "xoauth2":
        return oauth.tokens(settings, key, imap, address_key(imap.mailbox))
    read = partial(read_secret, settings, f"{key}.password_file", imap.password_file)
    read()
    return Password(read)
