"""What grows with the messages there ever were: a database of generated mails, and how long each question takes on it.

    python -m tests.bench.bench_growth [MESSAGES] [--keep FOLDER]

10,000 by default; 1,000,000 needs 9 GB and half an hour. `--keep`: a copy of what was filled, for
`bench_walk --stored`.

Tickets of three mails each, through the store's own verbs where the audit looks (chain, sums, words), with texts of
ordinary words; times are of this machine and this moment, so compare sizes of one run.
"""

from __future__ import annotations

import argparse
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from gateway.core.decision import Change, Decision, EntryDraft, NewTicket
from gateway.core.lifecycle import Status
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Role
from gateway.mail.message import Address, Envelope
from storage import raw, search
from storage.audit import audit, remember
from storage.database import Database
from storage.erasure.retention import Mode, Retention
from storage.migrate import migrate
from storage.reads import Wanted
from storage.tx import Tx

SLICE = 500
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
BOX = "support@example.com"


def _vocabulary(chance: random.Random) -> list[str]:
    letters = "aeiourstlnmdgkbpfhwz"
    return ["".join(chance.choices(letters, k=chance.randint(3, 11))) for _ in range(20_000)]


class Generator:
    """Fills a database; words as frequent as in a language, so that some stand in nearly every mail."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self.words = _vocabulary(self._chance)
        self._weights = [1 / (n + 1) for n in range(len(self.words))]

    def text(self) -> str:
        return " ".join(self._chance.choices(self.words, self._weights, k=120))

    def mail(self, tx: Tx, number: int) -> None:
        """One mail of three on its ticket; all but the newest tickets are closed."""
        ticket, at = number // 3 + 1, SINCE + timedelta(seconds=60 * number)
        who = Address(f"c{ticket % 50_000}@customer{ticket % 997}.example", f"Customer {ticket % 50_000}")
        text, packed = self.text(), raw.pack(f"Message-ID: <{number}@x>\r\n\r\n{number}".encode())
        id = tx.journal.append(Envelope("smtp", who.address, (BOX,)), packed, at)
        entry = EntryDraft(EntryKind.CORRESPONDENCE, who, Role.REQUESTER, text, text, sha256=packed.sha256)
        new = (
            NewTicket(" ".join(self._chance.choices(self.words, self._weights, k=5)), who, BOX)
            if number % 3 == 0
            else None
        )
        closed = Change(status=Status.CLOSED, closed_by="agent") if number % 3 == 2 and ticket % 50 else Change()
        decision = Decision(
            Reason.NEW_REQUEST if new else Reason.REPLY,
            new=new,
            ticket=0 if new else ticket,
            entry=entry,
            change=closed,
        )
        applied = tx.tickets.apply(decision, id, at)
        assert applied is not None
        why = ["correspondence: generated"]
        tx.journal.settle(
            id, reason=decision.reason, why=why, ticket=applied.ticket.number, message_id=f"{number}@x", now=at
        )

    def fill(self, database: Database, messages: int) -> None:
        for first in range(0, messages, SLICE):
            database.write_now(partial(self.mails, numbers=range(first, min(first + SLICE, messages))))

    def mails(self, tx: Tx, numbers: range) -> None:
        for number in numbers:
            self.mail(tx, number)


def timed(run: Callable[[], Any], times: int = 5) -> tuple[float, float]:
    """Milliseconds: median, longest."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took), max(took)


def main(messages: int, keep: Path | None) -> None:
    generator = Generator()
    with tempfile.TemporaryDirectory(prefix="replydesk-growth-") as folder:
        database = Database("", Path(folder))
        migrate(database)
        begun = time.perf_counter()
        generator.fill(database, messages)
        size = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        print(f"{messages:,} messages, {size:,.0f} MB, filled in {time.perf_counter() - begun:.0f} s", flush=True)
        if keep is not None:
            database.close_now()
            shutil.copytree(folder, keep)
            database = Database("", Path(folder))
        now = SINCE + timedelta(seconds=60 * messages)
        common, usual, rare = (generator.words[n] for n in (0, 200, 15_000))

        def asks(wanted: Wanted) -> Callable[[], Any]:
            return lambda: database.read_now(lambda tx: (tx.reads.search(wanted, limit=25), tx.reads.count(wanted)))

        questions = {
            "list, all": asks(Wanted()),
            "list, open": asks(Wanted("open")),
            "list, one customer": asks(Wanted(requester="c7@customer7.example")),
            "list, mailboxes": asks(Wanted(mailboxes=(BOX,))),
            "search, a word of nearly every mail": asks(Wanted(text=common)),
            "search, a usual word": asks(Wanted(text=usual)),
            "search, two usual words": asks(Wanted(text=f"{usual} {generator.words[150]}")),
            "search, a rare word": asks(Wanted(text=rare)),
            "search, no such word": asks(Wanted(text="qqqqqq")),
            "search, one customer": asks(Wanted(text=common, requester="c7@customer7.example")),
            "stats": lambda: database.read_now(lambda tx: (tx.journal.counts(), tx.reads.counts(), tx.outbox.counts())),
            "retention, contacts (no lock)": lambda: database.read_now(
                lambda tx: Retention(tx.connection).unneeded(now)
            ),
        }
        for name, question in questions.items():
            print("{:40} {:9.1f} ms, longest {:9.1f}".format(name, *timed(question)))
        soon = SINCE + timedelta(seconds=60 * messages // 2)
        locks: dict[str, Callable[[Tx], object]] = {
            "tickets": lambda tx: Retention(tx.connection).tickets(soon, Mode.ANONYMISE, now),
            "raw mails": lambda tx: Retention(tx.connection).raw(soon, now),
            "mails without a ticket": lambda tx: Retention(tx.connection).mails_without_ticket(soon, now),
            "SQLite's index": lambda tx: search.forget(tx.connection, 100),
        }
        database.write_now(lambda tx: search.forget(tx.connection, -100))
        for name, work in locks.items():
            line = timed(partial(database.write_now, work), 20)
            print("{:40} {:9.1f} ms, longest {:9.1f}".format(f"lock of retention, {name}", *line))
        whole = time.perf_counter()
        report = database.read_now(audit)
        print(f"audit: {time.perf_counter() - whole:.1f} s; broken: {[b.rule.name for b in report.broken]}")
        database.write_now(lambda tx: remember(tx, report))
        database.write_now(partial(generator.mails, numbers=range(messages, messages + 300)))
        print(
            "{:40} {:9.1f} ms, longest {:9.1f}".format(
                "audit, 300 mails since the last",
                *timed(lambda: database.read_now(lambda tx: audit(tx, since_last=True)), 3),
            )
        )
        database.close_now()


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("messages", nargs="?", default="10,000")
    words.add_argument("--keep", type=Path)
    asked = words.parse_args()
    main(int(asked.messages.replace(",", "")), asked.keep)
