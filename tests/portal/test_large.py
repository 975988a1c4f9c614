"""Files too large for a mail, fetched by the link in it."""

from __future__ import annotations

from datetime import timedelta

from gateway.core import token
from gateway.send.enclose import link
from storage.erasure.retention import Retention
from storage.outbox import OutboxEntry, State
from storage.tx import Tx
from tests.portal.conftest import ANNA, ERIKA, Site

PDF = b"%PDF-1.4 " + bytes(range(256)) * 40


async def told(site: Site) -> OutboxEntry:
    """A customer sent a file; the notice to the agent that has it."""
    await site.mail(ERIKA, "Bill", files=(("bill größer.pdf", "application/pdf", PDF), ("x.html", "text/html", b"<p>")))
    rows = await site.database.read(lambda tx: tx.outbox.recent(limit=10))
    return next(r for r in rows if r.recipient == ANNA)


def path(site: Site, row: OutboxEntry, index: int = 0) -> str:
    return link(site.policy, row, index).removeprefix(site.policy.public_url)


async def test_an_agent_fetches_a_file_without_signing_in(site: Site) -> None:
    """Byte for byte and under its name, as often as wanted; never as a page of ours."""
    row = await told(site)
    for _ in range(2):
        page = await site.browser().get(path(site, row))
        assert (page.status, page.data) == (200, PDF)
        assert page.headers["content-type"] == "application/pdf"
        assert "bill%20gr%C3%B6%C3%9Fer.pdf" in page.headers["content-disposition"]
    page = await site.browser().get(path(site, row, 1))
    assert (page.data, page.headers["content-type"]) == (b"<p>", "application/octet-stream")
    assert page.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in page.headers["content-security-policy"]


async def test_a_wrong_link_shows_a_friendly_page(site: Site) -> None:
    """Cut, made for something else, for a mail or a file there is none of; who is signed in is led to their tickets."""
    row = await told(site)
    keys, later = site.policy.keys, site.clock.now + timedelta(days=1)
    for wrong in (
        path(site, row)[:-1],
        path(site, row, 2),
        "/file/%00",
        f"/file/{token.link_token(keys, 'close', f'{row.id}.0', later)}",
        f"/file/{token.link_token(keys, 'file', f'{row.id}', later)}",
        f"/file/{token.link_token(keys, 'file', f'-1.{row.named}', later)}",
    ):
        page = await site.browser().get(wrong)
        assert page.status == 404, wrong
        assert "does not work" in page.text
        assert "/tickets" not in page.hrefs
    assert "/tickets" in (await (await site.customer(ERIKA)).get(path(site, row)[:-1])).hrefs


async def test_a_link_to_a_mail_that_is_gone_says_so(site: Site) -> None:
    """Of a mail there is none of, or of another one that had this number: 410, friendly."""
    row = await told(site)
    keys, later = site.policy.keys, site.clock.now + timedelta(days=1)
    for subject in ("4711.0", f"0.4711.{'2' * 13}", f"{row.id}.0", f"0.{row.id}.{'2' * 13}"):
        page = await site.browser().get(f"/file/{token.link_token(keys, 'file', subject, later)}")
        assert page.status == 410, subject
        assert "not here any more" in page.text


async def test_the_link_expires(site: Site) -> None:
    """410, and the page says how to get the file."""
    row = await told(site)
    site.clock.forward(days=31)
    page = await site.browser().get(path(site, row))
    assert page.status == 410
    assert "send you the file again" in page.text


async def test_a_file_retention_took_is_told_as_such(site: Site) -> None:
    """410, not an error."""
    row = await told(site)
    now = site.clock.forward(days=2)

    def send_and_forget(tx: Tx) -> None:
        for sent, _ in tx.claims.take("test", 100, 60, now):
            tx.claims.settle(sent.id, "test", State.SENT, "250 2.0.0 OK", now=now)
        Retention(tx.connection).raw(now, now)

    await site.database.write(send_and_forget)
    page = await site.browser().get(path(site, row))
    assert page.status == 410
    assert "no longer kept" in page.text
