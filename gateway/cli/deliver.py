"""`replydesk deliver --recipient ADDR`: take one mail from standard input, for a mail server's pipe.

Writes the journal itself, so the daemon need not run; the daemon decides about the mail when it
does. Exit codes are those of sysexits.h: 0 it is ours now, 65 it never can be (not our address,
too big, no mail), 75 try later. Every fault of ours is 75, a wrong word on the command line too.
"""

from __future__ import annotations

import argparse
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--recipient",
        action="append",
        required=True,
        metavar="ADDR",
        help="envelope recipient; may be given several times",
    )
    parser.add_argument("--sender", metavar="ADDR", help='envelope sender; "" or MAILER-DAEMON is the null one')


def run(args: argparse.Namespace) -> int:
    from gateway.cli import DONE, UNDELIVERABLE
    from gateway.cli.site import now, opened
    from gateway.receive import pipe
    from storage import raw

    with opened(args) as site:
        try:
            piped = pipe.receive(
                sys.stdin.buffer,
                args.recipient,
                args.sender,
                site.policy.takes,
                site.settings.limits.max_message_bytes,
                site.settings.hostname,
                now(),
            )
        except pipe.NotDeliverable as refusal:
            print(f"replydesk: {' '.join(str(refusal).split())}", file=sys.stderr)
            return UNDELIVERABLE
        packed = raw.pack(piped.raw)
        site.database.write_now(lambda tx: tx.journal.append(piped.envelope, packed, now()))
    return DONE
