"""Where one mail's CPU time goes: `python tests/bench/bench_stages.py [mails]`.

The load of `bench_flow`, one mail after the other in one thread on SQLite, as the daemon does it: journal, reading,
deciding, notices, claim, begin, settle. Times are thread CPU time, each stage without those inside it; the network and
the loop are not in it (`bench_walk` has them). Statements are what SQLite ran.
"""

from __future__ import annotations

import functools
import logging
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import sqlalchemy.engine

import gateway.apply
import gateway.flow
from gateway import config
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.render.mail import Templates
from gateway.send.conversation import prepare
from storage import raw as raw_mail
from storage import seals, statement
from storage.claims import Claims
from storage.database import Database
from storage.journal import Journal
from storage.migrate import migrate
from storage.outbox import Outbox, State
from storage.threads import Threads
from storage.tickets import Tickets
from tests.bench.bench_flow import SETTINGS, mails

WARM = 60
"""Mails before the clock runs: templates and statements are compiled then."""
OFFERED = {"size": "50000000", "8bitmime": "", "smtputf8": "", "pipelining": ""}

spent: Counter[str] = Counter()
_inside: list[list[float]] = []


def staged(name: str, work: Callable[..., Any]) -> Callable[..., Any]:
    """The same function; its time, without that of stages inside it, counts for `name`."""

    @functools.wraps(work)
    def timed(*given: Any, **named: Any) -> Any:
        inner = [0.0]
        _inside.append(inner)
        began = time.thread_time()
        try:
            return work(*given, **named)
        finally:
            took = time.thread_time() - began
            _inside.pop()
            spent[name] += took - inner[0]
            if _inside:
                _inside[-1][0] += took

    return timed


def watch() -> None:
    """Wrap what makes up the walk."""
    for owner, name, stage in (
        (raw_mail, "pack", "hash and compress"),
        (gateway.flow, "parse", "parse"),
        (gateway.flow, "classify", "classify, marks, orders"),
        (gateway.flow.thread, "keys", "classify, marks, orders"),
        (gateway.flow.commands, "read", "classify, marks, orders"),
        (gateway.flow.same_mail, "content_hash", "hash of the content"),
        (Desk, "case", "ask the store"),
        (gateway.flow, "decide", "decide"),
        (Tickets, "apply", "store ticket and entry"),
        (Threads, "remember", "store Message-IDs"),
        (Threads, "expect", "store Message-IDs"),
        (gateway.apply, "compose", "compose"),
        (Templates, "text", "render"),
        (Templates, "html", "render"),
        (Templates, "write", "write the mail"),
        (Outbox, "add", "store notices"),
        (Journal, "append", "journal"),
        (Journal, "settle", "journal"),
        (seals, "added", "sums and links"),
        (seals, "next_link", "sums and links"),
        (seals, "finish", "sums and links"),
        (Claims, "take", "claim, begin, settle"),
        (Claims, "begin", "claim, begin, settle"),
        (Claims, "settle", "claim, begin, settle"),
        (statement.Statement, "_run", "SQLite, by constant statements"),
        (sqlalchemy.engine.Connection, "execute", "SQLite, through SQLAlchemy"),
        (sqlalchemy.engine.Engine, "begin", "begin and commit"),
    ):
        setattr(owner, name, staged(stage, getattr(owner, name)))


def main() -> None:
    logging.disable(logging.INFO)
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    load = mails(count + WARM, random.Random(7))
    with tempfile.TemporaryDirectory() as folder:
        database = Database("", Path(folder))
        migrate(database)
        settings = config.build(SETTINGS, Path(folder) / "replydesk.toml")
        desk = Desk(config.policy(settings, Keys(b"0123456789abcdef0123456789abcdef")), Templates())
        envelope = Envelope("smtp", "kim@customer.example", ("support@example.com",), "192.0.2.1")
        statements = 0
        notices = 0

        def counted(_statement: str) -> None:
            nonlocal statements
            statements += 1

        def listen(tx: Any) -> None:
            tx.connection.connection.driver_connection.set_trace_callback(counted)

        def write(work: Callable[[Any], Any]) -> Any:
            return database.write_now(work)

        def walk(raw: bytes) -> None:
            nonlocal notices
            now = datetime.now(UTC)
            packed = raw_mail.pack(raw)
            id = write(lambda tx: tx.journal.append(envelope, packed, now))
            read = desk.read(raw, envelope)
            write(lambda tx: desk.handle(tx, id, read, now))
            for row, message in write(lambda tx: tx.claims.take("bench", 48, 300, now)):
                notices += 1
                prepare(row.reverse_path, row.recipient, message, OFFERED)
                write(lambda tx, row=row: tx.claims.begin(row.id, "bench", now))
                write(lambda tx, row=row: tx.claims.settle(row.id, "bench", State.SENT, "250 well", now=now))

        for raw in load[:WARM]:
            walk(raw)
        watch()
        write(listen)
        spent.clear()
        statements = notices = 0
        whole = staged("the rest", walk)
        for raw in load[WARM:]:
            whole(raw)
        database.close_now()
    total = sum(spent.values())
    print(f"{count} mails, {notices / count:.2f} notices and {statements / count:.1f} statements a mail")
    for name, seconds in spent.most_common():
        print(f"{name:32} {seconds / count * 1000:6.2f} ms {seconds / total:5.0%}")
    print(f"{'together':32} {total / count * 1000:6.2f} ms a mail")


if __name__ == "__main__":
    main()
