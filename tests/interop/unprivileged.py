"""A site that belongs to a user without rights, as an installed one does: for the pipes of mail servers."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.site import Site, until

NOBODY, GROUP = "nobody", "nogroup"


def command() -> list[str]:
    """An interpreter with our packages that another user may start. Skips the test where there is none."""
    project, packages = Path(__file__).resolve().parents[2], next(p for p in sys.path if p.endswith("site-packages"))
    for python in (sys.executable, f"/usr/bin/python3.{sys.version_info.minor}"):
        words = [
            "/usr/bin/env",
            f"PYTHONPATH={project}:{packages}",
            "PYTHONDONTWRITEBYTECODE=1",
            python,
            "-m",
            "gateway",
        ]
        with contextlib.suppress(OSError):
            done = subprocess.run([*words, "--version"], user=NOBODY, group=GROUP, cwd="/", capture_output=True)
            if done.returncode == 0:
                return words
    pytest.skip(f"{sys.executable} may not be started by another user, and there is no other Python of that version")


class UnprivilegedSite(Site):
    """Its daemon runs as that user."""

    def as_installed(self) -> dict[str, str]:
        """What stands here for what the recipes call."""
        return {
            "/opt/replydesk/bin/replydesk": " ".join(command()),
            "/etc/replydesk/replydesk.toml": str(self.config),
        }

    def start(self) -> None:
        words = [*command(), "run", "--config", str(self.config)]
        with (self.folder / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                words, stdout=log, stderr=subprocess.STDOUT, user=NOBODY, group=GROUP, cwd="/"
            )
        until(self._ready)


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    """One that such a user can reach and write."""
    made = Path(tempfile.mkdtemp(prefix="replydesk-", dir="/tmp"))
    os.chown(made, pwd.getpwnam(NOBODY).pw_uid, -1)
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
