"""A mail as a tree of numbered parts, each with its bytes."""

from __future__ import annotations

from base64 import encodebytes

import pytest

from gateway.mail import mime, transfer
from gateway.mail.parse import parse
from tests.mutation import ENVELOPE

NESTED = b"""Content-Type: multipart/mixed; boundary=b

--b
Content-Type: multipart/alternative; boundary=c

--c

a
--c
Content-Type: text/html

<p>a
--c--
--b
Content-Type: message/rfc822

Subject: x

inner
--b--
"""
LETTER = b"Hello,\nmy order 4711 has not arrived yet. Please help.\nThanks\nKim"
GREETING = "Guten Tag, meine Bestellung fehlt. Grüße".encode("latin-1")
ORDER = "注文した商品がまだ届きません。".encode()
FOOTER = b"--\nA list, which has\nsome lines, too.\nAnd one more.\n"
PARTS = [("1.1", "text/plain"), ("1.2", "text/html"), ("2", "message/rfc822")]


@pytest.mark.parametrize(
    ("raw", "want"),
    [
        (NESTED, PARTS),
        (b"Subject: a\n\nhi", [("1", "text/plain")]),
        (b"From anna@x.example Mon\nSubject: a\n\nhi", [("1", "text/plain")]),
        (NESTED.replace(b"boundary=b", b"boundary=wrong"), PARTS),
        (b"Content-Type: multipart/mixed\n\nno part at all", [("1", "multipart/mixed")]),
    ],
)
def test_parts_are_numbered(raw: bytes, want: list[tuple[str, str]]) -> None:
    """As in RFC 3501 section 6.4.5, also when the boundary has to be guessed; a mail inside is one part."""
    assert [(leaf.number, leaf.content_type) for leaf in mime.tree(mime.read(raw))[1]] == want


def test_a_mail_inside_comes_out_whole() -> None:
    """Byte by byte, for it is read like any mail."""
    assert mime.tree(mime.read(NESTED))[1][2].data() == b"Subject: x\n\ninner"


@pytest.mark.parametrize(
    ("encoding", "body", "want"),
    [
        ("base64", b"YWJj", b"abc"),
        ("BASE64 (comment)", b"YWJj", b"abc"),
        ('"base64"', b"YWJ", b"ab"),
        ("base64", b"YQ==\nYg==\nplain: x", b"ab\nplain: x"),
        ("base64", LETTER, LETTER),
        ("base64", GREETING, GREETING),
        ("base64", ORDER, ORDER),
        ("base64", b"Please call me back\nKim 0171 5550\n", b"Please call me back\nKim 0171 5550\n"),
        ("base64", encodebytes(LETTER * 200), LETTER * 200),
        ("base64", encodebytes(bytes(9_000) + LETTER), bytes(9_000) + LETTER),
        ("base64", encodebytes(LETTER) + FOOTER, LETTER + b"\n" + FOOTER),
        ("base64", b"YWJj ZGVm\nZ2hp.\n", b"abcdefghi"),
        ("quoted-printable", b"a=3D=\nb", b"a=b"),
        ("quoted-printable", b"Gr=C3= \t\r\n=BC=  \nn", b"Gr\xc3\xbcn"),
        ("x-uuencode", b"begin 644 f\n#86)C\n`\nend\n", b"abc"),
        ("8bit", b"gr\xfcn", b"gr\xfcn"),
        ("klingon", b"abc", b"abc"),
    ],
)
def test_transfer_encodings(encoding: str, body: bytes, want: bytes) -> None:
    """What can be read of a broken encoding is read; an unknown one changes nothing."""
    raw = b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n" + body
    assert mime.tree(mime.read(raw))[1][0].data() == want


