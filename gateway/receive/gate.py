"""One connection: aiosmtpd's protocol with its bad defaults cured.

Decides who is let in, how long and how much a peer may send, what every reply looks like and
how a connection ends. What the commands do is in `session`. Must never cancel a commit, tell
a peer what failed inside, or log what a peer says: it may be a password in the wrong place.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import secrets
from ipaddress import IPv4Address, IPv6Address
from typing import Any, cast

from aiosmtpd.proxy_protocol import V2_CMD, ProxyData
from aiosmtpd.smtp import SMTP, TLSSetupException

from gateway.receive import replies
from gateway.receive.auth import MAX_LINE as AUTH_LINE
from gateway.receive.commit import describe
from gateway.receive.door import Door, plain_address
from gateway.receive.replies import Reply

log = logging.getLogger("replydesk.receive")

COMMAND_LINE = 2048
"""Bytes of a command line: 512 (RFC 5321 section 4.5.3.1.4) and room for every extension we offer."""
_SLACK = 1 << 20
"""Bytes more than a mail that may come before we cut the peer off: pipelined commands, stuffed dots."""


class _Hooks:
    """The one hook that cannot be overridden in the protocol itself."""

    async def handle_PROXY(self, gate: Gate, session: object, envelope: object, header: ProxyData) -> bool:
        return await gate.introduced(header)


class Gate(SMTP):
    """A peer's connection, from the greeting to the goodbye."""

    protocol = "ESMTP"
    source = "smtp"
    line_length_limit = 65_536
    command_size_limit = COMMAND_LINE

    def __init__(self, door: Door, *, offer_starttls: bool, loop: asyncio.AbstractEventLoop) -> None:
        self.door, self.options = door, door.options
        super().__init__(
            _Hooks(),
            data_size_limit=self.options.max_message_bytes,
            enable_SMTPUTF8=True,
            hostname=self.options.hostname,
            ident=f"{self.protocol} Replydesk",
            tls_context=self.options.tls if offer_starttls else None,
            timeout=self.options.timeout_seconds,
            proxy_protocol_timeout=self.options.proxy_protocol_timeout,
            loop=loop,
        )
        # aiosmtpd keeps these in its class, where connections change them for one another.
        self.command_size_limits = collections.defaultdict(lambda: COMMAND_LINE, AUTH=AUTH_LINE)
        self.conversation: asyncio.Task[None]
        """Reads commands and answers them; there from the moment the peer was let in."""
        self.remote = ""
        self.id = secrets.token_hex(4)
        """Of the connection; every mail's id begins with it."""
        self._admitted: str | None = None
        self._refused = False
        self._in_mail = False
        self._timeout_suspended = False
        self._leaving = False
        self._errors = 0
        self._bytes_since_reply = 0
        self._last_reply_at = loop.time()

    @property
    def wire(self) -> asyncio.Transport | None:
        """The transport, None once the connection is lost."""
        return cast("asyncio.Transport | None", self.transport)

    @property
    def over_tls(self) -> bool:
        return self.wire is not None and self.wire.get_extra_info("sslcontext") is not None

    # Coming in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is not None:
            # STARTTLS: the same peer once more.
            super().connection_made(transport)
            return
        self.remote = plain_address(transport.get_extra_info("peername"))
        refusal = self.door.refusal()
        if refusal is None and self._proxy_timeout is None and not self._admit():
            refusal = replies.TOO_MANY_FROM_YOU
        if refusal is not None:
            self._refuse(cast(asyncio.Transport, transport), refusal)
            return
        self.door.entered(self)
        super().connection_made(transport)
        assert self._handler_coroutine is not None
        self.conversation = self._handler_coroutine
        self.conversation.add_done_callback(self._conversation_ended)

    async def introduced(self, header: ProxyData) -> bool:
        """The proxy has told whom it speaks for; False sends the peer away."""
        source = header.src_addr
        if header.command != V2_CMD.LOCAL and isinstance(source, IPv4Address | IPv6Address):
            self.remote = plain_address((str(source),))
        if self._admit():
            return True
        self._log_refusal(replies.TOO_MANY_FROM_YOU)
        await self.answer(replies.TOO_MANY_FROM_YOU)
        return False

    def _admit(self) -> bool:
        if self.door.admit(self.remote):
            self._admitted = self.remote
        return self._admitted is not None

    def _refuse(self, transport: asyncio.Transport, reply: Reply) -> None:
        self._refused = True
        self._log_refusal(reply)
        transport.write(f"{reply}\r\n".encode())
        transport.close()

    def _log_refusal(self, reply: Reply) -> None:
        log.warning("connection refused", extra={"source": self.source, "remote": self.remote, "reply": str(reply)})

    # What the peer sends

    def data_received(self, data: bytes) -> None:
        if self._refused or self.wire is None:
            return
        self._bytes_since_reply += len(data)
        if self._bytes_since_reply > 2 * self.options.max_message_bytes + _SLACK:
            self._cut_off("sent too much without waiting for a reply")
        elif self.loop.time() - self._last_reply_at > self.options.patience_seconds:
            self._cut_off("sent too slowly")
        else:
            if self._admitted is not None:
                self._reset_timeout()
            super().data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._refused else super().eof_received()

    def _cut_off(self, reason: str) -> None:
        log.warning("connection aborted", extra={"source": self.source, "remote": self.remote, "reason": reason})
        self.abort()

    # What we say

    async def answer(self, *answers: Reply) -> None:
        """Send our replies, in one piece."""
        await self._say("\r\n".join(map(str, answers)))

    async def push(self, status: Any) -> None:
        """aiosmtpd's way to send its own replies; they leave as ours."""
        await self._say(replies.replace_stock(status if isinstance(status, str) else status.decode()))

    async def _say(self, line: str) -> None:
        self._bytes_since_reply = 0
        self._last_reply_at = self.loop.time()
        await super().push(line)
        if line.startswith("5"):
            self._errors += 1
            if self.options.max_errors and self._errors >= self.options.max_errors:
                self._cut_short(replies.TOO_MANY_ERRORS)
                await asyncio.sleep(0)

    def _cut_short(self, reply: Reply) -> None:
        log.info("connection closed", extra={"source": self.source, "remote": self.remote, "reply": str(reply)})
        self.hang_up(reply)

    async def handle_exception(self, error: Exception) -> str:
        """What aiosmtpd is to answer when a command of ours raised: never a permanent refusal."""
        where = {"source": self.source, "remote": self.remote}
        if isinstance(error, TLSSetupException):
            log.info("TLS handshake failed", extra=where)
        else:
            log.error("fault", extra={**where, "reply": str(replies.FAULT), **describe(error)})
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
        self._cut_short(replies.TIMED_OUT)

    # Going out

    def begin_mail(self) -> None:
        """From here to `end_mail` the connection is not closed by `leave`."""
        self._in_mail = True

    async def end_mail(self) -> None:
        self._in_mail = False
        if self._leaving:
            self.hang_up(replies.SHUTTING_DOWN)
            await asyncio.sleep(0)

    def mail_accepted(self) -> None:
        """Earlier errors are forgiven."""
        self._errors = 0

    def leave(self) -> None:
        """Close the connection, when a mail is under way after its reply."""
        self._leaving = True
        if not self._in_mail:
            self.hang_up(replies.SHUTTING_DOWN)

    def hang_up(self, reply: Reply) -> None:
        """Say a last word and close; a commit under way goes on unseen."""
        wire = self.wire
        if wire is None:
            return
        if wire.get_write_buffer_size():
            # It does not read: a polite close would wait for it forever.
            wire.abort()
        else:
            wire.write(f"{reply}\r\n".encode())
            wire.close()
        self.conversation.cancel()

    def abort(self) -> None:
        """Close at once, without a word."""
        if self.wire is not None:
            self.wire.abort()

    def connection_lost(self, error: Exception | None) -> None:
        if self._refused:
            return
        if self in self.door.gates:
            self.door.left(self)
            if self._admitted is not None:
                self.door.release(self._admitted)
            else:
                log.warning("no PROXY header", extra={"source": self.source, "remote": self.remote})
        super().connection_lost(error)

    def _conversation_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception) and not isinstance(error, ConnectionError):
            log.error("fault", extra={"source": self.source, "remote": self.remote, **describe(error)})
        if self.wire is not None:
            self.wire.close()
