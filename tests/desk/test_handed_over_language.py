"""A request that is handed over to a mailbox of another language goes on in the one it was written in."""

from __future__ import annotations

from pathlib import Path

from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, BASE, ERIKA, room

BOXES = [
    {
        "address": "support@example.com",
        "name": "Hilfe",
        "language": "de",
        "reply_address": "support+{token}@example.com",
    },
    {"address": "sales@example.com", "name": "Sales", "language": "en", "reply_address": "sales+{token}@example.com"},
]


async def test_the_customer_is_written_to_in_one_language(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A German mail to a German mailbox, which an agent gives to the English one."""
    desk = room(database, clock, tmp_path, mailboxes=BOXES, agents=BASE["agents"])
    await desk.mail(ERIKA, "Guten Tag, die Maschine steht seit gestern still, bitte um Hilfe.")
    await desk.answer(1, "#mailbox sales@example.com\n\nDie Kollegen melden sich.", ANNA)
    (row,) = await desk.outbox("reply", ERIKA)
    letter = (await desk.read(lambda tx: tx.outbox.message(row.id))).decode()
    assert "Ticketnummer: RD-1-" in letter
