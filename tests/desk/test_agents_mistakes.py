"""What tired agents do: text that was meant for one person must not reach another, and no order is half done."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from gateway.core import token
from gateway.core.ticket import EntryKind
from storage.database import Database
from tests.conftest import Clock, named
from tests.room import ANNA, ERIKA, KARL, LEAD, Room
from tests.room import room as make_room

KIM, SUPPLIER = "kim@customer.example", "sales@supplier.example"
PASSED: dict[str, Any] = {"Authentication_Results": "mx.example.com; dmarc=pass header.from=example.com"}
TEAMS = ("support", "sales")
REMARK = "She is a nuisance, get rid of her."


@pytest.fixture
async def room(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    database = Database(sqlite_url, tmp_path)
    gateway = {"operator": "root@example.com", "trusted_authserv_ids": ["mx.example.com"]}
    yield make_room(database, clock, tmp_path, gateway=gateway)
    await database.close()


def _own_address(room: Room) -> str:
    return f"support+{token.address_token(room.desk.policy.keys, 'a', named(room.database, 0), ANNA)}@example.com"


def _reference(room: Room, number: int = 1) -> str:
    return f"[{token.reference(room.desk.policy.keys, 'RD', named(room.database, number))}]"


async def _to_customers(room: Room) -> list[tuple[str, str]]:
    return [(r.notice, r.recipient) for r in await room.outbox() if r.audience == "customer"]


async def _receipt(room: Room) -> str:
    row = (await room.outbox("agent_receipt", ANNA))[-1]
    mail = message_from_bytes(await room.read(lambda tx: tx.outbox.message(row.id)), policy=email_policy.default)
    assert isinstance(mail, EmailMessage)
    return " ".join(str(mail.get_body(("plain",)).get_content()).split())  # type: ignore[union-attr]


@pytest.mark.parametrize("mark", ["Fwd", "I", "I: R", "İLT", "ΠΡΘ", "Továbbítás", "Пересл"])
async def test_a_mail_passed_on_to_a_tickets_address_goes_to_nobody(room: Room, mark: str) -> None:
    """In whatever language the agent's program marks it: words of others follow, which the customer must not read."""
    await room.mail(ERIKA)
    before = await _to_customers(room)
    own = token.address_token(room.desk.policy.keys, "a", named(room.database, 1), ANNA)
    room.clock.forward(minutes=5)
    row = await room.mail(ANNA, "See.\n\nSecret.", to=f"support+{own}@example.com", subject=f"{mark}: Help")
    assert await _to_customers(room) == before, row.why
    assert "Secret." in await _receipt(room)


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (f"#to {SUPPLIER}\nIs she honest?", "#to and #for begin a new ticket"),
        (f"#from {KIM}\nDear Kim, here it is.", "#from in the answer to a notice"),
        ("#split\n#close", "#split stands alone"),
        ("#merge 2\n#close", "#merge stands alone"),
        ("#note\n#move 2\nIs she honest?", "#move stands alone"),
        ("#undo\n#close", "#undo stands alone"),
    ],
)
async def test_what_cannot_be_done_whole_is_not_done(room: Room, order: str, said: str) -> None:
    """Nothing is sent or changed, the receipt says why and gives the text back."""
    await room.mail(ERIKA, "Well?")
    await room.mail(KARL, "And mine?")
    before, ticket = await _to_customers(room), await room.read(lambda tx: tx.reads.get(1))
    await room.answer(1, order)
    assert await _to_customers(room) == before
    assert await room.read(lambda tx: tx.reads.get(1)) == ticket
    receipt = await _receipt(room)
    assert said in receipt
    text = order.rpartition("\n")[2]
    assert text.startswith("#") or text in receipt


