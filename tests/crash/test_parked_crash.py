"""The process dies at the very commit of #snooze, #away, #back, #alias, or of a ticket's coming back: all or nothing.

A child is forked, gets as far as the commit, and is killed there with SIGKILL; then the same work is done by another.
On SQLite, where a killed writer leaves its half in our own file; PostgreSQL's server rolls it back itself.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import event

from gateway import config
from gateway.clock.tickets import tick
from gateway.core.decision import Decision
from gateway.core.token import Keys
from gateway.flow import Desk
from gateway.mail.message import Envelope
from storage import raw
from storage.audit import audit
from storage.database import Database
from storage.tx import Tx
from tests.conftest import NOW, SECRET
from tests.room import ANNA, BASE, ERIKA, LEAD, TEMPLATES

LATER = NOW + timedelta(days=4)


def killed_at_commit(url: str, folder: Path, work: Callable[[Tx], object]) -> None:
    """Another process does the work and dies before it is committed."""
    child = os.fork()
    if child == 0:
        try:
            database = Database(url, folder)
            event.listen(database.engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
            database.write_now(work)
        finally:
            os._exit(1)
    _, ended = os.waitpid(child, 0)
    assert os.WIFSIGNALED(ended)
    assert os.WTERMSIG(ended) == signal.SIGKILL


def mail(author: str, text: str, subject: str) -> tuple[bytes, Envelope]:
    """From somebody who signed in by SMTP."""
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = author, "support@example.com", subject
    m["Message-ID"] = f"<{abs(hash((author, text)))}@mail.example>"
    m.set_content(text)
    return m.as_bytes(), Envelope("smtp", author, ("support@example.com",), "192.0.2.1", author)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(config.policy(config.build(BASE, tmp_path / "replydesk.toml"), Keys(SECRET)), TEMPLATES)


def twice(url: str, folder: Path, database: Database, desk: Desk, letter: tuple[bytes, Envelope]) -> Decision:
    """A mail is journaled; who decides about it dies at the commit, and the next one does it."""
    data, envelope = letter
    id = database.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), NOW))

    def decide(tx: Tx) -> Decision | None:
        return desk.handle(tx, id, desk.read(data, envelope), NOW)

    killed_at_commit(url, folder, decide)
    assert database.read_now(lambda tx: tx.journal.get(id)).state == "pending"
    done = database.write_now(decide)
    assert done is not None
    assert database.read_now(lambda tx: tx.journal.get(id)).state == "settled"
    return done


def mails_to(database: Database, recipient: str) -> int:
    return sum(row.recipient == recipient for row in database.read_now(lambda tx: tx.outbox.recent(limit=100)))


def test_parked_tickets_and_absences(sqlite_url: str, tmp_path: Path, desk: Desk) -> None:
    """Parked or not, away or not; it comes back once, and whoever parked it hears of it once."""
    database = Database(sqlite_url, tmp_path)
    twice(sqlite_url, tmp_path, database, desk, mail(ERIKA, "It burns.", "Help"))
    reference = desk.policy.reference(database.read_now(lambda tx: tx.reads.get(1)))
    twice(sqlite_url, tmp_path, database, desk, mail(ANNA, "#snooze 3d call her", f"Re: [{reference}]"))
    ticket = database.read_now(lambda tx: tx.reads.get(1))
    assert (ticket.snoozed_by, ticket.snooze_note) == (ANNA, "call her")
    twice(sqlite_url, tmp_path, database, desk, mail(LEAD, f"#away to {ANNA}", "away"))
    assert list(database.read_now(lambda tx: tx.absences.now(NOW))) == [LEAD]
    told = mails_to(database, ANNA)
    wake = partial(_wake, desk, LATER)
    killed_at_commit(sqlite_url, tmp_path, wake)
    assert database.read_now(lambda tx: tx.reads.get(1)).snoozed_until is not None
    assert mails_to(database, ANNA) == told
    for _ in range(2):
        database.write_now(wake)
    assert database.read_now(lambda tx: tx.reads.get(1)).snoozed_until is None
    assert mails_to(database, ANNA) == told + 1
    twice(sqlite_url, tmp_path, database, desk, mail(LEAD, "#back", "back"))
    assert database.read_now(lambda tx: tx.absences.now(NOW)) == {}
    assert database.read_now(audit).broken == ()
    database.close_now()


def test_addresses_of_one_person(sqlite_url: str, tmp_path: Path, desk: Desk) -> None:
    """Her tickets are of both or of one; nobody is in between."""
    database = Database(sqlite_url, tmp_path)
    other = "erika@home.example"
    twice(sqlite_url, tmp_path, database, desk, mail(ERIKA, "It burns.", "Help"))
    twice(sqlite_url, tmp_path, database, desk, mail(other, "It burns still.", "Help me"))
    reference = desk.policy.reference(database.read_now(lambda tx: tx.reads.get(2)))

    def state() -> tuple[set[str], int]:
        tickets = database.read_now(lambda tx: tx.reads.search())
        return {t.requester.address for t in tickets}, len(
            database.read_now(lambda tx: tx.second_addresses.person(ERIKA))
        )

    twice(sqlite_url, tmp_path, database, desk, mail(ANNA, f"#alias {ERIKA}", f"Re: [{reference}]"))
    assert state() == ({ERIKA, other}, 0)
    draft = database.read_now(lambda tx: tx.drafts.waiting(NOW, frozenset({ANNA})))[0]
    twice(sqlite_url, tmp_path, database, desk, mail(ANNA, f"#send {draft.id}", f"Re: [{reference}]"))
    assert state() == ({other}, 2)
    twice(sqlite_url, tmp_path, database, desk, mail(ANNA, f"#unalias {ERIKA}", f"Re: [{reference}]"))
    assert state() == ({ERIKA, other}, 0)
    assert database.read_now(audit).broken == ()
    database.close_now()


def _wake(desk: Desk, now: datetime, tx: Tx) -> Decision | None:
    return tick(desk, tx, 1, now)
