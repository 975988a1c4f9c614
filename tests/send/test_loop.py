"""The send loop: every mail in the outbox leaves once, whatever relay, database and clock do."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from email.message import EmailMessage
from typing import TypeVar

import pytest

from gateway.core.machines import names_dead_address
from gateway.core.notice import Audience
from gateway.core.policy import Policy
from gateway.core.retry import About, Outcome, Result
from gateway.core.token import AddressMark, read_address_token
from gateway.errors import StorageUnavailable
from gateway.send.loop import Sender
from gateway.send.relay import Begin
from gateway.send.smtp import SmtpTransport
from storage.database import Database
from storage.outbox import OutboxEntry
from storage.tx import Tx
from tests.conftest import Clock
from tests.send import house as house_module
from tests.send.conftest import relay
from tests.send.house import House, heard, settings, until
from tests.sink import DROP, HANG, Sink
from tests.storage.test_tickets import apply, opening

T = TypeVar("T")
KIM = "kim@customer.example"


@pytest.fixture
def house(database: Database, policy: Policy, clock: Clock, transport: SmtpTransport) -> House:
    return House(database, policy, clock, transport)


def events(caplog: pytest.LogCaptureFixture, *wanted: str) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.name == "replydesk.send" and r.getMessage() in wanted]


# --- the good day -----------------------------------------------------------------------


async def test_what_is_due_is_sent(house: House, sink: Sink) -> None:
    """Mails from before the start and mails put in later, each settled with the relay's words."""
    first = await house.put()
    async with house.running():
        await house.state(first, "sent")
        second = await house.put()
        row = await house.state(second, "sent")
    assert sink.ids() == ["mail.1@example.com", "mail.2@example.com"]
    assert (row.last_reply, row.attempts, row.sent_at) == ("250 2.0.0 taken", 1, house.clock.now)


async def test_what_another_process_put_in_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command line cannot wake the daemon; the outbox is looked at now and then."""
    monkeypatch.setattr("gateway.send.loop.POLL_SECONDS", 0.02)
    async with house.running():
        await until(lambda: asyncio.sleep(0, house.sender._look_after_at))
        monkeypatch.setattr(house.sender, "wake", lambda: None)
        await house.state(await house.put(), "sent")


async def test_what_is_not_due_waits(house: House, sink: Sink) -> None:
    """A mail held back leaves when its time comes."""
    mail = house_module.outbound(99, KIM, house.clock.now)
    later = house.clock.now.replace(hour=12)
    held = await house.database.write(
        lambda tx: tx.outbox.add(mail, house_module.message(mail), house.clock.now, not_before=later)
    )
    assert held is not None
    async with house.running():
        await house.state(await house.put(), "sent")
        assert (await house.row(held)).state == "pending"
        await house.later(hours=3)
        await house.state(held, "sent")


async def test_one_recipient_gets_mails_in_order(house: House, sink: Sink) -> None:
    """However many connections there are; other recipients do not wait for them."""
    sink.delay = 0.01
    for n in range(30):
        await house.put(KIM if n % 2 else f"other{n}@customer.example")
    async with house.running():
        await heard(sink, 30)
    kims = [int(r.message_id.split(".")[1].split("@")[0]) for r in sink.received if r.recipients == [KIM]]
    assert kims == sorted(kims)
    assert len(kims) == 15
    assert sink.connections > 1


async def test_an_agent_of_many_tickets_is_served_side_by_side(house: House, sink: Sink) -> None:
    """What a slow relay takes its time for does not add up; of one ticket it leaves in its order."""
    sink.delay = 0.02
    tickets = [apply(house.database, opening()).ticket.number for _ in range(4)]
    for n in range(20):
        await house.put(ticket=tickets[n % 4])
    async with house.running():
        await heard(sink, 20)
    order = [int(r.message_id.split(".")[1].split("@")[0]) for r in sink.received]
    assert all((mine := [n for n in order if n % 4 == at]) == sorted(mine) for at in range(4))
    assert sink.connections > 1


async def test_bounces_come_to_an_address_of_the_mails_own(house: House, sink: Sink, policy: Policy) -> None:
    """VERP where the mailbox has plus-addressing, its own address where not, and null stays null."""
    ids = [
        await house.put("a@customer.example"),
        await house.put("b@customer.example", reverse_path="hilfe@example.de"),
        await house.put("c@customer.example", reverse_path=""),
    ]
    async with house.running():
        await heard(sink, 3)
    paths = {r.recipients[0][0]: r.reverse_path for r in sink.received}
    row = await house.database.read(lambda tx: tx.outbox.get(ids[0]))
    token = paths["a"].removeprefix("support+").removesuffix("@example.com")
    assert read_address_token(policy.keys, token) == AddressMark("v", row.named)
    assert paths["b"] == "hilfe@example.de"
    assert paths["c"] in ("", "<>")


async def test_two_daemons_send_each_mail_once(house: House, sink: Sink) -> None:
    """Claims of one are not touched by the other, and each recipient's order holds over both."""
    other = House(house.database, house.policy, house.clock, SmtpTransport(relay(sink)), holder="there")
    for n in range(40):
        await house.put(f"{n % 10}@customer.example")
    async with house.running(), other.running():
        await heard(sink, 40)
    assert len(set(sink.ids())) == 40
    for n in range(10):
        own = [int(r.message_id.split(".")[1].split("@")[0]) for r in sink.received if r.recipients[0][0] == str(n)]
        assert own == sorted(own)


