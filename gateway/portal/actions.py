"""Closing a ticket or fetching a file by the link in a mail: GET shows, POST acts.

A link works without signing in, may be opened as often as a scanner likes, and pressing its button
twice changes nothing more. What an act rests on is looked at again in the transaction that acts.
"""

from __future__ import annotations

import logging

from starlette.responses import Response

from gateway.core.buttons import reply_mailto
from gateway.core.lifecycle import Status
from gateway.core.notice import AttachedFile
from gateway.core.ticket import Ticket
from gateway.core.token import Link, names_outbox, read_named
from gateway.errors import UnknownEntry, UnknownTicket
from gateway.mail.message import Attachment
from gateway.portal import acts, original, views
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from storage.contacts import Contact
from storage.outbox import OutboxEntry
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")


# --- /close/TOKEN -------------------------------------------------------------------------


async def close_form(request: PageRequest) -> Response:
    found = await _ticket_of_link(request)
    reference = request.reference(found)
    if found.status is not Status.CLOSED:
        action = request.href(f"/close/{request.mark_in_path('token')}")
        return await request.page(
            views.ClosePage(found.subject, reference, action, reply_mailto(found, request.portal.desk.policy))
        )
    words, link = request.words, request.to(request.words.gettext("View ticket"), f"/tickets/{found.number}")
    about = f"{reference} · {found.subject}"
    return await request.page(
        views.NoticePage(
            words.gettext("The ticket is closed"),
            words.gettext(
                "Thank you. Should something still be open, reply to any of our mails about it, and we "
                "will take it up again."
            ),
            (link,),
            about,
            done=True,
        )
    )


async def close(request: PageRequest) -> Response:
    number, now, desk = (await _ticket_of_link(request)).number, request.now, request.portal.desk
    link = request.link("close")
    mark = link.state if link else ""
    if await request.portal.database.write(lambda tx: acts.close_by_link(desk, tx, number, now, mark)):
        log.info("closed by link", extra={"ticket": number})
        request.portal.wake()
    return request.go(f"/close/{request.mark_in_path('token')}")


async def _ticket_of_link(request: PageRequest) -> Ticket:
    """The ticket the link closes. Refusal with the page that says why it does not."""
    words, portal, link = request.words, request.portal, request.link("close")
    if link is not None and link.expired:
        expired = views.NoticePage(
            words.gettext("This link has expired"),
            words.gettext(
                "To close the ticket, reply to our mail and write #close in the first line, or sign in "
                "and close it there."
            )
            # Without the form to reply only a solved ticket is closed there, and this page says nothing of it.
            if portal.settings.portal.allow_replies
            else words.gettext("To close the ticket, reply to our mail and write #close in the first line."),
            (request.to_tickets,),
        )
        raise Refusal(410, expired)
    wrong = Refusal(
        404,
        views.NoticePage(
            words.gettext("This link does not work"),
            words.gettext("Perhaps a part of it was lost. Please open it from our mail again, or reply to that mail."),
            (request.to_tickets,),
        ),
    )
    named = read_named(link.subject) if link else None
    if link is None or named is None:
        raise wrong

    def read(tx: Tx) -> tuple[Ticket, Contact | None] | None:
        ticket = tx.reads.marked(named)
        theirs = acts.closes(portal.desk, tx, named.number, link.state)
        return (ticket, tx.contacts.find(ticket.requester.address)) if theirs else None

    try:
        found = await portal.database.read(read)
    except UnknownTicket:
        raise request.lost() from None
    if found is None:
        raise request.lost()
    ticket, contact = found
    if contact is not None and contact.language:
        request.speak_to(contact)
    return ticket


# --- /file/TOKEN --------------------------------------------------------------------------


async def file(request: PageRequest) -> Response:
    """A file that was too large for a mail: no sign-in, for agents have none.

    The link is signed, names one file of one mail and expires; whoever got the mail could have got the file.
    """
    words, portal, link = request.words, request.portal, request.link("file")
    # An agent, who has none of these pages, is asked for no sign-in.
    ways = (request.to_tickets,) if request.contact else ()
    if link is not None and link.expired:
        raise Refusal(
            410,
            views.NoticePage(
                words.gettext("This link has expired"),
                words.gettext("Reply to the mail the link is in, and we send you the file again."),
                ways,
            ),
        )
    try:
        found = await portal.database.read(lambda tx: _file_of_link(tx, link)) if link else None
    except UnknownEntry:
        raise request.lost() from None
    if found is None:
        raise Refusal(
            404,
            views.NoticePage(
                words.gettext("This link does not work"),
                words.gettext(
                    "Perhaps a part of it was lost. Please open it from the mail again, or reply to that mail."
                ),
                ways,
            ),
        )
    named, raw = found
    gone = Refusal(
        410,
        views.NoticePage(
            words.gettext("This is no longer kept"),
            words.gettext("The original of this message has been deleted after its retention period."),
            ways,
        ),
    )
    if raw is None:
        raise gone
    try:
        data = await portal.originals.file(raw, named.part)
    except KeyError:
        raise gone from None
    listed = Attachment(named.part, named.filename, named.content_type, len(data), "")
    return Response(data, headers=original.headers(listed))


def _file_of_link(tx: Tx, link: Link) -> tuple[AttachedFile, bytes | None] | None:
    """The file the link names, with the raw mail it is in; None for the latter once it is deleted.

    None when it names no file. Raises `UnknownEntry` when it was made for a mail that is not here.
    """
    first, _, rest = link.subject.partition(".")
    if rest.startswith("<") and first.isdecimal():
        return _file_of_row(tx, tx.outbox.sent_as(rest[1:-1]), int(first))
    # Before rows had a birth it was the row that stood first.
    index, text = (first, rest) if "." in rest else (rest, first)
    named = read_named(text)
    if named is None or not index.isdecimal():
        return None
    row = tx.outbox.get(named.number)
    if not names_outbox(named, row.id, row.message_id):
        raise UnknownEntry(f"outbox entry {row.id} is not the one the link was made for")
    return _file_of_row(tx, row, int(index))


def _file_of_row(tx: Tx, row: OutboxEntry, index: int) -> tuple[AttachedFile, bytes | None] | None:
    if index >= len(row.files):
        return None
    file = row.files[index]
    return file, tx.outbox.file(file.raw_sha256)
