"""Nobody sees what is not theirs: other customers' tickets, agents' matters, who is a customer at all."""

from __future__ import annotations

import re
from email import message_from_bytes
from email.message import EmailMessage

import pytest

from gateway.core import token
from gateway.core.ticket import EntryKind
from tests.conftest import named
from tests.portal.browser import Page
from tests.portal.conftest import ANNA, ERIKA, MAX, Opened, Site

SECRET = "the customer is a nuisance"


def same(page: Page) -> bytes:
    """The answer without what belongs to this one request."""
    return re.sub(rb'value="[0-9a-f]{64}"', b"", page.data)


async def test_another_customers_ticket_is_as_if_it_were_not_there(site: Site) -> None:
    """Ticket, message, file: byte for byte the page of a number that was never given."""
    number = await site.mail(ERIKA, "Erika's secret", files=(("a.txt", "text/plain", b"x"),))
    own = await site.mail(MAX, "Mine")
    entry = (await site.database.read(lambda tx: tx.reads.entries(number)))[0].id
    browser = await site.customer(MAX)
    for theirs, never in (
        (f"/tickets/{number}", "/tickets/987654"),
        (f"/tickets/{number}/entries/{entry}", f"/tickets/987654/entries/{entry}"),
        (f"/tickets/{number}/entries/{entry}", f"/tickets/{number}/entries/987654"),
        (f"/tickets/{own}/entries/{entry}", f"/tickets/{own}/entries/987654"),
        (f"/tickets/{number}/files/{entry}/1", "/tickets/987654/files/1/1"),
        (f"/tickets/{own}/files/{entry}/1", f"/tickets/{own}/files/987654/1"),
    ):
        found, missing = await browser.get(theirs), await browser.get(never)
        assert found.status == missing.status == 404
        assert found.data == missing.data
        assert found.headers.keys() == missing.headers.keys()
    listed = await browser.get("/tickets?q=secret")
    assert "Erika" not in listed.text


async def test_a_participant_does_not_see_the_ticket(site: Site) -> None:
    """Colleagues in Cc get mails; the page is the requester's."""
    m = EmailMessage()
    m["From"], m["To"], m["Cc"], m["Subject"] = ERIKA, "support@example.com", f"Max <{MAX}>", "Printer"
    m["Message-ID"] = "<1@mail.example.net>"
    m.set_content("It burns.")
    number = await site.raw_mail(m.as_bytes(), ERIKA)
    await site.mail(MAX, "Mine")
    page = await (await site.customer(ERIKA)).get(f"/tickets/{number}")
    assert f"Max ({MAX})" in page.text
    assert (await (await site.customer(MAX)).get(f"/tickets/{number}")).status == 404


@pytest.mark.parametrize(
    "number", ["0", "-1", "1e3", "01", "99999999999999999999", "%D9%A1", "1/", "1%2F2", "..", "%2e%2e"]
)
async def test_a_number_that_is_none_is_not_found(site: Site, number: str) -> None:
    """No fault, no other page, whatever stands where a number should."""
    await site.mail(ERIKA, "Hello")
    browser = await site.customer(ERIKA)
    for path in (f"/tickets/{number}", f"/tickets/1/entries/{number}", f"/tickets/1/files/1/{number}"):
        assert (await browser.get(path)).status == 404


async def test_what_agents_say_among_themselves_stays_there(site: Site) -> None:
    """No comment, event, report, automatic entry, evidence or agent's address on any page, nor found by search."""
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, f"#note {SECRET}")
    await site.answer(number, "Switch it off.")
    auto = EmailMessage()
    auto["From"], auto["Subject"], auto["Auto-Submitted"] = ERIKA, "Out of office", "auto-replied"
    auto["To"] = f"support+{token.address_token(site.policy.keys, 't', named(site.database, number))}@example.com"
    auto["Message-ID"] = "<auto@mail.example.net>"
    auto.set_content("I am on the beach.")
    await site.raw_mail(auto.as_bytes(), ERIKA)
    entries = await site.database.read(lambda tx: tx.reads.entries(number))
    kinds = {e.kind for e in entries}
    assert {EntryKind.COMMENT, EntryKind.AUTOMATIC} <= kinds
    browser = await site.customer(ERIKA)
    seen = [await browser.get("/tickets"), await browser.get(f"/tickets/{number}?all=1")]
    for entry in entries:
        page = await browser.get(f"/tickets/{number}/entries/{entry.id}")
        assert (page.status == 200) == (entry.kind is EntryKind.CORRESPONDENCE)
        seen.append(page)
    for page in seen:
        for secret in (SECRET, ANNA, "bob@example.com", "beach", "#note", "reply-address", "Assigned"):
            assert secret not in page.html, secret
    assert "Switch it off." in seen[1].text
    for word in ("nuisance", "beach", ANNA):
        assert "No ticket matches" in (await browser.get(f"/tickets?q={word}")).text


