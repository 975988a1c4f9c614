"""What a customer writes on a page, a reply or a new request, becomes a mail and takes the way of every mail.

It is written into the journal before the page says that it has arrived; what becomes of it is decided by the
flow, by the same rules. Sent twice it is the same mail. Whatever goes wrong, the text is given back.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from dataclasses import dataclass, replace
from email.utils import format_datetime

from starlette.responses import Response

from gateway.core import sides, token
from gateway.core.buttons import mailbox_of, plain_subject
from gateway.core.lifecycle import Status
from gateway.core.policy import Mailbox
from gateway.core.ticket import Ticket
from gateway.errors import OversizeMail
from gateway.mail.message import Address, Envelope
from gateway.mail.text import one_line
from gateway.portal import acts, pages, views
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from gateway.portal.session import new_token
from gateway.render import wire
from storage.tx import Tx

log = logging.getLogger("replydesk.portal")

SOURCE = "portal"
"""Of the envelope."""
TEXT_LIMIT = 50_000
SUBJECT_LIMIT = 200
"""Characters."""
FILES = 10
LOOKS, LOOK_SECONDS = 15, 0.1
"""So often a page looks whether its mail was decided about, to lead to the ticket."""
_ONCE = re.compile(r"[\w-]{20,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Letter:
    """What a form says."""

    subject: str
    text: str
    once: str
    """Names this one page: the same form sent again is the same mail."""
    solved: bool = False


def reply_form(request: PageRequest, number: int, text: str = "", error: str = "") -> views.WriteForm:
    solved = request.fields.get("solved") == "yes"
    return _form(request, f"/tickets/{number}", text=text, solved=solved, error=error)


def _form(request: PageRequest, path: str, *, text: str, error: str, solved: bool = False) -> views.WriteForm:
    given = request.fields.get("once", "")
    once = given if _ONCE.fullmatch(given) else new_token()
    answers = request.fields.get("answers", "")
    return views.WriteForm(request.href(path), once, request.portal.files_limit, text, solved, error, answers)


# --- a reply -------------------------------------------------------------------------------


async def reply(request: PageRequest) -> Response:
    """The requester answers on the page of an open ticket."""
    portal, words = request.portal, request.words
    if not portal.settings.portal.allow_replies:
        raise Refusal(405, Allow="GET, HEAD")
    number = request.number("number")
    most = pages.MESSAGES
    found, entries, mine = await portal.database.read(lambda tx: pages.conversation(request, tx, number, most + 1))
    text, solved = request.fields.get("text", "").strip(), request.fields.get("solved") == "yes"
    empty = words.gettext("Please write something, or tick the box.") if not (text or request.files or solved) else ""
    status, error = _fault(request, text, empty)
    if error:
        form, more = reply_form(request, number, text, error), len(entries) > most
        shown = pages.TicketAsRead(found, entries[-most:], mine)
        return await request.page(pages.view_of_ticket(request, shown, more=more, reply=form), status)
    subject = f"Re: {plain_subject(found, portal.desk.policy)} [{request.reference(found)}]"
    letter = _Letter(subject, text, _once(request), solved)
    # What was merged meanwhile takes it along to where it goes on.
    if found.status is Status.CLOSED and not found.merged_into:
        if await _decided(request, _id(request, found, letter)):
            # The same form once more: it closed the ticket itself.
            return request.go(f"/tickets/{number}?added=1")
        return await request.page(_closed(request, found, text), 409)
    if solved and found.merged_into:
        letter = await _wish(request, found, letter)
    if not letter.text and not request.files:
        await portal.database.write(lambda tx: acts.close_on_page(portal.desk, tx, number, request.now))
        portal.wake()
        return request.go(f"/tickets/{number}")
    decided = await _send(request, found, letter)
    if decided and found.merged_into:
        decided = number
    return request.go(f"/tickets/{decided}?added=1" if decided else f"/tickets/{number}?arrived=1")


async def _wish(request: PageRequest, found: Ticket, letter: _Letter) -> _Letter:
    """What went on in somebody else's request meanwhile is not the visitor's to close: the tick is said in words."""
    target = await request.portal.database.read(lambda tx: tx.reads.current(found.number))
    if target.status is Status.CLOSED or not sides.requesters_differ(found, target):
        return letter
    said = request.words.gettext("I consider this solved: close the ticket")
    return replace(letter, text=f"{said}\n\n{letter.text}".strip(), solved=False)


def _closed(request: PageRequest, found: Ticket, text: str) -> views.View:
    """With the form that takes the ticket up again, where the site has one."""
    words = request.words
    if request.portal.settings.portal.allow_requests:
        error = words.gettext(
            "The ticket was closed in the meantime, so nothing was added. Please send your text here once more, and "
            "choose your files again."
        )
        return _new_page(request, found, plain_subject(found, request.portal.desk.policy), text, error)
    return views.NoticePage(
        words.gettext("The ticket is closed"),
        words.gettext(
            "The ticket was closed in the meantime, so nothing was added. Please send your text and files by "
            "e-mail, and we will take it up again."
        ),
        (request.to(words.gettext("Back to the ticket"), f"/tickets/{found.number}"),),
        kept=text,
    )


# --- a new request ---------------------------------------------------------------------------


async def new_form(request: PageRequest) -> Response:
    about = await _about(request)
    subject = plain_subject(about, request.portal.desk.policy) if about else ""
    return await request.page(_new_page(request, about, subject))


async def new(request: PageRequest) -> Response:
    """A request of the visitor's own, or more about a ticket that is closed: that opens it, or is linked to it."""
    about, words = await _about(request), request.words
    subject = one_line(request.fields.get("subject", ""), SUBJECT_LIMIT)
    text = request.fields.get("text", "").strip()
    empty = words.gettext("Please write what it is about.") if not (text or request.files) else ""
    status, error = _fault(request, text, empty)
    if error:
        return await request.page(_new_page(request, about, subject, text, error), status)
    if about:
        subject = f"Re: {subject or about.subject} [{request.reference(about)}]"
    number = await _send(request, about, _Letter(subject, text, _once(request)))
    if about and about.merged_into:
        number = about.number
    return request.go(f"/tickets/{number}?added=1" if number else "/tickets?arrived=1")


