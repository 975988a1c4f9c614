"""`replydesk report`: what came in a period, how soon it was answered, what is open, how it was rated."""

from __future__ import annotations

import argparse
from datetime import date, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.cli.show import Json
    from gateway.core.report import Figures
    from storage.tx import Tx

FIRST, LAST = date(1970, 1, 1), date(9998, 12, 31)


def configure(parser: argparse.ArgumentParser) -> None:
    from gateway.core.report import BY, DAYS

    parser.add_argument("--from", dest="since", type=_day, metavar="DATE", help=f"first day (default: {DAYS} days ago)")
    parser.add_argument("--to", dest="until", type=_day, metavar="DATE", help="last day (default: today)")
    parser.add_argument("--by", choices=BY, default="", help="a line for each")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="for spreadsheets; times in seconds")
    form.add_argument("--json", action="store_true", help="for programs; times in seconds")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import WrongUsage, show
    from gateway.cli.site import now, opened
    from gateway.core.report import AGE_NAMES, DAYS, Period, counted

    with opened(args) as site:
        hours, moment = site.policy.hours, now()
        today = moment.astimezone(hours.zone).date()
        last = args.until or today
        first = args.since or last - timedelta(days=DAYS)
        if first > last:
            raise WrongUsage(f"{first} is after {last}")
        period = Period.of_days(first, last, hours)

        def count(tx: Tx) -> list[Figures]:
            return counted(tx.reports.facts(period.since, period.until), args.by, site.policy, period, moment)

        found = site.database.read_now(count)
        rows = [_row(f) for f in found]
        if args.json:
            show.as_json({"from": str(first), "to": str(last), "by": args.by, "groups": rows})
        elif args.csv:
            _print_csv(rows)
        else:
            print(f"{first} to {last}, times in open hours; what is open is counted now")
            show.table(
                (args.by or "all", "opened", "answers", "first", "90 %", "next", "90 %", "reopened", "open", "rating"),
                [_line(f) for f in found],
            )
            show.facts(
                [
                    (
                        "Open by age",
                        ", ".join(f"{n}: {sum(f.backlog[i] for f in found)}" for i, n in enumerate(AGE_NAMES)),
                    )
                ]
            )
    return 0


def _row(f: Figures) -> dict[str, Json]:
    from gateway.core.report import AGE_NAMES

    return {
        "name": f.name,
        "opened": f.opened,
        "answers": f.answers,
        "first_response_median": f.first_median,
        "first_response_90": f.first_90,
        "next_response_median": f.next_median,
        "next_response_90": f.next_90,
        "reopened": f.reopened,
        "open": f.open,
        **{f"open_{name}": count for name, count in zip(AGE_NAMES, f.backlog, strict=True)},
        "rated": f.rated,
        "rating_median": f.rating,
    }


def _line(f: Figures) -> tuple[str, ...]:
    times = (f.first_median, f.first_90, f.next_median, f.next_90)
    rating = f"{f.rating:g} of 5 ({f.rated})" if f.rating is not None else ""
    return (f.name, str(f.opened), str(f.answers), *map(_span, times), str(f.reopened), str(f.open), rating)


def _span(seconds: float | None) -> str:
    """`25 min`, `3.5 h`."""
    if seconds is None:
        return ""
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _print_csv(rows: list[dict[str, Json]]) -> None:
    import csv
    import sys

    if rows:
        writer = csv.DictWriter(sys.stdout, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)


def _cell(value: Json) -> Json:
    """A spreadsheet takes what begins with = + - @ for a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _day(word: str) -> date:
    try:
        day = date.fromisoformat(word)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{word!r} is no date; write it as 2026-12-01") from None
    # Beyond these neither the day after nor the same moment elsewhere need be one.
    if not FIRST <= day <= LAST:
        raise argparse.ArgumentTypeError(f"{word!r} is too far away; give a day from {FIRST} to {LAST}")
    return day
