"""Acting on a ticket: what an order does. The same for mail, page and command line.

Pure: an act is a decision like any other. `agents` decides whether an agent's mail may act.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from gateway import texts
from gateway.core import audience, blocking, company, parking, second_address, sides, status_news, statuses, tags
from gateway.core.act import Undo
from gateway.core.commands import PEOPLE, Order
from gateway.core.decision import AWAKE, Change, Decision, EntryDraft, Joined, Namesake, Snooze, Why
from gateway.core.lifecycle import Move, Status, move_to, transition
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest
from gateway.core.policy import Agent, Policy
from gateway.core.reason import Reason, sentence
from gateway.core.sentences import ANSWER
from gateway.core.ticket import Ticket
from gateway.core.verbs import Verb
from gateway.mail.message import Address, address_key
from gateway.mail.sentence import code
from gateway.texts import mark_in

NO_ORDER = Order()
_NOBODY = mark_in("command", "nobody|none")
_ME = mark_in("command", "me")


def receipt(agent: Agent, headline: str, remarks: tuple[str, ...]) -> NoticeRequest:
    return NoticeRequest(Notice.AGENT_RECEIPT, Address(agent.address, agent.name), Audience.AGENT, headline, remarks)


# --- an agent's order -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OrderContext:
    """Who orders something on which ticket. `agent` None: the operator, on the command line."""

    ticket: Ticket
    agent: Agent | None
    policy: Policy
    now: datetime
    namesake: Namesake | None = None
    """Whose the address is that the order names."""

    @property
    def name(self) -> str:
        return (self.agent.name or self.agent.address) if self.agent else "operator"


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes to customers besides the news of a status."""

    text: str
    entry: EntryDraft
    html: str = ""
    """The same words with the agent's formatting, if there is any to keep."""
    files: tuple[AttachedFile, ...] = ()
    had_it: frozenset[str] = frozenset()
    """Address keys that got the agent's own mail: they get no second one."""
    joined: tuple[Joined, ...] = ()
    """Strangers the agent writes to: they take part from now on."""


