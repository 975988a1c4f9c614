"""Whoever writes is heard, whatever a header, a gateway or a program makes of it; what only echoes is folded."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email import policy as email_policy
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from gateway.core import token
from storage.database import Database
from storage.tables import ENTRY, OUTBOX
from tests.conftest import Clock, named
from tests.room import ANNA, BASE, ERIKA, KARL, LEAD, Room, room

WAV = ("message.wav", "audio/wav", b"RIFF")
SCAN = ("scan.pdf", "application/pdf", b"%PDF")
RULE = {"Auto_Submitted": "auto-generated", "X_MS_Exchange_Generated_Message_Source": "Mailbox Rules Agent"}
THREAD = "Please see below.\n\nAm 3.5.2026 um 09:00 schrieb Fritz <fritz@other.example>:\n> The key is 0815.\n> Fritz"
OUTLOOK = "-----Original Message-----\nFrom: Fritz <fritz@other.example>\nSubject: Key\n\nThe key is 0815."


@dataclass(frozen=True)
class First:
    """A mail about no ticket, and what becomes of it."""

    what: str
    mail: dict[str, Any]
    acknowledged: bool = True
    says: str = ""
    """Stands in what agents read."""
    requester: str = ""


FIRST = [
    First("a plain mail", {}),
    First("null sender", {"reverse_path": ""}, acknowledged=False),
    First("a fax", {"author": "fax@isp.example", "reverse_path": ""}, acknowledged=False),
    First("a tracker's thread", {"Auto_Submitted": "auto-generated", "In_Reply_To": "<root@x>"}, acknowledged=False),
    First("a monitor", {"Auto_Submitted": "auto-notified"}, acknowledged=False),
    First("cron", {"X_Cron_Env": "<SHELL=/bin/sh>"}, acknowledged=False),
    First("a rule passes on", {**RULE, "In_Reply_To": "<first@x>"}, acknowledged=False),
    First("precedence auto_reply", {"Precedence": "auto_reply"}, acknowledged=False),
    First("a spam trap's challenge", {"X_Boxtrapper": "x"}, acknowledged=False),
    First("a list", {"List_Id": "<x.y>"}, acknowledged=False),
    First("sent by a mail service", {"List_Unsubscribe": "<mailto:u@x.example>"}),
    First("a question about a bounce", {"subject": "Undeliverable mails since Monday"}),
    First("a bounce passed on", {"subject": "WG: Unzustellbar: Bestellung"}),
    First("a bounce's very subject", {"subject": "Undelivered Mail Returned to Sender"}, acknowledged=False),
    First("a question about absence", {"subject": "Automatic reply does not work"}),
    First("a name like a daemon's", {"author": "m.demonte@k.example", "text": "o@k.example is blocked."}),
    First("a postmaster", {"author": "postmaster@k.example", "text": "o@k.example: 550 5.7.1"}, acknowledged=False),
    First(
        "a form about a delivery",
        {"author": "f@k.example", "reverse_path": "", "subject": "Zustellung", "text": "Fehler: o@k.example"},
        acknowledged=False,
    ),
    First("a site", {"author": "web@site.example", "Reply_To": "o@k.example"}, acknowledged=False, says="o@k.example"),
    First(
        "a known form",
        {"author": "wordpress@site.example", "Reply_To": "ola@k.example", "X_WPCF7_Content_Type": "text/plain"},
        requester="ola@k.example",
    ),
    *(
        First(f"a form of a service, {form}", {"author": form, "Reply_To": "ola@k.example"}, requester="ola@k.example")
        for form in ("formresponses@netlify.com", "form-submission@squarespace.info", "no-reply-forms@webflow.com")
    ),
    First("its own Reply-To", {"Reply_To": "kim@home.example"}, says="#requester kim@home.example"),
    First(
        "another desk", {"author": "help@v.example", "Reply_To": "help+id7@v.example"}, requester="help+id7@v.example"
    ),
    First("voicemail", {"name": '"+49 30 1234567"', "files": (WAV,)}, acknowledged=False, says="message.wav"),
    First("voicemail in words", {"name": '"Anruf von 030 1234567"', "files": (WAV,)}, acknowledged=False),
    First("another desk's number", {"subject": "[#1] New comment on ticket 1"}, says="New comment"),
    First(
        "a group rewrites the author",
        {"author": "support@example.com", "X_Original_From": "Nora <nora@y.example>"},
        says="nora@y.example",
        requester="nora@y.example",
    ),
    First(
        "a list has answers sent to everybody",
        {
            "author": "nora=y.example@lists.example",
            "name": '"Nora via Users"',
            "Reply_To": "users@x.lists.example, nora@y.example",
            "List_Id": "Users <users.x.lists.example>",
        },
        acknowledged=False,
        requester="nora@y.example",
    ),
    First(
        "a group writes under its own address, German",
        {
            "author": "info@firm.example",
            "name": "\"'Nora' über Info\"",
            "Reply_To": "info@firm.example",
            "X_Original_Sender": "nora@y.example",
            "List_Post": "<https://groups.example/info/post>, <mailto:info@firm.example>",
        },
        acknowledged=False,
        requester="nora@y.example",
    ),
    First(
        "a list writes itself",
        {"author": "news@firm.example", "List_Id": "<news.firm.example>"},
        acknowledged=False,
        requester="news@firm.example",
    ),
    First("a colleague at our own address", {"author": "support@example.com"}, acknowledged=False),
    First("a thread with others", {"text": THREAD, "subject": "Re: Key"}, says="0815"),
    First("a thread with others, Outlook's", {"text": f"See below.\n\n{OUTLOOK}", "subject": "Re: Key"}, says="0815"),
    First("a hand-made quotation", {"text": "It says:\n> Press red.\nThere is none."}, says="Press red."),
    First("a warning on top", {"text": "CAUTION: This email is from outside.\n\nMy pump leaks."}, says="pump leaks"),
    First("status under a subject of its own", {"subject": "Order 55", "text": "Status?"}, says="Status?"),
    First("no subject, a scan", {"subject": "", "text": " ", "files": (SCAN,)}, says="scan.pdf"),
    First("a date far away", {"Date": "Mon, 01 Jan 1970 00:00:12 +0000"}),
    First("signed off by a gateway", {"subject": "***SPAM*** Pump leaks"}, says="Pump leaks"),
]


@dataclass(frozen=True)
class Later:
    """A mail on a ticket that is closed."""

    what: str
    mail: dict[str, Any] = field(default_factory=dict)
    heard: bool = True


NOT_READ = (
    (
        "Not read: Help",
        "Your message\n\n To: Desk\n Subject: Help\n\nwas deleted without being read on 4 May 2026.",
    ),
    ("Nicht gelesen: Help", "Ihre Nachricht\n\n An: Desk\n\nwurde am Montag, 4. Mai 2026 09:12 ungelesen gelöscht."),
    ("Nicht gelesen: Help", "Ihre Nachricht wurde, ohne gelesen zu werden, am 04.05.2026 09:12 gelöscht."),
    ("Ungelesen: Help", "Ihre Nachricht\nBetreff: Help\nwurde am 04.05.2026 gelöscht, ohne gelesen zu werden."),
    ("Non lu : Help", "Votre message\nObjet : Help\na été supprimé sans avoir été lu le lundi 4 mai 2026 09:12."),
    ("Non letto: Help", "Il messaggio\nOggetto: Help\nè stato eliminato senza essere stato letto il 4 maggio 2026."),
    ("No leído: Help", "El mensaje\nAsunto: Help\nse ha eliminado sin leerlo el 4 mayo 2026."),
    ("Niet gelezen: Help", "Uw bericht\nOnderwerp: Help\nis verwijderd zonder te zijn gelezen op 4 mei 2026."),
    ("Nieprzeczytane: Help", "Twoja wiadomość\nTemat: Help\nzostała usunięta bez przeczytania w dniu 4 maja 2026."),
    ("Não lida: Help", "A sua mensagem\nAssunto: Help\nfoi eliminada sem ter sido lida em 4 de maio de 2026."),
)
"""As Outlook writes them."""
LATER = [
    Later("an answer"),
    Later("null sender", {"reverse_path": ""}),
    Later("a vendor's help desk", {"Auto_Submitted": "auto-generated", "X_Auto_Response_Suppress": "All"}),
    Later("a rule passes on", RULE),
    Later("precedence auto_reply", {"Precedence": "auto_reply"}),
    Later("a challenge", {"X_Boxtrapper": "x"}),
    Later("in a list", {"List_Id": "<x.y>", "Precedence": "list"}),
    Later("urgent", {"subject": "Urgent: Help"}),
    Later("status", {"text": "Status?"}),
    Later("an order below a warning", {"text": "CAUTION: This email is from an external sender.\n\nIt still burns."}),
    Later("marked", {"Auto_Submitted": "auto-replied"}, heard=False),
    Later("of an old kind", {"X_Autoreply": "yes"}, heard=False),
    Later("a note of absence", {"subject": "Automatic reply: Help"}, heard=False),
    Later("a note of absence, French", {"subject": "Absence : Re: Help"}, heard=False),
    Later("a note of absence, Polish", {"subject": "Poza biurem: Re: Help"}, heard=False),
    *(
        Later(f"a note of absence: {label}", {"subject": f"{label}: Help"}, heard=False)
        for label in ("Autoodpowiedź", "Automatische reactie", "Message automatique ", "Autoresponder", "OOO", "Ferie")
    ),
    Later("a note of absence, its label in brackets", {"subject": "[Auto-Reply] Re: Help"}, heard=False),
    Later("a note of absence, Notes", {"name": "Erika Muster", "subject": "Erika Muster ist außer Haus."}, heard=False),
    Later("a colleague's absence", {"name": "Erika Muster", "subject": "Karl Muster ist außer Haus."}),
    Later(
        "a challenge by TMDA",
        {"Auto_Submitted": "auto-replied", "Reply_To": "erika-confirm-accept.1716.abcd@customer.example"},
    ),
    Later("a challenge in words", {"Auto_Submitted": "auto-replied", "subject": "Please confirm your message"}),
    Later(
        "an automatic answer to a mail about one",
        {"Auto_Submitted": "auto-replied", "subject": "Re: I cannot confirm your message"},
        heard=False,
    ),
    *(
        Later(f"a receipt in words: {subject}", {"subject": subject, "text": text}, heard=False)
        for subject, text in (
            ("Lesebestätigung: Help", "Ihre Nachricht wurde am 28.11.2026 06:10 gelesen."),
            ("Read receipt: Help", "Your message was read on 28 Nov 2026."),
            ("Accusé de lecture : Help", "Votre message a été lu le 28/11/2026."),
        )
    ),
    Later("a receipt, and words", {"subject": "Read receipt: Help", "text": "Your message was read. Now help me!"}),
    Later("a sign in words", {"text": "👍 Erika Muster reacted to your message:"}, heard=False),
    Later("a sign in words, named", {"name": "Erika Muster", "text": "Erika reacted to your message:"}, heard=False),
    Later("words about a sign", {"text": "Karl reacted to your message: he is angry."}),
    *(
        Later(f"words about an answer: {text}", {"name": "Erika Muster", "text": text})
        for text in (
            "The bank has not reacted to your message.",
            "Wer hat auf Ihre Nachricht reagiert?",
            "Mon avocat a réagi à votre message :",
        )
    ),
    Later("a question about a program", {"subject": "Autoresponder: it answers twice"}),
    Later("a note of absence, Chinese", {"subject": "自动回复：Help"}, heard=False),
    Later(
        "a note that it was read",
        {"subject": "Gelesen: Help", "text": "Ihre Nachricht wurde am 28.11.2026 06:10 gelesen."},
        heard=False,
    ),
    Later(
        "a note that it was read, Polish",
        {"subject": "Przeczytano: Help", "text": "Twoja wiadomość została przeczytana 28.11.2026."},
        heard=False,
    ),
    *(
        Later(f"a note that it was not read: {subject}", {"subject": subject, "text": text}, heard=False)
        for subject, text in NOT_READ
    ),
    Later(
        "what was not read, by hand", {"subject": "Not read: Help", "text": "Your message was empty. Again, please."}
    ),
]


@pytest.fixture
async def desk(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    database = Database(sqlite_url, tmp_path)
    yield room(database, clock, tmp_path)
    await database.close()


async def notices(r: Room) -> list[str]:
    """What Anna was sent as notices, as texts."""
    rows = await r.outbox("agent_notice", ANNA)
    mails = [message_from_bytes(await r.read(lambda tx, id=row.id: tx.outbox.message(id)), policy=email_policy.default)
             for row in rows]  # fmt: skip
    return ["\n".join((str(m["Subject"]), m.get_body(("plain",)).get_content())) for m in mails]  # type: ignore[union-attr]  # ours have one


@pytest.mark.parametrize("case", FIRST, ids=lambda c: c.what)
async def test_a_first_mail_is_heard(desk: Room, case: First) -> None:
    """A ticket that agents are told of; whether its author is answered is another question."""
    mail = dict(case.mail)
    author = mail.pop("author", ERIKA)
    row = await desk.mail(author, mail.pop("text", "It burns."), **mail)
    told = await notices(desk)
    assert len(told) == 1, row.why
    assert case.says in told[0], told[0]
    ticket = await desk.read(lambda tx: tx.reads.get(row.ticket))
    asked = case.requester or author
    assert ticket.requester.address == asked
    acknowledged = [r.recipient for r in await desk.outbox("request_received")]
    assert acknowledged == ([asked] if case.acknowledged else []), row.why
    assert await desk.broken() == {}


@pytest.mark.parametrize("case", LATER, ids=lambda c: c.what)
async def test_a_mail_on_a_closed_ticket(desk: Room, case: Later) -> None:
    """Whatever a person may have written reopens it and is told; an echo is folded and leaves it closed."""
    await desk.mail(ERIKA)
    await desk.close(1)
    before = len(await notices(desk))
    mail = dict(case.mail)
    mark = token.address_token(desk.desk.policy.keys, "t", named(desk.database, 1))
    address = {"to": f"support+{mark}@example.com", "subject": "Re: Help"}
    row = await desk.mail(ERIKA, mail.pop("text", "It still burns."), **{**address, **mail})
    ticket = await desk.read(lambda tx: tx.reads.get(1))
    assert (ticket.status.value, len(await notices(desk)) - before) == (
        ("waiting_on_us", 1) if case.heard else ("closed", 0)
    ), row.why
    assert await desk.broken() == {}


async def test_an_answer_by_outlooks_own_mark_alone(desk: Room) -> None:
    """Every other mark was lost on its way; a stranger with the same field is another matter, and so is a mail that is
    no answer."""
    await desk.mail(ERIKA)
    sent = message_from_bytes((await desk.deliver())[0], policy=email_policy.default)
    assert sent["Thread-Topic"] == "Help"
    field = str(sent["Thread-Index"])
    assert (await desk.mail(ERIKA, "More.", subject="Re: Help", Thread_Index=field)).ticket == 1
    assert (await desk.mail("mallory@m.example", "More.", subject="Re: Help", Thread_Index=field)).ticket == 2
    assert (await desk.mail(ERIKA, "Another order.", subject="Help", Thread_Index=field)).ticket == 3


@pytest.mark.parametrize(
    ("subject", "text", "shown"),
    [
        ("Re: Help - serial is 77", "", True),
        ("Serial is 77 Re: Help", "\n", True),
        ("Re: Help, and the second pump makes noises as well", "Thanks.", True),
        ("Réf : Re: Help", "Thanks.", False),
        ("Re: Help", "", False),
        ("Re: Hel", "", False),
    ],
)
async def test_words_that_stand_in_the_subject_alone(desk: Room, subject: str, text: str, shown: bool) -> None:
    """Who answers in the subject is read; what programs put around it is no word of anybody's."""
    await desk.mail(ERIKA)
    mark = token.address_token(desk.desk.policy.keys, "t", named(desk.database, 1))
    await desk.mail(ERIKA, text, subject=subject, to=f"support+{mark}@example.com")
    told = " ".join((await notices(desk))[-1].split())
    assert (f"Its subject is “{subject}” now" in told) is shown, told


