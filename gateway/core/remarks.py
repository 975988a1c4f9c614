"""What an agent should know of a mail beside its text: sentences for the notice of it."""

from __future__ import annotations

from gateway import texts
from gateway.core import agent_mail, invitation, thread
from gateway.core.case import Case, asked_at
from gateway.core.labels import SUBJECTS
from gateway.core.reason import Reason
from gateway.core.roles import is_shared
from gateway.core.ticket import Ticket
from gateway.mail import lists
from gateway.mail.sentence import code
from gateway.mail.subject import base_subject, foreign_references

MARKED = 300
"""Characters of a subject up to which marks of other desks are added."""
_ADDED = 20
"""Letters that programs put around a subject. More are words of the author's, and so is any where the mail has no text:
people answer in the subject."""
COMPANY = 50
"""People in To and Cc of one mail who take part."""
FEW = 5
"""Of them, so many are nothing out of the way."""


def own_open(case: Case) -> tuple[str, ...]:
    """Other open tickets of the same address, one of which this may belong to."""
    if case.facts.twin:
        return (code("same_again", case.facts.twin),)
    named = "; ".join(f"#{t.number} {t.subject[:60]}".strip() for t in case.facts.own_tickets)
    return (code("own_open", named),) if named and not is_shared(case.author) else ()


def unknown_form(case: Case) -> str:
    """The second mail of an address whose mails ask for answers elsewhere: a form the operator may know."""
    if case.author is not case.message.author or len(case.facts.new_tickets) != 1:
        return ""
    domain = case.author.key.rpartition("@")[2]
    asked = ", ".join(a.address for a in asked_at(case.message, case.policy) if not a.key.endswith(f"@{domain}"))
    return asked and (
        f"Mails of {case.author.address} ask for answers at other addresses ({asked}). If it is a form of yours, "
        "name it in gateway.trusted_form_senders: then who filled it in is the requester."
    )


def lists_among(case: Case) -> frozenset[str]:
    """Mailing lists in To and Cc, as this very mail says: an answer there would go to everybody on them."""
    people = (*case.message.to, *case.message.cc)
    return frozenset(key for key in lists.among(case.message, people) if not case.policy.is_own(key))


def oddities(case: Case) -> tuple[str, ...]:
    """What an agent should know of the mail itself."""
    said = []
    written, is_list = case.message.author, lists_among(case)
    named = {a.key for a in (*case.message.to, *case.message.cc)[:COMPANY] if not case.policy.is_own(a.key)}
    brought = named - is_list
    if written and case.policy.is_own(written.address) and not case.envelope.archived:
        if case.author.key != written.key:
            said.append(code("own_author", written.address, case.author.address))
        else:
            # An answer goes to the people it was written to, and they stand in the notice.
            outside = any(case.policy.agent_for(key) is None for key in brought)
            said.append(code("own_author_among" if outside else "own_author_only", written.address))
            said += [] if outside else [code("reaches_nobody")]
    elif case.ticket is None and "@" not in case.author.key and not brought:
        said.append(code("reaches_nobody"))
    if case.facts.same_id_other_content:
        said.append(code("same_id"))
    if others := asked_at(case.message, case.policy) if case.author is case.message.author else ():
        said.append(code("reply_to", ", ".join(a.address for a in others), others[0].address))
    said += invitation.remarks(case.message.events)
    if known := sorted(key for key in is_list if not (case.ticket and case.ticket.knows(key))):
        said.append(code("list_among", ", ".join(known), known[0]))
    if len(brought) > FEW:
        said.append(code("many_people", len(brought)))
    rest = (*case.message.to, *case.message.cc)[COMPANY:]
    if dropped := [a for a in rest if not (case.policy.is_own(a.key) or case.policy.agent_for(a.key))]:
        said.append(code("too_many", len(dropped), ", ".join(a.address for a in dropped)))
    if case.message.encryption:
        said.append(code("encrypted"))
    if case.keys.close and case.ticket and not case.proven:
        said.append(code("close_unproven"))
    if case.agent and case.order.commands and not agent_mail.proof(case):
        said.append(code("order_unproven"))
    return tuple(said)


def new_subject(case: Case, ticket: Ticket) -> tuple[str, ...]:
    """Whoever has something else to say often answers an old mail under a new subject."""
    # Customers of a ticket that was merged into it go on under their own subject.
    subjects = (case.message.subject, ticket.subject, *(t.subject for t in case.known.tickets.values()))
    now, *known = (_folded(case, s) for s in subjects)
    added = _ADDED if case.message.reply_text.strip() else 0
    if not now or any(now in was or (was in now and len(now) - len(was) <= added) for was in known):
        return ()
    if now in {_folded(case, words.gettext(s)) for words in texts.catalogs().every() for s in SUBJECTS.values()}:
        return ()
    return (code("new_subject", case.message.subject[:200]),)


def with_theirs(case: Case, ticket: Ticket) -> str | None:
    """The ticket's subject with the mark another desk knows it by, where the mail shows a new one."""
    shown = foreign_references(thread.without_references(case.message.subject, case.known, case.policy))
    new = [mark for mark in shown if mark not in ticket.subject]
    return " ".join((ticket.subject, *new[:2])) if new and len(ticket.subject) < MARKED else None


def _folded(case: Case, subject: str) -> str:
    bare = base_subject(thread.without_references(subject, case.known, case.policy))
    return "".join(sign for sign in bare.casefold() if sign.isalnum())


def link_remarks(case: Case, reason: Reason, links: tuple[tuple[str, int], ...]) -> tuple[str, ...]:
    """What a new ticket has to do with others. Whoever takes part in the one they name is no stranger there."""
    said = {Reason.FOLLOW_UP: "follows_ticket", Reason.STRANGER_PASSES_ON: "passes_on"}.get(reason, "claims_ticket")
    found: dict[str, list[str]] = {}
    for _, number in links:
        ticket = thread.follow(number, case.known)
        own = said == "claims_ticket" and ticket is not None and ticket.knows(case.author.address)
        found.setdefault("names_own_ticket" if own else said, []).append(str(number))
    return tuple(code(sentence, ", #".join(numbers)) for sentence, numbers in found.items())


def lost_mark(case: Case) -> tuple[str, ...]:
    """It answers something that is not here: erased, or given out by a database a restore took the place of."""
    lost = case.choice.lost
    return (code("lost_mark", thread.lost_names(lost, case.policy.reference_prefix)),) if lost else ()
