"""aioimaplib with its traps cured: what travels on a line to an IMAP server (RFC 3501).

Long answers do not recurse, a lost line ends every wait for it, a server that refuses a token is
answered, and TLS can be started. Nothing that travels is ever logged: it holds passwords and mails.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import ssl
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from aioimaplib.aioimaplib import (
    CRLF,
    AioImapException,
    Cmd,
    Command,
    Commands,
    Exec,
    FetchCommand,
    IMAP4ClientProtocol,
    IncompleteRead,
    literal_data_re,
)

from gateway.errors import Unreachable
from gateway.mail.text import one_line
from gateway.receive.imap import syntax

SILENCE_SECONDS = 60.0
"""How long a server may say nothing in answer to a command."""
CLOSED = "the server closed the connection"
LONGEST_LINE = 16 * 1024 * 1024
"""Bytes of one response line: a search result of two million mails."""

# RFC 5465, which the library does not know.
Commands["NOTIFY"] = Cmd("NOTIFY", ("AUTH", "SELECTED"), Exec.is_sync)

# At level DEBUG the library writes every byte into the log, passwords and mails included.
logging.getLogger("aioimaplib").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Response:
    """How a command ended: `OK`, `NO` or `BAD`, and what was said, the text of that result last."""

    result: str
    lines: syntax.Lines

    @property
    def ok(self) -> bool:
        return self.result == "OK"

    @property
    def told(self) -> str:
        return f"{self.result} {syntax.told(self.lines)}"


class _Fetch(FetchCommand):  # type: ignore[misc]  # the library has no types
    """The library's own reads all it has heard anew with each line: ten thousand flags stopped us for half a minute."""

    _open = 0
    """Parentheses of the newest message that are not closed yet."""

    def append_to_resp(self, line: bytes | bytearray, result: str = "Pending") -> None:
        super().append_to_resp(line, result)
        if not isinstance(line, bytearray):  # else it is a literal
            begun = 0 if self.FETCH_MESSAGE_DATA_RE.match(line) else self._open
            self._open = begun + line.count(b"(") - line.count(b")")

    def wait_data(self) -> bool:
        return self._open != 0


