"""Whatever an agent's mail program quotes of our notice: no byte of what is inner reaches the customer.

Real notices are answered the way real programs do it, as text and as HTML; then every part and every
header field of the mail that leaves is looked through.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from html import escape, unescape
from pathlib import Path

import pytest

from gateway.mail.new_text import marker
from gateway.send.settle import undelivered
from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, KARL, LEAD, Room
from tests.room import room as make_room

NOTE = "This customer is difficult, refuse politely."
ABSENCE = "I am out of the office until Monday morning."
INNER = {
    "a note": NOTE,
    "an out-of-office": ABSENCE,
    "a bounce": "550 5.7.1 rejected by policy server",
    "an agent's address": ANNA,
    "another agent's address": LEAD,
    "a command": "#assign",
    "the help for agents": "#undo",
    "the evidence": "reply-address",
    "an agents' reply address": "support+a",
    "an agents' Message-ID": ".a.",
    "a link to a file for agents": "/file/",
    "a headline for agents": "New reply",
    "whom the answer goes to": "Your answer goes to",
    "a tracker of the agent's": "tracker.example",
}
SAID = "Youwillgetit:seethemanual."
TEXT = "You will get it:\nsee the manual <https://www.example.com/manual>."
HTML = '<div>You <b>will</b> get it:</div><div>see <a href="https://www.example.com/manual">the manual</a>.</div>'
PIXEL = '<img src="https://tracker.example/open.gif" alt="">'


@dataclass(frozen=True)
class Notice:
    """What the agent answers: our notice, as its parts."""

    text: str
    html: str
    author: str


def _marked(text: str, mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}".rstrip() for line in text.split("\n"))


def gmail(n: Notice) -> tuple[str, str]:
    line = f"On Mon, 2 Mar 2026 at 10:31, {n.author} wrote:"
    quote = f'<div class="gmail_attr">{escape(line)}<br></div><blockquote class="gmail_quote">{n.html}</blockquote>'
    return (
        f"{TEXT}\n\n{line}\n\n{_marked(n.text)}\n",
        f'<div dir="ltr">{HTML}</div>{PIXEL}<br><div class="gmail_quote gmail_quote_container">{quote}</div>',
    )


def outlook(n: Notice) -> tuple[str, str]:
    fields = {"From": n.author, "Sent": "Monday, March 2, 2026 10:31 AM", "To": ANNA, "Subject": "Re: Help"}
    lines = "\n".join(f"{name}: {value}" for name, value in fields.items())
    head = "<br>".join(f"<b>{name}:</b> {escape(value)}" for name, value in fields.items())
    rule = "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"
    return (
        f"{TEXT}\n\n{lines}\n\n{n.text}\n",
        f'<div class="WordSection1">{HTML}<p class="MsoNormal">&nbsp;</p><div><div style="{rule}">'
        f'<p class="MsoNormal">{head}</p></div></div>{n.html}</div>',
    )


def apple(n: Notice) -> tuple[str, str]:
    line = f"On 2. Mar 2026, at 10:31, {n.author} wrote:"
    quote = f'<blockquote type="cite"><div>{escape(line)}</div><br><div>{n.html}</div></blockquote>'
    return f"{TEXT}\n\n> {line}\n> \n{_marked(n.text)}\n", f"{HTML}<div><br>{quote}</div>"


def below(n: Notice) -> tuple[str, str]:
    """Thunderbird's way, the answer below the quotation."""
    line = f"On 02.03.26 10:31, {n.author} wrote:"
    quote = f'<div class="moz-cite-prefix">{escape(line)}</div><blockquote type="cite">{n.html}</blockquote>'
    return f"{line}\n{_marked(n.text)}\n\n{TEXT}\n", f"{quote}{HTML}"


def thunderbird(n: Notice) -> tuple[str, str]:
    """Its own way: the answer in the middle of the quotation, as text and as HTML, both in pieces."""
    line = f"On 02.03.26 10:31, {n.author} wrote:"
    head, tail = n.text.split("\n", 1)
    before, _, after = n.html.partition("</p>")
    cite, end = '<blockquote type="cite" cite="mid:1.a.2@example.com">', "</blockquote>"
    return (
        f"{line}\n{_marked(head)}\n\n{TEXT}\n\n{_marked(tail)}\n",
        f'<div class="moz-cite-prefix">{escape(line)}<br></div>{cite}{before}{end}{HTML}{cite}{after}{end}',
    )


