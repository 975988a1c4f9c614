"""Bytes to text the way a person would read them, whatever the mail declared.

Never raises and never loses a readable character. Labels are read as the WHATWG encoding
standard reads them: a name stands for the superset that mail programs really send.
"""

from __future__ import annotations

import codecs
import re
from collections import Counter
from functools import lru_cache

from gateway.mail.charset_by_shape import encoded_once, escaped, is_euc_jp
from gateway.mail.charset_by_words import ASCII, CYRILLIC, SAMPLE, codec_of, holds
from gateway.mail.spoken import spoken

_LABELS = {
    label: codec
    for codec, labels in {
        "utf-8": "ascii utf8mb4 unicode-1-1-utf-8",
        "cp1252": "iso8859-1 iso-8859 ansi x-ansi cp-1252 x-cp1252 ansi_x3.110-1983",
        "cp1254": "iso8859-9",
        "cp874": "iso8859-11 tis-620 windows-874",
        "gb18030": "gb2312 gbk x-gbk gb_2312-80",
        "big5hkscs": "big5 cn-big5 x-x-big5",
        "cp949": "euc_kr johab ks_c_5601-1989 ksc_5601 windows-949 x-windows-949",
        "cp932": "shift_jis x-sjis x-ms-cp932 windows-31j",
        "euc_jp": "x-euc-jp",
        "iso8859-6": "iso-8859-6-i",
        "mac_roman": "x-mac-roman",
        "mac_cyrillic": "x-mac-cyrillic",
        "koi8_r": "koi8",
        "cp850": "ibm-850",
        "cp862": "dos-862",
        "iso8859-8": "iso-8859-8-i iso-8859-8-e logical visual",
        "mac_latin2": "x-mac-ce x-mac-centraleurroman",
        "mac_greek": "x-mac-greek",
        "mac_turkish": "x-mac-turkish",
        "cp866": "dos-866",
        **{f"cp125{n}": f"x-cp125{n}" for n in "01345678"},
    }.items()
    for label in labels.split()
}
"""What was declared, or Python's name of it → the codec that is tried first: it decodes all the declared one does."""
_NOT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
"""Codecs of Python that decode something, but no text anyone sent."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+()-]{0,39}")
_WESTERN = frozenset({"cp1252", "iso8859-15", "mac_roman", "cp850", "cp1254"})
_SINGLE_BYTE = re.compile(r"iso8859-|cp12|cp8|koi8|mac_")
_OF_CYRILLIC = frozenset({*CYRILLIC, "koi8_r", "koi8-r", "koi8-u", "iso8859-5", "mac-cyrillic", "cp855"})
_CONTROLS = re.compile("[\x80-\x9f]")
_C1 = re.compile(rb"[\x80-\x9f]")
_OF_WINDOWS = {
    "iso8859-2": "cp1250",
    "iso8859-4": "cp1257",
    "iso8859-5": "cp1251",
    "iso8859-6": "cp1256",
    "iso8859-7": "cp1253",
    "iso8859-8": "cp1255",
    "iso8859-13": "cp1257",
}
"""The standard's charset, and Windows' for the same languages."""
_WESTERN_LANGUAGES = frozenset("en de fr es it nl pt sv da no nn fi is ca gl eu ga".split())
_ISO_2022_JP_TEXT = re.compile(rb"\x1b\$[@B][!-~]{2}")
_OF_OTHER_BYTES = ("iso2022", "hz", "utf-7", "utf-16", "utf-32")
"""Charsets in which bytes below 128 need not be ASCII; in all others nobody writes an escape."""
_STATEFUL = re.compile(rb"[\x80-\xff\x00\x0e\x1b]|~\{")
"""What can make bytes mean something else than ASCII; UTF-7 alone needs less."""
_MULTI_BYTE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_WINDOWS_1252 = "".join(bytes((i,)).decode("cp1252", "ignore") or chr(i) for i in range(256))
_REPAIRS_LIMIT = 20_000
"""Single bytes repaired in one text: one with more holds no text."""
_LEAST = 8
"""High bytes; fewer prove nothing."""
_SURELY = 20
"""So many speak against a label."""
_HIGH_RUN = re.compile(rb"[\x80-\xff]+")
_ISO_2022_JP_PART = re.compile(rb"\x1b(\$[@B]|\$\([@BD]|\([BJI])")


def decode(data: bytes, declared: str = "", hint: str = "") -> tuple[str, str]:
    """(text, defect) of some bytes; the defect is empty when the declaration held.

    `hint` is a charset seen elsewhere in the same mail, tried when nothing is declared.
    """
    if not _STATEFUL.search(data) and "7" not in declared:
        # Every charset in use for mail agrees on these bytes.
        return data.decode("ascii"), ""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(name, "replace"), ""
    codec = _codec_for(declared)
    if not codec:
        return _guess(data, hint), f"unknown charset {declared[:40]!r}" if declared.strip() else _undeclared(data)
    if codec.startswith("iso2022_jp") and not data.isascii():
        # It has no 8-bit bytes, so they prove the label wrong.
        return _eight_bit_japanese(data), f"not valid {declared[:40]}"
    if not codec.startswith(_OF_OTHER_BYTES) and data.isascii() and _ISO_2022_JP_TEXT.search(data):
        return _iso_2022_jp(data), f"declared {declared[:40]}, is iso-2022-jp"
    if (codec in _WESTERN or _SINGLE_BYTE.match(codec)) and not data.isascii():
        # Every byte string is valid here, so a valid multi-byte UTF-8 text proves the label wrong.
        try:
            text = data.decode("utf-8")
            if codec in _WESTERN or not _CONTROLS.search(text):
                return text, f"declared {declared[:40]}, is utf-8"
        except UnicodeDecodeError:
            if codec in _WESTERN:
                return _declared_western(data, codec, declared)
        if codec not in _WESTERN and (better := _otherwise_spoken(data, codec)):
            return data.decode(better), f"declared {declared[:40]}, is {better}"
        if (windows := _OF_WINDOWS.get(codec)) and _C1.search(data) and holds(data, windows):
            # No text has control characters; where those of ISO 8859 lie, Windows has letters and quotation marks.
            return data.decode(windows), f"declared {declared[:40]}, is {windows}"
    if not codec.startswith(_OF_OTHER_BYTES) and data.isascii() and (better := escaped(data)):
        return data.decode(better), f"declared {declared[:40]}, is {better}"
    if codec == "cp932" and is_euc_jp(data):
        return data.decode("euc_jp"), f"declared {declared[:40]}, is euc_jp"
    try:
        text = _strict(data, codec)
        once = encoded_once(text) if codec == "utf-8" else ""
        return once or text, "utf-8 encoded twice" if once else ""
    except (UnicodeError, LookupError):
        pass
    if codec == "utf-8":
        return _guess(data, hint), f"not valid {declared[:40]}"
    return _nearest(data, codec), f"not valid {declared[:40]}"


def _declared_western(data: bytes, codec: str, declared: str) -> tuple[str, str]:
    """The label every program writes that does not know better: it gives way only to a language that is sure."""
    text = _western(data) if codec == "cp1252" else data.decode(codec, "replace")
    mostly_high = _mostly_high(data) if len(data[:SAMPLE].translate(None, ASCII)) >= _SURELY else ""
    if (not mostly_high and spoken(text) in _WESTERN_LANGUAGES) or not (better := codec_of(data) or mostly_high):
        return text, ""
    return data.decode(better), f"declared {declared[:40]}, is {better}"


def _otherwise_spoken(data: bytes, codec: str) -> str:
    """A label of single bytes holds for any bytes: it gives way where they are of no language in it, and of one in
    another codec, which is returned. Letters of Cyrillic make a language of any other script; only of Cyrillic they
    make none by chance."""
    sample = data[:SAMPLE]
    if len(sample.translate(None, ASCII)) < _SURELY or spoken(sample.decode(codec, "replace")):
        return ""
    better = codec_of(data)
    return better if better != codec and (better in CYRILLIC or codec not in _OF_CYRILLIC) else ""


@lru_cache(maxsize=256)
def _codec_for(declared: str) -> str:
    """The Python codec that reads a declared charset, or the empty string when it is none we know."""
    found = _LABEL.search(declared.removeprefix("3D"))
    if not found:
        return ""
    label = found[0].lower()
    try:
        name = codecs.lookup(_LABELS.get(label, label)).name
        b"text".decode(name, "replace")  # a codec from bytes to bytes refuses
    except (LookupError, UnicodeError, ValueError):
        return ""
    return "" if name.replace("-", "_") in _NOT_CHARSETS else _LABELS.get(name, name)


def _undeclared(data: bytes) -> str:
    return "" if data.isascii() else "8-bit text without a declared charset"


def _strict(data: bytes, codec: str) -> str:
    if codec.startswith("iso2022_jp"):
        return _iso_2022_jp(data)
    if codec in ("utf-16", "utf-32") and not data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        codec += "-be" if data[:1] == b"\0" else "-le"
    text = data.decode(codec)
    text.encode("utf-8")  # some codecs fabricate lone surrogates
    return text


def _eight_bit_japanese(data: bytes) -> str:
    """The charset that decodes all of the bytes; Shift JIS decodes much of EUC-JP, as half-width kana nobody sends."""
    for codec in ("utf-8", "euc_jp", "cp932"):
        try:
            return data.decode(codec)
        except UnicodeDecodeError:
            continue
    return _iso_2022_jp(data)


def _nearest(data: bytes, codec: str) -> str:
    """A declared charset that does not hold: kept when little is wrong, guessed when much is."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode(codec, "replace")
    if text.count("\ufffd") <= 1 + len(text) // 50:
        return text
    return _guess(data, "")


