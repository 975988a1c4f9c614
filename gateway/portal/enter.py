"""Signing in by the link in a mail: GET shows a button, POST signs in.

The link is signed, for one address, and expires. It rests on how often its owner signed in by a link and on
their password, so it acts once, and with it end all that were sent before. That is looked at again in the
transaction that acts. It acts in any browser, for mail is often read on another device than the one that asked.
"""

from __future__ import annotations

import logging

from starlette.responses import Response

from gateway.portal import mail_links, views
from gateway.portal.request import PageRequest
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")


async def enter_form(request: PageRequest) -> Response:
    contact = await _owner(request)
    if not _acts(request, contact):
        return _gone(request, contact)
    path = request.href(f"/enter/{request.mark_in_path('token')}")
    return await request.page(views.EnterPage(contact.address, path, request.next))


async def enter(request: PageRequest) -> Response:
    portal, now, found = request.portal, request.now, await _owner(request)

    def open_session(tx: Tx) -> str:
        tx.threads.serialise([f"contact:{found.id}"])
        contact = tx.contacts.by_id(found.id)
        if contact is None or not _acts(request, contact):
            return ""
        tx.contacts.use_link(contact.id)
        # Who holds the link got our mail: the address works.
        tx.contacts.set_undeliverable(contact.address, None)
        if request.preferred:
            tx.contacts.set_language(contact.id, request.preferred)
        return portal.sessions.open(tx, contact, request.session, now)

    token = await portal.database.write(open_session)
    if not token:
        return _gone(request, found)
    log.info("signed in", extra={"contact": found.id, "by": "link"})
    request.sign_in(token, found.key)
    return request.go(request.next or "/tickets")


async def _owner(request: PageRequest) -> Contact:
    """Whom the link signs in; the page is in their language."""
    contact = await mail_links.owner(request, "enter", "/link")
    request.speak_to(contact)
    return contact


def _acts(request: PageRequest, contact: Contact) -> bool:
    """Nobody has signed in by a link since this one was sent, and the password is the same."""
    return mail_links.rests_on(request, "enter", contact, contact.entrance)


def _gone(request: PageRequest, owner: Contact) -> Response:
    """A second press of the button, or the mail opened again: its owner is in already."""
    if request.contact and request.contact.id == owner.id:
        return request.go(request.next or "/tickets")
    raise mail_links.entered(request)
