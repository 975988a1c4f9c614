"""A form that arrives: bounded in size and time, from one of our own pages, and clean text.

A form carries a mark: a MAC over a cookie of the same browser, so no other site can make one up.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from gateway.core.token import Keys
from gateway.mail import text
from gateway.portal.refusal import Refusal

BODY_LIMIT = 256 * 1024
"""Bytes."""
BODY_SECONDS = 30
FIELDS_LIMIT = 20
TYPE = "application/x-www-form-urlencoded"
_UNTOUCHED = ("password", "again")


def mark(keys: Keys, cookie: str) -> str:
    """What a form in the browser with this cookie carries."""
    return _mark(keys.secret, cookie)


def is_mark(keys: Keys, cookie: str, given: str) -> bool:
    return bool(cookie) and any(hmac.compare_digest(_mark(s, cookie).encode(), given.encode()) for s in keys.all)


def _mark(secret: bytes, cookie: str) -> str:
    return hmac.new(secret, f"portal-form\0{cookie}".encode(), hashlib.sha256).hexdigest()


async def read(request: Request, public_url: str) -> dict[str, str]:
    """The fields of a form. Raises Refusal when another site sent it, or it is none, or too much."""
    headers = request.headers
    if headers.get("content-type", "").partition(";")[0].strip().lower() != TYPE:
        raise Refusal(415)
    site, origin = headers.get("sec-fetch-site", ""), headers.get("origin", "")
    if not sent_by_us(origin, site, public_url, headers.get("host", "")):
        raise Refusal(403)
    return fields(await _body(request))


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
