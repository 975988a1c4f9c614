"""`replydesk journal list|show|retry|drop`: every mail we accepted, and what became of it."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from gateway.cli.words import count, mail_filters

if TYPE_CHECKING:
    from datetime import datetime

    from gateway.cli.site import Site
    from storage.journal import JournalEntry
    from storage.tx import Tx

STATES = ("pending", "settled", "held")


def configure(parser: argparse.ArgumentParser) -> None:
    from gateway.core.reason import Reason

    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="accepted mails, newest first")
    listing.add_argument("--state", choices=STATES, default="")
    chosen = listing.add_mutually_exclusive_group()
    reasons = [reason.value for reason in Reason]
    chosen.add_argument(
        "--reason", choices=reasons, default="", metavar="REASON", help=f"what was decided: {', '.join(reasons)}"
    )
    chosen.add_argument(
        "--quiet-only", action="store_true", help="what was folded or settled without a ticket, as a machine's"
    )
    mail_filters(listing, "received")
    show = verbs.add_parser("show", help="one mail: its envelope, and what was decided and why")
    show.add_argument("--raw", action="store_true", help="print the mail's bytes as they were received")
    show.add_argument("id", type=count, metavar="ID")
    for verb in (listing, show):
        verb.add_argument("--json", action="store_true", help="for programs")
    retry = verbs.add_parser("retry", help="let held mails go through the flow again")
    drop = verbs.add_parser("drop", help="settle held mails without doing anything; their bytes stay")
    for verb in (retry, drop):
        verb.add_argument("ids", type=count, nargs="+", metavar="ID", help="all of them or, if one cannot, none")


def run(args: argparse.Namespace) -> int:
    from gateway.cli.site import opened

    verb = {"list": _list, "show": _show, "retry": _retry, "drop": _drop}[args.verb]
    with opened(args) as site:
        verb(site, args)
    return 0


def _list(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli import shapes, show
    from gateway.core.reason import QUIET

    reasons = QUIET if args.quiet_only else [args.reason] if args.reason else ()
    rows = site.database.read_now(
        lambda tx: tx.journal.recent(
            args.state,
            args.limit,
            reasons,
            sender=args.sender,
            recipient=args.recipient,
            message_id=args.message_id,
            ticket=args.ticket,
            since=show.at(args.since, site.zone),
        )
    )
    if args.json:
        show.json_array(shapes.journal(row) for row in rows)
        return
    show.table(
        ("id", "state", "received", "from", "to", "size", "ticket", "reason"),
        [
            (
                str(row.id),
                row.state,
                show.when(row.received_at, site.zone),
                f"<{row.reverse_path}>",
                ", ".join(row.recipients),
                show.size(row.size),
                str(row.ticket or ""),
                row.cause or row.reason,
            )
            for row in rows
        ],
    )


def _show(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli import shapes, show

    if args.raw:
        _, raw = site.database.read_now(lambda tx: tx.journal.load(args.id))
        sys.stdout.buffer.write(raw)
        return
    row = site.database.read_now(lambda tx: tx.journal.get(args.id))
    if args.json:
        show.as_json(shapes.journal(row))
        return
    show.facts(_facts(row, site))
    for line in row.why:
        show.text(line, "  ")


def _facts(row: JournalEntry, site: Site) -> list[tuple[str, str]]:
    from gateway.cli import show

    return [
        ("Journal entry", str(row.id)),
        ("State", row.state),
        ("Reason", row.reason),
        ("Cause", row.cause),
        ("Ticket", str(row.ticket or "")),
        ("Received", f"{show.when(row.received_at, site.zone)} by {row.source}"),
        ("Settled" if row.state == "settled" else "Held", show.when(row.settled_at, site.zone)),
        ("Peer", row.remote),
        ("Signed in as", row.authenticated_as),
        ("Reverse path", f"<{row.reverse_path}>"),
        ("Recipients", ", ".join(row.recipients)),
        ("Message-ID", f"<{row.message_id}>" if row.message_id else ""),
        ("Size", show.size(row.size)),
        ("SHA-256", row.sha256),
        ("Erased", show.when(row.erased_at, site.zone)),
        ("Taken up again", f"{row.attempts} times" if row.attempts else ""),
    ]


def _retry(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli.site import now

    def work(tx: Tx) -> None:
        for id in args.ids:
            tx.journal.retry(id)
        _end_alarm(tx, now())

    site.database.write_now(work)
    print(f"{_count(args.ids)} to be handled again; the daemon takes it from here.")


def _drop(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli.site import now

    def work(tx: Tx) -> None:
        for id in args.ids:
            tx.journal.drop(id, now())
        _end_alarm(tx, now())

    site.database.write_now(work)
    print(f"{_count(args.ids)} dropped; `replydesk journal show --raw` still has the bytes.")


def _end_alarm(tx: Tx, at: datetime) -> None:
    """Nothing is held any more; what is held again is told at once."""
    from storage.alarms import MAILS_HELD

    if not tx.journal.held():
        tx.alarms.clear(MAILS_HELD, at)


def _count(ids: list[int]) -> str:
    return "1 mail" if len(ids) == 1 else f"{len(ids)} mails"
