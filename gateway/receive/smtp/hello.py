"""Who the peer is: HELO, EHLO, STARTTLS (RFC 3207) and AUTH (RFC 4954).

Nothing learnt before TLS is kept after it. A password is checked in a thread, for hashing it
takes long, and neither it nor the name of a failed login is ever logged.
"""

from __future__ import annotations

import asyncio
import logging

from gateway.receive.smtp import auth, replies
from gateway.receive.smtp.commit import describe
from gateway.receive.smtp.door import Door
from gateway.receive.smtp.gate import Gate
from gateway.receive.smtp.replies import Reply

log = logging.getLogger("replydesk.receive")


class Hello(Gate):
    """A gate that learns whom it speaks to."""

    def __init__(self, door: Door, *, offer_starttls: bool, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(door, offer_starttls=offer_starttls, loop=loop)
        self.authenticated_as = ""
        """The address the peer proved, empty without."""
        self._login_failures = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.authenticated_as = ""
        super().connection_made(transport)

    async def check_helo_needed(self, helo: str = "HELO") -> bool:
        if self.session is not None and self.session.host_name:
            return False
        await self.answer(replies.NEED_HELLO)
        return True

    async def smtp_HELO(self, hostname: str | None) -> None:
        if await self._met(hostname):
            await self.say(f"250 {self.hostname}")

    async def smtp_EHLO(self, hostname: str | None) -> None:
        if await self._met(hostname):
            assert self.session is not None
            self.session.extended_smtp = True
            *first, last = (self.hostname, *self._extensions())
            await self.say("\r\n".join([*(f"250-{line}" for line in first), f"250 {last}"]))

    async def _met(self, hostname: str | None) -> bool:
        if not hostname:
            await self.answer(replies.BAD_ARGUMENT)
            return False
        self._set_rset_state()  # type: ignore[no-untyped-call]  # aiosmtpd is typed in part
        assert self.session is not None
        self.session.host_name = hostname
        self.session.extended_smtp = False
        return True

    def _extensions(self) -> tuple[str, ...]:
        return (
            "PIPELINING",
            f"SIZE {self.options.max_message_bytes}",
            "8BITMIME",
            "SMTPUTF8",
            "ENHANCEDSTATUSCODES",
            *(["STARTTLS"] if self.tls_context and not self.over_tls else []),
            *(["AUTH " + " ".join(auth.MECHANISMS)] if self._may_authenticate() is None else []),
            "HELP",
        )

    async def smtp_STARTTLS(self, arg: str | None) -> None:
        if self.tls_context is None and not self.over_tls:
            await self.answer(replies.NOT_IMPLEMENTED)
        elif self.over_tls:
            await self.answer(replies.ALREADY_TLS)
        else:
            await super().smtp_STARTTLS(arg or "")

    # AUTH

    async def smtp_AUTH(self, arg: str | None) -> None:
        if await self.check_helo_needed():
            return
        await self.answer(self._may_authenticate() or await self._log_in((arg or "").split()))
        if self._login_failures >= self.options.auth_attempts:
            await self.part(replies.TOO_MANY_ERRORS)

    def _may_authenticate(self) -> Reply | None:
        """None, or why not on this connection."""
        if self.options.credentials is None:
            return replies.NOT_IMPLEMENTED
        if self.options.require_tls_for_auth and not self.over_tls:
            return replies.AUTH_NEEDS_TLS
        return None

    async def _log_in(self, words: list[str]) -> Reply:
        if self.authenticated_as:
            return replies.AUTH_NOT_NOW
        if len(words) not in (1, 2):
            return replies.BAD_ARGUMENT
        mechanism = auth.MECHANISMS.get(words[0].upper())
        if mechanism is None:
            return replies.AUTH_UNKNOWN_MECHANISM
        if not self.door.may_try_login(self.remote):
            return replies.AUTH_FAULT
        try:
            login = await mechanism(words[1] if len(words) == 2 else None, self._challenge)
        except auth.BadExchange as error:
            return error.reply
        return await self._check(login)

    async def _challenge(self, text: bytes) -> bytes:
        await self.say(auth.challenge_line(text))
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise auth.BadExchange(replies.AUTH_LINE_TOO_LONG) from None
        return line.rstrip(b"\r\n")

    async def _check(self, login: auth.Login) -> Reply:
        assert self.options.credentials is not None
        try:
            async with self.door.credential_checks:
                address = await asyncio.to_thread(self.options.credentials, login.name, login.password)
        except Exception as error:
            log.error("fault", extra={**self.who, "reply": str(replies.AUTH_FAULT), **describe(error)})
            return replies.AUTH_FAULT
        if address is None:
            self._login_failures += 1
            self.door.login_failed(self.remote)
            # Without the name: people type their password there.
            log.warning("authentication failed", extra=self.who)
            await asyncio.sleep(self.options.auth_delay_seconds)
            return replies.AUTH_FAILED
        self.authenticated_as = address
        log.info("authenticated", extra={**self.who, "authenticated_as": address})
        return replies.AUTHENTICATED