@pytest.mark.parametrize(
    ("receipt", "status"),
    [
        ("accettazione", "closed"),
        ("avvenuta-consegna", "closed"),
        ("preavviso-errore-consegna", "closed"),
        ("errore-consegna", "waiting_on_us"),
        ("non-accettazione", "waiting_on_us"),
    ],
)
async def test_a_receipt_of_certified_mail(desk: Room, receipt: str, status: str) -> None:
    """Providers of certified mail (PEC) send two for each mail: they are folded, and a failure is told as one. One of
    somebody else's mail is heard."""
    await desk.mail(ERIKA)
    await desk.answer(1, "#close\n\nDone.")
    before = len(await notices(desk))
    ours = next(row for row in await desk.outbox(recipient=ERIKA) if row.notice == "reply")
    facts = (
        f"<postacert><dati><consegna>{ERIKA}</consegna><errore-esteso>5.2.2 - piena</errore-esteso></dati></postacert>"
    )
    mail: dict[str, Any] = {
        "subject": "Posta: Re: Help",
        "reverse_path": "",
        "X_Ricevuta": receipt,
        "files": (("daticert.xml", "application/xml", facts.encode()),),
    }
    provider = "posta-certificata@provider.example"
    row = await desk.mail(provider, "Ricevuta", **mail, X_Riferimento_Message_ID=f"<{ours.message_id}>")
    assert row.ticket == 1
    assert (await desk.read(lambda tx: tx.reads.get(1))).status.value == status
    told = (await notices(desk))[before:]
    assert [ERIKA in t and "5.2.2 - piena" in t for t in told] == [True] * (status == "waiting_on_us")
    row = await desk.mail(provider, "Ricevuta", **mail, X_Riferimento_Message_ID="<other@pec.example>")
    assert row.ticket == 2
    assert await desk.outbox(recipient=provider) == []