def carry_out(by: OrderContext, order: Order, answer: Answer | None, proof: str) -> Decision:
    """An agent's answer and commands on a ticket, all at once.

    Raises `IllegalTransition` when the ticket cannot go where a command wants it.
    """
    ticket = by.ticket
    status, move = ticket.status, None
    if answer:
        move = Move.AGENT_REPLIED
        status = transition(status, move)
    change, events = _ordered(by, order)
    same = second_address.wanted(order, ticket.requester, by.namesake)
    handed_over = change.mailbox is not None
    wanted, sub_status = wanted_status(order, by.policy)
    if wanted is not None and wanted is not status:
        move, status = move_to(status, wanted, ticket.status)
    if (status is not ticket.status and wanted is not None) or (sub_status != ticket.sub_status and sub_status):
        events = (*events, code("status_set", sub_status or status.value, by.name))
    if ticket.spam and not change.spam and (answer or wanted not in (None, Status.CLOSED)):
        # Whoever is answered is no spammer.
        change = replace(change, spam=False)
    closed_by = "agent" if status is Status.CLOSED and ticket.status is not Status.CLOSED else ""
    joined = (*change.joined, *(answer.joined if answer else company.brought(ticket, order)))
    events = (*events, *company.events(ticket, joined))
    change = replace(change, move=move, closed_by=closed_by, joined=joined)
    taken = (
        answer is not None
        and change.assignee is None
        and not (change.spam or handed_over)
        and is_taken_by_answering(by.policy, ticket)
    )
    if taken and by.agent:
        change = replace(change, assignee=by.agent.address)
        events = (*events, code("taken", by.name))
    if answer or wanted is not None:
        # Other orders leave a status of the site's own, and the time it was reached, as they are.
        change = replace(change, status=status, sub_status=sub_status)
    people = tuple(a for a in recipients(ticket, answer, order) if not by.policy.is_own(a.address))
    silent = answer is None and order.argument(Verb.CLOSE) == "silent"
    asked = replace(by, ticket=replace(ticket, requester=change.requester or ticket.requester)) if answer else by
    mails = () if change.spam or silent else _customer_mails(asked, status, people, answer, sub_status)
    if order.has(Verb.ONLY):
        had_it = tuple(a for a in (ticket.requester, *ticket.participants) if answer and a.key in answer.had_it)
        mails = tuple(replace(m, shared_with=(*people, *had_it)) for m in mails)
    after = change.applied_to(ticket)
    told = audience.tell_of_assignment(by.policy, ticket, after, by.agent)
    if handed_over:
        told = (*audience.tell("handed_over", by.policy, after, before=ticket, remarks=events, but=by.agent), *told)
    if answer:
        line = (code("taken" if taken else "answered_by", by.name),)
        told = (*told, *audience.tell("answered", by.policy, after, before=ticket, line=line, but=by.agent))
    elif wanted is not None or change.snooze is not None:
        told = (*told, *audience.tell("acted", by.policy, after, before=ticket, line=events, but=by.agent))
    reason = Reason.AGENT_ANSWER if answer else Reason.AGENT_COMMAND
    sender = (code("sender_now", after.mailbox),) if handed_over else ()
    moved = wanted is not None or status is not ticket.status
    now = (code("status_now", sub_status or status.value),) if moved else ()
    remarks = (*_what_was_sent(mails, answer, by), *events, *company.remarks(ticket, change), *sender, *now)
    notices = (*mails, *audience.each_once(told))
    if by.agent:
        # What has been sent to a customer cannot be taken back; where it waits, the receipt says how to stop it.
        undo = () if answer and mails else (code("undo_hint"),)
        notices = (*notices, receipt(by.agent, "done", (*remarks, *undo)))
    return Decision(
        reason,
        Why(
            attach=f"yes: {sentence(reason)} Proof: {proof}.",
            reopen=f"status: {ticket.status.value} → {status.value}",
            acknowledge="no: the agent gets a receipt",
            notify=_said_of(told) if told else "no: an agent did it",
        ),
        ticket=ticket.number,
        entry=_for_whom(by, order, answer) if answer else None,
        change=change,
        events=events,
        notices=notices,
        files=answer.files if answer else (),
        text=answer.text if answer else "",
        html=answer.html if answer else "",
        undo=before(by, order, answer, change),
        same=same,
        block=blocking.wanted(order, Verb.BLOCK, ticket.requester),
        unblock=blocking.wanted(order, Verb.UNBLOCK, ticket.requester),
        hold_minutes=by.policy.hold_minutes if answer else 0,
    )


def _for_whom(by: OrderContext, order: Order, answer: Answer) -> EntryDraft | None:
    """What went to the requester alone stays theirs: nobody who takes part, now or later, reads it further down.
    Whoever `#cc` names beside it has it in that mail."""
    if not order.has(Verb.ONLY) or answer.entry is None:
        return answer.entry
    return replace(answer.entry, side=sides.alone(by.ticket.number))


def note(by: OrderContext, order: Order, entry: EntryDraft, proof: str, asked: str = "") -> Decision:
    """A comment for agents only, with the commands that came with it; `asked`: key of the agent it answers."""
    ticket = by.ticket
    if order.commands:
        decision = carry_out(by, order, None, proof)
        decision = replace(decision, notices=tuple(map(_with_note, decision.notices)))
    else:
        mine = (receipt(by.agent, "done", (code("noted"),)),) if by.agent else ()
        decision = Decision(Reason.AGENT_NOTE, ticket=ticket.number, notices=mine)
    after = decision.change.applied_to(ticket)
    noted = audience.tell("note", by.policy, after, text=entry.body_text, informed=(asked,), but=by.agent)
    notices = (*decision.notices, *noted)
    told = any(n.notice is Notice.AGENT_NOTICE for n in notices)
    attach = f"yes: {sentence(Reason.AGENT_NOTE)} Proof: {proof}."
    why = Why(attach, decision.why.reopen, "no: the agent gets a receipt", "yes: colleagues" if told else "no: a note")
    return replace(decision, reason=Reason.AGENT_NOTE, why=why, entry=entry, notices=audience.each_once(notices))


def _with_note(notice: NoticeRequest) -> NoticeRequest:
    """A receipt that says where the note is, which is also to whom nothing was sent."""
    if notice.notice is not Notice.AGENT_RECEIPT:
        return notice
    said = (r for r in notice.remarks if r != code("nothing_sent"))
    return replace(notice, remarks=(code("noted"), *said))


