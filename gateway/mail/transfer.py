"""Content-Transfer-Encodings, with what can be read of a broken one (RFC 2045 section 6). Never raises."""

from __future__ import annotations

import base64
import binascii
import quopri
import re

_UNIX_TO_UNIX = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]*")
_CODED_LINE = re.compile(rb"[A-Za-z0-9+/]{16,}={0,2}|(?:[A-Za-z0-9+/]{4})*[A-Za-z0-9+/]{2,3}={1,2}")
_WORDS, _MARK = re.compile(rb"[^ \t][ \t]+[^ \t]"), re.compile(rb"[.,;:?!]")
"""Blanks between words, and a mark that base64 does not have."""
_WORD = rb"(?:[A-Z]?[a-z]{1,40}|[A-Z]{1,40}|\d{1,40})"
_SENTENCE = re.compile(rb"\s*" + _WORD + rb"(?:\s+" + _WORD + rb"){2,}\s*")
"""Words and figures of their own; base64 mixes small letters, capitals and digits, but where a file begins with zeros:
of those it makes lines of `AAAA`, which are longer than any word."""
_LETTERS = re.compile(rb"[\x80-\xff]{6}")
"""Of languages written without blanks."""
LOOK = 4096
"""Bytes that tell whether something is encoded at all."""
_PADDED_BREAK = re.compile(rb"=[ \t]+(\r?\n)")
"""A soft line break behind which a server put blanks: they mean nothing (RFC 2045 section 6.7, rule 3)."""
_PAD_END = re.compile(rb"=[=\s]*")


def decode(raw: bytes, encoding: str) -> bytes:
    """RFC 2045 section 6, with what can be read of a broken encoding."""
    if encoding == "base64":
        return _base64(raw)
    if encoding == "quoted-printable":
        return quopri.decodestring(_PADDED_BREAK.sub(rb"=\1", raw))
    if encoding in _UNIX_TO_UNIX:
        return unix_to_unix(raw) or raw
    return raw


def _base64(raw: bytes) -> bytes:
    """Also several encoded blocks in a row, and plain text that a list appended behind the last; and text that was
    never encoded, whatever its header says."""
    if _is_plain(raw[:LOOK]):
        return raw
    out: list[bytes] = []
    start = 0
    while start < len(raw):
        sign = raw.find(b"=", start)
        pad = _PAD_END.match(raw, sign) if sign >= 0 else None
        end = pad.end() if pad else len(raw)
        block = raw[start:end]
        if out and not _BASE64.fullmatch(block):
            out.append(b"\n" + raw[start:])
            break
        start = end
        try:
            out.append(binascii.a2b_base64(block))
        except binascii.Error:
            out.append(lenient_base64(block))
    return b"".join(out)


def _is_plain(head: bytes) -> bool:
    """Whether bytes are words as they stand. Where the first line, or every second one, could be base64, they are not:
    servers write a line in front of an encoded text, and lists some behind it."""
    if _BASE64.fullmatch(head):
        return bool(_SENTENCE.fullmatch(head))
    lines = [line for part in head.splitlines() if (line := part.strip())]
    coded = [bool(_CODED_LINE.fullmatch(line)) for line in lines]
    return not coded[0] and 2 * sum(coded) < len(coded) and any(map(_is_said, lines))


def _is_said(line: bytes) -> bool:
    return bool((_WORDS.search(line) and _MARK.search(line)) or _LETTERS.search(line))


def unix_to_unix(raw: bytes) -> bytes:
    """The first uuencoded file in some bytes, or nothing."""
    out: list[bytes] = []
    inside = False
    for line in raw.splitlines():
        if not inside:
            inside = bool(re.match(rb"begin [0-7]{3,4} .", line))
            continue
        if line.strip() in (b"end", b"`", b""):
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            # Some encoders leave garbage behind the bytes the first character counts.
            length = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                out.append(binascii.a2b_uu(line[:length]))
            except binascii.Error:
                return b""
    return b"".join(out)


def lenient_base64(raw: bytes) -> bytes:
    """Base64 with missing padding, blanks or stray characters: what can be read is read."""
    raw = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.replace(b"-", b"+").replace(b"_", b"/"))
    if len(raw) % 4 == 1:
        raw = raw[:-1]
    try:
        return base64.b64decode(raw + b"=" * (-len(raw) % 4))
    except (binascii.Error, ValueError):
        return b""
