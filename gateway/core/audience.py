"""Which agents are told of what: AUDIENCE, read aloud line by line.

Everything is asked of the ticket as it is AFTER the change. To change who is told of something,
change its line here and its row in the test. Customers are not in it: what they get belongs to the
decision itself. Never told: who caused it (`but`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from gateway.core.lifecycle import Status
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Agent, Policy
from gateway.core.ticket import Ticket
from gateway.mail.message import Address, address_key
from gateway.mail.sentence import code

Agents = tuple[Agent, ...]
_NAMED = re.compile(r"(?<![\w.@])@([\w.+-]+(?:@[\w.-]+)?)")
"""`@bert` or `@bert@example.com` in a note."""


@dataclass(frozen=True, slots=True)
class Circle:
    """Those around a ticket, or around a mailbox where there is no ticket yet."""

    policy: Policy
    ticket: Ticket | None
    """After the change."""
    before: Ticket | None = None
    """Before it; for what was moved between tickets, the one it came from."""
    mailbox: str = ""
    """Counts where there is no ticket."""
    text: str = ""
    """Of a note."""
    informed: frozenset[str] = frozenset()
    """Keys of whoever was told of the order that is taken back, asked what is answered here, or is in copy of it."""

    @property
    def team(self) -> Agents:
        """Who works in the mailbox; but not whoever asks it for help, unless nobody else is there: of their own request
        they get what its customer gets."""
        team = self.policy.agents_for(self.ticket.mailbox if self.ticket else self.mailbox)
        return tuple(a for a in team if not (self.ticket and self.ticket.requester.key in a.keys)) or team

    @property
    def openly(self) -> Agents:
        """Who hears by mail of what nobody has (`mailboxes.announce`)."""
        box = self.policy.mailbox_for(self.ticket.mailbox if self.ticket else self.mailbox)
        how = box.announce if box else "team"
        if how == "assignee":
            return self.leads or self.team
        return self.team if how == "team" else ()

    @property
    def leads(self) -> Agents:
        return tuple(a for a in self.team if a.lead)

    @property
    def followers(self) -> Agents:
        keys = {a.key for a in self.ticket.followers} if self.ticket else set()
        return tuple(a for a in self.policy.agents if a.keys & keys)

    @property
    def assignee(self) -> Agents:
        """Empty where nobody is assigned, or somebody who is no agent any more."""
        agent = self.policy.agent_for(self.ticket.assignee) if self.ticket and self.ticket.assignee else None
        return (agent,) if agent else ()

    @property
    def holders(self) -> Agents:
        """Whose turn it is: the assignee, or whom the mailbox tells where nobody is assigned; and who follows."""
        return _once(self.assignee or self.openly, self.followers)

    @property
    def unlisted(self) -> Agents:
        """The team, of what is done: no list says that somebody wrote there; it is told where nobody else is."""
        done = self.ticket is not None and self.ticket.status in (Status.SOLVED, Status.CLOSED)
        return self.team if done else ()

    @property
    def involved(self) -> Agents:
        """Who took it on: the assignee and who follows, and nobody else."""
        return _once(self.assignee, self.followers)

    @property
    def told(self) -> Agents:
        """Who was told of the order that is taken back, asked what is answered here, or is in copy of it."""
        return tuple(a for a in self.policy.agents if a.keys & self.informed)

    @property
    def others(self) -> Agents:
        """Who may act in the assignee's place: who follows, else leads, else the team."""
        groups = (
            tuple(a for a in group if a not in self.assignee) for group in (self.followers, self.leads, self.team)
        )
        return next((group for group in groups if group), ())

    @property
    def parker(self) -> Agents:
        """Who put it aside until a time."""
        agent = self.policy.agent_for(self.ticket.snoozed_by) if self.ticket and self.ticket.snoozed_by else None
        return (agent,) if agent else ()

    @property
    def earlier(self) -> Circle:
        return Circle(self.policy, self.before or self.ticket, mailbox=self.mailbox)

    @property
    def named(self) -> Agents:
        """Whom a note names."""
        words = (m[1].rstrip(".-") for m in _NAMED.finditer(self.text))
        return _once(*(self.policy.agents_called(word) for word in words))


def _once(*groups: Agents) -> Agents:
    return tuple(dict.fromkeys(agent for group in groups for agent in group))


def _nobody(_: Circle) -> Agents:
    return ()


@dataclass(frozen=True, slots=True)
class Told:
    whole: Callable[[Circle], Agents]
    """Get the notice with the text and the conversation."""
    in_one_line: Callable[[Circle], Agents] = _nobody
    """Need only know that it happened."""


def _both(c: Circle) -> Agents:
    return _once(c.holders, c.earlier.holders)


def _concerned(c: Circle) -> Agents:
    """Whose turn it is again; who only heard of the order and has no part in the ticket now is told in one line."""
    return _once(c.involved, tuple(a for a in c.told if a in c.holders))


