"""What all requests of the portal share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from gateway.config import Settings
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.portal.limits import Limits, Network
from gateway.portal.original import Originals
from gateway.portal.passwords import Passwords
from gateway.portal.session import Cookies, Sessions
from gateway.portal.templates import PageTemplates
from storage.database import Database

FILES_BYTES = 10_000_000


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the daemon does its work; `failing` names the rooms that do not, and nothing more.

    `ok` with a failing room: degraded, but nobody who comes in notices.
    """

    ok: bool
    failing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Portal:
    desk: Desk
    database: Database
    settings: Settings
    clock: Callable[[], datetime]
    healthy: Callable[[], Awaitable[Health]]
    wake: Callable[[], None]
    """Tells the send loop that mails may be in line."""
    accept: Callable[[bytes, Envelope], Awaitable[None]]
    """Takes a mail into the journal, as from any door (`receive.intake`)."""
    templates: PageTemplates
    sessions: Sessions
    passwords: Passwords
    trusted: tuple[Network, ...]
    """Proxies whose X-Forwarded-For counts."""
    answer_seconds: float
    """A refused sign-in is answered after this long, whatever the cause."""
    limits: Limits = field(default_factory=Limits)
    originals: Originals = field(default_factory=Originals)

    @property
    def public_url(self) -> str:
        return self.settings.gateway.public_url

    @property
    def base(self) -> str:
        """Path of the portal, without a slash at its end."""
        return urlsplit(self.public_url).path

    @property
    def files_limit(self) -> int:
        """Bytes of files a form takes, all together; as a mail they are a third larger."""
        return min(FILES_BYTES, self.settings.limits.max_message_bytes // 2)

    @property
    def cookies(self) -> Cookies:
        return Cookies(self.public_url.startswith("https:"))