async def test_a_request_to_take_a_mail_back(desk: Room) -> None:
    """It goes onto the ticket of that mail, and says so."""
    await desk.mail(ERIKA, "What does it cost?", subject="Offer")
    text = "Erika möchte die Nachricht „Offer“ zurückrufen."
    assert (await desk.mail(ERIKA, text, subject="Rückruf: Offer")).ticket == 1
    assert "take back an earlier mail" in (await notices(desk))[-1].replace("\n", " ")


async def test_whoever_a_large_mail_leaves_out_is_named(desk: Room) -> None:
    """All of them; and that an answer reaches many."""
    crowd = [f"p{n}@crowd.example" for n in range(300)]
    await desk.mail(ERIKA, Cc=", ".join(crowd))
    told = (await notices(desk))[0]
    assert [a for a in crowd if a not in told] == []
    assert "#only" in told


async def test_the_audit_names_a_mail_of_a_person_that_reached_nobody(desk: Room) -> None:
    """Its notice never was, and its entry is folded."""
    row = await desk.mail(ERIKA, List_Id="<x.y>")
    assert await desk.broken() == {}

    def unheard(tx: Any) -> None:
        tx.connection.execute(update(OUTBOX).where(OUTBOX.c.journal_id == row.id).values(journal_id=None))
        tx.connection.execute(update(ENTRY).where(ENTRY.c.journal_id == row.id).values(collapsed=True))

    await desk.write(unheard)
    assert (await desk.broken())["heard"] == (
        f"journal entry {row.id} (new-request) reads like a person's and reached nobody",
    )


