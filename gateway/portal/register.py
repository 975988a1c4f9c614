"""Setting a password by the link in a mail: GET shows, POST acts.

The link is signed, expires, and rests on the password it was made to replace, so it acts once. That
is looked at again in the transaction that acts.
"""

from __future__ import annotations

import hmac
import logging
from dataclasses import replace

from starlette.responses import Response

from gateway.core.token import Link, fingerprint, read_link
from gateway.mail.message import address_key
from gateway.mail.text import normal_password
from gateway.portal import acts, passwords, views
from gateway.portal.passwords import Busy, Fault
from gateway.portal.refusal import Refusal
from gateway.portal.request import Visit
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")


async def register_form(visit: Visit) -> Response:
    return await _password_form(visit, "register")


async def reset_form(visit: Visit) -> Response:
    return await _password_form(visit, "reset")


async def register(visit: Visit) -> Response:
    return await _set_password(visit, "register")


async def reset(visit: Visit) -> Response:
    return await _set_password(visit, "reset")


async def _password_form(visit: Visit, action: str) -> Response:
    found = await _invited(visit, action)
    if isinstance(found, views.Notice):
        return await visit.page(found, 410 if _link(visit, action) else 404)
    visit.speak_to(found)
    return await visit.page(_password_view(visit, action, found))


async def _set_password(visit: Visit, action: str) -> Response:
    portal, now = visit.portal, visit.now
    found = await _invited(visit, action)
    if isinstance(found, views.Notice):
        return await visit.page(found, 410 if _link(visit, action) else 404)
    visit.speak_to(found)
    password = visit.fields.get("password", "")
    view = _password_view(visit, action, found)
    wrong = passwords.fault(password, found.address)
    if wrong is not None:
        return await visit.page(replace(view, password_error=_fault(visit, wrong)), 422)
    if normal_password(password) != normal_password(visit.fields.get("again", "")):
        return await visit.page(replace(view, again_error=visit.words.passwords_differ), 422)
    try:
        hashed = await portal.passwords.hash(password)
    except Busy:
        raise Refusal(503, Retry_After="10") from None

    def register(tx: Tx) -> str:
        tx.threads.serialise([f"contact:{found.id}"])
        contact = tx.contacts.by_id(found.id)
        if contact is None or not _current(visit, action, contact):
            return ""
        tx.contacts.set_password(contact.id, hashed, now)
        # Who holds the link got our mail: the address works.
        tx.contacts.set_undeliverable(contact.address, None)
        if visit.preferred:
            tx.contacts.set_language(contact.id, visit.preferred)
        if action == "register":
            acts.registered(
                portal.desk, tx, tx.contacts.get(contact.address), f"registered:{contact.id}:{now.isoformat()}", now
            )
        return portal.sessions.open(tx, contact, visit.session, now)

    token = await portal.database.write(register)
    if not token:
        return await visit.page(_used(visit), 410)
    log.info("password set", extra={"contact": found.id, "link": action})
    portal.limits.sign_in_address.forget(found.key)
    portal.wake()
    visit.cookies[portal.cookies.session] = token
    return visit.go("/tickets")


def _password_view(visit: Visit, action: str, contact: Contact) -> views.SetPassword:
    path = visit.href(f"/{action}/{visit.request.path_params['token']}")
    return views.SetPassword(action == "register", contact.address, path)


def _link(visit: Visit, action: str) -> Link | None:
    return read_link(visit.portal.desk.policy.keys, action, visit.request.path_params["token"], visit.now)


async def _invited(visit: Visit, action: str) -> Contact | views.Notice:
    """Whose password the link sets, or the page that says why it does not."""
    words = visit.words
    link = _link(visit, action)
    ask = (views.Link(words.new_link, visit.href("/forgot")), views.Link(words.sign_in, visit.href("/sign-in")))
    if link is None:
        return views.Notice(words.link_wrong_title, words.link_wrong, ask)
    if link.expired:
        return views.Notice(words.link_expired_title, words.link_expired, ask)
    contact = await visit.portal.database.read(lambda tx: tx.contacts.find(link.subject))
    if contact is None:
        return views.Notice(words.link_wrong_title, words.link_wrong, ask)
    return contact if _current(visit, action, contact) else _used(visit)


def _current(visit: Visit, action: str, contact: Contact) -> bool:
    """The password is still the one the link was made to replace."""
    link = _link(visit, action)
    state = fingerprint(visit.portal.desk.policy.keys, contact.password_hash)
    return (
        link is not None
        and link.subject == address_key(contact.address)
        and hmac.compare_digest(link.state.encode(), state.encode())
    )


def _used(visit: Visit) -> views.Notice:
    words = visit.words
    links = (views.Link(words.sign_in, visit.href("/sign-in")), views.Link(words.new_link, visit.href("/forgot")))
    return views.Notice(words.link_used_title, words.link_used, links)


def _fault(visit: Visit, fault: Fault) -> str:
    words = visit.words
    return {
        Fault.SHORT: words.password_short,
        Fault.LONG: words.password_long,
        Fault.IS_ADDRESS: words.password_is_address,
    }[fault]
