"""The main flow: what happens to a mail between the journal and the outbox.

parse → classify → keys → choose → decide → apply → compose → render → settle. Parsing happens
before the transaction, for it costs time; everything with an effect happens inside one.
Whatever raises: nothing of it is stored, the mail is held with its cause, the next one goes on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.apply import Effects, Notices, Operator, pauses
from gateway.core import (
    archive,
    blocking,
    commands,
    concern,
    forward,
    inside_notice,
    lookup,
    machines,
    passed_on,
    refusal,
    same_mail,
    second_address,
    statuses,
    thread,
    token,
)
from gateway.core.acknowledge import lives
from gateway.core.case import Case, Facts, author_of
from gateway.core.classify import classify
from gateway.core.commands import Order
from gateway.core.customers import asks_status
from gateway.core.decide import decide
from gateway.core.decision import Decision, Draft
from gateway.core.forward import Forwarded, Inside
from gateway.core.looked_up import Found
from gateway.core.notice import Notice
from gateway.core.policy import Agent, Policy
from gateway.core.proof import authentic, disproven
from gateway.core.reason import Reason
from gateway.core.storms import Storms
from gateway.core.ticket import Entry
from gateway.core.verbs import Verb
from gateway.core.window import LONGEST
from gateway.errors import UnknownEntry
from gateway.mail.message import Envelope, Kind, KindName, Message, address_key
from gateway.mail.parse import parse
from gateway.render.mail import Templates
from storage.tickets import Applied
from storage.tx import Tx

REPEATED_WITHIN = timedelta(hours=6)
"""A mail of a sender without a clock that comes again within this is the same one, sent again."""
REPORTED_WITHIN = timedelta(days=14)
"""A failure that names only whom it is about concerns a mail that was sent lately."""
KNOWN_AFTER = timedelta(days=1)
"""Whoever wrote so long ago is known here."""
SAID_WITHIN = timedelta(days=1)
"""An agent's earlier orders a new one is compared with."""
LET_GO = Kind(KindName.CORRESPONDENCE, "let-go", "An agent let it go with #send.")
EXPECTED_IDS = 20
"""Parents of a mail that lead to its ticket, should they, or others that answer them, arrive later."""


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
    resumed: Draft | None = None
    """It is a draft, let go by `resumed_by`."""
    resumed_by: Agent | None = None
    looked: Found | None = None
    """What its author looks up, where that was done before."""

    def names(self, policy: Policy) -> list[str]:
        return concern.names(self.message, self.keys, self.order, policy)


