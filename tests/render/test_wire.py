"""Bytes of a mail: the header contract, hostile values, and files that go along."""

from __future__ import annotations

import email
import email.policy
import re
from dataclasses import replace
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.notice import Notice, Outbound
from gateway.mail.message import Address
from gateway.mail.text import one_line
from gateway.render import examples, wire

REPLY = examples.outbounds(Notice.REPLY, "de")[0]
RECEIVED = examples.outbounds(Notice.REQUEST_RECEIVED, "en")[0]
ALARM = examples.outbounds(Notice.OPERATOR_ALARM, "en")[0]

PERSONAL = ["From", "To", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"]
OUTLOOK = ["Thread-Topic", "Thread-Index"]
MIME = ["MIME-Version", "Content-Type"]
AUTOMATIC = ["Auto-Submitted", "X-Auto-Response-Suppress"]


def write(outbound: Outbound, text: str = "Hello\n", html: str = "<p>Hello</p>\n") -> bytes:
    return wire.write(outbound, text, html)


def read(raw: bytes) -> EmailMessage:
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def field(raw: bytes, name: str) -> bytes:
    """A header field as it stands in the mail, folds included."""
    m = re.search(rb"(?im)^" + name.encode() + rb":(?:.*\r\n)(?:[ \t].*\r\n)*", raw)
    assert m, name
    return m[0]


@pytest.mark.parametrize(
    ("outbound", "names"),
    [
        (REPLY, PERSONAL + OUTLOOK + MIME),
        (RECEIVED, PERSONAL + OUTLOOK + AUTOMATIC + MIME),
        (ALARM, ["From", "To", "Subject", "Date", "Message-ID", "References", *AUTOMATIC, *MIME]),
        (replace(REPLY, in_reply_to="", references=()), [*PERSONAL[:6], *OUTLOOK, *MIME]),
        (replace(REPLY, reply_to=None), [n for n in PERSONAL if n != "Reply-To"] + OUTLOOK + MIME),
    ],
)
def test_header_holds_these_fields_and_no_other(outbound: Outbound, names: list[str]) -> None:
    """Each field once, in this order; what a human wrote carries no mark of a machine."""
    assert read(write(outbound)).keys() == names


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("From", b"From: Example Support <support@example.com>"),
        ("To", b"To: Erika Beispiel <erika.beispiel@example.net>"),
        ("Date", b"Date: Thu, 12 Mar 2026 14:05:00 +0000"),
        ("Message-ID", f"Message-ID: <{RECEIVED.message_id}>".encode()),
        ("In-Reply-To", b"In-Reply-To: <CAF3x9=first@mail.example.net>"),
        ("Auto-Submitted", b"Auto-Submitted: auto-replied"),
        ("X-Auto-Response-Suppress", b"X-Auto-Response-Suppress: All"),
        ("MIME-Version", b"MIME-Version: 1.0"),
    ],
)
def test_field_reads(name: str, value: bytes) -> None:
    """The acknowledgement's fields, as they travel."""
    assert field(write(RECEIVED), name) == value + b"\r\n"


def test_same_values_give_same_bytes() -> None:
    """A retry repeats the mail."""
    assert write(REPLY) == write(REPLY)


def test_other_mail_has_another_boundary() -> None:
    """A boundary cannot be learned from an earlier mail."""
    other = replace(REPLY, message_id="rd.1042.c.other@example.com")
    assert read(write(REPLY)).get_boundary() != read(write(other)).get_boundary()


@pytest.mark.parametrize(
    "value", ["Help\r\nBcc: victim@example.org", "Help\nBcc: victim@example.org", "Help\rX: y", "a\0b", "a\x0bX: y"]
)
def test_line_break_in_a_value_begins_no_field(value: str) -> None:
    """No header by way of a subject or a name."""
    raw = write(
        replace(REPLY, subject=value, recipient=Address("a@example.net", value), from_=Address("b@c.de", value))
    )
    assert read(raw).keys() == PERSONAL + OUTLOOK + MIME
    assert b"\r\n" not in field(raw, "Subject")[:-2].replace(b"\r\n ", b"")


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a",
        "@b.de",
        "a@",
        "a@b>",
        "a@b c.de",
        "a@b\r\n",
        "a@(b).de",
        "a\u00a0b@c.de",
        "a\nb@c.de",
        "a\u202eb@c.de",
        "a" * 400 + "@b.de",
    ],
)
def test_what_is_no_address_is_refused(bad: str) -> None:
    """Better a held mail than a broken To."""
    with pytest.raises(ValueError, match="is not an address"):
        write(replace(REPLY, recipient=Address(bad)))


