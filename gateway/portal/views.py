"""What each page shows, as values: a template gets `frame` and one of these as `view`, nothing else.

A view holds only what its reader may see. Nothing in here leads to an agent's address.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from markupsafe import Markup

from gateway.core import lifecycle
from gateway.mail.message import NestedMessage


@dataclass(frozen=True, slots=True)
class LanguageLink:
    code: str
    name: str
    href: str
    """Leads to the same page in this language."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page has around its view."""

    language: str
    site: str
    """Name of the mailbox."""
    support: str
    """Its address."""
    base: str
    """Path of the portal without a slash at its end; begins every link of ours."""
    signed_in: str
    """The address of whoever is signed in, else empty."""
    now: datetime
    mark: str
    """Goes into every form as `mark`, or the form is refused."""
    languages: tuple[LanguageLink, ...]
    zone: str
    """Of every time on the page, as the IANA names it."""
    zone_href: str = ""
    """Leads to the page where the visitor chooses another."""


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    zone: str
    """As the IANA names it."""
    label: str
    """`Germany – Berlin`, in the visitor's language."""


class View:
    """Base of all views."""

    __slots__ = ()
    template: ClassVar[str]
    form: ClassVar[bool] = False
    """True when the page has a form that must work without being signed in."""


@dataclass(frozen=True, slots=True)
class SignInPage(View):
    template: ClassVar[str] = "sign_in"
    form: ClassVar[bool] = True
    address: str = ""
    next: str = ""
    notice: str = ""
    error: str = ""
    address_error: str = ""
    password_error: str = ""
    link: str = ""
    """Path of the page that sends a link instead; empty where the site has passwords only."""


@dataclass(frozen=True, slots=True)
class LinkPage(View):
    """Where a link to sign in is asked for."""

    template: ClassVar[str] = "link"
    form: ClassVar[bool] = True
    with_password: bool = False
    """One can sign in with a password as well."""
    next: str = ""
    notice: str = ""
    address: str = ""
    address_error: str = ""


@dataclass(frozen=True, slots=True)
class EnterPage(View):
    """Where a link to sign in leads to: nothing happens before the button is pressed."""

    template: ClassVar[str] = "enter"
    form: ClassVar[bool] = True
    address: str
    action: str
    next: str = ""


@dataclass(frozen=True, slots=True)
class TimeZonePage(View):
    template: ClassVar[str] = "time_zone"
    form: ClassVar[bool] = True
    zones: tuple[ZoneChoice, ...]
    next: str = ""


@dataclass(frozen=True, slots=True)
class ForgotPage(View):
    template: ClassVar[str] = "forgot"
    form: ClassVar[bool] = True
    address: str = ""
    address_error: str = ""


@dataclass(frozen=True, slots=True)
class SetPasswordPage(View):
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
class ClosePage(View):
    template: ClassVar[str] = "close"
    form: ClassVar[bool] = True
    subject: str
    reference: str
    action: str
    mailto: str
    """For what is still open."""


@dataclass(frozen=True, slots=True)
class RatingChoice:
    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class RatePage(View):
    template: ClassVar[str] = "rate"
    form: ClassVar[bool] = True
    subject: str
    reference: str
    action: str
    choices: tuple[RatingChoice, ...]
    comment: str = ""
    before: str = ""
    """What was answered before; empty when nothing was."""
    until: datetime | None = None
    """Until when that can be changed."""
    error: str = ""


@dataclass(frozen=True, slots=True)
class StatusBadge:
    value: str
    """As in `core.lifecycle`; names the style."""
    label: str
    meaning: str


def status_badges(language: str) -> tuple[StatusBadge, ...]:
    """All of ours, in the order of a ticket's life."""
    return tuple(
        StatusBadge(s.value, lifecycle.label(s, language), lifecycle.meaning(s, language)) for s in lifecycle.Status
    )


