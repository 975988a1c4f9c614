"""The whole daemon with a mailbox: mail is taken, answers around the desk are found, the end is clean."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from gateway import daemon
from gateway.clock import liveness
from gateway.config import Settings, build
from gateway.receive.imap import watch
from storage.database import Database
from tests.receive.imap_house import mail, until
from tests.receive.imap_server import PASSWORD, USER, Server
from tests.sink import Sink
from tests.site import free_port

OPERATOR = "root@example.com"
SOURCES = ("imap:support@example.com", "imap-sent:support@example.com")


def settings(folder: Path, server: Server, portal: int, send: dict[str, object] | None = None) -> Settings:
    (folder / "password").write_text(PASSWORD + "\n")
    imap = {
        "mailbox": USER,
        "host": "127.0.0.1",
        "port": server.port,
        "security": "none",
        "password_file": "password",
        "backlog": "all",
        "sent_folder": "Sent",
    }
    data = {
        "receive": {"imap": [imap], "smtp": {"listen": []}},
        "gateway": {"operator": OPERATOR},
        "send": send or {"transport": "file"},
        "portal": {"listen": f"127.0.0.1:{portal}"},
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
    }
    return build(data, folder / "replydesk.toml")


def health(site: Settings) -> object:
    with urlopen(f"http://{site.portal.listen}/healthz", timeout=5) as answer:
        return json.load(answer)


def failing(site: Settings) -> str:
    """The figure that tells of the source's failure."""
    with urlopen(f"http://{site.metrics.listen}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    name = 'replydesk_source_failing{source="imap:support@example.com"} '
    return str(next(line.removeprefix(name) for line in lines if line.startswith(name)))


async def test_a_daemon_with_a_mailbox(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """From the folder to the ticket and the acknowledgement; an answer in the Sent folder; a quiet end."""
    caplog.set_level(logging.INFO, "replydesk")
    async with Server().running() as server:
        server.deliver(mail(1))
        site = settings(tmp_path, server, free_port())
        async with daemon.serving(site):
            await until(lambda: not server.inbox.mails)
            await until(lambda: list(site.outgoing_dir.glob("*.eml")))
            await until(lambda: sum("IDLE" in said for said in server.said) >= 2)
            reply = mail(2, "It is on its way.", From=USER, To="kim1@customer.example")
            server.deliver(b"In-Reply-To: <1.request@customer.example>\r\n" + reply, "Sent")
            await until(lambda: "answered-from-the-mailbox" in [getattr(r, "reason", "") for r in caplog.records])
            assert await asyncio.to_thread(health, site) == {"status": "ok"}
    assert [m.flags for m in server.boxes["Sent"].mails] == [set()]
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO] == []
    database = Database("", site.data_dir)
    (ticket,) = database.read_now(lambda tx: tx.reads.search())
    assert ticket.status.value == "waiting_on_contact"
    database.close_now()


async def becomes(site: Settings, wanted: dict[str, object]) -> None:
    """The health page says so within seconds: what it shows is looked at once a second at most."""
    async with asyncio.timeout(10):
        while await asyncio.to_thread(health, site) != wanted:
            await asyncio.sleep(0.1)


async def test_one_alarm_by_another_way_and_one_all_clear(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mailbox is gone: log, operator by the relay, health page and figures say so once, and once that it is well.

    Only the patience is shortened, from minutes to a second.
    """
    monkeypatch.setattr(liveness, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(watch, "alarm_after", lambda _: dict.fromkeys(SOURCES, timedelta(seconds=1)))
    server, relay = Server(), Sink()

    def told(words: str) -> list[str]:
        """What the operator got, by its subject or text."""
        texts = [r.content.decode() for r in relay.received if r.recipients == [OPERATOR]]
        return [text for text in texts if words in text]

    async with relay.running():
        async with server.running():
            site = settings(tmp_path, server, free_port(), {"host": "127.0.0.1", "port": relay.port})
            serving = contextlib.AsyncExitStack()
            await serving.enter_async_context(daemon.serving(site))
            await until(lambda: sum("IDLE" in said for said in server.said) >= 2)
            assert await asyncio.to_thread(failing, site) == "0.0"
        async with serving:
            await until(lambda: len(told("cannot be read since")) == len(SOURCES))
            await becomes(site, {"status": "degraded", "failing": ["imap"]})
            assert await asyncio.to_thread(failing, site) == "1.0"
            await asyncio.sleep(0.5)
            async with server.running():
                server.deliver(mail(1))
                await until(lambda: len(told("is read again")) == len(SOURCES), 20)
                await until(lambda: not server.inbox.mails)
                await becomes(site, {"status": "ok"})
                assert await asyncio.to_thread(failing, site) == "0.0"
            await asyncio.sleep(0.3)
        assert len(told("cannot be read since")) == len(told("is read again")) == len(SOURCES)
    errors = [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]
    assert errors == ["source fails"] * len(SOURCES)
