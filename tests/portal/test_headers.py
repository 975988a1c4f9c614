"""Headers, methods and cookies: what every answer of the portal promises a browser."""

from __future__ import annotations

import re

from gateway.portal.app import PAGES
from gateway.portal.guard import HEADERS
from tests.portal.browser import Browser
from tests.portal.conftest import ERIKA, PASSWORD, Opened, Site

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


async def stocked(site: Site) -> tuple[Browser, dict[str, str]]:
    """A customer who is signed in, and a value for every parameter of a path."""
    number = await site.mail(ERIKA, "Printer", files=(("a.png", "image/png", PNG),))
    await site.answer(number, "#solved\nDone?")
    entry = (await site.database.read(lambda tx: tx.reads.entries(number)))[0].id
    browser = await site.customer(ERIKA)
    close = (await site.link(ERIKA, "close")).rpartition("/")[2]
    return browser, {"number": str(number), "entry": str(entry), "index": "1", "token": close, "value": "5"}


def filled(path: str, values: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda m: values[m[1]], path)


async def test_every_answer_carries_the_headers_that_keep_a_browser_safe(open_site: Opened) -> None:
    """All routes, signed in or not, right and wrong methods, pages that are not there: the same contract."""
    site = await open_site(portal={"sign_in": "both"})
    browser, values = await stocked(site)
    paths = [filled(p.path, values) for p in PAGES]
    paths += [
        "/healthz",
        "/static/portal.css",
        "/static/none",
        "/nothing",
        "/tickets/",
        "//evil.example",
        "/.git/config",
    ]
    for visitor in (browser, site.browser()):
        for path in paths:
            for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "TRACE", "OPTIONS", "PROPFIND"):
                if path == "/sign-out" and method == "POST":
                    continue
                page = await visitor.ask(method, path)
                case = f"{method} {path} {page.status}"
                assert page.status < 500, case
                assert method in ("GET", "HEAD") or page.status >= 400, case
                for name, value in HEADERS.items():
                    if name == "Content-Security-Policy" and "/files/" in path:
                        assert page.headers[name.lower()], case
                    elif not (name == "Cache-Control" and path == "/static/portal.css"):
                        assert page.headers[name.lower()] == value, case
                assert "server" not in page.headers, case
                assert "strict-transport-security" not in page.headers, case
                if method == "HEAD":
                    assert not page.data, case


async def test_a_wrong_method_says_which_are_right(site: Site) -> None:
    """405 with Allow, on a friendly page."""
    for path, allowed in (
        ("/tickets", {"GET", "HEAD"}),
        ("/sign-out", {"POST"}),
        ("/sign-in", {"GET", "HEAD", "POST"}),
    ):
        page = await site.browser().ask("DELETE", path)
        assert page.status == 405
        assert set(page.headers["allow"].replace(" ", "").split(",")) == allowed
        assert "cannot be used in that way" in page.text


async def test_with_https_cookies_are_bound_to_the_host(open_site: Opened) -> None:
    """Secure, HttpOnly, SameSite=Lax, __Host-, no Domain; and the browser is told to stay with https."""
    site = await open_site(gateway={"public_url": "https://help.example.com"})
    await site.mail(ERIKA, "Hello")
    browser = site.browser()
    path = await site.link(ERIKA, "register")
    await browser.send(path, {"password": PASSWORD, "again": PASSWORD})
    await browser.get("/tickets?lang=de")
    assert set(browser.attributes) == {
        "__Host-replydesk-session",
        "__Host-replydesk-visitor",
        "__Host-replydesk-language",
        "__Host-replydesk-known",
    }
    for line in browser.attributes.values():
        assert {"httponly", "secure", "samesite=lax", "path=/"} <= {p.strip().lower() for p in line.split(";")}
        assert "domain" not in line.lower()
    page = await browser.get("/tickets")
    assert page.headers["strict-transport-security"] == "max-age=31536000"


async def test_no_page_has_script_or_style_of_its_own(site: Site) -> None:
    """The policy forbids it, so nothing may depend on it."""
    browser, values = await stocked(site)
    for page in [p for p in PAGES if p.get]:
        html = (await browser.get(filled(page.path, values))).data.decode("latin-1").lower()
        assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:|<iframe|<base", html), page.path
