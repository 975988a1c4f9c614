"""`replydesk stats`: how many of what, by state, and which alarms stand."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import show
    from gateway.cli.site import opened

    with opened(args) as site:
        counts, alarms = site.database.read_now(
            lambda tx: (
                {"tickets": tx.tickets.counts(), "journal": tx.journal.counts(), "outbox": tx.outbox.counts()},
                tx.alarms.open(),
            )
        )
        if args.json:
            told = [{"key": a.key, "text": a.text, "raised_at": show.iso(a.raised_at)} for a in alarms]
            show.as_json({**counts, "alarms": told})
            return 0
        show.table(
            ("what", "state", "count"),
            [(what, str(state), str(count)) for what, states in counts.items() for state, count in states.items()],
        )
        for alarm in alarms:
            show.text(f"{show.when(alarm.raised_at, site.zone)}  {alarm.text}")
    return 0
