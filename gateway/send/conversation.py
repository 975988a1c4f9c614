"""One connection to the relay, knowing at each moment how far a mail came; and the mail made ready for it.

RFC 5321 (sections 4.1.2 and 4.5.2) with 3207 (STARTTLS), 4954 (AUTH), 1870 (SIZE), 6152 (8BITMIME), 6531
(SMTPUTF8) and 2920 (PIPELINING). Must never let an address or a line of the mail become a command. aiosmtplib speaks
the commands; DATA is ours, for its own hides whether the final dot was sent: before the dot nothing was delivered,
after it without an answer nobody knows. Must never turn that doubt into a plain retry.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import aiosmtplib
from aiosmtplib import SMTPResponse

from gateway.core.retry import About, Outcome, Phase, Result, answered, broken
from gateway.errors import AccountError
from gateway.mail.message import ascii_domain
from gateway.send.pipeline import said
from gateway.send.relay import NOT_OURS, Begin, Relay


@dataclass(frozen=True, slots=True)
class PreparedMail:
    """What goes over the wire."""

    reverse_path: bytes
    """Without angle brackets, as the recipient."""
    recipient: bytes
    parameters: tuple[bytes, ...]
    content: bytes
    """With dots doubled and CRLF at its end, the final dot not included."""


def prepare(reverse_path: str, recipient: str, message: bytes, offered: Mapping[str, str]) -> PreparedMail | Outcome:
    """The mail for a relay with these extensions (lower-case keyword → parameters), or why it cannot take it."""
    sender, to = _path(reverse_path), _path(recipient)
    if not _ADDRESS.fullmatch(to):
        return Outcome(Result.FAILED, f"not sent: 5.1.3 {recipient!r} is not an address")
    if sender and not _ADDRESS.fullmatch(sender):
        return Outcome(Result.DEFERRED, f"not sent: 5.1.7 {reverse_path!r} is not an address", About.SETUP)
    content = _lines(message)
    parameters = []
    if "size" in offered:
        limit = offered["size"].strip()
        if limit.isdigit() and 0 < int(limit) < len(content):
            return _unfit(f"5.3.4 it has {len(content)} bytes, and the relay takes {limit}")
        # RFC 1870 section 3: doubled dots do not count.
        parameters.append(b"SIZE=%d" % len(content))
    plain = content.isascii()
    if not plain:
        if "8bitmime" not in offered:
            return _unfit("5.6.3 it has 8-bit lines, and the relay does not offer 8BITMIME")
        parameters.append(b"BODY=8BITMIME")
    if not (sender + to).isascii() or not (plain or content.partition(b"\r\n\r\n")[0].isascii()):
        if "smtputf8" not in offered:
            return _unfit("5.6.7 an address in it is not ASCII, and the relay does not offer SMTPUTF8")
        parameters.append(b"SMTPUTF8")
    return PreparedMail(sender.encode(), to.encode(), tuple(parameters), _stuffed(content))


def _unfit(why: str) -> Outcome:
    return Outcome(Result.FAILED, f"not sent: {why}")


def _path(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"


_ATOMS = r'[^\s\x00-\x1f\x7f<>()\[\],;:\\"@]+'
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"'
_LITERAL = r"\[[0-9A-Za-z.:]+\]"
_ADDRESS = re.compile(f"(?:{_ATOMS}|{_QUOTED})@(?:{_ATOMS}|{_LITERAL})")
"""Looser than the grammar, but nothing in it can end the address or begin a parameter."""
_LINE_END = re.compile(rb"\r\n|\r|\n")


def _lines(message: bytes) -> bytes:
    if not message.count(b"\r\n") == message.count(b"\r") == message.count(b"\n"):
        # A bare CR or LF beside a dot would end the mail early at some servers, and begin another.
        message = _LINE_END.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def _stuffed(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2: a dot that begins a line is doubled."""
    content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content.startswith(b".") else content


QUIET_SECONDS = 1.0
"""A connection that was idle for longer is tried with RSET before it gets a mail."""
RESET_SECONDS = 10.0
"""A relay that forgot the connection often says nothing; a new connection is the quicker way."""
FINAL_FACTOR = 10
"""The reply to a whole mail may take this many timeouts: giving up early makes doubles (RFC 1047)."""
CHUNK = 65_536
"""Bytes handed over before waiting for the other side to read them."""

TROUBLE = (aiosmtplib.SMTPException, OSError, AccountError)
GOODBYE_SECONDS = 2.0
NEXT_ADDRESS_SECONDS = 0.25
"""A silent address of the relay is waited for so long before the next one is tried beside it."""


class NoConnection(Exception):
    """There is none, and none can be opened."""


