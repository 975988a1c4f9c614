"""`replydesk ticket drafts`: what agents wrote that was not carried out, until they send or drop it."""

from __future__ import annotations

import argparse
from dataclasses import replace

from gateway.cli import show
from gateway.cli.site import now, opened
from gateway.core.decision import Draft
from gateway.core.sentences import text_of
from gateway.errors import UnknownEntry
from storage.drafts import DROPPED
from storage.tx import Tx


def run(args: argparse.Namespace) -> int:
    """List what waits, newest first; with `--drop` end one of them."""
    with opened(args) as site:

        def drop(tx: Tx) -> None:
            if all(d.id != args.drop for d in tx.drafts.waiting(now())):
                raise UnknownEntry(f"no draft {args.drop} waits; `ticket drafts` lists those that do")
            tx.drafts.end(args.drop, DROPPED, now())

        def waiting(tx: Tx) -> list[Draft]:
            return [replace(d, subject=site.desk.subject(tx, d)) for d in tx.drafts.waiting(now())]

        if args.drop:
            site.database.write_now(drop)
        found = site.database.read_now(waiting)
        if args.json:
            show.json_array(_shape(d) for d in found)
            return 0
        show.table(
            ("id", "agent", "ticket", "since", "until", "why", "subject"),
            [
                (
                    str(d.id),
                    d.agent,
                    str(d.ticket or ""),
                    show.when(d.at, site.zone),
                    show.when(d.until, site.zone),
                    text_of(d.doubt.value, "en"),
                    d.subject,
                )
                for d in found
            ],
        )
    return 0


def _shape(draft: Draft) -> show.Json:
    return {
        "id": draft.id,
        "agent": draft.agent,
        "ticket": draft.ticket or None,
        "reason": draft.doubt.value,
        "created_at": show.iso(draft.at),
        "until": show.iso(draft.until),
        "subject": draft.subject,
    }
