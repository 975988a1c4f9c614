"""Every page in a real browser: no accessibility violation, nothing cut off, all of it by keyboard.

With LONG=1 in every look and language. With REPLYDESK_SHOTS=FOLDER each page is also kept as a picture.
"""

from __future__ import annotations

import base64
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import Browser as Chromium
from playwright.async_api import Page, ViewportSize, async_playwright

from gateway import texts
from gateway.core.lifecycle import Status
from gateway.core.notice import Notice
from gateway.portal import acts
from gateway.render.examples import outbounds
from gateway.render.mail import Templates
from gateway.render.templates import PACKAGED
from tests.portal.conftest import ERIKA, PASSWORD, Opened, Site

CHROMIUM = Path("/usr/bin/chromium")
SHOTS = os.environ.get("REPLYDESK_SHOTS", "")
LONG = os.environ.get("LONG", "")
PAGE_BYTES = 50_000
DOT = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
)

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
    pytest.mark.timeout(1200 if LONG else 300),
]

LOOKS = (
    ("phone-light", ViewportSize(width=360, height=740), "light"),
    ("desk-dark", ViewportSize(width=1200, height=800), "dark"),
    ("phone-dark", ViewportSize(width=360, height=740), "dark"),
    ("desk-light", ViewportSize(width=1200, height=800), "light"),
)
SEEN = (
    [(*look, language) for look in LOOKS for language in texts.languages()]
    if LONG
    else [(*LOOKS[0], "de"), (*LOOKS[1], "en")]
)


@pytest.fixture
async def chromium() -> AsyncIterator[Chromium]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def story(open_site: Opened) -> tuple[Site, dict[str, str]]:
    """A site with some history, and the cookies of a customer who is signed in."""
    site = await open_site(portal={"allow_replies": True, "allow_requests": True, "sign_in": "both"})
    closed = await site.mail(
        ERIKA, "Rechnung 4711 doppelt erhalten", "Ich habe sie zweimal bekommen.", name="Erika Beispiel"
    )
    await site.answer(closed, "#close\nEine davon ist storniert.")
    solved = await site.mail(
        ERIKA,
        "Drucker läuft seit dem Update nicht mehr und zeigt nur noch eine Fehlermeldung, die niemand versteht",
        "Guten Morgen,\n\nseit dem Update am Freitag druckt unser Drucker nicht mehr. Anleitung: "
        "https://example.com/handbuch/kapitel-7?seite=12&druck=ja\n\nViele Grüße\nErika Beispiel",
        html='<p>Guten Morgen,</p><table><tr><th>Modell</th><td>X-200</td></tr></table><p><img src="cid:dot" '
        'alt="Das Display"> <img src="https://tracker.example/x.gif" alt=""></p><blockquote>Zitat</blockquote>',
        inline=(("dot", "image/png", DOT),),
        files=(("Anzeige am Gerät – Übersicht.pdf", "application/pdf", b"%PDF-1.4 " + b"x" * 234_567),),
        name="Erika Beispiel",
    )
    await site.answer(
        solved, "Guten Tag Frau Beispiel,\n\nbitte schalten Sie ihn aus und wieder ein.\n\nViele Grüße\nAnna"
    )
    await site.reply(
        ERIKA,
        solved,
        "Das hat geholfen, danke!\n\n> Am 2. März schrieb Anna Agent:\n> bitte schalten Sie ihn aus.",
        name="Erika Beispiel",
    )
    await site.answer(solved, "#solved\nFein, dann halten wir das für gelöst.")
    await site.mail(ERIKA, "Donaudampfschifffahrtsgesellschaft" * 5, "https://example.com/" + "lang" * 80)
    waiting = await site.mail(ERIKA, "Zugang für neuen Kollegen", "Bitte legen Sie ihn an.", name="Erika Beispiel")
    await site.answer(waiting, "Wie heißt er denn?")
    for n in range(17):
        await site.mail(ERIKA, f"Frage Nummer {n}", name="Erika Beispiel")
    arabic = await site.mail(ERIKA, "الطابعة لا تعمل منذ التحديث", "مرحبا", name="Erika Beispiel")
    browser = await site.customer(ERIKA)
    return site, {**browser.cookies, "solved": str(solved), "closed": str(closed), "arabic": str(arabic)}


