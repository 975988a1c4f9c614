"""An agent's mail that is not carried out: the receipt that says why."""

from __future__ import annotations

from gateway.core import orders
from gateway.core.agent_mail import AgentCase
from gateway.core.decision import Decision, Reason, Why


def refuse(on: AgentCase, reason: Reason, remarks: tuple[str, ...], *, headline: str = "nothing_done") -> Decision:
    """Nothing is done; the agent reads why in the receipt."""
    why = Why(attach="no: " + orders.sentence(reason), acknowledge="no: the agent gets a receipt")
    if on.ticket.number:
        why = Why(why.attach, "no: nothing was done", why.acknowledge, "no: nothing was done")
    return Decision(reason, why, ticket=on.ticket.number, notices=(orders.receipt(on.agent, headline, remarks),))
