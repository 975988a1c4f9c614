"""What a visitor chooses for a page: the order of the list, and the time zone of all times."""

from __future__ import annotations

import re

import pytest

from gateway import texts
from gateway.portal import zones
from tests.portal.browser import Page
from tests.portal.conftest import ERIKA, Opened, Site


@pytest.fixture
async def site(open_site: Opened, database_url: str) -> Site:
    """On both databases: they sort, count and tell times in their own ways."""
    return await open_site(url=database_url)


MOMENT = r'<time datetime="([^"]+)"'


def subjects(page: Page) -> list[str]:
    return re.findall(r'class="subject"[^>]*><bdi>([^<]*)<', page.html)


async def _story(site: Site) -> None:
    """First, Second, Third; the newest activity is on First, and Second waits for its customer."""
    first = await site.mail(ERIKA, "First")
    site.clock.forward(minutes=20)
    second = await site.mail(ERIKA, "Second")
    site.clock.forward(minutes=20)
    await site.mail(ERIKA, "Third")
    site.clock.forward(minutes=20)
    await site.answer(second, "Which one?")
    site.clock.forward(minutes=20)
    await site.reply(ERIKA, first, "Any news?")


@pytest.mark.parametrize(
    ("sort", "shown"),
    [
        ("", ["Second", "First", "Third"]),
        ("newest", ["Third", "Second", "First"]),
        ("oldest", ["First", "Second", "Third"]),
        ("x'--", ["Second", "First", "Third"]),
    ],
)
async def test_the_list_has_the_order_that_was_chosen(site: Site, sort: str, shown: list[str]) -> None:
    """What waits for the visitor comes first unless they say otherwise; the form remembers it."""
    await _story(site)
    page = await (await site.customer(ERIKA)).get(f"/tickets?sort={sort}")
    assert subjects(page) == shown
    assert ("what waits for you comes first" in page.text) is (sort not in ("newest", "oldest"))
    current = re.search(r'aria-current="true">([^<]*)</span></li>\n(?:<li><a href="\?|</ul>)', page.html)
    assert current
    assert current[1] == {"newest": "Newest first", "oldest": "Oldest first"}.get(sort, "Last activity")
    assert page.field("sort") == (sort if sort in ("newest", "oldest") else "")


async def test_further_pages_keep_the_order(site: Site) -> None:
    """Oldest first goes on with the next ones."""
    for n in range(23):
        await site.mail(ERIKA, f"Number {n}")
    browser = await site.customer(ERIKA)
    page = await browser.get("/tickets?sort=oldest")
    older = next(h for h in page.hrefs if "page=2" in h)
    assert subjects(await browser.get(f"/tickets{older}")) == ["Number 20", "Number 21", "Number 22"]


async def test_the_list_counts_what_waits_for_the_visitor(site: Site) -> None:
    """The figure leads to those tickets; without any there is none."""
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    assert "for your answer" not in (await browser.get("/tickets")).text
    await _story(site)
    page = await browser.get("/tickets?q=Third")
    assert "one waits for your answer" in page.text
    waiting = await browser.get("/tickets?status=waiting_on_contact")
    assert "/tickets?status=waiting_on_contact" in page.hrefs
    assert subjects(waiting) == ["Second"]


async def test_times_are_in_the_zone_that_was_chosen(site: Site) -> None:
    """Kept in the browser, for list and ticket, and after signing out; another browser has the site's."""
    number = await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    path = f"/tickets/{number}"
    before = await browser.get(path)
    form_at = next(h for h in before.hrefs if "/time-zone" in h)
    form = await browser.get(form_at)
    assert '<option value="UTC" selected>' in form.html
    assert "Japan – Tokyo" in form.text
    sent = await browser.send("/time-zone", {"zone": "Asia/Tokyo"}, form_at=form_at)
    assert sent.location == path
    after = await browser.follow(sent)
    assert "Time zone: Asia/Tokyo" in after.text
    assert all(moment.endswith("+09:00") for moment in re.findall(MOMENT, after.html))
    assert re.findall(MOMENT, (await browser.get("/tickets")).html)[0].endswith("+09:00")
    assert "Max-Age" in browser.attributes["replydesk-zone"]
    assert re.findall(MOMENT, before.html)[0].endswith("+00:00")


async def test_only_zones_that_there_are_can_be_chosen(open_site: Opened) -> None:
    """A form or a cookie with any other changes nothing; a site's own name for its zone stays in the list."""
    site = await open_site(gateway={"timezone": "US/Eastern"})
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    assert '<option value="US/Eastern" selected>' in (await browser.get("/time-zone")).html
    for wrong in ("", "Moon/Base", "../../etc/passwd", "Europe/Berlin\r\nx: y"):
        assert (await browser.send("/time-zone", {"zone": wrong})).status == 400
    browser.cookies["replydesk-zone"] = "../../etc/passwd"
    assert "Time zone: US/Eastern" in (await browser.get("/tickets")).text
    assert (await browser.send("/time-zone", {"zone": "US/Eastern"})).location == "/"


@pytest.mark.parametrize("language", texts.languages())
def test_every_zone_has_a_name_of_its_own(language: str) -> None:
    """In every language there are texts in, and each can be loaded."""
    named = dict(zones.labels(language))
    assert named.keys() == zones.every()
    assert len(set(named.values())) == len(named)
