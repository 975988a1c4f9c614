"""Receiving by SMTP and LMTP: open a listener, and close it without cutting a mail in two.

`serve` gives a plain asyncio server in the running loop, one for each listener; `drain` ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import logging
import os
import socket
import stat
import weakref

from gateway.receive.intake import Intake
from gateway.receive.smtp import replies
from gateway.receive.smtp.admission import Admission
from gateway.receive.smtp.data import Commits
from gateway.receive.smtp.options import SMTP, Dialect, Listener, Options
from gateway.receive.smtp.session import Listening, SmtpSession

log = logging.getLogger("replydesk.receive")

_TLS_HANDSHAKE_SECONDS = 30.0
_TLS_SHUTDOWN_SECONDS = 5.0
_GOODBYE_SECONDS = 0.5
_BACKLOG = 100
"""Connections let in before anything else has its turn."""

_listening: weakref.WeakKeyDictionary[asyncio.Server, Listening] = weakref.WeakKeyDictionary()
"""asyncio's servers do not know their connections; `drain` must."""
_unix_paths: weakref.WeakKeyDictionary[asyncio.Server, str] = weakref.WeakKeyDictionary()
"""Names of Unix sockets that are ours to remove."""


async def serve(listener: Listener, intake: Intake, options: Options, dialect: Dialect = SMTP) -> asyncio.Server:
    """Listen for SMTP or LMTP.

    Raises OSError when the address cannot be had, ValueError when settings contradict.
    """
    if listener.implicit_tls and options.tls is None:
        raise ValueError("implicit TLS needs a certificate")
    if listener.implicit_tls and options.proxy_protocol_timeout is not None:
        raise ValueError("a PROXY header comes before TLS: let the proxy end TLS, or use STARTTLS")
    # aiosmtpd logs what peers say, and a confused peer says its password where a command belongs.
    for name in ("mail.log", "mail.debug"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    listening = Listening(
        intake=intake,
        options=options,
        dialect=dialect,
        offer_starttls=not listener.implicit_tls,
        admission=Admission(options),
        commits=Commits(intake, options.memory, options.verifier),
    )
    tls = options.tls if listener.implicit_tls else None
    listen = functools.partial(
        loop.create_server,
        lambda: SmtpSession(listening, loop),
        backlog=_BACKLOG,
        ssl=tls,
        ssl_handshake_timeout=_TLS_HANDSHAKE_SECONDS if tls else None,
        ssl_shutdown_timeout=_TLS_SHUTDOWN_SECONDS if tls else None,
    )
    ready = _bound_unix_socket(listener.path, listener.mode) if listener.path else listener.socket
    server = await (listen(sock=ready) if ready else listen(listener.host, listener.port))
    _listening[server] = listening
    if listener.path:
        _unix_paths[server] = listener.path
    return server


def _bound_unix_socket(path: str, mode: int) -> socket.socket:
    """Bind `path` with these permissions. Raises OSError, EADDRINUSE when somebody answers there."""
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        # Only widens what the umask left, so there is no moment at which too many may connect.
        os.chmod(path, mode)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _remove_stale(path: str) -> None:
    """A daemon that is alive keeps its socket."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "exists and is no socket", path)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, "somebody listens there", path)


async def drain(server: asyncio.Server, seconds: float) -> int:
    """Stop accepting and say 421 to idle peers; mails under way may end within `seconds`.

    What is still uploading then is cut off with 421 and will be sent again. Returns how many
    commits have not ended even so; nobody was told 250 for them.
    """
    listening = _listening[server]
    listening.admission.close()
    with contextlib.suppress(FileNotFoundError, KeyError):
        # The name is free for the next daemon.
        os.unlink(_unix_paths.pop(server))
    server.close()
    for session in tuple(listening.sessions):
        session.leave()
    await _conversations_end(listening, seconds)
    late = [session for session in listening.sessions if not session.conversation.done()]
    for session in late:
        session.hang_up(replies.SHUTTING_DOWN)
    await _all_leave(listening)
    for session in tuple(listening.sessions):
        # It does not answer our goodbye in TLS.
        session.abort()
    await _all_leave(listening)
    unfinished = len(listening.commits.running)
    log.info("drained", extra={"cut_off": len(late), "unfinished": unfinished})
    return unfinished


async def _conversations_end(listening: Listening, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while (
        under_way := {session.conversation for session in listening.sessions if not session.conversation.done()}
        | listening.commits.running
    ):
        if loop.time() >= deadline:
            return
        await asyncio.wait(under_way, timeout=deadline - loop.time())


async def _all_leave(listening: Listening) -> None:
    if listening.sessions:
        await asyncio.wait({session.ended for session in listening.sessions}, timeout=_GOODBYE_SECONDS)