def phone(n: Notice) -> tuple[str, str]:
    line = f"Am 02.03.2026 um 10:31 schrieb {n.author}:"
    return (
        f"{TEXT}\n\n{line}\n\n{_marked(n.text, '>')}\n",
        f'{HTML}<br><blockquote type="cite">{escape(line)}<br>{n.html}</blockquote>',
    )


def in_between(n: Notice) -> tuple[str, str]:
    """The answer between lines of the notice."""
    return f"{_marked(n.text)}\n{TEXT}\n> {NOTE}\n", f"<blockquote>{n.html}</blockquote>{HTML}<blockquote>{NOTE}"


def pasted(n: Notice) -> tuple[str, str]:
    """The colleague's note, copied into the answer: nothing may leave."""
    return f"{TEXT}\n{NOTE}\n", f"{HTML}<p>{NOTE}</p>"


def hidden(n: Notice) -> tuple[str, str]:
    """The note is in the HTML form only, where nobody sees it."""
    style = "display:none;font-size:0;color:white"
    return TEXT, f'{HTML}<p style="{style}" title="{NOTE}">{NOTE}</p><!-- {NOTE} --><a href="mailto:{ANNA}">.</a>'


def inside(n: Notice) -> tuple[str, str]:
    """The same, in the middle of the words."""
    return TEXT, HTML.replace("get it", f'get <span style="display:none">{NOTE}</span>it')


PROGRAMS: dict[str, Callable[[Notice], tuple[str, str]]] = {
    f.__name__: f for f in (gmail, outlook, apple, below, thunderbird, phone, in_between, pasted, hidden, inside)
}


