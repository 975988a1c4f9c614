"""An agent's words go to whom the order beside them names: to nobody else, now or later, and not as other words."""

from __future__ import annotations

from email import message_from_bytes, message_from_string
from email import policy as email_policy
from email.utils import parseaddr
from pathlib import Path

import pytest

from gateway.clock.retention import apply_retention
from gateway.core import sides
from gateway.core.lifecycle import Status
from gateway.core.ticket import EntryKind
from storage.database import Database
from storage.journal import JournalEntry
from storage.outbox import OutboxEntry
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, KARL, LEAD, Room, room

BOSS, NILS, SUPPLIER, NORA = (
    "boss@customer.example",
    "nils@customer.example",
    "sales@supplier.example",
    "nora@firm.example",
)


@pytest.fixture
async def desk(database: Database, clock: Clock, tmp_path: Path) -> Room:
    """Erika asked, with Karl and her boss in copy."""
    r = room(database, clock, tmp_path)
    await r.mail(ERIKA, "My kettle burns.", subject="Kettle", Cc=f"{KARL}, {BOSS}")
    await r.deliver()
    return r


async def text(r: Room, row: OutboxEntry) -> str:
    return (await r.read(lambda tx: tx.outbox.message(row.id))).decode()


async def newest(r: Room, notice: str, to: str) -> str:
    return await text(r, (await r.outbox(notice, to))[-1])


async def got(r: Room, words: str) -> set[str]:
    """Who was sent a mail with these words in it, agents apart."""
    rows = [row for row in await r.outbox() if row.recipient not in (ANNA, LEAD)]
    return {row.recipient for row in rows if words in await text(r, row)}


async def test_only_and_somebody_who_takes_part_already(desk: Room) -> None:
    await desk.answer(1, f"#only\n#cc {KARL}\n\nFOR-TWO")
    assert await got(desk, "FOR-TWO") == {ERIKA, KARL}
    assert f"Sent to {ERIKA}, {KARL}" in await newest(desk, "agent_receipt", ANNA)
    assert f"Also sent to: {KARL}" in await newest(desk, "reply", ERIKA)
    assert BOSS not in await newest(desk, "reply", ERIKA)


@pytest.mark.parametrize("named", ["", f"#cc {KARL}\n", f"#cc {NILS}\n"])
async def test_what_was_not_for_all_is_quoted_to_nobody_else(desk: Room, named: str) -> None:
    """Nor does a mail say that others got it who did not."""
    await desk.answer(1, f"#only\n{named}\nPRIVATE-PRICE")
    first = await newest(desk, "reply", ERIKA)
    assert ("Also sent to" in first) is bool(named)
    before = await got(desk, "PRIVATE-PRICE")
    await desk.answer(1, "FOR-ALL")
    assert {ERIKA, KARL, BOSS} <= await got(desk, "FOR-ALL")
    assert await got(desk, "PRIVATE-PRICE") == before
    assert BOSS not in before
    assert "PRIVATE-PRICE" in await newest(desk, "reply", ERIKA)


async def test_what_the_requester_answers_alone_stays_between_us(desk: Room) -> None:
    """Until they write to others of the ticket as well, or answer what all have read."""

    async def writes(words: str, **mail: str) -> None:
        answered = (await desk.outbox("reply", ERIKA))[-1]
        await desk.reply(ERIKA, 1, words, In_Reply_To=f"<{answered.message_id}>", **mail)

    await desk.answer(1, "#only\n\nWhat is your account?")
    await writes("MY-ACCOUNT")
    assert f"This stays between {ERIKA} and us" in await newest(desk, "agent_notice", ANNA)
    await writes("ALL-MAY-KNOW", also_to=BOSS)
    assert "This stays between" not in await newest(desk, "agent_notice", ANNA)
    await desk.answer(1, "Thank you both.")
    await writes("TO-ALL-AGAIN")
    await desk.answer(1, "Done.")
    assert await got(desk, "MY-ACCOUNT") == {ERIKA}
    assert await got(desk, "ALL-MAY-KNOW") >= {ERIKA, BOSS}
    assert await got(desk, "TO-ALL-AGAIN") >= {ERIKA, BOSS}
    assert await desk.broken() == {}


