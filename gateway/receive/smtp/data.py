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
import contextlib
import hashlib
import logging
import re
import tempfile
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from io import BufferedRandom
from ipaddress import IPv6Address, ip_address
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import fault
from gateway.mail.delivered import HEADER_BYTES
from gateway.mail.message import Envelope
from gateway.memory import LARGE, SMALL, Memory, Pieces
from gateway.receive.intake import Intake
from gateway.receive.smtp import replies
from gateway.receive.smtp.replies import Reply

if TYPE_CHECKING:
    from gateway.receive.smtp.verify import SenderFacts, Verifier

log = logging.getLogger("replydesk.receive")

_END = b"\r\n.\r\n"


class MailData:
    """Collects one mail, on disk what is too much for memory. `close` it.

    `limit` is in bytes of the mail as it was before dots were stuffed (RFC 1870 section 5).
    """

    def __init__(self, limit: int, memory: Memory | None = None, spool: Path | None = None) -> None:
        self._limit, self._memory, self._spool = limit, memory or Memory(), spool
        # Stuffing makes a third more at most: a line of one dot is three bytes before and four after.
        self._ceiling = limit * 4 // 3 + len(_END)
        # The line end before the first line, for a mail may be empty or begin with a dot.
        self._buffer = bytearray(b"\r\n")
        self._file: BufferedRandom | None = None
        self._memory.buffered += len(self._buffer)
        self._put_away = 0
        self.refusal: Reply | None = None
        """Why it cannot be taken, whatever it is; the rest is only read."""

    @property
    def size(self) -> int:
        """In bytes, as it came."""
        return self._put_away + len(self._buffer)

    def feed(self, chunk: bytes) -> bytes | None:
        """Take the next chunk. None while the mail goes on, else what follows the lone dot."""
        before = len(self._buffer)
        self._buffer += chunk
        end = self._buffer.find(_END, max(0, before - len(_END) + 1))
        rest = None
        if end >= 0:
            rest = bytes(self._buffer[end + len(_END) :])
            del self._buffer[end + 2 :]
        elif self.size > self._ceiling:
            self.refusal = replies.TOO_BIG
        if self.refusal is not None:
            del self._buffer[: 1 - len(_END)]
        elif self._file is not None or len(self._buffer) > (SMALL if self._memory.is_crowded else LARGE):
            self._to_disk(len(self._buffer) if rest is not None else len(self._buffer) - len(_END))
        self._memory.buffered += len(self._buffer) - before
        return rest

    def _to_disk(self, size: int) -> None:
        """The first bytes of the buffer; what may be the beginning of the end stays."""
        try:
            self._file = self._file or _nameless(self._spool)
            with memoryview(self._buffer) as whole:
                self._file.write(whole[: max(0, size)])
        except OSError as error:
            log.warning("mail cannot be kept", extra=fault(error))
            self.refusal = replies.for_fault(error)
        del self._buffer[: max(0, size)]
        self._put_away += max(0, size)

    def mail(self) -> bytes | None:
        """The whole mail without the dots that were stuffed; None when it is over the limit."""
        if self.refusal is not None:
            return None
        if self._file is None:
            mail = bytes(self._buffer.replace(b"\r\n.", b"\r\n"))[2:]
        else:
            self._file.seek(2)
            mail = self._file.read().removeprefix(b".").replace(b"\r\n.", b"\r\n")
        return mail if len(mail) <= self._limit else None

    def pieces(self, at_once: int = LARGE) -> Iterator[bytes]:
        """The same mail in pieces of about so many bytes, whatever its size, where it lies on disk."""
        assert self._file is not None
        self._file.seek(0)
        kept, before = b"", 2
        while chunk := self._file.read(at_once):
            chunk = kept + chunk
            # The end of a line is not taken apart: a stuffed dot may follow.
            whole = len(chunk) - (2 if chunk.endswith(b"\r\n") else chunk.endswith(b"\r"))
            kept = chunk[whole:]
            yield chunk[:whole].replace(b"\r\n.", b"\r\n")[before:]
            before = 0
        yield kept

    @property
    def on_disk(self) -> bool:
        return self._file is not None

    def measure(self) -> int | None:
        """Bytes that `pieces` gives; None when it is over the limit."""
        if self.refusal is not None:
            return None
        size = sum(map(len, self.pieces()))
        return size if size <= self._limit else None

    def head(self) -> bytes:
        """The first bytes of the mail, more than the fields of most; no field begins with a dot."""
        if self._file is None:
            return bytes(self._buffer[2 : HEADER_BYTES + 2])
        self._file.seek(2)
        return self._file.read(HEADER_BYTES)

    def digest(self, envelope: Envelope) -> bytes:
        """The same for the very same transaction."""
        whole = hashlib.sha256(self._buffer)
        if self._file is not None:
            self._file.seek(0)
            whole = hashlib.file_digest(self._file, "sha256")
        whole.update(repr((envelope.reverse_path, envelope.recipients, envelope.authenticated_as)).encode())
        return whole.digest()

    def close(self) -> None:
        """Let go of it at once: a collector would come late."""
        self._memory.buffered -= len(self._buffer)
        self._buffer = bytearray()
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def _nameless(folder: Path | None) -> BufferedRandom:
    """A file that is gone with its last user, also when that is killed."""
    file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  # it lasts as long as its MailData, whose close ends it
    assert isinstance(file, BufferedRandom)
    return file


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


