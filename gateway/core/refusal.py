"""An agent's mail that is not carried out: the receipt that says why, and the draft that is kept of it.

A draft waits until its agent lets it go with `#send`: then the same mail is decided anew, as proven
and without the doubt. `hold` is for mails that could be carried out as they are, `refuse` for the others.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from gateway.core import (
    absence_text,
    agent_mail,
    audience,
    bare_signature,
    commands,
    draft,
    forward,
    language,
    machines,
    orders,
    outgoing_text,
    sheet,
)
from gateway.core.agent_mail import AgentCase
from gateway.core.case import Case
from gateway.core.commands import PEOPLE, Order
from gateway.core.decision import Decision, Doubt, Draft, NewDraft, Why
from gateway.core.notice import Notice
from gateway.core.policy import Agent
from gateway.core.reason import Reason, sentence
from gateway.core.thread import leads_to
from gateway.core.ticket import EntryKind, Role, Ticket
from gateway.core.verbs import FORMS, Verb
from gateway.core.window import Budget
from gateway.mail.message import address_key
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject, is_forward

PACE = Budget(10, 10)
"""Mails of one agent on one ticket, and receipts for drafts; a person does not write more."""
ONCE = Budget(1, 60)
"""Receipts for mails that a program writes, or seems to: it would answer each."""
SELDOM = Budget(3, 60)
"""Receipts for answers to receipts of drafts."""
AT_ONCE = timedelta(seconds=15)
"""From our mail's leaving to the answer: nobody reads and writes so fast."""
SOON = timedelta(minutes=2)
"""The same for words that were sent to somebody else before."""
AGAIN = timedelta(hours=1)
"""Nobody sends one customer the same words twice within this."""
SENDABLE = frozenset(Doubt) - {Doubt.UNCLEAR, Doubt.NO_ORDER, Doubt.FORWARD}
"""`#send` alone lets these go; the others need an order that says what is meant."""


def refuse(
    on: AgentCase,
    reason: Reason,
    remarks: tuple[str, ...],
    *,
    headline: str = "nothing_done",
    doubt: Doubt | None = Doubt.UNCLEAR,
) -> Decision:
    """Nothing is done; the agent reads why in the receipt. Words and files are kept as a draft, unless `doubt` is
    None."""
    why = Why(attach="no: " + sentence(reason), acknowledge="no: the agent gets a receipt")
    if on.ticket.number:
        why = Why(why.attach, "no: nothing was done", why.acknowledge, "no: nothing was done")
    keep = NewDraft(address_key(on.agent.address), doubt) if doubt and says_something(on.case) else None
    hint = (code("draft_kept"),) if keep else ()
    receipt = orders.receipt(on.agent, headline, (*remarks, *hint))
    return Decision(reason, why, ticket=on.ticket.number, notices=(receipt,), keep=keep)


def helped(on: AgentCase) -> Decision:
    """`#help`: the sheet with every order, below the agent's own address. Words beside it go nowhere."""
    case = on.case
    box = (case.policy.mailbox_for(on.ticket.mailbox) if on.ticket.number else None) or case.mailbox
    remarks = (*agent_mail.own_address(on.agent, box, case), *unsent(case))
    read_in = language.of_agent(on.agent, box if on.ticket.number else None, case.policy)
    reason = Reason.AGENT_COMMAND if on.ticket.number else Reason.AGENT_LOOKS
    receipt = refuse(on, reason, remarks, headline="help")
    return replace(receipt, sections=sheet.sections(read_in))


def hold(on: AgentCase, doubt: Doubt, remarks: tuple[str, ...]) -> Decision:
    """It could be carried out, but the agent may not want that: it waits for `#send`. Ask `is_lifted` first."""
    ordered = " ".join(f"#{c.verb.value} {c.argument}".strip() for c in on.case.order.commands)
    orders_it = (code("draft_order", ordered),) if ordered else ()
    said = (*remarks, *orders_it, *unsent(on.case), code("draft_send"))
    refused = refuse(on, Reason.AGENT_HELD_BACK, said, headline="kept", doubt=None)
    return replace(refused, keep=NewDraft(address_key(on.agent.address), doubt))


