"""The outbox in the store: every mail in one hand at a time, and never forgotten."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core.notice import AttachedFile, Audience, Notice, Outbound
from gateway.core.thread import Key, ThreadKeys, of_outbox
from gateway.core.ticket import Evidence
from gateway.errors import UnknownEntry
from gateway.mail.message import Address, Envelope
from gateway.render import examples
from storage import raw
from storage.claims import DIED_SENDING
from storage.database import Database
from storage.outbox import OutboxEntry, State
from storage.tx import Tx
from tests.conftest import NOW
from tests.core.build import KIM, LEE
from tests.storage.test_tickets import opening

EXAMPLE = examples.outbounds(Notice.REPLY, "en")[0]
MESSAGE = b"From: support@example.com\r\n\r\nHello\r\n"
FILE = AttachedFile("0" * 64, "2", "bill.pdf", "application/pdf")
LATER = NOW + timedelta(minutes=10)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    opened = Database(database_url, Path())
    yield opened
    opened.close_now()


def mail(number: int = 1, recipient: Address = KIM, **fields: object) -> Outbound:
    plain = replace(EXAMPLE, recipient=recipient, message_id=f"{number}@example.com", ticket=0, files=(FILE,))
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def add(db: Database, *mails: Outbound, **fields: object) -> list[int]:
    def put(tx: Tx) -> list[int | None]:
        return [tx.outbox.add(m, MESSAGE, NOW, **fields) for m in mails or (mail(),)]  # type: ignore[arg-type]

    return [id for id in db.write_now(put) if id is not None]


def claim(db: Database, holder: str = "a", now: object = NOW, limit: int = 10, seconds: int = 60) -> list[OutboxEntry]:
    rows = db.write_now(lambda tx: tx.claims.take(holder, limit, seconds, now))  # type: ignore[arg-type]
    assert all(data == MESSAGE for _, data in rows)
    return [row for row, _ in rows]


def settle(db: Database, id: int, state: State, holder: str = "a", reply: str = "250 ok", **fields: object) -> bool:
    return db.write_now(lambda tx: tx.claims.settle(id, holder, state, reply, now=NOW, **fields))  # type: ignore[arg-type]


def get(db: Database, id: int) -> OutboxEntry:
    return db.read_now(lambda tx: tx.outbox.get(id))


def test_a_mail_in_line(db: Database) -> None:
    """All that is needed to send it, and its id leads to its ticket from now on."""
    db.write_now(lambda tx: tx.tickets.apply(opening(), None, NOW))
    (id,) = add(db, mail(ticket=1, auto_submitted="auto-replied", reverse_path=""))
    row = get(db, id)
    assert (row.state, row.notice, row.audience, row.recipient) == ("pending", "reply", "customer", KIM.address)
    assert (row.message_id, row.ticket, row.automatic, row.files) == ("1@example.com", 1, True, (FILE,))
    assert (row.attempts, row.reverse_path, row.not_before) == (0, "", NOW)
    assert db.read_now(lambda tx: tx.outbox.message(id)) == MESSAGE
    keys = ThreadKeys((Key(Evidence.KNOWN_MESSAGE_ID, message_id="1@example.com"),))
    assert db.read_now(lambda tx: tx.threads.known(keys)).messages == {"1@example.com": 1}


def test_the_same_mail_is_put_in_line_once(db: Database) -> None:
    """Its Message-ID says that it is the same."""
    assert len(add(db, mail(), mail(), mail(2))) == 2


def test_only_what_is_due_is_claimed(db: Database) -> None:
    """In the order decided, as many as wanted, and one for a recipient at a time."""
    add(db, mail(1), mail(2), mail(3, LEE), not_before=NOW)
    add(db, mail(4, Address("pat@customer.example")), not_before=LATER)
    assert [r.message_id for r in claim(db, limit=1)] == ["1@example.com"]
    assert [r.message_id for r in claim(db, "b")] == ["3@example.com"]
    assert claim(db, "c") == []
    assert db.read_now(lambda tx: tx.claims.next_due()) == NOW


@pytest.mark.parametrize("state", [State.SENT, State.FAILED])
def test_what_ended_is_never_claimed_again(db: Database, state: State) -> None:
    """Sent or refused for good, with the relay's last words."""
    (id,) = add(db)
    claim(db)
    assert settle(db, id, state, reply="x" * 5000)
    row = get(db, id)
    assert (row.state, row.attempts, len(row.last_reply)) == (state.value, 1, 2000)
    assert (row.sent_at is not None) is (state is State.SENT)
    assert claim(db, "b", LATER + timedelta(days=9)) == []
    assert db.read_now(lambda tx: tx.claims.next_due()) is None