async def _answers_in_private(r: Room) -> JournalEntry:
    """Erika answers the newest mail that was for her alone."""
    (asked,) = [row for row in await r.outbox("reply", ERIKA) if "Your account?" in await text(r, row)][-1:]
    return await r.mail(ERIKA, "MY-ACCOUNT", subject="Re: Kettle", In_Reply_To=f"<{asked.message_id}>")


async def _sends(r: Room) -> None:
    """What waits for a word of the agent leaves."""
    receipt = (await r.outbox("agent_receipt", ANNA))[-1]
    to = str(message_from_string(await text(r, receipt))["Reply-To"])
    row = await r.mail(ANNA, "#send", to=parseaddr(to)[1], In_Reply_To=f"<{receipt.message_id}>")
    assert row.reason == "draft-sent"


@pytest.mark.parametrize("requester", [ERIKA, NORA])
async def test_what_is_answered_alone_stays_so_after_a_merge(desk: Room, requester: str) -> None:
    """Whoever the other ticket belongs to; taken back, the answer goes along, and it is our turn there."""
    await desk.mail(requester, "My lamp is dark.", subject="Lamp")
    await desk.answer(1, "#only\n\nYour account?")
    await desk.answer(1, "#merge 2")
    await _sends(desk)
    assert (await _answers_in_private(desk)).ticket == 2
    assert f"This stays between {ERIKA} and us" in await newest(desk, "agent_notice", ANNA)
    await desk.answer(2, "Done.")
    assert {BOSS, KARL} <= await got(desk, "Done.")
    assert await got(desk, "MY-ACCOUNT") <= {ERIKA}
    assert await desk.broken() == {}


async def test_a_merge_taken_back_brings_along_what_was_answered_alone(desk: Room) -> None:
    await desk.mail(NORA, "My lamp is dark.", subject="Lamp")
    await desk.answer(1, "#only\n\nYour account?")
    await desk.answer(1, "#merge 2")
    await _sends(desk)
    await _answers_in_private(desk)
    await desk.answer(2, "#undo")
    entries = await desk.read(lambda tx: tx.reads.entries(1))
    assert [e.side for e in entries if e.new_text == "MY-ACCOUNT"] == [sides.alone(1)]
    assert (await desk.read(lambda tx: tx.reads.get(1))).status is Status.WAITING_ON_US


async def test_what_was_answered_alone_stays_so_when_it_is_split_off(desk: Room) -> None:
    """Whoever joins there later does not read it; taken back it is as before."""
    await desk.answer(1, "#only\n\nYour account?")
    await _answers_in_private(desk)
    told = (await desk.outbox("agent_notice", ANNA))[-1]
    assert (await desk.answer(1, "#split", In_Reply_To=f"<{told.message_id}>")).reason == "agent-command"
    await desk.answer(2, f"#cc {KARL}\n\nDone.")
    assert KARL in await got(desk, "Done.")
    assert await got(desk, "MY-ACCOUNT") <= {ERIKA}
    await desk.answer(2, "#undo")
    await desk.answer(2, "#undo")
    entries = await desk.read(lambda tx: tx.reads.entries(1))
    assert [e.side for e in entries if e.new_text == "MY-ACCOUNT"] == [sides.alone(1)]
    assert await desk.broken() == {}


async def test_what_a_former_requester_answers_alone_is_for_agents(desk: Room) -> None:
    await desk.answer(1, "#only\n\nYour account?")
    await desk.answer(1, f"#requester {NORA}")
    assert (await _answers_in_private(desk)).ticket == 1
    assert f"This stays between {ERIKA} and us" in await newest(desk, "agent_notice", ANNA)
    await desk.answer(1, "Done.")
    assert {NORA, KARL, BOSS} <= await got(desk, "Done.")
    assert await got(desk, "MY-ACCOUNT") == set()


async def test_what_is_answered_by_whom_cc_named_beside_only(desk: Room) -> None:
    """It went to them and the requester alone, and so does what they answer."""
    await desk.answer(1, f"#only\n#cc {KARL}\n\nYour account?")
    asked = (await desk.outbox("reply", KARL))[-1]
    await desk.reply(KARL, 1, "HER-ACCOUNT", In_Reply_To=f"<{asked.message_id}>")
    await desk.answer(1, "Done.")
    assert BOSS in await got(desk, "Done.")
    assert await got(desk, "HER-ACCOUNT") <= {ERIKA, KARL}