@pytest.mark.parametrize("bad", ["", "a b@c", "a@b>", "a@b\r\nX: y", "ü@b", "a" * 950])
def test_own_message_id_must_be_one(bad: str) -> None:
    """We make it ourselves: a wrong one is a fault of ours."""
    with pytest.raises(ValueError, match="cannot be written"):
        write(replace(REPLY, message_id=bad))


@pytest.mark.parametrize("bad", ["", "a>b@c", "a@b\r\nBcc: x", "ü@b", "a@b\0", "<a@b>", "x" * 901])
def test_foreign_id_that_cannot_be_written_is_left_out(bad: str) -> None:
    """One bad id costs itself, not the mail."""
    message = read(write(replace(REPLY, in_reply_to=bad, references=("first@x", bad, "last@x"))))
    assert "In-Reply-To" not in message
    assert str(message["References"]) == "<first@x> <last@x>"


@pytest.mark.parametrize("length", [10, 70, 77, 78, 200, 500, 900])
def test_long_id_is_never_encoded_nor_cut(length: int) -> None:
    """Mail programs compare ids as they stand (RFC 5322 section 3.6.4)."""
    long = "x" * (length - 5) + "@e.de"
    raw = write(replace(REPLY, in_reply_to=long, references=("first@x", long), message_id=long))
    for name in ("Message-ID", "In-Reply-To", "References"):
        assert f"<{long}>".encode() in field(raw, name)
        assert b"=?" not in field(raw, name)


def test_thousands_of_references_are_cut_to_first_and_last() -> None:
    """The root and the nearest ids stay; the field stays below 4 KB."""
    ids = tuple(f"{n}.{'x' * 40}@mail.example.net" for n in range(2000))
    raw = field(write(replace(REPLY, references=ids)), "References")
    kept = re.findall(rb"<([^>]+)>", raw)
    assert len(raw) < 4096
    assert kept[0].decode() == ids[0]
    assert [k.decode() for k in kept[1:]] == list(ids[-len(kept) + 1 :])
    assert len(kept) > 50


def test_few_long_references_keep_first_and_last() -> None:
    """Even when only two fit."""
    ids = tuple(f"{n}{'x' * 880}@e.de" for n in range(9))
    kept = re.findall(rb"<([^>]+)>", field(write(replace(REPLY, references=ids)), "References"))
    assert (kept[0].decode(), kept[-1].decode()) == (ids[0], ids[-1])


def test_repeated_references_are_written_once() -> None:
    """Some programs answer with the same id many times."""
    assert (
        field(write(replace(REPLY, references=("a@b", "c@d", "a@b"))), "References") == b"References: <a@b> <c@d>\r\n"
    )


SUBJECTS = [
    "Plain",
    "[RD-1042-7KQ4TN] Drucker läuft nicht – „Fehler 5“",
    "ü" * 300,
    "x" * 990,
    "word " * 180 + "end",
    "=?utf-8?q?not_encoded?= by us",
    "a =?b?= c",
    "😀 🇩🇪 👩‍👩‍👧 " * 20 + "end",
    "שלום עולם Hallo",
    "日本語のサブジェクト" * 20,
    "é = ? _ \t tab",
]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_subject_arrives_as_it_was(subject: str) -> None:
    """ASCII on the wire, no line over 78 but for a word that is longer, and the same when decoded."""
    raw = field(write(replace(REPLY, subject=subject)), "Subject")
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 2 * wire.LINE + len("Subject: ")
    assert all(len(word) <= 75 for word in raw.split() if word.startswith(b"=?"))
    assert str(read(raw + b"\r\n")["Subject"]) == one_line(subject)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_subject_arrives_as_it_was(subject: str) -> None:
    """Whatever a customer writes into a subject."""
    raw = field(write(replace(REPLY, subject=subject)), "Subject")
    assert raw.isascii()
    assert str(read(raw + b"\r\n")["Subject"]) == one_line(subject)


