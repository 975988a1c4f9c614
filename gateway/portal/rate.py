"""Saying how it was, by the links in a mail: GET shows the chosen answer, POST gives it.

Works without signing in, may be opened as often as a scanner likes, and can be changed for a while.
A newer question about the same ticket makes the links of the older mail say so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from starlette.responses import Response

from gateway.core import rating
from gateway.core.labels import RATINGS
from gateway.core.rating import CustomerRating
from gateway.core.ticket import Ticket
from gateway.core.token import read_named
from gateway.errors import UnknownTicket
from gateway.portal import acts, views
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")

COMMENT_LIMIT = 2_000
"""Characters."""


@dataclass(frozen=True, slots=True)
class _Question:
    """What the link asks about."""

    ticket: Ticket
    answer: CustomerRating
    contact: Contact | None
    """Whose ticket it is."""
    mark: str
    """Of whoever was asked."""


async def rate_form(request: PageRequest) -> Response:
    found = await _question(request)
    answer = found.answer
    if request.http.query_params.get("thanks") == "1" and answer.answered:
        return await request.page(_thanks(request, found))
    chosen = _given(answer, request.mark_in_path("value"))
    return await request.page(_form(request, found, chosen, answer.comment if answer.answered else ""))


async def rate(request: PageRequest) -> Response:
    found = await _question(request)
    comment = request.fields.get("comment", "").strip()
    value = _given(found.answer, request.fields.get("value", ""))
    if value is None or len(comment) > COMMENT_LIMIT:
        error = (
            request.words.gettext("Please use at most 2,000 characters. Longer texts can be sent by e-mail.")
            if value is not None
            else request.words.gettext("Please choose an answer.")
        )
        return await request.page(_form(request, found, value, comment, error), 422)
    number, now, asked_at, desk = found.answer.ticket, request.now, found.answer.asked_at, request.portal.desk

    def give(tx: Tx) -> bool:
        """The question is looked at again, and one answer is given at a time."""
        tx.threads.serialise([f"ticket:{number}"])
        before = tx.ratings.find(number)
        if before is None or before.asked_at != asked_at:
            return False
        if not acts.is_theirs(desk, tx, tx.reads.get(number), found.mark):
            return False
        acts.rate(desk, tx, before, value, comment, now)
        return True

    if not await request.portal.database.write(give):
        raise _over(request)
    log.info("rated", extra={"ticket": number, "value": value})
    request.portal.wake()
    word = rating.word(found.answer.scale, value)
    return request.go(f"/rate/{request.mark_in_path('token')}/{word}?thanks=1")


async def _question(request: PageRequest) -> _Question:
    """What the link asks about. Refusal with the page that says why it cannot be answered."""
    portal, words, link = request.portal, request.words, request.link("rate")
    named = read_named(link.subject) if link else None
    if link is None or named is None:
        raise Refusal(
            404,
            views.NoticePage(
                words.gettext("This link does not work"),
                words.gettext(
                    "Perhaps a part of it was lost. Please open it from our mail again, or simply write to us."
                ),
                (request.to_tickets,),
            ),
        )

    asked_at, _, mark = link.state.partition(".")

    def read(tx: Tx) -> _Question | None:
        tx.reads.marked(named)
        # The one that was asked about, and not one it was merged into since: that may be somebody else's.
        ticket, answer = tx.reads.get(named.number), tx.ratings.find(named.number)
        if answer is None or not acts.is_theirs(portal.desk, tx, ticket, mark):
            return None
        return _Question(ticket, answer, tx.contacts.find(ticket.requester.address), mark)

    try:
        found = await portal.database.read(read)
    except UnknownTicket:
        raise request.lost() from None
    if found is None:
        raise _over(request)
    if found.contact is not None and found.contact.language:
        request.speak_to(found.contact)
    asked = str(int(found.answer.asked_at.timestamp()))
    if asked_at != asked or link.expired or request.now >= found.answer.open_until(portal.desk.policy):
        raise _over(request)
    return found


def _over(request: PageRequest) -> Refusal:
    words = request.words
    return Refusal(
        410,
        views.NoticePage(
            words.gettext("This can no longer be answered"),
            words.gettext(
                "The time for it is over, or we have asked you again since: then please use the link in "
                "our newest mail. You can tell us what you think at any time by replying to one of our "
                "mails."
            ),
            (request.to_tickets,),
            kept=request.written,
        ),
    )


def _given(answer: CustomerRating, word: str) -> int | None:
    return rating.SCALES[answer.scale].get(word)


def _form(request: PageRequest, found: _Question, chosen: int | None, comment: str, error: str = "") -> views.RatePage:
    words, answer = request.words, found.answer
    labels = {word: words.gettext(label) for word, label in RATINGS.items()}
    before = ""
    if answer.answered and answer.value is not None:
        given = rating.word(answer.scale, answer.value)
        before = words.gettext("Your answer so far: {value}.", value=labels.get(given, given))
    return views.RatePage(
        subject=found.ticket.subject,
        reference=request.reference(found.ticket),
        action=request.href(f"/rate/{request.mark_in_path('token')}/{request.mark_in_path('value')}"),
        choices=tuple(
            views.RatingChoice(word, labels.get(word, word), value == chosen)
            for word, value in rating.SCALES[answer.scale].items()
        ),
        comment=comment,
        before=before,
        until=answer.open_until(request.portal.desk.policy) if before else None,
        error=error,
    )


def _thanks(request: PageRequest, found: _Question) -> views.NoticePage:
    words, answer = request.words, found.answer
    assert answer.value is not None
    word = rating.word(answer.scale, answer.value)
    change = request.to(words.gettext("Change the answer"), f"/rate/{request.mark_in_path('token')}/{word}")
    about = f"{request.reference(found.ticket)} · {found.ticket.subject}"
    return views.NoticePage(
        words.gettext("Thank you"),
        words.gettext("Your answer has been saved. It helps us to get better."),
        (change,),
        about,
        done=True,
    )
