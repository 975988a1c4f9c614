"""From DATA to the journal: the bytes of a mail are collected, our trace lines are made, both are committed.

Only <CRLF>.<CRLF> ends a mail (RFC 5321 section 4.1.1.4); bare CR, bare LF and NUL are kept as they are and
never end a line, so no second mail can be smuggled in. Return-Path comes first (section 4.4) and names the
reverse path of *this* transaction; the name a peer gives in HELO is hostile text.

A commit is finished whatever the peer does meanwhile. One that hangs up gets no reply and sends the mail
again (RFC 1047 names the problem); then it is told of the commit it missed, and the mail is not journaled
twice. This memory lasts as long as the process; the journal's own check for duplicates covers the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from ipaddress import IPv6Address, ip_address

from gateway.errors import fault
from gateway.mail.message import Envelope
from gateway.receive.intake import Intake
from gateway.receive.smtp import replies
from gateway.receive.smtp.replies import Reply

_END = b"\r\n.\r\n"


class MailData:
    """Collects one mail.

    `limit` is in bytes of the mail as it was before dots were stuffed (RFC 1870 section 5).
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Stuffing makes a third more at most: a line of one dot is three bytes before and four after.
        self._ceiling = limit * 4 // 3 + len(_END)
        # The line end before the first line, for a mail may be empty or begin with a dot.
        self._buffer = bytearray(b"\r\n")
        self._too_big = False

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next chunk. None while the mail goes on, else what follows the lone dot."""
        known = max(0, len(self._buffer) - len(_END) + 1)
        self._buffer += chunk
        end = self._buffer.find(_END, known)
        if end < 0:
            if len(self._buffer) > self._ceiling:
                self._too_big = True
                del self._buffer[: 1 - len(_END)]
            return None
        rest = bytes(self._buffer[end + len(_END) :])
        del self._buffer[end + 2 :]
        return rest

    def mail(self) -> bytes | None:
        """The whole mail without the dots that were stuffed; None when it is over the limit."""
        if self._too_big:
            return None
        mail = bytes(self._buffer.replace(b"\r\n.", b"\r\n"))[2:]
        return mail if len(mail) <= self._limit else None


_HELO_LENGTH = 255
_NOT_IN_HELO = re.compile(r"[^0-9A-Za-z._:\[\]-]")


@dataclass(frozen=True, slots=True)
class Hop:
    """How one mail reached us, as its Received line tells it."""

    helo: str
    """As the peer said it, unchecked."""
    remote: str
    """IP address of the peer, empty on a Unix socket."""
    hostname: str
    protocol: str
    """RFC 3848 and RFC 6531: `ESMTPSA`, `UTF8SMTPS`, `LMTP`, … (see `protocol_name`)."""
    id: str
    """Unique for this transaction; letters and digits."""
    at: datetime
    """Aware."""


def trace_lines(hop: Hop, reverse_path: str) -> bytes:
    """Return-Path and Received, each ended by CRLF. `reverse_path` is one that `read_path` let through."""
    return f"Return-Path: <{reverse_path}>\r\n".encode() + received_line(hop)


def received_line(hop: Hop) -> bytes:
    """Received alone, for a delivery that does not know the reverse path."""
    source = f" ({_literal(hop.remote)})" if hop.remote else ""
    return (
        f"Received: from {_safe_helo(hop.helo)}{source}\r\n"
        f"\tby {hop.hostname} with {hop.protocol} id {hop.id};\r\n"
        f"\t{format_datetime(hop.at)}\r\n"
    ).encode()


def protocol_name(base: str, *, tls: bool, authenticated: bool, smtputf8: bool) -> str:
    """The `with` keyword: base is `SMTP`, `ESMTP` or `LMTP`."""
    if smtputf8:
        base = "UTF8" + base.removeprefix("E")
    return base + ("S" if tls else "") + ("A" if authenticated else "")


def _safe_helo(helo: str) -> str:
    return _NOT_IN_HELO.sub("", helo)[:_HELO_LENGTH] or "unknown"


def _literal(remote: str) -> str:
    return f"[IPv6:{remote}]" if isinstance(ip_address(remote), IPv6Address) else f"[{remote}]"


log = logging.getLogger("replydesk.receive")

REMEMBERED = 1000
"""How many unanswered commits are kept in mind."""


class Commits:
    """The commits of one listener: those running, and those whose peer went away."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._unanswered: OrderedDict[bytes, asyncio.Task[Reply]] = OrderedDict()
        self.running: set[asyncio.Task[Reply]] = set()
        """Held here because the loop holds tasks weakly, and a cancelled handler lets go of its own."""

    async def commit(self, mail: bytes, trace: bytes, envelope: Envelope, id: str) -> Reply:
        """Commit and tell the reply. Cancelling this call does not cancel the commit."""
        task = self._missed(mail, envelope)
        if task is None:
            task = asyncio.create_task(self._store(trace + mail, envelope, id))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            log.info("peer left before the reply", extra=_fields(envelope, len(mail)))
            self._unanswered[_fingerprint(mail, envelope)] = task
            if len(self._unanswered) > REMEMBERED:
                self._unanswered.popitem(last=False)
            raise
        return replies.FAULT if task.cancelled() else task.result()

    def _missed(self, mail: bytes, envelope: Envelope) -> asyncio.Task[Reply] | None:
        """The earlier commit of the very same transaction, unless it came to nothing."""
        if not self._unanswered:
            return None
        task = self._unanswered.pop(_fingerprint(mail, envelope), None)
        if task is None or (task.done() and (task.cancelled() or not task.result().accepted)):
            return None
        log.info("sent again after a missed reply", extra=_fields(envelope, len(mail)))
        return task

    async def _store(self, raw: bytes, envelope: Envelope, id: str) -> Reply:
        fields = {**_fields(envelope, len(raw)), "id": id}
        try:
            await self._intake.accept(raw, envelope)
        except Exception as error:
            reply = replies.for_fault(error)
            event = "deferred" if reply.reply_code < 500 else "refused"
            log.warning(event, extra={**fields, "reply": str(reply), **fault(error)})
            return reply
        log.info("accepted", extra=fields)
        return replies.accepted(id)


def _fields(envelope: Envelope, size: int) -> dict[str, object]:
    return {
        "source": envelope.source,
        "remote": envelope.remote,
        "reverse_path": envelope.reverse_path,
        "recipients": list(envelope.recipients),
        "authenticated_as": envelope.authenticated_as,
        "size": size,
    }


def _fingerprint(mail: bytes, envelope: Envelope) -> bytes:
    digest = hashlib.sha256(mail)
    digest.update(repr((envelope.reverse_path, envelope.recipients, envelope.authenticated_as)).encode())
    return digest.digest()
