"""What we say to an IMAP server: log in, look, fetch, move, wait.

Mails are only ever looked at with BODY.PEEK, so reading them changes nothing; ENVELOPE is never
asked for. At most a hundred messages are named in one command. Secrets come from the account's
credential and go to the server, nowhere else.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Sequence

from gateway.errors import LoginRefused, Unreachable
from gateway.receive.imap import syntax
from gateway.receive.imap.account import Account, Auth, Refused, Security
from gateway.receive.imap.driver import Response
from gateway.receive.imap.line import ImapLine, described, dial

AT_ONCE = 100
"""Messages named in one command."""
IDLE_SECONDS = 240.0
"""Idling begins anew so often: a dead line is noticed, and routers keep it. RFC 2177 allows 29 minutes."""


class ImapMailbox:
    """An account we are logged in to, on a line of its own."""

    def __init__(self, account: Account, line: ImapLine) -> None:
        self._account, self._line = account, line

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
        return found

    async def refresh(self) -> None:
        """Have the server notice what is new: some show it to a search only after that."""
        await self._say("NOOP")
        self._line.forget_news()

    async def search(self, keys: str) -> list[int]:
        """UIDs that fit, ascending."""
        return syntax.numbers(await self._say("UID SEARCH", keys))

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
            await self._say("UID STORE", syntax.uid_set(some), "+FLAGS.SILENT", r"(\Seen \Flagged)")

    async def move(self, uids: Sequence[int], folder: str) -> None:
        """Move (RFC 6851) into a folder, which is made when missing; by copying where MOVE is not known."""
        for some in portions(uids):
            try:
                await self._move(some, folder)
            except Refused:
                await self._make(folder)
                await self._move(some, folder)

    async def _move(self, uids: Sequence[int], folder: str) -> None:
        which, to = syntax.uid_set(uids), syntax.folder_name(folder)
        if "MOVE" in self._line.capabilities:
            await self._say("UID MOVE", which, to)
            return
        await self._say("UID COPY", which, to)
        await self._say("UID STORE", which, "+FLAGS.SILENT", r"(\Deleted)")
        if "UIDPLUS" in self._line.capabilities:
            # Without it, EXPUNGE would also remove what somebody else marked as deleted.
            await self._say("UID EXPUNGE", which)

    async def _make(self, folder: str) -> None:
        name = syntax.folder_name(folder)
        await self._say("CREATE", name)
        with contextlib.suppress(Refused):
            await self._say("SUBSCRIBE", name)

    # --- waiting ------------------------------------------------------------------------------

    async def idle(self) -> bool:
        """Wait until the server tells of new mail, or some minutes passed; False: it does not want to.

        What it told since `refresh` in answer to another command, it would not tell again.
        """
        return self._line.news or await self._line.idle(IDLE_SECONDS)

    async def _say(self, command: str, *arguments: str) -> syntax.Lines:
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
