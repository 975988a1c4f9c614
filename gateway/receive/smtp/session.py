"""The mail transaction: MAIL, RCPT, DATA (RFC 5321 section 3.3).

No relay: a recipient that is not ours is refused (550 5.1.1). 250 after DATA is given only
after the commit. SIZE is RFC 1870, SMTPUTF8 RFC 6531.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.mail.message import Envelope, address_key
from gateway.receive.smtp import replies
from gateway.receive.smtp.data import MailData
from gateway.receive.smtp.door import Door
from gateway.receive.smtp.hello import Hello
from gateway.receive.smtp.path import BadParameters, BadPath, Path, read_path
from gateway.receive.smtp.replies import Reply
from gateway.receive.smtp.trace import Hop, protocol_name, trace_lines

log = logging.getLogger("replydesk.receive")

_ALL_THERE_IS = 1 << 30
"""Bytes; more than the stream ever holds, so that a read empties it."""


@dataclass(slots=True)
class Transaction:
    """A mail transaction between MAIL and the end of DATA (RFC 5321 section 3.3)."""

    reverse_path: str
    smtputf8: bool
    forward_paths: list[str] = field(default_factory=list)
    """One for each RCPT we said yes to, repeated ones too: LMTP answers each."""

    @property
    def recipients(self) -> tuple[str, ...]:
        """In order, each once."""
        unique: dict[str, str] = {}
        for path in self.forward_paths:
            unique.setdefault(address_key(path), path)
        return tuple(unique.values())


class Session(Hello):
    """SMTP, whole."""

    def __init__(self, door: Door, *, offer_starttls: bool, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(door, offer_starttls=offer_starttls, loop=loop)
        self._transaction: Transaction | None = None
        self._id = secrets.token_hex(4)
        """Every mail's id begins with it."""
        self._mails = 0

    def _set_post_data_state(self) -> None:
        # aiosmtpd calls it wherever RFC 5321 wants the buffers cleared: HELO, RSET, STARTTLS.
        super()._set_post_data_state()  # type: ignore[no-untyped-call]  # aiosmtpd is typed in part
        self._transaction = None

    async def smtp_AUTH(self, arg: str | None) -> None:
        if self._transaction is not None:
            # RFC 4954 section 4: not during a mail transaction.
            await self.answer(replies.AUTH_NOT_NOW)
        else:
            await super().smtp_AUTH(arg)

    async def smtp_MAIL(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        if self._transaction is not None:
            await self.answer(replies.MAIL_ALREADY_OPEN)
            return
        try:
            path = read_path(arg or "", "FROM")
        except BadPath:
            await self.answer(replies.BAD_SENDER)
        except BadParameters:
            await self.answer(replies.BAD_ARGUMENT)
        else:
            refusal = self._refuse_sender(path)
            if refusal is None:
                self._transaction = Transaction(path.address, "SMTPUTF8" in path.parameters)
            await self.answer(refusal or replies.SENDER_OK)

    def _refuse_sender(self, path: Path) -> Reply | None:
        given = path.parameters
        # A server that offers AUTH takes the AUTH parameter, and need not believe it (RFC 4954 section 5).
        known = {"SIZE", "BODY", "SMTPUTF8"} | ({"AUTH"} if self.options.credentials else set())
        size = given.get("SIZE", "0")
        if path.address and "@" not in path.address:
            return replies.BAD_SENDER
        if not known.issuperset(given):
            return replies.BAD_PARAMETER
        if (
            not (size.isascii() and size.isdecimal() and len(size) <= 20)
            or given.get("BODY", "7BIT").upper() not in ("7BIT", "8BITMIME")
            or given.get("SMTPUTF8")
        ):
            return replies.BAD_ARGUMENT
        if path.needs_smtputf8 and "SMTPUTF8" not in given:
            return replies.NEEDS_SMTPUTF8
        return replies.TOO_BIG if int(size) > self.options.max_message_bytes else None

    async def smtp_RCPT(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        transaction = self._transaction
        if transaction is None:
            await self.answer(replies.NEED_MAIL)
            return
        try:
            path = read_path(arg or "", "TO")
        except BadPath:
            await self.answer(replies.BAD_RECIPIENT)
        except BadParameters:
            await self.answer(replies.BAD_ARGUMENT)
        else:
            refusal = self._refuse_recipient(path, transaction)
            if refusal is None:
                transaction.forward_paths.append(path.address)
            else:
                self._log_recipient(path.address, transaction, refusal)
            await self.answer(refusal or replies.RECIPIENT_OK)

    def _refuse_recipient(self, path: Path, transaction: Transaction) -> Reply | None:
        if not path.address:
            return replies.BAD_RECIPIENT
        if path.parameters:
            return replies.BAD_PARAMETER
        if path.needs_smtputf8 and not transaction.smtputf8:
            return replies.NEEDS_SMTPUTF8
        if not self.door.intake.is_ours(path.address):
            return replies.NOT_OURS
        if len(transaction.forward_paths) >= self.options.max_recipients:
            return replies.TOO_MANY_RECIPIENTS
        return None

    def _log_recipient(self, recipient: str, transaction: Transaction, reply: Reply) -> None:
        log.info(
            "recipient rejected",
            extra={
                **self.who,
                "reverse_path": transaction.reverse_path,
                "recipient": recipient,
                "reply": str(reply),
            },
        )

    async def smtp_DATA(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        transaction = self._transaction
        if arg:
            await self.answer(replies.BAD_ARGUMENT)
        elif transaction is None or not transaction.forward_paths:
            await self.answer(replies.NEED_MAIL if transaction is None else replies.NEED_RECIPIENT)
        else:
            with self.mail_under_way():
                await self.answer(replies.START_MAIL_INPUT)
                mail = await self._read_mail()
                self._set_post_data_state()
                reply = replies.TOO_BIG if mail is None else await self._commit(mail, transaction)
                if reply.accepted:
                    self.forgive()
                await self.answer_mail(reply, transaction)
            await self.leave_if_asked()

    async def _read_mail(self) -> bytes | None:
        data = MailData(self.options.max_message_bytes)
        while True:
            chunk = await self._reader.read(_ALL_THERE_IS)
            if not chunk:
                raise ConnectionResetError
            rest = data.feed(chunk)
            if rest is not None:
                # The stream is empty now, so what was pipelined behind the mail is next again.
                self._reader.feed_data(rest)
                return data.mail()

    async def _commit(self, mail: bytes, transaction: Transaction) -> Reply:
        self._mails += 1
        id = f"{self._id}{self._mails:04x}"
        envelope = Envelope(
            source=self.source,
            reverse_path=transaction.reverse_path,
            recipients=transaction.recipients,
            remote=self.remote,
            authenticated_as=self.authenticated_as,
        )
        self.suspend_timeout()
        reply = await self.door.commits.commit(mail, self._trace(transaction, id), envelope, id)
        self.resume_timeout()
        return reply

    def _trace(self, transaction: Transaction, id: str) -> bytes:
        assert self.session is not None
        protocol = protocol_name(
            self.protocol if self.session.extended_smtp else "SMTP",
            tls=self.over_tls,
            authenticated=bool(self.authenticated_as),
            smtputf8=transaction.smtputf8,
        )
        hop = Hop(self.session.host_name or "", self.remote, self.hostname, protocol, id, datetime.now(UTC))
        return trace_lines(hop, transaction.reverse_path)

    async def answer_mail(self, reply: Reply, transaction: Transaction) -> None:
        """SMTP gives one reply to a mail, however many recipients it has."""
        await self.answer(reply)

    async def smtp_VRFY(self, arg: str | None) -> None:
        await self.answer(replies.CANNOT_VERIFY if arg else replies.BAD_ARGUMENT)

    async def smtp_HELP(self, arg: str | None) -> None:
        await self.answer(replies.HELP)