def is_lifted(case: Case) -> bool:
    """The agent has read the doubt and let the mail go."""
    return case.facts.resumed is not None


def unsent(case: Case) -> tuple[str, ...]:
    """Text that did not go; the agent's signature is no text that anybody misses."""
    text = outgoing_text.without_signature(case.order.text).strip()
    return (code("text_not_sent"), text) if text else ()


def says_something(case: Case) -> bool:
    """Words or files."""
    return bool(unsent(case)) or bool(agent_mail.files(case))


def seems_automatic(on: AgentCase) -> Decision | None:
    """An answer nobody can have written: at once after our mail and not the first one, or the words of an earlier one
    again. A program that says nothing of itself is known by that, from its second answer on."""
    case = on.case
    now, said, left_at = case.now, case.facts.said, case.facts.left_at
    if is_lifted(case) or case.order.commands:
        return None
    # What is yet to come was written down by a clock that was wrong.
    after = now - left_at if left_at and left_at <= now else None
    words = _letters(outgoing_text.without_signature(case.order.text))
    same = [s for s in said if words and words == _letters(s.text)]
    twice = any(s.ticket == on.ticket.number and abs(now - s.at) < AGAIN for s in same)
    if twice or (same and after is not None and after < SOON):
        why = code("same_words", same[0].ticket)
    elif after is not None and after < AT_ONCE and any(abs(now - s.at) < AGAIN for s in said):
        why = code("at_once", round(after.total_seconds()))
    else:
        return None
    return _not_too_often(hold(on, Doubt.BY_PROGRAM, (why,)), on.agent, case, ONCE)


def _letters(text: str) -> str:
    """What stays the same when a program puts a number or a date into its words."""
    return "".join(sign for sign in text.casefold() if sign.isalpha())


def reads_absent(on: AgentCase) -> Decision | None:
    """A text that reads like a note of absence, of a program that says nothing of itself. A person may have written it:
    each one that answers a notice gets a receipt; of those that answer a receipt, one in an hour."""
    case = on.case
    text = outgoing_text.without_signature(case.order.text)
    if is_lifted(case) or case.order.commands or not absence_text.reads_like_note(text, on.agent.name):
        return None
    held = hold(on, Doubt.READS_ABSENT, (code("reads_absent"), code("offer_away")))
    answers_receipt = case.facts.answers == Notice.AGENT_RECEIPT.value
    return _not_too_often(held, on.agent, case, ONCE if answers_receipt else PACE)


def answers_receipt(on: AgentCase) -> Decision | None:
    """Words in answer to a receipt: they may be for the customer, or for nobody. Those in place of a mail that could
    not be carried out are an answer."""
    case, found = on.case, on.case.facts.draft
    if found and found.waits(case.now):
        if found.doubt not in SENDABLE:
            return None
    elif case.facts.answers != Notice.AGENT_RECEIPT.value or not says_something(case):
        return None
    return _not_too_often(hold(on, Doubt.NOT_SENT_BEFORE, (code("answers_draft"),)), on.agent, case, SELDOM)


_MENTION = re.compile(r"(?:[^\W\d_]+,? ){0,2}@([\w.+-]+(?:@[\w.-]+)?)")


_TO_A_COLLEAGUE = (
    r"please|pls|plz|(?:can|could|would|will|do|did|are|have) (?:you|u)|you"
    r"|bitte|du|kannst|könntest|würdest|magst|willst|hast|bist|machst|nimmst|übernimmst|schaust|rufst"
    r"|mach|nimm|übernimm|schau|ruf"
    r"|tu|peux[- ]tu|pourrais[- ]tu|veux[- ]tu|s[’']il te pla[iî]t|stp|merci de"
    r"|por favor|tú|puedes|podrías|quieres|per favore|per piacere|puoi|potresti|vuoi"
    r"|alsjeblieft|aub|jij|(?:kun|kan|wil|zou) (?:je|jij)"
    r"|proszę|czy możesz|możesz|mógłbyś|mogłabyś|você|podes|poderias"
)
"""Behind a name without a comma: it is spoken to ("Bob can you call him"), and not of ("Bob will call you")."""


