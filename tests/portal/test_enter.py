"""Signing in by a link in a mail: who gets in by it, once, and who never does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.portal.browser import Browser, Page
from tests.portal.conftest import ERIKA, MAX, PASSWORD, Opened, Site

BY_LINK: dict[str, Any] = {"sign_in": "link"}
BOTH: dict[str, Any] = {"sign_in": "both"}


async def asked(site: Site, browser: Browser, address: str, form_at: str = "/link") -> str:
    """Path (and query) of the link that came by mail."""
    before = len(await site.sent(address.lower(), "sign_in"))
    site.clock.forward(seconds=1)
    page = await browser.send("/link", {"address": address}, form_at=form_at)
    assert page.status == 200, page.text
    for _ in range(500):
        mails = await site.sent(address.lower(), "sign_in")
        if len(mails) > before:
            return mails[-1].partition("http://127.0.0.1:8025")[2].split()[0]
        await asyncio.sleep(0.01)
    raise AssertionError("no link was sent")


async def pressed(browser: Browser, path: str) -> Page:
    """Open the link and press the button."""
    return await browser.send(path, {})


@pytest.fixture
async def by_link(open_site: Opened) -> Site:
    site = await open_site(portal=BY_LINK)
    await site.mail(ERIKA, "Drucker läuft nicht")
    await site.mail(MAX, "Max asks")
    return site


async def test_a_link_signs_in_without_a_password(open_site: Opened, database_url: str) -> None:
    """Address → mail → page with a button → the tickets; nobody ever chose a password."""
    site = await open_site(portal=BY_LINK, url=database_url)
    await site.mail(ERIKA, "Drucker läuft nicht")
    browser = site.browser()
    path = await asked(site, browser, ERIKA.upper(), "/sign-in")
    form = await browser.get(path)
    assert form.status == 200
    assert f"signed in as {ERIKA}" in form.text
    listed = await browser.follow(await pressed(browser, path))
    assert "Drucker läuft nicht" in listed.text
    assert f"Signed in as {ERIKA}" in listed.text
    assert not (await site.database.read(lambda tx: tx.contacts.get(ERIKA))).password_hash


async def test_opening_it_does_nothing(by_link: Site) -> None:
    """A mail filter that fetches every address uses up nothing, and is not signed in."""
    path = await asked(by_link, by_link.browser(), ERIKA)
    for method in ("GET", "HEAD", "GET"):
        seen = by_link.browser()
        await seen.ask(method, path)
        assert not [name for name in seen.cookies if name.endswith("-session")]
    assert (await pressed(by_link.browser(), path)).status == 303


async def test_it_acts_once(by_link: Site) -> None:
    """Used, it lets nobody in again, from a form opened before either; its owner is led to the tickets."""
    browser, late = by_link.browser(), by_link.browser()
    path = await asked(by_link, browser, ERIKA)
    mark = (await late.get(path)).field("mark")
    assert (await pressed(browser, path)).location == "/tickets"
    for page in (await late.get(path), await late.post(path, {"mark": mark}), await by_link.browser().get(path)):
        assert page.status == 410
        assert "used already" in page.text
        assert {"/link", "/sign-in"} <= set(page.hrefs)
    assert (await late.get("/tickets")).status == 303
    assert (await browser.get(path)).location == "/tickets"


async def test_two_at_once_let_one_in(by_link: Site) -> None:
    """The link is looked at again in the transaction that opens the session."""
    path = await asked(by_link, by_link.browser(), ERIKA)
    browsers = [by_link.browser() for _ in range(4)]
    marks = [(await b.get(path)).field("mark") for b in browsers]
    pages = await asyncio.gather(*(b.post(path, {"mark": m}) for b, m in zip(browsers, marks, strict=True)))
    assert sorted(p.status for p in pages) == [303, 410, 410, 410]


async def test_with_one_end_all_that_were_sent_before(by_link: Site) -> None:
    """The newest, or any other, is the last."""
    first = await asked(by_link, by_link.browser(), ERIKA)
    second = await asked(by_link, by_link.browser(), ERIKA)
    assert first != second
    assert (await pressed(by_link.browser(), first)).status == 303
    assert (await by_link.browser().get(second)).status == 410
    assert (await pressed(by_link.browser(), await asked(by_link, by_link.browser(), ERIKA))).status == 303


async def test_it_ends_after_an_hour(by_link: Site) -> None:
    """Page and button say so and offer a new one."""
    browser = by_link.browser()
    path = await asked(by_link, browser, ERIKA)
    mark = (await browser.get(path)).field("mark")
    by_link.clock.forward(minutes=61)
    for page in (await browser.get(path), await browser.post(path, {"mark": mark})):
        assert page.status == 410
        assert "expired" in page.text
        assert "/link" in page.hrefs
    assert (await browser.get("/tickets")).status == 303


async def test_it_acts_in_another_browser_and_there_only(by_link: Site) -> None:
    """Asked for at the desk, opened on the phone: the phone is signed in."""
    desk, phone = by_link.browser(), by_link.browser()
    path = await asked(by_link, desk, ERIKA)
    assert (await pressed(phone, path)).status == 303
    assert (await phone.get("/tickets")).status == 200
    assert (await desk.get("/tickets")).status == 303


async def test_it_signs_in_nobody_else(by_link: Site) -> None:
    """One made for Erika opens Erika's tickets; in Max's browser it ends Max's session. Cut or changed it is none."""
    browser = by_link.browser()
    await pressed(browser, await asked(by_link, browser, MAX))
    assert "Max asks" in (await browser.get("/tickets")).text
    theirs = browser.cookies["replydesk-session"]
    path = await asked(by_link, by_link.browser(), ERIKA)
    page = await browser.get(path)
    assert f"signed in as {ERIKA}" in page.text
    listed = await browser.follow(await browser.post(path, {"mark": page.field("mark")}))
    assert "Drucker" in listed.text
    assert "Max asks" not in listed.text
    stale = by_link.browser()
    stale.cookies["replydesk-session"] = theirs
    assert (await stale.get("/tickets")).status == 303
    token = path.rpartition("/")[2]
    for other in (f"/enter/{token[:-2]}", f"/enter/x{token}", "/enter/x", f"/close/{token}", f"/rate/{token}/good"):
        assert (await by_link.browser().get(other)).status == 404


