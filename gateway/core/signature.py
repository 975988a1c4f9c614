"""How an answer is signed: by the agent, by the mailbox, and no name twice in a row."""

from __future__ import annotations

from gateway.core.policy import Mailbox, Policy
from gateway.mail.message import Address


def closing(author: Address, box: Mailbox, policy: Policy) -> tuple[str, str]:
    """What stands above the name of the mailbox, and what stands below it."""
    agent = policy.agent_for(author.address)
    name, own, boxes = author.name, (agent.signature if agent else "").strip("\n"), box.signature.strip("\n")
    if _begins_with(own, name):
        name, own = f"{own}\n", ""
    if _begins_with(boxes, box.name):
        boxes = boxes.partition("\n")[2].strip("\n")
    return name, "\n\n".join(s for s in (own, boxes) if s)


def _begins_with(signature: str, name: str) -> bool:
    first = signature.partition("\n")[0].strip(" ,*_")
    return bool(name) and first.casefold() == name.casefold()