# --- refused and deferred ---------------------------------------------------------------


async def test_a_deferred_mail_is_tried_again(house: House, sink: Sink) -> None:
    """By the clock, not before its time, and then sent."""
    sink.script("rcpt", "450 4.2.0 greylisted", times=2, to=KIM)
    id = await house.put()
    async with house.running():
        row = await house.state(id, "deferred")
        assert row.next_attempt_at is not None
        assert (row.attempts, "450 4.2.0 greylisted" in row.last_reply) == (1, True)
        assert 50 <= (row.next_attempt_at - house.clock.now).total_seconds() <= 70
        await house.later(seconds=40)
        await house.state(await house.put("other@customer.example"), "sent")
        assert (await house.row(id)).attempts == 1
        await house.later(seconds=40)
        await until(lambda: _attempts(house, id, 2))
        await house.later(minutes=3)
        row = await house.state(id, "sent")
    assert row.attempts == 3
    assert row.first_attempt_at == row.created_at


async def test_an_answer_to_two_of_whom_one_is_greylisted(house: House, sink: Sink) -> None:
    """The other has it at once, each once in the end, and nobody is troubled: neither agents nor the ticket's state."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = KIM, "support@example.com", "Help", "<1@c.example>"
    mail.set_content("Please help me.\n")
    await house.receive(mail, KIM)
    notice = next(r for r in await house.rows() if r.recipient == "anna@example.com")
    answer = EmailMessage()
    answer["From"], answer["To"], answer["Subject"] = "anna@example.com", "support@example.com", "Re: Help"
    answer["Message-ID"], answer["In-Reply-To"] = "<2@example.com>", f"<{notice.message_id}>"
    answer.set_content("#cc lee@elsewhere.example\n\nIt is ready.\n")
    await house.receive(answer, "anna@example.com")
    sink.script("rcpt", "450 4.2.0 greylisted", times=2, to="lee@elsewhere.example")
    replies = sorted(r.id for r in await house.rows() if r.notice == "reply")
    assert len(replies) == 2
    async with house.running():
        await house.state(replies[0], "sent")
        await house.state(replies[1], "deferred")
        await house.later(minutes=2)
        await until(lambda: _attempts(house, replies[1], 2))
        await house.later(minutes=10)
        await house.state(replies[1], "sent")
    rows = {r.id: r for r in await house.rows()}
    assert [rows[id].recipient for id in replies] == [KIM, "lee@elsewhere.example"]
    assert [sink.ids().count(rows[id].message_id) for id in replies] == [1, 1]
    assert (await house.read(lambda tx: tx.reads.get(1))).status == "waiting_on_contact"
    assert "undeliverable" not in {
        e.body_text.partition("\t")[0] for e in await house.read(lambda tx: tx.reads.entries(1))
    }


async def _attempts(house: House, id: int, count: int) -> bool:
    row = await house.row(id)
    return row.attempts == count and row.state != "claimed"


async def test_it_is_given_up_in_the_end(house: House, sink: Sink) -> None:
    """After `give_up_after_hours` of deferrals the mail counts as failed, and says since when."""
    house = House(house.database, house.policy, house.clock, house.transport, settings(give_up_after_hours=1))
    sink.script("rcpt", "450 4.2.2 mailbox full", times=100)
    id = await house.put()
    async with house.running():
        for count in range(1, 30):
            await until(lambda count=count: _attempts(house, id, count))
            if (await house.row(id)).state == "failed":
                break
            await house.later(minutes=20)
    row = await house.row(id)
    assert row.state == "failed"
    assert row.last_reply.startswith("given up after 1 hours: ")
    assert row.attempts < 10


async def test_a_failure_is_shown_on_the_ticket(house: House, sink: Sink) -> None:
    """The refused acknowledgement stands in the history, agents hear of it, the address is marked."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = KIM, "support@example.com", "Help", "<1@c.example>"
    mail.set_content("Please help me.\n")
    sink.script("rcpt", "550 5.1.1 no such user", times=100, to=KIM)
    async with house.running():
        await house.receive(mail, KIM)
        await until(lambda: _all_settled(house))
    rows = await house.rows()
    failed = [r for r in rows if r.state == "failed"]
    assert {r.notice for r in failed} == {"request_received", "registration"}
    entries = await house.read(lambda tx: tx.reads.entries(1, limit=40))
    assert sum(KIM in e.body_text for e in entries if e.kind == "event") >= 1
    told = [r for r in rows if r.notice == "agent_notice" and r.id > max(f.id for f in failed)]
    assert {r.recipient for r in told} == {"anna@example.com", "bob@example.com"}
    contact = await house.read(lambda tx: tx.contacts.find(KIM))
    assert contact is not None
    assert contact.undeliverable_since == house.clock.now