async def _about(request: PageRequest) -> Ticket | None:
    """The closed ticket the visitor goes on with; what was written about it is for it, also when it is open by then.
    Refusal where the site has no form for new requests."""
    if not request.portal.settings.portal.allow_requests:
        raise Refusal(404)
    given = request.http.query_params.get("about", "")
    if not re.fullmatch(r"[1-9]\d{0,8}", given, re.ASCII):
        return None
    found = await request.portal.database.read(lambda tx: pages.own(tx, pages.customer(request), int(given)))
    sent = request.http.method == "POST"
    return found if sent or (found.status is Status.CLOSED and not found.merged_into) else None


def _new_page(
    request: PageRequest, about: Ticket | None, subject: str, text: str = "", error: str = ""
) -> views.NewRequestPage:
    box = mailbox_of(about, request.portal.desk.policy)
    path = f"/new?about={about.number}" if about else "/new"
    about_line = f"{request.reference(about)} · {about.subject}" if about else ""
    return views.NewRequestPage(_form(request, path, text=text, error=error), subject, box.address, about_line)


# --- the mail ---------------------------------------------------------------------------------


def _fault(request: PageRequest, text: str, empty: str) -> tuple[int, str]:
    """Status and sentence about what is wrong with a form; an empty sentence when nothing is."""
    words, portal = request.words, request.portal
    if request.too_much or len(request.files) > FILES:
        return 413, words.gettext(
            "These files are too large: {size} MB in all is the most. Please choose others, or send them by e-mail.",
            size=portal.files_limit // 1_000_000,
        )
    if len(text) > TEXT_LIMIT:
        return 422, words.gettext("Please use at most 50,000 characters. Longer texts can be sent by e-mail.")
    if empty:
        return 422, empty
    if not portal.limits.write_contact.take(pages.customer(request).key, request.now.timestamp()):
        return 429, words.gettext("That is a lot at once. Please try again in an hour, or write by e-mail.")
    return 200, ""


