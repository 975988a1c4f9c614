"""A notice: a mail we decided to send, from the decision to the words a template needs.

`decide` asks for notices, `compose` makes each an `Outbound`, `render` turns that into bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from gateway.core.lifecycle import Status
from gateway.mail.message import Address


class Notice(StrEnum):
    """Every mail we can send; each has templates `mail/<notice>.{txt,html}.j2`, for all languages."""

    REQUEST_RECEIVED = "request_received"
    REGISTRATION = "registration"
    REGISTERED = "registered"
    PASSWORD_RESET = "password_reset"
    SIGN_IN = "sign_in"
    REPLY = "reply"
    STATUS_CHANGED = "status_changed"
    MERGED = "merged"
    CLOSE_CONFIRMATION = "close_confirmation"
    CLOSED = "closed"
    SOLVED_REMINDER = "solved_reminder"
    WAITING_REMINDER = "waiting_reminder"
    RATING_REQUEST = "rating_request"
    RATED = "rated"
    TICKET_LIST = "ticket_list"
    AGENT_NOTICE = "agent_notice"
    AGENT_RECEIPT = "agent_receipt"
    AGENT_DIGEST = "agent_digest"
    OPERATOR_ALARM = "operator_alarm"
    CANARY = "canary"


class Audience(StrEnum):
    CUSTOMER = "customer"
    AGENT = "agent"
    ADVISER = "adviser"
    """Reads the words an agent sends them, and nothing else of the ticket."""
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class NoticeRequest:
    """What a decision asks for: this notice, to this person."""

    notice: Notice
    recipient: Address
    audience: Audience
    headline: str = ""
    """Agent notices and alarms: what happened, as a word of `labels.HEADLINES`."""
    remarks: tuple[str, ...] = ()
    """Agent notices, receipts and alarms: sentences the reader must see."""
    brief: bool = False
    """Agent notices: that it happened, without the text and the conversation."""
    shared_with: tuple[Address, ...] | None = None
    """An agent's answer: who gets it, where that is not everybody who takes part."""


@dataclass(frozen=True, slots=True)
class Line:
    """One entry of the conversation as a mail shows it."""

    author: str
    role: str
    """`customer`, `agent`, `system`"""
    when: datetime
    text: str
    attachments: tuple[str, ...] = ()
    """Names of files with their sizes, such as `bill.pdf (2.4 MB)`."""
    internal: bool = False
    """A comment: agents only."""


@dataclass(frozen=True, slots=True)
class StatusWords:
    """A status as customers read it."""

    label: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Button:
    label: str
    url: str


@dataclass(frozen=True, slots=True)
class Download:
    """A file that is fetched by a link."""

    name: str
    size: str
    """`16.8 MB`, in the reader's language."""
    url: str
    until: datetime


@dataclass(frozen=True, slots=True)
class TicketWords:
    """The key facts of a ticket, in the reader's language."""

    number: int
    reference: str
    subject: str
    status: Status
    status_label: str
    status_meaning: str
    requester: Address
    created_at: datetime
    last_activity_at: datetime
    assignee: str = ""
    due_at: datetime | None = None
    """Until when it is to be answered; for agents."""
    tags: tuple[str, ...] = ()
    """For agents."""
    answered: str = ""
    """Whom an answer reaches, the first of them; empty when it reaches nobody."""


@dataclass(frozen=True, slots=True)
class Item:
    """A ticket in a digest, or something else it tells."""

    text: str
    facts: str = ""
    """In small letters below."""
    act: Button | None = None
    """A mail that does what is next."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a digest."""

    title: str
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a mail shows in its text."""

    alt: str
    """What it shows, in words."""
    width: int
    height: int
    png: bytes = field(repr=False)
    content_id: str = ""
    """No angle brackets."""


@dataclass(frozen=True, slots=True)
class ListedTicket:
    """A line in the list of somebody's own tickets."""

    reference: str
    subject: str
    status_label: str
    last_activity_at: datetime
    url: str


