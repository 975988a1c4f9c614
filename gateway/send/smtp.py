"""Mail over SMTP to a relay, over connections that are kept for the next mail.

Never opens more than the relay lets us: when a further connection is refused while others work,
those are waited for, and asking for more is put off for a while. Must never send on a connection
whose certificate was not verified. What is said on a connection is in `conversation`.
"""

from __future__ import annotations

import asyncio
import logging
import ssl

from gateway.core.retry import About, Outcome, Phase, broken
from gateway.send.conversation import GOODBYE_SECONDS, TROUBLE, Conversation, NoConnection
from gateway.send.relay import Begin, Relay, RelayUnavailable, at_once

log = logging.getLogger("replydesk.send")

MAILS_PER_CONNECTION = 100
"""Relays behind a balancer are spread again after so many."""
IDLE_SECONDS = 30.0
"""After this long without a mail a connection is closed: others want the relay's slots too."""
MODEST_SECONDS = 60.0
"""How long we do with the connections we have, after the relay refused another."""


class SmtpTransport:
    """Sends through one relay; `tls` replaces the system's certificate authorities."""

    def __init__(self, relay: Relay, tls: ssl.SSLContext | None = None) -> None:
        self._relay = relay
        self._tls = tls or (ssl.create_default_context() if relay.security != "none" else None)
        self._idle: list[tuple[Conversation, float]] = []
        self._busy: set[Conversation] = set()
        self._opening: dict[Conversation, asyncio.Timeout] = {}
        """Connections on their way to the relay."""
        self._modest: tuple[int, float] = (relay.connections, 0.0)
        """How many connections we do with, until when."""
        self._changed = asyncio.Event()
        self._closed = False
        self._reaper: asyncio.TimerHandle | None = None
        self._goodbyes: set[asyncio.Task[None]] = set()
        secret = relay.password or relay.tokens
        if secret and relay.security == "none" and relay.host not in ("127.0.0.1", "::1", "localhost"):
            log.warning("the password goes to the relay unencrypted", extra={"relay": str(relay)})

    async def deliver(
        self, reverse_path: str, recipient: str, message: bytes, notice: str = "", begin: Begin = at_once
    ) -> Outcome:
        """Try once. Addresses without angle brackets, the null reverse-path as the empty string."""
        while True:
            try:
                conversation = await self._take()
            except NoConnection as error:
                return broken(Phase.CONNECT, f"{self._relay}: {error}")
            kept = conversation.mails > 0
            try:
                outcome = await conversation.transfer(reverse_path, recipient, message, begin)
            except BaseException:
                conversation.abort()
                self._give(conversation)
                raise
            if conversation.mails >= MAILS_PER_CONNECTION:
                self._retire(conversation)
            else:
                self._give(conversation)
            # The relay may close a kept connection at any time; that says nothing of the mail, nor of the relay.
            if not (kept and outcome.about is About.RELAY):
                return outcome

    async def check(self) -> str:
        """Connect, secure, sign in, and say what was found. Raises `RelayUnavailable`."""
        try:
            conversation = Conversation(self._relay, self._tls)
            await conversation.open()
            found = conversation.description
        except (NoConnection, *TROUBLE) as error:
            raise RelayUnavailable(f"{self._relay}: {error}") from error
        await conversation.goodbye()
        return f"{self._relay}: {found}"

    async def close(self) -> None:
        """Cut off the busy ones, take leave of the others."""
        self._closed = True
        self._changed.set()
        if self._reaper is not None:
            self._reaper.cancel()
        for conversation in self._busy:
            conversation.abort()
        for conversation, until in self._opening.items():
            # A relay that is silent is not waited for. Cut as well, for a cancellation that meets
            # the moment of connecting gets lost in `wait_for` of Python before 3.12.
            until.reschedule(0)
            conversation.abort()
        for conversation, _ in self._idle:
            self._part(conversation)
        self._idle.clear()
        if self._goodbyes:
            await asyncio.wait(self._goodbyes, timeout=GOODBYE_SECONDS)

    # --- connections ---------------------------------------------------------------------

    async def _take(self) -> Conversation:
        """A connection of one's own until `give`: the one used last, or a new one."""
        while not self._closed:
            while self._idle:
                kept, _ = self._idle.pop()
                self._busy.add(kept)
                if await self._is_ready(kept):
                    return kept
            if len(self._busy) + len(self._opening) < self._limit():
                try:
                    return await self._new()
                except NoConnection:
                    while self._opening and not self._live:
                        await self._change()
                    if not self._live:
                        raise
                    self._modest = (self._live, asyncio.get_running_loop().time() + MODEST_SECONDS)
                    log.info("no further connection", extra={"connections": self._live})
            else:
                await self._change()
        raise NoConnection("sending has ended")

    def _give(self, conversation: Conversation) -> None:
        """Give a connection back, in whatever state it is."""
        self._busy.discard(conversation)
        self._changed.set()
        if self._closed or not conversation.alive:
            conversation.abort()
            return
        loop = asyncio.get_running_loop()
        self._idle.append((conversation, loop.time()))
        if self._reaper is None:
            self._reaper = loop.call_later(IDLE_SECONDS, self._reap)

    def _retire(self, conversation: Conversation) -> None:
        """Give a connection back that has done its share."""
        self._busy.discard(conversation)
        self._changed.set()
        self._part(conversation)

    @property
    def _live(self) -> int:
        return len(self._busy) + len(self._idle)

    def _limit(self) -> int:
        some, until = self._modest
        return some if asyncio.get_running_loop().time() < until else self._relay.connections

    async def _new(self) -> Conversation:
        try:
            return await self._begun()
        except TimeoutError:
            raise NoConnection("sending has ended") from None

    async def _begun(self) -> Conversation:
        opening = Conversation(self._relay, self._tls)
        async with asyncio.timeout(None) as until:
            self._opening[opening] = until
            try:
                await opening.open()
                self._busy.add(opening)
            finally:
                del self._opening[opening]
                self._changed.set()
        if self._closed:
            self._give(opening)
            raise NoConnection("sending has ended")
        return opening

    async def _is_ready(self, kept: Conversation) -> bool:
        try:
            if await kept.ready():
                return True
        except BaseException:
            self._drop(kept)
            raise
        self._drop(kept)
        return False

    def _drop(self, conversation: Conversation) -> None:
        self._busy.discard(conversation)
        self._changed.set()
        conversation.abort()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    def _reap(self) -> None:
        self._reaper = None
        loop = asyncio.get_running_loop()
        old = [pair for pair in self._idle if loop.time() - pair[1] >= IDLE_SECONDS]
        self._idle = [pair for pair in self._idle if pair not in old]
        for conversation, _ in old:
            self._part(conversation)
        if self._idle:
            self._reaper = loop.call_at(self._idle[0][1] + IDLE_SECONDS, self._reap)

    def _part(self, conversation: Conversation) -> None:
        task = asyncio.get_running_loop().create_task(conversation.goodbye())
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)
