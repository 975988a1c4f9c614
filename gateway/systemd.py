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


def handed_over() -> list[str]:
    """The kinds of the sockets systemd bound for us, in their order: the FileDescriptorName= of their unit (`smtp`,
    `lmtp`, `portal`, …).

    A unit that sets none is known by the last word of its own name: `replydesk-lmtp.socket`.
    """
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    count = int(os.environ.get("LISTEN_FDS") or 0)
    named = ("smtp" if name in ("", "unknown") else name for name in [*names, *[""] * count][:count])
    return [name.removesuffix(".socket").rpartition("-")[2] for name in named]


def listen_sockets() -> dict[str, list[socket.socket]]:
    """Those sockets by their kind, once: they are ours then."""
    found: dict[str, list[socket.socket]] = {}
    for descriptor, kind in enumerate(handed_over(), _FIRST_FD):
        os.set_inheritable(descriptor, False)
        found.setdefault(kind, []).append(socket.socket(fileno=descriptor))
    for name in ("PID", "FDS", "FDNAMES"):
        os.environ.pop(f"LISTEN_{name}", None)
    return found
