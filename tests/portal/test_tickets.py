"""What customers read: the list, a ticket, its messages and files."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import quote, unquote

import pytest

from gateway.core import move_entries, orders, sides, token
from gateway.core.commands import Order
from gateway.core.decision import EntryDraft
from gateway.core.lifecycle import Status, label, meaning
from gateway.core.ticket import EntryKind, Role
from gateway.mail.message import Address
from gateway.portal import acts
from storage.tx import Tx
from tests.conftest import named
from tests.portal.conftest import ERIKA, MAX, Opened, Site

PDF = b"%PDF-1.4 some bytes"
PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 40


async def test_the_list_shows_what_matters(site: Site) -> None:
    """Subject, reference, status with its meaning, creation, last activity; latest activity first."""
    first = await site.mail(ERIKA, "First")
    second = await site.mail(ERIKA, "Second")
    await site.answer(first, "Done?")
    page = await (await site.customer(ERIKA)).get("/tickets")
    assert page.text.index("First") < page.text.index("Second")
    for number in (first, second):
        assert token.reference(site.policy.keys, "RD", named(site.database, number)) in page.text
    assert "Waiting on you" in page.text
    assert f'title="{meaning(Status.NEW, "en")}"' in page.html
    assert "Created" in page.text
    assert "Last activity" in page.text
    assert 'datetime="2026-03-02T09:31+00:00"' in page.html


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=printer", ["Printer"]),
        ("q=PRINTER", ["Printer"]),
        ("q=smoke", ["Printer"]),
        ("q=%25", []),
        ("q=_", []),
        ("q=%00", ["Printer", "Invoice"]),
        ("status=waiting_on_contact", ["Invoice"]),
        ("status=open", ["Printer", "Invoice"]),
        ("status=closed", []),
        ("status=nonsense", ["Printer", "Invoice"]),
        ("q=printer&status=closed", []),
        ("page=-1", ["Printer", "Invoice"]),
        ("page=99999999999999999999", ["Printer", "Invoice"]),
        ("page=99999", []),
        ("page=%D9%A3", ["Printer", "Invoice"]),
    ],
)
async def test_the_list_is_filtered(site: Site, query: str, found: list[str]) -> None:
    """By text in subject and own messages, by status; nonsense filters nothing and breaks nothing."""
    await site.mail(ERIKA, "Printer", "There is smoke.")
    invoice = await site.mail(ERIKA, "Invoice", "It is wrong.")
    await site.answer(invoice, "Which one?")
    page = await (await site.customer(ERIKA)).get(f"/tickets?{query}")
    assert page.status == 200
    assert [name for name in ("Printer", "Invoice") if f"<bdi>{name}</bdi></a>" in page.html] == found


async def test_the_list_goes_on_on_further_pages(site: Site) -> None:
    """Twenty a page, the filter goes along."""
    for n in range(21):
        await site.mail(ERIKA, f"Ticket {n}")
    browser = await site.customer(ERIKA)
    page = await browser.get("/tickets?q=Ticket")
    assert sum(h.startswith("/tickets/") for h in page.hrefs) == 20
    (older,) = (h for h in page.hrefs if "page=2" in h and "lang" not in h)
    page = await browser.get("/tickets" + older)
    assert sum(h.startswith("/tickets/") for h in page.hrefs) == 1
    assert "?q=Ticket&page=1" in page.hrefs


async def test_a_new_customer_is_told_how_to_begin(site: Site) -> None:
    """No tickets: the page says to write to us."""
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    await site.database.write(lambda tx: tx.connection.exec_driver_sql("UPDATE ticket SET requester_key='x'"))
    page = await browser.get("/tickets")
    assert "no tickets yet" in page.text
    assert "mailto:support@example.com" in page.hrefs
    assert "Time zone: UTC" in page.text


async def test_a_ticket_shows_the_conversation_newest_first(site: Site) -> None:
    """New text alone, the message as it was sent one click away, agents by name."""
    number = await site.mail(ERIKA, "Printer", "It burns.", name="Erika Beispiel")
    await site.answer(number, "Switch it off.")
    await site.reply(ERIKA, number, "I did.\n\nOn Monday, Anna wrote:\n> Switch it off.\n", name="Erika Beispiel")
    page = await (await site.customer(ERIKA)).get(f"/tickets/{number}")
    body = page.html[page.html.index("</h1>") :]
    assert body.index("I did.") < body.index("Switch it off.</div>") < body.index("It burns.")
    assert body.count("Switch it off.") == 1
    assert "/entries/" in body
    assert "Anna Agent" in page.text
    assert "Erika Beispiel" in page.text
    assert label(Status.WAITING_ON_US, "en") in page.text
    assert meaning(Status.WAITING_ON_US, "en") in page.text


async def test_the_reply_button_is_addressed_and_carries_the_reference(site: Site) -> None:
    """mailto: to the ticket's own reply address."""
    number = await site.mail(ERIKA, "Grüße & mehr")
    page = await (await site.customer(ERIKA)).get(f"/tickets/{number}")
    (button,) = (h for h in page.hrefs if h.startswith("mailto:support+t"))
    assert token.reference(site.policy.keys, "RD", named(site.database, number)) in button
    assert "Grüße & mehr" in unquote(button)