@dataclass(frozen=True, slots=True)
class Words:
    """All that a mail template may use, as `mail`.

    `button` is the one thing to do, if there is one; `conversation` is newest first and does
    not contain the text that is the point of this mail (`text`).
    """

    notice: Notice
    language: str
    marker: str
    """The line above which people write their reply; empty on mails not meant to be answered."""
    recipient: Address
    sender: str
    """Name of the mailbox."""
    sender_address: str
    ticket: TicketWords | None = None
    button: Button | None = None
    text: str = ""
    html: str = ""
    """`text` with its author's formatting, safe as it is; empty when there is none to keep."""
    author: str = ""
    """Who wrote `text`."""
    attachments: tuple[str, ...] = ()
    """As in a `Line`."""
    conversation: tuple[Line, ...] = ()
    headline: str = ""
    remarks: tuple[str, ...] = ()
    signature: str = ""
    also_to: tuple[str, ...] = ()
    """Who else gets it; for agents, who gets their answer."""
    expires: datetime | None = None
    """When `button` stops acting."""
    evidence: str = ""
    adviser: str = ""
    """For agents: who wrote `text`, where that is no customer."""
    flags: tuple[str, ...] = ()
    close_mailto: str = ""
    """Agents and customers without a browser: a mailto: link that does what the button does."""
    closes_at: datetime | None = None
    """When a solved ticket closes by itself."""
    listed: tuple[ListedTicket, ...] = ()
    """The reader's own open tickets, for the mail that lists them."""
    sections: tuple[Section, ...] = ()
    """Parts of a digest."""
    choices: tuple[Button, ...] = ()
    """Answers to a question, each with its own link."""
    statuses: tuple[StatusWords, ...] = ()
    """Every status a ticket may have, in the mail that introduces them."""
    omitted: int = 0
    """How many older entries `conversation` leaves out."""
    omits_more: bool = False
    """There are more of them than `omitted`, which nobody counted."""
    downloads: tuple[Download, ...] = ()
    """Files too large for a mail."""
    acts: tuple[Button, ...] = ()
    """Orders an agent can give by a touch: mails that are already written."""
    brief: bool = False
    """It only says that something happened: no text, no conversation, no list of commands."""
    picture: Picture | None = None
    """Of a digest."""


FILE_PATH = "/file/"
"""Where on the portal files are fetched that are too large for a mail."""
FILE_LINK_DAYS = 30


@dataclass(frozen=True, slots=True)
class AttachedFile:
    """A file that goes along: where its bytes are."""

    raw_sha256: str
    part: str
    filename: str
    content_type: str
    content_id: str = ""
    """No angle brackets; the HTML body shows it in place. Empty: it hangs on the mail."""
    size: int = 0
    linked: bool = False
    """Too large for the mail: it goes as a link."""


def fitting(files: tuple[AttachedFile, ...], limit: int) -> tuple[AttachedFile, ...]:
    """The files, with those marked that do not fit among `limit` bytes with the others before them."""
    fitted: list[AttachedFile] = []
    for file in files:
        linked = file.size > limit
        limit -= 0 if linked else file.size
        fitted.append(replace(file, linked=linked))
    return tuple(fitted)


@dataclass(frozen=True, slots=True)
class Outbound:
    """A mail before it is written: header values and words, not yet text."""

    notice: Notice
    audience: Audience
    recipient: Address
    from_: Address
    reply_to: Address | None
    reverse_path: str
    """`NULL_REVERSE_PATH`, or the mailbox's own; VERP is put on when it is sent."""
    subject: str
    message_id: str
    in_reply_to: str
    references: tuple[str, ...]
    auto_submitted: str
    """`auto-replied`, `auto-generated`, or empty for what a human wrote."""
    date: datetime
    words: Words
    files: tuple[AttachedFile, ...] = ()
    ticket: int = 0
    topic: str = ""
    """For Outlook: what its list of conversations shows, the subject without marks …"""
    thread_index: str = ""
    """… and which conversation this is of."""