def for_colleague(on: AgentCase) -> Decision | None:
    """The text speaks to a colleague ("Bob, please call him"), and would go to the customer: to whom the ticket is
    given, who gets the agent's mail as well, or whose note is answered; to any where `@` says so, as in a note."""
    case = on.case
    if is_lifted(case) or not unsent(case):
        return None
    customers = {word for a in (on.ticket.requester, *on.ticket.company) for word in a.name.casefold().split()}
    first = case.order.text.strip().partition("\n")[0]
    said = m[1].rstrip(".-") if (m := _MENTION.match(first)) else ""
    mentioned = case.policy.agents_called(said) if said and said.casefold() not in customers else ()
    if all(a is on.agent for a in mentioned) and not _calls(first, _listening(on), customers):
        return None
    return hold(on, Doubt.TO_COLLEAGUE, (code(Doubt.TO_COLLEAGUE.value),))


def _listening(on: AgentCase) -> set[Agent]:
    """Colleagues the ticket is given to, who get the agent's mail as well, or whose note it answers."""
    case, parent = on.case, on.case.facts.parent
    given = orders.find_agent(on.by, case.order.assigns_to) if case.order.assigns_to else None
    people = [] if agent_mail.outside(case) else [a.key for a in (*case.message.to, *case.message.cc)]
    asked = parent.author.key if parent and parent.kind is EntryKind.COMMENT else ""
    return {a for a in (given, *map(case.policy.agent_for, (*people, asked))) if a and a is not on.agent}


def _calls(first: str, colleagues: set[Agent], customers: set[str]) -> bool:
    """The first line begins with the name of one of them, which no customer of the ticket has."""
    names = {n for a in colleagues for n in (a.name, a.name.partition(" ")[0], a.address.partition("@")[0]) if n}
    called = "|".join(re.escape(name) for name in names if not customers & set(name.casefold().split()))
    begins = rf"(?:[^\W\d_]+,? ){{0,2}}(?:{called})(?:\s*(?:[,:;!?–—-]|$)|\s+(?:{_TO_A_COLLEAGUE})\b)"
    return bool(called and re.match(begins, first, re.IGNORECASE))


# --- orders about drafts ------------------------------------------------------------------------


def lets_go(case: Case) -> bool:
    """A proven agent lets a draft go: by `#send`, or by naming in a reply to the receipt whom it is for: with `#note`
    agents alone."""
    found, order = case.facts.draft, case.order
    if found is None or order.problems or not found.waits(case.now) or not agent_mail.proof(case):
        return False
    meant = (Verb.ASK, Verb.NOTE, *_WHOSE.get(found.doubt, ())) if found.ticket else PEOPLE
    has_words = bool(unsent(bare_signature.left_out(case))) or bool(order.argument(Verb.NOTE))
    return order.has(Verb.SEND) or (any(order.has(verb) for verb in meant) and not has_words)


def says_more(case: Case, draft: Order) -> bool:
    """The mail that lets a draft go has words that the draft has not: they may be meant instead of them."""
    return outgoing_text.says_more(bare_signature.left_out(case).order.text, draft.text)


_WHOSE = {
    Doubt.DIFFERENT_CUSTOMERS: (Verb.CC,),
    Doubt.NO_ORDER: (Verb.REQUESTER, Verb.CC),
    Doubt.FORWARD: (Verb.FROM,),
}
"""What answers a doubt besides."""


