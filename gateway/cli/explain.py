"""`replydesk explain FILE…`: what would happen to a mail, and why. A dry run: nothing is changed.

Without a configuration a mail is judged by itself, for a site that knows nobody. With one the
site's own rules and its real database are asked, read-only.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.mail.delivered import envelope_of

if TYPE_CHECKING:
    from gateway.core.case import Case
    from gateway.core.decision import Decision
    from gateway.core.policy import Policy

Look = Callable[[bytes], "Case"]

ENVIRONMENT = "REPLYDESK_CONFIG"
"""As in `gateway.config`, which a mail by itself need not wait for."""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="a mail as a file, or - for standard input")
    parser.add_argument("--json", action="store_true", help="for programs: one line for each mail")


def run(args: argparse.Namespace) -> int:
    from gateway.cli import explain_words, shapes, show

    code = 0
    with _looking(args.config) as look:
        for name in args.files:
            try:
                raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
            except OSError as error:
                print(f"replydesk: {name} cannot be read: {error.strerror}", file=sys.stderr)
                code = 1
                continue
            case = look(raw)
            decision = _decided(case)
            if args.json:
                show.as_json(shapes.explained(name, case, decision))
            else:
                explain_words.tell(name, case, decision)
    return code


@contextmanager
def _looking(config: str | None) -> Iterator[Look]:
    """How mails are read: with a site's database, with its policy only, or without a site."""
    from gateway.cli.alone import policy_of, throw_away_keys
    from gateway.core.policy import Mailbox, Policy

    if not config and not os.environ.get(ENVIRONMENT):
        box = Mailbox("support@replydesk.invalid", "Support", "en")
        yield _by_itself(Policy(throw_away_keys(), (box,)))
        return
    from gateway import config as configuration
    from gateway.cli.site import Site, lack, now
    from gateway.config.database_file import placed
    from storage.database import Database

    settings = configuration.load(config)
    database = Database(configuration.database_url(settings), settings.data_dir)
    try:
        with placed(settings):
            problem = lack(database)
        if problem:
            print(f"replydesk: nothing to match against: {problem}", file=sys.stderr)
            yield _by_itself(policy_of(settings))
            return
        site = Site(settings, database)

        def look(raw: bytes) -> Case:
            read = site.desk.read(raw, envelope_of(raw, "file"))
            return database.read_now(lambda tx: site.desk.case(tx, read, now()))

        yield look
    finally:
        database.close_now()


def _by_itself(policy: Policy) -> Look:
    from gateway.cli.alone import case_of

    return lambda raw: case_of(raw, envelope_of(raw, "file"), policy, datetime.now(UTC))


def _decided(case: Case) -> Decision:
    from gateway.core.decide import decide
    from gateway.core.decision import Decision, Why
    from gateway.core.reason import Reason

    try:
        return decide(case)
    except Exception as error:  # as in the daemon: what raises is held with its cause
        cause = f"{type(error).__name__}: {error}"
        return Decision(Reason.UNREADABLE, Why(attach="no: it would be held"), hold=cause)
