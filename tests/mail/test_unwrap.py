"""Wrappings: winmail.dat and S/MIME, opened where no key is needed, kept where one is."""

from __future__ import annotations

import tracemalloc
import zlib

import pytest
from asn1crypto import cms

from gateway.core.sentences import text_of
from gateway.mail import unwrap
from gateway.mail.parse import extract, parse
from tests import mails
from tests.mails import HEAD, crlf, file_part, opaque_signature, parts, text_part, tnef

WINMAIL = 'Content-Type: application/ms-tnef; name="winmail.dat"\n'
P7M = 'Content-Type: application/pkcs7-mime; name="smime.p7m"\n'


def enveloped() -> bytes:
    """A CMS EnvelopedData: content nobody reads without the key."""
    content = cms.ContentInfo(
        {
            "content_type": "enveloped_data",
            "content": {
                "version": "v0",
                "recipient_infos": [],
                "encrypted_content_info": {
                    "content_type": "data",
                    "content_encryption_algorithm": {"algorithm": "aes256_cbc", "parameters": b"\0" * 16},
                    "encrypted_content": b"secret",
                },
            },
        }
    )
    return bytes(content.dump())


def test_a_winmail_that_is_the_whole_mail() -> None:
    """Text and files come out of it."""
    mail = parse(crlf(HEAD) + file_part(tnef([("a.txt", b"abc"), ("b.bin", b"\0\1")], "Der Text\r\n"), WINMAIL))
    assert mail.body_text == "Der Text"
    assert [(a.part, a.filename, a.size) for a in mail.attachments] == [("1/1", "a.txt", 3), ("1/2", "b.bin", 2)]


def test_a_winmail_beside_the_text() -> None:
    """The text part is the text; the wrapping only adds files."""
    raw = parts("mixed", text_part("Text"), file_part(tnef([("a.txt", b"abc")], "Derselbe Text"), WINMAIL))
    mail = parse(raw)
    assert (mail.body_text, [a.filename for a in mail.attachments]) == ("Text", ["a.txt"])
    assert extract(raw, "2/1") == b"abc"


def test_a_winmail_with_nothing_but_formatting() -> None:
    """What holds nothing for the reader is not listed, and the reader is told."""
    mail = parse(parts("mixed", text_part("Text"), file_part(tnef([]), WINMAIL)))
    assert mail.attachments == ()
    assert "winmail.dat" in text_of(mail.omissions[0], "en")


@pytest.mark.parametrize("fields", [WINMAIL, P7M], ids=["tnef", "smime"])
def test_a_broken_wrapping_is_kept_as_a_file(fields: str) -> None:
    """What is not what it says it is stays a file, with a defect."""
    mail = parse(parts("mixed", text_part("Text"), file_part(b"not at all", fields)))
    assert len(mail.attachments) == 1
    assert mail.attachments[0].size == 10
    assert mail.defects


WHOLE = tnef([("a.txt", b"abc" * 50), ("b.txt", b"def" * 50)], "Derselbe Text")


@pytest.mark.parametrize(
    ("data", "names"),
    [
        (WHOLE[:-30], ["a.txt", "b.txt", "winmail.dat"]),
        (WHOLE[:-175], ["a.txt", "winmail.dat"]),
        (WHOLE[:-220], ["a.txt", "winmail.dat"]),
        (WHOLE[:60] + b"\7" * 50 + WHOLE[60:], ["winmail.dat"]),
        (WHOLE[:6] + b"junk" * 3, ["winmail.dat"]),
        (WHOLE + b"junk" * 9, ["a.txt", "b.txt", "winmail.dat"]),
        (tnef([("", b""), ("a.txt", b"abc")]), ["a.txt", "winmail.dat"]),
        (WHOLE + b"\r\n", ["a.txt", "b.txt"]),
    ],
    ids=[
        "cut in a file",
        "cut in its name",
        "cut in the first file",
        "garbage inside",
        "garbage",
        "rest",
        "no file",
        "whole",
    ],
)
def test_a_damaged_winmail_is_kept_beside_what_came_out_of_it(data: bytes, names: list[str]) -> None:
    """Files may be cut off or missing: the wrapping holds what is left of them, and nothing says that it is empty."""
    mail = parse(parts("mixed", text_part("Text"), file_part(data, WINMAIL)))
    assert [a.filename for a in mail.attachments] == names
    assert bool(mail.defects) == ("winmail.dat" in names)
    assert not mail.omissions