class _Racing:
    """The loop, but an address of the relay that is silent keeps nobody from the next one (RFC 5321 section 5.1)."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.made: asyncio.WriteTransport | None = None
        """Kept here, for the library loses one that comes about when it is cancelled."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    async def create_connection(
        self, protocol: Callable[[], asyncio.Protocol], *, host: str, port: int, **named: Any
    ) -> tuple[asyncio.Transport, asyncio.Protocol]:
        found = await self._loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        # Only where there is a choice: given up in the middle, asyncio's race forgets the socket that was first.
        delay = NEXT_ADDRESS_SECONDS if len({address for *_, address in found}) > 1 else None
        made, spoken = await self._loop.create_connection(protocol, host, port, happy_eyeballs_delay=delay, **named)
        self.made = made
        return made, spoken


class _Client(aiosmtplib.SMTP):
    async def _create_connection(self, timeout: float | None) -> SMTPResponse:  # noqa: ASYNC109  # the library's name
        self.loop = cast(asyncio.AbstractEventLoop, _Racing(asyncio.get_running_loop()))
        return await super()._create_connection(timeout)

    def close(self) -> None:
        """Cut it: wait neither for a silent peer to read the rest nor for one that does not end TLS from its side."""
        both = self.transport, getattr(self.loop, "made", None)
        super().close()
        for transport in both:
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()


