"""Getting in and out: registration, sign-in, forgotten passwords, sessions."""

from __future__ import annotations

import asyncio

from gateway.core.decision import SamePerson
from gateway.mail.message import Address
from tests.portal.conftest import ERIKA, MAX, PASSWORD, Opened, Site

LONG_ENOUGH = "ten chars!"


async def test_the_first_mail_leads_to_an_access(site: Site) -> None:
    """Registration mail → form → password → signed in at once, on the list; a confirmation is in line."""
    number = await site.mail(ERIKA, "Drucker läuft nicht")
    browser, path = site.browser(), await site.link(ERIKA, "register")
    form = await browser.get(path)
    assert form.status == 200
    assert ERIKA in form.html
    listed = await browser.follow(await browser.send(path, {"password": PASSWORD, "again": PASSWORD}))
    assert listed.status == 200
    assert "Drucker läuft nicht" in listed.text
    assert f"/tickets/{number}" in listed.hrefs
    assert len(await site.sent(ERIKA, "registered")) == 1
    assert site.woken


async def test_it_is_the_same_on_both_databases(open_site: Opened, database_url: str) -> None:
    """Sign in, search, read, sign out; numbers and texts a database would refuse are simply not found."""
    site = await open_site(url=database_url)
    number = await site.mail(ERIKA, "Drucker läuft nicht", files=(("a.txt", "text/plain", b"x"),))
    browser = await site.customer(ERIKA)
    assert "Drucker" in (await browser.get("/tickets?q=l%C3%A4uft%00")).text
    page = await browser.get(f"/tickets/{number}")
    assert page.status == 200
    for path in ("/tickets/999999999", "/tickets/9999999999", f"/tickets/{number}/entries/999999999"):
        assert (await browser.get(path)).status == 404
    assert (await browser.get(next(h for h in page.hrefs if "/files/" in h))).data.strip() == b"x"
    assert (await site.sign_in(site.browser(), "erika\0@example.net", "wrong")).status == 422
    assert (await browser.send("/sign-out", {}, form_at="/tickets")).status == 303


async def test_a_password_has_rules_and_each_is_told_beside_its_field(site: Site) -> None:
    """At least 10 characters, at most 1,000, not the address, twice the same; nothing is stored before."""
    await site.mail(ERIKA, "Hello")
    browser, path = site.browser(), await site.link(ERIKA, "register")
    for password, again, field, said in (
        ("123456789", "123456789", "password", "10 characters"),
        ("x" * 1001, "x" * 1001, "password", "1,000"),
        (ERIKA.upper(), ERIKA.upper(), "password", "address"),
        (PASSWORD, PASSWORD + "x", "again", "do not match"),
        ("", "", "password", "10 characters"),
    ):
        page = await browser.send(path, {"password": password, "again": again})
        assert page.status == 422
        assert said in page.error(field)
        assert PASSWORD not in page.html
    contact = await site.database.read(lambda tx: tx.contacts.get(ERIKA))
    assert not contact.password_hash
    assert (await browser.send(path, {"password": LONG_ENOUGH, "again": LONG_ENOUGH})).status == 303


async def test_a_registration_link_acts_once(site: Site) -> None:
    """Used, it shows a friendly page with both ways on, on GET and on POST."""
    await site.mail(ERIKA, "Hello")
    path = await site.link(ERIKA, "register")
    late = site.browser()
    form = await late.get(path)
    await site.customer(ERIKA)
    mark = form.field("mark")
    for page in (await late.get(path), await late.post(path, {"mark": mark, "password": "x" * 12, "again": "x" * 12})):
        assert page.status == 410
        assert "used already" in page.text
        assert "/sign-in" in page.hrefs
        assert "/forgot" in page.hrefs
    assert (await site.sign_in(site.browser(), ERIKA)).status == 303


async def test_a_scanner_uses_up_no_registration(site: Site) -> None:
    """What looks at every link of a mail before its reader does, with GET and HEAD, leaves it as it is."""
    await site.mail(ERIKA, "Hello")
    path = await site.link(ERIKA, "register")
    assert [(await site.browser().ask(m, path)).status for m in ("GET", "HEAD", "GET", "GET")] == [200] * 4
    await site.customer(ERIKA)


async def test_an_expired_or_cut_link_offers_a_new_one(site: Site) -> None:
    """Expired is 410, nonsense 404; each offers to send another link."""
    await site.mail(ERIKA, "Hello")
    path = await site.link(ERIKA, "register")
    cut = await site.browser().get(path[:-3])
    assert cut.status == 404
    assert "/forgot" in cut.hrefs
    site.clock.forward(days=31)
    expired = await site.browser().get(path)
    assert expired.status == 410
    assert "expired" in expired.text
    assert "/forgot" in expired.hrefs


async def test_a_link_does_only_what_it_is_for(site: Site) -> None:
    """A registration link resets no password and closes no ticket."""
    await site.mail(ERIKA, "Hello")
    token = (await site.link(ERIKA, "register")).rpartition("/")[2]
    for action in ("reset", "close"):
        assert (await site.browser().get(f"/{action}/{token}")).status == 404


