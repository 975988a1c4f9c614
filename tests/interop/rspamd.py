"""A private rspamd: Debian's own configuration and rules, with ports and folders of its own and no DNS to ask."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.site import free_port, until

DEFAULT = Path("/etc/rspamd/rspamd.conf")
USER = "_rspamd"
SPAM = "the words of a spammer"
"""A rule of the test's gives them ten points; to be rejected a mail needs fifteen."""
# Here instead of /etc/rspamd. The list of all top domains takes a busy machine a minute, and nobody here asks for it.
OVERRIDE = {
    "worker-proxy.inc": 'bind_socket = "127.0.0.1:{port}";\n'
    'upstream "local" {{ default = yes; hosts = "127.0.0.1:{scanner}"; }}\n',
    "worker-normal.inc": 'bind_socket = "127.0.0.1:{scanner}";\ncount = 1;\n',
    "worker-controller.inc": "enabled = false;\n",
    "options.inc": 'url_tld = "{folder}/tld.dat";\n'
    'dns {{ nameserver = ["127.0.0.1:1"]; timeout = 0.1s; retransmits = 1; }}\n',
}
RULE = """\
SPAMMER {{
  type = "content";
  filter = "oneline";
  map = "{folder}/words";
  regexp = true;
  score = 10.0;
}}
"""


def missing() -> str:
    if not shutil.which("rspamd") or not DEFAULT.exists():
        return "Debian's rspamd is not installed"
    return "" if os.getuid() == 0 else "rspamd is started as a user of its own by root only"


@dataclass
class Rspamd:
    """`local`: files of `/etc/rspamd/local.d`."""

    folder: Path
    local: Mapping[str, str]
    port: int = field(default_factory=free_port)
    scanner: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for name in ("db", "run", "log"):
            (self.folder / name).mkdir()
            os.chown(self.folder / name, pwd.getpwnam(USER).pw_uid, -1)
        (self.folder / "tld.dat").write_text("com\nexample\n")
        (self.folder / "words").write_text(f"/{SPAM}/i\n")
        names = {"folder": self.folder, "port": self.port, "scanner": self.scanner}
        for place, files in (("local.d", self.local), ("override.d", self._own(names))):
            (self.folder / place).mkdir()
            for name, text in files.items():
                (self.folder / place / name).write_text(text)

    @staticmethod
    def _own(names: Mapping[str, object]) -> dict[str, str]:
        return {name: text.format(**names) for name, text in {**OVERRIDE, "multimap.conf": RULE}.items()}

    def start(self) -> None:
        places = {"DBDIR": "db", "RUNDIR": "run", "LOGDIR": "log", "LOCAL_CONFDIR": "."}
        words = ["rspamd", "-f", "-u", USER, "-g", USER, "-c", str(DEFAULT)]
        words += [f"--var={name}={self.folder / place}" for name, place in places.items()]
        with (self.folder / "output").open("ab") as output:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        until(self._listens, 120)

    def _listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, (self.folder / "output").read_text()
        with socket.socket() as one, socket.socket() as two:
            return one.connect_ex(("127.0.0.1", self.port)) == 0 and two.connect_ex(("127.0.0.1", self.scanner)) == 0

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def log(self) -> str:
        return (self.folder / "log" / "rspamd.log").read_text("utf-8", "replace")


@contextlib.contextmanager
def running(local: Mapping[str, str]) -> Iterator[Rspamd]:
    """Started on entry, gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="rspamd-", dir="/tmp"))
    folder.chmod(0o755)
    rspamd = Rspamd(folder, local)
    try:
        rspamd.start()
        yield rspamd
    finally:
        rspamd.stop()
        shutil.rmtree(folder, ignore_errors=True)
