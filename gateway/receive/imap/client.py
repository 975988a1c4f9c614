"""What we say to an IMAP server: log in, look, fetch, move, wait; every wait has an end.

A connection that failed is thrown away, never mended: everything here raises `Unreachable` when it is lost
or the server is silent for too long. Mails are only ever looked at with BODY.PEEK, so reading them changes
nothing; ENVELOPE is never asked for. Secrets come from the account's credential and go to the server,
nowhere else.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from gateway.errors import LoginRefused, Unreachable
from gateway.receive.imap import syntax
from gateway.receive.imap.account import Account, Auth, LostOnceCopied, OnlyCopied, Refused, Security
from gateway.receive.imap.driver import SILENCE_SECONDS, Response, Wire

T = TypeVar("T")

CONNECT_SECONDS = 30.0
GOODBYE_SECONDS = 2.0
SLOWEST = 8 * 1024
"""Bytes a second below which a fetch is given up."""


class ImapLine:
    """A connection on which one command at a time is given. Everything raises `Unreachable` when it is lost."""

    def __init__(self, wire: Wire, host: str) -> None:
        self._wire, self._host = wire, host

    @property
    def capabilities(self) -> frozenset[str]:
        """Upper case."""
        return frozenset(self._wire.capabilities)

    @property
    def challenge(self) -> str:
        """The server's last challenge while we logged in: why it refuses a token."""
        return self._wire.challenge

    @property
    def news(self) -> bool:
        """The server told of new mail since `forget_news`, perhaps in answer to another command."""
        return self._wire.news

    def forget_news(self) -> None:
        """What was told until now is looked for next."""
        self._wire.news = False

    @property
    def lost(self) -> bool:
        return self._wire.lost.done()

    async def greeted(self) -> bool:
        """The server's greeting; True when it asks for no login."""
        await self._until(self._wire.greeted.wait(), CONNECT_SECONDS)
        return bool(self._wire.state == "AUTH")

    async def start_tls(self, context: ssl.SSLContext) -> Response:
        """STARTTLS (section 6.2.1); what the server said before is forgotten."""
        response = await self.say("STARTTLS")
        if response.ok:
            try:
                await self._until(self._wire.upgrade(context, self._host), CONNECT_SECONDS)
            except (OSError, ssl.SSLError) as error:
                raise Unreachable(described(error)) from None
            await self.ask_capabilities()
        return response

    async def ask_capabilities(self) -> None:
        response = await self.say("CAPABILITY")
        self._wire.capabilities = {
            word for line in response.lines[:-1] for word in bytes(line).decode("ascii", "replace").upper().split()
        }

    async def login(self, user: str, password: str) -> Response:
        """LOGIN. `ValueError` for a line end in either."""
        return self._entered(await self.say("LOGIN", syntax.quoted(user), syntax.quoted(password)), "AUTH")

    async def authenticate(self, mechanism: str, answer: bytes) -> Response:
        """AUTHENTICATE with one answer, given at once where the server knows that (RFC 4959)."""
        encoded = base64.b64encode(answer)
        at_once = "SASL-IR" in self.capabilities
        self._wire.answers = deque() if at_once else deque([encoded])
        arguments = (mechanism, encoded.decode()) if at_once else (mechanism,)
        return self._entered(await self.say("AUTHENTICATE", *arguments), "AUTH")

    async def select(self, name: str) -> Response:
        return self._entered(await self.say("SELECT", name), "SELECTED")

    def _entered(self, response: Response, state: str) -> Response:
        if response.ok:
            self._wire.state = state
        return response

    async def say(self, command: str, *arguments: str, expecting: int = 0) -> Response:
        """Any other command, with its arguments as they travel: `NOOP`, `UID SEARCH`, `UID FETCH`, …

        `expecting`: bytes that will come, for which more time is given.
        """
        prefix, _, name = command.rpartition(" ")
        return await self._until(self._wire.command(name, prefix, arguments), SILENCE_SECONDS + expecting / SLOWEST)

    async def append(self, folder: str, flags: str, moment: datetime, data: bytes) -> Response:
        """Put a mail into a folder (section 6.3.11), its lines ended by CRLF."""
        arguments = (folder, flags, syntax.internal_date(moment), f"{{{len(data)}}}")
        work = self._wire.command("APPEND", "", arguments, data)
        return await self._until(work, SILENCE_SECONDS + len(data) / SLOWEST)

    async def idle(self, seconds: float, told: Callable[[Sequence[bytes]], bool] = syntax.announces_mail) -> bool:
        """IDLE (RFC 2177) until the server says what is waited for, or the time is over; False: it refuses.

        `told` hears of the beginning as well, with nothing pushed yet.
        """
        wire = self._wire
        while not wire.idle_queue.empty():
            wire.idle_queue.get_nowait()
        idling: asyncio.Future[Any] = asyncio.ensure_future(wire.idle())
        ready: asyncio.Future[Any] = asyncio.ensure_future(wire.wait_for_idle_response())
        try:
            await self._one_of({ready, idling}, SILENCE_SECONDS)
            if idling.done():
                return False
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    pushed: Sequence[bytes] = ()
                    while not told(pushed):
                        pushed = await self._pushed(idling)
                        if idling.done():
                            break
            if not idling.done():
                wire.idle_done()
                await self._one_of({idling}, SILENCE_SECONDS)
            return True
        finally:
            await _give_up(ready, idling)

    async def _pushed(self, idling: asyncio.Future[Any]) -> Sequence[bytes]:
        """What the server says next. When it ends the idling by itself, that may be news as well."""
        pushed: asyncio.Future[Any] = asyncio.ensure_future(self._wire.idle_queue.get())
        try:
            await self._one_of({pushed, idling}, None)
            lines: Sequence[bytes] = pushed.result() if pushed.done() else [b"0 EXISTS"]
            return lines
        finally:
            await _give_up(pushed)

    async def hang_up(self) -> None:
        """Say goodbye if that is quick, and close."""
        wire = self._wire
        if not self.lost and not wire.has_pending_idle_command():
            with contextlib.suppress(Unreachable):
                await self._until(wire.command("LOGOUT", "", ()), GOODBYE_SECONDS)
        self.abort()

    def abort(self) -> None:
        self._wire.transport.abort()

    async def _until(self, work: Awaitable[T], seconds: float) -> T:
        """The end of a wait: it is done, the time is over, or the line is lost, which the library does not tell."""
        task = asyncio.ensure_future(work)
        try:
            await self._one_of({task}, seconds)
            return task.result()
        finally:
            await _give_up(task)

    async def _one_of(self, tasks: set[asyncio.Future[Any]], seconds: float | None) -> None:
        lost = self._wire.lost
        await asyncio.wait({*tasks, lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if not any(task.done() for task in tasks):
            raise Unreachable(self._wire.cause if lost.done() else f"no answer within {seconds:g} seconds")


async def dial(host: str, port: int, context: ssl.SSLContext | None, longest_literal: int) -> ImapLine:
    """A line to a server, in TLS when there is a context. Raises `Unreachable`."""
    loop = asyncio.get_running_loop()
    wire = Wire(loop, longest_literal)
    try:
        async with asyncio.timeout(CONNECT_SECONDS):
            transport, _ = await loop.create_connection(
                lambda: wire, host, port, ssl=context, happy_eyeballs_delay=0.25
            )
    except TimeoutError:
        raise Unreachable(f"no connection within {CONNECT_SECONDS:g} seconds") from None
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(described(error)) from None
    _keep_alive(transport.get_extra_info("socket"))
    return ImapLine(wire, host)


def _keep_alive(sock: socket.socket) -> None:
    """A line that died without a word is noticed while nobody speaks."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)


def described(error: Exception) -> str:
    """Why a connection could not be made, in words for the operator."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the server's certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"TLS does not work: {error.reason or error}"
    number = getattr(error, "errno", None) or 0
    return os.strerror(number) if number > 0 else getattr(error, "strerror", None) or str(error) or type(error).__name__


async def _give_up(*tasks: asyncio.Future[Any]) -> None:
    """Stop waits that have no use any more; their outcome is nobody's."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


AT_ONCE = 100
"""Messages named in one command."""
IDLE_SECONDS = 240.0
"""Idling begins anew so often: a dead line is noticed, and routers keep it. RFC 2177 allows 29 minutes."""


class ImapMailbox:
    """An account we are logged in to, on a line of its own."""

    def __init__(self, account: Account, line: ImapLine) -> None:
        self._account, self._line = account, line
        self._folder, self._may_delete = "", True

    @property
    def capabilities(self) -> frozenset[str]:
        """Upper case."""
        return self._line.capabilities

    @property
    def can_idle(self) -> bool:
        return self._account.may_idle and "IDLE" in self._line.capabilities

    # --- logging in ---------------------------------------------------------------------------

    async def log_in(self, context: ssl.SSLContext | None) -> None:
        """From the greeting to the login. Raises `Unreachable`, `LoginRefused`, `ConfigError`."""
        welcome = await self._line.greeted()
        if self._account.security is Security.STARTTLS:
            await self._start_tls(welcome, context)
        if not welcome:
            await self._authenticate()
        await self._line.ask_capabilities()

    async def _start_tls(self, welcome: bool, context: ssl.SSLContext | None) -> None:
        # A greeting that asks for no login would also keep us from TLS: somebody on the line may have said it.
        if welcome or context is None or "STARTTLS" not in self._line.capabilities:
            raise LoginRefused("the server offers no STARTTLS; use another port or another security")
        response = await self._line.start_tls(context)
        if not response.ok:
            raise Unreachable(f"STARTTLS: the server said {response.told}")

    async def _authenticate(self) -> None:
        account = self._account
        if account.auth is Auth.LOGIN and "LOGINDISABLED" in self._line.capabilities:
            raise LoginRefused("the server takes no password without TLS; set security")
        secret = await account.credential.get()
        try:
            response = await self._present(account.auth, account.username, secret)
        except ValueError:
            raise LoginRefused("user name or password holds a line end") from None
        if response.ok:
            return
        renewable = account.credential.rejected()
        said = f"{response.told} {self._line.challenge}".strip()
        if renewable:
            raise Unreachable(f"the access token is used up: {said}")
        if "[UNAVAILABLE]" in said.upper():
            # RFC 5530: the fault is the server's, and will pass.
            raise Unreachable(f"the server cannot check the login now: {said}")
        raise LoginRefused(f"login refused: {said}")

    async def _present(self, auth: Auth, user: str, secret: str) -> Response:
        if auth is Auth.LOGIN:
            return await self._line.login(user, secret)
        if auth is Auth.PLAIN:
            return await self._line.authenticate("PLAIN", f"\0{user}\0{secret}".encode())
        return await self._line.authenticate("XOAUTH2", f"user={user}\1auth=Bearer {secret}\1\1".encode())

    async def close(self) -> None:
        await self._line.hang_up()

    # --- folders ------------------------------------------------------------------------------

    async def select(self, folder: str) -> syntax.Selected:
        """Open a folder. Raises `Refused` when there is none."""
        found = syntax.selected(_ok(await self._line.select(syntax.folder_name(folder)), f"folder {folder}"))
        if not found.uidvalidity:
            raise Refused(f"folder {folder} has no UIDVALIDITY, so no mail in it can be known again")
        self._folder, self._may_delete = folder, found.may_delete
        return found

    async def refresh(self) -> None:
        """Have the server notice what is new: some show it to a search only after that."""
        await self.say("NOOP")
        self._line.forget_news()

    async def search(self, keys: str) -> list[int]:
        """UIDs that fit, ascending."""
        return syntax.numbers(await self.say("UID SEARCH", keys))

    # --- messages -----------------------------------------------------------------------------

    async def sizes(self, uids: Sequence[int]) -> dict[int, int]:
        """Bytes of each message that is there, as the server counts them."""
        response = await self._line.say("UID FETCH", syntax.uid_set(uids), "(UID RFC822.SIZE)")
        return {m.uid: m.size for m in syntax.fetched(response.lines) if m.size is not None}

    async def contents(self, uids: Sequence[int], expecting: int) -> dict[int, bytes]:
        """The messages that could be read, without marking them as read; `expecting` so many bytes in all."""
        response = await self._line.say("UID FETCH", syntax.uid_set(uids), "(UID BODY.PEEK[])", expecting=expecting)
        # NO may still come with those that could be read.
        return {m.uid: m.raw for m in syntax.fetched(response.lines) if m.raw is not None}

    async def flag(self, uids: Sequence[int]) -> None:
        """Mark as read, and visibly as taken."""
        for some in portions(uids):
            await self.say("UID STORE", syntax.uid_set(some), "+FLAGS.SILENT", r"(\Seen \Flagged)")

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move (RFC 6851) as many as go into one command to a folder, which is made when missing; by copying where MOVE
        is not known.

        Raises `Refused`; `OnlyCopied` or `LostOnceCopied` once they are in the folder and were not taken out of theirs.
        """
        try:
            await self._move(uids, folder)
        except OnlyCopied:
            raise
        except Refused as refusal:
            try:
                await self.make(folder)
            except Refused as unmade:
                # Mostly it is there: then what counts is why nothing goes in, such as its quota.
                raise unmade if "[TRYCREATE]" in str(refusal) else refusal from None
            await self._move(uids, folder)

    async def _move(self, uids: Sequence[int], folder: str) -> None:
        which, to = syntax.uid_set(uids), syntax.folder_name(folder)
        if "MOVE" in self._line.capabilities:
            await self.say("UID MOVE", which, to)
            return
        if not self._may_delete:
            # Rights may have been given meanwhile, which is told when a folder is opened.
            await self.select(self._folder)
        if not self._may_delete:
            raise Refused(f"the server lets us mark no mail of {self._folder} as deleted, so none can be moved")
        await self.say("UID COPY", which, to)
        try:
            await self.take_out(uids)
        except Unreachable as error:
            raise LostOnceCopied(str(error)) from None

    async def take_out(self, uids: Sequence[int]) -> None:
        """Remove what was copied; without UIDPLUS it is only marked, for EXPUNGE would also remove what somebody else
        marked. Raises `OnlyCopied`."""
        which = syntax.uid_set(uids)
        try:
            await self.say("UID STORE", which, "+FLAGS.SILENT", r"(\Deleted)")
            if "UIDPLUS" in self._line.capabilities:
                await self.say("UID EXPUNGE", which)
        except Refused as refusal:
            raise OnlyCopied(str(refusal)) from None
        # Dovecot says OK to a flag we have no right to set, and sets none.
        if await self.search(f"UID {which} UNDELETED"):
            raise OnlyCopied(f"UID STORE {which}: the server said OK, and they are not marked as deleted")

    async def make(self, folder: str) -> None:
        """A new folder, subscribed to where the server knows that."""
        name = syntax.folder_name(folder)
        await self.say("CREATE", name)
        with contextlib.suppress(Refused):
            await self.say("SUBSCRIBE", name)

    async def append(self, folder: str, flags: Sequence[str], moment: datetime, data: bytes) -> None:
        """Put a mail into a folder, dated by `moment`."""
        name = syntax.folder_name(folder)
        _ok(await self._line.append(name, f"({' '.join(flags)})", moment, data), f"APPEND {name}")

    # --- waiting ------------------------------------------------------------------------------

    async def idle(self) -> bool:
        """Wait until the server tells of new mail, or some minutes passed; False: it does not want to.

        What it told since `refresh` in answer to another command, it would not tell again.
        """
        return self._line.news or await self._line.idle(IDLE_SECONDS)

    async def listen(self, told: Callable[[Sequence[bytes]], bool]) -> bool:
        """Some minutes of what the server tells, as `ImapLine.idle`; False: it does not want to."""
        return await self._line.idle(IDLE_SECONDS, told)

    async def say(self, command: str, *arguments: str) -> syntax.Lines:
        """Any command, as `ImapLine.say`. Raises `Refused` when the server says no."""
        return _ok(await self._line.say(command, *arguments), " ".join((command, *arguments)))


async def connect(account: Account, longest_message: int) -> ImapMailbox:
    """Log in to an account. Raises `Unreachable`, `LoginRefused`, or `ConfigError` for a secret's file."""
    context = _tls(account)
    at_once = context if account.security is Security.TLS else None
    line = await dial(account.host, account.port, at_once, longest_message)
    mailbox = ImapMailbox(account, line)
    try:
        await mailbox.log_in(context)
    except BaseException:
        line.abort()
        raise
    return mailbox


def _tls(account: Account) -> ssl.SSLContext | None:
    if account.security is Security.NONE:
        return None
    try:
        return ssl.create_default_context(cafile=account.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(f"ca_file {account.ca_file} cannot be used ({described(error)})") from None


def _ok(response: Response, what: str) -> syntax.Lines:
    if not response.ok:
        raise Refused(f"{what[:200]}: the server said {response.told}")
    return response.lines


def portions(uids: Sequence[int]) -> list[Sequence[int]]:
    """As many UIDs as go into one command."""
    return [uids[at : at + AT_ONCE] for at in range(0, len(uids), AT_ONCE)]