def test_what_was_deferred_comes_again_at_its_time(db: Database) -> None:
    """Not before."""
    (id,) = add(db)
    claim(db)
    settle(db, id, State.DEFERRED, reply="451 later", not_before=LATER)
    assert claim(db, "b") == []
    assert get(db, id).next_attempt_at == LATER
    assert [r.id for r in claim(db, "b", LATER)] == [id]


def test_a_claim_that_was_lost_settles_nothing(db: Database) -> None:
    """Another holder has it, or the operator took it out: what the first one says is too late."""
    (id,) = add(db)
    claim(db, seconds=1)
    db.write_now(lambda tx: tx.claims.expire(LATER))
    claim(db, "b", LATER)
    before = get(db, id)
    assert not settle(db, id, State.SENT)
    assert not settle(db, id, State.FAILED, "nobody")
    assert get(db, id) == before
    assert settle(db, id, State.SENT, "b")
    assert not settle(db, id, State.FAILED, "b")


def test_a_claim_runs_out_in_doubt(db: Database) -> None:
    """Nobody knows how far its holder came: once more under the same id, then the operator decides."""
    (id,) = add(db)
    claim(db, seconds=60)
    assert db.write_now(lambda tx: tx.claims.begin(id, "a", NOW))
    assert db.write_now(lambda tx: tx.claims.expire(NOW + timedelta(seconds=60))) == []
    (row,) = db.write_now(lambda tx: tx.claims.expire(LATER))
    assert (row.state, row.attempts, row.doubts, row.last_reply) == ("uncertain", 1, 1, DIED_SENDING)
    assert [r.message_id for r in claim(db, "b", LATER)] == ["1@example.com"]
    assert db.write_now(lambda tx: tx.claims.begin(id, "b", LATER))
    assert [r.id for r in db.write_now(lambda tx: tx.claims.expire(LATER, ["b"]))] == [id]
    assert claim(db, "c", LATER) == []
    assert get(db, id).waits_for_operator
    db.write_now(lambda tx: tx.outbox.retry(id, LATER))
    assert [r.id for r in claim(db, "c", LATER)] == [id]


def test_what_was_given_back_is_as_before(db: Database) -> None:
    """Nothing of it was sent, so no attempt is counted."""
    (id,) = add(db)
    before = get(db, id)
    claim(db)
    db.write_now(lambda tx: tx.claims.release([id], "b"))
    assert get(db, id).state == "claimed"
    db.write_now(lambda tx: tx.claims.release([id], "a"))
    assert get(db, id) == before


