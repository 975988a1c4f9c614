"""What customers read: their tickets, one ticket, one message, one file. Nothing in here writes.

A ticket shows to its requester only. To anybody else it is as if it did not exist. What is internal
ends here: comments, events and reports never come this far, and an agent's entry leaves as its text
and the agent's name.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import quote, urlencode

from starlette.responses import Response

from gateway.core import known_quotes, lifecycle, sides, statuses, token
from gateway.core.buttons import reply_mailto
from gateway.core.outgoing_text import without_access
from gateway.core.sentences import text_of
from gateway.core.ticket import Entry, EntryKind, Role, Ticket
from gateway.errors import UnknownTicket
from gateway.mail import picture
from gateway.portal import original, session, views
from gateway.portal.refusal import Refusal
from gateway.portal.request import PageRequest
from gateway.texts import mark as _
from storage.contacts import Contact
from storage.reads import Order, Wanted
from storage.tx import Tx

PER_PAGE = 20
SORTS: dict[str, Order] = {"": "waiting", "newest": "newest", "oldest": "oldest"}
"""As the page calls it → as it is read."""
_SORTS_SAID = {"": _("Last activity"), "newest": _("Newest first"), "oldest": _("Oldest first")}
PAGES_LIMIT = 500
SEARCH_LIMIT = 200
"""Characters."""
MESSAGES = 50
"""Shown at first; older ones with one more click."""
TEXT_LIMIT = 20_000
"""Characters of one message on the page of its ticket."""
PHOTO_BYTES = 10_000_000
"""A picture of more is fetched by who wants it."""
CONFIRM_DAYS = 1
"""How long the link acts with which a solved ticket is confirmed."""


async def home(request: PageRequest) -> Response:
    return request.go("/tickets" if request.contact else "/sign-in")


async def tickets(request: PageRequest) -> Response:
    """The visitor's own tickets, latest activity first."""
    contact, query = customer(request), request.http.query_params
    q = request.query("q", SEARCH_LIMIT)
    status = query.get("status", "")
    status = status if status in (*lifecycle.Status, "open") else ""
    asked = query.get("page", "1")
    page = min(int(asked), PAGES_LIMIT) if asked.isascii() and asked.isdecimal() and len(asked) < 6 else 1
    page = max(page, 1)
    sort = query.get("sort", "") if query.get("sort", "") in SORTS else ""
    policy = request.portal.desk.policy

    named = token.number_in(policy.reference_prefix, q)
    looked_for = Wanted(
        status=status,
        text=q,
        requester=contact.address,
        by_requester=True,
        given_by=_given_by(request),
        number=named,
    )

    def read(tx: Tx) -> tuple[list[Ticket], int, int]:
        found = tx.reads.search(looked_for, order=SORTS[sort], limit=PER_PAGE, offset=(page - 1) * PER_PAGE)
        on_contact = Wanted(status=lifecycle.Status.WAITING_ON_CONTACT, requester=contact.address, by_requester=True)
        return [tx.reads.as_known(one) for one in found], tx.reads.count(looked_for), tx.reads.count(on_contact)

    found, total, waiting = await request.portal.database.read(read)
    if named and total == 1 and found[0].number == named:
        return request.go(f"/tickets/{named}")

    def to(number: int, order: str = sort) -> str:
        return urlencode({k: v for k, v in (("q", q), ("status", status), ("sort", order), ("page", number)) if v})

    labels = {name: request.words.gettext(said) for name, said in _SORTS_SAID.items()}

    return await request.page(
        views.TicketsPage(
            tickets=tuple(_facts(request, one) for one in found),
            q=q,
            status=status,
            statuses=views.status_badges(request.words.language),
            sort=sort,
            orders=tuple(
                views.PageLink(said, "" if name == sort else f"?{to(1, name)}") for name, said in labels.items()
            )
            if total > 1
            else (),
            total=total,
            waiting=waiting,
            new=request.href("/new") if request.portal.settings.portal.allow_requests else "",
            mailto=f"mailto:{quote(request.portal.desk.policy.mailboxes[0].address, safe='@+')}",
            page=page,
            pages=-(-total // PER_PAGE),
            newer=to(page - 1) if page > 1 else "",
            notice=_notice(request),
            older=to(page + 1) if page * PER_PAGE < total else "",
        )
    )


def _notice(request: PageRequest) -> str:
    query, words = request.http.query_params, request.words
    if query.get("added") == "1":
        return words.gettext("Your message has been added.")
    if query.get("arrived") == "1":
        return words.gettext("Your message has arrived. It will appear here in a moment.")
    return words.gettext("Welcome. Your password is saved.") if query.get("welcome") == "1" else ""


async def ticket(request: PageRequest) -> Response:
    number, contact = request.number("number"), customer(request)
    query = request.http.query_params
    everything = query.get("all") == "1"

    def read(tx: Tx) -> TicketAsRead:
        target = tx.reads.current(own(tx, contact, number).number)
        mine = target.requester.key == contact.key
        return conversation(request, tx, target.number if mine else number, 0 if everything else MESSAGES + 1)

    found, entries, mine = await request.portal.database.read(read)
    if found.number != number:
        added = "?added=1" if query.get("added") == "1" else ""
        return request.go(f"/tickets/{found.number}{added}")
    more = not everything and len(entries) > MESSAGES
    shown = TicketAsRead(found, entries[1:] if more else entries, mine)
    return await request.page(view_of_ticket(request, shown, more=more, notice=_notice(request)))


async def message(request: PageRequest) -> Response:
    """One message as it was sent."""
    found, entry = await _entry(request)
    portal = request.portal
    page = (found.number, entry.id)

    def read(tx: Tx) -> tuple[frozenset[str], bool]:
        # What was shown before is in memory still when its bytes are erased.
        return _addresses(tx, customer(request)), _has_original(entry) and tx.outbox.keeps(entry.sha256)

    mine, there = await portal.database.read(read)
    shown = portal.originals.kept(page) if there else None
    if shown is None and there:
        raw = await portal.database.read(lambda tx: tx.outbox.file(entry.sha256))
        if raw is not None:
            files = enumerate(entry.attachments, 1)
            cids = {a.content_id: _file_path(request, found, entry, n) for n, a in files if a.content_id}
            shown = await portal.originals.show(page, raw, cids, portal.desk.policy)
    if shown is not None and shown.author.key != entry.author.key:
        # What an agent forwarded for the customer is the agent's mail, with more in it than the customer's text.
        shown = None
    text = entry.body_text
    if entry.author.key not in mine:
        text = await portal.database.read(lambda tx: _read_by_others(request, tx, found.number, entry))
        html = shown.html if shown and shown.html else ""
        if text != entry.body_text or without_access(html, portal.desk.policy) != html:
            # It has more than the conversation shows.
            shown = None
    return await request.page(
        views.OriginalPage(
            subject=found.subject,
            author=_author(request, found, entry),
            when=entry.created_at,
            back=request.href(f"/tickets/{found.number}"),
            html=shown.html if shown else None,
            text=text,
            remote=shown.remote if shown else False,
            omissions=tuple(text_of(o, request.words.language) for o in shown.omissions) if shown else (),
            nested=shown.nested if shown else (),
        )
    )


async def file(request: PageRequest) -> Response:
    (found, entry), index = await _entry(request), request.number("index")
    if index > len(entry.attachments):
        raise Refusal(404)
    attachment = entry.attachments[index - 1]
    raw = await request.portal.database.read(lambda tx: tx.outbox.file(entry.sha256))
    if raw is None:
        words, back = request.words, request.to(request.words.gettext("Back to the ticket"), f"/tickets/{found.number}")
        raise Refusal(
            410,
            views.NoticePage(
                words.gettext("This is no longer kept"),
                words.gettext("The original of this message has been deleted after its retention period."),
                (back,),
            ),
        )
    try:
        data = await request.portal.originals.file(raw, attachment.part)
    except KeyError:
        raise Refusal(404) from None
    return Response(data, headers=original.headers(attachment))


# --- what may be read ---------------------------------------------------------------------------


def customer(request: PageRequest) -> Contact:
    """Who is signed in, on a page for customers."""
    assert request.contact is not None
    return request.contact


class TicketAsRead(NamedTuple):
    """A ticket as the visitor reads it."""

    ticket: Ticket
    entries: list[Entry]
    mine: frozenset[str]
    """Keys of the visitor's addresses: what these wrote is theirs."""


def conversation(request: PageRequest, tx: Tx, number: int, limit: int) -> TicketAsRead:
    """The visitor's ticket and what was said on it, oldest first; with a limit the newest of it."""
    contact = customer(request)
    found, target = own(tx, contact, number), tx.reads.current(number)

    def read(limit: int) -> tuple[list[Entry], bool]:
        """Whether some were left out because they are not the visitor's to read."""
        entries = tx.reads.entries(target.number, [EntryKind.CORRESPONDENCE], limit)
        shown = [e for e in _readable(target, number, contact, entries) if _visible(request, e)]
        return shown, len(shown) < len(entries)

    shown, left_out = read(limit)
    if left_out and limit:
        shown = read(0)[0][-limit:]
    if sides.is_shared(target):
        found = sides.of_reader(target, found)
    return TicketAsRead(found, shown, _addresses(tx, contact))


def _addresses(tx: Tx, contact: Contact) -> frozenset[str]:
    """Keys of the addresses a person writes from."""
    return frozenset({contact.key, *(a.key for a in tx.second_addresses.person(contact.address))})


def own(tx: Tx, contact: Contact, number: int) -> Ticket:
    """The visitor's ticket of that number. Refusal for any other."""
    try:
        found = tx.reads.get(number)
    except UnknownTicket:
        raise Refusal(404) from None
    if found.requester.key != contact.key:
        raise Refusal(404)
    return found


def _readable(target: Ticket, number: int, contact: Contact, entries: Iterable[Entry]) -> tuple[Entry, ...]:
    """What the visitor may read of the conversation their ticket is part of; nothing where a merge gave no side."""
    if target.number != number and target.requester.key != contact.key and not sides.given(target, contact.key):
        return ()
    return sides.visible(target, contact.key, entries)


async def _entry(request: PageRequest) -> tuple[Ticket, Entry]:
    """The message the path names, if it is part of the conversation of a ticket of the visitor's own."""
    number, id, contact = request.number("number"), request.number("entry"), customer(request)

    def read(tx: Tx) -> tuple[Ticket, Entry]:
        found, target = own(tx, contact, number), tx.reads.current(number)
        entry = tx.reads.entry(id)
        if entry is None or entry.ticket != target.number or entry.kind is not EntryKind.CORRESPONDENCE:
            raise Refusal(404)
        if not _visible(request, entry) or not _readable(target, number, contact, (entry,)):
            raise Refusal(404)
        return found, entry

    return await request.portal.database.read(read)


def _read_by_others(request: PageRequest, tx: Tx, number: int, entry: Entry) -> str:
    """The text of a message that is not the visitor's own, as the conversation has it."""
    entries = conversation(request, tx, number, 0).entries
    text = known_quotes.for_customers([entry], entries, customer(request).key)[0]
    return without_access(text, request.portal.desk.policy)


def _visible(request: PageRequest, entry: Entry) -> bool:
    """An answer that can still be taken back has not been given yet."""
    return entry.role is not Role.AGENT or entry.created_at <= _given_by(request)


def _given_by(request: PageRequest) -> datetime:
    return request.now - timedelta(minutes=request.portal.desk.policy.hold_minutes)


def _has_original(entry: Entry) -> bool:
    """Customers' mails only: an agent's holds commands and inner matters beside the answer."""
    return bool(entry.sha256) and entry.role is not Role.AGENT


# --- how it is shown ----------------------------------------------------------------------------


def view_of_ticket(
    request: PageRequest,
    shown: TicketAsRead,
    *,
    more: bool = False,
    notice: str = "",
    reply: views.WriteForm | None = None,
) -> views.TicketPage:
    """`reply` is a form that comes back with its error; without, there is a fresh one where the site allows it."""
    policy = request.portal.desk.policy
    found, entries, _mine = shown
    closed = found.status is lifecycle.Status.CLOSED
    confirm = ""
    # What goes on in somebody else's request is not theirs to close.
    if found.status is lifecycle.Status.SOLVED and not found.merged_into:
        until, mark = request.now + timedelta(days=CONFIRM_DAYS), token.address_mark(policy.keys, found.requester.key)
        confirm = request.href(f"/close/{token.link_token(policy.keys, 'close', str(found.named), until, mark)}")
    if request.portal.settings.portal.allow_replies and not (closed or found.merged_into) and reply is None:
        path, newest = request.href(f"/tickets/{found.number}"), str(entries[-1].id) if entries else ""
        reply = views.WriteForm(path, session.new_token(), request.portal.files_limit, answers=newest)
    people = (found.requester, *(p for p in found.participants if policy.agent_for(p.address) is None))
    return views.TicketPage(
        ticket=_facts(request, found),
        people=tuple(f"{p.name} ({p.address})" if p.name else p.address for p in people),
        messages=_messages(request, shown),
        mailto=reply_mailto(found, policy),
        closed=closed,
        confirm=confirm,
        reply=reply,
        notice=notice,
        again=request.href(f"/new?about={found.number}")
        if closed and not found.merged_into and request.portal.settings.portal.allow_requests
        else "",
        more=more,
    )


def _facts(request: PageRequest, found: Ticket) -> views.TicketFacts:
    """Its status goes by the site's own name where it has one."""
    policy, language = request.portal.desk.policy, request.words.language
    label, meaning = statuses.label(found, policy, language), statuses.meaning(found, policy, language)
    return views.TicketFacts(
        number=found.number,
        reference=request.reference(found),
        subject=found.subject,
        status=views.StatusBadge(found.status.value, label, meaning),
        created_at=found.created_at,
        last_activity_at=found.last_activity_at,
    )


def _messages(request: PageRequest, read: TicketAsRead) -> tuple[views.ShownMessage, ...]:
    """Newest first. A picture that came before (a signature's logo) is folded away."""
    found, entries, mine = read
    seen: set[str] = set()
    shown = []
    texts_read = known_quotes.for_customers(entries, entries, found.requester.key)
    for entry, text in zip(entries, texts_read, strict=True):
        is_mine = entry.author.key in mine
        read_text = text if is_mine else without_access(text, request.portal.desk.policy)
        shown.append(_message(request, found, entry, read_text, seen, is_mine=is_mine))
        seen |= {a.sha256 for a in entry.attachments if a.content_type.startswith("image/")}
    return tuple(reversed(shown))


def _message(
    request: PageRequest, found: Ticket, entry: Entry, text: str, seen: set[str], *, is_mine: bool
) -> views.ShownMessage:
    agent = entry.role is Role.AGENT
    shortened = len(text) > TEXT_LIMIT
    files: list[views.ListedFile] = []
    photos: list[views.ListedFile] = []
    pictures: list[views.ListedFile] = []
    for index, a in enumerate(entry.attachments, 1):
        kind = original.type_name(a.content_type, a.filename)
        shown = views.ListedFile(_file_path(request, found, entry, index), a.filename, kind, a.size, a.note)
        if a.sha256 in seen or a.note == "signature":
            pictures.append(shown)
        elif a.content_type.lower() in picture.SHOWN and not a.note and a.size <= PHOTO_BYTES:
            photos.append(shown)
        else:
            files.append(shown)
    has_page = _has_original(entry) or shortened
    return views.ShownMessage(
        id=entry.id,
        author=_author(request, found, entry),
        side="theirs" if agent else "mine" if is_mine else "other",
        when=entry.created_at,
        text=text[:TEXT_LIMIT],
        files=tuple(files),
        photos=tuple(photos),
        pictures=tuple(pictures),
        original=request.href(f"/tickets/{found.number}/entries/{entry.id}") if has_page else "",
        shortened=shortened,
        unconfirmed=entry.role is Role.STRANGER,
    )


def _author(request: PageRequest, found: Ticket, entry: Entry) -> str:
    """An agent has a name here, or that of the mailbox, never an address."""
    policy = request.portal.desk.policy
    if entry.role is Role.AGENT:
        box = policy.mailbox_for(found.mailbox) or policy.mailboxes[0]
        return entry.author.name if entry.author.name and "@" not in entry.author.name else box.name or box.address
    return entry.author.shown


def _file_path(request: PageRequest, found: Ticket, entry: Entry, index: int) -> str:
    """By the visitor's own number: what a merge made part of somebody else's ticket is still read as theirs."""
    return request.href(f"/tickets/{found.number}/files/{entry.id}/{index}")