async def test_the_button_in_a_mail_leads_to_its_ticket_through_the_sign_in(site: Site) -> None:
    """/tickets/N → sign-in → /tickets/N."""
    number = await site.mail(ERIKA, "Hello")
    await site.customer(ERIKA)
    browser = site.browser()
    asked = await browser.get(f"/tickets/{number}")
    assert asked.location == f"/sign-in?next=%2Ftickets%2F{number}"
    form = await browser.follow(asked)
    assert "Please sign in" in form.text
    fields = {"mark": form.field("mark"), "next": form.field("next"), "address": ERIKA, "password": PASSWORD}
    page = await browser.follow(await browser.post("/sign-in", fields))
    assert page.status == 200
    assert "It burns." in page.text


async def test_a_wrong_sign_in_keeps_the_address_and_where_to_go(site: Site) -> None:
    """Only the password must be typed again."""
    await site.mail(ERIKA, "Hello")
    browser = site.browser()
    page = await browser.send("/sign-in", {"address": ERIKA, "password": "wrong"}, form_at="/sign-in?next=/tickets/1")
    assert page.status == 422
    assert page.field("address") == ERIKA
    assert page.field("next") == "/tickets/1"
    assert not page.field("password")


async def test_missing_fields_are_told_beside_them(site: Site) -> None:
    """Sign-in and forgot name the field that is empty or no address."""
    browser = site.browser()
    page = await browser.send("/sign-in", {"address": "", "password": ""})
    assert page.error("address")
    assert page.error("password")
    for address in ("", "erika", "a b@example.net", "@", "@x"):
        page = await browser.send("/forgot", {"address": address})
        assert page.status == 422
        assert page.error("address")


async def test_a_forgotten_password_is_set_anew(site: Site) -> None:
    """Link by mail, new password, old one dead, every older session ended."""
    await site.mail(ERIKA, "Hello")
    other = await site.customer(ERIKA)
    browser = site.browser()
    await browser.send("/forgot", {"address": ERIKA.upper()})
    await _until(lambda: site.sent(ERIKA, "password_reset"))
    path = await site.link(ERIKA, "reset")
    page = await browser.send(path, {"password": "a new password", "again": "a new password"})
    assert page.location == "/tickets?welcome=1"
    assert "Your password is saved" in (await browser.follow(page)).text
    assert (await browser.get("/tickets")).status == 200
    assert (await other.get("/tickets")).status == 303
    assert (await site.sign_in(site.browser(), ERIKA)).status == 422
    assert (await site.sign_in(site.browser(), ERIKA, "a new password")).status == 303
    assert (await browser.get(path)).status == 410


async def test_who_never_registered_gets_the_registration_mail_again(site: Site) -> None:
    """This is how many customers come to their first password."""
    await site.mail(ERIKA, "Hello")
    assert len(await site.sent(ERIKA, "registration")) == 1
    site.clock.forward(minutes=1)
    await site.browser().send("/forgot", {"address": ERIKA})
    await _until(lambda: site.sent(ERIKA, "registration"), 2)
    await site.customer(ERIKA)


async def test_an_unknown_address_gets_no_mail_and_becomes_no_contact(site: Site) -> None:
    """/forgot is no way to make us write to strangers."""
    await site.mail(ERIKA, "Hello")
    await site.browser().send("/forgot", {"address": MAX})
    await site.browser().send("/forgot", {"address": ERIKA})
    site.clock.forward(minutes=1)
    await _until(lambda: site.sent(ERIKA, "registration"), 2)
    assert not await site.sent(MAX)
    assert await site.database.read(lambda tx: tx.contacts.find(MAX)) is None


async def test_links_are_limited_per_address(site: Site) -> None:
    """Three an hour, and the answer stays the same."""
    await site.mail(ERIKA, "Hello")
    answers = []
    for _ in range(5):
        site.clock.forward(seconds=5)
        answers.append((await site.browser().send("/forgot", {"address": ERIKA})).text)
        await asyncio.sleep(0.02)
    assert len(set(answers)) == 1
    await _until(lambda: site.sent(ERIKA, "registration"), 4)
    site.clock.forward(minutes=61)
    await site.browser().send("/forgot", {"address": ERIKA})
    await _until(lambda: site.sent(ERIKA, "registration"), 5)


async def _until(read, count: int = 1) -> None:  # type: ignore[no-untyped-def]
    """Wait for what is done after the answer."""
    for _ in range(200):
        if len(await read()) >= count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{len(await read())} instead of {count}")


async def test_who_has_two_addresses_signs_in_with_either(site: Site) -> None:
    """By one password, and its links go to the one that is written to: the other may be a slip of an agent's."""
    home = "erika@home.example"
    number = await site.mail(ERIKA, "Printer")
    await site.mail(home, "Lamp")
    await site.customer(ERIKA)
    await site.database.write(
        lambda tx: tx.second_addresses.join(SamePerson(Address(ERIKA), Address(home)), "", site.clock.now)
    )
    browser = site.browser()
    assert (await site.sign_in(browser, home)).status == 303
    page = await browser.get("/tickets")
    assert "Printer" in page.text
    assert "Lamp" in page.text
    assert "Printer" in (await browser.get(f"/tickets/{number}")).text
    had = len(await site.sent(home))
    await site.browser().send("/forgot", {"address": home})
    await _until(lambda: site.sent(ERIKA, "password_reset"))
    assert len(await site.sent(home)) == had