def about_drafts(on: AgentCase) -> Decision | None:
    """The answer to `#drafts`, to `#undo` of a draft, and to a `#send` that finds nothing to send."""
    case, found = on.case, on.case.facts.draft
    if case.order.problems or is_lifted(case):
        return None
    if case.order.has(Verb.DRAFTS):
        return refuse(on, Reason.AGENT_DRAFTS, _listed(case.facts.drafts), headline="drafts", doubt=None)
    if case.order.has(Verb.UNDO) and found and found.waits(case.now):
        dropped = refuse(on, Reason.DRAFT_DROPPED, (code("draft_dropped"),), headline="done", doubt=None)
        return replace(dropped, drops=found.id)
    if not case.order.has(Verb.SEND):
        return None
    if found and lets_go(case):
        # Its words are not the draft's: what is meant by them is not what would be sent.
        return refuse(on, Reason.AGENT_MISUNDERSTOOD, (code("draft_words", found.id), *unsent(case)), doubt=None)
    remarks = (code("draft_over", found.state), *unsent(case)) if found else (code("no_draft"), *unsent(case))
    return refuse(on, Reason.AGENT_MISUNDERSTOOD, (*remarks, *_listed(case.facts.drafts)), doubt=None)


def _listed(drafts: tuple[Draft, ...]) -> tuple[str, ...]:
    if not drafts:
        return (code("no_drafts"),)
    return tuple(
        line
        for d in drafts
        for line in (
            code("draft_line", d.id, d.subject),
            code(d.doubt.value),
            code("draft_until", d.at.date(), d.until.date()),
        )
    )


# --- rows of the table: mails of agents that lead nowhere --------------------------------------


def is_stray(case: Case) -> bool:
    """An agent's mail about no ticket that is no request of their own: an order without proof or sense, an answer to
    a digest or a receipt, a mail passed on."""
    if case.agent is None or case.ticket is not None or case.envelope.archived:
        return False
    order, marked = case.order, any(key.holder for key in case.keys.found)
    return bool(order.commands or order.problems or misplaced(case)) or marked or _passes_on(case)


def stray(case: Case) -> Decision:
    """Kept as a draft; the agent reads, at the configured address, how it is meant to be written."""
    on, order = AgentCase.without_ticket(case), case.order
    if order.commands and not order.problems:
        own = agent_mail.own_address(on.agent, case.mailbox, case)
        held = hold(on, Doubt.NO_PROOF, (code("draft_no_proof"), *own) if own else (code("draft_unproven"),))
    elif order.problems:
        held = refuse(on, Reason.AGENT_MISUNDERSTOOD, (*order.problems, *unsent(case)))
    elif said := misplaced(case):
        held = refuse(on, Reason.AGENT_MISUNDERSTOOD, (*said, *unsent(case)))
    elif _passes_on(case):
        found = forward.meant([*forward.whole(case.message), *forward.inline(case.message.body_text)], "", case.policy)
        whose = found.address if found and found.address and not found.inner else ""
        remarks = (code("forward_form", f"#from {whose or 'ADDRESS'}"), *unsent(case))
        held = refuse(on, Reason.AGENT_HELD_BACK, remarks, headline="kept", doubt=Doubt.FORWARD)
    else:
        remarks = (code("nobody_meant"), *unsent(case))
        held = refuse(on, Reason.AGENT_HELD_BACK, remarks, headline="kept", doubt=Doubt.NO_ORDER)
    return _not_too_often(held, on.agent, case, PACE)


def misplaced(case: Case) -> tuple[str, ...]:
    """An order in the subject, or below the words, of a mail about no ticket: it orders nothing there, and the words
    are for somebody."""
    return in_subject(case) or below_text(case)


def wordless(case: Case) -> tuple[str, ...]:
    """`#note`, and nothing else in the whole mail: there is no note that could be on the ticket."""
    is_note = [c.verb is Verb.NOTE and not c.argument for c in case.order.commands]
    if not is_note or not all(is_note) or case.order.text.strip() or agent_mail.shown(case):
        return ()
    return (code("needs_words", FORMS[Verb.NOTE]),)


def in_subject(case: Case, but: str = "") -> tuple[str, ...]:
    """An order in the subject orders nothing, but may be meant: `#note` there keeps the text from no customer. A
    customer's own subject (`but`) may begin with one."""
    first = base_subject(case.message.subject).partition(" ")[0]
    theirs = base_subject(but).casefold().startswith(first.casefold())
    if case.order.commands or theirs or not commands.is_command(first):
        return ()
    return (code("command_in_subject", first),)