async def test_words_beside_spam_are_a_note(desk: Room) -> None:
    """Nothing was sent, so a later answer does not quote them as if it had been."""
    await desk.answer(1, "#spam\n\nINTERNAL: a robot, I think")
    entries = await desk.read(lambda tx: tx.reads.entries(1))
    (mine,) = (e for e in entries if "INTERNAL" in e.new_text)
    assert mine.kind is EntryKind.COMMENT
    assert "for agents only" in await newest(desk, "agent_receipt", ANNA)
    await desk.answer(1, "Sorry, we took you for a robot.")
    if not await desk.outbox("reply", ERIKA):
        await desk.answer(1, "#send")
    assert "Sorry, we took you" in await newest(desk, "reply", ERIKA)
    assert await got(desk, "INTERNAL") == set()


async def stale(r: Room) -> OutboxEntry:
    """Anna answered from what she read before Bob's answer: her words wait. The receipt."""
    (notice,) = await r.outbox("agent_notice", ANNA)
    await r.answer(1, "It costs 20.", LEAD)
    await r.answer(1, "It is free.\n\nKind regards\nAnna", In_Reply_To=f"<{notice.message_id}>")
    assert await got(r, "It is free.") == set()
    return (await r.outbox("agent_receipt", ANNA))[-1]


async def test_send_with_other_words_sends_neither(desk: Room) -> None:
    receipt = await stale(desk)
    answers = {"In_Reply_To": f"<{receipt.message_id}>"}
    await desk.answer(1, "#send\n\nSorry, it costs 20, as Bob says.", **answers)
    assert await got(desk, "It is free.") | await got(desk, "Sorry") == set()
    told = " ".join((await newest(desk, "agent_receipt", ANNA)).split())
    assert "your mail has other words: nothing was sent" in told
    assert "Sorry, it costs 20, as Bob says." in told
    number = told.partition("reply with #send ")[2].partition(";")[0]
    await desk.answer(1, f"#send {number}")
    assert ERIKA in await got(desk, "It is free.")


async def test_send_above_the_signature_that_the_draft_has_as_well(desk: Room) -> None:
    receipt = await stale(desk)
    await desk.answer(1, "#send\n\nKind regards\nAnna", In_Reply_To=f"<{receipt.message_id}>")
    assert ERIKA in await got(desk, "It is free.")


async def test_an_adviser_is_no_customer(desk: Room) -> None:
    """Their copy would be a customer's mail: the agent is told, and nothing leaves."""
    await desk.answer(1, f"#ask {SUPPLIER}\n\nWhich plug?")
    await desk.answer(1, f"#cc {SUPPLIER}\n\nThe supplier in copy will call you.")
    assert await got(desk, "will call you") == set()
    assert SUPPLIER in await newest(desk, "agent_receipt", ANNA)
    assert "is no customer" in await newest(desk, "agent_receipt", ANNA)


async def test_only_in_answer_to_another_customer(desk: Room) -> None:
    """Two customers share a ticket and never read each other: what answers Nora does not go to Erika unasked."""
    await desk.mail(NORA, "Ours burns, too.", subject="Burning")
    await desk.answer(2, "#merge 1")
    await desk.answer(2, "#send")
    await desk.reply(NORA, 2, "What does order 4711 cost?")
    notice = (await desk.outbox("agent_notice", ANNA))[-1]
    await desk.answer(1, "#only\n\nDear Nora, 20.", In_Reply_To=f"<{notice.message_id}>")
    assert await got(desk, "Dear Nora") == set()
    told = " ".join((await newest(desk, "agent_receipt", ANNA)).split())
    assert f"You answered {NORA}, and with #only your text goes to {ERIKA} alone" in told
    await desk.answer(1, "#send", In_Reply_To=f"<{(await desk.outbox('agent_receipt', ANNA))[-1].message_id}>")
    assert await got(desk, "Dear Nora") == {ERIKA}


