"""Who gets a new request: whom a rule names, nobody, each in turn, or whoever has the least (`mailboxes.assign`)."""

from __future__ import annotations

from gateway.core.case import Case
from gateway.core.policy import Agent
from gateway.mail.message import address_key


def picked(case: Case) -> Agent | None:
    """The agent a new request is given to: by a rule, else nobody outside the site's hours, and nobody who is away."""
    if case.ruled.assign and (agent := case.policy.agent_for(case.ruled.assign)):
        return agent
    how, shares = case.mailbox.assign, case.facts.shares
    if how == "nobody" or shares is None or not case.policy.hours.is_open(case.now):
        return None
    there = [a for a in case.policy.agents_for(case.mailbox.address) if address_key(a.address) in shares]
    if not there:
        return None

    def order(agent: Agent) -> tuple[int, int]:
        share = shares[address_key(agent.address)]
        return (share.newest, share.open) if how == "round_robin" else (share.open, share.newest)

    return min(there, key=order)
