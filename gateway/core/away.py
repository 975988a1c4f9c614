"""Agents who are away: `#away`, `#back`, and who is told in their place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from gateway import texts
from gateway.core import audience, orders, when
from gateway.core.agent_mail import AgentCase
from gateway.core.decision import Away, Decision, Why
from gateway.core.notice import Notice, NoticeRequest
from gateway.core.policy import Agent, Policy, as_address
from gateway.core.reason import Reason
from gateway.core.refusal import refuse, unsent
from gateway.core.verbs import Verb
from gateway.mail.message import Address, address_key
from gateway.mail.sentence import code
from gateway.texts import mark_in

_UNTIL = mark_in("away", "until|till")
_TO = mark_in("away", "to|deputy")


def answer(on: AgentCase) -> Decision | None:
    """The decision about `#away` and `#back`; None when the order is another one."""
    case = on.case
    if case.order.has(Verb.BACK):
        return _decided(on, Away(address_key(on.agent.address), back=True), code("is_back"))
    if not case.order.has(Verb.AWAY):
        return None
    wanted = understood(case.order.argument(Verb.AWAY), on.agent, case.policy, case.now)
    if wanted is None:
        said = code("no_such_absence", case.order.argument(Verb.AWAY))
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (said, *unsent(case)), doubt=None)
    return _decided(on, wanted, said_of(wanted, case.policy))


def understood(argument: str, agent: Agent, policy: Policy, now: datetime) -> Away | None:
    """`[until DATE] [to NAME]`, in any language; None where a date is none ahead, or a name is no colleague's."""
    until, deputy, rest = None, "", argument.strip()
    while rest:
        after = _behind(rest, _UNTIL)
        if after is not None:
            until, rest = when.moment(after, now, policy.hours)
            if until is None:
                return None
        elif (after := _behind(rest, _TO)) is not None:
            found = policy.agents_called(after.strip().lstrip("@"))
            if len(found) != 1 or found[0] is agent:
                return None
            deputy, rest = found[0].address, ""
        else:
            return None
        rest = rest.strip()
    return Away(address_key(agent.address), until, deputy)


def said_of(away: Away, policy: Policy) -> str:
    """What is true from now on, as a sentence."""
    deputy = policy.agent_for(away.deputy) if away.deputy else None
    until = f"{away.until.astimezone(policy.hours.zone):%Y-%m-%d %H:%M}" if away.until else ""
    whom = (deputy.name or deputy.address) if deputy else ""
    if until:
        return code("away_until_to", until, whom) if whom else code("away_until", until)
    return code("away_to", whom) if whom else code("away_set")


def _behind(text: str, message: str) -> str | None:
    """The text behind such a word of any language."""
    return when.behind(text, {word for words in texts.catalogs().every() for word in words.words_in("away", message)})


def _decided(on: AgentCase, away: Away, said: str) -> Decision:
    return Decision(
        Reason.AGENT_AWAY,
        Why(attach="no: it is about the agent, not a ticket", acknowledge="no: the agent gets a receipt"),
        notices=(orders.receipt(on.agent, "done", (said, *unsent(on.case))),),
        away=away,
    )


def in_place(
    notices: tuple[NoticeRequest, ...], absent: Mapping[str, str], policy: Policy, mailbox: str, by: str
) -> tuple[NoticeRequest, ...]:
    """The notices with those to agents who are away given to the deputy, else to the team; where nobody is there they
    stay theirs. `absent`: key of who is away → address of the deputy, or empty. `by` is the key of the agent who caused
    them: never told, nor is who gets a receipt of it."""
    receipts = [n for n in notices if n.notice is Notice.AGENT_RECEIPT and n.headline == "done"]
    but = {by, *(n.recipient.key for n in receipts)}
    there = [n for n in notices if n.notice is Notice.AGENT_NOTICE and n.recipient.key not in absent]
    # Whoever need only know of it does not act in anybody's place.
    told = {n.recipient.key for n in there if not n.brief}
    result: list[NoticeRequest] = []
    said: list[str] = []
    for n in notices:
        if n.notice is not Notice.AGENT_NOTICE or n.recipient.key not in absent:
            result.append(n)
            continue
        instead = () if n.brief else _instead(n.recipient.key, absent, policy, mailbox, bool(told))
        if n.headline == "assigned" and not n.brief:
            said.append(_stood_in(n.recipient, tuple(a for a in instead or () if address_key(a.address) not in but)))
        if instead is None:
            result.append(n)
            continue
        remark = code("in_place_of", n.recipient.shown)
        for agent in instead:
            key = address_key(agent.address)
            if key not in told | but:
                told.add(key)
                result.append(replace(n, recipient=as_address(agent), remarks=(*n.remarks, remark)))
    each = audience.each_once(tuple(result))
    return tuple(replace(n, remarks=(*n.remarks, *said)) if n in receipts else n for n in each)


def reads_digest(agent: Agent, absent: Mapping[str, str], policy: Policy) -> bool:
    """Who is away does not, but for a mailbox of which nobody is there."""
    if address_key(agent.address) not in absent:
        return True
    teams = (policy.agents_for(box.address) for box in policy.mailboxes)
    return any(agent in team and all(address_key(a.address) in absent for a in team) for team in teams)


def _stood_in(whom: Address, instead: tuple[Agent, ...]) -> str:
    """For the receipt of whoever gave a ticket to somebody who is away."""
    names = ", ".join(a.name or a.address for a in instead)
    return code("is_away_told", whom.shown, names) if names else code("is_away", whom.shown)


def _instead(
    key: str, absent: Mapping[str, str], policy: Policy, mailbox: str, others_told: bool
) -> tuple[Agent, ...] | None:
    """None: nobody is there."""
    deputy = policy.agent_for(absent[key]) if absent[key] else None
    if deputy and address_key(deputy.address) not in absent:
        return (deputy,)
    if others_told:
        return ()
    team = tuple(a for a in policy.agents_for(mailbox) if address_key(a.address) not in absent)
    return team or None
