"""Content-Transfer-Encodings, with what can be read of a broken one (RFC 2045 section 6). Never raises."""

from __future__ import annotations

import base64
import binascii
import quopri
import re

_UNIX_TO_UNIX = frozenset({"x-uuencode", "uuencode", "uue", "x-uue"})
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]*")
_PAD_END = re.compile(rb"=[=\s]*")


def decode(raw: bytes, encoding: str) -> bytes:
    """RFC 2045 section 6, with what can be read of a broken encoding."""
    if encoding == "base64":
        return _base64(raw)
    if encoding == "quoted-printable":
        return quopri.decodestring(raw)
    if encoding in _UNIX_TO_UNIX:
        return unix_to_unix(raw) or raw
    return raw


def _base64(raw: bytes) -> bytes:
    """Also several encoded blocks in a row, and plain text that a list appended behind the last."""
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