class Wire(IMAP4ClientProtocol):  # type: ignore[misc]  # the library has no types
    """The library's protocol without recursion, with an end to each wait, and able to start TLS."""

    transport: asyncio.Transport
    incomplete_line: bytes
    current_command: Command | None
    capabilities: set[str]
    literal_data: bytes | None

    def __init__(self, loop: asyncio.AbstractEventLoop, longest_literal: int) -> None:
        super().__init__(loop)
        self.lost: asyncio.Future[None] = loop.create_future()
        self.greeted = asyncio.Event()
        """The server let us in and told its capabilities."""
        self._welcoming: asyncio.Task[None] | None = None
        self.cause = CLOSED
        self.challenge = ""
        """What the server said last while we logged in: why it refuses a token."""
        self.news = False
        """The server has told of new mail, in answer to whatever; it does not tell twice."""
        self.answers: deque[bytes] = deque()
        """Our answers to its challenges, in order."""
        self._longest_literal = longest_literal
        self._sealed = False
        """STARTTLS was agreed: not a byte more may come in the clear."""

    def connection_lost(self, exc: Exception | None) -> None:
        if self.cause == CLOSED and exc is not None and not isinstance(exc, ConnectionError):
            self.cause = f"{type(exc).__name__}: {one_line(str(exc), 200)}"
        if not self.lost.done():
            self.lost.set_result(None)
        if self._welcoming is not None:
            self._welcoming.cancel()

    def fail(self, cause: str) -> None:
        """Break the connection off: what was said makes no sense."""
        self.cause = cause
        self.transport.abort()

    def data_received(self, d: bytes) -> None:
        data, command = self.incomplete_line + d, self.current_command
        self.incomplete_line, self.current_command = b"", None
        try:
            self._handle_responses(data, self._handle_line, command)
        except IncompleteRead as rest:
            self.current_command, self.incomplete_line = rest.cmd, rest.data
            if len(self.incomplete_line) > LONGEST_LINE:
                self.fail("the server sent a line without an end")
        except Exception as error:
            self.fail(f"the server's answer cannot be read ({type(error).__name__})")

    def _handle_responses(
        self, data: bytes, line_handler: Callable[[bytes, Command], Command | None], current_cmd: Command | None = None
    ) -> None:
        """The library's own calls itself once a line, and Python ends that at a thousand."""
        while data:
            if self._sealed:
                # Whoever sits on the line may have put it there before TLS began (CVE-2011-0411).
                self.fail("the server's answer to STARTTLS was followed by words in the clear")
                return
            if current_cmd is not None and current_cmd.wait_literal_data():
                data = current_cmd.append_literal_data(data)
                if current_cmd.wait_literal_data():
                    raise IncompleteRead(current_cmd)
            line, separator, data = data.partition(CRLF)
            if not separator:
                raise IncompleteRead(current_cmd, line)
            current_cmd = line_handler(line, current_cmd)
            literal = literal_data_re.match(line)
            if literal:
                if int(literal["size"]) > self._longest_literal:
                    raise ValueError("a literal larger than any mail we take")
                current_cmd = current_cmd or Command("NIL", "unused", loop=self.loop)
                current_cmd.begin_literal_data(int(literal["size"]))
            elif current_cmd is not None and not current_cmd.wait_data():
                current_cmd = None
        if self.pending_sync_command is not None:
            self.pending_sync_command.flush()
        if current_cmd is not None and current_cmd.wait_data():
            raise IncompleteRead(current_cmd)

    async def welcome(self, command: bytes) -> None:
        """The library runs this as a task of its own and holds a lock in it until the capabilities are told.

        Whoever waits for that lock cannot be cancelled: so nobody does, and a lost line ends the task.
        """
        self._welcoming = asyncio.current_task()
        try:
            await super().welcome(command)
            self.capabilities = {str(capability).upper() for capability in self.capabilities}
            self.greeted.set()
        except (AioImapException, IndexError, UnicodeDecodeError):
            self.fail(f"the server does not let us in: {syntax.told([command])}")

    def _untagged_response(self, line: bytes) -> Command | None:
        self.news = self.news or syntax.announces_mail([line])
        if line[:6].upper() == b"* BYE ":
            # Its last word (RFC 3501 section 7.1.5); the connection ends by itself.
            self.cause = f"{CLOSED}: {syntax.told([line[6:]])}"
        return super()._untagged_response(line)

    def _response_done(self, line: bytes) -> None:
        starting = self.pending_sync_command is not None and self.pending_sync_command.name == "STARTTLS"
        super()._response_done(line)
        self._sealed = starting and line.split(b" ")[1:2] == [b"OK"]

    def _continuation(self, line: bytes) -> None:
        pending = self.pending_sync_command
        if pending is not None and pending.name == "APPEND" and self.literal_data is None:
            # Written once; a server that asks twice is not answered.
            return
        if pending is None or pending.name != "AUTHENTICATE":
            super()._continuation(line)
            return
        # A server that dislikes a token says why and waits for an empty answer before it says NO.
        self.challenge = _decoded(line)
        self.transport.write((self.answers.popleft() if self.answers else b"") + CRLF)

    # --- what a line does with it -----------------------------------------------------------

    async def command(self, name: str, prefix: str, arguments: tuple[str, ...], literal: bytes = b"") -> Response:
        """One command, and how it ended. `ValueError` for an argument with a line end in it.

        `literal`: what follows once the server has asked for it.
        """
        self.literal_data = literal
        if name == "FETCH":
            said = _Fetch(self.new_tag(), *arguments, prefix=prefix, loop=self.loop, timeout=SILENCE_SECONDS)
        else:
            # The server answers STORE with FETCH.
            awaited = "FETCH" if name == "STORE" else None
            said = Command(name, self.new_tag(), *arguments, prefix=prefix, untagged_resp_name=awaited, loop=self.loop)
        try:
            response = await self.execute(said)
        except AioImapException as error:
            # Its text is the command, and so may be a password.
            raise Unreachable(f"the server did not answer as it should ({type(error).__name__})") from None
        return Response(response.result, response.lines)

    async def upgrade(self, context: ssl.SSLContext, host: str) -> None:
        """Go on in TLS; the server has agreed. Raises `Unreachable` when more came than its agreement."""
        if self.transport.is_closing():
            raise Unreachable(self.cause)
        self.transport = await self.loop.start_tls(self.transport, self, context, server_hostname=host)
        self._sealed = False


def _decoded(challenge: bytes) -> str:
    """A server's SASL challenge in the clear, as far as it is text."""
    try:
        return one_line(base64.b64decode(challenge.removeprefix(b"+").strip()).decode("utf-8", "replace"), 300)
    except (binascii.Error, ValueError):
        return ""
