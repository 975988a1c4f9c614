"""Bytes become the text their writer saw, whatever the mail declared."""

from __future__ import annotations

import pytest

from gateway.core import charset


@pytest.mark.parametrize(
    ("data", "declared", "want"),
    [
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße €".encode("cp1252"), "iso-8859-1", "Grüße €"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode("latin-1"), "us-ascii", "Grüße"),
        ("Grüße".encode("latin-1"), "utf-8", "Grüße"),
        ("Grüße".encode("latin-1"), "", "Grüße"),
        ("Grüße".encode("latin-1"), "x-unknown", "Grüße"),
        ("Grüße".encode(), 'utf-8"; format=flowed', "Grüße"),
        ("Grüße".encode("utf-16"), "utf-16", "Grüße"),
        ("Grüße".encode("utf-16-be"), "utf-16", "Grüße"),
        ("\ufeffGrüße".encode(), "iso-8859-1", "Grüße"),
        ("Grüße".encode("utf-7"), "utf-7", "Grüße"),
        ("朱镕基".encode("gb18030"), "gb2312", "朱镕基"),
        ("똠방각하".encode("cp949"), "ks_c_5601-1987", "똠방각하"),
        ("똠방각하".encode("cp949"), "euc-kr", "똠방각하"),
        ("①高橋".encode("cp932"), "shift_jis", "①高橋"),
        ("高橋".encode("iso2022_jp"), "iso-2022-jp", "高橋"),
        ("高橋".encode("iso2022_jp"), "", "高橋"),
        (b"\x1b$B-!\x1b(B", "iso-2022-jp", "①"),
        (b"\x1b(I6\x1b(B", "iso-2022-jp", "ｶ"),
        ("привет".encode("koi8-r"), "koi8-r", "привет"),
        ("ไทย".encode("cp874"), "tis-620", "ไทย"),
        ("İş".encode("cp1254"), "iso-8859-9", "İş"),
        (b"\x81\x8d", "windows-1252", "\x81\x8d"),
        (b"plain", "base64", "plain"),
        (b"plain", "idna", "plain"),
        (b"gr\xfcn", "uu", "grün"),
        (b"plain", "\0\0", "plain"),
    ],
)
def test_decode(data: bytes, declared: str, want: str) -> None:
    """Declared, too narrowly declared, wrongly declared, unknown and missing charsets all read right."""
    assert charset.decode(data, declared)[0] == want


def test_one_bad_byte_spoils_nothing() -> None:
    """A Western byte in a UTF-8 text is read as the letter it is; the rest stays as it was."""
    assert charset.decode("schön ".encode() + b"gr\xfcn", "utf-8")[0] == "schön grün"


def test_broken_character_shows() -> None:
    """A character cut in half is shown as one replacement sign, not as letters nobody wrote."""
    assert charset.decode("schön 😀".encode()[:-1] + b" da", "utf-8")[0] == "schön \ufffd da"


def test_the_hint_helps() -> None:
    """Undeclared bytes are read in the charset the rest of the mail declares."""
    assert charset.decode("заявка".encode("koi8-r"), "", "koi8-r")[0] == "заявка"


@pytest.mark.parametrize(("declared", "says"), [("utf-8", "not valid utf-8"), ("klingon", "unknown charset 'klingon'")])
def test_a_wrong_declaration_is_a_defect(declared: str, says: str) -> None:
    """What was declared and does not hold is told."""
    assert charset.decode(b"\xfc", declared)[1] == says


def test_ascii_needs_no_defect() -> None:
    """Where every charset agrees nothing is wrong, even when nothing was declared."""
    assert charset.decode(b"plain", "") == ("plain", "")
