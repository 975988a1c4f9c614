"""What agents order, and what customers do with a click: each a decision like any other.

An agent's order counts only with proof: a mark made for that very agent, or an address proven
by SMTP AUTH or DMARC. Without proof the mail is kept as a comment and the agent is told. The
same verbs serve the command line and the portal, so there is one way to close a ticket.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from gateway.core import commands
from gateway.core.case import Case
from gateway.core.commands import Order, Verb
from gateway.core.decision import SENTENCES, Change, Decision, EntryDraft, Joined, Reason, Why
from gateway.core.lifecycle import STATUS_MOVES, Move, Status, agent_label, transition
from gateway.core.message import Address
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest
from gateway.core.policy import Agent, Policy
from gateway.core.ticket import EntryKind, Evidence, Role, Ticket

_ROLES = """abuse bounce bounces daemon do-not-reply donotreply hostmaster mailer-daemon mailerdaemon
no-reply no_reply nobody noreply notifications postmaster root undisclosed-recipients webmaster"""
_ROLE_LOCAL_PARTS = frozenset(_ROLES.split())


def sentence(reason: Reason) -> str:
    return SENTENCES[reason]


def is_role(key: str) -> bool:
    """A role address (RFC 2142) or one that says itself that nobody reads there."""
    local = key.rpartition("@")[0].partition("+")[0]
    return local in _ROLE_LOCAL_PARTS or local.startswith(("no-reply", "noreply", "donotreply", "do-not-reply"))


def to_agents(case: Case, ticket: Ticket | None, headline: str, remarks: tuple[str, ...]) -> tuple[NoticeRequest, ...]:
    """One notice to each agent concerned, never to the author of the mail."""
    author = case.agent
    team = agents_of(case.policy, ticket, case.mailbox.address)
    return tuple(
        NoticeRequest(Notice.AGENT_NOTICE, Address(a.address, a.name), Audience.AGENT, headline, remarks)
        for a in team
        if a is not author
    )


def agents_of(policy: Policy, ticket: Ticket | None, mailbox: str) -> tuple[Agent, ...]:
    """Assigned: the assignee and followers; unassigned: the mailbox's team and followers."""
    team = policy.agents_for(ticket.mailbox if ticket else mailbox)
    if ticket is None:
        return team
    followers = {a.key for a in ticket.followers}
    assignee = policy.agent_for(ticket.assignee) if ticket.assignee else None
    chosen = [assignee] if assignee else list(team)
    chosen += [a for a in policy.agents if a not in chosen and a.keys & followers]
    return tuple(chosen)


# --- agents by mail ----------------------------------------------------------------------


def is_agents_mail(case: Case) -> bool:
    """From an agent's address and about a ticket that is not the agent's own request."""
    agent, match = case.agent, case.choice.match
    if agent is None or match is None:
        return False
    own_request = match.ticket.requester.key in agent.keys
    return bool(match.holder) or not own_request


def proof(case: Case) -> str:
    """How the agent is proven, in words; empty when not."""
    match, agent = case.choice.match, case.agent
    if match and agent and match.holder in agent.keys:
        return "a signed mark made for this agent"
    return {"smtp-auth": "SMTP AUTH", "dmarc": "a trusted DMARC pass"}.get(case.facts.authentic, "")


def decide(case: Case) -> Decision:
    """The decision about an agent's mail on a ticket."""
    agent, ticket = case.agent, case.ticket
    assert agent is not None
    assert ticket is not None
    if not proof(case):
        return _unproven(case, agent, ticket)
    order = commands.read(case.message.reply_text, case.policy.languages)
    if order.problems or order.has(Verb.HELP):
        return _misunderstood(case, agent, ticket, order)
    if order.has(Verb.NOTE):
        return _note(case, agent, ticket, order)
    text = customer_text(order.text)
    if not text and not case.message.attachments and not order.commands:
        return _refusal(case, agent, ticket, Reason.AGENT_EMPTY, ("The mail had neither text nor a command.",))
    return carry_out(
        Carrier(ticket, agent, case.policy, case.now),
        order,
        text,
        entry=_entry(case, agent, EntryKind.CORRESPONDENCE, text, Reason.AGENT_ANSWER),
        files=case.files,
        proof=proof(case),
        receipt=True,
    )


