"""A message as its author sent it, read out of the kept raw mail: safe HTML, and files.

Reading costs CPU time, so it happens in threads, few at once, and the last results are kept.
"""

from __future__ import annotations

import asyncio
import mimetypes
import re
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from markupsafe import Markup

from gateway.core.case import author_of
from gateway.core.policy import Policy
from gateway.mail import html_safe, picture
from gateway.mail.message import Address, Attachment, NestedMessage
from gateway.mail.parse import extract, parse

AT_ONCE = 2
KEPT = 32
KEPT_LENGTH = 300_000
"""Characters; longer pages are made anew each time."""

_ACTIVE = re.compile(r"html|xml|svg|script|shockwave|multipart|message/", re.I)
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,100}/[a-z0-9][a-z0-9!#$&^_.+-]{0,100}", re.I)
FILE_POLICY = "default-src 'none'; sandbox"


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page of one message needs. `html` None: it has none."""

    author: Address
    html: Markup | None
    remote: bool
    omissions: tuple[str, ...]
    nested: tuple[NestedMessage, ...]


class Originals:
    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._kept: OrderedDict[tuple[int, int], Shown] = OrderedDict()
        """By ticket and entry: it leads to pictures of that ticket."""

    def kept(self, page: tuple[int, int]) -> Shown | None:
        return self._kept.get(page)

    async def show(self, page: tuple[int, int], raw: bytes, cids: Mapping[str, str], policy: Policy) -> Shown:
        """`cids` maps Content-IDs of the mail's pictures to their paths on the portal."""
        async with self._slots:
            shown = await asyncio.to_thread(_show, raw, cids, policy)
        if len(shown.html or "") <= KEPT_LENGTH:
            self._kept[page] = shown
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return shown

    async def file(self, raw: bytes, part: str) -> bytes:
        """The bytes of an attachment; KeyError when the mail has no such part."""
        async with self._slots:
            return await asyncio.to_thread(extract, raw, part)


def _show(raw: bytes, cids: Mapping[str, str], policy: Policy) -> Shown:
    message = parse(raw)
    html = message.body_html
    markup = Markup(html_safe.for_page(html, cids)) if html else None
    remote = bool(message.body_html) and html_safe.has_remote_content(message.body_html)
    return Shown(author_of(message, policy), markup, remote, message.omissions, message.nested)


def headers(file: Attachment) -> dict[str, str]:
    """How a stranger's file is served: never as a page of ours, in place only where pictures are harmless."""
    in_place = file.content_type.lower() in picture.SHOWN
    known = _TYPE.fullmatch(file.content_type) and not _ACTIVE.search(file.content_type)
    return {
        "Content-Type": file.content_type.lower() if known else "application/octet-stream",
        "Content-Disposition": _disposition("inline" if in_place else "attachment", file.filename),
        "Content-Security-Policy": FILE_POLICY,
    }


def _disposition(kind: str, filename: str) -> str:
    """RFC 6266: the name in UTF-8, and for old readers in ASCII."""
    ascii_name = re.sub(r"[^A-Za-z0-9 ._()-]", "_", filename)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(filename, safe='')}"


def type_name(content_type: str, filename: str) -> str:
    """How a person calls the type of a file: its extension, else the subtype."""
    extension = filename.rpartition(".")[2] if "." in filename else ""
    if re.fullmatch(r"[A-Za-z0-9]{1,5}", extension):
        return extension.upper()
    guessed = mimetypes.guess_extension(content_type) or ""
    return guessed[1:].upper()
