"""What happens without a mail coming in: by the clock, by a click, at the shell, or because a mail of ours failed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from gateway.apply import Effects
from gateway.core import bounced, clock, probe, rating, requester_acts, thread
from gateway.core.compose import Scene, compose
from gateway.core.decision import Decision, Reason
from gateway.core.notice import Audience, Notice, NoticeRequest, Section
from gateway.core.policy import Mailbox
from gateway.core.rating import Answer
from gateway.core.ticket import Evidence
from gateway.mail.message import Address
from storage.contacts import Contact
from storage.tx import Tx


class Occasions(Effects):
    """Each changes what it is about inside the transaction of whoever calls."""

    __slots__ = ()

    def tick(self, tx: Tx, number: int, now: datetime) -> Decision | None:
        """Do what the clock wants of a ticket, if it still wants it."""
        tx.threads.serialise([f"ticket:{number}"])
        decision = clock.due(tx.reads.get(number), self.policy, now)
        if decision is not None:
            self.effects(tx, decision, f"clock:{number}:{decision.reason.value}:{now.isoformat()}", now)
        return decision

    def ask_rating(self, tx: Tx, number: int, now: datetime) -> Decision | None:
        """Ask the customer of a closed ticket how it was, if it is time and nobody did."""
        tx.threads.serialise([f"ticket:{number}"])
        ticket, before = tx.reads.get(number), tx.ratings.find(number)
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
        sent = tx.threads.known(thread.Keys(reported=(thread.Key(Evidence.REPLY_ADDRESS, outbox=outbox_id),))).sent
        assert sent is not None
        decision = bounced.undelivered(ticket, self.policy, sent, row.audience, reply)
        self.effects(tx, decision, f"undelivered:{outbox_id}:{now.isoformat()}", now)

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
        newest = tx.reads.search(requester=contact.address, limit=1)
        scene = Scene(now, cause, newest[0] if newest else None, languages=languages)
        self._send(tx, request, scene, None, None)

    def close_by_link(self, tx: Tx, number: int, now: datetime) -> bool:
        """The requester pressed "Close ticket". False: it was closed already, nothing changed."""
        tx.threads.serialise([f"ticket:{number}"])
        ticket = self.current(tx, number)
        decision = requester_acts.close_by_requester(ticket, self.policy, Reason.CLOSED_BY_LINK, "closed_by_link")
        if decision is None:
            return False
        self.effects(tx, decision, f"close:{number}:{now.isoformat()}", now)
        return True

    def reply_on_portal(self, tx: Tx, number: int, text: str, solved: bool, now: datetime) -> None:
        """The requester answered on the page, perhaps saying that it is solved."""
        tx.threads.serialise([f"ticket:{number}"])
        cause = f"portal:{number}:{now.isoformat()}"
        if text:
            self.effects(tx, requester_acts.reply_on_portal(self.current(tx, number), self.policy, text), cause, now)
        if solved:
            ticket = self.current(tx, number)
            decision = requester_acts.close_by_requester(ticket, self.policy, Reason.CLOSED_BY_LINK, "closed_on_page")
            if decision:
                self.effects(tx, decision, cause + ":close", now)

    def send_sections(
        self, tx: Tx, request: NoticeRequest, sections: tuple[Section, ...], cause: str, now: datetime
    ) -> int:
        """Put a digest in line; how many mails that made."""
        return int(self._send(tx, request, Scene(now, cause, sections=sections), None, None) is not None)

    def send_probe(self, tx: Tx, box: Mailbox, id: int, now: datetime) -> int | None:
        """Put a probe in line. The one mail of ours that goes to an address of ours."""
        to = Address(probe.address(self.policy, box, id), box.name)
        request = NoticeRequest(Notice.CANARY, to, Audience.OPERATOR, probe.subject(self.policy, id))
        scene = Scene(now, f"canary:{id}", text=probe.text(self.policy, id))
        made = compose(request, scene, self.policy)
        outbound = replace(made, from_=Address(box.address, box.name), reverse_path=box.address)
        return tx.outbox.add(outbound, self.templates.write(outbound), now)
