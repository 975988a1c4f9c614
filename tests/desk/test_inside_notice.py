"""An agent's words inside the notice they answer, which Outlook quotes without marks: nobody loses them unknowingly."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email import message_from_bytes
from email import policy as email_policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

import pytest

from storage.database import Database
from tests.conftest import Clock
from tests.room import ANNA, ERIKA, Room
from tests.room import room as make_room

TOP = "Hello Erika,\nthank you."
ASKED = "Which lamp do you have?\nIt is ten years old.\nWhen do you open?"
RULE = "border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm"
DISCLAIMER = "Example Ltd, registered in Berlin. This message is meant for its recipient only."


@pytest.fixture
async def room(sqlite_url: str, clock: Clock, tmp_path: Path) -> AsyncIterator[Room]:
    database = Database(sqlite_url, tmp_path)
    yield make_room(database, clock, tmp_path)
    await database.close()


async def _answered(
    room: Room, *, inside: str, style: str = "", form: str = "both", end: str = "", order: str = ""
) -> str:
    """Anna answers a notice in Outlook, with words under the first line of the customer's; what her receipt says."""
    await room.mail(ERIKA, ASKED, name="Erika")
    (row,) = (await room.outbox("agent_notice", ANNA))[-1:]
    notice = message_from_bytes(await room.read(lambda tx: tx.outbox.message(row.id)), policy=email_policy.default)
    assert isinstance(notice, EmailMessage)
    plain, html = (str(notice.get_body((kind,)).get_content()) for kind in ("plain", "html"))  # type: ignore[union-attr]  # ours have both
    first = ASKED.split("\n")[0]
    assert first in plain
    assert first in html
    fields = {"From": str(notice["From"]), "Sent": "Monday, March 2, 2026 10:31 AM", "To": ANNA, "Subject": "Re: Help"}
    head = "\n".join(f"{name}: {value}" for name, value in fields.items())
    answer = f"{first}\n\n{inside}\n" if inside else first
    shown = f"{first}</div><p{style}>{inside}</p><div>" if inside else first
    text = f"{order}{TOP}\n\n{head}\n\n{plain.replace(first, answer, 1)}\n{end}\n"
    above, fields_shown = ((order + TOP).replace("\n", "<br>"), escape(head).replace("\n", "<br>"))
    markup = (
        f"<div>{above}<div style='{RULE}'><p>{fields_shown}</p></div>"
        f"{shown.join(html.rsplit(first, 1))}<p>{end}</p></div>"
    )
    m = EmailMessage(policy=email_policy.SMTP)
    m["From"], m["To"], m["Subject"] = ANNA, "support@example.com", "Re: Help"
    m["Message-ID"], m["In-Reply-To"] = "<inside@example.com>", f"<{row.message_id}>"
    if form == "html":
        m.set_content(markup, subtype="html")
    else:
        m.set_content(text)
        if form == "both":
            m.add_alternative(markup, subtype="html")
    await room.raw_mail(m.as_bytes(), ANNA)
    receipt = (await room.outbox("agent_receipt", ANNA))[-1]
    mail = message_from_bytes(await room.read(lambda tx: tx.outbox.message(receipt.id)), policy=email_policy.default)
    return " ".join(str(mail.get_body(("plain",)).get_content()).split())  # type: ignore[union-attr]  # ours have both


@pytest.mark.parametrize("form", ["text", "html", "both"])
@pytest.mark.parametrize("style", ["", ' style="color:#2F5496"', ' style="color:red"'])
@pytest.mark.parametrize("order", ["", "#solved\n", "#note\n"])
async def test_words_inside_the_notice_are_held(room: Room, form: str, style: str, order: str) -> None:
    """Whatever their colour: nothing is sent or noted, and the agent reads why."""
    told = await _answered(room, inside="The blue one, we repair it.", style=style, form=form, order=order)
    assert "could not be told from the notice it quotes" in told
    assert await room.outbox("reply", ERIKA) == []


async def test_one_word_inside_the_notice_is_held(room: Room) -> None:
    """A short answer is one, too."""
    assert "could not be told" in await _answered(room, inside="Tuesday.")


@pytest.mark.parametrize("form", ["text", "html", "both"])
@pytest.mark.parametrize("end", ["", DISCLAIMER])
async def test_a_notice_as_it_was_holds_nothing_up(room: Room, form: str, end: str) -> None:
    """Nor does what a server puts below it."""
    assert "could not be told" not in await _answered(room, inside="", form=form, end=end)
    (left,) = await room.outbox("reply", ERIKA)
    assert b"Hello Erika" in await room.read(lambda tx: tx.outbox.message(left.id))


async def test_links_as_programs_write_them_hold_nothing_up(room: Room) -> None:
    """A link's target behind its words, and a picture's name, are nobody's words."""
    inside = "Solved<https://safe.example/?url=x&data=y> [cid:image001.png@01DA.5678]"
    assert "could not be told" not in await _answered(room, inside=inside, form="text")