async def test_what_an_agent_quotes_is_not_shown(site: Site) -> None:
    """An agent's mail holds the notice it answers, with comments: only the answer leaves it."""
    number = await site.mail(ERIKA, "Printer")
    quoted = f"Switch it off.\n\n#close\n\nOn Monday Example Support wrote:\n> Bob: {SECRET}\n> Evidence: claim\n"
    await site.answer(number, quoted.replace("#close\n\n", ""), files=(("plan.txt", "text/plain", b"plan"),))
    browser = await site.customer(ERIKA)
    entries = await site.database.read(lambda tx: tx.reads.entries(number, [EntryKind.CORRESPONDENCE]))
    for path in (f"/tickets/{number}", f"/tickets/{number}/entries/{entries[-1].id}"):
        page = await browser.get(path)
        assert "Switch it off." in page.text
        assert SECRET not in page.html
    assert "No ticket matches" in (await browser.get("/tickets?q=nuisance")).text


@pytest.mark.parametrize(
    "text",
    [
        f"Yes, it smokes.\n\nOn Monday Anna Agent wrote:\n> {SECRET}\n> Your colleague.\n",
        f"> {SECRET}\n\nYes, it smokes.\n\n> Where does it stand?\n\nUpstairs.\n",
    ],
)
async def test_what_others_quote_is_on_no_page(site: Site, text: str) -> None:
    """Whoever takes part answers with what an agent had sent to them alone: it is left out of the message, too."""
    number = await site.mail(ERIKA, "Printer", Cc=MAX)
    html = f"<p>Yes, it smokes.</p><blockquote type=cite>{SECRET}</blockquote>"
    await site.reply(MAX, number, text, html=html)
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    for shown in [page, *[await browser.get(h) for h in page.hrefs if "/entries/" in h]]:
        assert shown.status == 200
        assert SECRET not in shown.html
    assert "Yes, it smokes." in (await browser.get(next(h for h in page.hrefs if "/entries/" in h))).text
    assert "No ticket matches" in (await browser.get(f"/tickets?q={SECRET.split()[0]}")).text
    assert f"/tickets/{number}" in (await browser.get("/tickets?q=printer+smokes")).hrefs


@pytest.mark.parametrize("where", ["in the text", "behind a word"])
async def test_a_link_that_lets_somebody_else_in_is_on_no_page(site: Site, where: str) -> None:
    """Whoever becomes requester reads what the former one passed on to us, and does not get their account with it."""
    await site.mail(MAX, "Something else")
    link = f"{site.policy.public_url}/register/WyJlcmlrYSJd.rOsIqmOvSlujoiXXUA"
    text = f"What is this?\n\n{link}" if where == "in the text" else "What is this?\n\nYour link"
    html = f"<p>What is this?</p><p><a href='{link}'>Your link</a></p>"
    number = await site.mail(ERIKA, "Access", text, html=html)
    await site.answer(number, f"#requester {MAX}\n\nWe go on with you.")
    browser = await site.customer(MAX)
    page = await browser.get(f"/tickets/{number}")
    for shown in [page, *[await browser.get(h) for h in page.hrefs if "/entries/" in h]]:
        assert "What is this?" in shown.text
        assert "rOsIqmOvSlujoiXXUA" not in shown.html