def is_taken_by_answering(policy: Policy, ticket: Ticket) -> bool:
    """Nobody has it, or somebody who is no agent any more; then who answers has it (`answering_assigns`)."""
    return policy.answering_assigns and policy.agent_for(ticket.assignee) is None


def _said_of(told: tuple[NoticeRequest, ...]) -> str:
    """Of agents who are told, for the reasons kept with the mail."""
    return "yes: " + ", ".join(dict.fromkeys(n.headline for n in told))


def new_requester(order: Order) -> str:
    """The address an order makes the requester of a ticket that is there; empty without one."""
    return order.argument(Verb.REQUESTER) or order.argument(Verb.FROM)


def recipients(ticket: Ticket, answer: Answer | None, order: Order = NO_ORDER) -> tuple[Address, ...]:
    """Whom an answer goes to: requester and participants, but those who have it already. `#requester` names another
    requester, `#only` leaves out the participants who are not named as well."""
    if order.has(Verb.REQUESTER):
        ticket = replace(ticket, requester=Address(order.argument(Verb.REQUESTER)))
    if order.has(Verb.ONLY):
        asked_for = {address.key for address, _ in company.named(order)}
        ticket = replace(ticket, people=tuple(p for p in ticket.people if p.address.key in asked_for))
    joined = tuple(j.address for j in answer.joined) if answer else ()
    people = {a.key: a for a in (*joined[::-1], *ticket.participants[::-1], ticket.requester)}
    had_it = answer.had_it if answer else frozenset()
    ordered = (ticket.requester, *ticket.participants, *joined)
    return tuple(people[key] for key in dict.fromkeys(a.key for a in ordered) if key not in had_it and "@" in key)


def reaches_nobody(by: OrderContext, order: Order, answer: Answer) -> bool:
    """No customer has an address: a machine named none, or it was erased."""
    people = recipients(by.ticket, replace(answer, had_it=frozenset()), order)
    return all(by.policy.is_own(a.address) for a in people)


def _customer_mails(
    by: OrderContext, status: Status, people: tuple[Address, ...], answer: Answer | None, news: str
) -> tuple[NoticeRequest, ...]:
    """What customers hear of it: the answer with the new status in it, or the news alone.

    `news` names a status of the site's own, which is news although it counts as the same.
    """
    ticket = by.ticket
    requester = ticket.requester
    if answer is not None:
        solved = status is Status.SOLVED
        mails = [
            NoticeRequest(
                Notice.CLOSE_CONFIRMATION if solved and p.key == requester.key else Notice.REPLY, p, Audience.CUSTOMER
            )
            for p in people
        ]
        if solved and requester.key in answer.had_it:
            mails.append(NoticeRequest(Notice.CLOSE_CONFIRMATION, requester, Audience.CUSTOMER))
        return (*mails, *status_news.missed(ticket, status, by.policy, tuple(mails)))
    return status_news.mails(ticket, status, by.policy, news)


def _what_was_sent(mails: tuple[NoticeRequest, ...], answer: Answer | None, by: OrderContext) -> tuple[str, ...]:
    letters = [m for m in mails if answer and m.notice in (Notice.REPLY, Notice.CLOSE_CONFIRMATION)]
    if answer is not None and letters:
        whom = ", ".join(m.recipient.address for m in letters)
        return (goes_to(whom, by.policy), *files_sent(answer.files), *status_news.said(mails[len(letters) :]))
    if answer is not None or not mails or mails[0].recipient.key != by.ticket.requester.key:
        around = answer is not None and by.ticket.requester.key in answer.had_it
        return (code("around", by.name) if around else code("nothing_sent"), *status_news.said(mails))
    told = {Notice.CLOSED: "told_closed", Notice.CLOSE_CONFIRMATION: "told_solved"}
    return (code(told.get(mails[0].notice, "told_status")), *status_news.said(mails[1:]))


def goes_to(whom: str, policy: Policy) -> str:
    """That a mail leaves now, or when it will and how it is stopped."""
    return code("sent_later", whom, policy.hold_minutes) if policy.hold_minutes else code("sent_to", whom)


def files_sent(files: tuple[AttachedFile, ...]) -> tuple[str, ...]:
    """What hangs on the mail that takes an agent's words, and what goes as a link, as sentences for the receipt."""
    hung = [f for f in files if not f.linked and not f.content_id]
    said = {"files_sent": hung, "files_linked": [f for f in files if f.linked]}
    return tuple(code(w, *(part for f in fs for part in (f.filename, f.size))) for w, fs in said.items() if fs)


