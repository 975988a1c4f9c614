"""Closing by the link in a mail, and answering on the page: GET shows, POST acts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import quote

import pytest

from gateway.core import token
from gateway.core.lifecycle import Status
from gateway.core.ticket import EntryKind, Ticket
from tests.conftest import named
from tests.portal.conftest import ANNA, ERIKA, MAX, Opened, Site


async def solved(site: Site) -> tuple[int, str]:
    """A solved ticket and the path of the button in its mail."""
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#solved\nPlease try again.")
    return number, await site.link(ERIKA, "close")


async def state(site: Site, number: int) -> Ticket:
    return await site.database.read(lambda tx: tx.reads.get(number))


async def test_a_get_never_closes(site: Site) -> None:
    """Scanners open links: after twenty GETs and a HEAD the ticket is as it was, and the button works."""
    number, path = await solved(site)
    scanner = site.browser()
    for _ in range(20):
        page = await scanner.get(path)
        assert page.status == 200
        assert "Printer" in page.text
        assert token.reference(site.policy.keys, "RD", named(site.database, number)) in page.text
    assert (await scanner.ask("HEAD", path)).status == 200
    assert (await state(site, number)).status is Status.SOLVED
    page = await site.browser().send(path, {})
    assert page.status == 303
    assert (await state(site, number)).closed_by == "requester"


async def test_closing_works_without_signing_in_and_only_once(site: Site) -> None:
    """A second click changes nothing, sends nothing, and is answered as kindly."""
    number, path = await solved(site)
    browser = site.browser()
    form = await browser.get(path)
    for _ in range(3):
        page = await browser.follow(await browser.post(path, {"mark": form.field("mark")}))
        assert page.status == 200
        assert "The ticket is closed" in page.text
    assert "closed" in (await browser.get(path)).text
    assert len(await site.sent(ERIKA, "closed")) == 1
    events = await site.database.read(lambda tx: tx.reads.entries(number, [EntryKind.EVENT]))
    assert len([e for e in events if "closed_by_link" in e.body_text or "Closed" in e.body_text]) == 1
    assert site.woken


async def test_the_page_speaks_the_language_of_the_mail(site: Site) -> None:
    """Whatever the browser is set to: the customer may read the mail on another machine."""
    number, _ = await solved(site)
    await site.answer(number, "#language de\n#solved\nBitte noch einmal versuchen.")
    path = await site.link(ERIKA, "close")
    page = await site.browser(accept_language="fr").get(path)
    assert "Dieses Ticket schließen?" in page.text
    assert '<html lang="de"' in page.html


async def test_a_reopened_ticket_can_be_closed_by_the_same_link(site: Site) -> None:
    """The link stays good for as long as it says."""
    number, path = await solved(site)
    await site.browser().send(path, {})
    await site.reply(ERIKA, number, "It burns again.")
    assert (await state(site, number)).status is Status.WAITING_ON_US
    await site.browser().send(path, {})
    assert (await state(site, number)).status is Status.CLOSED


async def test_an_expired_close_link_offers_other_ways(site: Site) -> None:
    """410 on GET and POST, by mail or by signing in; nothing of the ticket is shown any more."""
    number, path = await solved(site)
    browser = site.browser()
    form = await browser.get(path)
    site.clock.forward(days=31)
    for page in (await browser.get(path), await browser.post(path, {"mark": form.field("mark")})):
        assert page.status == 410
        assert "#close" in page.text
        assert "/tickets" in page.hrefs
        assert "Printer" not in page.text
    assert (await state(site, number)).status is Status.SOLVED


async def test_an_expired_close_link_offers_only_what_there_is(open_site: Opened) -> None:
    """To close a ticket on its page takes the form there."""
    for replies in (True, False):
        site = await open_site(portal={"allow_replies": replies})
        _, path = await solved(site)
        site.clock.forward(days=31)
        page = await site.browser().get(path)
        assert ("close it there" in page.text) is replies
        assert "#close" in page.text


@pytest.mark.parametrize("sign", [".", ")", ">", "/", "=", ",", '"', "%20", "%3E.", "\u201d", "]/"])
async def test_signs_behind_a_link_are_no_part_of_it(site: Site, sign: str) -> None:
    """As mail programs and people copy it: it shows the same page, and acts."""
    number, path = await solved(site)
    page = await site.browser().send(path + quote(sign, safe='%/.)>=,"]'), {})
    assert page.location == path
    assert (await state(site, number)).status is Status.CLOSED
    register = await site.link(ERIKA, "register")
    assert (await site.browser().get(register + quote(sign, safe='%/.)>=,"]'))).status == 200


async def test_a_wrong_close_link_closes_nothing(site: Site) -> None:
    """Cut or made up: 404, friendly."""
    number, path = await solved(site)
    expires = site.clock.now + timedelta(days=1)
    keys = site.policy.keys
    for wrong in (
        path[:-2],
        f"/close/{number}",
        "/close/%00",
        "/close/%F0%9F%8D%8F",
        f"/close/{token.link_token(keys, 'close', 'x', expires)}",
        f"/close/{token.link_token(keys, 'register', str(number), expires)}",
    ):
        page = await site.browser().get(wrong)
        assert page.status == 404, wrong
        assert "does not work" in page.text
    assert (await state(site, number)).status is Status.SOLVED


async def test_a_link_about_something_that_is_gone_says_so(site: Site) -> None:
    """Of a ticket there is none of, or of another one that had this number: 410, friendly, and nothing happens."""
    number, _ = await solved(site)
    keys, expires = site.policy.keys, site.clock.now + timedelta(days=1)
    for named_ in ("999", f"999.{'2' * 13}", str(number), f"{number}.{'2' * 13}"):
        for action in ("close", "rate"):
            end = "/5" if action == "rate" else ""
            path = f"/{action}/{token.link_token(keys, action, named_, expires)}{end}"
            page = await site.browser().get(path)
            assert page.status == 410, path
            assert "not here any more" in page.text
            assert "Printer" not in page.text
            # Without a form there is no mark of a form either.
            assert (await site.browser().send(path, {})).status == 403
    assert (await state(site, number)).status is Status.SOLVED


async def test_a_former_requester_closes_nothing(site: Site) -> None:
    """The link goes with whoever was sent it; a further address of the same person is theirs as well."""
    number, path = await solved(site)
    await site.answer(number, f"#requester {MAX}\n\nIt is yours now, Max.")
    for page in (await site.browser().get(path), await site.browser().send(path, {}, form_at="/sign-in")):
        assert page.status == 410
        assert "Printer" not in page.text
    assert (await state(site, number)).status is Status.WAITING_ON_CONTACT
    await site.answer(number, f"#solved\n#alias {ERIKA}\n\nPlease look again.")
    await site.room.answer(number, "#send")
    assert (await site.browser().send(path, {})).status == 303
    assert (await state(site, number)).status is Status.CLOSED


async def test_what_was_merged_into_anothers_request_closes_nothing(site: Site) -> None:
    """Neither by a button of a mail nor by one of a page, old or new; and nothing of the other is shown."""
    number, path = await solved(site)
    browser = await site.customer(ERIKA)
    on_page = next(h for h in (await browser.get(f"/tickets/{number}")).hrefs if "/close/" in h)
    keys, until = site.policy.keys, site.clock.now + timedelta(days=1)
    before_marks = f"/close/{token.link_token(keys, 'close', str(named(site.database, number)), until)}"
    other = await site.mail(MAX, "Kettle of Max")
    await site.answer(number, f"#merge {other}")
    await site.room.answer(number, "#send")
    await site.answer(other, "#solved\nPlease try again, both of you.")
    shown = await browser.get(f"/tickets/{number}")
    assert "We think your request is solved." in shown.text
    assert "please confirm" not in shown.text
    assert not [h for h in shown.hrefs if "/close/" in h]
    for link in (path, on_page, before_marks):
        for page in (await browser.get(link), await browser.send(link, {}, form_at="/tickets")):
            assert page.status == 410, link
            assert "Kettle" not in page.text
    assert (await state(site, other)).status is Status.SOLVED
    assert await site.sent(MAX, "closed") == []


async def test_a_page_that_was_open_closes_nothing_of_a_new_requester(site: Site) -> None:
    """The button on the page goes with whoever was shown it, as that of a mail does."""
    number, _ = await solved(site)
    browser = await site.customer(ERIKA)
    link = next(h for h in (await browser.get(f"/tickets/{number}")).hrefs if "/close/" in h)
    await site.answer(number, f"#requester {MAX}\n#solved\n\nIt is yours now, Max.")
    assert (await browser.send(link, {}, form_at="/tickets")).status == 410
    assert (await state(site, number)).status is Status.SOLVED


async def test_a_solved_ticket_can_be_confirmed_from_its_page(site: Site) -> None:
    """A link to the page that closes; the page itself acts on nothing."""
    number, _ = await solved(site)
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    confirm = next(h for h in page.hrefs if h.startswith("/close/"))
    await browser.send(confirm, {})
    page = await browser.get(f"/tickets/{number}")
    assert "Closed" in page.text
    assert not [h for h in page.hrefs if h.startswith("/close/")]


# --- the reply form -----------------------------------------------------------------------


@pytest.fixture
async def answering(open_site: Opened) -> Site:
    return await open_site(portal={"allow_replies": True})


async def test_a_reply_on_the_page_is_like_one_by_mail(answering: Site) -> None:
    """Correspondence, Waiting on us, agents told."""
    site = answering
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "Switch it off.")
    browser = await site.customer(ERIKA)
    told = len(await site.sent(ANNA, "agent_notice"))
    page = await browser.send(f"/tickets/{number}", {"text": "I did.\r\nIt burns."})
    assert page.location == f"/tickets/{number}?added=1"
    page = await browser.follow(page)
    assert "has been added" in page.text
    assert "I did.\nIt burns." in page.html
    assert (await state(site, number)).status is Status.WAITING_ON_US
    assert len(await site.sent(ANNA, "agent_notice")) == told + 1


async def test_a_reply_can_say_that_it_is_solved(answering: Site) -> None:
    """With text or without; the ticket closes by the requester."""
    site = answering
    numbers = {text: await site.mail(ERIKA, f"Printer {text}") for text in ("Thank you!", "")}
    browser = await site.customer(ERIKA)
    for text, number in numbers.items():
        await browser.send(f"/tickets/{number}", {"text": text, "solved": "yes"})
        assert (await state(site, number)).closed_by == "requester"
        said = await site.database.read(lambda tx, n=number: tx.reads.entries(n, [EntryKind.CORRESPONDENCE]))
        assert len(said) == (2 if text else 1)


async def test_a_double_click_adds_one_message(answering: Site) -> None:
    """The same form twice is one message, even when it closed the ticket."""
    site = answering
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    form = await browser.get(f"/tickets/{number}")
    fields = {"mark": form.field("mark"), "once": form.field("once"), "text": "Still burning.", "solved": "yes"}
    pages = await asyncio.gather(*(browser.post(f"/tickets/{number}", fields) for _ in range(3)))
    assert [p.status for p in pages] == [303, 303, 303]
    said = await site.database.read(lambda tx: tx.reads.entries(number, [EntryKind.CORRESPONDENCE]))
    assert len(said) == 2


async def test_an_empty_or_endless_reply_is_told_beside_the_field(answering: Site) -> None:
    """And what was written is still there."""
    site = answering
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    page = await browser.send(f"/tickets/{number}", {"text": " \r\n "})
    assert page.status == 422
    assert page.error("text")
    page = await browser.send(f"/tickets/{number}", {"text": "x" * 50_001})
    assert page.status == 422
    assert "x" * 50_001 in page.html


async def test_a_closed_ticket_cannot_be_answered_on_the_page(answering: Site) -> None:
    """No form; a form from before is refused, and the text is given back."""
    site = answering
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    mark = (await browser.get(f"/tickets/{number}")).field("mark")
    await site.answer(number, "#close\nDone.")
    assert "<textarea" not in (await browser.get(f"/tickets/{number}")).html
    page = await browser.post(f"/tickets/{number}", {"mark": mark, "text": "My <long> text"})
    assert page.status == 409
    assert "My &lt;long&gt; text</textarea>" in page.html
    assert (await state(site, number)).status is Status.CLOSED


async def test_what_was_written_survives_the_end_of_a_session(answering: Site) -> None:
    """Signed out in the meantime: the text is shown, to be copied, with the way to sign in."""
    site = answering
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    mark = (await browser.get(f"/tickets/{number}")).field("mark")
    site.clock.forward(hours=13)
    page = await browser.post(f"/tickets/{number}", {"mark": mark, "text": "My long text"})
    assert page.status == 401
    assert "My long text</textarea>" in page.html
    assert f"/sign-in?next=%2Ftickets%2F{number}" in page.hrefs
    said = await site.database.read(lambda tx: tx.reads.entries(number, [EntryKind.CORRESPONDENCE]))
    assert len(said) == 1


async def test_nobody_answers_on_the_ticket_of_another(answering: Site) -> None:
    """404, and nothing is added."""
    site = answering
    number = await site.mail(ERIKA, "Printer")
    own = await site.mail(MAX, "Mine")
    browser = await site.customer(MAX)
    mark = (await browser.get(f"/tickets/{own}")).field("mark")
    for target in (number, 999):
        page = await browser.post(f"/tickets/{target}", {"mark": mark, "text": "Hello", "solved": "yes"})
        assert page.status == 404
    assert (await state(site, number)).status is Status.NEW
