"""A small IMAP server that speaks real bytes (RFC 3501), with the moods of real ones as switches.

Like Dovecot it shows new mail to a session only after NOOP or while it idles, and like Exchange
it answers a refused token with a challenge and then waits.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

USER, PASSWORD = "support@example.com", 'cor"rect \\ horse'
CAPABILITIES = "IMAP4rev1 IDLE MOVE UIDPLUS SASL-IR AUTH=PLAIN AUTH=XOAUTH2"
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()

_WORDS = re.compile(r'"((?:[^"\\]|\\.)*)"|\(([^()]*)\)|(\S+)')


@dataclass
class Mail:
    uid: int
    raw: bytes
    flags: set[str] = field(default_factory=set)
    arrived: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass
class Box:
    uidvalidity: int = 7
    uidnext: int = 1
    mails: list[Mail] = field(default_factory=list)

    @property
    def uids(self) -> list[int]:
        return [mail.uid for mail in self.mails]

    def add(self, raw: bytes, *flags: str) -> Mail:
        mail = Mail(self.uidnext, raw, set(flags))
        self.mails.append(mail)
        self.uidnext += 1
        return mail

    def rebuild(self) -> None:
        """New UIDs for everything, as after a restore."""
        self.uidvalidity += 1
        for uid, mail in enumerate(self.mails, 100):
            mail.uid = uid
        self.uidnext = 100 + len(self.mails)


class Server:
    """Folders, and what goes wrong with them."""

    def __init__(self) -> None:
        self.boxes: dict[str, Box] = {"INBOX": Box(), "Sent": Box()}
        self.capabilities = CAPABILITIES
        self.tokens: set[str] = set()
        self.tls: ssl.SSLContext | None = None
        self.greeting = "* OK hello"
        self.prefix = ""
        """How each folder of the account's own begins, for NAMESPACE."""
        self.said: list[str] = []
        """Commands as they came, without tags and secrets."""
        self.breaks_at: dict[int, int] = {}
        """UID → how often fetching it ends the connection in the middle of its content."""
        self.unweighable: set[int] = set()
        """UIDs whose size ends the connection, as Dovecot's does when it may not read the file."""
        self.hollow: set[int] = set()
        """UIDs whose content is given out as if it were empty."""
        self.withheld: set[int] = set()
        """UIDs whose content is refused with NO."""
        self.silent: set[str] = set()
        """Commands that are never answered."""
        self.refused: set[str] = set()
        """Commands that are answered NO."""
        self.lasting = r"\Seen \Flagged \Deleted"
        """Flags that can be set; others are taken with OK and forgotten, as Dovecot does where rights are missing."""
        self.before: dict[str, Callable[[], None]] = {}
        """Called when a command comes in, or before the GREETING."""
        self.while_idling: Callable[[Session], None] = lambda session: None
        """Done whenever a session begins to idle."""
        self.after_starttls = b""
        """Sent in the clear right after the answer to STARTTLS."""
        self.sessions: set[Session] = set()
        self.logins = 0
        self.port = 0

    @property
    def inbox(self) -> Box:
        return self.boxes["INBOX"]

    def deliver(self, raw: bytes, folder: str = "INBOX") -> Mail:
        mail = self.boxes[folder].add(raw)
        for session in self.sessions:
            session.tell()
        return mail

    @contextlib.asynccontextmanager
    async def running(self, implicit_tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=implicit_tls, limit=1 << 20)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await server.wait_closed()
            await asyncio.sleep(0)

    def cut(self) -> None:
        """End every connection without a word."""
        for session in list(self.sessions):
            session.writer.transport.abort()

    def leave(self, word: str) -> None:
        """End every connection with a last word."""
        for session in list(self.sessions):
            session.write(f"* BYE {word}")
            session.writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(self, reader, writer)
        self.sessions.add(session)
        try:
            await session.converse()
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.sessions.discard(session)
            writer.transport.abort()


