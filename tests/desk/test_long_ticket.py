"""A ticket that lives all year: what mails say of how much they leave out."""

from __future__ import annotations

import re
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path

import pytest

from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, room


@pytest.mark.parametrize(("rounds", "told"), [(8, ("4 older", "3 older")), (30, ("Older", "Older"))])
async def test_nobody_reads_a_number_that_was_not_counted(
    sqlite_url: str, clock: Clock, tmp_path: Path, rounds: int, told: tuple[str, str]
) -> None:
    """Of the newest forty entries the rest is counted; where there are earlier ones, that number was a wrong one."""
    database = Database(sqlite_url, tmp_path)
    site = room(database, clock, tmp_path)
    number = (await site.mail(ERIKA)).ticket or 0
    for n in range(rounds):
        clock.forward(days=12)
        await site.answer(number, f"Try screw {n}.")
        await site.reply(ERIKA, number, f"It burns after screw {n}.")
    for recipient, notice, said in ((ANNA, "agent_notice", told[0]), (ERIKA, "reply", told[1])):
        row = (await site.outbox(notice, recipient))[-1]
        data = await site.read(lambda tx, id=row.id: tx.outbox.message(id))
        mail = message_from_bytes(data, policy=email_policy.default)
        for form in ("plain", "html"):
            body = mail.get_body((form,)).get_content()  # type: ignore[attr-defined]
            assert re.findall(r"(\S* ?[Oo]lder) messages are not shown here\.", body.replace(">", "\n")) == [said]
    await database.close()
