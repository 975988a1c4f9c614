"""What a decision leads to: the ticket's change, the notices put in line, and what the operator is told.

Everything here happens inside the transaction of whoever calls, so it is stored whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from gateway.core import clock, orders
from gateway.core.compose import Scene, compose
from gateway.core.decision import Decision
from gateway.core.notice import Audience, Notice, NoticeRequest
from gateway.core.policy import Policy
from gateway.core.roles import is_role
from gateway.core.say import say
from gateway.core.ticket import Ticket
from gateway.core.token import fingerprint
from gateway.mail.message import Address
from gateway.render.mail import Templates
from storage.contacts import Contact
from storage.tickets import Applied
from storage.tx import Tx

UNDELIVERABLE_FOR = timedelta(days=60)
"""How long automatic mail to an address pauses after mail to it failed for good."""
_ASKED_FOR = (Notice.REGISTRATION, Notice.REGISTERED, Notice.PASSWORD_RESET)
"""Somebody at the other end waits for these; `decide` asks for the first one only where it is read."""


@dataclass(frozen=True, slots=True)
class Effects:
    """The policy and the words of the house; everything that changes a ticket goes through `effects`."""

    policy: Policy
    templates: Templates

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
        target = clock.target(applied.ticket, decision, applied.created, self.policy, now)
        if target is clock.KEEP:
            return applied
        tx.tickets.set_target(applied.ticket.number, target)
        return replace(applied, ticket=tx.reads.get(applied.ticket.number))

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
            refers_to = tuple(tx.threads.customer_ids(ticket.number)) if keys else ()
        return Scene(
            now,
            cause,
            ticket,
            applied.entry,
            decision.text,
            tuple(tx.reads.entries(ticket.number, limit=40)) if shows_history else (),
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
        unread = request.audience is Audience.CUSTOMER and is_role(request.recipient.key)
        if unread and outbound.auto_submitted and request.notice not in _ASKED_FOR:
            return None
        message = self.templates.write(outbound)
        return tx.outbox.add(
            outbound, message, scene.now, entry_id=entry_id, journal_id=journal_id, not_before=not_before
        )

    def current(self, tx: Tx, number: int) -> Ticket:
        """A ticket, or the one it was merged into."""
        ticket = tx.reads.get(number)
        seen = {number}
        while ticket.merged_into and ticket.merged_into not in seen:
            seen.add(ticket.merged_into)
            ticket = tx.reads.get(ticket.merged_into)
        return ticket

    @staticmethod
    def _pauses(contact: Contact, now: datetime) -> bool:
        """Automatic mail to this address pauses, for mail to it failed for good."""
        since = contact.undeliverable_since
        return since is not None and now - since < UNDELIVERABLE_FOR

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
        for request in orders.tell(leads, "held", (say("held", journal_id, cause[:300]),)):
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


def _with_password_state(scene: Scene, policy: Policy, contact: Contact) -> Scene:
    return replace(scene, password_state=fingerprint(policy.keys, contact.password_hash))