async def test_a_block_in_answer_to_a_stranger(desk: Room) -> None:
    """It would be the requester nobody hears of any more: it waits."""
    await desk.reply(NORA, 1, "Buy our pills.")
    notice = (await desk.outbox("agent_notice", ANNA))[-1]
    await desk.answer(1, "#block", In_Reply_To=f"<{notice.message_id}>")
    told = " ".join((await newest(desk, "agent_receipt", ANNA)).split())
    assert f"You answered {NORA}, but #block is about {ERIKA}, the requester of this ticket." in told
    assert (await desk.reply(ERIKA, 1, "Is it safe?")).reason == "reply"


async def test_a_signature_of_the_mail_program_stays_here(desk: Room) -> None:
    """It names the agent's own address, and signs a mail that the customer does not get."""
    files = (("smime.p7s", "application/pkcs7-signature", b"SIGNED"), ("plug.pdf", "application/pdf", b"%PDF"))
    await desk.answer(1, "Use this plug.", files=files)
    (answer,) = await desk.outbox("reply", ERIKA)
    assert [file.filename for file in answer.files] == ["plug.pdf"]
    receipt = await newest(desk, "agent_receipt", ANNA)
    assert "Not sent along, because it is for agents only: smime.p7s" in " ".join(receipt.split())


async def test_our_address_wrote_to_a_customer(desk: Room) -> None:
    """From a shared mailbox, say: an answer reaches whom it was written to, and nothing says otherwise."""
    await desk.mail("support@example.com", "We come on Friday.", to=f"Nora <{NORA}>", Cc="support@example.com")
    told = await newest(desk, "agent_notice", ANNA)
    assert "reaches nobody" not in told
    assert "It came under our own address support@example.com." in told
    assert f"Your answer goes to: {NORA}\n" in told.replace("\r", "")
    assert f"Reply to this e-mail to answer {NORA}." in " ".join(told.split())
    await desk.answer(2, "On Friday at nine.")
    assert await got(desk, "On Friday at nine.") == {NORA}
    assert "Also sent to" not in await newest(desk, "reply", NORA)


async def test_our_address_wrote_to_nobody_else(desk: Room) -> None:
    await desk.mail("support@example.com", "Scan 17", Cc=ANNA)
    assert "reaches nobody" in " ".join((await newest(desk, "agent_notice", ANNA)).split())


async def test_people_beyond_those_who_take_part(desk: Room) -> None:
    """Named one by one, and nobody of ours among them: mail to us arrived, and agents are told."""
    many = ", ".join(f"p{n}@else.example" for n in range(52))
    await desk.mail(NORA, "To all", to=f"{many}, {ANNA}, support@example.com")
    told = " ".join((await newest(desk, "agent_notice", LEAD)).split())
    assert "! 2 more people in To and Cc" in told
    assert "p50@else.example, p51@else.example To all" in told
    await desk.mail(NORA, "To fifty", to=f"{', '.join(many.split(', ')[:50])}, support@example.com")
    assert "more people" not in await newest(desk, "agent_notice", LEAD)


async def test_who_names_a_ticket_of_their_own_by_its_number_alone(desk: Room) -> None:
    """It is a new request, for a number proves nothing; but its author is no stranger in that ticket."""
    await desk.mail(KARL, "Any news?", subject="Question about ticket #1")
    told = " ".join((await newest(desk, "agent_notice", ANNA)).split())
    assert "! Names #1, in which its author takes part." in told
    assert "no part" not in told
    await desk.mail(NORA, "Any news?", subject="Question about ticket #1")
    told = " ".join((await newest(desk, "agent_notice", ANNA)).split())
    assert "! Claims to belong to #1, but its author has no part in it" in told


async def test_thanks_for_a_receipt_are_not_the_customers(desk: Room) -> None:
    """Words in answer to a receipt of what was done wait, as those in answer to a draft's do; an order does not."""
    await desk.answer(1, "It is on its way.")
    (receipt,) = await desk.outbox("agent_receipt", ANNA)
    answers = {"In_Reply_To": f"<{receipt.message_id}>"}
    await desk.answer(1, "Oh no, that was the wrong lamp!", **answers)
    assert len(await desk.outbox("reply", ERIKA)) == 1
    assert "You answered a receipt" in await newest(desk, "agent_receipt", ANNA)
    await desk.answer(1, "#wait\n\nIt comes tomorrow.", **answers)
    assert len(await got(desk, "It comes tomorrow.")) > 0
    # In place of what could not be carried out they are the answer.
    await desk.answer(1, "#solvd\n\nIt is done.")
    unclear = (await desk.outbox("agent_receipt", ANNA))[-1]
    await desk.answer(1, "It is done, I hope.", In_Reply_To=f"<{unclear.message_id}>")
    assert await got(desk, "It is done, I hope.")


