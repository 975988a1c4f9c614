"""A raw mail becomes what a person would read: texts, files, people, ids, and what is odd about it."""

from __future__ import annotations

import base64
import hashlib

import pytest

from gateway.mail import parse
from gateway.mail.message import Address, Envelope, Message
from tests import mails
from tests.mails import HEAD, crlf, file_part, html, parts, plain, text_part

SMTP = Envelope("smtp", "anna@kunde.example", ("support@replydesk.example",))
MAILS = mails.all_mails()


def read(name: str) -> Message:
    return parse.parse(MAILS[name], SMTP)


def test_the_plain_mail() -> None:
    """People, subject, date, id and text arrive as they were written."""
    mail = read("plain")
    assert mail.author == Address("anna@kunde.example", "Anna Müller")
    assert mail.to == (Address("support@replydesk.example"),)
    assert mail.subject == "Drucker druckt nicht"
    assert mail.date is not None
    assert mail.date.isoformat() == "2024-05-06T08:15:00+00:00"
    assert (mail.message_id, mail.message_id_derived) == ("one@kunde.example", False)
    assert mail.body_text == mail.reply_text == "Guten Tag,\n\nder Drucker druckt nicht.\n\nAnna Müller"
    assert mail.sha256 == hashlib.sha256(MAILS["plain"]).hexdigest()
    assert mail.defects == mail.omissions == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("latin1 undeclared", "Grüße aus Köln"),
        ("alternative", "Hallo *Welt*"),
        ("related", "Bild:"),
        ("mixed", "Oben.\n\nUnten."),
        ("nested message", "Siehe Anhang."),
        ("flowed", "Ein langer Satz.\n> zitiert weiter\n-- \nAnna"),
        ("html", "Titel\n\nEin Link <https://kunde.example/a>\n\n- eins\n- zwei"),
        ("html table", "Artikel | Preis\nPapier | 5 €"),
        ("opaque signature", "Signierter Text."),
        ("pgp", ""),
        ("no header", "Nur Text."),
        ("winmail", "Im Anhang."),
    ],
)
def test_texts(name: str, text: str) -> None:
    """Each shape of a mail gives the text its reader would see, nested mail not merged in."""
    assert read(name).body_text == text


@pytest.mark.parametrize(
    ("name", "want"),
    [
        ("related", [("bild.png", "image/png", 70, True)]),
        ("mixed", [("vertrag.pdf", "application/pdf", 10, False)]),
        ("nested message", [("Vertrag.eml", "message/rfc822", 134, False)]),
        ("winmail", [("rechnung.pdf", "application/octet-stream", 10, False)]),
        ("uuencoded", [("a.bin", "application/octet-stream", 3, False)]),
        ("pgp in the text", [("encrypted.asc", "application/octet-stream", 59, False)]),
        ("data url", [("image-1.1.png", "image/png", 70, True)]),
        ("invitation", [("invitation-2.ics", "text/calendar", 406, False)]),
        ("alternative", []),
    ],
)
def test_attachments(name: str, want: list[tuple[str, str, int, bool]]) -> None:
    """Files have their name, type and exact size; pictures shown in place are known."""
    assert [(a.filename, a.content_type, a.size, a.inline) for a in read(name).attachments] == want


@pytest.mark.parametrize("name", MAILS)
def test_every_attachment_comes_out_again(name: str) -> None:
    """`extract` gives the very bytes that were counted and hashed."""
    for attachment in read(name).attachments:
        data = parse.extract(MAILS[name], attachment.part)
        assert (len(data), hashlib.sha256(data).hexdigest()) == (attachment.size, attachment.sha256)


def test_extract_knows_its_parts() -> None:
    """Asking for a part the mail does not have is a KeyError; part 0 is the mail."""
    with pytest.raises(KeyError):
        parse.extract(MAILS["plain"], "7")
    assert parse.extract(MAILS["plain"], parse.WHOLE) == MAILS["plain"]


def test_nested_messages_are_folded() -> None:
    """A mail inside a mail has its own author, subject, id and text, and comes out as it was."""
    (inner,) = read("nested message").nested
    assert (inner.author, inner.subject, inner.body_text) == (
        Address("bernd@anders.example", "Bernd"),
        "Vertrag",
        "Der innere Text.",
    )
    assert inner.message_id == "inner@anders.example"
    assert parse.nested(MAILS["nested message"], inner.part) == crlf(f"{mails.FORWARDED}\nDer innere Text.\n")


