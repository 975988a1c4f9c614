"""Drafts of agents: kept with what told of them, sent once whatever happens, and seen until they end."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.core import token
from gateway.core.ticket import EntryKind
from gateway.mail.message import Envelope
from storage import raw
from storage.database import Database
from storage.outbox import OutboxEntry
from storage.tx import Tx
from tests.conftest import Clock, named
from tests.room import ANNA, ERIKA, KARL, LEAD, Room, room


class PowerCut(Exception):
    """The process is gone before the commit."""


async def receipts(site: Room) -> list[OutboxEntry]:
    return await site.outbox("agent_receipt", ANNA)


async def unproven(site: Room) -> int:
    """Anna writes to Karl without proof: a draft. Its id."""
    row = await site.mail(ANNA, f"#to {KARL}\n\nYour lamp is ready.", subject="Lamp")
    assert row.reason == "agent-mail-held-back"
    assert await site.outbox(recipient=KARL) == []
    return row.id


async def send(site: Room, answered: OutboxEntry, order: str = "#send") -> str:
    row = await site.mail(ANNA, order, subject="Re: draft", In_Reply_To=f"<{answered.message_id}>")
    return row.reason


@pytest.mark.asyncio
async def test_a_crash_while_a_draft_is_let_go_leaves_it_waiting(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """`#send` and what it leads to are one commit: after a crash the draft waits, and goes once."""
    site = room(database, clock, tmp_path)
    draft = await unproven(site)
    (receipt,) = await receipts(site)
    data = f"From: {ANNA}\r\nTo: support@example.com\r\nIn-Reply-To: <{receipt.message_id}>\r\n\r\n#send\r\n".encode()
    id = await site.journal(data, ANNA)
    envelope = Envelope("smtp", ANNA, ("support@example.com",), "192.0.2.7")

    def dies(tx: Tx) -> None:
        site.desk.handle(tx, id, site.desk.read(data, envelope), clock.now)
        raise PowerCut

    with pytest.raises(PowerCut):
        await site.write(dies)
    assert await site.outbox(recipient=KARL) == []
    assert [d.id for d in await site.read(lambda tx: tx.drafts.waiting(clock.now))] == [draft]
    await site.write(lambda tx: site.desk.handle(tx, id, site.desk.read(data, envelope), clock.now))
    assert len(await site.outbox("reply", KARL)) == 1
    assert await send(site, receipt) == "agent-command-not-understood"
    assert len(await site.outbox("reply", KARL)) == 1
    (answer,) = await site.outbox("reply", KARL)
    assert (await site.read(lambda tx: tx.journal.get(draft))).ticket == answer.ticket
    assert await site.broken() == {}


@pytest.mark.asyncio
async def test_a_draft_lapses_and_says_so(database: Database, clock: Clock, tmp_path: Path) -> None:
    """After its time a draft is neither listed nor sent, and the agent reads why."""
    site = room(database, clock, tmp_path)
    await unproven(site)
    (receipt,) = await receipts(site)
    clock.forward(days=31)
    assert await site.read(lambda tx: tx.drafts.waiting(clock.now)) == []
    assert await send(site, receipt) == "agent-command-not-understood"
    assert await site.outbox(recipient=KARL) == []


@pytest.mark.asyncio
async def test_whoever_writes_in_an_agents_name_without_end_gets_no_more_receipts(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Every mail is kept; the agent is told ten times in ten minutes at most, then the operator once."""
    site = room(database, clock, tmp_path)
    for _ in range(12):
        row = await site.mail(ANNA, f"#to {KARL}\n\nMoney.")
        clock.now -= timedelta(seconds=50)
        assert row.state == "settled"
    assert len(await receipts(site)) == 10
    assert len(await site.read(lambda tx: tx.drafts.waiting(clock.now))) == 12
    assert len(await site.outbox("operator_alarm")) == 1


