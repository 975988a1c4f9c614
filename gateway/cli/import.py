"""`replydesk import PATH`: an archive of mails becomes tickets. Nothing is sent, dates stay as they were.

May be stopped and started again at any time, while the daemon runs too: what is there already is
passed by. PATH is one mail (.eml), an mbox, a Maildir, or a folder of these.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from gateway.archive.importer import Importer
    from gateway.archive.mailstore import Stored
    from gateway.cli.site import Site
    from gateway.core.policy import Mailbox

CLOSED_AFTER = timedelta(days=30)
NAMED = 20
"""Mails that are named when they could not be imported; the others are counted."""


class Bar(Protocol):
    def step(self, counts: Counter[str]) -> None: ...


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", type=Path, metavar="PATH", help="a mail, an mbox, a Maildir, or a folder of these")
    parser.add_argument("--mailbox", default="", metavar="ADDRESS", help="whose mails they are (default: the first)")
    parser.add_argument(
        "--closed-before",
        type=_date,
        metavar="DATE",
        help="conversations that ended before this day are closed (default: 30 days ago; never: none)",
    )
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    from gateway.archive.importer import in_order
    from gateway.archive.mailstore import Skipped, stored
    from gateway.cli.site import now, opened

    with opened(args) as site:
        importer = _importer(site, args)
        skipped = Skipped()
        mails = in_order(stored(args.path, skipped), now())
        counts, failed = _imported(importer, mails)
        if args.json:
            _as_json(counts, failed, skipped.files, skipped.drafts)
        else:
            _told(counts, failed, skipped.files, skipped.drafts)
    return 1 if failed else 0


def _importer(site: Site, args: argparse.Namespace) -> Importer:
    from dataclasses import replace

    from gateway.archive.importer import Importer
    from gateway.cli.site import now
    from gateway.flow import Desk

    closed_before = args.closed_before or now() - CLOSED_AFTER
    policy = replace(site.policy, closed_before=closed_before)
    desk = Desk(policy, site.desk.templates)
    limit = site.settings.limits.max_message_bytes
    return Importer(site.database, desk, _mailbox(site, args.mailbox), limit, now)


def _mailbox(site: Site, address: str) -> Mailbox:
    from gateway.errors import ReplydeskError

    if not address:
        return site.policy.mailboxes[0]
    found = site.policy.mailbox_for(address)
    if found is None:
        known = ", ".join(b.address for b in site.policy.mailboxes)
        raise ReplydeskError(f"{address} is no mailbox of this site; use one of: {known}")
    return found


def _imported(importer: Importer, mails: Sequence[Stored]) -> tuple[Counter[str], list[tuple[str, str, str]]]:
    """How many ended how, and those that did not become part of a ticket: name, ending, cause."""
    counts: Counter[str] = Counter()
    failed = []
    try:
        with _progress(len(mails)) as bar:
            for mail in mails:
                ended = importer.take(mail)
                counts[ended.ending] += 1
                if ended.cause:
                    failed.append((mail.name, ended.ending.value, ended.cause))
                bar.step(counts)
    except BaseException:
        print(f"stopped after {counts.total()} of {len(mails)} mails; run it again to go on", file=sys.stderr)
        raise
    return counts, failed


# --- what is shown -------------------------------------------------------------------------------


class _Quiet:
    def step(self, counts: Counter[str]) -> None:
        """Nobody looks."""


@contextmanager
def _progress(total: int) -> Iterator[Bar]:
    """A bar on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield _Quiet()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=total)

        class RichBar:
            def step(self, counts: Counter[str]) -> None:
                progress.update(task, advance=1, description=_summary(counts))

        yield RichBar()


def _summary(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {ending}" for ending, count in sorted(counts.items()))


def _told(counts: Counter[str], failed: Sequence[tuple[str, str, str]], files: int, drafts: int) -> None:
    from gateway.cli import show

    show.facts(
        [
            ("Imported", str(counts["imported"])),
            ("There already", str(counts["present"])),
            ("Held", str(counts["held"] or "")),
            ("Refused", str(counts["refused"] or "")),
            ("Drafts and deleted mails passed by", str(drafts or "")),
            ("Files that are no mails", str(files or "")),
        ]
    )
    for name, ending, cause in failed[:NAMED]:
        show.text(f"{ending}: {name}: {cause}")
    if len(failed) > NAMED:
        print(f"… and {len(failed) - NAMED} more")


def _as_json(counts: Counter[str], failed: Sequence[tuple[str, str, str]], files: int, drafts: int) -> None:
    from gateway.cli import show

    show.as_json(
        {
            **{ending: counts[ending] for ending in ("imported", "present", "held", "refused")},
            "drafts": drafts,
            "no_mails": files,
            "failed": [{"mail": name, "ending": ending, "cause": cause} for name, ending, cause in failed],
        }
    )


def _date(word: str) -> datetime:
    if word == "never":
        return datetime.min.replace(tzinfo=UTC)
    try:
        return datetime.strptime(word, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no day; write it as 2026-01-31, or never") from None
