"""Asking for a link by mail: to sign in, or to set a password.

Whoever asks learns nothing about an address: known or not, the answer is the same, and the mail is
put in line after it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.background import BackgroundTask
from starlette.responses import Response

from gateway.mail.message import address_key
from gateway.mail.text import one_line
from gateway.portal import acts, views
from gateway.portal.portal import Portal
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from storage.contacts import Contact
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")

ADDRESS_LIMIT = 320
"""Characters: the longest address there can be (RFC 5321 section 4.5.3.1)."""

Send = Callable[[Tx, Contact], None]


def address_given(request: PageRequest) -> str:
    return one_line(request.fields.get("address", ""), ADDRESS_LIMIT)


async def forgot_form(request: PageRequest) -> Response:
    return await request.page(views.ForgotPage())


async def forgot(request: PageRequest) -> Response:
    now, desk = request.now, request.portal.desk

    def send(tx: Tx, contact: Contact) -> None:
        acts.reset(desk, tx, contact, f"forgot:{contact.id}:{now.isoformat()}", now)

    address = address_given(request)
    if wrong := _fault(request, address):
        return await request.page(views.ForgotPage(address, wrong), 422)
    return await _answer(request, address, "/forgot", send)


async def link_form(request: PageRequest) -> Response:
    return await request.page(view_of_link(request))


async def link(request: PageRequest) -> Response:
    now, desk, leads_to = request.now, request.portal.desk, request.next

    def send(tx: Tx, contact: Contact) -> None:
        acts.link(desk, tx, contact, f"link:{contact.id}:{now.isoformat()}", now, leads_to=leads_to)

    address = address_given(request)
    if wrong := _fault(request, address):
        return await request.page(view_of_link(request, address=address, address_error=wrong), 422)
    return await _answer(request, address, "/link", send)


def view_of_link(
    request: PageRequest, *, notice: str = "", address: str = "", address_error: str = ""
) -> views.LinkPage:
    with_password = request.portal.settings.portal.sign_in == "both"
    return views.LinkPage(with_password, request.next, notice, address, address_error)


def _fault(request: PageRequest, address: str) -> str:
    words = request.words
    if not address:
        return words.gettext("Please enter your e-mail address.")
    if "@" not in address.strip("@") or " " in address:
        return words.gettext("Please enter a complete address, such as name@example.com.")
    return ""


async def _answer(request: PageRequest, address: str, form: str, send: Send) -> Response:
    """That a mail is on its way, which then is put in line if we know the address."""
    portal, words, now = request.portal, request.words, request.now.timestamp()
    if not portal.limits.link_client.take(request.client, now):
        log.warning("links limited", extra=request.origin)
        raise Refusal(429)
    response = await request.page(
        views.NoticePage(
            words.gettext("Check your inbox"),
            words.gettext(
                "If we know this address, a mail with a link is on its way to it. Should nothing arrive "
                "within a few minutes, please look into the spam folder too, or write to us."
            ),
            (request.to(words.gettext("Correct the address"), form),),
            address,
            done=True,
        )
    )
    # Counted for every address alike, so that this too is the same for known and unknown ones; apart in a browser the
    # owner has used before, so that others cannot keep the owner from a link.
    key = address_key(address)
    tries = f"{key} {request.device(key)}".strip()
    if portal.limits.link_address.take(tries, now) and portal.limits.link_address_daily.take(tries, now):
        response.background = BackgroundTask(_put_in_line, portal, address, send)
    return response


async def _put_in_line(portal: Portal, address: str, send: Send) -> None:
    def work(tx: Tx) -> bool:
        # Of a further address everything goes to the one that is written to.
        contact = tx.contacts.find(tx.second_addresses.main(address))
        if contact is not None:
            send(tx, contact)
        return contact is not None

    try:
        if await portal.database.write(work):
            portal.wake()
    except Exception:
        # The answer is out already; the customer asks again, and the operator finds the cause.
        log.exception("link not sent")
