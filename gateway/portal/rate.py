"""Saying how it was, by the links in a mail: GET shows the chosen answer, POST gives it.

Works without signing in, may be opened as often as a scanner likes, and can be changed for a while.
A newer question about the same ticket makes the links of the older mail say so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette.responses import Response

from gateway.core import rating
from gateway.core.rating import Answer
from gateway.core.ticket import Ticket
from gateway.core.token import read_link
from gateway.errors import UnknownTicket
from gateway.portal import acts, present, views
from gateway.portal.request import Visit
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")

COMMENT_LIMIT = 2_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What the link asks about."""

    ticket: Ticket
    answer: Answer
    contact: Contact | None
    """Whose ticket it is."""


async def rate_form(visit: Visit) -> Response:
    found = await _question(visit)
    if isinstance(found, Response):
        return found
    if visit.request.query_params.get("thanks") == "1" and found.answer.answered:
        return await visit.page(_thanks(visit, found))
    chosen = _given(found.answer, visit.request.path_params["value"])
    return await visit.page(_form(visit, found, chosen, found.answer.comment if found.answer.answered else ""))


async def rate(visit: Visit) -> Response:
    found = await _question(visit)
    if isinstance(found, Response):
        return found
    comment = visit.fields.get("comment", "").strip()
    value = _given(found.answer, visit.fields.get("value", ""))
    if value is None or len(comment) > COMMENT_LIMIT:
        error = visit.words.rate_long if value is not None else visit.words.rate_missing
        return await visit.page(_form(visit, found, value, comment, error), 422)
    number, now, asked_at = found.answer.ticket, visit.now, found.answer.asked_at

    def give(tx: Tx) -> bool:
        """The question is looked at again, and one answer is given at a time."""
        tx.threads.serialise([f"ticket:{number}"])
        before = tx.ratings.find(number)
        if before is None or before.asked_at != asked_at:
            return False
        acts.rate(visit.portal.desk, tx, before, value, comment, now)
        return True

    if not await visit.portal.database.write(give):
        return await _refusal(visit, 410)
    log.info("rated", extra={"ticket": number, "value": value})
    visit.portal.wake()
    word = rating.word(found.answer.scale, value)
    return visit.go(f"/rate/{visit.request.path_params['token']}/{word}?thanks=1")


async def _question(visit: Visit) -> _Question | Response:
    """What the link asks about, or the page that says why it cannot be answered."""
    portal, now = visit.portal, visit.now
    link = read_link(portal.desk.policy.keys, "rate", visit.request.path_params["token"], now)
    if link is None or not link.subject.isdecimal():
        return await _refusal(visit, 404)
    number, state, expired = int(link.subject), link.state, link.expired

    def read(tx: Tx) -> _Question | None:
        answer = tx.ratings.find(number)
        if answer is None:
            return None
        ticket = tx.reads.current(number)
        return _Question(ticket, answer, tx.contacts.find(ticket.requester.address))

    try:
        found = await portal.database.read(read)
    except UnknownTicket:
        found = None
    if found is not None and found.contact is not None and found.contact.language:
        visit.speak_to(found.contact)
    asked = str(int(found.answer.asked_at.timestamp())) if found else ""
    if found is None or state != asked or expired or now >= found.answer.open_until(portal.desk.policy):
        return await _refusal(visit, 410)
    return found


async def _refusal(visit: Visit, status: int) -> Response:
    words = visit.words
    link = views.Link(words.sign_in if not visit.contact else words.my_tickets, visit.href("/tickets"))
    if status == 404:
        return await visit.page(views.Notice(words.link_wrong_title, words.link_wrong_rate, (link,)), status)
    return await visit.page(views.Notice(words.rate_over_title, words.rate_over, (link,)), status)


def _given(answer: Answer, word: str) -> int | None:
    return rating.SCALES[answer.scale].get(word)


def _form(visit: Visit, found: _Question, chosen: int | None, comment: str, error: str = "") -> views.Rate:
    words, answer = visit.words, found.answer
    labels = {"good": words.rate_good, "bad": words.rate_bad}
    choices = tuple(
        views.Choice(word, labels.get(word, word), value == chosen)
        for word, value in rating.SCALES[answer.scale].items()
    )
    before = ""
    if answer.answered and answer.value is not None:
        given = rating.word(answer.scale, answer.value)
        before = words.rate_before.format(value=labels.get(given, given))
    path = f"/rate/{visit.request.path_params['token']}/{visit.request.path_params['value']}"
    return views.Rate(
        found.ticket.subject,
        present.reference(visit, found.ticket.number),
        visit.href(path),
        choices,
        answer.scale == "five",
        comment,
        before,
        answer.open_until(visit.portal.desk.policy) if before else None,
        error,
    )


def _thanks(visit: Visit, found: _Question) -> views.Notice:
    words, answer = visit.words, found.answer
    assert answer.value is not None
    word = rating.word(answer.scale, answer.value)
    change = views.Link(words.rate_change, visit.href(f"/rate/{visit.request.path_params['token']}/{word}"))
    about = f"{present.reference(visit, found.ticket.number)} · {found.ticket.subject}"
    return views.Notice(words.rated_title, words.rated_text, (change,), about)