async def test_other_links_do_not_sign_in(open_site: Opened) -> None:
    """Those to register, to reset and to close are for that alone."""
    site = await open_site(portal=BOTH)
    number = await site.mail(ERIKA, "Hello")
    register = await site.link(ERIKA, "register")
    await site.answer(number, "#solved\nDone.")
    for action, path in (("register", register), ("close", await site.link(ERIKA, "close"))):
        token = path.removeprefix(f"/{action}/")
        assert (await site.browser().get(f"/enter/{token}")).status == 404
    token = (await asked(site, site.browser(), ERIKA)).rpartition("/")[2]
    for action in ("register", "reset", "close"):
        assert (await site.browser().get(f"/{action}/{token}")).status == 404


async def test_a_new_password_ends_it(open_site: Opened) -> None:
    """Who fears that somebody reads their mail sets one, and older links are dead."""
    site = await open_site(portal=BOTH)
    await site.mail(ERIKA, "Hello")
    path = await asked(site, site.browser(), ERIKA)
    await site.customer(ERIKA)
    assert (await site.browser().get(path)).status == 410
    assert (await site.sign_in(site.browser(), ERIKA, PASSWORD)).status == 303


async def test_the_button_wants_a_page_of_ours_before(by_link: Site) -> None:
    """Another site cannot press it: no mark, a wrong one, or from elsewhere."""
    path = await asked(by_link, by_link.browser(), ERIKA)
    browser = by_link.browser()
    mark = (await browser.get(path)).field("mark")
    for fields, headers in (({}, {}), ({"mark": "x"}, {}), ({"mark": mark}, {"sec_fetch_site": "cross-site"})):
        assert (await browser.post(path, fields, **headers)).status == 403
    assert (await by_link.browser().post(path, {"mark": mark})).status == 403
    assert (await browser.post(path, {"mark": mark})).status == 303


