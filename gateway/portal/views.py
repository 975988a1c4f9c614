"""What each page shows, as values: a template gets `frame` and one of these as `view`, nothing else.

A view holds only what its reader may see. Nothing in here leads to an agent's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from markupsafe import Markup

from gateway.portal.words import Words


@dataclass(frozen=True, slots=True)
class Language:
    code: str
    name: str
    href: str
    """Leads to the same page in this language."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has around its view."""

    words: Words
    site: str
    """Name of the mailbox."""
    support: str
    """Its address."""
    base: str
    """Path of the portal without a slash at its end; begins every link of ours."""
    signed_in: str
    """The address of whoever is signed in, else empty."""
    mark: str
    """Goes into every form as `mark`, or the form is refused."""
    languages: tuple[Language, ...]


class View:
    """Base of all views."""

    __slots__ = ()
    template: ClassVar[str]
    form: ClassVar[bool] = False
    """True when the page has a form that must work without being signed in."""


@dataclass(frozen=True, slots=True)
class SignIn(View):
    template: ClassVar[str] = "sign_in"
    form: ClassVar[bool] = True
    address: str = ""
    next: str = ""
    notice: str = ""
    error: str = ""
    address_error: str = ""
    password_error: str = ""


@dataclass(frozen=True, slots=True)
class Forgot(View):
    template: ClassVar[str] = "forgot"
    form: ClassVar[bool] = True
    address: str = ""
    address_error: str = ""


@dataclass(frozen=True, slots=True)
class SetPassword(View):
    template: ClassVar[str] = "set_password"
    form: ClassVar[bool] = True
    first: bool
    """True: registering; False: a new password."""
    address: str
    action: str
    """Path the form is sent to."""
    password_error: str = ""
    again_error: str = ""


@dataclass(frozen=True, slots=True)
class Close(View):
    template: ClassVar[str] = "close"
    form: ClassVar[bool] = True
    subject: str
    reference: str
    action: str


@dataclass(frozen=True, slots=True)
class Choice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Rate(View):
    template: ClassVar[str] = "rate"
    form: ClassVar[bool] = True
    subject: str
    reference: str
    action: str
    choices: tuple[Choice, ...]
    numbers: bool
    """The choices are numbers, whose ends must be named."""
    comment: str = ""
    before: str = ""
    """What was answered before; empty when nothing was."""
    until: datetime | None = None
    """Until when that can be changed."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Status:
    value: str
    """As in `core.lifecycle`; names the style."""
    label: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket in the list."""

    number: int
    reference: str
    subject: str
    status: Status
    created_at: datetime
    last_activity_at: datetime


@dataclass(frozen=True, slots=True)
class Tickets(View):
    template: ClassVar[str] = "tickets"
    rows: tuple[Row, ...]
    q: str
    status: str
    statuses: tuple[Status, ...]
    page: int = 1
    newer: str = ""
    """Query of the page before this one; empty without."""
    older: str = ""
    filtered: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; its bytes are at `path`."""

    path: str
    name: str
    type: str
    """As a person says it: `PDF`, `JPEG`."""
    size: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation."""

    id: int
    author: str
    side: str
    """`mine`, `theirs` (us), `other` (somebody else on the customer's side)"""
    when: datetime
    text: str
    whole: str = ""
    """The whole message where it says more than `text`."""
    files: tuple[File, ...] = ()
    pictures: tuple[File, ...] = ()
    """Shown in the text of the message, or known from an earlier message: folded away."""
    original: str = ""
    """Path of the page that shows it as it was sent; empty without."""
    shortened: bool = False
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The form to answer on the page."""

    action: str
    text: str = ""
    solved: bool = False
    error: str = ""


@dataclass(frozen=True, slots=True)
class Ticket(View):
    template: ClassVar[str] = "ticket"
    subject: str
    reference: str
    status: Status
    created_at: datetime
    last_activity_at: datetime
    people: tuple[str, ...]
    messages: tuple[Message, ...]
    """Newest first."""
    mailto: str
    closed: bool
    confirm: str = ""
    """Path of the page that closes a solved ticket; empty for others."""
    reply: Reply | None = None
    notice: str = ""
    more: str = ""
    """Query that shows older messages too; empty when all are shown."""


@dataclass(frozen=True, slots=True)
class Nested:
    """A message inside a message."""

    author: str
    subject: str
    when: datetime | None
    text: str


@dataclass(frozen=True, slots=True)
class Original(View):
    """One message as its author sent it."""

    template: ClassVar[str] = "original"
    subject: str
    author: str
    when: datetime
    back: str
    html: Markup | None
    """Sanitised; None: show the text."""
    text: str
    remote: bool = False
    omissions: tuple[str, ...] = ()
    nested: tuple[Nested, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Notice(View):
    """A page that says one thing and offers a way on."""

    template: ClassVar[str] = "notice"
    title: str
    text: str
    links: tuple[Link, ...] = ()
    """The first is the one most people want."""
    about: str = ""
    """What it is about, such as the reference of a ticket."""
    kept: str = ""
    """What the reader wrote and could not send."""
