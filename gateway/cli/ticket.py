"""`replydesk ticket list|show|reply|note|ask|status|close …`: the verbs and their words.

Replying and setting a status go through the same act as an agent's mail does, so history,
notices and rules are the same; only the proof is another one: the shell.
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from gateway.cli.words import count
from gateway.core.lifecycle import Status
from gateway.core.status_words import status_words
from gateway.core.token import AS_WRITTEN
from gateway.errors import ReplydeskError

if TYPE_CHECKING:
    from gateway.core.policy import Policy
    from gateway.core.ticket import Ticket
    from storage.tx import Tx

OPEN = "open"


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)

    listing = verbs.add_parser("list", help="tickets, latest activity first")
    listing.add_argument("--status", type=_status_or_open, help="a status, or open")
    listing.add_argument("--text", default="", help="words of the subject, of what was written, of names of files")
    listing.add_argument("--requester", default="", metavar="ADDRESS")
    listing.add_argument("--mailbox", default="", metavar="ADDRESS")
    listing.add_argument("--assignee", default="", metavar="NAME", help="an agent, by name or address")
    listing.add_argument("--unassigned", action="store_true", help="that nobody has")
    listing.add_argument("--snoozed", action="store_true", help="that are put aside")
    listing.add_argument("--tag", default="", help="with this tag")
    listing.add_argument("--limit", type=count, default=100, help="at most so many (default: 100)")

    drafts = verbs.add_parser("drafts", help="agents' mails that were not carried out and wait for #send")
    drafts.add_argument("--drop", type=count, default=0, metavar="ID", help="nobody wants this one sent any more")

    show = verbs.add_parser("show", help="the key facts and the conversation")
    show.add_argument("--full", action="store_true", help="whole texts, folded entries too")

    reply = verbs.add_parser("reply", help="answer the customer with the text on standard input")
    note = verbs.add_parser("note", help="a comment for agents only, from standard input; the customer gets nothing")
    ask = verbs.add_parser(
        "ask", help="ask somebody who is no customer; they get the text on standard input, only that"
    )
    for verb in (reply, note, ask):
        verb.add_argument("--file", default="-", help="take the text from a file")
        verb.add_argument("--agent", default="", metavar="ADDRESS", help="in whose name; needed when there are several")
        verb.add_argument("--status", default="", help="set this status as well")
    reply.add_argument("--note", action="store_true", help="the same as the verb note")
    note.set_defaults(note=True)

    status = verbs.add_parser("status", help="set a status; solved asks the customer to confirm")
    close = verbs.add_parser("close", help="close; the customer is told")
    for verb in (show, reply, note, ask, status, close):
        verb.add_argument("number", type=_number, metavar="N", help="number or reference of the ticket")
    ours = ", ".join(s.value for s in Status if s is not Status.NEW)
    status.add_argument("status", metavar="STATUS", help=f"{ours}, or one of your own")
    ask.add_argument("address", metavar="ADDRESS", help="whom")
    ask.add_argument("--attach", action="append", default=[], metavar="NAME", help="a file of the ticket goes along")
    close.add_argument("--silent", action="store_true", help="the customer gets no mail of it")
    for verb in (status, close):
        verb.add_argument("--agent", default="", metavar="ADDRESS", help="who did it; else it was the operator")
    orders = [
        verbs.add_parser(name, help=text)
        for name, text in (
            ("assign", "give it to an agent"),
            ("tag", "put words on it"),
            ("untag", "take words off it"),
            ("mailbox", "hand it over to another mailbox of ours, and so to its team"),
            ("language", "the language the customer is written to in"),
            ("from", "it is somebody else's request"),
            ("snooze", "it comes back then: 3d, monday, 14:30, 2026-12-01, with a note if you like; off"),
            ("follow", "an agent hears of it from now on"),
            ("unfollow", "and no longer"),
            ("wait", "we wait for the customer"),
            ("solved", "ask the customer to confirm"),
            ("reopen", "it is our turn again"),
            ("spam", "close it as spam; nobody is told"),
            ("undo", "take back what an agent ordered last"),
            ("split", "one mail becomes a ticket of its own"),
            ("merge", "all of it goes to another ticket, and replies follow"),
            ("move", "one mail goes to another ticket"),
        )
    ]
    by_name = {verb.prog.rpartition(" ")[2]: verb for verb in orders}
    for verb in orders:
        verb.add_argument("number", type=_number, metavar="N", help="number or reference of the ticket")
        verb.add_argument("--agent", default="", metavar="ADDRESS", help="who did it; else it was the operator")
    by_name["assign"].add_argument("name", metavar="NAME", help="an agent's name or address, me, or nobody")
    for verb in (by_name["tag"], by_name["untag"]):
        verb.add_argument("name", nargs="+", metavar="TAG")
    by_name["snooze"].add_argument("name", nargs="+", metavar="WHEN", help="and the note")
    by_name["mailbox"].add_argument("name", metavar="ADDRESS", help="of the mailbox")
    by_name["language"].add_argument("name", metavar="LANGUAGE", help="such as de")
    by_name["from"].add_argument("name", metavar="ADDRESS", help="whose it is")
    for verb in (by_name["split"], by_name["move"]):
        verb.add_argument("entry", type=count, metavar="ENTRY", help="id of the entry, as `ticket show --json` has it")
    by_name["split"].add_argument("--assign", default="", metavar="NAME", help="give the new ticket to an agent")
    by_name["split"].add_argument("--subject", default="", help="of the new ticket (default: its first line)")
    for verb in (by_name["merge"], by_name["move"]):
        verb.add_argument("into", type=_number, metavar="INTO", help="number or reference of the other ticket")
    by_name["merge"].add_argument("--yes", action="store_true", help="they are different customers, and that is meant")
    for verb in (listing, drafts, show, reply, note, ask, status, close, *orders):
        verb.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    if args.verb == "list":
        return _list(args)
    if args.verb == "show":
        return _show(args)
    if args.verb == "drafts":
        from gateway.cli import ticket_drafts

        return ticket_drafts.run(args)
    from gateway.cli import ticket_acts

    if args.verb in ("reply", "note", "ask", "status", "close"):
        return ticket_acts.run(args)
    from gateway.cli import ticket_orders

    return ticket_orders.run(args)


def _list(args: argparse.Namespace) -> int:
    from gateway.cli import shapes, show
    from gateway.cli.site import opened
    from gateway.core import statuses, token
    from gateway.core.notice import Audience
    from storage.reads import Wanted

    with opened(args) as site:

        def looked_for() -> Wanted:
            box = site.policy.mailbox_for(args.mailbox) if args.mailbox else None
            return Wanted(
                status=args.status or "",
                text=args.text,
                requester=args.requester,
                mailbox=box.address if box else args.mailbox,
                assignee=_assignee(site.policy, args.assignee),
                unassigned=args.unassigned,
                agents=site.policy.agent_keys if args.unassigned else frozenset(),
                snoozed=args.snoozed,
                tag=args.tag.lower(),
                number=token.number_in(site.policy.reference_prefix, args.text),
            )

        wanted = looked_for()

        def found(tx: Tx) -> list[Ticket]:
            return tx.reads.search(wanted, limit=args.limit)

        def as_json(tx: Tx) -> None:
            show.json_array(shapes.ticket(t, tx.reads.entries(t.number), site.policy) for t in found(tx))

        if args.json:
            site.database.read_now(as_json)
            return 0
        tickets, there = site.database.read_now(lambda tx: (found(tx), tx.reads.count(wanted)))
        show.table(
            ("number", "status", "last activity", "answer due", "assignee", "requester", "subject"),
            [
                (
                    str(t.number),
                    statuses.label(t, site.policy, "en", Audience.AGENT),
                    show.when(t.last_activity_at, site.zone),
                    show.when(t.due_at, site.zone),
                    t.assignee,
                    t.requester.address,
                    t.subject,
                )
                for t in tickets
            ],
        )
        if tickets:
            show.total(len(tickets), there, "tickets")
    return 0


def _show(args: argparse.Namespace) -> int:
    from gateway.cli.site import opened
    from gateway.cli.ticket_words import print_ticket

    with opened(args) as site:
        print_ticket(site, args.number, as_json=args.json, full=args.full)
    return 0


def _assignee(policy: Policy, named: str) -> str:
    """An agent by name or any address of theirs; tickets of somebody who is an agent no more are found by address."""
    if "@" in named or not named:
        agent = policy.agent_for(named)
        return agent.address if agent else named
    found = policy.agents_called(named)
    if len(found) != 1:
        known = ", ".join(a.name or a.address for a in policy.agents)
        raise ReplydeskError(f"no agent, or more than one, is called {named}; agents are: {known}")
    return found[0].address


# --- words of the command line -------------------------------------------------------------


def _number(word: str) -> int:
    found = AS_WRITTEN.fullmatch(word)
    if not found:
        raise argparse.ArgumentTypeError(f"{word!r} is no ticket number; write it as 1042 or RD-1042-7KQ4TN")
    return count(found[1])


def _status_or_open(word: str) -> str:
    if word.casefold() in (OPEN, Status.NEW.value):
        return word.casefold()
    found = status_words().get(re.sub(r"[-_\s]+", " ", word).strip().casefold())
    if found is None:
        known = ", ".join((OPEN, *(s.value for s in Status)))
        raise argparse.ArgumentTypeError(f"{word!r} is none; use one of: {known}")
    return found.value
