"""Below an order alone mail programs put a signature, many without two dashes above it: no answer to the customer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.core.ticket import EntryKind, Role
from storage.database import Database
from tests.conftest import Clock
from tests.desk.week import opened, words
from tests.room import ANNA, BASE, ERIKA, Room
from tests.room import room as make_room

OUTLOOK = "Mit freundlichen Grüßen\n\nAnna Agent\nKundendienst | Example GmbH\nTel. 030 12345\nwww.example.com\n"
NAME = "Anna Agent\nCustomer Service, Example Ltd\n1 High Street, London\n"
TIMED = {"mailboxes": [BASE["mailboxes"][0] | {"first_response_hours": 4}]}


@pytest.fixture
async def room(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    database = Database(sqlite_url, tmp_path)
    r = make_room(database, clock, tmp_path, **TIMED)
    await r.mail(ERIKA, "My kettle burns.")
    yield r
    await database.close()


async def _words_sent(room: Room) -> str:
    rows = [*await room.outbox("reply", ERIKA), *await room.outbox("close_confirmation", ERIKA)]
    rows += await room.outbox("closed", ERIKA)
    mails = [await room.read(lambda tx, id=row.id: tx.outbox.message(id)) for row in rows]
    return "".join(words(opened(data)) for data in mails)


@pytest.mark.parametrize("below", [OUTLOOK, NAME, "Viele Grüße\nAnna", "Kind regards,\n\nAnna Agent\n+44 20 12345"])
@pytest.mark.parametrize("order", ["#assign Bob", "#take", "#follow", "#close", "#solved", "#tag lamp", "#snooze 3d"])
async def test_below_an_order_it_is_not_sent(room: Room, order: str, below: str) -> None:
    """The customer would read a mail of nothing else, and the time to answer would be over."""
    due = (await room.read(lambda tx: tx.reads.get(1))).due_at
    await room.answer(1, f"{order}\n\n{below}")
    said = await _words_sent(room)
    assert [word for word in ("Tel.", "Customer Service", "Grüße", "+44") if word in said] == []
    assert await room.outbox("reply", ERIKA) == []
    if order not in ("#close", "#solved"):
        assert (await room.read(lambda tx: tx.reads.get(1))).due_at == due
    (receipt,) = await room.outbox("agent_receipt", ANNA)
    assert b"not sent" not in await room.read(lambda tx: tx.outbox.message(receipt.id))


async def test_alone_it_is_no_answer(room: Room) -> None:
    await room.answer(1, OUTLOOK)
    assert await room.outbox("reply", ERIKA) == []
    assert [r.notice for r in await room.outbox(recipient=ANNA)] == ["agent_notice", "agent_receipt"]


@pytest.mark.parametrize("name", ["Anna", "- Anna", "anna.", "/Anna", "Anna Agent"])
@pytest.mark.parametrize("order", ["#assign Bob", "#close", "#solved", "#snooze 3d"])
async def test_a_name_alone_below_an_order_is_not_sent(room: Room, order: str, name: str) -> None:
    """Whoever signs with the first name by habit tells the customer nothing by it, and has not answered."""
    await room.answer(1, f"{order}\n\n{name}")
    assert await room.outbox("reply", ERIKA) == []
    assert f"\n{name}\n" not in await _words_sent(room)
    entries = await room.read(lambda tx: tx.reads.entries(1))
    assert [e.body_text for e in entries if e.role is Role.AGENT and e.kind is EntryKind.CORRESPONDENCE] == []


@pytest.mark.parametrize("text", ["Anna", "#close\n\nBob", "#solved\n\nAnna\ncomes tomorrow"])
async def test_a_name_that_may_be_the_answer_is_sent(room: Room, text: str) -> None:
    await room.answer(1, text)
    assert text.rpartition("\n")[2] in await _words_sent(room)


async def test_its_logo_stays_here(room: Room) -> None:
    logo = ("logo", "image/png", b"\x89PNG" + b"0" * 2000)
    html = f"<p>#take</p><p>{OUTLOOK.replace(chr(10), '<br>')}<img src='cid:logo'></p>"
    await room.answer(1, f"#take\n\n{OUTLOOK}[cid:logo]", html=html, inline=(logo,))
    assert await room.outbox("reply", ERIKA) == []


@pytest.mark.parametrize("below", ["Anna", "Anna Agent", "Kind regards\n\nAnna Agent\n"])
@pytest.mark.parametrize("order", ["#take", "#solved"])
async def test_a_logo_below_a_name_stays_here(room: Room, order: str, below: str) -> None:
    """The customer would get a picture without a word, and the ticket would wait for them."""
    logo = ("logo", "image/png", b"\x89PNG" + b"0" * 2000)
    html = f"<p>{order}</p><p>{below.replace(chr(10), '<br>')}<br><img src='cid:logo'></p>"
    await room.answer(1, f"{order}\n\n{below}\n[cid:logo]", html=html, inline=(logo,))
    entries = await room.read(lambda tx: tx.reads.entries(1))
    assert [e.body_text for e in entries if e.role is Role.AGENT and e.kind is EntryKind.CORRESPONDENCE] == []


async def test_a_picture_above_a_name_is_sent(room: Room) -> None:
    """It is what the customer is shown."""
    shot = ("shot", "image/png", b"\x89PNG" + b"0" * 2000)
    html = "<p>#solved</p><p><img src='cid:shot'><br>Anna</p>"
    await room.answer(1, "#solved\n\n[cid:shot]\nAnna", html=html, inline=(shot,))
    entries = await room.read(lambda tx: tx.reads.entries(1))
    assert [e.role for e in entries if e.attachments] == [Role.AGENT]


@pytest.mark.parametrize(
    "text",
    [
        "Kind regards\nAnna\n\nPS: Pull the plug first.",
        "Viele Grüße\nund melden Sie sich gern wieder.",
        "Anna Agent\nwill call you tomorrow",
        "It is on its way.\n\nKind regards\nAnna Agent",
        "Thank you!\nAnna",
    ],
)
async def test_words_above_or_below_are_sent_with_it(room: Room, text: str) -> None:
    await room.answer(1, f"#wait\n\n{text}")
    assert text.partition("\n")[0] in await _words_sent(room)


async def test_below_a_file_it_is_sent(room: Room) -> None:
    await room.answer(1, "Kind regards\nAnna Agent", files=(("manual.pdf", "application/pdf", b"%PDF-1.7"),))
    assert "Kind regards" in await _words_sent(room)
