"""People an agent asks about a ticket: what they write stays with the agents, and they get nothing but the question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path

import pytest

from gateway.core.ticket import EntryKind, Role
from gateway.mail.message import Envelope
from gateway.send.settle import undelivered
from storage.database import Database
from storage.tx import Tx
from tests.conftest import Clock
from tests.room import ANNA, BASE, ERIKA, KARL, LEAD, Room
from tests.room import room as make_room

SUPPLIER = "sales@supplier.example"


@pytest.fixture
async def room(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    database = Database(sqlite_url, tmp_path)
    yield make_room(database, clock, tmp_path)
    await database.close()


async def asked(room: Room, text: str = "Have you got one?") -> str:
    """Anna asks the supplier about Erika's ticket; the Message-ID of the question."""
    await room.answer(1, f"#ask {SUPPLIER}\n\n{text}")
    return (await room.outbox("reply", SUPPLIER))[-1].message_id


class PowerCut(Exception):
    """The process is gone before the commit."""


async def test_a_crash_while_somebody_is_asked_asks_nobody(database: Database, clock: Clock, tmp_path: Path) -> None:
    """The question, the adviser and the note are one commit; after it the mail is asked once."""
    room = make_room(database, clock, tmp_path)
    await room.mail(ERIKA)
    (notice,) = await room.outbox("agent_notice", ANNA)
    data = (
        f"From: {ANNA}\r\nTo: support@example.com\r\nIn-Reply-To: <{notice.message_id}>\r\nSubject: Re: x\r\n\r\n"
        f"#ask {SUPPLIER}\r\n\r\nHave you got one?\r\n"
    ).encode()
    id = await room.journal(data, ANNA)
    read = room.desk.read(data, Envelope("smtp", ANNA, ("support@example.com",), "192.0.2.7"))

    def dies(tx: Tx) -> None:
        room.desk.handle(tx, id, read, clock.now)
        raise PowerCut

    with pytest.raises(PowerCut):
        await room.write(dies)
    assert await room.outbox("reply", SUPPLIER) == []
    assert (await room.read(lambda tx: tx.reads.get(1))).advisers == ()
    await room.write(lambda tx: room.desk.handle(tx, id, read, clock.now))
    assert len(await room.outbox("reply", SUPPLIER)) == 1
    assert [a.address for a in (await room.read(lambda tx: tx.reads.get(1))).advisers] == [SUPPLIER]
    assert await room.broken() == {}
    await database.close()


@pytest.mark.parametrize("mark", ["In_Reply_To", "to", "subject"])
async def test_an_answer_is_a_comment_by_whatever_mark(room: Room, mark: str) -> None:
    """By Message-ID, by the address it came from, by the reference alone; a closed ticket stays closed."""
    await room.mail(ERIKA)
    question = await asked(room)
    await room.close(1)
    row = (await room.outbox("reply", SUPPLIER))[-1]
    head = await room.read(lambda tx: tx.outbox.message(row.id))
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n\r\n")[0].split("\r\n") if ": " in line)
    known = {"In_Reply_To": f"<{question}>", "to": fields["Reply-To"], "subject": f"Re: {fields['Subject']}"}
    got = await room.mail(SUPPLIER, "12 euro.", **{mark: known[mark]})
    assert (got.reason, got.ticket) == ("adviser", 1)
    entry = (await room.read(lambda tx: tx.reads.entries(1)))[-1]
    assert (entry.kind, entry.role) == (EntryKind.COMMENT, Role.ADVISER)
    assert (await room.read(lambda tx: tx.reads.get(1))).status.value == "closed"
    assert [r.notice for r in await room.outbox(recipient=SUPPLIER)] == ["reply"]
    assert len([r for r in await room.outbox("agent_notice", LEAD) if r.entry_id == entry.id]) == 1


async def test_a_question_that_waits_can_be_taken_back(sqlite_url: str, clock: Clock, tmp_path: Path) -> None:
    """Like an answer, while it is held back."""
    database = Database(sqlite_url, tmp_path)
    room = make_room(database, clock, tmp_path, send={"hold_minutes": 5})
    await room.mail(ERIKA)
    await asked(room)
    await room.answer(1, "#undo")
    assert [r.state for r in await room.outbox("reply", SUPPLIER)] == ["recalled"]
    # Nobody asked them, so a copy for them is no adviser's.
    assert (await room.read(lambda tx: tx.reads.get(1))).people == ()
    await room.answer(1, f"#cc {SUPPLIER}\n\nHe brings the plug.")
    assert [r.state for r in await room.outbox("reply", SUPPLIER)] == ["recalled", "pending"]
    await database.close()


async def test_a_customer_who_is_told_of_an_order_beside_it_never_reads_the_question(room: Room) -> None:
    """Neither its words nor its files: they are asked whether it is solved, and no more."""
    await room.mail(ERIKA, "It burns.", files=(("plug.pdf", "application/pdf", b"%PDF"),))
    await room.answer(1, f"#ask {SUPPLIER} plug.pdf\n#solved\n\nDo you take it back for 5 euro?")
    (question,), (told,) = await room.outbox("reply", SUPPLIER), await room.outbox("close_confirmation", ERIKA)
    asked, read = [await room.read(lambda tx, id=row.id: tx.outbox.message(id)) for row in (question, told)]
    assert b"5 euro" in asked
    assert b"5 euro" not in read
    assert b"Anna Agent" not in read
    assert ([f.filename for f in question.files], told.files) == (["plug.pdf"], ())


