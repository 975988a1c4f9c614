"""What old programs and new ones write into a text: soft line ends, files in letters, pictures as addresses."""

from __future__ import annotations

import re
from itertools import islice
from urllib.parse import unquote

from gateway.mail import transfer
from gateway.mail.unwrap import Unpacked

_SIGNATURE_LINE = "-- "
_WRITTEN_IN_LIMIT = 100
"""Files taken out of one text."""
_UUENCODED = re.compile(r"^begin [0-7]{3,4} ([^\n]{1,200})\n((?:[\x20-\x60][^\n]*\n)+?)(?:`?\n)?end[ \t]*$", re.M)
_ENCRYPTED = re.compile(r"^-----BEGIN PGP MESSAGE-----\n(?:(?!-----).*\n)*-----END PGP MESSAGE-----$", re.M)
_ENCRYPTED_NAME = re.compile(r"encrypted(?:-\d{1,3})?\.asc")
_PICTURE = re.compile(r"data:image/(png|jpe?g|gif|webp|bmp);(?:charset=[\w-]{1,20};)?base64,([A-Za-z0-9+/=%\s]+)", re.I)


def join_flowed(text: str, blank: str = " ") -> str:
    """A format=flowed text (RFC 3676) with soft breaks removed, quotation marks in front kept as `> `.

    `blank` is what the blank at a soft break stands for: itself, or nothing with DelSp=yes (section 4.1).
    """
    out: list[str] = []
    open_depth = -1
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:]
        if content.startswith(" "):
            content = content[1:]  # space-stuffing, section 4.4
        flows = content.endswith(" ") and content != _SIGNATURE_LINE
        joins = open_depth == depth and content not in ("", _SIGNATURE_LINE)
        body = content[:-1] + blank if flows else content
        if joins:
            out[-1] += body
        else:
            out.append(f"{'>' * depth} {body}" if depth else body)
        open_depth = depth if flows else -1
    return "\n".join(out)


def without_uuencoded(text: str) -> tuple[str, tuple[Unpacked, ...]]:
    """(the text without the files old programs write into it (POSIX uuencode), the files)."""
    if not text.startswith("begin ") and "\nbegin " not in text:
        return text, ()
    files: list[Unpacked] = []
    kept: list[str] = []
    end = 0
    for found in _UUENCODED.finditer(text):
        data = transfer.unix_to_unix(found[0].encode("utf-8", "replace"))
        if not data or len(files) >= _WRITTEN_IN_LIMIT:
            continue
        kept.append(text[end : found.start()])
        end = found.end()
        files.append(Unpacked(found[1].strip(), "application/octet-stream", data))
    return "".join([*kept, text[end:]]), tuple(files)


def is_encrypted_text(filename: str) -> bool:
    """A file of this name is what `encrypted_texts` found, where it was a part of a text."""
    return _ENCRYPTED_NAME.fullmatch(filename) is not None


def encrypted_texts(text: str) -> tuple[Unpacked, ...]:
    """What PGP wrote into a text, as files: whoever has the key opens a file, and the text is shown without it."""
    if "-----BEGIN PGP MESSAGE-----" not in text:
        return ()
    found = islice(_ENCRYPTED.finditer(text), _WRITTEN_IN_LIMIT)
    names = ("encrypted.asc", *(f"encrypted-{n}.asc" for n in range(2, _WRITTEN_IN_LIMIT + 1)))
    kind = "application/octet-stream"
    return tuple(Unpacked(n, kind, f"{m[0]}\n".encode("utf-8", "replace")) for n, m in zip(names, found, strict=False))


def without_pictures(html: str, part: str) -> tuple[str, tuple[Unpacked, ...]]:
    """(the markup with Content-IDs in place of its data URLs (RFC 2397), the pictures).

    `part` makes the ids unique in the mail.
    """
    if "data:image/" not in html:
        return html, ()
    files: list[Unpacked] = []

    def as_file(found: re.Match[str]) -> str:
        if len(files) >= _WRITTEN_IN_LIMIT:
            return found[0]
        kind = found[1].lower()
        content_id = f"{part}.{len(files) + 1}@data.invalid"
        data = transfer.lenient_base64(unquote(found[2]).encode("ascii", "replace"))
        files.append(Unpacked(f"image-{part}.{len(files) + 1}.{kind}", f"image/{kind}", data, content_id))
        return f"cid:{content_id}"

    return _PICTURE.sub(as_file, html), tuple(files)
