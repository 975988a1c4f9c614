"""The service around a configuration: its user, its unit, and who may read the files."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import sys
from pathlib import Path

from gateway.cli.programs import ask

USER = "replydesk"
HOME = "/var/lib/replydesk"
UNIT = "replydesk.service"
UNITS = Path("/etc/systemd/system")
_PACKAGED_UNITS = (Path("/lib/systemd/system"), Path("/usr/lib/systemd/system"))


def program() -> Path:
    """What starts this program again."""
    beside = Path(sys.executable).parent / "replydesk"
    return beside if beside.exists() else Path(shutil.which("replydesk") or sys.argv[0]).absolute()


def has_user() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


def make_user() -> None:
    """A system user with a home of its own. Raises `ReplydeskError`."""
    if not has_user():
        shell = shutil.which("nologin") or "/usr/sbin/nologin"
        _do("useradd", "--system", "--user-group", "--home-dir", HOME, "--shell", shell, USER)
    home = Path(HOME)
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o700)
    shutil.chown(home, USER, USER)


def guard(path: Path) -> None:
    """For root and the service to read, nobody else; where there is no service, for its owner alone."""
    if os.geteuid() == 0 and has_user():
        os.chown(path, 0, grp.getgrnam(USER).gr_gid)
        path.chmod(0o640)
    else:
        path.chmod(0o600)


def install(file: Path, ports: str = "") -> list[str]:
    """Unit, start at boot, start now; returns what was done, in sentences. Raises `ReplydeskError`.

    `ports` as of `run_by_hand`.
    """
    from gateway.cli.packaged import packaged

    told = []
    if not any((folder / UNIT).exists() for folder in (UNITS, *_PACKAGED_UNITS)):
        text = packaged(f"deploy/{UNIT}").read_text("utf-8")
        text = text.replace("/opt/replydesk/bin/replydesk", str(program())).replace(
            "/etc/replydesk/replydesk.toml", str(file)
        )
        UNITS.mkdir(parents=True, exist_ok=True)
        (UNITS / UNIT).write_text(text, "utf-8")
        told.append(f"{UNITS / UNIT} is written.")
    if shutil.which("systemctl") is None:
        return [*told, f"There is no systemd here; start it with: {run_by_hand(file, ports)}"]
    if not Path("/run/systemd/system").is_dir():
        _do("systemctl", "enable", UNIT)
        return [*told, f"It starts at the next boot; systemd does not run now. Until then: {run_by_hand(file, ports)}"]
    _do("systemctl", "daemon-reload")
    _do("systemctl", "enable", UNIT)
    _do("systemctl", "restart", UNIT)
    return [*told, "The service runs: `systemctl status replydesk`, `journalctl -u replydesk`."]


LOW_PORTS = "--inh-caps=+net_bind_service --ambient-caps=+net_bind_service "
"""What the unit gives the service: to listen on port 25 without being root."""


def run_by_hand(file: Path, ports: str = "") -> str:
    """The command without systemd. `ports`: LOW_PORTS where it listens on one."""
    as_user = f"setpriv --reuid={USER} --regid={USER} --init-groups {ports}" if os.geteuid() == 0 and has_user() else ""
    return f"{as_user}{program()} run --config {file}"


def _do(*words: str) -> None:
    ask(words, 120)
