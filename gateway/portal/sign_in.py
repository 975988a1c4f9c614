"""Signing in and out.

Whoever tries learns nothing about an address: unknown, never registered and wrong password get the
same answer after the same time.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from urllib.parse import quote

from starlette.responses import Response

from gateway.mail.message import address_key
from gateway.portal import by_mail, views
from gateway.portal.passwords import Busy, PasswordCheck
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")


async def sign_in_form(request: PageRequest) -> Response:
    if request.contact:
        return request.go(request.next or "/tickets")
    notice = request.words.gettext("Please sign in to see this page.") if request.next else ""
    if request.http.query_params.get("ended") == "1":
        notice = request.words.gettext("You are signed out.")
    if request.portal.settings.portal.sign_in == "link":
        return await request.page(by_mail.view_of_link(request, notice=notice))
    return await request.page(replace(_view(request), notice=notice))


def _view(request: PageRequest) -> views.SignInPage:
    by_link = request.portal.settings.portal.sign_in == "both"
    on = f"?next={quote(request.next, safe='')}" if request.next else ""
    return views.SignInPage(next=request.next, link=request.href(f"/link{on}") if by_link else "")


async def sign_in(request: PageRequest) -> Response:
    portal, words, now = request.portal, request.words, request.now
    if portal.settings.portal.sign_in == "link":
        raise Refusal(405)
    began = asyncio.get_running_loop().time()
    address, password = by_mail.address_given(request), request.fields.get("password", "")
    view = replace(_view(request), address=address)
    if not address or not password:
        missing = replace(
            view,
            address_error="" if address else words.gettext("Please enter your e-mail address."),
            password_error="" if password else words.gettext("Please enter your password."),
        )
        return await request.page(missing, 422)
    client, key = request.client, address_key(address)
    # Tries in a browser the owner has used before are counted apart: others cannot lock the owner out.
    tries = f"{key} {request.device(key)}".strip()
    if not portal.limits.sign_in_client.take(client, now.timestamp()) or not portal.limits.sign_in_address.take(
        tries, now.timestamp()
    ):
        log.warning("sign-in limited", extra=request.origin)
        return await request.page(
            replace(
                view,
                error=words.gettext(
                    "That was tried too often. Please wait a quarter of an hour, or set a new password."
                ),
            ),
            429,
        )
    contact = await portal.database.read(lambda tx: tx.contacts.find(tx.second_addresses.main(address)))
    try:
        check = await portal.passwords.verify(contact.password_hash if contact else "", password)
    except Busy:
        raise Refusal(503, Retry_After="10") from None
    token = ""
    if contact and check.right:
        token = await portal.database.write(lambda tx: _open(tx, request, contact, check))
    if not token:
        log.info("sign-in refused", extra={"client": client})
        await asyncio.sleep(max(0.0, began + portal.answer_seconds - asyncio.get_running_loop().time()))
        return await request.page(
            replace(
                view,
                error=words.gettext(
                    "The e-mail address or the password is wrong. Please check both, or set a new password."
                ),
            ),
            422,
        )
    portal.limits.sign_in_address.forget(tries)
    log.info("signed in", extra={"contact": contact.id if contact else 0})
    request.sign_in(token, key)
    return request.go(request.next or "/tickets")


def _open(tx: Tx, request: PageRequest, verified: Contact, check: PasswordCheck) -> str:
    """A new session, unless the password was changed since it was verified."""
    tx.threads.serialise([f"contact:{verified.id}"])
    contact = tx.contacts.by_id(verified.id)
    if contact is None or contact.password_hash != verified.password_hash:
        return ""
    if check.newer_hash:
        tx.contacts.rehash(contact.id, check.newer_hash)
    if request.preferred and request.preferred != contact.language:
        tx.contacts.set_language(contact.id, request.preferred)
    return request.portal.sessions.open(tx, contact, request.session, request.now)


async def sign_out(request: PageRequest) -> Response:
    await request.portal.database.write(lambda tx: request.portal.sessions.end(tx, request.session))
    request.cookies[request.portal.cookies.session] = ""
    return request.go("/sign-in?ended=1")
