"""`replydesk board show|rebuild`: the tickets in folders the agents share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.site import Site


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    show = verbs.add_parser("show", help="who keeps it, its folders, and what the newest look did")
    show.add_argument("--json", action="store_true", help="for programs")
    verbs.add_parser("rebuild", help="have the daemon remove every card and write it anew; other mails stay")


def run(args: argparse.Namespace) -> int:
    from gateway.cli.site import opened

    with opened(args) as site:
        if not site.settings.board.host:
            raise site.settings.error("board.host", "is empty, so there is no board", "docs/board.md tells how.")
        return _rebuild(site) if args.verb == "rebuild" else _show(site, as_json=args.json)


def _rebuild(site: Site) -> int:
    from gateway.cli.site import now

    site.database.write_now(lambda tx: tx.board.rebuild(True, now()))
    print("Every card is written anew with the next look of the daemon.")
    return 0


def _show(site: Site, *, as_json: bool) -> int:
    from collections import Counter
    from datetime import timedelta

    from gateway.cli import show
    from gateway.cli.site import now
    from gateway.core import board

    since = now() - timedelta(days=site.settings.board.closed_days)
    state, facts = site.database.read_now(lambda tx: (tx.board.state(), tx.board.facts(since)))
    names = board.folder_names(site.policy, "/")
    cards = Counter(board.wanted_card(f, site.policy).place for f in facts)
    kept = state is not None and state.holder != "" and state.until > now()
    if as_json:
        show.as_json(
            {
                "kept_by": state.holder if state and kept else "",
                "looked_at": show.iso(state.looked_at) if state else None,
                "said": state.said if state else "",
                "folders": {name: cards[place] for place, name in names.items()},
            }
        )
        return 0
    print(f"Kept by: {state.holder if state and kept else 'nobody: no daemon runs, or it cannot reach the account'}")
    if state and state.looked_at:
        print(f"Newest look: {show.when(state.looked_at, site.zone)}, {state.said}")
    show.table(("folder", "cards"), [(name, str(cards[place])) for place, name in names.items()])
    return 0
