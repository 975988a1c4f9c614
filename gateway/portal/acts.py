"""What a customer does by a click, and the mails about their access. The shell sends those mails as well.

Each acts inside the transaction of whoever calls, on the ticket as it is then. Nothing here knows the web.
"""

from __future__ import annotations

from datetime import datetime

from gateway.core import closing, rating, sides, token
from gateway.core.compose import Scene
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.rating import CustomerRating
from gateway.core.reason import Reason
from gateway.core.ticket import Ticket
from gateway.flow import Desk
from storage.contacts import Contact
from storage.reads import Wanted
from storage.tx import Tx


def is_theirs(desk: Desk, tx: Tx, ticket: Ticket, mark: str) -> bool:
    """Whoever was sent the link (a mark of the address; older links have none) is the requester still."""
    person = tx.second_addresses.person(ticket.requester.address)
    keys = desk.policy.keys
    return not mark or any(token.is_address_mark(keys, a.key, (mark,)) for a in (ticket.requester, *person))


def closes(desk: Desk, tx: Tx, number: int, mark: str) -> bool:
    """The link acts for whoever was sent it; not once a merge has made the request part of somebody else's."""
    own = tx.reads.get(number)
    return is_theirs(desk, tx, own, mark) and not sides.requesters_differ(own, tx.reads.current(number))


def close_by_link(desk: Desk, tx: Tx, number: int, now: datetime, mark: str = "") -> bool:
    """The requester pressed "Close ticket". False: it was closed already, or is somebody else's; nothing changed."""
    tx.threads.serialise([f"ticket:{number}"])
    if not closes(desk, tx, number, mark):
        return False
    return _close(desk, tx, number, "closed_by_link", f"close:{number}:{now.isoformat()}", now)


def close_on_page(desk: Desk, tx: Tx, number: int, now: datetime) -> bool:
    """The requester ticked that it is solved, and wrote nothing."""
    tx.threads.serialise([f"ticket:{number}"])
    return _close(desk, tx, number, "closed_on_page", f"portal:{number}:{now.isoformat()}:close", now)


def _close(desk: Desk, tx: Tx, number: int, how: str, cause: str, now: datetime) -> bool:
    ticket = tx.reads.current(number)
    # A link from before a merge does not close what is somebody else's now.
    theirs = sides.requesters_differ(tx.reads.get(number), ticket)
    decision = None if theirs else closing.by_requester(ticket, desk.policy, Reason.CLOSED_BY_LINK, how)
    if decision is None:
        return False
    desk.effects.apply(tx, decision, cause, now)
    return True


def rate(desk: Desk, tx: Tx, before: CustomerRating, value: int, comment: str, now: datetime) -> None:
    """The customer says how it was, or changes the answer."""
    asked, ticket = tx.reads.get(before.ticket), tx.reads.current(before.ticket)
    # Of a request that goes on in somebody else's it is no word about that.
    on = asked if sides.requesters_differ(asked, ticket) else ticket
    decision = rating.rated(on, before, value, comment, desk.policy)
    desk.effects.apply(tx, decision, f"rated:{before.ticket}:{now.isoformat()}", now)
    tx.ratings.rate(before, value, comment, bool(decision.notices), now)


def invite(desk: Desk, tx: Tx, contact: Contact, cause: str, now: datetime) -> None:
    """Send the registration mail (again). `cause` must differ for each request."""
    _send(desk, tx, Notice.REGISTRATION, contact, cause, now)


def reset(desk: Desk, tx: Tx, contact: Contact, cause: str, now: datetime) -> None:
    """Send a link to set a new password; to somebody who never registered the registration mail."""
    notice = Notice.PASSWORD_RESET if contact.password_hash else Notice.REGISTRATION
    _send(desk, tx, notice, contact, cause, now)


def link(desk: Desk, tx: Tx, contact: Contact, cause: str, now: datetime, *, leads_to: str = "") -> None:
    """Send a link to sign in, and to see that page of the portal then."""
    _send(desk, tx, Notice.SIGN_IN, contact, cause, now, leads_to=leads_to)


def registered(desk: Desk, tx: Tx, contact: Contact, cause: str, now: datetime) -> None:
    """Confirm a registration."""
    _send(desk, tx, Notice.REGISTERED, contact, cause, now)


def _send(
    desk: Desk, tx: Tx, notice: Notice, contact: Contact, cause: str, now: datetime, *, leads_to: str = ""
) -> None:
    languages = {contact.key: contact.language} if contact.language else {}
    # The newest ticket lends its mailbox and language, and makes a reply to this mail find a ticket.
    newest = tx.reads.search(Wanted(requester=contact.address), limit=1)
    scene = Scene(now, cause, newest[0] if newest else None, languages=languages, leads_to=leads_to)
    desk.notices.send(tx, NoticeRequest(notice, contact.as_address, Audience.CUSTOMER), scene)