def _guess(data: bytes, hint: str) -> str:
    """Undeclared bytes: UTF-8, ISO-2022-JP by its escapes, the hint, else UTF-8 with Western bytes between."""
    try:
        if data.isascii() and (better := escaped(data)):
            return data.decode(better)
        if b"\x1b$" in data and data.isascii():
            return _iso_2022_jp(data)
        return data.decode("utf-8")
    except (UnicodeError, LookupError):
        pass
    codec = _codec_for(hint) if hint else ""
    if codec and codec not in _WESTERN and codec != "utf-8":
        try:
            return _strict(data, codec)
        except (UnicodeError, LookupError):
            pass
    codec = codec_of(data) or _mostly_high(data)
    if codec:
        return data.decode(codec)
    if not _MULTI_BYTE.search(data):
        return _western(data)
    text = data.decode("utf-8", "replace")
    return text if text.count("\ufffd") > _REPAIRS_LIMIT else data.decode("utf-8", "western-byte")


def _mostly_high(data: bytes) -> str:
    """A Python codec that decodes all of the bytes, known by where they lie, or the empty string when unsure.

    Only says something of text that is more than half high bytes, which no Western text is.
    """
    sample = data[:SAMPLE]
    if len(data) > SAMPLE and (end := max(sample.rfind(b"\n"), sample.rfind(b" "))) > 0:
        sample = sample[:end]  # a character cut in half would speak against its charset
    high = len(sample.translate(None, ASCII))
    visible = len(sample.translate(None, b" \t\r\n"))
    if high < _LEAST or 2 * high < visible:
        return ""
    for codec in (*_east_asian(sample), _cyrillic(sample)):
        if codec and holds(data, codec):
            return codec
    return ""


