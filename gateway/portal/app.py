"""The portal: its pages as data, and the one way a request takes to any of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.config import Settings
from gateway.flow import Desk
from gateway.portal import actions, file_link, pages, rate, register, sign_in
from gateway.portal.guard import Guard
from gateway.portal.limits import networks
from gateway.portal.passwords import Passwords
from gateway.portal.portal import Health, Portal
from gateway.portal.refusal import Refusal
from gateway.portal.request import Visit
from gateway.portal.session import Sessions
from gateway.portal.templates import Look
from storage.database import Database

__all__ = ["PAGES", "Health", "app"]

log = logging.getLogger("replydesk.portal")

ANSWER_SECONDS = 0.6
"""A refused sign-in takes this long: more than a hash does, so its time tells nothing."""
HEALTH_SECONDS = 5
YEAR = "public, max-age=31536000, immutable"

Handler = Callable[[Visit], Awaitable[Response]]


class For(Enum):
    """Who a page is for."""

    EVERYBODY = auto()
    CUSTOMERS = auto()
    """Whoever is signed in; others are led through the sign-in."""


@dataclass(frozen=True, slots=True)
class Page:
    """A path, what GET shows there and what POST does."""

    path: str
    whom: For
    get: Handler | None = None
    post: Handler | None = None

    @property
    def methods(self) -> list[str]:
        return [name for name, handler in (("GET", self.get), ("POST", self.post)) if handler]


PAGES: tuple[Page, ...] = (
    Page("/", For.EVERYBODY, pages.home),
    Page("/sign-in", For.EVERYBODY, sign_in.sign_in_form, sign_in.sign_in),
    Page("/sign-out", For.CUSTOMERS, None, sign_in.sign_out),
    Page("/forgot", For.EVERYBODY, sign_in.forgot_form, sign_in.forgot),
    Page("/register/{token}", For.EVERYBODY, register.register_form, register.register),
    Page("/reset/{token}", For.EVERYBODY, register.reset_form, register.reset),
    Page("/close/{token}", For.EVERYBODY, actions.close_form, actions.close),
    Page("/file/{token}", For.EVERYBODY, file_link.file),
    Page("/rate/{token}/{value}", For.EVERYBODY, rate.rate_form, rate.rate),
    Page("/tickets", For.CUSTOMERS, pages.tickets),
    Page("/tickets/{number}", For.CUSTOMERS, pages.ticket, actions.reply),
    Page("/tickets/{number}/entries/{entry}", For.CUSTOMERS, pages.message),
    Page("/tickets/{number}/files/{entry}/{index}", For.CUSTOMERS, pages.file),
)


def app(
    desk: Desk,
    database: Database,
    settings: Settings,
    clock: Callable[[], datetime],
    healthy: Callable[[], Awaitable[Health]],
    wake: Callable[[], None],
    *,
    passwords: Passwords | None = None,
    answer_seconds: float = ANSWER_SECONDS,
) -> Starlette:
    """The portal as an ASGI application.

    `wake` is called after a write that may have put mails in line. Raises `ConfigError` for a wrong
    setting and `TemplateError` for a template that does not work.
    """
    try:
        trusted = networks(settings.portal.trusted_proxies)
    except ValueError as error:
        raise settings.error(
            "portal.trusted_proxies", str(error), 'Write addresses or networks: "127.0.0.1", "10.0.0.0/8".'
        ) from None
    look = Look(settings.templates_dir, ZoneInfo(settings.gateway.timezone))
    look.check()
    portal = Portal(
        desk,
        database,
        settings,
        clock,
        healthy,
        wake,
        look,
        Sessions(settings.portal.session_hours, settings.portal.session_idle_minutes),
        passwords or Passwords(),
        trusted,
        answer_seconds,
    )
    built = Starlette(
        routes=[
            *(Route(page.path, _endpoint(portal, page), methods=page.methods) for page in PAGES),
            Route("/healthz", _health(portal)),
            Route("/static/{name}", _static(portal)),
        ],
        middleware=[Middleware(Guard, portal=portal)],
        exception_handlers={HTTPException: _refused(portal)},
    )
    # A redirect to the other spelling of a path would be made from the Host header.
    built.router.redirect_slashes = False
    built.state.portal = portal
    return built


def _endpoint(portal: Portal, page: Page) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        visit = await Visit.begin(portal, request)
        try:
            response = await _handle(page, visit)
        except Refusal as refusal:
            response = await visit.refuse(refusal)
        return visit.finish(response)

    return answer


async def _handle(page: Page, visit: Visit) -> Response:
    if visit.request.method == "POST":
        await visit.read_form()
        if page.whom is For.CUSTOMERS and not visit.contact:
            return await visit.ask_to_sign_in()
        # Before signing in a browser has a mark too; it must not do for what only customers may do.
        visit.check_mark(visit.session, "" if page.whom is For.CUSTOMERS else visit.visitor)
        assert page.post is not None
        return await page.post(visit)
    if page.whom is For.CUSTOMERS and not visit.contact:
        return await visit.ask_to_sign_in()
    assert page.get is not None
    return await page.get(visit)


def _health(portal: Portal) -> Callable[[Request], Awaitable[Response]]:
    async def health(request: Request) -> Response:
        """For whoever watches the service: says which room fails, and nothing else."""
        try:
            async with asyncio.timeout(HEALTH_SECONDS):
                found = await portal.healthy()
        except Exception:
            log.exception("health unknown")
            found = Health(False, ("health",))
        if found.ok and not found.failing:
            return JSONResponse({"status": "ok"})
        if found.ok:
            # The page works: whoever balances between pages must not take this one away.
            return JSONResponse({"status": "degraded", "failing": list(found.failing)})
        return JSONResponse({"status": "failing", "failing": list(found.failing)}, 503)

    return health


def _static(portal: Portal) -> Callable[[Request], Awaitable[Response]]:
    async def static(request: Request) -> Response:
        found = portal.look.static.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        tag = f'"{found.version}"'
        headers = {"Cache-Control": YEAR, "ETag": tag, "Content-Type": found.content_type}
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(found.data, headers=headers)

    return static


def _refused(portal: Portal) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        refusal = Refusal(error.status_code)
        refusal.headers.update(error.headers or {})
        return await Visit.unknown(portal, request).refuse(refusal)

    return refused