async def test_a_merge_says_who_takes_part_now(room: Room) -> None:
    """From now on they read each other's mails: an agent who took the wrong number must see that."""
    await room.mail(ERIKA, "Well?")
    await room.mail(KARL, "And mine?")
    await room.answer(1, "#merge 2")
    assert f"#1 ({ERIKA}) and #2 ({KARL}) are requests of different customers." in await _receipt(room)
    assert not (await room.read(lambda tx: tx.reads.get(2))).knows(ERIKA)
    await room.answer(1, "#send")
    assert f"{ERIKA} takes part now." in await _receipt(room)


async def test_one_customers_requests_are_merged_unasked(room: Room) -> None:
    """Nobody could read what is not their own."""
    await room.mail(ERIKA, "Well?")
    await room.mail(ERIKA.upper(), "And this?")
    assert (await room.answer(1, "#merge 2")).reason == "agent-command"


async def test_who_was_told_of_a_merge_is_told_of_its_end(room: Room) -> None:
    """Under the own reference again, with a mark that leads there."""
    await room.mail(ERIKA, "Well?", Cc="kim@customer.example")
    await room.mail(KARL, "And mine?")
    await room.answer(1, "#merge 2")
    await room.answer(1, "#send")
    await room.answer(1, "#undo")
    for person in (ERIKA, "kim@customer.example"):
        told = (await room.outbox("merged", person))[-1]
        mail = message_from_bytes(await room.read(lambda tx, id=told.id: tx.outbox.message(id)))
        assert _reference(room, 1) in " ".join(str(mail["Subject"]).split())
        assert "is handled by itself again" in mail.get_payload()[0].get_payload()
        row = await room.mail(person, "Thanks.", In_Reply_To=f"<{told.message_id}>")
        assert (row.reason, row.ticket) == ("reply", 1)
    assert await room.outbox("merged", KARL) == []


async def test_two_domains_that_sound_alike_are_two_people(room: Room) -> None:
    """`straße.example` asks for its tickets and does not learn of those of `strasse.example`."""
    await room.mail("kim@strasse.example", "Secret.", subject="Secret")
    asks = "From: kim@straße.example\r\nTo: support@example.com\r\nSubject: status\r\nMessage-ID: <q@q>\r\n\r\n"
    await room.raw_mail(asks.encode(), "kim@straße.example")
    (row,) = await room.outbox("ticket_list")
    assert b"Secret" not in await room.read(lambda tx: tx.outbox.message(row.id))


async def test_an_agent_without_a_name_speaks_for_the_mailbox(sqlite_url: str, clock: Clock, tmp_path: Path) -> None:
    """In the conversation below the next answer, too."""
    database = Database(sqlite_url, tmp_path)
    room = make_room(database, clock, tmp_path, agents=[{"address": ANNA}])
    await room.mail(ERIKA, "Well?")
    await room.answer(1, "Soon.")
    await room.answer(1, "Now.")
    row = (await room.outbox("reply", ERIKA))[-1]
    assert b"\r\nExample Support, 2 March 2026" in await room.read(lambda tx: tx.outbox.message(row.id))
    await database.close()


async def test_text_beside_a_merge_is_given_back(room: Room) -> None:
    """The agent may think that it was sent."""
    await room.mail(ERIKA, "Well?")
    await room.mail(KARL, "And mine?")
    await room.answer(1, "#merge 2\nWe have joined your requests.")
    assert "Your text was not sent: We have joined your requests." in await _receipt(room)
    await room.answer(1, "#send")
    assert "Your text was not sent: We have joined your requests." in await _receipt(room)


async def test_only_a_single_line_is_the_subject_of_a_split(room: Room) -> None:
    """The customer reads that; a letter, or a remark with a signature, is not one."""
    await room.mail(ERIKA)
    await room.reply(ERIKA, 1, "Well?")
    _, notice = await room.outbox("agent_notice", ANNA)
    await room.answer(1, "#split\nShe is confused.\nWe do it later.", In_Reply_To=f"<{notice.message_id}>")
    assert (await room.read(lambda tx: tx.reads.get(2))).subject == "Well?"
    assert "Your text was not sent: She is confused." in await _receipt(room)


