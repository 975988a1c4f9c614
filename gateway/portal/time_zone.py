"""The visitor's time zone: chosen on a page, kept in a cookie of the browser."""

from __future__ import annotations

import asyncio

from starlette.responses import Response

from gateway.portal import views, zones
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest


async def form(request: PageRequest) -> Response:
    named = await asyncio.to_thread(zones.labels, request.words.language)
    here = request.zone
    # A site may name its zone in a way of its own, such as US/Eastern.
    known = named if here in zones.every() else ((here, here), *named)
    return await request.page(views.TimeZonePage(tuple(views.ZoneChoice(*one) for one in known), request.next))


async def choose(request: PageRequest) -> Response:
    given = request.fields.get("zone", "")
    if given not in zones.every() and given != request.portal.settings.gateway.timezone:
        raise Refusal(400)
    request.cookies[request.portal.cookies.zone] = given
    return request.go(request.next or "/")
