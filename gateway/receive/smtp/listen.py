"""A Unix socket to listen on, without taking it from a daemon that is alive."""

from __future__ import annotations

import errno
import os
import socket
import stat


def bound_unix_socket(path: str, mode: int) -> socket.socket:
    """Bind `path` with these permissions. Raises OSError, EADDRINUSE when somebody answers there."""
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(path)
        # Only widens what the umask left, so there is no moment at which too many may connect.
        os.chmod(path, mode)
    except OSError:
        sock.close()
        raise
    sock.setblocking(False)
    return sock


def _remove_stale(path: str) -> None:
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "exists and is no socket", path)
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise OSError(errno.EADDRINUSE, "somebody listens there", path)
