"""A desk whose own domain is not ASCII is a desk like any other."""

from __future__ import annotations

from email import message_from_bytes
from email.utils import parseaddr
from pathlib import Path

from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, room

BOX = {"address": "support@bücher.example", "reply_address": "support+{token}@bücher.example"}


async def test_a_request_is_answered_and_the_answer_comes_back(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Mails leave with headers every server takes, and what is written to their Reply-To reaches the ticket."""
    desk = room(database, clock, tmp_path, mailboxes=[BOX])
    first = await desk.mail(ERIKA, "Please help.", to="support@bücher.example")
    assert first.reason == "new-request"
    mails = {parseaddr(m["To"])[1]: m for m in map(message_from_bytes, await desk.deliver())}
    assert all(str(m["Message-ID"]).endswith("@xn--bcher-kva.example>") for m in mails.values())
    for author, reason in ((ERIKA, "reply"), (ANNA, "agent-answer")):
        clock.forward(seconds=1)
        back = parseaddr(mails[author]["Reply-To"])[1]
        answer = await desk.mail(author, f"{author} writes again.", to=back, subject="Re: Help")
        assert (answer.reason, answer.ticket) == (reason, 1)
    assert await desk.broken() == {}
