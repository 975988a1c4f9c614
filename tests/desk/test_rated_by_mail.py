"""A customer answers the mail that asks how it was by mail, not by its links."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import tickets
from gateway.core.rated_by_mail import value
from storage.database import Database
from storage.journal import JournalEntry
from tests.conftest import Clock
from tests.room import ERIKA, KARL, LEAD, Room, room


@pytest.fixture
async def asked(database: Database, clock: Clock, tmp_path: Path) -> Room:
    """A closed ticket whose customer was asked."""
    desk = room(database, clock, tmp_path, rating={"after_hours": 24, "scale": "five"})
    await desk.mail(ERIKA)
    await desk.close(1)
    clock.forward(hours=25)
    await tickets.ask_for_ratings(desk.site)
    await desk.deliver()
    assert await desk.outbox("rating_request", ERIKA)
    return desk


async def answers(desk: Room, text: str, author: str = ERIKA, **mail: Any) -> JournalEntry:
    (question,) = await desk.outbox("rating_request", ERIKA)
    return await desk.reply(author, 1, text, In_Reply_To=f"<{question.message_id}>", **mail)


async def state(desk: Room) -> tuple[str, int | None]:
    ticket, found = await desk.read(lambda tx: (tx.reads.get(1), tx.ratings.find(1)))
    return ticket.status.value, found.value


@pytest.mark.parametrize(("text", "number"), [("5", 5), ("2/5", 2), ("Very satisfied!", 5), ("Zufrieden", 4)])
async def test_a_number_or_an_offered_word_is_the_rating(asked: Room, text: str, number: int) -> None:
    """The ticket stays closed; the customer reads which answer was saved, so that a mistake is noticed."""
    row = await answers(asked, f"{text}\n\n-- \nErika")
    assert row.reason == "rated"
    assert await state(asked) == ("closed", number)
    assert len(await asked.outbox("rated", ERIKA)) == 1
    left = [data.decode() for data in await asked.deliver() if b"Your answer has been saved" in data]
    assert any("Your answer so far: " in data for data in left)


@pytest.mark.parametrize("below", ["Erika", "Viele Grüße\nErika", "Erika Muster\n\nMuster GmbH\nTel. 030 12345"])
async def test_a_signature_below_it_says_no_more(asked: Room, below: str) -> None:
    """Many programs put one there without two dashes: a request would be opened again by a number."""
    assert (await answers(asked, f"4\n\n{below}", name="Erika Muster")).reason == "rated"
    assert await state(asked) == ("closed", 4)


@pytest.mark.parametrize(
    ("below", "place", "reason"),
    [("Erika<br>", "[cid:logo]", "rated"), ("", "[cid:logo]", "reply-reopens"), ("", "", "reply-reopens")],
)
async def test_a_logo_below_the_name_says_no_more(asked: Room, below: str, place: str, reason: str) -> None:
    """A picture below the number alone may be of what is broken."""
    logo = ("logo", "image/png", b"\x89PNG" + b"0" * 2000)
    html = f"<p>4</p><p>{below}<img src='cid:logo'></p>"
    text = f"4\n\n{below.replace('<br>', chr(10))}{place}"
    assert (await answers(asked, text, name="Erika Muster", html=html, inline=(logo,))).reason == reason


async def test_a_bad_one_reaches_the_leads(asked: Room) -> None:
    """As on the page; the newest answer counts."""
    before = len(await asked.outbox("agent_notice", LEAD))
    await answers(asked, "1")
    assert len(await asked.outbox("agent_notice", LEAD)) == before + 1
    await answers(asked, "4")
    assert await state(asked) == ("closed", 4)


@pytest.mark.parametrize(
    "text",
    ["5 stars, but the lamp is out again.", "Great, thanks!", "6", "5\n\nErika will call you", "It is not solved."],
)
async def test_whatever_says_more_is_a_reply(asked: Room, text: str) -> None:
    """People read it."""
    assert (await answers(asked, text)).reason == "reply-reopens"
    assert await state(asked) == ("waiting_on_us", None)


async def test_only_who_was_asked_and_in_time(asked: Room) -> None:
    """Somebody else's number, one below another mail of ours, and one after the time is a reply."""
    assert (await answers(asked, "5", KARL)).reason == "stranger-with-signed-mark"
    await asked.close(1)
    asked.clock.now += timedelta(days=400)
    assert (await answers(asked, "5")).reason != "rated"
    assert (await state(asked))[1] is None


async def test_a_number_below_another_mail_is_a_reply(asked: Room) -> None:
    """It answers something else."""
    (receipt, *_) = await asked.outbox("request_received", ERIKA)
    row = await asked.reply(ERIKA, 1, "5", In_Reply_To=f"<{receipt.message_id}>")
    assert row.reason == "reply-reopens"


def test_words_of_the_scale_with_two() -> None:
    """A number says nothing there."""
    assert [value(said, "two") for said in ("Good", "gut.", "bad", "5")] == [5, 5, 1, None]
