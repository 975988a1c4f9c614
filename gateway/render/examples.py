"""One made-up ticket, told by every notice: for `replydesk preview` and for trying templates at start.

The mails are composed as real ones are. The first example of a notice has everything a mail can
have, the second as little as it may have.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.core import digest
from gateway.core.compose import Scene, compose
from gateway.core.lifecycle import Status
from gateway.core.notice import AttachedFile, Audience, Notice, NoticeRequest, Outbound, Words
from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.ticket import Entry, EntryKind, Evidence, Participant, Role, Ticket
from gateway.core.token import Keys
from gateway.mail.message import Address, Attachment
from gateway.texts import catalog
from gateway.texts import mark as _

CUSTOMER = Address("erika.beispiel@example.net", "Erika Beispiel")
COLLEAGUE = Address("max.beispiel@example.net", "Max Beispiel")
AGENT = Address("anna.muster@example.com", "Anna Muster")
OPERATOR = Address("postmaster@example.com")
MAILBOX = "support@example.com"
NUMBER = 1042
OPENED = datetime(2026, 3, 9, 8, 12, tzinfo=UTC)
NOW = datetime(2026, 3, 12, 14, 5, tzinfo=UTC)

_READERS = {
    Notice.AGENT_NOTICE: (Audience.AGENT, AGENT, "reply"),
    Notice.AGENT_RECEIPT: (Audience.AGENT, AGENT, "done"),
    Notice.AGENT_DIGEST: (Audience.AGENT, AGENT, "digest"),
    Notice.OPERATOR_ALARM: (Audience.OPERATOR, OPERATOR, "alarm"),
    Notice.CANARY: (
        Audience.OPERATOR,
        Address("support+p7-exampleexamp@example.com"),
        "Replydesk probe p7-exampleexamp",
    ),
}
_REMARKS = {
    Notice.REQUEST_RECEIVED: "hours",
    Notice.AGENT_NOTICE: "flag",
    Notice.AGENT_RECEIPT: "done",
    Notice.OPERATOR_ALARM: "alarm",
}
_STATUSES = {
    Notice.REQUEST_RECEIVED: Status.NEW,
    Notice.REPLY: Status.WAITING_ON_CONTACT,
    Notice.AGENT_RECEIPT: Status.WAITING_ON_CONTACT,
    Notice.CLOSE_CONFIRMATION: Status.SOLVED,
    Notice.CLOSED: Status.CLOSED,
    Notice.RATING_REQUEST: Status.CLOSED,
    Notice.RATED: Status.CLOSED,
    Notice.SOLVED_REMINDER: Status.SOLVED,
    Notice.WAITING_REMINDER: Status.WAITING_ON_CONTACT,
}
_MAYBE_WITHOUT_TICKET = frozenset({Notice.REGISTRATION, Notice.REGISTERED, Notice.PASSWORD_RESET, Notice.SIGN_IN})
"""Sent for a first mail, but also when support asks for it."""


def outbounds(notice: Notice, language: str) -> tuple[Outbound, Outbound]:
    """A full and a sparse example; with English texts where there are none in the language."""
    words = catalog(language)
    texts = {name: words.gettext(text) for name, text in _TEXTS.items()}
    audience, recipient, headline = _READERS.get(notice, (Audience.CUSTOMER, CUSTOMER, ""))
    remarks = (texts[_REMARKS[notice]],) if notice in _REMARKS else ()
    request = NoticeRequest(notice, recipient, audience, headline, remarks)
    policy = _policy(language, texts["signature"])
    if notice is Notice.AGENT_DIGEST:
        headline = digest.summary(policy.agents[0], _open(_ticket(notice, texts), texts), policy, NOW)
        request = replace(request, headline=headline)
    full = compose(request, _scene(notice, texts, policy), policy)
    if notice is Notice.CLOSE_CONFIRMATION:
        full = replace(full, words=replace(full.words, closes_at=NOW + timedelta(days=7)))
    if notice is Notice.AGENT_NOTICE:
        full = replace(full, words=replace(full.words, omitted=2, also_to=(CUSTOMER.address, COLLEAGUE.address)))
    return full, _sparse(full)


def _sparse(full: Outbound) -> Outbound:
    """Without all that a mail of this notice need not have."""
    told = full.words
    words = Words(
        notice=told.notice,
        language=told.language,
        marker="",
        recipient=told.recipient,
        sender=told.sender,
        sender_address=told.sender_address,
        ticket=None if told.notice in _MAYBE_WITHOUT_TICKET else told.ticket,
        text=told.text if told.notice in (Notice.REPLY, Notice.CANARY) else "",
    )
    return replace(full, reply_to=None, in_reply_to="", references=(), words=words)


def _policy(language: str, signature: str) -> Policy:
    box = Mailbox(MAILBOX, "Example Support", language, "support+{token}@example.com", signature)
    return Policy(
        keys=Keys(b"an example needs no secret at all"),
        mailboxes=(box,),
        agents=(Agent(AGENT.address, AGENT.name, language=language),),
        default_language=language,
        languages=(language,),
        public_url="https://help.example.com",
        operator=OPERATOR.address,
        own_addresses=frozenset({box.key}),
    )


def _scene(notice: Notice, texts: dict[str, str], policy: Policy) -> Scene:
    if notice in (Notice.OPERATOR_ALARM, Notice.CANARY):
        return Scene(NOW, "example", text=texts["probe"] if notice is Notice.CANARY else "")
    ticket = _ticket(notice, texts)
    if notice is Notice.AGENT_DIGEST:
        told = digest.for_agent(policy.agents[0], _open(ticket, texts), digest.Counts(bounced=1), policy, NOW)
        return Scene(NOW, "example", sections=told)
    if notice is Notice.TICKET_LIST:
        other = replace(ticket, number=998, subject=texts["other"], status=Status.SOLVED, last_activity_at=OPENED)
        return Scene(NOW, "example", listed=(ticket, other))
    question = _entry(1, EntryKind.CORRESPONDENCE, CUSTOMER, Role.REQUESTER, texts["question"], texts["file"])
    note = _entry(2, EntryKind.COMMENT, AGENT, Role.AGENT, texts["note"])
    answer = _entry(3, EntryKind.CORRESPONDENCE, AGENT, Role.AGENT, texts["answer"], texts["guide"])
    back = _entry(4, EntryKind.CORRESPONDENCE, CUSTOMER, Role.REQUESTER, texts["back"], texts["file"])
    scene = Scene(NOW, "example", ticket, conversation=(question, note), refers_to=("CAF3x9=first@mail.example.net",))
    match notice:
        case Notice.REPLY | Notice.CLOSE_CONFIRMATION:
            film = AttachedFile("0" * 64, "9", "film.mp4", "video/mp4", size=41_000_000, linked=True)
            return replace(scene, entry=answer, text=answer.new_text, files=(film,))
        case Notice.WAITING_REMINDER | Notice.SOLVED_REMINDER | Notice.STATUS_CHANGED:
            return replace(scene, conversation=(question, note, answer))
        case Notice.AGENT_NOTICE:
            film = AttachedFile("0" * 64, "9", "film.mp4", "video/mp4", size=41_000_000, linked=True)
            return replace(scene, entry=back, conversation=(question, note, answer), files=(film,))
        case _:
            return scene


def _ticket(notice: Notice, texts: dict[str, str]) -> Ticket:
    return Ticket(
        number=NUMBER,
        status=_STATUSES.get(notice, Status.WAITING_ON_US),
        subject=texts["subject"],
        requester=CUSTOMER,
        mailbox=MAILBOX,
        created_at=NOW if notice is Notice.REQUEST_RECEIVED else OPENED,
        last_activity_at=NOW,
        people=(Participant(COLLEAGUE),),
        assignee=AGENT.address,
    )


def _open(mine: Ticket, texts: dict[str, str]) -> tuple[Ticket, ...]:
    """One ticket that is late, one that nobody has."""
    late = replace(mine, due_at=NOW - timedelta(hours=2))
    free = replace(mine, number=998, subject=texts["other"], status=Status.NEW, assignee="", created_at=OPENED)
    return late, free


def _entry(number: int, kind: EntryKind, author: Address, role: Role, text: str, file: str = "") -> Entry:
    files = (Attachment("2", file, "application/octet-stream", 48_213, ""),) if file else ()
    when = OPENED + timedelta(hours=number - 1)
    return Entry(
        id=number,
        ticket=NUMBER,
        kind=kind,
        author=author,
        role=role,
        body_text=text,
        reply_text=text,
        created_at=when,
        attachments=files,
        evidence=Evidence.OWN_MESSAGE_ID,
    )


_TEXTS: dict[str, str] = {
    "signature": _("Example Ltd, 1 Sample Street, Exampletown\nMonday to Friday, 9 to 17, +49 30 555 0100"),
    "subject": _("Printer has stopped since the update"),
    "other": _("Offer for a second device"),
    "hours": _("We answer from Monday to Friday between 9 and 17, usually within one working day."),
    "question": _(
        "Good morning,\n\nSince the update on Friday our printer has printed nothing, it only blinks.\n"
        "A picture of the display is attached.\n\nBest wishes\nErika Beispiel"
    ),
    "file": _("display.jpg"),
    "note": _("Same fault as at two other customers, see the notes on version 3.2."),
    "answer": _(
        "Hello Ms Beispiel,\n\nThank you for the picture. The update has reset the connection:\n\n"
        "1. Switch the printer off and on again.\n2. Choose Settings > Network > Connect again.\n\n"
        "Does it print now?\n\nKind regards\nAnna"
    ),
    "guide": _("Connecting the printer.pdf"),
    "back": _(
        "Hello,\n\nThe first step worked, thank you. But “Connect again” is grey, I cannot choose it.\n\n"
        "Best wishes\nErika Beispiel"
    ),
    "probe": "This mail checks whether mail gets out and back in.\n\np7-exampleexamp",
    "flag": _("max.beispiel@example.net was in copy and has joined the conversation unconfirmed."),
    "alarm": _(
        "Journal entry 4711 is held: the database took no writes for 30 s. Nothing is lost. "
        "Look at it with “replydesk journal show 4711”, then try again with “replydesk journal retry 4711”."
    ),
    "done": _("Sent to erika.beispiel@example.net. The ticket is now waiting on the customer."),
}
