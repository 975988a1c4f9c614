"""`replydesk stats`: how many of what, by state, how customers rated us, what the clock did, which alarms stand."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.show import Json
    from gateway.core.kept import Probe
    from gateway.core.rating import Results
    from storage.jobs import JobState
    from storage.tx import Tx

NEXT = {
    "held": "replydesk journal list --state held",
    "journal": "replydesk journal list --state pending",
    "relay": "replydesk outbox list --state deferred",
    "jobs": "the jobs below, and the log",
}
"""What is said to need somebody → where to look."""
DAYS = 30
"""Ratings of so many days, beside those of as many before."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import show
    from gateway.cli.site import now, opened
    from gateway.core.lifecycle import Status, agent_label
    from storage.standing import backlog, disk

    labels = {status.value: agent_label(status, "en") for status in Status}

    with opened(args) as site:
        moment = now()
        space = disk(site.settings.data_dir)
        counts, tags, alarms, jobs, rated, probes, waits = site.database.read_now(
            lambda tx: (
                {"tickets": tx.reads.counts(), "journal": tx.journal.counts(), "outbox": tx.outbox.counts()},
                tx.reads.open_tags(),
                tx.alarms.open(),
                tx.jobs.all(),
                look(tx, moment),
                tx.probes.latest(),
                backlog(tx, moment),
            )
        )
        if args.json:
            told = [{"key": a.key, "text": a.text, "raised_at": show.iso(a.raised_at)} for a in alarms]
            ran = [
                {
                    "name": j.name,
                    "last_run": show.iso(j.ran_at),
                    "next_run": show.iso(j.due_at),
                    "outcome": j.outcome,
                    "outcome_at": show.iso(j.outcome_at),
                    "failing_since": show.iso(j.failing_since),
                }
                for j in jobs
            ]
            back = [
                {"mailbox": p.mailbox, "sent_at": show.iso(p.sent_at), "outcome": p.outcome, "seconds": _seconds(p)}
                for p in probes
            ]
            found: dict[str, Json] = {
                "failing": sorted(waits.rooms),
                "late_jobs": list(waits.late),
                "oldest_waiting": {"journal": show.iso(waits.journal_oldest), "outbox": show.iso(waits.outbox_oldest)},
                "disk": {"free": space.free, "total": space.total} if space else {},
            }
            lists = {"ratings": ratings(rated), "probes": back, "jobs": ran, "alarms": told}
            show.as_json({**counts, "tags": tags, **found, **lists})
            return 0
        show.table(
            ("what", "state", "count"),
            [
                (what, labels.get(str(state), str(state)), str(count))
                for what, states in counts.items()
                for state, count in states.items()
            ],
        )
        facts = [(show.NEEDS_YOU, _with_a_step(room)) for room in sorted(waits.rooms)]
        for what, since in (("journal", waits.journal_oldest), ("outbox", waits.outbox_oldest)):
            if since is not None:
                facts.append((f"Oldest in {what}", f"waits since {show.when(since, site.zone)}"))
        if space is not None:
            nearly = ", nearly full" * space.is_nearly_full
            facts.append(("Disk", f"{space.free >> 20} of {space.total >> 20} MB free{nearly}"))
        show.facts(facts)
        if tags:
            show.facts([("Tags of open tickets", ", ".join(f"{tag} {count}" for tag, count in tags.items()))])
        if any(period.asked or period.answered for period in rated):
            show.facts([("Ratings", _sentence(*rated))])
        if probes:
            show.table(
                ("newest probe that came back", "sent", "seconds", "how"),
                [(p.mailbox, show.when(p.sent_at, site.zone), f"{_seconds(p):g}", p.outcome) for p in probes],
            )
        if jobs:
            show.table(
                ("job", "last run", "next run", "last outcome"),
                [
                    (j.name, show.when(j.ran_at, site.zone), show.when(j.due_at, site.zone), _outcome(j, site.zone))
                    for j in jobs
                ],
            )
        for alarm in alarms:
            show.text(f"{show.when(alarm.raised_at, site.zone)}  {alarm.text}")
    return 0


def _with_a_step(room: str) -> str:
    return f"{room} ({NEXT[room]})" if room in NEXT else room


def _outcome(job: JobState, zone: tzinfo) -> str:
    """What it did when it last did anything; while it fails, since when and why."""
    from gateway.cli import show

    if job.failing_since is not None:
        return f"{job.outcome} (since {show.when(job.failing_since, zone)})"
    return f"{job.outcome} ({show.when(job.outcome_at, zone)})" if job.outcome else ""


def _seconds(probe: Probe) -> float:
    return round(probe.round_trip.total_seconds(), 1) if probe.round_trip else 0.0


def look(tx: Tx, now: datetime) -> tuple[Results, Results]:
    """The ratings of the last DAYS, and of the DAYS before."""
    from gateway.core.rating import results

    span = timedelta(days=DAYS)
    return results(*tx.ratings.answers(now - span, now)), results(*tx.ratings.answers(now - 2 * span, now - span))


def ratings(rated: tuple[Results, Results]) -> Json:
    """`good` is the share of 4 and 5; `trend` how much it rose, None where there is nothing to compare."""
    latest, before = (
        {"asked": r.asked, "answered": r.answered, "median": r.median, "good": r.good and round(r.good, 2)}
        for r in rated
    )
    return {"days": DAYS, **latest, "before": before, "trend": _trend(*rated)}


def _trend(latest: Results, before: Results) -> float | None:
    if latest.good is None or before.good is None:
        return None
    return round(latest.good - before.good, 2)


def _sentence(latest: Results, before: Results) -> str:
    said = f"last {DAYS} days: {latest.asked} asked, {latest.answered} answered"
    if latest.median is not None and latest.good is not None:
        said += f", median {latest.median:g} of 5, {latest.good:.0%} good"
    if before.good is not None:
        said += f" (before that {before.good:.0%})"
    return said
