"""The main flow: what happens to a mail between the journal and the outbox.

parse → classify → keys → choose → decide → apply → compose → render → settle. Parsing happens
before the transaction, for it costs time; everything with an effect happens inside one.
Whatever raises: nothing of it is stored, the mail is held with its cause, the next one goes on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.apply import Effects, Notices, Operator, pauses
from gateway.core import archive, blocking, commands, forward, statuses, thread
from gateway.core.case import Case, Facts, author_of
from gateway.core.classify import classify
from gateway.core.commands import Order, Verb
from gateway.core.customers import asks_status
from gateway.core.decide import decide
from gateway.core.decision import Decision, Reason
from gateway.core.forward import Forwarded
from gateway.core.notice import Notice
from gateway.core.policy import Policy
from gateway.core.proof import authentic, disproven
from gateway.mail.message import Envelope, Kind, Message
from gateway.mail.parse import nested, parse
from gateway.render.mail import Templates
from storage.tx import Tx

BUDGET_WINDOW = timedelta(days=31)
REPEATED_WITHIN = timedelta(hours=6)
"""A mail without id and date that comes again within this is the same one, sent again."""
EXPECTED_IDS = 20
"""Parents of a new request that lead to it, should they arrive later."""


@dataclass(frozen=True, slots=True)
class Read:
    """A mail read and classified, ready to be decided about."""

    message: Message
    envelope: Envelope
    kind: Kind
    keys: thread.ThreadKeys
    content: str
    """Hash of what the author wrote, the same however often and by whichever way it arrives."""
    order: Order
    forwarded: Forwarded | None = None
    forwarded_raw: bytes = b""
    """The bytes of a mail that was forwarded as an attachment."""


class Desk:
    """What happens to mails, and the parts that everything else which changes a ticket uses as well."""

    def __init__(self, policy: Policy, templates: Templates) -> None:
        self.policy, self.templates = policy, templates
        self.notices = Notices(policy, templates)
        self.operator = Operator(policy, self.notices)
        self.effects = Effects(policy, self.notices, self.operator)

    def read(self, raw: bytes, envelope: Envelope) -> Read:
        """The part without a database: pure, but not quick."""
        message = parse(raw, envelope)
        kind = classify(message, envelope, self.policy)
        keys = thread.keys(message, envelope, self.policy)
        order = commands.read(message.reply_text, self.policy.languages, statuses.words(self.policy))
        wanted = order.argument(Verb.FROM)
        forwarded, inner = _forwarded(raw, message, wanted, self.policy) if wanted else (None, b"")
        return Read(message, envelope, kind, keys, content_hash(raw, message), order, forwarded, inner)

    def handle(self, tx: Tx, journal_id: int, read: Read, now: datetime) -> Decision | None:
        """Everything that follows from one mail, in the transaction of `tx`. None: somebody else has it."""
        tx.threads.serialise(names_of(read, self.policy))
        row = tx.journal.take(journal_id)
        if row is None:
            return None
        archived = read.envelope.archived
        order, *further = commands.apart(read.order)
        read = replace(read, order=order)
        case = self.case(tx, read, archive.moment(read.message, row.received_at, now) if archived else now)
        decision = decide(case)
        message = read.message
        if decision.hold:
            tx.journal.hold(journal_id, decision.reason.value, decision.hold, now)
            if not archived:
                self.operator.held(tx, journal_id, decision.hold, now)
            return decision
        if read.forwarded_raw and decision.entry:
            tx.outbox.keep_file(read.forwarded_raw, now)
        applied = self.effects.apply(tx, decision, f"journal:{journal_id}", now, journal_id=journal_id)
        for n, order in enumerate(further, 1):
            also = decide(self.case(tx, replace(read, order=order), now))
            self.effects.apply(tx, also, f"journal:{journal_id}:{n}", now, journal_id=journal_id)
        number = applied.ticket.number if applied else decision.ticket or None
        entry = applied.entry.id if applied and applied.entry else None
        if decision.reason is not Reason.DUPLICATE:
            tx.threads.remember(message.message_id, read.content, number, entry, journal_id)
            if decision.new is not None and number:
                # A mail this one answers may still be on its way here, by another path or daemon.
                tx.threads.expect(read.keys.message_ids[:EXPECTED_IDS], number, journal_id)
        if decision.probe:
            tx.probes.returned(decision.probe, journal_id, now)
        why = (f"{read.kind.name.value} ({read.kind.rule}): {read.kind.reason}", *decision.why.lines)
        tx.journal.settle(
            journal_id,
            reason=decision.reason.value,
            why=why,
            ticket=number,
            message_id=message.message_id,
            now=now,
        )
        return decision

    def case(self, tx: Tx, read: Read, now: datetime) -> Case:
        """The mail beside everything the store knows that matters for it."""
        known = tx.threads.known(read.keys)
        choice = thread.choose(read.keys, known, self.policy.keys)
        author = author_of(read.message, self.policy).address
        since = now - BUDGET_WINDOW
        seen = tx.threads.seen(read.message.message_id, read.content)
        if seen and read.message.message_id_derived and read.message.date is None:
            # Without id and date nothing but the time tells tomorrow's alarm from a repetition of today's.
            seen = seen if now - tx.journal.get(seen.journal_id).received_at < REPEATED_WITHIN else None
        contact = tx.contacts.find(author) if author else None
        before = tx.journal.get(seen.journal_id) if seen and seen.same_content and seen.journal_id else None
        facts = Facts(
            now,
            duplicate_of=seen.journal_id if seen and seen.same_content else 0,
            duplicate_ticket=seen.ticket if seen and seen.same_content else 0,
            delivered_before=before.recipients if before else (),
            blocked=tx.blocks.found(blocking.blocks_for(author_of(read.message, self.policy))) if author else "",
            same_id_other_content=bool(seen and not seen.same_content),
            invited=bool(contact and contact.invited_at),
            registered=bool(contact and contact.password_hash),
            undeliverable=contact is not None and pauses(contact, now),
            automatic_mail=tx.outbox.automatic_to(author, since) if author and contact else (),
            new_tickets=tx.threads.opened_lately(author, since) if contact else (),
            reopens=tx.threads.reopened_lately(choice.match.ticket.number, since) if choice.match else (),
            authentic=authentic(read.message, read.envelope, self.policy),
            disproven=disproven(read.message, self.policy),
        )
        case = Case(
            message=read.message,
            envelope=read.envelope,
            kind=read.kind,
            keys=read.keys,
            choice=choice,
            known=known,
            policy=self.policy,
            facts=facts,
            order=read.order,
            forwarded=read.forwarded,
        )
        return replace(case, facts=self._more_facts(tx, case))

    def _more_facts(self, tx: Tx, case: Case) -> Facts:
        """What only an agent's mail, or a question for own tickets, needs to be looked up."""
        facts, ticket = case.facts, case.ticket
        if case.agent is None:
            own = tx.reads.search(status="open", requester=case.author.address) if asks_status(case) else ()
            return replace(facts, own_tickets=tuple(own))
        number = next((int(c.argument) for c in case.order.commands if c.verb in NUMBERED and c.argument), 0)
        named = tx.threads.known(thread.ThreadKeys(claims=(number,))).tickets.get(number) if number else None
        domain = blocking.named_domain(case.order.commands)
        facts = replace(facts, of_domain=tx.contacts.of_domain(domain) if domain else 0)
        facts = replace(facts, named=tx.reads.current(named.number) if named else None)
        if ticket is None:
            return facts
        answered = tx.outbox.answered([k.message_id for k in case.keys.found if k.message_id])
        entry, journal_id, notice = answered or (0, 0, "")
        meant = journal_id if notice == Notice.AGENT_RECEIPT.value else 0
        return replace(
            facts,
            history=tuple(tx.reads.entries(ticket.number)),
            parent=tx.reads.entry(entry) if entry else None,
            act=tx.acts.newest(ticket.number, case.agent.keys, meant) if case.order.has(Verb.UNDO) else None,
        )