def _unproven(case: Case, agent: Agent, ticket: Ticket) -> Decision:
    remark = "Nobody proved that this mail is from the agent it names. Nothing was sent or changed."
    entry = _entry(case, agent, EntryKind.COMMENT, case.message.reply_text, Reason.AGENT_UNPROVEN)
    return replace(
        _refusal(case, agent, ticket, Reason.AGENT_UNPROVEN, (remark,)),
        entry=replace(entry, role=Role.STRANGER, remarks=(remark,), collapsed=True),
    )


def _misunderstood(case: Case, agent: Agent, ticket: Ticket, order: Order) -> Decision:
    forms = ("Commands, each on a line of its own before your text:", *commands.FORMS.values())
    if not order.problems:
        return _refusal(case, agent, ticket, Reason.AGENT_COMMAND, forms)
    text = (f"Your text was not sent:\n{order.text}",) if order.text else ()
    return _refusal(case, agent, ticket, Reason.AGENT_MISUNDERSTOOD, (*order.problems, *text))


def _refusal(case: Case, agent: Agent, ticket: Ticket, reason: Reason, remarks: tuple[str, ...]) -> Decision:
    why = Why(
        attach="no: " + sentence(reason), reopen="no: nothing was done", acknowledge="no: the agent gets a receipt"
    )
    return Decision(
        reason,
        why,
        ticket=ticket.number,
        notices=(_receipt(agent, "nothing_done", remarks),),
    )


def _note(case: Case, agent: Agent, ticket: Ticket, order: Order) -> Decision:
    text = "\n".join(t for t in (order.argument(Verb.NOTE), order.text) if t)
    rest = replace(order, commands=tuple(c for c in order.commands if c.verb is not Verb.NOTE))
    entry = _entry(case, agent, EntryKind.COMMENT, text, Reason.AGENT_NOTE)
    decision = note(Carrier(ticket, agent, case.policy, case.now), rest, entry, proof(case))
    done = decision.events or ("The note is on the ticket, for agents only.",)
    return replace(decision, notices=(*decision.notices, _receipt(agent, "done", done)))


def _entry(case: Case, agent: Agent, kind: EntryKind, text: str, reason: Reason) -> EntryDraft:
    match, message = case.choice.match, case.message
    return EntryDraft(
        kind,
        Address(agent.address, agent.name),
        Role.AGENT,
        message.body_text,
        text,
        message.attachments,
        message.message_id,
        reason.value,
        match.evidence if match else Evidence.NONE,
        sha256=message.sha256,
    )


def _receipt(agent: Agent, headline: str, remarks: tuple[str, ...]) -> NoticeRequest:
    return NoticeRequest(Notice.AGENT_RECEIPT, Address(agent.address, agent.name), Audience.AGENT, headline, remarks)


# --- carrying out: the same for mail, command line and portal --------------------------------


class Carrier:
    """Who orders something on which ticket. `agent` None: the operator on the command line."""

    def __init__(self, ticket: Ticket, agent: Agent | None, policy: Policy, now: datetime) -> None:
        self.ticket, self.agent, self.policy, self.now = ticket, agent, policy, now

    @property
    def name(self) -> str:
        return self.agent.name or self.agent.address if self.agent else "the operator"


def carry_out(
    by: Carrier,
    order: Order,
    text: str,
    *,
    entry: EntryDraft | None,
    files: tuple[AttachedFile, ...],
    proof: str,
    receipt: bool,
) -> Decision:
    """An agent's text and commands on a ticket, all at once.

    `text` is what the customer gets; with neither text nor files only the commands are done.
    Raises `IllegalTransition` when the ticket cannot go where a command wants it.
    """
    ticket = by.ticket
    answers = bool(text or files)
    status, move = ticket.status, None
    if answers:
        move = Move.AGENT_REPLIED
        status = transition(status, move)
    change, events = _ordered(by, order)
    wanted = _wanted_status(order)
    if wanted is not None and wanted is not status:
        move = STATUS_MOVES[wanted]
        status = transition(status, move)
        events = (*events, f"Status set to {agent_label(status, 'en')} by {by.name}.")
    closed_by = "agent" if status is Status.CLOSED and ticket.status is not Status.CLOSED else ""
    change = replace(change, move=move, status=status, closed_by=closed_by)
    people = (ticket.requester, *ticket.participants)
    notices = _customer_mails(by, ticket, status, people, answers) if not change.spam else ()
    reason = Reason.AGENT_ANSWER if answers else Reason.AGENT_COMMAND
    went = f"Sent to {', '.join(a.address for a in people)}." if answers else "Nothing was sent to the customer."
    if notices and not answers:
        went = f"The customer was told: {notices[0].notice.value.replace('_', ' ')}."
    remarks = (went, *events, f"The status is now: {agent_label(status, 'en')}.")
    if receipt and by.agent:
        notices = (*notices, _receipt(by.agent, "done", remarks))
    why = Why(
        attach=f"yes: {sentence(reason)} Proof: {proof}.",
        reopen="yes: to " + status.value if status is not ticket.status else "no: the status stays",
        acknowledge="no: the agent gets a receipt",
        notify="no: an agent did it",
    )
    return Decision(
        reason,
        why,
        ticket=ticket.number,
        entry=entry if answers else None,
        change=change,
        events=events,
        notices=notices,
        files=files if answers else (),
        text=text,
    )


