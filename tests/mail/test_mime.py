"""A mail as a tree of numbered parts, each with its bytes."""

from __future__ import annotations

import pytest

from gateway.mail import mime

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
        ("quoted-printable", b"a=3D=\nb", b"a=b"),
        ("x-uuencode", b"begin 644 f\n#86)C\n`\nend\n", b"abc"),
        ("8bit", b"gr\xfcn", b"gr\xfcn"),
        ("klingon", b"abc", b"abc"),
    ],
)
def test_transfer_encodings(encoding: str, body: bytes, want: bytes) -> None:
    """What can be read of a broken encoding is read; an unknown one changes nothing."""
    raw = b"Content-Transfer-Encoding: " + encoding.encode() + b"\n\n" + body
    assert mime.tree(mime.read(raw))[1][0].data() == want


def test_too_many_parts_stay_in_one_piece() -> None:
    """Past the limit only the header is read, and the part says that it was cut."""
    raw = b"Content-Type: multipart/mixed; boundary=b\n" + b"\n--b\n\nx" * (mime.BOUNDARIES_LIMIT + 1)
    (leaf,) = mime.tree(mime.read(raw))[1]
    assert leaf.cut
