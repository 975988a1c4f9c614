"""`replydesk replay --since DATE --dry-run`: mails of a time decided anew with today's settings. Nothing is done."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from gateway.cli.words import moment

if TYPE_CHECKING:
    from gateway.cli.show import Json
    from gateway.cli.site import Site
    from gateway.core.anew import Difference
    from storage.journal import JournalEntry
    from storage.tx import Tx

CHUNK = 200
"""Mails decided in one transaction."""


@dataclass(frozen=True)
class Tried:
    """One mail: what would differ, or why it was not tried."""

    row: JournalEntry
    author: str = ""
    subject: str = ""
    differences: tuple[Difference, ...] = ()
    skipped: str = ""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--since", type=moment, required=True, metavar="DATE", help="received then or later")
    parser.add_argument("--dry-run", action="store_true", required=True, help="the only way there is: nothing is done")
    parser.add_argument("--json", action="store_true", help="for programs: one line for each mail that would differ")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import show
    from gateway.cli.site import opened

    counts: Counter[str] = Counter()
    with opened(args) as site:
        for tried in _tried(site, show.at(args.since, site.zone)):
            kind = tried.skipped or ("differ" if tried.differences else "same")
            counts[kind] += 1
            if kind != "differ":
                continue
            if args.json:
                show.as_json(_shape(tried))
            else:
                _tell(tried, site)
    if not args.json:
        _sum_up(counts)
    return 0


def _tried(site: Site, since: datetime | None) -> Iterator[Tried]:
    # What came in storms is counted from the first of these mails on, as it was then.
    site.desk.storms.begun = True
    after = 0
    while True:
        rows, tried = site.database.read_now(partial(_some, site=site, since=since, after=after))
        if not rows:
            return
        yield from tried
        after = rows[-1].id


def _some(tx: Tx, *, site: Site, since: datetime | None, after: int) -> tuple[list[JournalEntry], list[Tried]]:
    rows = tx.journal.decided(since, after, CHUNK)
    return rows, [_try(tx, site, row) for row in rows]


def _try(tx: Tx, site: Site, row: JournalEntry) -> Tried:
    from gateway.core import anew, thread
    from gateway.core.decide import decide
    from gateway.core.decision import Decision
    from gateway.core.reason import Reason
    from gateway.errors import UnknownEntry

    if row.envelope.archived:
        return Tried(row, skipped="of an archive")
    try:
        _, data = tx.journal.load(row.id)
    except UnknownEntry:
        return Tried(row, skipped="whose text is not kept any more")
    read = site.desk.read(data, row.envelope)
    then = anew.Recorded(row.reason, row.why, row.received_at, row.ticket or 0)
    case = site.desk.case(tx, replace(read, keys=thread.without_own(read.keys)), row.received_at)
    if anew.is_agents(case, then):
        return Tried(row, skipped="of agents")
    case = anew.as_then(case, then)
    try:
        decision = decide(case)
    except Exception as error:  # as in the daemon: what raises is held with its cause
        decision = Decision(Reason.UNREADABLE, hold=f"{type(error).__name__}: {error}")
    site.desk.storms.note(case.message, row.envelope, case.author.key, decision, row.ticket or 0, row.received_at)
    return Tried(row, case.author.address, case.message.subject, anew.differences(decision, then))


def _tell(tried: Tried, site: Site) -> None:
    from gateway.cli import show
    from gateway.mail.text import one_line

    row = tried.row
    print(
        f"{row.id}  {show.when(row.received_at, site.zone)}  {one_line(tried.author) or 'nobody'}: "
        f"“{one_line(tried.subject)[: show.CELL]}”"
    )
    for d in tried.differences:
        show.text(f"{d.what}: {d.was or 'none'} → {d.now or 'none'}", "  ")


def _shape(tried: Tried) -> Json:
    from gateway.cli import show

    return {
        "id": tried.row.id,
        "received_at": show.iso(tried.row.received_at),
        "ticket": tried.row.ticket,
        "author": tried.author,
        "subject": tried.subject,
        "differences": [{"what": d.what, "was": d.was, "now": d.now} for d in tried.differences],
    }


def _sum_up(counts: Counter[str]) -> None:
    tried = counts["same"] + counts["differ"]
    said = f"{tried} {'mail' if tried == 1 else 'mails'} decided anew, {counts['differ']} would differ."
    skipped = ", ".join(f"{n} {why}" for why, n in sorted(counts.items()) if why not in ("same", "differ"))
    print(f"{said} Not tried: {skipped}." if skipped else said)
