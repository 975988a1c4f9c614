"""Spying out addresses and guessing passwords."""

from __future__ import annotations

import asyncio
import base64
import re

from tests.portal.browser import Page
from tests.portal.conftest import ERIKA, MAX, PASSWORD, Opened, Site


def masked(page: Page, address: str) -> bytes:
    return re.sub(rb'value="[0-9a-f]{64}"', b"", page.data.replace(address.encode(), b"ADDRESS"))


async def test_signing_in_tells_nothing_about_an_address(site: Site) -> None:
    """Unknown, never registered, wrong password: the same bytes, the same headers, a hash computed for each."""
    await site.mail(ERIKA, "Hello")
    await site.mail("nora@example.net", "Hello")
    await site.customer(ERIKA)
    answers = []
    for address in (ERIKA, "nora@example.net", "unknown@example.net", "no address", "x" * 5000 + "@example.net"):
        browser = site.browser()
        page = await browser.send("/sign-in", {"address": address, "password": "wrong password"})
        headers = {k: v for k, v in page.headers.items() if k not in ("date", "content-length")}
        answers.append((page.status, masked(page, address[:320]), sorted(headers.items())))
    assert all(a == answers[0] for a in answers)
    assert answers[0][0] == 422


async def test_a_refused_sign_in_takes_as_long_for_every_address(open_site: Opened) -> None:
    """The answer waits for a moment that does not depend on who is asked for."""
    site = await open_site(answer_seconds=0.3)
    await site.mail(ERIKA, "Hello")
    await site.customer(ERIKA)
    loop = asyncio.get_running_loop()
    for address in (ERIKA, "unknown@example.net"):
        browser = site.browser()
        form = await browser.get("/sign-in")
        began = loop.time()
        await browser.post("/sign-in", {"mark": form.field("mark"), "address": address, "password": "wrong password"})
        assert loop.time() - began >= 0.3


async def test_forgot_tells_nothing_about_an_address(site: Site) -> None:
    """Registered, never registered, unknown, asked for too often: the same bytes but the address."""
    await site.mail(ERIKA, "Hello")
    await site.mail("nora@example.net", "Hello")
    await site.customer(ERIKA)
    browser, answers = site.browser(), []
    for address in (ERIKA, ERIKA, ERIKA, ERIKA, "nora@example.net", "unknown@example.net"):
        page = await browser.send("/forgot", {"address": address})
        answers.append((page.status, page.data.replace(address.encode(), b"ADDRESS")))
    assert all(a == answers[0] for a in answers)
    assert answers[0][0] == 200


async def test_guessing_is_slowed_down_per_address_and_per_client(site: Site) -> None:
    """Known or not, the eleventh try within a quarter of an hour is refused, the right password too."""
    await site.mail(ERIKA, "Hello")
    await site.customer(ERIKA)
    for address in (ERIKA, "unknown@example.net"):
        browser = site.browser()
        tries = [await browser.send("/sign-in", {"address": address, "password": "wrong"}) for _ in range(11)]
        assert [t.status for t in tries] == [422] * 10 + [429]
        assert "too often" in tries[-1].text
    assert (await site.sign_in(site.browser(), ERIKA)).status == 429
    site.clock.forward(minutes=16)
    assert (await site.sign_in(site.browser(), ERIKA)).status == 303

    site.clock.forward(minutes=16)
    browser = site.browser()
    form = await browser.get("/sign-in")
    for n in range(50):
        fields = {"mark": form.field("mark"), "address": f"{n}@example.net", "password": "wrong"}
        assert (await browser.post("/sign-in", fields)).status == 422
    assert (await site.sign_in(site.browser(), ERIKA)).status == 429


async def test_a_new_password_ends_the_lock_of_its_address(site: Site) -> None:
    """Who was locked out by somebody else's guessing has a way in."""
    await site.mail(ERIKA, "Hello")
    path = await site.link(ERIKA, "register")
    for _ in range(11):
        await site.browser().send("/sign-in", {"address": ERIKA, "password": "wrong"})
    await site.browser().send(path, {"password": PASSWORD, "again": PASSWORD})
    assert (await site.sign_in(site.browser(), ERIKA)).status == 303


async def test_only_a_trusted_proxy_says_who_the_client_is(open_site: Opened) -> None:
    """Without trust a made-up X-Forwarded-For does not help to go on guessing; with it clients are told apart."""
    for trusted, last in (([], 429), (["127.0.0.0/8"], 200)):
        site = await open_site(portal={"trusted_proxies": trusted})
        form = await site.browser().get("/forgot")
        for n in range(31):
            browser = site.browser(x_forwarded_for=f"198.51.100.{n}")
            page = await browser.send("/forgot", {"address": f"{n}@example.net"})
        assert page.status == last, form.status
        site.clock.forward(hours=2)


async def test_nobody_locks_an_owner_out(site: Site) -> None:
    """In a browser they have used before they sign in, however often others guess; their own guesses have an end."""
    await site.mail(ERIKA, "Hello")
    await site.mail(MAX, "Hello")
    await site.customer(MAX)
    owner = await site.customer(ERIKA)
    await owner.send("/sign-out", {}, form_at="/tickets")
    stranger = site.browser()
    for _ in range(11):
        page = await stranger.send("/sign-in", {"address": ERIKA, "password": "wrong"})
    assert page.status == 429
    assert (await site.sign_in(owner, ERIKA)).status == 303
    await owner.send("/sign-out", {}, form_at="/tickets")
    # Known for one's own address only.
    tries = [await owner.send("/sign-in", {"address": MAX, "password": "wrong"}) for _ in range(11)]
    assert [t.status for t in tries] == [422] * 10 + [429]
    site.clock.forward(minutes=16)
    tries = [await owner.send("/sign-in", {"address": ERIKA, "password": "wrong"}) for _ in range(11)]
    assert [t.status for t in tries] == [422] * 10 + [429]
    site.clock.forward(days=366)
    for _ in range(10):
        await stranger.send("/sign-in", {"address": ERIKA, "password": "wrong"})
    assert (await site.sign_in(owner, ERIKA)).status == 429


async def test_a_browser_is_known_by_a_mark_that_names_nobody(site: Site) -> None:
    """Signed, so that none can be made up, and without the address."""
    await site.mail(ERIKA, "Hello")
    owner = await site.customer(ERIKA)
    mark = owner.cookies["replydesk-known"]
    assert "HttpOnly" in owner.attributes["replydesk-known"]
    assert b"erika" not in base64.urlsafe_b64decode(mark.partition(".")[0] + "==")
    forged = site.browser()
    forged.cookies["replydesk-known"] = mark[:-3] + "AAA"
    for _ in range(10):
        await site.browser().send("/sign-in", {"address": ERIKA, "password": "wrong"})
    assert (await site.sign_in(forged, ERIKA)).status == 429
