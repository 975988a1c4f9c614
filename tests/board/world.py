"""A desk with a board in a private Dovecot, and agents who work in its folders with a mail program."""

from __future__ import annotations

import contextlib
import imaplib
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage

from gateway.board.account import BoardAccount
from gateway.board.keeper import Keeper
from gateway.clock.liveness import Sources
from gateway.config.secret_files import Password
from gateway.core import board, token
from gateway.receive.imap.account import Account, Auth, Security
from gateway.receive.imap.client import connect
from gateway.receive.imap.syntax import decoded_name, folder_name
from tests.interop.dovecot import PASSWORD, USER, Dovecot
from tests.room import Room

Cards = dict[str, list[str]]
"""Folder below the root → subjects of its cards, sorted."""


@dataclass
class World:
    room: Room
    dovecot: Dovecot
    port: int = 0
    """Of whatever stands between us and the server."""
    root: str = "Tickets"
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.begin()

    @property
    def account(self) -> Account:
        port = self.port or self.dovecot.imap
        secret = Password(lambda: PASSWORD)
        return Account("127.0.0.1", port, Security.NONE, USER, Auth.LOGIN, secret)

    def begin(self, holder: str = "one") -> Keeper:
        """A daemon that knows nothing but what is in the database."""
        r = self.room
        sources = Sources(r.database, r.desk, r.clock, lambda: None, {"board": timedelta(minutes=15)})
        self.keeper = Keeper(r.database, r.desk, r.site.settings, r.clock, holder, lambda: None, self.account, sources)
        return self.keeper

    # --- the daemon -----------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[BoardAccount]:
        mailbox = await connect(self.account, 4 << 20)
        keys = self.room.desk.policy.keys
        account = BoardAccount(mailbox, lambda value: token.read_card(keys, value))
        try:
            await account.open(self.root)
            yield account
        finally:
            await account.close()

    async def look(self) -> list[str]:
        """Looks over a new connection until there is nothing left to do; what they did."""
        async with self.line() as account:
            return await self.rest(account)

    async def rest(self, account: BoardAccount) -> list[str]:
        """The same over a connection there is."""
        done = []
        for _ in range(60):
            said, more = await self.keeper.look(account)
            done += [said] if said else []
            if not (said or more):
                return done
        raise AssertionError(f"the board does not come to rest: {done[-5:]}")

    async def wanted(self) -> Cards:
        """What the database says must lie where."""
        policy = self.room.desk.policy
        names = board.folder_names(policy, ".")
        found: Cards = {name: [] for name in names.values()}
        for want in (await self.keeper._wanted()).values():
            found[names[want.place]].append(f"{want.number}.{want.version}")
        return {name: sorted(cards) for name, cards in found.items()}

    async def home(self, number: int) -> str:
        """The folder a ticket's card belongs to."""
        names = board.folder_names(self.room.desk.policy, ".")
        return names[(await self.keeper._wanted())[number].place]

    # --- agents ---------------------------------------------------------------------------

    def folders(self) -> list[str]:
        with self.dovecot.client() as client:
            lines = client.list(folder_name(f"{self.root}."), "*")[1]
        return sorted(
            decoded_name(re.sub(rb'^.*" "?(.*?)"?$', rb"\1", line).decode()).removeprefix(f"{self.root}.")
            for line in lines
            if isinstance(line, bytes)
        )

    @contextlib.contextmanager
    def open(self, folder: str) -> Iterator[imaplib.IMAP4]:
        with self.dovecot.client(folder_name(f"{self.root}.{folder}")) as client:
            yield client

    def mails(self, folder: str, keys: str = "ALL") -> list[EmailMessage]:
        with self.open(folder) as client:
            uids = client.uid("SEARCH", keys)[1][0].split()
            return [self._fetch(client, uid) for uid in uids]

    @staticmethod
    def _fetch(client: imaplib.IMAP4, uid: bytes) -> EmailMessage:
        parts = client.uid("FETCH", uid.decode(), "(BODY.PEEK[])")[1]
        mail = message_from_bytes(parts[0][1], policy=email_policy.default)
        assert isinstance(mail, EmailMessage)
        return mail

    def there(self, folders: list[str] | None = None, keys: str = "ALL") -> Cards:
        """The cards that lie there, as `wanted` has them."""
        found = {}
        for folder in folders or self.folders():
            found[folder] = sorted(m[board.FIELD] for m in self.mails(folder, keys) if m[board.FIELD])
        return found

    def flags(self, folder: str) -> list[bytes]:
        with self.open(folder) as client:
            return [line for line in client.uid("FETCH", "1:*", "(FLAGS)")[1] if isinstance(line, bytes)]

    def uid(self, client: imaplib.IMAP4, number: int) -> str:
        found = client.uid("SEARCH", "HEADER", board.FIELD, f"{number}.")[1][0].split()
        for uid in found:
            if str(self._fetch(client, uid)[board.FIELD]).startswith(f"{number}."):
                return uid.decode()
        raise AssertionError(f"no card of {number}")

    def card(self, number: int, folder: str) -> EmailMessage:
        """It must lie there."""
        with self.open(folder) as client:
            return self._fetch(client, self.uid(client, number).encode())

    def move(self, number: int, source: str, target: str, how: str = "MOVE") -> None:
        """As a mail program does: by MOVE, or by COPY and deleting."""
        name = folder_name(f"{self.root}.{target}")
        with self.open(source) as client:
            uid = self.uid(client, number)
            if how == "MOVE":
                assert client._simple_command("UID", "MOVE", uid, name)[0] == "OK"  # type: ignore[attr-defined]
                return
            assert client.uid("COPY", uid, name)[0] == "OK"
            client.uid("STORE", uid, "+FLAGS", r"(\Deleted)")
            if how == "COPY+EXPUNGE":
                client.expunge()

    def delete(self, number: int, source: str, *, expunge: bool = True) -> None:
        with self.open(source) as client:
            client.uid("STORE", self.uid(client, number), "+FLAGS", r"(\Deleted)")
            if expunge:
                client.expunge()
