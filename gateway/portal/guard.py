"""Around every answer of the portal: the headers that keep a browser safe, and a page for every fault.

A visitor never sees a stack trace, and the log never the path of a link.
"""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import StorageUnavailable
from gateway.portal.portal import Portal
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest

log = logging.getLogger("replydesk.portal")

HSTS_SECONDS = 365 * 86_400

HEADERS: dict[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=(), browsing-topics=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cache-Control": "no-store",
}
"""On every answer, unless it has such a field of its own."""


class Guard:
    """ASGI middleware, outermost."""

    def __init__(self, app: ASGIApp, portal: Portal) -> None:
        self._app, self._portal, self._base = app, portal, portal.base
        self._headers = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
        if portal.public_url.startswith("https:"):
            self._headers.append((b"strict-transport-security", f"max-age={HSTS_SECONDS}".encode()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope = self._without_base(scope)
        started = False

        async def guarded(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                there = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in self._headers if h[0] not in there)]
            await send(message)

        try:
            await self._app(scope, receive, guarded)
        except ClientDisconnect:
            return
        except Exception as error:
            if isinstance(error, StorageUnavailable):
                refusal = Refusal(503, Retry_After="30")
                log.error("unavailable", extra={"cause": str(error)})
            else:
                refusal = Refusal(500)
                log.exception("fault")
            if started:
                raise
            response = await PageRequest.unknown(self._portal, Request(scope, receive)).refuse(refusal)
            await response(scope, receive, guarded)

    def _without_base(self, scope: Scope) -> Scope:
        """The path as routes know it, whether or not the proxy in front took the portal's own path off."""
        path = scope["path"]
        if not self._base or not (path == self._base or path.startswith(self._base + "/")):
            return scope
        rest = path[len(self._base) :] or "/"
        return {**scope, "path": rest, "raw_path": rest.encode()}
