"""Agents see a customer's tables as tables and pictures where they stand, and still read the same words."""

from __future__ import annotations

import re
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, Room, room

DOT = b"\x89PNG\r\n\x1a\n" + b"0" * 40
TABLE = (
    '<p>Good morning,</p><table border="1"><tr><th>Article</th><th align="right">Price</th></tr><tr><td>Toner</td>'
    '<td align="right">12.50</td></tr></table><p>It says: <img src="cid:disp" alt="Display shows E-42"></p>'
    '<p><img src="https://tracker.example/x.gif" alt="Newsletter"><script>alert(1)</script></p>'
)
TEXT = "Good morning,\n\nArticle | Price\nToner | 12.50\n\nIt says: [Display shows E-42]\n\n[Newsletter]\n"


async def _told(site: Room) -> EmailMessage:
    """The newest notice to Anna, as it leaves, without its files."""
    row = (await site.outbox("agent_notice", ANNA))[-1]
    data = await site.read(lambda tx: tx.outbox.message(row.id))
    found = message_from_bytes(data, policy=email_policy.default)
    assert isinstance(found, EmailMessage)
    return found


def _body(mail: EmailMessage, form: str) -> str:
    part = mail.get_body((form,))
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


async def test_a_table_stays_a_table(database: Database, clock: Clock, tmp_path: Path) -> None:
    """With its alignment; nothing remote and no script comes along; the text part says the same words."""
    site = room(database, clock, tmp_path)
    await site.mail(ERIKA, TEXT, html=TABLE, inline=(("disp", "image/png", DOT),))
    told = await _told(site)
    html = _body(told, "html")
    assert html.count("<td") - html.count('role="presentation"') >= 2
    assert "Toner</td>" in html
    assert 'align="right"' in html
    assert "tracker.example" not in html
    assert "alert(1)" not in html
    assert "[Newsletter]" in html
    assert "Toner | 12.50" in _body(told, "plain")


async def test_a_picture_stands_where_it_stood(database: Database, clock: Clock, tmp_path: Path) -> None:
    """By a Content-ID of ours, under which the very file goes along."""
    site = room(database, clock, tmp_path)
    await site.mail(ERIKA, TEXT, html=TABLE, inline=(("disp", "image/png", DOT),))
    row = (await site.outbox("agent_notice", ANNA))[-1]
    (file,) = row.files
    assert file.content_id
    assert f'src="cid:{file.content_id}"' in _body(await _told(site), "html")


async def test_a_picture_that_is_not_shown_is_named(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Its words are told as text where they are too much for markup; then the file hangs on the mail by its name."""
    site = room(database, clock, tmp_path)
    long = "<p>" + "word <b>by</b> word " * 4_000 + '<img src="cid:disp" alt="Display"></p>'
    await site.mail(ERIKA, "word by word " * 4_000 + "[Display]", html=long, inline=(("disp", "image/png", DOT),))
    row = (await site.outbox("agent_notice", ANNA))[-1]
    assert [f.content_id for f in row.files] == [""]
    assert row.files[0].filename in _body(await _told(site), "plain")


async def test_plain_formatting_is_told_as_text(database: Database, clock: Clock, tmp_path: Path) -> None:
    """Fonts and colours tell an agent nothing: only what text would lose goes as markup."""
    site = room(database, clock, tmp_path)
    await site.mail(ERIKA, "It burns.", html='<p style="color:red">It <b>burns</b>.</p>')
    assert "<b>burns" not in _body(await _told(site), "html")


async def test_an_answer_that_quotes_the_table_is_no_new_text(database: Database, clock: Clock, tmp_path: Path) -> None:
    """However the agent's program writes the quoted table, the customer gets the answer alone."""
    site = room(database, clock, tmp_path)
    number = (await site.mail(ERIKA, TEXT, html=TABLE, inline=(("disp", "image/png", DOT),))).ticket
    assert number
    told = _body(await _told(site), "html")
    quoted = "\n".join(f"> {line}" for line in ("Article  Price", "Toner    12.50", "It says: [cid:x]"))
    await site.answer(
        number,
        f"It is 11 now.\n\nOn Monday, Example Support wrote:\n{quoted}\n",
        html=f"<p>It is 11 now.</p><p>On Monday, Example Support wrote:</p><blockquote>{told}</blockquote>",
    )
    row = (await site.outbox("reply", ERIKA))[-1]
    data = await site.read(lambda tx: tx.outbox.message(row.id))
    sent = message_from_bytes(data, policy=email_policy.default)
    assert isinstance(sent, EmailMessage)
    answer, _, past = _body(sent, "plain").partition("The conversation so far")
    assert "It is 11 now." in answer
    assert "Toner" not in answer
    assert "Toner | 12.50" in past


@pytest.mark.parametrize("reader", [ERIKA, ANNA])
async def test_a_request_without_a_subject(database: Database, clock: Clock, tmp_path: Path, reader: str) -> None:
    """No line stands empty, and no link in the list of own requests has nothing to press."""
    site = room(database, clock, tmp_path)
    await site.mail(ERIKA, subject="")
    await site.mail(ERIKA, "status", subject="status")
    rows = await site.outbox(recipient=reader)
    assert {ERIKA: {"ticket_list"}, ANNA: set()}[reader] <= {r.notice for r in rows}
    for row in rows:
        data = await site.read(lambda tx, id=row.id: tx.outbox.message(id))
        mail = message_from_bytes(data, policy=email_policy.default)
        assert isinstance(mail, EmailMessage)
        assert not re.search(r"(?m)^Subject: *$|\n{4}", _body(mail, "plain"))
        assert not re.search(r"Subject:</span>\s*</p>|<(a|strong)\b[^>]*>\s*</\1>", _body(mail, "html"))
