"""Two daemons on one PostgreSQL decide at once about mails of one matter that share no name."""

from __future__ import annotations

import threading
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.clock.tickets import tick
from gateway.core import token
from gateway.core.decision import Doubt
from gateway.core.lifecycle import Status
from gateway.mail.parse import parse
from gateway.portal import acts
from storage.database import Database
from storage.tx import Tx
from tests.conftest import Clock, named
from tests.room import ANNA, ERIKA, KARL, LEAD, Room, room

BOX = "support@example.com"


@pytest.fixture
def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    lifecycle = {"close_after_days": 7, "remind_after_days": 0, "waiting_solved_after_days": 7}
    return room(database, clock, tmp_path, lifecycle=lifecycle)


async def written(desk: Room, author: str, text: str, to: str, **headers: str) -> Any:
    """A mail that lies in the journal; what decides about it."""
    m = EmailMessage()
    for name, value in {"From": author, "To": to, "Subject": "Re: Help", **headers}.items():
        m[name.replace("_", "-")] = value
    m["Message-ID"] = f"<{author}.{desk.clock.now.timestamp()}@elsewhere.example>"
    m.set_content(text)
    id = await desk.journal(m.as_bytes(), author, to)
    read = desk.desk.read(m.as_bytes(), (await desk.read(lambda tx: tx.journal.get(id))).envelope)
    now = desk.clock.now
    return lambda tx: desk.desk.handle(tx, id, read, now)


def at_once(desk: Room, first: Any, second: Any) -> None:
    """The second one begins when the first one is decided, and before it is committed."""
    found: list[object] = []
    other = threading.Thread(target=lambda: found.append(desk.database.write_now(second)))

    def both(tx: Tx) -> None:
        first(tx)
        other.start()
        other.join(1)

    desk.database.write_now(both)
    other.join(20)
    assert len(found) == 1


async def test_an_answer_while_the_ticket_is_merged(desk: Room) -> None:
    """It stands on the ticket the other one went into."""
    await desk.mail(ERIKA, "It burns.", Message_ID="<first@mail.customer.example>")
    await desk.mail(ERIKA, "It smokes as well.")
    mark = token.address_token(desk.desk.policy.keys, "a", named(desk.database, 1), ANNA)
    merges = await written(desk, ANNA, "#merge 2", f"support+{mark}@example.com")
    answers = await written(desk, ERIKA, "In my office, too.", BOX, In_Reply_To="<first@mail.customer.example>")
    at_once(desk, merges, answers)
    texts = await desk.read(lambda tx: [e.body_text.strip() for e in tx.reads.entries(2)])
    assert "In my office, too." in texts
    assert await desk.broken() == {}


async def test_an_answer_while_the_clock_solves_the_ticket(desk: Room) -> None:
    """The clock sees it, and does not tell the customer that nothing was heard."""
    await desk.mail(ERIKA, "It burns.", Message_ID="<first@mail.customer.example>")
    await desk.answer(1, "Is it plugged in?")
    desk.clock.forward(days=8)
    answers = await written(desk, ERIKA, "It is.", BOX, In_Reply_To="<first@mail.customer.example>")
    now = desk.clock.now
    at_once(desk, answers, lambda tx: tick(desk.desk, tx, 1, now))
    assert (await desk.read(lambda tx: tx.reads.get(1))).status is Status.WAITING_ON_US


async def test_an_answer_while_an_agent_closes_the_ticket(desk: Room) -> None:
    """It opens the ticket again."""
    await desk.mail(ERIKA, "It burns.", Message_ID="<first@mail.customer.example>")
    mark = token.address_token(desk.desk.policy.keys, "a", named(desk.database, 1), ANNA)
    closes = await written(desk, ANNA, "#close", f"support+{mark}@example.com")
    answers = await written(desk, ERIKA, "It still burns.", BOX, In_Reply_To="<first@mail.customer.example>")
    at_once(desk, closes, answers)
    assert (await desk.read(lambda tx: tx.reads.get(1))).status is Status.WAITING_ON_US


async def test_a_number_no_ticket_can_have(desk: Room) -> None:
    """It stops nobody: people write longer ones than PostgreSQL counts."""
    mail = await desk.mail(ERIKA, subject="Help with order, request 99999999999")
    assert (mail.state, mail.ticket) == ("settled", 1)


