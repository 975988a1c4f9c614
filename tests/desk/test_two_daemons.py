"""Two daemons on one PostgreSQL decide at once about mails of one matter that share no name."""

from __future__ import annotations

import threading
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.clock.tickets import tick
from gateway.core import token
from gateway.core.lifecycle import Status
from storage.database import Database
from storage.tx import Tx
from tests.conftest import Clock, named
from tests.room import ANNA, ERIKA, Room, room

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
