"""The language of a mail: one rule, whatever writes a part of it.

An agent reads their own, a customer the one known of them, then that of the ticket (what its first mail says of
itself, else what it is written in); then comes the mailbox's, then the site's. Only the site's languages count.
"""

from __future__ import annotations

from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.ticket import Ticket
from gateway.mail.message import Message
from gateway.mail.spoken import spoken


def of_agent(agent: Agent | None, box: Mailbox | None, policy: Policy) -> str:
    """What an agent reads, and the operator; `box` is that of the ticket, None without one."""
    box = box or (policy.mailbox_of(agent) if agent else policy.mailboxes[0])
    return _first((agent.language if agent else "", box.language), policy)


def of_customer(contact: str, ticket: Ticket | None, box: Mailbox | None, policy: Policy) -> str:
    """`contact` is the language known of the person, empty when none is."""
    box = box or policy.mailboxes[0]
    return _first((contact, ticket.language if ticket else "", box.language), policy)


def of_mail(message: Message, box: Mailbox, policy: Policy) -> tuple[str, str]:
    """(language, how it is known) of a ticket this mail begins; both empty where nothing better is known than the
    mailbox's. Known is also what is the mailbox's own: the ticket may be handed over to another mailbox.

    What a mail says of itself (Content-Language, RFC 3282) comes first, then what it is written in. A mail in several
    languages names none.
    """
    named = message.header("content-language").strip().casefold().replace("_", "-")
    if "," not in named and (found := _known(named, policy)):
        return (found, "its Content-Language") if found not in _kinds(box.language) else ("", "")
    found = _known(spoken(message.reply_text), policy)
    return (found, "its text") if found and found not in _kinds(box.language) else ("", "")


def _kinds(tag: str) -> tuple[str, ...]:
    """What a tag is a kind of: `pt-BR` is Portuguese, and a site that has texts of Brazil means those."""
    base = tag.partition("-")[0]
    return (base,) if base != tag else ()


def _known(tag: str, policy: Policy) -> str:
    """A language of the site for a tag such as `de-AT`: that very one, else the one it is a kind of."""
    known = {language.casefold(): language for language in policy.languages}
    return known.get(tag) or known.get(tag.partition("-")[0], "")


def _first(wishes: tuple[str, ...], policy: Policy) -> str:
    return next((w for w in (*wishes, policy.default_language) if w in policy.languages), "en")
