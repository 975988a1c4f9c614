"""The service manager's side of the daemon: readiness, watchdog, handed-over sockets.

Speaks sd_notify(3) and sd_listen_fds(3) in a few lines, without a C library.
"""

from __future__ import annotations

import os
import socket
import time

_FIRST_FD = 3


def notify(state: str) -> None:
    """Tell systemd, e.g. `READY=1`; nothing happens where nobody listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        try:
            channel.connect(address)
            channel.sendall(state.encode())
        except OSError:
            # The manager is gone; the daemon goes on without it.
            return


def reloading() -> str:
    """For `notify`, until the next `READY=1`."""
    return f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}"


def watchdog_seconds() -> float:
    """How often the watchdog wants to hear from us, halved as sd_watchdog_enabled(3) advises; 0: never."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return 0.0
    return int(os.environ.get("WATCHDOG_USEC", "0")) / 2_000_000


def listen_sockets() -> dict[str, list[socket.socket]]:
    """Sockets systemd bound for us, by the FileDescriptorName= of their unit (`smtp`, `lmtp`, `portal`, …).

    A unit that sets none is known by the last word of its own name: `replydesk-lmtp.socket`.
    """
    given = {name: os.environ.pop(f"LISTEN_{name}", "") for name in ("PID", "FDS", "FDNAMES")}
    if given["PID"] != str(os.getpid()):
        return {}
    names = given["FDNAMES"].split(":")
    found: dict[str, list[socket.socket]] = {}
    for n in range(int(given["FDS"] or 0)):
        os.set_inheritable(_FIRST_FD + n, False)
        name = names[n] if n < len(names) and names[n] not in ("", "unknown") else "smtp"
        found.setdefault(name.removesuffix(".socket").rpartition("-")[2], []).append(
            socket.socket(fileno=_FIRST_FD + n)
        )
    return found
