"""Setting a password by the link in a mail: GET shows, POST acts.

The link is signed, expires, and rests on the password it was made to replace, so it acts once. That
is looked at again in the transaction that acts.
"""

from __future__ import annotations

import logging
from dataclasses import replace

from starlette.responses import Response

from gateway.mail.text import normal_password
from gateway.portal import acts, mail_links, passwords, views
from gateway.portal.passwords import Busy, Fault
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")


async def register_form(request: PageRequest) -> Response:
    return await _password_form(request, "register")


async def reset_form(request: PageRequest) -> Response:
    return await _password_form(request, "reset")


async def register(request: PageRequest) -> Response:
    return await _set_password(request, "register")


async def reset(request: PageRequest) -> Response:
    return await _set_password(request, "reset")


async def _password_form(request: PageRequest, action: str) -> Response:
    return await request.page(_password_view(request, action, await _invited(request, action)))


async def _set_password(request: PageRequest, action: str) -> Response:
    portal, now = request.portal, request.now
    found = await _invited(request, action)
    password = request.fields.get("password", "")
    view = _password_view(request, action, found)
    wrong = passwords.fault(password, found.address)
    if wrong is not None:
        return await request.page(replace(view, password_error=_said(request, wrong)), 422)
    if normal_password(password) != normal_password(request.fields.get("again", "")):
        return await request.page(
            replace(
                view,
                again_error=request.words.gettext("The passwords do not match. Please type the second one again."),
            ),
            422,
        )
    try:
        hashed = await portal.passwords.hash(password)
    except Busy:
        raise Refusal(503, Retry_After="10") from None

    def register(tx: Tx) -> str:
        tx.threads.serialise([f"contact:{found.id}"])
        contact = tx.contacts.by_id(found.id)
        if contact is None or not _current(request, action, contact):
            return ""
        tx.contacts.set_password(contact.id, hashed, now)
        # Who holds the link got our mail: the address works.
        tx.contacts.set_undeliverable(contact.address, None)
        if request.preferred:
            tx.contacts.set_language(contact.id, request.preferred)
        if action == "register":
            acts.registered(
                portal.desk, tx, tx.contacts.get(contact.address), f"registered:{contact.id}:{now.isoformat()}", now
            )
        return portal.sessions.open(tx, contact, request.session, now)

    token = await portal.database.write(register)
    if not token:
        raise mail_links.password_set(request)
    log.info("password set", extra={"contact": found.id, "link": action})
    portal.limits.sign_in_address.forget(found.key)
    portal.wake()
    request.sign_in(token, found.key)
    return request.go("/tickets?welcome=1")


def _said(request: PageRequest, fault: Fault) -> str:
    words = request.words
    return {
        Fault.SHORT: words.gettext("Please use at least 10 characters."),
        Fault.LONG: words.gettext("Please use at most 1,000 characters."),
        Fault.IS_ADDRESS: words.gettext("Please do not use your address as the password."),
    }[fault]


def _password_view(request: PageRequest, action: str, contact: Contact) -> views.SetPasswordPage:
    path = request.href(f"/{action}/{request.mark_in_path('token')}")
    return views.SetPasswordPage(action == "register", contact.address, path)


async def _invited(request: PageRequest, action: str) -> Contact:
    """Whose password the link sets; the page is in their language. Refusal with the page that says why it does not."""
    contact = await mail_links.owner(request, action, "/forgot")
    if not _current(request, action, contact):
        raise mail_links.password_set(request)
    request.speak_to(contact)
    return contact


def _current(request: PageRequest, action: str, contact: Contact) -> bool:
    """The password is still the one the link was made to replace."""
    return mail_links.rests_on(request, action, contact, contact.password_hash)
