"""What a mail of ours offers its reader to do: the button, the choices, and mails that are already addressed."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from gateway import texts
from gateway.core import rating, token
from gateway.core.labels import BUTTONS, RATINGS
from gateway.core.notice import (
    FILE_LINK_DAYS,
    FILE_PATH,
    AttachedFile,
    Audience,
    Button,
    Download,
    Notice,
    NoticeRequest,
)
from gateway.core.policy import Agent, Mailbox, Policy
from gateway.core.ticket import Ticket
from gateway.mail import subject
from gateway.mail.message import address_key
from gateway.texts import mark as _

if TYPE_CHECKING:
    from gateway.core.compose import Scene

REGISTRATION_DAYS = 30
RESET_HOURS = 24
SIGN_IN_HOURS = 1
"""Mail may be kept waiting for some minutes by a server that does not know the sender (greylisting)."""
CLOSABLE = frozenset({Notice.CLOSE_CONFIRMATION, Notice.SOLVED_REMINDER})


def mailbox_of(ticket: Ticket | None, policy: Policy) -> Mailbox:
    return (policy.mailbox_for(ticket.mailbox) if ticket else None) or policy.mailboxes[0]


def speaks_as(request: NoticeRequest, ticket: Ticket | None, box: Mailbox, policy: Policy) -> Mailbox:
    """The mailbox as the reader knows it: to a customer under the alias they wrote to, as long as it is one of its."""
    alias = policy.alias_of(box, ticket.written_to) if ticket and ticket.written_to else ""
    return replace(box, address=alias) if alias and request.audience is Audience.CUSTOMER else box


def plain_subject(ticket: Ticket, policy: Policy) -> str:
    """The customer's subject without marks of ours, for a reference of another ticket would lead an answer there; with
    those by which another desk finds its own ticket."""
    theirs = token.cut_references(policy.reference_prefix, ticket.subject)
    base = subject.base_subject(theirs)
    marks = " ".join(mark for mark in subject.foreign_references(theirs) if mark not in base)
    return f"{base[: 150 - len(marks)]} {marks}".strip() if marks else base


def button_of(
    request: NoticeRequest, scene: Scene, policy: Policy, box: Mailbox, language: str
) -> tuple[Button | None, datetime | None, str]:
    """The one thing to do, when it stops acting, and how to do it by mail."""
    labels = {name: texts.catalog(language).gettext(text) for name, text in BUTTONS.items()}
    who, ticket = request.recipient.key, scene.ticket
    if request.audience is not Audience.CUSTOMER:
        return None, None, ""
    if request.notice is Notice.REGISTRATION:
        expires = scene.now + timedelta(days=REGISTRATION_DAYS)
        mark = token.link_token(policy.keys, "register", who, expires, scene.access_state)
        return Button(labels["register"], f"{policy.public_url}/register/{mark}"), expires, ""
    if request.notice is Notice.PASSWORD_RESET:
        expires = scene.now + timedelta(hours=RESET_HOURS)
        mark = token.link_token(policy.keys, "reset", who, expires, scene.access_state)
        return Button(labels["reset"], f"{policy.public_url}/reset/{mark}"), expires, ""
    if request.notice is Notice.SIGN_IN:
        expires = scene.now + timedelta(hours=SIGN_IN_HOURS)
        mark = token.link_token(policy.keys, "enter", who, expires, scene.access_state)
        on = f"?next={quote(scene.leads_to, safe='')}" if scene.leads_to else ""
        return Button(labels["sign_in"], f"{policy.public_url}/enter/{mark}{on}"), expires, ""
    if request.notice is Notice.REGISTERED:
        return Button(labels["sign_in"], f"{policy.public_url}/sign-in"), None, ""
    if ticket is None or request.recipient.key != ticket.requester.key:
        # Only the requester sees a ticket on the portal.
        return None, None, ""
    if request.notice in CLOSABLE:
        expires = scene.now + timedelta(days=policy.link_days)
        # Of whoever is sent it: a request that is handed to somebody else is not theirs to close any more.
        mark = token.link_token(policy.keys, "close", str(ticket.named), expires, token.address_mark(policy.keys, who))
        button = Button(labels["close"], f"{policy.public_url}/close/{mark}")
        return button, expires, close_mailto(ticket, policy, box)
    if request.notice is Notice.RATING_REQUEST:
        return None, None, ""
    name = "portal" if request.notice is Notice.REQUEST_RECEIVED else "ticket"
    return Button(labels[name], f"{policy.public_url}/tickets/{ticket.number}"), None, ""


def choices_of(request: NoticeRequest, scene: Scene, policy: Policy, language: str) -> tuple[Button, ...]:
    """The answers to how it was, each a link that shows the page where it is given."""
    if request.notice is not Notice.RATING_REQUEST or scene.ticket is None:
        return ()
    if request.recipient.key != scene.ticket.requester.key:
        return ()
    # The link outlives the time for a first answer by the time in which that can be changed.
    expires = scene.now + timedelta(days=policy.link_days + policy.rating_change_days)
    # It is of whoever is asked, as the link that closes.
    question = f"{int(scene.now.timestamp())}.{token.address_mark(policy.keys, request.recipient.key)}"
    mark = token.link_token(policy.keys, "rate", str(scene.ticket.named), expires, question)
    words = texts.catalog(language)
    scale = rating.SCALES[policy.rating_scale]
    labels = {word: words.gettext(RATINGS[word]) if word in RATINGS else word for word in scale}
    return tuple(Button(label, f"{policy.public_url}/rate/{mark}/{word}") for word, label in labels.items())


def close_mailto(ticket: Ticket, policy: Policy, box: Mailbox) -> str:
    """A mailto: link that closes the ticket when the mail is sent; empty without plus-addressing."""
    if not box.reply_address:
        return ""
    mark = token.address_token(policy.keys, "c", ticket.named)
    reference = policy.reference(ticket)
    address = box.reply_address.replace("{token}", mark)
    return f"mailto:{quote(address, safe='@+')}?subject={quote(f'#close [{reference}]')}&body={quote('#close')}"


ORDERS: dict[str, tuple[str, str]] = {
    "take": (_("Take it"), "#assign me"),
    "solved": (_("Solved"), "#solved"),
    "wait": (_("Wait for the customer"), "#wait"),
    "note": (_("Write a note"), "#note"),
    "reopen": (_("Open again"), "#reopen"),
    "show": (_("Show"), "#show {number}"),
}
"""Orders an agent gives by a touch: what the link says, and the first line of the mail."""


def order(ticket: Ticket, agent: Agent, policy: Policy, name: str, language: str) -> Button | None:
    """A mail with that order, from the agent to the ticket; None without plus-addressing, which proves the agent."""
    box = mailbox_of(ticket, policy)
    if not box.reply_address:
        return None
    mark = token.address_token(policy.keys, "a", ticket.named, address_key(agent.address))
    address = quote(box.reply_address.replace("{token}", mark), safe="@+")
    subject_line = quote(f"{plain_subject(ticket, policy)[:160]} [{policy.reference(ticket)}]".strip())
    said, line = ORDERS[name][0], ORDERS[name][1].replace("{number}", str(ticket.number))
    return Button(
        texts.catalog(language).gettext(said), f"mailto:{address}?subject={subject_line}&body={quote(line)}%0A"
    )


def reply(ticket: Ticket, agent: Agent, policy: Policy, language: str) -> Button:
    """A mail to the ticket that proves the agent, where there is plus-addressing; else one with its reference."""
    box = mailbox_of(ticket, policy)
    address = box.address
    if box.reply_address:
        mark = token.address_token(policy.keys, "a", ticket.named, address_key(agent.address))
        address = box.reply_address.replace("{token}", mark)
    subject_line = quote(f"Re: {plain_subject(ticket, policy)[:160]}".rstrip() + f" [{policy.reference(ticket)}]")
    said = texts.catalog(language).gettext("Reply")
    return Button(said, f"mailto:{quote(address, safe='@+')}?subject={subject_line}")


def downloads(
    files: tuple[AttachedFile, ...], message_id: str, policy: Policy, language: str, *, now: datetime
) -> tuple[Download, ...]:
    """The links to those of the mail's files that are too large for it."""
    until, words = now + timedelta(days=FILE_LINK_DAYS), texts.catalog(language)
    return tuple(
        Download(
            file.filename,
            words.size(file.size),
            policy.public_url + FILE_PATH + token.link_token(policy.keys, "file", f"{at}.<{message_id}>", until),
            until,
        )
        for at, file in enumerate(files)
        if file.linked
    )


def reply_mailto(ticket: Ticket, policy: Policy) -> str:
    """A mailto: link that answers on the ticket: addressed, with the reference in the subject."""
    box = mailbox_of(ticket, policy)
    address = box.address
    if box.reply_address:
        address = box.reply_address.replace("{token}", token.address_token(policy.keys, "t", ticket.named))
    reference = policy.reference(ticket)
    base = plain_subject(ticket, policy)
    return f"mailto:{quote(address, safe='@+')}?subject={quote(f'Re: {base[:180]}'.rstrip() + f' [{reference}]')}"
