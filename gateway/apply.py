"""What a decision does: the ticket's change, the notices put in line, and what the operator is told.

Everything here happens inside the transaction of whoever calls, so it is stored whole or not at all.
`Effects.apply` is the one way a ticket ever changes, by a mail, the clock, a click or the shell.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from gateway.core import audience, away, clock, second_address, sides, stale
from gateway.core.compose import Scene, compose
from gateway.core.decision import AgentView, Decision
from gateway.core.notice import Audience, Notice, NoticeRequest, Outbound, fitting
from gateway.core.policy import Policy
from gateway.core.reason import Reason
from gateway.core.roles import is_role
from gateway.core.ticket import Role, Ticket
from gateway.core.token import fingerprint
from gateway.mail.message import Address
from gateway.mail.sentence import code
from gateway.render.mail import Templates
from gateway.render.wire import Enclosed, attach
from storage.alarms import MAILS_HELD
from storage.contacts import Contact
from storage.drafts import DROPPED, SENT
from storage.tickets import Applied
from storage.tx import Tx

HISTORY = 40
"""Entries of a ticket that are read for what a mail repeats of it."""
UNDELIVERABLE_FOR = timedelta(days=60)
"""How long automatic mail to an address pauses after mail to it failed for good."""
_FOR_ONESELF = frozenset({Reason.AGENT_LOOKS})
_ASKED_FOR = (Notice.REGISTRATION, Notice.REGISTERED, Notice.PASSWORD_RESET, Notice.SIGN_IN)
"""Somebody at the other end waits for these; `decide` asks for the first one only where it is read."""


class Notices:
    """Puts notices in line: composed, written, and in the outbox."""

    def __init__(self, policy: Policy, templates: Templates) -> None:
        self._policy, self._templates = policy, templates

    def send(
        self,
        tx: Tx,
        request: NoticeRequest,
        scene: Scene,
        *,
        entry: int | None = None,
        journal: int | None = None,
        not_before: datetime | None = None,
    ) -> int | None:
        """Id of the outbox row; None where nobody may be written to: ourselves, nobody, a role address."""
        if self._policy.is_own(request.recipient.address) or "@" not in request.recipient.address:
            return None
        if request.notice in (Notice.REGISTRATION, Notice.PASSWORD_RESET, Notice.SIGN_IN):
            contact = tx.contacts.ensure(request.recipient, scene.now)
            if request.notice is Notice.REGISTRATION:
                tx.contacts.invite(contact.id, scene.now)
            rests_on = contact.entrance if request.notice is Notice.SIGN_IN else contact.password_hash
            scene = replace(scene, access_state=fingerprint(self._policy.keys, rests_on))
        outbound = compose(request, scene, self._policy)
        tells = request.notice is not Notice.AGENT_RECEIPT or request.headline == "done"
        view = self.view(tx, scene.ticket) if scene.ticket and request.audience is Audience.AGENT and tells else None
        unread = request.audience is Audience.CUSTOMER and is_role(request.recipient.key)
        if unread and outbound.auto_submitted and request.notice not in _ASKED_FOR:
            return None
        return self.put(tx, outbound, scene.now, entry=entry, journal=journal, not_before=not_before, view=view)

    def view(self, tx: Tx, ticket: Ticket) -> AgentView:
        """What a mail to an agent tells of a ticket now."""
        return stale.view_of(ticket, tx.reads.newest_entry(ticket.number), self._policy)

    def put(
        self,
        tx: Tx,
        outbound: Outbound,
        now: datetime,
        *,
        entry: int | None = None,
        journal: int | None = None,
        not_before: datetime | None = None,
        view: AgentView | None = None,
    ) -> int | None:
        """A composed mail as it is, to whomever it names. Id of the outbox row; None when it is in line already."""
        message = self._templates.write(outbound)
        if picture := outbound.words.picture:
            shown = Enclosed("chart.png", "image/png", picture.png, picture.content_id)
            message = attach(message, [shown])
        return tx.outbox.add(
            outbound, message, now, entry_id=entry, journal_id=journal, not_before=not_before, view=view
        )


HELD_HINT = (
    "`replydesk journal list --state held` names every mail that is held: of others no mail tells within an hour. "
    "`replydesk journal show`, `retry` and `drop` decide about them."
)


class Operator:
    """What the operator is told: one mail a cause, and one when it is over."""

    def __init__(self, policy: Policy, notices: Notices) -> None:
        self._policy, self._notices = policy, notices

    def alarm(self, tx: Tx, key: str, text: str, now: datetime) -> bool:
        """Tell the operator, once an hour for the same key. True: it was told now."""
        return self._alarm(tx, key, text, now)

    def _alarm(self, tx: Tx, key: str, text: str, now: datetime, *hints: str) -> bool:
        told = tx.alarms.raise_(key, text, now)
        if told:
            self._tell(tx, "alarm", key, text, now, *hints)
        return told

    def all_clear(self, tx: Tx, key: str, text: str, now: datetime) -> None:
        """The cause of an alarm is gone; whoever was told of it hears that as well."""
        if tx.alarms.clear(key, now):
            self._tell(tx, "all_clear", key, text, now)

    def held(self, tx: Tx, journal_id: int, cause: str, now: datetime) -> None:
        """A mail was set aside: the operator and the leads hear of it, once an hour."""
        if not self._alarm(tx, MAILS_HELD, f"Journal entry {journal_id} is held: {cause}", now, HELD_HINT):
            return
        scene = Scene(now, f"held:{journal_id}:{now.isoformat()}")
        for request in audience.tell("held", self._policy, None, remarks=(code("held", journal_id, cause[:300]),)):
            self._notices.send(tx, request, scene, journal=journal_id)

    def _tell(self, tx: Tx, headline: str, key: str, text: str, now: datetime, *hints: str) -> None:
        if not self._policy.operator:
            return
        to = Address(self._policy.operator)
        request = NoticeRequest(Notice.OPERATOR_ALARM, to, Audience.OPERATOR, headline, (text, *hints))
        self._notices.send(tx, request, Scene(now, f"{headline}:{key}:{now.isoformat()}"))


class Effects:
    """Stores decisions and puts in line what they want sent."""

    def __init__(self, policy: Policy, notices: Notices, operator: Operator) -> None:
        self._policy, self._notices, self._operator = policy, notices, operator

    def apply(
        self, tx: Tx, decision: Decision, cause: str, now: datetime, *, journal_id: int | None = None
    ) -> Applied | None:
        """Store a decision and put its notices in line. `cause` tells two occasions apart: it goes into their ids."""
        if decision.undoes:
            tx.outbox.recall(decision.undoes.journal_id)
            tx.tickets.take_back(decision.undoes)
            tx.acts.mark_undone(decision.undoes.id, now)
        self._who_is_who(tx, decision, now)
        decision = self._block(tx, decision, now)
        decision = self._at_main(tx, decision)
        applied = tx.tickets.apply(decision, journal_id, now)
        if decision.rates and (asked := tx.ratings.find(decision.ticket)):
            tx.ratings.rate(asked, *decision.rates, now)
        for address in decision.undeliverable:
            tx.contacts.set_undeliverable(address, now)
        if decision.alarm:
            about = decision.keep.agent if decision.keep else f"{decision.ticket}:{decision.alarm_about}".rstrip(":")
            self._operator.alarm(tx, f"{decision.reason.value}:{about}", decision.alarm, now)
        spoke = self._known_of(tx, applied, decision, now) if applied else None
        if decision.lives:
            tx.contacts.set_undeliverable(decision.lives, None)
        entry = applied.entry.id if applied and applied.entry else None
        if applied and decision.happened_at is None:
            applied = self._set_target(tx, applied, decision, now)
        present = self._present(tx, decision, applied, now)
        if applied and decision.undo:
            told = dict.fromkeys(n.recipient.key for n in present if n.notice is Notice.AGENT_NOTICE)
            moved = applied.moved or decision.undo.moved
            undo = replace(decision.undo, moved=moved, hidden=applied.hidden, told=tuple(told), spoke=spoke)
            tx.acts.record(applied.ticket.number, undo, entry, journal_id, now)
        self._drafts(tx, applied, decision, journal_id, now)
        scene = _scene(tx, applied, decision, self._policy, cause, now)
        later = now + timedelta(minutes=decision.hold_minutes) if decision.hold_minutes else None
        apart = scene
        if applied and decision.undoes and decision.undoes.undo.moved_from:
            source = Applied(tx.reads.get(decision.undoes.undo.moved_from), None, created=False)
            apart = replace(_scene(tx, source, decision, self._policy, cause, now), merged=applied.ticket)
        for request in present:
            waits = later if request.audience in (Audience.CUSTOMER, Audience.ADVISER) else None
            seen = apart if request.headline == "apart" or request.notice is Notice.MERGED else scene
            self._notices.send(tx, request, seen, entry=entry, journal=journal_id, not_before=waits)
        return applied

    @staticmethod
    def _who_is_who(tx: Tx, decision: Decision, now: datetime) -> None:
        """Agents who are away, addresses that are one person's."""
        if decision.away:
            tx.absences.note(decision.away, now)
        if decision.same and decision.same.apart:
            tx.second_addresses.part(decision.same, now)
        elif decision.same:
            tx.second_addresses.join(decision.same, decision.undo.agent if decision.undo else "", now)

    @staticmethod
    def _block(tx: Tx, decision: Decision, now: datetime) -> Decision:
        """Who is heard by nobody from now on, or again. What was so before is not to be taken back."""
        undo = decision.undo or (decision.undoes.undo if decision.undoes else None)
        added = bool(decision.block) and tx.blocks.add(decision.block, undo.agent if undo else "", now)
        removed = bool(decision.unblock) and tx.blocks.remove(decision.unblock)
        if decision.undo is None:
            return decision
        done = replace(
            decision.undo, blocked=decision.block if added else "", unblocked=decision.unblock if removed else ""
        )
        return replace(decision, undo=done)

    @staticmethod
    def _at_main(tx: Tx, decision: Decision) -> Decision:
        """Nothing is sent to a person's further address, whoever names it."""
        mains = tx.second_addresses.mains(second_address.brought_in(decision))
        if not mains:
            return decision
        return second_address.at_main(decision, mains, tx.reads.get(decision.ticket) if decision.ticket else None)

    def _known_of(self, tx: Tx, applied: Applied, decision: Decision, now: datetime) -> str | None:
        """Of the requester: the language an agent orders or takes back, and what came from a further address. The
        language that was kept before; None where it stays."""
        language, requester, spoke = decision.change.language or None, applied.ticket.requester, None
        undone = decision.undoes.undo if decision.undoes else None
        if decision.change.language is not None and undone and not undone.requester and undone.spoke is not None:
            language = undone.spoke
        if language is not None and language in (*self._policy.languages, "") and "@" in requester.key:
            contact = tx.contacts.ensure(requester, now)
            spoke = contact.language
            tx.contacts.set_language(contact.id, language)
        if decision.new and decision.new.second_address:
            tx.second_addresses.opened(decision.new.second_address, applied.ticket.number)
        return spoke

    def _present(self, tx: Tx, decision: Decision, applied: Applied | None, now: datetime) -> tuple[NoticeRequest, ...]:
        """What is sent: what an agent who is away would get goes to whoever is there instead."""
        if not any(n.notice is Notice.AGENT_NOTICE for n in decision.notices) or decision.reason in _FOR_ONESELF:
            return decision.notices
        absent = tx.absences.now(now)
        if not absent:
            return decision.notices
        box = applied.ticket.mailbox if applied else self._policy.mailboxes[0].address
        by = decision.undo.agent if decision.undo else ""
        return away.in_place(decision.notices, absent, self._policy, box, by)

    def _drafts(
        self, tx: Tx, applied: Applied | None, decision: Decision, journal_id: int | None, now: datetime
    ) -> None:
        if decision.keep and journal_id:
            ticket = applied.ticket if applied else None
            view = self._notices.view(tx, ticket) if ticket else None
            tx.drafts.keep(journal_id, ticket.number if ticket else None, decision.keep, view, now)
        for id, state in ((decision.sends, SENT), (decision.drops, DROPPED)):
            if id:
                tx.drafts.end(id, state, now)

    def _set_target(self, tx: Tx, applied: Applied, decision: Decision, now: datetime) -> Applied:
        target = clock.target(applied.ticket, decision, applied.created, self._policy, now)
        if target is clock.KEEP:
            return applied
        tx.tickets.set_target(applied.ticket.number, target)
        return replace(applied, ticket=tx.reads.get(applied.ticket.number))