async def test_nobody_learns_who_is_known(by_link: Site) -> None:
    """The same page for known and unknown; a stranger gets no mail and becomes no contact."""
    known = await by_link.browser().send("/link", {"address": ERIKA})
    unknown = await by_link.browser().send("/link", {"address": "nobody@example.net"})
    assert (known.status, known.text.replace(ERIKA, "X")) == (
        unknown.status,
        unknown.text.replace("nobody@example.net", "X"),
    )
    assert {n: v for n, v in known.headers.items() if n not in ("date", "content-length")} == {
        n: v for n, v in unknown.headers.items() if n not in ("date", "content-length")
    }
    await asked(by_link, by_link.browser(), MAX)
    assert not await by_link.sent("nobody@example.net")
    assert await by_link.database.read(lambda tx: tx.contacts.find("nobody@example.net")) is None


async def test_links_are_limited_and_others_cannot_use_up_the_owners(by_link: Site) -> None:
    """Three an hour for an address; a browser its owner signed in with has its own three."""
    owner = by_link.browser()
    await pressed(owner, await asked(by_link, owner, ERIKA))
    await owner.send("/sign-out", {}, form_at="/tickets")
    for _ in range(3):
        by_link.clock.forward(seconds=1)
        assert (await by_link.browser().send("/link", {"address": ERIKA})).status == 200
    path = await asked(by_link, owner, ERIKA)
    assert len(await by_link.sent(ERIKA, "sign_in")) == 4
    assert (await pressed(owner, path)).status == 303
    for _ in range(30):
        answered = await by_link.browser().send("/link", {"address": "nobody@example.net"})
    assert answered.status == 429


async def test_it_leads_to_the_page_that_was_wanted(by_link: Site) -> None:
    """The button of a mail about a ticket → sign-in → mail → that ticket; elsewhere it leads to no other site."""
    number = await by_link.mail(ERIKA, "Second")
    browser = by_link.browser()
    form_at = (await browser.get(f"/tickets/{number}")).location
    path = await asked(by_link, browser, ERIKA, form_at)
    assert path.endswith(f"?next=%2Ftickets%2F{number}")
    assert (await pressed(by_link.browser(), path)).location == f"/tickets/{number}"
    path = await asked(by_link, browser, ERIKA)
    assert (await pressed(browser, f"{path}?next=https%3A%2F%2Fevil.example%2F")).location == "/tickets"


async def test_with_passwords_alone_no_link_is_sent(site: Site) -> None:
    """No page of the other way acts, not even where a link was given out before."""
    await site.mail(ERIKA, "Hello")
    assert (await site.browser().get("/link")).location == "/sign-in"
    assert (await site.browser().get("/enter/x")).location == "/sign-in"
    assert "/link" not in (await site.browser().get("/sign-in")).hrefs
    assert (await site.browser().send("/link", {"address": ERIKA}, form_at="/forgot")).location == "/sign-in"
    assert not await site.sent(ERIKA, "sign_in")


async def test_by_link_alone_there_are_no_passwords(by_link: Site) -> None:
    """No invitation to register, no form for a password, and what they did before leads on."""
    assert not await by_link.sent(ERIKA, "registration")
    assert len(await by_link.sent(ERIKA, "request_received")) == 1
    for path in ("/forgot", "/register/x", "/reset/x"):
        assert (await by_link.browser().get(path)).location == "/sign-in"
    page = await by_link.browser().get("/sign-in")
    assert 'type="password"' not in page.html
    assert (await by_link.browser().send("/sign-in", {"address": ERIKA, "password": PASSWORD})).status == 405


async def test_with_both_each_page_leads_to_the_other(open_site: Opened) -> None:
    """And a page that was wanted is not forgotten on the way."""
    site = await open_site(portal=BOTH)
    await site.mail(ERIKA, "Hello")
    assert len(await site.sent(ERIKA, "registration")) == 1
    page = await site.browser().get("/sign-in?next=/tickets/1")
    assert "/link?next=%2Ftickets%2F1" in page.hrefs
    assert "/forgot" in page.hrefs
    assert "/sign-in?next=/tickets/1" in (await site.browser().get("/link?next=%2Ftickets%2F1")).hrefs
    for address in ("", "erika", "a b@example.net"):
        page = await site.browser().send("/link", {"address": address})
        assert page.status == 422
        assert page.error("address")
