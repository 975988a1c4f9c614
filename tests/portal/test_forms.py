"""Forged forms: no mark, a foreign mark, another site, a body that is no form of ours."""

from __future__ import annotations

import asyncio

import pytest

from tests.portal.browser import Browser
from tests.portal.conftest import ERIKA, MAX, PASSWORD, Opened, Site


async def test_a_form_needs_the_mark_of_this_browser(site: Site) -> None:
    """None, another visitor's, a stranger's invention: 403 everywhere, and nothing happens."""
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#solved\nDone?")
    await site.mail(MAX, "Hello")
    await site.customer(MAX)
    browser = await site.customer(ERIKA)
    foreign = (await site.browser().get("/sign-in")).field("mark")
    register = await site.link(ERIKA, "register")
    close = await site.link(ERIKA, "close")
    fields = {"address": MAX, "password": PASSWORD, "again": PASSWORD, "text": "x"}
    for path in ("/sign-in", "/sign-out", "/forgot", register, close, f"/tickets/{number}"):
        for mark in ({}, {"mark": ""}, {"mark": foreign}, {"mark": "ü" * 64}):
            for cookies in (dict(browser.cookies), {}):
                visitor = Browser(site.port, cookies=cookies)
                page = await visitor.post(path, {**fields, **mark})
                if path in ("/sign-out", f"/tickets/{number}") and not cookies:
                    assert page.status in (303, 401), path
                else:
                    assert page.status == 403, path
                    assert "try that again" in page.text
    assert (await browser.get("/tickets")).status == 200
    ticket = await site.database.read(lambda tx: tx.reads.get(number))
    assert ticket.status.value == "solved"
    assert not await site.sent(MAX, "password_reset")


async def test_a_page_that_was_open_for_too_long_leads_back_to_its_form(open_site: Opened) -> None:
    """With what was written, so that it is not lost."""
    site = await open_site(portal={"allow_replies": True})
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    page = await browser.post(f"/tickets/{number}", {"mark": "old", "text": "It smokes <again>."})
    assert page.status == 403
    assert f'href="/tickets/{number}"' in page.html
    assert "It smokes &lt;again&gt;." in page.html
    assert 'href="/forgot"' in (await site.browser().post("/forgot", {"mark": "old", "address": ERIKA})).html
    assert (await browser.post("/sign-out", {"mark": "old"})).hrefs.count("/sign-out") == 0


async def test_a_mark_from_before_the_sign_in_is_no_good_after_it(open_site: Opened) -> None:
    """A cookie somebody else planted does not open what only customers may do."""
    site = await open_site(portal={"allow_replies": True})
    number = await site.mail(ERIKA, "Printer")
    browser = site.browser()
    planted = (await browser.get("/sign-in")).field("mark")
    path = await site.link(ERIKA, "register")
    await browser.send(path, {"password": PASSWORD, "again": PASSWORD})
    for target in (f"/tickets/{number}", "/sign-out"):
        assert (await browser.post(target, {"mark": planted, "text": "x"})).status == 403
    assert (await browser.get("/tickets")).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"origin": "null"}, 303),
        ({"origin": "null", "sec_fetch_site": "same-origin"}, 303),
        ({"origin": "http://127.0.0.1:8025"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:8025.evil.example"}, 403),
        ({"origin": "null", "sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"origin": "file://"}, 403),
    ],
)
async def test_a_form_from_another_site_is_refused_even_with_a_mark(
    site: Site, headers: dict[str, str], status: int
) -> None:
    """By Origin and Sec-Fetch-Site, where a browser sends them."""
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    page = await browser.send("/sign-out", {}, form_at="/tickets", **headers)
    assert page.status == status


@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("text/plain", b"mark=x", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("application/json", b"{}", 415),
        ("application/x-www-form-urlencoded", b"x" * 300_000, 413),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(30)), 400),
        ("application/x-www-form-urlencoded", b"mark=\xff\xfe", 400),
        ("application/x-www-form-urlencoded", b"", 403),
        ("application/x-www-form-urlencoded; charset=utf-7", b"mark=+ADw-", 403),
    ],
)
async def test_a_body_that_is_no_form_of_ours_is_refused(site: Site, kind: str, body: bytes, status: int) -> None:
    """By type, size, number of fields, encoding: a friendly page, never a fault."""
    page = await site.browser().ask("POST", "/sign-in", body, {"content-type": kind})
    assert page.status == status
    assert "<h1>" in page.html


async def test_a_body_without_a_length_is_bounded_too(site: Site) -> None:
    """Chunked: counted while it comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    for _ in range(5):
        writer.write(b"10000\r\n" + b"x" * 65536 + b"\r\n")
    await writer.drain()
    assert b" 413 " in await reader.readline()
    writer.close()
