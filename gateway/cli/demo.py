"""`replydesk demo`: a real daemon on this machine, and a small story told to it by real mail."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

HELP = "play a small story through a daemon on this machine"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Start a daemon on loopback with SQLite, write all its mails into a folder, and play a support case through "
        "SMTP and the portal. It stays up until Ctrl-C."
    )
    parser.add_argument("--directory", type=Path, default=Path("demo-var"), help="where everything is kept")
    parser.add_argument("--exit", action="store_true", help="end after the story instead of staying up")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import demo_case

    asyncio.run(demo_case.run(args.directory, stay=not args.exit))
    return 0
