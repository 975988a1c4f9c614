"""The moment a mail becomes ours: committed whatever the peer does meanwhile.

A peer that hangs up in mid-commit cannot stop it, and gets no reply. It will send the mail
again (RFC 1047 names the problem); then it is told of the commit it missed, and the mail is
not journaled twice. This memory lasts as long as the process; the journal's own check for
duplicates covers the rest.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import traceback
from collections import OrderedDict

from gateway.errors import ReplydeskError
from gateway.mail.message import Envelope
from gateway.receive.intake import Intake
from gateway.receive.smtp import replies
from gateway.receive.smtp.replies import Reply

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
            log.warning(event, extra={**fields, "reply": str(reply), **describe(error)})
            return reply
        log.info("accepted", extra=fields)
        return replies.accepted(id)


def describe(error: Exception) -> dict[str, object]:
    """What a log record may say of a fault: the kind and the place.

    Its text only when it is an error of ours: a driver's may quote the mail.
    """
    return {
        "error": type(error).__name__,
        "cause": str(error) if isinstance(error, ReplydeskError) else "",
        "where": [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-5:]],
    }


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
