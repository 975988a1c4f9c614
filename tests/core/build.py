"""Small builders of the core's values, so that a test names only what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import settings

from gateway.core import commands, thread, token
from gateway.core.case import Case, Facts
from gateway.core.decision import Decision
from gateway.core.lifecycle import Status
from gateway.core.notice import Notice
from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.ticket import Entry, EntryKind, Evidence, Participant, Role, Ticket
from gateway.core.token import Keys, Named
from gateway.mail.message import (
    Action,
    Address,
    Attachment,
    DeliveryReport,
    Envelope,
    Kind,
    KindName,
    Message,
    Report,
    ReportType,
    address_key,
)
from tests.conftest import NOW, SECRET

EXAMPLES = settings(max_examples=200, derandomize=True, deadline=None, database=None)
"""For properties: the same examples on every machine."""

KEYS = Keys(SECRET)
KIM = Address("kim@customer.example", "Kim Customer")
LEE = Address("lee@customer.example", "Lee Colleague")
MALLORY = Address("mallory@elsewhere.example", "Mallory")
ANNA = Address("anna@example.com", "Anna Agent")
BOB = Address("bob@example.com", "Bob Agent")
AGENTS = [ANNA.address, BOB.address]
SUPPORT = Address("support@example.com", "Example Support")

BOX = Mailbox("support@example.com", "Example Support", "en", "support+{token}@example.com")
PLAIN_BOX = Mailbox("hilfe@example.de", "Beispiel-Hilfe", "de")
POLICY = Policy(
    keys=KEYS,
    mailboxes=(BOX, PLAIN_BOX),
    agents=(Agent(ANNA.address, ANNA.name), Agent(BOB.address, BOB.name, lead=True)),
    own_addresses=frozenset(address_key(b.address) for b in (BOX, PLAIN_BOX)),
    operator="root@example.com",
)

HUMAN = Kind(KindName.CORRESPONDENCE, "human", "Nothing says that a machine wrote this.")
AUTOMATIC = Kind(KindName.AUTOMATIC, "auto-submitted", "Its Auto-Submitted field says so (RFC 3834).")
MACHINE = replace(HUMAN, no_acknowledgement="auto-generated")
REPORT = Kind(KindName.REPORT, "report", "It is a report about a mail that was sent.")
LOOP = Kind(KindName.LOOP, "own-message-id", "Its Message-ID is one of ours: our own mail came back.")
OWN_ADDRESS = Kind(KindName.LOOP, "own-address", "Its author is one of our own addresses.")
UNREADABLE = Kind(KindName.UNREADABLE, "unreadable", "The mail could not be read.")


def message(author: Address | None = KIM, **fields: object) -> Message:
    """A plain mail to the support address."""
    plain = Message(
        author=author,
        from_=(author,) if author else (),
        sender=None,
        reply_to=(),
        to=(SUPPORT,),
        cc=(),
        subject="Printer is on fire",
        message_id="one@customer.example",
        message_id_derived=False,
        in_reply_to=(),
        references=(),
        date=NOW,
        body_text="It burns.",
        reply_text="It burns.",
        body_html="",
        sha256="0" * 64,
    )
    if "body_text" in fields:
        fields.setdefault("reply_text", fields["body_text"])
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def with_headers(base: Message, **headers: str) -> Message:
    """`auto_submitted="no"` becomes the field `auto-submitted`."""
    return replace(base, headers={name.replace("_", "-"): (value,) for name, value in headers.items()})


def envelope(
    reverse_path: str = KIM.address, *recipients: str, source: str = "smtp", authenticated_as: str = ""
) -> Envelope:
    return Envelope(source, reverse_path, recipients or (SUPPORT.address,), "192.0.2.1", authenticated_as)


def ticket(number: int = 7, status: Status = Status.WAITING_ON_US, **fields: object) -> Ticket:
    plain = Ticket(
        number=number,
        status=status,
        subject="Printer is on fire",
        requester=KIM,
        mailbox=SUPPORT.address,
        created_at=NOW - timedelta(days=3),
        last_activity_at=NOW - timedelta(days=1),
    )
    if status is Status.CLOSED:
        fields.setdefault("closed_at", NOW - timedelta(days=1))
        fields.setdefault("closed_by", "agent")
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def participant(address: Address, confirmed: bool = True) -> Participant:
    return Participant(address, confirmed)


def follower(address: Address) -> Participant:
    return Participant(address, follower=True)


def entry(text: str = "It burns.", **fields: object) -> Entry:
    plain = Entry(
        id=1,
        ticket=7,
        kind=EntryKind.CORRESPONDENCE,
        author=KIM,
        role=Role.REQUESTER,
        body_text=text,
        reply_text=text,
        created_at=NOW,
        message_id="one@customer.example",
    )
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def attachment(name: str = "bill.pdf", **fields: object) -> Attachment:
    plain = Attachment("2", name, "application/pdf", 100, "f" * 64)
    return replace(plain, **fields)  # type: ignore[arg-type]  # a builder takes any field


def failed(recipient: str = KIM.address, status: str = "5.1.1", *ids: str) -> Report:
    """A bounce about mails of ours, by their ids."""
    return Report(ReportType.DELIVERY, (DeliveryReport(Action.FAILED, recipient, status, f"smtp; 550 {status}"),), ids)


def case(
    mail: Message | None = None,
    *,
    on: Ticket | None = None,
    evidence: Evidence = Evidence.OWN_MESSAGE_ID,
    holder: str = "",
    kind: Kind = HUMAN,
    claims: tuple[int, ...] = (),
    close: bool = False,
    sent: thread.SentFacts | None = None,
    reported: tuple[thread.Key, ...] = (),
    tickets: Mapping[int, Ticket] | None = None,
    path: Envelope | None = None,
    policy: Policy = POLICY,
    now: datetime = NOW,
    **facts: object,
) -> Case:
    """A mail beside what is known of it: `on` is the ticket it was matched with, by `evidence`."""
    mail = mail or message()
    match = thread.Match(on, evidence, holder) if on else None
    known = dict(tickets or {})
    if on:
        known[on.number] = on
    keys = thread.ThreadKeys(
        (thread.Key(evidence, on.number, holder=holder),) if on else (), claims, close=close, reported=reported
    )
    return Case(
        message=mail,
        envelope=path or envelope(mail.author.address if mail.author else ""),
        kind=kind,
        keys=keys,
        choice=thread.Choice(match, claims),
        known=thread.Known(known, sent=sent),
        policy=policy,
        facts=Facts(now, **facts),  # type: ignore[arg-type]  # a builder takes any fact
        order=commands.read(mail.reply_text, policy.languages),
    )


def own_id(number: int = 7, audience: str = "c", holder: str = "", identity: str = "x") -> str:
    """A Message-ID of ours."""
    return token.message_id(KEYS, Named(number), audience, holder, identity, "example.com")


def reply_address(number: int = 7, purpose: str = "t", holder: str = "") -> str:
    return f"support+{token.address_token(KEYS, purpose, Named(number), holder)}@example.com"


def reference(number: int = 7) -> str:
    return f"[{token.reference(KEYS, 'RD', Named(number))}]"


# --- what a decision does -------------------------------------------------------------------------


def notices(decision: Decision, *kinds: Notice) -> list[str]:
    """Who gets a notice of these kinds; of any kind when none is named."""
    return [n.recipient.address for n in decision.notices if not kinds or n.notice in kinds]


def opened(decision: Decision) -> bool:
    return decision.new is not None


def attached(decision: Decision) -> bool:
    return decision.ticket > 0 and decision.entry is not None


def acknowledged(decision: Decision) -> bool:
    return bool(notices(decision, Notice.REQUEST_RECEIVED))


def told(decision: Decision) -> list[str]:
    return notices(decision, Notice.AGENT_NOTICE)
