"""The charset of bytes nobody declared, by the language they make sense in: Central European, Turkish, Greek, Hebrew,
Arabic, Persian.

A decoding is believed when CLD2 is sure of its language and every letter beyond ASCII is one that language has; of two
charsets of one language the letters tell. Where CLD2 is not installed nothing is found.
"""

from __future__ import annotations

import re

from gateway.mail.spoken import spoken

_CENTRAL = {
    "pl": "ąćęłńóśźż",
    "cs": "áčďéěíňóřšťúůýž",
    "sk": "áäčďéíĺľňóôŕšťúýž",
    "hu": "áéíóöőúüű",
    "hr": "čćđšž",
    "bs": "čćđšž",
    "sl": "čšž",
    "ro": "ăâîşţ",
}
_ARABIC = {
    "ar": "\u0621-\u0652\u060c\u061b\u061f",
    "fa": "\u0621-\u0652\u060c\u061b\u061f\u067e\u0686\u0698\u06a9\u06af\u06cc\u200c",
}
_CANDIDATES: tuple[tuple[str, dict[str, str]], ...] = (
    # What cp1250 alone has is a control character here, but not the other way round.
    ("iso8859_2", _CENTRAL),
    ("cp1250", _CENTRAL),
    ("cp1254", {"tr": "çğıöşüâîû\u0307"}),
    ("cp1256", _ARABIC),
    ("cp1255", {"iw": "\u05d0-\u05ea", "he": "\u05d0-\u05ea"}),
    ("cp1253", {"el": "\u0386-\u03ce"}),
    ("iso8859_7", {"el": "\u0386-\u03ce"}),
    ("cp874", {"th": "\u0e01-\u0e3a\u0e3f-\u0e4f"}),
)
"""A Python codec, and the languages it is used for with what they have beyond ASCII, in small letters."""
CYRILLIC = ("cp1251", "koi8_u", "cp866", "iso8859_5")
_SIGNS = "\u00a0«»„“”‘’‚–—…€§°·•"
_CYRILLIC_LETTER = re.compile("[\u0400-\u04ff]")
_CYRILLIC = frozenset({"ru", "uk", "bg", "be", "sr", "mk"})
_MISPLACED = re.compile(
    r"[ךםןףץ](?=[א-ת])|[כמנפצ](?![א-ת\"׳״'])|ς(?=[α-ωά-ώ])|σ(?![α-ωά-ώ'’])"
    r"|(?<![\u0e01-\u0e2e\u0e31\u0e34-\u0e3a\u0e47-\u0e4e])[\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]"
    r"|[\u0e40-\u0e44](?![\u0e01-\u0e2e])|[A-Za-z][\u0e01-\u0e4f]+[A-Za-z]"
)
"""Final forms that do not end a word, and others that do; signs of Thai that stand at no consonant, and Thai between
two letters of ASCII: what the letters of another script look like here."""
_FOREIGN = {own: re.compile(rf"[^\x00-\x7f{own}{_SIGNS}]") for _, given in _CANDIDATES for own in given.values()}
ASCII = bytes(range(128))
_NO_LETTERS = bytes(byte for byte in range(256) if not chr(byte).isalpha() or byte > 127)
SAMPLE = 4_000
"""Bytes that are looked at to know a charset nobody declared."""


def codec_of(data: bytes) -> str:
    """A Python codec that decodes all of the bytes, or the empty string."""
    sample = data[:SAMPLE]
    # Four fifths of a text must be of one language: no use in asking for a script that is a few letters of it.
    if 4 * len(sample.translate(None, ASCII)) >= len(sample.translate(None, _NO_LETTERS)):
        for codec in CYRILLIC:
            seen = sample.decode(codec, "ignore")
            if spoken(seen) in _CYRILLIC and _is_written_in_cyrillic(seen) and holds(data, codec):
                return codec
    high = bytes(set(sample).difference(ASCII))
    for codec, languages in _CANDIDATES:
        # A look at the few letters beyond ASCII saves asking for the language of the text.
        if not holds(high, codec) or all(
            _FOREIGN[own].search(high.decode(codec).lower()) for own in languages.values()
        ):
            continue
        if not holds(data, codec):
            continue
        seen = sample.decode(codec)
        own = languages.get(spoken(seen))
        if own and not _FOREIGN[own].search(seen.lower()) and not _MISPLACED.search(seen):
            return codec
    return ""


def _is_written_in_cyrillic(text: str) -> bool:
    """Other scripts become lines of tables between the letters, in cp866 above all."""
    beyond = len(text) - len(text.encode("ascii", "ignore"))
    return len(_CYRILLIC_LETTER.findall(text)) * 5 >= beyond * 4


def holds(data: bytes, codec: str) -> bool:
    """Whether a codec decodes all of the bytes."""
    try:
        data.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
