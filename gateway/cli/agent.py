"""`replydesk agent password|away|back|order ADDRESS`: a line for receive.smtp.passwords_file, so that an agent may sign
in by SMTP; that an agent is away, or back; and any order, as a mail of that agent.

The password is asked for on a terminal, or read from standard input; it never stands on the command line.
"""

from __future__ import annotations

import argparse
import sys

from gateway.cli import WrongUsage, agent_order
from gateway.errors import ReplydeskError

SHORTEST = 10
"""Characters."""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    password = verbs.add_parser("password", help="print the line for receive.smtp.passwords_file")
    gone = verbs.add_parser("away", help="a colleague, else the team, is told in the agent's place")
    back = verbs.add_parser("back", help="the agent is told again")
    order = verbs.add_parser(
        "order", help="orders and text from standard input, as if that agent had sent them by mail"
    )
    for verb in (password, gone, back, order):
        verb.add_argument("address", metavar="ADDRESS", help="of an agent")
    gone.add_argument("words", nargs="*", metavar="until DATE | to NAME", help="until when, and who stands in")
    agent_order.configure(order)


def run(args: argparse.Namespace) -> int:
    from gateway import config
    from gateway.mail.message import address_key
    from gateway.receive.smtp import logins

    if args.verb == "order":
        return agent_order.run(args)
    if args.verb != "password":
        return _absence(args)
    settings = config.load(args.config)
    if address_key(args.address) not in map(address_key, config.agent_addresses(settings)):
        raise ReplydeskError(f"{args.address} is no agent. Add it to [[agents]] first.")
    password = _asked()
    if not SHORTEST <= len(password) <= logins.LONGEST:
        raise ReplydeskError(f"a password has {SHORTEST} to {logins.LONGEST} characters")
    print(logins.line(args.address, password))
    return 0


def _absence(args: argparse.Namespace) -> int:
    from gateway.cli import ticket_acts
    from gateway.cli.site import now, opened
    from gateway.core import away
    from gateway.core.decision import Away
    from gateway.core.verbs import Verb
    from gateway.mail.message import address_key
    from gateway.mail.sentence import code

    with opened(args) as site:
        agent = ticket_acts.named(site.policy, args.address)
        if args.verb == "back":
            site.database.write_now(lambda tx: tx.absences.note(Away(address_key(agent.address), back=True), now()))
            print(f"{agent.address} is back.")
            return 0
        said = " ".join(args.words)
        wanted = away.understood(said, agent, site.policy, now())
        if wanted is None:
            raise WrongUsage(ticket_acts.in_words(Verb.AWAY, code("no_such_absence", said)))
        site.database.write_now(lambda tx: tx.absences.note(wanted, now()))
        until = f" until {wanted.until.astimezone(site.zone):%Y-%m-%d %H:%M}" if wanted.until else ""
        print(f"{agent.address} is away{until}; {wanted.deputy or 'the team'} is told instead.")
    return 0


def _asked() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    password = getpass("Password: ")
    if getpass("Once more: ") != password:
        raise ReplydeskError("these were two different passwords")
    return password