def test_reference_in_a_subject_stays_readable() -> None:
    """Only what needs encoding is encoded: people and filters look for the reference."""
    assert REPLY.words.ticket
    assert f"[{REPLY.words.ticket.reference}]".encode() in field(write(REPLY), "Subject")


NAMES = [
    "",
    "Erika Beispiel",
    "Beispiel, Erika (Einkauf)",
    'Erika "Eri" \\ Beispiel',
    "Müller, GmbH & Co. <KG>",
    "=?utf-8?q?admin=40bank?=",
    "a@b.de via Liste",
    "שלום",
    "😀" * 60,
    "x" * 120,
]


@pytest.mark.parametrize("name", NAMES)
def test_display_name_arrives_as_it_was(name: str) -> None:
    """Quoted or encoded, never mistaken for an address or for an encoded word."""
    raw = field(write(replace(REPLY, recipient=Address("a@example.net", name))), "To")
    assert raw.isascii()
    # Not read by the newer parser: it keeps the space between two encoded words of a name.
    phrase, address = parseaddr(raw.decode().removeprefix("To: "))
    assert (str(make_header(decode_header(phrase))), address) == (name, "a@example.net")


def test_direction_override_in_a_name_is_removed() -> None:
    """A name must not turn the address beside it around."""
    raw = write(replace(REPLY, recipient=Address("a@example.net", "ab\u202edc\u2066")))
    assert read(raw)["To"].addresses[0].display_name == "abdc"


@pytest.mark.parametrize(
    ("address", "written"),
    [
        ("a..b.@docomo.example", b"To: a..b.@docomo.example"),
        ("o'neil+x=y@example.net", b"To: o'neil+x=y@example.net"),
        ("two words@example.net", b'To: "two words"@example.net'),
        ("a@b>,c@example.net", b'To: "a@b>,c"@example.net'),
        ("a@[192.0.2.1]", b"To: a@[192.0.2.1]"),
        ("info@müller.example", b"To: info@xn--mller-kva.example"),
        ("info@STRASSE.example", b"To: info@STRASSE.example"),
        ("jörg@müller.example", "To: jörg@xn--mller-kva.example".encode()),
        ("jörg@example.net", "To: jörg@example.net".encode()),
    ],
)
def test_address_is_written(address: str, written: bytes) -> None:
    """Odd but real addresses work; a domain goes out in ASCII, a local part as it is (RFC 5891, 6532)."""
    assert field(write(replace(REPLY, recipient=Address(address))), "To") == written + b"\r\n"


BODIES = [
    "plain\n",
    "Grüße\n",
    "x" * 5000 + "\n",
    "trailing blank \n\ttab\t\n",
    ".\n..\nFrom here\n",
    "bare\rreturn\r\nand\x00nul \ud800\n",
    "😀" * 900 + "\n",
    "--=_84da203251d6570431c6f9bccdca5769\n",
]


@pytest.mark.parametrize("body", BODIES)
def test_body_is_safe_on_every_road_and_arrives_as_it_was(body: str) -> None:
    """ASCII, lines of at most 998 bytes that end in CRLF and nothing else; decoded it is the same text."""
    raw = write(REPLY, body, f"<p>{body}</p>")
    assert raw.isascii()
    assert b"\0" not in raw
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", raw)
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    part = read(raw).get_body(("plain",))
    assert part is not None
    expected = body.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").replace("\ud800", "\ufffd")
    assert part.get_content().replace("\r\n", "\n") == expected


