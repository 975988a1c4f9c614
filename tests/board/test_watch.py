"""The line that hears of changes on the board, at a server that changes its mind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.board import watch
from gateway.board.watch import BoardWatch
from gateway.config.secret_files import Password
from gateway.errors import ConfigError
from tests.receive.imap_house import account, until
from tests.receive.imap_server import PASSWORD, Box, Server, Session


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    made.capabilities += " NOTIFY"
    made.boxes["Tickets.New"] = Box()
    async with made.running() as running:
        yield running


@contextlib.asynccontextmanager
async def watching(server: Server, changed: Callable[[], None], secret: Callable[[], str]) -> AsyncIterator[BoardWatch]:
    made = BoardWatch(account(server.port, credential=Password(secret)), "Tickets", "Tickets.New", changed)
    task = asyncio.create_task(made.run())
    try:
        yield made
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_notify_that_is_refused_leaves_idle(server: Server) -> None:
    """It is offered, and refused when it is asked for: the one folder is listened to, and the others are looked at."""
    server.refused = {"NOTIFY"}
    heard: list[int] = []
    async with watching(server, lambda: heard.append(1), lambda: PASSWORD) as made:
        await until(lambda: heard)
        assert not made.tells_all
        heard.clear()
        server.deliver(b"Subject: x\r\n\r\nx\r\n", "Tickets.New")
        await until(lambda: heard)


async def test_a_server_with_too_much_to_tell_is_asked_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """From NOTIFICATIONOVERFLOW on it tells nothing: nobody may rely on it until a new line is told of everything."""
    monkeypatch.setattr(watch, "AGAIN_SECONDS", 0.3)
    states: list[bool] = []

    def overflow(session: Session) -> None:
        if not states:
            session.write("* OK [NOTIFICATIONOVERFLOW] too much")

    server.while_idling = overflow
    async with watching(server, lambda: None, lambda: PASSWORD) as made:
        await until(lambda: "IDLE" in server.said and not made.tells_all)
        states.append(made.tells_all)
        await until(lambda: made.tells_all)
    assert server.said.count('SELECT "Tickets.New"') == 2


async def test_a_password_that_cannot_be_read_for_a_while(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file is being changed: the line is made again later."""
    monkeypatch.setattr(watch, "AGAIN_SECONDS", 0.05)
    asked: list[int] = []
    heard: list[int] = []

    def secret() -> str:
        asked.append(1)
        if len(asked) < 3:
            raise ConfigError("board.password_file", "cannot be read", "make it readable")
        return PASSWORD

    async with watching(server, lambda: heard.append(1), secret) as made:
        await until(lambda: heard)
        assert made.tells_all


async def test_a_refused_login_is_tried_less_and_less_often(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The looks go on over a line that was made before the password was changed; this one must not lock the account."""
    monkeypatch.setattr(watch, "AGAIN_SECONDS", 0.02)
    tried: list[int] = []

    def secret() -> str:
        tried.append(1)
        return "of yesterday"

    async with watching(server, lambda: None, secret):
        await until(lambda: len(tried) > 2)
        await asyncio.sleep(0.6)
        assert len(tried) < 10
