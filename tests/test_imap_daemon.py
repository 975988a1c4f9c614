"""The whole daemon with a mailbox: mail is taken, answers around the desk are found, the end is clean."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from urllib.request import urlopen

import pytest

from gateway import daemon
from gateway.config import Settings, build
from storage.database import Database
from tests.receive.imap_house import mail, until
from tests.receive.imap_server import PASSWORD, USER, Server
from tests.site import free_port


def settings(folder: Path, server: Server, portal: int) -> Settings:
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
        "send": {"transport": "file"},
        "portal": {"listen": f"127.0.0.1:{portal}"},
        "metrics": {"listen": f"127.0.0.1:{free_port()}"},
    }
    return build(data, folder / "replydesk.toml")


def health(site: Settings) -> object:
    with urlopen(f"http://{site.portal.listen}/healthz", timeout=5) as answer:
        return json.load(answer)


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
    (ticket,) = database.read_now(lambda tx: tx.tickets.search())
    assert ticket.status.value == "waiting_on_contact"
    database.close_now()
