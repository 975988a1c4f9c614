"""What customers read: their tickets, one ticket, one message, one file. Nothing in here writes.

A ticket shows to its requester only. To anybody else it is as if it did not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.responses import Response

from gateway.core import lifecycle
from gateway.core.say import spoken
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.errors import UnknownTicket
from gateway.portal import original, present, views
from gateway.portal.refusal import Refusal
from gateway.portal.request import Visit
from storage.contacts import Contact
from storage.tx import Tx

PER_PAGE = 20
PAGES_LIMIT = 500
SEARCH_LIMIT = 200
"""Characters."""
MESSAGES = 50
"""Shown at first; older ones with one more click."""


async def home(visit: Visit) -> Response:
    return visit.go("/tickets" if visit.contact else "/sign-in")


async def tickets(visit: Visit) -> Response:
    """The visitor's own tickets, latest activity first."""
    contact, query = _contact(visit), visit.request.query_params
    q = visit.query("q", SEARCH_LIMIT)
    status = query.get("status", "")
    known = (*(s.value for s in lifecycle.Status), "open")
    status = status if status in known else ""
    asked = query.get("page", "1")
    page = min(int(asked), PAGES_LIMIT) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 1
    page = max(page, 1)
    found = await visit.portal.database.read(
        lambda tx: tx.reads.search(
            status, q, requester=contact.address, limit=PER_PAGE + 1, offset=(page - 1) * PER_PAGE
        )
    )

    def to(number: int) -> str:
        return urlencode({k: v for k, v in (("q", q), ("status", status), ("page", number)) if v})

    view = views.Tickets(
        tuple(present.row(visit, t) for t in found[:PER_PAGE]),
        q,
        status,
        tuple(present.status(visit, s) for s in lifecycle.Status),
        page,
        to(page - 1) if page > 1 else "",
        to(page + 1) if len(found) > PER_PAGE else "",
        bool(q or status),
    )
    return await visit.page(view)


async def ticket(visit: Visit) -> Response:
    number, contact = visit.number("number"), _contact(visit)
    everything = visit.request.query_params.get("all") == "1"

    def read(tx: Tx) -> tuple[Ticket, list[Entry]]:
        target = tx.reads.current(own(tx, contact, number).number)
        mine = target.requester.key == contact.key
        return conversation(visit, tx, contact, target.number if mine else number, 0 if everything else MESSAGES + 1)

    found, entries = await visit.portal.database.read(read)
    if found.number != number:
        return visit.go(f"/tickets/{found.number}")
    more = not everything and len(entries) > MESSAGES
    notice = visit.words.reply_done if visit.request.query_params.get("added") == "1" else ""
    return await visit.page(present.ticket(visit, found, entries[1:] if more else entries, more=more, notice=notice))


def own(tx: Tx, contact: Contact, number: int) -> Ticket:
    """The visitor's ticket of that number. Refusal for any other."""
    try:
        found = tx.reads.get(number)
    except UnknownTicket:
        raise Refusal(404) from None
    if found.requester.key != contact.key:
        raise Refusal(404)
    return found


def conversation(visit: Visit, tx: Tx, contact: Contact, number: int, limit: int) -> tuple[Ticket, list[Entry]]:
    """The visitor's ticket and what was said on it, oldest first; with a limit the newest of it."""
    entries = tx.reads.entries(number, [EntryKind.CORRESPONDENCE], limit)
    return own(tx, contact, number), [e for e in entries if present.visible(visit, e)]


async def message(visit: Visit) -> Response:
    """One message as it was sent."""
    chosen = await _entry(visit)
    found, entry = chosen.ticket, chosen.entry
    shown = visit.portal.originals.kept(entry.id)
    if shown is None and present.has_original(entry):
        raw = await visit.portal.database.read(lambda tx: tx.outbox.file(entry.sha256))
        if raw is not None:
            files = enumerate(entry.attachments, 1)
            cids = {a.content_id: present.file_path(visit, entry, n) for n, a in files if a.content_id}
            policy = visit.portal.desk.policy
            shown = await visit.portal.originals.show(entry.id, raw, cids, policy)
    if shown is not None and shown.author.key != entry.author.key:
        # What an agent forwarded for the customer is the agent's mail, with more in it than the customer's text.
        shown = None
    view = views.Original(
        found.subject,
        present.author(visit, found, entry),
        entry.created_at,
        visit.href(f"/tickets/{found.number}"),
        shown.html if shown else None,
        entry.new_text if entry.role is Role.AGENT else entry.body_text,
        shown.remote if shown else False,
        tuple(spoken(o, visit.words.language) for o in shown.omissions) if shown else (),
        tuple(
            views.Nested(n.author.shown if n.author else "", n.subject, n.date, n.body_text)
            for n in (shown.nested if shown else ())
        ),
    )
    return await visit.page(view)


async def file(visit: Visit) -> Response:
    chosen, index = await _entry(visit), visit.number("index")
    if index > len(chosen.entry.attachments):
        raise Refusal(404)
    attachment = chosen.entry.attachments[index - 1]
    raw = await visit.portal.database.read(lambda tx: tx.outbox.file(chosen.entry.sha256))
    if raw is None:
        words = visit.words
        link = views.Link(words.back_to_ticket, visit.href(f"/tickets/{chosen.ticket.number}"))
        return await visit.page(views.Notice(words.gone_title, words.gone, (link,)), 410)
    try:
        data = await visit.portal.originals.file(raw, attachment.part)
    except KeyError:
        raise Refusal(404) from None
    return Response(data, headers=original.headers(attachment))


# --- what pages share -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Chosen:
    ticket: Ticket
    entry: Entry


async def _entry(visit: Visit) -> _Chosen:
    """The message the path names, if it is part of the conversation of a ticket of the visitor's own."""
    number, id, contact = visit.number("number"), visit.number("entry"), _contact(visit)

    def read(tx: Tx) -> _Chosen:
        found = own(tx, contact, number)
        entry = tx.reads.entry(id)
        if entry is None or entry.ticket != found.number or entry.kind is not EntryKind.CORRESPONDENCE:
            raise Refusal(404)
        if not present.visible(visit, entry):
            raise Refusal(404)
        return _Chosen(found, entry)

    return await visit.portal.database.read(read)


def _contact(visit: Visit) -> Contact:
    assert visit.contact is not None
    return visit.contact
