"""An account whose folders are read: how to reach it, what to do in it, and what can go wrong.

Values and protocols only. Secrets are asked for at each login, so that a file that was renewed
counts at once; they are never kept here, shown or logged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from gateway.errors import AccountError, Unreachable
from storage.folder_progress import Place, Unfetched


class Refused(AccountError):
    """The server said NO or BAD to a command."""


class OnlyCopied(Refused):
    """The server let us copy mails and not remove them: they lie in both folders, and are not to be copied again."""


class LostOnceCopied(Unreachable):
    """The connection ended between the copying and the removing of mails."""


class Security(StrEnum):
    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


class Auth(StrEnum):
    LOGIN = "login"
    PLAIN = "plain"
    XOAUTH2 = "xoauth2"


class Backlog(StrEnum):
    """Which of the mails that were there before us are taken at the first connection."""

    NEW = "new"
    """Those nobody read."""
    ALL = "all"
    NONE = "none"


class After(StrEnum):
    """What becomes of a mail in its folder once it is in the journal."""

    MOVE = "move"
    FLAG = "flag"
    LEAVE = "leave"


class Credential(Protocol):
    """Where a password or an access token comes from."""

    async def get(self) -> str:
        """The secret, now. Raises `LoginRefused` or `Unreachable`, or `ConfigError` for an unreadable file."""
        ...

    def rejected(self) -> bool:
        """The server did not take it. True: it was a kept one, and the next `get` brings another."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """How to reach a server and log in there."""

    host: str
    port: int
    security: Security
    username: str
    auth: Auth
    credential: Credential = field(repr=False)
    ca_file: str = ""
    """PEM file of a private authority; empty: those the system trusts."""
    may_idle: bool = True
    poll_seconds: float = 60.0

    @property
    def name(self) -> str:
        return f"{self.username}@{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class FolderTask:
    """What to do in one folder."""

    source: str
    """As in the journal: `imap:<mailbox>`, `imap-sent:<mailbox>`."""
    mailbox: str
    """The address its mail is for."""
    folder: str = "INBOX"
    backlog: Backlog = Backlog.NEW
    after: After = After.LEAVE
    move_to: str = ""


class FolderProgress(Protocol):
    """Where it is written down how far each folder was read. Raises `StorageUnavailable`."""

    async def place(self, source: str) -> Place: ...

    async def opened(self, place: Place) -> None:
        """The folder is new to us, or its UIDs begin anew."""
        ...

    async def reached(self, source: str, uidvalidity: int, uid: int, tidied_uid: int) -> None:
        """Mails up to `uid` were seen to, up to `tidied_uid` moved or flagged as well."""
        ...

    async def looked(self, source: str, mails: int, trouble: str = "", *, tidied: bool = False) -> None:
        """A look succeeded and took so many mails. `trouble`: why those could not be moved or flagged; `tidied`: some
        were, or none needs to be."""
        ...

    async def failed(self, source: str, cause: str) -> None:
        """A look failed."""
        ...

    async def missed(self, source: str, uidvalidity: int, uid: int, size: int, cause: str) -> Unfetched:
        """A mail could not be taken; it stays in its folder."""
        ...

    async def unfetched(self, source: str) -> list[Unfetched]:
        """Mails that stayed behind."""
        ...

    async def released(self, source: str, uidvalidity: int, uid: int, outcome: str) -> None:
        """A mail that stayed behind was taken after all, or is gone; `outcome` says which to the operator."""
        ...
