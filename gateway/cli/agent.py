"""`replydesk agent password ADDRESS`: a line for receive.smtp.passwords_file, so that an agent may sign in by SMTP.

The password is asked for on a terminal, or read from standard input; it never stands on the command line.
"""

from __future__ import annotations

import argparse
import sys

from gateway.errors import ReplydeskError

SHORTEST = 10
"""Characters."""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    password = verbs.add_parser("password", help="print the line for receive.smtp.passwords_file")
    password.add_argument("address", metavar="ADDRESS", help="of an agent")


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.mail.message import address_key
    from gateway.receive.smtp import logins

    settings = config.load(args.config)
    if address_key(args.address) not in map(address_key, config.agent_addresses(settings)):
        raise ReplydeskError(f"{args.address} is no agent. Add it to [[agents]] first.")
    password = _asked()
    if not SHORTEST <= len(password) <= logins.LONGEST:
        raise ReplydeskError(f"a password has {SHORTEST} to {logins.LONGEST} characters")
    print(logins.line(args.address, password))
    return 0


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    password = getpass("Password: ")
    if getpass("Once more: ") != password:
        raise ReplydeskError("these were two different passwords")
    return password
