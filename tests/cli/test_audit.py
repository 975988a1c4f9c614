"""The audit finds each kind of damage, on both databases, and names the row."""

from __future__ import annotations

import secrets
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from storage import raw
from storage.audit import EXAMPLES, RULES, audit
from storage.database import Database
from tests.cli.conftest import AWAY, BOUNCER, ERIKA, REQUEST, Shop, make


@pytest.fixture
def shop(tmp_path: Path, database_url: str, capsys: pytest.CaptureFixture[str]) -> Iterator[Shop]:
    """One ticket with a file, an automatic answer, a duplicate and a held mail, on either database."""
    found = make(tmp_path, database_url, capsys)
    for mail, envelope in ((REQUEST, ERIKA), (AWAY, BOUNCER), (REQUEST, ERIKA), ("\n", ERIKA)):
        found.feed(mail, envelope)
    yield found
    found.database.close_now()


def damage(database: Database, *statements: str) -> None:
    """Run SQL behind the database's back: no foreign key is looked at."""
    if database.is_sqlite:
        connection = sqlite3.connect(database.engine.url.database or "")
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return
    with database.engine.begin() as session:
        session.execute(text("SET LOCAL session_replication_role = replica"))
        for statement in statements:
            session.execute(text(statement))


def broken(database: Database) -> dict[str, tuple[str, ...]]:
    return {b.rule.name: b.examples for b in database.read_now(audit).broken}