def trace_lines(hop: Hop, reverse_path: str, results: Iterable[str] = ()) -> bytes:
    """Return-Path, Authentication-Results where we judged, Received, each ended by CRLF. `reverse_path` is one that
    `read_path` let through. What a peer wrote stands below: `core.proof` believes what stands second."""
    judged = ";\r\n\t".join((hop.hostname, *results))
    own = f"Authentication-Results: {judged}\r\n" if results else ""
    return f"Return-Path: <{reverse_path}>\r\n{own}".encode() + received_line(hop)


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


REMEMBERED = 1000
"""How many unanswered commits are kept in mind."""


class Commits:
    """The commits of one listener: those running, and those whose peer went away."""

    def __init__(self, intake: Intake, memory: Memory, verifier: Verifier | None = None) -> None:
        self._intake, self._memory, self._verifier = intake, memory, verifier
        self._unanswered: OrderedDict[bytes, asyncio.Task[Reply]] = OrderedDict()
        self.running: set[asyncio.Task[Reply]] = set()
        """Held here because the loop holds tasks weakly, and a cancelled handler lets go of its own."""

    async def commit(self, data: MailData, hop: Hop, envelope: Envelope) -> Reply:
        """Commit, close it and tell the reply. Cancelling this call does not cancel the commit."""
        task = self._missed(data, envelope)
        if task is None:
            task = asyncio.create_task(self._store(data, hop, envelope))
            self.running.add(task)
            task.add_done_callback(self.running.discard)
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            log.info("peer left before the reply", extra=_fields(envelope, data.size))
            self._unanswered[data.digest(envelope)] = task
            if len(self._unanswered) > REMEMBERED:
                self._unanswered.popitem(last=False)
            task.add_done_callback(lambda _: data.close())
            raise
        data.close()
        return replies.FAULT if task.cancelled() else task.result()

    def _missed(self, data: MailData, envelope: Envelope) -> asyncio.Task[Reply] | None:
        """The earlier commit of the very same transaction, unless it came to nothing."""
        if not self._unanswered:
            return None
        task = self._unanswered.pop(data.digest(envelope), None)
        if task is None or (task.done() and (task.cancelled() or not task.result().accepted)):
            return None
        log.info("sent again after a missed reply", extra=_fields(envelope, data.size))
        return task

    async def _store(self, data: MailData, hop: Hop, envelope: Envelope) -> Reply:
        fields = {**_fields(envelope, data.size), "id": hop.id}
        try:
            asked = await self._verifier.ask(data.head(), hop.helo, envelope) if self._verifier else None
            async with self._memory.hold(data.size):
                mail = await self._content(data, asked, hop, envelope)
                if mail is None:
                    return data.refusal or replies.TOO_BIG
                await self._intake.accept(mail, envelope)
                mail = None
        except Exception as error:
            reply = replies.for_fault(error)
            event = "deferred" if reply.reply_code < 500 else "refused"
            log.warning(event, extra={**fields, "reply": str(reply), **fault(error)})
            return reply
        log.info("accepted", extra=fields)
        return replies.accepted(hop.id)

    async def _content(
        self, data: MailData, asked: SenderFacts | None, hop: Hop, envelope: Envelope
    ) -> bytes | Pieces | None:
        """The mail below our trace lines; only who judges a signature needs all of a large one at once."""
        if data.on_disk and asked is None:
            size = await asyncio.to_thread(data.measure)
            trace = trace_lines(hop, envelope.reverse_path)
            return None if size is None else Pieces(len(trace) + size, lambda: chain((trace,), data.pieces()))
        mail = await asyncio.to_thread(data.mail) if data.size > LARGE else data.mail()
        if mail is None:
            return None
        results = await asyncio.to_thread(asked.judge, mail) if asked else ()
        return trace_lines(hop, envelope.reverse_path, results) + mail


def _fields(envelope: Envelope, size: int) -> dict[str, object]:
    return {
        "source": envelope.source,
        "remote": envelope.remote,
        "reverse_path": envelope.reverse_path,
        "recipients": list(envelope.recipients),
        "authenticated_as": envelope.authenticated_as,
        "size": size,
    }
