"""Files that are written into a text: uuencode of old programs (POSIX), data URLs of new ones (RFC 2397)."""

from __future__ import annotations

import re
from urllib.parse import unquote

from gateway.mail import transfer
from gateway.mail.unwrap import Unpacked

FILES_LIMIT = 100
_UUENCODED = re.compile(r"^begin [0-7]{3,4} ([^\n]{1,200})\n((?:[\x20-\x60][^\n]*\n)+?)(?:`?\n)?end[ \t]*$", re.M)
_PICTURE = re.compile(r"data:image/(png|jpe?g|gif|webp|bmp);(?:charset=[\w-]{1,20};)?base64,([A-Za-z0-9+/=%\s]+)", re.I)


def uuencoded(text: str) -> tuple[str, tuple[Unpacked, ...]]:
    """(the text without them, the files)."""
    if not text.startswith("begin ") and "\nbegin " not in text:
        return text, ()
    files: list[Unpacked] = []
    kept: list[str] = []
    end = 0
    for found in _UUENCODED.finditer(text):
        data = transfer.unix_to_unix(found[0].encode("utf-8", "replace"))
        if not data or len(files) >= FILES_LIMIT:
            continue
        kept.append(text[end : found.start()])
        end = found.end()
        files.append(Unpacked(found[1].strip(), "application/octet-stream", data))
    return "".join([*kept, text[end:]]), tuple(files)


def pictures(html: str, part: str) -> tuple[str, tuple[Unpacked, ...]]:
    """(the markup with Content-IDs in their place, the pictures). `part` makes the ids unique in the mail."""
    if "data:image/" not in html:
        return html, ()
    files: list[Unpacked] = []

    def as_file(found: re.Match[str]) -> str:
        if len(files) >= FILES_LIMIT:
            return found[0]
        kind = found[1].lower()
        content_id = f"{part}.{len(files) + 1}@data.invalid"
        data = transfer.lenient_base64(unquote(found[2]).encode("ascii", "replace"))
        files.append(Unpacked(f"image-{part}.{len(files) + 1}.{kind}", f"image/{kind}", data, content_id))
        return f"cid:{content_id}"

    return _PICTURE.sub(as_file, html), tuple(files)