def test_a_nested_message_in_base64() -> None:
    """RFC 2046 forbids encoding a message part; mail servers do it, and it is read."""
    inner = crlf(f"{mails.FORWARDED}\nDer innere Text.\n")
    mail = parse.parse(parts("mixed", text_part("Oben"), file_part(inner, "Content-Type: message/rfc822\n")))
    assert [n.subject for n in mail.nested] == ["Vertrag"]
    assert mail.attachments[0].size == len(inner)


def test_invitations_say_what_when_and_where() -> None:
    """The event is told in words; alarms and time zones inside it are not mistaken for it."""
    (event,) = read("invitation").events
    assert (event.method, event.summary) == ("REQUEST", "Termin, Wartungdes Druckers")
    assert (event.starts, event.ends) == ("2024-05-13T10:00+02:00", "2024-05-13T11:30+02:00")
    assert (event.zone, event.where) == ("Europe/Berlin", "Raum 3; Erdgeschoss")


def test_encrypted_mail_is_kept_and_told() -> None:
    """What needs a key is marked, listed as files, and the reader is told."""
    mail = read("pgp")
    assert mail.encryption == "pgp"
    assert [a.note for a in mail.attachments] == ["encrypted", "encrypted"]
    assert "encrypted" in mail.omissions[0]


def test_alternatives_that_differ_are_both_shown() -> None:
    """An HTML form shorter than the plain one is no form of it: nothing is lost."""
    mail = parse.parse(
        parts(
            "alternative",
            text_part("Der ganze lange Text der Nachricht, wie er geschrieben wurde, mit Gruß."),
            text_part("<p>Werbung unten angefügt</p>", "Content-Type: text/html\n"),
        )
    )
    assert "Der ganze lange Text" in mail.body_text
    assert "Werbung" in mail.body_text


def test_a_plain_part_that_says_nothing_gives_way() -> None:
    """A plain form that only says that there is HTML is not what the sender wrote."""
    stub = text_part("Diese Nachricht ist HTML.")
    mail = parse.parse(parts("alternative", stub, text_part("<p>Der Text</p>", "Content-Type: text/html\n")))
    assert mail.body_text == "Der Text"


@pytest.mark.parametrize(
    ("head", "author"),
    [
        ("From: =?utf-8?q?M=C3=BCller=2C_Anna?= <a@x.example>\n", Address("a@x.example", "Müller, Anna")),
        ('From: "=?utf-8?b?TcO8bGxlcg==?=" <a@x.example>\n', Address("a@x.example", "Müller")),
        ("From: Müller <a@x.example>\n", Address("a@x.example", "Müller")),
        ("From: a@x.example (Anna)\n", Address("a@x.example", "Anna")),
        ("From: 'Anna' <a@x.example>\n", Address("a@x.example", "Anna")),
        ("From: a@x.example <a@x.example>\n", Address("a@x.example")),
        ("From: Anna\u202e <a@x.example>\n", Address("a@x.example", "Anna")),
        ("From: a@x.example, b@x.example\n", Address("a@x.example")),
        ("From: \nFrom: b@x.example\n", Address("b@x.example")),
        ("From: nobody\nSender: s@x.example\n", Address("s@x.example")),
        ("Subject: no From at all\n", Address("anna@kunde.example")),
    ],
)
def test_authors(head: str, author: Address) -> None:
    """The author is the first usable From, else Sender, else who the envelope names."""
    assert parse.parse(crlf(f"{head}\nText"), SMTP).author == author


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("a@x.example; b@x.example", ["a@x.example", "b@x.example"]),
        ("Team: a@x.example, b@x.example;", ["a@x.example", "b@x.example"]),
        ('"Meyer; Bernd" <b@x.example>', ["b@x.example"]),
        ("undisclosed-recipients:;", []),
        ("a@x.example\nTo: b@x.example", ["a@x.example", "b@x.example"]),
    ],
)
def test_recipients(given: str, want: list[str]) -> None:
    """Groups, the semicolons of Outlook, and a repeated field are read."""
    assert [a.address for a in parse.parse(crlf(f"From: x@x.example\nTo: {given}\n\nText")).to] == want


@pytest.mark.parametrize("value", ["", "<>", "<   >", "\n <>"])
def test_a_missing_id_is_derived_from_the_content(value: str) -> None:
    """The same mail gets the same id whatever trace fields it collected; another mail another."""
    head = "From: a@x.example\nTo: b@x.example\nSubject: s\nDate: Mon, 6 May 2024 10:15:00 +0200\n"
    given = f"Message-ID: {value}\n" if value else ""
    one = parse.parse(crlf(f"{head}{given}\nText"))
    again = parse.parse(crlf(f"Received: by mx\n{head}{given}\nText"))
    other = parse.parse(crlf(f"{head}{given}\nAnderer Text"))
    assert one.message_id_derived
    assert one.message_id.startswith("derived.")
    assert one.message_id == again.message_id != other.message_id