async def test_a_notice_an_agent_attached_is_no_file_for_the_customer(site: Site) -> None:
    """Some mail programs reply with the notice as an attachment: it holds comments."""
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, f"#note {SECRET}")
    rows = await site.database.read(lambda tx: [r for r in tx.outbox.recent() if r.recipient == ANNA])
    notice = await site.database.read(lambda tx: tx.outbox.message(rows[0].id))
    m = EmailMessage()
    m["From"] = f"Anna <{ANNA}>"
    m["To"] = f"support+{token.address_token(site.policy.keys, 'a', named(site.database, number), ANNA)}@example.com"
    m["Subject"], m["Message-ID"] = "Re: Printer", "<agent@mail.example.com>"
    m.set_content("See the plan.")
    m.add_attachment(b"plan", maintype="application", subtype="pdf", filename="plan.pdf")
    m.add_attachment(message_from_bytes(notice, policy=m.policy))
    await site.raw_mail(m.as_bytes(), ANNA)
    page = await (await site.customer(ERIKA)).get(f"/tickets/{number}")
    assert "See the plan." in page.text
    assert "plan.pdf" in page.text
    assert page.html.count("/files/") == 1


async def test_an_answer_on_hold_is_not_shown_before_it_is_sent(open_site: Opened) -> None:
    """What the agent may still take back has not been said."""
    site = await open_site(policy={"hold_minutes": 10})
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "You are fired.")
    entries = await site.database.read(lambda tx: tx.reads.entries(number, [EntryKind.CORRESPONDENCE]))
    browser = await site.customer(ERIKA)
    assert "fired" not in (await browser.get(f"/tickets/{number}")).text
    assert "No ticket matches" in (await browser.get("/tickets?q=fired")).text
    assert (await browser.get(f"/tickets/{number}/entries/{entries[-1].id}")).status == 404
    site.clock.forward(minutes=10)
    assert "fired" in (await browser.get(f"/tickets/{number}")).text
    assert f"/tickets/{number}" in (await browser.get("/tickets?q=fired")).hrefs


async def test_an_agent_without_a_name_appears_as_the_mailbox(open_site: Opened) -> None:
    """Never by address."""
    site = await open_site(agents=[{"address": ANNA}])
    number = await site.mail(ERIKA, "Printer")
    await site.answer(number, "Switch it off.")
    page = await (await site.customer(ERIKA)).get(f"/tickets/{number}")
    assert ANNA not in page.html
    assert re.search(r"<h3[^>]*><span[^>]*>(Anna Agent|Example Support)</span>", page.html)


async def test_what_an_agent_forwarded_for_a_customer_shows_the_customers_text_only(open_site: Opened) -> None:
    """The raw mail is the agent's: its head, its remarks and its commands stay out of sight."""
    site = await open_site(policy={"trusted_authserv_ids": ("mx.example.com",)})
    m = EmailMessage()
    m["From"], m["To"], m["Subject"] = f"Anna <{ANNA}>", "support@example.com", "Fwd: Printer"
    m["Message-ID"] = "<fwd@mail.example.com>"
    m["Authentication-Results"] = "mx.example.com; dmarc=pass header.from=example.com"
    body = (
        f"#from {ERIKA}\n{SECRET}\n\n---------- Forwarded message ---------\nFrom: Erika <{ERIKA}>\n"
        f"Date: Mon, 2 Mar 2026 09:00:00 +0000\nSubject: Printer\nTo: <{ANNA}>\n\nIt burns.\n"
    )
    m.set_content(body)
    m.add_alternative(f"<pre>{body.replace('<', '&lt;')}</pre>", subtype="html")
    number = await site.raw_mail(m.as_bytes(), ANNA)
    ticket = await site.database.read(lambda tx: tx.reads.get(number))
    assert ticket.requester.key == ERIKA
    await site.mail(ERIKA, "to get the registration mail")
    browser = await site.customer(ERIKA)
    page = await browser.get(f"/tickets/{number}")
    assert "It burns." in page.text
    for shown in [page, *[await browser.get(h) for h in page.hrefs if "/entries/" in h]]:
        assert shown.status == 200
        assert SECRET not in shown.html
        assert "#from" not in shown.html
