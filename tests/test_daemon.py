"""The daemon's ends and starts: what makes it begin anew, and what a start that failed leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from gateway import config, daemon
from gateway.cli import main
from gateway.config import Settings
from gateway.config.only_one import only_one
from gateway.errors import ConfigError
from gateway.worker import Worker
from tests.process import Process
from tests.site import Site, mail, running, until


def reload(site: Site) -> None:
    assert site.process is not None
    site.process.send_signal(signal.SIGHUP)


def test_a_reload_takes_up_what_is_right_and_refuses_the_rest(tmp_path: Path) -> None:
    """Settings, templates and certificates: after a wrong one it goes on with the old, and the log says why."""
    site = Site(tmp_path)
    with running(site):
        good = site.config.read_text("utf-8")
        site.config.write_text(good + "\n[nonsense]\n", "utf-8")
        reload(site)
        until(lambda: "reload refused" in site.read_log())
        assert "nonsense" in site.read_log()
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            site.config.write_text(good + f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n', "utf-8")
            reload(site)
            # Only the start can tell; the former settings are started again.
            until(lambda: site.read_log().count("reload refused") == 2 and site.read_log().count(" ready ") == 2)
        site.config.write_text(good.replace("[gateway]", '[gateway]\nreference_prefix = "NEW"', 1), "utf-8")
        reload(site)
        until(lambda: site.read_log().count(" ready ") == 3)
        site.send(mail("After it"))
        until(lambda: any(b"[NEW-" in path.read_bytes() for path in site.outgoing.glob("*.eml")))
        assert site.stop() == 0
    made = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "var").iterdir() if path.is_file()}
    assert {name: oct(mode) for name, mode in made.items() if mode & 0o077} == {}


def test_a_reload_refuses_broken_words(tmp_path: Path) -> None:
    """A catalog of texts or a template with a fault in it: what runs goes on with the words it has, and ends no more at
    the next one that is refused than at the first."""
    site = Site(tmp_path)
    good = site.config.read_text("utf-8")
    site.config.write_text(good.replace("[gateway]", '[gateway]\ntemplates_dir = "own"', 1), "utf-8")
    catalog = tmp_path / "own" / "locale" / "sv" / "LC_MESSAGES" / "replydesk.po"
    catalog.parent.mkdir(parents=True)
    with running(site):
        for count, broken in enumerate(('msgid "Hello,', 'msgid ""\nmsgstr ""\nmsgid'), 1):
            catalog.write_text(broken, "utf-8")
            reload(site)
            until(lambda count=count: site.read_log().count("reload refused") == count)
        catalog.unlink()
        template = tmp_path / "own" / "mail" / "closed.txt.j2"
        template.parent.mkdir()
        template.write_text("{% if %}", "utf-8")
        reload(site)
        until(lambda: site.read_log().count("reload refused") == 3)
        site.send(mail("After it"))
        until(lambda: list(site.outgoing.glob("*.eml")))
        assert site.stop() == 0


@pytest.mark.parametrize("processes", ["1", '"auto"'])
async def test_words_that_are_edited_during_a_reload_end_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, processes: str
) -> None:
    """What was tried is what the start takes, and what ran before is what it goes back to, whatever is in the files. A
    worker that reads them and does not start is one that is begun anew."""
    site = Site(tmp_path, processes=processes)
    written = site.config.read_text("utf-8").replace("[gateway]", '[gateway]\ntemplates_dir = "own"', 1)
    site.config.write_text(written, "utf-8")
    template, catalog = tmp_path / "own/mail/closed.txt.j2", tmp_path / "own/locale/sv/LC_MESSAGES/replydesk.po"
    template.parent.mkdir(parents=True)
    catalog.parent.mkdir(parents=True)
    read_again, told, count = daemon._read_again, daemon.systemd.notify, 0

    def tell(word: str) -> None:
        nonlocal count
        told(word)
        count += word == "READY=1"
        if word == "READY=1":
            site.config.write_text(written + (taken_door if count == 2 else ""), "utf-8")
            signal.raise_signal(signal.SIGHUP if count < 3 else signal.SIGTERM)

    def edited(former: daemon.Startable) -> daemon.Startable:
        template.unlink(missing_ok=True)
        catalog.unlink(missing_ok=True)
        new = read_again(former)
        template.write_text("{% if %}", "utf-8")
        catalog.write_text('msgid "Hello,', "utf-8")
        return new

    monkeypatch.setattr(daemon.systemd, "notify", tell)
    monkeypatch.setattr(daemon, "_read_again", edited)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        taken_door = f'\n[metrics]\nlisten = "127.0.0.1:{taken.getsockname()[1]}"\n'
        settings = config.load(site.config)
        async with asyncio.timeout(60):
            await daemon.run(settings)
    refused = [record for record in caplog.records if record.message == "reload refused"]
    assert len(refused) == (2 if daemon.processes.wanted(settings) else 1)
    assert count == 3


def test_a_reload_that_is_asked_for_during_the_start(tmp_path: Path) -> None:
    """It waits for the start, and ends nothing."""
    site, log, secret = Site(tmp_path), tmp_path / "daemon.log", tmp_path / "signing"
    os.mkfifo(secret, 0o600)
    site.config.write_text(
        site.config.read_text("utf-8").replace("[gateway]", f'[gateway]\nsecret_file = "{secret}"', 1), "utf-8"
    )
    begun = threading.Event()

    def tell() -> None:
        """The secret, whenever it is asked for; the start asks before it does anything else."""
        while True:
            with secret.open("w", encoding="ascii") as file:
                if not begun.is_set():
                    reload(site)
                    begun.set()
                file.write("s" * 64)
            time.sleep(0.05)

    site.process = Process("run", "--config", str(site.config), stdout=log, stderr=log)
    threading.Thread(target=tell, daemon=True).start()
    try:
        assert begun.wait(30)
        until(lambda: site.process is None or site.process.poll() is not None or site.read_log().count(" ready ") == 2)
        assert site.stop() == 0
    finally:
        site.kill()


async def test_a_fault_in_reading_new_settings_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The desk that runs goes on with the settings it has, whatever the file did to us."""
    settings = config.load(Site(tmp_path).config)
    stop, changed = asyncio.Event(), asyncio.Event()

    def stumble(_: Settings) -> Settings:
        stop.set()
        raise IsADirectoryError(21, "Is a directory", "/usr/share/zoneinfo/Europe")

    monkeypatch.setattr(daemon, "_read_again", stumble)
    changed.set()
    assert await daemon._until(stop, changed, settings) is settings
    (said,) = caplog.records
    assert (said.message, said.exc_info is not None) == ("reload refused", True)