def _east_asian(sample: bytes) -> tuple[str, ...]:
    """Candidates, likeliest first. EUC encodings pair two high bytes; Shift JIS and Big5 also one high and one low."""
    runs = _HIGH_RUN.findall(sample)
    leads: Counter[int] = Counter()
    for run in runs:
        leads.update(run[::2])
    pairs = sum(leads.values())
    kana = leads[0xA4] + leads[0xA5]
    if all(len(run) % 2 == 0 for run in runs) and min(map(min, runs)) >= 0xA1:
        hangul = sum(leads[lead] for lead in range(0xB0, 0xC9))
        if 5 * kana > pairs:
            return ("euc_jp",)
        return ("cp949",) if 10 * hangul > 9 * pairs else ("gb18030",)
    if 4 * sum(sample.count(bytes((lead,))) for lead in (0x82, 0x83)) > pairs:
        return ("cp932",)
    low_trails = len(re.findall(rb"[\xa1-\xf9][\x40-\x7e]", sample))
    return ("big5hkscs",) if 5 * low_trails > pairs else ()


def _cyrillic(sample: bytes) -> str:
    """Most letters are small: at the end of windows-1251, before the capitals in KOI8-R."""
    small = sum(sample.count(bytes((b,))) for b in range(0xE0, 0x100))
    koi = sum(sample.count(bytes((b,))) for b in range(0xC0, 0xE0))
    letters = small + koi
    if 10 * letters < 9 * sum(len(run) for run in _HIGH_RUN.findall(sample)):
        return ""
    return "cp1251" if small > koi else "koi8_r"


def _western(data: bytes) -> str:
    """Windows-1252, its five open bytes as in ISO 8859-1 (WHATWG)."""
    return codecs.charmap_decode(data, "strict", _WINDOWS_1252)[0]


def _iso_2022_jp(data: bytes) -> str:
    """ISO-2022-JP as Windows writes it (code page 50221): NEC and IBM extensions, half-width kana."""
    try:
        return data.decode("iso2022_jp")
    except UnicodeDecodeError:
        pass
    out: list[str] = []
    mode, start = b"(B", 0
    for mark in _ISO_2022_JP_PART.finditer(data):
        out.append(_jis(data[start : mark.start()], mode))
        mode, start = mark[1], mark.end()
    out.append(_jis(data[start:], mode))
    return "".join(out)


def _jis(data: bytes, mode: bytes) -> str:
    if mode.startswith(b"("):
        high = bytes(b | 0x80 if 0x21 <= b <= 0x5F else b for b in data) if mode == b"(I" else data
        return high.decode("cp932", "replace")
    if mode == b"$(D":
        return (b"\x1b$(D" + data + b"\x1b(B").decode("iso2022_jp_ext", "replace")
    pairs = bytearray()
    i = 0
    while i < len(data):
        if data[i] < 0x21 or i + 1 >= len(data):
            pairs.append(data[i])
            i += 1
            continue
        row, cell = data[i] - 0x21, data[i + 1] - 0x21
        lead = (row >> 1) + 0x81
        pairs.append(lead if lead <= 0x9F else lead + 0x40)
        trail = cell + (0x9F if row & 1 else 0x40)
        pairs.append((trail if row & 1 or trail < 0x7F else trail + 1) & 0xFF)
        i += 2
    return pairs.decode("cp932", "replace")


def _western_byte(error: UnicodeError) -> tuple[str, int]:
    """One bad byte between good UTF-8 is a Western letter; a broken sequence stays visible as U+FFFD."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return (_western(bad) if len(bad) == 1 else "\ufffd"), error.end


codecs.register_error("western-byte", _western_byte)