@pytest.mark.parametrize("before", ["#wait", "#solved", "#close"])
@pytest.mark.parametrize("order", ["#merge 1", "#move 1"])
async def test_what_waits_for_us_does_so_where_it_goes(desk: Room, before: str, order: str) -> None:
    """Erika answers in a new mail: she would read that it is her turn, and the clock would close what she wrote."""
    await desk.mail(ERIKA, "It burns.")
    await desk.answer(1, f"{before}\nWhich one?")
    was = (await desk.read(lambda tx: tx.reads.get(1))).status
    await desk.mail(ERIKA, "The left one.", subject="Lamp")
    notice = (await desk.outbox("agent_notice", ANNA))[-1]
    await desk.answer(2, order, In_Reply_To=f"<{notice.message_id}>")
    assert (await desk.read(lambda tx: tx.reads.get(1))).status.value == "waiting_on_us"
    row = (await desk.outbox("agent_receipt", ANNA))[-1]
    assert "The status is now" in (await desk.read(lambda tx: tx.outbox.message(row.id))).decode()
    heard = len(await desk.outbox("status_changed", ERIKA))
    await desk.answer(1, "#undo")
    assert (await desk.read(lambda tx: tx.reads.get(1))).status is was
    assert len(await desk.outbox("status_changed", ERIKA)) == heard