async def test_a_closed_ticket_says_that_mail_reopens_it(site: Site) -> None:
    """The hint is there, and there is nothing to answer with on the page."""
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#close\nDone.")
    page = await (await site.customer(ERIKA)).get(f"/tickets/{number}")
    assert "If you reply by e-mail, we will take it up again" in page.text
    assert "<textarea" not in page.html


async def test_a_page_is_read_only_unless_the_site_says_otherwise(site: Site) -> None:
    """No form but the one to sign out, and a reply by POST is refused."""
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    assert page.html.count("<form") == 1
    refused = await browser.send(f"/tickets/{number}", {"text": "Hello?"})
    assert refused.status == 405
    assert refused.headers["allow"] == "GET, HEAD"


async def test_files_can_be_fetched_and_do_nothing(site: Site) -> None:
    """Listed with type and size; served as files, only pictures in place."""
    number = await site.mail(
        ERIKA,
        "Files",
        files=(
            ("Übersicht „2“.pdf", "application/pdf", PDF),
            ("photo.png", "image/png", PNG),
            ("page.html", "text/html", b"<script>alert(1)</script>"),
            ("drawing.svg", "image/svg+xml", b"<svg onload='alert(1)'/>"),
        ),
    )
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    assert "Übersicht „2“.pdf" in page.text
    assert "PDF file, 19 B" in page.text
    paths = [h for h in page.hrefs if "/files/" in h]
    assert len(paths) == 4
    photo, *others = [await browser.get(p) for p in paths]
    served = [others[0], photo, *others[1:]]
    assert served[0].data == PDF
    assert served[0].headers["content-type"] == "application/pdf"
    assert "filename*=UTF-8''%C3%9Cbersicht" in served[0].headers["content-disposition"]
    assert served[1].headers["content-disposition"].startswith("inline")
    for active in served[2:]:
        assert active.headers["content-type"] == "application/octet-stream"
    for answer in (served[0], *served[2:]):
        assert answer.headers["content-disposition"].startswith("attachment")
    for answer in served:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert answer.headers["cache-control"] == "no-store"


async def test_pictures_stand_where_they_stood_in_the_mail(site: Site) -> None:
    """The HTML view shows them by path, the ticket below the text; a logo that comes again is folded."""
    number = await site.mail(
        ERIKA, "Logo", html='<p>Look: <img src="cid:logo" alt="Logo"></p>', inline=(("logo", "image/png", PNG),)
    )
    await site.reply(ERIKA, number, "Again.", files=(("logo.png", "image/png", PNG),))
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    assert page.html.count("1 picture from the message") == 1
    assert page.html.count('loading="lazy"') == 1
    shown = page.html.partition('<img src="')[2].partition('"')[0]
    assert (await browser.get(shown)).data == PNG
    message = await browser.get(next(h for h in reversed(page.hrefs) if "/entries/" in h))
    picture = message.html.partition('<img alt="Logo" src="')[2].partition('"')[0] or next(
        p.partition('"')[0] for p in message.html.split('src="')[1:]
    )
    assert (await browser.get(picture)).data == PNG


async def test_a_long_message_is_whole_on_its_own_page(site: Site) -> None:
    """Cut on the ticket, said so, and complete one click away."""
    number = await site.mail(ERIKA, "Log", "\n".join(f"line {n}" for n in range(4000)) + "\nthe end")
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    assert "the end" not in page.text
    assert "on a page of its own" in page.text
    message = await browser.get(next(h for h in page.hrefs if "/entries/" in h))
    assert "the end" in message.text


