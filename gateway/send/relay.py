"""What sending needs of the outside world: a few lines that answer sent, deferred, uncertain or failed.

The send loop knows no more of a transport than this. Here too is what the settings say of the relay.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from gateway.config import Settings
from gateway.config.oauth import Tokens, tokens
from gateway.config.secret_files import relay_password
from gateway.core.retry import Outcome, Result
from gateway.errors import ReplydeskError
from gateway.mail.message import ascii_domain

Begin = Callable[[], Awaitable[bool]]
"""Asked once before the mail itself is sent; False: it must not be."""


async def at_once() -> bool:
    """Nobody needs to know when a mail is begun."""
    return True


NOT_OURS = Outcome(Result.DEFERRED, "not sent: the claim on it was lost")


class Transport(Protocol):
    """Takes one mail to one recipient at a time; safe to be used by many tasks at once."""

    async def deliver(
        self, reverse_path: str, recipient: str, message: bytes, notice: str = "", begin: Begin = at_once
    ) -> Outcome:
        """Try once and tell how it ended; never raises for anything the world does.

        `notice` only names the mail. `begin` is awaited before anything that cannot be taken back;
        what it raises ends the attempt with nothing sent.
        """

    async def check(self) -> str:
        """Go as far as is possible without a mail, and say where that led. Raises `RelayUnavailable`."""

    async def close(self) -> None:
        """Cut off what is under way, each ending with the outcome its phase deserves. Deliver nothing afterwards."""


class RelayUnavailable(ReplydeskError):
    """No mail can be sent now. The text says where it failed and what to look at."""


@dataclass(frozen=True, slots=True)
class Relay:
    """The server that takes our mail, and how it is talked to."""

    host: str
    port: int
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: str = field(default="", repr=False)
    tokens: Tokens | None = field(default=None, repr=False)
    """Signs in by XOAUTH2 instead of with the password."""
    hello: str = "localhost"
    """Our name in EHLO."""
    connections: int = 4
    timeout: float = 60.0
    """Seconds for each reply; the reply to a whole mail may take ten times as long (RFC 5321 section 4.5.3.2)."""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def of(settings: Settings) -> Relay:
    """The relay of the settings, with its password read. Raises `ConfigError`."""
    send = settings.send
    return Relay(
        send.host,
        send.port,
        send.security,
        send.username,
        relay_password(settings),
        tokens(settings, "send", send, f"send:{send.username}") if send.auth == "xoauth2" else None,
        ascii_domain(send.hostname or settings.hostname),
        send.connections,
        float(send.timeout_seconds),
    )


def authorities(settings: Settings) -> ssl.SSLContext | None:
    """Whom the relay's certificate must be signed by; None: whom the system trusts. Raises `ConfigError`."""
    send = settings.send
    if not send.ca_file or send.security == "none":
        return None
    try:
        return ssl.create_default_context(cafile=str(settings.path(send.ca_file)))
    except (OSError, ssl.SSLError) as error:
        raise settings.error(
            "send.ca_file", f"{send.ca_file} cannot be used ({error.strerror or error})", "Name a PEM file."
        ) from None