async def test_the_only_mail_of_a_ticket_is_not_split_off(room: Room) -> None:
    """An empty request would be left, which its customer waits for; notes are no mails. The shell says the same."""
    await room.mail(ERIKA)
    (notice,) = await room.outbox("agent_notice", ANNA)
    await room.answer(1, "#note Odd.")
    await room.answer(1, "#split", In_Reply_To=f"<{notice.message_id}>")
    assert "It is the only mail of this ticket" in await _receipt(room)
    assert [t.number for t in await room.read(lambda tx: tx.reads.open_of(ERIKA, 9))] == [1]


@pytest.mark.parametrize("to", [SUPPLIER, LEAD])
async def test_a_mail_to_others_in_copy_is_a_comment(room: Room, to: str) -> None:
    """What an agent writes to a supplier or a colleague, the mailbox in copy, is no answer to the customer."""
    await room.mail(ERIKA, "Well?")
    before = await _to_customers(room)
    await room.mail(ANNA, "Is she honest?", subject=_reference(room), to=to, Cc="support@example.com", **PASSED)
    assert await _to_customers(room) == before
    ticket = await room.read(lambda tx: tx.reads.get(1))
    assert ticket.participants == ()
    kinds = [(e.kind, e.new_text) for e in await room.read(lambda tx: tx.reads.entries(1))]
    assert kinds[-1] == (EntryKind.COMMENT, "Is she honest?")
    assert f"Written to {to}" in await _receipt(room)


async def test_who_joins_gets_nothing_inner_though_all_others_have_it(room: Room) -> None:
    """The customer has the agent's mail itself; the stranger whom it answers would get it from us."""
    await room.mail(ERIKA, "Well?")
    await room.answer(1, f"#note {REMARK}", LEAD)
    (known,) = await room.outbox("request_received", ERIKA)
    await room.mail(KIM, "I am Kim.", In_Reply_To=f"<{known.message_id}>")
    about_kim = (await room.outbox("agent_notice", ANNA))[-1]
    text = f"I am sorry.\n{REMARK}"
    await room.mail(ANNA, text, to=ERIKA, Cc="support@example.com", In_Reply_To=f"<{about_kim.message_id}>")
    assert await room.outbox("reply", KIM) == []


def _forwarded(author: str, text: str) -> str:
    return f"---------- Forwarded message ---------\nFrom: {author}\nSubject: Parcel\nTo: {ANNA}\n\n{text}\n"


async def _forward(room: Room, text: str, **mail: Any) -> tuple[str, tuple[str, ...]]:
    """What the customer is taken to have written, and what agents are told beside it."""
    row = await room.mail(ANNA, text, to=_own_address(room), **mail)
    assert row.ticket is not None
    entry = (await room.read(lambda tx: tx.reads.entries(row.ticket)))[0]
    assert entry.author.address == KIM
    return entry.new_text, entry.remarks


@pytest.mark.parametrize("colleague", [f"Bob Lead <{LEAD}>", "Bob Lead"])
async def test_of_a_chain_the_customers_mail_is_forwarded(room: Room, colleague: str) -> None:
    """What colleagues wrote above it stays inside, beside the agent's own words."""
    chain = _forwarded(colleague, REMARK) + _forwarded(f"Kim <{KIM}>", "Where is it?")
    text, remarks = await _forward(room, f"#from {KIM}\n\nPlease handle.\n\n{chain}")
    assert text == "Where is it?"
    assert remarks[1].startswith("Please handle.")
    assert REMARK in remarks[1]


@pytest.mark.parametrize("order", ["- #note", "“#note”", "(#note)", "##note", "# # note", "\\#note"])
async def test_no_order_in_disguise_goes_to_the_customer(order: str, room: Room) -> None:
    """It is a note, or it is not understood and nothing is done."""
    await room.mail(ERIKA, "Well?")
    before = await _to_customers(room)
    await room.answer(1, f"{order} {REMARK}\n\nMore.")
    assert await _to_customers(room) == before
    noted = [e.new_text for e in await room.read(lambda tx: tx.reads.entries(1)) if e.kind is EntryKind.COMMENT]
    assert noted == [f"{REMARK}\nMore."] or f"“{order}” looks like a command" in await _receipt(room)


