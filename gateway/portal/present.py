"""Tickets and entries → what a page shows of them. Pure: nothing is read or written here.

What is internal ends here: comments, events and reports never come this far, and an agent's entry
leaves as its text and the agent's name.
"""

from __future__ import annotations

from datetime import timedelta

from gateway.core import lifecycle, statuses, token
from gateway.core.compose import reply_mailto
from gateway.core.ticket import Entry, Role, Ticket
from gateway.portal import views
from gateway.portal.request import Visit
from gateway.portal.templates import type_name

TEXT_LIMIT = 20_000
"""Characters of one message on the page of its ticket."""
CONFIRM_DAYS = 1
"""How long the link acts with which a solved ticket is confirmed."""


def ticket(
    visit: Visit,
    found: Ticket,
    entries: list[Entry],
    *,
    more: bool = False,
    notice: str = "",
    reply: views.Reply | None = None,
) -> views.Ticket:
    policy, settings = visit.portal.desk.policy, visit.portal.settings
    closed = found.status is lifecycle.Status.CLOSED
    confirm = ""
    if found.status is lifecycle.Status.SOLVED:
        mark = token.link_token(policy.keys, "close", str(found.number), visit.now + timedelta(days=CONFIRM_DAYS))
        confirm = visit.href(f"/close/{mark}")
    if settings.portal.allow_replies and not closed and reply is None:
        reply = views.Reply(visit.href(f"/tickets/{found.number}"))
    people = (found.requester, *(p for p in found.participants if policy.agent_for(p.address) is None))
    return views.Ticket(
        found.subject,
        reference(visit, found.number),
        status_of(visit, found),
        found.created_at,
        found.last_activity_at,
        tuple(f"{p.name} ({p.address})" if p.name else p.address for p in people),
        messages(visit, found, entries),
        reply_mailto(found, policy),
        closed,
        confirm,
        reply,
        notice,
        "all=1" if more else "",
    )


def visible(visit: Visit, entry: Entry) -> bool:
    """An answer that can still be taken back has not been given yet."""
    hold = timedelta(minutes=visit.portal.desk.policy.hold_minutes)
    return entry.role is not Role.AGENT or entry.created_at + hold <= visit.now


def has_original(entry: Entry) -> bool:
    """Customers' mails only: an agent's holds commands and inner matters beside the answer."""
    return bool(entry.sha256) and entry.role is not Role.AGENT


def status_of(visit: Visit, found: Ticket) -> views.Status:
    """A ticket's status, by the site's own name of it where it has one."""
    policy, language = visit.portal.desk.policy, visit.words.language
    return views.Status(
        found.status.value, statuses.label(found, policy, language), statuses.meaning(found, policy, language)
    )


def status(visit: Visit, value: lifecycle.Status) -> views.Status:
    language = visit.words.language
    return views.Status(value.value, lifecycle.label(value, language), lifecycle.meaning(value, language))


def reference(visit: Visit, number: int) -> str:
    policy = visit.portal.desk.policy
    return token.reference(policy.keys, policy.reference_prefix, number)


def row(visit: Visit, found: Ticket) -> views.Row:
    return views.Row(
        found.number,
        reference(visit, found.number),
        found.subject,
        status_of(visit, found),
        found.created_at,
        found.last_activity_at,
    )


def messages(visit: Visit, found: Ticket, entries: list[Entry]) -> tuple[views.Message, ...]:
    """Newest first. A picture that came before (a signature's logo) is folded away."""
    seen: set[str] = set()
    shown = []
    for entry in entries:
        shown.append(_message(visit, found, entry, seen))
        seen |= {a.sha256 for a in entry.attachments if a.content_type.startswith("image/")}
    return tuple(reversed(shown))


def _message(visit: Visit, found: Ticket, entry: Entry, seen: set[str]) -> views.Message:
    text, agent = entry.new_text, entry.role is Role.AGENT
    whole = "" if agent or entry.body_text.strip() == text.strip() else entry.body_text
    shortened = len(text) > TEXT_LIMIT or len(whole) > TEXT_LIMIT
    files: list[views.File] = []
    pictures: list[views.File] = []
    for index, a in enumerate(entry.attachments, 1):
        kind = type_name(a.content_type, a.filename)
        shown = views.File(file_path(visit, entry, index), a.filename, kind, a.size, a.note)
        (pictures if a.inline or a.sha256 in seen or a.note == "signature" else files).append(shown)
    has_page = has_original(entry) or shortened
    mine = entry.role is Role.REQUESTER or entry.author.key == found.requester.key
    return views.Message(
        entry.id,
        author(visit, found, entry),
        "theirs" if agent else "mine" if mine else "other",
        entry.created_at,
        text[:TEXT_LIMIT],
        "" if len(whole) > TEXT_LIMIT else whole,
        tuple(files),
        tuple(pictures),
        visit.href(f"/tickets/{found.number}/entries/{entry.id}") if has_page else "",
        shortened,
        entry.role is Role.STRANGER,
    )


def author(visit: Visit, found: Ticket, entry: Entry) -> str:
    """An agent has a name here, or that of the mailbox, never an address."""
    policy = visit.portal.desk.policy
    if entry.role is Role.AGENT:
        box = policy.mailbox_for(found.mailbox) or policy.mailboxes[0]
        return entry.author.name if entry.author.name and "@" not in entry.author.name else box.name or box.address
    return entry.author.shown


def file_path(visit: Visit, entry: Entry, index: int) -> str:
    return visit.href(f"/tickets/{entry.ticket}/files/{entry.id}/{index}")
