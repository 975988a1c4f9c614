"""`replydesk run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os

from gateway.errors import ReplydeskError

FAULT = 70
"""EX_SOFTWARE: unlike a wrong setting, systemd tries it again."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run the daemon in the foreground; systemd and SIGTERM stop it."


def run(args: argparse.Namespace) -> int:
    from gateway import config, daemon, log

    os.umask(0o077)
    settings = config.load(args.config)
    log.set_up(settings.gateway.log_format)
    try:
        asyncio.run(daemon.run(settings))
    except ReplydeskError:
        raise
    except Exception:
        logging.getLogger("replydesk").critical("ended by a fault", exc_info=True)
        return FAULT
    return 0
