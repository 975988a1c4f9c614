"""What customers hear of a new status that no answer tells them of."""

from __future__ import annotations

from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.roles import is_role
from gateway.core.ticket import Ticket


def mails(ticket: Ticket, status: Status, policy: Policy, named: str = "") -> tuple[NoticeRequest, ...]:
    """`ticket` as it was before. `named`: a status of the site's own, which is news although it counts as the same."""
    requester = ticket.requester
    if is_role(requester.key) or "@" not in requester.key:
        # Nobody would read it, and the receipt must not say that somebody was told.
        return ()
    if status is Status.SOLVED and ticket.status is not Status.SOLVED:
        return (NoticeRequest(Notice.CLOSE_CONFIRMATION, requester, Audience.CUSTOMER),)
    if status is ticket.status and not named:
        return ()
    if status is Status.CLOSED:
        return (NoticeRequest(Notice.CLOSED, requester, Audience.CUSTOMER),)
    if not policy.notify_customers_of_status:
        return ()
    return (NoticeRequest(Notice.STATUS_CHANGED, requester, Audience.CUSTOMER),)
