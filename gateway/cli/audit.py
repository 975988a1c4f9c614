"""`replydesk audit`: proves that no accepted mail was lost, or names what breaks the proof."""

from __future__ import annotations

import argparse
import contextlib

from gateway.errors import StorageUnavailable


def configure(parser: argparse.ArgumentParser) -> None:
    new = "bytes, chain and sums only of what is new; of many older rows some in turn"
    parser.add_argument("--since-last", action="store_true", help=new)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import show
    from gateway.cli.site import opened
    from storage.audit import RULES, audit, damaged, remember, wreck

    try:
        with opened(args) as site:
            report = site.database.read_now(
                lambda tx: audit(tx, since_last=args.since_last, progress=show.promises_looked_at)
            )
            if not report.broken:
                # A database that cannot be written now has been looked at all the same.
                with contextlib.suppress(StorageUnavailable):
                    site.database.write_now(lambda tx: remember(tx, report))
    except Exception as error:
        said = damaged(error)
        if not said:
            raise
        report = wreck(said)
    if args.json:
        show.as_json(
            {
                "ok": not report.broken,
                "counts": report.counts,
                "findings": [
                    {"rule": b.rule.name, "promise": b.rule.promise, "count": b.count, "examples": list(b.examples)}
                    for b in report.broken
                ],
            }
        )
        return 1 if report.broken else 0
    broken = {b.rule.name: b for b in report.broken}
    if broken:
        show.line(f"{len(broken)} of {len(RULES)} promises do not hold.", "red")
    else:
        show.line("Every accepted mail is accounted for.", "green")
    print()
    # What is broken is read first.
    for rule in sorted(RULES, key=lambda rule: rule.name not in broken):
        said = "BROKEN" if rule.name in broken else "holds "
        show.line(f"{said}  {rule.promise}", "red" if rule.name in broken else "")
        if found := broken.get(rule.name):
            for sentence in found.examples:
                show.text(sentence, "          ")
            if found.count > len(found.examples):
                print(f"          … and {found.count - len(found.examples)} more")
    print()
    show.facts(
        (what, ", ".join(f"{count} {state}" for state, count in states.items()))
        for what, states in report.counts.items()
    )
    return 1 if broken else 0
