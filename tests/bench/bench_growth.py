"""What grows with the messages there ever were: a database of generated mails, and how long each question takes on it.

    python -m tests.bench.bench_growth [MESSAGES] [--keep FOLDER]

10,000 by default; 1,000,000 needs 12 GB and a quarter of an hour. `--keep`: a copy of what was filled, for
`bench_walk --stored`.

Tickets of three mails each, and a mail of ours that was sent for each of them; chain, sums and words as the store
writes them, but thousands of rows at once (the audit of the whole says whether they are right). Texts are of ordinary
words. Times are of this machine and this moment, so compare sizes of one run.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import Table, insert, update

from gateway.core.lifecycle import Status
from gateway.core.reason import Reason
from gateway.core.ticket import EntryKind, Role
from storage import raw, seals, search
from storage.audit import audit, remember
from storage.database import Database
from storage.erasure.retention import Mode, Retention
from storage.migrate import migrate
from storage.outbox import State
from storage.reads import Wanted
from storage.search_index import SEARCH
from storage.search_words import words_of
from storage.tables import CHAIN, CONTACT, ENTRY, JOURNAL, MESSAGE_ID, OUTBOX, RAW, TICKET
from storage.tx import Tx

MAILS = 3
"""On each ticket."""
SLICE = 1000 * MAILS
PEOPLE = 50_000
LANE = seals.JOURNAL_LANE.format(0)
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
BOX = "support@example.com"


def _vocabulary(chance: random.Random) -> list[str]:
    letters = "aeiourstlnmdgkbpfhwz"
    return ["".join(chance.choices(letters, k=chance.randint(3, 11))) for _ in range(20_000)]


Rows = dict[Table, list[dict[str, Any]]]


class Generator:
    """Fills a database; words as frequent as in a language, so that some stand in nearly every mail."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self.words = _vocabulary(self._chance)
        self._weights = list(itertools.accumulate(1 / (n + 1) for n in range(len(self.words))))
        self._contacts: dict[str, int] = {}
        self._place = 0
        self._link = ""

    def _some(self, words: int) -> list[str]:
        return self._chance.choices(self.words, cum_weights=self._weights, k=words)

    def text(self) -> str:
        return " ".join(self._some(120))

    def fill(self, database: Database, messages: int) -> None:
        for first in range(0, messages, SLICE):
            database.write_now(partial(self.mails, numbers=range(first, min(first + SLICE, messages))))

    def mails(self, tx: Tx, numbers: range) -> None:
        """Whole tickets: a mail a minute; of fifty tickets one stays open."""
        rows: Rows = {t: [] for t in (CONTACT, TICKET, RAW, JOURNAL, ENTRY, OUTBOX, MESSAGE_ID, SEARCH)}
        for first in range(numbers.start, numbers.stop, MAILS):
            self._ticket(first, rows)
        for table, made in rows.items():
            if made:
                tx.connection.execute(insert(table), made)
        end = {"number": self._place, "digest": self._link}
        if not tx.connection.execute(update(CHAIN).where(CHAIN.c.name == LANE).values(**end)).rowcount:
            tx.connection.execute(insert(CHAIN).values(name=LANE, **end))

    def _ticket(self, first: int, rows: Rows) -> None:
        number = first // MAILS + 1
        person, last = number % PEOPLE, SINCE + timedelta(seconds=60 * (first + MAILS - 1))
        address, subject = f"c{person}@customer{number % 997}.example", " ".join(self._some(5))
        if address not in self._contacts:
            # An odd one is left for whom retention puts in their place.
            self._contacts[address] = 2 * number
            named = {"key": address, "address": address, "name": f"Customer {person}"}
            rows[CONTACT].append({"id": 2 * number, **named, "created_at": last})
        rows[SEARCH].append({"ticket": number, "entry_id": None, "words": words_of([subject])})
        sum_ = 0
        for mail in range(first, first + MAILS):
            for table, row in self._mail(mail, number, address, subject):
                rows[table].append(row)
                if table in seals.SUMMED:
                    sum_ = (sum_ + seals.weight(table, row)) % seals.MODULUS
        closed = {"status": Status.CLOSED.value, "closed_at": last, "closed_by": "agent"}
        opened = {"status": Status.WAITING_ON_US.value, "closed_at": None, "closed_by": ""}
        rows[TICKET].append(
            {
                "number": number,
                "subject": subject,
                "mailbox": BOX,
                "requester_id": self._contacts[address],
                "requester_key": address,
                "created_at": SINCE + timedelta(seconds=60 * first),
                "last_activity_at": last,
                "status_at": last,
                "birth": f"b{number}",
                "tags": [],
                "sum": sum_,
                **(closed if number % 50 else opened),
            }
        )

    def _mail(self, number: int, ticket: int, address: str, subject: str) -> Iterator[tuple[Table, dict[str, Any]]]:
        """The rows of a mail of theirs and of ours that answered it."""
        id, at, text = number + 1, SINCE + timedelta(seconds=60 * number), self.text()
        packed = raw.pack(f"Message-ID: <{number}@x>\r\n\r\n{number}".encode())
        kept = {"sha256": packed.sha256, "size": packed.size}
        yield RAW, {**kept, "data": packed.data, "created_at": at}
        came = {**kept, "source": "smtp", "reverse_path": address, "recipients": [BOX], "received_at": at}
        self._place += 1
        self._link = seals.link(self._link, self._place, seals.seal({"remote": "", "authenticated_as": "", **came}))
        reason = Reason.REPLY if number % MAILS else Reason.NEW_REQUEST
        decided = {"state": "settled", "reason": reason, "why": ["correspondence: generated"], "settled_at": at}
        names = {"message_id": f"{number}@x", "ticket": ticket}
        linked = {"lane": LANE, "place": self._place, "link": self._link}
        yield JOURNAL, {"id": id, **came, **decided, **names, **linked}
        said = {"kind": EntryKind.CORRESPONDENCE.value, "author_address": address, "author_role": Role.REQUESTER.value}
        texts = {"body_text": text, "reply_text": text, "attachments": [], "remarks": []}
        yield (
            ENTRY,
            {"id": id, **names, **said, **texts, "sha256": packed.sha256, "journal_id": id, "created_at": at},
        )
        theirs = {"entry_id": id, "outbox_id": None, "journal_id": id, "sha256": packed.sha256}
        yield MESSAGE_ID, {"id": 2 * id - 1, **names, **theirs}
        to = {"notice": "acknowledgement", "audience": "requester", "recipient": address, "recipient_key": address}
        sent = {"state": State.SENT.value, "sent_at": at, "created_at": at, "not_before": at, "files": []}
        ours = {"message_id": f"{number}@ours", "ticket": ticket}
        yield OUTBOX, {"id": id, "entry_id": id, "journal_id": id, "automatic": True, **ours, **to, **sent}
        yield MESSAGE_ID, {"id": 2 * id, **ours, "entry_id": id, "outbox_id": id, "journal_id": None, "sha256": ""}
        yield SEARCH, {"ticket": ticket, "entry_id": id, "words": words_of((text, subject))}


def timed(run: Callable[[], Any], times: int = 5) -> tuple[float, float]:
    """Milliseconds: median, longest."""
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        run()
        took.append(1000 * (time.perf_counter() - begun))
    return statistics.median(took), max(took)


def main(messages: int, keep: Path | None) -> None:
    messages -= messages % MAILS
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
        database.write_now(partial(generator.mails, numbers=range(messages, messages + 100 * MAILS)))
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
