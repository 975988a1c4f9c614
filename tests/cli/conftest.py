"""A small site on disk: a configuration, a migrated database, a secret, and a few mails that went through the desk."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway import config
from gateway.cli import main
from gateway.core.decision import Decision
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.render.mail import Templates
from storage import raw
from storage.database import Database
from tests.conftest import NOW

CONFIG = """\
[gateway]
database_url = "{url}"
timezone = "Europe/Berlin"
[[mailboxes]]
address = "support@example.com"
name = "Example Support"
reply_address = "support+{{token}}@example.com"
aliases = ["help@example.com"]
[[agents]]
address = "anna@example.com"
name = "Anna Agent"
[[agents]]
address = "bob@example.com"
name = "Bob Agent"
[receive.smtp]
listen = []
[portal]
listen = ""
[send]
transport = "file"
"""

ERIKA = Envelope("smtp", "erika@customer.example", ("support@example.com",), "192.0.2.1")
BOUNCER = Envelope("smtp", "", ("support@example.com",), "192.0.2.2")

REQUEST = """\
From: Erika Beispiel <erika@customer.example>
To: support@example.com
Cc: Karl <karl@customer.example>
Subject: =?utf-8?q?Der_Drucker_druckt_nicht_=C3=BCber_WLAN?=
Message-ID: <request-1@customer.example>
Date: Mon, 02 Mar 2026 10:30:00 +0100
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 8bit

Guten Tag,

unser Drucker druckt [bold]nicht[/bold].
--b
Content-Type: text/plain; name=log.txt
Content-Disposition: attachment; filename=log.txt

paper jam
--b--
"""

AWAY = """\
From: Erika Beispiel <erika@customer.example>
To: support@example.com
Subject: Abwesend
Message-ID: <away-1@customer.example>
Auto-Submitted: auto-replied

Ich bin im Urlaub.
"""


@dataclass(frozen=True)
class Shop:
    """The site and what a test does with it."""

    file: Path
    database: Database
    desk: Desk
    said: pytest.CaptureFixture[str] | None

    @property
    def capsys(self) -> pytest.CaptureFixture[str]:
        assert self.said is not None  # for mypy: only a template has none
        return self.said

    def feed(self, mail: str, envelope: Envelope = ERIKA) -> Decision:
        """Let a mail go the whole way, as the daemon does."""
        data = mail.encode().replace(b"\n", b"\r\n")
        id = self.database.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), NOW))
        read = self.desk.read(data, envelope)
        decision = self.database.write_now(lambda tx: self.desk.handle(tx, id, read, NOW))
        assert decision is not None
        return decision

    def run(self, *words: str) -> int:
        return main(["--config", str(self.file), *words])

    def out(self, *words: str) -> str:
        """What a command that must do its work prints."""
        self.capsys.readouterr()
        code = self.run(*words)
        said = self.capsys.readouterr()
        assert code == 0, said.err
        return said.out

    def json(self, *words: str) -> Any:
        return json.loads(self.out(*words, "--json"))

    def refused(self, *words: str, code: int = 1) -> str:
        """The one line a command says when it does not do its work."""
        self.capsys.readouterr()
        assert self.run(*words) == code
        said = self.capsys.readouterr()
        assert said.out == ""
        assert said.err.count("\n") == 1
        return said.err


def make(tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str] | None = None, settings: str = CONFIG) -> Shop:
    file = tmp_path / "replydesk.toml"
    file.write_text(settings.format(url=url), "utf-8")
    read = config.load(file)
    database = Database(url, read.data_dir)
    desk = Desk(config.policy(read, config.signing_keys(read)), Templates())
    return Shop(file, database, desk, capsys)


@pytest.fixture
def empty_shop(tmp_path: Path, sqlite_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    """A site no mail has reached yet."""
    shop = make(tmp_path, sqlite_url, capsys)
    yield shop
    shop.database.close_now()


@pytest.fixture(scope="session")
def _filled(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> Path:
    """The data folder of `shop`, filled once."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "var").mkdir()
    file = shutil.copy(_sqlite_template, folder / "var" / "replydesk.sqlite3")
    shop = make(folder, f"sqlite:///{file}")
    for mail, envelope in ((REQUEST, ERIKA), (AWAY, BOUNCER), (REQUEST, ERIKA), ("\n", ERIKA)):
        shop.feed(mail, envelope)
    shop.database.close_now()
    return folder / "var"


@pytest.fixture
def shop(tmp_path: Path, _filled: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    """One ticket, an automatic answer, a duplicate and a held mail."""
    shutil.copytree(_filled, tmp_path / "var")
    shop = make(tmp_path, f"sqlite:///{tmp_path / 'var' / 'replydesk.sqlite3'}", capsys)
    yield shop
    shop.database.close_now()


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a text on standard input."""

    def put(text: str | bytes) -> None:
        data = text.encode() if isinstance(text, str) else text
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))

    return put
