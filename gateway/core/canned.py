"""Texts a site keeps ready: `#text NAME` puts one above the agent's own words, `#texts` lists them.

They stand in `templates_dir/texts/NAME.LANG.txt`, with `{customer}`, `{reference}` and `{agent}` to be filled in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from difflib import get_close_matches

from gateway.core import language, orders, sides
from gateway.core.agent_mail import AgentCase
from gateway.core.case import Case
from gateway.core.decision import Decision, Why
from gateway.core.policy import Policy
from gateway.core.reason import Reason
from gateway.core.ticket import Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address
from gateway.mail.sentence import code

SHOWN = 60
"""Characters of a text in the list."""


def problems(case: Case) -> tuple[str, ...]:
    """Names there is no text for, with the nearest or all there are."""
    known = case.policy.texts
    return tuple(code("no_such_text", name, _nearest(name, known)) for name in _names(case) if name not in known)


def doubt(case: Case, ticket: Ticket) -> tuple[str, ...]:
    """That a text names the requester, or their reference, to somebody who knows neither: another customer of a merged
    ticket, an adviser."""
    texts = [t for name in _names(case) for t in case.policy.texts.get(name, {}).values()]
    if not any(word in text for text in texts for word in ("{customer}", "{reference}")):
        return ()
    if case.order.has(Verb.ASK):
        whom = case.order.argument(Verb.ASK).partition(" ")[0]
        parent = case.facts.parent
        return (code("text_names", ticket.requester.shown, whom or (parent.author.address if parent else "–")),)
    others = [a.address for a in sides.people(ticket) if not sides.owns(ticket, a.key)]
    if not others or case.order.has(Verb.ONLY) or case.order.has(Verb.NOTE):
        return ()
    return (code("text_names", ticket.requester.shown, ", ".join(others)), code("text_only"))


def put_in(case: Case, ticket: Ticket | None, customer: Address) -> Case:
    """The case with the texts its order names above its own; those without one in the customer's language in that of
    the mailbox, else in any. Ask `problems` first."""
    names = _names(case)
    if not names or problems(case):
        return case
    box = (case.policy.mailbox_for(ticket.mailbox) if ticket else None) or case.mailbox
    wanted = case.order.argument(Verb.LANGUAGE) or language.of_customer("", ticket, box, case.policy)
    agent = case.agent
    values = {
        "{customer}": customer.name or customer.address,
        "{reference}": case.policy.reference(ticket) if ticket else "",
        # An agent's address is not for customers.
        "{agent}": agent.name or box.name if agent else "",
    }
    texts = [_filled(_in_language(case.policy.texts[name], wanted, box.language), values) for name in names]
    return replace(case, order=replace(case.order, text="\n\n".join(filter(None, (*texts, case.order.text)))))


def listed(on: AgentCase) -> Decision | None:
    """The answer to `#texts`; None when the order is another one."""
    if not on.case.order.has(Verb.TEXTS):
        return None
    known: Policy = on.case.policy
    lines = tuple(
        f"#text {name} ({', '.join(sorted(by_language))}): {' '.join(next(iter(by_language.values())).split())[:SHOWN]}"
        for name, by_language in sorted(known.texts.items())
    )
    return Decision(
        Reason.AGENT_LOOKS,
        Why(attach="no: it only looks something up", acknowledge="yes: with the texts there are"),
        notices=(orders.receipt(on.agent, "texts", lines or (code("no_texts"),)),),
    )


def _names(case: Case) -> list[str]:
    return [c.argument.casefold() for c in case.order.commands if c.verb is Verb.TEXT]


def _nearest(name: str, known: Mapping[str, object]) -> str:
    near = get_close_matches(name, list(known), 1, 0.6)
    return near[0] if near else ", ".join(sorted(known)) or "–"


def _in_language(by_language: Mapping[str, str], *wishes: str) -> str:
    return next((by_language[w] for w in wishes if w in by_language), next(iter(by_language.values())))


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text.strip("\n")