class Conversation:
    """One connection to the relay, used by one task at a time."""

    def __init__(self, relay: Relay, tls: ssl.SSLContext | None) -> None:
        self._relay = relay
        self._client = _Client(
            hostname=relay.host,
            port=relay.port,
            username=relay.username or None,
            password=relay.password if relay.username and not relay.tokens else None,
            oauth_token_generator=relay.tokens.get if relay.tokens else None,
            local_hostname=relay.hello,
            timeout=relay.timeout,
            use_tls=relay.security == "tls",
            start_tls=relay.security == "starttls",
            tls_context=tls,
        )
        self._phase = Phase.CONNECT
        self._fresh = True
        """No transaction was begun since the last reset."""
        self._last_heard = 0.0
        self.mails = 0

    async def open(self) -> None:
        """TCP, TLS, greeting, EHLO, AUTH. Raises `NoConnection` that says which of them failed."""
        try:
            await self._client.connect()
            if self._client.is_ehlo_or_helo_needed:
                await self._greet()
        except aiosmtplib.SMTPResponseException as error:
            self.abort()
            if isinstance(error, aiosmtplib.SMTPAuthenticationError) and self._relay.tokens:
                # A kept token may have been withdrawn: the next connection asks for a new one.
                self._relay.tokens.rejected()
            raise NoConnection(f"{_step(error, self._relay)}: {error.code} {error.message}") from error
        except Exception as error:
            # A secret that cannot be read, a name that is none: whatever it is, no mail was spoken of yet.
            self.abort()
            raise NoConnection(self._describe(error)) from error
        except BaseException:
            self.abort()
            raise
        self._heard()

    async def _greet(self) -> None:
        try:
            await self._client.ehlo()
        except aiosmtplib.SMTPHeloError:
            # RFC 5321 section 3.2: a server that does not know EHLO still takes HELO, and offers nothing.
            await self._client.helo()

    @property
    def alive(self) -> bool:
        return self._client.is_connected

    @property
    def description(self) -> str:
        cipher = self._client.get_transport_info("ssl_object")
        secured = cipher.version() if cipher is not None else "not encrypted"
        signed_in = f"signed in as {self._relay.username}" if self._relay.username else "not signed in"
        offers = ", ".join(sorted(name.upper() for name in self._client.esmtp_extensions)) or "no extensions"
        return f"answers, {secured}, {signed_in}, offers {offers}"

    async def ready(self) -> bool:
        if not self.alive:
            return False
        if self._fresh and asyncio.get_running_loop().time() - self._last_heard < QUIET_SECONDS:
            return True
        try:
            await self._client.rset(timeout=min(self._relay.timeout, RESET_SECONDS))
        except TROUBLE:
            return False
        self._fresh = True
        self._heard()
        return self.alive

    async def transfer(self, reverse_path: str, recipient: str, message: bytes, begin: Begin) -> Outcome:
        """One mail transaction. Afterwards the connection is either good for another mail or not `alive`."""
        prepared = prepare(reverse_path, recipient, message, self._client.esmtp_extensions)
        if isinstance(prepared, Outcome):
            return prepared
        self.mails += 1
        self._fresh = False
        self._phase = Phase.MAIL
        if self._client.protocol is not None:
            # What a relay said beyond its last reply is no answer to this mail; aiosmtplib keeps it for the next.
            self._client.protocol._buffer.clear()
        try:
            if "pipelining" in self._client.esmtp_extensions:
                return await self._in_one_write(prepared, begin)
            return await self._transaction(prepared, begin)
        except TROUBLE as error:
            self.abort()
            return broken(self._phase, self._describe(error))
        finally:
            self._heard()

    async def _transaction(self, prepared: PreparedMail, begin: Begin) -> Outcome:
        say = self._client.execute_command
        reply = await say(b"MAIL", b"FROM:<" + prepared.reverse_path + b">", *prepared.parameters)
        if not _is_yes(reply):
            return self._refused(reply)
        self._phase = Phase.RECIPIENT
        reply = await say(b"RCPT", b"TO:<" + prepared.recipient + b">")
        if not _is_yes(reply):
            return self._refused(reply)
        self._phase = Phase.DATA
        if not await begin():
            return NOT_OURS
        reply = await say(b"DATA")
        return await self._ended(prepared) if reply.code == 354 else self._refused(reply)

    async def _in_one_write(self, prepared: PreparedMail, begin: Begin) -> Outcome:
        """MAIL, RCPT and DATA together: two round trips a mail instead of four."""
        if not await begin():
            self._fresh = True
            return NOT_OURS
        mail = b" ".join((b"MAIL FROM:<" + prepared.reverse_path + b">", *prepared.parameters))
        refusal: Outcome | None = None
        with said(self._client, mail, b"RCPT TO:<" + prepared.recipient + b">", b"DATA") as replies:
            for phase in (Phase.MAIL, Phase.RECIPIENT, Phase.DATA):
                if refusal is None:
                    self._phase = phase
                try:
                    reply = await replies.next(self._relay.timeout)
                except TROUBLE:
                    if refusal is None:
                        raise
                    self.abort()
                    return refusal
                wants_content = phase is Phase.DATA and reply.code == 354
                if refusal is None and not (wants_content or (phase is not Phase.DATA and _is_yes(reply))):
                    refusal = self._refused(reply)
                    if not self.alive:
                        return refusal
        if refusal is None:
            return await self._ended(prepared)
        if wants_content:
            # It waits for a mail to nobody (RFC 2920 section 3.1); without a dot it gets none.
            self.abort()
        return refusal

    async def _ended(self, prepared: PreparedMail) -> Outcome:
        """It waits for the mail: the rest of the transaction."""
        reply = await self._content(prepared.content)
        if self._phase is not Phase.END:
            # It answered before it had heard everything; what it takes the rest for, nobody knows.
            self.abort()
        self._fresh = _is_yes(reply)
        return self._refused(reply) if not self._fresh else answered(Phase.END, reply.code, reply.message)

    def _refused(self, reply: SMTPResponse) -> Outcome:
        if not 400 <= reply.code < 600 or reply.code == 421:
            self.abort()
        return answered(self._phase, reply.code, reply.message)

    async def _content(self, content: bytes) -> SMTPResponse:
        """The mail and its final dot. `_phase` is END once the dot may have been sent."""
        protocol = self._client.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("Connection lost")
        patience = self._relay.timeout * FINAL_FACTOR
        if len(content) <= CHUNK:
            self._phase = Phase.END
            protocol.write(content + b".\r\n")
            return await protocol.read_response(timeout=patience)
        answer = asyncio.ensure_future(protocol.read_response())
        try:
            for start in range(0, len(content), CHUNK):
                protocol.write(content[start : start + CHUNK])
                # aiosmtplib has no public way to wait until the other side has read.
                async with asyncio.timeout(self._relay.timeout):
                    await protocol._drain_helper()
                if answer.done():
                    return answer.result()
            self._phase = Phase.END
            protocol.write(b".\r\n")
            async with asyncio.timeout(patience):
                return await answer
        finally:
            answer.cancel()

    async def goodbye(self) -> None:
        with contextlib.suppress(*TROUBLE):
            await self._client.quit(timeout=GOODBYE_SECONDS)
        self._client.close()

    def abort(self) -> None:
        self._client.close()

    def _heard(self) -> None:
        self._last_heard = asyncio.get_running_loop().time()

    def _describe(self, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return str(error) or f"no answer within {self._relay.timeout:g} seconds"
        return str(getattr(error, "message", "") or error) or type(error).__name__


def _is_yes(reply: SMTPResponse) -> bool:
    return 200 <= reply.code < 300


def _step(error: aiosmtplib.SMTPResponseException, relay: Relay) -> str:
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return "sign-in refused (see send.username, and send.password_file or the token's rights)"
    if isinstance(error, aiosmtplib.SMTPHeloError):
        return "EHLO refused (see send.hostname)"
    if isinstance(error, aiosmtplib.SMTPConnectResponseError):
        return "connection refused"
    if error.code < 0 or relay.security != "starttls":
        return "no mail server answers there (see send.host, send.port and send.security)"
    return "STARTTLS refused"