def wanted_status(order: Order, policy: Policy) -> tuple[Status | None, str]:
    """The status an order names, directly or by a verb, and the site's own name of it if it has one."""
    for verb, status in _VERB_STATUSES:
        if order.has(verb):
            return status, ""
    if not order.has(Verb.STATUS):
        return None, ""
    own = statuses.find(policy, order.argument(Verb.STATUS))
    return (own.counts_as, own.name) if own else (Status(order.argument(Verb.STATUS)), "")


_VERB_STATUSES = (
    (Verb.CLOSE, Status.CLOSED),
    (Verb.SPAM, Status.CLOSED),
    (Verb.SOLVED, Status.SOLVED),
    (Verb.WAIT, Status.WAITING_ON_CONTACT),
    (Verb.REOPEN, Status.WAITING_ON_US),
)


def _ordered(by: OrderContext, order: Order) -> tuple[Change, tuple[str, ...]]:
    """Changes besides status: assignment, following, language, spam, requester."""
    change = Change()
    events: list[str] = []
    assignee, assigned = assignment(by, order)
    if assignee is not None:
        change = replace(change, assignee=assignee)
        events += assigned
    if order.has(Verb.MAILBOX) and (box := by.policy.mailbox_for(order.argument(Verb.MAILBOX))):
        change = replace(change, mailbox=box.address)
        events.append(code("handed_over", box.address, by.name))
        holder = by.policy.agent_for(by.ticket.assignee)
        if change.assignee is None and by.ticket.assignee and holder not in by.policy.agents_for(box.address):
            # Who does not work there cannot have it any more.
            change = replace(change, assignee="")
    if order.has(Verb.FOLLOW) and by.agent and not _follows(by.agent, by.ticket):
        change = replace(change, joined=(Joined(Address(by.agent.address, by.agent.name), follower=True),))
        events.append(code("follows", by.name))
    if order.has(Verb.UNFOLLOW) and by.agent:
        change = replace(change, left=tuple(sorted(by.agent.keys)))
        events.append(code("unfollows", by.name))
    if order.has(Verb.LANGUAGE):
        change = replace(change, language=order.argument(Verb.LANGUAGE))
        events.append(code("language_set", order.argument(Verb.LANGUAGE)))
    if order.has(Verb.SNOOZE):
        change = parking.put(change, _parked(by, order), by.ticket)
        events += parking.event(change.snooze or AWAKE, by.name, by.policy.hours)
    if order.has(Verb.TAG) or order.has(Verb.UNTAG):
        change = replace(change, tags=tags.changed(by.ticket, order.argument(Verb.TAG), order.argument(Verb.UNTAG)))
        events += tags.events(by.ticket, change.tags or (), by.name)
    if order.has(Verb.SPAM):
        change = replace(change, spam=True)
        events.append(code("spam", by.name))
    events += blocking.events(order, by.ticket.requester, by.name)
    same = second_address.wanted(order, by.ticket.requester, by.namesake)
    events += second_address.events(same)
    if wanted := new_requester(order):
        change = replace(change, requester=Address(wanted))
        events.append(code("requester_set", wanted))
        if _is_participant(by.ticket, order) and not sides.is_shared(by.ticket):
            change = replace(change, left=(*change.left, address_key(wanted)))
        former, stays = by.ticket.requester, bool(same) or address_key(wanted) == by.ticket.requester.key
        if not stays and by.policy.agent_for(former.address) is None and "@" in former.key:
            events.append(code("requester_out", former.address))
    return change, tuple(events)


def _parked(by: OrderContext, order: Order) -> Snooze | None:
    return parking.ordered(order.argument(Verb.SNOOZE), by.agent, by.now, by.policy.hours)


def _is_participant(ticket: Ticket, order: Order) -> bool:
    """Whoever is the requester now takes part already, as somebody else."""
    return any(a.key == address_key(new_requester(order)) for a in ticket.company)


