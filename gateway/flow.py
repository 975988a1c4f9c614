"""The main flow: what happens to a mail between the journal and the outbox.

parse → classify → keys → choose → decide → apply → compose → render → settle. Parsing happens
before the transaction, for it costs time; everything with an effect happens inside one.
Whatever raises: nothing of it is stored, the mail is held with its cause, the next one goes on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core import act, archive, canary, clockwork, commands, forward, rating, statuses, thread
from gateway.core.case import Case, Facts, author_of
from gateway.core.classify import classify
from gateway.core.commands import Order, Verb
from gateway.core.compose import Scene, compose
from gateway.core.decide import asks_status, decide
from gateway.core.decision import Decision, Reason
from gateway.core.forward import Forwarded
from gateway.core.message import Address, Envelope, Kind, Message
from gateway.core.notice import Audience, Notice, NoticeRequest, Section
from gateway.core.parse import nested, parse
from gateway.core.policy import Mailbox, Policy
from gateway.core.proof import authentic, disproven
from gateway.core.rating import Answer
from gateway.core.say import say
from gateway.core.ticket import Evidence, Ticket
from gateway.core.token import fingerprint
from gateway.render import Templates
from storage.contacts import Contact
from storage.tickets import Applied
from storage.tx import Tx

BUDGET_WINDOW = timedelta(days=31)
UNDELIVERABLE_FOR = timedelta(days=60)
"""How long automatic mail to an address pauses after mail to it failed for good."""
_ASKED_FOR = (Notice.REGISTRATION, Notice.REGISTERED, Notice.PASSWORD_RESET)
"""Somebody at the other end waits for these; `decide` asks for the first one only where it is read."""
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
    keys: thread.Keys
    content: str
    """Hash of what the author wrote, the same however often and by whichever way it arrives."""
    order: Order
    forwarded: Forwarded | None = None
    forwarded_raw: bytes = b""
    """The bytes of a mail that was forwarded as an attachment."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The policy and the words of the house; everything that changes a ticket goes through here."""

    policy: Policy
    templates: Templates

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
        tx.tickets.serialise(names_of(read, self.policy))
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
                self.held(tx, journal_id, decision.hold, now)
            return decision
        if read.forwarded_raw and decision.entry:
            tx.outbox.keep_file(read.forwarded_raw, now)
        applied = self.effects(tx, decision, f"journal:{journal_id}", now, journal_id=journal_id)
        for n, order in enumerate(further, 1):
            also = decide(self.case(tx, replace(read, order=order), now))
            self.effects(tx, also, f"journal:{journal_id}:{n}", now, journal_id=journal_id)
        number = applied.ticket.number if applied else decision.ticket or None
        entry = applied.entry.id if applied and applied.entry else None
        if decision.reason is not Reason.DUPLICATE:
            tx.tickets.remember(message.message_id, read.content, number, entry, journal_id)
            if decision.new is not None and number:
                # A mail this one answers may still be on its way here, by another path or daemon.
                tx.tickets.expect(read.keys.message_ids[:EXPECTED_IDS], number, journal_id)
        if decision.probe:
            tx.probes.returned(decision.probe, journal_id, now)
        why = (f"{read.kind.name.value} ({read.kind.rule}): {read.kind.reason}", *decision.why.lines)
        tx.journal.settle(journal_id, decision.reason.value, why, number, message.message_id, now)
        return decision

    def case(self, tx: Tx, read: Read, now: datetime) -> Case:
        """The mail beside everything the store knows that matters for it."""
        known = tx.tickets.known(read.keys)
        choice = thread.choose(read.keys, known)
        author = author_of(read.message, self.policy).address
        since = now - BUDGET_WINDOW
        seen = tx.tickets.seen(read.message.message_id, read.content)
        if seen and read.message.message_id_derived and read.message.date is None:
            # Without id and date nothing but the time tells tomorrow's alarm from a repetition of today's.
            seen = seen if now - tx.journal.get(seen.journal_id).received_at < REPEATED_WITHIN else None
        contact = tx.contacts.find(author) if author else None
        facts = Facts(
            now,
            duplicate_of=seen.journal_id if seen and seen.same_content else 0,
            duplicate_ticket=seen.ticket if seen and seen.same_content else 0,
            same_id_other_content=bool(seen and not seen.same_content),
            invited=bool(contact and contact.invited_at),
            registered=bool(contact and contact.password_hash),
            undeliverable=contact is not None and self._pauses(contact, now),
            automatic_mail=tx.outbox.automatic_to(author, since) if author and contact else (),
            new_tickets=tx.tickets.opened_lately(author, since) if contact else (),
            reopens=tx.tickets.reopened_lately(choice.match.ticket.number, since) if choice.match else (),
            authentic=authentic(read.message, read.envelope, self.policy),
            disproven=disproven(read.message, self.policy),
        )
        case = Case(
            read.message,
            read.envelope,
            read.kind,
            read.keys,
            choice,
            known,
            self.policy,
            facts,
            read.order,
            read.forwarded,
        )
        return replace(case, facts=self._more_facts(tx, case))

    def _more_facts(self, tx: Tx, case: Case) -> Facts:
        """What only an agent's mail, or a question for own tickets, needs to be looked up."""
        facts, ticket = case.facts, case.ticket
        if case.agent is None:
            own = tx.tickets.search(status="open", requester=case.author.address) if asks_status(case) else ()
            return replace(facts, own_tickets=tuple(own))
        number = next((int(c.argument) for c in case.order.commands if c.verb in NUMBERED and c.argument), 0)
        named = tx.tickets.known(thread.Keys(claims=(number,))).tickets.get(number) if number else None
        facts = replace(facts, named=self.current(tx, named.number) if named else None)
        if ticket is None:
            return facts
        answered = tx.outbox.answered([k.message_id for k in case.keys.found if k.message_id])
        entry, journal_id, notice = answered or (0, 0, "")
        meant = journal_id if notice == Notice.AGENT_RECEIPT.value else 0
        return replace(
            facts,
            history=tuple(tx.tickets.entries(ticket.number)),
            parent=tx.tickets.entry(entry) if entry else None,
            act=tx.acts.newest(ticket.number, case.agent.keys, meant) if case.order.has(Verb.UNDO) else None,
        )

    def effects(
        self, tx: Tx, decision: Decision, cause: str, now: datetime, *, journal_id: int | None = None
    ) -> Applied | None:
        """Store a decision and put its notices in line; the one way a ticket ever changes."""
        if decision.undoes:
            tx.outbox.recall(decision.undoes.journal_id)
            tx.tickets.take_back(decision.undoes, now)
            tx.acts.mark_undone(decision.undoes.id, now)
        applied = tx.tickets.apply(decision, journal_id, now)
        for address in decision.undeliverable:
            tx.contacts.set_undeliverable(address, now)
        if decision.alarm:
            self.alarm(tx, f"{decision.reason.value}:{decision.ticket}", decision.alarm, now)
        entry = applied.entry.id if applied and applied.entry else None
        if applied and decision.happened_at is None:
            applied = self._set_target(tx, applied, decision, now)
        if applied and decision.undo:
            undo = replace(decision.undo, moved=applied.moved or decision.undo.moved)
            tx.acts.record(applied.ticket.number, undo, entry, journal_id, now)
        scene = self._scene(tx, applied, decision, cause, now)
        later = now + timedelta(minutes=decision.hold_minutes)
        for request in decision.notices:
            waits = request.audience is Audience.CUSTOMER and decision.hold_minutes
            self._send(tx, request, scene, entry, journal_id, later if waits else None)
        return applied

    def _set_target(self, tx: Tx, applied: Applied, decision: Decision, now: datetime) -> Applied:
        target = clockwork.target(applied.ticket, decision, applied.created, self.policy, now)
        if target is clockwork.KEEP:
            return applied
        tx.tickets.set_target(applied.ticket.number, target)
        return replace(applied, ticket=tx.tickets.get(applied.ticket.number))

    def tick(self, tx: Tx, number: int, now: datetime) -> Decision | None:
        """Do what the clock wants of a ticket, if it still wants it."""
        tx.tickets.serialise([f"ticket:{number}"])
        decision = clockwork.due(tx.tickets.get(number), self.policy, now)
        if decision is not None:
            self.effects(tx, decision, f"clock:{number}:{decision.reason.value}:{now.isoformat()}", now)
        return decision

    def ask_rating(self, tx: Tx, number: int, now: datetime) -> Decision | None:
        """Ask the customer of a closed ticket how it was, if it is time and nobody did."""
        tx.tickets.serialise([f"ticket:{number}"])
        ticket, before = tx.tickets.get(number), tx.ratings.find(number)
        asked_at = before.asked_at if before else None
        decision = rating.ask(ticket, tx.ratings.first_reason(number), asked_at, self.policy, now)
        contact = tx.contacts.find(ticket.requester.address)
        if decision is None or contact is None or self._pauses(contact, now):
            return None
        self.effects(tx, decision, f"rating:{number}:{now.isoformat()}", now)
        tx.ratings.ask(number, self.policy.rating_scale, now)
        return decision

    def rate(self, tx: Tx, before: Answer, value: int, comment: str, now: datetime) -> None:
        """The customer says how it was, or changes the answer."""
        ticket = self.current(tx, before.ticket)
        decision = rating.rated(ticket, before, value, comment, self.policy)
        self.effects(tx, decision, f"rated:{before.ticket}:{now.isoformat()}", now)
        tx.ratings.rate(before, value, comment, bool(decision.notices), now)

    @staticmethod
    def _pauses(contact: Contact, now: datetime) -> bool:
        """Automatic mail to this address pauses, for mail to it failed for good."""
        since = contact.undeliverable_since
        return since is not None and now - since < UNDELIVERABLE_FOR

    def _scene(self, tx: Tx, applied: Applied | None, decision: Decision, cause: str, now: datetime) -> Scene:
        if applied is None:
            return Scene(now, cause, listed=decision.listed)
        ticket = applied.ticket
        shows_history = any(n.notice is not Notice.REQUEST_RECEIVED for n in decision.notices) and not applied.created
        keys = {n.recipient.key: n.recipient.address for n in decision.notices if n.audience is Audience.CUSTOMER}
        contacts = {key: tx.contacts.find(address) for key, address in keys.items()}
        if applied.entry and applied.entry.message_id and applied.created:
            refers_to: tuple[str, ...] = (applied.entry.message_id,)
        else:
            refers_to = tuple(tx.tickets.customer_ids(ticket.number)) if keys else ()
        return Scene(
            now,
            cause,
            ticket,
            applied.entry,
            decision.text,
            tuple(tx.tickets.entries(ticket.number, limit=40)) if shows_history else (),
            refers_to,
            decision.files,
            {key: contact.language for key, contact in contacts.items() if contact and contact.language},
            html=decision.html,
        )

    def _send(
        self,
        tx: Tx,
        request: NoticeRequest,
        scene: Scene,
        entry_id: int | None,
        journal_id: int | None,
        not_before: datetime | None = None,
    ) -> int | None:
        if self.policy.is_own(request.recipient.address) or "@" not in request.recipient.address:
            return None
        if request.notice in (Notice.REGISTRATION, Notice.PASSWORD_RESET):
            contact = tx.contacts.ensure(request.recipient, scene.now)
            if request.notice is Notice.REGISTRATION:
                tx.contacts.invite(contact.id, scene.now)
            scene = _with_password_state(scene, self.policy, contact)
        outbound = compose(request, scene, self.policy)
        unread = request.audience is Audience.CUSTOMER and act.is_role(request.recipient.key)
        if unread and outbound.auto_submitted and request.notice not in _ASKED_FOR:
            return None
        message = self.templates.write(outbound)
        return tx.outbox.add(
            outbound, message, scene.now, entry_id=entry_id, journal_id=journal_id, not_before=not_before
        )

    # --- what happens without a mail ------------------------------------------------------

    def invite(self, tx: Tx, contact: Contact, cause: str, now: datetime) -> None:
        """Send the registration mail (again). `cause` must differ for each request."""
        self._contact_mail(tx, Notice.REGISTRATION, contact, cause, now)

    def reset(self, tx: Tx, contact: Contact, cause: str, now: datetime) -> None:
        """Send a link to set a new password; to somebody who never registered the registration mail."""
        notice = Notice.PASSWORD_RESET if contact.password_hash else Notice.REGISTRATION
        self._contact_mail(tx, notice, contact, cause, now)

    def registered(self, tx: Tx, contact: Contact, cause: str, now: datetime) -> None:
        """Confirm a registration."""
        self._contact_mail(tx, Notice.REGISTERED, contact, cause, now)

    def _contact_mail(self, tx: Tx, notice: Notice, contact: Contact, cause: str, now: datetime) -> None:
        languages = {contact.key: contact.language} if contact.language else {}
        request = NoticeRequest(notice, contact.as_address, Audience.CUSTOMER)
        # The newest ticket lends its mailbox and language, and makes a reply to this mail find a ticket.
        newest = tx.tickets.search(requester=contact.address, limit=1)
        scene = Scene(now, cause, newest[0] if newest else None, languages=languages)
        self._send(tx, request, scene, None, None)

    def close_by_link(self, tx: Tx, number: int, now: datetime) -> bool:
        """The requester pressed "Close ticket". False: it was closed already, nothing changed."""
        tx.tickets.serialise([f"ticket:{number}"])
        ticket = self.current(tx, number)
        decision = act.close_by_requester(ticket, self.policy, Reason.CLOSED_BY_LINK, "closed_by_link")
        if decision is None:
            return False
        self.effects(tx, decision, f"close:{number}:{now.isoformat()}", now)
        return True

    def reply_on_portal(self, tx: Tx, number: int, text: str, solved: bool, now: datetime) -> None:
        """The requester answered on the page, perhaps saying that it is solved."""
        tx.tickets.serialise([f"ticket:{number}"])
        cause = f"portal:{number}:{now.isoformat()}"
        if text:
            self.effects(tx, act.reply_on_portal(self.current(tx, number), self.policy, text), cause, now)
        if solved:
            ticket = self.current(tx, number)
            decision = act.close_by_requester(ticket, self.policy, Reason.CLOSED_BY_LINK, "closed_on_page")
            if decision:
                self.effects(tx, decision, cause + ":close", now)

    def current(self, tx: Tx, number: int) -> Ticket:
        """A ticket, or the one it was merged into."""
        ticket = tx.tickets.get(number)
        seen = {number}
        while ticket.merged_into and ticket.merged_into not in seen:
            seen.add(ticket.merged_into)
            ticket = tx.tickets.get(ticket.merged_into)
        return ticket

    def undelivered(self, tx: Tx, outbox_id: int, reply: str, now: datetime) -> None:
        """A mail of ours failed for good: shown on its ticket, and agents are told if it was for a customer."""
        row = tx.outbox.get(outbox_id)
        if row.audience == Audience.OPERATOR.value:
            return
        if reply[:1] == "5" and row.audience == Audience.CUSTOMER.value:
            tx.contacts.set_undeliverable(row.recipient, now)
        if not row.ticket:
            return
        ticket = self.current(tx, row.ticket)
        sent = tx.tickets.known(thread.Keys(reported=(thread.Key(Evidence.REPLY_ADDRESS, outbox=outbox_id),))).sent
        assert sent is not None
        decision = act.undelivered(ticket, self.policy, sent, row.audience, reply)
        self.effects(tx, decision, f"undelivered:{outbox_id}:{now.isoformat()}", now)

    def send_sections(
        self, tx: Tx, request: NoticeRequest, sections: tuple[Section, ...], cause: str, now: datetime
    ) -> int:
        """Put a digest in line; how many mails that made."""
        return int(self._send(tx, request, Scene(now, cause, sections=sections), None, None) is not None)

    def send_probe(self, tx: Tx, box: Mailbox, id: int, now: datetime) -> int | None:
        """Put a probe in line. The one mail of ours that goes to an address of ours."""
        to = Address(canary.address(self.policy, box, id), box.name)
        request = NoticeRequest(Notice.CANARY, to, Audience.OPERATOR, canary.subject(self.policy, id))
        scene = Scene(now, f"canary:{id}", text=canary.text(self.policy, id))
        made = compose(request, scene, self.policy)
        outbound = replace(made, from_=Address(box.address, box.name), reverse_path=box.address)
        return tx.outbox.add(outbound, self.templates.write(outbound), now)

    def alarm(self, tx: Tx, key: str, text: str, now: datetime) -> bool:
        """Tell the operator, once an hour for the same key. True: it was told now."""
        told = tx.alarms.raise_(key, text, now)
        if told:
            self._tell_operator(tx, "alarm", key, text, now)
        return told

    def held(self, tx: Tx, journal_id: int, cause: str, now: datetime) -> None:
        """A mail was set aside: the operator and the leads hear of it, once an hour."""
        if not self.alarm(tx, "held", f"Journal entry {journal_id} is held: {cause}", now):
            return
        leads = tuple(a for a in self.policy.agents if a.lead)
        for request in act.tell(leads, "held", (say("held", journal_id, cause[:300]),)):
            self._send(tx, request, Scene(now, f"held:{journal_id}:{now.isoformat()}"), None, journal_id)

    def all_clear(self, tx: Tx, key: str, text: str, now: datetime) -> None:
        """The cause of an alarm is gone; whoever was told of it hears that as well."""
        if tx.alarms.clear(key, now):
            self._tell_operator(tx, "all_clear", key, text, now)

    def _tell_operator(self, tx: Tx, headline: str, key: str, text: str, now: datetime) -> None:
        if not self.policy.operator:
            return
        request = NoticeRequest(
            Notice.OPERATOR_ALARM, Address(self.policy.operator), Audience.OPERATOR, headline, (text,)
        )
        self._send(tx, request, Scene(now, f"{headline}:{key}:{now.isoformat()}"), None, None)


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


def _with_password_state(scene: Scene, policy: Policy, contact: Contact) -> Scene:
    return replace(scene, password_state=fingerprint(policy.keys, contact.password_hash))