AUDIENCE: dict[str, Told] = {
    # Whom the customer named beside us has the mail, but no mark to answer with; it may be another team's ticket.
    "new_request": Told(lambda c: c.holders, lambda c: c.told),
    "reply": Told(lambda c: c.holders or c.unlisted, lambda c: c.told),
    # Whoever asked waits for the answer, also where a colleague has the ticket.
    "adviser": Told(lambda c: _once(c.holders, c.told)),
    "reopened": Told(lambda c: c.holders, lambda c: c.told),
    "closed_by_requester": Told(lambda c: c.holders),
    # Whoever asked an adviser waits for an answer that will not come.
    "bounce": Told(lambda c: _once(c.holders, c.told)),
    "undeliverable": Told(lambda c: _once(c.holders, c.told)),
    "assigned": Told(lambda c: c.assignee, lambda c: c.earlier.assignee),
    "unassigned": Told(lambda c: c.holders, lambda c: c.earlier.assignee),
    # Nobody had it: the team hears of it, so that nobody answers twice.
    "answered": Told(lambda c: c.involved, lambda c: () if c.earlier.assignee else c.openly),
    "acted": Told(_nobody, lambda c: c.involved),
    "undone": Told(_concerned, lambda c: c.told),
    # About the ticket that what was split, merged or moved returns to.
    "apart": Told(_concerned),
    "note": Told(lambda c: _once(c.holders, c.named, c.told)),
    "split": Told(_both),
    "merged": Told(_both),
    "moved": Told(_both),
    "handed_over": Told(_both),
    "snooze_due": Told(lambda c: c.parker or c.holders),
    "woken": Told(lambda c: c.parker),
    "target_near": Told(lambda c: _once(c.holders, c.leads)),
    "target_missed": Told(lambda c: _once(c.holders, c.leads)),
    # No list has what is closed: where nobody is told of what nobody has, the team hears of this all the same.
    "rated_bad": Told(lambda c: c.leads or c.holders or c.team),
    "other_account": Told(lambda c: c.leads),
    # Whoever follows has the customer's words; else somebody must take it.
    "holder_away": Told(lambda c: c.others),
    "held": Told(lambda c: tuple(a for a in c.policy.agents if a.lead)),
}
"""What happened, by the headline of the notice → who is told."""


def tell(
    headline: str,
    policy: Policy,
    ticket: Ticket | None,
    *,
    before: Ticket | None = None,
    mailbox: str = "",
    text: str = "",
    informed: Collection[str] = (),
    remarks: tuple[str, ...] = (),
    line: tuple[str, ...] = (),
    but: Agent | None = None,
) -> tuple[NoticeRequest, ...]:
    """One notice to each agent who is told, never to the one who caused it.

    `remarks` stand in each; `line` in those that say it in one line.
    """
    circle, row = Circle(policy, ticket, before, mailbox, text, frozenset(informed)), AUDIENCE[headline]
    return each_once(
        (
            *(_notice(a, headline, remarks) for a in row.whole(circle) if a is not but),
            *(_notice(a, headline, (*remarks, *line), brief=True) for a in row.in_one_line(circle) if a is not but),
        )
    )


def tell_of_assignment(
    policy: Policy, before: Ticket, after: Ticket, by: Agent | None, why: tuple[str, ...] = ()
) -> tuple[NoticeRequest, ...]:
    """What agents hear when a ticket is somebody else's now; nothing when it is not. `by` None: the operator.

    `why` stands in place of who gave it to whom.
    """
    if address_key(before.assignee) == address_key(after.assignee):
        return ()
    who = (by.name or by.address) if by else "operator"
    agent = policy.agent_for(after.assignee)
    if agent is None:
        return tell("unassigned", policy, after, before=before, remarks=why or (code("given_back", who),), but=by)
    said = code("taken_over", who) if agent is by else code("given", who, agent.name or agent.address)
    return tell("assigned", policy, after, before=before, remarks=why or (said,), but=by)


def each_once(notices: tuple[NoticeRequest, ...]) -> tuple[NoticeRequest, ...]:
    """Of several notices to the same agent the first; one with the whole text before one in one line."""
    mine = [n for n in notices if n.notice is Notice.AGENT_NOTICE]
    chosen: dict[str, NoticeRequest] = {}
    for notice in sorted(mine, key=lambda n: n.brief):
        chosen.setdefault(notice.recipient.key, notice)
    return tuple(n for n in notices if n.notice is not Notice.AGENT_NOTICE or n is chosen[n.recipient.key])


def _notice(agent: Agent, headline: str, remarks: tuple[str, ...], *, brief: bool = False) -> NoticeRequest:
    to = Address(agent.address, agent.name)
    return NoticeRequest(Notice.AGENT_NOTICE, to, Audience.AGENT, headline, remarks, brief)
