"""`python -m gateway …` as a process of its own, without the two seconds in which it imports the house.

A server process imports everything once and forks for each command: a real process with its own id, signals,
files and exit code. Tests of the start itself use `subprocess`.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import runpy
import signal
import sys
import time
import warnings
from pathlib import Path
from subprocess import TimeoutExpired

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.process_imports"])


def _be(module: str, words: tuple[str, ...], environment: dict[str, str], files: tuple[str, str, str]) -> None:
    """What the new process does."""
    # The server keeps silent about what it could not import, and each process would do that anew.
    importlib.import_module("tests.process_imports")
    flags = (os.O_RDONLY, *[os.O_WRONLY | os.O_CREAT | os.O_APPEND] * 2)
    for number, (path, flag) in enumerate(zip(files, flags, strict=True)):
        os.dup2(os.open(path, flag), number)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # lasts as long as the process
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    warnings.simplefilter("error", ResourceWarning)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


class Process:
    """A command that runs, with the verbs of `subprocess.Popen`; what it says is added to files."""

    def __init__(
        self,
        *words: str,
        stdin: Path | str = os.devnull,
        stdout: Path | str = os.devnull,
        stderr: Path | str = os.devnull,
        module: str = "gateway",
    ) -> None:
        files = (str(stdin), str(stdout), str(stderr))
        self._process = _CONTEXT.Process(target=_be, args=(module, words, dict(os.environ), files), daemon=True)
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """None while it runs; negative when a signal ended it."""
        return self._process.exitcode

    @property
    def pid(self) -> int:
        return self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """Its exit code. Raises `TimeoutExpired`."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise TimeoutExpired(str(self._process), timeout)
        return code

    def send_signal(self, number: int) -> None:
        if self._process.exitcode is None and self._process.pid is not None:
            os.kill(self._process.pid, number)

    def cpu_seconds(self) -> float:
        """Of the processor, until now; 0 when it has ended."""
        try:
            used = Path(f"/proc/{self._process.pid}/stat").read_text("ascii").rpartition(")")[2].split()[11:13]
        except OSError:
            return 0.0
        return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """As a power cut would."""
        self.send_signal(signal.SIGKILL)