@pytest.mark.parametrize("watchdog", ["", "60000000"])
def test_a_failed_start_says_why_and_ends(tmp_path: Path, watchdog: str) -> None:
    """With the last door as with the first, watched by systemd or not."""
    site = Site(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        text = site.config.read_text("utf-8")
        site.config.write_text(text + f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n', "utf-8")
        command = [sys.executable, "-m", "gateway", "run", "--config", str(site.config)]
        environment = {**os.environ, **({"WATCHDOG_USEC": watchdog} if watchdog else {})}
        ended = subprocess.run(command, capture_output=True, text=True, timeout=100, env=environment)
    assert ended.returncode == 1
    assert f"metrics.listen: cannot listen on 127.0.0.1:{port}" in ended.stderr


DKIM = '[send.dkim]\ndomain = "example.com"\nselector = "s"\nkey_file = "key.pem"\n'
SECRET = '[gateway]\nsecret_file = "key.pem"\n'
RELAY = '[send]\nusername = "desk"\npassword_file = "key.pem"\n'
TLS = '[receive.smtp]\ntls_certificate = "key.pem"\ntls_key = "key.pem"\n'
WRONG_FILES = {
    "no key to sign with": (DKIM, None, "send.dkim.key_file"),
    "it is none": (
        DKIM,
        b"-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
        "send.dkim.key_file",
    ),
    "it is no text": (DKIM, b"\xff\xfe", "send.dkim.key_file"),
    "no secret": (SECRET, None, "gateway.secret_file"),
    "a short secret": (SECRET, b"abc\n", "gateway.secret_file"),
    "no password": (RELAY, None, "send.password_file"),
    "no certificate": (TLS, None, "receive.smtp.tls_certificate"),
}


@pytest.mark.parametrize("fault", [*WRONG_FILES, "a folder in its place", "a port that is taken", "another daemon"])
def test_what_files_and_ports_say_is_asked_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    """Before the house is imported, a second process begun or a database made: a busy machine takes long for these."""
    site = Site(tmp_path, processes='"auto"')
    added, content, key = WRONG_FILES.get(fault, (DKIM, None, "send.dkim.key_file"))
    if content is not None:
        (tmp_path / "key.pem").write_bytes(content)

    def begun(settings: config.Settings) -> None:
        raise AssertionError("the second process is begun")

    monkeypatch.setattr("gateway.processes.spawn", begun)
    monkeypatch.setattr("gateway.processes.wanted", lambda settings: True)
    with contextlib.ExitStack() as stack:
        match fault:
            case "a folder in its place":
                (tmp_path / "key.pem").mkdir()
            case "a port that is taken":
                added, key = "", "portal.listen"
                stack.enter_context(socket.create_server(("127.0.0.1", site.portal)))
            case "another daemon":
                added, key = "", "gateway.data_dir"
                stack.enter_context(only_one(config.load(site.config)))
        table, _, _ = added.partition("\n")
        text = site.config.read_text("utf-8")
        site.config.write_text(text.replace(table, added, 1) if table in text else text + added, "utf-8")
        stack.callback(os.umask, os.umask(0o077))
        assert main(["run", "--config", str(site.config)]) == 1
    said = capsys.readouterr().err
    assert f"{site.config}:" in said
    assert f" {key}: " in said
    assert not (tmp_path / "var" / "replydesk.sqlite3").exists()


async def test_a_part_that_dies_is_no_clean_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Better started again by systemd than half a daemon, and for that it must not end with 0."""

    async def run(self: Worker) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(Worker, "run", run)
    with pytest.raises(RuntimeError, match="a part of the daemon died"):
        await daemon.run(config.load(Site(tmp_path).config))


@pytest.mark.parametrize("same", [True, False])
def test_a_reload_that_moves_data_dir_loses_no_mark(tmp_path: Path, same: bool) -> None:
    """The database stands elsewhere and knows the marks of the old one; a new database may have a new secret."""
    site = Site(tmp_path, database_url=f"sqlite:///{tmp_path / 'db.sqlite3'}")
    before = daemon._tried(config.load(site.config))
    text = site.config.read_text("utf-8").replace('data_dir = "var"', 'data_dir = "other"')
    assert 'data_dir = "other"' in text
    site.config.write_text(text if same else text.replace("db.sqlite3", "new.sqlite3"), "utf-8")
    if same:
        with pytest.raises(ConfigError, match="the database is the same"):
            daemon._read_again(before)
    else:
        assert daemon._read_again(before).settings.data_dir == tmp_path / "other"
    assert (tmp_path / "other" / "secret").exists() is not same


def test_a_reload_beside_a_database_that_was_moved_alone_is_refused(tmp_path: Path) -> None:
    """Its secret was left where it was."""
    site = Site(tmp_path)
    before = daemon._tried(config.load(site.config))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "replydesk.sqlite3").write_bytes(b"SQLite format 3\0")
    site.config.write_text(site.config.read_text("utf-8").replace('data_dir = "var"', 'data_dir = "other"'), "utf-8")
    with pytest.raises(ConfigError, match="the database is an older one"):
        daemon._read_again(before)
    assert not (tmp_path / "other" / "secret").exists()


@pytest.mark.parametrize("older", [True, False])
async def test_a_reload_into_a_new_data_dir_knows_whether_its_secret_is_older(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, older: bool
) -> None:
    """What it has just made itself is none that an empty database does not fit."""
    site = Site(tmp_path)
    before = daemon._tried(config.load(site.config))
    if older:
        (tmp_path / "other").mkdir()
        shutil.copy(tmp_path / "var" / "secret", tmp_path / "other" / "secret")
    site.config.write_text(site.config.read_text("utf-8").replace('data_dir = "var"', 'data_dir = "other"'), "utf-8")
    tried = daemon._read_again(before)
    async with daemon.serving(tried.settings, tried=tried):
        pass
    assert ("empty database beside an older secret" in caplog.text) is older


def test_a_fault_has_an_exit_code_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """systemd repeats a start after it, and not after a wrong setting, as the unit says."""

    async def run(settings: config.Settings, begun: object) -> None:
        raise ValueError("a fault")

    monkeypatch.setattr(daemon, "run", run)
    umask, handlers = os.umask(0o077), list(logging.getLogger().handlers)
    try:
        code = main(["run", "--config", str(Site(tmp_path).config)])
    finally:
        os.umask(umask)
        logging.getLogger().handlers[:] = handlers
    unit = (Path(__file__).parent.parent / "deploy" / "replydesk.service").read_text("utf-8")
    (prevented,) = [line for line in unit.splitlines() if line.startswith("RestartPreventExitStatus=")]
    assert str(code) not in prevented.partition("=")[2].split()
    assert "1" in prevented.partition("=")[2].split()
