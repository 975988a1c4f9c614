"""What agents look up by mail: `#list`, `#show`, `#search`, `#customer`, `#report`. Nothing changes by it.

Pure: `asked` says which tickets are wanted, the store finds them, `answer` makes a mail of them. An agent finds the
tickets of the mailboxes they work for, and those they have themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import get_close_matches

from gateway import texts
from gateway.core import buttons, language, orders, parking, report_mail, token
from gateway.core.agent_mail import AgentCase, proof
from gateway.core.case import Case
from gateway.core.decision import Decision, Why
from gateway.core.digest import age
from gateway.core.looked_up import Asked, Found
from gateway.core.notice import Audience, Item, Notice, NoticeRequest, Section
from gateway.core.policy import Agent, Policy
from gateway.core.reason import Reason
from gateway.core.refusal import refuse, unsent
from gateway.core.statuses import label
from gateway.core.ticket import Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address, address_key
from gateway.mail.sentence import code
from gateway.texts import Catalog, mark_in
from gateway.texts import mark as _

SHOWN = 25
"""Tickets of one answer; the rest is counted."""
VERBS = (Verb.LIST, Verb.SHOW, Verb.SEARCH, Verb.CUSTOMER, Verb.REPORT)
_MINE = mark_in("list", "mine|my")
_LISTS: dict[str, str] = {
    _MINE: _("With you"),
    mark_in("list", "open|all"): _("Open"),
    mark_in("list", "unassigned|free"): _("Not assigned yet"),
    mark_in("list", "waiting"): _("Waiting for the customer"),
    mark_in("list", "snoozed"): _("Snoozed"),
}
"""Every word for a list → its title."""
_WANTED: dict[str, Callable[[Agent], Asked]] = dict(
    zip(
        _LISTS,
        (
            lambda agent: Asked(open=True, assignee=agent.address),
            lambda _: Asked(open=True),
            lambda _: Asked(open=True, unassigned=True),
            lambda _: Asked(waiting=True),
            lambda _: Asked(snoozed=True),
        ),
        strict=True,
    )
)


@dataclass(frozen=True, slots=True)
class _List:
    title: str
    asked: Asked


def asked(case: Case) -> Asked | None:
    """Which tickets the order wants to see; None when it wants none, names nobody, or comes from nobody proven."""
    if case.agent is None or case.order.problems or not proof(case):
        return None
    if case.order.has(Verb.REPORT):
        return report_mail.asked(case, case.agent)
    found = _list(case, case.agent, texts.catalog(""))
    return found.asked if found else None


def answer(on: AgentCase) -> Decision | None:
    """What was looked for; None when the order looks nothing up."""
    case, order = on.case, on.case.order
    verb = next((v for v in VERBS if order.has(v)), None)
    if verb is None:
        return None
    if verb is Verb.SHOW:
        return _shown(on)
    if verb is Verb.REPORT:
        return report_mail.answer(on)
    words = texts.catalog(language.of_agent(on.agent, None, case.policy))
    wanted = _list(case, on.agent, words)
    if wanted is None and verb is Verb.CUSTOMER:
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("needs_customer"), *unsent(case)), doubt=None)
    if wanted is None:
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (_no_such_list(case, words), *unsent(case)), doubt=None)
    found = case.facts.looked or Found()
    headline = f"{wanted.title} ({found.count})"
    sections = (*_person(found, words, case.policy), *_table(found, on.agent, case.policy, words, case.now))
    nothing = () if sections else (code("found_nothing"),)
    return Decision(
        Reason.AGENT_LOOKS,
        Why(attach="no: it only looks something up", acknowledge="yes: with what was found"),
        notices=(orders.receipt(on.agent, headline, (*nothing, *unsent(case))),),
        sections=sections,
    )


def _list(case: Case, agent: Agent, words: Catalog) -> _List | None:
    order, boxes = case.order, _boxes(agent, case.policy)
    if order.has(Verb.SEARCH):
        text = order.argument(Verb.SEARCH)
        number = token.number_in(case.policy.reference_prefix, text)
        return _List(words.gettext("Found: {words}", words=text[:60]), Asked(text=text, number=number, mailboxes=boxes))
    if order.has(Verb.CUSTOMER):
        address = order.argument(Verb.CUSTOMER) or (case.ticket.requester.address if case.ticket else "")
        title = words.gettext("Requests of {address}", address=address)
        return _List(title, Asked(requester=address, mailboxes=boxes)) if address else None
    if not order.has(Verb.LIST):
        return None
    name = order.argument(Verb.LIST).casefold()
    for message, title in _LISTS.items():
        if name in _words(message) or (not name and message == _MINE):
            wanted = _WANTED[message](agent)
            if wanted.unassigned:
                wanted = replace(wanted, agents=case.policy.agent_keys)
            # Nobody's own tickets are kept from them, whichever mailbox they are of.
            own = wanted.assignee == agent.address
            return _List(words.gettext(title), wanted if own else wanted.among(boxes))
    colleagues = case.policy.agents_called(name.lstrip("@"))
    if len(colleagues) != 1:
        return None
    title = words.gettext("With {name}", name=colleagues[0].name or colleagues[0].address)
    return _List(title, Asked(open=True, assignee=colleagues[0].address, mailboxes=boxes))


def _words(message: str) -> frozenset[str]:
    return frozenset(word for words in texts.catalogs().every() for word in words.words_in("list", message))


def _no_such_list(case: Case, words: Catalog) -> str:
    """With the nearest there is, else with all."""
    name = case.order.argument(Verb.LIST)
    known = [words.words_in("list", message)[0] for message in _LISTS]
    known += [a.name or a.address for a in case.policy.agents]
    every = {word: word for message in _LISTS for word in _words(message)} | {k.casefold(): k for k in known}
    near = get_close_matches(name.casefold(), every, 1, 0.6)
    return code("no_such_list", name, every[near[0]] if near else ", ".join(known))


def _boxes(agent: Agent, policy: Policy) -> tuple[str, ...]:
    """Mailboxes whose tickets the agent sees; empty: all."""
    boxes = (policy.mailbox_for(address) for address in agent.mailboxes)
    return tuple(box.address for box in boxes if box)


def _sees(agent: Agent, ticket: Ticket, policy: Policy) -> bool:
    mine = address_key(ticket.assignee) in agent.keys or any(a.key in agent.keys for a in ticket.followers)
    return mine or agent in policy.agents_for(ticket.mailbox)


def named(on: AgentCase) -> Ticket | None:
    """The ticket an order names, as far as it is there for this agent: they see it, or the customer of the one they
    answer takes part in it, as notices say."""
    ticket = on.case.facts.named
    if ticket is None or _sees(on.agent, ticket, on.case.policy):
        return ticket
    return ticket if on.ticket.number and ticket.knows(on.ticket.requester.address) else None


def _shown(on: AgentCase) -> Decision:
    """The notice of that ticket, as if something had happened to it: to answer it answers the ticket."""
    case, ticket = on.case, on.case.facts.named
    if ticket is None or not _sees(on.agent, ticket, case.policy):
        missing = code("no_such_ticket", case.order.argument(Verb.SHOW))
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (missing, *unsent(case)), doubt=None)
    to = Address(on.agent.address, on.agent.name)
    return Decision(
        Reason.AGENT_LOOKS,
        Why(attach="no: it only looks something up", acknowledge="yes: with the ticket"),
        ticket=ticket.number,
        notices=(NoticeRequest(Notice.AGENT_NOTICE, to, Audience.AGENT, "shown", _aside(ticket, case.policy)),),
    )


def _aside(ticket: Ticket, policy: Policy) -> tuple[str, ...]:
    """What the notice of a ticket does not tell."""
    said = []
    if ticket.snoozed_until:
        until = f"{ticket.snoozed_until.astimezone(policy.hours.zone):%Y-%m-%d %H:%M}"
        by = ticket.snoozed_by or "operator"
        on_board = parking.on_board(ticket.snoozed_until, policy.hours)
        said.append(on_board if by == parking.BOARD else code("snoozed", until, by))
        said += [code("snooze_note", ticket.snooze_note)] if ticket.snooze_note else []
    return (*said, *((code("spam_is"),) if ticket.spam else ()))


def _person(found: Found, words: Catalog, policy: Policy) -> tuple[Section, ...]:
    if found.person is None or found.since is None:
        return ()
    since = words.gettext("known since {day}", day=words.day(found.since, policy.hours.zone))
    tongue = texts.catalog(found.language).name if found.language else ""
    return (
        Section(
            found.person.shown, (Item(" · ".join(filter(None, (found.person.address, *found.further, since, tongue)))),)
        ),
    )


def _table(found: Found, agent: Agent, policy: Policy, words: Catalog, now: datetime) -> tuple[Section, ...]:
    items = tuple(_item(t, agent, policy, words, now) for t in found.tickets)
    if more := found.count - len(items):
        items = (*items, Item(words.gettext("… and {count} more", count=more)))
    return (Section(words.gettext("Tickets"), items),) if items else ()


def _item(ticket: Ticket, agent: Agent, policy: Policy, words: Catalog, now: datetime) -> Item:
    """Short lines, for a telephone."""
    holder = policy.agent_for(ticket.assignee) if ticket.assignee else None
    status = label(ticket, policy, words.language, Audience.AGENT)
    parked = words.short_moment(ticket.snoozed_until, policy.hours.zone) if ticket.snoozed_until else ""
    facts = (
        words.gettext("Ticket {number}", number=ticket.number),
        f"→ #{ticket.merged_into}" if ticket.merged_into else "",
        ticket.requester.shown,
        f"{status} {age(now, ticket.status_at or ticket.created_at, words)}",
        (holder.name or holder.address) if holder else ticket.assignee,
        words.gettext("snoozed until {moment}", moment=parked) if parked else "",
        ", ".join(ticket.tags),
    )
    subject = ticket.subject[:80] or policy.reference(ticket)
    return Item(subject, " · ".join(filter(None, facts)), buttons.reply(ticket, agent, policy, words.language))
