"""What of a mail is its text, with paragraphs that were broken for the wire whole again (RFC 3676)."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from gateway.mail.content import attachments, read
from gateway.mail.mime import read as taken_apart
from gateway.mail.parse import parse
from gateway.mail.written_in import join_flowed


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("a \nb\nc", "a b\nc"),
        ("> a \n> b\nc", "> a b\nc"),
        ("> a \nb", "> a \nb"),
        (">> a \n>> b", ">> a b"),
        (" > no quotation", "> no quotation"),
        (" From here", "From here"),
        ("a \n-- \nAnna", "a \n-- \nAnna"),
        ("a \n\nb", "a \n\nb"),
        ("", ""),
    ],
)
def test_join_flowed(given: str, want: str) -> None:
    """Soft breaks join within a quotation's depth; stuffing goes; a signature mark never joins."""
    assert join_flowed(given) == want


def test_without_blanks() -> None:
    """With DelSp=yes the blank at a soft break is none, for languages written without."""
    assert join_flowed("日本 \n語", "") == "日本語"


IN_FRONT = b"Content-Type: multipart/mixed; boundary=b\n\nText in front\n--b\n"


@pytest.mark.parametrize(
    ("raw", "text", "omissions"),
    [
        (IN_FRONT + b"Content-Type: image/png\n\nx\n--b--", "Text in front", []),
        (IN_FRONT + b"\nText\n--b--", "Text", ["outside_parts"]),
        (IN_FRONT.replace(b"Text in front", b"A message in MIME format.") + b"\nText\n--b--", "Text", []),
        (b"Content-Type: multipart/alternative; boundary=b\n\n--b\n\nText\n--b\n\nOther words", "Text", ["other_form"]),
        (b"Content-Type: message/rfc822\n\nSubject: inner\n\nText", "Text", []),
        (b"Subject: x\n\n<html><body><p>Text</p></body></html>", "Text", []),
        (b"Subject: x\n\nMy page is <html><p>Text</p>", "My page is <html><p>Text</p>", []),
    ],
)
def test_where_the_text_stands(raw: bytes, text: str, omissions: list[str]) -> None:
    """Text is found wherever a program put it; what is not shown has its sentence."""
    found = read(taken_apart(raw))
    assert (found.text, found.omissions) == (text, omissions)


def test_an_attached_mail_has_its_whole_subject_as_name() -> None:
    """A slash in it is no path."""
    inner = b"Content-Type: message/rfc822\n\nSubject: Offer 12/2024\n\nx\n"
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + inner + b"--b--"
    assert attachments(read(taken_apart(raw)))[0].filename == "Offer 12-2024.eml"


def test_a_text_without_a_name_in_front_is_the_text_whatever_it_is_marked_as() -> None:
    """Some programs mark the words themselves as an attachment; a text with a name, or behind others, is a file."""
    marked = b"Content-Type: text/plain\nContent-Disposition: attachment\n\nHello\n"
    assert read(taken_apart(marked)).text.strip() == "Hello"
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + marked + b"--b\n" + marked + b"--b--"
    found = read(taken_apart(raw))
    assert (found.text.strip(), len(found.files)) == ("Hello", 1)


@pytest.mark.parametrize(
    ("cid", "name"), [("image001.png@01DA1234.5678ABCD", "lamp.png"), ("image9.gif@01DA", "image9.gif")]
)
def test_a_picture_in_outlooks_text_has_its_name(cid: str, name: str) -> None:
    """Not its Content-ID, which is nothing to read; that of a picture which is not there has a name in it."""
    m = EmailMessage()
    m.set_content(f"Look: [cid:{cid}] There.")
    m.add_attachment(b"x", "image", "png", cid="<image001.png@01DA1234.5678ABCD>", filename="lamp.png")
    found = parse(m.as_bytes())
    assert found.body_text == found.reply_text == f"Look: [{name}] There."
