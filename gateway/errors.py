"""Errors that say what is wrong and what to do about it.

Malformed mail is not an error: it has `Message.defects`.
"""

from __future__ import annotations

import traceback

RESTORE = "Put a backup in its place: replydesk restore FILE."
"""What an operator does about a database that cannot be read."""


class ReplydeskError(Exception):
    """Something was refused, with a reason fit for the person who asked."""


class ConfigError(ReplydeskError):
    """A setting is wrong. The text names the file, the line (0: none is to blame), the key and the remedy."""

    def __init__(self, key: str, problem: str, remedy: str, file: str = "", line: int = 0) -> None:
        self.key, self.problem, self.remedy, self.file, self.line = key, problem, remedy, file, line
        said = [f"{file}:{line}" if file and line else file, key, f"{problem.rstrip('.')}. {remedy}".rstrip()]
        super().__init__(": ".join(part for part in said if part))


class IllegalTransition(ReplydeskError):
    """A ticket cannot go from its status by this event."""


class UnknownTicket(ReplydeskError):
    """There is no ticket of that number."""


class UnknownContact(ReplydeskError):
    """There is no contact with that address."""


class UnknownEntry(ReplydeskError):
    """There is no journal or outbox row of that id."""


class TemplateError(ReplydeskError):
    """A mail or page template is broken. The text names its file and line."""


class StorageUnavailable(ReplydeskError):
    """The database cannot be reached or written now; trying later may help."""


class StorageFull(StorageUnavailable):
    """There is no room left where the database lives."""


class StorageUnusable(ConfigError):
    """What lies where the database should be is damaged, or is none of ours: only the operator can mend that.

    The store knows neither the key nor the file of the settings; `gateway.config.database_file.placed` puts them in.
    """


class OversizeMail(ReplydeskError):
    """The mail is larger than `limits.max_message_bytes`."""


class AccountError(ReplydeskError):
    """Somebody else's server, or an account of ours on it, cannot be used; trying later may help."""


class Unreachable(AccountError):
    """No connection, or it was lost."""


class LoginRefused(AccountError):
    """The server or the token endpoint does not want us: asking often does no good."""


def cause_of(error: Exception) -> str:
    """What an operator is told of a failure: an error of ours says it, of any other only the log has more."""
    if isinstance(error, ReplydeskError):
        return str(error)
    return f"a fault of Replydesk ({type(error).__name__}), see the log"


def fault(error: Exception) -> dict[str, object]:
    """The fields of a log record about a fault: its kind and its place.

    Its text only when it is an error of ours, or the system's own word for it: a driver's may quote the mail.
    """
    cause = str(error) if isinstance(error, ReplydeskError) else ""
    if isinstance(error, OSError):
        cause = error.strerror or ""
    return {
        "error": type(error).__name__,
        "cause": cause,
        "where": [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-5:]],
    }
