"""Every SMTP and LMTP reply we give, as constants (RFC 5321 section 4.2, RFC 3463, RFC 2034).

A reply never tells what went wrong inside: no exception text, no path, no address list.
A fault of ours is never a 5xx, for a 5xx makes the peer return the mail to its sender.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.errors import OversizeMail


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply line: `550 5.1.1 No such recipient here`."""

    reply_code: int
    enhanced_code: str
    """RFC 3463, such as `5.1.1`; empty for 3xx replies, which carry none (RFC 2034 section 4)."""
    text: str

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.reply_code), self.enhanced_code, self.text) if part)

    @property
    def accepted(self) -> bool:
        """The mail is ours now."""
        return self.reply_code == 250


class Declined(Exception):
    """A command is answered with this reply instead of being carried out."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


OK = Reply(250, "2.0.0", "OK")
BYE = Reply(221, "2.0.0", "Bye")
READY_FOR_TLS = Reply(220, "2.0.0", "Ready to start TLS")
HELP = Reply(214, "2.0.0", "This is a support gateway: send mail to the support address")
SENDER_OK = Reply(250, "2.1.0", "Sender OK")
RECIPIENT_OK = Reply(250, "2.1.5", "Recipient OK")
CANNOT_VERIFY = Reply(252, "2.0.0", "Cannot verify, but will take mail for our own addresses")
START_MAIL_INPUT = Reply(354, "", "End data with <CR><LF>.<CR><LF>")

UNKNOWN_COMMAND = Reply(500, "5.5.1", "Command not recognized")
BAD_SYNTAX = Reply(500, "5.5.2", "Syntax error")
BARE_LF = Reply(500, "5.5.2", "A line ends with CR LF")
LINE_TOO_LONG = Reply(500, "5.5.2", "Command line too long")
BAD_ARGUMENT = Reply(501, "5.5.4", "Syntax error in the arguments")
BAD_SENDER = Reply(501, "5.1.7", "Malformed sender address")
BAD_RECIPIENT = Reply(501, "5.1.3", "Malformed recipient address")
NOT_IMPLEMENTED = Reply(502, "5.5.1", "Command not implemented")
NEED_HELLO = Reply(503, "5.5.1", "Say hello first")
NEED_MAIL = Reply(503, "5.5.1", "Need MAIL first")
NEED_RECIPIENT = Reply(503, "5.5.1", "Need a valid recipient first")
MAIL_ALREADY_OPEN = Reply(503, "5.5.1", "Sender already given")
ALREADY_TLS = Reply(503, "5.5.1", "TLS is already active")
BAD_PARAMETER = Reply(555, "5.5.4", "Parameter not recognized or not implemented")
NEEDS_SMTPUTF8 = Reply(553, "5.6.7", "Address needs SMTPUTF8")

NOT_OURS = Reply(550, "5.1.1", "No such recipient here")
TOO_MANY_RECIPIENTS = Reply(452, "4.5.3", "Too many recipients, send the rest in another mail")
TOO_BIG = Reply(552, "5.3.4", "Message too big")
FAULT = Reply(451, "4.3.0", "Local problem, please try again later")
DISK_FULL = Reply(452, "4.3.1", "Out of space, please try again later")

AUTHENTICATED = Reply(235, "2.7.0", "Authentication successful")
AUTH_FAULT = Reply(454, "4.7.0", "Temporary authentication failure")
AUTH_CANCELLED = Reply(501, "5.7.0", "Authentication cancelled")
AUTH_BAD_BASE64 = Reply(501, "5.5.2", "Cannot decode the response")
AUTH_LINE_TOO_LONG = Reply(500, "5.5.6", "Authentication line too long")
AUTH_NOT_NOW = Reply(503, "5.5.1", "Not permitted now")
AUTH_UNKNOWN_MECHANISM = Reply(504, "5.5.4", "Unrecognized authentication mechanism")
AUTH_FAILED = Reply(535, "5.7.8", "Authentication credentials invalid")
AUTH_NEEDS_TLS = Reply(538, "5.7.11", "Encryption required for authentication")

SHUTTING_DOWN = Reply(421, "4.3.2", "Shutting down, please try again later")
TOO_BUSY = Reply(421, "4.3.2", "Too many connections, please try again later")
TOO_MANY_FROM_YOU = Reply(421, "4.7.0", "Too many connections from your address")
NOT_A_PROXY = Reply(421, "4.7.0", "Only our balancer may connect here")
TOO_MANY_ERRORS = Reply(421, "4.7.0", "Too many errors")
TOO_MANY_COMMANDS = Reply(421, "4.7.0", "Too many commands without a mail")
NOT_SMTP = Reply(421, "4.7.0", "This is a mail server")
TIMED_OUT = Reply(421, "4.4.2", "Idle for too long")


def accepted(id: str) -> Reply:
    """The one reply that makes a mail ours; `id` is that of our Received line."""
    return Reply(250, "2.0.0", f"Accepted as {id}")


def for_fault(error: BaseException) -> Reply:
    """What the peer is told when `Intake.accept` raised."""
    if isinstance(error, OversizeMail):
        return TOO_BIG
    return DISK_FULL if any(map(_is_disk_full, _causes(error))) else FAULT


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _is_disk_full(error: BaseException) -> bool:
    # The system's, SQLite's and PostgreSQL's own stable names for it, so that no driver need be imported here.
    return (
        (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT))
        or getattr(error, "sqlite_errorname", "") == "SQLITE_FULL"
        or getattr(error, "sqlstate", "") == "53100"
    )


_STOCK = (
    ("220 Ready to start TLS", READY_FOR_TLS),
    ("221", BYE),
    ("250 OK", OK),
    (str(BARE_LF), BARE_LF),
    ("500 Command line", LINE_TOO_LONG),
    ("500 Error: command", UNKNOWN_COMMAND),
    ("500", BAD_SYNTAX),
    ("501", BAD_ARGUMENT),
    ("502 5.5.1 Too many", TOO_MANY_ERRORS),
    ("502", NOT_IMPLEMENTED),
)
"""aiosmtpd's own replies by their beginning, and ours. Those it echoes the peer's words in are here too."""

_COMPLETE = re.compile(r"(?:[245]\d\d[ -][245]\.\d{1,3}\.\d{1,3}(?: |$)|220 |3\d\d )")


def replace_stock(line: str) -> str:
    """A reply line of aiosmtpd as we give it: with an enhanced status code, where one belongs."""
    for beginning, reply in _STOCK:
        if line.startswith(beginning):
            return str(reply)
    if _COMPLETE.match(line):
        return line
    return f"{line[:3]} {line[:1]}.0.0 {line[4:]}"
