"""Who may come in, and who has signed in: what the connections of one listener share about their peers.

Counts connections and failed logins by address. Refusals are 421, so that the peer tries again.
Behind a proxy the peer is whom its PROXY header names, and nobody gets in without one. AUTH is PLAIN
and LOGIN (RFC 4954, RFC 4616): a password is checked in a thread, for hashing it takes long, and
neither it nor the name of a failed login is ever kept or logged.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

from aiosmtpd.proxy_protocol import V2_CMD, ProxyData

from gateway.core.network import address_of, subscriber
from gateway.core.window import Window
from gateway.errors import fault
from gateway.receive.smtp import replies
from gateway.receive.smtp.options import Options
from gateway.receive.smtp.replies import Declined, Reply

log = logging.getLogger("replydesk.receive")

FAILURE_WINDOW = 600.0
"""Seconds a failed login counts."""
_KNOWN_FAILERS = 10_000
_CHECKS_AT_ONCE = 2
"""Password hashing is made to be expensive: strangers may not keep more than this many cores busy."""


@dataclass(slots=True, eq=False)
class Peer:
    """Whom a connection is with."""

    source: str
    """How it came, as the envelope names it: `smtp` or `lmtp`."""
    remote: str = ""
    """IP address, IPv4 where IPv6 only wraps it; empty on a Unix socket."""
    authenticated_as: str = ""
    """The address it proved, empty without."""
    admitted: bool = False
    """It counts among the connections of its address; behind a proxy only after the header."""

    @property
    def fields(self) -> dict[str, object]:
        """What every log record about it says."""
        return {"source": self.source, "remote": self.remote}

    @property
    def key(self) -> str:
        """Under which it is counted; empty for a Unix socket."""
        return subscriber(address_of(self.remote)) if self.remote else ""


class Admission:
    """Decides who comes in, and counts those who are."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._closed = False
        self._inside = 0
        self._connections: Counter[str] = Counter()
        self._failures = Window(options.auth_failures_per_ip, FAILURE_WINDOW, _KNOWN_FAILERS)
        self.credential_checks = asyncio.Semaphore(_CHECKS_AT_ONCE)

    def close(self) -> None:
        """Let nobody in any more."""
        self._closed = True

    # --- connections --------------------------------------------------------------------------

    def arrive(self, peer: Peer, peername: object) -> Reply | None:
        """Why this peer must go, by the address of its socket. None: it is in, until `leave`."""
        if isinstance(peername, tuple) and peername:
            peer.remote = str(address_of(str(peername[0])))
        refusal = self._refusal(peer)
        if refusal is None:
            self._inside += 1
        else:
            _log_refusal(peer, refusal)
        return refusal

    def _refusal(self, peer: Peer) -> Reply | None:
        if self._closed:
            return replies.SHUTTING_DOWN
        if self._inside >= self._options.max_connections:
            return replies.TOO_BUSY
        if self._options.proxy_protocol_timeout is None:
            return self._admit(peer)
        # Whoever sends the header says who he is: so only those may that are known to tell the truth.
        known = self._options.proxies
        believed = not known or not peer.remote or any(ip_address(peer.remote) in network for network in known)
        return None if believed else replies.NOT_A_PROXY

    def introduce(self, peer: Peer, header: ProxyData) -> Reply | None:
        """The proxy tells whom it speaks for; why that peer must go, None if it may stay."""
        if header.command != V2_CMD.LOCAL and isinstance(header.src_addr, IPv4Address | IPv6Address):
            peer.remote = str(address_of(str(header.src_addr)))
        refusal = self._admit(peer)
        if refusal is not None:
            _log_refusal(peer, refusal)
        return refusal

    def _admit(self, peer: Peer) -> Reply | None:
        key, limit = peer.key, self._options.connections_per_ip
        if key and limit and self._connections[key] >= limit:
            return replies.TOO_MANY_FROM_YOU
        self._connections[key] += 1
        peer.admitted = True
        return None

    def leave(self, peer: Peer) -> None:
        """The connection of a peer that was let in has ended."""
        self._inside -= 1
        if peer.admitted:
            self._connections[peer.key] -= 1
            if not self._connections[peer.key]:
                del self._connections[peer.key]
        else:
            log.warning("no PROXY header", extra=peer.fields)

    # --- logins -------------------------------------------------------------------------------

    def login_failed(self, peer: Peer) -> None:
        self._failures.add(peer.key, time.monotonic())

    def may_try_login(self, peer: Peer) -> bool:
        return not self._failures.is_full(peer.key, time.monotonic())


_HTTP = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"CONNECT", b"TRACE"))


def is_http(line: bytes) -> bool:
    """Some page makes a browser talk to us: the commands in its form must not be obeyed."""
    return line.partition(b" ")[0] in _HTTP


