"""Header fields: encoded words, ids, parameters and addresses, as generous as real mail needs."""

from __future__ import annotations

import pytest

from gateway.mail import header, people
from gateway.mail.message import Address
from gateway.mail.parse import parse


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?UTF-8?B?R3LDvMOfZQ==?= aus =?iso-8859-1?q?K=F6ln?=", "Grüße aus Köln"),
        ("=?utf-8?b?R3LD?= =?utf-8?b?vMOfZQ==?=", "Grüße"),
        ("=?utf-8?q?a?=\r\n =?iso-8859-1?q?b?=", "ab"),
        ("Re:=?utf-8?q?_x?=", "Re: x"),
        ("=?utf-8?q?with blanks?=", "with blanks"),
        ("=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        ("=?utf-8*de?q?Sprache?=", "Sprache"),
        ("=?utf-8?q?=3D=3Futf-8=3Fq=3Fzweimal=3F=3D?=", "zweimal"),
        ("=?gb2312?b?1uzpRrv5?=", "朱镕基"),
        ("=?x-unknown?q?Gr=FC=DFe?=", "Grüße"),
        ("no words at all", "no words at all"),
        ("=?utf-8?x?abc?=", "=?utf-8?x?abc?="),
    ],
)
def test_words(given: str, want: str) -> None:
    """RFC 2047 words are read, also split inside a character, glued to text, nested, or wrong."""
    assert header.words(header.unfold(given)) == want


def test_japanese_without_a_declaration() -> None:
    """ISO-2022-JP is written in seven bits: no byte shows that it stands there, but its escapes do."""
    subject, name = "ポンプの水漏れ".encode("iso-2022-jp"), "田中".encode("iso-2022-jp")
    mail = parse(b"From: " + name + b" <t@c.example>\nSubject: Re: " + subject + b"\n\nhi\n")
    assert (mail.subject, mail.author) == ("Re: ポンプの水漏れ", Address("t@c.example", "田中"))


def test_an_address_in_japanese_signs_is_nobody() -> None:
    """Between the escapes the bytes of an address are other signs; a server that reads bytes finds another author."""
    mail = parse(b"From: \x1b$B<a@x.example>\x1b(B <t@c.example>\n\nhi\n")
    assert mail.author is not None
    assert (mail.author.address, mail.author_unsure) == ("t@c.example", True)


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("<a@x>", ("a@x",)),
        ("<a@x> <b@x>\r\n\t<c@x>", ("a@x", "b@x", "c@x")),
        ("<a@x>,<b@x>", ("a@x", "b@x")),
        ("<a@x> (comment) <a@x>", ("a@x",)),
        ("a@x b@x", ("a@x", "b@x")),
        ("<>", ()),
        ("", ()),
        ("<a\r\n b@x>", ("ab@x",)),
        ("=?us-ascii?Q?=3Ca=40x=3E?=", ("a@x",)),
        ("Your message of Monday <a@x>", ("a@x",)),
    ],
)
def test_message_ids(given: str, want: tuple[str, ...]) -> None:
    """Ids come without brackets, each once, in order; an empty id is none."""
    assert header.message_ids(header.unfold(given)) == want


def test_too_many_ids_keep_first_and_last() -> None:
    """Of absurdly many references the first and the nearest stay."""
    ids = header.message_ids(" ".join(f"<{i}@x>" for i in range(5000)))
    assert len(ids) == header.IDS_LIMIT
    assert (ids[0], ids[-1]) == ("0@x", "4999@x")


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ('attachment; filename="Rechnung.pdf"', "Rechnung.pdf"),
        ("attachment; filename=Rechnung (2).pdf", "Rechnung (2).pdf"),
        ("attachment; filename*=utf-8''R%C3%BCckgabe.pdf", "Rückgabe.pdf"),
        ("attachment; filename*0*=iso-8859-1'de'K%F6; filename*1=ln.pdf", "Köln.pdf"),
        ("attachment; filename*1*=%9Cck.pdf; filename*0*=utf-8''R%C3", "RÜck.pdf"),
        ('attachment; filename="=?utf-8?q?R=C3=BCck.pdf?="', "Rück.pdf"),
        ("attachment; filename==?utf-8?q?R=C3=BCck.pdf?=", "Rück.pdf"),
        ('attachment; filename="a.pdf"; filename="b.pdf"', "a.pdf"),
        ('attachment; filename="open end.pdf', "open end.pdf"),
        ('attachment; filename="with \\"quotes\\".pdf"', 'with "quotes".pdf'),
        ('filename="token forgotten.pdf"', "token forgotten.pdf"),
        ("attachment; filename=plain.pdf; filename*=utf-8''better.pdf", "better.pdf"),
    ],
)
def test_filenames(given: str, want: str) -> None:
    """RFC 2231, RFC 2047 and raw names are read, with missing quotes, doubled and out of order."""
    assert header.disposition(given).get("filename") == want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("Text/HTML; charset=UTF-8", ("text/html", "UTF-8")),
        ("text/html charset=utf-8", ("text/html", "utf-8")),
        ("text/plain; charset = utf-8 ; x", ("text/plain", "utf-8")),
        ("", ("text/plain", "")),
        ("text", ("text/plain", "")),
        ('"text/html"; charset="utf-8"', ("text/html", "utf-8")),
        ("plain/text; charset=utf-8", ("text/plain", "utf-8")),
        ("html/text", ("text/html", "")),
        ("application/text", ("text/plain", "")),
        ("application/json", ("application/json", "")),
        ("text/x-log", ("text/x-log", "")),
    ],
)
def test_content_type(given: str, want: tuple[str, str]) -> None:
    """An unusable Content-Type is text/plain (RFC 2045 section 5.2); misplaced blanks, quotes and words do no harm."""
    found = header.content_type(given)
    assert (found.value, found.get("charset")) == want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("Anna <anna@x.example>", (Address("anna@x.example", "Anna"),)),
        ("anna@x.example, Bernd <b@x.example>", (Address("anna@x.example"), Address("b@x.example", "Bernd"))),
        ("<mailto:a@x.example>", (Address("a@x.example"),)),
        ("Anna <mailto:a@x.example>", (Address("a@x.example", "Anna"),)),
        ("Müller, Anna <a@x.example", (Address("a@x.example", "Anna"),)),
        ("nobody", ()),
        ("a@@b", ()),
    ],
)
def test_found_in(given: str, want: tuple[Address, ...]) -> None:
    """The last resort finds whatever looks like a mailbox, and nothing else."""
    assert people.found_in(given) == want