def test_two_holders_never_have_the_same_mail(database_url: str) -> None:
    """Four threads claim and settle until nothing is left: each mail went once."""
    db = Database(database_url, Path())
    ids = add(db, *(mail(n, Address(f"{n}@customer.example")) for n in range(40)))
    taken: list[list[int]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def work(n: int) -> None:
        start.wait(20)
        while rows := claim(db, f"holder-{n}", limit=3):
            taken[n] += [row.id for row in rows]
            assert all(settle(db, row.id, State.SENT, f"holder-{n}") for row in rows)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    counts = db.read_now(lambda tx: tx.outbox.counts())
    db.close_now()
    assert sorted(id for some in taken for id in some) == ids
    assert counts["sent"] == 40


def test_a_mail_that_did_not_leave_can_be_recalled(db: Database) -> None:
    """What was tried, is claimed or was sent cannot: it may have arrived. Agents' mails are none of it."""
    journal = db.write_now(lambda tx: tx.journal.append(Envelope("smtp", "", ()), raw.pack(b"x"), NOW))
    people = [Address(f"{n}@customer.example") for n in range(4)]
    ids = add(db, *(mail(n, p) for n, p in enumerate(people)), journal_id=journal)
    agents = add(db, mail(9, Address("anna@example.com"), audience=Audience.AGENT), journal_id=journal)
    others = add(db, mail(10, Address("x@customer.example")))
    for row in claim(db, limit=3):
        if row.id != ids[2]:
            settle(db, row.id, State.SENT if row.id == ids[0] else State.DEFERRED, not_before=LATER)
    assert db.write_now(lambda tx: tx.outbox.recall(journal)) == 1
    states = [get(db, id).state for id in (*ids, *agents, *others)]
    assert states == ["sent", "deferred", "claimed", "recalled", "pending", "pending"]


@pytest.mark.parametrize("state", [State.SENT, State.CLAIMED])
def test_the_operator_cannot_touch_what_left_or_is_leaving(db: Database, state: State) -> None:
    """Neither retry nor drop."""
    (id,) = add(db)
    claim(db)
    if state is State.SENT:
        settle(db, id, state)
    for verb in ("retry", "drop"):
        with pytest.raises(UnknownEntry, match=state.value):
            db.write_now(lambda tx, v=verb: tx.outbox.retry(id, NOW) if v == "retry" else tx.outbox.drop(id))  # type: ignore[misc]


@pytest.mark.parametrize("verb", ["retry", "drop"])
def test_what_is_claimed_while_the_operator_speaks_stays_claimed(db: Database, verb: str) -> None:
    """The verb waits for the claim, is refused, and what the holder says of the mail counts."""
    (id,) = add(db)
    said: list[str] = []

    def operator() -> None:
        try:
            db.write_now(lambda tx: tx.outbox.retry(id, NOW) if verb == "retry" else tx.outbox.drop(id))
        except UnknownEntry as error:
            said.append(str(error))

    other = threading.Thread(target=operator)

    def claimed(tx: Tx) -> None:
        tx.claims.take("a", 10, 60, NOW)
        other.start()
        other.join(0.5)  # it waits for us

    db.write_now(claimed)
    other.join(20)
    assert "claimed" in said[0]
    assert settle(db, id, State.DEFERRED, not_before=NOW)
    assert [r.id for r in claim(db)] == [id]


def test_the_operator_drops_and_retries(db: Database) -> None:
    """A dropped mail stays in the list as failed; a retry sends it after all."""
    (id,) = add(db)
    db.write_now(lambda tx: tx.outbox.drop(id))
    assert (get(db, id).state, claim(db)) == ("failed", [])
    db.write_now(lambda tx: tx.outbox.retry(id, NOW))
    assert [r.id for r in claim(db)] == [id]


def test_unknown_rows_are_named(db: Database) -> None:
    """By every verb."""
    for work in (
        lambda tx: tx.outbox.get(9),
        lambda tx: tx.outbox.message(9),
        lambda tx: tx.outbox.retry(9, NOW),
        lambda tx: tx.outbox.drop(9),
    ):
        with pytest.raises(UnknownEntry, match="no outbox entry 9"):
            db.write_now(work)


def test_lists_and_what_budgets_count(db: Database) -> None:
    """By state and ticket, newest first; automatic mail to an address, whatever became of it."""
    db.write_now(lambda tx: tx.tickets.apply(opening(), None, NOW))
    add(db, mail(1, ticket=1, auto_submitted="auto-replied"), mail(2, auto_submitted=""), mail(3, LEE))
    ids = [r.id for r in db.read_now(lambda tx: tx.outbox.recent())]
    assert ids == sorted(ids, reverse=True)
    assert [r.message_id for r in db.read_now(lambda tx: tx.outbox.recent(ticket=1))] == ["1@example.com"]
    assert db.read_now(lambda tx: tx.outbox.recent("sent")) == []
    before = NOW - timedelta(seconds=1)
    assert db.read_now(lambda tx: tx.outbox.automatic_to("KIM@customer.example", before, 9)) == (NOW,)
    assert db.read_now(lambda tx: tx.outbox.automatic_to(KIM.address, NOW, 9)) == ()
    counts = db.read_now(lambda tx: tx.outbox.counts())
    assert counts == {s.value: 3 if s is State.PENDING else 0 for s in State}


def test_a_report_finds_the_mail_and_whether_it_was_the_newest_answer(db: Database) -> None:
    """By id or by the row a VERP address names; the newest answer is counted for each recipient."""
    db.write_now(lambda tx: tx.tickets.apply(opening(), None, NOW))
    first, _, other = add(db, mail(1, ticket=1), mail(2, LEE, ticket=1), mail(3, ticket=1))
    add(db, mail(4, ticket=1, notice=Notice.CLOSED))

    def reported(*keys: Key) -> tuple[str, bool] | None:
        sent = db.read_now(lambda tx: tx.threads.known(ThreadKeys(reported=keys))).sent
        return (sent.recipient, sent.newest_answer) if sent else None

    by_id = [reported(Key(Evidence.OWN_MESSAGE_ID, 1, f"{n}@example.com")) for n in (1, 2, 3, 4, 5)]
    assert by_id == [(KIM.address, False), (LEE.address, True), (KIM.address, True), (KIM.address, False), None]
    assert reported(of_outbox(get(db, other).named)) == (KIM.address, True)
    assert reported(of_outbox(get(db, first).named), Key(Evidence.OWN_MESSAGE_ID, 1, "2@example.com")) == (
        KIM.address,
        False,
    )
    assert reported(Key(Evidence.REPLY_ADDRESS, outbox=999)) is None
    assert reported(of_outbox(replace(get(db, other), message_id="another@example.com").named)) is None
    assert reported(Key(Evidence.REPLY_ADDRESS, outbox=other)) is None