def _scene(tx: Tx, applied: Applied | None, decision: Decision, policy: Policy, cause: str, now: datetime) -> Scene:
    """What the notices of a decision tell of: the ticket as it is now, and its conversation where they show it."""
    if applied is None:
        return Scene(now, cause, listed=decision.listed, sections=decision.sections)
    ticket = applied.ticket
    shows_history = any(n.notice is not Notice.REQUEST_RECEIVED for n in decision.notices) and not applied.created
    outside = (n.recipient for n in decision.notices if n.audience in (Audience.CUSTOMER, Audience.ADVISER))
    keys = {a.key: a.address for a in outside}
    contacts = {key: tx.contacts.find(address) for key, address in keys.items()}
    if applied.created and applied.entry and applied.entry.role is Role.AGENT:
        # The agent's own mail, which no customer ever had.
        refers_to: tuple[str, ...] = ()
    elif applied.entry and applied.entry.message_id and applied.created:
        refers_to = (applied.entry.message_id,)
    else:
        refers_to = tuple(tx.threads.customer_ids(ticket.number)) if keys else ()
    history = tx.reads.entries(ticket.number, limit=HISTORY) if shows_history else []
    faces = {sides.face(ticket, key) for key in keys} - {ticket.number} if sides.is_shared(ticket) else set()
    merged = decision.moved.source if decision.moved and not decision.moved.entries else 0
    others = {t.number: t for t in tx.reads.numbered(faces | {merged})}
    return Scene(
        now,
        cause,
        ticket=ticket,
        faces=others,
        merged=others.get(merged),
        entry=applied.entry,
        text=decision.text,
        html=decision.html,
        conversation=tuple(history),
        is_cut=len(history) == HISTORY,
        refers_to=refers_to,
        files=fitting(decision.files, policy.max_attachment_bytes),
        sections=decision.sections,
        names={key: contact.name for key, contact in contacts.items() if contact and contact.name},
        languages={key: contact.language for key, contact in contacts.items() if contact and contact.language},
    )


def pauses(contact: Contact, now: datetime) -> bool:
    """Automatic mail to this address pauses, for mail to it failed for good."""
    since = contact.undeliverable_since
    return since is not None and abs(now - since) < UNDELIVERABLE_FOR