async def test_what_was_answered_opens_nothing_where_it_goes(desk: Room) -> None:
    await desk.mail(ERIKA, "It burns.")
    await desk.close(1)
    await desk.mail(ERIKA, "The left one.", subject="Lamp")
    await desk.answer(2, "We come.")
    await desk.answer(2, "#merge 1")
    assert (await desk.read(lambda tx: tx.reads.get(1))).status.value == "closed"


@pytest.mark.parametrize("text", ["#close", "#close\n\nBut my invoice is still wrong.", "#close\n\n-- \nErika"])
async def test_words_beside_an_order_to_close_what_is_closed_are_heard(
    database: Database, clock: Clock, tmp_path: Path, text: str
) -> None:
    """It was closed by time meanwhile; agents read the words, and it stays closed. The order alone is nothing new."""
    desk = room(database, clock, tmp_path)
    await desk.mail(ERIKA, "My kettle burns.")
    await desk.close(1)
    before = len(await desk.outbox("agent_notice", ANNA))
    row = await desk.reply(ERIKA, 1, text)
    assert (row.reason, row.ticket) == ("requester-closes", 1)
    assert (await desk.read(lambda tx: tx.reads.numbered({1})))[0].status.value == "closed"
    told = (await desk.outbox("agent_notice", ANNA))[before:]
    assert len(told) == ("invoice" in text)
    texts = await desk.read(lambda tx: [tx.outbox.message(notice.id).decode() for notice in told])
    assert all("my invoice is still wrong" in text for text in texts)


