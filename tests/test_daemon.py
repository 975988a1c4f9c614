"""The daemon's ends and starts: what makes it begin anew, and what a start that failed leaves behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

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