def test_references_in_the_order_of_the_header() -> None:
    """Oldest first, without brackets, commas, doubles and empty ids."""
    mail = parse.parse(crlf("From: a@x\nReferences: <a@x>, <>\n\t<b@x> <a@x>\nIn-Reply-To: <b@x>\n\nText"))
    assert (mail.references, mail.in_reply_to) == (("a@x", "b@x"), ("b@x",))


def test_doubled_fields_are_defects() -> None:
    """The first of a doubled field counts, and the reader can see that there were two."""
    mail = parse.parse(crlf("From: a@x.example\nMessage-ID: <1@x>\nMessage-ID: <2@x>\nSubject: a\nSubject: b\n\nText"))
    assert (mail.message_id, mail.subject) == ("1@x", "a")
    assert "2 message-id fields" in mail.defects


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"From me@x Mon May  6 10:15:00 2024\n" + crlf(HEAD) + b"\r\nText", "Text"),
        (crlf(HEAD).replace(b"\r\n", b"\r") + b"\rText", "Text"),
        (crlf(HEAD) + b"\r\nTe\0xt", "Text"),
        (plain("x" * 60_000), "x" * 60_000),
        (crlf(f"{HEAD}Content-Type: multipart/mixed\n\n--x\nContent-Type: text/plain\n\nText\n--x--\n"), "Text"),
        (crlf(f"{HEAD}Content-Type: multipart/x; boundary=y\n\n--x\nContent-Type: text/plain\n\nText\n--x--"), "Text"),
        (crlf(f"{HEAD}Content-Transfer-Encoding: base64\n\n") + base64.b64encode(b"Text")[:-1], "Text"),
        (crlf(f"{HEAD}Content-Type: text/plain; charset=klingon\n\nText"), "Text"),
    ],
    ids=["mbox line", "bare CR", "NUL", "long line", "no boundary", "wrong boundary", "no padding", "no such charset"],
)  # fmt: skip
def test_broken_mail_is_read(raw: bytes, text: str) -> None:
    """Mail that breaks the standards is read as its sender meant it."""
    assert parse.parse(raw).body_text == text


def test_twenty_thousand_fields() -> None:
    """Fields nobody will read are counted, not kept; those people need are found behind them."""
    mail = parse.parse(b"".join(b"X-%d: v\r\n" % i for i in range(20_000)) + MAILS["plain"], SMTP)
    assert "more than are read" in mail.defects[0]
    assert len(mail.headers) <= 600


@pytest.mark.parametrize("levels", [200, 900, 5000])
def test_absurd_nesting_is_kept_as_a_file(levels: int) -> None:
    """Past the depth that is read, the rest is one file, and the reader is told."""
    raw = crlf(HEAD)
    for level in range(levels):
        raw += b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n' % (level, level)
    mail = parse.parse(raw + b"Content-Type: text/plain\r\n\r\nText\r\n", SMTP)
    assert not mail.unreadable
    assert mail.subject == "Drucker druckt nicht"
    assert len(mail.attachments) == 1
    assert mail.omissions


def test_very_long_text_is_cut_and_listed() -> None:
    """Text past the limit is in the file beside it, and the reader is told."""
    mail = parse.parse(plain("Zeile\n" * 400_000), SMTP)
    assert len(mail.body_text) <= 1_000_000
    assert mail.omissions
    assert mail.attachments[0].size > 2_000_000


@pytest.mark.parametrize("raw", [b"", b"\r\n\r\n", b"   "])
def test_nothing_is_unreadable(raw: bytes) -> None:
    """An empty mail says why nothing of it is shown."""
    mail = parse.parse(raw)
    assert mail.unreadable == "the mail is empty"
    assert mail.message_id


def test_forwarded_mail_is_not_trimmed() -> None:
    """What a forward quotes is what it says."""
    mail = parse.parse(
        plain("Von: b@x.example\nGesendet: gestern\nAn: c\n\nText", HEAD.replace("Drucker", "WG: Drucker"))
    )
    assert mail.reply_text == mail.body_text


def test_replies_in_html_are_trimmed_by_what_html_tells() -> None:
    """HTML alone is enough to know the new text."""
    mail = parse.parse(html("<p>Neu</p><div class=gmail_quote>Am 6. Mai schrieb X:<blockquote>alt</blockquote></div>"))
    assert mail.reply_text == "Neu"
    assert "alt" in mail.body_text
