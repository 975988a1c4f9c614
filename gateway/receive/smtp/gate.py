"""Coming in and leaving: a connection that must be let in, and can be asked to go.

Refusals are 421, so that the peer tries again. Behind a proxy the peer is whom the PROXY
header names, and nobody gets in without one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

from aiosmtpd.proxy_protocol import V2_CMD, ProxyData

from gateway.receive.smtp import replies
from gateway.receive.smtp.connection import Connection
from gateway.receive.smtp.door import Door, plain_address
from gateway.receive.smtp.replies import Reply

log = logging.getLogger("replydesk.receive")


class Gate(Connection):
    """A connection at a door."""

    def __init__(self, door: Door, *, offer_starttls: bool, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(door.options, offer_starttls=offer_starttls, loop=loop)
        self.door = door
        self._refused = False
        self._admitted_as: str | None = None
        """The address under which we are counted; None before."""
        self._in_mail = False
        self._leaving = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._original_transport is not None:
            # STARTTLS: the same peer once more.
            super().connection_made(transport)
            return
        self.remote = plain_address(transport.get_extra_info("peername"))
        refusal = self.door.refusal() or self._not_a_proxy()
        if refusal is None and self.options.proxy_protocol_timeout is None and not self._admit():
            refusal = replies.TOO_MANY_FROM_YOU
        if refusal is not None:
            self._refuse(cast(asyncio.Transport, transport), refusal)
            return
        self.door.entered(self)
        super().connection_made(transport)

    async def introduced(self, header: ProxyData) -> bool:
        source = header.src_addr
        if header.command != V2_CMD.LOCAL and isinstance(source, IPv4Address | IPv6Address):
            self.remote = plain_address((str(source),))
        if self._admit():
            return True
        self._log_refusal(replies.TOO_MANY_FROM_YOU)
        await self.answer(replies.TOO_MANY_FROM_YOU)
        return False

    def _not_a_proxy(self) -> Reply | None:
        """Whoever sends the header says who he is: so only those may that are known to tell the truth."""
        known = self.options.proxies
        if self.options.proxy_protocol_timeout is None or not known or not self.remote:
            return None
        address = ip_address(self.remote)
        return None if any(address in network for network in known) else replies.NOT_A_PROXY

    def _admit(self) -> bool:
        if self.door.admit(self.remote):
            self._admitted_as = self.remote
        return self._admitted_as is not None

    def _refuse(self, transport: asyncio.Transport, reply: Reply) -> None:
        # aiosmtpd never learns of this connection: it would greet it.
        self._refused = True
        self._log_refusal(reply)
        transport.write(f"{reply}\r\n".encode())
        transport.close()

    def _log_refusal(self, reply: Reply) -> None:
        log.warning("connection refused", extra={**self.who, "reply": str(reply)})

    def data_received(self, data: bytes) -> None:
        if not self._refused:
            super().data_received(data)

    def _reset_timeout(self, duration: float | None = None) -> None:
        # Bytes of a PROXY header do not prolong the time it has.
        if duration is not None or self._admitted_as is not None or self._timeout_handle is None:
            super()._reset_timeout(duration)

    def eof_received(self) -> bool | None:
        return None if self._refused else super().eof_received()

    @contextlib.contextmanager
    def mail_under_way(self) -> Iterator[None]:
        """Meanwhile `leave` does not close the connection; follow it by `leave_if_asked`."""
        self._in_mail = True
        try:
            yield
        finally:
            self._in_mail = False

    async def leave_if_asked(self) -> None:
        if self._leaving:
            await self.part(replies.SHUTTING_DOWN)

    def leave(self) -> None:
        """Close the connection; when a mail is under way, after its reply."""
        self._leaving = True
        if not self._in_mail:
            self.hang_up(replies.SHUTTING_DOWN)

    def connection_lost(self, error: Exception | None) -> None:
        if self._refused:
            return
        if self in self.door.gates:
            self.door.left(self)
            if self._admitted_as is not None:
                self.door.release(self._admitted_as)
            else:
                log.warning("no PROXY header", extra=self.who)
        super().connection_lost(error)