async def test_what_a_message_does_not_show_is_said_in_the_visitors_language(site: Site) -> None:
    """And read out as such: nothing on the page claims to be English."""
    head = f"From: {ERIKA}\nTo: support@example.com\nSubject: Twice\nMessage-ID: <twice@example.net>\n"
    forms = "Content-Type: multipart/alternative; boundary=b\n\n--b\n\nText\n--b\n\nOther words\n--b--\n"
    number = await site.raw_mail(f"{head}MIME-Version: 1.0\n{forms}".encode(), ERIKA)
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}?lang=de")
    message = await browser.get(next(h for h in page.hrefs if "/entries/" in h))
    said = "Die Mail enthält ihren Text in einer zweiten Fassung"
    assert "Hier nicht angezeigt" in message.text
    assert said in message.text
    assert 'lang="en"' not in re.sub(r"<a [^>]*>", "", message.html)


async def test_old_messages_are_one_click_away(site: Site) -> None:
    """Fifty at first, all on demand."""
    number = await site.mail(ERIKA, "Long story", "the very first")
    for n in range(51):
        await site.reply(ERIKA, number, f"message {n}")
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    assert "the very first" not in page.text
    assert page.html.count("<article") == 50
    page = await browser.get(f"/tickets/{number}?all=1")
    assert "the very first" in page.text
    assert page.html.count("<article") == 52


async def test_old_messages_are_offered_though_a_newer_one_is_not_shown(site: Site) -> None:
    """What was for the former requester alone counts for nothing in what the next one is shown."""
    await site.mail(MAX, "Something else")
    number = await site.mail(ERIKA, "Contract")
    for n in range(52):
        await site.reply(ERIKA, number, f"word-{n}.")
    await site.answer(number, "#only\n\nYour code is 4711.")
    await site.answer(number, f"#requester {MAX}\n\nWe go on with you.")
    page = await (await site.customer(MAX)).get(f"/tickets/{number}")
    assert page.html.count("<article") == 50
    assert "?all=1" in page.hrefs


async def test_only_whoever_wrote_a_message_reads_you_beside_it(site: Site) -> None:
    """Of a former requester it is somebody else's; of a further address of one's own it is one's own."""
    await site.mail(MAX, "Something else")
    number = await site.mail(ERIKA, "Contract", "Please end it.")
    await site.answer(number, f"#requester {MAX}\n\nWe go on with you.")
    await site.reply(MAX, number, "Do not end it.")
    browser = await site.customer(MAX)
    page = await browser.get(f"/tickets/{number}")
    assert re.findall(r'class="message (\w+)"', page.html) == ["mine", "theirs", "other"]
    assert page.html.count('class="you"') == 1
    await site.answer(number, f"#alias {ERIKA}")
    await site.answer(number, "#send")
    assert (await browser.get(f"/tickets/{number}")).html.count('class="you"') == 2


async def test_originals_deleted_by_retention_are_said_to_be_gone(site: Site) -> None:
    """A file answers 410 with a friendly page; the message shows its stored text."""
    number = await site.mail(ERIKA, "Old", files=(("a.pdf", "application/pdf", PDF),))
    browser = await site.customer(ERIKA)
    hrefs = (await browser.get(f"/tickets/{number}")).hrefs
    with site.database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("DELETE FROM raw")
    file = await browser.get(next(h for h in hrefs if "/files/" in h))
    assert file.status == 410
    assert "retention" in file.text
    message = await browser.get(next(h for h in hrefs if "/entries/" in h))
    assert message.status == 200
    assert "It burns." in message.text


async def test_an_original_that_is_gone_is_not_shown_from_memory(site: Site) -> None:
    """Whoever looked at it before and after somebody it quotes was erased reads the text that is left."""
    number = await site.mail(ERIKA, "Old", "Mine.", html="<p>Mine.</p><blockquote>Max said no.</blockquote>")
    browser = await site.customer(ERIKA)
    href = next(h for h in (await browser.get(f"/tickets/{number}")).hrefs if "/entries/" in h)
    assert "Max said no." in (await browser.get(href)).text
    with site.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE raw SET data=NULL")
    page = await browser.get(href)
    assert page.status == 200
    assert "Mine." in page.text
    assert "Max said no." not in page.text


