"""The morning mail to leads: what customers closed on their own, and the lines that open it again."""

from __future__ import annotations

import re
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import jobs
from gateway.core.lifecycle import Status
from gateway.portal import acts
from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, BASE, ERIKA, KARL, LEAD, Room, room

PLUS = BASE["mailboxes"][0]
PLAIN = {key: value for key, value in PLUS.items() if key != "reply_address"}


async def morning(r: Room) -> list[EmailMessage]:
    """The next morning's mails to the lead about closed tickets."""
    r.clock.forward(days=1)
    for job in jobs.JOBS:
        await jobs.look(job, r.site)
    found = []
    for row in await r.outbox("agent_digest", LEAD):
        data = await r.read(lambda tx, id=row.id: tx.outbox.message(id))
        mail = message_from_bytes(data, policy=email_policy.default)
        if mail["Subject"] == "Closed by their requesters":
            found.append(mail)
    await r.deliver()
    return found


async def press_close(r: Room, number: int | None) -> None:
    await r.write(lambda tx: acts.close_by_link(r.desk, tx, number, r.clock.now))


async def answered(r: Room, digest: EmailMessage, text: str, author: str = LEAD, **headers: Any) -> Any:
    """An agent presses reply, as a mail program does."""
    to = str(digest["Reply-To"] or digest["From"])
    address = to.partition("<")[2].rstrip(">") or to
    return await r.mail(
        author, text, to=address, subject=f"Re: {digest['Subject']}", In_Reply_To=str(digest["Message-ID"]), **headers
    )


async def test_words_below_the_line_are_given_back(database: Database, clock: Clock, tmp_path: Path) -> None:
    """They are for nobody in particular, and whoever wrote them thinks that somebody reads them."""
    r = room(database, clock, tmp_path, mailboxes=[PLUS], digest={"agents_at": "", "review_at": "07:30"})
    for job in jobs.JOBS:
        await jobs.look(job, r.site)
    number = (await r.mail(ERIKA)).ticket or 0
    await press_close(r, number)
    (digest,) = await morning(r)
    await answered(r, digest, f"#reopen {number}\nAnna, please call her.\n\nKind regards\nBob Lead")
    assert (await r.read(lambda tx: tx.reads.get(number))).status is Status.WAITING_ON_US
    (receipt,) = await r.outbox("agent_receipt", LEAD)
    said = (await r.read(lambda tx: tx.outbox.message(receipt.id))).decode()
    assert "Your text was not sent:\r\nAnna, please call her." in said


@pytest.mark.parametrize("box", [PLUS, PLAIN], ids=["plus-addressing", "none"])
async def test_each_line_opens_a_ticket_again(
    database: Database, clock: Clock, tmp_path: Path, box: dict[str, Any]
) -> None:
    """One or several, as the mail says them; the lead gets a receipt for each, customers hear of the new status."""
    r = room(database, clock, tmp_path, mailboxes=[box], digest={"agents_at": "", "review_at": "07:30"})
    for job in jobs.JOBS:
        await jobs.look(job, r.site)
    one = (await r.mail(ERIKA, subject="first")).ticket
    two = (await r.mail(KARL, subject="second")).ticket
    three = (await r.mail(KARL, subject="third")).ticket
    proposed = (await r.mail(KARL, subject="proposed")).ticket
    (notice,) = [o for o in await r.outbox("agent_notice", ANNA) if o.ticket == proposed]
    await r.mail(ANNA, "#solved\n\nDone.", subject="Re: proposed", In_Reply_To=f"<{notice.message_id}>")
    for number in (one, two, three, proposed):
        await press_close(r, number)
    (digest,) = await morning(r)
    text = digest.get_body(("plain",)).get_content()
    assert [bool(re.search(rf"Ticket {n}\b", text)) for n in (one, two, three, proposed)] == [True, True, True, False]

    row = await answered(r, digest, f"#reopen {one}\n\n> {text}")
    assert row.reason == "agent-command"
    assert (await r.read(lambda tx: tx.reads.get(one))).status is Status.WAITING_ON_US
    row = await answered(r, digest, f"#reopen {two}\n#reopen {three}\n")
    assert [(await r.read(lambda tx, n=n: tx.reads.get(n))).status for n in (two, three)] == [Status.WAITING_ON_US] * 2
    assert [o.ticket for o in await r.outbox("agent_receipt", LEAD)] == [one, two, three]
    assert [o.ticket for o in await r.outbox("status_changed")] == [one, two, three]
    assert await r.broken() == {}
    assert len(await morning(r)) == 1, "a ticket is told once"


async def test_a_number_that_is_none_opens_the_others(database: Database, clock: Clock, tmp_path: Path) -> None:
    """And the receipt says which one there is not."""
    r = room(database, clock, tmp_path, digest={"agents_at": "", "review_at": "07:30"})
    for job in jobs.JOBS:
        await jobs.look(job, r.site)
    one = (await r.mail(ERIKA)).ticket
    await press_close(r, one)
    (digest,) = await morning(r)
    await answered(r, digest, f"#reopen 999\n#reopen {one}")
    assert (await r.read(lambda tx: tx.reads.get(one))).status is Status.WAITING_ON_US
    first, _ = await r.outbox("agent_receipt", LEAD)
    assert "There is no ticket #999" in (await r.read(lambda tx: tx.outbox.message(first.id))).decode()


async def test_somebody_else_opens_nothing(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Who got hold of the mail but is no agent, and an agent it was not sent to, prove nothing with it."""
    r = room(database, clock, tmp_path, digest={"agents_at": "", "review_at": "07:30"})
    for job in jobs.JOBS:
        await jobs.look(job, r.site)
    one = (await r.mail(ERIKA)).ticket
    await press_close(r, one)
    (digest,) = await morning(r)
    for author in ("mallory@elsewhere.example", ANNA):
        await answered(r, digest, f"#reopen {one}", author)
        assert (await r.read(lambda tx: tx.reads.get(one))).status is Status.CLOSED


async def test_addresses_that_get_mail_again_are_counted_no_more(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """After sixty days mail goes there again; the digest counted each of them for ever, with nothing else to tell."""
    r = room(database, clock, tmp_path, digest={"agents_at": "07:30", "review_at": ""})
    number = (await r.mail(ERIKA)).ticket or 0
    await r.close(number)
    await r.write(lambda tx: tx.contacts.set_undeliverable(ERIKA, clock.now))
    await jobs.send_digest(r.site)
    for _ in range(70):
        clock.forward(days=1)
        await jobs.send_digest(r.site)
    assert len(await r.outbox("agent_digest", LEAD)) == 59


async def test_what_waits_for_us_is_read_first(
    database: Database, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of too many open tickets: thousands that wait for their customers hid a request that nobody had answered."""
    monkeypatch.setattr(jobs, "MOST", 3)
    r = room(database, clock, tmp_path, digest={"agents_at": "07:30", "review_at": ""})
    await r.mail(ERIKA, subject="Never answered")
    for n in range(4):
        number = (await r.mail(f"c{n}@customer.example", f"Question {n}", subject=f"Asked {n}")).ticket or 0
        await r.answer(number, "Which one?")
    await jobs.send_digest(r.site)
    clock.forward(days=1)
    await jobs.send_digest(r.site)
    (row,) = await r.outbox("agent_digest", ANNA)
    data = await r.read(lambda tx: tx.outbox.message(row.id))
    assert b"Never answered" in data
    assert b"1 not assigned" in data