FILES = [
    ("plan.pdf", "application/pdf", "plan.pdf", "application/pdf"),
    ("Übersicht – Q1.pdf", "application/pdf", "Übersicht – Q1.pdf", "application/pdf"),
    ('say "hi"; x=y.txt', "text/plain; charset=utf-16", "say _hi_; x=y.txt", "text/plain"),
    ("../../etc/passwd", "text/plain", "passwd", "text/plain"),
    ("", "image/png", "attachment-1", "image/png"),
    ("page.html", "text/html", "page.html", "application/octet-stream"),
    ("page.xhtml", "application/xhtml+xml", "page.xhtml", "application/octet-stream"),
    ("mail.eml", "message/rfc822", "mail.eml", "application/octet-stream"),
    ("x.bin", "multipart/mixed; boundary=x", "x.bin", "application/octet-stream"),
    ("x.bin", "no type\r\nX-Evil: y", "x.bin", "application/octet-stream"),
    ("a\r\nX-Evil y.txt", "text/plain", "a X-Evil y.txt", "text/plain"),
    ("日本" * 40 + ".pdf", "application/pdf", "日本" * 40 + ".pdf", "application/pdf"),
    ("😀😀.png", "image/png", "😀😀.png", "image/png"),
]


@pytest.mark.parametrize(("name", "given", "shown", "kind"), FILES)
def test_file_goes_along(name: str, given: str, shown: str, kind: str) -> None:
    """The same bytes come out, under a safe name, as a type no mail program shows as our words."""
    content = bytes(range(256)) * 50 + b"\r\n.\r\n"
    raw = wire.attach(write(REPLY), [wire.Enclosed(name, given, content)])
    message = read(raw)
    (part,) = message.iter_attachments()
    assert part.get_payload(decode=True) == content
    assert (part.get_filename(), part.get_content_type(), part.get_content_disposition()) == (shown, kind, "attachment")
    assert "X-Evil" not in message
    assert "X-Evil" not in part
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_name_too_long_for_a_line_keeps_its_extension() -> None:
    """Percent encoding makes a name up to twelve times longer."""
    raw = wire.attach(write(REPLY), [wire.Enclosed("😀" * 140 + ".pdf", "application/pdf", b"x")])
    name = next(iter(read(raw).iter_attachments())).get_filename()
    assert name
    assert name.startswith("😀😀")
    assert name.endswith(".pdf")
    assert max(map(len, raw.split(b"\r\n"))) <= 998


def test_header_and_bodies_stay_when_files_are_put_along() -> None:
    """Attaching is the last step: nothing that was decided before may change."""
    files = [wire.Enclosed("a.txt", "text/plain", b"a"), wire.Enclosed("b.png", "image/png", b"b" * 1000)]
    before = write(replace(REPLY, recipient=Address("jörg@example.net", "Jörg, x"), subject="ü" * 200), "Grüße \n")
    after = wire.attach(before, files)
    assert after == wire.attach(before, files)
    head, _, bodies = before.partition(b"\r\n\r\n")
    for line in field(head + b"\r\n", "To"), field(head + b"\r\n", "Subject"), field(head + b"\r\n", "References"):
        assert line in after
    assert bodies in after
    message = read(after)
    assert message.get_content_type() == "multipart/mixed"
    assert [p.get_content_type() for p in message.iter_parts()] == [
        "multipart/alternative",
        "text/plain",
        "image/png",
    ]
    assert sorted(message.keys()) == sorted(PERSONAL + OUTLOOK + MIME)


def test_pictures_the_body_shows_are_related_to_it() -> None:
    """RFC 2387: the bodies and their pictures in one part, the other files beside it."""
    files = [
        wire.Enclosed("a.pdf", "application/pdf", b"%PDF"),
        wire.Enclosed("shot.png", "image/png", b"\x89PNG", "1.shot@example.com"),
    ]
    message = read(wire.attach(write(REPLY), files))
    related, pdf = message.iter_parts()
    assert (message.get_content_type(), pdf.get_content_type()) == ("multipart/mixed", "application/pdf")
    assert related.get_content_type() == "multipart/related"
    assert related.get_param("type") == "multipart/alternative"
    bodies, picture = related.iter_parts()
    assert bodies.get_content_type() == "multipart/alternative"
    assert (picture["Content-ID"], picture.get_content_disposition()) == ("<1.shot@example.com>", "inline")
    assert picture.get_payload(decode=True) == b"\x89PNG"
    alone = read(wire.attach(write(REPLY), files[1:]))
    assert alone.get_content_type() == "multipart/related"


def test_without_files_the_mail_stays_as_it_is() -> None:
    """Most mails have none."""
    assert wire.attach(write(REPLY), []) == write(REPLY)
