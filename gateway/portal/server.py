"""uvicorn inside our own loop: started, ready, drained and stopped by the daemon, which keeps its signals."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections import Counter
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any, cast

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from gateway.core.network import address_of, subscriber
from gateway.portal.limits import Network
from gateway.portal.portal import Portal

HEAD_SECONDS = 20
"""For the header of a request, from the first byte or from the connection."""
KEEP_ALIVE_SECONDS = 15
CONNECTIONS, CONNECTIONS_OF_ONE = 500, 100
"""At the same time, in all and of one address; above it the answer is 503."""
HEAD_BYTES = 32 * 1024
BACKLOG = 100
"""Connections let in before anything else has its turn."""
_FULL = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 10\r\n\r\n"


class Crowd:
    """Who is connected: nobody may take all places. Proxies and this machine speak for many and may."""

    def __init__(self, most: int, trusted: tuple[Network, ...]) -> None:
        self._most, self._trusted = most, trusted
        self._inside: Counter[str] = Counter()

    def enter(self, host: str) -> str | None:
        """The key to `leave` with; None: there is no place."""
        try:
            address = address_of(host)
        except ValueError:
            address = ip_address("127.0.0.1")  # a Unix socket
        many = address.is_loopback or any(address.version == n.version and address in n for n in self._trusted)
        key = subscriber(address)
        if self._inside.total() >= self._most or (not many and self._inside[key] >= CONNECTIONS_OF_ONE):
            return None
        self._inside[key] += 1
        return key

    def leave(self, key: str) -> None:
        self._inside[key] -= 1
        self._inside += Counter()  # forgets who has left


class IdleTimeoutProtocol(H11Protocol):
    """Lets nobody hold a connection without asking for something, nor too many."""

    _waiting: asyncio.TimerHandle | None = None
    _key: str | None = None

    def __init__(self, crowd: Crowd, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self._crowd = crowd

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # what asyncio hands to a protocol of streams
        peer = transport.get_extra_info("peername")
        self._key = self._crowd.enter(str(peer[0]) if isinstance(peer, tuple) else "")
        if self._key is None:
            transport.write(_FULL)
            transport.abort() if transport.get_write_buffer_size() else transport.close()
            return
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self._key is None:
            return
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before:
            self._stop_waiting()
        elif self._waiting is None and (before is None or before.response_complete):
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._key is None:
            return
        self._crowd.leave(self._key)
        self._stop_waiting()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        if self._key is not None:
            super().eof_received()

    def _wait(self) -> None:
        self._waiting = self.loop.call_later(HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None


class SignalsLeftAlone(uvicorn.Server):
    """The daemon alone decides what a signal means."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class Server:
    """A portal that listens."""

    def __init__(self, app: Starlette, listener: socket.socket, connections: int) -> None:
        self.address = listener.getsockname()
        self._app, self._listener = app, listener
        protocol: Any = functools.partial(IdleTimeoutProtocol, Crowd(connections, app.state.portal.trusted))
        self._config = uvicorn.Config(
            app,
            http=protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            h11_max_incomplete_event_size=HEAD_BYTES,
        )
        self._inner = SignalsLeftAlone(self._config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """On return it answers."""
        self._task = asyncio.create_task(self._inner.serve([self._listener]), name="portal")
        while not self._inner.started:
            if self._task.done():
                await self._task
                raise RuntimeError("the portal ended before it listened")
            await asyncio.sleep(0.005)

    @property
    def ready(self) -> bool:
        return self._inner.started and self._task is not None and not self._task.done()

    async def stop(self, drain: float) -> None:
        """Take no more connections, let requests in hand finish for `drain` seconds, then end them."""
        portal: Portal = self._app.state.portal
        if self._task is None:
            self._listener.close()
            return
        self._config.timeout_graceful_shutdown = max(1, round(drain))
        self._inner.should_exit = True
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        self._task = None
        portal.passwords.close()


async def serve(app: Starlette, listener: str | socket.socket, connections: int = CONNECTIONS) -> Server:
    """Listen on `host:port`, or on a socket that is bound already, and answer so many at the same time.

    Raises `ConfigError` naming `portal.listen` when nobody can listen there.
    """
    sock = await _bound(app.state.portal, listener) if isinstance(listener, str) else listener
    sock.setblocking(False)
    server = Server(app, sock, connections)
    await server.start()
    return server


async def _bound(portal: Portal, listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    loop = asyncio.get_running_loop()
    sock = None
    try:
        found = await loop.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        sock = socket.socket(family, kind, protocol)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        if sock is not None:
            sock.close()
        raise portal.settings.error(
            "portal.listen",
            f"cannot listen on {listen} ({error.strerror or error})",
            "Stop what listens there, or choose another address.",
        ) from None
    return sock
