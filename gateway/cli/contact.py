"""`replydesk contact list|show|merge|split|invite|reset|block|unblock|blocked|export|erase`: people who wrote to us."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from gateway.cli.words import count

if TYPE_CHECKING:
    from gateway.cli.site import Site
    from storage.contacts import Contact
    from storage.second_addresses import Further
    from storage.tx import Tx


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="contacts by address")
    listing.add_argument("--text", default="", help="a piece of the address")
    listing.add_argument("--limit", type=count, default=100, help="at most so many (default: 100)")
    show = verbs.add_parser("show", help="one contact")
    for verb in (listing, show):
        verb.add_argument("--json", action="store_true", help="for programs")
    merge = verbs.add_parser("merge", help="two addresses are one person's: everything goes to the first")
    merge.add_argument("address", metavar="ADDRESS", help="is written to")
    merge.add_argument("other", metavar="OTHER", help="what comes from here is theirs, and so are its requests")
    split = verbs.add_parser("split", help="a further address is somebody else's after all")
    split.add_argument("other", metavar="OTHER")
    invite = verbs.add_parser("invite", help="send the registration mail (again)")
    reset = verbs.add_parser("reset", help="send a link to set a new password")
    for verb in (show, invite, reset):
        verb.add_argument("address", metavar="ADDRESS")
    block = verbs.add_parser("block", help="keep mail of an address or a domain, and tell nobody of it")
    unblock = verbs.add_parser("unblock", help="hear them again")
    blocked = verbs.add_parser("blocked", help="who is blocked")
    for verb in (block, unblock, blocked):
        verb.add_argument("--json", action="store_true", help="for programs")
    for verb in (block, unblock):
        verb.add_argument("sender", metavar="ADDRESS|DOMAIN")
    export = verbs.add_parser("export", help="everything a person may know of: mails, tickets, a page to read them")
    export.add_argument("address", metavar="ADDRESS")
    export.add_argument("directory", metavar="DIRECTORY", help="what must not exist yet, or be empty")
    erase = verbs.add_parser("erase", help="remove a person everywhere, and print a certificate of it")
    erase.add_argument("address", metavar="ADDRESS")
    erase.add_argument("--force", action="store_true", help="even if tickets are open, or mails wait")
    erase.add_argument("--yes", action="store_true", help="do not ask")
    erase.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    from gateway.cli.site import opened

    if args.verb == "erase":
        from gateway.cli import contact_erase

        with opened(args) as site:
            return contact_erase.run(site, args)
    if args.verb in ("merge", "split"):
        from gateway.cli import contact_merge

        with opened(args) as site:
            contact_merge.run(site, args)
        return 0
    if args.verb in ("block", "unblock", "blocked"):
        from gateway.cli import contact_block

        with opened(args) as site:
            contact_block.run(site, args)
        return 0
    verb = {"list": _list, "show": _show, "invite": _invite, "reset": _reset, "export": _export}[args.verb]
    with opened(args) as site:
        verb(site, args)
    return 0


def _export(site: Site, args: argparse.Namespace) -> None:
    from pathlib import Path

    from gateway.cli import show
    from gateway.cli.contact_export import export

    told = export(site, args.address, Path(args.directory))
    tickets, received, sent = map(len, (told.tickets, told.mails_received, told.mails_sent))
    print(
        f"{args.directory}: {show.several(tickets, 'ticket')}, {show.several(received, 'mail')} from them, "
        f"{show.several(sent, 'mail')} to them."
    )


def _list(site: Site, args: argparse.Namespace) -> None:

    from gateway.cli import shapes, show

    rows = site.database.read_now(lambda tx: tx.contacts.search(args.text, args.limit))
    if args.json:
        show.json_array(shapes.contact(row) for row in rows)
        return
    show.table(
        ("address", "name", "language", "since", "invited", "registered", "undeliverable since"),
        [
            (
                row.address,
                row.name,
                row.language,
                show.when(row.created_at, site.zone),
                show.when(row.invited_at, site.zone),
                show.when(row.registered_at, site.zone),
                show.when(row.undeliverable_since, site.zone),
            )
            for row in rows
        ],
    )


def _show(site: Site, args: argparse.Namespace) -> None:

    from gateway.cli import shapes, show

    def work(tx: Tx) -> tuple[Contact, list[Further]]:
        contact = tx.contacts.get(tx.second_addresses.main(args.address))
        return contact, tx.second_addresses.of(contact.address)

    contact, further = site.database.read_now(work)
    if args.json:
        show.as_json(shapes.contact(contact, [a.address for a in further]))
        return
    show.facts(
        [
            ("Contact", show.person(contact.as_address)),
            *(
                ("Further address", f"{a.address}, since {show.when(a.at, site.zone)} ({a.by or 'operator'})")
                for a in further
            ),
            ("Language", contact.language),
            ("Since", show.when(contact.created_at, site.zone)),
            ("Invited", show.when(contact.invited_at, site.zone) or "never"),
            ("Registered", show.when(contact.registered_at, site.zone) or "never"),
            ("Undeliverable since", show.when(contact.undeliverable_since, site.zone)),
        ]
    )


def _needs_passwords(site: Site) -> None:
    from gateway.errors import ReplydeskError

    if not site.policy.passwords:
        raise ReplydeskError('portal.sign_in is "link": customers sign in by a link they ask for, and set no password.')


def _invite(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli.site import new_cause, now
    from gateway.errors import ReplydeskError
    from gateway.portal import acts

    _needs_passwords(site)

    def work(tx: Tx) -> Contact:
        contact = tx.contacts.get(args.address)
        if contact.password_hash:
            raise ReplydeskError(
                f"{contact.address} is registered already; a new password: replydesk contact reset {contact.address}"
            )
        acts.invite(site.desk, tx, contact, new_cause(), now())
        return contact

    print(f"The registration mail to {site.database.write_now(work).address} is on its way.")


def _reset(site: Site, args: argparse.Namespace) -> None:
    from gateway.cli.site import new_cause, now
    from gateway.portal import acts

    _needs_passwords(site)

    def work(tx: Tx) -> Contact:
        contact = tx.contacts.get(args.address)
        acts.reset(site.desk, tx, contact, new_cause(), now())
        return contact

    contact = site.database.write_now(work)
    mail = "A link to set a new password" if contact.password_hash else "Never registered: the registration mail"
    print(f"{mail} is on its way to {contact.address}.")