async def marked(desk: Room, agent: str, number: int) -> str:
    """The address at which an agent's mail about a ticket is proven."""
    mark = token.address_token(desk.desk.policy.keys, "a", named(desk.database, number), agent)
    return f"support+{mark}@example.com"


async def requester(desk: Room, number: int) -> str:
    return str((await desk.read(lambda tx: tx.reads.get(number))).requester.address)


async def test_an_address_that_writes_for_the_first_time_as_it_becomes_anothers(desk: Room) -> None:
    """The agent is asked, as for every address that has a request of its own."""
    await desk.mail(KARL, "It burns.")
    asks = await written(desk, ERIKA, "Something else.", BOX, Subject="A lamp")
    at_once(desk, asks, await written(desk, ANNA, f"#alias {ERIKA}", await marked(desk, ANNA, 1)))
    assert (await desk.outbox("agent_receipt", ANNA))[-1].ticket == 1
    assert await desk.read(lambda tx: tx.second_addresses.of(KARL)) == []
    assert [d.doubt for d in await desk.read(lambda tx: tx.drafts.waiting(desk.clock.now))] == [Doubt.SAME_PERSON]


@pytest.mark.parametrize("address", [ERIKA, "erika@phone.example"])
async def test_a_new_request_while_its_address_becomes_anothers(desk: Room, address: str) -> None:
    """It is the other one's as well, also from a further address, and goes back with the others."""
    await desk.mail(KARL, "It burns.")
    await desk.mail(ERIKA, "It smokes.")
    if address != ERIKA:
        await desk.answer(2, f"#alias {address}")
    asks = await written(desk, address, "Something else.", BOX, Subject="A lamp")
    joins = await let_go(desk, await written(desk, ANNA, f"#alias {ERIKA}", await marked(desk, ANNA, 1)))
    at_once(desk, asks, joins)
    assert [await requester(desk, n) for n in (1, 2, 3)] == [KARL, KARL, KARL]
    await desk.answer(1, f"#unalias {address}")
    assert await requester(desk, 3) == address
    assert await desk.broken() == {}


async def let_go(desk: Room, held: Any) -> Any:
    """What carries out an order that is asked about first."""
    await desk.write(held)
    receipt = (await desk.outbox("agent_receipt", ANNA))[-1]
    desk.clock.forward(seconds=61)
    return await written(desk, ANNA, "#send", BOX, In_Reply_To=f"<{receipt.message_id}>")


async def test_a_merge_into_a_ticket_that_is_merged_itself(desk: Room) -> None:
    """All of it stands where that one went."""
    for text in ("It burns.", "It smokes.", "It glows."):
        await desk.mail(ERIKA, text)
    into_third = await written(desk, LEAD, "#merge 3", await marked(desk, LEAD, 2))
    into_second = await written(desk, ANNA, "#merge 2", await marked(desk, ANNA, 1))
    at_once(desk, into_third, into_second)
    texts = await desk.read(lambda tx: [e.body_text.strip() for e in tx.reads.entries(3)])
    assert {"It burns.", "It smokes.", "It glows."} <= set(texts)
    assert (await desk.read(lambda tx: tx.reads.get(1))).merged_into == 3
    assert await desk.broken() == {}


async def test_merges_into_each_other(desk: Room) -> None:
    """One of them is done; the tickets are not lost to each other."""
    await desk.mail(ERIKA, "It burns.")
    await desk.mail(ERIKA, "It smokes.")
    one = await written(desk, ANNA, "#merge 2", await marked(desk, ANNA, 1))
    other = await written(desk, LEAD, "#merge 1", await marked(desk, LEAD, 2))
    at_once(desk, one, other)
    merged = await desk.read(lambda tx: [t.merged_into for t in tx.reads.numbered({1, 2})])
    assert sorted(bool(m) for m in merged) == [False, True]
    assert await desk.broken() == {}