async def test_a_link_that_lets_in_is_repeated_to_nobody(desk: Room) -> None:
    """Erika passes her registration on to us; her boss, who joins later, reads that it was one, and not the link."""
    link = "http://127.0.0.1:8025/register/WyJlcmlrYSJd.rOsIqmOvSlujoiXXUA-UpCZSGZ32"
    await desk.mail(ERIKA, f"What is this for?\n\nBegin forwarded message:\n\nRegister:\n{link}", subject="Fwd: Access")
    await desk.answer(2, f"#cc {BOSS}\n\nFor looking at your requests.")
    assert await got(desk, "Begin forwarded message") == {ERIKA, BOSS}
    assert await got(desk, link.rpartition(".")[2]) == set()


@pytest.mark.parametrize("action", ["register", "reset", "enter", "rate", "close"])
async def test_agents_read_that_there_was_a_link_and_not_the_link(desk: Room, action: str) -> None:
    """It lets in as Erika, or says in her name how content she is: neither is for who answers her."""
    link = f"http://127.0.0.1:8025/{action}/WyJlcmlrYSJd.rOsIqmOvSlujoiXXUA-UpCZSGZ32"
    html = f"<p>What is this for?</p><table><tr><td>Here</td><td><a href='{link}'>Your link</a></td></tr></table>"
    row = await desk.mail(ERIKA, f"What is this for?\n\n{link}/5", subject="Fwd: Access", html=html)
    await desk.answer(row.ticket or 0, "We will see.")
    rows = [o.id for o in await desk.outbox() if o.ticket == row.ticket]
    mails = [
        message_from_bytes(await desk.read(lambda tx, id=id: tx.outbox.message(id)), policy=email_policy.default)
        for id in rows
    ]
    parts = [str(p.get_content()) for m in mails for p in m.walk() if p.get_content_maintype() == "text"]
    assert any(f"/{action}/[…]" in part for part in parts)
    assert not any("rOsIqmOvSlujoiXXUA" in part for part in parts)


@pytest.mark.parametrize("greeting", ["Bob, ", "Hallo Bob,\n", "Lieber Bob!\n\n", "@bob: ", "Bob Lead –\n"])
async def test_words_to_the_colleague_who_is_given_it(desk: Room, greeting: str) -> None:
    """Nobody means the customer to read what begins with a colleague's name; #send lets it go all the same."""
    words = "please call them, they get on my nerves."
    await desk.answer(1, f"#assign Bob\n\n{greeting}{words}")
    assert await got(desk, "get on my nerves") == set()
    receipt = " ".join((await newest(desk, "agent_receipt", ANNA)).split())
    assert "It begins with the name of a colleague: #note keeps words among agents." in receipt
    (draft,) = await desk.outbox("agent_receipt", ANNA)
    await desk.answer(1, "#send", In_Reply_To=f"<{draft.message_id}>")
    assert ERIKA in await got(desk, "get on my nerves")


@pytest.mark.parametrize(
    "words",
    [
        "#assign Bob\n\nBob looks after it from now on.",
        "#assign me\n\nAnna, of the team: it is done.",
        "Bob, of the team: done.",
    ],
)
async def test_a_colleague_may_be_named_to_the_customer(desk: Room, words: str) -> None:
    await desk.answer(1, words)
    assert len(await desk.outbox("reply", ERIKA)) == 1


async def test_a_customer_of_the_same_name_is_greeted(desk: Room) -> None:
    await desk.mail("Bob Builder <bob@else.example>", "My crane is stuck.")
    await desk.answer(2, "#assign Bob\n\nHello Bob,\nwe look into it.")
    assert "we look into it" in await newest(desk, "reply", "bob@else.example")


