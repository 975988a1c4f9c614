"""Bytes whose shape says what they are, whatever label they bear: escapes of Korean and Chinese, Japanese in two bytes
a sign, UTF-8 that was encoded twice on its way."""

from __future__ import annotations

import re

from gateway.mail.spoken import spoken

_ISO_2022_KR = b"\x1b$)C"
_HZ = re.compile(rb"~\{(?:[!-w][!-~])+~\}")
_NARROW_KANA = re.compile("[\uff61-\uff9f]")
_KANA = re.compile("[\u3041-\u30ff]")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_BYTES = {ord(sign): byte for byte in range(128, 160) if (sign := bytes((byte,)).decode("cp1252", "ignore"))}
_TWICE = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u2122]")
_TWICE_LEAST = 5
"""Signs that were encoded twice; who tells of one that looks wrong quotes fewer."""


def escaped(data: bytes) -> str:
    """The codec of ASCII bytes that switch to Korean or Chinese by escapes no other text has, or the empty string."""
    if _ISO_2022_KR in data and b"\x0e" in data:
        return "iso2022_kr" if _decoded(data, "iso2022_kr") else ""
    if b"~{" in data and _HZ.search(data):
        return "hz" if spoken(_decoded(data, "hz")).startswith("zh") else ""
    return ""


def is_euc_jp(data: bytes) -> bool:
    """Of bytes declared Shift JIS, in which EUC-JP is half-width kana nobody writes whole sentences in."""
    if _KANA.search(shown := data.decode("cp932", "replace")):
        return False
    text = _decoded(data, "euc_jp")
    narrow, wide = len(_NARROW_KANA.findall(shown)), len(_BEYOND_ASCII.findall(text))
    return 2 * narrow > wide > 0 and 5 * len(_KANA.findall(text)) > wide


def encoded_once(text: str) -> str:
    """A text whose UTF-8 was taken for Windows-1252 and encoded again, as it was; the empty string where it was not.

    All of it must be so, and be of a language then: whoever complains of such signs writes some right.
    """
    if text.isascii() or len(_TWICE.findall(text[:20_000])) < _TWICE_LEAST:
        return ""
    try:
        found = text.translate(_BYTES).encode("latin-1").decode("utf-8")
    except UnicodeError:
        return ""
    language = spoken(found)
    # English has quotation marks beyond ASCII, and no letters: those are names somebody says look wrong.
    is_about_them = language == "en" and any(map(str.isalpha, _BEYOND_ASCII.findall(found)))
    return found if language and not is_about_them else ""


def _decoded(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return ""
