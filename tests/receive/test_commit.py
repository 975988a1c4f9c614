"""A mail is ours only after the commit, and the commit does not depend on the peer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest
from smtp_peer import Desk, Peer, peer, serving, until

MAIL = b"Message-ID: <1@peer.test>\r\n\r\nhello\r\n"


class Disk:
    """A commit that begins, and ends when the test says so."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.may_end = asyncio.Event()

    async def __call__(self) -> None:
        self.begun.set()
        await self.may_end.wait()


@pytest.fixture
def noticed(caplog: pytest.LogCaptureFixture) -> Callable[[], Awaitable[None]]:
    """Waits until the server knows that its peer has left."""
    caplog.set_level(logging.INFO, "replydesk.receive")
    return lambda: until(lambda: "peer left before the reply" in caplog.messages)


async def deliver(client: Peer, mail: bytes = MAIL) -> None:
    await client.begin_data()
    await client.send(mail + b".\r\n")


async def test_250_comes_after_the_commit() -> None:
    """Before the commit has ended there is no reply."""
    disk = Disk()
    desk = Desk(disk)
    async with serving(desk) as server, peer(server) as client:
        await deliver(client)
        await disk.begun.wait()
        answer = asyncio.ensure_future(client.line())
        await asyncio.sleep(0.05)
        assert not answer.done()
        disk.may_end.set()
        assert (await answer).startswith("250 2.0.0")
    assert desk.mails == [MAIL]


async def hang_up(client: Peer) -> None:
    client.writer.close()


async def reset(client: Peer) -> None:
    client.writer.transport.abort()


@pytest.mark.parametrize("leave", [hang_up, reset])
async def test_leaving_in_mid_commit_does_not_cancel_it(
    leave: Callable[[Peer], Awaitable[None]], noticed: Callable[[], Awaitable[None]]
) -> None:
    """The peer goes, the mail stays; sent again, it is answered with the first commit and not stored twice."""
    disk = Disk()
    desk = Desk(disk)
    async with serving(desk) as server:
        async with peer(server) as client:
            await deliver(client)
            await disk.begun.wait()
            await leave(client)
        await noticed()
        async with peer(server) as again:
            await deliver(again)
            disk.may_end.set()
            assert (await again.line()).startswith("250 2.0.0")
        async with peer(server) as another:
            await deliver(another)
            assert (await another.line()).startswith("250 2.0.0")
    assert desk.mails == [MAIL, MAIL], "the one that was answered twice, and the deliberate second"


async def test_a_missed_failure_is_tried_again(noticed: Callable[[], Awaitable[None]]) -> None:
    """When the commit nobody was told of failed, the next try commits."""
    outcomes: list[Exception | None] = [OSError("broken"), None]
    disk = Disk()

    async def commit() -> None:
        await disk()
        if error := outcomes.pop(0):
            raise error

    desk = Desk(commit)
    async with serving(desk) as server:
        async with peer(server) as client:
            await deliver(client)
            await disk.begun.wait()
        await noticed()
        disk.may_end.set()
        await until(lambda: len(outcomes) == 1)
        async with peer(server) as again:
            await deliver(again)
            assert (await again.line()).startswith("250 2.0.0")
    assert desk.mails == [MAIL]


async def test_another_mail_is_not_taken_for_the_missed_one(noticed: Callable[[], Awaitable[None]]) -> None:
    """One byte or one recipient else is another mail."""
    disk = Disk()
    desk = Desk(disk)
    async with serving(desk) as server:
        async with peer(server) as client:
            await deliver(client)
            await disk.begun.wait()
        await noticed()
        disk.may_end.set()
        async with peer(server) as other:
            await deliver(other, MAIL + b"!\r\n")
            assert (await other.line()).startswith("250")
            await other.begin_data("support+2@desk.test")
            await other.send(MAIL + b".\r\n")
            assert (await other.line()).startswith("250")
    assert [e.recipients for _, e in desk.accepted] == [
        ("support@desk.test",),
        ("support@desk.test",),
        ("support+2@desk.test",),
    ]


async def test_a_cancelled_commit_is_a_fault_of_ours() -> None:
    """If the writer is torn down under a commit, the peer is asked to come back."""
    desk = Desk()

    async def torn_down() -> None:
        raise asyncio.CancelledError

    desk._before_commit = torn_down
    async with serving(desk) as server, peer(server) as client:
        await deliver(client)
        assert await client.line() == "451 4.3.0 Local problem, please try again later"
        assert await client.ask("NOOP") == "250 2.0.0 OK"


async def test_a_broken_recipient_check_is_a_fault_of_ours() -> None:
    """RCPT is deferred, not refused, when we cannot tell."""

    class Broken(Desk):
        def is_ours(self, recipient: str) -> bool:
            raise KeyError("secret")

    async with serving(Broken()) as server, peer(server) as client:
        await client.ask("MAIL FROM:<a@peer.test>")
        assert await client.ask("RCPT TO:<support@desk.test>") == "451 4.3.0 Local problem, please try again later"
        assert await client.ask("NOOP") == "250 2.0.0 OK"


async def test_many_peers_at_once() -> None:
    """Fifty connections with four mails each: every mail once, none mixed with another."""
    desk = Desk(lambda: asyncio.sleep(0))

    async def one(number: int) -> None:
        async with peer(server) as client:
            for turn in range(4):
                await deliver(client, f"{number}.{turn}\r\n".encode() + b"x" * 5000 + b"\r\n")
                assert (await client.line()).startswith("250")

    async with serving(desk) as server:
        await asyncio.gather(*(one(number) for number in range(50)))
    heads = sorted(mail.split(b"\r\n")[0] for mail in desk.mails)
    assert heads == sorted(f"{n}.{t}".encode() for n in range(50) for t in range(4))
    assert {len(mail.split(b"\r\n")[1]) for mail in desk.mails} == {5000}
    ids = {raw.split(b" id ")[1].split(b";")[0] for raw, _ in desk.accepted}
    assert len(ids) == 200