class Session:
    def __init__(self, server: Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.box: Box | None = None
        self.visible = 0
        self.idling = False

    async def converse(self) -> None:
        self._heed("GREETING")
        self.write(self.server.greeting)
        while line := await self.reader.readline():
            tag, _, rest = line.decode().strip().partition(" ")
            name, _, arguments = rest.partition(" ")
            if name.upper() == "UID":
                second, _, arguments = arguments.partition(" ")
                name = f"UID {second}"
            name = name.upper()
            shown = "…" if name in ("LOGIN", "AUTHENTICATE") else arguments
            self.server.said.append(f"{name} {shown}".strip())
            self._heed(name)
            if name in self.server.silent:
                continue
            if name in self.server.refused:
                self.write(f"{tag} NO [CANNOT] not here")
                continue
            words = [a.replace('\\"', '"').replace("\\\\", "\\") or b or c for a, b, c in _WORDS.findall(arguments)]
            answer = await getattr(self, "do_" + name.lower().replace(" ", "_"))(words)
            self.write(f"{tag} {answer}")
            await self.writer.drain()
            if name == "STARTTLS":
                await self._upgrade()
            if name == "LOGOUT":
                return

    def _heed(self, name: str) -> None:
        if name in self.server.before:
            self.server.before[name]()

    def write(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")

    def tell(self) -> None:
        if self.idling:
            self._look()

    def _look(self) -> None:
        if self.box is not None and self.visible != len(self.box.mails):
            self.visible = len(self.box.mails)
            self.write(f"* {self.visible} EXISTS")

    def _chosen(self, uids: str) -> list[tuple[int, Mail]]:
        assert self.box is not None
        shown = list(enumerate(self.box.mails[: self.visible], 1))
        found = []
        last = shown[-1][1].uid if shown else 0
        for part in uids.split(","):
            first, _, end = part.partition(":")
            low, high = sorted((int(first), last if end == "*" else int(end or first)))
            found += [(n, mail) for n, mail in shown if low <= mail.uid <= high]
        return found

    # --- commands ---------------------------------------------------------------------------

    async def do_capability(self, words: list[str]) -> str:
        self.write(f"* CAPABILITY {self.server.capabilities}")
        return "OK done"

    async def do_noop(self, words: list[str]) -> str:
        self._look()
        return "OK done"

    async def do_logout(self, words: list[str]) -> str:
        self.write("* BYE")
        return "OK done"

    async def do_starttls(self, words: list[str]) -> str:
        return "OK begin"

    async def _upgrade(self) -> None:
        assert self.server.tls is not None
        if self.server.after_starttls:
            self.writer.write(self.server.after_starttls)
            await self.reader.read()
            raise ConnectionError
        await self.writer.start_tls(self.server.tls)

    async def do_login(self, words: list[str]) -> str:
        self.server.logins += 1
        return "OK in" if words == [USER, PASSWORD] else "NO [AUTHENTICATIONFAILED] wrong"

    async def do_authenticate(self, words: list[str]) -> str:
        if len(words) == 1:
            self.write("+ ")
            words.append((await self.reader.readline()).decode().strip())
        said = base64.b64decode(words[1]).decode()
        if words[0] == "PLAIN":
            return "OK in" if said == f"\0{USER}\0{PASSWORD}" else "NO [AUTHENTICATIONFAILED] wrong"
        self.server.logins += 1
        user, bearer = said.split("\1")[:2]
        if user == f"user={USER}" and bearer.removeprefix("auth=Bearer ") in self.server.tokens:
            return "OK in"
        self.write("+ " + base64.b64encode(b'{"status":"400","schemes":"Bearer"}').decode())
        assert await self.reader.readline() == b"\r\n"
        return "NO AUTHENTICATE failed."

    async def do_select(self, words: list[str]) -> str:
        if words[0] not in self.server.boxes:
            return "NO [NONEXISTENT] no such folder"
        self.box = self.server.boxes[words[0]]
        self.visible = len(self.box.mails)
        self.write(f"* {self.visible} EXISTS")
        self.write(f"* OK [UIDVALIDITY {self.box.uidvalidity}] yes")
        self.write(f"* OK [UIDNEXT {self.box.uidnext}] next")
        self.write(f"* OK [PERMANENTFLAGS ({self.server.lasting})] these can be set")
        return "OK [READ-WRITE] open"

    async def do_create(self, words: list[str]) -> str:
        if words[0] in self.server.boxes:
            return "NO [ALREADYEXISTS] it is there"
        self.server.boxes[words[0]] = Box()
        return "OK made"

    async def do_list(self, words: list[str]) -> str:
        for name in self.server.boxes.keys() & {words[1]}:
            self.write(f'* LIST () "." "{name}"')
        return "OK done"

    async def do_namespace(self, words: list[str]) -> str:
        self.write(f'* NAMESPACE (("{self.server.prefix}" ".")) NIL (("" "."))')
        return "OK done"

    async def do_notify(self, words: list[str]) -> str:
        return "OK you will be told"

    async def do_subscribe(self, words: list[str]) -> str:
        return "OK shown"

    async def do_uid_search(self, words: list[str]) -> str:
        found = [mail for _, mail in self._chosen("1:*")]
        while words:
            key = words.pop(0)
            if key == "UID":
                named = self._chosen(words.pop(0))
                found = [mail for mail in found if any(mail is other for _, other in named)]
            elif key == "SINCE":
                since = _date(words.pop(0))
                found = [mail for mail in found if mail.arrived.date() >= since]
            else:
                flag = {"UNSEEN": r"\Seen", "UNDELETED": r"\Deleted"}.get(key)
                assert flag or key == "ALL", key
                found = [mail for mail in found if flag not in mail.flags]
        self.write(" ".join(["* SEARCH", *(str(mail.uid) for mail in found)]))
        return "OK done"

    async def do_uid_fetch(self, words: list[str]) -> str:
        uids, what = words
        answer = "OK done"
        for number, mail in self._chosen(uids):
            if "BODY" not in what:
                if mail.uid in self.server.unweighable:
                    raise ConnectionError
                self.write(f"* {number} FETCH (UID {mail.uid} RFC822.SIZE {len(mail.raw)})")
                continue
            assert "BODY.PEEK[]" in what
            if mail.uid in self.server.withheld:
                answer = "NO [SERVERBUG] cannot read it"
                continue
            if mail.uid in self.server.hollow:
                self.write(f'* {number} FETCH (UID {mail.uid} BODY[] "")')
                continue
            head = f"* {number} FETCH (UID {mail.uid} BODY[] {{{len(mail.raw)}}}\r\n".encode()
            if self.server.breaks_at.get(mail.uid, 0) > 0:
                self.server.breaks_at[mail.uid] -= 1
                self.writer.write(head + mail.raw[: len(mail.raw) // 2])
                await self.writer.drain()
                self.writer.transport.abort()
                raise ConnectionError
            self.writer.write(head + mail.raw + b")\r\n")
            await self.writer.drain()
        return answer

    async def do_uid_store(self, words: list[str]) -> str:
        for _, mail in self._chosen(words[0]):
            mail.flags |= set(words[2].split()) & set(self.server.lasting.split())
        return "OK done"

    async def do_uid_copy(self, words: list[str]) -> str:
        if words[1] not in self.server.boxes:
            return "NO [TRYCREATE] no such folder"
        for _, mail in self._chosen(words[0]):
            self.server.boxes[words[1]].add(mail.raw)
        return "OK done"

    async def do_uid_move(self, words: list[str]) -> str:
        answer = await self.do_uid_copy(words)
        if not answer.startswith("NO"):
            self._remove([mail for _, mail in self._chosen(words[0])])
            # As Dovecot does: what came meanwhile is told here, and not again by IDLE.
            self._look()
        return answer

    async def do_uid_expunge(self, words: list[str]) -> str:
        return self._remove([mail for _, mail in self._chosen(words[0]) if r"\Deleted" in mail.flags])

    def _remove(self, gone: list[Mail]) -> str:
        assert self.box is not None
        for mail in gone:
            number = self.box.mails.index(mail) + 1
            del self.box.mails[number - 1]
            self.visible -= 1
            self.write(f"* {number} EXPUNGE")
        return "OK done"

    async def do_idle(self, words: list[str]) -> str:
        self.write("+ idling")
        self.idling = True
        self._look()
        self.server.while_idling(self)
        if (await self.reader.readline()).strip() != b"DONE":
            raise ConnectionError
        self.idling = False
        return "OK idled"


def _date(word: str) -> date:
    day, month, year = word.split("-")
    return date(int(year), MONTHS.index(month) + 1, int(day))
