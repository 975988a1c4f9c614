"""`replydesk send-test ADDRESS`: one mail through the relay of the settings, now, and what the relay said to it.

It goes the way every mail of ours goes, signed as they are; no database is needed and nothing is kept.
"""

from __future__ import annotations

import argparse
import asyncio
from typing import TYPE_CHECKING

from gateway.errors import ReplydeskError

if TYPE_CHECKING:
    from gateway.config import Settings
    from gateway.core.retry import Outcome

SECONDS = 90
"""The whole attempt."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", metavar="ADDRESS", help="who gets it: a mailbox you can read, of another provider")
    parser.add_argument("--mailbox", default="", metavar="ADDRESS", help="who writes (default: the first mailbox)")


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.cli import TRY_LATER, WrongUsage
    from gateway.core.retry import Result
    from gateway.mail.message import address_key

    settings = config.load(args.config)
    boxes = {address_key(box.address): box.address for box in settings.mailboxes}
    sender = boxes.get(address_key(args.mailbox)) if args.mailbox else settings.mailboxes[0].address
    if sender is None:
        raise ReplydeskError(f"{args.mailbox} is no mailbox; there are: {', '.join(boxes.values())}")
    if "@" not in args.address or any(sign.isspace() for sign in args.address):
        raise WrongUsage(f"{args.address!r} is no e-mail address")
    message = _written(settings, sender, args.address)
    outcome = asyncio.run(_sent(settings, sender, args.address, message))
    print(f"{outcome.result.value}: {outcome.reply or 'no answer'}")
    if outcome.result is Result.SENT:
        where = "a file" if settings.send.transport == "file" else f"{settings.send.host}:{settings.send.port}"
        print(f"From {sender} to {args.address} by {where}. Look where it arrived, and that it is not among the spam;")
        print("`Authentication-Results` in its source says what the receiver thinks of SPF, DKIM and DMARC.")
        return 0
    print(f"See [send] in {settings.file}; `replydesk check --connect` asks the relay step by step.")
    return TRY_LATER if outcome.result is Result.DEFERRED else 1


def _written(settings: Settings, sender: str, recipient: str) -> bytes:
    from email.headerregistry import Address
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime, make_msgid
    from uuid import uuid4

    from gateway.cli.site import now
    from gateway.mail.message import ascii_domain
    from gateway.send.signing import signer

    name = next((box.name for box in settings.mailboxes if box.address == sender), "")
    mail = EmailMessage(SMTP)
    user, _, domain = sender.rpartition("@")
    mail["From"] = Address(name, user, ascii_domain(domain))
    mail["To"] = recipient
    mail["Subject"] = "Test of Replydesk"
    mail["Date"] = format_datetime(now())
    mail["Message-ID"] = make_msgid(uuid4().hex, ascii_domain(domain))
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(
        f"Replydesk sent this mail from {sender} through {settings.send.host}, as it will send its answers.\n\n"
        "It opened no ticket, and needs no answer.\n"
    )
    signs = signer(settings)
    written = mail.as_bytes()
    return signs.sign(written) if signs else written


async def _sent(settings: Settings, sender: str, recipient: str, message: bytes) -> Outcome:
    from gateway.core.retry import About, Outcome, Result
    from gateway.send import transport

    relay = transport(settings)
    try:
        async with asyncio.timeout(SECONDS):
            return await relay.deliver(sender, recipient, message, "send-test")
    except TimeoutError:
        return Outcome(Result.DEFERRED, f"no answer within {SECONDS} seconds", About.RELAY)
    finally:
        await relay.close()