async def test_a_merged_ticket_leads_to_the_one_it_went_into(site: Site) -> None:
    """The link in an old mail still shows the conversation."""
    old, new = await site.mail(ERIKA, "Old"), await site.mail(ERIKA, "New")
    theirs = await site.mail(MAX, "Theirs")

    def merge(into: int) -> None:
        with site.database.engine.begin() as connection:
            connection.exec_driver_sql(f"UPDATE ticket SET merged_into={into} WHERE number={old}")

    browser = await site.customer(ERIKA)
    merge(new)
    assert (await browser.get(f"/tickets/{old}")).location == f"/tickets/{new}"
    merge(theirs)
    page = await browser.get(f"/tickets/{old}")
    assert page.status == 200
    assert "Theirs" not in page.text


async def test_a_merged_ticket_shows_the_own_side(open_site: Opened) -> None:
    """Its customer reads their own words, what we answered, and how it goes on; nothing of the other customer."""
    site = await open_site(portal={"allow_replies": True})
    theirs, mine = await site.mail(MAX, "Pump of Max"), await site.mail(ERIKA, "Pump of Erika", "The valve leaks.")

    def merge(tx: Tx) -> None:
        by = orders.OrderContext(tx.reads.get(mine), None, site.policy, site.clock.now)
        site.desk.effects.apply(tx, move_entries.merge(by, tx.reads.get(theirs)), "merge", site.clock.now)
        on = orders.OrderContext(tx.reads.get(theirs), None, site.policy, site.clock.now)
        side = sides.of_entry(on.ticket, "support@example.com", Role.AGENT)
        said = EntryDraft(EntryKind.CORRESPONDENCE, Address("support@example.com"), Role.AGENT, "For both.", side=side)
        answered = orders.carry_out(on, Order(), orders.Answer("For both.", said), "the shell")
        site.desk.effects.apply(tx, answered, "answer", site.clock.now)

    await site.database.write(merge)
    for who, number, own, other in ((ERIKA, mine, "Pump of Erika", MAX), (MAX, theirs, "Pump of Max", ERIKA)):
        browser = await site.customer(who)
        page = await browser.get(f"/tickets/{number}")
        assert page.status == 200
        assert own in page.text
        assert "For both." in page.text
        assert "Waiting on you" in page.text
        assert other not in page.text
        assert "Pump of Max" not in page.text or who == MAX
        assert "Pump of Erika" not in page.text or who == ERIKA
        # What was merged is answered by mail: a text on this page would have no ticket to go to.
        assert ("textarea" in page.html) is (who == MAX)
        for words in ("Max", "both", "valve") if who == MAX else ():
            found = await browser.get(f"/tickets?q={words}")
            assert (f"/tickets/{theirs}" in found.html) is (words != "valve"), words
    at = site.clock.now
    assert not await site.database.write(lambda tx: acts.close_by_link(site.desk, tx, mine, at))
    assert await site.database.write(lambda tx: acts.close_by_link(site.desk, tx, theirs, at))


async def test_what_was_merged_is_found_by_the_own_side(open_site: Opened, database_url: str) -> None:
    """By the own words, names of files and subject, also together, and by what was answered since; by no word of the
    other customer, nor of their subject."""
    site = await open_site(url=database_url)
    theirs = await site.mail(MAX, "Pump of Max", "The gasket is torn.")
    files = (("leaking-seal.pdf", "application/pdf", PDF),)
    mine = await site.mail(ERIKA, "Boiler", "The valve leaks.", files=files)
    await site.answer(mine, f"#merge {theirs}")
    await site.answer(mine, "#send")
    await site.reply(ERIKA, mine, "And the thermostat drips.")
    await site.reply(MAX, theirs, "Also the flange.")
    await site.answer(theirs, "A technician comes to everybody.")
    site.clock.forward(hours=1)
    browser = await site.customer(ERIKA)
    own = ("valve", "leaking-seal.pdf", "boiler", "boiler valve", "thermostat", "boiler drips")
    for words in (*own, "technician", "gasket", "flange", "pump", "pump valve", "max", "valve thermostat"):
        page = await browser.get(f"/tickets?q={quote(words)}")
        assert (f"/tickets/{mine}" in page.html) is (words in own or words == "technician"), words
        assert f"/tickets/{theirs}" not in page.html, words