@pytest.mark.parametrize("subject", ["#note Re: Help", "Re: #note Help", "AW: [RD-1-ABCDEF] #Notiz: Help", "#close"])
async def test_an_order_in_the_subject_sends_nothing(subject: str, room: Room) -> None:
    """Whoever writes `#note` there means the words for agents: they wait, and the receipt says where orders belong."""
    await room.mail(ERIKA)
    mark = token.address_token(room.desk.policy.keys, "a", named(room.database, 1), ANNA)
    to = f"support+{mark}@example.com"
    await room.mail(ANNA, REMARK, to=to, subject=subject)
    assert ("reply", ERIKA) not in await _to_customers(room)
    assert "stands in your subject. Commands belong on the first lines of your text" in await _receipt(room)
    await room.mail(ANNA, f"#note {REMARK}", to=to, subject=subject)
    assert "The note is on the ticket" in await _receipt(room)


@pytest.mark.parametrize("own_address", [False, True])
@pytest.mark.parametrize(
    ("subject", "text", "said"),
    [
        ("Recall", f"Hi,\n#to {KIM}\n\nYour lamp is ready.", "stands below your text"),
        ("Recall", f"Hallo Kim,\n\nIhre Lampe ist fertig.\n\n#an {KIM}", "stands below your text"),
        (f"#to {KIM}", "Your lamp is ready.", "“#to” stands in your subject"),
        ("#list open", "", "“#list” stands in your subject"),
        ("Re: #notiz", "Kim called.", "“#notiz” stands in your subject"),
    ],
)
async def test_an_order_that_stands_elsewhere_makes_no_request(
    subject: str, text: str, said: str, own_address: bool, room: Room
) -> None:
    """Of a mail about no ticket: its agent reads where orders belong, and nobody takes the words for a request."""
    to = _own_address(room) if own_address else "support@example.com"
    await room.mail(ANNA, text, subject=subject, to=to)
    assert {(r.notice, r.recipient) for r in await room.outbox()} == {("agent_receipt", ANNA)}
    assert said in await _receipt(room)


async def test_a_customers_subject_may_look_like_an_order(room: Room) -> None:
    """The answer carries it, and goes out."""
    await room.mail(ERIKA, subject="#close")
    mark = token.address_token(room.desk.policy.keys, "a", named(room.database, 1), ANNA)
    await room.mail(ANNA, "Dear Erika", to=f"support+{mark}@example.com", subject=f"Re: #close {_reference(room)}")
    assert ("reply", ERIKA) in await _to_customers(room)


async def test_no_note_of_several_is_lost(room: Room) -> None:
    """On a ticket, and above a mail that is passed on: every line, in order, with the text."""
    notes = "#note She called before.\n#note The boss called, too.\n\nThird line."
    words = "She called before.\nThe boss called, too.\nThird line."
    await room.mail(ERIKA, "Well?")
    await room.answer(1, notes)
    assert (await room.read(lambda tx: tx.reads.entries(1)))[-1].new_text == words
    _, remarks = await _forward(room, f"#from {KIM}\n{notes}\n\n{_forwarded(KIM, 'Where is it?')}")
    assert remarks[1] == words


async def test_a_colleagues_mail_does_not_become_the_customers(room: Room) -> None:
    """There is no mail of the customer in it: nothing is done."""
    row = await room.mail(ANNA, f"#from {KIM}\n\n{_forwarded(LEAD, REMARK)}", to=_own_address(room))
    assert row.ticket is None
    assert await _to_customers(room) == []
    assert f"The mail you forward is from {LEAD}" in await _receipt(room)


