"""Which agents are told of what: AUDIENCE, read aloud line by line.

To change who is told of something, change its line here and its row in the test. Customers are
not in it: what they get belongs to the decision itself. Never told: who caused it (`but`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Agent, Policy
from gateway.core.ticket import Ticket
from gateway.mail.message import Address


@dataclass(frozen=True, slots=True)
class Circle:
    """Those around a ticket, or around a mailbox where there is no ticket yet."""

    policy: Policy
    ticket: Ticket | None
    mailbox: str

    @property
    def team(self) -> tuple[Agent, ...]:
        """Who works in the mailbox."""
        return self.policy.agents_for(self.ticket.mailbox if self.ticket else self.mailbox)

    @property
    def leads(self) -> tuple[Agent, ...]:
        return tuple(a for a in self.team if a.lead)

    @property
    def followers(self) -> tuple[Agent, ...]:
        keys = {a.key for a in self.ticket.followers} if self.ticket else set()
        return tuple(a for a in self.policy.agents if a.keys & keys)

    @property
    def holders(self) -> tuple[Agent, ...]:
        """Whose turn it is: the assignee, or the team where nobody is assigned; and who follows."""
        assignee = self.policy.agent_for(self.ticket.assignee) if self.ticket and self.ticket.assignee else None
        return _once(((assignee,) if assignee else self.team), self.followers)

    @property
    def involved(self) -> tuple[Agent, ...]:
        """Who took it on: the assignee and who follows, and nobody else."""
        return self.holders if self.ticket and self.ticket.assignee else self.followers


def _once(*groups: tuple[Agent, ...]) -> tuple[Agent, ...]:
    found: list[Agent] = []
    for agent in (a for group in groups for a in group):
        if agent not in found:
            found.append(agent)
    return tuple(found)


AUDIENCE: dict[str, Callable[[Circle], tuple[Agent, ...]]] = {
    "new_request": lambda c: c.team,
    "reply": lambda c: c.holders,
    "reopened": lambda c: c.holders,
    "closed_by_requester": lambda c: c.holders,
    "bounce": lambda c: c.holders,
    "undeliverable": lambda c: c.holders,
    "answered": lambda c: c.involved,
    # Somebody took part already: then the note concerns whoever has it.
    "note": lambda c: c.holders if c.involved else (),
    "target_near": lambda c: _once(c.holders, c.leads),
    "target_missed": lambda c: _once(c.holders, c.leads),
    "rated_bad": lambda c: c.leads or c.holders,
    "held": lambda c: tuple(a for a in c.policy.agents if a.lead),
}
"""What happened, by the headline of the notice → who is told."""


def told_of(headline: str, policy: Policy, ticket: Ticket | None, mailbox: str = "") -> tuple[Agent, ...]:
    """The agents who are told, each once. `mailbox` counts where there is no ticket."""
    return AUDIENCE[headline](Circle(policy, ticket, mailbox))


def tell(
    headline: str,
    policy: Policy,
    ticket: Ticket | None,
    *,
    mailbox: str = "",
    remarks: tuple[str, ...] = (),
    but: Agent | None = None,
) -> tuple[NoticeRequest, ...]:
    """One notice to each agent who is told, never to the one who caused it."""
    return tuple(
        NoticeRequest(Notice.AGENT_NOTICE, Address(a.address, a.name), Audience.AGENT, headline, remarks)
        for a in told_of(headline, policy, ticket, mailbox)
        if a is not but
    )
