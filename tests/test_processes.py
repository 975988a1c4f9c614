"""A daemon that is two processes: each may end at any moment, and mail is neither lost nor kept waiting."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.request import urlopen

import pytest

from gateway import config
from gateway.core.token import Keys
from gateway.errors import StorageUnavailable
from gateway.processes import Channel, Hint, WorkerProcess, worker
from gateway.processes.figures import event
from storage.alarms import NO_WORKER, WORKER
from storage.audit import audit
from storage.database import Database
from tests.site import Site, free_port, mail, running, until

TWO = '"auto"'


def is_there(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def settled(site: Site) -> int:
    return site.count("journal WHERE state = 'settled'")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_either_process_may_end(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The door takes mail while there is no worker; a new one decides it. Without the front the worker ends as well."""
    if os.cpu_count() == 1:
        pytest.skip("with one core there is one process")
    url = "" if kind == "sqlite" else request.getfixturevalue("postgresql_url")
    port = free_port()
    site = Site(tmp_path, url, processes=TWO, extra=f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n')

    def counted(mails: int) -> bool:
        with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            return f'decided_total{{kind="correspondence"}} {mails}.0' in answer.read().decode()

    with running(site):
        # What the worker counts is shown by the front; one that is killed may have settled a mail and not said so yet.
        site.send(mail("First"))
        until(lambda: counted(1))
        assert settled(site) == 1
        first = site.worker()
        os.kill(first, signal.SIGKILL)
        site.send(mail("While there is none"))
        until(lambda: settled(site) == 2)
        second = site.worker()
        assert second not in (0, first)
        assert "worker ended" in site.read_log()
        assert site.count("alarm WHERE key = 'worker'") == 1
        until(lambda: counted(2))

        site.kill()
        until(lambda: not is_there(second))
        site.start()
        site.send(mail("After both"))
        until(lambda: settled(site) == 3)
        site.process.send_signal(signal.SIGHUP)
        until(lambda: site.read_log().count(" ready pid=") >= 7)
        third = site.worker()
        site.send(mail("After a reload"))
        until(lambda: settled(site) == 4)
        assert site.stop() == 0
        assert not is_there(third)
    database = Database(url, tmp_path / "var")
    report = database.read_now(audit)
    database.close_now()
    assert report.broken == ()
    assert site.count("ticket") == 4


def test_mail_that_waits_is_taken_up_before_new_mail(tmp_path: Path) -> None:
    """A worker that cannot start stops the start of the daemon, and the log says why."""
    site = Site(tmp_path, processes=TWO)
    done = site.run("deliver", "--recipient", "support@example.com", stdin=mail("Waits").as_string())
    assert done.returncode == 75, "nothing can be delivered before the first start"
    with running(site):
        assert site.stop() == 0
    done = site.run("deliver", "--recipient", "support@example.com", stdin=mail("Waits").as_string())
    assert done.returncode == 0
    with running(site):
        until(lambda: settled(site) == 1)


async def test_hints_are_told_in_order_and_the_end_once() -> None:
    """What finds no room is let go, and neither side ever waits for the other."""
    one, other = (Channel(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    heard: list[Hint] = []
    ended = asyncio.Event()
    began = time.monotonic()
    said = sum(one.say("mail", number, 10) for number in range(100_000))
    assert 0 < said < 100_000
    assert time.monotonic() - began < 60
    other.listen(heard.append, ended.set)
    async with asyncio.timeout(30):
        while len(heard) < said:
            await asyncio.sleep(0)
    assert heard == [["mail", number, 10] for number in range(said)]
    one.say("decided")
    one.close()
    async with asyncio.timeout(30):
        await ended.wait()
    assert heard[-1] == ["decided"]
    assert other.say("ready") is False
    other.close()


async def test_what_was_said_before_the_end_is_heard() -> None:
    """Also by whoever had said something the other one never read: the system tells that first."""
    one, other = (Channel(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    heard: list[Hint] = []
    ended = asyncio.Event()
    one.say("begin")
    other.say("failed", "no such folder")
    other.close()
    one.listen(heard.append, ended.set)
    async with asyncio.timeout(30):
        await ended.wait()
    assert heard == [["failed", "no such folder"]]
    one.close()


def test_an_event_of_the_log_comes_back_as_it_was() -> None:
    hint: Hint = ["told", "replydesk.worker", "decided", "", "correspondence", ""]
    assert event(hint) == {
        "name": "replydesk.worker",
        "msg": "decided",
        "source": "",
        "kind": "correspondence",
        "outcome": "",
    }


def test_the_worker_goes_by_the_settings_of_the_front(tmp_path: Path) -> None:
    """Begun anew as well, whatever stands in the file by then: what a reload refused, or half of an edit."""
    site = Site(tmp_path, processes=TWO)
    with running(site), socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        good = site.config.read_text("utf-8")
        other = good.replace("Example Support", "Refused Support") + f'\n[metrics]\nlisten = "127.0.0.1:{port}"\n'
        site.config.write_text(other, "utf-8")
        assert site.process is not None
        site.process.send_signal(signal.SIGHUP)
        until(lambda: "reload refused" in site.read_log() and site.read_log().count(" ready pid=") == 5)
        site.send(mail("After a reload that was refused"))
        until(lambda: settled(site) == 1)
        site.config.write_text(good + "\n[half", "utf-8")
        os.kill(site.worker(), signal.SIGKILL)
        site.send(mail("After a death"))
        until(lambda: settled(site) == 2)
        until(lambda: len(list(site.outgoing.glob("*.eml"))) >= 6)
        assert site.stop() == 0
    assert not any(b"Refused" in path.read_bytes() for path in site.outgoing.glob("*.eml"))


def test_a_secret_that_goes_away_is_made_anew_by_nobody(tmp_path: Path) -> None:
    """Neither by a worker that is begun anew nor by a reload: what was given out is known as before."""
    site, secret = Site(tmp_path, processes=TWO), tmp_path / "var" / "secret"
    with running(site):
        site.send(mail("First"))
        until(lambda: list(site.outgoing.glob("*.eml")))
        answered = next(m for m in map(read, site.outgoing.glob("*.eml")) if "RD-1-" in m["Subject"])
        secret.rename(tmp_path / "away")
        os.kill(site.worker(), signal.SIGKILL)
        site.send(
            mail("Other words", In_Reply_To=answered["Message-ID"]), "kim@customer.example", "support@example.com"
        )
        until(lambda: settled(site) == 2)
        assert site.count("ticket") == 1
        assert site.process is not None
        site.process.send_signal(signal.SIGHUP)
        until(lambda: "reload refused" in site.read_log())
        assert f"{secret} is gone" in site.read_log()
        assert not secret.exists()
        assert site.stop() == 0


def read(path: Path) -> EmailMessage:
    return message_from_bytes(path.read_bytes(), EmailMessage, policy=policy.default)


def test_a_worker_that_does_not_start_is_told_with_its_cause(tmp_path: Path) -> None:
    """ "Begun anew" alone would let the operator sleep while nobody is answered; the end of it is told as well."""
    site = Site(tmp_path, processes=TWO)
    own = tmp_path / "own" / "mail" / "reply.html.j2"
    own.parent.mkdir(parents=True)
    text = site.config.read_text("utf-8").replace("[gateway]", '[gateway]\ntemplates_dir = "own"', 1)
    site.config.write_text(text, "utf-8")
    with running(site):
        own.write_text("{{ half", "utf-8")
        os.kill(site.worker(), signal.SIGKILL)
        until(lambda: any("does not start" in mail for mail in told(site)))
        (said,) = (mail for mail in told(site) if "does not start" in mail)
        assert "mail/reply.html.j2" in said
        assert "code=0" not in site.read_log()
        own.unlink()
        until(lambda: any("works again" in mail for mail in told(site)), 60)
        assert site.count("alarm WHERE key = 'worker-missing' AND cleared_at IS NULL") == 0
        assert site.stop() == 0


@pytest.mark.parametrize("broken", ["mail/reply.html.j2", "locale/de/LC_MESSAGES/replydesk.po"])
def test_each_line_of_a_worker_that_does_not_start_is_of_the_log(tmp_path: Path, broken: str) -> None:
    """Whatever reads JSON reads why; the worker's own word had no time, and stood beside that of the front."""
    site = Site(tmp_path, processes=TWO)
    own = tmp_path / "own" / broken
    own.parent.mkdir(parents=True)
    text = site.config.read_text("utf-8")
    text = text.replace("[gateway]", '[gateway]\ntemplates_dir = "own"\nlog_format = "json"', 1)
    site.config.write_text(text, "utf-8")
    with running(site):
        own.write_text("{{ half", "utf-8")
        os.kill(site.worker(), signal.SIGKILL)
        until(lambda: '"worker does not start"' in site.read_log(), 60)
        lines = [json.loads(line) for line in site.read_log().splitlines()]
        (first, *_) = (line["cause"] for line in lines if line["event"] == "worker does not start")
        assert Path(broken).name in first
        own.unlink()
        assert site.stop() == 0


def told(site: Site) -> list[str]:
    """What the operator reads."""
    read_ = [read(path) for path in site.outgoing.glob("*.eml")]
    bodies = (m.get_body(("plain",)) for m in read_ if m["To"] == "root@example.com")
    return [" ".join(body.get_content().split()) for body in bodies if body is not None]


@contextlib.asynccontextmanager
async def a_silent_worker(tmp_path: Path, tell: worker.Tell) -> AsyncIterator[WorkerProcess]:
    """A process that said it is ready, and says no more."""
    ours, theirs = (Channel(end) for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET))
    theirs.say("ready")
    with subprocess.Popen(["sleep", "60"]) as process:
        begun = worker.Begun(process, ours)
        one = WorkerProcess(config.load(Site(tmp_path).config), Keys(b"s" * 32), print, print, tell, begun)
        await one.start()
        yield one
        begun.kill()
    theirs.close()


async def test_what_an_earlier_daemon_told_of_its_worker_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped within ten minutes of a death, it left an alarm that `stats` would show for ever."""
    monkeypatch.setattr(worker, "WELL_SECONDS", 0.02)
    news: list[str] = []

    async def tell(what: str, cause: str) -> None:
        news.append(what)

    async with a_silent_worker(tmp_path, tell) as one:
        task = asyncio.create_task(one.run())
        async with asyncio.timeout(30):
            while not news:
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        task.cancel()
    assert news == ["well"]


def test_what_was_told_of_a_worker_ends_where_there_is_none(tmp_path: Path) -> None:
    """`processes = 1` is what an operator may try when one dies again and again: nobody else would end the alarms."""
    site = Site(tmp_path, processes="1")
    with running(site):
        assert site.stop() == 0
    database = Database(site.database_url, tmp_path)
    for key in (WORKER, NO_WORKER):
        database.write_now(lambda tx, key=key: tx.alarms.raise_(key, "It ended.", datetime.now(UTC)))  # type: ignore[misc]  # mypy knows no such lambda
    database.close_now()
    with running(site):
        until(lambda: len([mail for mail in told(site) if "one process now" in mail]) == 2)
        assert site.count("alarm WHERE cleared_at IS NULL") == 0
        assert site.stop() == 0


async def test_a_worker_that_stands_still_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is killed by us: its exit code alone would send the operator looking for who did."""
    monkeypatch.setattr(worker, "SILENT_SECONDS", 0.0)

    async def tell(what: str, cause: str) -> None:
        raise asyncio.CancelledError

    async with a_silent_worker(tmp_path, tell) as one:
        with contextlib.suppress(asyncio.CancelledError):
            async with asyncio.timeout(30):
                await one.run()
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "worker stands still",
        "worker ended",
    ]


async def test_a_worker_there_is_no_room_for_is_no_fault(tmp_path: Path) -> None:
    """It is told and tried again, as one that does not start; mail is taken meanwhile."""
    settings = config.load(Site(tmp_path).config)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(int(name) for name in os.listdir("/proc/self/fd"))
    with contextlib.ExitStack() as held:
        for _ in range(used + 3 - len(os.listdir("/proc/self/fd"))):
            held.enter_context(open(os.devnull, "rb"))
        resource.setrlimit(resource.RLIMIT_NOFILE, (used + 3, hard))
        try:
            with pytest.raises(StorageUnavailable, match="cannot be begun: Too many open files"):
                worker.spawn(settings)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