@pytest.mark.parametrize("before", ["answered alone", "merged"])
async def test_a_ticket_that_goes_on_with_another_holds_its_first_words(
    sqlite_url: str, clock: Clock, tmp_path: Path, before: str
) -> None:
    """Its requester reads them below the answer, whatever part they had in the one that was closed too long ago; what
    was between us stays so."""
    database = Database(sqlite_url, tmp_path)
    r = room(database, clock, tmp_path, lifecycle={**BASE["lifecycle"], "reopen_window_days": 5})
    await r.mail(KARL if before == "merged" else ERIKA, "It burns.", Cc="nora@other.example")
    await r.mail(ERIKA, "My lamp is dark.", subject="Lamp")
    if before == "merged":
        await r.answer(2, "#merge 1")
        await r.answer(2, "#send")
    else:
        await r.answer(1, "#only\n\nYour account?")
    asked = (await r.outbox(recipient=ERIKA))[-1]
    await r.close(1)
    clock.forward(days=6)
    row = await r.reply(ERIKA, 2 if before == "merged" else 1, "AGAIN", In_Reply_To=f"<{asked.message_id}>")
    assert (row.ticket, row.reason) == (3, "closed-too-long")
    await r.answer(3, "Done.")
    answer = await r.outbox("reply", ERIKA)
    assert b"AGAIN" in await r.read(lambda tx: tx.outbox.message(answer[-1].id))
    await r.answer(3, f"#requester {KARL}\n\nHello Karl.")
    to_karl = await r.outbox("reply", KARL)
    shown = b"AGAIN" in await r.read(lambda tx: tx.outbox.message(to_karl[-1].id))
    assert shown == (before == "merged")
    assert await r.broken() == {}


async def test_whoever_wrote_a_note_hears_what_a_colleague_answers_to_it(
    sqlite_url: str, clock: Clock, tmp_path: Path
) -> None:
    """Who has the ticket is told of the question, and would have told nobody of the answer."""
    database = Database(sqlite_url, tmp_path)
    site = room(database, clock, tmp_path)
    await site.mail(ERIKA)
    await site.answer(1, "#take")
    await site.answer(1, "#note\n\nMay they have the money back?", LEAD)
    question = (await site.outbox("agent_notice", ANNA))[-1]
    before = len(await site.outbox("agent_notice", LEAD))
    await site.answer(1, "#note\n\nYes, all of it.", In_Reply_To=f"<{question.message_id}>")
    assert len(await site.outbox("agent_notice", LEAD)) == before + 1
    await site.answer(1, "#note\n\nDone.")
    assert len(await site.outbox("agent_notice", LEAD)) == before + 1
    await database.close()


async def test_a_mail_that_says_nothing_is_told_in_words(desk: Room) -> None:
    """An empty notice looks like a mail that was lost here; beside a file, and further down, as well."""
    await desk.mail(ERIKA, "", subject="", files=(SCAN,))
    await desk.reply(ERIKA, 1, "  \n")
    await desk.mail(KARL, "Words.")
    first, second, third = await notices(desk)
    assert "[This mail has no text]\n\nAttachment: scan.pdf" in first.replace("\r", "")
    assert second.count("[This mail has no text]") == 2
    assert "no text" not in third
    assert await desk.broken() == {}