def note(by: Carrier, order: Order, entry: EntryDraft, proof: str) -> Decision:
    """A comment for agents only, with the commands that came with it; agents who follow the ticket are told."""
    ticket = by.ticket
    decision = carry_out(by, order, "", entry=None, files=(), proof=proof, receipt=False)
    told = agents_of(by.policy, ticket, ticket.mailbox) if ticket.assignee or ticket.followers else ()
    others = tuple(
        NoticeRequest(Notice.AGENT_NOTICE, Address(a.address, a.name), Audience.AGENT, "note")
        for a in told
        if a is not by.agent
    )
    return replace(
        decision,
        reason=Reason.AGENT_NOTE,
        why=Why(
            "yes: " + sentence(Reason.AGENT_NOTE), "no: a note", "no: the agent gets a receipt", "no: only who follows"
        ),
        entry=entry,
        notices=(*decision.notices, *others),
    )


def _customer_mails(
    by: Carrier, ticket: Ticket, status: Status, people: tuple[Address, ...], answers: bool
) -> tuple[NoticeRequest, ...]:
    """What customers hear of it: the answer with the new status in it, or the news alone."""
    if status is Status.SOLVED and (answers or ticket.status is not Status.SOLVED):
        others = tuple(NoticeRequest(Notice.REPLY, p, Audience.CUSTOMER) for p in people[1:] if answers)
        return (NoticeRequest(Notice.CLOSE_CONFIRMATION, ticket.requester, Audience.CUSTOMER), *others)
    if answers:
        return tuple(NoticeRequest(Notice.REPLY, p, Audience.CUSTOMER) for p in people)
    if status is ticket.status:
        return ()
    notice = Notice.CLOSED if status is Status.CLOSED else Notice.STATUS_CHANGED
    if notice is Notice.STATUS_CHANGED and not by.policy.notify_customers_of_status:
        return ()
    return (NoticeRequest(notice, ticket.requester, Audience.CUSTOMER),)


def _wanted_status(order: Order) -> Status | None:
    if order.has(Verb.CLOSE) or order.has(Verb.SPAM):
        return Status.CLOSED
    if order.has(Verb.SOLVED):
        return Status.SOLVED
    if order.has(Verb.WAIT):
        return Status.WAITING_ON_CONTACT
    if order.has(Verb.REOPEN):
        return Status.WAITING_ON_US
    if order.has(Verb.STATUS):
        return Status(order.argument(Verb.STATUS))
    return None


def _ordered(by: Carrier, order: Order) -> tuple[Change, tuple[str, ...]]:
    """Changes besides status: assignment, following, language, spam."""
    change, events = Change(), []
    if order.has(Verb.ASSIGN):
        assignee = find_agent(by, order.argument(Verb.ASSIGN))
        change = replace(change, assignee=assignee.address if assignee else "")
        events.append(f"Assigned to {assignee.name or assignee.address}." if assignee else "Assigned to nobody.")
    if order.has(Verb.FOLLOW) and by.agent:
        change = replace(change, joined=(Joined(Address(by.agent.address, by.agent.name), follower=True),))
        events.append(f"{by.name} follows.")
    if order.has(Verb.UNFOLLOW) and by.agent:
        change = replace(change, left=tuple(sorted(by.agent.keys)))
        events.append(f"{by.name} does not follow any more.")
    if order.has(Verb.LANGUAGE):
        change = replace(change, language=order.argument(Verb.LANGUAGE))
        events.append(f"Language set to {order.argument(Verb.LANGUAGE)}.")
    if order.has(Verb.SPAM):
        change = replace(change, spam=True)
        events.append(f"Marked as spam by {by.name}.")
    return change, tuple(events)


