"""A decision in sentences: who wrote, what kind of mail it is, which marks it shows, and what would happen."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.cli import show
from gateway.core.case import Case
from gateway.core.decision import Decision
from gateway.core.proof import trusted_results
from gateway.core.reason import sentence
from gateway.core.sentences import text_of
from gateway.core.thread import Key
from gateway.core.ticket import Evidence
from gateway.mail.message import Address
from gateway.mail.text import one_line

INDENT = "  "
SHOWN_IDS = 5

_MARKS = {
    Evidence.REPLY_ADDRESS: "it was sent to the signed reply address of ticket {0.number}",
    Evidence.OWN_MESSAGE_ID: "it answers our mail <{0.message_id}> of ticket {0.number}",
    Evidence.SUBJECT_REFERENCE: "its subject holds the signed reference of ticket {0.number}",
    Evidence.BODY_REFERENCE: "its text holds the signed reference of ticket {0.number}",
}


_PLACES = {
    Evidence.REPLY_ADDRESS: "address",
    Evidence.OWN_MESSAGE_ID: "In-Reply-To or References",
    Evidence.SUBJECT_REFERENCE: "subject",
    Evidence.BODY_REFERENCE: "text",
}


def tell(name: str, case: Case, decision: Decision) -> None:
    print(one_line(name))
    for line in _lines(case, decision):
        show.sentences(line, INDENT)


def _lines(case: Case, decision: Decision) -> Iterator[str]:
    message = case.message
    author = show.person(message.author) if message.author else "nobody it names"
    yield f"It is from {author}, to {_people((*message.to, *message.cc))}: “{message.subject}”."
    yield f"It is {_KINDS.get(case.kind.name.value, case.kind.name.value)}. {case.kind.reason} (rule: {case.kind.rule})"
    for report in message.report.recipients if message.report else ():
        yield f"It says of {report.final_recipient}: {report.action.value} {report.status}".rstrip() + "."
    said = ", ".join(f"{r.method} {r.result}" for r in trusted_results(message, case.envelope, case.policy))
    if said:
        yield f"Of its sender we, or a mail server of ours, found: {said}."
    claims = dict.fromkeys((*case.keys.claims, *case.choice.claims))
    marks = [*_marks(case), *(f"it names #{n} without a valid signature" for n in claims)]
    yield "\n  ".join(("Marks:", *marks)) if marks else "It shows no mark of a ticket."
    yield _matched(case)
    yield f"What would happen: {sentence(decision.reason)}" if not decision.hold else "It would be held."
    if decision.hold:
        yield f"{INDENT}cause: {decision.hold}"
    for line in decision.why.lines:
        yield INDENT + line
    if decision.change.status:
        yield f"The status would be {decision.change.status.value.replace('_', ' ')}."
    mails = ", ".join(f"{n.notice.value} to {n.recipient.address}" for n in decision.notices)
    yield f"Would be sent: {mails}." if mails else "Nothing would be sent."
    odd = [*message.defects, *(text_of(r, "en") for r in (*message.omissions, *_remarks(decision)))]
    if odd:
        yield f"Odd about it: {'; '.join(dict.fromkeys(one_line(o) for o in odd))}."


_KINDS = {
    "correspondence": "a person's mail",
    "automatic": "an automatic mail",
    "report": "a report",
    "loop": "a mail of our own",
    "unreadable": "unreadable",
}


def _people(people: tuple[Address, ...]) -> str:
    shown = ", ".join(a.address for a in people[:SHOWN_IDS]) or "nobody it names"
    return f"{shown} and {len(people) - SHOWN_IDS} more" if len(people) > SHOWN_IDS else shown


def _marks(case: Case) -> Iterator[str]:
    known, foreign = case.known, 0
    for key in case.keys.found:
        number = known.messages.get(key.message_id, 0)
        if key in case.choice.lost:
            yield f"its {_PLACES[key.evidence]} holds a mark of #{key.number}, but of none that is here"
        elif key.evidence in _MARKS:
            yield _MARKS[key.evidence].format(key) + (f", made for {key.holder}" if key.holder else "")
        elif key.own and number:
            yield f"a mail of the same Message-ID is on ticket {number}"
        elif key.own and key.message_id in known.expected:
            yield f"a mail on ticket {known.expected[key.message_id]} answers it"
        elif number:
            yield f"it answers <{key.message_id}>, which is on ticket {number}"
        elif not key.own:
            foreign += 1
    if foreign:
        yield f"it answers {foreign} {'mail' if foreign == 1 else 'mails'} we do not know"
    for key in case.keys.reported:
        yield _reported(key)
    if case.keys.close:
        yield "it was sent to the address that closes a ticket"


def _reported(key: Key) -> str:
    if key.outbox:
        return f"it came back to the address made for outbox entry {key.outbox}"
    if key.code:
        return f"it quotes the reference of ticket {key.number}"
    return f"it reports our mail <{key.message_id}>"


def _matched(case: Case) -> str:
    match = case.choice.match
    if match is None:
        reported = case.reported_ticket
        return f"It is about ticket {reported.number}." if reported else "It belongs to no ticket that is known."
    ticket = match.ticket
    status = ticket.status.value.replace("_", " ")
    return f"It belongs to ticket {ticket.number} (“{ticket.subject}”, {status}), by {match.evidence.value}."


def _remarks(decision: Decision) -> tuple[str, ...]:
    return decision.entry.remarks if decision.entry else ()