def not_delivered(question: str) -> bytes:
    """A mail system says that the supplier's address is none."""
    report = (
        "From: MAILER-DAEMON@supplier.example\r\nTo: support@example.com\r\nSubject: Undelivered\r\n"
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\r\n\r\n'
        "--b\r\nContent-Type: text/plain\r\n\r\nNo such user.\r\n"
        "--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; supplier.example\r\n\r\n"
        f"Final-Recipient: rfc822; {SUPPLIER}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <{question}>\r\n\r\n--b--\r\n"
    )
    return report.encode()


async def test_a_question_that_does_not_arrive_is_told(room: Room) -> None:
    """It is no answer to the customer: the status stays."""
    await room.mail(ERIKA)
    question = await asked(room)
    before = (await room.read(lambda tx: tx.reads.get(1))).status
    row = await room.raw_mail(not_delivered(question), "")
    assert (row.reason, row.ticket) == ("bounce", 1)
    assert (await room.read(lambda tx: tx.reads.get(1))).status is before
    assert len(await room.outbox("agent_notice", ANNA)) == 2


@pytest.mark.parametrize("held_by", ["", LEAD])
@pytest.mark.parametrize("later", [True, False], ids=["by a report", "by the relay"])
async def test_whoever_asked_hears_that_it_did_not_arrive(
    sqlite_url: str, clock: Clock, tmp_path: Path, held_by: str, later: bool
) -> None:
    """Also where a colleague has the ticket, and where no mail tells of what nobody has: they wait for an answer."""
    database = Database(sqlite_url, tmp_path)
    room = make_room(database, clock, tmp_path, mailboxes=[BASE["mailboxes"][0] | {"announce": "digest"}])
    await room.mail(ERIKA)
    if held_by:
        await room.answer(1, "#take", held_by)
    question = await asked(room)
    if later:
        await room.raw_mail(not_delivered(question), "")
    else:
        (row,) = await room.outbox("reply", SUPPLIER)
        await room.write(lambda tx: undelivered(room.desk, tx, row.id, "550 5.1.1 no such user", clock.now))
    assert len(await room.outbox("agent_notice", ANNA)) == 1
    await database.close()


async def test_the_requester_may_become_an_adviser_elsewhere(room: Room) -> None:
    """Karl has a request of his own and is asked about Erika's: merged, his answer is still for agents only."""
    await room.mail(ERIKA, "Well?")
    await room.mail(KARL, "And mine?")
    await room.answer(1, f"#ask {KARL}\n\nIs hers like yours?")
    question = (await room.outbox("reply", KARL))[-1].message_id
    await room.answer(1, "#merge 2")
    await room.answer(1, "#send")
    said = await room.mail(KARL, "Hers is worse.", In_Reply_To=f"<{question}>")
    assert (said.reason, said.ticket) == ("adviser", 2)
    assert (await room.reply(KARL, 2, "And mine is well.")).reason == "reply"


@pytest.mark.parametrize(("copied", "said"), [("", "is no customer"), (ERIKA, "wrote to the customer directly")])
async def test_what_an_adviser_wrote_to_the_customer_is_no_secret(room: Room, copied: str, said: str) -> None:
    """With the customer in copy, agents read that it reached them, and not that it did not."""
    await room.mail(ERIKA)
    question = await asked(room)
    await room.mail(SUPPLIER, "12 euro.", In_Reply_To=f"<{question}>", Cc=copied)
    row = (await room.outbox("agent_notice", ANNA))[-1]
    letter = " ".join((await room.read(lambda tx: tx.outbox.message(row.id))).decode().split())
    assert f"{SUPPLIER} {said}" in letter


async def test_an_answer_to_an_advisers_note_of_absence_waits(room: Room) -> None:
    """It is meant for the adviser as likely as for the customer, as any answer to a mail of theirs."""
    await room.mail(ERIKA)
    question = await asked(room)
    subject = "Abwesenheitsnotiz: Question from Example Support"
    away = await room.mail(SUPPLIER, "I am back on Monday.", subject=subject, In_Reply_To=f"<{question}>")
    assert away.reason == "nothing-new"
    row = (await room.outbox("agent_notice", ANNA))[-1]
    notice = (await room.read(lambda tx: tx.outbox.message(row.id))).decode()
    assert "Subject: Answer from an adviser" in notice
    assert f"Your answer goes to: {ERIKA}" not in notice
    room.clock.forward(minutes=5)
    said = await room.answer(1, "Then send me your dealer's price.", In_Reply_To=f"<{row.message_id}>")
    assert said.reason == "agent-mail-held-back"
    assert await room.outbox("reply", ERIKA) == []


async def test_whoever_asked_an_adviser_hears_the_answer(room: Room) -> None:
    """Also where a colleague has the ticket, and where somebody else asked another adviser since."""
    await room.mail(ERIKA)
    await room.answer(1, "#take", LEAD)
    question = await asked(room)
    await room.answer(1, "#ask other@supplier.example\n\nAnd you?", LEAD)
    before = {who: len(await room.outbox("agent_notice", who)) for who in (ANNA, LEAD)}
    row = await room.mail(SUPPLIER, "Three of them.", subject="Re: Question", In_Reply_To=f"<{question}>")
    assert row.reason == "adviser"
    assert {who: len(await room.outbox("agent_notice", who)) - n for who, n in before.items()} == {ANNA: 1, LEAD: 1}


async def test_who_has_a_note_from_the_agents_own_mail_is_named(room: Room) -> None:
    """The receipt does not say that only agents read what went to a supplier in copy."""
    await room.mail(ERIKA)
    await room.answer(1, "#note\n\nWe buy it for four.", Cc=SUPPLIER)
    row = (await room.outbox("agent_receipt", ANNA))[-1]
    mail = message_from_bytes(await room.read(lambda tx: tx.outbox.message(row.id)), policy=email_policy.default)
    assert f"Written to {SUPPLIER}, with the mailbox in copy" in " ".join(str(mail.get_body(("plain",))).split())  # type: ignore[attr-defined]
