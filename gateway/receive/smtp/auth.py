"""SMTP AUTH: PLAIN and LOGIN (RFC 4954, RFC 4616), as far as they are words on a wire.

Reads what the peer sends into a login and a password. Knows no account, keeps nothing and
logs nothing: whether they are right is asked elsewhere, in a thread.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.receive.smtp import replies
from gateway.receive.smtp.replies import Reply

MAX_LINE = 12_288
"""Bytes of one line of the exchange (RFC 4954 section 4)."""

Challenge = Callable[[bytes], Awaitable[bytes]]
"""Sends a challenge (not yet in base64) and returns the peer's line without its end."""


@dataclass(frozen=True, slots=True)
class Login:
    """What the peer claims to know."""

    name: str
    password: str = field(repr=False)


class BadExchange(Exception):
    """The exchange ended without a login to check; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


async def plain(initial: str | None, challenge: Challenge) -> Login:
    """RFC 4616: `[authzid] NUL authcid NUL password`. Acting for another identity is not offered."""
    blob = _decode(await challenge(b"")) if initial is None else _initial(initial)
    identity, separator, rest = blob.partition(b"\0")
    name, also, password = rest.partition(b"\0")
    if not separator or not also or b"\0" in password:
        raise BadExchange(replies.AUTH_BAD_BASE64)
    if identity not in (b"", name):
        raise BadExchange(replies.AUTH_FAILED)
    return _login(name, password)


async def login(initial: str | None, challenge: Challenge) -> Login:
    """The LOGIN mechanism as mail programs speak it: two prompts, two answers."""
    name = _decode(await challenge(b"Username:")) if initial is None else _initial(initial)
    password = _decode(await challenge(b"Password:"))
    return _login(name, password)


MECHANISMS: dict[str, Callable[[str | None, Challenge], Awaitable[Login]]] = {"LOGIN": login, "PLAIN": plain}


def challenge_line(text: bytes) -> str:
    """The 334 reply; the space stays when the challenge is empty (RFC 4954 section 4)."""
    return f"334 {base64.b64encode(text).decode()}"


def _initial(response: str) -> bytes:
    # A lone "=" is how an empty initial response is written (RFC 4954 section 4).
    return b"" if response == "=" else _decode(response.encode("ascii", "replace"))


def _decode(line: bytes) -> bytes:
    if line == b"*":
        raise BadExchange(replies.AUTH_CANCELLED)
    if len(line) > MAX_LINE:
        raise BadExchange(replies.AUTH_LINE_TOO_LONG)
    try:
        return base64.b64decode(line, validate=True)
    except binascii.Error:
        raise BadExchange(replies.AUTH_BAD_BASE64) from None


def _login(name: bytes, password: bytes) -> Login:
    try:
        result = Login(name.decode(), password.decode())
    except UnicodeDecodeError:
        raise BadExchange(replies.AUTH_BAD_BASE64) from None
    if not result.name or not result.password:
        raise BadExchange(replies.AUTH_FAILED)
    return result