@pytest.mark.asyncio
async def test_the_same_words_go_out_after_a_comment_without_proof(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """An agent who is told to answer the notice may send the very same text."""
    site = room(database, clock, tmp_path)
    await site.mail(ERIKA)
    await site.mail(ANNA, "We have a spare one for you.", subject="Re: [RD-1]")
    reference = token.reference(site.desk.policy.keys, "RD", named(site.database, 1))
    await site.mail(ANNA, "We have a spare one for you.", subject=f"Re: Help [{reference}]")
    assert await site.outbox("reply", ERIKA) == []
    assert (await site.answer(1, "We have a spare one for you.")).reason == "agent-answer"
    assert len(await site.outbox("reply", ERIKA)) == 1


@pytest.mark.asyncio
async def test_an_agents_own_forward_becomes_the_customers_with_its_files(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """A mail passed on as an attachment is the customer's, the remark and the agent's subject stay inside."""
    site = room(database, clock, tmp_path)
    inner = f"From: Karl Kunde <{KARL}>\r\nSubject: Radio\r\nMessage-ID: <1@karl>\r\n\r\nIt is silent.\r\n".encode()
    files = (("mail.eml", "message/rfc822", inner),)
    row = await site.mail(LEAD, "The annoying one again. SECRET-9", subject="WG: Radio SECRET-9", files=files)
    assert row.reason == "agent-mail-held-back"
    (receipt,) = await site.outbox("agent_receipt", LEAD)
    await site.mail(LEAD, f"#from {KARL}", subject="Re: x", In_Reply_To=f"<{receipt.message_id}>")
    await site.answer(1, "Please send it in.")
    mails = [await site.read(lambda tx, r=r: tx.outbox.message(r.id)) for r in await site.outbox(recipient=KARL)]
    assert len(mails) == 2
    assert not any(b"SECRET-9" in data or LEAD.encode() in data for data in mails)
    (entry, *_) = await site.read(lambda tx: tx.reads.entries(1))
    assert (entry.author.name, entry.new_text.strip(), entry.kind) == ("Karl Kunde", "It is silent.", "correspondence")


def test_two_agents_at_the_same_moment_never_both_leave_unasked(
    database_url: str, clock: Clock, tmp_path: Path
) -> None:
    """Two daemons decide at once about two answers to one request: one leaves, the other waits for its agent."""
    first, second = Database(database_url, tmp_path), Database(database_url, tmp_path)
    sites = [room(first, clock, tmp_path), room(second, clock, tmp_path)]
    policy = sites[0].desk.policy

    def arrive(site: Room, data: bytes, sender: str) -> tuple[int, Envelope]:
        envelope = Envelope("smtp", sender, ("support@example.com",), "192.0.2.7")
        return site.database.write_now(lambda tx: tx.journal.append(envelope, raw.pack(data), clock.now)), envelope

    def handle(site: Room, data: bytes, id: int, envelope: Envelope) -> None:
        read = site.desk.read(data, envelope)
        site.database.write_now(lambda tx: site.desk.handle(tx, id, read, clock.now))

    asked = (
        f"From: {ERIKA}\r\nTo: support@example.com\r\nMessage-ID: <1@e>\r\nSubject: x\r\n\r\nWhat is it?\r\n".encode()
    )
    handle(sites[0], asked, *arrive(sites[0], asked, ERIKA))
    threads = []
    for site, agent in zip(sites, (ANNA, LEAD), strict=True):
        to = f"support+{token.address_token(policy.keys, 'a', named(first, 1), agent)}@example.com"
        data = f"From: {agent}\r\nTo: {to}\r\nMessage-ID: <{agent}>\r\nSubject: Re: x\r\n\r\nFree of {agent[0]}.\r\n"
        arrived = arrive(site, data.encode(), agent)
        threads.append(threading.Thread(target=handle, args=(site, data.encode(), *arrived)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    rows = first.read_now(lambda tx: tx.outbox.recent(limit=50))
    assert [r.notice for r in rows if r.recipient == ERIKA].count("reply") == 1
    assert len(first.read_now(lambda tx: tx.drafts.waiting(clock.now))) == 1
    for database in (first, second):
        database.close_now()


async def passed_on(site: Room) -> OutboxEntry:
    """Erika wrote to Anna alone, who passes it on; the receipt of the draft."""
    await site.mail(ERIKA)
    words = f"\nFrom: {ERIKA}\nSent: Tuesday\nTo: {ANNA}\nSubject: Table\n\nThe table is burnt, too.\n"
    mark = token.address_token(site.desk.policy.keys, "a", named(site.database, 1), ANNA)
    await site.mail(ANNA, words, to=f"support+{mark}@example.com", subject="Fwd: Help")
    (receipt,) = await receipts(site)
    return receipt


async def test_a_note_in_answer_to_the_receipt_makes_the_draft_one(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """A customer's mail that was passed on: the receipt names `#note`, and agents read those words then."""
    site = room(database, clock, tmp_path)
    receipt = await passed_on(site)
    assert await send(site, receipt, "#note") == "draft-sent"
    *_, note = await site.read(lambda tx: tx.reads.entries(1))
    assert (note.kind, "The table is burnt, too." in note.body_text) == (EntryKind.COMMENT, True)
    assert await site.outbox("reply") == []
    assert await site.read(lambda tx: tx.drafts.waiting(clock.now, (ANNA,))) == []


async def test_a_note_of_its_own_leaves_the_draft(database: Database, clock: Clock, tmp_path: Path) -> None:
    site = room(database, clock, tmp_path)
    receipt = await passed_on(site)
    for order in ("#note She wrote to me.", "#note\nShe wrote to me."):
        assert await send(site, receipt, order) == "agent-note"
    assert len(await site.read(lambda tx: tx.drafts.waiting(clock.now, (ANNA,)))) == 1


@pytest.mark.parametrize("below", ["Kind regards\nAnna Agent\n+44 20 12345", "Anna"])
@pytest.mark.parametrize("order", ["#send", "#note"])
async def test_a_signature_below_the_order_is_no_word_of_its_own(
    database: Database, clock: Clock, tmp_path: Path, order: str, below: str
) -> None:
    """Outlook puts it there without two dashes; the draft had none, or lost it."""
    site = room(database, clock, tmp_path)
    receipt = await passed_on(site)
    assert await send(site, receipt, f"{order}\n\n{below}") == "draft-sent"
    assert await site.read(lambda tx: tx.drafts.waiting(clock.now, (ANNA,))) == []


async def test_a_note_without_a_word_is_none(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Where the words got lost on the way, its receipt said that they are on the ticket."""
    site = room(database, clock, tmp_path)
    await site.mail(ERIKA)
    assert (await site.answer(1, "#note")).reason == "agent-command-not-understood"
    assert len(await site.read(lambda tx: tx.reads.entries(1))) == 1
    (receipt,) = await receipts(site)
    assert b"#note needs more than that" in await site.read(lambda tx: tx.outbox.message(receipt.id))
    picture = ("fire.jpg", "image/jpeg", b"\xff\xd8" + b"0" * 99)
    assert (await site.answer(1, "#note", files=(picture,))).reason == "agent-note"


@pytest.mark.parametrize("plus", [True, False])
async def test_an_own_address_is_named_where_there_is_one(
    database: Database, clock: Clock, tmp_path: Path, plus: bool
) -> None:
    """Without plus-addressing there is none, and the receipt sends nobody to look for it."""
    box = {"address": "support@example.com", "name": "Example Support"}
    boxes = [box | {"reply_address": "support+{token}@example.com"} if plus else box]
    site = room(database, clock, tmp_path, mailboxes=boxes)
    await unproven(site)
    (receipt,) = await receipts(site)
    said = await site.read(lambda tx: tx.outbox.message(receipt.id))
    assert (b"your own address" in b" ".join(said.split())) is plus
    assert b"reply with #send" in b" ".join(said.split())


async def test_a_mail_passed_on_is_the_customers_by_an_order_to_its_receipt(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Also where its subject names a ticket: as if the order had stood above it at once. It told of a requester who was
    that already, and the words stayed in the draft."""
    site = room(database, clock, tmp_path, gateway={"trusted_authserv_ids": ["mx.example.com"]})
    await site.mail(ERIKA)
    ticket = await site.read(lambda tx: tx.reads.get(1))
    words = f"\nFrom: {ERIKA}\nSent: Tuesday\nTo: {ANNA}\nSubject: Table\n\nThe table is burnt, too.\n"
    passed = "mx.example.com; dmarc=pass header.from=example.com"
    subject = f"Fwd: Help [{site.desk.policy.reference(ticket)}]"
    await site.mail(ANNA, words, subject=subject, Authentication_Results=passed)
    (receipt,) = await receipts(site)
    assert await send(site, receipt, f"#from {ERIKA}") == "draft-sent"
    (entry, *_) = await site.read(lambda tx: tx.reads.entries(2))
    assert (entry.author.address, entry.body_text.strip()) == (ERIKA, "The table is burnt, too.")