class Conduct:
    """What one connection came to since its last accepted mail."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._errors = self._commands = 0

    def said(self, lines: str) -> Reply | None:
        """We said this. Why the peer must go now; None: it may stay."""
        # Recipients too many for one mail are no fault: a peer may name all it has, and send the rest later.
        self._errors += lines[0] in "45" and lines != _TOO_MANY_RECIPIENTS
        self._commands += lines != _RECIPIENT_OK
        if 0 < self._options.max_errors <= self._errors:
            return replies.TOO_MANY_ERRORS
        return replies.TOO_MANY_COMMANDS if 0 < self._options.max_commands <= self._commands else None

    @property
    def pause(self) -> float:
        """Seconds before its next command, none at first."""
        return _BREATH if 0 < self._options.max_commands <= 10 * self._commands else 0


_BREATH = 0.02
_RECIPIENT_OK, _TOO_MANY_RECIPIENTS = str(replies.RECIPIENT_OK), str(replies.TOO_MANY_RECIPIENTS)


def _log_refusal(peer: Peer, reply: Reply) -> None:
    log.warning("connection refused", extra={**peer.fields, "reply": str(reply)})


MAX_LINE = 12_288
"""Bytes of one line of the exchange (RFC 4954 section 4)."""

Challenge = Callable[[bytes], Awaitable[bytes]]
"""Sends a challenge (not yet in base64) and returns the peer's line without its end."""


@dataclass(frozen=True, slots=True)
class Login:
    """What the peer claims to know."""

    name: str
    password: str = field(repr=False)


async def plain(initial: str | None, challenge: Challenge) -> Login:
    """RFC 4616: `[authzid] NUL authcid NUL password`. Acting for another identity is not offered."""
    blob = _decode(await challenge(b"")) if initial is None else _initial(initial)
    identity, separator, rest = blob.partition(b"\0")
    name, also, password = rest.partition(b"\0")
    if not separator or not also or b"\0" in password:
        raise Declined(replies.AUTH_BAD_BASE64)
    if identity not in (b"", name):
        raise Declined(replies.AUTH_FAILED)
    return _login(name, password)


async def login(initial: str | None, challenge: Challenge) -> Login:
    """The LOGIN mechanism as mail programs speak it: two prompts, two answers."""
    name = _decode(await challenge(b"Username:")) if initial is None else _initial(initial)
    password = _decode(await challenge(b"Password:"))
    return _login(name, password)


MECHANISMS: dict[str, Callable[[str | None, Challenge], Awaitable[Login]]] = {"LOGIN": login, "PLAIN": plain}


class Authentication:
    """AUTH on one connection. What it proves stands in the peer's `authenticated_as`."""

    def __init__(self, peer: Peer, options: Options, admission: Admission) -> None:
        self._peer, self._options, self._admission = peer, options, admission
        self._failures = 0

    @property
    def exhausted(self) -> bool:
        """It failed too often for this connection to go on."""
        return self._failures >= self._options.auth_attempts

    def unavailable(self, over_tls: bool) -> Reply | None:
        """Why not on this connection; None: it is offered."""
        if self._options.credentials is None:
            return replies.NOT_IMPLEMENTED
        if self._options.require_tls_for_auth and not over_tls:
            return replies.AUTH_NEEDS_TLS
        return None

    async def attempt(self, words: list[str], challenge: Challenge) -> Reply:
        """One AUTH command with its arguments. Raises `Declined` when there is no login to check."""
        if self._peer.authenticated_as:
            return replies.AUTH_NOT_NOW
        if len(words) not in (1, 2):
            return replies.BAD_ARGUMENT
        mechanism = MECHANISMS.get(words[0].upper())
        if mechanism is None:
            return replies.AUTH_UNKNOWN_MECHANISM
        if not self._admission.may_try_login(self._peer):
            return replies.AUTH_FAULT
        return await self._check(await mechanism(words[1] if len(words) == 2 else None, challenge))

    async def _check(self, login: Login) -> Reply:
        assert self._options.credentials is not None
        about = self._peer.fields
        try:
            async with self._admission.credential_checks:
                address = await asyncio.to_thread(self._options.credentials, login.name, login.password)
        except Exception as error:
            log.error("fault", extra={**about, "reply": str(replies.AUTH_FAULT), **fault(error)})
            return replies.AUTH_FAULT
        if address is None:
            self._failures += 1
            self._admission.login_failed(self._peer)
            # Without the name: people type their password there.
            log.warning("authentication failed", extra=about)
            await asyncio.sleep(self._options.auth_delay_seconds)
            return replies.AUTH_FAILED
        self._peer.authenticated_as = address
        log.info("authenticated", extra={**about, "authenticated_as": address})
        return replies.AUTHENTICATED


def challenge_line(text: bytes) -> str:
    """The 334 reply; the space stays when the challenge is empty (RFC 4954 section 4)."""
    return f"334 {base64.b64encode(text).decode()}"


def _initial(response: str) -> bytes:
    # A lone "=" is how an empty initial response is written (RFC 4954 section 4).
    return b"" if response == "=" else _decode(response.encode("ascii", "replace"))


def _decode(line: bytes) -> bytes:
    if line == b"*":
        raise Declined(replies.AUTH_CANCELLED)
    if len(line) > MAX_LINE:
        raise Declined(replies.AUTH_LINE_TOO_LONG)
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise Declined(replies.AUTH_BAD_BASE64) from None


def _login(name: bytes, password: bytes) -> Login:
    try:
        result = Login(name.decode(), password.decode())
    except UnicodeDecodeError:
        raise Declined(replies.AUTH_BAD_BASE64) from None
    if not result.name or not result.password:
        raise Declined(replies.AUTH_FAILED)
    return result
