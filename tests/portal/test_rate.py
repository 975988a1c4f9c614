"""Saying how it was, over real HTTP: GET shows, POST acts, and it can be changed for a while."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gateway.clock.context import JobContext
from gateway.clock.tickets import ask_for_ratings
from gateway.core.rating import CustomerRating
from tests.portal.conftest import ERIKA, Opened, Site
from tests.portal.test_browser import CHROMIUM, LOOKS, check, chromium, shoot

__all__ = ["chromium"]


async def asked(site: Site, subject: str = "Printer") -> tuple[int, str]:
    """A closed ticket its customer was asked about: its number, and the link of the mail without the answer."""
    number = await site.mail(ERIKA, subject, name="Erika Beispiel")
    await site.answer(number, "#close\nDone.")
    site.clock.forward(hours=2)
    await ask_for_ratings(JobContext(site.database, site.desk, site.clock, site.settings))
    return number, link(await site.sent(ERIKA, "rating_request"))


def link(texts: list[str]) -> str:
    found = re.findall(r"(/rate/[\w.-]+)/\w+", texts[-1])
    assert found
    return str(found[-1])


async def answer(site: Site, number: int) -> CustomerRating:
    found = await site.database.read(lambda tx: tx.ratings.find(number))
    assert found
    return found


@pytest.fixture
async def site(open_site: Opened) -> Site:
    return await open_site(
        rating={"after_hours": 1},
        agents=[{"address": "anna@example.com", "name": "Anna"}, {"address": "bob@example.com", "lead": True}],
    )


async def test_looking_changes_nothing(site: Site) -> None:
    """Scanners open every link of a mail."""
    number, path = await asked(site)
    browser = site.browser()
    for word in "12345":
        page = await browser.get(f"{path}/{word}")
        assert page.status == 200
        assert re.findall(r'value="(\d)" checked', page.html) == [word]
    assert "Printer" in page.text
    assert (await answer(site, number)).value is None


async def test_a_comment_that_is_not_taken_is_given_back(site: Site) -> None:
    """The page was open too long, or the time is over: the words can be copied."""
    _, path = await asked(site)
    browser = site.browser()
    mark = (await browser.get(f"{path}/4")).field("mark")
    said = {"value": "4", "comment": "It took <too> long."}
    for given in ("none of ours", mark):
        page = await browser.post(f"{path}/4", {"mark": given, **said})
        assert page.status in (403, 410)
        assert "It took &lt;too&gt; long.</textarea>" in page.html
        site.clock.forward(days=60)


async def test_an_answer_is_kept_and_can_be_changed(site: Site) -> None:
    """With its comment; a bad one reaches the lead, once."""
    number, path = await asked(site)
    browser = site.browser()
    done = await browser.send(f"{path}/4", {"value": "2", "comment": "It took\ntoo long."})
    thanks = await browser.follow(done)
    assert "Thank you" in thanks.text
    found = await answer(site, number)
    assert (found.value, found.comment) == (2, "It took\ntoo long.")
    assert site.woken
    told = await site.sent("bob@example.com", "agent_notice")
    assert "Badly rated" in told[-1]
    assert "2 of 5" in told[-1]
    assert "It took too long." in told[-1]
    assert not [t for t in await site.sent("anna@example.com", "agent_notice") if "Badly rated" in t]

    again = await browser.get(thanks.hrefs[-2] if "/rate/" in thanks.hrefs[-2] else f"{path}/2")
    assert "Your answer so far: Dissatisfied. You can change it until 16 Mar 2026" in again.text
    assert "It took\ntoo long." in again.html
    site.clock.forward(days=13)
    await browser.send(f"{path}/5", {"value": "5", "comment": ""})
    found = await answer(site, number)
    assert (found.value, found.comment, found.changed_at) == (5, "", site.clock.now)
    assert len([t for t in await site.sent("bob@example.com") if "Badly rated" in t]) == 1
    site.clock.forward(days=2)
    over = await browser.get(f"{path}/1")
    assert (over.status, "can no longer be answered" in over.text) == (410, True)
    refused = await browser.post(f"{path}/1", {"value": "1", "mark": again.field("mark")})
    assert refused.status == 410
    assert (await answer(site, number)).value == 5


async def test_twice_is_once(site: Site) -> None:
    """A second click changes nothing, and tells nobody again."""
    number, path = await asked(site)
    browser = site.browser()
    for _ in range(3):
        await browser.send(f"{path}/1", {"value": "1", "comment": "bad"})
    assert len([t for t in await site.sent("bob@example.com") if "Badly rated" in t]) == 1
    events = await site.database.read(lambda tx: [e.body_text for e in tx.reads.entries(number)])
    assert events.count("rated\t1") == 1


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/rate/forged/3", 404, "This link does not work"),
        ("/rate/{other}/3", 404, "This link does not work"),
    ],
)
async def test_links_that_are_none(site: Site, path: str, status: int, said: str) -> None:
    """Forged, or made for something else."""
    await asked(site)
    other = (await site.link(ERIKA, "register")).rpartition("/")[2]
    page = await site.browser().get(path.format(other=other))
    assert (page.status, said in page.text) == (status, True)


async def test_whoever_handed_it_on_reads_and_gives_no_answer(site: Site) -> None:
    """What the new requester said stays with them; a further address of the same person is theirs as well."""
    number, path = await asked(site)
    await site.browser().send(f"{path}/2", {"value": "2", "comment": "My words."})
    await site.answer(number, "#requester max@example.org\n#close\n\nIt is yours now, Max.")
    for page in (
        await site.browser().get(f"{path}/1"),
        await site.browser().send(f"{path}/1", {"value": "1"}, form_at="/sign-in"),
    ):
        assert page.status == 410
        assert "Printer" not in page.text
        assert "My words." not in page.html
    assert (await answer(site, number)).value == 2
    await site.answer(number, f"#alias {ERIKA}")
    await site.room.answer(number, "#send")
    assert (await site.browser().get(f"{path}/1")).status == 200


async def test_what_was_merged_into_anothers_request_is_rated_alone(site: Site) -> None:
    """The page shows the own request, and the leads read whose rating it is."""
    number, path = await asked(site)
    other = await site.mail("max@example.org", "Kettle of Max")
    await site.answer(number, f"#merge {other}")
    await site.room.answer(number, "#send")
    browser = site.browser()
    done = await browser.send(f"{path}/1", {"value": "1", "comment": "Too late."})
    for page in (await browser.get(f"{path}/1"), await browser.follow(done)):
        assert "Printer" in page.text
        assert "Kettle" not in page.text
    told = (await site.sent("bob@example.com", "agent_notice"))[-1]
    assert "Requester: Erika Beispiel <erika@example.net>" in told
    assert "Too late." in told
    assert "Kettle" not in told


async def test_a_link_expires(site: Site) -> None:
    """A first answer is wanted within the time links act."""
    _, path = await asked(site)
    site.clock.forward(days=31)
    page = await site.browser().get(f"{path}/3")
    assert (page.status, "can no longer be answered" in page.text) == (410, True)


async def test_the_older_question_is_over_when_there_is_a_newer(site: Site) -> None:
    """After the ticket was closed a second time, the link of the first mail says so."""
    number, path = await asked(site)
    await site.reply(ERIKA, number, "again")
    await site.answer(number, "#close")
    site.clock.forward(hours=2)
    await ask_for_ratings(JobContext(site.database, site.desk, site.clock, site.settings))
    assert (await site.browser().get(f"{path}/3")).status == 410
    newer = link(await site.sent(ERIKA, "rating_request"))
    assert newer != path
    assert (await site.browser().get(f"{newer}/3")).status == 200


async def test_what_is_missing_is_said(site: Site) -> None:
    """No answer, one that is none, a comment that is too long: nothing is lost of what was typed."""
    number, path = await asked(site)
    browser = site.browser()
    for fields in ({"comment": "hello"}, {"value": "9", "comment": "hello"}, {"value": "3", "comment": "x" * 2001}):
        page = await browser.send(f"{path}/3", fields)
        assert page.status == 422
        assert fields["comment"] in page.text
        assert 'id="rate-error"' in page.html
    assert (await browser.get(f"{path}/99")).text.count("checked") == 0
    assert (await answer(site, number)).value is None


async def test_another_site_cannot_rate(site: Site) -> None:
    """The form carries a mark of this browser."""
    number, path = await asked(site)
    assert (await site.browser().post(f"{path}/1", {"value": "1"})).status == 403
    assert (await answer(site, number)).value is None


async def test_good_and_bad_in_german(open_site: Opened) -> None:
    """The other scale, in the language of the contact."""
    site = await open_site(rating={"after_hours": 1, "scale": "two"}, gateway={"default_language": "de"})
    number, path = await asked(site)
    browser = site.browser(accept_language="de")
    page = await browser.get(f"{path}/bad")
    assert "Schlecht" in page.text
    await browser.send(f"{path}/bad", {"value": "good"})
    assert (await answer(site, number)).value == 5


@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="needs Debian's chromium")
@pytest.mark.timeout(300)
async def test_in_a_browser(chromium, site: Site) -> None:  # type: ignore[no-untyped-def]  # the fixture's type is playwright's
    """No accessibility violation, nothing cut off; rated by keyboard alone, without scripts."""
    number, path = await asked(site, "Drucker läuft seit dem Update nicht mehr und zeigt nur noch eine Fehlermeldung")
    base = f"http://127.0.0.1:{site.port}"
    for look, viewport, scheme in LOOKS:
        language = "de-DE" if look.startswith("phone") else "en-GB"
        context = await chromium.new_context(viewport=viewport, color_scheme=scheme, bypass_csp=True, locale=language)
        page = await context.new_page()
        await page.goto(f"{base}{path}/4")
        await shoot(page, f"rate-{look}")
        await check(page, f"rate-{look}")
        await context.close()
    context = await chromium.new_context(java_script_enabled=False, locale="en-GB")
    page = await context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    await page.goto(f"{base}{path}/4")
    await page.get_by_label("Satisfied", exact=True).focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("Tab")
    await page.keyboard.type("Very kind.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/rate/*/5?thanks=1")
    assert (await answer(site, number)).comment == "Very kind."
    assert not said
    await context.close()
    context = await chromium.new_context(viewport=LOOKS[0][1], bypass_csp=True, locale="de-DE")
    page = await context.new_page()
    await page.goto(f"{base}{path}/5?thanks=1")
    await shoot(page, "rate-thanks")
    await check(page, "rate-thanks")
    await page.goto(f"{base}{path}/2")
    await shoot(page, "rate-change")
    await check(page, "rate-change")
    await context.close()
