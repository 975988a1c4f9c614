"""How an answer is signed: by the agent, by the mailbox, and no name twice in a row."""

from __future__ import annotations

from gateway.core.policy import Mailbox, Policy
from gateway.mail.message import Address


def closing(text: str, author: Address, box: Mailbox, policy: Policy) -> tuple[str, str]:
    """What stands above the name of the mailbox, and below it; a text that ends with a name needs no other."""
    agent = policy.agent_for(author.address)
    name, own, boxes = author.name, (agent.signature if agent else "").strip("\n"), box.signature.strip("\n")
    if _begins_with(own, name):
        name, own = f"{own}\n", ""
    elif _ends_with(text, name):
        name = ""
    if _begins_with(boxes, box.name):
        boxes = boxes.partition("\n")[2].strip("\n")
    return name, "\n\n".join(s for s in (own, boxes) if s)


def _ends_with(text: str, name: str) -> bool:
    """Its last line is the name, or the first name."""
    last = text.strip().rpartition("\n")[2].strip(" ,*_").casefold()
    return bool(last) and last in (name.casefold(), name.partition(" ")[0].casefold())


def _begins_with(signature: str, name: str) -> bool:
    first = signature.partition("\n")[0].strip(" ,*_")
    return bool(name) and first.casefold() == name.casefold()