async def test_a_forward_that_quotes_another_ticket_begins_one(room: Room) -> None:
    """A reference in somebody's mail does not lead that mail to the other ticket's requester."""
    await room.mail(ERIKA, "Well?")
    quoting = _forwarded(KIM, f"Erika told me of {_reference(room)}.")
    await _forward(room, f"#from {KIM}\n\n{quoting}")
    assert await room.outbox("reply", ERIKA) == []


@pytest.mark.parametrize(
    "inside",
    [
        f'------ Forwarded Message ------\nFrom "Kim Example" <{KIM}>\nTo {ANNA}\nSubject Parcel\n\nWhere is it?',
        f"---------- Forwarded message ----------\nOn 2 Mar 2026 at 10:35 +0000, Kim <{KIM}>, wrote:\n> Where is it?",
    ],
)
async def test_a_forward_without_a_header_is_read(room: Room, inside: str) -> None:
    """As eM Client and Spark write it; the agent's words stay with the agents."""
    text, remarks = await _forward(room, f"#from {KIM}\n\nPlease handle.\n\n{inside}")
    assert text == "Where is it?"
    assert remarks[1:] == ("Please handle.",)


MARKS = (
    "-------- Ursprüngliche Nachricht --------",
    "-------- Original message --------",
    f"{'-' * 18} Original {'-' * 18}",
)


@pytest.mark.parametrize("mark", MARKS)
async def test_the_line_above_a_forwarded_mail_is_no_remark(room: Room, mark: str) -> None:
    """Samsung's, Roundcube's and QQ's; the agent's own words stay one."""
    inside = f"Von: *Kim Example* <{KIM}>\nDatum: 27. Februar 2026 um 16:12:00 MEZ\nBetreff: Paket\n\nWo ist es?"
    for above, words in (("", ()), ("--- urgent ---\n\n", ("--- urgent ---",))):
        text, remarks = await _forward(room, f"#from {KIM}\n\n{above}{mark}\n{inside}")
        assert text == "Wo ist es?"
        assert remarks[1:] == words


async def test_a_telephones_forward_is_unquoted(room: Room) -> None:
    """It marks the whole mail line by line, and puts words of its own above."""
    inside = f"Von: Kim <{KIM}>\nDatum: 27. Februar 2026 um 16:12:00 MEZ\nBetreff: Paket\n\nWo ist es?\nGruß"
    marked = "\n".join(f"> {line}" for line in inside.split("\n"))
    above = "Von meinem iPhone gesendet\n\nAnfang der weitergeleiteten Nachricht:"
    text, remarks = await _forward(room, f"#from {KIM}\n\n{above}\n\n{marked}")
    assert text == "Wo ist es?\nGruß"
    assert len(remarks) == 1


async def test_a_saved_notice_stays_here(room: Room) -> None:
    """Some programs hang a mail on as a file of another type; the receipt names what did not go along."""
    await room.mail(ERIKA, "Well?")
    name = f"New request Help {_reference(room)}.msg"
    files = ((name, "application/vnd.ms-outlook", b"inner"), ("a.pdf", "application/pdf", b"%PDF"))
    await room.answer(1, "You will get it.", files=files)
    (reply,) = await room.outbox("reply", ERIKA)
    assert [f.filename for f in reply.files] == ["a.pdf"]
    assert "Not sent along" in await _receipt(room)


async def test_an_encrypted_answer_is_not_passed_on(room: Room) -> None:
    """Nobody here can read it, nor can the customer."""
    await room.mail(ERIKA, "Well?")
    await room.answer(1, "-----BEGIN PGP MESSAGE-----\n\nhQEMA\n-----END PGP MESSAGE-----")
    assert await room.outbox("reply", ERIKA) == []
    assert "Your mail is encrypted" in await _receipt(room)


