"""What is written on a page is a mail: in the journal before the page says so, decided by the same rules."""

from __future__ import annotations

from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage

import pytest

from gateway.core.lifecycle import Status
from gateway.core.ticket import EntryKind
from gateway.errors import StorageUnavailable
from tests.portal.conftest import ANNA, ERIKA, MAX, Opened, Site

PNG = b"\x89PNG\r\n\x1a\n--\r\n\r\n" + bytes(range(256))


@pytest.fixture
async def writing(open_site: Opened) -> Site:
    return await open_site(portal={"allow_replies": True, "allow_requests": True})


def _mail(raw: bytes) -> EmailMessage:
    found = message_from_bytes(raw, policy=email_policy.default)
    assert isinstance(found, EmailMessage)
    return found


async def test_a_new_request_is_a_mail_from_the_customer(writing: Site) -> None:
    """To the mailbox, with files byte for byte; the ticket is shown, acknowledged and announced as any other."""
    site = writing
    await site.mail(ERIKA, "First")
    browser = await site.customer(ERIKA)
    assert "/new" in (await browser.get("/tickets")).hrefs
    files = (("Bild „ü“.png", "image/png", PNG), ("a.html", "text/html", b"<script>"))
    page = await browser.upload(
        "/new", {"subject": "Grüße\r\nBcc: x@example.org", "text": "It burns.\r\n.\r\nFrom here"}, files
    )
    assert page.location == "/tickets/2?added=1"
    page = await browser.follow(page)
    assert "It burns.\n.\nFrom here" in page.html
    paths = [h for h in page.hrefs if "/files/" in h]
    assert (await browser.get(paths[0])).data == PNG
    (raw,) = site.accepted
    mail = _mail(raw)
    assert mail["from"] == ERIKA
    assert mail["to"] == "Example Support <support@example.com>"
    assert mail["subject"] == "Grüße Bcc: x@example.org"
    assert mail["bcc"] is None
    assert len(await site.sent(ERIKA, "request_received")) == 2
    assert "It burns." in (await site.sent(ANNA, "agent_notice"))[-1]
    assert not await site.room.broken()


async def test_a_reply_takes_files_and_may_close(writing: Site) -> None:
    """The entry holds both; the requester closed it."""
    site = writing
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    page = await browser.upload(
        f"/tickets/{number}", {"text": "Works.", "solved": "yes"}, (("a.png", "image/png", PNG),)
    )
    assert page.location == f"/tickets/{number}?added=1"
    ticket = await site.database.read(lambda tx: tx.reads.get(number))
    assert (ticket.status, ticket.closed_by) == (Status.CLOSED, "requester")
    said = await site.database.read(lambda tx: tx.reads.entries(number, [EntryKind.CORRESPONDENCE]))
    assert said[-1].body_text == "Works."
    assert [a.filename for a in said[-1].attachments] == ["a.png"]


