"""The proof of promise number one: no accepted mail was lost. Reads everything, changes nothing.

`RULES` is the promise, sentence by sentence; each rule looks for rows that break it. All of it
is one snapshot, read in a stream: memory does not grow with the database.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import (
    Connection,
    Table,
    func,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError, OperationalError

from gateway.errors import StorageUnavailable, StorageUnusable
from storage import audit_since
from storage.audit_rules import RULES, AuditRule
from storage.audit_since import Since
from storage.tables import CONTACT, ENTRY, RAW
from storage.tx import Tx

__all__ = ["EXAMPLES", "RULES", "AuditReport", "AuditRule", "Broken", "Since", "audit", "damaged", "remember", "wreck"]

EXAMPLES = 20
"""Rows named per broken rule; the others are counted."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that does not hold."""

    rule: AuditRule
    count: int
    examples: tuple[str, ...]


Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class AuditReport:
    counts: dict[str, dict[str, int]]
    """Empty when nobody asked, and when the database is too damaged to count."""
    broken: tuple[Broken, ...]
    newest: dict[str, int]
    """By table, the newest row that was looked at."""
    since: Since


def unwatched(done: int, total: int) -> None:
    """Nobody looks."""


def audit(tx: Tx, *, since_last: bool = False, counted: bool = True, progress: Progress = unwatched) -> AuditReport:
    """Look at every row. It must be all that is done in its transaction, which it begins and ends.

    `since_last`: bytes, chain and sums only of what came since the last audit that found nothing, and of the other rows
    only some in turn where they are many (`audit_since`). `counted`: say how many rows there are, too. `progress` is
    told how many of how many promises are looked at.
    """
    connection = tx.connection
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
    since = audit_since.since_last(connection) if since_last else Since()
    broken = broken_rules(connection, since, progress)
    try:
        counts, newest = _counts(tx) if counted else {}, audit_since.newest(connection)
    except DatabaseError as error:
        if not damaged(error):
            raise
        counts, newest = {}, {}
    # Nothing was written, and a damaged file refuses even an empty commit.
    connection.rollback()
    return AuditReport(counts, broken, newest, since)


def remember(tx: Tx, report: AuditReport) -> None:
    """The next audit since the last may begin where this one, which found nothing, ended."""
    audit_since.remember(tx.connection, report.newest, report.since)


def damaged(error: BaseException) -> str:
    """What a damaged database said; empty when the error is another one, as of a database that is locked or away."""
    while isinstance(error, StorageUnusable) and error.__cause__:
        error = error.__cause__
    said = str(getattr(error, "orig", None) or error)
    wrecked = any(
        words in said for words in ("malformed", "not a database", "no such", "disk I/O", "file is encrypted")
    )
    operational = isinstance(error, OperationalError | StorageUnavailable)
    return said if wrecked or (isinstance(error, DatabaseError) and not operational) else ""


def wreck(said: str) -> AuditReport:
    """The report on a database that cannot even be opened."""
    pages = next(rule for rule in RULES if rule.name == "pages")
    return AuditReport({}, (Broken(pages, 1, (said,)),), {}, Since())


def broken_rules(
    connection: Connection, since: Since | None = None, progress: Progress = unwatched
) -> tuple[Broken, ...]:
    """What each rule finds, in the transaction there is."""
    applied: list[Broken | None] = []
    for rule in RULES:
        progress(len(applied), len(RULES))
        applied.append(_applied(rule, connection, since or Since()))
    progress(len(RULES), len(RULES))
    return tuple(filter(None, applied))


def _applied(rule: AuditRule, connection: Connection, since: Since) -> Broken | None:
    examples: list[str] = []
    count = 0
    try:
        with connection.begin_nested():
            for sentence in rule.find(connection, since):
                count += 1
                if count <= EXAMPLES:
                    examples.append(sentence)
    except DatabaseError as error:
        if not damaged(error):
            raise
        # A damaged file: that is a finding, and the other rules may still find more.
        count += 1
        examples.append(f"the database cannot be read: {error.orig}")
    return Broken(rule, count, tuple(examples)) if count else None


def _counts(tx: Tx) -> dict[str, dict[str, int]]:
    def total(table: Table) -> int:
        return int(tx.connection.execute(select(func.count()).select_from(table)).scalar_one())

    size = tx.connection.execute(select(func.coalesce(func.sum(RAW.c.size), 0))).scalar_one()
    return {
        "journal": tx.journal.counts(),
        "raw": {"mails": total(RAW), "bytes": int(size)},
        "tickets": tx.reads.counts(),
        "entries": {"all": total(ENTRY)},
        "outbox": tx.outbox.counts(),
        "contacts": {"all": total(CONTACT)},
    }