class Desk:
    """What happens to mails, and the parts that everything else which changes a ticket uses as well."""

    def __init__(self, policy: Policy, templates: Templates) -> None:
        self.policy, self.templates = policy, templates
        self.notices = Notices(policy, templates)
        self.operator = Operator(policy, self.notices)
        self.effects = Effects(policy, self.notices, self.operator)
        self.storms = Storms(policy)

    def read(self, raw: bytes, envelope: Envelope) -> Read:
        """The part without a database: pure, but not quick."""
        return self._read(raw, envelope)

    def _read(self, raw: bytes, envelope: Envelope, by: Agent | None = None, also: Order | None = None) -> Read:
        """`by` and `also`: the agent who lets a draft go, and the order that came with it."""
        message = parse(raw, envelope)
        kind = classify(message, envelope, self.policy)
        keys = thread.keys(message, envelope, self.policy, by)
        order = commands.read(message.reply_text, self.policy.languages, statuses.words(self.policy))
        if also is not None:
            order, kind = commands.joined(order, also), LET_GO
        wanted, content = order.argument(Verb.FROM), same_mail.content_hash(raw, message, envelope.source)
        forwarded, inner = forward.inside(raw, message, wanted, self.policy) if wanted else (None, b"")
        return Read(message, envelope, kind, keys, content, order, forwarded, inner)

    def handle(self, tx: Tx, journal_id: int, read: Read, now: datetime) -> Decision | None:
        """Everything that follows from one mail, in the transaction of `tx`. None: somebody else has it."""
        tx.threads.serialise(read.names(self.policy))
        row = tx.journal.take(journal_id)
        if row is None:
            return None
        archived = read.envelope.archived
        order, *further = commands.apart(read.order)
        read = replace(read, order=order)
        moment = archive.moment(read.message, row.received_at, now) if archived else now
        case = self._alone(tx, read, moment)
        if draft := self._let_go(tx, case):
            return self._send_draft(tx, journal_id, read, draft, now)
        decision = decide(case)
        if case.facts.undeliverable and lives(case) and not archived:
            decision = replace(decision, lives=case.author.address)
        message = read.message
        if decision.hold:
            tx.journal.hold(journal_id, decision.reason.value, decision.hold, now)
            if not archived:
                self.operator.held(tx, journal_id, decision.hold, now)
            return decision
        self.keep_inside(tx, decision, (read.forwarded_raw, *(i.raw for i in case.facts.forwards.values())), now)
        applied = self.effects.apply(tx, decision, _cause(journal_id, now), now, journal_id=journal_id)
        for n, order in enumerate(further, 1):
            also = decide(self._alone(tx, replace(read, order=order), now))
            self.effects.apply(tx, also, f"{_cause(journal_id, now)}:{n}", now, journal_id=journal_id)
        number = applied.ticket.number if applied else decision.ticket or None
        entry = applied.entry.id if applied and applied.entry else None
        if not archived:
            self.storms.note(message, read.envelope, case.author.key, decision, number or 0, now)
        if decision.reason is not Reason.DUPLICATE:
            tx.threads.remember(message.message_id, read.content, number, entry, journal_id)
            if number and (decision.new is not None or case.knows_author):
                # What this one answers may still be on its way here, or never come: the next answer joins all the same.
                tx.threads.expect(self._awaited(read, applied if decision.new else None), number, journal_id)
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
        return replace(decision, ticket=number or 0)

    def _awaited(self, read: Read, opened: Applied | None) -> tuple[str, ...]:
        """Ids that lead to a mail's ticket should something answer them; of one it opened also the conversation."""
        mine = (token.conversation_id(self.policy.keys, opened.ticket.named),) if opened else ()
        return (*read.keys.message_ids[:EXPECTED_IDS], *mine)

    def _storms(self, tx: Tx, now: datetime) -> Storms:
        if not self.storms.begun:
            self.storms.begin(*tx.storms.lately(now))
        return self.storms

    def _let_go(self, tx: Tx, case: Case) -> Read | None:
        """The draft a mail lets go, read anew; none where that mail has words of its own."""
        draft, agent = case.facts.draft, case.agent
        if draft is None or agent is None or not refusal.lets_go(case):
            return None
        try:
            row, data = tx.journal.load(draft.id)
        except UnknownEntry:
            # Retention took its text meanwhile.
            return None
        read = self._read(data, row.envelope, agent, case.order)
        return None if refusal.says_more(case, read.order) else replace(read, resumed=draft, resumed_by=agent)

    def _send_draft(self, tx: Tx, journal_id: int, by: Read, read: Read, now: datetime) -> Decision:
        """Decide about a draft again, without the doubt. What it leads to is its own, not the mail's that let it go."""
        draft = read.resumed
        assert draft is not None  # for mypy: `_let_go` made it so
        tx.threads.serialise(read.names(self.policy))
        decision = decide(self._alone(tx, read, now))
        if decision.hold:
            tx.journal.hold(journal_id, decision.reason.value, decision.hold, now)
            self.operator.held(tx, journal_id, decision.hold, now)
            return decision
        if decision.entry or decision.new or decision.undo:
            decision = replace(decision, sends=draft.id)
        self.keep_inside(tx, decision, (read.forwarded_raw,), now)
        applied = self.effects.apply(tx, decision, _cause(journal_id, now), now, journal_id=draft.id)
        number = applied.ticket.number if applied else decision.ticket or None
        entry = applied.entry.id if applied and applied.entry else None
        why = decision.why.lines
        if decision.sends:
            tx.threads.remember(read.message.message_id, read.content, number, entry, draft.id)
            before = tx.journal.get(draft.id)
            told = (*before.why, f"let go by journal entry {journal_id}:", *why)
            tx.journal.settle(
                draft.id,
                reason=decision.reason.value,
                why=told,
                ticket=number,
                message_id=before.message_id,
                now=now,
            )
        tx.threads.remember(by.message.message_id, by.content, number, None, journal_id)
        reason = Reason.DRAFT_SENT if decision.sends else decision.reason
        tx.journal.settle(
            journal_id,
            reason=reason.value,
            why=(f"draft {draft.id}:", *why),
            ticket=number,
            message_id=by.message.message_id,
            now=now,
        )
        return decision

    def _alone(self, tx: Tx, read: Read, now: datetime) -> Case:
        """The case once nobody else decides about the same tickets and people: another daemon may have, until then."""
        while tx.threads.hold(*concern.found(case := self.case(tx, read, now))):
            pass
        return case

    def case(self, tx: Tx, read: Read, now: datetime) -> Case:
        """The mail beside everything the store knows that matters for it."""
        writer = author_of(read.message, self.policy)
        person = tx.second_addresses.person(writer.address) if self.policy.agent_for(writer.address) is None else ()
        author = (*person, writer)[0].address
        since, most = now - LONGEST, self.policy.counted
        seen = None if read.resumed else tx.threads.seen(read.message.message_id, read.content)
        if seen and same_mail.has_no_clock(read.message, now):
            # Nothing but the time tells tomorrow's alarm from a repetition of today's.
            seen = seen if abs(now - tx.journal.get(seen.journal_id).received_at) < REPEATED_WITHIN else None
        if seen and not seen.same_content and (earlier := self._earlier(tx, seen.journal_id)):
            if same_mail.is_copy(earlier, read.message):
                seen = replace(seen, same_content=True)
            elif earlier.date != read.message.date and same_mail.of_one_author(earlier, read.message):
                # A program that gives each of its mails the same id: that makes no two matters one.
                read = replace(read, keys=thread.without_own(read.keys))
        known = self._known(tx, read.keys, now)
        choice = thread.choose(read.keys, known, self.policy.keys)
        contact = tx.contacts.find(author) if author else None
        familiar = contact is not None and (now - contact.created_at > KNOWN_AFTER or bool(contact.password_hash))
        storms = self._storms(tx, now)
        robot = None if choice.match else storms.robot(read.message, read.envelope, address_key(author), now)
        if robot:
            known = _with_ticket(tx, known, robot.ticket)
            alike = thread.follow(robot.ticket, known)
            robot = replace(robot, ticket=alike.number) if alike else None
        before = tx.journal.get(seen.journal_id) if seen and seen.same_content and seen.journal_id else None
        facts = Facts(
            now,
            duplicate_of=seen.journal_id if seen and seen.same_content else 0,
            duplicate_ticket=seen.ticket if seen and seen.same_content else 0,
            delivered_before=before.recipients if before else (),
            folded_before=before is not None and before.reason == Reason.RULE_FOLDS.value and not before.ticket,
            blocked=tx.blocks.found(blocking.blocks_for(*person, writer)) if author else "",
            person=person,
            same_id_other_content=bool(seen and not seen.same_content),
            invited=bool(contact and contact.invited_at),
            registered=bool(contact and contact.password_hash),
            undeliverable=contact is not None and pauses(contact, now),
            automatic_mail=tx.outbox.automatic_to(author, since, most) if author and contact else (),
            spent=storms.spent(address_key(author), familiar, now),
            repeated=self.storms.repeated(read.message, address_key(author), now),
            robot=robot,
            new_tickets=tx.threads.opened_lately(author, since, most) if contact else (),
            reopens=tx.threads.reopened_lately(choice.match.ticket.number, since, most) if choice.match else (),
            waiting=tx.acts.waiting(choice.match.ticket.number) if choice.match and self.policy.hold_minutes else None,
            authentic=authentic(read.message, read.envelope, self.policy),
            disproven=disproven(read.message, read.envelope, self.policy),
            resumed=read.resumed,
            resumed_by=read.resumed_by,
        )
        case = Case(
            message=read.message,
            envelope=read.envelope,
            kind=read.kind,
            keys=thread.without_foreign(read.keys, known, self.policy.keys),
            choice=choice,
            known=known,
            policy=self.policy,
            facts=facts,
            order=read.order,
            forwarded=read.forwarded,
        )
        return replace(case, facts=self._more_facts(tx, case, read.looked))

    def _more_facts(self, tx: Tx, case: Case, looked: Found | None = None) -> Facts:
        """What only an agent's mail, or a question for own tickets, needs to be looked up."""
        flood = self.storms.flood(case.author.key, case.machine, case.now)
        facts, ticket = replace(case.facts, flood=flood), case.ticket
        if case.holder:
            return replace(facts, drafts=tuple(tx.drafts.waiting(facts.now, case.holder.keys)))
        if case.agent is None:
            facts = self._echo_facts(tx, case, replace(facts, asked=tx.ratings.answered(case.keys, ticket)))
            if case.machine and ticket:
                wrote = tx.threads.wrote_lately(ticket.number, facts.now - LONGEST, self.policy.counted)
                facts = replace(facts, machines_entries=wrote)
            author, hinted = case.author.address, not case.knows_author
            if asks_status(case):
                latest = sorted(tx.reads.open_of(author, MOST), key=lambda t: t.last_activity_at, reverse=True)
                own, hinted = latest, False
            else:
                own = tx.reads.open_of(author, HINTED) if author and hinted else []
            if (of := ticket or case.reported_ticket) and (case.quotes or of.advisers) and not facts.history:
                facts = replace(facts, history=tuple(tx.reads.entries(of.number, limit=QUOTABLE)))
            if ticket is None:
                facts = replace(facts, shares=tx.absences.shares(case.mailbox, self.policy, facts.now))
            twins = (t for t in own if hinted and same_mail.may_be_twin(case.message, t, case.now))
            alike = (t.number for t in twins if tx.reads.entries(t.number)[0].body_text == case.message.body_text)
            return replace(facts, own_tickets=tuple(own), twin=next(alike, 0))
        number = next((int(c.argument) for c in case.order.commands if c.verb in concern.NUMBERED and c.argument), 0)
        named = tx.threads.known(thread.ThreadKeys(claims=(number,))).tickets.get(number) if number else None
        of_domain = tx.contacts.of_domain(d) if (d := blocking.named_domain(case.order.commands)) else 0
        facts = replace(facts, of_domain=of_domain, named=tx.reads.current(named.number) if named else None)
        if address := second_address.named(case.order):
            facts = replace(facts, namesake=tx.second_addresses.namesake(address, ticket.requester if ticket else None))
        facts = replace(facts, looked=looked or tx.lookups.find(lookup.asked(case), lookup.SHOWN))
        ids = [k.message_id for k in case.keys.found if k.message_id]
        entry, journal_id, notice = tx.outbox.answered(ids) or (0, 0, "")
        meant = journal_id if notice == Notice.AGENT_RECEIPT.value else 0
        # Restored or erased: it may have been a receipt, and about something else than what is the newest now.
        nearest = next((id for id in ids if (mark := self.policy.own_message_id(id)) and mark.holder), "")
        is_lost = bool(nearest) and tx.outbox.answered([nearest]) is None
        facts = replace(self._draft_facts(tx, case, facts, meant, is_lost), answers=notice)
        if ticket is None:
            lists = any(k.holder and not k.number and k.message_id for k in case.keys.found)
            return replace(facts, lost_list=bool(number and lists and not notice))
        history = tx.reads.entries(ticket.number)
        undoes = case.order.has(Verb.UNDO) and not is_lost
        sent = tx.outbox.answered_by(ids, ticket.number) if case.quotes else None
        act = tx.acts.newest(ticket.number, case.agent.keys, meant) if undoes else None
        marked = {ticket.number, *(k.number for k in case.keys.found if k.holder and k.number)}
        written = min(case.message.date or case.now, case.now)
        return replace(
            facts,
            view=facts.resumed.view if facts.resumed else tx.outbox.view(ids, marked, case.agent.keys, written),
            history=tuple(history),
            sent_text=inside_notice.words_of(sent[1]) if sent else "",
            left_at=tx.outbox.left_at(ids, marked, case.agent.keys),
            said=tx.acts.said(case.agent.keys, case.now - SAID_WITHIN),
            forwards=self.forwards(tx, history, case.order.argument(Verb.FROM)),
            parent=tx.reads.entry(entry) if entry else None,
            act=act,
            undone_from=tx.reads.get(act.undo.moved_from) if act and act.undo.moved_from else None,
        )

    def _known(self, tx: Tx, keys: thread.ThreadKeys, now: datetime) -> thread.Known:
        """What the store knows of a mail's marks; for a failure that names none of ours, of its recipient."""
        known = tx.threads.known(keys)
        if known.sent or not keys.failed:
            return known
        marked = {t.number for key in keys.reported if (t := thread.leads_to(key, known, self.policy.keys))}
        sent = tx.threads.sent_lately(keys.failed, marked, now - REPORTED_WITHIN)
        return replace(_with_ticket(tx, known, sent.ticket), sent=sent) if sent else known

    def _echo_facts(self, tx: Tx, case: Case, facts: Facts) -> Facts:
        """What we said last, for a mail that may only repeat it."""
        if case.ticket is None or not machines.may_be_echo(case):
            return facts
        ids = [k.message_id for k in case.keys.found if k.message_id]
        automatic, data = tx.outbox.answered_by(ids, case.ticket.number, case.author.address) or (False, b"")
        text = parse(data).body_text if data else ""
        history = tuple(tx.reads.entries(case.ticket.number))
        return replace(facts, history=history, sent_text=text, sent_automatic=automatic)

    @staticmethod
    def _earlier(tx: Tx, journal_id: int) -> Message | None:
        """The mail of a journal entry; None when its text is not kept any more."""
        try:
            row, data = tx.journal.load(journal_id)
        except UnknownEntry:
            return None
        return parse(data, row.envelope)

    @staticmethod
    def keep_inside(tx: Tx, decision: Decision, forwards: Iterable[bytes], now: datetime) -> None:
        """Mails that came inside another one are found by their own hash, as far as an entry names it."""
        wanted = {e.sha256 for e in (decision.entry, *decision.also) if e}
        for raw in forwards:
            if raw and hashlib.sha256(raw).hexdigest() in wanted:
                tx.outbox.keep_file(raw, now)

    def forwards(self, tx: Tx, history: Sequence[Entry], wanted: str) -> dict[int, Inside]:
        """Entry id → the mail that came inside an agent's, where `#from` gives the ticket to a customer."""
        found = {}
        for entry in passed_on.agents_words(history, self.policy) if wanted else ():
            if (data := tx.outbox.file(entry.sha256) if entry.sha256 else None) is None:
                continue
            message = parse(data)
            inner, raw = forward.inside(data, message, wanted, self.policy)
            if inner:
                found[entry.id] = Inside(inner, message, raw)
        return found

    def _draft_facts(self, tx: Tx, case: Case, facts: Facts, answered: int, is_lost: bool) -> Facts:
        """The agent's drafts, and the one that is meant: whose receipt is answered, that is named, or the only one;
        not where the mail that is answered is lost."""
        assert case.agent is not None  # for mypy: asked for agents only
        keys, order = case.agent.keys, case.order
        waiting = tx.drafts.waiting(facts.now, keys)
        if order.has(Verb.DRAFTS) or order.has(Verb.SEND):
            waiting = [replace(d, subject=self.subject(tx, d)) for d in waiting]
        meant = int(order.argument(Verb.SEND) or 0) or answered
        draft = tx.drafts.find(meant, keys) if meant else None
        alone = order.has(Verb.SEND) and not order.argument(Verb.SEND) and not is_lost
        if draft is None and alone and len(waiting) == 1:
            draft = waiting[0]
        return replace(facts, drafts=tuple(waiting), draft=draft)

    @staticmethod
    def subject(tx: Tx, draft: Draft) -> str:
        """Of the mail that is the draft; empty when its text is not kept any more."""
        mail = Desk._earlier(tx, draft.id)
        return mail.subject if mail else ""


MOST = 5_000
"""Tickets of one person that are counted."""
HINTED = 6
"""Other open tickets of the author a notice names."""
QUOTABLE = 200
"""Entries of a ticket a quotation is compared with."""


def _cause(journal_id: int, now: datetime) -> str:
    """With the moment, for after a restore numbers of the journal come again: two mails would share a Message-ID."""
    return f"journal:{journal_id}:{now.isoformat()}"


def _with_ticket(tx: Tx, known: thread.Known, number: int) -> thread.Known:
    """Beside what a mail names, this ticket, and where it was merged into."""
    more = tx.threads.known(thread.ThreadKeys(claims=(number,))).tickets
    return replace(known, tickets={**more, **known.tickets})
