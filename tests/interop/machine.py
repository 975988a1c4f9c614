"""A Debian booted in a container, with a systemd of its own as its first process (systemd-nspawn; wants root)."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TREE = Path(os.environ.get("REPLYDESK_TREES", ROOT / ".trees")) / "systemd"
PACKAGES = "dist/replydesk_*~bookworm_*.deb"
BOOT_SECONDS = 120
ENVIRONMENT = ("PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8")


def missing() -> str:
    """Why none can be made here; empty: one can."""
    if os.geteuid() != 0:
        return "only root may boot a container"
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn is not installed"
    if not (TREE / "usr/lib/systemd/systemd").exists() or not list(ROOT.glob(PACKAGES)):
        return "no Debian with systemd or no package here: LONG=1 make interop"
    return ""


class NoMachine(Exception):
    """The container does not boot here."""


class Machine:
    """Commands run in it as root. `said` is what its console showed."""

    def __init__(self, process: subprocess.Popen[bytes], console: Path) -> None:
        self._process, self._console = process, console
        self._first = 0

    @property
    def said(self) -> str:
        return self._console.read_text("utf-8", "replace")

    def boot(self) -> None:
        """Return when its systemd has nothing more to start. Raises `NoMachine`."""
        for _ in range(BOOT_SECONDS * 2):
            if self._process.poll() is not None:
                raise NoMachine(self.said.strip())
            self._first = self._first or self._find_first()
            if self._first and self.ask("systemctl", "is-system-running").strip() in ("running", "degraded"):
                return
            time.sleep(0.5)
        raise NoMachine(f"not booted after {BOOT_SECONDS} seconds {self.said.strip()}")

    def _find_first(self) -> int:
        pid = self._process.pid
        with contextlib.suppress(FileNotFoundError, IndexError):
            return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
        return 0

    def run(self, *words: str, fed: str = "") -> str:
        """What a command said; it must end well."""
        done = self._done(words, fed)
        assert done.returncode == 0, f"{' '.join(words)}: {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        return done.stdout

    def ask(self, *words: str) -> str:
        """What a command said, however it ended."""
        return self._done(words, "").stdout

    def _done(self, words: tuple[str, ...], fed: str) -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self._first), "-a", "env", "-i", *ENVIRONMENT, *words]
        return subprocess.run(inside, input=fed, capture_output=True, text=True, timeout=300, check=False)


@contextlib.contextmanager
def booted(share: Path) -> Iterator[Machine]:
    """A throw-away copy of the tree, without a network; it sees `share` as /mnt. Raises `NoMachine`."""
    console = share.with_name(f"{share.name}.console")
    words = ["systemd-nspawn", "--quiet", "--volatile=overlay", f"--directory={TREE}", "--private-network"]
    words += ["--register=no", "--keep-unit", "--console=pipe", f"--bind-ro={share}:/mnt", "--boot"]
    with console.open("wb") as log:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        machine = Machine(process, console)
        try:
            machine.boot()
            yield machine
        finally:
            if process.poll() is None:
                process.terminate()  # Its systemd is told to halt.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(60)
            if process.poll() is None:
                process.kill()
                process.wait()
