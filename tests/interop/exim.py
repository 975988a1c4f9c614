"""A private Exim: its own spool, port and settings, and a user of its own that only it sees.

Debian's Exim looks for its user by name and trusts one configuration alone, /etc/exim4/exim4.conf. So it
gets an /etc of its own, laid over the machine's in a mount namespace. Neither has to exist outside.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.site import free_port, until

UNPACKED = Path(__file__).resolve().parents[2] / ".exim"
"""Where `make interop` puts it: as a package it would take the place of Postfix."""
_found = shutil.which("exim4") or shutil.which("exim4", path=str(UNPACKED / "usr" / "sbin"))
BINARY = _found or ""
USER = "Debian-exim"
_UID = 64_998

CONFIG = """\
exim_path = {binary}
primary_hostname = mx.example.com
spool_directory = {folder}/spool
log_file_path = {folder}/log/%slog
pid_file_path = {folder}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
domainlist local_domains = example.com
acl_smtp_rcpt = rcpt
message_size_limit = 0
keep_environment =
begin acl
rcpt:
  accept domains = +local_domains
         verify = recipient
  deny   message = relay not permitted
begin routers
{router}
begin transports
{transport}
begin retry
* * F,1h,2s
"""
_START = "mount -t overlay -o lowerdir=/etc,upperdir={0}/etc,workdir={0}/work overlay /etc && exec {1} -bdf -q2s"


def missing() -> str:
    """Why it cannot be run here; empty when it can."""
    if not BINARY:
        return "Debian's exim4-daemon-light is neither installed nor unpacked in .exim"
    if os.getuid():
        return "Exim is started by root only"
    libraries = subprocess.run(["ldd", BINARY], capture_output=True, text=True, check=False).stdout
    if "not found" in libraries:
        return "Exim was unpacked, but a library of it is missing"
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        for part in ("etc", "work"):
            (Path(name) / part).mkdir()
        words = ["unshare", "-m", "sh", "-c", _START.format(name, "true")]
        tried = subprocess.run(words, capture_output=True, check=False)
    return "" if tried.returncode == 0 else "no mounts are allowed here, and Exim needs an /etc of its own"


@dataclass
class Exim:
    folder: Path
    router: str
    transport: str
    port: int = field(default_factory=free_port)
    gid: int = _UID
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for name in ("spool", "log", "etc", "work"):
            (self.folder / name).mkdir()
        for name in ("spool", "log"):
            os.chown(self.folder / name, _UID, _UID)
        etc = self.folder / "etc"
        for name, line in (("passwd", f"{USER}:x:{_UID}:{_UID}::/:/bin/false"), ("group", f"{USER}:x:{_UID}:")):
            known = [x for x in Path("/etc", name).read_text().splitlines() if not x.startswith(f"{USER}:")]
            (etc / name).write_text("\n".join([*known, line, ""]))
        (etc / "exim4").mkdir()
        config = CONFIG.format(
            binary=BINARY, folder=self.folder, port=self.port, router=self.router, transport=self.transport
        )
        (etc / "exim4" / "exim4.conf").write_text(config)

    def start(self) -> None:
        with (self.folder / "exim.out").open("wb") as out:
            self.process = subprocess.Popen(
                ["unshare", "-m", "sh", "-c", _START.format(self.folder, BINARY)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until(lambda: "daemon started" in self.log() or self._ended())

    def _ended(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "exim.out").read_text() + self.log()
        return False

    def stop(self) -> None:
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def log(self) -> str:
        """What it said, panics included."""
        files = sorted((self.folder / "log").glob("*log"))
        return "".join(file.read_text("utf-8", "replace") for file in files)

    @property
    def waiting(self) -> int:
        """Mails in its queue."""
        return len(list((self.folder / "spool" / "input").glob("**/*-H")))

    @property
    def bounces(self) -> int:
        return self.log().count(" ** ")


@contextlib.contextmanager
def running(router: str, transport: str) -> Iterator[Exim]:
    """Started on entry, gone afterwards. Not below pytest's folders: other users must be able to go there."""
    folder = Path(tempfile.mkdtemp(prefix="exim-", dir="/tmp"))
    folder.chmod(0o755)
    exim = Exim(folder, router, transport)
    try:
        exim.start()
        yield exim
    finally:
        exim.stop()
        shutil.rmtree(folder, ignore_errors=True)