@pytest.mark.parametrize("watched", [True, False])
def test_who_watches_sees_how_far_it_is(shop: Shop, monkeypatch: pytest.MonkeyPatch, watched: bool) -> None:
    """A terminal gets a line that is written over, a file nothing."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: watched)
    shop.capsys.readouterr()
    assert shop.run("audit") == 0
    said = shop.capsys.readouterr().err
    assert said.count(f" of {len(RULES)} promises looked at") == (len(RULES) + 1) * watched
    assert said.endswith(f"[{'#' * 30}] {len(RULES)} of {len(RULES)} promises looked at\n" * watched)


HASH = "0" * 64
OTHER_BYTES = raw.compress(b"other bytes").hex()
SQLITE_BYTES, POSTGRESQL_BYTES = "x'{}'", "'\\x{}'"

DAMAGE: list[tuple[str, str, str]] = [
    ("journal-state", "UPDATE journal SET state = 'lost' WHERE id = 2", "journal entry 2 is 'lost'"),
    ("settled-reason", "UPDATE journal SET reason = '' WHERE id = 1", "journal entry 1 has none"),
    ("held-cause", "UPDATE journal SET cause = '' WHERE id = 4", "journal entry 4 has none"),
    (
        "heard",
        "UPDATE journal SET reason = 'new-request' WHERE id = 3",
        "journal entry 3 (new-request) reads like a person's and reached nobody",
    ),
    (
        "settled-ticket",
        "UPDATE journal SET ticket = NULL WHERE id = 1",
        "journal entry 1 is settled as new-request, without a ticket",
    ),
    (
        "settled-entry",
        "UPDATE entry SET journal_id = NULL",
        "journal entry 1 is settled as new-request on ticket 1, without an entry",
    ),
    (
        "duplicate-twin",
        "DELETE FROM messageid WHERE message_id = 'request-1@customer.example'",
        "journal entry 3 is a duplicate of a mail <request-1@customer.example> that nobody remembers",
    ),
    ("search", "DELETE FROM search WHERE entry_id = 1", "entry 1 of ticket 1 is not"),
    ("waiting-bytes", "UPDATE raw SET data = NULL, deleted_at = created_at", "journal entry 4 is held and has none"),
    ("waiting-bytes", "UPDATE journal SET sha256 = NULL WHERE state = 'held'", "journal entry 4 is held and has none"),
    ("settled-bytes", "UPDATE journal SET sha256 = NULL WHERE id = 1", "journal entry 1 names none"),
    ("deleted-bytes", "UPDATE raw SET data = NULL", "nothing says that they were deleted"),
    ("raw-bytes", "UPDATE raw SET data = {bytes}", "is kept as 11 other bytes"),
    ("raw-bytes", "UPDATE raw SET data = {junk}", "cannot be unpacked"),
    ("raw-bytes", "UPDATE raw SET size = size + 1", "bytes) is kept as"),
    ("raw-owner", "DELETE FROM journal WHERE id = 2", "has neither a journal entry nor an entry on a ticket"),
    ("entry-raw", "UPDATE entry SET sha256 = NULL", "entry 1 of ticket 1 came with journal entry 1 and names none"),
    ("ticket-entry", "DELETE FROM entry", "ticket 1 has none"),
    ("ticket-status", "UPDATE ticket SET status = 'open'", "ticket 1 is 'open'"),
    ("outbox-state", "UPDATE outbox SET state = '' WHERE id = 1", "outbox entry 1 is ''"),
    ("sent-time", "UPDATE outbox SET state = 'sent' WHERE id = 1", "outbox entry 1 has none"),
    ("failed-reply", "UPDATE outbox SET state = 'failed' WHERE id = 1", "outbox entry 1 does not"),
    ("outbox-bytes", "UPDATE outbox SET data = {junk} WHERE id = 2", "outbox entry 2 cannot be unpacked"),
    ("outbox-bytes", "UPDATE outbox SET data = NULL WHERE id = 2", "outbox entry 2 waits and has no text"),
    (
        "outbox-files",
        f'UPDATE outbox SET files = \'[{{{{"raw": "{HASH}", "part": "2", "filename": "a.txt"}}}}]\'',
        f"outbox entry 1 is to carry a.txt of mail {HASH}, which is not there",
    ),
    ("message-id-kept", "UPDATE messageid SET outbox_id = NULL", "outbox entry 1: <"),
    ("references", "DELETE FROM raw", "journal 1: its sha256 is "),
    ("references", "DELETE FROM ticket", "outbox 1: its ticket is 1, and there is none such"),
    ("references", "DELETE FROM contact", "ticket 1: its requester_id is 1, and there is none such"),
    ("references", "UPDATE ticket SET merged_into = 77", "ticket 1: its merged_into is 77, and there is none such"),
    (
        "journal-chain",
        "UPDATE journal SET reverse_path = 'x' WHERE id = 1",
        "journal entry 1 is not what was written down",
    ),
    ("ticket-sum", "UPDATE entry SET body_text = 'x'", "of ticket 1 an entry"),
    ("gone-bytes", "UPDATE raw SET data = NULL, deleted_at = created_at", "mails have no bytes"),
    ("pending-new", "UPDATE journal SET state = 'pending' WHERE id = 1", "journal entry 1 is pending and was settled"),
    ("sent-once", "UPDATE outbox SET sent_at = created_at WHERE id = 1", "outbox entry 1 was sent at"),
    ("requester", "UPDATE ticket SET requester_key = 'x'", "ticket 1 is of x"),
    ("references", "UPDATE entry SET sha256 = 'gone'", "entry 1: its sha256 is gone, and there is none such"),
]


@pytest.mark.parametrize(("rule", "statement", "said"), DAMAGE, ids=lambda v: v if len(v) < 20 else "")
def test_damage_is_found(shop: Shop, rule: str, statement: str, said: str) -> None:
    """A row that breaks a promise is named in a sentence, and the command ends with 1."""
    assert broken(shop.database) == {}
    form = SQLITE_BYTES if shop.database.is_sqlite else POSTGRESQL_BYTES
    damage(shop.database, statement.format(bytes=form.format(OTHER_BYTES), junk=form.format("00ff")))
    found = broken(shop.database)
    assert rule in found
    assert any(said in example for example in found[rule])
    assert shop.run("audit") == 1
    assert said in shop.capsys.readouterr().out


def test_a_message_id_used_twice_is_found(shop: Shop) -> None:
    """Even where the index that forbids it is gone."""
    columns = (
        "state, notice, audience, recipient, recipient_key, message_id, automatic, data, files, attempts, doubts, "
    )
    columns += "created_at, not_before, claimed_by, reverse_path, last_reply"
    copy = f"INSERT INTO outbox ({columns}) SELECT {columns} FROM outbox WHERE id = 1"
    if shop.database.is_sqlite:
        damage(
            shop.database,
            "CREATE TABLE copy AS SELECT * FROM outbox",
            "DROP TABLE outbox",
            "ALTER TABLE copy RENAME TO outbox",
            copy,
        )
    else:
        damage(shop.database, "ALTER TABLE outbox DROP CONSTRAINT outbox_message_id_key", copy)
    (said,) = broken(shop.database)["message-id"]
    assert said.startswith("more than one mail of ours is <rd.1.c.")


def test_every_rule_has_damage_that_breaks_it() -> None:
    """A rule nothing can break proves nothing."""
    elsewhere = {"message-id", "pages", "shape"}
    assert {rule.name for rule in RULES} == {name for name, _, _ in DAMAGE} | elsewhere


def test_a_damaged_file_is_a_finding(sqlite_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Pages of the file that were overwritten are found, and the audit does not break down."""
    shop = make(tmp_path, sqlite_url, capsys)
    for n in range(40):
        shop.feed(REQUEST.replace("request-1", f"request-{n}").replace("Drucker", secrets.token_hex(8_000)))
    damage(shop.database, "PRAGMA wal_checkpoint(TRUNCATE)")
    shop.database.close_now()
    file = tmp_path / "var" / "replydesk.sqlite3"
    data = bytearray(file.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 8 * 4096] = b"\xa5" * (8 * 4096)
    file.write_bytes(data)
    assert shop.run("audit") == 1
    assert "BROKEN  The database file is whole." in capsys.readouterr().out


def test_much_damage_is_counted_not_listed(shop: Shop) -> None:
    """The list stays readable, and memory bounded, however much is wrong."""
    for n in range(EXAMPLES + 5):
        shop.feed(REQUEST.replace("request-1", f"request-x{n}"))
    damage(shop.database, "UPDATE journal SET reason = '' WHERE state = 'settled'")
    shop.capsys.readouterr()
    assert shop.run("audit", "--json") == 1
    found = [b for b in shop.database.read_now(audit).broken if b.rule.name == "settled-reason"]
    assert (found[0].count, len(found[0].examples)) == (EXAMPLES + 8, EXAMPLES)
    shop.capsys.readouterr()
    shop.run("audit")
    assert "… and 8 more" in shop.capsys.readouterr().out


def test_the_audit_changes_nothing_and_sees_one_moment(shop: Shop) -> None:
    """It runs beside a daemon that writes."""
    report = shop.database.read_now(audit)
    assert report.broken == ()
    assert report.counts["journal"] == {"pending": 0, "settled": 3, "held": 1}
    assert report.counts["raw"]["mails"] == 3
    shop.feed(REQUEST.replace("request-1", "later"))
    assert shop.database.read_now(audit).counts["journal"]["settled"] == 4
