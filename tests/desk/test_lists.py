"""A mailing list among those a mail was written to: answers go to people, not to everybody on the list."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, KARL, Room, room

LIST = "dev@lists.customer.example"


@pytest.fixture
def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    return room(database, clock, tmp_path)


@pytest.mark.parametrize(
    "fields",
    [
        {"List_Post": f"<mailto:{LIST}?subject=x>"},
        {"List_Id": "Our developers <dev.lists.customer.example>"},
        {"List_Id": "DEV.lists.customer.example"},
        {"X_BeenThere": LIST},
    ],
)
async def test_a_list_gets_no_mail_of_ours(desk: Room, fields: dict[str, str]) -> None:
    """A mail that a list passed to us names it in To: agents are told, its people take part, the list does not."""
    await desk.mail(ERIKA, "It burns.", to=f"{LIST}, support@example.com, {KARL}", **fields)
    ticket = await desk.read(lambda tx: tx.reads.get(1))
    assert [a.key for a in ticket.participants] == [KARL]
    assert any(f"{LIST} is a mailing list" in " ".join(data.decode().split()) for data in await desk.deliver())
    await desk.answer(1, "We come.")
    assert {row.recipient for row in await desk.outbox("reply")} == {ERIKA, KARL}


async def test_an_agent_may_name_the_list(desk: Room) -> None:
    """Who orders it has the answer sent there."""
    await desk.mail(ERIKA, "It burns.", to=f"{LIST}, support@example.com", List_Post=f"<mailto:{LIST}>")
    await desk.answer(1, f"#cc {LIST}\nWe come.", ANNA)
    assert {row.recipient for row in await desk.outbox("reply")} == {ERIKA, LIST}


async def test_only_the_list_itself_stays_out(desk: Room) -> None:
    """A list that says nothing of an address, or one nobody may post to, keeps nobody out."""
    fields = {"List_Post": "NO", "List_Id": "<news.customer.example>", "List_Unsubscribe": f"<mailto:{KARL}>"}
    await desk.mail(ERIKA, "It burns.", to=f"support@example.com, {KARL}", **fields)
    assert [a.key for a in (await desk.read(lambda tx: tx.reads.get(1))).participants] == [KARL]


@pytest.mark.parametrize(
    "fields",
    [{"List_Post": f"<mailto:{LIST}?subject=x>"}, {"List_Id": f"<{LIST.replace('@', '.')}>"}, {"X_BeenThere": LIST}],
)
async def test_who_writes_under_the_address_of_a_list_is_answered(desk: Room, fields: dict[str, str]) -> None:
    """Never the list, by whichever of its fields it is known."""
    row = await desk.mail(LIST, "It burns.", Reply_To=LIST, X_Original_From=ERIKA, **fields)
    assert (await desk.read(lambda tx: tx.reads.get(row.ticket))).requester.key == ERIKA
