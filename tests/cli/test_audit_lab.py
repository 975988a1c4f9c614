"""The audit's laboratory: a desk is damaged in every way we know, one at a time, and each is found.

`make audit-lab` runs it and prints the figures. What cannot be found is in UNSEEN, with the reason; docs/reliability.md
tells it to operators.
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
from pathlib import Path

import pytest

from gateway.core.act import Undo
from gateway.core.lifecycle import Status
from gateway.mail.message import Address
from storage import raw
from storage.outbox import State
from storage.tx import Tx
from tests.cli.conftest import AWAY, BOUNCER, ERIKA, REQUEST, Shop, make
from tests.conftest import NOW

JUNK, OTHER = "00ff", raw.compress(b"other bytes").hex()
LAST_REPLY = "(SELECT max(id) FROM journal WHERE state = 'settled')"
ACK = "(SELECT min(id) FROM outbox WHERE ticket = 2)"
SQL: dict[str, str] = {
    **{
        f"one {table} deleted": f"DELETE FROM {table} WHERE rowid = (SELECT min(rowid) FROM {table})"
        for table in "raw journal entry outbox messageid ticket contact participant link act alembic_version".split()
    },
    **{
        f"the newest {table} deleted": f"DELETE FROM {table} WHERE rowid = (SELECT max(rowid) FROM {table})"
        for table in "raw journal entry outbox messageid ticket participant".split()
    },
    **{
        f"all {table} deleted": f"DELETE FROM {table}"
        for table in (
            "raw journal entry outbox messageid ticket contact participant link act alembic_version chain".split()
        )
    },
    **{f"one {table} doubled": f"DOUBLE {table}" for table in "journal entry messageid ticket act outbox".split()},
    **{
        f"table {table} dropped": f"DROP TABLE {table}"
        for table in "raw journal entry outbox messageid ticket contact job chain".split()
    },
    **{
        f"index {index} dropped": f"DROP INDEX {index}"
        for index in "ix_ticket_status ix_outbox_waiting ix_journal_waiting ix_messageid_message_id ix_raw_kept".split()
    },
    "raw bytes to others": f"UPDATE raw SET data = x'{OTHER}' WHERE rowid = 1",
    "raw bytes to junk": f"UPDATE raw SET data = x'{JUNK}' WHERE rowid = 1",
    "raw bytes to null": "UPDATE raw SET data = NULL WHERE rowid = 1",
    "raw bytes deleted by retention that is off": "UPDATE raw SET data = NULL, deleted_at = created_at WHERE rowid = 1",
    "raw size": "UPDATE raw SET size = size + 1 WHERE rowid = 1",
    "raw bytes swapped": "UPDATE raw SET data = (SELECT data FROM raw AS r WHERE r.sha256 <> raw.sha256 LIMIT 1)",
    "journal to another mail": "UPDATE journal SET sha256 = (SELECT sha256 FROM journal WHERE id = 2) WHERE id = 1",
    "journal sender": "UPDATE journal SET reverse_path = 'mallory@evil.example' WHERE id = 1",
    "journal recipients": "UPDATE journal SET recipients = '[\"other@example.com\"]' WHERE id = 1",
    "journal time": "UPDATE journal SET received_at = '2020-01-01 00:00:00.000000' WHERE id = 1",
    "journal size": "UPDATE journal SET size = 1 WHERE id = 1",
    "journal peer": "UPDATE journal SET remote = '203.0.113.9' WHERE id = 1",
    "journal source": "UPDATE journal SET source = 'pipe' WHERE id = 1",
    "journal link": "UPDATE journal SET link = '' WHERE id = 1",
    "journal settled to pending": "UPDATE journal SET state = 'pending' WHERE id = 1",
    "journal held to settled": "UPDATE journal SET state = 'settled' WHERE state = 'held'",
    "journal reason emptied": "UPDATE journal SET reason = '' WHERE id = 1",
    "journal ticket": "UPDATE journal SET ticket = NULL WHERE id = 1",
    "journal state unknown": "UPDATE journal SET state = 'lost' WHERE id = 1",
    "entry text": "UPDATE entry SET body_text = 'All is well.' WHERE id = 1",
    "entry new text": "UPDATE entry SET reply_text = 'All is well.' WHERE id = 1",
    "entry files": "UPDATE entry SET attachments = '[]' WHERE id = 1",
    "entry mail": "UPDATE entry SET sha256 = (SELECT sha256 FROM journal WHERE id = 2) WHERE id = 1",
    "entry mail to null": "UPDATE entry SET sha256 = NULL WHERE id = 1",
    "entry journal": "UPDATE entry SET journal_id = 2 WHERE id = 1",
    "entry ticket": "UPDATE entry SET ticket = 2 WHERE id = 1",
    "entry author": "UPDATE entry SET author_address = 'mallory@evil.example' WHERE id = 1",
    "entry kind": "UPDATE entry SET kind = 'comment' WHERE id = 1",
    "entry time": "UPDATE entry SET created_at = '2020-01-01 00:00:00.000000' WHERE id = 1",
    "entry side": "UPDATE entry SET side = 2 WHERE id = 1",
    "ticket requester": "UPDATE ticket SET requester_id = (SELECT max(id) FROM contact) WHERE number = 1",
    "ticket requester key": "UPDATE ticket SET requester_key = 'mallory@evil.example' WHERE number = 1",
    "ticket status": "UPDATE ticket SET status = 'open' WHERE number = 1",
    "ticket merged into nothing": "UPDATE ticket SET merged_into = 77 WHERE number = 1",
    "ticket sum": "UPDATE ticket SET sum = 0 WHERE number = 1",
    "outbox recipient": f"UPDATE outbox SET recipient = 'mallory@evil.example' WHERE id = {ACK}",
    "outbox recipient key": f"UPDATE outbox SET recipient_key = 'mallory@evil.example' WHERE id = {ACK}",
    "outbox message-id": f"UPDATE outbox SET message_id = 'other@example.com' WHERE id = {ACK}",
    "outbox notice": f"UPDATE outbox SET notice = 'reply' WHERE id = {ACK}",
    "outbox ticket": f"UPDATE outbox SET ticket = 1 WHERE id = {ACK}",
    "outbox time": f"UPDATE outbox SET created_at = '2020-01-01 00:00:00.000000' WHERE id = {ACK}",
    "outbox text to junk": f"UPDATE outbox SET data = x'{JUNK}' WHERE id = {ACK}",
    "outbox text gone": "UPDATE outbox SET data = NULL WHERE state = 'pending'",
    "outbox sent to pending": "UPDATE outbox SET state = 'pending' WHERE state = 'sent'",
    "outbox sent without a time": "UPDATE outbox SET sent_at = NULL WHERE state = 'sent'",
    "outbox pending to sent": "UPDATE outbox SET state = 'sent' WHERE state = 'pending'",
    "outbox pending to failed": "UPDATE outbox SET state = 'failed' WHERE state = 'pending'",
    "messageid id": "UPDATE messageid SET message_id = 'other@example.com' WHERE id = 1",
    "messageid ticket": "UPDATE messageid SET ticket = 2 WHERE id = 1",
    "messageid content": "UPDATE messageid SET sha256 = 'f' WHERE id = 1",
    "participant address": "UPDATE participant SET address = 'mallory@evil.example', key = 'mallory@evil.example'",
    "participant confirmed": "UPDATE participant SET confirmed = NOT confirmed",
    "link to another": "UPDATE link SET other = 3",
    "order of another agent": "UPDATE act SET agent = 'mallory@evil.example'",
    "a reply and all that came of it": (
        f"DELETE FROM messageid WHERE journal_id = {LAST_REPLY} OR outbox_id IN (SELECT id FROM outbox WHERE "
        f"journal_id = {LAST_REPLY}); DELETE FROM outbox WHERE journal_id = {LAST_REPLY}; "
        "DELETE FROM entry WHERE journal_id = "
        f"{LAST_REPLY}; DELETE FROM raw WHERE sha256 = (SELECT sha256 FROM journal WHERE id = {LAST_REPLY}); "
        f"DELETE FROM journal WHERE id = {LAST_REPLY}"
    ),
    "an acknowledgement and its id": (
        f"DELETE FROM messageid WHERE outbox_id = {ACK}; DELETE FROM outbox WHERE id = {ACK}"
    ),
}
UNSEEN = {
    "contact name": "UPDATE contact SET name = 'Mallory' WHERE id = 1",
    "contact password": "UPDATE contact SET password_hash = 'x' WHERE id = 1",
    "ticket subject": "UPDATE ticket SET subject = 'Something else' WHERE number = 1",
    "ticket assignee": "UPDATE ticket SET assignee = 'bob@example.com' WHERE number = 1",
    "decision's sentences": "UPDATE journal SET why = '[]' WHERE id = 1",
    "job rows": "DELETE FROM job",
}
"""What changes in everyday work, or is made anew by itself: nothing says what it should be."""
PLAIN = frozenset({"contact", "job", "outbox", "ticket", "journal", "chain", "alarm"})
"""Tables with columns of that kind: a bit that changes one of them may stay unseen."""


def fill(shop: Shop) -> None:
    """Three tickets, replies, mails sent, an order, a link, a duplicate and a held mail."""
    for n, text in enumerate(("Drucker", "Scanner", "Kopierer")):
        shop.feed(REQUEST.replace("request-1", f"request-{n}").replace("nicht", f"nicht der {text}"))
    for mail, envelope in ((AWAY, BOUNCER), (REQUEST.replace("request-1", "request-0"), ERIKA), ("\n", ERIKA)):
        shop.feed(mail, envelope)

    def more(tx: Tx) -> None:
        tx.acts.record(1, Undo("#close", "anna@example.com", Status.NEW), 1, 1, NOW)
        tx.tickets._link(1, 2, "follows", NOW)
        rows = tx.claims.take("lab", 1, 60, NOW)
        assert rows
        tx.claims.settle(rows[0][0].id, "lab", State.SENT, "250 ok", now=NOW)
        tx.jobs.introduce("tickets", NOW)
        tx.contacts.ensure(Address("bob@customer.example"), NOW)

    shop.database.write_now(more)
    answers = "In-Reply-To: <request-2@customer.example>\nSubject:"
    shop.feed(REQUEST.replace("request-1", "reply-1").replace("Subject:", answers))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, _sqlite_template: Path) -> bytes:
    """A desk with three tickets, replies, mails sent, an order, a link, a duplicate and a held mail."""
    folder = tmp_path_factory.mktemp("lab")
    (folder / "var").mkdir()
    file = folder / "var" / "replydesk.sqlite3"
    file.write_bytes(_sqlite_template.read_bytes())
    shop = make(folder, f"sqlite:///{file}", None)  # type: ignore[arg-type]  # nothing is printed
    fill(shop)
    with shop.database.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # type: ignore[union-attr]
    shop.database.close_now()
    return file.read_bytes()


@pytest.fixture
def lab(whole: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Shop:
    (tmp_path / "var").mkdir()
    file = tmp_path / "var" / "replydesk.sqlite3"
    file.write_bytes(whole)
    return make(tmp_path, f"sqlite:///{file}", capsys)


def path(lab: Shop) -> Path:
    return Path(lab.database.engine.url.database or "")


def found(lab: Shop) -> bool:
    """The command says that something is wrong, and does not break down over it."""
    lab.database.close_now()
    code = lab.run("audit")
    said = lab.capsys.readouterr()
    assert code in (0, 1), said.err
    assert ("BROKEN" in said.out) is (code == 1), said.out
    return code == 1


def damage(file: Path, statements: str) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        if statements.startswith("DOUBLE"):
            table = statements.split()[1]
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if not row[5]]
            made = ", ".join(f"{c} || '-2'" if (table, c) == ("outbox", "message_id") else c for c in columns)
            statements = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {made} FROM {table} LIMIT 1"
        for statement in statements.split("; "):
            connection.execute(statement)
        connection.commit()


def test_nothing_is_found_where_nothing_is_wrong(lab: Shop) -> None:
    """Neither at first nor since the last time."""
    assert not found(lab)
    assert lab.run("audit", "--since-last") == 0


@pytest.mark.parametrize("statements", [pytest.param(sql, id=name) for name, sql in SQL.items()])
def test_found(lab: Shop, statements: str) -> None:
    """Whatever is removed, doubled or altered of what must stay."""
    damage(path(lab), statements)
    if "alembic_version" in statements:
        lab.database.close_now()
        assert lab.run("audit") == 1, "no database of this version"
        return
    assert found(lab)


@pytest.mark.parametrize("statements", [pytest.param(sql, id=name) for name, sql in UNSEEN.items()])
def test_not_found_and_why(lab: Shop, statements: str) -> None:
    """docs/reliability.md says so; who makes one of these visible moves it up."""
    damage(path(lab), statements)
    assert not found(lab)


@pytest.mark.parametrize("how", ["halved", "a page less", "a byte less", "emptied", "removed"])
def test_a_file_that_was_cut(lab: Shop, how: str) -> None:
    """Never taken for a database that is away for a while."""
    file = path(lab)
    lab.database.close_now()
    data = file.read_bytes()
    sizes = {"halved": len(data) // 2, "a page less": len(data) - 4096, "a byte less": len(data) - 1, "emptied": 0}
    if how == "removed":
        file.unlink()
    else:
        file.write_bytes(data[: sizes[how]])
    assert lab.run("audit") == 1


@pytest.mark.parametrize("seed", range(5))
def test_pages_of_noise(lab: Shop, whole: bytes, seed: int) -> None:
    """Anywhere in the file but its first page."""
    chance = random.Random(seed)
    page = chance.randrange(1, len(whole) // 4096)
    path(lab).write_bytes(whole[: page * 4096] + chance.randbytes(4096) + whole[(page + 1) * 4096 :])
    assert found(lab)


def _says(file: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        return set(connection.iterdump())


@pytest.mark.parametrize("seed", range(20))
def test_a_single_bit(lab: Shop, whole: bytes, seed: int) -> None:
    """Found, unless it lies where nothing is kept, or in a column nobody knows the right value of."""
    chance = random.Random(seed)
    place = chance.randrange(4096, len(whole))
    file = path(lab)
    before = _says(file)
    data = bytearray(whole)
    data[place] ^= 1 << chance.randrange(8)
    file.write_bytes(data)
    if found(lab):
        return
    changed = {line.split('"')[1] for line in before ^ _says(file) if line.startswith("INSERT")}
    assert changed <= PLAIN