def pages_of(site: Site, numbers: dict[str, str], links: dict[str, str]) -> dict[str, str]:
    solved, closed = numbers["solved"], numbers["closed"]
    return {
        "tickets": "/tickets",
        "tickets-2": "/tickets?page=2",
        "tickets-none": "/tickets?q=xyzzy",
        "ticket": f"/tickets/{solved}",
        "ticket-closed": f"/tickets/{closed}",
        "ticket-waiting": f"/tickets/{int(solved) + 2}?added=1",
        "ticket-long": f"/tickets/{int(solved) + 1}",
        "ticket-missing": "/tickets/999",
        "new": "/new",
        "new-about": f"/new?about={closed}",
        "message": f"/tickets/{solved}/entries/{links['entry']}",
        "close": links["close"],
        "missing": "/nothing/here",
    }


async def _links(site: Site, numbers: dict[str, str]) -> dict[str, str]:
    entries = await site.database.read(lambda tx: tx.reads.entries(int(numbers["solved"])))
    first = next(e for e in entries if e.sha256)
    return {"entry": str(first.id), "close": await site.link(ERIKA, "close")}


async def check(page: Page, name: str) -> None:
    """No violation of axe's rules, nothing wider than the screen, no page of more than 50 KB."""
    from axe_playwright_python.async_playwright import Axe

    found = await Axe().run(page)
    assert not found.response["violations"], f"{name}: {found.generate_report()}"
    width = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert width <= 0, f"{name}: {width} px too wide"
    assert len((await page.content()).encode()) <= PAGE_BYTES, name


async def shoot(page: Page, name: str) -> None:
    if SHOTS:
        await page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


@pytest.mark.parametrize(("look", "viewport", "scheme", "language"), SEEN)
async def test_no_page_has_a_violation(
    chromium: Chromium,
    story: tuple[Site, dict[str, str]],
    look: str,
    viewport: ViewportSize,
    scheme: str,
    language: str,
) -> None:
    """axe finds nothing on any page, signed in or not, in both colour schemes, on a phone and a desk; each page says
    in which language it is, and asks no other host for anything."""
    site, cookies = story
    context = await chromium.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True, locale=language)  # type: ignore[arg-type]
    page = await context.new_page()
    base = f"http://127.0.0.1:{site.port}"
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    links = await _links(site, cookies)

    async def see(name: str, path: str = "") -> None:
        if path:
            await page.goto(base + path)
        await shoot(page, f"{name}-{look}-{language}")
        await check(page, name)
        assert await page.evaluate("document.documentElement.lang") == language, name

    async def enter() -> None:
        async with page.expect_navigation():
            await page.keyboard.press("Enter")

    await see("sign-in", "/tickets")
    await page.focus("#password")
    await enter()
    await see("sign-in-missing")
    await page.fill("#address", ERIKA)
    await page.fill("#password", "wrong")
    await enter()
    await see("sign-in-wrong")
    await see("forgot", "/forgot")
    await page.fill("#address", ERIKA)
    await enter()
    await see("forgot-sent")
    await see("link-used", await site.link(ERIKA, "register"))
    await see("link", "/link")
    await page.fill("#address", "x")
    await enter()
    await see("link-wrong")
    await site.database.write(lambda tx: acts.link(site.desk, tx, tx.contacts.get(ERIKA), "shown", site.clock.now))
    await see("enter", await site.link(ERIKA, "enter"))
    await see("time-zone", "/time-zone")
    for _ in range(50):
        if await site.sent(ERIKA, "password_reset"):
            break
        await page.wait_for_timeout(20)
    await see("reset", await site.link(ERIKA, "reset"))
    await page.fill("#password", "short")
    await enter()
    await see("reset-short")
    await see("close-signed-out", links["close"])

    await context.add_cookies([{"name": "replydesk-session", "value": cookies["replydesk-session"], "url": base}])
    for name, path in pages_of(site, cookies, links).items():
        await see(name, path)
    await page.goto(f"{base}/tickets")
    await page.click("summary")
    await see("legend")
    await page.goto(f"{base}/tickets/{cookies['solved']}")
    for summary in await page.query_selector_all("summary"):
        await summary.click()
    await see("ticket-unfolded")
    async with page.expect_navigation():
        await page.get_by_role("button").last.click()
    await see("ticket-reply-empty")
    assert not [url for url in asked if not url.startswith((base, "data:"))]
    await context.close()


