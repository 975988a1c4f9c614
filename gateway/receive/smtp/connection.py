"""One connection: aiosmtpd's protocol with its bad defaults cured.

Decides how long and how much a peer may send, what every reply looks like and how a
connection ends. Must never cancel a commit, tell a peer what failed inside, or log what a
peer says: it may be a password in the wrong place.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from typing import Any, cast

from aiosmtpd.proxy_protocol import ProxyData
from aiosmtpd.smtp import SMTP, TLSSetupException

from gateway.receive.smtp import replies
from gateway.receive.smtp.auth import MAX_LINE as AUTH_LINE
from gateway.receive.smtp.commit import describe
from gateway.receive.smtp.options import Options
from gateway.receive.smtp.replies import Reply

log = logging.getLogger("replydesk.receive")

COMMAND_LINE = 2048
"""Bytes of a command line: 512 (RFC 5321 section 4.5.3.1.4) and room for every extension we offer."""
_SLACK = 1 << 20
"""Bytes more than a mail that may come before we cut the peer off: pipelined commands, stuffed dots."""


class _Hooks:
    """The one hook that cannot be overridden in the protocol itself."""

    async def handle_PROXY(self, connection: Connection, session: object, envelope: object, header: ProxyData) -> bool:
        return await connection.introduced(header)


class Connection(SMTP):
    """A peer on the line, from the greeting to the goodbye."""

    protocol = "ESMTP"
    source = "smtp"
    line_length_limit = 65_536
    command_size_limit = COMMAND_LINE

    def __init__(self, options: Options, *, offer_starttls: bool, loop: asyncio.AbstractEventLoop) -> None:
        self.options = options
        super().__init__(
            _Hooks(),
            data_size_limit=options.max_message_bytes,
            enable_SMTPUTF8=True,
            hostname=options.hostname,
            ident=f"{self.protocol} Replydesk",
            tls_context=options.tls if offer_starttls else None,
            timeout=options.timeout_seconds,
            proxy_protocol_timeout=options.proxy_protocol_timeout,
            loop=loop,
        )
        # aiosmtpd keeps these in its class, where connections change them for one another.
        self.command_size_limits = collections.defaultdict(lambda: COMMAND_LINE, AUTH=AUTH_LINE)
        self.conversation: asyncio.Task[None]
        """Reads commands and answers them; there once the peer was let in."""
        self.remote = ""
        """The peer's IP address, empty on a Unix socket."""
        self._errors = 0
        self._bytes_since_reply = 0
        self._last_reply_at = loop.time()
        self._timeout_suspended = False

    @property
    def wire(self) -> asyncio.Transport | None:
        """The transport, None once the connection is lost."""
        return cast("asyncio.Transport | None", self.transport)

    @property
    def over_tls(self) -> bool:
        return self.wire is not None and self.wire.get_extra_info("sslcontext") is not None

    @property
    def who(self) -> dict[str, object]:
        """The fields of every log record about this peer."""
        return {"source": self.source, "remote": self.remote}

    async def introduced(self, header: ProxyData) -> bool:
        """The proxy in front has told whom it speaks for; False sends the peer away."""
        # A gate knows who may come in. A connection without one lets nobody.
        return False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._original_transport is None:
            assert self._handler_coroutine is not None
            self.conversation = self._handler_coroutine
            self.conversation.add_done_callback(self._conversation_ended)

    # What the peer sends

    def data_received(self, data: bytes) -> None:
        if self.wire is None:
            return
        self._bytes_since_reply += len(data)
        if self._bytes_since_reply > 2 * self.options.max_message_bytes + _SLACK:
            self._cut_off("sent too much without waiting for a reply")
        elif self.loop.time() - self._last_reply_at > self.options.patience_seconds:
            self._cut_off("sent too slowly")
        else:
            self._reset_timeout()
            super().data_received(data)

    def _cut_off(self, reason: str) -> None:
        log.warning("connection aborted", extra={**self.who, "reason": reason})
        self.abort()

    # What we say

    async def answer(self, *answers: Reply) -> None:
        """Send our replies, in one piece."""
        await self.say("\r\n".join(map(str, answers)))

    async def push(self, status: Any) -> None:
        """aiosmtpd's way to send its own replies; they leave as ours."""
        await self.say(replies.replace_stock(status if isinstance(status, str) else status.decode()))

    async def say(self, lines: str) -> None:
        """Send reply lines as they are, and part from a peer that gets nothing right."""
        self._bytes_since_reply = 0
        self._last_reply_at = self.loop.time()
        await super().push(lines)
        if lines.startswith("5"):
            self._errors += 1
            if self.options.max_errors and self._errors >= self.options.max_errors:
                await self.part(replies.TOO_MANY_ERRORS)

    def forgive(self) -> None:
        """A mail was accepted: earlier errors do not count any more."""
        self._errors = 0

    async def handle_exception(self, error: Exception) -> str:
        """What aiosmtpd is to answer when a command of ours raised: never a permanent refusal."""
        if isinstance(error, TLSSetupException):
            log.info("TLS handshake failed", extra=self.who)
        else:
            log.error("fault", extra={**self.who, "reply": str(replies.FAULT), **describe(error)})
        return str(replies.FAULT)

    # Time

    def _reset_timeout(self, duration: float | None = None) -> None:
        if not self._timeout_suspended:
            super()._reset_timeout(duration)

    def suspend_timeout(self) -> None:
        """While the peer waits for us its silence is no fault of its own."""
        self._timeout_suspended = True
        if self._timeout_handle is not None:
            self._timeout_handle.cancel()

    def resume_timeout(self) -> None:
        self._timeout_suspended = False
        self._reset_timeout()

    def _timeout_cb(self) -> None:
        log.info("connection closed", extra={**self.who, "reply": str(replies.TIMED_OUT)})
        self.hang_up(replies.TIMED_OUT)

    # The end

    async def smtp_QUIT(self, arg: str | None) -> None:
        if arg:
            await self.answer(replies.BAD_ARGUMENT)
        else:
            self.hang_up(replies.BYE)
            await asyncio.sleep(0)

    async def part(self, reply: Reply) -> None:
        """Hang up from within the conversation, which ends here."""
        log.info("connection closed", extra={**self.who, "reply": str(reply)})
        self.hang_up(reply)
        await asyncio.sleep(0)

    def hang_up(self, reply: Reply) -> None:
        """Say a last word and close; a commit under way goes on unseen."""
        wire = self.wire
        if wire is None or wire.is_closing():
            return
        if wire.get_write_buffer_size():
            # It does not read: a polite close would wait for it forever.
            wire.abort()
        else:
            wire.write(f"{reply}\r\n".encode())
        # The end of the conversation closes the transport. Once only: asyncio's TLS transports break at the second.
        self.conversation.cancel()

    def abort(self) -> None:
        """Close at once, without a word."""
        if self.wire is not None:
            self.wire.abort()

    def _conversation_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            log.error("fault", extra={**self.who, **describe(error)})
        wire = self.wire
        if wire is not None and self._in_handshake:
            # asyncio does not tell of a connection that is lost before its handshake ended.
            wire.abort()
            self.connection_lost(None)
        elif wire is not None and not wire.is_closing():
            wire.close()

    @property
    def _in_handshake(self) -> bool:
        return self._tls_protocol is not None and self.session is not None and self.session.ssl is None
