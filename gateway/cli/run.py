"""`replydesk run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from gateway.errors import ReplydeskError

FAULT = 70
"""EX_SOFTWARE: unlike a wrong setting, systemd tries it again."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run the daemon in the foreground; systemd and SIGTERM stop it."
    parser.add_argument("--worker", type=int, metavar="FD", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    os.umask(0o077)
    # It would end a start. Held back until the daemon listens to it, it is a reload as at any other time.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    return _front(args) if args.worker is None else _worker(args)


def _front(args: argparse.Namespace) -> int:
    from gateway import config, log, processes, systemd

    settings = config.load(args.config)
    from gateway.config import beforehand

    beforehand.try_start(settings, systemd.handed_over())
    log.set_up(settings.gateway.log_format)
    # Begun before this process has imported the house, so that both do so at the same time.
    begun = processes.spawn(settings) if processes.wanted(settings) else None
    from gateway import daemon

    return _until_its_end(partial(daemon.run, settings, begun))


def _worker(args: argparse.Namespace) -> int:
    """Why it does not start is told the front, which writes it into the log and tells the operator."""
    from gateway import config, log, processes

    channel = processes.Channel(socket.socket(fileno=args.worker))
    try:
        settings = config.handed_over(sys.stdin.buffer.read(), Path(args.config))
        log.set_up(settings.gateway.log_format)
        from gateway import work

        return _until_its_end(partial(work.work, settings, channel))
    except ReplydeskError as error:
        if not channel.say("failed", str(error)[:1000]):
            logging.getLogger("replydesk").error("worker does not start", extra={"cause": str(error)})
        return FAULT


def _until_its_end(life: Callable[[], Coroutine[Any, Any, None]]) -> int:
    try:
        asyncio.run(life())
    except ReplydeskError:
        raise
    except Exception:
        logging.getLogger("replydesk").critical("ended by a fault", exc_info=True)
        return FAULT
    return 0