@pytest.mark.parametrize(
    "footer",
    ["Von meinem iPhone gesendet", "Envoyé de mon iPhone", "Outlook für Android<https://aka.ms/x> herunterladen"],
)
async def test_a_mere_order_from_a_telephone_sends_no_footer(footer: str, room: Room) -> None:
    """The customer is told that it is closed, and nothing else, whatever language the telephone speaks."""
    await room.mail(ERIKA, "Well?")
    await room.answer(1, f"#close\n\n{footer}")
    assert await room.outbox("reply", ERIKA) == []
    assert len(await room.outbox("closed", ERIKA)) == 1


async def test_a_mark_of_one_ticket_orders_nothing_on_another(room: Room) -> None:
    """Whoever was in copy of an agent's answer has seen the mark the agent answered to."""
    await room.mail(ERIKA, name="Erika")
    await room.mail(KARL, name="Karl", subject="Another")
    keys = room.desk.policy.keys
    here = token.address_token(keys, "t", named(room.database, 2))
    there = token.address_token(keys, "a", named(room.database, 1), ANNA)
    before = await _to_customers(room)
    to = f"support+{here}@example.com, support+{there}@example.com"
    row = await room.mail(ANNA, "#close\nPay at once.", to=to, subject="Re: Another")
    assert (row.reason, row.ticket) == ("agent-without-proof", 2)
    assert await _to_customers(room) == before


async def test_what_a_trusted_host_calls_forged_is_no_agents(room: Room) -> None:
    """A mark may have leaked; DMARC's own word about the domain weighs more."""
    await room.mail(ERIKA, name="Erika")
    before = await _to_customers(room)
    failed = {"Authentication_Results": "mx.example.com; dmarc=fail header.from=example.com"}
    row = await room.answer(1, "Pay at once.", **failed)
    assert row.reason == "agent-without-proof"
    assert await _to_customers(room) == before
    others = {"Authentication_Results": "mx.elsewhere.example; dmarc=fail header.from=example.com"}
    assert (await room.answer(1, "It is paid.", **others)).reason == "agent-answer"


