"""`replydesk top`: a live view in the terminal: what waits, what needs you, the newest mails in and out.

Plain text of 80 columns or what there is, drawn anew every few seconds; it only reads.
"""

from __future__ import annotations

import argparse
import re
import shutil
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from gateway.cli.site import Site
    from storage.alarms import Alarm
    from storage.journal import JournalEntry
    from storage.outbox import OutboxEntry
    from storage.standing import Standing
    from storage.tx import Tx

WIDTH, HEIGHT = 80, 24
_HOME, _CLEAR_BELOW, _SHOW, _HIDE = "\x1b[H", "\x1b[J", "\x1b[?25h", "\x1b[?25l"
_CLEAR_LINE = "\x1b[K"
_NOTHING = "nothing needs you"
_STYLES = {
    "bold": re.compile(" +(?:IN|OUT) "),
    "red": re.compile(r"! |needs you|(?:journal|outbox) .*\b(?:held|failed) \d|.{24}(?:held|failed) "),
    "yellow": re.compile(r"oldest in|outbox .*\b(?:deferred|uncertain) \d|.{24}(?:deferred|uncertain|pending) "),
    "green": re.compile(_NOTHING),
}


@dataclass(frozen=True, slots=True)
class Glance:
    """What is shown, read in one transaction."""

    at: datetime
    counts: dict[str, dict[str, int]]
    standing: Standing
    alarms: tuple[Alarm, ...]
    came: tuple[JournalEntry, ...]
    went: tuple[OutboxEntry, ...]
    disk: str


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="print it once and end")
    parser.add_argument("--every", type=_seconds, default=2.0, metavar="SECONDS", help="between two looks (default: 2)")


def _seconds(word: str) -> float:
    try:
        found = float(word)
    except ValueError:
        found = 0
    if not 0.5 <= found <= 3600:
        raise argparse.ArgumentTypeError(f"{word!r} is no time from 0.5 to 3600 seconds")
    return found


def run(args: argparse.Namespace) -> int:
    from gateway.cli import show
    from gateway.cli.site import opened

    with opened(args) as site:
        if args.once or not sys.stdout.isatty():
            for line in drawn(looked(site), site, shutil.get_terminal_size((WIDTH, HEIGHT)).columns, 0):
                show.line(line, style_of(line))
            return 0
        try:
            print(_HIDE + _HOME + _CLEAR_BELOW, end="")
            while True:
                size = shutil.get_terminal_size((WIDTH, HEIGHT))
                lines = drawn(looked(site), site, size.columns, size.lines - 1)
                drawing = "".join(f"{show.painted(line, style_of(line))}{_CLEAR_LINE}\n" for line in lines)
                print(_HOME + drawing + _CLEAR_BELOW, end="", flush=True)
                time.sleep(args.every)
        except KeyboardInterrupt:
            return 0
        finally:
            print(_SHOW, flush=True)


def style_of(line: str) -> str:
    """What a line means, as a style: red for what needs somebody."""
    return next((style for style, form in _STYLES.items() if form.match(line)), "")


def looked(site: Site) -> Glance:
    from gateway.cli.site import now
    from storage.standing import backlog, disk

    moment = now()
    space = disk(site.settings.data_dir)

    def read(tx: Tx) -> Glance:
        return Glance(
            moment,
            {"tickets": tx.reads.counts(), "journal": tx.journal.counts(), "outbox": tx.outbox.counts()},
            backlog(tx, moment),
            tuple(tx.alarms.open()),
            tuple(tx.journal.recent(limit=20)),
            tuple(tx.outbox.recent(limit=20)),
            f"{space.free >> 20} MB free" if space else "",
        )

    return site.database.read_now(read)


def drawn(view: Glance, site: Site, width: int, height: int) -> list[str]:
    """Lines of at most `width` columns; of the newest mails as many as fit into `height` (0: five of each)."""
    from gateway.mail.text import one_line

    head = list(_head(view, site))
    room = 5 if not height else max((height - len(head) - 4) // 2, 1)
    lines = [*head, "", _row("IN", "received", "state", "ticket", "from")]
    for mail in view.came[:room]:
        who = one_line(f"{mail.reverse_path or '<>'}: {mail.reason or mail.cause}")
        lines.append(_row(mail.id, _clock(mail.received_at, site), mail.state, mail.ticket or "", who))
    lines += ["", _row("OUT", "decided", "state", "ticket", "to")]
    for ours in view.went[:room]:
        said = ours.last_reply if ours.state not in ("sent", "pending") else ""
        who = one_line(f"{ours.recipient}: {ours.notice} {said}")
        lines.append(_row(ours.id, _clock(ours.created_at, site), ours.state, ours.ticket or "", who))
    return [_fit(line, width) for line in lines]


def _row(id: int | str, moment: str, state: str, ticket: int | str, who: str) -> str:
    return f"{id:>6}  {moment:14}  {state:9} {ticket:>6}  {who}"


def _head(view: Glance, site: Site) -> Iterator[str]:
    from gateway.cli import show
    from gateway.cli.findings import daemon_runs
    from gateway.core.lifecycle import Status, agent_label
    from gateway.mail.text import one_line

    runs = "running" if daemon_runs(site.settings) else "no daemon runs here"
    yield f"Replydesk  {show.when(view.at, site.zone)}  {runs}  {view.disk}"
    labels = {status.value: agent_label(status, "en") for status in Status}
    for what, states in view.counts.items():
        said = "  ".join(f"{labels.get(state, state)} {count}" for state, count in states.items() if count)
        yield f"{what:8} {said or 'none'}"
    for what, since in (("journal", view.standing.journal_oldest), ("outbox", view.standing.outbox_oldest)):
        if since is not None:
            yield f"oldest in {what}: waits {int((view.at - since).total_seconds())} s"
    needs = ", ".join(sorted(view.standing.rooms))
    if needs or not view.alarms:
        yield f"needs you: {needs}" if needs else _NOTHING
    for alarm in view.alarms[:3]:
        yield f"! {show.when(alarm.raised_at, site.zone)}  {one_line(alarm.text)}"


def _clock(moment: datetime, site: Site) -> str:
    return moment.astimezone(site.zone).strftime("%m-%d %H:%M:%S")


def _fit(line: str, width: int) -> str:
    """Wide signs take two columns."""
    from rich.cells import cell_len, set_cell_size

    line = line.rstrip()
    return line if cell_len(line) <= width else set_cell_size(line, width - 1) + "…"
