"""What files and addresses can tell, tried before anything else is begun.

A start that must fail then says so before the house is imported, a second process begun, or a database asked: on a
busy machine these take many seconds, and whoever changed the settings waits for them.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Collection, Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from gateway.config.certificate import tls_context
from gateway.config.database_file import try_database_file
from gateway.config.only_one import only_one
from gateway.config.secret_files import database_url, has_secret, relay_password, signing_keys
from gateway.config.settings import Settings, host_and_port, loopback_of

KIND_OF = {
    "receive.smtp.listen": "smtp",
    "receive.smtp.implicit_tls_listen": "smtps",
    "receive.lmtp.listen": "lmtp",
    "portal.listen": "portal",
}
"""The kind of socket that, handed over, replaces the addresses of a key."""


ONCE = "Use each address once."
UNIX_BYTES = 107
"""unix(7): 108 with the zero at its end."""
LOW_PORT = "The unit may use low ports (AmbientCapabilities=CAP_NET_BIND_SERVICE); elsewhere use one above 1023."


def try_start(settings: Settings, handed_over: Collection[str]) -> None:
    """Nobody else works on data_dir, secrets and keys can be used, addresses are free.

    `handed_over` are the kinds of sockets systemd has bound for us. Raises `ConfigError` for the first fault.
    """
    with only_one(settings):
        try_files(settings)
    doors: list[str] = []
    for key, address in settings.listens():
        if KIND_OF.get(key) in handed_over:
            continue
        if other := in_the_way(address, doors):
            raise settings.error(key, f"cannot listen on {address} beside {other}", ONCE)
        if error := refusal(address):
            raise cannot_listen(settings, key, address.removeprefix("unix:"), error)
        doors.append(address)


def try_files(settings: Settings) -> None:
    """Whatever files say that only the daemon's start reads. Raises `ConfigError`."""
    if has_secret(settings):  # Or it is made later, when it is known whether the database is older.
        signing_keys(settings)
    database_url(settings)
    try_database_file(settings)
    relay_password(settings)
    tls_context(settings, wanted=bool(settings.receive.smtp.implicit_tls_listen))
    if settings.send.dkim.domain:
        # It brings a DNS library: five megabytes for nothing elsewhere.
        from gateway.config.dkim_key import dkim_key

        dkim_key(settings)


def cannot_listen(settings: Settings, key: str, told: str, error: OSError) -> Exception:
    """A `ConfigError` about an address."""
    said, remedy = error.strerror or str(error), "Use a free address, or stop what listens there."
    if error.errno == errno.EACCES and not told.startswith("/"):
        remedy = LOW_PORT
    return settings.error(key, f"cannot listen on {told} ({said})", remedy)


def refusal(address: str) -> OSError | None:
    """Why nobody could listen here now; None when one could."""
    if address.startswith("unix:"):
        return _unix_refusal(Path(address.removeprefix("unix:")))
    try:
        for family, kind, protocol, _, where in _places(address):
            with socket.socket(family, kind, protocol) as probe:
                # As the daemon does; a connection that is just ending must not look like a listener.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(where)
    except OSError as error:
        return error
    return None


def in_the_way(address: str, doors: Iterable[str]) -> str:
    """Which of the doors leaves no room for another one at this address; empty when none does."""
    return next((door for door in doors if _same_door(address, door)), "")


def _same_door(one: str, other: str) -> bool:
    """Also `127.0.0.1:25` beside `0.0.0.0:25`."""
    if "unix:" in (one[:5], other[:5]) or host_and_port(one)[1] != host_and_port(other)[1]:
        return one == other
    if not host_and_port(one)[1]:
        return False  # Each is given a free port.
    try:
        pairs = product({(p[0], p[4][0]) for p in _places(one)}, {(p[0], p[4][0]) for p in _places(other)})
    except OSError:
        return False  # `refusal` says why.
    return any(a[0] is b[0] and (a == b or loopback_of(a[1]) or loopback_of(b[1])) for a, b in pairs)


def _places(address: str) -> Sequence[tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]]:
    return socket.getaddrinfo(*host_and_port(address), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)


def _unix_refusal(path: Path) -> OSError | None:
    if len(os.fsencode(path)) > UNIX_BYTES:
        return OSError(errno.ENAMETOOLONG, f"the path of a Unix socket has at most {UNIX_BYTES} bytes")
    if not path.parent.is_dir():
        return OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return OSError(errno.EACCES, f"{path.parent} cannot be written")
    if not path.exists():
        return None
    if not path.is_socket():
        return OSError(errno.EEXIST, "exists and is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return None  # left over by a daemon that is gone; the next one replaces it
        except OSError as error:
            return error
    return OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