NUMBERED = (Verb.MERGE, Verb.MOVE, Verb.REOPEN)


def _forwarded(raw: bytes, message: Message, wanted: str, policy: Policy) -> tuple[Forwarded | None, bytes]:
    """The mail inside an agent's mail, attached or quoted inline; with its bytes when it is attached."""
    found = forward.meant([*forward.whole(message), *forward.inline(message.body_text)], wanted, policy)
    if found is None or not found.part:
        return found, b""
    data = nested(raw, found.part)
    return replace(forward.attached(parse(data)), inner=found.inner), data


def content_hash(raw: bytes, message: Message) -> str:
    """Hash of a mail's content without what transport adds on its way (trace fields, line ends)."""
    body = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]
    author = message.author.key if message.author else ""
    head = f"{author}\0{message.subject}\0{message.date}\0".encode()
    return hashlib.sha256(head + body.rstrip(b"\n")).hexdigest()


def names_of(read: Read, policy: Policy) -> list[str]:
    """What two mails must share to be decided one after the other."""
    ids = list(dict.fromkeys((read.message.message_id, *read.keys.message_ids)))
    author = author_of(read.message, policy).key
    return [*(f"id:{i}" for i in ids), *(f"ticket:{n}" for n in read.keys.numbers), f"author:{author}"]
