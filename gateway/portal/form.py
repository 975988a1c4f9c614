"""A form that arrives: bounded in size and time, from one of our own pages, and clean text.

A form carries a mark: a MAC over a cookie of the same browser, so no other site can make one up.
Files come as multipart/form-data (RFC 7578), on the pages that take some.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from gateway.core.token import Keys
from gateway.mail import text
from gateway.portal.refusal import Refusal

BODY_LIMIT = 256 * 1024
"""Bytes, beside files."""
BODY_SECONDS, FILES_SECONDS = 30, 120
READ_ON = 64 * 1024 * 1024
"""Bytes of a body with too much that are read and forgotten: a browser shows no answer before it has sent all."""
FIELDS_LIMIT = 20
TYPE, TYPE_WITH_FILES = "application/x-www-form-urlencoded", "multipart/form-data"
_UNTOUCHED = ("password", "again")


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that came with a form."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """What a visitor sent."""

    fields: dict[str, str] = field(default_factory=dict)
    files: tuple[SentFile, ...] = ()
    too_much: bool = False
    """It was larger than the page takes: fields are there as far as they came, files are not."""


def mark(keys: Keys, cookie: str) -> str:
    """What a form in the browser with this cookie carries."""
    return _mark(keys.secret, cookie)


def is_mark(keys: Keys, cookie: str, given: str) -> bool:
    return bool(cookie) and any(hmac.compare_digest(_mark(s, cookie).encode(), given.encode()) for s in keys.all)


def _mark(secret: bytes, cookie: str) -> str:
    return hmac.new(secret, f"portal-form\0{cookie}".encode(), hashlib.sha256).hexdigest()


async def read(request: Request, public_url: str, files: int | None = None) -> Form:
    """A form. `files`: how many bytes of them the page takes now; None: it takes none, ever.

    Raises Refusal when another site sent it, or it is none, or too much on a page without files.
    """
    headers = request.headers
    given = headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind not in ((TYPE,) if files is None else (TYPE, TYPE_WITH_FILES)):
        raise Refusal(415)
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if not sent_by_us(origin, site, public_url, headers.get("host", "")):
        raise Refusal(403)
    if kind == TYPE:
        return Form(fields(await _body(request)))
    return await _with_files(request, BODY_LIMIT + (files or 0))


def sent_by_us(origin: str, fetch_site: str, public_url: str, host: str) -> bool:
    """False when the browser says that another site sent the form.

    Our Referrer-Policy makes browsers write `Origin: null` for our own forms (Fetch, "append a request
    Origin header"), so that value proves nothing; old browsers send neither field.
    """
    if fetch_site not in ("", "same-origin", "none"):
        return False
    if origin in ("", "null"):
        return True
    url = urlsplit(public_url)
    return origin == f"{url.scheme}://{url.netloc}" or (bool(host) and origin.partition("://")[2] == host)


async def _body(request: Request) -> bytes:
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise Refusal(413, Connection="close")
    body = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_LIMIT:
                    raise Refusal(413, Connection="close")
    except TimeoutError:
        raise Refusal(408, Connection="close") from None
    return body


async def _with_files(request: Request, limit: int) -> Form:
    """multipart/form-data (RFC 7578). Files wait on disk until all of it is there."""
    taken = 0

    async def within() -> AsyncGenerator[bytes, None]:
        nonlocal taken
        async for chunk in request.stream():
            taken += len(chunk)
            if taken > limit + READ_ON:
                raise Refusal(413, Connection="close")
            if taken <= limit:
                yield chunk
        if taken > limit:
            # The parser closes its files then.
            raise MultiPartException("more than the page takes")

    parser = MultiPartParser(
        request.headers, within(), max_files=FIELDS_LIMIT, max_fields=FIELDS_LIMIT, max_part_size=BODY_LIMIT
    )
    try:
        async with asyncio.timeout(FILES_SECONDS):
            await parser.parse()
    except TimeoutError:
        raise Refusal(408, Connection="close") from None
    except MultiPartException:
        if taken <= limit:
            raise Refusal(400) from None
    found: dict[str, str] = {}
    files: list[SentFile] = []
    for name, value in parser.items:
        if isinstance(value, str):
            found.setdefault(name, text.clean(value))
        elif taken <= limit and (data := await value.read()):
            shown = text.filename(_plain(value.filename or ""), f"attachment-{len(files) + 1}")
            files.append(SentFile(shown, value.content_type or "application/octet-stream", data))
    for _, value in parser.items:
        if not isinstance(value, str):
            await value.close()
    return Form(found, tuple(files), taken > limit)


def fields(body: bytes) -> dict[str, str]:
    """Name → value; of two with one name the first counts."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
    except ValueError:
        raise Refusal(400) from None
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value if name in _UNTOUCHED else text.clean(value))
    return found


def _plain(value: str) -> str:
    """A name without the escapes of browsers."""
    return text.one_line(value.replace("%22", '"').replace("%0D", " ").replace("%0A", " "))