def test_whether_base64_is_none_is_asked_of_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Megabytes of files cost no second pass."""
    seen: list[int] = []
    monkeypatch.setattr(transfer, "_is_plain", lambda head: bool(seen.append(len(head))))
    assert transfer.decode(encodebytes(b"x" * 100_000), "base64") == b"x" * 100_000
    assert seen == [transfer.LOOK]


def test_too_many_parts_stay_in_one_piece() -> None:
    """Past the limit only the header is read, and the part says that it was cut."""
    raw = b"Content-Type: multipart/mixed; boundary=b\n" + b"\n--b\n\nx" * (mime.BOUNDARIES_LIMIT + 1)
    (leaf,) = mime.tree(mime.read(raw))[1]
    assert leaf.cut


ZIP = b"Content-Type: application/zip\nContent-Transfer-Encoding: base64\n\nUEsDBAo=\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"Content-Type: multipart/alternative; boundary=b\n\n--b\n\nText\n--b--\n--b\n" + ZIP + b"--b--\n",
        b"\n\nText\n--b--\n\n--b\n" + ZIP + b"--b--\n",
        b"\n\nText\n--b--\n\n--b--\n--b\n" + ZIP,
        b"Content-Type: multipart/mixed;\nboundary=c\nX-More: x\n\n--c\n\nText\n--c\n" + ZIP + b"--c--\n\n--b--\n",
        b"\n\nText\n--b  \n\n" + ZIP + b"--b--\n",
    ],
    ids=["the boundary of the outer one", "behind the end", "behind two ends", "not indented", "an empty line"],
)
def test_no_part_vanishes(raw: bytes) -> None:
    """Whatever follows a delimiter is a part, wherever its multipart was said to end."""
    leaves = mime.tree(mime.read(b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" + raw))[1]
    said = [(leaf.content_type, leaf.data().strip()[:4]) for leaf in leaves if leaf.data().strip()]
    assert said == [("text/plain", b"Text"), ("application/zip", b"PK\x03\x04")]


def test_a_blank_before_the_colon() -> None:
    """An old spelling of a field (RFC 5322 section 4.5) is a field all the same."""
    mail = mime.read(b"From : anna@x.example\nSubject : a\n\nTo : the point")
    assert (mail["from"], mail["subject"], mail.get_payload()) == ("anna@x.example", "a", "To : the point")


def test_a_charset_that_holds_a_nul() -> None:
    """The standard library asks for such a codec; what is there is read all the same."""
    raw = b'Content-Type: multipart/mixed; charset="\0"; boundary=b\n\nGr\xc3\xbc\xc3\x9fe\n'
    parts = mime.tree(mime.read(raw))[1]
    assert [part.text()[0].strip() for part in parts] == ["Grüße"]


def test_an_encoding_in_bytes_nobody_knows() -> None:
    """A multipart whose Content-Transfer-Encoding has 8-bit bytes is read part by part."""
    raw = b"Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: 7b\xeft\n\n--b\n\nText\n--b--\n"
    assert "Text" in "".join(part.text()[0] for part in mime.tree(mime.read(raw))[1])


def test_bytes_of_no_charset_in_a_type() -> None:
    """The standard library's own reader raises on it."""
    head = b'Content-Type: multipart/mi\xd9ed; bo"ndar\xd5="BOUkDAR\xdeP\n'
    message = parse(head + b'--BO\x19\xe8$ARY\nContent-Type: text/plain; charset="us-ascii"', ENVELOPE)
    assert not [a for a in message.attachments if a.note.startswith("unreadable")]


STRAY = b"From: Kim <k@x.example>\r\nSubject: Help\r\n\r\nHello\r\n"
RECEIVED = b"Received: from a by b;\r\n Mon, 6 May 2024 10:12:00 +0200\r\n"


@pytest.mark.parametrize(
    "front",
    [
        b"\xef\xbb\xbf",
        b"\r\n",
        b"\n \n",
        b"\xef\xbb\xbfFrom kim Mon May  6 10:12:00 2024\n",
        b"\r\n>From kim\r\n",
        RECEIVED + b"\xef\xbb\xbf",
        RECEIVED + b"\r\n\xef\xbb\xbf",
    ],
)
def test_what_slipped_in_front_of_a_header_hides_no_author(front: bytes) -> None:
    """A script wrote a byte order mark or an empty line; others see no From there, so it proves nobody."""
    message = parse(front + STRAY)
    assert (message.author and message.author.address, message.subject, message.body_text.strip()) == (
        "k@x.example",
        "Help",
        "Hello",
    )
    assert message.author_unsure


@pytest.mark.parametrize(
    "raw",
    [
        b"\r\nNote: bring it\r\n\r\nFrom: Berlin\r\n",
        RECEIVED + b"\r\nFrom: Kim <k@x.example>\r\nSent: today\r\n\r\nHello\r\n",
        b"From: a@x.example\r\n\r\n\xef\xbb\xbfFrom: Kim <k@x.example>\r\n\r\nHello\r\n",
    ],
)
def test_a_text_that_looks_like_a_header_is_text(raw: bytes) -> None:
    """Below an empty line nothing is a header, unless a byte order mark shows that it slipped."""
    message = parse(raw)
    assert message.body_text.strip().startswith(("Note:", "From:"))
