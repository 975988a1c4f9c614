"""Mail inside wrappings other programs invented: Outlook's TNEF and opaque S/MIME signatures.

Only what can be read without a key is unwrapped (RFC 8551 section 3.5: signed-data carries
its content in the clear). A signature is not verified here, and nothing says it was.
"""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.mail import charset
from gateway.mail.mime import NESTED, Part
from gateway.mail.text import clean

if TYPE_CHECKING:
    from tnefparse import TNEF

SIZE_LIMIT = 40_000_000
FILES_LIMIT = 200
UNWRAP_DEPTH = 4
"""Wrappings inside wrappings that are opened."""
GROWTH, GROWTH_FREE = 10, 65_536
"""Compressed content may become so many times as large, beside the first bytes: a megabyte of nothing but blanks can
become a gigabyte, and mails are counted in memory as they came."""
_ENTITY = re.compile(rb"(?:[!-9;-~]+:[^\n]*\n(?:[ \t][^\n]*\n)*)*?Content-[a-z-]+:", re.I)
"""Fields, one of which says what the content is."""
_HEADER_LIMIT = 65_536


class Unreadable(Exception):
    """The wrapping is not what it says it is."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """A file out of a wrapping."""

    name: str
    content_type: str
    data: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Tnef:
    text: str
    html: str
    files: tuple[Unpacked, ...]
    damaged: bool = False
    """It does not come to a clean end, or holds more than was taken out."""


def wrapper(content_type: str, smime_type: str, filename: str) -> str:
    """`tnef`, `smime`, or the empty string for a part that wraps nothing."""
    if content_type in ("application/ms-tnef", "application/vnd.ms-tnef") or filename.lower() == "winmail.dat":
        return "tnef"
    if content_type in ("application/pkcs7-mime", "application/x-pkcs7-mime") and smime_type.lower() != "certs-only":
        return "smime"
    if content_type == "application/octet-stream" and filename.lower().endswith(".p7m"):
        return "smime"
    return ""


def certified(transport: object, leaves: Sequence[Part]) -> Part | None:
    """The mail a provider of certified mail wrapped (PEC, RFC 6109 section 2.2); None when it is no such mail.

    Mail from elsewhere comes as an `errore`, under whatever name.
    """
    kind = str(transport or "").strip().casefold()
    inside = [p for p in leaves if p.content_type in NESTED]
    if kind == "errore" and len(inside) == 1:
        return inside[0]
    if kind != "posta-certificata":
        return None
    return next((p for p in inside if p.filename.casefold() == "postacert.eml"), None)


def tnef(data: bytes) -> Tnef:
    """Unpack a `winmail.dat` ([MS-OXTNEF])."""
    from tnefparse import TNEF

    logging.getLogger("tnefparse").setLevel(logging.CRITICAL)  # what it stumbles over is in the mail's defects
    if len(data) > SIZE_LIMIT:
        raise Unreadable("too large to unpack")
    try:
        found = TNEF(data, do_checksum=False)
        files = []
        for item in found.attachments[:FILES_LIMIT]:
            if not (item.data or item.name):
                continue  # made of garbage: the wrapping itself is kept
            mime_type = next((str(a.data) for a in item.mapi_attrs if a.name == 0x370E), "")
            content_id = next((str(a.data) for a in item.mapi_attrs if a.name == 0x3712), "")
            files.append(
                Unpacked(
                    _text(item.long_filename() or item.name),
                    _text(mime_type) or "application/octet-stream",
                    bytes(item.data or b""),
                    _text(content_id).strip("<>"),
                )
            )
        text, html = _text(found.body), _text(found.htmlbody)
        if not text and not html and found.rtfbody:
            files.append(Unpacked("message.rtf", "application/rtf", bytes(found.rtfbody)))
        return Tnef(text, html, tuple(files), _is_damaged(found, data))
    except Exception as error:  # the format is undocumented in places, and the parser trusts it
        raise Unreadable(f"{type(error).__name__}") from error


def _is_damaged(found: TNEF, data: bytes) -> bool:
    """Whether a winmail.dat is cut off or holds garbage: tnefparse stops there without a word.

    By the lengths alone. Checksums would cost a pass over every byte, and programs write wrong ones.
    """
    from tnefparse.util import uint32

    place = 6  # behind signature and key
    for item in found.objects:
        known = item.level in (found.LVL_MESSAGE, found.LVL_ATTACHMENT)
        if not known or item.length < uint32(data, place + 5) + 11:
            return True
        place += item.length
    rest = data[place:].strip(b"\0\r\n\t ")
    return bool(rest) or len(found.attachments) > FILES_LIMIT or not all(item.data for item in found.attachments)


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = charset.decode(value)[0]
    return clean(str(value or "")).rstrip("\n").strip("\0")


def is_entity(content: bytes) -> bool:
    """Whether what was signed is part of a mail (RFC 8551 section 3.1), and not a document, such as a contract that
    somebody signed and attached as `contract.pdf.p7m`."""
    return _ENTITY.match(content[:_HEADER_LIMIT]) is not None


def signed_content(data: bytes, depth: int = 0) -> bytes | None:
    """The MIME entity inside a CMS SignedData (RFC 5652 section 5) or CompressedData (RFC 3274), None when it is
    encrypted instead. Inside another wrapping (`depth`) nothing compressed is opened: it would grow at each level."""
    from asn1crypto import cms

    if len(data) > SIZE_LIMIT:
        raise Unreadable("too large to unpack")
    try:
        outer = cms.ContentInfo.load(data)
        kind = str(outer["content_type"].native)
        if kind == "signed_data":
            inner = outer["content"]["encap_content_info"]["content"].native
            return bytes(inner) if inner is not None else b""
        if kind == "compressed_data" and not depth:
            packed = bytes(outer["content"]["encap_content_info"]["content"].native)
            return _decompressed(packed, min(SIZE_LIMIT, GROWTH_FREE + GROWTH * len(packed)))
    except Unreadable:
        raise
    except Exception as error:  # asn1crypto raises what the bytes make it raise
        raise Unreadable(f"{type(error).__name__}") from error
    if kind == "compressed_data":
        raise Unreadable("too large to unpack")
    return None


def _decompressed(packed: bytes, most: int) -> bytes:
    unpacker = zlib.decompressobj()
    data = unpacker.decompress(packed, most)
    if not unpacker.eof:
        raise Unreadable("cut off, or too large to unpack")
    return data