@pytest.fixture
async def room(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    database = Database(sqlite_url, tmp_path)
    yield make_room(database, clock, tmp_path)
    await database.close()


async def notice_of(room: Room) -> Notice:
    """A ticket with everything inner on it, and what Anna was told last."""
    bill = (("a.pdf", "application/pdf", b"%PDF"),)
    await room.mail(ERIKA, "I want my money back.\nIt was ten euros.", name="Erika", files=bill, Cc=KARL)
    await room.answer(1, f"#assign anna\n#note {NOTE}", LEAD)
    await room.reply(ERIKA, 1, ABSENCE, **{"Auto-Submitted": "auto-replied"})
    await room.answer(1, "We look into it.")
    (answered,) = await room.outbox("reply", ERIKA)
    await room.write(lambda tx: undelivered(room.desk, tx, answered.id, INNER["a bounce"], room.clock.now))
    await room.reply(ERIKA, 1, "Well?", name="Erika", files=(("b.pdf", "application/pdf", b"%PDF" * 999),))
    row = (await room.outbox("agent_notice", ANNA))[-1]
    mail = message_from_bytes(await room.read(lambda tx: tx.outbox.message(row.id)), policy=email_policy.default)
    assert isinstance(mail, EmailMessage)
    html = str(mail.get_body(("html",)).get_content())  # type: ignore[union-attr]
    text = str(mail.get_body(("plain",)).get_content())  # type: ignore[union-attr]
    assert "Your answer goes to" in text
    assert NOTE in text
    assert ABSENCE in text
    assert NOTE in html
    return Notice(text, html, str(mail["From"]))


def _everything(data: bytes) -> Iterator[str]:
    """Every header value and every text of a mail, decoded."""
    mail = message_from_bytes(data, policy=email_policy.default)
    for part in mail.walk():
        yield from (f"{name}: {value}" for name, value in part.items())
        if part.get_content_maintype() == "text":
            yield str(part.get_content())


@pytest.mark.parametrize("form", ["text", "html", "both"])
@pytest.mark.parametrize("program", list(PROGRAMS))
async def test_nothing_inner_leaves(room: Room, program: str, form: str) -> None:
    """The customer gets the agent's words and nothing else, or nothing and the agent is told."""
    notice = await notice_of(room)
    before = {r.id for r in await room.outbox(recipient=ERIKA)}
    text, html = PROGRAMS[program](notice)
    mark = "#solved\n" if program == "gmail" else ""
    if form == "text":
        await room.answer(1, mark + text)
    elif form == "both":
        await room.answer(1, mark + text, html=f"{mark.strip()}<br>{html}" if mark else html)
    else:
        await answer_in_html_only(room, f"{mark.strip()}<br>{html}" if mark else html)
    left = [r for r in await room.outbox(recipient=ERIKA) if r.id not in before]
    # HTML does not tell a notice that is only indented from indented words: better nothing than too much.
    if program == "pasted" or (program, form) == ("in_between", "html"):
        assert left == []
        (*_, receipt) = await room.outbox("agent_receipt", ANNA)
        told = "\n".join(_everything(await room.read(lambda tx: tx.outbox.message(receipt.id))))
        assert "Nothing was done" in told
        return
    (row,) = left
    data = await room.read(lambda tx: tx.outbox.message(row.id))
    # An inbox shows the first words beside the subject.
    said = re.sub(r'<div class="preheader".*?</div>', "", "\n".join(_everything(data)))
    found = [kind for kind, inner in INNER.items() if inner in said]
    assert found == []
    assert said.count(marker("en")) == 2
    assert re.sub(r"<[^>]*>|\s", "", unescape(said)).count(SAID) == 2


@pytest.mark.parametrize("form", ["text", "html", "both"])
@pytest.mark.parametrize("program", ["gmail", "outlook", "apple", "below", "thunderbird", "phone"])
async def test_an_empty_answer_is_none(room: Room, program: str, form: str) -> None:
    """Whoever presses Reply and Send, without a word, sends nobody their own words back; a file goes without them."""
    text, html = PROGRAMS[program](await notice_of(room))
    text, html = text.replace(TEXT, ""), html.replace(HTML, "")
    before = {r.id for r in await room.outbox(recipient=ERIKA)}
    if form == "html":
        await answer_in_html_only(room, html)
    else:
        await room.answer(1, text, html=html if form == "both" else "")
    assert (await room.read(lambda tx: tx.reads.get(1))).status.value == "waiting_on_us"
    assert [r for r in await room.outbox(recipient=ERIKA) if r.id not in before] == []
    if form != "html":
        scan = ("scan.pdf", "application/pdf", b"%PDF")
        await room.answer(1, text, html=html if form == "both" else "", files=(scan,))
        (row,) = (r for r in await room.outbox(recipient=ERIKA) if r.id not in before)
        mail = message_from_bytes(await room.read(lambda tx: tx.outbox.message(row.id)), policy=email_policy.default)
        said = str(mail.get_body(("plain",)).get_content())  # type: ignore[attr-defined]
        words = [line for line in said.splitlines() if line]
        assert words[:4] == [marker("en"), "Attachment: scan.pdf (4 B)", "Kind regards", "Example Support"]


async def answer_in_html_only(room: Room, html: str) -> None:
    mail = EmailMessage(policy=email_policy.SMTP)
    (row,) = (await room.outbox("agent_notice", ANNA))[-1:]
    mail["From"], mail["To"], mail["Subject"] = ANNA, "support@example.com", "Re: Help"
    mail["Message-ID"], mail["In-Reply-To"] = "<html.only@example.com>", f"<{row.message_id}>"
    mail.set_content(html, subtype="html")
    await room.raw_mail(mail.as_bytes(), ANNA)


async def test_formatting_and_pictures_arrive(room: Room) -> None:
    """Bold words and a screenshot in its place, with an id of ours; what is quoted below is not there."""
    notice = await notice_of(room)
    text, html = gmail(notice)
    shown = html.replace("</b> get", '</b> <img src="cid:shot.1" alt="" width="20"> get')
    mail = EmailMessage(policy=email_policy.SMTP)
    (row,) = (await room.outbox("agent_notice", ANNA))[-1:]
    mail["From"], mail["To"], mail["Subject"] = ANNA, "support@example.com", "Re: Help"
    mail["Message-ID"], mail["In-Reply-To"] = "<shot@example.com>", f"<{row.message_id}>"
    mail.set_content(text)
    mail.add_alternative(shown, subtype="html")
    part = mail.get_body(("html",))
    assert part is not None
    part.add_related(b"\x89PNG", "image", "png", cid="<shot.1>", filename="shot.png")
    mail.add_attachment(b"%PDF", "application", "pdf", filename="c.pdf")
    await room.raw_mail(mail.as_bytes(), ANNA)
    sent = (await room.outbox("reply", ERIKA))[-1]
    data = await room.read(lambda tx: tx.outbox.message(sent.id))
    out = message_from_bytes(data, policy=email_policy.default).get_body(("html",))
    assert out is not None
    body = str(out.get_content())
    assert "<b>will</b>" in body
    assert f'<img src="cid:{sent.files[0].content_id}"' in body
    assert [bool(f.content_id) for f in sent.files] == [True, False]
    assert "shot.1" not in body