async def test_files_are_fetched_wherever_their_message_went(site: Site) -> None:
    """Merged with somebody else's, and split off: those on the page, and the pictures within a message."""
    theirs = await site.mail(MAX, "Pump of Max")
    html = '<p>The valve <img src="cid:dot" alt="leaks"></p>'
    files = (("valve.pdf", "application/pdf", b"%PDF"),)
    number = await site.mail(ERIKA, "Pump", html=html, inline=(("dot", "image/png", PNG),), files=files)
    browser = await site.customer(ERIKA)

    async def fetched(number: int) -> list[int]:
        page = await browser.get(f"/tickets/{number}")
        message = await browser.get(next(h for h in page.hrefs if "/entries/" in h))
        paths = re.findall(r'"(/tickets/\d+/files/[\d/]+)"', page.html + message.html)
        return [(await browser.get(path)).status for path in paths]

    seen = await fetched(number)
    assert set(seen) == {200}
    await site.answer(number, f"#merge {theirs}")
    await site.answer(number, "#send")
    assert (await site.database.read(lambda tx: tx.reads.current(number))).number == theirs
    assert await fetched(number) == seen
    await site.answer(number, "#undo")
    await site.reply(ERIKA, number, "Another", html=html, inline=(("dot", "image/png", PNG),), files=files)
    assert set(await fetched(number)) == {200}
    await site.answer(number, "#split")
    assert await fetched(number + 1) == seen


async def test_what_was_for_the_requester_alone_is_not_for_the_next_one(site: Site) -> None:
    """Neither the page, nor its search, nor a later mail shows it to whoever is named as requester afterwards."""
    await site.mail(MAX, "Something else")
    number = await site.mail(ERIKA, "Contract")
    await site.answer(number, "#only\n\nYour code is 4711.")
    await site.answer(number, f"#requester {MAX}\n\nWe go on with you.")
    await site.answer(number, "#only\n\nYour code is 4812.")
    browser = await site.customer(MAX)
    page = await browser.get(f"/tickets/{number}")
    assert "We go on with you." in page.text
    assert "4812" in page.text
    assert "4711" not in page.text
    assert f"/tickets/{number}" not in (await browser.get("/tickets?q=4711")).html
    assert all("4711" not in mail for mail in await site.sent(MAX))


async def test_an_answer_point_by_point_shows_its_questions(site: Site) -> None:
    """With each answer the line it belongs to; who quoted a line from elsewhere reads it as well."""
    number = await site.mail(ERIKA, "My machine is broken.")
    await site.answer(number, "Which model is it?\nWhen did you buy it?")
    said = "> Which model is it?\nA DM-400.\n\n> Our lawyer says no.\nHe does.\n\n> When did you buy it?\nIn May."
    await site.reply(ERIKA, number, said)
    page = await (await site.customer(ERIKA)).get(f"/tickets/{number}")
    answer = page.text[page.text.index("A DM-400.") - 80 :]
    for words in ("> Which model is it? A DM-400.", "> Our lawyer says no. He does.", "> When did you buy it? In May."):
        assert words in " ".join(answer.split()), words


async def test_the_page_speaks_the_readers_language(site: Site) -> None:
    """The switch, then the contact, then the browser, then the site; the switch is kept on both."""
    number = await site.mail(ERIKA, "Hallo")
    german = site.browser(accept_language="sv, de-AT;q=0.9, en;q=0.1")
    assert "Passwort vergessen" in (await german.get("/sign-in")).text
    assert '<html lang="de">' in (await german.get("/sign-in")).html
    assert "Forgot" in (await site.browser(accept_language="sv").get("/sign-in")).text
    switched = await german.get("/sign-in?lang=en")
    assert "Forgot" in switched.text
    assert "Forgot" in (await german.get("/sign-in")).text
    assert "Forgot" in (await german.get("/sign-in?lang=xx")).text

    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}?lang=de")
    assert "Auf einen Blick" in page.text
    assert "2. März 2026, 09:31" in page.text
    elsewhere = site.browser(accept_language="en")
    await site.sign_in(elsewhere, ERIKA)
    assert "Meine Tickets" in (await elsewhere.get("/tickets")).text


async def test_another_site_cannot_change_the_language_of_a_contact(site: Site) -> None:
    """A link from elsewhere changes what this browser sees, not how we write to the customer."""
    await site.mail(ERIKA, "Hallo")
    browser = await site.customer(ERIKA)
    await browser.get("/tickets?lang=de", sec_fetch_site="cross-site")
    await asyncio.sleep(0.1)
    assert (await site.database.read(lambda tx: tx.contacts.get(ERIKA))).language == ""


async def test_dates_are_in_the_sites_time_zone(open_site: Opened) -> None:
    """gateway.timezone counts."""
    site = await open_site(gateway={"timezone": "Europe/Berlin"})
    await site.mail(ERIKA, "Hello")
    page = await (await site.customer(ERIKA)).get("/tickets")
    assert 'title="2 Mar 2026, 10:31">just now<' in page.html