def below_text(case: Case) -> tuple[str, ...]:
    below = outgoing_text.for_customers(case.order.text, case.mailbox, case.policy, ()).command_below
    return (code("command_below", below),) if below else ()


def _passes_on(case: Case) -> bool:
    message = case.message
    nested = any(not case.policy.is_own(mail.address) for mail in forward.whole(message))
    return is_forward(message.subject) or nested or next(forward.inline(message.body_text), None) is not None


def is_other_account(case: Case) -> bool:
    """An address we do not know shows the mark that was made for an agent: the agent's other account, or a notice
    that was passed on."""
    if case.holder is None or case.signed or case.knows_author or case.envelope.archived:
        return False
    ticket, names = _marked(case), case.keys.leaked[0].number
    return not names if ticket is None else not ticket.knows(case.author.address)


def other_account(case: Case) -> Decision:
    """A comment for agents; the agent whose mark it is may let it go. Whoever wrote it gets nothing."""
    ticket, agent = _marked(case), case.holder
    if agent is None:
        raise ValueError("no agent's mark in the mail")
    remark = code("other_account", case.author.address)
    on = AgentCase(case, agent, ticket or AgentCase.imagined(case))
    held = _not_too_often(hold(on, Doubt.OTHER_ACCOUNT, (remark,)), agent, case, PACE)
    if ticket is None:
        return held
    leads = audience.tell("other_account", case.policy, ticket, remarks=(remark,), but=agent) if held.notices else ()
    entry = draft.entry(case, EntryKind.COMMENT, Role.STRANGER, Reason.AGENT_HELD_BACK, remarks=(remark,))
    why = replace(held.why, attach="as a comment: " + sentence(Reason.AGENT_HELD_BACK), notify="yes: the leads")
    return replace(held, why=why, entry=entry, notices=(*held.notices, *leads))


def _marked(case: Case) -> Ticket | None:
    return leads_to(case.keys.leaked[0], case.known, case.policy.keys)


def is_marked_automatic(case: Case) -> bool:
    """A proven agent's answer whose header or subject says that a machine wrote it; most notes of absence say
    `auto-replied`."""
    return (
        case.agent is not None
        and case.ticket is not None
        and (case.machine or machines.is_away(case))
        and says_something(case)
        and bool(agent_mail.proof(case))
        and not (is_lifted(case) or case.envelope.archived)
    )


def marked_automatic(case: Case) -> Decision:
    """Where only the subject gives the program away it may answer the receipt as well: that gets none."""
    on = AgentCase.of(case)
    held = hold(on, Doubt.MARKED_AUTOMATIC, (code("marked_automatic"), code("offer_away")))
    if not case.machine and case.facts.answers == Notice.AGENT_RECEIPT.value:
        return replace(held, notices=(), why=replace(held.why, acknowledge="no: it answers a receipt"))
    told = _not_too_often(held, on.agent, case, ONCE)
    # A person is away for days, and each mail of a customer's may call forth such a note.
    return told if case.machine else replace(told, alarm="")


def is_bare_note(case: Case) -> bool:
    """An agent's mail whose subject says that they are away, and that says nothing else."""
    return case.agent is not None and machines.is_away(case) and not says_something(case)


def _not_too_often(held: Decision, agent: Agent, case: Case, budget: Budget) -> Decision:
    """Every draft is kept and listed, but whoever writes in the agent's name without end gets no receipts for it."""
    doubt = held.keep.doubt if held.keep else None
    if not budget.is_spent((d.at for d in case.facts.drafts if d.doubt is doubt), case.now):
        return held
    alarm = f"Mails in the name of {agent.address} are kept as drafts without a receipt: a loop, or a forgery?"
    why = replace(held.why, acknowledge="no: too many receipts lately")
    return replace(held, why=why, notices=(), alarm=alarm)
