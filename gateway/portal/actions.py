"""Closing a ticket by the link in a mail, and answering on the page: GET shows, POST acts.

The link works without signing in, may be opened as often as a scanner likes, and pressing its button
twice changes nothing more. What an act rests on is looked at again in the transaction that acts.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from starlette.responses import Response

from gateway.core.lifecycle import Status
from gateway.core.ticket import Entry, Role, Ticket
from gateway.core.token import read_link
from gateway.errors import UnknownTicket
from gateway.portal import acts, pages, present, views
from gateway.portal.refusal import Refusal
from gateway.portal.request import Visit
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")

REPLY_LIMIT = 50_000
"""Characters."""
TWICE = timedelta(minutes=10)
"""The same text again within this time is a second click, not a second message."""


# --- /close/TOKEN -------------------------------------------------------------------------


async def close_form(visit: Visit) -> Response:
    found = await _ticket_of_link(visit)
    if isinstance(found, Response):
        return found
    if found.status is Status.CLOSED:
        return await visit.page(_closed(visit, found))
    action = visit.href(f"/close/{visit.request.path_params['token']}")
    return await visit.page(views.Close(found.subject, present.reference(visit, found.number), action))


async def close(visit: Visit) -> Response:
    found = await _ticket_of_link(visit)
    if isinstance(found, Response):
        return found
    number, now = found.number, visit.now
    if await visit.portal.database.write(lambda tx: acts.close_by_link(visit.portal.desk, tx, number, now)):
        log.info("closed by link", extra={"ticket": number})
        visit.portal.wake()
    return visit.go(f"/close/{visit.request.path_params['token']}")


async def _ticket_of_link(visit: Visit) -> Ticket | Response:
    """The ticket the link closes, or the page that says why it does not."""
    words, portal = visit.words, visit.portal
    link = read_link(portal.desk.policy.keys, "close", visit.request.path_params["token"], visit.now)
    sign_in = views.Link(words.sign_in if not visit.contact else words.my_tickets, visit.href("/tickets"))
    if link is not None and link.expired:
        return await visit.page(views.Notice(words.link_expired_title, words.close_expired, (sign_in,)), 410)
    if link is None or not link.subject.isdecimal():
        return await visit.page(views.Notice(words.link_wrong_title, words.link_wrong_close, (sign_in,)), 404)
    number = int(link.subject)
    try:
        found = await portal.database.read(lambda tx: tx.reads.current(number))
    except UnknownTicket:
        return await visit.page(views.Notice(words.link_wrong_title, words.link_wrong_close, (sign_in,)), 404)
    return found


def _closed(visit: Visit, found: Ticket) -> views.Notice:
    words = visit.words
    link = views.Link(words.view_ticket, visit.href(f"/tickets/{found.number}"))
    about = f"{present.reference(visit, found.number)} · {found.subject}"
    return views.Notice(words.closed_title, words.closed_text, (link,), about)


# --- the reply form -----------------------------------------------------------------------


async def reply(visit: Visit) -> Response:
    """The requester answers on the page of an open ticket."""
    portal, words, contact = visit.portal, visit.words, visit.contact
    if not portal.settings.portal.allow_replies:
        raise Refusal(405, Allow="GET, HEAD")
    assert contact is not None
    number = visit.number("number")
    text, solved = visit.fields.get("text", "").strip(), visit.fields.get("solved") == "yes"
    error = words.reply_long if len(text) > REPLY_LIMIT else "" if text or solved else words.reply_empty
    if error:
        found, entries = await portal.database.read(
            lambda tx: pages.conversation(visit, tx, contact, number, pages.MESSAGES)
        )
        form = views.Reply(visit.href(f"/tickets/{number}"), text, solved, error)
        return await visit.page(present.ticket(visit, found, entries, reply=form), 422)

    def add(tx: Tx) -> bool:
        found, entries = pages.conversation(visit, tx, contact, number, pages.MESSAGES)
        again = _again(entries, text, visit)
        if found.status is Status.CLOSED or found.merged_into:
            return again
        acts.reply(portal.desk, tx, number, "" if again else text, solved, visit.now)
        return True

    if not await portal.database.write(add):
        link = views.Link(words.back_to_ticket, visit.href(f"/tickets/{number}"))
        return await visit.page(views.Notice(words.closed_title, words.reply_closed, (link,), kept=text), 409)
    log.info("replied", extra={"ticket": number})
    portal.wake()
    return visit.go(f"/tickets/{number}?added=1")


def _again(entries: list[Entry], text: str, visit: Visit) -> bool:
    """The visitor's newest message is this very text, and a moment old."""
    mine = [e for e in entries if e.role is Role.REQUESTER]
    return bool(mine) and mine[-1].body_text == text and visit.now - mine[-1].created_at < TWICE
