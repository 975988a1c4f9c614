"""A line to an IMAP server: commands go in, responses come out, and every wait has an end.

A line that failed is thrown away, never mended. Everything here raises `Unreachable` when the
connection is lost or the server is silent for too long.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, TypeVar

from gateway.errors import Unreachable
from gateway.receive.imap import syntax
from gateway.receive.imap.driver import SILENCE_SECONDS, Response, Wire

T = TypeVar("T")

CONNECT_SECONDS = 30.0
GOODBYE_SECONDS = 2.0
SLOWEST = 8 * 1024
"""Bytes a second below which a fetch is given up."""


class ImapLine:
    """A connection on which one command at a time is given. Everything raises `Unreachable` when it is lost."""

    def __init__(self, wire: Wire, host: str) -> None:
        self._wire, self._host = wire, host

    @property
    def capabilities(self) -> frozenset[str]:
        """Upper case."""
        return frozenset(self._wire.capabilities)

    @property
    def challenge(self) -> str:
        """The server's last challenge while we logged in: why it refuses a token."""
        return self._wire.challenge

    @property
    def news(self) -> bool:
        """The server told of new mail since `forget_news`, perhaps in answer to another command."""
        return self._wire.news

    def forget_news(self) -> None:
        """What was told until now is looked for next."""
        self._wire.news = False

    @property
    def lost(self) -> bool:
        return self._wire.lost.done()

    async def greeted(self) -> bool:
        """The server's greeting; True when it asks for no login."""
        await self._until(self._wire.greeted.wait(), CONNECT_SECONDS)
        return bool(self._wire.state == "AUTH")

    async def start_tls(self, context: ssl.SSLContext) -> Response:
        """STARTTLS (section 6.2.1); what the server said before is forgotten."""
        response = await self.say("STARTTLS")
        if response.ok:
            try:
                await self._until(self._wire.upgrade(context, self._host), CONNECT_SECONDS)
            except (OSError, ssl.SSLError) as error:
                raise Unreachable(described(error)) from None
            await self.ask_capabilities()
        return response

    async def ask_capabilities(self) -> None:
        response = await self.say("CAPABILITY")
        self._wire.capabilities = {
            word for line in response.lines[:-1] for word in bytes(line).decode("ascii", "replace").upper().split()
        }

    async def login(self, user: str, password: str) -> Response:
        """LOGIN. `ValueError` for a line end in either."""
        return self._entered(await self.say("LOGIN", syntax.quoted(user), syntax.quoted(password)), "AUTH")

    async def authenticate(self, mechanism: str, answer: bytes) -> Response:
        """AUTHENTICATE with one answer, given at once where the server knows that (RFC 4959)."""
        encoded = base64.b64encode(answer)
        at_once = "SASL-IR" in self.capabilities
        self._wire.answers = deque() if at_once else deque([encoded])
        arguments = (mechanism, encoded.decode()) if at_once else (mechanism,)
        return self._entered(await self.say("AUTHENTICATE", *arguments), "AUTH")

    async def select(self, name: str) -> Response:
        return self._entered(await self.say("SELECT", name), "SELECTED")

    def _entered(self, response: Response, state: str) -> Response:
        if response.ok:
            self._wire.state = state
        return response

    async def say(self, command: str, *arguments: str, expecting: int = 0) -> Response:
        """Any other command, with its arguments as they travel: `NOOP`, `UID SEARCH`, `UID FETCH`, …

        `expecting`: bytes that will come, for which more time is given.
        """
        prefix, _, name = command.rpartition(" ")
        return await self._until(self._wire.command(name, prefix, arguments), SILENCE_SECONDS + expecting / SLOWEST)

    async def idle(self, seconds: float) -> bool:
        """IDLE (RFC 2177) until there may be new mail or the time is over; False: the server refuses."""
        wire = self._wire
        while not wire.idle_queue.empty():
            wire.idle_queue.get_nowait()
        idling: asyncio.Future[Any] = asyncio.ensure_future(wire.idle())
        ready: asyncio.Future[Any] = asyncio.ensure_future(wire.wait_for_idle_response())
        try:
            await self._one_of({ready, idling}, SILENCE_SECONDS)
            if idling.done():
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    while not syntax.announces_mail(await self._pushed(idling)):
                        pass
            if not idling.done():
                wire.idle_done()
                await self._one_of({idling}, SILENCE_SECONDS)
            return True
        finally:
            await _give_up(ready, idling)

    async def _pushed(self, idling: asyncio.Future[Any]) -> Sequence[bytes]:
        """What the server says next. When it ends the idling by itself, that may be news as well."""
        pushed: asyncio.Future[Any] = asyncio.ensure_future(self._wire.idle_queue.get())
        try:
            await self._one_of({pushed, idling}, None)
            lines: Sequence[bytes] = pushed.result() if pushed.done() else [b"0 EXISTS"]
            return lines
        finally:
            await _give_up(pushed)

    async def hang_up(self) -> None:
        """Say goodbye if that is quick, and close."""
        wire = self._wire
        if not self.lost and not wire.has_pending_idle_command():
            with contextlib.suppress(Unreachable):
                await self._until(wire.command("LOGOUT", "", ()), GOODBYE_SECONDS)
        self.abort()

    def abort(self) -> None:
        self._wire.transport.abort()

    async def _until(self, work: Awaitable[T], seconds: float) -> T:
        """The end of a wait: it is done, the time is over, or the line is lost, which the library does not tell."""
        task = asyncio.ensure_future(work)
        try:
            await self._one_of({task}, seconds)
            return task.result()
        finally:
            await _give_up(task)

    async def _one_of(self, tasks: set[asyncio.Future[Any]], seconds: float | None) -> None:
        lost = self._wire.lost
        await asyncio.wait({*tasks, lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not any(task.done() for task in tasks):
            raise Unreachable(self._wire.cause if lost.done() else f"no answer within {seconds:g} seconds")


async def dial(host: str, port: int, context: ssl.SSLContext | None, longest_literal: int) -> ImapLine:
    """A line to a server, in TLS when there is a context. Raises `Unreachable`."""
    loop = asyncio.get_running_loop()
    wire = Wire(loop, longest_literal)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            transport, _ = await loop.create_connection(
                lambda: wire, host, port, ssl=context, happy_eyeballs_delay=0.25
            )
    except TimeoutError:
        raise Unreachable(f"no connection within {CONNECT_SECONDS:g} seconds") from None
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(described(error)) from None
    _keep_alive(transport.get_extra_info("socket"))
    return ImapLine(wire, host)


def _keep_alive(sock: socket.socket) -> None:
    """A line that died without a word is noticed while nobody speaks."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def described(error: Exception) -> str:
    """Why a connection could not be made, in words for the operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS does not work: {error.reason or error}"
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error) or type(error).__name__


async def _give_up(*tasks: asyncio.Future[Any]) -> None:
    """Stop waits that have no use any more; their outcome is nobody's."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