@pytest.mark.parametrize(("merged", "into", "author"), [(2, 4, KARL), (1, 4, ERIKA)])
async def test_a_draft_that_is_let_go_elsewhere_while_its_tickets_are_merged(
    desk: Room, merged: int, into: int, author: str
) -> None:
    """What it says is done to the tickets that are there then."""
    for who in (ERIKA, KARL, ERIKA, author):
        await desk.mail(who, f"It burns at {who}, {desk.count}.")
    held = await desk.answer(1, "#merge 2")
    sends = await written(desk, ANNA, f"#send {held.id}", await marked(desk, ANNA, 3))
    at_once(desk, await written(desk, LEAD, f"#merge {into}", await marked(desk, LEAD, merged)), sends)
    tickets = {t.number: t for t in await desk.read(lambda tx: tx.reads.numbered({1, 2, 3, 4}))}
    (left,) = (n for n in (1, 2, 4) if not tickets[n].merged_into)
    texts = await desk.read(lambda tx: [e.body_text.strip() for e in tx.reads.entries(left)])
    assert {f"It burns at {ERIKA}, 0.", f"It burns at {KARL}, 1.", f"It burns at {author}, 3."} <= set(texts)
    assert await desk.broken() == {}


async def test_a_click_while_the_ticket_goes_into_a_third(desk: Room) -> None:
    """An old link of a merged ticket closes the one that is there now."""
    for text in ("It burns.", "It smokes.", "It glows."):
        await desk.mail(ERIKA, text)
    await desk.answer(1, "#merge 2")
    merges = await written(desk, LEAD, "#merge 3", await marked(desk, LEAD, 2))
    now = desk.clock.now
    at_once(desk, merges, lambda tx: acts.close_by_link(desk.desk, tx, 1, now))
    assert (await desk.read(lambda tx: tx.reads.get(3))).status is Status.CLOSED
    assert await desk.broken() == {}


@pytest.mark.parametrize("into", [2, 3])
async def test_what_was_split_off_a_ticket_that_was_merged_since(desk: Room, into: int) -> None:
    """It stays where it is, and the agent reads why: nothing goes to a ticket that nobody looks at any more."""
    await desk.mail(ERIKA, "It burns.")
    await desk.mail(ERIKA, "It glows.")
    await desk.reply(ERIKA, 1, "It smokes as well.")
    notice = (await desk.outbox("agent_notice", ANNA))[-1]
    await desk.answer(1, "#split", In_Reply_To=f"<{notice.message_id}>")
    undoes = await written(desk, ANNA, "#undo", await marked(desk, ANNA, 3))
    at_once(desk, await written(desk, LEAD, f"#merge {into}", await marked(desk, LEAD, 1)), undoes)
    tickets = await desk.read(lambda tx: tx.reads.numbered({1, 2, 3}))
    assert {t.number: t.merged_into for t in tickets} == {1: into, 2: 0, 3: 0}
    texts = await desk.read(lambda tx: [e.body_text.strip() for e in tx.reads.entries(3)])
    assert "It smokes as well." in texts
    assert await said_last(desk) == f"#1 has been merged into #{into} since: this cannot be taken back any more."
    assert await desk.broken() == {}


async def test_what_was_split_off_and_merged_since(desk: Room) -> None:
    """The ticket it went into is left as it is."""
    await desk.mail(ERIKA, "It burns.")
    await desk.mail(ERIKA, "It glows.")
    await desk.reply(ERIKA, 1, "It smokes as well.")
    notice = (await desk.outbox("agent_notice", ANNA))[-1]
    await desk.answer(1, "#split", In_Reply_To=f"<{notice.message_id}>")
    receipt = (await desk.outbox("agent_receipt", ANNA))[-1]
    await desk.answer(3, "#merge 2", agent=LEAD)
    await desk.mail(ANNA, "#undo", In_Reply_To=f"<{receipt.message_id}>")
    tickets = await desk.read(lambda tx: tx.reads.numbered({1, 2, 3}))
    assert {t.number: t.status for t in tickets} == {1: Status.NEW, 2: Status.NEW, 3: Status.CLOSED}
    assert await said_last(desk) == "#3 has been merged into #2 since: this cannot be taken back any more."


async def said_last(desk: Room) -> str:
    """The sentence of the newest receipt that says that something cannot be taken back."""
    row = (await desk.outbox("agent_receipt", ANNA))[-1]
    mail = parse(await desk.read(lambda tx: tx.outbox.message(row.id)))
    return next(line.strip() for line in mail.body_text.split("\n") if "taken back" in line)