def find_agent(by: Carrier, name: str) -> Agent | None:
    """The agent a name means: `me`, `nobody`, an address, a full name, or the first name if only one has it."""
    word = name.casefold().strip()
    if word in ("nobody", "niemand", "none"):
        return None
    if word in ("me", "mir", "ich"):
        return by.agent
    agents = by.policy.agents
    exact = [a for a in agents if word in a.keys or word == a.name.casefold()]
    first = [
        a for a in agents if a.name.casefold().split()[:1] == [word] or word == a.address.partition("@")[0].casefold()
    ]
    found = exact or first
    return found[0] if len(found) == 1 else None


def names_one_agent(by: Carrier, name: str) -> bool:
    word = name.casefold().strip()
    return word in ("nobody", "niemand", "none") or find_agent(by, name) is not None


_SIGNATURE = re.compile(r"^-- ?$", re.M)


def customer_text(text: str) -> str:
    """What of an agent's new text may go out: without the agent's own signature (the site has one)."""
    cut = _SIGNATURE.search(text)
    return (text[: cut.start()] if cut else text).strip()


# --- the customer, with a click ---------------------------------------------------------------


def close_by_requester(ticket: Ticket, policy: Policy, reason: Reason, how: str) -> Decision | None:
    """The requester closes; None when it is closed already, for a second click changes nothing."""
    if ticket.status is Status.CLOSED:
        return None
    move = Move.REQUESTER_CONFIRMED if ticket.status is Status.SOLVED else Move.REQUESTER_CLOSED
    why = Why(attach="yes: " + sentence(reason), reopen="no: it was closed", notify="yes: the requester closed it")
    notices = tuple(
        NoticeRequest(Notice.AGENT_NOTICE, Address(a.address, a.name), Audience.AGENT, "closed_by_requester")
        for a in agents_of(policy, ticket, ticket.mailbox)
    )
    return Decision(
        reason,
        why,
        ticket=ticket.number,
        change=Change(move=move, status=transition(ticket.status, move), closed_by="requester"),
        events=(f"Closed by the requester, {how}.",),
        notices=(NoticeRequest(Notice.CLOSED, ticket.requester, Audience.CUSTOMER), *notices),
    )


def reply_on_portal(ticket: Ticket, policy: Policy, text: str) -> Decision:
    """The requester answers on the status page: the same effects as a mail."""
    was_done = ticket.status in (Status.SOLVED, Status.CLOSED)
    status = transition(ticket.status, Move.REQUESTER_REPLIED)
    headline = "reopened" if was_done else "reply"
    return Decision(
        Reason.PORTAL_REPLY,
        Why("yes: " + sentence(Reason.PORTAL_REPLY), "yes" if was_done else "no: it is open", "no: a reply", "yes"),
        ticket=ticket.number,
        entry=EntryDraft(
            EntryKind.CORRESPONDENCE, ticket.requester, Role.REQUESTER, text, text, reason=Reason.PORTAL_REPLY.value
        ),
        change=Change(move=Move.REQUESTER_REPLIED, status=status),
        notices=tuple(
            NoticeRequest(Notice.AGENT_NOTICE, Address(a.address, a.name), Audience.AGENT, headline)
            for a in agents_of(policy, ticket, ticket.mailbox)
        ),
    )


# --- our own mail that failed -----------------------------------------------------------------


def undelivered(ticket: Ticket, policy: Policy, recipient: str, notice: str, audience: str, reply: str) -> Decision:
    """The relay refused a mail for good: written on the ticket; agents hear of it if a customer lacks an answer."""
    remark = f"Our mail ({notice.replace('_', ' ')}) to {recipient} could not be sent: {reply[:300]}"
    answer = notice in (Notice.REPLY.value, Notice.CLOSE_CONFIRMATION.value)
    move = Move.REPLY_UNDELIVERABLE if answer and recipient.casefold() == ticket.requester.key else None
    to_customer = audience == Audience.CUSTOMER.value
    team = agents_of(policy, ticket, ticket.mailbox) if to_customer else ()
    return Decision(
        Reason.BOUNCE_OF_ANSWER if move else Reason.BOUNCE,
        Why(attach="yes: it is a mail of this ticket", notify="yes" if team else "no: it was for an agent"),
        ticket=ticket.number,
        change=Change(move=move, status=transition(ticket.status, move) if move else None),
        events=(remark,),
        notices=tuple(
            NoticeRequest(Notice.AGENT_NOTICE, Address(a.address, a.name), Audience.AGENT, "undeliverable", (remark,))
            for a in team
        ),
    )
