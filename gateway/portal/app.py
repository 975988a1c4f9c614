"""The portal: its pages as data, and the one way a request takes to any of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.config import Settings
from gateway.errors import StorageUnavailable
from gateway.flow import Desk
from gateway.mail.message import Envelope
from gateway.portal import actions, by_mail, enter, pages, rate, register, sign_in, time_zone, write
from gateway.portal.guard import Guard
from gateway.portal.limits import networks
from gateway.portal.passwords import Passwords
from gateway.portal.portal import Health, Portal
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from gateway.portal.session import Sessions
from gateway.portal.templates import PageTemplates
from gateway.render import brand
from storage.database import Database

__all__ = ["PAGES", "Health", "app"]

log = logging.getLogger("replydesk.portal")

ANSWER_SECONDS = 0.6
"""A refused sign-in takes this long: more than a hash does, so its time tells nothing."""
HEALTH_SECONDS = 5
YEAR = "public, max-age=31536000, immutable"

Handler = Callable[[PageRequest], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PageRoute:
    """A path, what GET shows there and what POST does."""

    path: str
    get: Handler | None = None
    post: Handler | None = None
    signed_in: bool = False
    """For whoever is signed in; others are led through the sign-in."""
    takes_files: bool = False
    way: str = ""
    """`password` or `link`: part of that way to sign in. Where a site has the other alone, it leads to the sign-in."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """The path; that of a link in a mail also with the stroke that came along behind it."""
        return (self.path, f"{self.path}/") if "{token}" in self.path else (self.path,)

    @property
    def methods(self) -> list[str]:
        return [name for name, handler in (("GET", self.get), ("POST", self.post)) if handler]


PAGES: tuple[PageRoute, ...] = (
    PageRoute("/", pages.home),
    PageRoute("/sign-in", sign_in.sign_in_form, sign_in.sign_in),
    PageRoute("/sign-out", None, sign_in.sign_out, signed_in=True),
    PageRoute("/link", by_mail.link_form, by_mail.link, way="link"),
    PageRoute("/enter/{token}", enter.enter_form, enter.enter, way="link"),
    PageRoute("/time-zone", time_zone.form, time_zone.choose),
    PageRoute("/forgot", by_mail.forgot_form, by_mail.forgot, way="password"),
    PageRoute("/register/{token}", register.register_form, register.register, way="password"),
    PageRoute("/reset/{token}", register.reset_form, register.reset, way="password"),
    PageRoute("/close/{token}", actions.close_form, actions.close),
    PageRoute("/file/{token}", actions.file),
    PageRoute("/rate/{token}/{value}", rate.rate_form, rate.rate),
    PageRoute("/tickets", pages.tickets, signed_in=True),
    PageRoute("/new", write.new_form, write.new, signed_in=True, takes_files=True),
    PageRoute("/tickets/{number}", pages.ticket, write.reply, signed_in=True, takes_files=True),
    PageRoute("/tickets/{number}/entries/{entry}", pages.message, signed_in=True),
    PageRoute("/tickets/{number}/files/{entry}/{index}", pages.file, signed_in=True),
)


def page_templates(settings: Settings) -> PageTemplates:
    """A site's own are tried. Raises `TemplateError` for one that does not work."""
    logo = settings.path(settings.brand.logo_file) if settings.brand.logo_file else None
    templates = PageTemplates(settings.templates_dir, ZoneInfo(settings.gateway.timezone), brand.of(settings), logo)
    if settings.templates_dir:
        templates.check()
    return templates


def app(
    desk: Desk,
    database: Database,
    settings: Settings,
    clock: Callable[[], datetime],
    healthy: Callable[[], Awaitable[Health]],
    wake: Callable[[], None],
    accept: Callable[[bytes, Envelope], Awaitable[None]],
    *,
    templates: PageTemplates | None = None,
    passwords: Passwords | None = None,
    answer_seconds: float = ANSWER_SECONDS,
) -> Starlette:
    """The portal as an ASGI application.

    `wake` is called after a write that may have put mails in line; `accept` takes what customers write into the
    journal. Raises what `page_templates` does where none are given.
    """
    trusted = networks(settings.portal.trusted_proxies)
    portal = Portal(
        desk=desk,
        database=database,
        settings=settings,
        clock=clock,
        healthy=healthy,
        wake=wake,
        accept=accept,
        templates=templates or page_templates(settings),
        sessions=Sessions(settings.portal.session_hours, settings.portal.session_idle_minutes),
        passwords=passwords or Passwords(),
        trusted=trusted,
        answer_seconds=answer_seconds,
    )
    built = Starlette(
        routes=[
            *(Route(path, _endpoint(portal, page), methods=page.methods) for page in PAGES for path in page.spellings),
            Route("/healthz", _health(portal)),
            Route("/readyz", _health(portal)),
            Route("/static/{name}", _static(portal)),
        ],
        middleware=[Middleware(Guard, portal=portal)],
        exception_handlers={HTTPException: _refused(portal)},
    )
    # A redirect to the other spelling of a path would be made from the Host header.
    built.router.redirect_slashes = False
    built.state.portal = portal
    return built


def _endpoint(portal: Portal, route: PageRoute) -> Callable[[Request], Awaitable[Response]]:
    async def answer(http: Request) -> Response:
        request = PageRequest.unknown(portal, http)
        try:
            request = await PageRequest.begin(portal, http)
            response = await _handle(route, request)
        except Refusal as refusal:
            response = await request.refuse(refusal)
        except StorageUnavailable as error:
            return await request.away(error)
        return request.finish(response)

    return answer


async def _handle(route: PageRoute, request: PageRequest) -> Response:
    posted = request.http.method == "POST"
    if route.way and request.portal.settings.portal.sign_in not in (route.way, "both"):
        return request.go("/sign-in")
    if posted:
        await request.read_form(takes_files=route.takes_files)
    if route.signed_in and not request.contact:
        return await request.ask_to_sign_in()
    if posted:
        # Before signing in a browser has a mark too; it must not do for what only customers may do.
        request.check_mark(request.session, "" if route.signed_in else request.visitor)
    handler = route.post if posted else route.get
    assert handler is not None
    return await handler(request)


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
        found = portal.templates.static.get(request.path_params["name"])
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
        return await PageRequest.unknown(portal, request).refuse(refusal)

    return refused
