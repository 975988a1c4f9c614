"""Redirects, paths and prefixes: the way leads to our own pages only."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.portal.conftest import ERIKA, PASSWORD, Opened, Site

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "/\t/evil.example",
        "\\\\evil.example",
        "/tickets/../../evil",
        "/tickets@evil.example",
        "/tickets\r\nSet-Cookie: x=y",
        "/sign-out",
        "javascript:alert(1)",
        "tickets",
        "/tickets/1/../../x",
        "/tickets?next=//evil.example",
        " /tickets",
    ],
)
async def test_signing_in_leads_to_own_pages_only(site: Site, target: str) -> None:
    """Whatever `next` says, the way goes to a page with tickets."""
    await site.mail(ERIKA, "Hello")
    signed_in = await site.customer(ERIKA)
    at = f"/sign-in?next={quote(target, safe='')}"
    browser = site.browser()
    form = await browser.get(at)
    fields = {"mark": form.field("mark"), "next": target, "address": ERIKA, "password": PASSWORD}
    for page in (await signed_in.get(at), await browser.post("/sign-in", fields)):
        assert page.status == 303
        assert page.location == "/tickets"


async def test_static_files_come_from_our_list_only(site: Site) -> None:
    """No way up, no file of another folder; ours with type and for ever."""
    css = await site.browser().get("/static/portal.css")
    assert css.headers["content-type"] == "text/css; charset=utf-8"
    assert "immutable" in css.headers["cache-control"]
    again = await site.browser().get("/static/portal.css", if_none_match=css.headers["etag"])
    assert again.status == 304
    for name in (
        "../layout.html.j2",
        "..%2flayout.html.j2",
        "%2e%2e/%2e%2e/mail/layout.html.j2",
        "....//layout.html.j2",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "portal.css%00",
        "portal.css/",
        "",
    ):
        assert (await site.browser().get(f"/static/{name}")).status == 404, name


async def test_the_portal_lives_under_the_path_of_its_public_url(open_site: Opened) -> None:
    """Links, redirects, forms and pictures carry it, whether or not the proxy takes it off."""
    site = await open_site(gateway={"public_url": "http://example.com/help"})
    number = await site.mail(ERIKA, "Printer", files=(("a.png", "image/png", PNG),))
    path = await site.link(ERIKA, "register")
    assert f"http://example.com/help{path}" in "".join(await site.sent(ERIKA))
    browser = site.browser()
    asked = await browser.get("/help/tickets")
    assert asked.location == "/help/sign-in?next=%2Ftickets"
    page = await browser.send("/help" + path, {"password": PASSWORD, "again": PASSWORD})
    assert page.location == "/help/tickets?welcome=1"
    for before in ("/help", ""):
        page = await browser.get(f"{before}/tickets/{number}")
        assert page.status == 200
        own = [h for h in page.hrefs if h.startswith("/")]
        assert own
        assert all(h.startswith("/help/") for h in own)
        assert re.findall(r'action="([^"]*)"', page.html) == ["/help/sign-out"]
        assert (await browser.get(next(h for h in own if "/files/" in h))).data == PNG
    assert (await browser.get("/help")).location == "/help/tickets"
    assert (await browser.get("/helpless")).status == 404


async def test_a_made_up_host_appears_nowhere(site: Site) -> None:
    """Links and redirects do not come from the Host header."""
    for path in ("/", "/tickets", "/tickets/", "/sign-in", "/nothing"):
        page = await site.browser().get(path, host="evil.example")
        assert "evil.example" not in page.html + str(page.headers)
