"""Asking how it was, and what the answer means: who is asked when, which answers there are, what is bad.

Pure. A closing is asked about once; a bad answer reaches the leads of the mailbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from gateway.core import audience
from gateway.core.decision import Change, Decision, Why
from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.reason import Reason, sentence
from gateway.core.roles import is_role
from gateway.core.ticket import Ticket
from gateway.mail.sentence import code

WORST, BEST = 1, 5
SCALES: dict[str, dict[str, int]] = {
    "five": {str(n): n for n in range(BEST, WORST - 1, -1)},
    "two": {"good": BEST, "bad": WORST},
}
"""Scale → its answers, as links name them, the best first, as they are shown."""
LATE = timedelta(days=3)
"""So long a request that could not be sent in time is made up for; switching it on asks nobody about old tickets."""
TOLD = 3
"""Notices of one bad answer, however often it is changed."""


@dataclass(frozen=True, slots=True)
class CustomerRating:
    """The newest answer of a customer; `value` None: asked, and not answered yet."""

    ticket: int
    scale: str
    value: int | None
    comment: str
    asked_at: datetime
    rated_at: datetime | None
    changed_at: datetime | None
    told: int = 0

    @property
    def answered(self) -> bool:
        """This question, and not only an earlier one."""
        return self.rated_at is not None and self.rated_at >= self.asked_at

    def open_until(self, policy: Policy) -> datetime:
        """Until when it can be answered, or the answer be changed."""
        if self.answered and self.rated_at is not None:
            return self.rated_at + timedelta(days=policy.rating_change_days)
        return self.asked_at + timedelta(days=policy.link_days)


def is_bad(value: int) -> bool:
    return value <= 2


def is_good(value: int) -> bool:
    return value >= 4


def word(scale: str, value: int) -> str:
    """An answer as links and sentences name it."""
    return next((w for w, v in SCALES[scale].items() if v == value), str(value))


def ask(ticket: Ticket, first: str, asked_at: datetime | None, policy: Policy, now: datetime) -> Decision | None:
    """Ask about this closing, if it is time. `first`: reason of the ticket's first entry."""
    if not policy.rating_after_hours or ticket.status is not Status.CLOSED or ticket.closed_at is None:
        return None
    due = ticket.closed_at + timedelta(hours=policy.rating_after_hours)
    if not due <= now < due + LATE or (asked_at is not None and asked_at >= ticket.closed_at):
        return None
    # A machine, or somebody who never got the mail it began with.
    nobody = first in (Reason.NEW_AUTOMATIC.value, Reason.AGENT_UNDOES.value)
    if ticket.spam or ticket.merged_into or nobody or "@" not in ticket.requester.key:
        return None
    if is_role(ticket.requester.key) or policy.is_own(ticket.requester.address):
        return None
    return Decision(
        Reason.RATING_ASKED,
        Why(attach="yes: " + sentence(Reason.RATING_ASKED), notify="no: the customer is asked"),
        ticket=ticket.number,
        change=Change(),
        events=(code("rating_asked"),),
        notices=(NoticeRequest(Notice.RATING_REQUEST, ticket.requester, Audience.CUSTOMER),),
    )


def rated(ticket: Ticket, before: CustomerRating, value: int, comment: str, policy: Policy) -> Decision:
    """The customer answered, or changed the answer; a bad one tells the leads."""
    news = (value, comment) != (before.value, before.comment) or not before.answered
    told: tuple[NoticeRequest, ...] = ()
    if is_bad(value) and news and before.told < TOLD:
        said = (code("rated", word(before.scale, value)), *((code("rated_comment", comment),) if comment else ()))
        told = audience.tell("rated_bad", policy, ticket, remarks=said)
    return Decision(
        Reason.RATED,
        Why(attach="yes: " + sentence(Reason.RATED), notify="yes: it is a bad one" if told else "no"),
        ticket=ticket.number,
        # The comment is not repeated here: it is the customer's, and goes with them.
        events=(code("rated", word(before.scale, value)),) if value != before.value or not before.answered else (),
        notices=told,
    )


@dataclass(frozen=True, slots=True)
class Results:
    """The answers of a period."""

    asked: int
    answered: int
    median: float | None
    good: float | None
    """Share of good ones, 0 to 1."""


def results(asked: int, values: list[int]) -> Results:
    if not values:
        return Results(asked, 0, None, None)
    return Results(asked, len(values), float(median(values)), sum(map(is_good, values)) / len(values))