async def test_the_narrowest_phone_shows_everything(chromium: Chromium, story: tuple[Site, dict[str, str]]) -> None:
    """At 320 px no page scrolls sideways (WCAG 2.1, 1.4.10)."""
    site, cookies = story
    base = f"http://127.0.0.1:{site.port}"
    context = await chromium.new_context(viewport=ViewportSize(width=320, height=600), java_script_enabled=True)
    await context.add_cookies([{"name": "replydesk-session", "value": cookies["replydesk-session"], "url": base}])
    page = await context.new_page()
    for name, path in pages_of(site, cookies, await _links(site, cookies)).items():
        await page.goto(base + path)
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, name
        await shoot(page, f"{name}-320")
    await context.close()


async def test_long_names_break_and_each_line_begins_at_its_side(chromium: Chromium, open_site: Opened) -> None:
    """Of files, authors and an imprint, on a phone; a line of English below one of Arabic is read from the left."""
    site = await open_site(brand={"imprint": "https://example.com/" + "imprint" * 9})
    files = ((f"{'Abrechnung' * 8}.pdf", "application/pdf", b"%PDF"),)
    number = await site.mail(ERIKA, "Names", "مرحبا\nIt burns.", name="Erika" * 12, files=files)
    cookies = (await site.customer(ERIKA)).cookies
    base = f"http://127.0.0.1:{site.port}"
    context = await chromium.new_context(viewport=ViewportSize(width=320, height=600))
    await context.add_cookies([{"name": "replydesk-session", "value": cookies["replydesk-session"], "url": base}])
    page = await context.new_page()
    await page.goto(f"{base}/tickets/{number}")
    assert await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    line = (
        "(() => { const t = document.querySelector('.message .text').firstChild, r = document.createRange();"
        "const at = t.data.indexOf('It burns'); r.setStart(t, at); r.setEnd(t, at + 9);"
        "return r.getBoundingClientRect().left - t.parentElement.getBoundingClientRect().left })()"
    )
    assert await page.evaluate(line) < 2
    await shoot(page, "long-names-320")
    await context.close()


async def test_a_first_screen_shows_what_one_came_for_and_paper_what_can_be_read(
    chromium: Chromium, story: tuple[Site, dict[str, str]]
) -> None:
    """On a phone three tickets of the list, and of a ticket the newest message; a subject begins where all do, also one
    that is read from the right. Printed: exact dates, and nothing to press."""
    site, cookies = story
    base = f"http://127.0.0.1:{site.port}"
    context = await chromium.new_context(viewport=ViewportSize(width=380, height=740))
    await context.add_cookies([{"name": "replydesk-session", "value": cookies["replydesk-session"], "url": base}])
    page = await context.new_page()
    ends = "[...document.querySelectorAll('.row, .message')].map(e => e.getBoundingClientRect().bottom)"
    await page.goto(f"{base}/tickets?sort=newest")
    assert (await page.evaluate(ends))[2] <= 740
    starts = "new Set([...document.querySelectorAll('{}')].map(e => e.getBoundingClientRect().left)).size"
    assert await page.evaluate(starts.format(".subject bdi")) == 1
    await page.goto(f"{base}/tickets/{cookies['arabic']}")
    assert await page.evaluate(starts.format("h1 bdi, .back a")) == 1
    await page.goto(f"{base}/tickets/{cookies['solved']}")
    assert (await page.evaluate(ends))[0] <= 740
    await page.emulate_media(media="print")
    shown = "[...document.querySelectorAll('button, .button, select, textarea')].filter(e => e.offsetParent)"
    for path in ("/tickets", f"/tickets/{cookies['solved']}", f"/tickets/{cookies['closed']}"):
        await page.goto(base + path)
        assert await page.evaluate(f"{shown}.length") == 0, path
    await page.goto(f"{base}/tickets")
    written = "getComputedStyle(document.querySelector('.row time'), '::after').content"
    assert "2026" in await page.evaluate(written)
    await context.close()


