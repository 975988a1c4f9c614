"""`replydesk run`: the daemon."""

from __future__ import annotations

import argparse
import asyncio
import os


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run the daemon in the foreground; systemd and SIGTERM stop it."


def run(args: argparse.Namespace) -> int:
    from gateway import config, daemon, log

    os.umask(0o077)
    settings = config.load(args.config)
    log.set_up(settings.gateway.log_format)
    asyncio.run(daemon.run(settings))
    return 0
