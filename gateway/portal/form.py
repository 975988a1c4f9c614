"""A form that arrives: bounded in size and time, from one of our own pages, and clean text.

A form carries a mark: a MAC over a cookie of the same browser, so no other site can make one up.
Files come as multipart/form-data (RFC 7578), on the pages that take some.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

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
    body, whole = await _long_body(request, BODY_LIMIT + (files or 0))
    return multipart(given, body, whole=whole)


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


async def _long_body(request: Request, limit: int) -> tuple[bytes, bool]:
    """The first `limit` bytes, and whether that is all."""
    body, beyond = bytearray(), 0
    try:
        async with asyncio.timeout(FILES_SECONDS):
            async for chunk in request.stream():
                room = limit - len(body)
                body += chunk[:room]
                beyond += max(0, len(chunk) - room)
                if beyond > READ_ON:
                    raise Refusal(413, Connection="close")
    except TimeoutError:
        raise Refusal(408, Connection="close") from None
    return bytes(body), not beyond


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


def multipart(content_type: str, body: bytes, *, whole: bool = True) -> Form:
    """The parts of multipart/form-data as browsers write it: names in UTF-8, three signs of them escaped."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None:
        raise Refusal(400)
    edge = b"\r\n--" + (boundary[1] or boundary[2]).encode("utf-8", "surrogateescape")
    _, *parts = (b"\r\n" + body).split(edge, FIELDS_LIMIT + 2)
    ended = bool(parts) and parts[-1].startswith(b"--")
    if len(parts) > FIELDS_LIMIT + 1 or (whole and not ended):
        raise Refusal(400)
    found: dict[str, str] = {}
    files: list[SentFile] = []
    for part in parts[:-1] if ended else parts:
        head, _, data = part.partition(b"\r\n\r\n")
        said = head.decode("utf-8", "replace")
        name, filename, kind = (p.search(said) for p in (_NAME, _FILENAME, _KIND))
        if name is None:
            raise Refusal(400)
        if filename is None:
            found.setdefault(_plain(name[1]), text.clean(data.decode("utf-8", "replace")))
        elif data and whole:
            shown = text.filename(_plain(filename[1]), f"attachment-{len(files) + 1}")
            files.append(SentFile(shown, kind[1].lower() if kind else "application/octet-stream", data))
    return Form(found, tuple(files), not whole)


_BOUNDARY = re.compile(r';\s*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))', re.I)
_NAME = re.compile(r'^content-disposition:[ \t]*form-data;[ \t]*name="([^"\r\n]*)"', re.I | re.M)
_FILENAME = re.compile(r';[ \t]*filename="([^"\r\n]*)"', re.I)
_KIND = re.compile(r"^content-type:[ \t]*([^\s;]+)", re.I | re.M)


def _plain(value: str) -> str:
    return text.one_line(value.replace("%22", '"').replace("%0D", " ").replace("%0A", " "))
