"""What customers hear of a new status that no answer tells them of.

A status is that of the whole ticket. Where requests of several customers were merged, each of them hears of it; only
the requester confirms or closes, for with it the others' requests would end.
"""

from __future__ import annotations

from gateway.core import sides
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.roles import is_role
from gateway.core.ticket import Ticket
from gateway.mail.message import Address
from gateway.mail.sentence import code


def mails(ticket: Ticket, status: Status, policy: Policy, named: str = "") -> tuple[NoticeRequest, ...]:
    """`ticket` as it was before. `named`: a status of the site's own, which is news although it counts as the same."""
    if status is ticket.status and not named:
        return ()
    # Nobody would read it elsewhere, and the receipt must not say that somebody was told.
    people = (a for a in sides.requesters(ticket) if "@" in a.key and not is_role(a.key))
    told = ((_notice(ticket, status, a, policy), a) for a in people)
    return tuple(NoticeRequest(notice, a, Audience.CUSTOMER) for notice, a in told if notice)


def _notice(ticket: Ticket, status: Status, to: Address, policy: Policy) -> Notice | None:
    if status is Status.CLOSED:
        return Notice.CLOSED
    if status is Status.SOLVED and ticket.status is not Status.SOLVED:
        return Notice.CLOSE_CONFIRMATION if to.key == ticket.requester.key else Notice.STATUS_CHANGED
    return Notice.STATUS_CHANGED if policy.notify_customers_of_status else None


def missed(ticket: Ticket, status: Status, policy: Policy, had: tuple[NoticeRequest, ...]) -> tuple[NoticeRequest, ...]:
    """An answer tells its readers of the end. Of those it does not go to (`#only`), whoever asked something as well."""
    if status not in (Status.SOLVED, Status.CLOSED):
        return ()
    read = {ticket.requester.key, *(m.recipient.key for m in had)}
    return tuple(m for m in mails(ticket, status, policy) if m.recipient.key not in read)


def said(others: tuple[NoticeRequest, ...]) -> tuple[str, ...]:
    """For the receipt: who besides the requester is told."""
    return (code("told_new_status", ", ".join(m.recipient.address for m in others)),) if others else ()
