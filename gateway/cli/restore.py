"""`replydesk restore FILE`: a backup takes the place of the database; with `--check` it is only looked at.

The former database is kept beside it. No daemon may run meanwhile.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.cli.show import Json
    from storage.backup import Checked
    from storage.restore import Restored


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="only look at it: its pages, its tables, the audit")
    parser.add_argument("--anyway", action="store_true", help="restore it although not all promises hold in it")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("file", metavar="FILE", help="a backup")


def run(args: argparse.Namespace) -> int:
    from pathlib import Path

    from gateway.cli import show
    from storage.backup import check

    file = Path(args.file)
    if not args.check:
        return _restore(args, file)
    found = check(file, show.promises_looked_at)
    if args.json:
        show.as_json(_as_json(file, found))
    else:
        _tell(file, found)
    return 0 if found.ok else 1


def _restore(args: argparse.Namespace, file: Path) -> int:
    from datetime import UTC, datetime

    from gateway import config
    from gateway.cli import show
    from gateway.config.only_one import only_one
    from gateway.errors import ReplydeskError
    from storage import migrate
    from storage.backup import check
    from storage.database import Database
    from storage.restore import restore

    settings = config.load(args.config)
    with only_one(settings):
        database = Database(config.database_url(settings), settings.data_dir)
        if database.is_sqlite:
            found = check(file, show.promises_looked_at)
            if (
                found.damage
                or not found.revision
                or found.revision > migrate.HEAD
                or not (found.ok or _usable(found, args))
            ):
                database.close_now()
                _tell(file, found)
                raise ReplydeskError(f"{file} is not restored")
        done = restore(database, file, datetime.now(UTC))
    _explain(file, done)
    return 0


def _usable(found: Checked, args: argparse.Namespace) -> bool:
    """Tables of an earlier version are upgraded at the start; broken promises are for the operator to weigh."""
    return found.report is None or bool(args.anyway)


def _explain(file: Path, done: Restored) -> None:
    print(f"{file} is the database now.")
    if done.kept:
        print(f"The former one is kept: {done.kept}. Delete it in the end: it holds what was erased since.")
    print(
        "Mails given out after the backup was made name tickets that are not in it. Answers to them become new "
        "requests that say so, agents' answers to them do nothing, and links in them say so: none reaches another "
        "ticket, although numbers are given out again."
    )
    print("Next: start the daemon, run replydesk audit, look in your mail server's log for what came since.")


def _tell(file: Path, found: Checked) -> None:
    from gateway.cli import show
    from storage import migrate
    from storage.audit import RULES

    for said in found.damage:
        show.text(f"damaged: {said}")
    if found.report is None:
        if not found.revision:
            print("Its table alembic_version is gone or empty, so nobody knows what is there. Take another backup.")
            return
        print(f"Its tables are of schema {found.revision}, this program knows {migrate.HEAD}.")
        print("The audit takes the program of that version.")
        return
    for broken in found.report.broken:
        print(f"BROKEN  {broken.rule.promise}")
        for sentence in broken.examples:
            show.text(sentence, "          ")
        if broken.count > len(broken.examples):
            print(f"          … and {broken.count - len(broken.examples)} more")
    show.facts(
        (what, ", ".join(f"{count} {state}" for state, count in states.items()))
        for what, states in found.report.counts.items()
    )
    if found.ok:
        print(f"{file} is whole, of schema {found.revision}, and all {len(RULES)} promises of the audit hold in it.")
    else:
        print(f"{len(found.report.broken)} of {len(RULES)} promises do not hold in {file}.")


def _as_json(file: Path, found: Checked) -> Json:
    report = found.report
    return {
        "ok": found.ok,
        "file": str(file),
        "size": file.stat().st_size,
        "schema": found.revision,
        "damage": list(found.damage),
        "audited": report is not None,
        "counts": report.counts if report else {},
        "findings": [
            {"rule": b.rule.name, "promise": b.rule.promise, "count": b.count, "examples": list(b.examples)}
            for b in (report.broken if report else ())
        ],
    }
