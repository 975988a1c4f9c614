"""A real daemon for tests: `replydesk run` as a process of its own, on free ports, and ways to talk to it."""

from __future__ import annotations

import contextlib
import json
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from sqlalchemy import NullPool, create_engine, text

from tests.process import Process

START_SECONDS = 30.0
_BUSY_TIMES = 60
"""So many times that long a daemon may take, as long as it does something."""
CONFIG = """\
[gateway]
data_dir = "var"
database_url = "{database_url}"
public_url = "http://127.0.0.1:{portal}"
operator = "root@example.com"
processes = {processes}

[[mailboxes]]
address = "support@example.com"
name = "Example Support"
reply_address = "support+{{token}}@example.com"

[[agents]]
address = "anna@example.com"
name = "Anna Agent"

[receive.smtp]
listen = ["127.0.0.1:{smtp}"]

[send]
{send}

[portal]
listen = "127.0.0.1:{portal}"
"""


_given: set[int] = set()


def free_port() -> int:
    """One that was not given before: what is free twice in a row may be the same, and both are used later."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
        if port not in _given:
            _given.add(port)
            return port


class InVain(AssertionError):
    """What was waited for did not come."""


def until(true: Callable[[], Any], seconds: float = START_SECONDS, every: float = 0.05) -> Any:
    """The first true answer; a test fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = true()
        if found:
            return found
        time.sleep(every)
    raise InVain(f"waited {seconds:g} seconds in vain for {true}")


class Site:
    """A folder with a configuration, and the daemon on it; a second process would import the house for a second."""

    def __init__(
        self,
        folder: Path,
        database_url: str = "",
        send: str = 'transport = "file"',
        extra: str = "",
        processes: str = "1",
    ) -> None:
        self.folder, self.smtp, self.portal = folder, free_port(), free_port()
        self.config = folder / "replydesk.toml"
        self.database_url = database_url or f"sqlite:///{folder / 'var' / 'replydesk.sqlite3'}"
        written = CONFIG.format(
            smtp=self.smtp, portal=self.portal, send=send, database_url=database_url, processes=processes
        )
        self.config.write_text(written + extra, "utf-8")
        self.process: Process | subprocess.Popen[bytes] | None = None

    @property
    def outgoing(self) -> Path:
        return self.folder / "var" / "outgoing"

    def start(self, module: str = "gateway") -> None:
        """Start the daemon and wait until its portal says that it is well, on a busy machine as long as it works."""
        log = self.folder / "daemon.log"
        self.process = Process("run", "--config", str(self.config), stdout=log, stderr=log, module=module)
        worked = -1.0
        for _ in range(_BUSY_TIMES):
            with contextlib.suppress(InVain):
                until(self._ready)
                return
            if self.process.cpu_seconds() <= worked:
                break
            worked = self.process.cpu_seconds()
        raise AssertionError(f"the daemon does not become ready:\n{self.read_log()[-4000:]}")

    def _ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the daemon ended with {self.process.returncode}:\n{self.read_log()}")
        try:
            with urlopen(f"http://127.0.0.1:{self.portal}/healthz", timeout=2) as answer:
                return bool(answer.status == 200) and self._answers_smtp()
        except (URLError, HTTPError, OSError):
            return False

    def _answers_smtp(self) -> bool:
        with contextlib.closing(socket.create_connection(("127.0.0.1", self.smtp), 2)) as peer:
            return peer.recv(3) == b"220"

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)

    def kill(self) -> None:
        """As a power cut would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(20)

    def worker(self) -> int:
        """The id of the worker process; 0: there is none."""
        assert self.process is not None
        named: list[int] = []
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            threads = Path(f"/proc/{self.process.pid}/task").iterdir()
            children = [child for thread in threads for child in (thread / "children").read_text().split()]
            named = [int(child) for child in children if b"--worker" in Path(f"/proc/{child}/cmdline").read_bytes()]
        return named[0] if named else 0

    def read_log(self) -> str:
        return (self.folder / "daemon.log").read_text("utf-8", "replace")

    def send(self, data: bytes | EmailMessage, sender: str = "kim@customer.example", *recipients: str) -> None:
        raw = data.as_bytes() if isinstance(data, EmailMessage) else data
        with smtplib.SMTP("127.0.0.1", self.smtp, timeout=30) as client:
            client.sendmail(sender, list(recipients) or ["support@example.com"], raw)

    def run(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """A verb of the command line on this site."""
        files = {name: self.folder / f"command.{name}" for name in ("stdin", "stdout", "stderr")}
        for name, path in files.items():
            path.write_text(stdin if name == "stdin" else "", "utf-8")
        code = Process(*words, "--config", str(self.config), **files).wait(60)
        said = (files[name].read_text("utf-8") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(words, code, *said)

    def count(self, rows: str) -> int:
        """How many rows there are, such as `journal WHERE state = 'pending'`. Whoever waits asks often, and a command
        costs a process each time."""
        engine = create_engine(self.database_url, poolclass=NullPool)
        with engine.connect() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {rows}")).scalar_one())

    def json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@contextlib.contextmanager
def running(site: Site) -> Iterator[Site]:
    site.start()
    try:
        yield site
    finally:
        if site.process is not None and site.process.poll() is None:
            site.kill()


def mail(subject: str, text: str = "Hello", author: str = "kim@customer.example", **headers: str) -> EmailMessage:
    """A mail as a customer writes it."""
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = author, "support@example.com", subject
    for name, value in headers.items():
        m[name.replace("_", "-")] = value
    m.set_content(text)
    return m
