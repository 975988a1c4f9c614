"""MAIL, RCPT and DATA in one write (RFC 2920): what is heard, in which order, and how a mail ends that is refused."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from gateway.core.retry import About, Result
from gateway.send.relay import Relay
from gateway.send.smtp import SmtpTransport
from tests.send.conftest import relay
from tests.sink import DROP, HANG, Sink

FROM, TO = "support@example.com", "kim@customer.example"
MAIL = b"Message-ID: <1@example.com>\r\n\r\nHello\r\n"
GREETING = [b"220 x\r\n", b"250-x\r\n250 PIPELINING\r\n"]


@dataclass
class Script:
    """A relay that says what it is told to, one piece for each packet it hears."""

    says: list[bytes]
    heard: list[bytes] = field(default_factory=list)
    port: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            for n, piece in enumerate(self.says):
                if n:
                    self.heard.append(await reader.read(65_536))
                for part in piece.split(b"|"):
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0.01)
            while more := await reader.read(65_536):
                self.heard.append(more)
                writer.write(b"221 bye\r\n" if more == b"QUIT\r\n" else b"")
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        self.ended.set()


@contextlib.asynccontextmanager
async def scripted(*says: bytes) -> AsyncIterator[tuple[Script, SmtpTransport]]:
    script = Script([*GREETING, *says])
    async with await asyncio.start_server(script.serve, "127.0.0.1", 0) as server:
        script.port = server.sockets[0].getsockname()[1]
        transport = SmtpTransport(Relay(host="127.0.0.1", port=script.port, hello="desk.test", timeout=5.0))
        try:
            yield script, transport
        finally:
            await transport.close()
            await script.ended.wait()


async def test_three_commands_in_one_write() -> None:
    """Their replies may come in pieces, and the mail follows when all three are yes."""
    async with scripted(b"250 o|k\r\n25|0-two\r\n250 lines\r\n|354 go on\r\n", b"250 taken\r\n") as (script, transport):
        outcome = await transport.deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.reply) == (Result.SENT, "250 taken")
    assert script.heard[1] == b"MAIL FROM:<support@example.com>\r\nRCPT TO:<kim@customer.example>\r\nDATA\r\n"
    assert script.heard[2] == MAIL + b".\r\n"


async def test_a_relay_that_wants_a_mail_to_nobody_gets_no_dot() -> None:
    """RFC 2920: after a refused recipient some say 354 all the same."""
    async with scripted(b"250 ok\r\n550 5.1.1 nobody\r\n354 go on\r\n") as (script, transport):
        outcome = await transport.deliver(FROM, TO, MAIL)
        await script.ended.wait()
    assert (outcome.result, outcome.reply) == (Result.FAILED, "550 5.1.1 nobody")
    assert b"".join(script.heard[2:]) == b""


@pytest.mark.parametrize(
    ("says", "result", "about"),
    [
        (b"451 later\r\n503 no\r\n503 no\r\n", Result.DEFERRED, About.MAIL),
        (b"421 closing\r\n", Result.DEFERRED, About.RELAY),
        (b"250 ok\r\n250 ok\r\n451 no room\r\n", Result.DEFERRED, About.MAIL),
        (b"250 ok\r\nnonsense\r\n354 go on\r\n", Result.DEFERRED, About.MAIL),
        (b"nonsense\r\n", Result.DEFERRED, About.RELAY),
        (b"250-" + b"x" * 70_000, Result.DEFERRED, About.RELAY),
    ],
)
async def test_no_refusal_and_no_nonsense_sends_the_mail(says: bytes, result: Result, about: About) -> None:
    """Nothing of the mail leaves, and each is said about whom it is."""
    async with scripted(says) as (script, transport):
        outcome = await transport.deliver(FROM, TO, MAIL)
    assert (outcome.result, outcome.about) == (result, about)
    assert not any(b"Hello" in heard for heard in script.heard)


async def test_a_reply_too_many_is_no_answer_to_the_next_mail() -> None:
    """A relay that answers twice would have each mail judged by what it said of the one before."""
    go = b"250 ok\r\n250 ok\r\n354 go on\r\n"
    async with scripted(go, b"250 taken\r\n250 taken\r\n", go, b"550 5.7.1 spam\r\n") as (_, transport):
        outcomes = [await transport.deliver(FROM, TO, MAIL) for _ in range(2)]
    assert [(o.result, o.reply) for o in outcomes] == [
        (Result.SENT, "250 taken"),
        (Result.FAILED, "message refused: 550 5.7.1 spam"),
    ]


@pytest.mark.parametrize("act", [DROP, HANG])
async def test_a_refusal_counts_though_the_rest_is_not_answered(act: str) -> None:
    """What was said of the recipient is known, whatever happens to the connection after it."""
    async with Sink().running() as sink:
        transport = SmtpTransport(relay(sink, timeout=0.3))
        sink.script("rcpt", "550 5.1.1 no such user")
        sink.script("data", act)
        outcome = await transport.deliver(FROM, TO, MAIL)
        assert (outcome.result, outcome.reply) == (Result.FAILED, "550 5.1.1 no such user")
        assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
        await transport.close()


@pytest.mark.parametrize("without", [(), ("PIPELINING",)])
async def test_what_is_not_ours_any_more_is_not_sent(without: tuple[str, ...]) -> None:
    """Asked before the content may leave; the connection stays good for the next mail."""

    async def lost() -> bool:
        return False

    async with Sink(without=without).running() as sink:
        transport = SmtpTransport(relay(sink))
        outcome = await transport.deliver(FROM, TO, MAIL, begin=lost)
        assert outcome.result is Result.DEFERRED
        assert (await transport.deliver(FROM, TO, MAIL)).result is Result.SENT
        await transport.close()
    assert (len(sink.received), sink.connections) == (1, 1)


@pytest.mark.parametrize("phase", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("act", ["450 4.2.1 later", DROP])
async def test_with_and_without_pipelining_it_ends_the_same(phase: str, act: str) -> None:
    """The outcome is that of the first command that was not taken."""
    outcomes = []
    for without in ((), ("PIPELINING",)):
        async with Sink(without=without).running() as sink:
            transport = SmtpTransport(relay(sink))
            sink.script(phase, act)
            outcomes.append(await transport.deliver(FROM, TO, MAIL))
            await transport.close()
    assert (outcomes[0].result, outcomes[0].about) == (outcomes[1].result, outcomes[1].about)
    assert act == DROP or outcomes[0].reply == outcomes[1].reply
    assert outcomes[0].result is Result.DEFERRED
