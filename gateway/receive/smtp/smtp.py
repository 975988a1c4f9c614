"""Receiving by SMTP: open a listener, and close it without cutting a mail in two.

`serve` gives a plain asyncio server in the running loop, one for each listener; `drain` ends it.
A connection is made of layers, each a job: `connection` (replies, time, bytes), `gate` (who may
come in), `hello` (who it is), `session` (the mail), and for LMTP `lmtp` on top.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import weakref

from gateway.receive.intake import Intake
from gateway.receive.smtp import replies
from gateway.receive.smtp.door import Door
from gateway.receive.smtp.listen import bound_unix_socket
from gateway.receive.smtp.options import CredentialCheck, Listener, Options
from gateway.receive.smtp.session import Session

__all__ = ["CredentialCheck", "Listener", "Options", "drain", "open_server", "serve"]

log = logging.getLogger("replydesk.receive")

_TLS_HANDSHAKE_SECONDS = 30.0
_TLS_SHUTDOWN_SECONDS = 5.0
_GOODBYE_SECONDS = 0.5
_BACKLOG = 512

_doors: weakref.WeakKeyDictionary[asyncio.Server, Door] = weakref.WeakKeyDictionary()
"""asyncio's servers do not know their connections; `drain` must."""


async def serve(listener: Listener, intake: Intake, options: Options) -> asyncio.Server:
    """Listen for SMTP. Raises OSError when the address cannot be had, ValueError when settings contradict."""
    return await open_server(listener, intake, options, Session)


async def open_server(listener: Listener, intake: Intake, options: Options, session: type[Session]) -> asyncio.Server:
    """Listen for the protocol that `session` speaks."""
    if listener.implicit_tls and options.tls is None:
        raise ValueError("implicit TLS needs a certificate")
    if listener.implicit_tls and options.proxy_protocol_timeout is not None:
        raise ValueError("a PROXY header comes before TLS: let the proxy end TLS, or use STARTTLS")
    # aiosmtpd logs what peers say, and a confused peer says its password where a command belongs.
    for name in ("mail.log", "mail.debug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    door = Door(intake, options, listener.path)

    def connect() -> Session:
        return session(door, offer_starttls=not listener.implicit_tls, loop=loop)

    tls = options.tls if listener.implicit_tls else None
    listen = functools.partial(
        loop.create_server,
        connect,
        backlog=_BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=_TLS_HANDSHAKE_SECONDS if tls else None,
        ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS if tls else None,
    )
    ready = bound_unix_socket(listener.path, listener.mode) if listener.path else listener.socket
    server = await (listen(sock=ready) if ready else listen(listener.host, listener.port))
    _doors[server] = door
    return server


async def drain(server: asyncio.Server, seconds: float) -> int:
    """Stop accepting and say 421 to idle peers; mails under way may end within `seconds`.

    What is still uploading then is cut off with 421 and will be sent again. Returns how many
    commits have not ended even so; nobody was told 250 for them.
    """
    door = _doors[server]
    door.close()
    server.close()
    for gate in tuple(door.gates):
        gate.leave()
    await _conversations_end(door, seconds)
    late = [gate for gate in door.gates if not gate.conversation.done()]
    for gate in late:
        gate.hang_up(replies.SHUTTING_DOWN)
    await _all_leave(door)
    for gate in tuple(door.gates):
        # It does not answer our goodbye in TLS.
        gate.abort()
    await _all_leave(door)
    unfinished = len(door.commits.running)
    log.info("drained", extra={"cut_off": len(late), "unfinished": unfinished})
    return unfinished


async def _conversations_end(door: Door, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while under_way := {g.conversation for g in door.gates if not g.conversation.done()} | door.commits.running:
        if loop.time() >= deadline:
            return
        await asyncio.wait(under_way, timeout=deadline - loop.time())


async def _all_leave(door: Door) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(door.empty.wait(), _GOODBYE_SECONDS)
