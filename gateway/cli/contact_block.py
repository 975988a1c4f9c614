"""`replydesk contact blocked|block|unblock`: whose mail is kept and heard by nobody."""

from __future__ import annotations

import argparse

from gateway.cli import WrongUsage, show
from gateway.cli.site import Site, now
from gateway.core import blocking, commands
from gateway.core.reason import Reason
from gateway.core.sentences import text_of
from gateway.errors import ReplydeskError
from storage.blocks import Block
from storage.tx import Tx


def run(site: Site, args: argparse.Namespace) -> None:
    """Print the list, or change it and print what changed."""
    if args.verb == "blocked":
        return _list(site, as_json=args.json)
    what = commands.sender(args.sender)
    if not what:
        raise WrongUsage(f"{args.sender!r} is neither an address nor a domain")
    refused = blocking.refusal(site.policy, what) if args.verb == "block" else ""
    if refused:
        raise ReplydeskError(text_of(refused, "en"))

    def work(tx: Tx) -> tuple[bool, int]:
        changed = tx.blocks.add(what, "", now()) if args.verb == "block" else tx.blocks.remove(what)
        return changed, 0 if "@" in what else tx.contacts.of_domain(what)

    changed, people = site.database.write_now(work)
    if args.json:
        show.as_json({"sender": what, "blocked": args.verb == "block", "changed": changed, "people": people})
        return None
    if args.verb == "block":
        print(f"{what} is blocked{'' if changed else ' already'}.")
    else:
        print(f"{what} is blocked no longer." if changed else f"{what} was not blocked.")
    if args.verb == "block" and people:
        print(f"So many people wrote from there before, and none of them is heard any more: {people}")
    return None


def _list(site: Site, *, as_json: bool) -> None:
    rows: list[Block] = site.database.read_now(lambda tx: tx.blocks.all())
    if as_json:
        show.json_array({"sender": b.sender, "by": b.by, "at": show.iso(b.at)} for b in rows)
        return
    table = [(b.sender, b.by or "operator", show.when(b.at, site.zone)) for b in rows]
    show.table(("sender", "by", "since"), table)
    print(f"Their mails: replydesk journal list --reason {Reason.BLOCKED.value}")