@pytest.mark.parametrize(("audience", "told"), [("agent", True), ("customer", True), ("operator", False)])
async def test_a_failure_about_no_ticket_is_told_to_the_operator(
    house: House, sink: Sink, audience: str, told: bool
) -> None:
    """A digest, a list of tickets: no ticket can show it. Of an alarm that fails there is none, or it never ended."""
    sink.script("rcpt", "550 5.1.1 no such user", times=100, to="anna@example.com")
    async with house.running():
        id = await house.put("anna@example.com", audience=Audience(audience))
        await house.state(id, "failed")
        await until(lambda: _all_settled(house))
    said = [a.text for a in await house.read(lambda tx: tx.alarms.open())]
    assert any(f"Mail {id} (" in s and "anna@example.com: 550 5.1.1 no such user" in s for s in said) is told
    assert [r.recipient for r in await house.rows() if r.notice == "operator_alarm"] == ["root@example.com"] * told


@pytest.mark.parametrize("reply", ["552 5.2.2 mailbox full", "550 5.7.1 looks like spam", "552 no room"])
async def test_a_refusal_that_passes_silences_nobody(house: House, sink: Sink, reply: str) -> None:
    """As with reports: a full mailbox and a policy are no dead address, and who writes again is acknowledged."""
    mail = EmailMessage()
    mail["From"], mail["Subject"] = KIM, "Help"
    mail.set_content("Please help me.\n")
    sink.script("rcpt", reply, times=100, to=KIM)
    async with house.running():
        await house.receive(mail, KIM)
        await until(lambda: _all_settled(house))
    assert {r.notice for r in await house.rows() if r.state == "failed"} == {"request_received", "registration"}
    contact = await house.read(lambda tx: tx.contacts.find(KIM))
    assert contact is not None
    assert contact.undeliverable_since is None


