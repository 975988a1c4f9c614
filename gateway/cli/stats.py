"""`replydesk stats`: how many of what, by state, and which alarms stand."""

from __future__ import annotations

import argparse


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import show
    from gateway.cli.site import opened

    with opened(args) as site:
        counts, alarms, jobs = site.database.read_now(
            lambda tx: (
                {"tickets": tx.tickets.counts(), "journal": tx.journal.counts(), "outbox": tx.outbox.counts()},
                tx.alarms.open(),
                tx.jobs.all(),
            )
        )
        if args.json:
            told = [{"key": a.key, "text": a.text, "raised_at": show.iso(a.raised_at)} for a in alarms]
            ran = [
                {"name": j.name, "last_run": show.iso(j.ran_at), "next_run": show.iso(j.due_at), "outcome": j.outcome}
                for j in jobs
            ]
            show.as_json({**counts, "jobs": ran, "alarms": told})
            return 0
        show.table(
            ("what", "state", "count"),
            [(what, str(state), str(count)) for what, states in counts.items() for state, count in states.items()],
        )
        show.table(
            ("job", "last run", "next run", "last outcome"),
            [
                (j.name, show.when(j.ran_at, site.zone) if j.ran_at else "", show.when(j.due_at, site.zone), j.outcome)
                for j in jobs
            ],
        )
        for alarm in alarms:
            show.text(f"{show.when(alarm.raised_at, site.zone)}  {alarm.text}")
    return 0