async def test_a_page_says_of_a_message_what_is_true(writing: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A tick adds none; one that is not decided about yet has arrived and is not there."""
    site = writing
    number, other = await site.mail(ERIKA, "Printer"), await site.mail(ERIKA, "Scanner")
    browser = await site.customer(ERIKA)
    page = await browser.follow(await browser.upload(f"/tickets/{number}", {"solved": "yes"}))
    assert "Your message" not in page.text
    assert "Closed" in page.text
    monkeypatch.setattr("gateway.portal.write.LOOKS", 0)
    for path, at in ((f"/tickets/{other}", f"/tickets/{other}"), ("/new", "/tickets")):
        page = await browser.follow(await browser.upload(path, {"text": "It burns."}))
        assert page.path == at
        assert "Your message has arrived." in page.text


async def test_a_closed_ticket_is_gone_on_with(writing: Site) -> None:
    """On the page for it: as a mail would, it opens the ticket again."""
    site = writing
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#close\nDone.")
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    path = f"/new?about={number}"
    assert path in page.hrefs
    assert "Printer" in (await browser.get(path)).text
    page = await browser.upload(path, {"text": "It burns again."})
    assert page.location == f"/tickets/{number}?added=1"
    assert (await site.database.read(lambda tx: tx.reads.get(number))).status is Status.WAITING_ON_US


async def test_a_form_that_is_sent_twice_is_one_mail(writing: Site) -> None:
    """However late the second comes, and though the first opened the ticket again; with other words it is another."""
    site = writing
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#close\nDone.")
    browser = await site.customer(ERIKA)
    for path, words in ((f"/new?about={number}", "It burns again."), (f"/tickets/{number}", "And smokes.")):
        form = await browser.get(path)
        fields = {"mark": form.field("mark"), "once": form.field("once"), "text": words}
        for text in (words, words, f"{words} Really."):
            page = await browser.post(path, {**fields, "text": text})
            assert page.location == f"/tickets/{number}?added=1"
            site.clock.forward(seconds=5)
    said = await site.database.read(lambda tx: tx.reads.entries(number, [EntryKind.CORRESPONDENCE]))
    written = ["It burns again.", "It burns again. Really.", "And smokes.", "And smokes. Really."]
    assert [e.body_text for e in said[-4:]] == written
    assert len(said) == 6


async def test_words_about_a_ticket_that_was_reopened_meanwhile_are_for_it(writing: Site) -> None:
    """They make no request of their own."""
    site = writing
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#close\nDone.")
    browser = await site.customer(ERIKA)
    path = f"/new?about={number}"
    form = await browser.get(path)
    await site.answer(number, "#reopen")
    page = await browser.post(path, {"mark": form.field("mark"), "once": form.field("once"), "text": "It burns again."})
    assert page.location == f"/tickets/{number}?added=1"


async def test_a_reply_goes_on_where_the_ticket_does(writing: Site) -> None:
    """From a page that was open while it was merged: with the customer's own ticket, and with another's."""
    site = writing
    browser = None
    for owner in (ERIKA, MAX):
        target, number = await site.mail(owner, "Pump"), await site.mail(ERIKA, "Boiler")
        browser = browser or await site.customer(ERIKA)
        form = await browser.get(f"/tickets/{number}")
        await site.answer(number, f"#merge {target}")
        await site.answer(number, "#send")
        fields = {"mark": form.field("mark"), "once": form.field("once"), "text": "It burns again."}
        page = await browser.post(f"/tickets/{number}", fields)
        assert page.location == f"/tickets/{number}?added=1"
        page = await browser.follow(page)
        page = await browser.follow(page) if page.location else page
        assert "Your message has been added." in page.text
        assert "It burns again." in page.text
        said = await site.database.read(lambda tx, on=target: tx.reads.entries(on, [EntryKind.CORRESPONDENCE]))
        assert said[-1].body_text == "It burns again."


@pytest.mark.parametrize("text", ["", "Thank you."])
async def test_a_tick_on_a_page_from_before_a_merge_is_heard(writing: Site, text: str) -> None:
    """What is part of somebody else's request by then is not theirs to close, but agents read that they wish it."""
    site = writing
    target, number = await site.mail(MAX, "Pump"), await site.mail(ERIKA, "Boiler")
    browser = await site.customer(ERIKA)
    form = await browser.get(f"/tickets/{number}")
    await site.answer(number, f"#merge {target}")
    await site.answer(number, "#send")
    fields = {"mark": form.field("mark"), "once": form.field("once"), "solved": "yes", "text": text}
    page = await browser.post(f"/tickets/{number}", fields)
    assert page.location == f"/tickets/{number}?added=1"
    told = (await site.sent(ANNA, "agent_notice"))[-1]
    assert "I consider this solved" in told
    assert text in told
    assert (await site.database.read(lambda tx: tx.reads.get(target))).status is not Status.CLOSED
    await site.answer(target, "#close")
    again = await browser.post(f"/tickets/{number}", {**fields, "once": form.field("once")[::-1], "text": ""})
    assert again.location == f"/tickets/{number}"


@pytest.mark.parametrize("requests", [True, False])
async def test_what_comes_too_late_for_a_ticket_is_not_lost(open_site: Opened, requests: bool) -> None:
    """It was closed meanwhile: the text stands in the form that takes it up again, else to be copied; and the page
    says that no file was taken."""
    site = await open_site(portal={"allow_replies": True, "allow_requests": requests})
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    form = await browser.get(f"/tickets/{number}")
    await site.answer(number, "#close\nDone.")
    fields = {"mark": form.field("mark"), "once": form.field("once"), "text": "It burns again."}
    page = await browser.upload(f"/tickets/{number}", fields, (("a.png", "image/png", PNG),))
    assert page.status == 409
    assert "It burns again.</textarea>" in page.html
    assert "files" in (page.error("text") if requests else page.text)
    assert not site.accepted
    if requests:
        path = f"/new?about={number}"
        assert f'action="{path}"' in page.html
        again = {"mark": page.field("mark"), "once": page.field("once"), "text": "It burns again."}
        assert (await browser.post(path, again)).location == f"/tickets/{number}?added=1"


@pytest.mark.parametrize("form", ["with its field", "of a site's own template"])
async def test_an_answer_to_words_for_one_alone_is_for_us_alone(writing: Site, form: str) -> None:
    """As by mail: what stood last on the page the form was on was for the requester alone."""
    site = writing
    number = await site.mail(ERIKA, "Printer", Cc=MAX)
    browser = await site.customer(ERIKA)
    await site.answer(number, "#only\nYour account?")
    page = await browser.get(f"/tickets/{number}")
    answers = {"answers": page.field("answers")} if form == "with its field" else {}
    if answers:
        await site.reply(MAX, number, "Hello all.")
    await browser.upload(f"/tickets/{number}", {"text": "MY-ACCOUNT", **answers})
    assert f"This stays between {ERIKA} and us" in (await site.sent(ANNA, "agent_notice"))[-1]
    await browser.upload(f"/tickets/{number}", {"text": "MY-SECOND", **answers})
    await site.answer(number, "Done.")
    to_max = "\n".join(await site.sent(MAX))
    assert "Done." in to_max
    assert "MY-ACCOUNT" not in to_max
    assert "MY-SECOND" not in to_max
    page = await browser.get(f"/tickets/{number}")
    await browser.upload(f"/tickets/{number}", {"text": "FOR-ALL", "answers": page.field("answers")})
    await site.answer(number, "Good.")
    assert "FOR-ALL" in "\n".join(await site.sent(MAX))
    assert not await site.room.broken()


async def test_a_form_with_an_error_leads_to_older_messages(writing: Site) -> None:
    """As the page it was on did."""
    site = writing
    number = await site.mail(ERIKA, "Printer")
    for n in range(50):
        await site.reply(ERIKA, number, f"word-{n}.")
    page = await (await site.customer(ERIKA)).upload(f"/tickets/{number}", {"text": " "})
    assert (page.status, page.html.count("<article")) == (422, 50)
    assert "?all=1" in page.hrefs


async def test_a_ticket_closed_too_long_is_followed_by_another(open_site: Opened) -> None:
    """Linked, as with a mail."""
    site = await open_site(portal={"allow_requests": True}, lifecycle={"reopen_window_days": 5})
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#close\nDone.")
    site.clock.forward(days=6)
    browser = await site.customer(ERIKA)
    page = await browser.upload(f"/new?about={number}", {"subject": "Printer", "text": "It burns again."})
    assert page.location == f"/tickets/{number + 1}?added=1"
    assert (await site.database.read(lambda tx: tx.reads.get(number + 1))).follows == number


async def test_without_leave_there_is_no_form(site: Site) -> None:
    """Neither shown nor taken, and a request begins by mail."""
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    page = await browser.get("/tickets")
    assert "/new" not in page.hrefs
    assert "mailto:support@example.com" in page.hrefs
    assert (await browser.get("/new")).status == 404
    assert (await browser.upload("/new", {"text": "x"}, form_at="/tickets")).status == 404
    assert (await browser.upload(f"/tickets/{number}", {"text": "x"}, form_at="/tickets")).status == 405
    assert not site.accepted


async def test_another_ticket_is_not_gone_on_with(writing: Site) -> None:
    """404 for whoever does not own it; a closed one of somebody else is nobody's business."""
    site = writing
    number = await site.mail(MAX, "Secret")
    await site.answer(number, "#close\nDone.")
    await site.mail(ERIKA, "Mine")
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/new?about={number}")
    assert page.status == 404
    assert "Secret" not in page.html
    assert (await browser.upload(f"/new?about={number}", {"text": "x"}, form_at="/new")).status == 404


async def test_too_large_files_cost_no_word(open_site: Opened) -> None:
    """The page says what the most is and gives the text back; nothing is taken."""
    site = await open_site(portal={"allow_requests": True}, limits={"max_message_bytes": 4_000_000})
    await site.mail(ERIKA, "First")
    browser = await site.customer(ERIKA)
    files = (("big.bin", "application/octet-stream", b"x" * 2_400_000),)
    page = await browser.upload("/new", {"subject": "Big", "text": "My long text"}, files)
    assert page.status == 413
    assert "2 MB in all" in page.error("text")
    assert "My long text</textarea>" in page.html
    assert page.field("subject") == "Big"
    assert not site.accepted


async def test_a_database_that_is_away_costs_no_word(writing: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with the text to be copied, whether the visitor could be looked up or only the journal fails."""
    site = writing
    number = await site.mail(ERIKA, "Printer")
    browser = await site.customer(ERIKA)
    path = f"/tickets/{number}"
    mark = (await browser.get(path)).field("mark")

    async def away(*_: object) -> None:
        raise StorageUnavailable("the disk is full")

    for verb in ("write", "read"):
        monkeypatch.setattr(site.database, verb, away)
        page = await browser.post(path, {"mark": mark, "text": "My <long> text"})
        assert page.status == 503
        assert page.headers["retry-after"]
        assert "My &lt;long&gt; text</textarea>" in page.html
        assert "try again in a minute" in page.text


async def test_a_session_that_ended_costs_no_word(writing: Site) -> None:
    """However large the files are, the text that came before them is shown."""
    site = writing
    await site.mail(ERIKA, "First")
    browser = await site.customer(ERIKA)
    files = (("big.bin", "application/octet-stream", b"x" * 1_000_000),)
    await browser.get("/new")
    site.clock.forward(hours=13)
    page = await browser.upload("/new", {"text": "My long text"}, files)
    assert page.status == 401
    assert "My long text</textarea>" in page.html
    assert "/sign-in?next=%2Fnew" in page.hrefs


async def test_a_way_back_to_a_form_keeps_what_it_is_about(writing: Site) -> None:
    """From the sign-in, and where the form is not taken: what is written then is for that ticket."""
    site = writing
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "#close\nDone.")
    browser = await site.customer(ERIKA)
    path = f"/new?about={number}"
    page = await browser.post(path, {"mark": "none of ours", "text": "It burns again."})
    assert (page.status, path in page.hrefs) == (403, True)
    await browser.get("/new")
    site.clock.forward(hours=13)
    assert f"/sign-in?next=%2Fnew%3Fabout%3D{number}" in (await browser.upload(path, {"text": "It burns."})).hrefs
    page = await browser.upload(path, {"text": ""}, (("a.png", "image/png", PNG),))
    assert page.location == f"/sign-in?next=%2Fnew%3Fabout%3D{number}"


async def test_nobody_floods_from_a_page(writing: Site) -> None:
    """Thirty an hour; the text of the next is given back."""
    site = writing
    await site.mail(ERIKA, "First")
    browser = await site.customer(ERIKA)
    contact = await site.database.read(lambda tx: tx.contacts.get(ERIKA))
    window = site.app.state.portal.limits.write_contact
    for _ in range(30):
        window.add(contact.key, site.clock.now.timestamp())
    page = await browser.upload("/new", {"text": "One more"})
    assert page.status == 429
    assert "One more</textarea>" in page.html


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x", b"no edge"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: attachment\r\n\r\n1\r\n--x--"),
        (
            "multipart/form-data; boundary=x",
            b"\r\n--x".join([b"--x", *[b'\r\nContent-Disposition: form-data; name="a"\r\n\r\n1'] * 30, b"--"])[3:],
        ),
    ],
    ids=["no boundary", "no form", "no name", "too many"],
)
async def test_a_body_that_no_browser_sends_is_refused(writing: Site, kind: str, body: bytes) -> None:
    """A friendly page, never a fault."""
    await writing.mail(ERIKA, "First")
    browser = await writing.customer(ERIKA)
    page = await browser.ask("POST", "/new", body, {"content-type": kind})
    assert page.status == 400
    assert "<h1>" in page.html


async def test_a_form_that_is_cut_acts_on_nothing(writing: Site) -> None:
    """What came of it is no mail: the mark stands at its end."""
    await writing.mail(ERIKA, "First")
    browser = await writing.customer(ERIKA)
    cut = b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nHalf of'
    page = await browser.ask("POST", "/new", cut, {"content-type": "multipart/form-data; boundary=x"})
    assert page.status in (400, 403)
    counts = await writing.database.read(lambda tx: tx.journal.counts())
    assert sum(counts.values()) == 1