def test_a_winmail_of_more_files_than_are_taken_out() -> None:
    """The wrapping holds the others."""
    many = tnef([(f"{i}.txt", b"abc") for i in range(unwrap.FILES_LIMIT + 1)])
    mail = parse(parts("mixed", text_part("Text"), file_part(many, WINMAIL)))
    assert (len(mail.attachments), mail.attachments[-1].filename) == (unwrap.FILES_LIMIT + 1, "winmail.dat")


def test_a_signed_mail_is_read_without_a_key() -> None:
    """The entity inside an opaque signature is read like any, its files included."""
    inner = parts("mixed", text_part("Oben"), file_part(b"abc", 'Content-Type: text/csv; name="a.csv"\n'), head="")
    raw = crlf(HEAD) + file_part(opaque_signature(inner), P7M)
    mail = parse(raw)
    assert mail.body_text == "Oben"
    assert [(a.part, a.filename) for a in mail.attachments] == [("1/2", "a.csv")]
    assert extract(raw, "1/2") == b"abc"


def test_signatures_inside_signatures_end() -> None:
    """Wrapping in wrapping is followed a few levels; what is left is a file."""
    inner = text_part("ganz innen")
    for _ in range(unwrap.UNWRAP_DEPTH + 2):
        inner = file_part(opaque_signature(inner), P7M)
    mail = parse(crlf(HEAD) + inner)
    assert [a.filename for a in mail.attachments] == ["smime.p7m"]


@pytest.mark.parametrize("type_", ["application/pkcs7-mime", "application/octet-stream"])
@pytest.mark.parametrize(
    "document",
    [b"%PDF-1.4\n1 0 obj << /Type /Catalog >> endobj\n", b'<?xml version="1.0"?>\n<Fattura/>\n', b"Total: 12\n", b""],
)
def test_a_signed_document_is_a_file(type_: str, document: bytes) -> None:
    """A contract or an invoice that somebody signed comes as it was sent; its bytes are no text of the mail."""
    signed = opaque_signature(document)
    raw = parts("mixed", text_part("Il contratto."), file_part(signed, f'Content-Type: {type_}; name="doc.pdf.p7m"\n'))
    mail = parse(raw)
    assert mail.body_text == "Il contratto."
    assert [a.filename for a in mail.attachments] == ["doc.pdf.p7m"]
    assert extract(raw, "2") == signed
    assert not mail.encryption


def compressed(content: bytes) -> bytes:
    """A CMS CompressedData (RFC 3274), as RFC 8551 section 3.6 has it."""
    inner = {"content_type": "data", "content": zlib.compress(content, 9)}
    held = {"version": "v0", "compression_algorithm": {"algorithm": "zlib"}, "encap_content_info": inner}
    return bytes(cms.ContentInfo({"content_type": "compressed_data", "content": held}).dump())


def test_a_compressed_mail_is_read() -> None:
    """With a file that packs well in it, too."""
    log = b"".join(b"Dec 01 10:%02d:%02d host app[1]: all is well\n" % divmod(n % 3600, 60) for n in range(4_000))
    inner = parts("mixed", text_part("Oben"), file_part(log, 'Content-Type: text/csv; name="a.csv"\n'), head="")
    mail = parse(crlf(HEAD) + file_part(compressed(inner), P7M))
    assert (mail.body_text, [a.size for a in mail.attachments]) == ("Oben", [len(log)])


def test_what_grows_without_measure_is_kept_as_it_came() -> None:
    """A small mail that becomes a large one, at once or level by level, is a file, and takes no memory."""
    bomb = compressed(text_part("x") + b" " * 30_000_000)
    for data in (bomb, compressed(file_part(bomb, P7M))):
        raw = crlf(HEAD) + file_part(data, P7M)
        tracemalloc.start()
        try:
            mail = parse(raw)
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()
        assert [a.filename for a in mail.attachments] == ["smime.p7m"]
        assert any("too large to unpack" in defect for defect in mail.defects)


def test_an_encrypted_mail_is_kept() -> None:
    """What needs a key is a file, and the reader is told."""
    mail = parse(crlf(HEAD) + file_part(enveloped(), P7M))
    assert (mail.encryption, mail.attachments[0].note) == ("smime", "encrypted")
    assert "encrypted" in mail.omissions[0]


def test_the_fixture_is_opened_by_tnefparse() -> None:
    """The hand-made winmail.dat is one."""
    (file,) = unwrap.tnef(tnef([("rechnung.pdf", b"%PDF")])).files
    assert (file.name, file.data) == ("rechnung.pdf", b"%PDF")
    assert mails.all_mails()["winmail"]
