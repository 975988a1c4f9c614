"""SMTP AUTH: PLAIN and LOGIN (RFC 4954, RFC 4616).

A password is checked in a thread, for hashing it takes long, and neither it nor the name of a
failed login is ever kept or logged.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.receive.smtp import replies
from gateway.receive.smtp.admission import Admission, Peer
from gateway.receive.smtp.commit import describe
from gateway.receive.smtp.options import Options
from gateway.receive.smtp.replies import Declined, Reply

log = logging.getLogger("replydesk.receive")

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
            log.error("fault", extra={**about, "reply": str(replies.AUTH_FAULT), **describe(error)})
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
