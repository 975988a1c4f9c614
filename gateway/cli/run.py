"""`replydesk run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from pathlib import Path

from gateway.errors import ReplydeskError

FAULT = 70
"""EX_SOFTWARE: unlike a wrong setting, systemd tries it again."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run the daemon in the foreground; systemd and SIGTERM stop it."
    parser.add_argument("--worker", type=int, metavar="FD", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    from gateway import config, log, processes, systemd

    os.umask(0o077)
    # It would end a start. Held back until the daemon listens to it, it is a reload as at any other time.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    if args.worker is not None:
        settings = config.handed_over(sys.stdin.buffer.read(), Path(args.config))
    else:
        settings = config.load(args.config)
        from gateway.config import beforehand

        beforehand.try_start(settings, systemd.handed_over())
    log.set_up(settings.gateway.log_format)
    # Begun before this process has imported the house, so that both do so at the same time.
    begun = processes.spawn(settings) if args.worker is None and processes.wanted(settings) else None
    try:
        if args.worker is None:
            from gateway import daemon

            asyncio.run(daemon.run(settings, begun))
        else:
            from gateway import work

            asyncio.run(work.work(settings, processes.Channel(socket.socket(fileno=args.worker))))
    except ReplydeskError:
        raise
    except Exception:
        logging.getLogger("replydesk").critical("ended by a fault", exc_info=True)
        return FAULT
    return 0
