"""Signing in and out, and asking for a link to set a password.

Whoever asks learns nothing about an address: unknown, never registered and wrong password get the
same answer after the same time, and what /forgot does is done after it has answered.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import datetime

from starlette.background import BackgroundTask
from starlette.responses import Response

from gateway.mail.message import address_key
from gateway.mail.text import one_line
from gateway.portal import acts, views
from gateway.portal.passwords import Busy, PasswordCheck
from gateway.portal.portal import Portal
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")

ADDRESS_LIMIT = 320
"""Characters: the longest address there can be (RFC 5321 section 4.5.3.1)."""


async def sign_in_form(request: PageRequest) -> Response:
    if request.contact:
        return request.go(request.next or "/tickets")
    notice = request.words.gettext("Please sign in to see this page.") if request.next else ""
    if request.http.query_params.get("ended") == "1":
        notice = request.words.gettext("You are signed out.")
    return await request.page(views.SignInPage(next=request.next, notice=notice))


async def sign_in(request: PageRequest) -> Response:
    portal, words, now = request.portal, request.words, request.now
    began = asyncio.get_running_loop().time()
    address, password = _address(request), request.fields.get("password", "")
    view = views.SignInPage(address=address, next=request.next)
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
    contact = await portal.database.read(lambda tx: tx.contacts.find(address))
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


# --- a link to set a password ------------------------------------------------------------


async def forgot_form(request: PageRequest) -> Response:
    return await request.page(views.ForgotPage())


async def forgot(request: PageRequest) -> Response:
    portal, words, now = request.portal, request.words, request.now
    address = _address(request)
    if "@" not in address.strip("@") or " " in address:
        error = (
            words.gettext("Please enter a complete address, such as name@example.com.")
            if address
            else words.gettext("Please enter your e-mail address.")
        )
        return await request.page(views.ForgotPage(address, error), 422)
    if not portal.limits.link_client.take(request.client, now.timestamp()):
        log.warning("links limited", extra=request.origin)
        raise Refusal(429)
    response = await request.page(
        views.NoticePage(
            words.gettext("Check your inbox"),
            words.gettext(
                "If we know this address, a mail with a link is on its way to it. Should nothing arrive "
                "within a few minutes, please look into the spam folder too, or write to us."
            ),
            (request.to(words.gettext("Correct the address"), "/forgot"),),
            address,
            done=True,
        )
    )
    key = address_key(address)
    # Counted for every address alike, so that this too is the same for known and unknown ones.
    if portal.limits.link_address.take(key, now.timestamp()) and portal.limits.link_address_daily.take(
        key, now.timestamp()
    ):
        response.background = BackgroundTask(_send_link, portal, address, now)
    return response


async def _send_link(portal: Portal, address: str, now: datetime) -> None:
    def send(tx: Tx) -> bool:
        contact = tx.contacts.find(address)
        if contact is not None:
            acts.reset(portal.desk, tx, contact, f"forgot:{contact.id}:{now.isoformat()}", now)
        return contact is not None

    try:
        if await portal.database.write(send):
            portal.wake()
    except Exception:
        # The answer is out already; the customer asks again, and the operator finds the cause.
        log.exception("link not sent")


def _address(request: PageRequest) -> str:
    return one_line(request.fields.get("address", ""), ADDRESS_LIMIT)