@pytest.mark.parametrize(
    ("filename", "kind", "goes"),
    [
        (None, "text/rtf", False),
        (None, "application/rtf", False),
        ("winmail.dat", "application/ms-tnef", False),
        ("winmail.dat", "application/octet-stream", False),
        ("offer.rtf", "application/rtf", True),
    ],
)
async def test_another_form_of_the_text_stays_inside(room: Room, filename: str | None, kind: str, goes: bool) -> None:
    """Rich text beside the plain one, or a wrapper nobody can open, holds the quoted notice too."""
    await room.mail(ERIKA, name="Erika")
    mark = token.address_token(room.desk.policy.keys, "a", named(room.database, 1), ANNA)
    mail = EmailMessage(policy=email_policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = ANNA, f"support+{mark}@example.com", "Re: Help"
    mail["Message-ID"] = "<rich@example.com>"
    mail.set_content("It is paid.")
    main, _, sub = kind.partition("/")
    mail.add_attachment(b"{\\rtf1 a note}", main, sub, filename=filename)
    await room.raw_mail(mail.as_bytes(), ANNA)
    (row,) = await room.outbox("reply", ERIKA)
    assert bool(row.files) is goes
    assert ("Not sent along" in await _receipt(room)) is not goes


@pytest.mark.parametrize("order", ["#merge 2", "#move 2", "#reopen 2"])
async def test_no_order_reaches_a_ticket_of_a_mailbox_one_does_not_work_for(
    order: str, sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    """Like #show: it is not there, and neither is its customer's name; a request of the same customer is, for the
    notices name it."""
    boxes = [{"address": f"{name}@example.com", "reply_address": name + "+{token}@example.com"} for name in TEAMS]
    agents = [{"address": ANNA, "name": "Anna", "mailboxes": [boxes[0]["address"]]}, {"address": LEAD, "name": "Bob"}]
    database = Database(sqlite_url, tmp_path)
    room = make_room(database, clock, tmp_path, mailboxes=boxes, agents=agents)
    await room.mail(ERIKA, "Well?")
    await room.mail(KARL, "And mine?", to="sales@example.com")
    await room.mail(ERIKA, "And this?", to="sales@example.com")
    await room.close(2)
    before = await room.read(lambda tx: tx.reads.get(2))
    (notice,) = (r for r in await room.outbox("agent_notice", ANNA) if r.ticket == 1)
    await room.answer(1, order, In_Reply_To=f"<{notice.message_id}>")
    receipt = await _receipt(room)
    assert "There is no ticket #2." in receipt
    assert KARL not in receipt
    await room.mail(ANNA, "#reopen 2", to=_own_address(room))
    assert "There is no ticket #2." in await _receipt(room)
    assert await room.read(lambda tx: tx.reads.get(2)) == before
    await room.answer(1, "#merge 3")
    assert "#1 was merged into this ticket" in await _receipt(room)
    await database.close()


@pytest.mark.parametrize(
    ("subject", "said"),
    [
        ("Recall: Help", 'Anna Agent would like to recall the message, "Help".'),
        ("Rückruf: Help", "Anna Agent möchte die Nachricht „Help“ zurückrufen."),
        ("Rappel : Help", "anna@example.com souhaite rappeler le message « Help »."),
    ],
)
async def test_a_mail_is_recalled(room: Room, subject: str, said: str) -> None:
    """Outlook's button writes a mail: the customer reads nothing of it, and the agent that it was not sent."""
    number = (await room.mail(ERIKA)).ticket
    assert number
    await room.answer(number, "It costs 12.", name="Anna Agent")
    mark = token.address_token(room.desk.policy.keys, "a", named(room.database, number), ANNA)
    before = await _to_customers(room)
    row = await room.mail(ANNA, said, to=f"support+{mark}@example.com", subject=subject, name="Anna Agent")
    assert row.reason == "agent-mail-held-back"
    assert await _to_customers(room) == before
    receipt = await _receipt(room)
    assert "a program wrote your mail" in receipt
    assert f"Your text was not sent: {said}" in receipt
    await room.answer(number, "#undo")
    assert "Anna Agent took back: the answer." in await _receipt(room)


async def test_an_answer_that_names_its_subject_is_an_answer(room: Room) -> None:
    """Only a program writes a word of its own before the subject, and nothing but that subject and a name."""
    number = (await room.mail(ERIKA)).ticket
    assert number
    await room.answer(number, 'Hello,\n\nabout "Help": it costs 12.\n\nAnna Agent', name="Anna Agent")
    assert ("reply", ERIKA) in await _to_customers(room)


@pytest.mark.parametrize("seen", ["to", "cc"])
async def test_a_note_that_customers_have_says_so(room: Room, seen: str) -> None:
    """It is for agents only here, but the agent's own mail went to the customer: in the receipt, and on the ticket."""
    await room.mail(ERIKA, "It burns.", name="Erika")
    if seen == "cc":
        await room.answer(1, f"#note\n{REMARK}", Cc=ERIKA)
    else:
        await room.mail(
            ANNA, f"#note\n{REMARK}", to=ERIKA, subject=f"Re: {_reference(room)}", Cc="support@example.com", **PASSED
        )
    said = "Anna Agent wrote to the customer directly"
    assert said in await _receipt(room)
    *_, entry = await room.read(lambda tx: tx.reads.entries(1))
    assert entry.kind is EntryKind.COMMENT
    assert any(remark.startswith("around") for remark in entry.remarks)


async def test_a_note_that_only_agents_have_says_no_more(room: Room) -> None:
    """A colleague in copy is no customer."""
    await room.mail(ERIKA, "It burns.", name="Erika")
    await room.answer(1, f"#note\n{REMARK}", Cc=LEAD)
    assert "directly" not in await _receipt(room)


@pytest.mark.parametrize("order", ["#help", "#help\n\nHow do I close?", "#list", "#drafts", "#nonsense", ""])
async def test_what_is_asked_about_no_ticket_breaks_no_promise(room: Room, order: str) -> None:
    """The nightly audit has nothing to tell the operator of it."""
    row = await room.answer(0, order)
    assert (row.state, row.ticket) == ("settled", None)
    assert (await room.outbox("agent_receipt", ANNA))[-1]
    assert await room.broken() == {}


@pytest.mark.parametrize("greeting", ["Hi Bob,", "Bob Lead, please:", "@bob -"])
@pytest.mark.parametrize("by", ["copy", "note"])
async def test_words_to_a_colleague_wait(room: Room, greeting: str, by: str) -> None:
    """Whoever gets the agent's mail as well, or wrote the note it answers, is meant by them and not the customer."""
    await room.mail(ERIKA)
    await room.answer(1, "#take")
    headers = {"Cc": f"Bob <{LEAD}>"}
    if by == "note":
        await room.answer(1, "#note\n\nIs she always like that?", LEAD)
        headers = {"In_Reply_To": f"<{(await room.outbox('agent_notice', ANNA))[-1].message_id}>"}
    before = len(await _to_customers(room))
    await room.answer(1, f"{greeting}\nshe is a nuisance, do you mind?", **headers)
    assert len(await _to_customers(room)) == before
    assert "begins with the name of a colleague" in await _receipt(room)
    await room.answer(1, "Hi Erika,\nBob will call you.", **headers)
    assert len(await _to_customers(room)) == before + 1


@pytest.mark.parametrize(
    "words",
    [
        "Bob can you take her?",
        "Hi Bob please call her",
        "bob could you look at it",
        "Bob kannst du sie übernehmen?",
        "Hallo Bob bitte übernehmen",
        "Bob peux-tu l’appeler ?",
        "Bob puedes llamarla",
        "Bob puoi chiamarla?",
        "Bob kun je haar bellen?",
        "Bob możesz zadzwonić?",
        "Bob?",
    ],
)
async def test_words_to_a_colleague_wait_without_a_comma(room: Room, words: str) -> None:
    """Who is handed a ticket is asked for it as people write in a hurry."""
    await room.mail(ERIKA)
    await room.answer(1, f"#assign Bob\n{words}\nShe is mad.")
    assert not await room.outbox("reply")
    assert "begins with the name of a colleague" in await _receipt(room)


@pytest.mark.parametrize(
    "words",
    ["Bob will call you tomorrow.", "Bob can help you.", "Bob hat es eilig.", "Bob Lead pode ajudar.", "Bob has it."],
)
async def test_words_about_the_colleague_are_sent(room: Room, words: str) -> None:
    await room.mail(ERIKA)
    await room.answer(1, f"#assign Bob\n{words}")
    assert await room.outbox("reply", ERIKA)


@pytest.mark.parametrize("words", ["@bob can you take her?", "Hi @Bob she is a nuisance", "@bob@example.com please"])
async def test_words_that_begin_as_in_a_note_wait(room: Room, words: str) -> None:
    """`@name` tells a colleague in a note: whoever forgets the order means no customer, also with nobody in copy."""
    await room.mail(ERIKA)
    await room.answer(1, words)
    assert not await room.outbox("reply")
    assert "begins with the name of a colleague" in await _receipt(room)
    await room.answer(1, "@bob_builder is our name there, and @nobody else's.")
    assert await room.outbox("reply")


@pytest.mark.parametrize("subject", ["", "Your call"])
async def test_a_subject_is_read_where_there_is_one(room: Room, subject: str) -> None:
    """A call that is written down without one: nobody reads it, and the receipt has no line that ends in nothing."""
    await room.mail(ANNA, f"#for {ERIKA}\n\nShe called.", subject=subject, **PASSED)
    receipt = await _receipt(room)
    assert "The customer was sent the reference." in receipt
    assert ("The subject is read by the customer" in receipt) is bool(subject)
