"""The language of a mail: one rule, whatever writes a part of it.

An agent reads their own, a customer the one known of them, then that of the ticket; then comes the mailbox's, then
the site's. Only languages there are texts in count.
"""

from __future__ import annotations

from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.ticket import Ticket
from gateway.mail.message import Message


def of_agent(agent: Agent | None, box: Mailbox | None, policy: Policy) -> str:
    """What an agent reads, and the operator; `box` is that of the ticket, None without one."""
    box = box or (policy.mailbox_of(agent) if agent else policy.mailboxes[0])
    return _first((agent.language if agent else "", box.language), policy)


def of_customer(contact: str, ticket: Ticket | None, box: Mailbox | None, policy: Policy) -> str:
    """`contact` is the language known of the person, empty when none is."""
    box = box or policy.mailboxes[0]
    return _first((contact, ticket.language if ticket else "", box.language), policy)


def hinted(message: Message, policy: Policy) -> str:
    """What a mail says of its own language (RFC 3282), when it names one and there are texts in it; else empty."""
    named = message.header("content-language").strip().casefold().partition("-")[0]
    return named if named in policy.languages else ""


def _first(wishes: tuple[str, ...], policy: Policy) -> str:
    return next((w for w in (*wishes, policy.default_language) if w in policy.languages), "en")