@dataclass(frozen=True, slots=True)
class TicketFacts:
    number: int
    reference: str
    subject: str
    status: StatusBadge
    created_at: datetime
    last_activity_at: datetime


@dataclass(frozen=True, slots=True)
class PageLink:
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class TicketsPage(View):
    template: ClassVar[str] = "tickets"
    tickets: tuple[TicketFacts, ...]
    q: str
    status: str
    statuses: tuple[StatusBadge, ...]
    total: int
    mailto: str
    """Begins a new request."""
    page: int = 1
    pages: int = 1
    newer: str = ""
    """Query of the page before this one; empty without."""
    older: str = ""
    notice: str = ""
    new: str = ""
    """Path of the page to write one; empty without."""
    sort: str = ""
    """`newest`, `oldest`; empty: what waits for the visitor, then latest activity."""
    orders: tuple[PageLink, ...] = ()
    """Every way to sort them, the one they are in without an address."""
    waiting: int = 0
    """So many of all their tickets wait for an answer of theirs."""

    @property
    def mixed(self) -> bool:
        """Some of those shown wait for the visitor, some do not."""
        waits = {
            one.status.value in (lifecycle.Status.WAITING_ON_CONTACT, lifecycle.Status.SOLVED) for one in self.tickets
        }
        return len(waits) > 1

    @property
    def filtered(self) -> bool:
        return bool(self.q or self.status)


@dataclass(frozen=True, slots=True)
class ListedFile:
    """An attachment; its bytes are at `path`."""

    path: str
    name: str
    type: str
    """As a person says it: `PDF`, `JPEG`."""
    size: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class ShownMessage:
    """One message of the conversation."""

    id: int
    author: str
    side: str
    """`mine`, `theirs` (us), `other` (somebody else on the customer's side)"""
    when: datetime
    text: str
    files: tuple[ListedFile, ...] = ()
    photos: tuple[ListedFile, ...] = ()
    """Pictures that are seen at once."""
    pictures: tuple[ListedFile, ...] = ()
    """Part of a signature, or known from an earlier message: folded away."""
    original: str = ""
    """Path of the page that shows it as it was sent; empty without."""
    shortened: bool = False
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True)
class WriteForm:
    """A form for words and files."""

    action: str
    once: str
    """Goes with it as `once`, so that a form that is sent twice is one mail."""
    files_limit: int
    """Bytes, all files together."""
    text: str = ""
    solved: bool = False
    error: str = ""
    answers: str = ""
    """The newest message that was read above it: its number."""


@dataclass(frozen=True, slots=True)
class NewRequestPage(View):
    template: ClassVar[str] = "new"
    write: WriteForm
    subject: str
    address: str
    """Of the mailbox it goes to."""
    about: str = ""
    """Reference and subject of a closed ticket it goes on with."""


@dataclass(frozen=True, slots=True)
class TicketPage(View):
    template: ClassVar[str] = "ticket"
    ticket: TicketFacts
    people: tuple[str, ...]
    messages: tuple[ShownMessage, ...]
    """Newest first."""
    mailto: str
    closed: bool
    confirm: str = ""
    """Path of the page that closes a solved ticket; empty for others."""
    reply: WriteForm | None = None
    notice: str = ""
    again: str = ""
    """Path of the page where a closed ticket is taken up again; empty without."""
    more: bool = False
    """There are older messages that are not shown."""


@dataclass(frozen=True, slots=True)
class OriginalPage(View):
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
    nested: tuple[NestedMessage, ...] = ()


@dataclass(frozen=True, slots=True)
class NoticePage(View):
    """A page that says one thing and offers a way on."""

    template: ClassVar[str] = "notice"
    title: str
    text: str
    links: tuple[PageLink, ...] = ()
    """The first is the one most people want."""
    about: str = ""
    """What it is about, such as the reference of a ticket."""
    kept: str = ""
    """What the reader wrote and could not send."""
    done: bool = False
    """Something has been done: nothing more is wanted of the reader."""