async def _all_settled(house: House) -> bool:
    return all(r.state in ("sent", "failed") for r in await house.rows())


async def test_a_failure_that_cannot_be_shown_is_settled_all_the_same(
    house: House, sink: Sink, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault in what follows must not send the mail again for ever; the operator sees it."""

    def broken(*_: object) -> None:
        raise RuntimeError("a template of this site is broken")

    monkeypatch.setattr("gateway.send.settle.undelivered", broken)
    sink.script("rcpt", "550 5.1.1 no such user")
    id = await house.put()
    async with house.running():
        row = await house.state(id, "failed")
    assert row.last_reply == "550 5.1.1 no such user"
    assert f"undelivered:{id}" in await house.alarms()
    assert events(caplog, "what follows could not be stored") == ["what follows could not be stored"]


async def test_a_relay_that_does_not_let_us_burns_no_mail(house: House, sink: Sink) -> None:
    """Deferred and not failed, and the operator is told once for all of them until one goes out."""
    async with house.running():
        for n in range(3):
            sink.script("rcpt", "554 5.7.1 relay access denied", to=f"{n}@customer.example")
            await house.state(await house.put(f"{n}@customer.example"), "deferred")
        assert "relay access denied" in (await house.alarms())["relay-refuses"]
        assert sum(r.notice == "operator_alarm" for r in await house.rows()) == 1
        await house.later(minutes=2)
        await until(lambda: _all_settled(house))
    assert await house.alarms() == {}


async def test_a_relay_that_defers_mail_after_mail_is_told_of(
    house: House, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    """As a warning now and then, and not for each mail."""
    caplog.set_level(logging.INFO, "replydesk.send")
    async with house.running():
        for n in range(3):
            sink.script("rcpt", "451 4.3.0 not now", to=f"{n}@customer.example")
            await house.state(await house.put(f"{n}@customer.example"), "deferred")
    levels = [r.levelname for r in caplog.records if r.getMessage() == "deferred"]
    assert levels[:3] == ["WARNING", "INFO", "INFO"]


# --- the end is unknown -----------------------------------------------------------------


async def test_an_uncertain_mail_is_repeated_once(house: House, sink: Sink) -> None:
    """Under the same Message-ID; then it waits for the operator, who is told."""
    sink.script("end", DROP, times=2, to=KIM)
    id = await house.put()
    async with house.running():
        row = await house.state(id, "uncertain")
        assert (row.doubts, row.waits_for_operator, row.next_attempt_at is None) == (1, False, False)
        await house.later(minutes=2)
        await until(lambda: _attempts(house, id, 2))
        row = await house.row(id)
        assert (row.state, row.waits_for_operator, row.next_attempt_at) == ("uncertain", True, None)
        await house.later(days=30)
        await house.state(await house.put("other@customer.example"), "sent")
        assert (await house.row(id)).attempts == 2
        assert f"replydesk outbox retry {id}" in (await house.alarms())[f"uncertain:{id}"]
        await house.database.write(lambda tx: tx.outbox.retry(id, house.clock.now))
        house.sender.wake()
        await house.state(id, "sent")
    assert {m.message_id for m in sink.unanswered} == {"mail.1@example.com"}
    assert sink.ids().count("mail.1@example.com") == 1


async def test_refused_after_an_attempt_without_an_answer(house: House, sink: Sink) -> None:
    """Whoever reads of it is told that the mail may be there: else they write the same once more."""
    sink.script("end", DROP, to=KIM)
    id = await house.put()
    async with house.running():
        await house.state(id, "uncertain")
        sink.script("rcpt", "550 5.1.1 no such user", to=KIM)
        await house.later(minutes=2)
        row = await house.state(id, "failed")
    perhaps = "550 5.1.1 no such user (an earlier attempt, which got no answer, may have reached them)"
    assert row.last_reply == perhaps
    assert names_dead_address(row.last_reply)


async def test_the_operators_retry_is_one_attempt(house: House, sink: Sink) -> None:
    """Ended in doubt again, it waits again."""
    sink.script("end", DROP, times=3, to=KIM)
    id = await house.put()
    async with house.running():
        await house.state(id, "uncertain")
        await house.later(minutes=2)
        await until(lambda: _attempts(house, id, 2))
        await house.database.write(lambda tx: tx.outbox.retry(id, house.clock.now))
        house.sender.wake()
        await until(lambda: _attempts(house, id, 1))
        assert (await house.row(id)).waits_for_operator


@pytest.mark.parametrize("begun", [False, True])
async def test_a_fault_of_ours_never_sends_twice_by_itself(
    house: House, sink: Sink, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """Before the mail was begun it is deferred, afterwards in doubt; the loop goes on with the others."""
    deliver = house.transport.deliver

    async def faulty(reverse_path: str, recipient: str, message: bytes, notice: str, begin: Begin) -> Outcome:
        if recipient != KIM:
            return await deliver(reverse_path, recipient, message, notice, begin)
        if begun:
            await begin()
        raise LookupError("a fault of ours")

    monkeypatch.setattr(house.transport, "deliver", faulty)
    id = await house.put()
    async with house.running():
        await house.state(await house.put("other@customer.example"), "sent")
        row = await house.state(id, "uncertain" if begun else "deferred")
    assert (row.doubts, "LookupError" in row.last_reply) == (int(begun), True)


@pytest.mark.parametrize("begun", [False, True])
async def test_what_an_earlier_life_claimed(house: House, sink: Sink, begun: bool) -> None:
    """The holder that starts again need not wait until the claim runs out; in doubt is what it had begun."""
    id = await house.put()
    await house.database.write(lambda tx: tx.claims.take(house.holder, 10, 300, house.clock.now))
    if begun:
        await house.database.write(lambda tx: tx.claims.begin(id, house.holder, house.clock.now))
    async with house.running():
        row = await house.state(id, "sent")
    assert (row.attempts, row.doubts) == (2, int(begun))


async def test_claims_of_a_dead_daemon_run_out(house: House, sink: Sink) -> None:
    """Not before their time, for it may be alive."""
    id = await house.put()
    await house.database.write(lambda tx: tx.claims.take("there", 10, 300, house.clock.now))
    async with house.running():
        await house.later(seconds=200)
        await house.state(await house.put("other@customer.example"), "sent")
        assert (await house.row(id)).state == "claimed"
        await house.later(seconds=200)
        await house.state(id, "sent")


async def test_a_slow_delivery_keeps_its_claim(house: House, sink: Sink) -> None:
    """It is extended as long as its holder lives, so nobody else sends the mail as well."""
    sink.script("end", HANG, to=KIM)
    id = await house.put()
    async with house.running():
        await until(lambda: asyncio.sleep(0, sink.unanswered))
        for _ in range(5):
            await house.later(seconds=200)
            await house.state(await house.put("other@customer.example"), "sent")
            assert (await house.row(id)).state == "claimed"


async def test_a_claim_lost_before_the_mail_is_sent(
    house: House, sink: Sink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another daemon took it over while we talked to the relay: we stop before DATA, and say so."""
    begin = house.sender._settlement.begin

    async def too_late(row: OutboxEntry) -> bool:
        await house.database.write(lambda tx: tx.claims.expire(house.clock.now, ["here"]))
        await house.database.write(lambda tx: tx.claims.take("there", 1, 300, house.clock.now))
        return await begin(row)

    monkeypatch.setattr(house.sender._settlement, "begin", too_late)
    id = await house.put()
    async with house.running():
        await until(lambda: asyncio.sleep(0, events(caplog, "claim lost")))
        assert (await house.row(id)).state == "claimed"
    assert "DATA" not in sink.commands


async def test_a_claim_lost_after_it_was_sent(house: House, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """What the new holder writes down counts, and the log says that the mail may be there twice."""
    sink.delay = 0.2
    id = await house.put()
    async with house.running():
        await until(lambda: asyncio.sleep(0, "DATA" in sink.commands))
        await house.database.write(lambda tx: tx.claims.expire(house.clock.now, ["here"]))
        await house.database.write(lambda tx: tx.claims.take("there", 1, 300, house.clock.now))
        await until(lambda: asyncio.sleep(0, events(caplog, "claim lost")))
        assert (await house.row(id)).state == "claimed"


async def test_a_claim_that_ran_out_can_still_be_settled(house: House, sink: Sink) -> None:
    """What the holder knows beats the doubt, as long as nobody else has begun."""
    sink.delay = 0.2
    id = await house.put()
    async with house.running():
        await until(lambda: asyncio.sleep(0, "DATA" in sink.commands))
        later = house.clock.now.replace(year=2027)

        def expire(tx: Tx) -> None:
            tx.claims.expire(house.clock.now, ["here"])
            tx.connection.exec_driver_sql(f"UPDATE outbox SET not_before = '{later.isoformat(sep=' ')}'")

        await house.database.write(expire)
        row = await house.state(id, "sent")
    assert (row.attempts, row.doubts) == (1, 0)


# --- no relay, no database --------------------------------------------------------------


async def test_without_a_relay_everything_waits(house: House, sink: Sink, caplog: pytest.LogCaptureFixture) -> None:
    """One line when it goes and one when it is back; no attempt is counted, nobody hammers."""
    caplog.set_level(logging.INFO, "replydesk.send")
    async with house.running():
        await house.state(await house.put("first@customer.example"), "sent")
        await sink.stop()
        ids = [await house.put(f"{n}@customer.example") for n in range(20)]
        await until(lambda: asyncio.sleep(0, events(caplog, "no relay")))
        await until(house.alarms)
        assert "relay-unavailable" in await house.alarms()
        for _ in range(6):
            await until(lambda: _waits_again(house))
            await house.later(seconds=61)
        await until(lambda: _waits_again(house))
        assert events(caplog, "no relay", "the relay answers again") == ["no relay"]
        assert {r.attempts for r in await house.rows() if r.id in ids} == {0}
        await sink.start()
        await house.later(seconds=61)
        await until(lambda: _all_settled(house))
    assert events(caplog, "no relay", "the relay answers again") == ["no relay", "the relay answers again"]
    assert sorted(sink.ids()) == sorted({*sink.ids()})
    assert len(sink.received) == 21
    assert await house.alarms() == {}


async def test_what_goes_back_is_looked_after_until_that_is_written(
    house: House, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that takes its time, or a clock that is set forth, makes no attempt of what was not tried."""
    write, begun, go_on = house.sender._settlement.postpone, asyncio.Event(), asyncio.Event()

    async def slowly(ids: Sequence[int], cause: str, until: datetime, *, alarm: str = "") -> None:
        begun.set()
        await go_on.wait()
        await write(ids, cause, until, alarm=alarm)

    monkeypatch.setattr(house.sender._settlement, "postpone", slowly)
    await sink.stop()
    ids = [await house.put(f"{n}@customer.example") for n in range(20)]
    async with house.running():
        await begun.wait()
        await house.later(seconds=61)
        await until(lambda: _extended(house))
        go_on.set()
        await until(lambda: _nothing_claimed(house))
        assert {r.attempts for r in await house.rows() if r.id in ids} == {0}


async def _waits_again(house: House) -> bool:
    """One mail asked for the relay in vain, and goes again later."""
    rows = [r for r in await house.rows() if r.state != "sent"]
    later = [r.next_attempt_at for r in rows if r.next_attempt_at and r.next_attempt_at > house.clock.now]
    return bool(later) and all(r.state != "claimed" for r in rows)


async def _extended(house: House) -> bool:
    """Nothing has a claim that ran out, any more."""
    return all(r.claimed_until is None or r.claimed_until > house.clock.now for r in await house.rows())


async def _nothing_claimed(house: House) -> bool:
    return all(r.state != "claimed" for r in await house.rows())


async def test_an_outage_of_the_relay_is_never_given_up(house: House, sink: Sink) -> None:
    """Mails wait for as long as it lasts: it is no fault of theirs."""
    house = House(house.database, house.policy, house.clock, house.transport, settings(give_up_after_hours=1))
    sink.script("connect", "421 4.3.2 closed for today", times=1_000)
    id = await house.put()
    async with house.running():
        for _ in range(10):
            await house.later(hours=2)
            await until(lambda: _nothing_claimed(house))
        assert sink.connections <= 11
        sink.forgive()
        await house.later(hours=2)
        await house.state(id, "sent")


class FlakyDatabase(Database):
    """A database that can be out of reach."""

    out = False
    refused = 0

    async def write(self, work: Callable[[Tx], T]) -> T:
        if self.out:
            self.refused += 1
            raise StorageUnavailable("database: gone")
        return await super().write(work)

    async def read(self, work: Callable[[Tx], T]) -> T:
        if self.out:
            raise StorageUnavailable("database: gone")
        return await super().read(work)


@pytest.fixture
async def flaky(
    database_url: str, tmp_path_factory: pytest.TempPathFactory, policy: Policy, clock: Clock, transport: SmtpTransport
) -> AsyncIterator[House]:
    database = FlakyDatabase(database_url, tmp_path_factory.mktemp("flaky"))
    yield House(database, policy, clock, transport)
    database.out = False
    await database.close()


async def test_without_a_database_nothing_is_forgotten(
    flaky: House, sink: Sink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mails delivered while it was away are settled when it is back, and are not sent again."""
    monkeypatch.setattr("gateway.send.settle.DATABASE_PAUSES", (0.02, 30.0))
    monkeypatch.setattr("gateway.send.loop.POLL_SECONDS", 0.02)
    caplog.set_level(logging.INFO, "replydesk.send")
    database = flaky.database
    assert isinstance(database, FlakyDatabase)
    sink.delay = 0.1
    ids = [await flaky.put(f"{n}@customer.example") for n in range(4)]
    async with flaky.running():
        await until(lambda: asyncio.sleep(0, sink.commands.count("DATA") == 4))
        database.out = True
        await sink.until(4)
        await until(lambda: asyncio.sleep(0, database.refused > 10))
        database.out = False
        for id in ids:
            assert (await flaky.state(id, "sent")).attempts == 1
        await flaky.state(await flaky.put("after@customer.example"), "sent")
    assert len(sink.received) == 5
    assert events(caplog, "no database", "the database is back") == ["no database", "the database is back"]


async def test_without_a_database_nothing_new_is_sent(
    flaky: House, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written down is not begun; the mail goes back and out when the database is there again."""
    monkeypatch.setattr("gateway.send.settle.DATABASE_PAUSES", (0.02, 30.0))
    monkeypatch.setattr("gateway.send.loop.POLL_SECONDS", 0.02)
    database = flaky.database
    assert isinstance(database, FlakyDatabase)
    begin = flaky.sender._settlement.begin

    async def gone(row: OutboxEntry) -> bool:
        database.out = True
        monkeypatch.setattr(flaky.sender._settlement, "begin", begin)
        return await begin(row)

    monkeypatch.setattr(flaky.sender._settlement, "begin", gone)
    id = await flaky.put()
    async with flaky.running():
        await until(lambda: asyncio.sleep(0, database.refused > 3))
        assert "DATA" not in sink.commands
        database.out = False
        row = await flaky.state(id, "sent")
    assert (row.attempts, row.doubts) == (1, 0)


async def test_an_outage_at_the_start_is_waited_out(flaky: House, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop does not die of it."""
    monkeypatch.setattr("gateway.send.loop.POLL_SECONDS", 0.02)
    database = flaky.database
    assert isinstance(database, FlakyDatabase)
    id = await flaky.put()
    database.out = True
    async with flaky.running():
        await until(lambda: asyncio.sleep(0, database.refused > 3))
        database.out = False
        await flaky.state(id, "sent")


# --- stopping ---------------------------------------------------------------------------


async def test_draining_ends_what_was_begun(house: House, sink: Sink) -> None:
    """Deliveries under way are settled; what was claimed but not begun is given back as it was."""
    sink.delay = 0.1
    ids = [await house.put(f"{n}@customer.example") for n in range(20)]
    task = asyncio.create_task(house.sender.run())
    await until(lambda: asyncio.sleep(0, "DATA" in sink.commands))
    await house.sender.drain(10)
    await task
    states = [await house.row(id) for id in ids]
    assert {r.state for r in states} == {"sent", "pending"}
    assert sum(r.state == "sent" for r in states) == len(sink.received)
    assert {r.attempts for r in states if r.state == "pending"} == {0}


async def test_draining_cuts_off_what_takes_too_long(house: House, sink: Sink) -> None:
    """Before the final dot it never happened; after it, it is in doubt."""
    before, after = await house.put("before@x.example"), await house.put("after@x.example")
    sink.script("rcpt", HANG, to="before@x.example")
    sink.script("end", HANG, to="after@x.example")
    task = asyncio.create_task(house.sender.run())
    await until(lambda: asyncio.sleep(0, sink.unanswered and sink.commands.count("RCPT") == 2))
    await house.sender.drain(0.2)
    await task
    rows = [await house.row(before), await house.row(after)]
    assert [(r.state, r.attempts, r.doubts) for r in rows] == [("pending", 0, 0), ("uncertain", 1, 1)]


async def test_draining_without_a_database_ends(
    flaky: House, sink: Sink, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its time; the mail whose outcome could not be written is named, and in doubt at the next start."""
    database = flaky.database
    assert isinstance(database, FlakyDatabase)
    sink.delay = 0.1
    id = await flaky.put()
    task = asyncio.create_task(flaky.sender.run())
    await until(lambda: asyncio.sleep(0, "DATA" in sink.commands))
    database.out = True
    await sink.until(1)
    await flaky.sender.drain(0.5)
    async with asyncio.timeout(5):
        await task
    assert events(caplog, "ended without the database: these mails will be in doubt")
    database.out = False
    assert (await flaky.row(id)).state == "claimed"


class NoRelay:
    """A relay that is found to be gone by all at once."""

    def __init__(self) -> None:
        self.asked = 0
        self.gone = asyncio.Event()

    async def deliver(self, *_: object) -> Outcome:
        self.asked += 1
        await self.gone.wait()
        return Outcome(Result.DEFERRED, "nobody there", About.RELAY)

    async def check(self) -> str:
        return ""

    async def close(self) -> None:
        pass


async def test_the_relay_may_go_while_we_drain(house: House) -> None:
    """Every worker goes home, and every mail is given back."""
    relay = NoRelay()
    house = House(house.database, house.policy, house.clock, relay)
    ids = [await house.put(f"{n}@customer.example") for n in range(40)]
    task = asyncio.create_task(house.sender.run())
    workers = house.settings.send.connections
    await until(lambda: asyncio.sleep(0, relay.asked == workers))
    draining = asyncio.create_task(house.sender.drain(20))
    await until(lambda: asyncio.sleep(0, house.sender._line.qsize() == workers and not house.sender._line.empty()))
    relay.gone.set()
    await draining
    async with asyncio.timeout(5):
        await task
    assert {(await house.row(id)).state for id in ids} <= {"pending", "deferred"}


async def test_a_cancelled_loop_leaves_no_claim(house: House, sink: Sink) -> None:
    """Without a drain it still cuts off and writes down."""
    sink.script("rcpt", HANG, times=100)
    ids = [await house.put(f"{n}@customer.example") for n in range(10)]
    task = asyncio.create_task(house.sender.run())
    await until(lambda: asyncio.sleep(0, "RCPT" in sink.commands))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert {(await house.row(id)).state for id in ids} == {"pending"}


async def test_draining_what_never_ran(house: House) -> None:
    """A start that failed half-way is taken down like any other."""
    await Sender(house.database, house.transport, house.desk, house.settings, house.clock, "x").drain(1)
