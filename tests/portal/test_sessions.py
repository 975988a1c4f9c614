"""Sessions: how they begin, what they are worth, and how they end."""

from __future__ import annotations

import asyncio

from argon2 import PasswordHasher

from gateway.portal.passwords import Passwords
from tests.portal.conftest import CHEAP, ERIKA, MAX, PASSWORD, Opened, Site


async def test_signing_out_ends_the_session_itself(site: Site) -> None:
    """A copy of the cookie is worthless afterwards."""
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    copy = dict(browser.cookies)
    page = await browser.follow(await browser.send("/sign-out", {}, form_at="/tickets"))
    assert "signed out" in page.text
    assert "replydesk-session" not in browser.cookies
    browser.cookies = copy
    assert (await browser.get("/tickets")).status == 303


async def test_a_session_ends_by_time(open_site: Opened) -> None:
    """After so long without a click, and after so long in any case."""
    site = await open_site(portal={"session_hours": 2, "session_idle_minutes": 30})
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    for _ in range(3):
        site.clock.forward(minutes=29)
        assert (await browser.get("/tickets")).status == 200
        await _touched(site)
    site.clock.forward(minutes=31)
    assert (await browser.get("/tickets")).status == 303
    browser = site.browser()
    await site.sign_in(browser, ERIKA)
    for _ in range(4):
        site.clock.forward(minutes=29)
        assert (await browser.get("/tickets")).status == 200
        await _touched(site)
    site.clock.forward(minutes=5)
    assert (await browser.get("/tickets")).status == 303


async def test_only_the_hash_of_a_session_is_stored(site: Site) -> None:
    """Who reads the database cannot sign in with it."""
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    with site.database.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT token_hash FROM session").all()
    assert len(rows) == 1
    assert len(browser.cookies["replydesk-session"]) >= 43
    assert rows[0][0] != browser.cookies["replydesk-session"]


async def test_signing_in_replaces_the_session_of_the_browser(site: Site) -> None:
    """The cookie changes, and the one before is worthless: a session put there by somebody else is no use."""
    await site.mail(ERIKA, "Hello")
    await site.mail(MAX, "Hello")
    browser = await site.customer(ERIKA)
    former = dict(browser.cookies)
    await browser.send(await site.link(MAX, "register"), {"password": PASSWORD, "again": PASSWORD})
    assert browser.cookies["replydesk-session"] != former["replydesk-session"]
    assert MAX in (await browser.get("/tickets")).text
    browser.cookies = former
    assert (await browser.get("/tickets")).status == 303


async def test_a_hash_of_older_parameters_is_renewed_at_sign_in(open_site: Opened) -> None:
    """The password stays, the hash grows with the times, the session goes on."""
    site = await open_site(passwords=Passwords(PasswordHasher(time_cost=2, memory_cost=16, parallelism=1)))
    await site.mail(ERIKA, "Hello")
    contact = await site.database.read(lambda tx: tx.contacts.get(ERIKA))
    old = CHEAP.hash(PASSWORD)
    await site.database.write(lambda tx: tx.contacts.set_password(contact.id, old, site.clock.now))
    browser = site.browser()
    assert (await site.sign_in(browser, ERIKA)).status == 303
    stored = (await site.database.read(lambda tx: tx.contacts.get(ERIKA))).password_hash
    assert "t=2" in stored
    assert (await browser.get("/tickets")).status == 200
    assert (await site.sign_in(site.browser(), ERIKA)).status == 303


async def test_a_password_typed_with_other_keys_is_the_same(site: Site) -> None:
    """ü as one sign or as u and two dots."""
    await site.mail(ERIKA, "Hello")
    await site.customer(ERIKA, "Schlüsselbund 7")
    assert (await site.sign_in(site.browser(), ERIKA, "Schlu\u0308sselbund 7")).status == 303


async def test_a_registration_proves_that_mail_arrives(site: Site) -> None:
    """An address that once bounced is written to again after its owner used a link from our mail."""
    await site.mail(ERIKA, "Hello")
    await site.database.write(lambda tx: tx.contacts.set_undeliverable(ERIKA, site.clock.now))
    await site.customer(ERIKA)
    assert (await site.database.read(lambda tx: tx.contacts.get(ERIKA))).undeliverable_since is None


async def _touched(site: Site) -> None:
    """Wait until the session's last use is written, which happens after the answer."""

    async def seen() -> bool:
        with site.database.engine.connect() as connection:
            rows = connection.exec_driver_sql("SELECT max(seen_at) FROM session").all()
        return str(rows[0][0])[:19] == site.clock.now.strftime("%Y-%m-%d %H:%M:%S")

    for _ in range(200):
        if await seen():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the session was not touched")
