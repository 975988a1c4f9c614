"""`replydesk migrate-store --to URL`: everything into another database.

The former one and the configuration stay as they are; the operator changes one line of it afterwards.
"""

from __future__ import annotations

import argparse
import sys


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        required=True,
        metavar="URL",
        help="postgresql+psycopg://USER@HOST/NAME, or sqlite:////PATH; empty so far",
    )
    parser.add_argument("--password-file", metavar="FILE", help="of that database's user")


def run(args: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from gateway import config
    from gateway.cli.site import opened
    from gateway.config.only_one import only_one
    from gateway.errors import ReplydeskError, StorageUnusable
    from storage.audit import audit
    from storage.database import Database
    from storage.move import move

    _can_be_meant(args.to)
    with opened(args) as site, only_one(site.settings):
        url = config.with_password(site.settings, "--password-file", args.to, args.password_file or "")
        target = Database(url, site.settings.data_dir)
        try:
            if target.safe_url == site.database.safe_url:
                raise ReplydeskError("that is the database in use")
            counts = move(site.database, target, _progress, datetime.now(UTC))
            broken = target.read_now(audit).broken
        except StorageUnusable as error:
            raise ReplydeskError(f"--to: {error.problem}. Name an empty database, or one that is not there.") from error
        finally:
            target.close_now()
    print(f"{sum(counts.values())} rows of {len(counts)} tables are in {target.safe_url}.")
    for found in broken:
        print(f"BROKEN  {found.rule.promise}")
    if broken:
        raise ReplydeskError("not all promises of the audit hold there: go on with the former database")
    print("All promises of the audit hold there, and marks in mails sent before stay valid.")
    print(f'Now set in {site.settings.file}, under [gateway]: database_url = "{args.to}"')
    if args.password_file:
        print(f'and database_password_file = "{args.password_file}"')
    print("Then start the daemon. Keep the former database until you are sure, and never start a daemon on it again.")
    return 0


def _can_be_meant(url: str) -> None:
    """Raises `WrongUsage`, before anything is opened."""
    from gateway.cli import WrongUsage
    from gateway.config.values import checked_database_url

    form = "Write postgresql+psycopg://USER@HOST/NAME, or sqlite:////PATH."
    if url.startswith("sqlite:") and url.partition("?")[0].removeprefix("sqlite://") in ("", "/", "/:memory:"):
        raise WrongUsage(f"--to: {url!r} is in memory, and gone when the command ends. {form}")
    try:
        known = bool(checked_database_url(url))
    except ValueError:
        known = False
    if not known:
        raise WrongUsage(f"--to: {url!r} is no database we know. {form}")


def _progress(table: str, done: int, total: int) -> None:
    """A line that is written over where somebody watches; else one when a table is done."""
    if sys.stderr.isatty():
        bar = "#" * (30 * done // max(total, 1))
        print(f"\r{table:12} [{bar:30}] {done}/{total}", end="\n" if done >= total else "", file=sys.stderr, flush=True)
    elif done >= total:
        print(f"{table}: {done}", file=sys.stderr, flush=True)