async def test_all_works_by_keyboard_without_javascript(chromium: Chromium, story: tuple[Site, dict[str, str]]) -> None:
    """Skip link, sign in, open a ticket, close it: with Tab and Enter, under our real policy, scripts off."""
    site, _ = story
    context = await chromium.new_context(java_script_enabled=False, locale="en-GB")
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    base = f"http://127.0.0.1:{site.port}"
    await page.goto(f"{base}/sign-in")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{base}/sign-in#content")
    await page.keyboard.press("Tab")
    await page.keyboard.type(ERIKA)
    await page.keyboard.press("Tab")
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{base}/tickets")
    await page.get_by_role("link", name="Zugang").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{base}/tickets/*")
    await page.get_by_label("Your reply").focus()
    await page.keyboard.type("He is called Kim.")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.id") == "files"
    await page.keyboard.press("Tab")
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/tickets/*?added=1")
    assert await page.get_by_text("He is called Kim.").is_visible()
    number = int(page.url.split("/")[-1].split("?")[0])
    ticket = await site.database.read(lambda tx: tx.reads.get(number))
    assert ticket.status is Status.CLOSED
    assert not said, f"the browser refused something of our own: {said}"
    await context.close()


@pytest.mark.parametrize("name", ["Example Support", "Donaudampfschifffahrtsgesellschaft" * 2])
async def test_no_name_makes_a_page_wider_than_a_small_phone(chromium: Chromium, open_site: Opened, name: str) -> None:
    """Of 320 px, as a desk has at a zoom of 400 %; in every language, signed in or not."""
    box = {"address": f"{name.replace(' ', '').lower()[:60]}@example.com", "name": name}
    site = await open_site(brand={"name": name}, mailboxes=[box])
    number = await site.mail(ERIKA, "Printer", to=box["address"])
    browser = await site.customer(ERIKA)
    context = await chromium.new_context(viewport=ViewportSize(width=320, height=640))
    page = await context.new_page()
    base = f"http://127.0.0.1:{site.port}"
    for paths in (("/sign-in", "/link"), ("/tickets", f"/tickets/{number}", "/time-zone")):
        for path in (f"{one}?lang={language}" for one in paths for language in texts.languages()):
            await page.goto(base + path)
            width = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert width <= 0, f"{path}: {width} px too wide"
        session = browser.cookies["replydesk-session"]
        await context.add_cookies([{"name": "replydesk-session", "value": session, "url": base}])


async def test_the_name_of_a_picture_that_is_not_shown_fits(chromium: Chromium) -> None:
    """Programs name pictures by one long word; what stands in its place is read without scrolling."""
    style = (PACKAGED / "portal" / "static" / "portal.css").read_text("utf-8")
    page = await chromium.new_page(viewport=ViewportSize(width=320, height=740))
    shown = f'<p><span class="unloaded">image001.png@01{"A7" * 30}</span></p>'
    await page.set_content(f'<style>{style}</style><div class="card mail">{shown}</div>')
    over = await page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.querySelector('.mail'))")
    assert over <= 0


@pytest.mark.parametrize("notice", [Notice.REPLY, Notice.AGENT_NOTICE])
async def test_a_mail_is_as_wide_as_a_small_phone(chromium: Chromium, notice: Notice) -> None:
    """Neither a picture that is not loaded nor a table makes a mail wider; figures in a table stay in one piece."""
    figures = "".join(f'<td align="right">1234{n}.5</td>' for n in range(9))
    html = f'<p><img src="cid:gone" width="560" height="420"></p><table><tr>{figures}</tr></table>'
    html += f'<table><tr><td><a href="https://a.example">https://a.example/{"x" * 120}</a></td></tr></table>'
    full = outbounds(notice, "en")[0]
    page = await chromium.new_page(viewport=ViewportSize(width=320, height=640))
    await page.set_content(Templates().html(replace(full, words=replace(full.words, html=html))))
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    lines = await page.evaluate(
        "[...document.querySelectorAll('.rich td[align]')].map(e => Math.round((e.clientHeight - 6) / 24))"
    )
    assert lines == [1] * 9
    link = "(e => e.getBoundingClientRect().right)(document.querySelector('.rich a'))"
    assert await page.evaluate(link) <= 300
    await page.close()


async def test_a_wide_table_is_printed_whole(chromium: Chromium) -> None:
    """On paper nothing can be pushed aside: on a page and in a mail, what does not fit makes all of it smaller."""
    table = f"<table><tr>{'<td>Column with figures</td>' * 12}</tr></table>"
    full = outbounds(Notice.REPLY, "en")[0]
    style = (PACKAGED / "portal" / "static" / "portal.css").read_text("utf-8")
    page = await chromium.new_page(viewport=ViewportSize(width=720, height=900))
    for html in (
        f'<style>{style}</style><main class="inside"><div class="card mail">{table}</div></main>',
        Templates().html(replace(full, words=replace(full.words, html=table))),
    ):
        await page.set_content(html)
        wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert await page.evaluate(wide) == 0
        await page.emulate_media(media="print")
        assert await page.evaluate(wide) > 0
        await page.emulate_media(media="screen")
    await page.close()