def _once(request: PageRequest) -> str:
    given = request.fields.get("once", "")
    return given if _ONCE.fullmatch(given) else new_token()


def _id(request: PageRequest, about: Ticket | None, letter: _Letter) -> str:
    """Message-ID of what this page sends: nobody can foresee another visitor's. The same form is the same mail; with
    other words, after the button that leads back, it is another."""
    policy, subject = request.portal.desk.policy, request.fields.get("subject", "")
    said = hashlib.sha256(f"{subject}\0{letter.text}\0{letter.solved}".encode())
    for sent in request.files:
        said.update(f"\0{sent.name}\0{len(sent.data)}\0".encode() + sent.data)
    value = f"portal\0{pages.customer(request).key}\0{letter.once}\0{said.hexdigest()}"
    mark = token.fingerprint(policy.keys, value)
    return f"portal.{mark}@{mailbox_of(about, policy).domain}"


async def _send(request: PageRequest, about: Ticket | None, letter: _Letter) -> int | None:
    """Write the mail into the journal, and wait a moment for its ticket; None where that takes longer."""
    portal, contact = request.portal, pages.customer(request)
    box = mailbox_of(about, portal.desk.policy)
    to, text = box.address, letter.text
    answers = await portal.database.read(lambda tx: _between_us(request, tx, about)) if about else ""
    if about and box.reply_address:
        mark = token.address_token(portal.desk.policy.keys, "c" if letter.solved else "t", about.named)
        to = box.reply_address.replace("{token}", mark)
    elif letter.solved:
        text = f"#close\n\n{text}"
    id = _id(request, about, letter)
    data = wire.letter(
        author=contact.as_address,
        to=Address(box.address, box.name),
        subject=letter.subject,
        date=request.now,
        message_id=id,
        language=request.words.language,
        text=text,
        answers=answers,
        top=_top(request, contact.address, box),
    )
    files = [wire.Enclosed(f.name, f.content_type, f.data) for f in request.files]
    raw = await asyncio.to_thread(wire.attach, data, files)
    envelope = Envelope(SOURCE, contact.address, (to,), request.client, contact.address)
    try:
        await portal.accept(raw, envelope)
    except OversizeMail:
        raise Refusal(413) from None
    log.info("written on the page", extra={"about": about.number if about else None, "files": len(files)})
    return await _decided(request, id)


def _between_us(request: PageRequest, tx: Tx, about: Ticket) -> str:
    """Message-ID of what is answered, where that was for the visitor alone, so that the answer is as well: the newest
    message of the page the form was on. Empty where all have read it."""
    contact, given = pages.customer(request), request.fields.get("answers", "")
    entries = pages.conversation(request, tx, about.number, 0 if given else 1).entries
    read = [e for e in entries if given in ("", str(e.id))]
    if not read or not sides.is_for_one(read[-1].side):
        return ""
    return tx.outbox.sent_of(read[-1].id, contact.address) or read[-1].message_id


def _top(request: PageRequest, address: str, box: Mailbox) -> tuple[tuple[str, str], ...]:
    """What a mail server writes on top (RFC 5321 section 4.4); `with` as RFC 3848 has no word for a page."""
    now = format_datetime(request.now)
    return (
        ("Return-Path", f"<{address}>"),
        ("Received", f"from portal by {box.domain} with HTTP; {now}"),
    )


async def _decided(request: PageRequest, message_id: str) -> int | None:
    def ticket(tx: Tx) -> int | None:
        seen = tx.threads.seen(message_id, "")
        return seen.ticket if seen else None

    for n in range(LOOKS):
        if n:
            await asyncio.sleep(LOOK_SECONDS)
        if number := await request.portal.database.read(ticket):
            return number
    return None
