"""`replydesk outbox list|show|retry|drop`: every mail we decided to send, and how it stands."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.cli.words import count, mail_filters

if TYPE_CHECKING:
    from gateway.cli.site import Site
    from storage.outbox import OutboxEntry
    from storage.tx import Tx

STATES = ("pending", "claimed", "sent", "deferred", "uncertain", "failed", "recalled")


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="our mails, newest first")
    listing.add_argument("--state", choices=STATES, default="")
    mail_filters(listing, "decided")
    show = verbs.add_parser("show", help="one mail: how its delivery stands, and its source without its files")
    show.add_argument("id", type=count, metavar="ID")
    for verb in (listing, show):
        verb.add_argument("--json", action="store_true", help="for programs")
    retry = verbs.add_parser("retry", help="try again now, whatever happened before")
    drop = verbs.add_parser("drop", help="do not send; the mail stays in the list, as failed")
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

    since = show.at(args.since, site.zone)
    rows = site.database.read_now(
        lambda tx: tx.outbox.recent(
            args.state,
            args.ticket,
            args.limit,
            sender=args.sender,
            recipient=args.recipient,
            message_id=args.message_id,
            since=since,
        )
    )
    if args.json:
        show.json_array(shapes.outbox(row) for row in rows)
        return
    show.table(
        ("id", "state", "notice", "recipient", "ticket", "attempts", "next attempt", "last reply"),
        [
            (
                str(row.id),
                row.state,
                row.notice,
                row.recipient,
                str(row.ticket or ""),
                str(row.attempts),
                show.when(row.next_attempt_at, site.zone),
                row.last_reply,
            )
            for row in rows
        ],
    )


def _show(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli import shapes, show

    row = site.database.read_now(lambda tx: tx.outbox.get(args.id))
    if args.json:
        show.as_json(shapes.outbox(row))
        return
    show.facts(_facts(row, site))
    source = site.database.read_now(lambda tx: tx.outbox.message(args.id))
    print()
    show.text(source.decode("utf-8", "replace").rstrip("\r\n"))


def _facts(row: OutboxEntry, site: Site) -> list[tuple[str, str]]:
    from gateway.cli import show

    return [
        ("Outbox entry", str(row.id)),
        ("State", row.state),
        ("Notice", f"{row.notice} ({row.audience}{', automatic' if row.automatic else ''})"),
        ("Recipient", row.recipient),
        ("Reverse path", f"<{row.reverse_path}>"),
        ("Ticket", str(row.ticket or "")),
        ("Decided", show.when(row.created_at, site.zone)),
        ("Sent", show.when(row.sent_at, site.zone)),
        ("Attempts", str(row.attempts)),
        ("Last reply", row.last_reply),
        ("Next attempt", show.when(row.next_attempt_at, site.zone)),
        ("Files", ", ".join(f.filename for f in row.files)),
    ]


def _retry(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli.site import now
    from storage.alarms import UNCERTAIN

    def work(tx: Tx) -> None:
        for id in args.ids:
            tx.outbox.retry(id, now())
            tx.alarms.clear(f"{UNCERTAIN}{id}", now())

    site.database.write_now(work)
    print(f"{_count(args.ids)} to be sent now; the daemon takes it from here.")


def _drop(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli.site import now
    from storage.alarms import UNCERTAIN

    def work(tx: Tx) -> None:
        for id in args.ids:
            tx.outbox.drop(id)
            tx.alarms.clear(f"{UNCERTAIN}{id}", now())

    site.database.write_now(work)
    print(f"{_count(args.ids)} will not be sent.")


def _count(ids: list[int]) -> str:
    return "1 mail" if len(ids) == 1 else f"{len(ids)} mails"
