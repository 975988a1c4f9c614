"""Receiving by LMTP (RFC 2033), from a mail server of our own, over TCP or a Unix socket.

Like SMTP but for the hello and for DATA: there every recipient gets a reply of its own.
"""

from __future__ import annotations

import asyncio

from gateway.receive.intake import Intake
from gateway.receive.smtp import replies, smtp
from gateway.receive.smtp.options import Listener, Options
from gateway.receive.smtp.replies import Reply
from gateway.receive.smtp.session import Session, Transaction
from gateway.receive.smtp.smtp import drain

__all__ = ["Listener", "Options", "drain", "serve"]

SMTP_PORT = 25


async def serve(listener: Listener, intake: Intake, options: Options) -> asyncio.Server:
    """Listen for LMTP. Raises as `smtp.serve` does."""
    if listener.port == SMTP_PORT:
        raise ValueError("LMTP must not be used on port 25 (RFC 2033 section 5)")
    return await smtp.open_server(listener, intake, options, LmtpSession)


class LmtpSession(Session):
    """LMTP, whole."""

    protocol = "LMTP"
    source = "lmtp"

    async def smtp_LHLO(self, hostname: str | None) -> None:
        await super().smtp_EHLO(hostname)

    async def smtp_EHLO(self, hostname: str | None) -> None:
        await self.answer(replies.UNKNOWN_COMMAND)

    async def smtp_HELO(self, hostname: str | None) -> None:
        await self.answer(replies.UNKNOWN_COMMAND)

    async def answer_mail(self, reply: Reply, transaction: Transaction) -> None:
        """One reply for each RCPT that succeeded, in their order, repeated ones too (section 4.2)."""
        await self.answer(*[reply] * len(transaction.forward_paths))
