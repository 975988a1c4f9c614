"""One connection: aiosmtpd's protocol with its bad defaults cured, and the commands we obey.

Decides how long and how much a peer may send, what every reply looks like and how a connection
ends; who comes in (`admission`), who signs in (`auth`) and what a mail's envelope is
(`transaction`) are parts it asks. Must never cancel a commit, tell a peer what failed inside, or
log what a peer says: it may be a password in the wrong place.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import logging
import secrets
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from aiosmtpd import smtp as aiosmtpd
from aiosmtpd.proxy_protocol import ProxyData

from gateway.errors import fault
from gateway.receive.intake import Intake
from gateway.receive.smtp import admission, replies
from gateway.receive.smtp.admission import Admission, Peer
from gateway.receive.smtp.data import Commits, Hop, MailData, protocol_name
from gateway.receive.smtp.options import Dialect, Options
from gateway.receive.smtp.replies import Declined, Reply
from gateway.receive.smtp.transaction import Transaction, Transactions

log = logging.getLogger("replydesk.receive")

COMMAND_LINE = 2048
"""Bytes of a command line: 512 (RFC 5321 section 4.5.3.1.4) and room for every extension we offer."""
_SLACK = 1 << 20
"""Bytes more than a mail that may come before we cut the peer off: pipelined commands, stuffed dots."""
_ALL_THERE_IS = 1 << 30
"""Bytes; more than the stream ever holds, so that a read empties it."""
_AFTER_HELLO = frozenset({"AUTH", "MAIL", "RCPT", "DATA"})

Verb = Callable[[str], Awaitable[Reply | None]]
"""Carries out a command with this argument; None: it has answered already."""


@dataclass(slots=True)
class Listening:
    """What the connections of one listener share."""

    intake: Intake
    options: Options
    dialect: Dialect
    offer_starttls: bool
    admission: Admission
    commits: Commits
    sessions: set[SmtpSession] = field(default_factory=set)
    """Those that were let in and have not ended."""


class SmtpSession(aiosmtpd.SMTP):
    """A connection from its first byte to its last."""

    line_length_limit = 65_536
    command_size_limit = COMMAND_LINE

    def __init__(self, listening: Listening, loop: asyncio.AbstractEventLoop) -> None:
        self._listening, self._options, self._dialect = listening, listening.options, listening.dialect
        self.peer = Peer(self._dialect.source)
        self._authentication = admission.Authentication(self.peer, self._options, listening.admission)
        self._transactions = Transactions(self.peer, self._options, listening.intake.is_ours)
        super().__init__(
            SimpleNamespace(handle_PROXY=self._introduced),
            data_size_limit=self._options.max_message_bytes,
            enable_SMTPUTF8=True,
            hostname=self._options.hostname,
            ident=f"{self._dialect.keyword} Replydesk",
            tls_context=self._options.tls if listening.offer_starttls else None,
            timeout=self._options.timeout_seconds,
            proxy_protocol_timeout=self._options.proxy_protocol_timeout,
            loop=loop,
        )
        # aiosmtpd keeps these in its class, where connections change them for one another.
        self.command_size_limits = collections.defaultdict(lambda: COMMAND_LINE, AUTH=admission.MAX_LINE)
        # NOOP, RSET and EXPN are carried out by aiosmtpd.
        self._smtp_methods |= {name: functools.partial(self._obey, name, verb) for name, verb in self._verbs().items()}
        self.conversation: asyncio.Task[None]
        """Reads commands and answers them; there once the peer was let in."""
        self.ended: asyncio.Future[None] = loop.create_future()
        """The connection is gone."""
        self._id = secrets.token_hex(4)
        """Every mail's id begins with it."""
        self._mails = 0
        self._in_mail = self._leaving = self._in_long_line = False
        self._conduct = admission.Conduct(self._options)
        self._bytes_since_reply = 0
        self._last_reply_at = loop.time()
        self._timeout_suspended, self._silent_until = False, 0.0

    def _verbs(self) -> dict[str, Verb]:
        hellos: dict[str, Verb] = {"HELO": self._helo, "EHLO": self._ehlo}
        if self._dialect.is_lmtp:
            hellos = {"LHLO": self._ehlo, "HELO": self._unknown, "EHLO": self._unknown}
        return {
            **hellos,
            "STARTTLS": self._starttls,
            "AUTH": self._sign_in,
            "MAIL": self._transactions.mail,
            "RCPT": self._transactions.rcpt,
            "DATA": self._data,
            "VRFY": self._vrfy,
            "HELP": self._help,
            "QUIT": self._quit,
        }

    async def _obey(self, command: str, verb: Verb, argument: str | None) -> None:
        assert self.session is not None
        try:
            known = self.session.host_name or command not in _AFTER_HELLO
            reply = await verb(argument or "") if known else replies.NEED_HELLO
        except Declined as declined:
            reply = declined.reply
        if reply is not None:
            await self.answer(reply)

    @property
    def wire(self) -> asyncio.Transport | None:
        """The transport, None once the connection is lost."""
        return cast("asyncio.Transport | None", self.transport)

    @property
    def over_tls(self) -> bool:
        return self.wire is not None and self.wire.get_extra_info("sslcontext") is not None

    # --- coming in ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Nothing learnt before TLS is kept after it.
        self.peer.authenticated_as = ""
        if self._original_transport is not None:
            # STARTTLS: the same peer once more.
            super().connection_made(transport)
            return
        refusal = self._listening.admission.arrive(self.peer, transport.get_extra_info("peername"))
        if refusal is not None:
            # aiosmtpd never learns of this connection: it would greet it.
            cast(asyncio.Transport, transport).write(f"{refusal}\r\n".encode())
            transport.close()
            return
        self._listening.sessions.add(self)
        super().connection_made(transport)
        assert self._handler_coroutine is not None
        self.conversation = self._handler_coroutine
        self.conversation.add_done_callback(self._conversation_ended)

    def _cb_client_connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super()._cb_client_connected(reader, writer)
        # aiosmtpd takes a bare LF for the end of a line.
        whole = functools.partial(self._command_line, reader.readuntil)
        reader.readuntil = whole  # type: ignore[method-assign]  # the only way between aiosmtpd and its lines

    async def _command_line(self, read: Callable[[bytes], Awaitable[bytes]], separator: bytes = b"\n") -> bytes:
        try:
            line = await read(separator)
        except asyncio.LimitOverrunError:
            # aiosmtpd looks for the end of it before it refuses it.
            self._in_long_line = True
            raise
        if admission.is_http(line):
            await self._part(replies.NOT_SMTP)
        if not line.endswith(b"\r\n") and not self._in_long_line:
            raise Declined(replies.BARE_LF)
        self._in_long_line = False
        return line

    async def _introduced(self, server: object, session: object, envelope: object, header: ProxyData) -> bool:
        """The proxy in front has told whom it speaks for; False sends the peer away."""
        refusal = self._listening.admission.introduce(self.peer, header)
        if refusal is not None:
            await self.answer(refusal)
        return refusal is None

    # --- what the peer sends ------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        if self.wire is None:
            return
        self._bytes_since_reply += len(data)
        if self._bytes_since_reply > 2 * self._options.max_message_bytes + _SLACK:
            self._cut_off("sent too much without waiting for a reply")
        elif self.loop.time() - self._last_reply_at > self._options.patience_seconds:
            self._cut_off("sent too slowly")
        else:
            self._reset_timeout()
            super().data_received(data)

    def _cut_off(self, reason: str) -> None:
        log.warning("connection aborted", extra={**self.peer.fields, "reason": reason})
        self.abort()

    def eof_received(self) -> bool | None:
        return None if self.session is None else super().eof_received()

    # --- what we say --------------------------------------------------------------------------

    async def answer(self, *answers: Reply) -> None:
        """Send our replies, in one piece."""
        await self._say("\r\n".join(map(str, answers)))

    async def push(self, status: Any) -> None:
        """aiosmtpd's way to send its own replies; they leave as ours."""
        await self._say(replies.replace_stock(status if isinstance(status, str) else status.decode()))

    async def _say(self, lines: str) -> None:
        """Send reply lines as they are; part from a peer that gets nothing right, or comes to nothing.

        Whatever it has pipelined, between two of its commands everybody else has a turn.
        """
        self._bytes_since_reply = 0
        self._last_reply_at = self.loop.time()
        await super().push(lines)
        end = self._conduct.said(lines)
        if end is not None:
            await self._part(end)
        await asyncio.sleep(self._conduct.pause)

    async def handle_exception(self, error: Exception) -> str:
        """What aiosmtpd is to answer when a command raised: never a permanent refusal for a fault of ours."""
        if isinstance(error, Declined):
            return str(error.reply)
        if isinstance(error, aiosmtpd.TLSSetupException):
            log.info("TLS handshake failed", extra=self.peer.fields)
        else:
            log.error("fault", extra={**self.peer.fields, "reply": str(replies.FAULT), **fault(error)})
        return str(replies.FAULT)

    # --- HELO, EHLO, LHLO, STARTTLS (RFC 3207), AUTH (RFC 4954) ---------------------------------

    async def _helo(self, hostname: str) -> None:
        self._meet(hostname, extended=False)
        await self._say(f"250 {self.hostname}")

    async def _ehlo(self, hostname: str) -> None:
        self._meet(hostname, extended=True)
        *first, last = (self.hostname, *self._extensions())
        await self._say("\r\n".join([*(f"250-{line}" for line in first), f"250 {last}"]))

    def _meet(self, hostname: str, *, extended: bool) -> None:
        if not hostname:
            raise Declined(replies.BAD_ARGUMENT)
        self._set_rset_state()  # type: ignore[no-untyped-call]  # aiosmtpd is typed in part
        assert self.session is not None
        self.session.host_name = hostname
        self.session.extended_smtp = extended

    def _extensions(self) -> tuple[str, ...]:
        return (
            "PIPELINING",
            f"SIZE {self._options.max_message_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            *(["STARTTLS"] if self.tls_context and not self.over_tls else []),
            *(
                ["AUTH " + " ".join(admission.MECHANISMS)]
                if self._authentication.unavailable(self.over_tls) is None
                else []
            ),
            "HELP",
        )

    async def _starttls(self, argument: str) -> Reply | None:
        if self.over_tls:
            return replies.ALREADY_TLS
        if self.tls_context is None:
            return replies.NOT_IMPLEMENTED
        await super().smtp_STARTTLS(argument)
        return None

    async def _sign_in(self, argument: str) -> None:
        if self._transactions.current is not None:
            # RFC 4954 section 4: not during a mail transaction.
            raise Declined(replies.AUTH_NOT_NOW)
        unavailable = self._authentication.unavailable(self.over_tls)
        await self.answer(unavailable or await self._authentication.attempt(argument.split(), self._challenge))
        if self._authentication.exhausted:
            await self._part(replies.TOO_MANY_ERRORS)

    async def _challenge(self, text: bytes) -> bytes:
        await self._say(admission.challenge_line(text))
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise Declined(replies.AUTH_LINE_TOO_LONG) from None
        return line.rstrip(b"\r\n")

    # --- the mail -----------------------------------------------------------------------------

    def _set_post_data_state(self) -> None:
        # aiosmtpd calls it wherever RFC 5321 wants the buffers cleared: HELO, RSET, STARTTLS.
        super()._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd is typed in part
        self._transactions.current = None

    async def _data(self, argument: str) -> None:
        """250 is given only after the commit. RFC 2033 wants a reply for each RCPT that succeeded, in their order."""
        transaction = self._transactions.ready_for_data(argument)
        with self._mail_under_way():
            await self.answer(replies.START_MAIL_INPUT)
            data = await self._read_mail()
            self._set_post_data_state()
            reply = await self._commit(data, transaction)
            if reply.accepted:
                self._conduct = admission.Conduct(self._options)
            await self.answer(*[reply] * (len(transaction.forward_paths) if self._dialect.is_lmtp else 1))
        if self._leaving:
            await self._part(replies.SHUTTING_DOWN)

    @contextlib.contextmanager
    def _mail_under_way(self) -> Iterator[None]:
        """Meanwhile `leave` does not close the connection."""
        self._in_mail = True
        try:
            yield
        finally:
            self._in_mail = False

    async def _read_mail(self) -> MailData:
        data = MailData(self._options.max_message_bytes, self._options.memory, self._options.spool)
        try:
            while chunk := await self._reader.read(_ALL_THERE_IS):
                rest = data.feed(chunk)
                if rest is not None:
                    # The stream is empty now, so what was pipelined behind the mail is next again.
                    self._reader.feed_data(rest)
                    return data
            raise ConnectionResetError
        except BaseException:
            data.close()
            raise

    async def _commit(self, data: MailData, transaction: Transaction) -> Reply:
        self._mails += 1
        hop, envelope = self._hop(transaction), transaction.envelope(self.peer)
        # While the peer waits for us its silence is no fault of its own.
        self._timeout_suspended = True
        reply = await self._listening.commits.commit(data, hop, envelope)
        self._timeout_suspended = False
        self._reset_timeout()
        return reply

    def _hop(self, transaction: Transaction) -> Hop:
        assert self.session is not None
        base, signed_in = self._dialect.keyword if self.session.extended_smtp else "SMTP", self.peer.authenticated_as
        protocol = protocol_name(base, tls=self.over_tls, authenticated=bool(signed_in), smtputf8=transaction.smtputf8)
        id = f"{self._id}{self._mails:04x}"
        return Hop(self.session.host_name or "", self.peer.remote, self.hostname, protocol, id, datetime.now(UTC))

    # --- other commands -----------------------------------------------------------------------

    async def _vrfy(self, argument: str) -> Reply:
        return replies.CANNOT_VERIFY if argument else replies.BAD_ARGUMENT

    async def _help(self, argument: str) -> Reply:
        return replies.HELP

    async def _unknown(self, argument: str) -> Reply:
        return replies.UNKNOWN_COMMAND

    async def _quit(self, argument: str) -> None:
        if argument:
            raise Declined(replies.BAD_ARGUMENT)
        self.hang_up(replies.BYE)
        await asyncio.sleep(0)

    # --- time ---------------------------------------------------------------------------------

    def _reset_timeout(self, duration: float | None = None) -> None:
        # Bytes of a PROXY header do not prolong the time it has.
        waits_for_header = not self.peer.admitted and self._timeout_handle is not None
        if self._timeout_suspended or (duration is None and waits_for_header):
            return
        self._silent_until = self.loop.time() + (duration or self._options.timeout_seconds)
        if self._timeout_handle is None or self._timeout_handle.when() > self._silent_until:
            super()._reset_timeout(duration)

    def _timeout_cb(self) -> None:
        left = self._options.timeout_seconds if self._timeout_suspended else self._silent_until - self.loop.time()
        if left > 0:  # One timer serves many commands: it costs more than their own work.
            super()._reset_timeout(left)
        else:
            log.info("connection closed", extra={**self.peer.fields, "reply": str(replies.TIMED_OUT)})
            self.hang_up(replies.TIMED_OUT)

    # --- the end ------------------------------------------------------------------------------

    def leave(self) -> None:
        """Close the connection; when a mail is under way, after its reply."""
        self._leaving = True
        if not self._in_mail:
            self.hang_up(replies.SHUTTING_DOWN)

    async def _part(self, reply: Reply) -> None:
        """Hang up from within the conversation, which ends here."""
        log.info("connection closed", extra={**self.peer.fields, "reply": str(reply)})
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
            log.error("fault", extra={**self.peer.fields, **fault(error)})
        wire = self.wire
        if wire is None:
            return
        if self._tls_protocol is not None and self.session is not None and self.session.ssl is None:
            # In its handshake: asyncio does not tell of a connection that is lost before that ended.
            wire.abort()
            self.connection_lost(None)
        elif not wire.is_closing():
            wire.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self.session is None:
            # It was refused.
            return
        if self in self._listening.sessions:
            self._listening.sessions.discard(self)
            self._listening.admission.leave(self.peer)
            self.ended.set_result(None)
        super().connection_lost(error)
