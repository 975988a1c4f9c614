"""One mail made ready for one relay: addresses, parameters of MAIL FROM, and the lines of DATA.

Pure. RFC 5321 sections 4.1.2 and 4.5.2, 1870 (SIZE), 6152 (8BITMIME) and 6531 (SMTPUTF8). Must
never let an address or a line of the mail become a command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.core.retry import About, Outcome, Result
from gateway.render.wire import ascii_domain


@dataclass(frozen=True, slots=True)
class PreparedMail:
    """What goes over the wire."""

    reverse_path: bytes
    """Without angle brackets, as the recipient."""
    recipient: bytes
    parameters: tuple[bytes, ...]
    content: bytes
    """With dots doubled and CRLF at its end, the final dot not included."""


def prepare(reverse_path: str, recipient: str, message: bytes, offered: Mapping[str, str]) -> PreparedMail | Outcome:
    """The mail for a relay with these extensions (lower-case keyword → parameters), or why it cannot take it."""
    sender, to = _path(reverse_path), _path(recipient)
    if not _ADDRESS.fullmatch(to):
        return Outcome(Result.FAILED, f"not sent: 5.1.3 {recipient!r} is not an address")
    if sender and not _ADDRESS.fullmatch(sender):
        return Outcome(Result.DEFERRED, f"not sent: 5.1.7 {reverse_path!r} is not an address", About.SETUP)
    content = _lines(message)
    parameters = []
    if "size" in offered:
        limit = offered["size"].strip()
        if limit.isdigit() and 0 < int(limit) < len(content):
            return _unfit(f"5.3.4 it has {len(content)} bytes, and the relay takes {limit}")
        # RFC 1870 section 3: doubled dots do not count.
        parameters.append(b"SIZE=%d" % len(content))
    if not content.isascii():
        if "8bitmime" not in offered:
            return _unfit("5.6.3 it has 8-bit lines, and the relay does not offer 8BITMIME")
        parameters.append(b"BODY=8BITMIME")
    if not (sender + to).isascii() or not content.partition(b"\r\n\r\n")[0].isascii():
        if "smtputf8" not in offered:
            return _unfit("5.6.7 an address in it is not ASCII, and the relay does not offer SMTPUTF8")
        parameters.append(b"SMTPUTF8")
    return PreparedMail(sender.encode(), to.encode(), tuple(parameters), _stuffed(content))


def _unfit(why: str) -> Outcome:
    return Outcome(Result.FAILED, f"not sent: {why}")


def _path(address: str) -> str:
    local, at, domain = address.rpartition("@")
    return f"{local}{at}{ascii_domain(domain)}"


_ATOMS = r'[^\s\x00-\x1f\x7f<>()\[\],;:\\"@]+'
_QUOTED = r'"(?:[^"\\\x00-\x1f\x7f]|\\[ -~])*"'
_LITERAL = r"\[[0-9A-Za-z.:]+\]"
_ADDRESS = re.compile(f"(?:{_ATOMS}|{_QUOTED})@(?:{_ATOMS}|{_LITERAL})")
"""Looser than the grammar, but nothing in it can end the address or begin a parameter."""
_LINE_END = re.compile(rb"\r\n|\r|\n")


def _lines(message: bytes) -> bytes:
    if not message.count(b"\r\n") == message.count(b"\r") == message.count(b"\n"):
        # A bare CR or LF beside a dot would end the mail early at some servers, and begin another.
        message = _LINE_END.sub(b"\r\n", message)
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def _stuffed(content: bytes) -> bytes:
    """RFC 5321 section 4.5.2: a dot that begins a line is doubled."""
    content = content.replace(b"\r\n.", b"\r\n..")
    return b"." + content if content.startswith(b".") else content
