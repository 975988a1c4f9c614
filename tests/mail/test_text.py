"""The one cleaning every text from outside goes through."""

from __future__ import annotations

import pytest

from gateway.mail import text


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("a\r\nb\rc\nd", "a\nb\nc\nd"),
        ("a\x0bb\x0cc\x85d\u2028e\u2029f", "a\nb\nc\nd\ne\nf"),
        ("a\0b\x07c\x1bd\x7fe\x9ff", "abcdef"),
        ("tab\tstays", "tab\tstays"),
        ("\ufeffmark", "mark"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("שלום 日本 😀", "שלום 日本 😀"),
    ],
)
def test_clean(given: str, want: str) -> None:
    """A text both databases take: LF, no NUL, no lone surrogate, no control but tab; everything readable stays."""
    assert text.clean(given) == want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("a\r\n Bcc: x@y", "a Bcc: x@y"),
        ("  a \t b  ", "a b"),
        ("invoice\u202egpj.exe", "invoicegpj.exe"),
        ("\u2066a\u2069", "a"),
        ("x" * 2000, "x" * 998),
    ],
)
def test_one_line(given: str, want: str) -> None:
    """A header value is one line of bounded length that cannot reorder what stands beside it."""
    assert text.one_line(given) == want


@pytest.mark.parametrize(
    ("given", "want"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\anna\\Rechnung.pdf", "Rechnung.pdf"),
        (".htaccess", "htaccess"),
        ("Offer 12/2024.pdf", "Offer 12-2024.pdf"),
        ("Lamp / desk.pdf", "Lamp - desk.pdf"),
        ("/srv/2024/05/a.pdf", "a.pdf"),
        ("a\r\nb.txt", "a b.txt"),
        ("con.txt", "_con.txt"),
        ("rechnung\u202efdp.exe", "rechnungfdp.exe"),
        ('a<b>"c|d.txt', "a_b__c_d.txt"),
        ("Mu\u0308ller.pdf", "Müller.pdf"),
        ("", "fallback"),
        ("...", "fallback"),
        ("/", "fallback"),
        ("x" * 300 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_filename(given: str, want: str) -> None:
    """A file's name has no path, no device, no control sign, and keeps its extension when it is too long."""
    assert text.filename(given, "fallback") == want
