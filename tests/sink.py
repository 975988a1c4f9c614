"""A mail server for tests: keeps what it is sent, and misbehaves when told to.

    async with Sink().running() as sink:
        sink.script("rcpt", "550 5.1.1 no such user")
        … send to 127.0.0.1:sink.port …
        assert sink.received[0].recipients == ["customer@example.net"]

Phases: `connect ehlo auth mail rcpt data content end rset`. `content` is after 354 and before the
final dot, `end` after it. A scripted act is a reply, `DROP` (cut the connection) or `HANG` (say nothing).
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import warnings
from base64 import b64decode
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

DROP, HANG = "drop", "hang"
ALWAYS = 1_000_000


@dataclass(frozen=True)
class Received:
    """One mail as it was taken."""

    reverse_path: str
    recipients: list[str]
    content: bytes
    parameters: list[str]
    """Of MAIL FROM."""
    connection: int
    """Counted from 1."""
    encrypted: bool
    login: str
    message: Message = field(repr=False)

    @property
    def message_id(self) -> str:
        return str(self.message["Message-ID"]).strip("<>")


class Sink:
    """One listener. `tls` offers STARTTLS, or speaks TLS from the first byte with `implicit`."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit: bool = False,
        login: tuple[str, str] | None = None,
        without: Iterable[str] = (),
        size: int = 33_554_432,
    ) -> None:
        self._tls, self._implicit, self.login, self._size = tls, implicit, login, size
        self.without = {w.upper() for w in without}
        """Extensions not offered."""
        self.received: list[Received] = []
        self.unanswered: list[Received] = []
        """Whole mails whose final reply was not given."""
        self.commands: list[str] = []
        """Every command of every connection, upper case, without its arguments."""
        self.connections = 0
        self.open = 0
        self.port = 0
        self.delay = 0.0
        """Seconds before the reply to a whole mail."""
        self._scripts: dict[str, deque[tuple[str, str]]] = defaultdict(deque)
        self._server: asyncio.Server | None = None
        self._peers: set[_Peer] = set()
        self._let_go = asyncio.Event()

    def script(self, phase: str, act: str, *, times: int = 1, to: str = "") -> None:
        """The next `times` times that a phase is reached, for recipient `to` if given, do this instead."""
        self._scripts[phase].extend([(act, to)] * min(times, 10_000))

    def forgive(self) -> None:
        """Forget all that was scripted."""
        self._scripts.clear()

    async def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Peer(self, loop), "127.0.0.1", self.port or None, ssl=self._tls if self._implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        assert self._server is not None
        self._server.close()
        self._let_go.set()
        for peer in tuple(self._peers):
            peer.cut()
        await asyncio.sleep(0)
        await self._server.wait_closed()
        for _ in range(50):  # a peer whose TLS handshake failed is never told that it is over
            if not self._peers:
                break
            await asyncio.sleep(0.005)
        self._peers.clear()
        self._let_go = asyncio.Event()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Sink]:
        await self.start()
        try:
            yield self
        finally:
            await self.stop()

    def ids(self) -> list[str]:
        """Message-IDs in the order the mails were taken."""
        return [r.message_id for r in self.received]

    async def until(self, count: int, patience: float = 20.0) -> None:
        """Wait for so many mails."""

        async def enough() -> None:
            while len(self.received) < count:
                await asyncio.sleep(0.005)

        async with asyncio.timeout(patience):
            await enough()

    # --- for the peers ------------------------------------------------------------------

    def scripted(self, phase: str, recipients: Iterable[str] = ()) -> str | None:
        acts = self._scripts[phase]
        for n, (act, to) in enumerate(acts):
            if not to or to in recipients:
                del acts[n]
                return act
        return None

    def peer(self) -> dict[str, Any]:
        options: dict[str, Any] = {"enable_SMTPUTF8": "SMTPUTF8" not in self.without, "data_size_limit": self._size}
        if self._tls is not None and not self._implicit:
            options["tls_context"] = self._tls
        if self.login is not None:
            options |= {
                "authenticator": self._authenticate,
                "auth_required": True,
                "auth_require_tls": self._tls is not None and not self._implicit,
            }
        return options

    def _authenticate(self, _server: object, _session: object, _envelope: object, _how: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        assert self.login is not None
        right = (data.login.decode(), data.password.decode()) == self.login
        return AuthResult(success=right, handled=False, auth_data=data.login.decode())

    async def let_go(self) -> None:
        await self._let_go.wait()


class _Handler:
    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    async def handle_EHLO(
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        kept = [r for r in responses[:-1] if r[4:].split()[0].upper() not in self._sink.without]
        return [*kept, *(["250-PIPELINING"] if "PIPELINING" not in self._sink.without else []), responses[-1]]

    async def auth_XOAUTH2(self, server: SMTP, args: list[str]) -> AuthResult:
        """The token is the password of `login`; a wrong one is challenged with JSON, as Google and Microsoft do."""
        user, _, rest = b64decode(args[1]).decode().removeprefix("user=").partition("\x01auth=Bearer ")
        if (user, rest.removesuffix("\x01\x01")) == self._sink.login:
            return AuthResult(success=True, auth_data=user)
        await server.challenge_auth(b'{"status":"401"}')
        return AuthResult(success=False, handled=False)

    async def handle_DATA(self, server: _Peer, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        mail = Received(
            envelope.mail_from or "",
            list(envelope.rcpt_tos),
            content,
            list(envelope.mail_options),
            server.number,
            session.ssl is not None or server.encrypted,
            str(session.auth_data or ""),
            message_from_bytes(content),
        )
        if self._sink.delay:
            await asyncio.sleep(self._sink.delay)
        act = self._sink.scripted("end", envelope.rcpt_tos)
        if act is None:
            self._sink.received.append(mail)
            return "250 2.0.0 taken"
        if act in (DROP, HANG):
            self._sink.unanswered.append(mail)
            await server.misbehave(act)
        return act


class _Peer(SMTP):
    def __init__(self, sink: Sink, loop: asyncio.AbstractEventLoop) -> None:
        self._sink = sink
        self.number = 0
        self.encrypted = False
        with warnings.catch_warnings():
            # aiosmtpd does not know that implicit TLS is TLS.
            warnings.simplefilter("ignore", UserWarning)
            super().__init__(_Handler(sink), hostname="sink.test", ident="sink", loop=loop, **sink.peer())

    def connection_made(self, transport: Any) -> None:
        if self.number == 0:
            self._sink.connections += 1
            self._sink.open += 1
            self.number = self._sink.connections
            self._sink._peers.add(self)
            self.encrypted = transport.get_extra_info("ssl_object") is not None
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self in self._sink._peers:
            self._sink._peers.discard(self)
            self._sink.open -= 1
        super().connection_lost(error)

    def cut(self) -> None:
        if self.transport is not None:
            with contextlib.suppress(AttributeError):  # TLS that is closing already, on Python 3.11.2
                self.transport.abort()

    async def misbehave(self, act: str) -> None:
        if act == DROP:
            self.cut()
        await self._sink.let_go()

    async def _instead(self, phase: str) -> bool:
        recipients = self.envelope.rcpt_tos if self.envelope else []
        return await self._acts(self._sink.scripted(phase, recipients))

    async def _acts(self, act: str | None) -> bool:
        if act is None:
            return False
        if act in (DROP, HANG):
            await self.misbehave(act)
        else:
            await self.push(act)
            if act.startswith("421"):
                self.transport.close()
        return True

    async def _handle_client(self) -> None:
        if not await self._instead("connect"):
            await super()._handle_client()

    async def smtp_EHLO(self, arg: str) -> None:
        self._sink.commands.append("EHLO")
        if not await self._instead("ehlo"):
            await super().smtp_EHLO(arg)

    async def smtp_AUTH(self, arg: str) -> None:
        self._sink.commands.append("AUTH")
        if not await self._instead("auth"):
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str) -> None:
        self._sink.commands.append("MAIL")
        if not await self._instead("mail"):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:
        self._sink.commands.append("RCPT")
        recipient = (arg or "").partition("<")[2].partition(">")[0]
        if not await self._acts(self._sink.scripted("rcpt", [recipient])):
            await super().smtp_RCPT(arg)

    async def smtp_RSET(self, arg: str) -> None:
        self._sink.commands.append("RSET")
        if not await self._instead("rset"):
            await super().smtp_RSET(arg)

    async def smtp_QUIT(self, arg: str) -> None:
        self._sink.commands.append("QUIT")
        await super().smtp_QUIT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        self._sink.commands.append("DATA")
        if await self._instead("data"):
            return
        recipients = self.envelope.rcpt_tos if self.envelope else []
        act = self._sink.scripted("content", recipients)
        if act is None:
            await super().smtp_DATA(arg)
            return
        await self.push("354 go on")
        await self._reader.readline()
        await self._acts(act)
