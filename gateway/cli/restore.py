"""`replydesk restore --check FILE`: whether a backup could be restored; nothing is changed.

Restoring itself is copying one file while no daemon runs, and the operator's own act.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.cli.show import Json
    from storage.backup import Checked


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--check", action="store_true", help="look at the copy: its pages, its tables, the audit")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("file", metavar="FILE", help="a backup")


def run(args: argparse.Namespace) -> int:
    from pathlib import Path

    from gateway.cli import WrongUsage, show
    from storage.backup import check

    if not args.check:
        raise WrongUsage(
            "only --check is done here; to restore, stop the daemon, copy the backup over its database, "
            "remove the files of that name ending in -wal and -shm, and start it"
        )
    file = Path(args.file)
    found = check(file)
    if args.json:
        show.as_json(_as_json(file, found))
    else:
        _tell(file, found)
    return 0 if found.ok else 1


def _tell(file: Path, found: Checked) -> None:
    from gateway.cli import show
    from storage import migrate
    from storage.audit import RULES

    for said in found.damage:
        show.text(f"damaged: {said}")
    if found.report is None:
        print(f"Its tables are of schema {found.revision or 'unknown'}, this program knows {migrate.HEAD}.")
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
