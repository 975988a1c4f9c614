"""Which pictures are shown, and how wide one is, from what stands in front of it: PNG, GIF and JPEG, which every mail
program shows. Pure."""

from __future__ import annotations

SHOWN = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Content types that are shown in place, on a page and in a mail: nothing in such a file can act."""
_WITH_SIZE = frozenset({*range(0xC0, 0xD0)}) - {0xC4, 0xC8, 0xCC}
"""Marks of a JPEG that begin a frame (ITU T.81, table B.1)."""
_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Those that no length follows."""
MARKS_LIMIT = 2_000
"""Marks in front of the frame. A colour profile or the second picture of a telephone's picture takes some dozens."""


def width(data: bytes) -> int:
    """In pixels; 0 when it cannot be told."""
    if data.startswith(b"\x89PNG\r\n\x1a\n") and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big")
    if data.startswith((b"GIF87a", b"GIF89a")):
        return int.from_bytes(data[6:8], "little")
    return _of_jpeg(data) if data.startswith(b"\xff\xd8\xff") else 0


def _of_jpeg(data: bytes) -> int:
    at = 2
    for _ in range(MARKS_LIMIT):
        if at + 9 > len(data) or data[at] != 0xFF:
            break
        mark = data[at + 1]
        if mark in _WITH_SIZE:
            return int.from_bytes(data[at + 7 : at + 9], "big")
        # A mark may be filled up with further 0xFF.
        at += 1 if mark == 0xFF else 2 if mark in _BARE else 2 + max(2, int.from_bytes(data[at + 2 : at + 4], "big"))
    return 0
