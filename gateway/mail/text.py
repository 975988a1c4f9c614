"""One cleaning for every text that came from outside, before anything else sees it.

Both databases refuse NUL and lone surrogates, a header value must never hold a line
break, and a name must not be able to reorder the line it is shown in (Unicode TR 36).
Nothing a person can read is ever removed here.
"""

from __future__ import annotations

import re
import unicodedata

_NEWLINES = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SUSPECT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff]")

_BIDI_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_BLANKS = re.compile(r"[\s\u200b]+")

_RESERVED_NAMES = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?=\.|$)")
_UNSAFE_IN_NAMES = re.compile(r'[\x00-\x1f\x7f<>"|/\\]')
_SLASH_OF_WORDS = re.compile(r"(?<=\d)/(?=\d)|(?<=\s)/(?=\s)")
"""`Offer 12/2024.pdf` has no path."""
FILENAME_LIMIT = 150
"""Characters; at four bytes each this stays below the usual 255 bytes with room for a prefix."""


def clean(value: str) -> str:
    """A text both databases take: newlines are LF, no NUL, no lone surrogate, no control character but tab.

    A lone surrogate becomes U+FFFD, so the reader sees that something was there.
    """
    if value.isprintable():
        return value
    if "\r" in value:
        value = value.replace("\r\n", "\n")
    if not _SUSPECT.search(value):
        return value
    value = _NEWLINES.sub("\n", value)
    return _SURROGATE.sub("\ufffd", _UNPRINTABLE.sub("", value))


def before_stop(words: str) -> str:
    """Somebody's words as they stand before a full stop of ours: without their own."""
    return words.rstrip(" .")


def normal_password(password: str) -> str:
    """The same password however a keyboard composes its letters (RFC 8265 section 4.2 asks for NFC)."""
    return unicodedata.normalize("NFC", password)


def one_line(value: str, limit: int = 998) -> str:
    """A header value on one line of at most `limit` characters (RFC 5322 section 2.1.1).

    Blanks of any kind become single spaces; bidi embeddings and overrides are removed.
    """
    if len(value) > 4 * limit:
        value = value[: 4 * limit]
    if value.isascii() and value.isprintable() and "  " not in value:
        return value.strip()[:limit].rstrip()
    value = _BLANKS.sub(" ", clean(value)).strip()
    if not value.isascii():
        value = _BIDI_CONTROLS.sub("", value)
    return value[:limit].rstrip()


def filename(value: str, fallback: str) -> str:
    """A name that is safe to show, to save and to send in a header; `fallback` when nothing is left.

    Path parts go, so do leading dots (hidden files), trailing dots and spaces, and names
    Windows reserves for devices. The extension survives shortening.
    """
    value = unicodedata.normalize("NFC", one_line(value, 4096))
    value = re.split(r"[/\\]", _SLASH_OF_WORDS.sub("-", value))[-1]
    value = _UNSAFE_IN_NAMES.sub("_", value).strip(" ").lstrip(".").rstrip(". ")
    if not value.strip("_ "):
        return fallback
    if _RESERVED_NAMES.match(value):
        value = f"_{value}"
    if len(value) > FILENAME_LIMIT:
        stem, dot, extension = value.rpartition(".")
        if dot and len(extension) <= 10:
            value = f"{stem[: FILENAME_LIMIT - len(extension) - 1]}.{extension}"
        else:
            value = value[:FILENAME_LIMIT]
    return value