async def test_nobody_to_answer(database: Database, clock: Clock, tmp_path: Path) -> None:
    """A fax names no author: agents are told, and their answer waits until they say whom it is for."""
    r = room(database, clock, tmp_path)
    await r.raw_mail(b"To: support@example.com\r\nSubject: Fax\r\n\r\nPlease call.\r\n", "")
    notice = await newest(r, "agent_notice", ANNA)
    assert "An answer reaches nobody here. Reply with #requester ADDRESS" in notice.replace("\r\n  ", " ")
    assert "Requester:" not in notice
    assert "Reply to this e-mail to answer" not in notice
    assert (await r.answer(1, "CALLED-BACK")).reason == "agent-mail-held-back"
    (receipt,) = await r.outbox("agent_receipt", ANNA)
    assert "An answer reaches nobody here." in await text(r, receipt)
    (ticket,) = await r.read(lambda tx: tx.reads.numbered({1}))
    assert (ticket.status, ticket.assignee) == (Status.NEW, "")

    answered = {"subject": "Re: Fax", "In_Reply_To": f"<{receipt.message_id}>"}
    assert (await r.mail(ANNA, "#send", **answered)).reason == "agent-mail-held-back"
    assert (await r.mail(ANNA, f"#requester {ERIKA}", **answered)).reason == "draft-sent"
    assert await got(r, "CALLED-BACK") == {ERIKA}
    assert "(no sender)" in await newest(r, "reply", ERIKA)  # Not "(erased)": the words are there.
    assert await r.broken() == {}


async def test_two_who_name_nobody_are_two(database: Database, clock: Clock, tmp_path: Path) -> None:
    """To merge their requests waits, and whoever turns out to be the one reads nothing of the other."""
    r = room(database, clock, tmp_path)
    for said in ("FAX-OF-ONE", "FAX-OF-ANOTHER"):
        await r.raw_mail(f"To: support@example.com\r\nSubject: Fax\r\n\r\n{said}\r\n".encode(), "")
    assert (await r.answer(2, "#merge 1")).reason == "agent-mail-held-back"
    receipt = (await r.outbox("agent_receipt", ANNA))[-1]
    assert "()" not in await text(r, receipt)
    assert (await r.answer(2, "#send", In_Reply_To=f"<{receipt.message_id}>")).reason == "draft-sent"
    await r.answer(1, f"#requester {ERIKA}\n\nWe call you.")
    assert await got(r, "FAX-OF-ONE") >= {ERIKA}
    assert ERIKA not in await got(r, "FAX-OF-ANOTHER")


async def test_a_stranger_on_a_ticket_whose_people_were_erased(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    """Agents are told that a plain answer reaches nobody, and it waits; `#cc` sends it to the stranger."""
    r = room(database, clock, tmp_path, retention={"tickets_days": 10})
    await r.mail(ERIKA, "My kettle burns.", subject="Kettle")
    await r.close(1)
    await r.deliver()
    clock.forward(days=20)
    await apply_retention(r.site)
    assert (await r.reply(ERIKA, 1, "It burns again.")).reason == "stranger-with-signed-mark"
    notice = await newest(r, "agent_notice", ANNA)
    assert f"{ERIKA} is not confirmed on this ticket" in notice
    assert "An answer reaches nobody here." in notice
    assert (await r.answer(1, "UNPLUG-IT")).reason == "agent-mail-held-back"
    (*_, receipt) = await r.outbox("agent_receipt", ANNA)
    await r.mail(ANNA, f"#cc {ERIKA}", subject="Re: Kettle", In_Reply_To=f"<{receipt.message_id}>")
    assert "UNPLUG-IT" in await newest(r, "reply", ERIKA)


@pytest.mark.parametrize(
    "above", ["-----Original Message-----\nFrom: Erika <erika@customer.example>\nSubject: Help\n\n", ""]
)
async def test_what_an_answer_quotes_of_pgp_is_no_file_of_it(desk: Room, above: str) -> None:
    """Outlook quotes without a sign: what a customer encrypted stands below the answer as it came. Who attaches such a
    file sends it."""
    block = "-----BEGIN PGP MESSAGE-----\n\nhQEMA1234abcd\n=abcd\n-----END PGP MESSAGE-----\n"
    await desk.mail(ERIKA, block)
    own = () if above else (("encrypted.asc", "application/octet-stream", block.encode()),)
    await desk.answer(1, f"I cannot read it.\n\n{above}{block if above else ''}", files=own)
    assert ERIKA in await got(desk, "I cannot read it")
    assert (ERIKA in await got(desk, "encrypted.asc")) is bool(own)