def assignment(by: OrderContext, order: Order) -> tuple[str | None, tuple[str, ...]]:
    """Whom `#assign` gives the ticket to (empty: nobody), and what is said of it; None and nothing without it."""
    if not order.assigns_to:
        return None, ()
    agent = find_agent(by, order.assigns_to)
    if agent is None:
        return "", (code("unassigned"),)
    return agent.address, (code("assigned", agent.name or agent.address),)


def find_agent(by: OrderContext, name: str) -> Agent | None:
    """The agent a name means: `me`, an address, a full name, or a first name only one has; None: nobody."""
    word = name.casefold().strip()
    if _says(word, _NOBODY):
        return None
    if _says(word, _ME):
        return by.agent
    found = by.policy.agents_called(word)
    return found[0] if len(found) == 1 else None


def _says(word: str, meant: str) -> bool:
    return any(word in words.words_in("command", meant) for words in texts.catalogs().every())


def problems(by: OrderContext, order: Order) -> tuple[str, ...]:
    """What of an order cannot be meant on this site, besides its grammar."""
    if refused := blocking.problems(by.policy, order, by.ticket.requester):
        return (*order.problems, *refused)
    if refused := second_address.problems(by.policy, order, by.ticket.requester, by.namesake):
        return (*order.problems, *refused)
    if refused := company.problems(by.ticket, order):
        return (*order.problems, *refused)
    people = (*map(order.argument, PEOPLE), *(whom.address for whom, _ in company.named(order)))
    if ours := next(filter(by.policy.is_own, people), ""):
        return (*order.problems, code("own_mailbox", ours))
    if order.has(Verb.MAILBOX):
        wanted, box = order.argument(Verb.MAILBOX), by.policy.mailbox_for(order.argument(Verb.MAILBOX))
        if box is None:
            return (*order.problems, code("no_such_mailbox", wanted, ", ".join(b.address for b in by.policy.mailboxes)))
        if by.ticket.number and box is by.policy.mailbox_for(by.ticket.mailbox):
            return (*order.problems, code("same_mailbox", box.address))
    if order.has(Verb.SNOOZE) and _parked(by, order) is None:
        return (*order.problems, code("no_such_time", order.argument(Verb.SNOOZE)))
    name = order.assigns_to
    if name and not _says(name.casefold().strip(), _NOBODY) and find_agent(by, name) is None:
        known = ", ".join(a.name or a.address for a in by.policy.agents)
        return (*order.problems, code("no_such_agent", name, known))
    return order.problems


def _follows(agent: Agent, ticket: Ticket) -> bool:
    return bool(agent.keys & {a.key for a in ticket.followers})


def before(by: OrderContext, order: Order, answer: Answer | None, change: Change | None = None) -> Undo | None:
    """How the ticket is now, and what the change makes of it, so that the agent can bring that back and nothing else;
    the operator has the shell for it. No change: the ticket begins with it, or stays as it is."""
    if by.agent is None:
        return None
    label = " ".join(f"#{c.verb.value} {c.argument}".strip() for c in order.commands) or ANSWER
    t, new = by.ticket, change or Change()
    # What is closed has nothing to come back for.
    snooze = AWAKE if not new.snooze and new.status is Status.CLOSED and t.snoozed_until else new.snooze
    return Undo(
        label=label,
        agent=address_key(by.agent.address),
        status=t.status,
        sub_status=t.sub_status,
        closed_by=t.closed_by,
        assignee=t.assignee,
        language=None if new.language is None else t.language,
        language_after=new.language,
        spam=None if new.spam is None else t.spam,
        answered=answer is not None,
        after=(new.status or t.status).value if change else "",
        after_sub=t.sub_status if new.status is None else new.sub_status or "",
        given_to=new.assignee,
        mailbox=t.mailbox if order.has(Verb.MAILBOX) else "",
        same=second_address.before(order, by.ticket.requester, by.namesake),
        requester=t.requester.address if new_requester(order) else "",
        took_part=bool(new_requester(order)) and _is_participant(t, order),
        joined=tuple(j.address.key for j in new.joined),
        strangers=tuple(a.key for a in t.unconfirmed if a.key in new.lets_in),
        snoozed=None if snooze is None else parking.kept(parking.of(t)),
        snoozed_after=None if snooze is None else parking.kept(snooze),
        tags=None if new.tags is None else t.tags,
        tags_after=new.tags,
        followed=order.has(Verb.UNFOLLOW) and _follows(by.agent, t),
    )
