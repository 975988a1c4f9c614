"""What a process that starts must know of storms that began before it (`gateway.core.storms`)."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, exists, func, select

from gateway.core.kept import WroteLately
from gateway.core.notice import Audience
from gateway.core.reason import Reason
from gateway.core.ticket import Role
from gateway.mail.message import address_key
from storage.tables import ENTRY, JOURNAL, OUTBOX, TICKET

WEEK = timedelta(days=7)
"""How far back automatic mail, and texts, are looked at; longer windows begin anew."""
MAILS, TEXTS = 20_000, 2_000
"""The newest rows, by their ids, so a large table costs no more."""


class StormReads:
    """Inside one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lately(self, now: datetime) -> tuple[list[tuple[str, datetime]], list[WroteLately]]:
        """Automatic mail to customers, and what they wrote that was answered or taken for a machine's; oldest first."""
        sent = (
            select(OUTBOX.c.recipient_key, OUTBOX.c.created_at)
            .where(
                OUTBOX.c.id > select(func.max(OUTBOX.c.id)).scalar_subquery() - MAILS,
                OUTBOX.c.automatic,
                OUTBOX.c.audience == Audience.CUSTOMER.value,
                OUTBOX.c.created_at > now - WEEK,
            )
            .order_by(OUTBOX.c.id)
        )
        robot = ENTRY.c.reason == Reason.ROBOT.value
        answered = exists().where(OUTBOX.c.journal_id == ENTRY.c.journal_id, OUTBOX.c.automatic)
        wrote = (
            select(
                ENTRY.c.author_address, ENTRY.c.body_text, ENTRY.c.created_at, ENTRY.c.ticket, ENTRY.c.reason,
                ENTRY.c.attachments, JOURNAL.c.remote, TICKET.c.subject,
            )
            .join(JOURNAL, JOURNAL.c.id == ENTRY.c.journal_id)
            .join(TICKET, TICKET.c.number == ENTRY.c.ticket)
            .where(
                ENTRY.c.id > select(func.max(ENTRY.c.id)).scalar_subquery() - TEXTS,
                ENTRY.c.created_at > now - WEEK,
                robot | ((ENTRY.c.author_role == Role.REQUESTER.value) & answered),
            )
            .order_by(ENTRY.c.id)
        )  # fmt: skip
        mails = [(str(key), at) for key, at in self._connection.execute(sent)]
        texts = [
            WroteLately(
                address_key(r.author_address), r.subject, r.body_text, r.remote, r.created_at, r.ticket,
                r.reason == Reason.ROBOT.value,
            )
            for r in self._connection.execute(wrote)
            if not r.attachments
        ]  # fmt: skip
        return mails, texts
